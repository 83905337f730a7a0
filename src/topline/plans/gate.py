"""Marketing's gate: what stands between a sales plan and the marketing plan that it serves, computed for a person."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from topline.metrics.query import Query
from topline.plans import answered, expectation, outline, team
from topline.plans.expectation import OTHER
from topline.plans.models import Kind, Plan, PlanVersion, State
from topline.plans.outline import fields
from topline.plans.text import Sentence
from topline.plans.units import from_minor
from topline.team.models import Territory
from topline.units.period import Period, add_months

type Cells = Mapping[str, Sequence[Mapping[str, Any]]]
"""The rows of a document by field, each with its key."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that marketing should know before it decides.

    section : of the plan document where to mend it
    is_blocking : whether the sales plan can't be handed in with it
    field : of the plan document that mends it, "" where another page does
    is_served : whether that is in the document of the marketing plan that it serves
    """

    said: Sentence
    section: int
    is_blocking: bool = False
    field: str = ""
    is_served: bool = False

    def stored(self) -> list[Any]:
        """As JSON keeps it."""
        return [self.said.stored(), self.section, self.is_blocking, self.field, self.is_served]

    @classmethod
    def of(cls, stored: Sequence[Any]) -> "Finding":
        said, *rest = stored
        return cls(Sentence.of(said), *rest)


@dataclass(frozen=True, slots=True)
class _Look:
    """A version beside the marketing plan that it serves, a joint plan beside itself: read once for all checks.

    own : what it says itself
    holder, strategy : the version that holds the strategy, and what that says; None where none is named
    """

    version: PlanVersion
    own: Cells
    holder: PlanVersion | None
    strategy: Cells | None

    @classmethod
    def of(cls, version: PlanVersion) -> "_Look":
        own, served = _cells(version), version.plan.serves
        if version.plan.kind == Kind.BOTH:
            return cls(version, own, version, own)
        holder = served.current if served else None
        return cls(version, own, holder, _cells(holder) if holder else None)

    @property
    def is_served(self) -> bool:
        """Whether the strategy is another plan's."""
        return self.version.plan.kind == Kind.SALES


def has_gate(version: PlanVersion) -> bool:
    """Whether marketing decides on the plan before it is used."""
    return version.plan.kind in (Kind.SALES, Kind.BOTH)


def findings(version: PlanVersion) -> list[Finding]:
    """How a sales plan conforms to the marketing plan that it serves: what doesn't, what blocks first."""
    if not has_gate(version):
        return []
    look = _Look.of(version)
    found = [finding for check in CHECKS for finding in check(look)]
    return sorted(found, key=lambda one: not one.is_blocking)


# The marketing plan itself ------------------------------------------------------


def _served(look: _Look) -> Iterator[Finding]:
    """The marketing plan is named, in force, and holds the months."""
    if not look.is_served:
        return
    if look.holder is None:
        yield Finding(Sentence("gate.unnamed"), 14, is_blocking=True)
        return
    plan, served = look.version.plan, look.holder.plan
    if look.holder.state not in (State.APPROVED, State.ACTIVE):
        yield Finding(Sentence("gate.draft", {"title": served.title}), 14)
    if plan.starts_on < served.starts_on or plan.ends_on > served.ends_on:
        params = {"title": served.title, "first_on": served.starts_on, "last_on": served.period.last}
        yield Finding(Sentence("gate.period", params), 14)


NEEDED = (
    (4, "4.personas", "benefits"),
    (5, "5.positioning", ""),
    (5, "5.messages", ""),
    (7, "7.prices", ""),
    (7, "7.places", ""),
)
"""What a marketing plan says before a sales plan can serve it: section, field, and a column that a row has filled."""


def unwritten(version: PlanVersion) -> list[tuple[int, str]]:
    """What a marketing plan still has to say before a sales plan can serve it: section and field.

    A plan that is both says what the sections that it has ask for.
    """
    return _unwritten(version.plan, _cells(version))


def _unwritten(plan: Plan, written: Cells) -> list[tuple[int, str]]:
    there = {one.number for one in outline.sections(Kind(plan.kind), plan.outline)}
    return [
        (number, name)
        for number, name, column in NEEDED
        if (number in there or plan.kind != Kind.BOTH)
        and not any(row.get(column) if column else _is_filled(row) for row in written.get(name, []))
    ]


