"""Attribution: which channels and campaigns brought the orders, by seven models, and what they returned."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from topline.analysis.analysis import Analysis, Choice, Question, matches, whole
from topline.analysis.result import Channel, Chart, Column, Figure, Note, Result, Table, nothing
from topline.analysis.touches import Walks, visits, walks
from topline.metrics.marketing import NO_SPEND
from topline.metrics.metric import Unit, Value, minus, ratio
from topline.metrics.result import Entry
from topline.metrics.sales import contribution_before_marketing
from topline.science import attribution
from topline.science.attribution import MODELS, Paths
from topline.units.missing import Missing
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.metrics.settings import Settings
    from topline.metrics.view import Tables

type Floats = NDArray[np.float64]

BY = {"channel": N_("Channel"), "campaign": N_("Campaign")}
SHOW = {
    "orders": N_("Orders"),
    "revenue": N_("Net sales"),
    "roas": N_("Net sales for each 1 of advertising"),
    "roi": N_("Return on marketing cost"),
}
"""What there is to show; the return, which tells profit, only to who asks for it."""
_UNITS = {"orders": Unit.QUANTITY, "revenue": Unit.MONEY, "roas": Unit.RATIO, "roi": Unit.RATE}
_NONE = Missing("no_touch", N_("direct, or not known"))
_NO_ORDERS = Missing("no_orders", N_("no orders in these days"))
_TOTAL = {"": N_("All")}
_COLUMNS = ("orders", "net_sales", "cost", "delivery")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionQuestion(Question):
    """The period chooses the orders; touches before it count too, up to the window.

    by : what gets the credit
    days : lookback window
    show : what the picture shows
    """

    by: str = "channel"
    days: int = 30
    show: str = "orders"

    @property
    def families(self) -> frozenset[str]:
        return frozenset({"profit"}) if self.show == "roi" else frozenset()


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent on a channel or campaign: on advertising, and on marketing as a whole."""

    ads: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Credited:
    """What each model gives to a channel or campaign: {model: orders, net sales, cost of goods, delivery and fees}.

    label : None for what no touch went before
    """

    label: str | None
    by_model: Mapping[str, Floats]
    spent: Spent

    def plus(self, other: "Credited") -> "Credited":
        by_model = {model: self.by_model[model] + other.by_model[model] for model in MODELS}
        spent = Spent(self.spent.ads + other.spent.ads, self.spent.cost + other.spent.cost)
        return Credited("", by_model, spent)


_NOTHING = Credited("", {model: np.zeros(len(_COLUMNS)) for model in MODELS}, Spent())


def answer(tables: "Tables", question: AttributionQuestion, settings: "Settings") -> Result:
    for fact in ("order_line", "session"):
        if fact in tables.empty:
            return nothing(question, settings, tables.empty[fact])
    seen = visits(tables, question.where, "channel", "campaign")
    label = seen.campaign.fill_null(seen.channel) if question.by == "campaign" else seen.channel
    found = walks(tables, question, settings, [seen.mutate(label=label)], question.days)
    paths, labels = _paths(found, question.by)
    if not paths.outcome[:, 0].any():
        return nothing(question, settings, _NO_ORDERS)
    credited = _credited(attribution.attribute(paths), labels, _spent(tables, question))
    profit = contribution_before_marketing(_cell(found, tables))
    shown = sorted(SHOW, key=lambda id_: id_ != question.show)[: 4 if question.show == "roi" else 3]
    return Result(
        question=question,
        settings=settings,
        sentence=_sentence(question.by, credited, settings.currency),
        tables=tuple(_table(question, id_, credited, profit, id_ == question.show) for id_ in shown),
        notes=tuple(_notes(credited, settings.currency)),
    )


