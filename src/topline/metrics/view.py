"""The rows that a question is about, source by source, as expressions over the facts' tables.

A source gives one table with a day, the columns asked for, and what measures sum or count:

ledger : every signed row, summed by kind and cell; `amount` is in the money asked for
counted : the ledger's rows that count: without test orders, and by order date without cancelled orders
known : the counted rows of customers, guests out
sold : the goods sold of counted orders; a set of (order_key, at, day, ...), so only distinct keys may be taken of it
buyer : the same with the person who bought, guests out
placed, person : `sold` and `buyer` to count only: orders and people may be numbers in place of keys, and what their
    whole history says of a row may stand beside it (see `Purchases`)
anybody : the person of every row of the ledger
order : heads of counted orders that have goods sold; `heads` says how many a row stands for, `unpriced` how many of
    them lack a cost
cancelled : heads of cancelled orders

Every other fact with a day is a source by its own name, with all its columns; `amount` is in the money asked for.
deal_created, lead, sale, ... are rows that families make (`source.Source`).

By order date a row stands on its order's day; a row whose order is unknown has no bucket of time, and is inside a
period if its own day is.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from topline.facts.order_line import Kind
from topline.facts.table import Fact
from topline.facts.table import tables as facts
from topline.metrics.catalogue import dimensions
from topline.metrics.dimension import PRODUCT
from topline.metrics.frame import Frame, is_of_days
from topline.metrics.query import Filter, Query
from topline.metrics.settings import Basis, Settings
from topline.metrics.source import sources
from topline.units.missing import Missing
from topline.units.period import Grain, Period
from topline.units.text import N_

if TYPE_CHECKING:
    import pyarrow as pa
    from ibis.expr.types import Column, Table

_IDENTITY = frozenset(field.name for field in dataclasses.fields(Fact))

_MADE_OF = {
    "ledger": "order_line",
    "counted": "order_line",
    "known": "order_line",
    "sold": "order_line",
    "buyer": "order_line",
    "placed": "order_line",
    "person": "order_line",
    "purchaser": "order_line",
    "anybody": "order_line",
    "order": "order",
    "cancelled": "order",
    "target": "target",
}
"""The sources that are more than a fact's rows, each with a method of its name in `View`."""

NOTHING: Mapping[str, Missing] = {
    name: fact.nothing or Missing(f"no_{name}", N_("nothing recorded yet"))
    for name, fact in facts().items()
    if fact.nothing or fact.day
}
"""What is missing where a fact has no rows."""

SUMS = ("amount", "quantity", "cost_shop", "uncosted")
"""What measures sum of the ledger's rows; `amount` is in the money asked for."""

type RollUps = Callable[[str, frozenset[str], Basis], "Table | None"]
"""Pre-aggregated rows of `ledger`, `counted` or `known` with a day and these dimensions, None where there are none."""


