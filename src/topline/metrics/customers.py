"""Customers: who buys, who comes back, what they are worth and what they cost."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from topline.metrics.catalogue import dimensions
from topline.metrics.dimension import DAYS, LINE, PRODUCT
from topline.metrics.marketing import ACQUISITION, booked
from topline.metrics.metric import (
    Cell,
    Direction,
    Key,
    Measure,
    Metric,
    RollUp,
    Staged,
    Unit,
    Value,
    count,
    per,
    ratio,
    total,
)
from topline.metrics.sales import COST, NET, UNCOSTED, orders_of
from topline.metrics.source import Source
from topline.metrics.view import SUMS
from topline.units.missing import Missing
from topline.units.period import Grain, Period, add_months
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.metrics.view import View

ACTIVE_DAYS = 365
"""Days after an order for which a customer is active where no published run has learnt a threshold of their own."""

NO_CUSTOMERS = Missing("no_customers", N_("no customers known by name; guests can't be told apart"))
_NO_NEW = Missing("no_new_customers", N_("no new customers"))
_NO_BASE = Missing("no_active_customers", N_("no active customers at the start"))
_NO_REPEAT = Missing("no_repeat_orders", N_("nobody ordered twice"))
_NO_CATEGORY = Missing("no_categories", N_("products have no categories"))
_NO_TIER = Missing("no_tiers", N_("products have no price tiers"))
_NO_VALUE = Missing("no_customer_value", N_("no published run of customer values"))
_NO_MARGIN_VALUE = Missing("no_margin_value", N_("the published run of customer values had no costs"))
_BEFORE = date.min
"""Names the bucket of all that is before the first one."""
_NOT_YET = Missing("not_paid_back", N_("not paid back yet; the customers are still too new"))


def people_of(rows: Any) -> Any:
    """How many people the rows of `person` are of."""
    return rows.is_first_here.sum() if "is_first_here" in rows.columns else rows.customer.nunique()


def _told_once(rows: Any) -> Any:
    """How many people rows are of that may have been counted beforehand."""
    return rows.people.sum() if "people" in rows.columns else people_of(rows)


CUSTOMERS = Measure("customers", "purchaser", _told_once, adds_up=False)
LEDGER_CUSTOMERS = Measure("ledger_customers", "anybody", _told_once, adds_up=False)


def _first_days(view: "View") -> Any:
    """The day of each person's first counted order ever; filters don't move it."""
    rows = view.everything("buyer")
    return rows.group_by(first_customer=rows.customer).aggregate(first_day=rows.day.min(), first_at=rows["at"].min())


def _first_orders(view: "View") -> Any:
    """The period's orders that are their person's first ever; two placed in the same microsecond are both first."""
    firsts = _first_days(view)
    rows = _in_period(view, view.everything("buyer"), ())
    rows = rows.inner_join(firsts, [rows.customer == firsts.first_customer, rows["at"] == firsts.first_at])
    return rows.select("customer", "order_key").distinct()


def _grouped(view: "View", rows: Any, by: tuple[str, ...], **values: Any) -> dict[Key, dict[str, Any]]:
    table = rows.group_by(*by).aggregate(**values) if by else rows.aggregate(**values)
    return {
        tuple(record[id_] for id_ in by): {id_: record[id_] for id_ in values if record[id_] is not None}
        for record in view.tables.run(table)
    }


def _is_of_days(view: "View", by: tuple[str, ...]) -> bool:
    """Whether days alone decide under what cell an order stands."""
    return not (view.columns(by) or view.query.filters or any(dimensions()[id_].grain is Grain.HOUR for id_ in by))


def _in_period(view: "View", rows: Any, by: tuple[str, ...]) -> Any:
    """The rows whose `day` lies in the question's period, cut."""
    period = view.query.period
    return view.cut(rows.filter((rows.day >= period.start) & (rows.day < period.end)) if period else rows, by)


def _new_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """New customers under their first order's day, channel, market and goods."""
    rows: Any = view.rows("person", by)
    if "is_first" in rows.columns and not view.query.as_of:
        rows = rows.filter(rows.is_first)
    elif _is_of_days(view, by):
        every = view.everything("buyer")
        rows = _in_period(view, every.group_by("customer").aggregate(day=every.day.argmin(every["at"])), by)
    else:
        rows = view.rows("buyer", by).semi_join(_first_orders(view), ["customer", "order_key"])
    return _grouped(view, rows, by, new_customers=rows.customer.nunique())


def _returning_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """Customers who had bought before the cell's own bucket of time, and before the period."""
    import ibis

    rows: Any = view.rows("person", by)
    if "first_day" not in rows.columns:
        firsts = _first_days(view)
        rows = rows.inner_join(firsts, rows.customer == firsts.first_customer)
    starts = [rows[id_] for id_ in by if (grain := dimensions()[id_].grain) and grain is not Grain.HOUR]
    if view.query.period:
        starts.append(ibis.literal(view.query.period.start))
    if not starts:
        return {}
    rows = rows.filter(rows.first_day < (ibis.greatest(*starts) if len(starts) > 1 else starts[0]))
    return _grouped(view, rows, by, returning_customers=people_of(rows))


