"""Bottlenecks: every step of the funnel and the pipeline, by the money that closing its gap is worth."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from topline.analysis.analysis import Analysis, Choice, Question, matches
from topline.analysis.result import Cell, Chart, Column, Figure, Note, Proposal, Result, Table, nothing
from topline.metrics.metric import Unit
from topline.metrics.sales import NET
from topline.metrics.view import ledger, plainest
from topline.science import bottleneck
from topline.science.bottleneck import Estimate, Worth
from topline.units.missing import Missing
from topline.units.period import Period
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.metrics.settings import Settings
    from topline.metrics.view import Tables

type Floats = NDArray[np.float64]

QUARTER_DAYS = 91
QUARTERS = 8
"""So many quarters before the last one are looked at for the best."""
_FEWEST_VISITS, _FEWEST_DEALS = 100, 10

VISIT_STEPS = ("product_view", "add_to_cart", "checkout", "purchase")
_STEPS = {
    "product_view": N_("Visit → product"),
    "add_to_cart": N_("Product → cart"),
    "checkout": N_("Cart → checkout"),
    "purchase": N_("Checkout → order"),
}
_REMEDIES = {
    "product_view": N_("Landing pages that keep the promise of the ad; search and menu that lead to products"),
    "add_to_cart": N_("The pitch: pictures, benefits, reviews, price, size advice; service at hand by chat"),
    "checkout": N_("Cost of delivery shown early; a reminder of the abandoned cart; trust in returns and payment"),
    "purchase": N_("A shorter checkout, without an account; more ways to pay; errors of the form; delivery times"),
    "stage_rate": N_("The pitch and the qualification; objections answered by the playbook; service; follow-ups"),
    "stage_days": N_("Fewer steps and approvals; follow-ups on time; a firm delivery date"),
}
_AHEAD = Missing("ahead", N_("it is at its best, or above the benchmark"))
_NO_QUARTERS = Missing("no_quarters", N_("no earlier quarter to compare with"))
_NOTHING = Missing("no_steps", N_("no step with enough visits or deals in the last quarter"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BottleneckQuestion(Question):
    """The last quarter (91 days) of the period is compared with the best of the eight quarters before it.

    benchmark : by step a share or a number of days to compare with instead, such as add_to_cart=0.12
    """

    benchmark: tuple[tuple[str, float], ...] = ()

    def quarters(self, last: date) -> list[Period]:
        """The quarter in question and those before it, the newest first."""
        end = min(day for day in (self.period and self.period.end, self.as_of, last + timedelta(days=1)) if day)
        size = timedelta(days=QUARTER_DAYS)
        return [Period(end - (i + 1) * size, end - i * size) for i in range(QUARTERS + 1)]


@dataclass(frozen=True, slots=True)
class Step:
    """A step's measurements, the quarter in question first.

    id : the event or the stage, as a benchmark names it; kind : funnel, pipeline or pace
    value, error : (q,) shares that went on, or mean days
    base : the money that comes out at the end of all steps; cycle : mean days of the whole way, for days only
    """

    id: str
    label: Note
    kind: str
    value: Floats
    error: Floats
    base: Estimate
    remedy: str
    cycle: float = 0.0


@dataclass(frozen=True, slots=True)
class Gap:
    """A step, where it stands and where it should, and what that is worth; missing where there is no gap."""

    step: Step
    now: float
    goal: float | Missing
    worth: Worth | Missing


def answer(tables: "Tables", question: BottleneckQuestion, settings: "Settings") -> Result:
    missing = [tables.empty[fact] for fact in ("session", "deal_stage") if fact in tables.empty]
    if len(missing) == 2:
        return nothing(question, settings, missing[0])
    steps = [*_of_visits(tables, question, settings), *_of_deals(tables, question)]
    if not steps:
        return nothing(question, settings, _NOTHING)
    targets = dict(question.benchmark)
    gaps = sorted((_gap(step, targets.get(step.id)) for step in steps), key=_rank)
    return Result(
        question=question,
        settings=settings,
        sentence=_sentence(gaps[0], settings.currency),
        tables=(_table(gaps, settings.currency),),
        notes=tuple(
            Note(f"without_{i}", N_("Left out for want of facts: %(missing)s."), {"missing": why})
            for i, why in enumerate(missing)
        ),
    )


def _rank(gap: Gap) -> float:
    return math.inf if isinstance(gap.worth, Missing) else -gap.worth.amount


def _gap(step: Step, benchmark: float | None) -> Gap:
    """What the step is worth at the benchmark, else at the best of its own quarters."""
    value, error = bottleneck.shrunk(step.value, step.error)
    is_days = step.kind == "pace"
    now = Estimate(float(value[0]), float(error[0]))
    if benchmark is not None:
        goal = Estimate(benchmark, 0.0)
    elif len(value) > 1:
        best = 1 + int(np.argmin(value[1:]) if is_days else np.argmax(value[1:]))
        goal = Estimate(float(value[best]), float(error[best]))
    else:
        return Gap(step, float(step.value[0]), _NO_QUARTERS, _NO_QUARTERS)
    if goal.value >= now.value if is_days else goal.value <= now.value:
        return Gap(step, now.value, goal.value, _AHEAD)
    if is_days:
        return Gap(step, now.value, goal.value, bottleneck.worth_of_days(now, goal, step.cycle, step.base))
    return Gap(step, now.value, goal.value, bottleneck.worth_of_rate(now, goal, step.base))


def _of_visits(tables: "Tables", question: BottleneckQuestion, settings: "Settings") -> Iterator[Step]:
    """The steps of visits: how many of those at a step went on to the next."""
    if "session" in tables.empty or "order_line" in tables.empty:
        return
    rows: Any = tables.table("session")
    for condition in question.where:
        rows = rows.filter(matches(rows, condition))
    (known,) = tables.run(rows.aggregate(last=rows.on.max()))
    if known["last"] is None:
        return
    quarters = question.quarters(known["last"])
    rows = rows.mutate(reached=_furthest(rows), quarter=_quarter(rows.on, quarters))
    rows = rows.filter((rows.on >= quarters[-1].start) & (rows.on < quarters[0].end))
    counts = np.zeros((len(quarters), 1 + len(VISIT_STEPS)))
    for record in tables.run(rows.group_by("quarter", "reached").aggregate(n=rows.count())):
        counts[record["quarter"], : record["reached"] + 1] += record["n"]
    (counted,) = tables.run(rows.aggregate(views=rows.product_views.count(), furthest=rows.furthest.count()))
    steps = list(VISIT_STEPS)
    if not counted["views"] and not counted["furthest"]:  # nobody counts views of products: visits go to the cart
        counts, steps = np.delete(counts, 1, axis=1), steps[1:]
    base = _sales(tables, question, settings, quarters[0], counts[0, -1])
    for i, step in enumerate(steps):
        enough = counts[:, i] >= _FEWEST_VISITS
        if enough[0]:
            of, taken = counts[enough, i], counts[enough, i + 1]
            label = _STEPS[step] if step != steps[0] or step == "product_view" else N_("Visit → cart")
            yield Step(
                step,
                Note(step, label),
                "funnel",
                np.maximum(taken, 0.5) / of,
                bottleneck.rate_error(taken, of),
                base,
                _REMEDIES[step],
            )


def _furthest(rows: Any) -> Any:
    """How far a visit came: counted in order where the source does, else by what the visitor did at all."""
    import ibis

    return ibis.cases(
        (rows.furthest.notnull(), rows.furthest),
        (rows.orders > 0, 4),
        (rows.checkouts > 0, 3),
        (rows.carts > 0, 2),
        (rows.product_views.fill_null(0) > 0, 1),
        else_=0,
    ).cast("int64")


def _quarter(on: Any, quarters: Sequence[Period]) -> Any:
    """The number of the quarter that a day is in."""
    import ibis

    return ibis.cases(*((on >= quarter.start, i) for i, quarter in enumerate(quarters)), else_=len(quarters))


def _sales(
    tables: "Tables", question: BottleneckQuestion, settings: "Settings", quarter: Period, orders: float
) -> Estimate:
    """Net sales of as many orders as visits led to: their number times the mean order of the quarter, with the error
    of both."""
    dims = frozenset(condition.dimension for condition in question.where)
    source = plainest("counted", tables, settings.basis)
    rows: Any = ledger(tables, source, dims, settings.basis, question.as_of, ("order_key",))
    for condition in question.where:
        rows = rows.filter(matches(rows, condition))
    rows = rows.filter((rows.within >= quarter.start) & (rows.within < quarter.end))
    rows = rows.drop("amount").rename(amount="amount_shop")
    each = rows.group_by("order_key").aggregate(net=NET.value(rows))
    each = each.filter(each.net > 0).mutate(net=each.net.cast("float64"))
    (sums,) = tables.run(each.aggregate(n=each.count(), mean=each.net.mean(), square=(each.net * each.net).mean()))
    if not sums["n"]:
        return Estimate(0.0, 0.0)
    return Estimate(orders * sums["mean"], math.sqrt(orders * sums["square"]))


@dataclass(slots=True)
class _Stage:
    """What became of deals at a stage, by quarter of their entering it."""

    position: int
    advanced: Floats
    closed: Floats
    days: list[list[float]] = field(default_factory=list)


def _of_deals(tables: "Tables", question: BottleneckQuestion) -> Iterator[Step]:
    """The stages of the pipeline: how many of the deals that left a stage went on, and how long they stood there."""
    if "deal_stage" in tables.empty:
        return
    rows: Any = tables.table("deal_stage")
    for condition in question.where:
        rows = rows.filter(matches(rows, condition))
    if question.as_of:
        rows = rows.filter(rows.on < question.as_of)
    columns = ("deal_key", "stage", "position", "state", "value_shop", "created_on", "at", "on")
    deals: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for record in tables.run(rows.select(*columns).order_by("deal_key", "at", "position")):
        deals[record["deal_key"]].append(record)
    if not deals:
        return
    quarters = question.quarters(max(moves[-1]["on"] for moves in deals.values()))
    stages = _stages(deals.values(), quarters)
    won = [moves[-1] for moves in deals.values() if moves[-1]["state"] == "won" and moves[-1]["on"] in quarters[0]]
    values = np.array([float(move["value_shop"]) for move in won])
    base = Estimate(float(values.sum()), float(np.sqrt((values**2).sum())))
    cycle = float(np.mean([(move["on"] - move["created_on"]).days for move in won])) if won else 0.0
    for name, stage in sorted(stages.items(), key=lambda one: one[1].position):
        enough = stage.closed >= _FEWEST_DEALS
        if enough[0]:
            of, taken = stage.closed[enough], stage.advanced[enough]
            yield Step(
                name,
                Note("stage_rate", N_("Out of %(stage)s"), {"stage": name}),
                "pipeline",
                np.maximum(taken, 0.5) / of,
                bottleneck.rate_error(taken, of),
                base,
                _REMEDIES["stage_rate"],
            )
        known = [np.array(days) for days in stage.days if len(days) >= _FEWEST_DEALS]
        if len(stage.days[0]) >= _FEWEST_DEALS and cycle > 0:
            yield Step(
                f"{name}_days",
                Note("stage_days", N_("Days in %(stage)s"), {"stage": name}),
                "pace",
                np.array([days.mean() for days in known]),
                np.array([max(days.std(ddof=1), 0.5) / math.sqrt(len(days)) for days in known]),
                base,
                _REMEDIES["stage_days"],
                cycle,
            )


def _stages(deals: Iterable[Sequence[Mapping[str, Any]]], quarters: Sequence[Period]) -> dict[str, _Stage]:
    """A deal advances from a stage if it later comes to one further on, or is won; while open there it says nothing."""
    n = len(quarters)
    stages: dict[str, _Stage] = {}
    for moves in deals:
        seen: set[str] = set()
        for i, move in enumerate(moves):
            place = next((j for j, quarter in enumerate(quarters) if move["on"] in quarter), None)
            if move["state"] != "open" or move["stage"] in seen or place is None:
                continue
            seen.add(move["stage"])
            stage = stages.setdefault(
                move["stage"], _Stage(move["position"], np.zeros(n), np.zeros(n), [[] for _ in quarters])
            )
            later = [m for m in moves[i + 1 :] if m["stage"] != move["stage"] or m["state"] != "open"]
            is_on = any(
                m["state"] == "won" or (m["state"] == "open" and m["position"] > move["position"]) for m in later
            )
            if is_on or any(m["state"] == "lost" for m in later):
                stage.advanced[place] += is_on
                stage.closed[place] += 1
                stage.days[place].append((later[0]["at"] - move["at"]) / timedelta(days=1))
    return stages


def _table(gaps: Sequence[Gap], currency: str) -> Table:
    def shown(gap: Gap, value: float | Missing) -> Figure | Missing:
        if isinstance(value, Missing):
            return value
        return Figure(round(value, 1) if gap.step.kind == "pace" else value, _unit(gap), currency)

    rows: list[dict[str, Cell]] = []
    for gap in gaps:
        worth = gap.worth
        rows.append(
            {
                "step": gap.step.label,
                "now": shown(gap, gap.now),
                "goal": shown(gap, gap.goal),
                **_amounts(worth),
                "remedy": Note("remedy", gap.step.remedy),
                "proposal": None if isinstance(worth, Missing) else _proposal(gap, worth),
            }
        )
    return Table(
        id="steps",
        label=N_("Steps by what closing the gap is worth in a quarter"),
        columns=(
            Column(id="step", label=N_("Step")),
            Column(id="now", label=N_("Last quarter"), is_mixed=True),
            Column(id="goal", label=N_("Best, or benchmark"), is_mixed=True),
            Column(id="worth", label=N_("Worth a quarter"), unit=Unit.MONEY),
            Column(id="low", label=N_("At least"), unit=Unit.MONEY, about=N_("Low end of the interval of 90 %")),
            Column(id="high", label=N_("At most"), unit=Unit.MONEY, about=N_("High end of the interval of 90 %")),
            Column(id="proposal", label=N_("Goal")),
            Column(id="remedy", label=N_("What is likely to help")),
        ),
        rows=rows,
        chart=Chart(kind="bars", across="step", values=("worth",)),
    )


def _amounts(worth: Worth | Missing) -> dict[str, Cell]:
    """The amount and its interval; nothing where there is no gap to close."""
    if isinstance(worth, Missing):
        return dict.fromkeys(("worth", "low", "high"), None if worth is _AHEAD else worth)
    return {"worth": _money(worth.amount), "low": _money(worth.low), "high": _money(worth.high)}


def _unit(gap: Gap) -> Unit:
    return Unit.DAYS if gap.step.kind == "pace" else Unit.RATE


def _proposal(gap: Gap, worth: Worth) -> Proposal:
    """A goal for net sales, which the plan has, by what is likely to help at the step."""
    action = Note("bottleneck_action", N_("%(step)s: %(remedy)s"), {"step": gap.step.label, "remedy": gap.step.remedy})
    return Proposal("net_sales", _money(worth.amount), action)


def _money(amount: float) -> Decimal:
    return Decimal(f"{amount:.6f}")


def _sentence(gap: Gap, currency: str) -> Note:
    worth = gap.worth
    if isinstance(worth, Missing):
        return Note("bottlenecks_none", N_("No step is behind its own best quarter."))
    figures = {
        "step": gap.step.label,
        "worth": Figure(_money(worth.amount), Unit.MONEY, currency),
        "low": Figure(_money(max(worth.low, 0.0)), Unit.MONEY, currency),
        "high": Figure(_money(worth.high), Unit.MONEY, currency),
    }
    if worth.low <= 0:
        text = N_("The largest gap is %(step)s, worth about %(worth)s a quarter, but it may be chance.")
    else:
        text = N_("The largest gap is %(step)s: closing it is worth about %(worth)s a quarter (%(low)s to %(high)s).")
    return Note("bottlenecks", text, figures)


def _benchmark(text: str) -> tuple[tuple[str, float], ...]:
    """Reads add_to_cart=0.12,Offer_days=14. Raises ValueError."""
    found = []
    for part in text.split(","):
        name, equals, number = part.partition("=")
        value = float(number)
        if not equals or not name.strip() or not 0 < value < math.inf:
            raise ValueError(text)
        found.append((name.strip(), value))
    return tuple(found)


def _written(benchmark: tuple[tuple[str, float], ...]) -> str:
    return ",".join(f"{name}={value:g}" for name, value in benchmark)


ANALYSIS = Analysis(
    id="bottlenecks",
    label=N_("Bottlenecks"),
    description=N_("Which step of the funnel or the pipeline costs the most, and what is closing its gap worth?"),
    method=N_(
        "The last 91 days of the period are compared with the best of the eight quarters of 91 days before them, or "
        "with a benchmark that you state. A share that rises lifts what comes out at the end in the same proportion, "
        "the other steps as they are; days saved in a stage go into as many more deals. The best of several quarters "
        "is partly luck: each quarter is drawn to the mean as far as chance explains it (Morris, empirical Bayes), and "
        "the interval of 90 % follows from the errors of both shares and of the money (delta method). Deals still "
        "open in a stage say nothing about it yet."
    ),
    question=BottleneckQuestion,
    answer=answer,
    choices=(
        Choice(
            id="benchmark",
            label=N_("Benchmarks"),
            description=N_("A share or a number of days by step."),
            parse=_benchmark,
            example="add_to_cart=0.12,checkout=0.6",
            write=_written,
        ),
    ),
    dimensions=frozenset({"channel", "market"}),
    icon="hourglass",
)