@dataclass(frozen=True, slots=True)
class Purchases:
    """Counted orders with orders and people as numbers.

    rows : order_key, customer (None for guests), day, within, the dimensions, and what the whole history says:
        is_first (it is the person's first order), first_day (of that order), gap_days (since the person's order before
        it), last_day, last_but_one_day and next_day (of the person's orders around it); is_plain if every order, or
        its part in each value of a product's dimension, stands in one row, else is_single where it does. If is_plain,
        also last_channel_day, last_but_one_channel_day, next_channel_day, ... of the person's orders with the same
        channel, market or product's dimension
    people : person and number of everybody who bought
    heads : the rows of the source `order`, added up by day and the dimensions of a head; it has none of products
    returns : how many `orders` were placed on `day` by people whose first was on `first_day`, and how many `people`
        placed their first of its month then; None where orders stand in several rows, or products' dimensions are
        asked for
    steps : how many `people` ordered on `day` and next on `next_day`, by the dimension within whose values that is,
        the empty one for all orders; only if is_plain
    """

    rows: "Table"
    people: "Table"
    heads: "Table"
    returns: "Table | None"
    steps: "Mapping[str, Table]"


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The facts of one snapshot, and what is known of them that saves joins.

    table : a fact's rows, each key once
    links : customer_key and person_id of merged customers only, None if nobody is merged
    empty : facts without rows, and what that leaves missing
    has_late_goods : whether goods sold stand on another day than their order's, as those added to it later do
    extent : from the first to the last day of the ledger, None if it is empty
    firsts : the first day of each fact that has rows and days
    purchases : the purchases with these dimensions, None where they are not made
    run : evaluates an expression to its rows
    arrow : evaluates an expression to columns, for those that go to `science`
    short : a text as what tells it from others, which an engine may group and join faster
    stored : all rows of a made source out of a file, None where there is none
    met : how many of a source's people or visitors came on a `day` and, with the same value of the dimension, last on
        `last_day`, None where that is not counted
    new_to : the days on which people bought again with the same value of the dimension, with the `last_day` before each
        and the next day, that one included, on which something was new to them: a `next_product`, `next_category` or
        `next_tier`; None where they are not made
    owners : whose rows may be shown, None for all; a deal's course may go through other hands
    made : what sources made of facts came to, by source, `as_of` and basis: read once, and the question stays short
    """

    table: "Callable[[str], Table]"
    links: "Table | None" = None
    has_test_orders: bool = True
    has_cancelled_orders: bool = True
    has_late_goods: bool = True
    empty: Mapping[str, Missing] = field(default_factory=dict)
    extent: Period | None = None
    firsts: Mapping[str, date] = field(default_factory=dict)
    roll_up: RollUps = field(default=lambda source, dims, basis: None)
    purchases: Callable[[frozenset[str], Basis], Purchases | None] = field(default=lambda dims, basis: None)
    run: "Callable[[Table], list[dict[str, Any]]]" = field(default=lambda rows: rows.to_pyarrow().to_pylist())
    arrow: "Callable[[Table], pa.Table]" = field(default=lambda rows: rows.to_pyarrow())
    short: Callable[[Any], Any] = field(default=lambda text: text)
    stored: "Callable[[str, Basis], Table | None]" = field(default=lambda source, basis: None)
    met: "Callable[[str, frozenset[str], Basis], Table | None]" = field(default=lambda source, dims, basis: None)
    new_to: "Callable[[frozenset[str], Basis], Table | None]" = field(default=lambda dims, basis: None)
    owners: frozenset[str] | None = None
    made: "dict[tuple[Any, ...], Table]" = field(default_factory=dict)


def fact_of(source: str) -> str:
    """The fact that a source is made of."""
    return sources()[source].fact if source in sources() else _MADE_OF.get(source, source)


def plainest(source: str, tables: Tables, basis: Basis) -> str:
    """`ledger` for `counted` where no order is a test, nor cancelled and out; else the source itself."""
    is_all = not tables.has_test_orders and (basis is Basis.EVENT or not tables.has_cancelled_orders)
    return "ledger" if source == "counted" and is_all else source


class View:
    """A question's rows."""

    def __init__(
        self,
        tables: Tables,
        query: Query,
        settings: Settings,
        *,
        with_keys: bool = False,
        frame: Frame | None = None,
        rates: Mapping[str, Decimal] = MappingProxyType({}),
    ) -> None:
        """with_keys : rows keep the fact's `key` and `on`
        frame : the days to read and those to show, instead of the query's period and its filters by day
        rates : for constant money, the shop's money for one of each currency
        """
        self.with_keys = with_keys
        self.frame = frame
        self.rates = rates
        self.tables = tables
        self.query = query
        self.settings = settings
        self._bases: dict[tuple[str, frozenset[str], bool], Table] = {}

    @property
    def period(self) -> Period | None:
        """The days in question that have happened, None if there are none."""
        extent = self.tables.extent
        if extent is None:
            return None
        start = self.query.period.start if self.query.period else extent.start
        ends = (extent.end, self.query.as_of, self.query.period and self.query.period.end)
        end = min(day for day in ends if day)
        return Period(start, end) if start < end else None

    @property
    def asked(self) -> frozenset[str]:
        """The dimensions that are no time of the question's cuts and filters."""
        ids = (*self.query.by, *(condition.dimension for condition in self.query.filters))
        return frozenset(id_ for id_ in ids if not _grain(id_))

    def is_asked(self, dimension: str) -> bool:
        return dimension in self.asked

    def canonical(self, source: str) -> str:
        """The plainest source with the same rows here, so that measures share a scan."""
        return plainest(source, self.tables, self.settings.basis)

    def rows(self, source: str, by: tuple[str, ...], *, is_history: bool = False) -> "Table":
        """The rows of a source with a column for each dimension of `by`, and `day`.

        is_history : all days before the period's end instead of the period's only, and no filter of time
        """
        filters = self.query.where
        columns = self.columns(by)
        if not is_history and (met := self._met(source, by, columns)) is not None:
            return met
        with_hour = any(_grain(id_) is Grain.HOUR for id_ in (*by, *(f.dimension for f in filters)))
        rows = self._base(source, columns, with_hour)
        if self.frame or not columns & PRODUCT <= set(by):
            rows = rows.drop(*({"is_plain", "is_single"} & {*rows.columns}))
        if self.frame:
            rows = self._laid(rows, self.frame)
            filters = tuple(condition for condition in filters if not is_of_days(condition))
        else:
            rows = self._inside(rows, is_history)
        for condition in filters:
            if not (is_history and _grain(condition.dimension)):
                rows = rows.filter(self._matches(rows, condition))
        rows = self._of_either(rows)
        is_detail = source in ("ledger", "counted") and "event_day" in rows.columns
        is_summed = is_detail and not (is_history or self.with_keys or "customer" in by)
        if is_summed and by and not with_hour and all(map(_grain, by)):
            return self.cut(self._summed(rows, ("day",)), by)
        rows = self.cut(rows, by)
        if source in ("person", "purchaser") and "is_plain" in rows.columns and not self.query.filters:
            return self._counted_once(rows, by, columns, is_history=is_history)
        return self._summed(rows, by) if is_summed else rows

    def shown(self, rows: "Table", by: tuple[str, ...]) -> "Table":
        """Rows with `day` that a stage made for the question's time, cut by `by`, its other filters applied."""
        filters = [f for f in self.query.where if not _grain(f.dimension)]
        dims = self.columns(by)
        rows = self._told(_select(rows, _plain(dims), self.tables, {n: n for n in rows.columns}), dims)
        for condition in filters:
            rows = rows.filter(self._matches(rows, condition))
        return self.cut(self._owned(self._of_either(rows)), by)

    def columns(self, by: tuple[str, ...]) -> frozenset[str]:
        """The dimensions that rows cut by these need, filters' too, without time."""
        return frozenset(id_ for id_ in (*by, *(f.dimension for f in self.query.filters)) if not _grain(id_))

    def over(self, period: Period) -> "View":
        """The same question about another period, all of it at once: neither window nor filters by day."""
        kept = tuple(condition for condition in self.query.where if not is_of_days(condition))
        query = replace(self.query, period=period, where=kept, window=None)
        return View(self.tables, query, self.settings, rates=self.rates)

    def laid(self, frame: Frame) -> "View":
        """The same question with its days laid out so."""
        return View(self.tables, self.query, self.settings, rates=self.rates, frame=frame)

    def _inside(self, rows: Any, is_history: bool) -> Any:
        period = self.query.period
        conditions = [rows.within >= period.start] if period and not is_history else []
        conditions += [rows.within < self._end] if self._end < date.max else []
        return rows.filter(*conditions) if conditions else rows

    @property
    def _end(self) -> date:
        """The first day that is no longer asked for."""
        period, as_of = self.query.period, self.query.as_of
        return min(day for day in (period and period.end, as_of, date.max) if day)

    def _laid(self, rows: Any, frame: Frame) -> Any:
        """The rows of the frame's days under the days that they are shown under."""
        import ibis

        days = ibis.memtable(
            {"day_read": [day for day, _ in frame.days], "day_shown": [shown for _, shown in frame.days]},
            schema={"day_read": "date", "day_shown": "date"},
        )
        if self.query.as_of:
            rows = rows.filter(rows.within < self.query.as_of)
        joined = rows.inner_join(days, rows.within == days.day_read)
        shown = ibis.ifelse(joined.day.isnull(), joined.day, joined.day_shown)
        return joined.mutate(day=shown).drop("day_read", "day_shown")

    def everything(self, source: str, *dims: str) -> "Table":
        """All rows of a source up to `as_of`: no period, no filter."""
        rows: Any = self._base(source, frozenset(dims), with_hour=False)
        return cast("Table", rows.filter(rows.within < self.query.as_of) if self.query.as_of else rows)

    def both_moneys(self, period: Period | None) -> Any:
        """The ledger of a period with `currency`, `amount` in it and `amount_shop`."""
        rows: Any = self._rolled_up("ledger", frozenset({"currency"}))
        if rows is None:
            rows = ledger(self.tables, "ledger", frozenset({"currency"}), self.settings.basis, self.query.as_of)
        return rows.filter((rows.within >= period.start) & (rows.within < period.end)) if period else rows

    def made(self, source: str) -> "Table":
        """All rows of a made source up to `as_of`."""
        import ibis

        if not sources()[source].is_kept:
            return sources()[source].rows(self)
        key = (source, self.query.as_of, self.settings.basis)
        if key not in self.tables.made:
            stored = None if self.query.as_of else self.tables.stored(source, self.settings.basis)
            if stored is not None:
                return stored
            self.tables.made[key] = ibis.memtable(self.tables.arrow(sources()[source].rows(self)))
        return self.tables.made[key]

    def with_person(self, rows: Any) -> Any:
        return with_person(rows, self.tables)

    def cut(self, rows: "Table", by: tuple[str, ...]) -> "Table":
        """The rows with a bucket of their day for each grain of `by`."""
        columns: dict[str, Any] = {}
        for id_ in by:
            grain = _grain(id_)
            if grain is Grain.HOUR:
                columns[id_] = rows.hour
            elif grain:
                columns[id_] = self.bucket(rows.day, grain)
        return rows.mutate(**columns) if columns else rows

    def bucket(self, day: "Column", grain: Grain) -> "Column":
        """The first day of the bucket that holds each day, as `FiscalCalendar.floor` has it."""
        import ibis

        days: Any = day
        calendar = self.settings.calendar
        if grain is Grain.DAY:
            return cast("Column", days)
        if grain is Grain.WEEK:
            shift = ibis.interval(days=calendar.week_start - 1)
            if calendar.week_start == 1:
                return cast("Column", days.truncate("W").cast("date"))
            return cast("Column", ((days - shift).cast("date").truncate("W") + shift).cast("date"))
        unit = {
            Grain.MONTH: "M",
            Grain.QUARTER: "Q",
            Grain.YEAR: "Y",
            Grain.FISCAL_QUARTER: "Q",
            Grain.FISCAL_YEAR: "Y",
        }[grain]
        if grain in (Grain.FISCAL_QUARTER, Grain.FISCAL_YEAR) and calendar.first_month != 1:
            shift = ibis.interval(months=calendar.first_month - 1)
            return cast("Column", ((days.truncate("M") - shift).cast("date").truncate(unit) + shift).cast("date"))
        return cast("Column", days.truncate(unit).cast("date"))

    def _counted_once(self, rows: Any, by: tuple[str, ...], dims: frozenset[str], *, is_history: bool) -> "Table":
        """The purchases with `is_first_here` and `is_second_here`: the person's first and second order within the cell.

        Cells are of days, and of values of one dimension at most: whether an order is the first in one follows from
        the day of the one before it. Without these columns where that is not known.
        """
        of = "".join(f"{dim}_" for dim in sorted(dims))
        if f"last_{of}day" not in rows.columns:
            return cast("Table", rows)
        is_first = self._is_ahead(rows, f"last_{of}day", by, is_history=is_history)
        is_second = self._is_ahead(rows, f"last_but_one_{of}day", by, is_history=is_history)
        return cast("Table", rows.mutate(is_first_here=is_first, is_second_here=~is_first & is_second))

    def _is_ahead(self, rows: Any, column: str, by: tuple[str, ...], *, is_history: bool) -> Any:
        """Whether a day lies ahead of the row's cell, or is none."""
        import ibis

        starts = [rows[id_] for id_ in by if _grain(id_)]
        starts += [ibis.literal(self.query.period.start)] if self.query.period and not is_history else []
        if not starts:
            return rows[column].isnull()
        start: Any = ibis.greatest(*starts) if len(starts) > 1 else starts[0]
        return (rows[column] < start).fill_null(True)

    def _met(self, source: str, by: tuple[str, ...], dims: frozenset[str]) -> "Table | None":
        """Who comes for the first time within a cell, counted; None where that is not known beforehand."""
        is_by_hour = any(_grain(id_) is Grain.HOUR for id_ in by)
        if self.frame or self.with_keys or self.query.filters or self._is_back_then or is_by_hour:
            return None
        if source == "purchaser":
            return self._bought_last(by, dims)
        rows = self.tables.met(source, dims, self.settings.basis)
        if rows is None:
            return None
        rows = self.cut(self._inside(rows, is_history=False), by)
        return rows.filter(self._is_ahead(rows, "last_day", by, is_history=False))

    def _bought_last(self, by: tuple[str, ...], dims: frozenset[str]) -> "Table | None":
        """Who buys for the last time within a cell, counted; None where people's steps are not known."""
        found = self.purchases(dims)
        steps: Any = found.steps.get("".join(dims)) if found and len(dims) < 2 else None
        if steps is None:
            return None
        rows: Any = self.cut(self._inside(steps.mutate(within=steps.day), is_history=False), by)
        is_last = rows.next_day.isnull()
        for id_ in by:
            if grain := _grain(id_):
                is_last = is_last | (self.bucket(rows.next_day, grain) != rows[id_])
        return cast("Table", rows.filter((is_last | (rows.next_day >= self._end)).fill_null(True)))

    def _summed(self, rows: Any, by: tuple[str, ...]) -> "Table":
        """The ledger's rows summed by kind within each cell: measures of several kinds then filter a few rows only.

        Cells of time alone are made of days, so that a bucket is worked out for each day and not for each row.
        """
        keys = dict.fromkeys((*by, "kind", *(("currency",) if self.query.money == "order" else ())))
        return cast("Table", rows.group_by(*keys).aggregate(**{name: rows[name].sum() for name in SUMS}))

    def _matches(self, rows: "Table", condition: Filter) -> "Column":
        grain = _grain(condition.dimension)
        if grain is Grain.HOUR:
            column: Any = rows.hour
        else:
            column = self.bucket(rows.day, grain) if grain else rows[condition.dimension]
        values = [value for value in condition.values if value is not None]
        matches = column.isin(values) if values else column.isnull()
        if values and None in condition.values:
            matches = matches | column.isnull()
        return cast("Column", ~matches.fill_null(False) if condition.is_without else matches)

    def _of_either(self, rows: Any) -> Any:
        """The rows that one of the filters keeps of which one is enough."""
        import ibis

        either = [self._matches(rows, condition) for condition in self.query.either]
        return rows.filter(ibis.or_(*either)) if either else rows

    def _base(self, source: str, dims: frozenset[str], with_hour: bool) -> "Table":
        """A source's rows before period and filters, made once for all measures of the question."""
        known = source, dims, with_hour
        if known not in self._bases:
            self._bases[known] = self._owned(self._told(self._unowned(source, _plain(dims), with_hour), dims))
        return self._bases[known]

    def _told(self, rows: Any, dims: frozenset[str]) -> Any:
        """The rows with what the settings say of their channel."""
        import ibis

        columns: dict[str, Any] = {}
        for id_ in sorted(dims - _plain(dims)):
            cases = [(rows.channel.isin(codes), value) for value, codes in self.settings.said_of(id_).items()]
            columns[id_] = ibis.cases(*cases) if cases else ibis.null("string")
        return rows.mutate(**columns) if columns else rows

    def _owned(self, rows: Any) -> Any:
        """Those of the rows that the viewer may see."""
        if self.tables.owners is None or "owner" not in rows.columns:
            return rows
        return rows.filter(rows.owner.isin(sorted(self.tables.owners)))

    def _unowned(self, source: str, dims: frozenset[str], with_hour: bool) -> "Table":
        extra = ("hour",) if with_hour else ()
        if self.with_keys:
            extra = (*extra, "key", "on")
        if source in sources():
            made: Any = self.made(source)
            return _select(made.mutate(within=made.day), dims, self.tables, {n: n for n in (*made.columns, "within")})
        if source not in _MADE_OF:
            return self._fact(source, dims, extra)
        base = getattr(self, f"_{source}")
        return cast("Table", base(dims, extra))

    def _fact(self, name: str, dims: frozenset[str], extra: tuple[str, ...]) -> "Table":
        fact = facts()[name]
        own = [n for n in fact.columns if n not in _IDENTITY and n not in dims]
        columns = {n: n for n in (*own, *extra)} | {"day": str(fact.day), "within": str(fact.day)}
        rows = _select(self.tables.table(name), dims, self.tables, columns)
        return cast("Table", self._in_money(rows)) if {"amount", "amount_shop"} <= columns.keys() else rows

    def _ledger(self, dims: frozenset[str], extra: tuple[str, ...], source: str = "ledger") -> "Table":
        wanted = dims | ({"currency"} if self.query.money != "shop" else set())
        rows: Any = None if extra or "customer" in dims else self._rolled_up(source, wanted)
        if rows is None:
            rows = ledger(self.tables, source, wanted, self.settings.basis, self.query.as_of, extra)
        return cast("Table", self._in_money(rows))

    def _in_money(self, rows: Any) -> Any:
        """The rows with `amount` in the money asked for, instead of `amount` and `amount_shop`."""
        if self.query.money == "order":
            return rows.drop("amount_shop")
        if self.query.money == "shop":
            kept = [name for name in rows.columns if name not in ("amount", "amount_shop")]
            return rows.select(*kept, amount=rows.amount_shop)
        import ibis

        rates = ibis.memtable(
            {"rate_currency": list(self.rates), "mean_rate": list(self.rates.values())},
            schema={"rate_currency": "string", "mean_rate": "decimal(20, 9)"},
        )
        joined = rows.left_join(rates, rows.currency == rates.rate_currency)
        constant = (joined.amount.cast("decimal(18, 6)") * joined.mean_rate).cast("decimal(38, 6)")
        joined = joined.mutate(amount=constant.fill_null(joined.amount_shop.cast("decimal(38, 6)")))
        return joined.drop("amount_shop", "rate_currency", "mean_rate")

    def _counted(self, dims: frozenset[str], extra: tuple[str, ...]) -> "Table":
        return self._ledger(dims, extra, self.canonical("counted"))

    def _known(self, dims: frozenset[str], extra: tuple[str, ...]) -> "Table":
        return self._ledger(dims | {"channel", "market"}, extra, "known")  # so that one roll-up serves either

    def _sold(self, dims: frozenset[str], extra: tuple[str, ...]) -> "Table":
        return sold(self.tables, dims, self.settings.basis, self.query.as_of, extra)

    def _buyer(self, dims: frozenset[str], extra: tuple[str, ...]) -> "Table":
        rows: Any = self._sold(dims | {"customer"}, extra)
        return cast("Table", rows.filter(rows.customer.notnull()))

    def _placed(self, dims: frozenset[str], extra: tuple[str, ...]) -> "Table":
        found = None if extra else self.purchases(dims)
        return found.rows if found else self._sold(dims, extra)

    def _person(self, dims: frozenset[str], extra: tuple[str, ...]) -> "Table":
        found: Any = None if extra else self.purchases(dims)
        return cast("Table", found.rows.filter(found.rows.customer.notnull())) if found else self._buyer(dims, extra)

    def _purchaser(self, dims: frozenset[str], extra: tuple[str, ...]) -> "Table":
        return self._person(dims, extra)

    def _anybody(self, dims: frozenset[str], extra: tuple[str, ...]) -> "Table":
        rows: Any = ledger(self.tables, "ledger", dims | {"customer"}, self.settings.basis, self.query.as_of, extra)
        return cast("Table", rows.filter(rows.customer.notnull()))

    def _order(self, dims: frozenset[str], extra: tuple[str, ...]) -> "Table":
        found = None if extra else self.purchases(dims)
        if found:
            return found.heads
        heads: Any = self.tables.table("order")
        heads = heads.filter(~heads.is_test)
        if self.settings.basis is Basis.ORDER and self.tables.has_cancelled_orders:
            heads = heads.filter(~_cancelled(heads, self.query.as_of))
        lines: Any = self.tables.table("order_line")
        goods = lines.filter(lines.kind == Kind.GOODS_SOLD.value).select("order_key")
        heads = heads.semi_join(goods, "order_key")
        columns = {n: n for n in ("shipping_cost_shop", "payment_fee_shop", *extra)} | {"day": "on", "within": "on"}
        return _select(heads, dims, self.tables, columns, _counted_heads)

    def _cancelled(self, dims: frozenset[str], extra: tuple[str, ...]) -> "Table":
        heads: Any = self.tables.table("order")
        heads = heads.filter(~heads.is_test & _cancelled(heads, self.query.as_of))
        day = "on" if self.settings.basis is Basis.ORDER else "cancelled_on"
        columns = {n: n for n in ("order_key", *extra)}
        return _select(heads, dims, self.tables, columns | {"day": day, "within": day})

    def _target(self, dims: frozenset[str], extra: tuple[str, ...]) -> "Table":
        """Targets by day; where two plans want something of a metric on a day, the one written last.

        An owner's quota is a share of the whole, so it counts only where owners are asked for.
        """
        rows: Any = self.tables.table("target")
        is_quota = "owner" in dims or self.tables.owners is not None
        rows = rows.filter(rows.owner.notnull() if is_quota else rows.owner.isnull())
        newest = rows.group_by("metric", "on").aggregate(plan_version=rows.plan_version.argmax(rows.version))
        rows = rows.semi_join(newest, ["metric", "on", "plan_version"])
        columns = {n: n for n in ("metric", "amount", *extra)} | {"day": "on", "within": "on"}
        return _select(rows, dims, self.tables, columns)

    def purchases(self, dims: frozenset[str]) -> Purchases | None:
        """The purchases that answer this question, None where they are not made or say too much."""
        return None if self._is_back_then else self.tables.purchases(_plain(dims), self.settings.basis)

    def new_to(self, dims: frozenset[str]) -> "Table | None":
        """What was new to people when they bought, None where that is not made or says too much."""
        return None if self._is_back_then else self.tables.new_to(dims, self.settings.basis)

    def _rolled_up(self, source: str, dims: frozenset[str]) -> "Table | None":
        return None if self._is_back_then else self.tables.roll_up(source, dims, self.settings.basis)

    @property
    def _is_back_then(self) -> bool:
        """Whether rows counted that do not count today."""
        return bool(self.query.known_at or (self.query.as_of and self.tables.has_cancelled_orders))


