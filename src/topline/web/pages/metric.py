"""x"""

from django.http import HttpResponse

from topline.web.page import Page, Visit


def view(visit: Visit, metric: str) -> HttpResponse:
    return visit.render("home.html", {})


PAGES = (Page(path="metrics/<slug:metric>", name="metric", view=view, permission="metrics.read", place="measure"),)
