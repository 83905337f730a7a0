"""Cohorts: customers by their first order, and what they do in the months after it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from topline.analysis.analysis import Analysis, Choice, Question, whole
from topline.analysis.result import Chart, Column, Figure, Note, Result, Table, nothing
from topline.facts.order_line import Kind
from topline.metrics.dimension import LINE, TIME
from topline.metrics.metric import Unit, Value, ratio
from topline.metrics.query import Query
from topline.metrics.result import Entry
from topline.metrics.sales import COST, NET, UNCOSTED, UNITS, gross_profit
from topline.metrics.view import View
from topline.units.missing import Missing
from topline.units.period import add_months
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.metrics.settings import Settings
    from topline.metrics.view import Tables

MEASURES = {
    "retention": N_("Customers who bought again"),
    "customers": N_("Active customers"),
    "orders": N_("Orders"),
    "net_sales": N_("Net sales"),
    "gross_profit": N_("Gross profit"),
}
_UNITS = {
    "retention": Unit.RATE,
    "customers": Unit.COUNT,
    "orders": Unit.COUNT,
    "net_sales": Unit.MONEY,
    "gross_profit": Unit.MONEY,
}
BY = {
    "month": N_("Month of the first order"),
    "channel": N_("Channel of the first order"),
    "market": N_("Market of the first order"),
    "category": N_("Category that the first order was mostly about"),
    "discount": N_("Whether the first order had a discount"),
}
DISCOUNT = {"yes": N_("With a discount"), "no": N_("Without a discount")}
_NOBODY = Missing("no_new_customers", N_("no new customers known by name in these days"))
_NO_CATEGORIES = Missing("no_products", N_("no products, so no categories"))
_SUMS = ("active", "orders", "net_sales", "cost", "units", "uncosted_units")


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortQuestion(Question):
    """The period and the filters choose the customers by their first order; what they do later counts in full.

    per : `cohort` for sums, `customer` for the sum over the cohort's customers
    course : `month` for each month apart, `cumulative` for all months up to it; people don't add up over months
    ages : months after the first order to show
    """

    by: str = "month"
    measure: str = "retention"
    per: str = "cohort"
    course: str = "month"
    ages: int = 24

    @property
    def families(self) -> frozenset[str]:
        return frozenset({"profit"}) if self.measure == "gross_profit" else frozenset()

    @property
    def is_money(self) -> bool:
        return self.measure in ("net_sales", "gross_profit")

    @property
    def is_cumulative(self) -> bool:
        return self.course == "cumulative" and (self.is_money or self.measure == "orders")


type _Sizes = Mapping[tuple[Any, int], int]
"""How many customers are of a cohort and first month."""

type _Cells = dict[tuple[Entry | None, int, int], dict[str, Any]]
"""Sums of the customers of a cohort and first month at an age: (cohort, first month, age)."""


def answer(tables: "Tables", question: CohortQuestion, settings: "Settings") -> Result:
    for fact in ("order_line", *(("product",) if question.by == "category" else ())):
        if fact in tables.empty:
            return nothing(question, settings, tables.empty[fact])
    asked = Query(metrics=("new_customers",), period=question.period, where=question.where, as_of=question.as_of)
    view = View(tables, asked, settings)
    sizes, cells = _counted(view, question)
    if not sizes or tables.extent is None:
        return nothing(question, settings, _NOBODY)
    if question.is_money:
        _add_sales(view, question, cells)
    end = min(tables.extent.end, question.as_of or date.max)
    rows = list(_rows(question, sizes, cells, end))
    alls = list(_rows(question, _merged_sizes(sizes), _merged(cells), end))
    return Result(
        question=question,
        settings=settings,
        sentence=_sentence(question, settings, alls),
        tables=(_table(question, rows), _ages(question, alls)),
        notes=_notes(rows),
    )


def _month(day: Any) -> Any:
    """Months since the year 0: a whole number that differs by one from month to month."""
    return (day.year().cast("int32") * 12 + day.month().cast("int32") - 1).cast("int32")


def _firsts(view: View, question: CohortQuestion) -> Any:
    """One row a customer whose first order is in question: customer, its month, its cohort."""
    import ibis

    bought: Any = view.everything("buyer")
    firsts = bought.group_by("customer").aggregate(first_day=bought.day.min(), first_at=bought["at"].min())
    period = view.query.period
    if period:
        firsts = firsts.filter((firsts.first_day >= period.start) & (firsts.first_day < period.end))
    if question.where or question.by != "month":
        orders: Any = view.rows("buyer", ("channel", "market") if question.by in ("channel", "market") else ())
        orders = orders.inner_join(firsts, [orders.customer == firsts.customer, orders["at"] == firsts.first_at])
        found = {name: orders[name].min() for name in ("channel", "market") if name in orders.columns}
        orders = orders.group_by("customer", "first_day").aggregate(order_key=orders.order_key.min(), **found)
        firsts = _with_cohort(view, orders, question.by)
    else:
        firsts = firsts.mutate(cohort=ibis.null("string"))
    firsts = firsts.select("customer", "cohort", first=_month(firsts.first_day))
    return firsts.mutate(cohort=firsts.first.cast("string")) if question.by == "month" else firsts


def _with_cohort(view: View, orders: Any, by: str) -> Any:
    import ibis

    if by in ("channel", "market"):
        return orders.mutate(cohort=orders[by])
    if by == "month":
        return orders.mutate(cohort=ibis.null("string"))
    lines: Any = view.tables.table("order_line")
    if by == "discount":
        reduced = lines.filter(lines.kind == Kind.DISCOUNT.value).select(reduced_key="order_key").distinct()
        joined = orders.left_join(reduced, orders.order_key == reduced.reduced_key)
        return joined.mutate(cohort=joined.reduced_key.notnull().ifelse("yes", "no")).drop("reduced_key")
    lines = lines.filter(lines.kind == Kind.GOODS_SOLD.value)
    products: Any = view.tables.table("product")
    lines = lines.select("order_key", "product_key", "amount_shop").inner_join(
        products.select("product_key", "category"), "product_key"
    )
    lines = lines.semi_join(orders, "order_key")
    lines = lines.group_by("order_key", "category").aggregate(amount=lines.amount_shop.sum())
    ranked = lines.mutate(
        place=ibis.row_number().over(group_by="order_key", order_by=[ibis.desc("amount"), "category"])
    )
    main = ranked.filter(ranked.place == 0).select(main_key="order_key", cohort="category")
    return orders.left_join(main, orders.order_key == main.main_key).drop("main_key")


def _counted(view: View, question: CohortQuestion) -> tuple[_Sizes, _Cells]:
    """How many customers each cohort and first month has, and who and what was there at each age."""
    bought: Any = None
    if question.by == "month" and not question.where:
        bought = _numbered(view)
    if bought is None:
        firsts = _firsts(view, question).rename(known="customer")
        bought = view.everything("buyer")
        bought = bought.inner_join(firsts, bought.customer == firsts.known)
        bought = bought.mutate(age=_month(bought.day) - bought["first"])
        values = {"active": bought.customer.nunique(), "orders": bought.order_key.nunique()}
    else:
        values = {"active": bought.people.sum(), "orders": bought.orders.sum()}
    cells: _Cells = defaultdict(dict)
    for record in view.tables.run(bought.group_by("cohort", "first", "age").aggregate(**values)):
        cells[record["cohort"], record["first"], record["age"]] = {id_: record[id_] for id_ in values}
    return {(cohort, first): sums["active"] for (cohort, first, age), sums in cells.items() if age == 0}, cells


def _numbered(view: View) -> Any | None:
    """How many `people` ordered, and how many `orders`, by the month of the first; None where that is not counted."""
    found = view.purchases(frozenset())
    rows: Any = found.returns if found else None
    if rows is None:
        return None
    period, as_of = view.query.period, view.query.as_of
    if period:
        rows = rows.filter((rows.first_day >= period.start) & (rows.first_day < period.end))
    rows = rows.filter(rows.day < as_of) if as_of else rows
    first = _month(rows.first_day)
    return rows.mutate(first=first, cohort=first.cast("string"), age=_month(rows.day) - first)


def _add_sales(view: View, question: CohortQuestion, cells: _Cells) -> None:
    """Adds what they paid at each age. Rows before the first order (returns of older ones) count at age 0."""
    import ibis

    if question.by == "month" and not question.where:
        paid: Any = view.made("earned")
        period = view.query.period
        if period:
            paid = paid.filter((paid.first_day >= period.start) & (paid.first_day < period.end))
        first = _month(paid.first_day)
        paid = paid.mutate(first=first, cohort=first.cast("string"))
        month = _month(paid.month)
    else:
        firsts = _firsts(view, question).rename(known="customer")
        paid = view.everything("counted", "customer")
        paid = paid.inner_join(firsts, paid.customer == firsts.known)
        month = _month(paid.day)
    paid = paid.mutate(age=ibis.greatest(month - paid["first"], 0))
    values = {measure.id: measure.value(paid) for measure in (NET, COST, UNITS, UNCOSTED)}
    for record in view.tables.run(paid.group_by("cohort", "first", "age").aggregate(**values)):
        sums = {id_: record[id_] for id_ in values if record[id_] is not None}
        cells[record["cohort"], record["first"], record["age"]] |= sums


def _merged(cells: _Cells) -> _Cells:
    """The same over all cohorts."""
    found: _Cells = defaultdict(dict)
    for (_, first, age), sums in cells.items():
        _add(found[None, first, age], sums)
    return found


def _merged_sizes(sizes: _Sizes) -> _Sizes:
    found: dict[tuple[Any, int], int] = defaultdict(int)
    for (_, first), size in sizes.items():
        found[None, first] += size
    return found


def _add(into: dict[str, Any], sums: Mapping[str, Any]) -> None:
    for id_ in _SUMS:
        if id_ in sums:
            into[id_] = into.get(id_, 0) + sums[id_]


def _rows(question: CohortQuestion, sizes: _Sizes, cells: _Cells, end: date) -> Iterable[dict[str, Entry | None]]:
    """A row for each cohort and age up to the month of the last day.

    end : the day after the last one that has happened; a customer of first month m has age k behind them if month
    m + k ends by then
    """
    complete = end.year * 12 + end.month - 1
    reached = complete - (end.day == 1)
    cohorts: dict[Any, list[int]] = defaultdict(list)
    for cohort, first in sizes:
        cohorts[cohort].append(first)
    for cohort in sorted(cohorts, key=lambda name: (name is None, name)):
        firsts = cohorts[cohort]
        size = sum(sizes[cohort, first] for first in firsts)
        last = min(question.ages, reached - min(firsts))
        for age in range(last + 1):
            month: dict[str, Any] = {}
            everybody: dict[str, Any] = {}
            mature: dict[str, Any] = {}
            ready = [first for first in firsts if first + age < complete]
            ages = range(age + 1) if question.is_cumulative else (age,)
            for first in firsts:
                _add(month, cells.get((cohort, first, age), {}))
                for each in ages:
                    _add(everybody, cells.get((cohort, first, each), {}))
                    if first in ready:
                        _add(mature, cells.get((cohort, first, each), {}))
            observed = sum(sizes[cohort, first] for first in ready)
            own = mature if observed else everybody
            base = observed or sum(sizes[cohort, first] for first in firsts if first + age <= reached)
            yield {
                "cohort": cohort,
                "age": age,
                "customers": size,
                "observed": observed,
                "is_mature": int(observed == size),
                "value": _value(question, everybody, own, base),
                "active": month.get("active", 0),
                "orders": month.get("orders", 0),
                "net_sales": Decimal(month.get("net_sales", 0)) if question.is_money else None,
            }


def _value(question: CohortQuestion, everybody: Mapping[str, Any], mature: Mapping[str, Any], base: int) -> Value:
    """The measure of a cell: sums over all its customers, rates over those who are old enough."""
    if question.measure == "retention":
        return float(mature.get("active", 0)) / base
    sums = mature if question.per == "customer" else everybody
    match question.measure:
        case "customers":
            found: Value = int(sums.get("active", 0))
        case "orders":
            found = int(sums.get("orders", 0))
        case "net_sales":
            found = Decimal(sums.get("net_sales", 0))
        case _:
            found = gross_profit(sums)
    if question.per == "cohort" or isinstance(found, Missing):
        return found
    return Decimal(found) / base if isinstance(found, Decimal) else float(found) / base


def _columns(question: CohortQuestion) -> tuple[Column, ...]:
    unit = _UNITS[question.measure]
    if question.per == "customer" and unit is Unit.COUNT:
        unit = Unit.RATIO
    return (
        Column(id="age", label=N_("Months after the first order"), unit=Unit.COUNT),
        Column(id="value", label=MEASURES[question.measure], unit=unit),
        Column(id="customers", label=N_("Customers of the cohort"), unit=Unit.COUNT),
        Column(id="observed", label=N_("Of them old enough"), unit=Unit.COUNT),
        Column(id="is_mature", label=N_("Complete"), names={"1": N_("yes"), "0": N_("no")}),
        Column(id="active", label=N_("Active customers"), unit=Unit.COUNT),
        Column(id="orders", label=N_("Orders"), unit=Unit.COUNT),
        *((Column(id="net_sales", label=N_("Net sales"), unit=Unit.MONEY),) if question.is_money else ()),
    )


def _table(question: CohortQuestion, rows: list[dict[str, Any]]) -> Table:
    by = question.by
    cohort = Column(
        id="cohort",
        label=BY[by],
        dimension="" if by == "discount" else by,
        names=DISCOUNT if by == "discount" else {},
    )
    if by == "month":
        rows = [row | {"cohort": _first_day(int(row["cohort"]))} for row in rows]
    elif by != "discount":
        unknown = Missing(f"no_{by}", N_("not known"))
        rows = [row | {"cohort": unknown if row["cohort"] is None else row["cohort"]} for row in rows]
    return Table(
        id="cells",
        label=N_("Cohorts by age"),
        columns=(cohort, *_columns(question)),
        rows=rows,
        chart=Chart(kind="heatmap", across="age", down="cohort", values=("value",)),
    )


def _ages(question: CohortQuestion, rows: list[dict[str, Any]]) -> Table:
    """All cohorts as one: without the month of the first order, when everybody is back, and for rates and amounts per
    customer without ages that nobody has behind them.
    """
    if question.measure == "retention" or question.per == "customer":
        rows = [row for row in rows if row["observed"]]
    return Table(
        id="ages",
        label=N_("All cohorts by age"),
        columns=_columns(question),
        rows=rows[1:] if question.measure == "retention" else rows,
        chart=Chart(kind="lines", across="age", values=("value",)),
    )


def _first_day(month: int) -> date:
    return add_months(date(1, 1, 1), month - 12)


def _sentence(question: CohortQuestion, settings: "Settings", rows: list[dict[str, Any]]) -> Note:
    """How many customers, and what those who are old enough did by the third month, or the last complete one."""
    size = Figure(rows[0]["customers"], Unit.COUNT, settings.currency)
    ready = [row for row in rows if row["observed"] and 0 < row["age"] <= 3]
    if not ready:
        return Note(
            "cohorts_young", N_("%(customers)s new customers, none of them old enough to judge."), {"customers": size}
        )
    row = ready[-1]
    share = ratio(row["active"], row["customers"], _NOBODY)
    if question.measure == "retention":
        share = row["value"]
    if isinstance(share, Missing) or question.is_cumulative:
        return Note("cohorts", N_("%(customers)s new customers."), {"customers": size})
    return Note(
        "cohorts_retained",
        N_("%(customers)s new customers; %(share)s of them bought in month %(age)s after their first order."),
        {"customers": size, "share": Figure(share, Unit.RATE, settings.currency), "age": row["age"]},
    )


def _notes(rows: list[dict[str, Any]]) -> tuple[Note, ...]:
    if all(row["is_mature"] for row in rows):
        return ()
    return (
        Note(
            "immature",
            N_("Marked cells are not complete: some of their customers are not that old yet, so they will still grow."),
        ),
    )


ANALYSIS = Analysis(
    id="cohorts",
    label=N_("Cohorts"),
    description=N_("Do customers come back, and what do they bring over time, by when and how they came?"),
    method=N_(
        "A customer belongs to the cohort of their first counted order ever; guests are out. Age is counted in "
        "calendar months from that order's month. Sales are net sales on the day of each ledger row, and a return of "
        "something bought before the first known order counts at age 0. Sums take all customers of a cohort; rates and "
        "amounts per customer take those who are old enough, so that young customers don't pull the late ages down."
    ),
    question=CohortQuestion,
    answer=answer,
    choices=(
        Choice(id="by", label=N_("Cohorts by"), options=BY),
        Choice(id="measure", label=N_("Measure"), options=MEASURES),
        Choice(id="per", label=N_("Of"), options={"cohort": N_("the whole cohort"), "customer": N_("each customer")}),
        Choice(
            id="course",
            label=N_("Course"),
            options={"month": N_("each month apart"), "cumulative": N_("all months so far")},
        ),
        Choice(id="ages", label=N_("Months to show"), parse=whole(1, 120), example="24"),
    ),
    dimensions=LINE - TIME - {"customer"},
    icon="chart-grid-dots",
)
