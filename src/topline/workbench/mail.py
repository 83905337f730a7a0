"""Mail to people, sent by a job."""

from typing import Any

from django.conf import settings
from django.core import mail

from topline.workbench import jobs
from topline.workbench.models import Job


def send(*, to: str, subject: str, body: str) -> Job | None:
    """The job that sends the mail once the caller's transaction has committed; None where no mail server is set."""
    if not settings.HAS_MAIL:
        return None
    return jobs.enqueue("workbench.mail", params={"to": to, "subject": subject, "body": body})


def deliver(job: Job) -> dict[str, Any]:
    """Hand the mail to the server; what it said is forgotten then."""
    mail.EmailMessage(job.params["subject"], job.params["body"], to=[job.params["to"]]).send()
    Job.objects.filter(pk=job.pk).update(params={})
    return {}