def _repeat_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    rows: Any = view.rows("person", by)
    if "is_first_here" in rows.columns:
        return _grouped(view, rows, by, buyers=rows.is_first_here.sum(), repeat_buyers=rows.is_second_here.sum())
    each = rows.group_by(*dict.fromkeys((*by, "customer"))).aggregate(orders=orders_of(rows))
    return _grouped(view, each, by, buyers=each.count(), repeat_buyers=(each.orders >= 2).sum())


def _once(rows: Any, columns: tuple[str, ...]) -> Any:
    """The rows' different values of these columns, an order's key among them."""
    chosen = rows.select(*dict.fromkeys(columns))
    if "is_plain" in rows.columns:
        return chosen
    if "is_single" not in rows.columns:
        return chosen.distinct()
    odd = rows.filter(~rows.is_single).select(*chosen.columns).distinct()
    return rows.filter(rows.is_single).select(*chosen.columns).union(odd)


def _gap_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """The median days from a customer's order to the one before it, under the later order."""
    import ibis

    rows: Any = view.rows("person", by)
    if "gap_days" in rows.columns and not view.query.as_of:
        rows = _once(rows.filter(rows.gap_days.notnull()), (*by, "customer", "order_key", "gap_days"))
        return _grouped(view, rows, by, gap_days=rows.gap_days.median())
    everything = view.everything("buyer")
    orders = everything.group_by("customer", "order_key").aggregate(
        on=everything.day.min(), moment=everything["at"].min()
    )
    window = ibis.window(group_by=orders.customer, order_by=[orders.on, orders.moment, orders.order_key])
    gaps = orders.mutate(before=orders.on.lag().over(window))
    gaps = gaps.filter(gaps.before.notnull()).select(
        gap_order="order_key", gap_customer="customer", gap=gaps.on.delta(gaps.before, unit="day"), day="on"
    )
    if _is_of_days(view, by):
        rows = _in_period(view, gaps, by)
        return _grouped(view, rows, by, gap_days=rows.gap.median())
    gaps = gaps.drop("day")
    rows = view.rows("buyer", by)
    rows = rows.select(*dict.fromkeys((*by, "customer", "order_key"))).distinct()
    joined = rows.inner_join(gaps, [rows.order_key == gaps.gap_order, rows.customer == gaps.gap_customer])
    return _grouped(view, joined, by, gap_days=joined.gap.median())


def _buckets(view: "View", by: tuple[str, ...]) -> tuple[str | None, list[tuple[date, Period]]]:
    """The grain among `by`, and for each bucket its name and its days inside the period."""
    grain_id, grain = next(((id_, grain) for id_ in by if (grain := dimensions()[id_].grain)), (None, None))
    period = view.period
    if period is None:
        return grain_id, []
    if grain is None:
        return None, [(period.start, period)]
    found = []
    for bucket in view.settings.calendar.buckets(period, grain):
        days = Period(max(bucket.start, period.start), min(bucket.end, period.end))
        found.append((bucket.start, days))
    return grain_id, found


def _active(view: "View", by: tuple[str, ...]) -> tuple[Any, list[tuple[date, Period]], tuple[str, ...], int | None]:
    """One row a customer and slice: the last order before each bound of the buckets, and the customer's own threshold.

    Gives the table with columns `last_<i>` for bound i (bucket i starts at bound i and ends at i + 1), `threshold`, the
    buckets, the dimensions that are not time and the place of the grain among `by`.
    """
    grain_id, buckets = _buckets(view, by)
    slices = tuple(id_ for id_ in by if id_ != grain_id)
    rows: Any = view.rows("person", slices, is_history=True)
    bounds = _bounds(buckets)
    if buckets and not by:
        rows = _of_known(view, rows, *bounds)
    lasts = {f"last_{i}": rows.day.max(where=rows.day < bound) for i, bound in enumerate(bounds)}
    people = rows.group_by(*slices, "customer").aggregate(**lasts)
    people = _with_threshold(view, people, slices)
    return people, buckets, slices, by.index(grain_id) if grain_id else None


def _of_known(view: "View", rows: Any, start: date, end: date) -> Any:
    """The rows of who bought before the start: of each the last before it, and before the end, where that is known."""
    if "next_day" not in rows.columns or view.query.where:
        return rows
    before, until = (
        rows.filter((rows.day < bound) & (rows.next_day.isnull() | (rows.next_day >= bound))) for bound in (start, end)
    )
    return before.union(until.semi_join(before, "customer"))


def _bounds(buckets: list[tuple[date, Period]]) -> list[date]:
    return [days.start for _, days in buckets] + [buckets[-1][1].end] if buckets else []


