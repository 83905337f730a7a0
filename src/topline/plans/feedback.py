"""The team's own feedback: what sales, marketing and support see and hear, for the next review, with its answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from topline.accounts.models import Shop, User
from topline.accounts.permissions import Role
from topline.lake import read
from topline.lake.scope import Scope
from topline.lake.snapshot import Snapshot
from topline.plans.models import Feedback
from topline.units import errors
from topline.units.missing import Missing
from topline.units.period import Period
from topline.units.text import N_
from topline.workbench import audit, inbox

LONGEST = 2000
MOST_CAUSES = 10


class FeedbackError(errors.ToplineError):
    message = N_("Feedback and its answer have 1 to %(longest)s characters.")


class UnknownTagError(errors.ToplineError):
    message = N_("“%(tag)s” is nothing that feedback is about. Choose one of %(known)s.")


class UnknownOutcomeError(errors.ToplineError):
    message = N_("“%(outcome)s” is no outcome. Choose one of %(known)s.")


def write(*, shop: Shop, tag: str, text: str, author: User, now: datetime) -> Feedback:
    """Keep what somebody says for the next review. Raises FeedbackError, UnknownTagError."""
    if tag not in Feedback.Tag.values:
        raise UnknownTagError(tag=tag, known=", ".join(Feedback.Tag.values))
    held = author.roles_in(shop)
    role = next((one for one in Role if one in held), "")
    with transaction.atomic():
        kept = Feedback.objects.create(shop=shop, tag=tag, text=_checked(text), author=author, role=role, at=now)
        audit.log("feedback.written", actor_id=author.pk, shop=shop.slug, subject=f"feedback {kept.pk}")
    return kept


def answer(*, feedback: Feedback, text: str, outcome: str, actor: User, now: datetime) -> Feedback:
    """Say what comes of it; who wrote it finds that in their inbox. An answer may be given anew.

    outcome : taken, noted or declined

    Raises FeedbackError, UnknownOutcomeError.
    """
    outcomes = [state for state in Feedback.State.values if state != Feedback.State.OPEN]
    if outcome not in outcomes:
        raise UnknownOutcomeError(outcome=outcome, known=", ".join(outcomes))
    said = _checked(text)
    with transaction.atomic():
        found = Feedback.objects.select_for_update().get(pk=feedback.pk)
        found.state, found.answer, found.answerer, found.answered_at = outcome, said, actor, now
        found.save()
        audit.log("feedback.answered", actor_id=actor.pk, shop=found.shop.slug, subject=f"feedback {found.pk}")
        if found.author_id and found.author_id != actor.pk:
            inbox.notify(
                recipient_id=found.author_id,
                shop=found.shop.slug,
                key=f"feedback:{found.pk}:{now.isoformat()}",
                message=N_("%(actor)s answered your feedback: %(text)s"),
                params={"actor": str(actor), "text": said[:140]},
                path=f"/shop/{found.shop.slug}/feedback",
                at=now,
            )
    return found


def _checked(text: str) -> str:
    if not 1 <= len(text.strip()) <= LONGEST:
        raise FeedbackError(longest=LONGEST)
    return text.strip()


@dataclass(frozen=True, slots=True)
class Cause:
    """Why customers got in touch.

    reason : as the facts name it, None where none was given
    count, before : conversations opened in the period, and in as many days before it
    """

    reason: str | None
    count: int
    before: int


def causes(shop: Shop, period: Period, snapshot: Snapshot, scope: Scope) -> list[Cause] | Missing:
    """The causes of the viewer's support conversations, the most frequent first; Missing where no facts are known."""
    tables = read.visible(shop.lake(), snapshot, scope, read.Reads())
    if "support_conversation" in tables.empty:
        return tables.empty["support_conversation"]
    rows: Any = tables.table("support_conversation")
    former = period.previous()
    rows = rows.filter((rows.on >= former.start) & (rows.on < period.end))
    counted = rows.group_by("reason").aggregate(
        now=rows.count(where=rows.on >= period.start), before=rows.count(where=rows.on < period.start)
    )
    found = [Cause(row["reason"], row["now"], row["before"]) for row in tables.run(counted)]
    return sorted(found, key=lambda one: (-one.count, -one.before, one.reason or ""))[:MOST_CAUSES]