def ledger(
    tables: Tables, source: str, dims: frozenset[str], basis: Basis, as_of: date | None, extra: tuple[str, ...] = ()
) -> "Table":
    """The rows of `ledger` or `counted` with `day` and `within`, one for one."""
    rows: Any = tables.table("order_line")
    if source != "ledger":
        rows = _counted(rows, tables, basis, as_of)
    if source == "known":
        rows = rows.filter(rows.customer_key.notnull())
    columns = {n: n for n in ("kind", "amount", "amount_shop", "quantity", "cost_shop", *extra)}
    by_order = basis is Basis.ORDER
    return _select(
        rows,
        dims,
        tables,
        columns | {"day": "ordered_on" if by_order else "on", "event_day": "on"},
        lambda joined: {
            "within": joined.day.fill_null(joined.event_day) if by_order else joined.event_day,
            "uncosted": joined.cost_shop.isnull().ifelse(joined.quantity, 0),
        },
    )


def sold(
    tables: Tables, dims: frozenset[str], basis: Basis, as_of: date | None, extra: tuple[str, ...] = ()
) -> "Table":
    """The lines of goods sold of counted orders, on their orders' day."""
    rows: Any = tables.table("order_line")
    rows = _counted(rows.filter(rows.kind == Kind.GOODS_SOLD.value), tables, basis, as_of)
    columns = {n: n for n in ("order_key", "at", "customer_key", *extra)}
    if not tables.has_late_goods:  # a plain column lets the engine skip the files and rows of other days
        return _select(rows, dims, tables, columns | {"day": "on", "within": "on"})
    return _select(
        rows,
        dims,
        tables,
        columns | {"ordered_on": "ordered_on", "event_day": "on"},
        lambda joined: {n: joined.ordered_on.fill_null(joined.event_day) for n in ("day", "within")},
    )