def _with_threshold(view: "View", people: Any, slices: tuple[str, ...]) -> Any:
    """`threshold`, the days without an order after which a customer counts as lost: a published run's, or a year."""
    import ibis

    if "customer_value" in view.tables.empty:
        return people.mutate(threshold=ibis.literal(float(ACTIVE_DAYS)))
    values = _values(view)
    names = people_behind(view, people, slices)
    if names is not None:
        values = values.inner_join(names, values.customer == names.person).drop("customer").rename(customer="number")
    known = values.select(value_customer="customer", inactive_after_days="inactive_after_days")
    joined = people.left_join(known, people.customer == known.value_customer)
    return joined.mutate(threshold=joined.inactive_after_days.fill_null(float(ACTIVE_DAYS))).drop(
        "value_customer", "inactive_after_days"
    )


def people_behind(view: "View", rows: Any, slices: tuple[str, ...]) -> Any:
    """The `person` behind each `number`, where the customers of rows of `person` are numbers; else None."""
    found = view.purchases(view.columns(slices)) if rows.customer.type().is_integer() else None
    return found.people if found else None


def _values(view: "View") -> Any:
    """One row a person of the newest run of customer values that `as_of` allows; merged customers' values add up."""
    values: Any = view.tables.table("customer_value")
    if view.query.as_of:
        values = values.filter(values.as_of <= view.query.as_of)
    newest = values.aggregate(newest=values.as_of.max())
    values = values.inner_join(newest, values.as_of == newest.newest)
    run = values.aggregate(chosen=values.run_key.max())
    values = values.inner_join(run, values.run_key == run.chosen)
    values = view.with_person(values)
    return values.group_by("customer").aggregate(
        remaining_sales=values.remaining_sales.sum(),
        remaining_margin=values.remaining_margin.sum(),
        without_margin=values.remaining_margin.isnull().sum(),
        inactive_after_days=values.inactive_after_days.max(),
        run_as_of=values.as_of.max(),
    )


def _spread(
    records: list[dict[str, Any]], buckets: list[tuple[date, Period]], slices: tuple[str, ...], place: int | None
) -> dict[Key, dict[str, Any]]:
    """Cells out of rows that hold every bucket's measures side by side, named `<measure>_<i>`."""
    cells: dict[Key, dict[str, Any]] = defaultdict(dict)
    for record in records:
        slice_key = [record[id_] for id_ in slices]
        for column, number in record.items():
            measure, _, i = column.rpartition("_")
            if column in slices or number is None:
                continue
            key = list(slice_key)
            if place is not None:
                key.insert(place, buckets[int(i)][0])
            cells[tuple(key)][measure] = number
    return cells


def _aggregate(view: "View", table: Any, slices: tuple[str, ...], values: dict[str, Any]) -> list[dict[str, Any]]:
    return view.tables.run(table.group_by(*slices).aggregate(**values) if slices else table.aggregate(**values))


def _is_base(people: Any, i: int, start: date) -> Any:
    """Active at the start: an order before it, at most the threshold's days ago."""
    import ibis

    return people[f"last_{i}"].notnull() & (
        ibis.literal(start).delta(people[f"last_{i}"], unit="day") <= people.threshold
    )


def _loyalty_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """Customers active at each start, those who bought again, and those past their threshold at the end."""
    import ibis

    if (cells := _loyalty_of_plain(view, by)) is not None:
        return cells
    people, buckets, slices, place = _active(view, by)
    values: dict[str, Any] = {}
    for i, (_, days) in enumerate(buckets):
        base = _is_base(people, i, days.start)
        last = people[f"last_{i + 1}"]
        values[f"base_{i}"] = base.sum()
        values[f"retained_{i}"] = (base & (last >= days.start)).sum()
        values[f"lost_{i}"] = (base & (ibis.literal(days.end).delta(last, unit="day") > people.threshold)).sum()
    return _spread(_aggregate(view, people, slices, values), buckets, slices, place) if values else {}