def lacks(code: str, number: int, name: str) -> Sentence:
    """That a field of a section is empty, or the column of it that is needed, in the words of the code."""
    needed = {column for _, asked, column in NEEDED if asked == name}
    labels = [fields()[name].label, *(one.label for one in fields()[name].columns if one.id in needed)]
    return Sentence(code, {"section": number, "document_label": labels})


def _complete(look: _Look) -> Iterator[Finding]:
    """Audience and benefits, message, strategy and place of the marketing plan are written."""
    if look.holder is None or look.strategy is None:
        return
    for number, name in _unwritten(look.holder.plan, look.strategy):
        said = lacks("gate.incomplete", number, name)
        yield Finding(said, number, is_blocking=True, field=name, is_served=look.is_served)
    plan = look.version.plan
    is_there = 19 in {one.number for one in outline.sections(Kind(plan.kind), plan.outline)}
    if is_there and not Territory.objects.filter(shop=plan.shop).exists():
        code = "gate.proposed" if team.proposed(look.version) else "gate.unwritten"
        yield Finding(lacks(code, 19, team.PROPOSED), 19, field=team.PROPOSED)


def _is_filled(row: Mapping[str, Any]) -> bool:
    return any(value for name, value in row.items() if name != "said")


def _cells(version: PlanVersion) -> Cells:
    return {name: [{**row["cells"], "key": row["key"]} for row in rows] for name, rows in version.document().items()}


# What the sales plan does with it ------------------------------------------------


def _tactics(look: _Look) -> Iterator[Finding]:
    """Every tactic names a strategy of the marketing plan, and stays within its prices, discounts and margins."""
    holder, strategy = look.holder, look.strategy
    if holder is None or strategy is None:
        return
    keys = {name for field, rows in strategy.items() for row in rows for name in (row["key"], f"{field}:{row['key']}")}
    keys |= set(holder.goals.standing().values_list("key", flat=True))
    for tactic in look.own.get("16.tactics", []):
        name = {"tactic": _short(tactic.get("tactic", ""))}
        if not tactic.get("strategy"):
            yield Finding(Sentence("gate.no_strategy", name), 16, field="16.tactics")
        elif tactic["strategy"] not in keys:
            yield Finding(Sentence("gate.unknown_strategy", name), 16, field="16.tactics")
        for price in strategy.get("7.prices", []):
            if not price.get("category") or price.get("category") == tactic.get("category"):
                yield from _priced(name, tactic, price)
        if tactic.get("discount") and not any(
            _covers(one, tactic) for one in strategy.get("11.promotions", []) if one.get("discount")
        ):
            said = Sentence("gate.unplanned_promotion", name)
            yield Finding(said, 11, field="11.promotions", is_served=look.is_served)


def _priced(name: dict[str, str], tactic: Mapping[str, Any], price: Mapping[str, Any]) -> Iterator[Finding]:
    """How the price of a tactic, after its discount, stands to the strategy's floor, margin and highest discount."""
    discount = Decimal(tactic.get("discount") or 0)
    if price.get("name"):
        name = {"tactic": f"{name['tactic']} – {_short(price['name'])}"}
    limit = price.get("discount_limit")
    if limit is not None and discount > Decimal(limit):
        rates = {"discount_rate": discount, "limit_rate": limit}
        yield Finding(Sentence("gate.discount", name | rates), 16, field="16.tactics")
    listed = tactic.get("price") or price.get("price")
    if listed is None or not (tactic.get("price") or discount):
        return
    paid = Decimal(listed) * (1 - discount)
    floor, cost, margin = price.get("floor"), price.get("cost"), price.get("lowest_margin")
    if floor is not None and paid < Decimal(floor):
        amounts = {"paid_amount": paid, "floor_amount": floor}
        yield Finding(Sentence("gate.floor", name | amounts), 16, field="16.tactics")
    if cost is not None and margin is not None and paid > 0 and 1 - Decimal(cost) / paid < Decimal(margin):
        rates = {"margin_rate": 1 - Decimal(cost) / paid, "lowest_rate": margin}
        yield Finding(Sentence("gate.margin", name | rates), 16, field="16.tactics")


