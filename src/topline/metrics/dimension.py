"""What numbers can be cut by: grains of time, and columns of facts."""

from collections.abc import Mapping
from dataclasses import dataclass

from topline.units.period import Grain
from topline.units.text import N_


@dataclass(frozen=True, slots=True)
class Dimension:
    """Something to group and filter by.

    column : the fact's column that holds it
    through : the fact that a row's key leads to when the row has no such column itself; many rows to one, so no fan-out
    of : the dimension that it says something of, as the shop's settings have it
    values : all that it may have, of one that no fact's column holds
    unknown : how the cell is called whose rows have no value
    """

    id: str
    label: str
    description: str
    column: str = ""
    through: str = ""
    of: str = ""
    values: tuple[str, ...] = ()
    unknown: str = N_("not known")
    grain: Grain | None = None


_GRAINS = (
    Dimension("hour", N_("Hour"), N_("Hour of the day in the shop's zone, 0 to 23."), grain=Grain.HOUR),
    Dimension("day", N_("Day"), N_("Day in the shop's zone."), grain=Grain.DAY),
    Dimension("week", N_("Week"), N_("Week, named by its first day; it begins where the shop says."), grain=Grain.WEEK),
    Dimension("month", N_("Month"), N_("Calendar month, named by its first day."), grain=Grain.MONTH),
    Dimension("quarter", N_("Quarter"), N_("Calendar quarter, named by its first day."), grain=Grain.QUARTER),
    Dimension("year", N_("Year"), N_("Calendar year, named by its first day."), grain=Grain.YEAR),
    Dimension(
        "fiscal_quarter",
        N_("Fiscal quarter"),
        N_("Quarter of the shop's fiscal year, named by its first day."),
        grain=Grain.FISCAL_QUARTER,
    ),
    Dimension(
        "fiscal_year", N_("Fiscal year"), N_("The shop's fiscal year, named by its first day."), grain=Grain.FISCAL_YEAR
    ),
)

_COLUMNS = (
    Dimension(
        "kind",
        N_("Kind"),
        N_("What a row is: of the ledger goods sold or tax, of marketing ads or content, of content a read or a play."),
        "kind",
    ),
    Dimension(
        "channel", N_("Channel"), N_("The order's first-known channel; of a visit, where it came from."), "channel"
    ),
    Dimension(
        "channel_kind", N_("Kind of channel"), N_("What the channel is by the shop's list of channels."), of="channel"
    ),
    Dimension(
        "channel_reach", N_("Online or offline"), N_("Whether the shop's list has the channel online."), of="channel"
    ),
    Dimension("market", N_("Market"), N_("The order's first-known market, by country."), "market"),
    Dimension("currency", N_("Currency"), N_("The currency that the order was placed in."), "currency"),
    Dimension("product", N_("Product"), N_("The source's product code."), "product_key", unknown=N_("no product")),
    Dimension("category", N_("Category"), N_("The product's category today."), "category", "product"),
    Dimension("subcategory", N_("Subcategory"), N_("The product's subcategory today."), "subcategory", "product"),
    Dimension("brand", N_("Brand"), N_("The product's brand today."), "brand", "product"),
    Dimension("supplier", N_("Supplier"), N_("The product's supplier today."), "supplier", "product"),
    Dimension(
        "customer", N_("Customer"), N_("The person, identities as of today."), "customer_key", unknown=N_("guests")
    ),
    Dimension("campaign", N_("Campaign"), N_("The campaign that brought the order or visit."), "campaign", "order"),
    Dimension(
        "coupon", N_("Coupon"), N_("The coupon that the order used."), "coupon", "order", unknown=N_("no coupon")
    ),
    Dimension("device", N_("Device"), N_("The visitor's device."), "device"),
    Dimension("landing_page", N_("Landing page"), N_("The page that the visit began on."), "landing_page"),
    Dimension("page", N_("Page"), N_("The page of the shop that it happened on."), "page"),
    Dimension(
        "action",
        N_("Action"),
        N_("The desired action: order, add_to_cart, sign_up, download or chat. Without a filter it is the order."),
        "action",
        values=("order", "add_to_cart", "sign_up", "download", "chat"),
    ),
    Dimension("medium", N_("Medium"), N_("How the message went out: e-mail, SMS, WhatsApp or push."), "medium"),
    Dimension("flow", N_("Flow"), N_("The flow or mailing that the message was part of."), "send_key"),
    Dimension("form", N_("Form"), N_("The form that the lead filled in."), "form", unknown=N_("no form")),
    Dimension("link", N_("Link"), N_("The link in the message."), "link"),
    Dimension("content", N_("Content"), N_("The piece of content, by the source's name of it."), "content_key"),
    Dimension(
        "stage", N_("Stage"), N_("The stage of the buyer's way or of the deal."), "stage", unknown=N_("no stage")
    ),
    Dimension(
        "front", N_("Front"), N_("The line of messages that a post belongs to."), "front", unknown=N_("no front")
    ),
    Dimension(
        "survey",
        N_("Survey"),
        N_("What was asked: satisfaction, recommendation or a survey of the shop's own."),
        "survey",
    ),
    Dimension("source", N_("Source"), N_("Who says so."), "source"),
    Dimension("series", N_("Series"), N_("The named series of numbers from outside the shop."), "series"),
)

_WORK = (
    Dimension("owner", N_("Owner"), N_("Whose deal, lead, activity or quota it is."), "owner", unknown=N_("nobody's")),
    Dimension("territory", N_("Territory"), N_("The territory of the deal, activity or quota."), "territory"),
    Dimension("product_line", N_("Product line"), N_("What the deal or lead is about."), "product_line"),
    Dimension(
        "contact",
        N_("First contact"),
        N_("How it began: an identified visit, a lead or a deal."),
        "contact",
        values=("visit", "lead", "deal"),
    ),
    Dimension("reason", N_("Reason"), N_("Why: of a lost deal, a wrong shipment, a conversation."), "reason"),
    Dimension("warehouse", N_("Warehouse"), N_("Where the goods are or come from."), "warehouse"),
    Dimension("carrier", N_("Carrier"), N_("Who delivers."), "carrier"),
    Dimension("team", N_("Team"), N_("The team whose hours they are."), "team"),
    Dimension("metric", N_("Metric"), N_("What is planned or forecast; net sales where none is chosen."), "metric"),
    Dimension("lead", N_("Lead"), N_("How many buckets ahead a forecast was made; 1 is the next one."), "lead"),
)

DIMENSIONS: Mapping[str, Dimension] = {dimension.id: dimension for dimension in (*_GRAINS, *_COLUMNS, *_WORK)}

OF_CHANNEL = frozenset(d.id for d in _COLUMNS if d.of == "channel")
"""What is said of a channel: every metric that channels cut has them."""

DAYS = frozenset(d.id for d in _GRAINS if d.id != "hour")
"""Grains of a day and more."""

TIME = frozenset(d.id for d in _GRAINS)
ORDER = TIME | {"channel", "market", "currency", "customer", "campaign", "coupon"}
"""What an order has as a whole."""

PRODUCT = frozenset({"product", "category", "subcategory", "brand", "supplier"})
LINE = ORDER | PRODUCT
"""What a line of an order has."""