def _counted(lines: Any, tables: Tables, basis: Basis, as_of: date | None) -> Any:
    heads: Any = tables.table("order")
    if tables.has_test_orders:
        lines = lines.anti_join(heads.filter(heads.is_test).select("order_key"), "order_key")
    if basis is Basis.ORDER and tables.has_cancelled_orders:
        lines = lines.anti_join(heads.filter(_cancelled(heads, as_of)).select("order_key"), "order_key")
    return lines


def _counted_heads(heads: Any) -> dict[str, Any]:
    is_unpriced = heads.shipping_cost_shop.isnull() | heads.payment_fee_shop.isnull()
    return {"heads": 1, "unpriced": is_unpriced.cast("int64")}


def _cancelled(heads: Any, as_of: date | None) -> Any:
    cancelled = heads.cancelled_on.notnull()
    return cancelled & (heads.cancelled_on < as_of) if as_of else cancelled


def with_person(rows: Any, tables: Tables) -> Any:
    """The rows with `customer`, the person behind `customer_key`: the key where nothing is linked, None for guests."""
    columns = {n: n for n in rows.columns}
    return _select(rows, frozenset({"customer"}), tables, columns)


def _select(
    rows: Any,
    dims: frozenset[str],
    tables: Tables,
    columns: Mapping[str, str],
    derived: "Callable[[Table], dict[str, Any]]" = lambda joined: {},
) -> "Table":
    """These columns, those derived of them, and one for each dimension: the row's own, or its product's or order's.

    Narrow first, joined once: the wider an expression, the longer it takes to compile.
    """
    through: dict[str, dict[str, str]] = {}
    taken = dict(columns)
    keys: set[str] = set()
    for id_ in dims - {"customer"}:
        dimension = dimensions()[id_]
        if dimension.column in rows.columns:
            taken[id_] = dimension.column
        else:
            through.setdefault(dimension.through, {})[id_] = dimension.column
            keys.add(f"{dimension.through}_key")
    if "customer" in dims:
        keys.add("customer_key")
    joined: Any = rows.select(**taken, **{f"own_{key}": key for key in keys})
    for fact, names in through.items():
        target: Any = tables.table(fact)
        target = target.select(**{f"{fact}_joined": f"{fact}_key"}, **names)
        joined = joined.left_join(target, [(f"own_{fact}_key", f"{fact}_joined")])
    person = {}
    if "customer" in dims and tables.links is not None:
        links: Any = tables.links.select(linked_key="customer_key", person_id="person_id")
        joined = joined.left_join(links, [("own_customer_key", "linked_key")])
        person = {"customer": joined.person_id.fill_null(joined.own_customer_key)}
    elif "customer" in dims:
        person = {"customer": joined.own_customer_key}
    kept = [*taken, *(name for found in through.values() for name in found)]
    return cast("Table", joined.select(*kept, **derived(joined), **person))


def _plain(dims: Iterable[str]) -> frozenset[str]:
    """The dimensions that facts have, instead of those that are said of them."""
    return frozenset(dimensions()[id_].of or id_ for id_ in dims)


def _grain(id_: str) -> Grain | None:
    return dimensions()[id_].grain
