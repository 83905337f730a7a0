"""Action fronts and their actions: what ties facts to them, and so what they bring.

An action's facts are those of its days that carry one of its campaigns, its UTM campaign or one of its coupon codes,
the messages of its flow and the leads of its form.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.metrics.query import Filter
from topline.plans.figures import NOT_YET, Reader
from topline.plans.models import Entry
from topline.plans.outline import STAGES, STEPS
from topline.units.missing import Missing
from topline.units.period import Period
from topline.units.text import N_

NOT_TIED = Missing(
    "not_tied", N_("not tied to facts: give it a campaign, a UTM campaign, a coupon code, a flow or a form")
)
NO_METRIC = Missing("no_metric", N_("say by which metric it is measured"))
NOT_CUT = Missing("not_cut", N_("this metric is not known by what the action is tied by"))
NO_RETURN = Missing("no_return", N_("its return needs spend and cost of goods"))

ROI = ("contribution_before_marketing", "net_sales")


@dataclass(frozen=True, slots=True)
class Action:
    """An action with its live result.

    expected, actual : in `metric`'s unit; budget, spent : in the plan's currency; roi : contribution before marketing
        over what was spent, less one
    """

    key: str
    name: str
    front: str
    stage: str
    channel: str
    cells: Mapping[str, Any]
    metric: str
    unit: str
    expected: Decimal | None
    actual: object
    budget: Decimal | None
    spent: object
    roi: object


@dataclass(frozen=True, slots=True)
class Front:
    """A front with its live result; `flags` are what it lacks."""

    key: str
    name: str
    goal: str
    focus: str
    channels: tuple[str, ...]
    owner: int | None
    budget: Decimal | None
    metric: str
    unit: str
    spent: object
    result: object
    roi: object
    actions: tuple[Action, ...]
    flags: tuple[str, ...]

    @property
    def planned(self) -> Decimal:
        """The budgets of its actions."""
        return sum((one.budget or Decimal(0) for one in self.actions), Decimal(0))


@dataclass(frozen=True, slots=True)
class Square:
    """A cell of the matrix: the actions of a stage in a channel, with their sums."""

    stage: str
    channel: str
    actions: tuple[Action, ...]

    @property
    def budget(self) -> Decimal:
        return sum((one.budget or Decimal(0) for one in self.actions), Decimal(0))

    @property
    def spent(self) -> Decimal | None:
        known = [one.spent for one in self.actions if isinstance(one.spent, Decimal)]
        return sum(known, Decimal(0)) if known else None


@dataclass(frozen=True, slots=True)
class Matrix:
    """Stage by channel; channels None stands for actions that name none.

    empty_stages : without an action; unfunded : channels of fronts or actions without a budget
    """

    channels: tuple[str, ...]
    squares: Mapping[tuple[str, str], Square]
    empty_stages: tuple[str, ...]
    unfunded: tuple[str, ...]
    is_empty: bool


def seen(reader: Reader, cells: Mapping[str, Any]) -> Period | None:
    """The days of an action that are over; without days of its own, the plan's. None if none is."""
    plan = reader.version.plan.period
    first = date.fromisoformat(cells["starts_on"]) if cells.get("starts_on") else plan.start
    end = date.fromisoformat(cells["ends_on"]) + timedelta(days=1) if cells.get("ends_on") else plan.end
    end = min(end, reader.today)
    return Period(first, end) if first < end else None


def campaigns(cells: Mapping[str, Any]) -> tuple[str, ...]:
    """The campaigns that facts know an action by: its ids, and that of its UTM."""
    utm = str(cells.get("utm") or "").lstrip("?")
    named = parse_qs(utm).get("utm_campaign", []) if "=" in utm else [utm] if utm else []
    return tuple(dict.fromkeys([*(cells.get("campaigns") or []), *named]))


