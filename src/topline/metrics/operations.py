"""Operations: what was shipped, stocked, counted and answered."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from topline.calendar import holiday
from topline.facts.order_line import Kind
from topline.metrics.dimension import DAYS, PRODUCT, TIME
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
from topline.metrics.sales import COST, NO_ORDERS, ORDERS, UNCOSTED, UNITS, cost_of_goods
from topline.metrics.source import Source
from topline.metrics.state import closings, known, standing
from topline.units.missing import Missing
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.metrics.view import View

_NO_SHIPMENTS = Missing("no_shipments", N_("no shipments"))
_NO_PROMISES = Missing("no_promises", N_("no shipment with a promised day that has come"))
_NO_DELIVERIES = Missing("no_deliveries", N_("nothing delivered"))
_NO_COUNTS = Missing("no_stock_counts", N_("no counts of stock"))
_NO_REPLIES = Missing("no_replies", N_("no conversation with a reply"))
_NO_ENDS = Missing("no_resolved_conversations", N_("no conversation resolved"))
_NO_SELLABLE = Missing("no_sellable_products", N_("no products on sale"))
_NO_UNITS = Missing("no_units", N_("no units sold"))
_NO_STOCK = Missing("no_stock", N_("no stock"))
_NO_STOCK_COST = Missing("no_stock_cost", N_("stock without a unit cost"))
_FRIDAY = 5

_SHIPPED = frozenset({"warehouse", "carrier", "channel", "market"})
_SHELF = DAYS | PRODUCT | {"warehouse"}
_ASKED = TIME | {"channel", "market", "owner", "reason"}


def _shipments(view: "View") -> Any:
    """Shipments with their working days from order to dispatch, and days from order to delivery."""
    import ibis

    rows: Any = view.tables.table("fulfilment")
    (span,) = view.tables.run(rows.aggregate(first=rows.ordered_on.min(), last=rows.shipped_on.max()))
    ranks = _ranks(view.settings.country, span["first"], span["last"]) if span["first"] else {}
    days = ibis.memtable(
        {"rank_day": list(ranks), "rank": list(ranks.values())}, schema={"rank_day": "date", "rank": "int64"}
    )
    placed = days.rename(placed_day="rank_day", placed_rank="rank")
    gone = days.rename(gone_day="rank_day", gone_rank="rank")
    joined = rows.left_join(placed, [("ordered_on", "placed_day")]).left_join(gone, [("shipped_on", "gone_day")])
    return joined.select(
        *rows.columns,
        day=rows.shipped_on,
        working_days=joined.gone_rank - joined.placed_rank,
        door_days=rows.delivered_on.delta(rows.ordered_on, unit="day"),
    )


def _ranks(country: str, first: date, last: date) -> dict[date, int]:
    """The number of each day among the working days; a shop without a country works from Monday to Friday."""
    ranks, rank = {}, 0
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        rank += holiday.is_working_day(country, day) if country else day.isoweekday() <= _FRIDAY
        ranks[day] = rank
    return ranks


def _promises(view: "View") -> Any:
    """Shipments by the day that was promised, once it has come or they have."""
    import ibis

    rows: Any = view.tables.table("fulfilment")
    span = known(view, "fulfilment")
    end = ibis.literal(span.end if span else date.min)
    is_due = rows.delivered_on.notnull() | (rows.promised_on < end)
    rows = rows.filter(rows.promised_on.notnull() & is_due)
    return rows.mutate(day=rows.promised_on, is_on_time=(rows.delivered_on <= rows.promised_on).fill_null(False))


def _shortfalls(view: "View") -> Any:
    """Days on which more was promised to orders than was there, and than the day before: the units oversold."""
    import ibis

    rows: Any = view.tables.table("stock_level")
    rows = rows.mutate(short=ibis.greatest(rows.reserved - rows.on_hand, 0))
    course = ibis.window(group_by=[rows.product_key, rows.warehouse], order_by=rows.on)
    rows = rows.mutate(oversold=rows.short - rows.short.lag().over(course).fill_null(0))
    return rows.filter(rows.oversold > 0).mutate(day=rows.on)


def _demand(view: "View") -> Any:
    """Units that each product sells on a day on which it is there."""
    lines: Any = view.everything("counted", "product")
    lines = lines.filter((lines.kind == Kind.GOODS_SOLD.value) & lines["product"].notnull())
    sold = lines.group_by(sold_key=lines["product"]).aggregate(sold=lines.quantity.sum())
    levels: Any = view.tables.table("stock_level")
    levels = levels.filter(levels.is_sellable & (levels.on_hand > levels.reserved))
    there = levels.group_by(product_key=levels.product_key).aggregate(
        on=levels.on.max(), key=levels.key.min(), days=levels.on.nunique()
    )
    joined = there.left_join(sold, [("product_key", "sold_key")])
    daily = joined.sold.fill_null(0).cast("float64") / joined.days
    return joined.select("key", "on", "product_key", day=joined.on, daily=daily)


def _weighted_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """Days on sale and days out of stock, each counted for what its product sells a day."""
    rows: Any = view.rows("stock_level", by)
    demand: Any = view.made("stock_demand")
    demand = demand.select(demand_key="product_key", daily="daily")
    rows = rows.filter(rows.is_sellable).inner_join(demand, [("product_key", "demand_key")])
    values = {"demand": rows.daily.sum(), "demand_out": rows.daily.sum(where=rows.on_hand <= rows.reserved)}
    return _grouped(view, rows, by, values)


def _stock_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """Units there as at the end of each bucket, and the days of the bucket."""
    closing = closings(view, by, "stock_level")
    if not closing:
        return {}
    rows = standing(view.tables.table("stock_level"), ("product_key", "warehouse"), ["on"], closing)
    rows = view.shown(rows, by)
    return _grouped(view, rows, by, {"on_hand": rows.on_hand.sum(), "bucket_days": rows.bucket_days.max()})


def _grouped(view: "View", rows: Any, by: tuple[str, ...], values: dict[str, Any]) -> dict[Key, Cell]:
    grouped = rows.group_by(*by).aggregate(**values) if by else rows.aggregate(**values)
    return {tuple(record.pop(id_) for id_ in by): record for record in view.tables.run(grouped)}


def _hours(column: str) -> Any:
    return lambda rows: ((rows[column].epoch_seconds() - rows["at"].epoch_seconds()) / 3600).median()


SHIPMENTS = Measure("shipments", "fulfilment", lambda rows: rows.count())
PERFECT = Measure("perfect_shipments", "fulfilment", lambda rows: (rows.is_complete & rows.is_right).sum())
SHIPPED_ORDERS = Measure("shipped_orders", "fulfilment", lambda rows: rows.order_key.nunique(), adds_up=False)
PROMISES = Measure("promises", "promise", lambda rows: rows.count())
KEPT = Measure("kept_promises", "promise", lambda rows: rows.is_on_time.sum())
WORKING = Measure("working_days", "shipment", lambda rows: rows.working_days.median(), adds_up=False)
DOOR = Measure("door_days", "shipment", lambda rows: rows.door_days.median(), adds_up=False)
HANDLING = Measure("fulfilment_cost", "fulfilment_cost", lambda rows: rows.amount_shop.sum(), is_shop_money=True)
COUNTS = Measure("counts", "stock_count", lambda rows: rows.count())
EXACT = Measure("exact_counts", "stock_count", lambda rows: (rows.counted == rows.recorded).sum())
RECORDED = Measure("recorded_units", "stock_count", lambda rows: rows.recorded.sum())
OFF = Measure("units_off", "stock_count", lambda rows: (rows.counted - rows.recorded).abs().sum())
REPLY = Measure("reply_hours", "support_conversation", _hours("first_reply_at"), adds_up=False)
RESOLUTION = Measure("resolution_hours", "support_conversation", _hours("resolved_at"), adds_up=False)
CONTACTS = Measure("contacts", "support_conversation", lambda rows: rows.contacts.sum())
SELLABLE = Measure("sellable_days", "stock_level", lambda rows: rows.is_sellable.sum())
OUT = Measure("days_out", "stock_level", lambda rows: (rows.is_sellable & (rows.on_hand <= rows.reserved)).sum())
WEIGHTED = Staged("weighted_stockouts", _weighted_cells, ("stock_level", "order_line"), source="stock_level")
LEVELS = Measure("levels", "stock_level", lambda rows: rows.count())
OVERSOLD = Measure("oversold_units", "shortfall", lambda rows: rows.oversold.sum())
STOCK = Staged("stock", _stock_cells, ("stock_level",), source="stock_level")
STOCK_VALUE = Measure(
    "stock_value", "stock_level", lambda rows: (rows.on_hand * rows.unit_cost_shop).sum(), is_shop_money=True
)
STOCK_DAYS = Measure("stock_days", "stock_level", lambda rows: rows.day.nunique(), adds_up=False)
UNVALUED = Measure(
    "unvalued", "stock_level", lambda rows: rows.on_hand.sum(where=rows.unit_cost_shop.isnull() & (rows.on_hand > 0))
)

SOURCES = (
    Source("shipment", "fulfilment", _shipments, is_kept=False),
    Source("promise", "fulfilment", _promises, is_kept=False),
    Source("shortfall", "stock_level", _shortfalls),
    Source("stock_demand", "stock_level", _demand),
)


def _accuracy_of_units(cell: Cell) -> Value:
    off = ratio(total(cell, "units_off"), total(cell, "recorded_units"), _NO_COUNTS)
    return off if isinstance(off, Missing) else 1 - float(off)


def _sell_through(cell: Cell) -> Value:
    if cell.get("on_hand") is None:
        return _NO_STOCK
    return ratio(total(cell, "units"), total(cell, "units", "on_hand"), _NO_STOCK)


def _cover_days(cell: Cell) -> Value:
    if cell.get("on_hand") is None:
        return _NO_STOCK
    daily = ratio(total(cell, "units"), count(cell, "bucket_days"), _NO_STOCK)
    return ratio(total(cell, "on_hand"), daily, _NO_UNITS)


def _turns(cell: Cell) -> Value:
    if cell.get("unvalued"):
        return _NO_STOCK_COST
    return ratio(cost_of_goods(cell), per(total(cell, "stock_value"), count(cell, "stock_days"), _NO_STOCK), _NO_STOCK)


def _median(id_: str, empty: Missing) -> Any:
    return lambda cell: cell[id_] if cell.get(id_) is not None else empty


_OPERATIONS: dict[str, Any] = {"family": "operations", "basis": False}
_RATE = _OPERATIONS | {"unit": Unit.RATE, "roll_up": RollUp.RATIO, "direction": Direction.UP}
_MEDIAN = _OPERATIONS | {"roll_up": RollUp.ANEW, "direction": Direction.DOWN}
_LATEST = N_("Stock is a state: units as at the end of each bucket of time, or of the period.")

METRICS = (
    Metric(
        id="fulfilment_accuracy",
        label=N_("Fulfilment accuracy"),
        description=N_("The share of shipments that were complete, with nothing wrong or broken in them."),
        formula="shipments right and complete / shipments",
        measures=(SHIPMENTS, PERFECT),
        value=lambda cell: ratio(count(cell, "perfect_shipments"), count(cell, "shipments"), _NO_SHIPMENTS),
        dimensions=DAYS | _SHIPPED | {"reason"},
        leaders=N_("Warehouse systems count lines picked right, so theirs is higher than a rate of whole shipments."),
        **_RATE,
    ),
    Metric(
        id="on_time_rate",
        label=N_("On-time rate"),
        description=N_(
            "The share of shipments that had arrived by the promised day, on that day. One that is still under way "
            "when its day has passed is late; one whose day has not come is out."
        ),
        formula="delivered by promised_on / shipments promised",
        measures=(KEPT, PROMISES),
        value=lambda cell: ratio(count(cell, "kept_promises"), count(cell, "promises"), _NO_PROMISES),
        dimensions=DAYS | _SHIPPED,
        leaders=N_("Amazon and Shopify count the day of dispatch against the handling time, so theirs is higher."),
        **_RATE,
    ),
    Metric(
        id="fulfilment_days",
        label=N_("Fulfilment time"),
        description=N_(
            "Median working days from the order to its dispatch, on the day of dispatch, by the calendar of the shop's "
            "country: ordered on Friday and sent on Monday is one day."
        ),
        formula="median working days from ordered_on to shipped_on",
        unit=Unit.DAYS,
        measures=(WORKING,),
        value=_median("working_days", _NO_SHIPMENTS),
        dimensions=DAYS | _SHIPPED,
        parts=("delivery_days",),
        leaders=N_("Shopify counts hours round the clock, weekends too, so theirs is longer."),
        **_MEDIAN,
    ),
    Metric(
        id="delivery_days",
        label=N_("Delivery time"),
        description=N_("Median days from the order to the customer's door, on the day of dispatch."),
        formula="median days from ordered_on to delivered_on",
        unit=Unit.DAYS,
        measures=(DOOR,),
        value=_median("door_days", _NO_DELIVERIES),
        dimensions=DAYS | _SHIPPED,
        leaders=N_("Carriers count from their first scan, so theirs is shorter."),
        **_MEDIAN,
    ),
    Metric(
        id="fulfilment_cost_per_order",
        label=N_("Fulfilment cost per order"),
        description=N_("What picking, packing, shipping and mending errors cost for each order shipped."),
        formula="Σ fulfilment cost / orders shipped",
        unit=Unit.MONEY,
        family="operations",
        direction=Direction.DOWN,
        roll_up=RollUp.RATIO,
        basis=False,
        measures=(HANDLING, SHIPPED_ORDERS),
        value=lambda cell: per(total(cell, "fulfilment_cost"), count(cell, "shipped_orders"), _NO_SHIPMENTS),
        dimensions=DAYS | {"warehouse", "carrier", "market"},
        leaders=N_("Fulfilment services quote pick, pack and ship only; the cost of errors is left out."),
    ),
    Metric(
        id="inventory_accuracy",
        label=N_("Inventory accuracy"),
        description=N_("The share of counted products whose count equalled the record."),
        formula="products counted equal to the record / products counted",
        measures=(COUNTS, EXACT),
        value=lambda cell: ratio(count(cell, "exact_counts"), count(cell, "counts"), _NO_COUNTS),
        dimensions=_SHELF,
        parts=("inventory_accuracy_units",),
        leaders=N_("Some allow a tolerance of a few per cent, so theirs is higher."),
        **_RATE,
    ),
    Metric(
        id="inventory_accuracy_units",
        label=N_("Inventory accuracy by units"),
        description=N_("One less the units that counts were off, up or down, for each unit on record."),
        formula="1 - Σ |counted - recorded| / Σ recorded",
        measures=(OFF, RECORDED),
        value=_accuracy_of_units,
        dimensions=_SHELF,
        leaders=N_("Those who net overs against shorts show a better number for the same shelf."),
        **_RATE,
    ),
    Metric(
        id="first_response_hours",
        label=N_("First response time"),
        description=N_(
            "Median hours from a customer's first message to the first reply, on the day that it was opened."
        ),
        formula="median hours from opening to first_reply_at",
        unit=Unit.HOURS,
        measures=(REPLY,),
        value=_median("reply_hours", _NO_REPLIES),
        dimensions=_ASKED,
        leaders=N_("Zendesk and Gorgias offer business hours as well; here the customer's clock runs."),
        **_MEDIAN,
    ),
    Metric(
        id="resolution_hours",
        label=N_("Resolution time"),
        description=N_("Median hours from a customer's first message to its settling, on the day that it was opened."),
        formula="median hours from opening to resolved_at",
        unit=Unit.HOURS,
        measures=(RESOLUTION,),
        value=_median("resolution_hours", _NO_ENDS),
        dimensions=_ASKED,
        leaders=N_("Zendesk restarts the clock when a conversation is opened again only in its full resolution time."),
        **_MEDIAN,
    ),
    Metric(
        id="contacts_per_order",
        label=N_("Contacts per order"),
        description=N_("How often customers got in touch for each order."),
        formula="Σ contacts / orders",
        unit=Unit.RATIO,
        family="operations",
        direction=Direction.DOWN,
        roll_up=RollUp.RATIO,
        measures=(CONTACTS, ORDERS),
        value=lambda cell: ratio(count(cell, "contacts"), count(cell, "orders"), NO_ORDERS),
        dimensions=DAYS | {"market"},
        leaders=N_("Support products count conversations, not contacts in them, so theirs is lower."),
    ),
    Metric(
        id="stockout_rate",
        label=N_("Stock-out rate"),
        description=N_("Of the days that products were on sale, the share that ended with nothing left to sell."),
        formula="out-of-stock product days / sellable product days",
        measures=(OUT, SELLABLE),
        value=lambda cell: ratio(count(cell, "days_out"), count(cell, "sellable_days"), _NO_SELLABLE),
        dimensions=_SHELF | {"market"},
        parts=("stockout_rate_weighted",),
        leaders=N_("Shopify counts products out of stock now; it has no memory of days."),
        **_RATE | {"direction": Direction.DOWN},
    ),
    Metric(
        id="stockout_rate_weighted",
        label=N_("Stock-out rate by demand"),
        description=N_(
            "The same with each product day counted for what the product sells on a day on which it is there, so "
            "that a bestseller weighs more than a slow mover."
        ),
        formula="Σ daily demand of days out / Σ daily demand of sellable days",
        measures=(WEIGHTED,),
        value=lambda cell: ratio(cell.get("demand_out") or 0, cell.get("demand") or 0, _NO_SELLABLE),
        dimensions=_SHELF | {"market"},
        leaders=N_("Retailers call it the lost sales rate and model the demand; here it is the plain mean."),
        **_RATE | {"direction": Direction.DOWN, "roll_up": RollUp.RATIO},
    ),
    Metric(
        id="oversold_rate",
        label=N_("Oversold rate"),
        description=N_("Units promised to orders beyond what was there, for each unit sold. It must be 0."),
        formula="oversold units / units",
        measures=(LEVELS, OVERSOLD, UNITS),
        value=lambda cell: ratio(total(cell, "oversold_units"), total(cell, "units"), _NO_UNITS),
        dimensions=DAYS | PRODUCT,
        leaders=N_("No shop product shows it; marketplaces punish it as cancellations by the seller."),
        **_RATE | {"direction": Direction.DOWN},
    ),
    Metric(
        id="sell_through_rate",
        label=N_("Sell-through rate"),
        description=N_("The share sold of what there was to sell: units sold, and those that are left at the end."),
        note=_LATEST,
        formula="units / (units + units on hand at the end)",
        measures=(UNITS, STOCK),
        value=_sell_through,
        dimensions=DAYS | PRODUCT,
        leaders=N_("Shopify divides by what was there at the start, which is wrong after a delivery."),
        **_RATE | {"roll_up": RollUp.ANEW},
    ),
    Metric(
        id="stock_cover_days",
        label=N_("Stock cover"),
        description=N_("For how many days the stock at the end lasts at the pace of the period's sales."),
        note=_LATEST,
        formula="units on hand at the end / (units / days)",
        unit=Unit.DAYS,
        measures=(UNITS, STOCK),
        value=_cover_days,
        dimensions=DAYS | PRODUCT,
        leaders=N_("Shopify shows days of inventory remaining at the pace of the last 28 days."),
        **_MEDIAN | {"direction": Direction.NONE},
    ),
    Metric(
        id="stock_turns",
        label=N_("Stock turns"),
        description=N_(
            "How often the stock's value was sold in the period: cost of goods for each unit of money that lay on the "
            "shelf on an average day. It is not blown up to a year."
        ),
        formula="cost_of_goods / mean stock value",
        unit=Unit.RATIO,
        family="operations",
        direction=Direction.UP,
        roll_up=RollUp.ANEW,
        measures=(COST, UNITS, UNCOSTED, STOCK_VALUE, STOCK_DAYS, UNVALUED),
        value=_turns,
        dimensions=DAYS | PRODUCT,
        leaders=N_("Textbooks state it for a year and take the mean of first and last day only."),
    ),
)