def _paths(found: Walks, by: str) -> tuple[Paths, list[str]]:
    """The paths as the models take them. An order without a visit in the window has its own channel as its touch."""
    linked, orders = found.linked, found.orders
    own: list[str | None] = orders["channel"].to_pylist()
    if by == "campaign":
        own = [name or other for name, other in zip(orders["campaign"].to_pylist(), own, strict=True)]
    length = np.diff(linked.start)
    bare = np.flatnonzero(length == 0)  # all at the end
    known = [own[order] for order in linked.order[bare]]
    labels = list(dict.fromkeys([*found.labels, *(name for name in known if name)]))
    place = {name: i for i, name in enumerate(labels)}
    added = np.array([place[name] for name in known if name], dtype=np.int64)
    length[bare] = [name is not None for name in known]
    amounts = [np.ones(len(orders))] + [
        np.nan_to_num(orders[column].cast(pa.float64()).to_numpy()) for column in _COLUMNS[1:]
    ]
    led_to = linked.order
    outcome = np.zeros((len(led_to), len(_COLUMNS)))
    outcome[led_to >= 0] = np.stack(amounts, axis=1)[led_to[led_to >= 0]]
    return (
        Paths(
            np.concatenate([found.label[linked.touch], added]),
            np.concatenate([[0], np.cumsum(length)]),
            np.concatenate([linked.age_days, np.zeros(len(added))]),
            outcome,
            (led_to < 0).astype(np.float64),
            len(labels),
        ),
        labels,
    )


def _cell(found: Walks, tables: "Tables") -> dict[str, Any]:
    """The sums that profit is made of, over the orders in question; missing where there are no heads of orders."""
    chosen = found.orders.take(found.linked.order[found.linked.order >= 0])
    if "order" in tables.empty:
        return {"cost": tables.empty["order"]}
    sums = {name: sum((n for n in chosen[name].to_pylist() if n), Decimal(0)) for name in _SUMMED}
    delivery = [n for n in chosen["delivery"].to_pylist() if n is not None]
    return sums | {"heads": len(chosen), "unpriced": len(chosen) - len(delivery), "delivery": Decimal(sum(delivery))}


_SUMMED = ("net_sales", "cost", "units", "uncosted_units")


def _spent(tables: "Tables", question: AttributionQuestion) -> dict[str, Spent]:
    if "spend" in tables.empty:
        return {}
    rows: Any = tables.table("spend")
    for condition in question.where:
        rows = rows.filter(matches(rows, condition))
    if question.period:
        rows = rows.filter((rows.on >= question.period.start) & (rows.on < question.period.end))
    if question.as_of:
        rows = rows.filter(rows.on < question.as_of)
    label = rows.campaign.fill_null(rows.channel) if question.by == "campaign" else rows.channel
    rows = rows.mutate(label=label)
    sums = rows.group_by("label").aggregate(
        ads=rows.amount_shop.sum(where=rows.kind == "ads"), cost=rows.amount_shop.sum()
    )
    return {r["label"]: Spent(r["ads"] or Decimal(0), r["cost"] or Decimal(0)) for r in tables.run(sums)}


def _credited(credit: Mapping[str, Floats], labels: Sequence[str], spent: Mapping[str, Spent]) -> list[Credited]:
    """The channels or campaigns, those with most orders by the linear model first, what has no touch last."""
    none = np.zeros(len(_COLUMNS))
    found = [
        Credited(label, {model: credit[model][i] for model in MODELS}, spent.get(label, Spent()))
        for i, label in enumerate(labels)
    ]
    found += [
        Credited(label, dict.fromkeys(MODELS, none), cost) for label, cost in spent.items() if label not in labels
    ]
    found.sort(key=lambda one: (-one.by_model["linear"][0], -one.spent.cost, one.label or ""))
    return [*found, Credited(None, {model: credit[model][-1] for model in MODELS}, Spent())]


