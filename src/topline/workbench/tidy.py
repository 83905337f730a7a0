"""Clearing away what nobody needs any more."""

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.utils import timezone

from topline.workbench.models import IdempotencyKey, Job

JOB_DAYS = 90
KEY_HOURS = 24


def tidy() -> None:
    """Forget expired sessions, answers kept for repeated requests, and old finished jobs."""
    now = timezone.now()
    Session.objects.filter(expire_date__lt=now).delete()
    IdempotencyKey.objects.filter(created_at__lt=now - timedelta(hours=KEY_HOURS)).delete()
    Job.objects.filter(finished_at__lt=now - timedelta(days=JOB_DAYS)).delete()