def _covers(promotion: Mapping[str, Any], tactic: Mapping[str, Any]) -> bool:
    """Whether a promotion of the calendar is of the tactic's category and market."""
    return all(not promotion.get(at) or promotion[at] == tactic.get(at) for at in ("category", "market"))


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def _within(look: _Look) -> Iterator[Finding]:
    """Segments, markets and channels are those of the strategy."""
    version, own, holder, strategy = look.version, look.own, look.holder, look.strategy
    if holder is None or strategy is None or not look.is_served:
        return
    territories = Territory.objects.filter(shop=version.plan.shop).values("market", "channel")
    users = [*own.get("16.tactics", []), *territories]
    places = [*strategy.get("7.places", []), *strategy.get("3.target_market", [])]
    asked = {
        "markets": ({*_values(users, "market"), *version.markets}, {*_values(places, "market"), *holder.markets}),
        "channels": (
            _values(users, "channel"),
            {
                *_values(places, "channel"),
                *(c for one in strategy.get("8.fronts", []) for c in one.get("channels", [])),
            },
        ),
        "segments": (
            {_called(own, key) for key in _values(users, "audience")},
            {row.get("name", "") for row in strategy.get("4.personas", [])},
        ),
    }
    for what, (used, known) in asked.items():
        strange = sorted(str(one) for one in used - known if one not in (None, "", OTHER))
        if known - {None, ""} and strange:
            said = Sentence(f"gate.{what}", {"names" if what != "markets" else "markets": ", ".join(strange)})
            section, field = (4, "4.personas") if what == "segments" else (19, "19.territories")
            yield Finding(said, section, field=field)


def _values(rows: Sequence[Mapping[str, Any]], column: str) -> set[Any]:
    return {row[column] for row in rows if row.get(column)}


def _called(document: Cells, key: str) -> str:
    """The name of a persona of the sales plan."""
    return next((str(row.get("name", "")) for row in document.get("4.personas", []) if row["key"] == key), key)


def _aims(look: _Look) -> Iterator[Finding]:
    """What it aims at is not above what the marketing plan aims at in the same months."""
    version, holder = look.version, look.holder
    if holder is None or not look.is_served or holder.plan.period != version.plan.period:
        return
    theirs = {goal.metric: goal.target for goal in holder.goals.standing().filter(scope={})}
    for goal in version.goals.standing().filter(scope={}, metric__in=theirs):
        if goal.target > theirs[goal.metric]:
            params = {"metric": goal.metric, "goal_metric": goal.metric, "ours_value": goal.target}
            yield Finding(Sentence("gate.aim", params | {"theirs_value": theirs[goal.metric]}), 14)


def _demand(look: _Look) -> Iterator[Finding]:
    """What the targets need of goods and of marketing, at the rates of the last year, is there or planned."""
    version, strategy = look.version, look.strategy
    shop, snapshot = version.plan.shop, version.plan.shop.lake().latest()
    if snapshot is None or strategy is None or "net_sales" not in version.grid_metrics:
        return
    target = from_minor("net_sales", version.grid("net_sales").total(), version.plan.currency)
    year = Period(add_months(version.as_of, -12), version.as_of)
    asked = Query(metrics=("net_sales", "spend", "stock_cover_days"), period=year, as_of=version.as_of)
    totals = {name: _known(value) for name, value in answered.ask(shop, asked, snapshot).totals.items()}
    if totals["net_sales"] and totals["spend"]:
        need, planned = target * totals["spend"] / totals["net_sales"], _planned_budget(strategy)
        if planned and need > planned:
            amounts = {"need_amount": round(need), "planned_amount": round(planned)}
            yield Finding(Sentence("gate.budget", amounts), 12, field="8.fronts", is_served=look.is_served)
    cover, days = totals["stock_cover_days"], version.plan.period.days
    if 0 < cover < days and not look.own.get("20.orders"):
        counts = {"cover_count": round(cover), "plan_count": days}
        yield Finding(Sentence("gate.stock", counts), 20, field="20.orders")


def _known(value: object) -> Decimal:
    return Decimal(str(expectation.number(value)))


def _planned_budget(strategy: Cells) -> Decimal:
    return sum((Decimal(row["budget"]) for row in strategy.get("8.fronts", []) if row.get("budget")), Decimal(0))


CHECKS = (_served, _complete, _tactics, _within, _aims, _demand)