def _table(
    question: AttributionQuestion, id_: str, credited: Sequence[Credited], profit: Value, has_chart: bool
) -> Table:
    if id_ == "roas":
        shown = [one for one in credited if one.spent.ads]
    elif id_ == "roi":
        shown = [one for one in credited if one.spent.cost]
    else:
        shown = [one for one in credited if one.label is not None or one.by_model["last"][0]]
    rows = [_row(id_, one, profit) for one in shown]
    total = functools.reduce(Credited.plus, shown, _NOTHING)
    cost = {"roas": N_("Advertising spend"), "roi": N_("Marketing cost")}.get(id_)
    return Table(
        id=id_,
        label=SHOW[id_],
        columns=(
            Column(id="label", label=BY[question.by], names=_TOTAL, dimension=question.by),
            *(Column(id=model, label=attribution.LABELS[model], unit=_UNITS[id_]) for model in MODELS),
            *((Column(id="cost", label=cost, unit=Unit.MONEY),) if cost else ()),
        ),
        rows=[*rows, _row(id_, total, profit) | {"is_total": 1}] if rows else [],
        chart=Chart(kind="columns", across="label", values=tuple(MODELS)) if has_chart else None,
        missing=None if rows else NO_SPEND,
    )


def _row(id_: str, one: Credited, profit: Value) -> dict[str, Entry]:
    row: dict[str, Entry] = {"label": _NONE if one.label is None else one.label}
    for model, (orders, net, cost, delivery) in one.by_model.items():
        match id_:
            case "orders":
                row[model] = round(float(orders), 6)
            case "revenue":
                row[model] = _money(net)
            case "roas":
                row[model] = ratio(_money(net), one.spent.ads, NO_SPEND)
            case _:
                gained = profit if isinstance(profit, Missing) else _money(net - cost - delivery)
                row[model] = ratio(minus(gained, one.spent.cost), one.spent.cost, NO_SPEND)
    if id_ in ("roas", "roi"):
        row["cost"] = one.spent.ads if id_ == "roas" else one.spent.cost
    return row


def _money(amount: float) -> Decimal:
    return Decimal(f"{amount:.6f}")


def _sentence(by: str, credited: Sequence[Credited], currency: str) -> Note:
    first = next((one for one in credited if one.label is not None), credited[0])
    orders = sum(one.by_model["last"][0] for one in credited)
    shares = [one[0] / orders for one in first.by_model.values()]
    if first.label is None:
        return Note("attribution_unknown", N_("Nothing is known of what went before the orders."))
    return Note(
        "attribution",
        N_("Most is owed to %(label)s: %(low)s to %(high)s of %(orders)s orders, depending on the model."),
        {
            "label": Channel(first.label) if by == "channel" else first.label,
            "low": Figure(min(shares), Unit.RATE, currency),
            "high": Figure(max(shares), Unit.RATE, currency),
            "orders": Figure(round(orders), Unit.COUNT, currency),
        },
    )


def _notes(credited: Sequence[Credited], currency: str) -> Sequence[Note]:
    orders = sum(one.by_model["last"][0] for one in credited)
    share = credited[-1].by_model["last"][0] / orders
    if not share:
        return ()
    text = N_("%(share)s of the orders have no touch in the window that is known; no channel gets them.")
    return (Note("no_touch", text, {"share": Figure(share, Unit.RATE, currency)}),)


ANALYSIS = Analysis(
    id="attribution",
    label=N_("Attribution"),
    description=N_("Which channels and campaigns brought the orders, by seven models, and what did they return?"),
    method=N_(
        "The path of an order is the visits of its buyer since the order before, as far back as the window reaches; "
        "who signs in is the same person before. An order without such a visit has its own channel as its only touch. "
        "First and last touch take all; linear shares equally; position gives 40 % to each end; time decay halves "
        "with every 7 days before the order; Markov weighs a channel by the orders that would be lost without it, in "
        "a chain of touches that counts paths without an order too; Shapley is the mean gain over all ways to add "
        "channels, by the orders of those who touched no others. Whatever the model, the parts sum to the orders that "
        "there were. Net sales are less what came back by now; returns take cost of goods, delivery and fees off as "
        "well."
    ),
    question=AttributionQuestion,
    answer=answer,
    choices=(
        Choice(id="by", label=N_("By"), options=BY),
        Choice(id="show", label=N_("Show"), options=SHOW),
        Choice(id="days", label=N_("Lookback window, days"), parse=whole(1, 365), example="30"),
    ),
    dimensions=frozenset({"market"}),
    icon="arrows-split",
)
