"""A review as a document to hand out: the pack as it was built, how it stands today, and the minutes."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from babel import Locale
from babel.dates import format_date
from django.utils import translation
from django.utils.translation import gettext as _

from topline.accounts.models import User
from topline.documents import words
from topline.documents.document import Block, Bullets, Document, Figure, Figures, Heading, Paragraph, Table
from topline.documents.sheet import Column, Form, Sheet, Value
from topline.plans import drivers, report, reviews, text
from topline.plans.models import Feedback, Minute, Promise, Review
from topline.plans.progress import PlanView
from topline.plans.text import Sentence


def of(review: Review, *, today: PlanView | None, hidden: frozenset[str] = frozenset()) -> Document:
    """The review in the plan's language.

    today : the plan as seen now, to stand beside the pack; None leaves that out
    hidden : families of metrics that the reader may not see
    """
    with translation.override(review.plan.language):
        return _Report(review, today, hidden).document()


class _Report:
    """One review in one language."""

    def __init__(self, review: Review, today: PlanView | None, hidden: frozenset[str]) -> None:
        self.review, self.plan, self.pack, self.hidden = review, review.plan, review.pack, hidden
        self.language, self.currency = review.plan.language, review.plan.currency
        self.locale: Locale = words.locale(self.language)
        self.now = {one.goal.key: reviews.line(one.line) for one in today.goals} if today else {}

    def document(self) -> Document:
        parts = (
            (_("How it goes"), self.standing()),
            (_("Goals"), self.goals()),
            (_("Why"), self.why()),
            (_("Promises"), self.promises()),
            (_("Accepted proposals"), self.proposals()),
            (_("What the team says"), self.feedback()),
            (_("What customers asked"), self.causes()),
            (_("Minutes"), self.minutes()),
        )
        blocks: list[Block] = []
        for title, part in parts:
            within = list(part)
            if within:
                blocks += [Heading(title), *within]
        held = self.review.held_at
        facts = [
            (_("Plan"), f"{self.plan.title}, {_('version %(n)s') % {'n': self.pack['version']}}"),
            (_("Seen on"), self.day(self.review.on)),
            (_("Since"), self.day(self.review.since)),
            (_("Numbers of snapshot"), str(self.review.snapshot)),
            (_("Attended by"), ", ".join(str(one) for one in self.review.attendees.all()) or "–"),
            (_("Held"), self.day(held.astimezone(self.plan.shop.zone).date()) if held else _("not yet")),
        ]
        title = _("Review of %(day)s") % {"day": self.day(self.review.on)}
        return Document(
            title=title,
            subtitle=f"{self.plan.shop.name} · {self.plan.title}",
            language=self.language,
            facts=tuple(facts),
            blocks=tuple(blocks),
            note=f"{self.plan.shop.name} · {self.plan.title} · {title}",
            summary=self.said(self.pack["headline"][0]),
        )

    # Parts ----------------------------------------------------------------------------

    def standing(self) -> Iterator[Block]:
        first, *more = self.pack["headline"]
        yield Paragraph.of(self.said(first), "lead")
        yield from (Paragraph.of(self.said(each)) for each in more)
        total = self.pack["total"]
        figures = [Figure(_("Target"), self.money(total["target"]))]
        if total["actual"] is not None:
            figures.append(Figure(_("Actual so far"), self.money(total["actual"])))
        if total["now"]:
            ends = f"{self.money(total['now']['low'])} – {self.money(total['now']['high'])}"
            figures.append(Figure(_("Expected at the end"), self.money(total["now"]["expected"]), ends))
        if total["chance"] is not None:
            figures.append(Figure(_("Chance to make it"), self.rate(total["chance"])))
        if total["last_year_to_date"] is not None:
            figures.append(Figure(_("Last year by then"), self.money(total["last_year_to_date"])))
        yield Figures(tuple(figures))

    def goals(self) -> Iterator[Block]:
        columns = [Column(_("Goal"))]
        columns += [Column(title, Form.NUMBER) for title in (_("Target"), _("Actual"), _("Last year"), _("Chance"))]
        columns.append(Column(_("Status")))
        if self.now:
            columns += [Column(_("Actual today"), Form.NUMBER), Column(_("Chance today"), Form.NUMBER)]
        rows: list[tuple[Value, ...]] = []
        for one in self.pack["goals"]:
            if reviews.hides(one["metric"], self.hidden):
                continue
            shown: list[Value] = [text.metric_label(one["metric"]) + self.scope(one["scope"])]
            shown += [self.amount(one["metric"], one[name]) for name in ("target", "actual", "last_year_to_date")]
            shown += [self.rate(one["chance"]), _(text.STATUSES[one["status"]])]
            if self.now:
                now = self.now.get(one["key"], {})
                shown += [self.amount(one["metric"], now.get("actual")), self.rate(now.get("chance"))]
            rows.append(tuple(shown))
        if rows:
            yield Table(Sheet("", tuple(columns), tuple(rows)))

    def why(self) -> Iterator[Block]:
        """The differences, each with a table of its parts, which sum to it."""
        for kept in self.pack["drivers"]:
            yield from report.drivers_of(drivers.thaw(kept), self.sentences, self.currency)

    def promises(self) -> Iterator[Block]:
        today = {one.pk: one for one in Promise.objects.filter(pk__in=[one["id"] for one in self.pack["promises"]])}
        made = [reviews.promise(one) for one in self.review.promises.all() if one.pk not in today]
        columns = (
            Column(_("Promise")), Column(_("Who")), Column(_("Due"), Form.TEXT), Column(_("At the review")),
            Column(_("Today")),
        )  # fmt: skip
        rows: list[tuple[Value, ...]] = []
        for one in [*self.pack["promises"], *made]:
            now = today.get(one["id"])
            then = Promise.State(one["state"]).label if now else _("promised here")
            state = f"{now.get_state_display()}{': ' if now.note else ''}{now.note}" if now else ""
            rows.append(
                (one["text"], self.person(one["owner"]), self.day(date.fromisoformat(one["due_on"])), str(then), state)
            )
        if rows:
            yield Table(Sheet("", columns, tuple(rows)))

    def proposals(self) -> Iterator[Block]:
        if "profit" in self.hidden or not self.pack["proposals"]:
            return
        columns = (Column(_("Proposal")), Column(_("Gain"), Form.MONEY, self.currency), Column(_("Came"), Form.RATE))
        rows = [(self.said(one["action"]), one["gain"], one["share"]) for one in self.pack["proposals"]]
        yield Table(Sheet("", columns, tuple(rows)))

    def feedback(self) -> Iterator[Block]:
        columns = (Column(_("About")), Column(_("What")), Column(_("Who")), Column(_("Answer")))
        rows = [
            (
                str(Feedback.Tag(one["tag"]).label),
                one["text"],
                self.person(one["author"]),
                f"{Feedback.State(one['state']).label}{': ' if one['answer'] else ''}{one['answer']}",
            )
            for one in self.pack["feedback"]
        ]
        if rows:
            yield Table(Sheet("", columns, tuple(rows)))

    def causes(self) -> Iterator[Block]:
        kept = self.pack["causes"]
        if "missing" in kept:
            yield Paragraph.of(_(kept["missing"]), "note")
            return
        columns = (Column(_("Cause")), Column(_("Since the last review"), Form.WHOLE), Column(_("Before"), Form.WHOLE))
        rows = [(one["reason"] or _("not said"), one["count"], one["before"]) for one in kept["rows"]]
        if rows:
            yield Table(Sheet("", columns, tuple(rows)))

    def minutes(self) -> Iterator[Block]:
        for kind, title in ((Minute.Kind.DECISION, _("Decisions")), (Minute.Kind.NOTE, _("Notes"))):
            said = [f"{one.text} ({self.person(one.author_id)})" for one in self.review.minutes.filter(kind=kind)]
            if said:
                yield Heading(title, 2)
                yield Bullets.of(said)

    # Words ----------------------------------------------------------------------------

    def said(self, stored: Any) -> str:
        return self.rendered(Sentence.of(stored))

    def sentences(self, said: Sequence[Sentence]) -> list[str]:
        return [self.rendered(each) for each in said]

    def rendered(self, sentence: Sentence) -> str:
        return text.render(sentence, currency=self.currency, language=self.language)

    def money(self, value: Any) -> str:
        amount = Decimal(str(value)).quantize(Decimal("0.01"))
        return words.said(amount, Column("", Form.MONEY, self.currency), self.language)

    def amount(self, metric: str, value: Any) -> str:
        return text.amount(metric, value, currency=self.currency, language=self.language)

    def rate(self, value: float | None) -> str:
        return words.said(value, Column("", Form.RATE), self.language)

    def day(self, value: date) -> str:
        return format_date(value, "d MMM y", locale=self.locale)

    def scope(self, scope: Mapping[str, Any]) -> str:
        return "".join(f" · {value}" for value in scope.values() if value)

    def person(self, id_: int | None) -> str:
        return self.people.get(id_ or 0, "–")

    @cached_property
    def people(self) -> dict[int, str]:
        return {user.pk: str(user) for user in User.objects.filter(membership__shop=self.plan.shop).distinct()}