def _loyalty_of_plain(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell] | None:
    """The same out of orders that know the person's next one, there too with the same value of a dimension.

    None where that doesn't do: it is cut by two dimensions, or filtered.

    Of each person one order is the last before a start. A bucket must be no longer than the threshold: then nobody who
    buys in it is past theirs at its end.
    """
    import ibis

    grain_id, buckets = _buckets(view, by)
    slices = tuple(id_ for id_ in by if id_ != grain_id)
    is_short = all((days.end - days.start).days <= ACTIVE_DAYS for _, days in buckets)
    extent = view.tables.extent
    if extent is None or not buckets or not is_short:
        return None
    if _is_chosen(view, slices):
        return None
    bought = view.purchases(view.columns(slices))
    told: Any = bought.steps.get("".join(slices)) if bought and len(slices) < 2 else None
    if told is None:
        return None
    of_year = timedelta(days=ACTIVE_DAYS)
    bounds = [(name, days.start, days.start - of_year, days.end, days.end - of_year) for name, days in buckets]
    days = _told_apart(extent, (bound for _, *all_of in bounds for bound in all_of))
    seen = told.filter(told.day < buckets[-1][1].end)
    for column in ("day", "next_day"):
        told = told.left_join(days, told[column] == days.known)
        told = told.mutate(**{column: told.floor.fill_null(told[column])}).drop("known", "floor")
    pairs = told.group_by(*slices, "day", "next_day").aggregate(people=told.people.sum())
    schema = dict.fromkeys(("bucket", "start", "oldest", "end", "too_old"), "date")
    every = pairs.cross_join(ibis.memtable(bounds, schema=schema))
    every = every.filter(
        (every.day < every.start)
        & (every.day >= every.oldest)
        & (every.next_day.isnull() | (every.next_day >= every.start))
    )
    is_retained = (every.next_day < every.end).fill_null(False)
    found = _grouped(
        view,
        every,
        (*slices, "bucket"),
        base=every.people.sum(),
        retained=every.people.sum(where=is_retained),
        lost=every.people.sum(where=~is_retained & (every.day < every.too_old)),
    )
    if not found:
        return None
    place = by.index(grain_id) if grain_id else None
    values: Iterable[Key] = ((),)
    if slices:
        records = view.tables.run(seen.select(*slices).distinct())
        values = [tuple(record[id_] for id_ in slices) for record in records]
    return {
        (*value[:place], name, *value[place:]) if place is not None else value: found.get((*value, name), {"base": 0})
        for value in values
        for name, _ in buckets
    }


def _told_apart(extent: Period, bounds: Iterable[date]) -> Any:
    """Each day of the extent as `known`, and as `floor` the last of the bounds that it reached, or the very first day.

    A day is before a bound if its floor is, and there are far fewer of these.
    """
    import ibis

    reached = sorted({extent.start, *(bound for bound in bounds if bound > extent.start)})
    found = [extent.start + timedelta(days=n) for n in range(extent.days)]
    floors = [reached[bisect_right(reached, day) - 1] for day in found]
    return ibis.memtable({"known": found, "floor": floors}, schema={"known": "date", "floor": "date"})


def _growing_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """Of the customers active at each start, those who bought a product, a category or a tier new to them."""
    cells = {key: {"existing": cell["base"]} for key, cell in _loyalty_cells(view, by).items() if "base" in cell}
    grain_id, buckets = _buckets(view, by)
    if not cells:
        return cells
    slices = tuple(id_ for id_ in by if id_ != grain_id)
    told: Any = None if _is_chosen(view, slices) else view.new_to(view.columns(slices))
    if told is not None:
        for record in _new_of_told(view, told, slices, grain_id, buckets):
            key = tuple(record["bucket" if id_ == grain_id else id_] for id_ in by)
            if key in cells:
                cells[key] |= {measure: people for measure, people in record.items() if measure.startswith("new_")}
        return cells
    bought = _with_bucket(view, view.rows("person", slices, is_history=True), grain_id, buckets)
    active = _active_before(view, bought, slices, buckets)
    names = people_behind(view, bought, slices)
    for what in ("product", "category", "tier"):
        other = ("category", "product") if what == "tier" else (what,)
        rows: Any = view.rows("buyer", tuple(dict.fromkeys((*slices, *other))), is_history=True)
        if names is not None:
            rows = rows.inner_join(names, rows.customer == names.person).drop("customer").rename(customer="number")
        rows = _with_bucket(view, rows, grain_id, buckets)
        new = _new_tiers(view, rows, slices) if what == "tier" else _new_things(rows, slices, what)
        new = new.filter(new.bucket > _BEFORE)
        new = new.semi_join(active, [new[id_].identical_to(active[id_]) for id_ in (*slices, "bucket", "customer")])
        people = new.group_by(*slices, "bucket").aggregate(people=new.customer.nunique())
        for record in view.tables.run(people):
            key = tuple(record["bucket" if id_ == grain_id else id_] for id_ in by)
            cells[key][f"new_{what}"] = record["people"]
    return cells


def _is_chosen(view: "View", slices: tuple[str, ...]) -> bool:
    """Whether some customers or slices are in question only, or customers have thresholds of their own."""
    return bool(view.query.filters or "customer_value" not in view.tables.empty)


def _new_of_told(
    view: "View", told: Any, slices: tuple[str, ...], grain_id: str | None, buckets: list[tuple[date, Period]]
) -> list[dict[str, Any]]:
    """By slice and bucket, how many of those active at its start bought something new in it.

    Of each customer one row is the first in a bucket, and its `last_day` the last order before it.
    """
    import ibis

    rows = _with_bucket(view, told, grain_id, buckets)
    spans = {
        "name": [name for name, _ in buckets],
        "start": [days.start for _, days in buckets],
        "oldest": [days.start - timedelta(days=ACTIVE_DAYS) for _, days in buckets],
        "end": [days.end for _, days in buckets],
    }
    rows = rows.inner_join(ibis.memtable(spans, schema=dict.fromkeys(spans, "date")), [("bucket", "name")])
    rows = rows.filter(rows.last_day < rows.start, rows.last_day >= rows.oldest)
    new = {f"new_{what}": (rows[f"next_{what}"] < rows.end).sum() for what in ("product", "category", "tier")}
    return _aggregate(view, rows, (*slices, "bucket"), new)


