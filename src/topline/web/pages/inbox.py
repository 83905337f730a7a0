"""What a person should know: alerts and what else was told them, until they have read it."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from topline.units.text import N_
from topline.web import formats
from topline.web.page import Page, Visit, whole
from topline.workbench import inbox
from topline.workbench.models import Notification

PAGE = 50


def view(visit: Visit) -> HttpResponse:
    told = Notification.objects.to(visit.user.pk, visit.shop.slug)
    if visit.request.method == "POST":
        return _read(visit)
    before = whole(visit.request.GET.get("before"))
    listed = list((told.filter(pk__lt=before) if before else told)[: PAGE + 1])
    return visit.render(
        "inbox.html",
        {
            "entries": [
                {
                    "note": note,
                    "text": formats.told(note.message, note.params, visit.shop.currency),
                    "at": note.at.astimezone(visit.shop.zone),
                }
                for note in listed[:PAGE]
            ],
            "unread": told.unread().count(),
            "before": listed[PAGE - 1].pk if len(listed) > PAGE else None,
        },
    )


def _read(visit: Visit) -> HttpResponse:
    """Marks one or all as read, and goes where it leads."""
    chosen = whole(visit.request.POST.get("note"))
    now = timezone.now()
    inbox.mark_read(recipient_id=visit.user.pk, shop=visit.shop.slug, now=now, notification_id=chosen or None)
    note = Notification.objects.to(visit.user.pk, visit.shop.slug).filter(pk=chosen).first()
    is_ours = note is not None and url_has_allowed_host_and_scheme(note.path, None)
    return redirect(note.path if note is not None and is_ours and note.path else visit.url("inbox"))


PAGES = (
    Page(
        path="inbox", name="inbox", view=view, permission="metrics.read", place="today", label=N_("Inbox"), icon="bell"
    ),
)
