"""What is true of a simulated shop: the parameters that its facts are drawn from, to hold answers against."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

from topline.calendar.events import by_id
from topline.calendar.rules import SATURDAY, Fixed, NthWeekday, Rule
from topline.units.period import Period


@dataclass(frozen=True, slots=True)
class Market:
    """A market: its share of the traffic, currency, tax rate (0-1), delivery charge and the basket that ships free."""

    country: str
    share: float
    currency: str
    tax_rate: float
    shipping: int
    free_from: int


@dataclass(frozen=True, slots=True)
class Channel:
    """Where visits come from.

    visits : unpaid visits on an average day of the first year, both markets
    conversion_rate : chance that a newcomer's visit becomes an order, 0-1, at usual prices and without promotion
    repeat_share : share of the returning customers' visits, sums to 1 over all channels
    """

    name: str
    visits: float
    conversion_rate: float
    repeat_share: float


@dataclass(frozen=True, slots=True)
class Response:
    """How a paid channel answers to money: visits = top x a / (a + half), where a is spend with a carry-over.

    daily : mean spend a day in the shop's currency; campaigns : share of the channel's spend, aimed at newcomers or not
    half : adstock at which half of `top` visits a day come; carry_rate : what is left of an effect the next day, 0-1
    """

    channel: str
    kind: str
    daily: float
    top: float
    half: float
    carry_rate: float
    click_rate: float
    campaigns: Mapping[str, tuple[float, bool]]


@dataclass(frozen=True, slots=True)
class Category:
    """A group of products.

    products : how many; price, spread : median and log-deviation of their prices; cost_rate : cost to price, 0-1
    return_rate : chance that a line comes back, 0-1; weights : by month of the year, how much it draws
    elasticity : mean of its products', percent of units for a percent of price
    """

    name: str
    products: int
    price: float
    spread: float
    cost_rate: float
    return_rate: float
    weights: tuple[float, ...]
    elasticity: float
    nouns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """A yearly promotion: `days` days from `offset` days after the rule's day; no categories means all products.

    visit_lift : what traffic is multiplied by while it runs
    """

    name: str
    rule: Rule
    offset: int
    days: int
    discount_rate: float
    categories: tuple[str, ...]
    visit_lift: float


@dataclass(frozen=True, slots=True)
class Pricing:
    """How list prices move and products go on offer one by one, and how demand answers.

    Units of a product on a day are in proportion to (price / usual price) ** elasticity, and to `uplift` while it is on
    offer or to `dip` in the `dip_days` after. The usual price rises with all prices, by `Truth.price_rise_rate` a year.

    change_rate : chance that a product gets a new list price on the first of a month
    deviation : standard deviation of log list prices around the usual ones
    scatter : standard deviation of the products' elasticities around their category's
    offer_rate : chance that a product goes on offer on a Monday; offer_weeks : for how long
    discount_rates : of these offers, each as likely as the others
    uplift, dip : factors on units, beside what the price cut does
    """

    change_rate: float
    deviation: float
    scatter: float
    offer_rate: float
    offer_weeks: int
    discount_rates: tuple[float, ...]
    uplift: float
    dip: float
    dip_days: int


@dataclass(frozen=True, slots=True)
class Loyalty:
    """BG/NBD (Fader, Hardie & Lee 2005) with time in weeks of average season.

    r, alpha : shape and rate of the gamma over purchase rates; a, b : of the beta over dropout after an order
    visit_conversion_rate : chance that a returning customer's visit becomes an order
    """

    r: float
    alpha: float
    a: float
    b: float
    visit_conversion_rate: float


@dataclass(frozen=True, slots=True)
class Way:
    """How visits go on through the shop; chances 0-1.

    cart_rate : that a visit without an order fills a cart; checkout_rate : that it goes on to the checkout
    product_rate : that a further page is a product's
    sign_up_rate, download_rate, chat_rate : that a visit does it
    recorded_from : the day since which the shop records each event
    """

    cart_rate: float
    checkout_rate: float
    product_rate: float
    sign_up_rate: float
    download_rate: float
    chat_rate: float
    recorded_from: date


@dataclass(frozen=True, slots=True)
class Mailing:
    """Monthly newsletters of the last `months`; chances 0-1 of each message, of those delivered.

    opt_in_rate : of the customers, those who want it
    """

    months: int
    opt_in_rate: float
    delivery_rate: float
    open_rate: float
    click_rate: float
    unsubscribe_rate: float
    machine_open_rate: float
    machine_click_rate: float


@dataclass(frozen=True, slots=True)
class Opinion:
    """What customers and the market think; chances 0-1.

    csat_ask_rate, nps_ask_rate : of orders, those whose customer is asked; response_rate : that they answer
    satisfied_rate, promoter_rate, detractor_rate : of the answers
    aware_rate : of those asked at the start who know the brand, and `aware_growth_rate` a year more
    price_premium : how much dearer than the market; market_share : of each market, in the order of the markets
    """

    csat_ask_rate: float
    nps_ask_rate: float
    response_rate: float
    satisfied_rate: float
    promoter_rate: float
    detractor_rate: float
    aware_rate: float
    aware_growth_rate: float
    price_premium: float
    market_share: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """How the team works: rates 0-1.

    carriers : share of the parcels of each
    late_rate : chance that a parcel comes after the promised day; right_rate, complete_rate : that it is as ordered
    promise_days : working days from the order to the promised delivery
    stock_from : the first day whose stock is recorded; count_rate : chance that a count equals the record
    contact_rate : conversations for each order; reply_hours, resolution_hours : medians
    leads : new leads on an average day; qualify_rate : chance that one becomes a deal
    lead_effects : what a lead's channel, product line and market add to the log odds that it is won; the mean chance is
        the product of the rates
    owners, territories : of deals, in turn; advance_rates : chance to leave new, talk and offer for the next stage
    stage_days : mean days in each of the three; back_rate : chance that talk is entered again after offer
    deal_value : median, in the shop's currency
    """

    carriers: Mapping[str, float]
    late_rate: float
    right_rate: float
    complete_rate: float
    promise_days: int
    stock_from: date
    count_rate: float
    contact_rate: float
    reply_hours: float
    resolution_hours: float
    leads: float
    qualify_rate: float
    lead_effects: Mapping[str, Mapping[str, float]]
    owners: tuple[str, ...]
    territories: tuple[str, ...]
    advance_rates: tuple[float, float, float]
    stage_days: tuple[float, float, float]
    back_rate: float
    deal_value: float


@dataclass(frozen=True, slots=True)
class Truth:
    """All that a simulated shop is made of; rates are 0-1, amounts in whole units of the currency named.

    followers : of each network at the start, and by how much a year they grow, 0-1
    """

    name: str
    currency: str
    zone: str
    country: str
    period: Period
    growth_rate: float
    weekdays: tuple[float, ...]
    months: tuple[float, ...]
    markets: tuple[Market, ...]
    channels: tuple[Channel, ...]
    responses: tuple[Response, ...]
    categories: tuple[Category, ...]
    offers: tuple[Offer, ...]
    pricing: Pricing
    loyalty: Loyalty
    guest_rate: float
    cancel_rate: float
    coupon: str
    coupon_rate: float
    coupon_use_rate: float
    return_days: float
    price_rise_rate: float
    euro_rate: float
    way: Way
    mailing: Mailing
    opinion: Opinion
    work: Work
    followers: Mapping[str, tuple[int, float]]

    @property
    def clock_on(self) -> date:
        """The day after the last fact."""
        return self.period.end


def _rule(event: str, country: str) -> Rule:
    rule = by_id()[event].rule(country)
    if rule is None:
        raise ValueError(f"{event} does not happen in {country}")
    return rule


_GARDEN = (0.5, 0.7, 1.3, 1.9, 2.0, 1.7, 1.3, 1.0, 0.7, 0.4, 0.4, 0.3)
_INDOOR = (1.2, 1.0, 0.9, 0.8, 0.7, 0.7, 0.8, 0.9, 1.1, 1.3, 1.4, 1.3)
_EVEN = (1.0,) * 12

HARBOUR_AND_PINE = Truth(
    name="Harbour & Pine",
    currency="GBP",
    zone="Europe/London",
    country="GB",
    period=Period(date(2023, 9, 1), date(2026, 9, 1)),
    growth_rate=0.08,
    weekdays=(1.05, 1.0, 0.97, 0.97, 0.90, 0.98, 1.13),
    months=(0.80, 0.82, 0.98, 1.16, 1.20, 1.08, 0.96, 0.90, 0.93, 1.0, 1.17, 1.10),
    markets=(Market("GB", 0.82, "GBP", 0.20, 495, 5000), Market("IE", 0.18, "EUR", 0.23, 595, 6000)),
    channels=(
        Channel("direct", 190, 0.0226, 0.34),
        Channel("organic_search", 340, 0.0198, 0.16),
        Channel("referral", 45, 0.0174, 0.02),
        Channel("email", 0, 0.0, 0.38),
        Channel("paid_search", 0, 0.024, 0.08),
        Channel("paid_social", 0, 0.0087, 0.02),
        Channel("affiliate", 0, 0.0202, 0.0),
    ),
    responses=(
        Response(
            "paid_search",
            "ads",
            260,
            760,
            340,
            0.15,
            0.042,
            MappingProxyType({"brand": (0.22, True), "generic": (0.46, True), "shopping": (0.32, True)}),
        ),
        Response(
            "paid_social",
            "ads",
            150,
            520,
            380,
            0.45,
            0.011,
            MappingProxyType({"prospecting": (0.7, True), "retargeting": (0.3, False)}),
        ),
        Response("affiliate", "partners", 42, 120, 90, 0.1, 0.03, MappingProxyType({"partners": (1.0, True)})),
        Response("email", "messages", 11, 0, 1, 0.0, 0.024, MappingProxyType({"newsletter": (1.0, False)})),
    ),
    categories=(
        Category(
            "Garden furniture", 34, 165, 0.55, 0.54, 0.065, _GARDEN, -2.2, ("Bench", "Bistro Set", "Lounger", "Parasol")
        ),
        Category(
            "Plants and pots", 46, 17, 0.50, 0.46, 0.030, _GARDEN, -1.3, ("Planter", "Trough", "Herb Pot", "Trellis")
        ),
        Category("Garden tools", 32, 24, 0.45, 0.50, 0.045, _GARDEN, -1.6, ("Spade", "Secateurs", "Rake", "Hose Reel")),
        Category(
            "Outdoor cooking", 22, 89, 0.60, 0.57, 0.050, _GARDEN, -2.4, ("Fire Bowl", "Grill", "Pizza Oven", "Cover")
        ),
        Category("Lighting", 36, 42, 0.50, 0.44, 0.060, _INDOOR, -1.8, ("Lantern", "Table Lamp", "Pendant", "Festoon")),
        Category("Textiles", 44, 31, 0.45, 0.41, 0.095, _INDOOR, -2.0, ("Throw", "Cushion", "Rug", "Linen Set")),
        Category(
            "Kitchen and dining", 40, 26, 0.45, 0.47, 0.040, _EVEN, -1.5, ("Stoneware Set", "Carafe", "Board", "Tray")
        ),
        Category(
            "Seasonal",
            26,
            15,
            0.45,
            0.42,
            0.035,
            (0.1, 0.2, 0.5, 0.4, 0.2, 0.2, 0.2, 0.3, 0.8, 1.8, 3.6, 3.2),
            -1.1,
            ("Wreath", "Garland", "Candle", "Star"),
        ),
    ),
    offers=(
        Offer("black-friday", _rule("black_friday", "GB"), -4, 8, 0.15, (), 1.2),
        Offer(
            "boxing-day",
            Fixed(12, 26),
            0,
            14,
            0.15,
            ("Lighting", "Textiles", "Kitchen and dining", "Seasonal"),
            1.05,
        ),
        Offer("easter-garden", _rule("easter", "GB"), -14, 18, 0.15, ("Plants and pots", "Garden tools"), 1.08),
        Offer("mothers-day", _rule("mothers_day", "GB"), -10, 11, 0.10, ("Plants and pots", "Textiles"), 1.04),
        Offer("fathers-day", _rule("fathers_day", "GB"), -9, 10, 0.10, ("Outdoor cooking", "Garden tools"), 1.04),
        Offer(
            "summer-sale",
            NthWeekday(7, SATURDAY, 1),
            0,
            16,
            0.20,
            ("Garden furniture", "Outdoor cooking"),
            1.1,
        ),
    ),
    pricing=Pricing(
        change_rate=0.25,
        deviation=0.09,
        scatter=0.25,
        offer_rate=0.03,
        offer_weeks=2,
        discount_rates=(0.10, 0.15, 0.20, 0.25),
        uplift=1.35,
        dip=0.82,
        dip_days=14,
    ),
    loyalty=Loyalty(r=0.55, alpha=13.0, a=1.15, b=2.6, visit_conversion_rate=0.12),
    guest_rate=0.18,
    cancel_rate=0.016,
    coupon="WELCOME10",
    coupon_rate=0.10,
    coupon_use_rate=0.14,
    return_days=12.0,
    price_rise_rate=0.035,
    euro_rate=0.855,
    way=Way(0.055, 0.36, 0.45, 0.018, 0.006, 0.011, date(2026, 7, 1)),
    mailing=Mailing(12, 0.3, 0.985, 0.31, 0.034, 0.0025, 0.42, 0.015),
    opinion=Opinion(0.4, 0.1, 0.22, 0.86, 0.52, 0.17, 0.11, 0.18, 0.07, (0.021, 0.034)),
    work=Work(
        carriers=MappingProxyType({"Royal Mail": 0.62, "DPD": 0.28, "Tuffnells": 0.10}),
        late_rate=0.06,
        right_rate=0.985,
        complete_rate=0.978,
        promise_days=4,
        stock_from=date(2025, 9, 1),
        count_rate=0.94,
        contact_rate=0.085,
        reply_hours=3.2,
        resolution_hours=19.0,
        leads=2.1,
        qualify_rate=0.46,
        lead_effects=MappingProxyType(
            {
                "channel": MappingProxyType(
                    {
                        "direct": 0.8,
                        "organic_search": 0.3,
                        "referral": 1.4,
                        "email": 0.6,
                        "paid_search": -0.2,
                        "paid_social": -1.6,
                        "affiliate": -1.2,
                    }
                ),
                "product_line": MappingProxyType({"Hospitality": 0.9, "Offices": 0.1, "Gifts": -1.0}),
                "market": MappingProxyType({"GB": 0.1, "IE": -0.5}),
            }
        ),
        owners=("Hannah Reid", "Owen Clarke", "Priya Nair", "Tom Whelan"),
        territories=("North", "South", "Ireland"),
        advance_rates=(0.72, 0.66, 0.55),
        stage_days=(6.0, 14.0, 11.0),
        back_rate=0.07,
        deal_value=2400.0,
    ),
    followers=MappingProxyType({"instagram": (8200, 0.45), "facebook": (5400, 0.06), "pinterest": (2600, 0.7)}),
)


def larger(truth: Truth, times: int) -> Truth:
    """The truth of a shop so many times as large: as many more visits, and spend of the same return."""
    return replace(
        truth,
        channels=tuple(replace(one, visits=one.visits * times) for one in truth.channels),
        responses=tuple(
            replace(one, daily=one.daily * times, top=one.top * times, half=one.half * times) for one in truth.responses
        ),
    )


_TENFOLD = larger(HARBOUR_AND_PINE, 10)
HARBOUR_GROUP = replace(
    _TENFOLD,
    name="Harbour Group",
    markets=tuple(replace(one, tax_rate=0.0, shipping=0) for one in HARBOUR_AND_PINE.markets),
    channels=tuple(replace(one, conversion_rate=one.conversion_rate * 8) for one in _TENFOLD.channels),
    categories=tuple(replace(one, products=6250) for one in HARBOUR_AND_PINE.categories),
    loyalty=Loyalty(r=0.9, alpha=9.5, a=0.55, b=3.4, visit_conversion_rate=0.5),
    way=replace(HARBOUR_AND_PINE.way, recorded_from=date(2026, 1, 20)),
    work=replace(HARBOUR_AND_PINE.work, stock_from=date(2026, 8, 1)),
)
"""A large shop: 10 M orders, 30 M rows of the ledger, 50 M web events, 2 M customers, 50,000 products, three years.

It sells through a marketplace that pays the tax and the delivery, and to visitors who mean to buy.
"""

GROUP_PARTS = 100
"""Parts that Harbour Group is drawn in, each about as large as Harbour & Pine."""
