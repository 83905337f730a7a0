"""Imports."""

from django.http import HttpResponse

from topline.units.text import N_
from topline.web.page import Page, Visit


def view(visit: Visit) -> HttpResponse:
    return visit.render("imports.html", {})


PAGES = (Page(path="imports", name="imports", view=view, permission="imports.read", place="data", label=N_("Imports"), icon="database-import"),)
