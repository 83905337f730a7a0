"""Sales: the signed ledger, orders, margin and growth."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from topline.facts.order_line import Kind
from topline.metrics.dimension import DAYS, LINE, ORDER
from topline.metrics.frame import Frame, frame
from topline.metrics.marketing import MARKETING_COST, marketing_cost
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
    minus,
    per,
    ratio,
    total,
)
from topline.units.missing import Missing
from topline.units.text import N_

if TYPE_CHECKING:
    from ibis.expr.types import Scalar, Table

    from topline.metrics.view import View

_GROSS = (Kind.GOODS_SOLD,)
_DISCOUNT = (Kind.DISCOUNT,)
_RETURN = (Kind.GOODS_CANCELLED, Kind.REFUND)
_TAX = (Kind.TAX,)
_SHIPPING = (Kind.CARRIAGE, Kind.SHIPPING)
_NET = (*_GROSS, *_DISCOUNT, *_RETURN)

NO_ORDERS = Missing("no_orders", N_("no orders"))
NO_NET_SALES = Missing("no_net_sales", N_("no net sales"))
_NO_UNITS = Missing("no_units", N_("no units sold"))


def _values(kinds: Iterable[Kind]) -> tuple[str, ...]:
    return tuple(kind.value for kind in kinds)


def _sum_of(column: str, kinds: Iterable[Kind], sign: int = 1) -> "Any":
    names = _values(kinds)

    def value(rows: "Table") -> "Scalar":
        summed: Any = rows[column].sum(where=rows.kind.isin(names))
        return summed if sign > 0 else -summed

    return value


def _money(id_: str, *kinds: Kind) -> Measure:
    return Measure(id_, "counted", _sum_of("amount", kinds), is_money=True, kinds=_values(kinds))


def orders_of(rows: Any) -> Any:
    """How many orders the rows of `placed` or `person` are of."""
    if "is_plain" in rows.columns:
        return rows.count()
    if "is_single" not in rows.columns:
        return rows.order_key.nunique()
    return rows.is_single.sum() + rows.order_key.nunique(where=~rows.is_single)


LEDGER = Measure("ledger_amount", "ledger", lambda rows: rows.amount.sum(), is_money=True)
GROSS = _money("gross_sales", *_GROSS)
DISCOUNTS = _money("discounts", *_DISCOUNT)
RETURNS = _money("returns", *_RETURN)
TAX = _money("tax", *_TAX)
SHIPPING = _money("shipping", *_SHIPPING)
NET = _money("net_sales", *_NET)
TOTAL = _money("total_sales", *_NET, *_TAX, *_SHIPPING)
UNITS = Measure("units", "counted", _sum_of("quantity", _GROSS), kinds=_values(_GROSS))
RETURNED = Measure("returned_units", "counted", _sum_of("quantity", _RETURN, sign=-1), kinds=_values(_RETURN))
ORDERS = Measure("orders", "placed", orders_of, adds_up=False)
CANCELLED = Measure("orders_cancelled", "cancelled", lambda rows: rows.order_key.nunique(), adds_up=False)
COST = Measure("cost", "counted", _sum_of("cost_shop", (*_GROSS, *_RETURN)), is_shop_money=True)
UNCOSTED = Measure("uncosted_units", "counted", _sum_of("uncosted", _GROSS))
DELIVERY = Measure("delivery", "order", lambda rows: rows.shipping_cost_shop.sum(), is_shop_money=True)
FEES = Measure("fees", "order", lambda rows: rows.payment_fee_shop.sum(), is_shop_money=True)
HEADS = Measure("heads", "order", lambda rows: rows.heads.sum())
UNPRICED = Measure("unpriced", "order", lambda rows: rows.unpriced.sum())


def cost_of_goods(cell: Cell) -> Value:
    """Cost of the goods sold less those returned; missing, its known part as `partial`, if units have no cost."""
    units, uncosted, cost = total(cell, "units"), total(cell, "uncosted_units"), total(cell, "cost")
    if not uncosted:
        return cost
    share = 100 * float(uncosted) / float(units) if units else 100.0  # type: ignore[arg-type]
    return Missing(
        "no_cost_of_goods",
        N_("no cost of goods for %(share)s %% of units"),
        {"share": percent(share), "partial": cost},
    )


def percent(share: float) -> str:
    """A share in words that never round a gap away: 0.004 is `< 0.1`."""
    return f"{share:.1f}".removesuffix(".0") if share >= 0.05 else "< 0.1"


def gross_profit(cell: Cell) -> Value:
    return _less_cost(total(cell, "net_sales"), cost_of_goods(cell))


def _less_cost(amount: Value, cost: Value) -> Value:
    """The amount less its cost; the partial result goes along where a part of the cost is missing."""
    partial = cost.params.get("partial") if isinstance(cost, Missing) else None
    if isinstance(cost, Missing) and partial is not None and not isinstance(amount, Missing):
        return Missing(cost.reason, cost.message, {**cost.params, "partial": minus(amount, partial)})  # type: ignore[arg-type]
    return minus(amount, cost)


def contribution_before_marketing(cell: Cell) -> Value:
    heads, unpriced = count(cell, "heads"), count(cell, "unpriced")
    profit = gross_profit(cell)
    if isinstance(profit, Missing):
        return profit
    if unpriced:
        share = 100 * float(unpriced) / float(heads)  # type: ignore[arg-type]
        return Missing(
            "no_fulfilment_cost",
            N_("no cost of delivery or payment for %(share)s %% of orders"),
            {"share": percent(share), "partial": minus(profit, total(cell, "delivery", "fees"))},
        )
    return minus(profit, total(cell, "delivery", "fees"))


def contribution(cell: Cell) -> Value:
    return minus(contribution_before_marketing(cell), marketing_cost(cell))


def _growth_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """Net sales of each cell's days, and of the days of the year before that they are like."""
    known, extent = view.period, view.tables.extent
    like = frame(view.query, known, view.settings, like="last_year_feast") if known else None
    days = [(before, now) for before, now in like.days if before in extent] if like and extent else []
    if not days:
        return {}
    cells: dict[Key, dict[str, Any]] = defaultdict(dict)
    for measure, read in (("growth_now", [(now, now) for _, now in days]), ("growth_before", days)):
        rows: Any = view.laid(Frame(tuple(read), {})).rows("counted", by)
        sums = {measure: NET.value(rows)}
        grouped = rows.group_by(*by).aggregate(**sums) if by else rows.aggregate(**sums)
        for record in view.tables.run(grouped):
            if record[measure] is not None:
                cells[tuple(record[id_] for id_ in by)][measure] = record[measure]
    return cells