def ties(cells: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """By dimension the values that facts of an action carry; none of a dimension that it isn't tied by."""
    found = {
        "campaign": campaigns(cells),
        "coupon": tuple(cells.get("coupons") or ()),
        "flow": _names(cells.get("flow")),
        "form": _names(cells.get("form")),
    }
    return {dimension: values for dimension, values in found.items() if values}


def _names(link: object) -> tuple[str, ...]:
    """What facts may call a flow or a form by its link: the link, its path, and the last part of that."""
    if not link:
        return ()
    path = urlsplit(str(link)).path.rstrip("/")
    return tuple(dict.fromkeys(filter(None, (str(link), path, path.rpartition("/")[2]))))


def tied(reader: Reader, metric: str, by: Mapping[str, Sequence[str]], period: Period) -> object:
    """A metric's value of all facts together that carry one of the values of any dimension, each fact once."""
    dims = metrics()[metric].dimensions
    if not by:
        return NOT_TIED
    filters = tuple(Filter(name, tuple(values)) for name, values in by.items() if name in dims)
    return reader.value(metric, period, either=filters) if filters else NOT_CUT


def actions(reader: Reader) -> list[Action]:
    """The plan's actions, in their order."""
    return [_action(reader, row) for row in reader.version.entries.rows("8.actions")]


def _action(reader: Reader, row: Entry) -> Action:
    said = row.cells
    period, metric = seen(reader, said), said.get("metric", "")
    actual: object = NO_METRIC
    spent: object = NOT_YET
    roi: object = NOT_YET
    if period is None:
        actual = NOT_YET
    else:
        by = ties(said)
        actual = tied(reader, metric, by, period) if metric else NO_METRIC
        spent = tied(reader, "spend", by, period)
        roi = _roi(tied(reader, "contribution_before_marketing", by, period), spent)
    return Action(
        key=row.key,
        name=said.get("name", ""),
        front=said.get("front", ""),
        stage=said.get("stage", ""),
        channel=said.get("channel", ""),
        cells=said,
        metric=metric,
        unit=metrics()[metric].unit if metric else Unit.COUNT,
        expected=_amount(said.get("expected")),
        actual=actual,
        budget=_amount(said.get("budget")),
        spent=spent,
        roi=roi,
    )


def _roi(gained: object, spent: object) -> object:
    if isinstance(gained, Missing):
        return gained
    if not isinstance(spent, Decimal) or not spent:
        return NO_RETURN
    return float(gained / spent) - 1  # type: ignore[operator]


def _amount(text: object) -> Decimal | None:
    return Decimal(str(text)) if text not in (None, "") else None


def fronts(reader: Reader) -> list[Front]:
    """The plan's fronts with their actions, in their order."""
    by_front: dict[str, list[Action]] = defaultdict(list)
    for one in actions(reader):
        by_front[one.front].append(one)
    return [_front(reader, row, by_front[row.key]) for row in reader.version.entries.rows("8.fronts")]


def _front(reader: Reader, row: Entry, own: Sequence[Action]) -> Front:
    said = row.cells
    metric, channels = said.get("kpi", ""), tuple(said.get("channels") or ())
    period = seen(reader, {})
    spent: object = NOT_YET
    result: object = NOT_YET if metric else NO_METRIC
    roi: object = NOT_YET
    if period is not None:
        together: dict[str, list[str]] = defaultdict(list)
        for one in own:
            for dimension, values in ties(one.cells).items():
                together[dimension] += values
        spent = _of_front(reader, "spend", together, channels, period)
        result = _of_front(reader, metric, together, channels, period) if metric else NO_METRIC
        roi = _roi(_of_front(reader, "contribution_before_marketing", together, channels, period), spent)
    flags = []
    if not said.get("owner"):
        flags.append(N_("nobody owns it"))
    if not said.get("budget"):
        flags.append(N_("it has no budget"))
    if not own:
        flags.append(N_("it has no action"))
    if not said.get("goal"):
        flags.append(N_("it serves no goal"))
    budget = _amount(said.get("budget"))
    if budget is not None and sum((one.budget or Decimal(0) for one in own), Decimal(0)) > budget:
        flags.append(N_("its actions cost more than its budget"))
    return Front(
        key=row.key,
        name=said.get("name", ""),
        goal=said.get("goal", ""),
        focus=said.get("focus", ""),
        channels=channels,
        owner=said.get("owner"),
        budget=budget,
        metric=metric,
        unit=metrics()[metric].unit if metric else Unit.COUNT,
        spent=spent,
        result=result,
        roi=roi,
        actions=tuple(own),
        flags=tuple(flags),
    )


def _of_front(
    reader: Reader, metric: str, together: Mapping[str, Sequence[str]], channels: Sequence[str], period: Period
) -> object:
    """By what its actions are tied by; while none is tied, by its channels."""
    found = tied(reader, metric, together, period)
    if found is NOT_TIED and channels and "channel" in metrics()[metric].dimensions:
        return reader.value(metric, period, (Filter("channel", tuple(channels)),))
    return found


def matrix(reader: Reader) -> Matrix:
    """Top, middle and bottom of the funnel by channel, made of the actions."""
    of_fronts, every = fronts(reader), actions(reader)
    squares: dict[tuple[str, str], list[Action]] = defaultdict(list)
    for one in every:
        if one.stage:
            squares[one.stage, one.channel].append(one)
    named = [*(channel for front in of_fronts for channel in front.channels), *(one.channel for one in every)]
    channels = tuple(dict.fromkeys(channel for channel in named if channel))
    if any(not one.channel and one.stage for one in every):
        channels = (*channels, "")
    funded = {one.channel for one in every if one.budget}
    funded |= {channel for front in of_fronts if front.budget for channel in front.channels}
    return Matrix(
        channels=channels,
        squares={place: Square(*place, tuple(found)) for place, found in squares.items()},
        empty_stages=tuple(stage for stage in STAGES if not any(one.stage == stage for one in every)),
        unfunded=tuple(channel for channel in channels if channel and channel not in funded),
        is_empty=not of_fronts and not every,
    )


@dataclass(frozen=True, slots=True)
class Journey:
    """A persona's planned way to the sale: what meets them at each step, and the steps where nothing does."""

    key: str
    persona: str
    steps: Mapping[str, tuple[Mapping[str, Any], ...]]

    @property
    def gaps(self) -> tuple[str, ...]:
        return tuple(step for step, found in self.steps.items() if not found)


def journeys(reader: Reader) -> list[Journey]:
    """Of each persona, from not knowing the shop to the sale."""
    rows = [row.cells for row in reader.version.entries.rows("4.journey")]
    return [
        Journey(
            row.key,
            row.cells.get("name", ""),
            {
                step: tuple(one for one in rows if one.get("persona") == row.key and one.get("step") == step)
                for step in STEPS
            },
        )
        for row in reader.version.entries.rows("4.personas")
    ]
