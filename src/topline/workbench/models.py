"""Jobs and their leases, the schedule, and the audit log."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Never

from django.db import models
from django.db.models import Q
from django.utils import timezone

from topline.units.errors import ToplineError
from topline.units.text import N_


class CancelledError(ToplineError):
    message = N_("The work was stopped on request.")


class LeaseLostError(ToplineError):
    message = N_(
        "The job “%(kind)s” went on elsewhere, because this process didn't say for too long that it was alive."
    )


class UnknownJobError(ToplineError):
    message = N_("There is no job %(id)s.")


class JobQuerySet(models.QuerySet["Job"]):
    def unfinished(self) -> "JobQuerySet":
        return self.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING])

    def claimable(self, now: datetime) -> "JobQuerySet":
        """Jobs that nobody works on: due and queued, or running with a lease that has lapsed; those that a person waits
        for first, then the oldest."""
        lapsed = Q(state=Job.State.RUNNING, lease_until__lt=now)
        return self.filter(Q(state=Job.State.QUEUED, due_at__lte=now) | lapsed).order_by("-is_awaited", "due_at", "id")


class Job(models.Model):
    """Work for a worker process.

    It survives a killed worker: another retakes the lapsed lease and resumes at the checkpoint.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    kind = models.CharField(max_length=60, help_text="the name in some app's `JOBS`")
    shop = models.SlugField(blank=True)
    params = models.JSONField(default=dict)
    actor_id = models.BigIntegerField(null=True, help_text="who asked for it")
    unique_key = models.CharField(max_length=200, blank=True, help_text="no two unfinished jobs share it")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    lease = models.CharField(max_length=40, blank=True, help_text="whoever holds it may write to the job")
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # since the last checkpoint
    is_cancel_asked = models.BooleanField(default=False)
    is_awaited = models.BooleanField(default=False, help_text="a person waits for it on a page")
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(null=True)
    checkpoint = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    message = models.TextField(blank=True, help_text="why it failed, or what it is doing")

    objects = JobQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["state", "due_at"]), models.Index(fields=["shop", "kind", "-id"])]
        constraints = [
            models.UniqueConstraint(
                fields=["unique_key"],
                condition=Q(state__in=["queued", "running"]) & ~Q(unique_key=""),
                name="workbench_job_unique_key",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running", "done", "failed", "cancelled"]), name="workbench_job_state"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def is_finished(self) -> bool:
        return self.state not in (Job.State.QUEUED, Job.State.RUNNING)

    @property
    def share(self) -> float | None:
        """How much is done, 0-1; None while the total is unknown."""
        return min(1.0, self.done / self.total) if self.total else None

    def advance(
        self, done: int, total: int | None = None, checkpoint: dict[str, Any] | None = None, message: str | None = None
    ) -> None:
        """Say how far the work has come, at the end of every batch; `checkpoint` is where a later attempt resumes.

        Raises CancelledError when someone asked to stop, LeaseLostError when another process has taken over.
        """
        changes: dict[str, Any] = {"done": done}
        changes |= {} if total is None else {"total": total}
        changes |= {} if checkpoint is None else {"checkpoint": checkpoint, "attempts": 1}
        changes |= {} if message is None else {"message": message}
        if not Job.objects.filter(pk=self.pk, lease=self.lease, state=Job.State.RUNNING).update(**changes):
            raise LeaseLostError(kind=self.kind)
        for name, value in changes.items():
            setattr(self, name, value)
        if Job.objects.filter(pk=self.pk, is_cancel_asked=True).exists():
            raise CancelledError()


class Lease(models.Model):
    """A right that one process at a time holds: to lead the schedule, to do maintenance of a lake."""

    name = models.CharField(max_length=100, primary_key=True)
    holder = models.CharField(max_length=40)
    until = models.DateTimeField()


class IdempotencyKey(models.Model):
    """The answer that a write got, kept to be given again to the same request with the same key."""

    owner = models.CharField(max_length=64, help_text="digest of the credentials that sent it")
    key = models.CharField(max_length=255)
    request = models.CharField(max_length=64, help_text="digest of the request")
    status = models.PositiveSmallIntegerField(null=True, help_text="empty while the first request runs")
    content_type = models.CharField(max_length=100, blank=True)
    content = models.BinaryField(default=bytes)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="workbench_idempotency_key_once")]


