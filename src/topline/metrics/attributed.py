"""What marketing brought: revenue and contribution of the orders that its channels and campaigns touched last."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from topline.metrics import sales
from topline.metrics.catalogue import dimensions
from topline.metrics.dimension import DAYS
from topline.metrics.marketing import MARKETING_COST, SPEND, SPENT, booked, marketing_cost
from topline.metrics.metric import Cell, Direction, Measure, Metric, RollUp, Unit, Value, minus, ratio, total
from topline.metrics.source import Source
from topline.metrics.view import View
from topline.units.missing import Missing
from topline.units.text import N_

_NO_COST = Missing("no_marketing_cost", N_("no marketing cost"))
_NO_SPEND = Missing("no_advertising_spend", N_("no advertising spend"))
_PREFIX = "marketed_"


def _of_channels(source: str, *, ads_only: bool) -> Callable[[View], Any]:
    """The rows of a source whose channel had cost, or advertising, in the question's days."""

    def rows(view: View) -> Any:
        of_days = tuple(condition for condition in view.query.where if dimensions()[condition.dimension].grain)
        query = replace(view.query, by=(), where=of_days, either=())
        spend: Any = View(view.tables, query, view.settings, rates=view.rates, frame=view.frame).rows("spend", ())
        paid = spend.filter(spend.kind == "ads") if ads_only else spend
        paid = paid.select(paid_channel="channel").distinct()
        wanted: Any = view.everything(source, *{*view.asked, "channel"})
        return wanted.semi_join(paid, wanted.channel == paid.paid_channel)

    return rows


SOURCES = (
    Source("advertised", "order_line", _of_channels("counted", ads_only=True), is_kept=False),
    Source("marketed", "order_line", _of_channels("counted", ads_only=False), is_kept=False),
    Source("marketed_order", "order", _of_channels("order", ads_only=False), is_kept=False),
)


def _of(source: str, prefix: str, measure: Measure) -> Measure:
    return replace(measure, id=f"{prefix}{measure.id}", source=source)


ADVERTISED_NET = _of("advertised", "advertised_", sales.NET)
MARKETED = (
    *(_of("marketed", _PREFIX, each) for each in (sales.NET, sales.COST, sales.UNITS, sales.UNCOSTED)),
    *(_of("marketed_order", _PREFIX, each) for each in (sales.DELIVERY, sales.FEES, sales.HEADS, sales.UNPRICED)),
)


def _marketing_roi(cell: Cell) -> Value:
    own = {id_.removeprefix(_PREFIX): number for id_, number in cell.items() if id_.startswith(_PREFIX)}
    brought, cost = sales.contribution_before_marketing(own), marketing_cost(cell)
    return ratio(minus(brought, cost), cost, _NO_COST)


_COMMON: dict[str, Any] = {"unit": Unit.RATIO, "direction": Direction.UP, "roll_up": RollUp.RATIO}
_MODEL = N_(
    "The model is last touch: an order belongs to its own channel and campaign, with no window. The other models are "
    "in the analysis of attribution. Orders of channels that cost nothing in the period stay out."
)

METRICS = (
    Metric(
        id="marketing_roi",
        label=N_("Marketing return on investment"),
        description=N_(
            "What marketing earned for each unit of money that it cost, after that money. It is profit, not revenue: "
            "0 breaks even."
        ),
        note=_MODEL,
        formula="(attributed contribution_before_marketing - marketing_cost) / marketing_cost",
        family="profit",
        measures=(*MARKETED, MARKETING_COST),
        value=_marketing_roi,
        dimensions=SPENT - {"currency"},
        leaders=N_(
            "Platforms divide revenue by spend and call it return; their number is higher by the cost of goods."
        ),
        is_plan=True,
        **_COMMON,
    ),
    Metric(
        id="roas",
        label=N_("Return on ad spend (revenue / spend)"),
        description=N_("Net sales that advertising was the last to touch, for each unit of money spent on it."),
        note=_MODEL,
        formula="attributed net_sales / spend",
        family="marketing",
        measures=(ADVERTISED_NET, SPEND),
        value=lambda cell: ratio(total(cell, "advertised_net_sales"), booked(cell, "spend"), _NO_SPEND),
        dimensions=SPENT,
        leaders=N_(
            "Each platform claims every order that it touched within its own window, so theirs add up to too much."
        ),
        **_COMMON,
    ),
    Metric(
        id="marketing_efficiency_ratio",
        label=N_("Marketing efficiency (all revenue / spend)"),
        description=N_("All net sales for each unit of money spent on advertising, whatever brought the orders."),
        note=N_("Nothing is attributed, so it needs no model."),
        formula="net_sales / spend",
        family="marketing",
        measures=(sales.NET, SPEND),
        value=lambda cell: ratio(total(cell, "net_sales"), booked(cell, "spend"), _NO_SPEND),
        dimensions=DAYS | {"market", "currency"},
        leaders=N_("Triple Whale's takes total sales with tax and shipping; some divide spend by revenue instead."),
        **_COMMON,
    ),
)
