"""What the worker does for boards: judges alerts, calls webhooks, asks for the digests that are due.

The mails of alerts and digests are written by `web.jobs`, which knows how figures read.
"""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from topline.accounts.models import Shop
from topline.boards import alerts, digest, operations
from topline.boards.models import Alert, AlertEvent, Digest, Sending
from topline.lake.snapshot import Snapshot
from topline.units.errors import ToplineError
from topline.workbench import jobs, outgoing
from topline.workbench.models import Job

MOST_CALLS = 6
"""A webhook that doesn't answer is called again after 1, 2, 4, 8 and 16 minutes."""


def judge(alert: Alert, snapshot: Snapshot) -> list[AlertEvent]:
    """Judge one alert and record what was found. Returns the new events."""
    today, trouble = alert.shop.today(), ""
    found: list[tuple[alerts.Judgement, bool]] = []
    try:
        for each in alerts.judgements(alert, today=today, snapshot=snapshot):
            found.append(each)
    except ToplineError as error:
        trouble = str(error)
    return operations.record_judgements(
        alert=alert, found=found, trouble=trouble, snapshot=snapshot.number, today=today, now=timezone.now()
    )


def judge_shop(shop: Shop) -> int:
    """Judge the shop's alerts that have something new. Returns the number of new events."""
    snapshot = shop.lake().latest()
    if snapshot is None:
        return 0
    today = shop.today()
    waiting = [one for one in Alert.objects.running().filter(shop=shop) if alerts.waiting(one, today, snapshot)]
    return sum(len(judge(one, snapshot)) for one in waiting)


def judge_job(job: Job) -> dict[str, Any]:
    return {"events": judge_shop(Shop.objects.named(job.shop))}


def judge_everywhere() -> None:
    """Ask for the alerts of every shop where something was published or a day began since.

    Each shop gets the one that watches its outlook as soon as a forecast is published.
    """
    for shop in Shop.objects.exclude(pk__in=Alert.objects.filter(rule=alerts.DRIFT).values("shop")):
        published = shop.lake().latest()
        if published is not None and "forecast" in published.tables:
            operations.watch_drift(shop=shop)
    for shop in Shop.objects.filter(pk__in=Alert.objects.running().values("shop")):
        snapshot, today = shop.lake().latest(), shop.today()
        running = Alert.objects.running().filter(shop=shop)
        if snapshot is not None and any(alerts.waiting(one, today, snapshot) for one in running):
            jobs.enqueue("boards.alerts", shop=shop.slug, unique_key=f"boards.alerts:{shop.slug}")


def call(job: Job) -> dict[str, Any]:
    """Call an event's webhook; one that doesn't take it is called again later, with the same Idempotency-Key."""
    event = AlertEvent.objects.select_related("alert__shop").get(pk=job.params["event"])
    attempt = job.params.get("attempt", 1)
    try:
        outgoing.post(event.alert.webhook, content(event), key=event.key)
    except outgoing.CallError:
        if attempt < MOST_CALLS:
            later = timezone.now() + timedelta(minutes=2 ** (attempt - 1))
            params = {**job.params, "attempt": attempt + 1}
            jobs.enqueue("boards.webhook", shop=job.shop, params=params, due_at=later)
        raise
    return {"attempt": attempt}


def content(event: AlertEvent) -> dict[str, Any]:
    """What a webhook is told: amounts are decimal strings."""
    alert = event.alert
    return {
        "event": event.key,
        "alert": alert.name,
        "shop": alert.shop.slug,
        "rule": alert.rule,
        "metric": alert.metric,
        "where": alert.question.get("where", []),
        "bucket": event.bucket.isoformat(),
        "grain": alert.grain,
        "value": str(event.value),
        "expected": str(event.expected),
        "currency": alert.shop.currency,
        "at": event.at.isoformat(),
    }


def send_due() -> None:
    """Ask for a mail to each receiver of each digest that is due: one of each period. Nothing without a mail server."""
    if not settings.HAS_MAIL:
        return
    running = Digest.objects.filter(ended_at=None).select_related("shop")
    for sent in running:
        period = digest.due(sent, sent.shop.now())
        if period is None:
            continue
        for recipient in sent.recipients.filter(stopped_at=None, user__is_active=True):
            with transaction.atomic():
                sending, is_new = Sending.objects.get_or_create(
                    recipient=recipient, period_start=period.start, defaults={"asked_at": timezone.now()}
                )
                if is_new:
                    params = {"sending": sending.pk, "end": period.end.isoformat()}
                    jobs.enqueue("boards.digest_mail", shop=sent.shop.slug, params=params)


JOBS = {"boards.alerts": judge_job, "boards.webhook": call}
SCHEDULE = {
    "boards.alerts": (timedelta(seconds=30), judge_everywhere),
    "boards.digests": (timedelta(minutes=1), send_due),
}
