"""Days between orders: how long customers take to come back, and by what they bought."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from topline.analysis.analysis import Analysis, Choice, Question
from topline.analysis.result import Cell, Chart, Column, Figure, Note, Result, Table, nothing
from topline.metrics.dimension import LINE, TIME
from topline.metrics.metric import Unit
from topline.metrics.query import Query
from topline.metrics.view import View
from topline.units.missing import Missing
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.metrics.settings import Settings
    from topline.metrics.view import Tables

BY = {"category": N_("Category"), "channel": N_("Channel"), "market": N_("Market"), "brand": N_("Brand")}
UPPER = (0, 7, 14, 30, 60, 90, 180, 365)
"""The last day of each class; the last class is open."""

_NO_GAPS = Missing("no_repeat_orders", N_("nobody ordered twice"))


@dataclass(frozen=True, slots=True, kw_only=True)
class GapQuestion(Question):
    """The period and the filters choose the later order of each pair; the order before it may be of any day.

    by : what the later order is told apart by
    """

    by: str = "category"


def answer(tables: "Tables", question: GapQuestion, settings: "Settings") -> Result:
    if "order_line" in tables.empty:
        return nothing(question, settings, tables.empty["order_line"])
    asked = Query(metrics=("days_between_orders",), period=question.period, where=question.where, as_of=question.as_of)
    view = View(tables, asked, settings)
    own = _pairs(view, ())
    whole = tables.run(own.aggregate(**_figures(own)))[0]
    if not whole["pairs"]:
        return nothing(question, settings, _NO_GAPS)
    classes = tables.run(_classed(own))
    shown = [_whole_table(whole), _class_table(classes, whole["pairs"])]
    if question.by in ("category", "brand") and "product" in tables.empty:
        shown.append(_by_table(question, [], tables.empty["product"]))
    else:
        rows = _pairs(view, (question.by,))
        shown.append(_by_table(question, tables.run(rows.group_by(question.by).aggregate(**_figures(rows)))))
    params = {
        "median": Figure(whole["median"], Unit.DAYS, settings.currency),
        "low": Figure(whole["low"], Unit.DAYS, settings.currency),
        "high": Figure(whole["high"], Unit.DAYS, settings.currency),
    }
    text = N_(
        "Half of the customers who come back do so within %(median)s; the middle half between %(low)s and %(high)s."
    )
    note = N_(
        "Only pairs of orders count: who has not come back yet is not in these figures, which therefore look short."
    )
    return Result(
        question=question,
        settings=settings,
        sentence=Note("gaps", text, params),
        tables=tuple(shown),
        notes=(Note("censored", note),),
    )


def _pairs(view: View, by: tuple[str, ...]) -> Any:
    """One row an order that has one before it, and value of `by` in it: customer, order_key, gap in days."""
    rows: Any = view.rows("person", by)
    if "gap_days" in rows.columns:
        rows = rows.filter(rows.gap_days.notnull())
        pairs = rows.select("customer", "order_key", *by, gap=rows.gap_days)
        return pairs if "is_plain" in rows.columns else pairs.distinct()
    return rows.select("customer", "order_key", *by).distinct().inner_join(_gaps(view), ["customer", "order_key"])


def _gaps(view: View) -> Any:
    """One row an order that has one before it: customer, order_key, gap in days."""
    import ibis

    everything: Any = view.everything("buyer")
    orders = everything.group_by("customer", "order_key").aggregate(
        on=everything.day.min(), moment=everything["at"].min()
    )
    window = ibis.window(group_by=orders.customer, order_by=[orders.on, orders.moment, orders.order_key])
    orders = orders.mutate(before=orders.on.lag().over(window))
    orders = orders.filter(orders.before.notnull())
    return orders.select("customer", "order_key", gap=orders.on.delta(orders.before, unit="day"))


def _figures(rows: Any) -> dict[str, Any]:
    return {
        "pairs": rows.count(),
        "customers": rows.customer.nunique(),
        "median": rows.gap.median(),
        "low": rows.gap.quantile(0.25),
        "high": rows.gap.quantile(0.75),
        "mean": rows.gap.mean(),
    }


def _classed(rows: Any) -> Any:
    """The pairs by class: how many upper bounds a gap is above."""
    place = sum((rows.gap > bound).cast("int32") for bound in UPPER)
    rows = rows.mutate(place=place)
    return rows.group_by("place").aggregate(pairs=rows.count())


def _columns() -> tuple[Column, ...]:
    return (
        Column(id="pairs", label=N_("Repeat orders"), unit=Unit.COUNT),
        Column(id="customers", label=N_("Customers"), unit=Unit.COUNT),
        Column(id="median", label=N_("Median"), unit=Unit.DAYS),
        Column(id="low", label=N_("A quarter within"), unit=Unit.DAYS),
        Column(id="high", label=N_("Three quarters within"), unit=Unit.DAYS),
        Column(id="mean", label=N_("Mean"), unit=Unit.DAYS),
    )


def _whole_table(record: dict[str, Any]) -> Table:
    return Table(id="whole", label=N_("Days to the next order"), columns=_columns(), rows=[record])


def _class_table(records: list[dict[str, Any]], pairs: int) -> Table:
    counts = {record["place"]: record["pairs"] for record in records}
    rows: list[dict[str, Cell]] = []
    sofar = 0
    for place in range(len(UPPER) + 1):
        sofar += counts.get(place, 0)
        rows.append({"days": str(place), "pairs": counts.get(place, 0), "sofar": sofar / pairs})
    names = {"0": N_("the same day"), "1": "1–7"}
    names |= {str(i): f"{UPPER[i - 1] + 1}–{UPPER[i]}" for i in range(2, len(UPPER))}
    names[str(len(UPPER))] = f"> {UPPER[-1]}"
    return Table(
        id="classes",
        label=N_("How long it takes"),
        columns=(
            Column(id="days", label=N_("Days since the order before"), names=names),
            Column(id="pairs", label=N_("Repeat orders"), unit=Unit.COUNT),
            Column(id="sofar", label=N_("So far"), unit=Unit.RATE),
        ),
        rows=rows,
        chart=Chart(kind="columns", across="days", values=("pairs",)),
    )


def _by_table(question: GapQuestion, records: list[dict[str, Any]], missing: Missing | None = None) -> Table:
    unknown = Missing(f"no_{question.by}", N_("not known"))
    ordered = sorted(records, key=lambda record: (-record["pairs"], str(record[question.by])))
    rows = [{"value": unknown if record[question.by] is None else record[question.by], **record} for record in ordered]
    return Table(
        id="by",
        label=N_("By what came back"),
        columns=(Column(id="value", label=BY[question.by], dimension=question.by), *_columns()),
        rows=rows,
        missing=missing,
        chart=Chart(kind="bars", across="value", values=("median",)),
    )


ANALYSIS = Analysis(
    id="order_gaps",
    label=N_("Days between orders"),
    description=N_("How long do customers take to come back, and for what?"),
    method=N_(
        "Each counted order of a known customer is paired with their order before it; the days between the two count "
        "on the later one. By category an order counts once in each category that it holds. Quartiles are interpolated."
    ),
    question=GapQuestion,
    answer=answer,
    choices=(Choice(id="by", label=N_("By"), options=BY),),
    dimensions=LINE - TIME - {"customer"},
    icon="calendar-repeat",
)
