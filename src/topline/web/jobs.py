"""Mails that the worker writes and sends: once each as far as mail can (a kill just after the sending repeats it)."""

from datetime import date
from typing import Any

from django.utils import timezone

from topline.accounts.models import User
from topline.boards.models import AlertEvent, Sending
from topline.units.period import Period
from topline.web import mails
from topline.workbench.models import Job


def alert_mail(job: Job) -> dict[str, Any]:
    """Tell one person of an event by mail."""
    event = AlertEvent.objects.select_related("alert__shop").get(pk=job.params["event"])
    user = User.objects.get(pk=job.params["user"])
    mails.alert(event, user).send()
    return {}


def digest_mail(job: Job) -> dict[str, Any]:
    """Send a digest to one person, unless it went out or they unsubscribed meanwhile."""
    sending = Sending.objects.select_related("recipient__digest__shop", "recipient__user").get(pk=job.params["sending"])
    if sending.sent_at or sending.recipient.stopped_at or not sending.recipient.user.is_active:
        return {}
    message = mails.digest(sending, Period(sending.period_start, date.fromisoformat(job.params["end"])))
    if message is not None:
        message.send()
        Sending.objects.filter(pk=sending.pk).update(sent_at=timezone.now())
    return {}


JOBS = {"boards.alert_mail": alert_mail, "boards.digest_mail": digest_mail}
