"""Saved views: questions of the metrics page by name."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext

from topline.boards import operations
from topline.boards.models import SavedView
from topline.metrics.query import parse_period
from topline.web import question
from topline.web.page import Page, Visit, whole

_KEPT = ("metrics", "by", "where", "top", "against", "window", "money")


def listing(visit: Visit) -> HttpResponse:
    """The views that the person may open; by POST one more, or a change of one of their own."""
    if visit.request.method == "POST":
        return _change(visit)
    kept = SavedView.objects.for_(visit.user, visit.shop).select_related("owner")
    return visit.render(
        "views.html",
        {"views": [{"view": each, "is_own": each.may_edit(visit.user)} for each in kept]},
    )


def view(visit: Visit, view: int) -> HttpResponse:
    """Opens a view on the metrics page; a period by name goes with the day."""
    kept = SavedView.objects.for_(visit.user, visit.shop).filter(pk=view).first()
    if kept is None:
        raise Http404
    parameters = [(name, value) for name, value in kept.parameters if name != "preset"]
    preset = dict(kept.parameters).get("preset")
    if preset:
        period = question.preset_period(visit, preset)
        parameters += [("from", period.start.isoformat()), ("to", period.end.isoformat())]
    return redirect(f"{visit.url('metrics')}?{urlencode([*parameters, ('view', str(kept.pk))])}")


def _change(visit: Visit) -> HttpResponse:
    visit.require("boards.write")
    posted, do = visit.request.POST, visit.request.POST.get("do", "")
    if do == "save":
        is_shared = bool(posted.get("is_shared")) and visit.may("boards.share")
        kept = operations.save_view(
            shop=visit.shop,
            owner=visit.user,
            name=posted.get("name", ""),
            parameters=_parameters(visit),
            is_shared=is_shared,
        )
        messages.success(visit.request, gettext("“%(name)s” is kept; the search finds it too.") % {"name": kept.name})
        return redirect("saved_view", visit.shop.slug, kept.pk)
    found = SavedView.objects.filter(shop=visit.shop, owner=visit.user, pk=whole(posted.get("view"))).first()
    if found is None:
        raise Http404
    match do:
        case "update":
            operations.change_view(view=found, parameters=_parameters(visit))
            messages.success(visit.request, gettext("“%(name)s” holds this question now.") % {"name": found.name})
            return redirect("saved_view", visit.shop.slug, found.pk)
        case "share" | "unshare":
            visit.require("boards.share")
            operations.change_view(view=found, is_shared=do == "share")
        case "rename":
            operations.change_view(view=found, name=posted.get("name", ""))
        case "delete":
            operations.delete_view(view=found)
    return redirect(visit.url("saved_views"))


def _parameters(visit: Visit) -> list[tuple[str, str]]:
    """The question of the form as a view keeps it: a period that has a name by its name."""
    posted = visit.request.POST
    kept = [(name, value) for name in _KEPT for value in posted.getlist(name) if value]
    period = parse_period(posted.get("from"), posted.get("to"))
    preset = question.preset_of(visit, period) if period else None
    if preset:
        return [*kept, ("preset", preset)]
    return [*kept, *([("from", period.start.isoformat()), ("to", period.end.isoformat())] if period else [])]


PAGES = (
    Page(path="metrics/-/views", name="saved_views", view=listing, permission="metrics.read", place="measure"),
    Page(path="metrics/-/views/<int:view>", name="saved_view", view=view, permission="metrics.read", place="measure"),
)