def _with_bucket(view: "View", rows: Any, grain_id: str | None, buckets: list[tuple[date, Period]]) -> Any:
    """The rows with the name of their day's `bucket`; what is before all of them is in one of its own."""
    import ibis

    first, days = buckets[0]
    grain = dimensions()[grain_id].grain if grain_id else None
    name = view.bucket(rows.day, grain) if grain else ibis.literal(first)
    return rows.mutate(bucket=ibis.ifelse(rows.day < days.start, ibis.literal(_BEFORE), name))


def _active_before(view: "View", bought: Any, slices: tuple[str, ...], buckets: list[tuple[date, Period]]) -> Any:
    """The slice, customer and bucket of those who bought in it and were active at its start."""
    import ibis

    keys = (*slices, "customer")
    found = bought.group_by(*keys, "bucket").aggregate(newest=bought.day.max())
    found = found.mutate(last=found.newest.lag().over(group_by=keys, order_by="bucket"))
    starts = {"name": [name for name, _ in buckets], "start": [days.start for _, days in buckets]}
    told = ibis.memtable(starts, schema=dict.fromkeys(starts, "date"))
    found = _with_threshold(view, found.filter(found["last"].notnull()), slices)
    found = found.inner_join(told, found.bucket == told.name)
    is_active = found.start.delta(found["last"], unit="day") <= found.threshold
    return found.filter(is_active).select(*keys, "bucket")


def _new_things(rows: Any, slices: tuple[str, ...], what: str) -> Any:
    """The slice, customer and bucket in which somebody bought a product or category for the first time."""
    rows = rows.filter(rows[what].notnull())
    return rows.group_by(*dict.fromkeys((*slices, "customer", what))).aggregate(bucket=rows.bucket.min())


def _new_tiers(view: "View", rows: Any, slices: tuple[str, ...]) -> Any:
    """The slice, customer and bucket in which somebody bought a higher tier of a category than in any before."""
    products: Any = view.tables.table("product")
    tiers = products.filter(products.tier.notnull()).select(tier_key="product_key", tier="tier")
    rows = rows.filter(rows.category.notnull()).inner_join(tiers, rows.product == tiers.tier_key)
    keys = tuple(dict.fromkeys((*slices, "customer", "category")))
    best = rows.group_by(*keys, "bucket").aggregate(tier=rows.tier.max())
    before = best.tier.max().over(group_by=keys, order_by="bucket", rows=(None, -1))
    return best.mutate(before=before).filter(lambda found: found.tier > found.before)


def _known_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """How many products have a category and a tier at all."""
    products: Any = view.tables.table("product")
    record = view.tables.run(
        products.aggregate(with_category=products.category.count(), with_tier=products.tier.count())
    )[0]
    return {} if by else {(): record}


def _historic_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """Net sales of known customers from the first day to the period's end, and how many they are."""
    rows: Any = view.rows("known", by, is_history=True)
    net = _grouped(view, rows, by, net_to_date=NET.value(rows))
    buyers: Any = view.rows("person", by, is_history=True)
    cells = _grouped(view, buyers, by, buyers_to_date=people_of(buyers))
    return {key: cells.get(key, {}) | net.get(key, {}) for key in {**cells, **net}}


def _predicted_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """Net sales and margin to the run's day and expected after it, over the run's customers."""
    values = _values(view)
    known = values.rename(value_customer="customer")
    history: Any = view.everything("counted", "customer")
    history = history.inner_join(known, history.customer == known.value_customer)
    history = history.filter(history.day < history.run_as_of)
    past = history.group_by(past_customer=history.customer).aggregate(
        past_net=NET.value(history), past_cost=COST.value(history), past_uncosted=UNCOSTED.value(history)
    )
    joined = values.left_join(past, values.customer == past.past_customer)
    chosen: Any = view.rows("buyer", ("customer",), is_history=True)
    joined = joined.semi_join(chosen.select("customer").distinct(), "customer")
    return _grouped(
        view,
        joined,
        by,
        valued=joined.count(),
        past_net=joined.past_net.sum(),
        past_cost=joined.past_cost.sum(),
        past_uncosted=joined.past_uncosted.sum(),
        remaining_sales=joined.remaining_sales.sum(),
        remaining_margin=joined.remaining_margin.sum(),
        without_margin=joined.without_margin.sum(),
    )