GROWTH = Staged("growth", _growth_cells, is_shop_money=True)


def sales_growth(cell: Cell) -> Value:
    before = total(cell, "growth_before")
    return ratio(
        minus(total(cell, "growth_now"), before), before, Missing("no_year_before", N_("no sales in the year before"))
    )


_SHOPIFY = N_("Shopify puts a return on the refund's date, as the basis by event date does here.")
_MONEY = {"unit": Unit.MONEY, "family": "sales", "direction": Direction.UP, "roll_up": RollUp.SUM}
_RATIO: dict[str, Any] = {"family": "sales", "roll_up": RollUp.RATIO}
_KIND = LINE | {"kind"}
_MARKETED = DAYS | {"channel", "market", "currency", "campaign"}

METRICS = (
    Metric(
        id="ledger_amount",
        label=N_("Ledger"),
        description=N_(
            "Everything that the source booked, row by row, with its sign. By kind it ties to the source to the cent."
        ),
        formula="Σ amount",
        measures=(LEDGER,),
        value=lambda cell: total(cell, "ledger_amount"),
        dimensions=_KIND,
        leaders=N_("Accounting systems call it the sum of the journal; shops' reports leave out manual rows and fees."),
        **{**_MONEY, "direction": Direction.NONE},  # type: ignore[arg-type]
    ),
    Metric(
        id="gross_sales",
        label=N_("Gross sales"),
        description=N_(
            "Price times quantity of the goods sold, before discounts and returns, without tax and shipping."
        ),
        formula="Σ price × quantity",
        measures=(GROSS,),
        value=lambda cell: total(cell, "gross_sales"),
        dimensions=_KIND,
        leaders=N_("Shopify's gross sales are the same; orders edited later count on the day of the edit there."),
        **_MONEY,  # type: ignore[arg-type]
    ),
    Metric(
        id="discounts",
        label=N_("Discounts"),
        description=N_("Price reductions on goods, negative."),
        formula="Σ discount",
        measures=(DISCOUNTS,),
        value=lambda cell: total(cell, "discounts"),
        dimensions=_KIND,
        leaders=N_("Shopify shows the same with the same sign; a shipping discount lowers shipping, not this."),
        **_MONEY,  # type: ignore[arg-type]
    ),
    Metric(
        id="returns",
        label=N_("Returns"),
        description=N_(
            "Goods cancelled and refunds, negative; on the refund's day by event date, the order's by order date."
        ),
        formula="Σ goods_cancelled + refund",
        measures=(RETURNS,),
        value=lambda cell: total(cell, "returns"),
        dimensions=_KIND,
        leaders=_SHOPIFY,
        **_MONEY,  # type: ignore[arg-type]
    ),
    Metric(
        id="tax",
        label=N_("Tax"),
        description=N_("Taxes on orders, less those refunded as tax."),
        formula="Σ tax",
        measures=(TAX,),
        value=lambda cell: total(cell, "tax"),
        dimensions=_KIND,
        leaders=N_(
            "The same everywhere where prices are stated without tax; with tax inside prices it is taken out of them."
        ),
        **{**_MONEY, "direction": Direction.NONE},  # type: ignore[arg-type]
    ),
    Metric(
        id="shipping",
        label=N_("Shipping"),
        description=N_("What customers paid for carriage and delivery."),
        formula="Σ carriage + shipping",
        measures=(SHIPPING,),
        value=lambda cell: total(cell, "shipping"),
        dimensions=_KIND,
        leaders=N_("Shopify shows the same, less shipping refunds."),
        **{**_MONEY, "direction": Direction.NONE},  # type: ignore[arg-type]
    ),
    Metric(
        id="net_sales",
        label=N_("Net sales"),
        description=N_("Revenue: goods sold, less discounts and returns, without tax and shipping."),
        formula="gross_sales + discounts + returns (both negative)",
        measures=(NET,),
        value=lambda cell: total(cell, "net_sales"),
        dimensions=_KIND,
        leaders=_SHOPIFY,
        is_plan=True,
        **_MONEY,  # type: ignore[arg-type]
    ),
    Metric(
        id="total_sales",
        label=N_("Total sales"),
        description=N_("Net sales with tax and shipping: what customers paid for their orders."),
        formula="net_sales + tax + shipping",
        measures=(TOTAL,),
        value=lambda cell: total(cell, "total_sales"),
        dimensions=_KIND,
        leaders=N_("Shopify adds duties and additional fees; Amazon's ordered product sales leave returns in."),
        **_MONEY,  # type: ignore[arg-type]
    ),
    Metric(
        id="orders",
        label=N_("Orders"),
        description=N_(
            "Orders with goods sold, on the day they were placed. By event date an order counts for ever; "
            "by order date cancelled orders are out. Test orders never count."
        ),
        formula="distinct order_key with a goods_sold line",
        unit=Unit.COUNT,
        family="sales",
        direction=Direction.UP,
        roll_up=RollUp.DISTINCT,
        measures=(ORDERS,),
        value=lambda cell: count(cell, "orders"),
        dimensions=LINE,
        leaders=N_("Shopify also counts orders of free samples and of gift cards alone."),
    ),
    Metric(
        id="orders_cancelled",
        label=N_("Cancelled orders"),
        description=N_(
            "Orders cancelled as a whole, on the day of the cancellation, or by order date on the order's day."
        ),
        formula="distinct order_key with cancelled_on",
        unit=Unit.COUNT,
        family="sales",
        direction=Direction.DOWN,
        roll_up=RollUp.DISTINCT,
        measures=(CANCELLED,),
        value=lambda cell: count(cell, "orders_cancelled"),
        dimensions=ORDER - {"hour"},
        leaders=N_("Shopify counts cancellations by the order's date."),
    ),
    Metric(
        id="units",
        label=N_("Units"),
        description=N_("Pieces of goods sold, before returns."),
        formula="Σ quantity of goods_sold",
        unit=Unit.QUANTITY,
        family="sales",
        direction=Direction.UP,
        roll_up=RollUp.SUM,
        measures=(UNITS,),
        value=lambda cell: total(cell, "units"),
        dimensions=LINE,
        leaders=N_("Shopify's net quantity takes returned pieces off."),
    ),
    Metric(
        id="units_per_order",
        label=N_("Units per order"),
        description=N_("Pieces of goods sold for each order."),
        formula="units / orders",
        unit=Unit.RATIO,
        direction=Direction.UP,
        measures=(UNITS, ORDERS),
        value=lambda cell: ratio(total(cell, "units"), count(cell, "orders"), NO_ORDERS),
        dimensions=LINE,
        leaders=N_("The same in the leading products; some average the orders' own ratios, which is not sum over sum."),
        **_RATIO,
    ),
    Metric(
        id="average_order_value",
        label=N_("Average order value"),
        description=N_(
            "The size of a transaction: net sales for each order with goods sold. Orders of no value stand apart."
        ),
        formula="net_sales / orders",
        unit=Unit.MONEY,
        direction=Direction.UP,
        measures=(NET, ORDERS),
        value=lambda cell: per(total(cell, "net_sales"), count(cell, "orders"), NO_ORDERS),
        dimensions=LINE,
        leaders=N_(
            "Shopify leaves returns out (gross less discounts); others count tax and shipping, so theirs is higher."
        ),
        is_plan=True,
        **_RATIO,
    ),
    Metric(
        id="sales_growth",
        label=N_("Sales growth"),
        description=N_(
            "Net sales against the days of the year before that they are like: the same weekday 52 weeks earlier, "
            "moving feasts on moving feasts, and only days that have happened."
        ),
        formula="(net_sales - before) / before, like for like days",
        unit=Unit.RATE,
        direction=Direction.UP,
        measures=(GROWTH,),
        value=sales_growth,
        dimensions=(LINE | {"kind"}) - {"hour"},
        leaders=N_("Dashboards compare the same dates, so weekdays and Easter move their growth."),
        is_plan=True,
        **_RATIO,
    ),
    Metric(
        id="cost_of_goods",
        label=N_("Cost of goods"),
        description=N_("What the goods sold had cost, less those that came back. Missing where a cost is unknown."),
        formula="Σ cost at sale",
        unit=Unit.MONEY,
        family="profit",
        direction=Direction.NONE,
        roll_up=RollUp.SUM,
        measures=(COST, UNITS, UNCOSTED),
        value=cost_of_goods,
        dimensions=LINE,
        leaders=N_("Shopify reports only lines that have a cost, as if the others were free."),
    ),
    Metric(
        id="gross_profit",
        label=N_("Gross profit"),
        description=N_("Net sales less the cost of goods."),
        formula="net_sales - cost_of_goods",
        unit=Unit.MONEY,
        family="profit",
        direction=Direction.UP,
        roll_up=RollUp.SUM,
        measures=(NET, COST, UNITS, UNCOSTED),
        value=gross_profit,
        dimensions=LINE,
        leaders=N_("Shopify takes only lines with a cost on both sides, so its profit is of fewer sales."),
    ),
    Metric(
        id="gross_margin",
        label=N_("Gross margin"),
        description=N_("The share of net sales that stays after the cost of goods."),
        formula="gross_profit / net_sales",
        unit=Unit.RATE,
        direction=Direction.UP,
        measures=(NET, COST, UNITS, UNCOSTED),
        value=lambda cell: ratio(gross_profit(cell), total(cell, "net_sales"), NO_NET_SALES),
        dimensions=LINE,
        leaders=N_("Shopify divides by the net sales of lines that have a cost."),
        **_RATIO | {"family": "profit"},
    ),
    Metric(
        id="contribution_before_marketing",
        label=N_("Contribution before marketing"),
        description=N_("Net sales less goods, delivery and payment fees."),
        formula="net_sales - cost_of_goods - shipping cost - fees",
        unit=Unit.MONEY,
        family="profit",
        direction=Direction.UP,
        roll_up=RollUp.SUM,
        measures=(NET, COST, UNITS, UNCOSTED, DELIVERY, FEES, HEADS, UNPRICED),
        value=contribution_before_marketing,
        dimensions=ORDER,
        leaders=N_("Often called contribution margin 2; some leave payment fees in."),
    ),
    Metric(
        id="contribution",
        label=N_("Contribution"),
        description=N_("What remains of net sales after goods, delivery, fees and marketing."),
        formula="contribution_before_marketing - marketing_cost",
        unit=Unit.MONEY,
        family="profit",
        direction=Direction.UP,
        roll_up=RollUp.SUM,
        measures=(NET, COST, UNITS, UNCOSTED, DELIVERY, FEES, HEADS, UNPRICED, MARKETING_COST),
        value=contribution,
        dimensions=_MARKETED,
        leaders=N_("Often called contribution margin 3; many count advertising only."),
    ),
    Metric(
        id="contribution_margin",
        label=N_("Contribution margin"),
        description=N_("The share of net sales that remains after goods, delivery, fees and marketing."),
        formula="contribution / net_sales",
        unit=Unit.RATE,
        direction=Direction.UP,
        measures=(NET, COST, UNITS, UNCOSTED, DELIVERY, FEES, HEADS, UNPRICED, MARKETING_COST),
        value=lambda cell: ratio(contribution(cell), total(cell, "net_sales"), NO_NET_SALES),
        dimensions=_MARKETED,
        leaders=N_("Products that lack delivery or marketing cost state it before them, so theirs is higher."),
        **_RATIO | {"family": "profit"},
    ),
    Metric(
        id="return_rate",
        label=N_("Return rate"),
        description=N_("Pieces that came back for each piece sold; by event date both on their own days."),
        formula="returned units / units",
        unit=Unit.RATE,
        direction=Direction.DOWN,
        measures=(RETURNED, UNITS),
        value=lambda cell: ratio(total(cell, "returned_units"), total(cell, "units"), _NO_UNITS),
        dimensions=LINE,
        leaders=N_("Some divide the value of returns by sales, or count orders with a return."),
        **_RATIO,
    ),
)
