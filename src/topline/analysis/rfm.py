"""RFM: customers by how recently, how often and for how much they bought, in segments with a name."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from topline.analysis.analysis import Analysis, Choice, Question, whole
from topline.analysis.result import Cell, Chart, Column, Figure, Note, Result, Table, nothing
from topline.metrics.customers import people_behind
from topline.metrics.dimension import LINE, TIME
from topline.metrics.metric import Unit
from topline.metrics.query import Query
from topline.metrics.sales import NET, orders_of
from topline.metrics.view import View
from topline.units.missing import Missing
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.metrics.settings import Settings
    from topline.metrics.view import Tables

SCORES = 5
SEGMENTS = {
    "champions": N_("Champions"),
    "loyal": N_("Loyal customers"),
    "potential": N_("Potential loyalists"),
    "new": N_("New customers"),
    "promising": N_("Promising"),
    "attention": N_("Need attention"),
    "about_to_sleep": N_("About to sleep"),
    "cant_lose": N_("Can't lose them"),
    "at_risk": N_("At risk"),
    "hibernating": N_("Hibernating"),
}
"""In the order of a customer's life."""

ADVICE = {
    "champions": N_("Bought lately and often: reward them, show them what is new first."),
    "loyal": N_("Come back often: offer what goes with what they have."),
    "potential": N_("Bought lately and more than once: invite them into a programme."),
    "new": N_("First order just now: welcome them, explain what they bought."),
    "promising": N_("One order some time ago: a reason for a second."),
    "attention": N_("In the middle of everything: an offer limited in time."),
    "about_to_sleep": N_("Slipping away: remind them of what they looked at."),
    "cant_lose": N_("Bought most often, but not lately: call or write in person."),
    "at_risk": N_("Bought often, long ago: win them back."),
    "hibernating": N_("Long ago and seldom: a last try, then leave them in peace."),
}
_GRID = (
    # recency 1, 2, 3, 4, 5 downwards; frequency 1, 2, 3, 4, 5 across
    ("hibernating", "hibernating", "at_risk", "at_risk", "cant_lose"),
    ("hibernating", "hibernating", "at_risk", "at_risk", "cant_lose"),
    ("about_to_sleep", "about_to_sleep", "attention", "loyal", "loyal"),
    ("promising", "potential", "potential", "loyal", "loyal"),
    ("new", "potential", "potential", "champions", "champions"),
)
_NOBODY = Missing("no_customers", N_("no customers known by name in these days; guests can't be told apart"))