def _earned(view: "View") -> Any:
    """The counted ledger of known customers, added up by the day of their first order and the time since.

    month : the first day of the rows' month; age : whole months since the first order, -1 before it
    """
    import ibis

    firsts = _first_days(view)
    rows: Any = view.everything("counted", "customer")
    rows = rows.inner_join(firsts, rows.customer == firsts.first_customer)
    months = 12 * (rows.day.year() - rows.first_day.year()) + rows.day.month() - rows.first_day.month()
    age = months - (rows.day.day() < rows.first_day.day()).cast("int64")
    rows = rows.mutate(
        month=rows.day.truncate("M").cast("date"), age=ibis.ifelse(rows.day < rows.first_day, -1, age).cast("int64")
    )
    return rows.group_by("first_day", "month", "age", "kind").aggregate(**{name: rows[name].sum() for name in SUMS})


SOURCES = (
    Source(
        "earned",
        "order_line",
        _earned,
        columns={"first_day": "date", "month": "date", "age": "int64", "kind": "string"}
        | dict.fromkeys(SUMS, "decimal(38, 6)"),
        facts=("order_line", "order", "identity_link"),
    ),
)


def _payback_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """The cohort of the period's new customers: their gross profit by whole months since each one's first order."""
    period = view.period
    if period is None or view.tables.extent is None:
        return {}
    rows: Any = view.made("earned")
    rows = rows.filter((rows.first_day >= period.start) & (rows.first_day < period.end) & (rows.age >= 0))
    grouped = rows.group_by("age").aggregate(
        age_net=NET.value(rows), age_cost=COST.value(rows), age_uncosted=UNCOSTED.value(rows)
    )
    by_age = {record["age"]: record for record in view.tables.run(grouped)}
    end = min(day for day in (view.tables.extent.end, view.query.as_of) if day)
    observed = 0
    while add_months(period.start, observed + 1) <= end:
        observed += 1
    return {(): {"payback": (by_age, observed)}}


NEW = Staged("new_customers", _new_cells)
RETURNING = Staged("returning_customers", _returning_cells)
REPEAT = Staged("repeat", _repeat_cells)
GAPS = Staged("gap_days", _gap_cells)
LOYALTY = Staged("loyalty", _loyalty_cells)
GROWING = Staged("growing", _growing_cells, ("order_line", "product"))
PRODUCTS = Staged("products", _known_cells, ("product",))
HISTORIC = Staged("historic", _historic_cells, is_shop_money=True)
PREDICTED = Staged("predicted", _predicted_cells, ("order_line", "customer_value"), is_shop_money=True)
PAYBACK = Staged("payback", _payback_cells, is_shop_money=True)


def cac(cell: Cell) -> Value:
    """Acquisition spend for each new customer."""
    return per(booked(cell, "acquisition_spend"), count(cell, "new_customers"), _NO_NEW)


def _clv_historic(cell: Cell) -> Value:
    return per(total(cell, "net_to_date"), count(cell, "buyers_to_date"), NO_CUSTOMERS)


def _clv_predicted(cell: Cell) -> Value:
    valued = count(cell, "valued")
    expected = Decimal(repr(float(cell.get("remaining_sales") or 0)))
    return per(Decimal(cell.get("past_net") or 0) + expected, valued, _NO_VALUE)


def clv_margin(cell: Cell) -> Value:
    """Margin to date and expected, for each customer of the run."""
    if not cell.get("valued"):
        return _NO_VALUE
    if cell.get("without_margin") or cell.get("past_uncosted"):
        return _NO_MARGIN_VALUE
    past = Decimal(cell.get("past_net") or 0) - Decimal(cell.get("past_cost") or 0)
    return per(past + Decimal(repr(float(cell["remaining_margin"]))), count(cell, "valued"), _NO_VALUE)


def _payback_months(cell: Cell) -> Value:
    cost = cac(cell)
    if isinstance(cost, Missing):
        return cost
    by_age, observed = cell.get("payback", ({}, 0))
    new = count(cell, "new_customers")
    earned = Decimal(0)
    for month in range(observed):
        record = by_age.get(month, {})
        if record.get("age_uncosted"):
            return _NO_MARGIN_VALUE
        earned += Decimal(record.get("age_net") or 0) - Decimal(record.get("age_cost") or 0)
        if earned >= Decimal(cost) * Decimal(new):  # type: ignore[arg-type]
            return month + 1
    return _NOT_YET


def _growing(cell: Cell, measure: str, known: str = "", absent: Missing = _NO_CATEGORY) -> Value:
    if known and not cell.get(known, 1):
        return absent
    return ratio(count(cell, measure), count(cell, "existing"), _NO_BASE)


_COUNT: dict[str, Any] = {"unit": Unit.COUNT, "family": "customers", "roll_up": RollUp.DISTINCT}
_RATE: dict[str, Any] = {"unit": Unit.RATE, "family": "customers", "roll_up": RollUp.ANEW}
_SLICES = (DAYS - {"day", "week"}) | {"channel", "market", "currency", "campaign"} | PRODUCT
_BASE = N_(
    "Active means: an order within the customer's own inactivity threshold, which a published run learns "
    "(else 365 days), before the first day. Guests are out. A slice looks at orders inside it only."
)

