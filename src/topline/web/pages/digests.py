"""Digests: a dashboard by e-mail at the beginning of each day, week or month."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from topline.accounts.models import User
from topline.boards import operations
from topline.boards.models import Dashboard, Digest
from topline.units.text import N_
from topline.web.page import Page, Visit, whole


def view(visit: Visit) -> HttpResponse:
    """The digests of the person; by POST a new one, or what is done to one."""
    if visit.request.method == "POST":
        _change(visit)
        return redirect(visit.url("digests"))
    people = _people(visit)
    listed = Digest.objects.filter(shop=visit.shop, owner=visit.user, ended_at=None).select_related("dashboard")
    return visit.render(
        "digests.html",
        {
            "digests": [{"digest": one, "receivers": one.recipients.select_related("user")} for one in listed],
            "boards": Dashboard.objects.for_(visit.user, visit.shop),
            "people": people,
            "hours": range(24),
            "every": Digest.Every.choices,
            "has_mail": settings.HAS_MAIL,
        },
    )


def _people(visit: Visit) -> list[User]:
    """Whom the person may send to: themselves; everybody of the shop, if they may share."""
    if not visit.may("boards.share"):
        return [visit.user]
    people = User.objects.filter(membership__shop=visit.shop, is_active=True).distinct()
    return sorted(people, key=lambda each: (each != visit.user, str(each)))


def _change(visit: Visit) -> None:
    posted, now = visit.request.POST, timezone.now()
    if posted.get("do") == "end":
        sent = Digest.objects.filter(shop=visit.shop, owner=visit.user, pk=whole(posted.get("digest"))).first()
        if sent is None:
            raise Http404
        operations.end_digest(sent=sent, actor=visit.user, now=now)
        return
    chosen = {whole(text) for text in posted.getlist("people")}
    board = Dashboard.objects.for_(visit.user, visit.shop).filter(pk=whole(posted.get("board"))).first()
    every = posted.get("every", "")
    operations.create_digest(
        shop=visit.shop,
        owner=visit.user,
        board=board,
        every=every if every in Digest.Every else Digest.Every.WEEK,
        hour=whole(posted.get("hour")),
        users=[each for each in _people(visit) if each.pk in chosen],
    )
    messages.success(visit.request, gettext("The digest is set."))


PAGES = (
    Page(
        path="digests",
        name="digests",
        view=view,
        permission="boards.write",
        place="measure",
        label=N_("Digests"),
        icon="mail",
        rank=9,
    ),
)
