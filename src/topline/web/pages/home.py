"""Today: are the plans on course, and what changed."""

from django.http import HttpResponse

from topline.units.text import N_
from topline.web.page import Page, Visit


def view(visit: Visit) -> HttpResponse:
    return visit.render("home.html", {})


PAGES = (Page(path="", name="home", view=view, permission="metrics.read", place="today", label=N_("Today"), icon="sun"),)