METRICS = (
    Metric(
        id="customers",
        label=N_("Customers"),
        description=N_(
            "Different people with a counted order in the period, after merged identities. Guests are counted apart."
        ),
        formula="distinct person of counted orders",
        direction=Direction.UP,
        measures=(CUSTOMERS,),
        value=lambda cell: count(cell, "customers"),
        dimensions=LINE,
        leaders=N_("Shopify counts a guest's e-mail address as a customer."),
        **_COUNT,
    ),
    Metric(
        id="new_customers",
        label=N_("New customers"),
        description=N_(
            "People whose first counted order ever is in the period, under that order's channel, market and goods."
        ),
        formula="distinct person whose first counted order is in the period",
        direction=Direction.UP,
        measures=(NEW,),
        value=lambda cell: count(cell, "new_customers"),
        dimensions=LINE,
        leaders=N_("Shopify's first-time customers are the same, without merged identities."),
        **_COUNT,
    ),
    Metric(
        id="returning_customers",
        label=N_("Returning customers"),
        description=N_(
            "People with a counted order in the period who had bought before it began; "
            "cut by time, before each bucket began."
        ),
        formula="distinct person whose first counted order is before the period",
        direction=Direction.UP,
        measures=(RETURNING,),
        value=lambda cell: count(cell, "returning_customers"),
        dimensions=LINE,
        leaders=N_("Shopify counts a second order within the period as returning."),
        **_COUNT,
    ),
    Metric(
        id="ledger_customers",
        label=N_("Customers in the ledger"),
        description=N_("Different people on any row of the ledger, also those who only returned goods or paid fees."),
        formula="distinct person of all rows",
        direction=Direction.NONE,
        measures=(LEDGER_CUSTOMERS,),
        value=lambda cell: count(cell, "ledger_customers"),
        dimensions=LINE | {"kind"},
        leaders=N_("No product shows it; it ties to the source's list of customers."),
        **_COUNT,
    ),
    Metric(
        id="cac",
        label=N_("Customer acquisition cost"),
        description=N_(
            "Spend on winning customers for each new customer: blended over paid and unpaid channels, and fully loaded "
            "with all kinds of acquisition spend."
        ),
        formula="acquisition spend / new_customers",
        unit=Unit.MONEY,
        family="customers",
        direction=Direction.DOWN,
        roll_up=RollUp.RATIO,
        measures=(ACQUISITION, NEW),
        value=cac,
        dimensions=DAYS | {"channel", "market", "campaign"},
        leaders=N_(
            "Advertising platforms divide their own spend by the customers that they claim, so theirs is lower."
        ),
        is_plan=True,
    ),
    Metric(
        id="clv_historic",
        label=N_("Customer lifetime value to date"),
        description=N_(
            "Net sales of known customers from the first day to the end of the period, refunds off, for each customer."
        ),
        formula="net sales to date / customers to date",
        unit=Unit.MONEY,
        family="customers",
        direction=Direction.UP,
        roll_up=RollUp.RATIO,
        measures=(HISTORIC,),
        value=_clv_historic,
        dimensions=frozenset({"customer", "channel", "market", "currency", "campaign"}),
        leaders=N_("Shopify's amount spent is gross of refunds in some reports."),
    ),
    Metric(
        id="clv_predicted",
        label=N_("Customer lifetime value, predicted"),
        description=N_(
            "Net sales expected over a customer's life: those to date and those that a published run expects "
            "(BG/NBD and Gamma-Gamma), for each customer of the run."
        ),
        formula="(net sales to date + remaining sales) / customers",
        unit=Unit.MONEY,
        family="customers",
        direction=Direction.UP,
        roll_up=RollUp.RATIO,
        measures=(PREDICTED,),
        value=_clv_predicted,
        dimensions=frozenset({"customer"}),
        leaders=N_("Klaviyo states a horizon of one year; Shopify shows tiers only."),
        is_plan=True,
    ),
    Metric(
        id="clv_margin_predicted",
        label=N_("Customer lifetime margin, predicted"),
        description=N_("Gross profit to date and expected, for each customer of the published run."),
        formula="(gross profit to date + remaining margin) / customers",
        unit=Unit.MONEY,
        family="profit",
        direction=Direction.UP,
        roll_up=RollUp.RATIO,
        measures=(PREDICTED,),
        value=clv_margin,
        dimensions=frozenset({"customer"}),
        leaders=N_("Most products predict revenue only."),
    ),
    Metric(
        id="ltv_to_cac",
        label=N_("Lifetime value to acquisition cost"),
        description=N_("Predicted lifetime margin of a customer for each unit of money spent on winning one."),
        formula="clv_margin_predicted / cac",
        unit=Unit.RATIO,
        family="profit",
        direction=Direction.UP,
        roll_up=RollUp.RATIO,
        measures=(PREDICTED, ACQUISITION, NEW),
        value=lambda cell: ratio(clv_margin(cell), cac(cell), Missing("no_spend", N_("no marketing spend"))),
        dimensions=frozenset(),
        leaders=N_("Many divide lifetime revenue instead of margin, so theirs is higher."),
    ),
    Metric(
        id="cac_payback_months",
        label=N_("Payback of acquisition cost"),
        description=N_(
            "The month after the first order in which the new customers' cumulative gross profit reaches what "
            "winning them cost. Missing while the cohort is too new to tell."
        ),
        formula="first month where cumulative gross profit >= acquisition spend, over the period's new customers",
        unit=Unit.MONTHS,
        family="profit",
        direction=Direction.DOWN,
        roll_up=RollUp.ANEW,
        measures=(ACQUISITION, NEW, PAYBACK),
        value=_payback_months,
        dimensions=frozenset(),
        leaders=N_("Software companies divide cost by monthly margin, which suits subscriptions only."),
    ),
    Metric(
        id="repeat_purchase_rate",
        label=N_("Repeat purchase rate"),
        description=N_("The share of the period's customers with two orders or more in it."),
        formula="customers with >= 2 orders / customers",
        direction=Direction.UP,
        measures=(REPEAT,),
        value=lambda cell: ratio(count(cell, "repeat_buyers"), count(cell, "buyers"), NO_CUSTOMERS),
        dimensions=LINE,
        leaders=N_("Shopify's returning customer rate counts customers with an earlier order at any time."),
        **_RATE,
    ),
    Metric(
        id="retention_rate",
        label=N_("Retention rate"),
        description=N_("The share of customers active at the start who bought again in the period."),
        note=_BASE,
        formula="active customers who buy in the period / active customers at the start",
        direction=Direction.UP,
        measures=(LOYALTY,),
        value=lambda cell: ratio(count(cell, "retained"), count(cell, "base"), _NO_BASE),
        dimensions=_SLICES,
        leaders=N_("Subscription products take all paying customers as the base; a shop has no contract to count."),
        is_plan=True,
        **_RATE,
    ),
    Metric(
        id="churn_rate",
        label=N_("Churn rate"),
        description=N_("The share of customers active at the start who are past their threshold at the end."),
        note=_BASE,
        formula="active customers past their inactivity threshold at the end / active customers at the start",
        direction=Direction.DOWN,
        measures=(LOYALTY,),
        value=lambda cell: ratio(count(cell, "lost"), count(cell, "base"), _NO_BASE),
        dimensions=_SLICES,
        leaders=N_("Others use one threshold for all, or 1 - retention, which calls every pause a loss."),
        is_plan=True,
        **_RATE,
    ),
    Metric(
        id="upsell_cross_sell_rate",
        label=N_("Upsell and cross-sell rate"),
        description=N_(
            "The share of customers active at the start who bought a product that they had not bought before."
        ),
        note=_BASE,
        formula="active customers who buy a product new to them / active customers at the start",
        direction=Direction.UP,
        measures=(GROWING,),
        value=lambda cell: _growing(cell, "new_product"),
        dimensions=_SLICES,
        leaders=N_("Apps that show offers count accepted offers only, so theirs is lower."),
        is_plan=True,
        **_RATE,
    ),
    Metric(
        id="upsell_rate",
        label=N_("Upsell rate"),
        description=N_(
            "The share of customers active at the start who bought a higher tier than ever before in a category."
        ),
        note=_BASE,
        formula="active customers who buy a higher tier / active customers at the start",
        direction=Direction.UP,
        measures=(GROWING, PRODUCTS),
        value=lambda cell: _growing(cell, "new_tier", "with_tier", _NO_TIER),
        dimensions=_SLICES,
        leaders=N_("Sales products count upsells by the deal's type, as the seller ticked it."),
        **_RATE,
    ),
    Metric(
        id="cross_sell_rate",
        label=N_("Cross-sell rate"),
        description=N_("The share of customers active at the start who bought in a category that is new to them."),
        note=_BASE,
        formula="active customers who buy a new category / active customers at the start",
        direction=Direction.UP,
        measures=(GROWING, PRODUCTS),
        value=lambda cell: _growing(cell, "new_category", "with_category"),
        dimensions=_SLICES,
        leaders=N_("Apps count carts with an offered product."),
        **_RATE,
    ),
    Metric(
        id="days_between_orders",
        label=N_("Days between orders"),
        description=N_("The median of days from a customer's order to the one before it, under the later order."),
        formula="median gap of a customer's successive orders",
        unit=Unit.DAYS,
        family="customers",
        direction=Direction.DOWN,
        roll_up=RollUp.ANEW,
        measures=(GAPS,),
        value=lambda cell: cell["gap_days"] if cell.get("gap_days") is not None else _NO_REPEAT,
        dimensions=LINE,
        leaders=N_("Some take the mean, which a few long pauses pull up."),
    ),
)