def segment(recency: int, frequency: int) -> str:
    """The segment of two scores from 1 (long ago, seldom) to 5. Source: the RFM grid in common use (Putler)."""
    return _GRID[recency - 1][frequency - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class RfmQuestion(Question):
    """The period and the filters choose the orders that count; recency is measured to the period's last known day.

    only : the segment to list customers of, "" for all
    limit : customers to list, the largest first
    """

    only: str = ""
    limit: int = 200


def answer(tables: "Tables", question: RfmQuestion, settings: "Settings") -> Result:
    import ibis

    if "order_line" in tables.empty:
        return nothing(question, settings, tables.empty["order_line"])
    asked = Query(metrics=("customers",), period=question.period, where=question.where, as_of=question.as_of)
    view = View(tables, asked, settings)
    if view.period is None:
        return nothing(question, settings, _NOBODY)
    people: Any = ibis.memtable(tables.arrow(_scored(view)))  # asked twice, and long to make
    grid = tables.run(
        people.group_by("recency", "frequency").aggregate(customers=people.count(), net_sales=people.net_sales.sum())
    )
    if not grid:
        return nothing(question, settings, _NOBODY)
    listed = people
    if question.only:
        wanted = [(r, f) for r in range(1, 6) for f in range(1, 6) if segment(r, f) == question.only]
        listed = people.filter((people.recency * 10 + people.frequency).isin([r * 10 + f for r, f in wanted]))
    listed = listed.order_by(listed.net_sales.desc(), listed.customer).limit(question.limit)
    segments = _segments(grid)
    return Result(
        question=question,
        settings=settings,
        sentence=_sentence(segments, settings),
        tables=(_segment_table(segments), _grid_table(grid), _list_table(tables.run(listed))),
    )


def _scored(view: View) -> Any:
    """One row a customer: days since the last order, orders, net sales, and the three scores.

    A score is the fifth of the customers that a value falls into. Equal values have equal scores: the most recent day
    has 5, the fewest orders and the smallest sum have 1.
    """
    import ibis

    assert view.period is not None  # noqa: S101 - `answer` looked
    bought: Any = view.rows("person", ())
    people = bought.group_by("customer").aggregate(
        first_on=bought.day.min(), last_on=bought.day.max(), orders=orders_of(bought)
    )
    names = people_behind(view, bought, ())
    if names is not None:
        people = people.inner_join(names, people.customer == names.number)
        people = people.select("first_on", "last_on", "orders", customer="person")
    paid: Any = view.rows("counted", ("customer",))
    paid = paid.filter(paid.customer.notnull())
    sums = paid.group_by(payer=paid.customer).aggregate(net=NET.value(paid))
    people = people.left_join(sums, people.customer == sums.payer)
    people = people.mutate(
        net_sales=people.net.fill_null(0),
        days=ibis.literal(view.period.last).delta(people.last_on, unit="day"),
    ).drop("payer", "net")

    def score(column: Any) -> Any:
        share = ibis.percent_rank().over(order_by=column)
        return ibis.least((share * SCORES).floor().cast("int32") + 1, SCORES)

    return people.mutate(
        recency=SCORES + 1 - score(people.days), frequency=score(people.orders), monetary=score(people.net_sales)
    )


def _segments(grid: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The sums of each segment that somebody is in, in their order."""
    found: dict[str, dict[str, Any]] = {}
    for cell in grid:
        into = found.setdefault(segment(cell["recency"], cell["frequency"]), {})
        for id_ in ("customers", "net_sales"):
            into[id_] = into.get(id_, 0) + cell[id_]
    return {id_: found[id_] for id_ in SEGMENTS if id_ in found}


def _segment_table(segments: Mapping[str, Mapping[str, Any]]) -> Table:
    people = sum(sums["customers"] for sums in segments.values())
    sales = sum(sums["net_sales"] for sums in segments.values())
    rows: list[dict[str, Cell]] = [
        {
            "segment": id_,
            "customers": sums["customers"],
            "share": sums["customers"] / people,
            "net_sales": Decimal(sums["net_sales"]),
            "sales_share": float(sums["net_sales"] / sales) if sales else None,
            "each": Decimal(sums["net_sales"]) / sums["customers"],
            "advice": id_,
        }
        for id_, sums in segments.items()
    ]
    return Table(
        id="segments",
        label=N_("Segments"),
        columns=(
            Column(id="segment", label=N_("Segment"), names=SEGMENTS),
            Column(id="customers", label=N_("Customers"), unit=Unit.COUNT),
            Column(id="share", label=N_("Share of customers"), unit=Unit.RATE),
            Column(id="net_sales", label=N_("Net sales"), unit=Unit.MONEY),
            Column(id="sales_share", label=N_("Share of net sales"), unit=Unit.RATE),
            Column(id="each", label=N_("Net sales per customer"), unit=Unit.MONEY),
            Column(id="advice", label=N_("What to do"), names=ADVICE),
        ),
        rows=rows,
        chart=Chart(kind="bars", across="segment", values=("share", "sales_share")),
    )


def _grid_table(grid: list[dict[str, Any]]) -> Table:
    ordered = sorted(grid, key=lambda cell: (-cell["recency"], cell["frequency"]))
    return Table(
        id="grid",
        label=N_("Customers by recency and frequency"),
        columns=(
            Column(id="recency", label=N_("Recency score"), unit=Unit.COUNT),
            Column(id="frequency", label=N_("Frequency score"), unit=Unit.COUNT),
            Column(id="number", label=N_("Customers"), unit=Unit.COUNT),
            Column(id="net_sales", label=N_("Net sales"), unit=Unit.MONEY),
        ),
        rows=[
            {
                "recency": cell["recency"],
                "frequency": cell["frequency"],
                "number": cell["customers"],
                "net_sales": cell["net_sales"],
            }
            for cell in ordered
        ],
        chart=Chart(kind="heatmap", across="frequency", down="recency", values=("number",)),
    )


def _list_table(people: list[dict[str, Any]]) -> Table:
    rows: list[dict[str, Cell]] = [
        {
            "customer": person["customer"],
            "segment": segment(person["recency"], person["frequency"]),
            "scores": f"{person['recency']}{person['frequency']}{person['monetary']}",
            "orders": person["orders"],
            "net_sales": person["net_sales"],
            "first_on": person["first_on"],
            "last_on": person["last_on"],
            "days": person["days"],
        }
        for person in people
    ]
    return Table(
        id="customers",
        label=N_("Customers"),
        columns=(
            Column(id="customer", label=N_("Customer"), dimension="customer"),
            Column(id="segment", label=N_("Segment"), names=SEGMENTS),
            Column(id="scores", label=N_("R F M")),
            Column(id="orders", label=N_("Orders"), unit=Unit.COUNT),
            Column(id="net_sales", label=N_("Net sales"), unit=Unit.MONEY),
            Column(id="first_on", label=N_("First order"), dimension="day"),
            Column(id="last_on", label=N_("Last order"), dimension="day"),
            Column(id="days", label=N_("Days since then"), unit=Unit.COUNT),
        ),
        rows=rows,
        is_personal=True,
    )


def _sentence(segments: Mapping[str, Mapping[str, Any]], settings: "Settings") -> Note:
    people = sum(sums["customers"] for sums in segments.values())
    sales = sum(sums["net_sales"] for sums in segments.values())
    best = max(segments, key=lambda id_: segments[id_]["net_sales"])
    params: dict[str, object] = {
        "customers": Figure(people, Unit.COUNT, settings.currency),
        "segment": SEGMENTS[best],
        "people": Figure(segments[best]["customers"] / people, Unit.RATE, settings.currency),
    }
    if sales <= 0:
        return Note("rfm", N_("%(customers)s customers bought."), params)
    params["sales"] = Figure(float(segments[best]["net_sales"] / sales), Unit.RATE, settings.currency)
    return Note(
        "rfm_best",
        N_("%(customers)s customers bought. “%(segment)s”: %(people)s of them, %(sales)s of net sales."),
        params,
    )


ANALYSIS = Analysis(
    id="rfm",
    label=N_("Recency, frequency, value"),
    description=N_("Who are the best customers, who is slipping away, and what is each group worth?"),
    method=N_(
        "Each customer with a counted order in the period gets three scores from 1 to 5: how recent the last order is, "
        "how many orders there were, and their net sales. A score is the fifth of the customers that a value falls "
        "into; equal values have equal scores. Recency and frequency together name the segment. Guests are out."
    ),
    question=RfmQuestion,
    answer=answer,
    choices=(
        Choice(id="only", label=N_("List"), options={"": N_("all customers")} | SEGMENTS),
        Choice(id="limit", label=N_("Customers to list"), parse=whole(1, 100_000), example="200"),
    ),
    dimensions=LINE - TIME - {"customer"},
    icon="users",
)
