"""A plan version as a file to hand out, in any format; and the read-only link that shows it as it was."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.text import slugify

from topline.accounts.models import Shop, User, digest
from topline.accounts.scopes import require_whole, scope_for
from topline.documents import docx, frozen, ics, pdf, pptx, xlsx
from topline.documents.document import Document
from topline.plans import checks, exchange, report, review_report, spreadsheet
from topline.plans.models import PlanShare, PlanVersion, Review
from topline.units import errors
from topline.units.text import N_
from topline.workbench import audit

type Advance = Callable[[int, int], None]

KEEP = timedelta(days=7)
"""How long a file that was made waits to be fetched."""

LONGEST_DAYS = 365


class ShareError(errors.ToplineError):
    message = N_("A link opens for 1 to %(most)s days. Say how many.")


class FormatError(errors.ToplineError):
    message = N_("A plan can't be written as “%(format)s”. Choose one of %(known)s.")


class LostFileError(errors.ToplineError):
    message = N_("This file is no longer kept. Export the plan again.")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be written: a version as seen on a day, by somebody who may not see some families of metrics.

    review : the review of it that is written instead, None for the version itself
    """

    version: PlanVersion
    today: date
    hidden: frozenset[str]
    advance: Advance
    review: Review | None


@dataclass(frozen=True, slots=True)
class Format:
    """A file format: its label, its content type, and what writes it."""

    label: str
    content_type: str
    write: Callable[[Asked], bytes]


def _document(asked: Asked) -> Document:
    """The review, with today's plan beside it, else the plan itself."""
    if asked.review is None:
        return report.of(asked.version, asked.today, hidden=asked.hidden)
    look = checks.look(asked.review.plan.current, asked.today)
    return review_report.of(asked.review, today=look, hidden=asked.hidden)


def _pdf(asked: Asked) -> bytes:
    return pdf.write(_document(asked), asked.advance)


def _docx(asked: Asked) -> bytes:
    return docx.write(_document(asked), asked.advance)


def _pptx(asked: Asked) -> bytes:
    return pptx.write(report.summary(asked.version, asked.today, hidden=asked.hidden), asked.advance)


def _xlsx(asked: Asked) -> bytes:
    shown = report.of(asked.version, asked.today, hidden=asked.hidden).sheets
    return xlsx.write([*spreadsheet.sheets(asked.version), *(sheet for sheet in shown if sheet.name)])


def _ics(asked: Asked) -> bytes:
    plan = asked.version.plan
    with translation.override(plan.language):
        entries = [
            ics.Entry(uid=f"{uid}@topline", summary=name, start=start, end=end, categories=(kind,))
            for uid, name, start, end, kind in report.entries_of(asked.version)
        ]
    return ics.feed(entries, name=plan.title, now=timezone.now())


def _json(asked: Asked) -> bytes:
    return exchange.dumps(asked.version).encode()


OF_REVIEWS = ("pdf", "docx")
"""The formats that a review is written in."""

FORMATS: Mapping[str, Format] = {
    "pdf": Format("PDF", pdf.CONTENT_TYPE, _pdf),
    "docx": Format("Word", docx.CONTENT_TYPE, _docx),
    "pptx": Format("PowerPoint", pptx.CONTENT_TYPE, _pptx),
    "xlsx": Format("Excel", xlsx.CONTENT_TYPE, _xlsx),
    "ics": Format("ICS", "text/calendar; charset=utf-8", _ics),
    "json": Format("JSON", "application/json", _json),
}


def write(
    version: PlanVersion,
    format_: str,
    *,
    today: date,
    hidden: frozenset[str] = frozenset(),
    advance: Advance,
    review: Review | None = None,
) -> bytes:
    """The file. hidden : families of metrics that the reader may not see. Raises FormatError."""
    known = format_of(format_, is_review=review is not None)
    return known.write(Asked(version, today, hidden, advance, review))


def format_of(name: str, *, is_review: bool = False) -> Format:
    """Raises FormatError."""
    known = OF_REVIEWS if is_review else tuple(FORMATS)
    if name not in known:
        raise FormatError(format=name, known=", ".join(known))
    return FORMATS[name]


def file_name(version: PlanVersion, format_: str, review: Review | None = None) -> str:
    """What the file is called: safe everywhere."""
    named = slugify(version.plan.title) or "plan"
    return f"{named}-{version.plan_id}.{version.number}{f'-{review.on}' if review else ''}.{format_}"


def hidden_from(user: User | None, shop: Shop) -> frozenset[str]:
    """Families of metrics that somebody may not see; nothing is hidden from the command line.

    Raises WholeShopError for who sees only a part of the shop: a document shows the whole of it.
    """
    if user is None:
        return frozenset()
    scope = scope_for(user, shop)
    require_whole(scope)
    return scope.hidden_families


# Files that wait ------------------------------------------------------------------


def path(job_id: int) -> Path:
    return Path(settings.EXPORTS) / f"{job_id}"


def keep(job_id: int, content: bytes) -> None:
    """Put a file where the web process finds it; whole or not at all."""
    there = path(job_id)
    there.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = there.with_suffix(".partial")
    partial.write_bytes(content)
    partial.replace(there)


def kept(job_id: int) -> bytes:
    """Raises LostFileError."""
    try:
        return path(job_id).read_bytes()
    except FileNotFoundError:
        raise LostFileError() from None


def tidy() -> None:
    """Take away files that nobody fetched for a week."""
    oldest = (timezone.now() - KEEP).timestamp()
    for file in Path(settings.EXPORTS).glob("*"):
        if file.stat().st_mtime < oldest:
            file.unlink(missing_ok=True)


# Read-only links ------------------------------------------------------------------


def share(
    *, version: PlanVersion, name: str, days: int, today: date, actor: User, now: datetime
) -> tuple[PlanShare, str]:
    """A link that shows the version as it is now for some days, and its secret, which is shown this once.

    It shows what its maker may see. Raises ShareError.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise ShareError(most=LONGEST_DAYS)
    shown = report.of(version, today, hidden=hidden_from(actor, version.plan.shop))
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        made = PlanShare.objects.create(
            version=version,
            digest=digest(secret),
            hint=secret[:6],
            name=name.strip()[:100],
            contents=frozen.freeze(shown),
            created_at=now,
            created_by=actor.pk,
            expires_at=now + timedelta(days=days),
        )
        subject = f"plan {version.plan_id}.{version.number}"
        audit.log("plan.shared", actor_id=actor.pk, shop=version.plan.shop.slug, subject=subject, days=days)
    return made, secret


def revoke(*, link: PlanShare, actor: User, now: datetime) -> None:
    """End a link at once."""
    with transaction.atomic():
        PlanShare.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=now)
        version = link.version
        subject = f"plan {version.plan_id}.{version.number}"
        audit.log("plan.unshared", actor_id=actor.pk, shop=version.plan.shop.slug, subject=subject)


def shared(secret: str, now: datetime) -> tuple[PlanShare, Document] | None:
    """What a link shows; None if it is nobody's, has ended or was taken back."""
    found = PlanShare.objects.live(now).select_related("version__plan__shop").filter(digest=digest(secret)).first()
    return (found, frozen.thaw(found.contents)) if found else None