class NotificationQuerySet(models.QuerySet["Notification"]):
    def to(self, recipient_id: int, shop: str) -> "NotificationQuerySet":
        """What one person was told in a shop, the newest first."""
        return self.filter(recipient_id=recipient_id, shop=shop).order_by("-id")

    def unread(self) -> "NotificationQuerySet":
        return self.filter(read_at=None)


class Notification(models.Model):
    """Something that a person should know, in their inbox until they have read it.

    message, params : a marked text and its parameters, told in the reader's language (see `web.formats.told`)
    key : what it is about; the same thing is told a person once
    """

    shop = models.SlugField()
    recipient_id = models.BigIntegerField()
    key = models.CharField(max_length=120)
    message = models.CharField(max_length=300)
    params = models.JSONField(default=dict)
    path = models.CharField(max_length=300, blank=True, help_text="where it leads, an address of this product")
    at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["recipient_id", "shop", "-id"])]
        constraints = [
            models.UniqueConstraint(fields=["recipient_id", "key"], name="workbench_notification_once"),
        ]

    def __str__(self) -> str:
        return self.message


class CommentQuerySet(models.QuerySet["Comment"]):
    def on(self, shop: str, subject: str) -> "CommentQuerySet":
        """What was said on a thing, the oldest first."""
        return self.filter(shop=shop, subject=subject).order_by("id")

    def open(self) -> "CommentQuerySet":
        return self.filter(resolved_at=None)


class Comment(models.Model):
    """What a person said on a thing, such as a field of a plan.

    subject : names the thing in its app's words, and part of it after a slash: `plan/3/4.personas`
    mentioned : ids of the people whom it names
    """

    shop = models.SlugField()
    subject = models.CharField(max_length=120)
    text = models.TextField(max_length=4000)
    author_id = models.BigIntegerField()
    mentioned = models.JSONField(default=list)
    at = models.DateTimeField(default=timezone.now)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.BigIntegerField(null=True)

    objects = CommentQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["shop", "subject", "id"])]

    def __str__(self) -> str:
        return f"{self.subject}: {self.text[:40]}"


class Schedule(models.Model):
    """When a recurring piece of work is due next, and how it went last."""

    name = models.CharField(max_length=60, primary_key=True)
    next_at = models.DateTimeField()
    last_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def of(self, shop: str) -> "AuditQuerySet":
        return self.filter(shop=shop).order_by("-id")

    def concerning(self, shop: str, user_ids: Iterable[int]) -> "AuditQuerySet":
        """What was done in the shop, to these people's accounts, and to the whole home, the newest first."""
        accounts = Q(action__startswith="user.", subject__in=[str(number) for number in user_ids])
        return self.filter(Q(shop=shop) | Q(shop="") & (accounts | Q(action__startswith="home."))).order_by("-id")

    def update(self, **values: Any) -> Never:
        raise AuditError()

    def delete(self) -> Never:
        raise AuditError()


class AuditError(ToplineError):
    message = N_("The audit log is only ever added to.")


class AuditEntry(models.Model):
    """Who did what, to what, when: added to, never changed.

    Names of people stay out; `actor_id` outlives the account.
    """

    at = models.DateTimeField(default=timezone.now)
    shop = models.SlugField(blank=True)
    actor_id = models.BigIntegerField(null=True, help_text="the user's id; empty for the program itself")
    action = models.CharField(max_length=80, help_text="app.verb")
    subject = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["shop", "-id"])]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.action} {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AuditError()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Never:
        raise AuditError()
