"""What a plan document consists of: its sections, their fields, and the columns of their tables.

A field is named by its section's number and its id: `4.personas`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache

from topline.accounts.permissions import Role
from topline.plans.models import Kind
from topline.units.text import N_


class Behaviour(StrEnum):
    """What a field does: live numbers, Markdown text, a choice, a table, a calendar, people, links, or a view.

    A view is made of what stands elsewhere in the plan: goals, targets, actions, the forecast.
    """

    NUMBERS = "numbers"
    TEXT = "text"
    CHOICE = "choice"
    TABLE = "table"
    CALENDAR = "calendar"
    PEOPLE = "people"
    LINKS = "links"
    VIEW = "view"


class Type(StrEnum):
    """What a cell holds. Amounts and rates are decimal texts, days ISO texts, references keys of rows.

    A rule is a condition on customers (see `analysis.audience`); a live cell is computed, never stored.
    """

    TEXT = "text"
    MONEY = "money"
    NUMBER = "number"
    RATE = "rate"
    DAY = "day"
    CHOICE = "choice"
    PERSON = "person"
    METRIC = "metric"
    GOAL = "goal"
    CHANNEL = "channel"
    CHANNELS = "channels"
    MARKET = "market"
    CATEGORY = "category"
    EVENT = "event"
    RULE = "rule"
    ROW = "row"
    ROWS = "rows"
    STRATEGY = "strategy"
    LINK = "link"
    LIST = "list"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    options : of a choice, by id; of : the field whose rows it refers to; is_inside : a day that the plan's period holds
    is_long : text of several lines
    """

    id: str
    label: str
    type: Type = Type.TEXT
    options: Mapping[str, str] = field(default_factory=dict)
    of: str = ""
    is_needed: bool = False
    is_inside: bool = False
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a section.

    question : what it asks while it is empty
    columns : of a table's rows; the first says which row it is
    options : of a choice: id to (label, what it implies)
    is_of_team : its rows are made of the team (see `team`), and edited there
    metrics : ids of the live numbers that it always shows
    """

    id: str
    behaviour: Behaviour
    label: str
    question: str
    columns: tuple[Column, ...] = ()
    options: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    metrics: tuple[str, ...] = ()
    is_of_team: bool = False

    def column(self, id_: str) -> Column | None:
        return next((each for each in self.columns if each.id == id_), None)

    @property
    def has_rows(self) -> bool:
        return bool(self.columns)

    @property
    def is_asked(self) -> bool:
        """Whether it is a question that may be open; live numbers and views always hold something."""
        return self.behaviour not in (Behaviour.NUMBERS, Behaviour.VIEW)

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns that people fill."""
        return tuple(each for each in self.columns if each.type != Type.LIVE)


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the document; `owners` write it, `approvers` approve it."""

    number: int
    title: str
    owners: tuple[Role, ...]
    approvers: tuple[Role, ...]
    fields: tuple[Field, ...]


STAGES = {"top": N_("Top"), "middle": N_("Middle"), "bottom": N_("Bottom")}
"""Stages of the funnel, from those who don't know the shop to those who are about to buy."""

STEPS = {
    "unaware": N_("Unaware"),
    "awareness": N_("Awareness"),
    "interest": N_("Interest"),
    "evaluation": N_("Evaluation"),
    "decision": N_("Decision"),
    "purchase": N_("Purchase"),
}
"""Steps of a customer's journey, from not knowing the shop to the sale."""

STATUSES = {
    "idea": N_("Idea"),
    "briefed": N_("Briefed"),
    "in_work": N_("In work"),
    "ready": N_("Ready"),
    "published": N_("Published"),
}
"""How far a piece of content is."""

CONTENT_TYPES = {
    "article": N_("Article"),
    "video": N_("Video"),
    "social": N_("Social post"),
    "email": N_("E-mail"),
    "landing": N_("Landing page"),
    "guide": N_("Guide"),
    "ad": N_("Advertisement"),
    "other": N_("Other"),
}

VERDICTS = {
    "keep": N_("Keep"),
    "refresh": N_("Refresh"),
    "merge": N_("Merge with another"),
    "retire": N_("Take down"),
}
"""What becomes of a piece of content that was looked at in an audit."""

CADENCES = {
    "daily": N_("Daily"),
    "weekly": N_("Weekly"),
    "monthly": N_("Monthly"),
    "quarterly": N_("Quarterly"),
    "once": N_("Once"),
}

_NAME = Column("name", N_("Name"), is_needed=True)
_OWNER = Column("owner", N_("Owner"), Type.PERSON)
_SOURCE = Column("source", N_("Source"))
_ON = Column("on", N_("Date"), Type.DAY)
_STAGE = Column("stage", N_("Stage"), Type.CHOICE, STAGES)
_CHANNEL = Column("channel", N_("Channel"), Type.CHANNEL)
_MARKET = Column("market", N_("Market"), Type.MARKET)
_CATEGORY = Column("category", N_("Category"), Type.CATEGORY)
_EVIDENCE = Column("evidence", N_("Evidence"), Type.ROWS, of="2.evidence")
_PERSONA = Column("persona", N_("Persona"), Type.ROW, of="4.personas")
_FRONT = Column("front", N_("Action front"), Type.ROW, of="8.fronts")
_BUDGET = Column("budget", N_("Budget"), Type.MONEY)
_STATUS = Column("status", N_("Status"), Type.CHOICE, STATUSES)

NUMBER_COLUMNS = (
    Column("metric", N_("Metric"), Type.METRIC, is_needed=True),
    _CATEGORY,
    _MARKET,
    _CHANNEL,
    Column("from", N_("From"), Type.DAY),
    Column("to", N_("To"), Type.DAY),
)
"""What people say of a live number that they add: the metric, its scope, and other days than the plan's."""


def _text(id_: str, label: str, question: str) -> Field:
    return Field(id_, Behaviour.TEXT, label, question)


def _table(id_: str, label: str, question: str, *columns: Column, behaviour: Behaviour = Behaviour.TABLE) -> Field:
    return Field(id_, behaviour, label, question, columns)


def _of_team(id_: str, label: str, question: str, *columns: Column, behaviour: Behaviour = Behaviour.TABLE) -> Field:
    return Field(id_, behaviour, label, question, columns, is_of_team=True)


def _numbers(id_: str, label: str, question: str, *metrics: str) -> Field:
    return Field(id_, Behaviour.NUMBERS, label, question, NUMBER_COLUMNS, metrics=metrics)


def _view(id_: str, label: str, question: str) -> Field:
    return Field(id_, Behaviour.VIEW, label, question)


_MARKETING = (Role.MARKETING_MANAGER,)
_SALES = (Role.SALES_MANAGER,)
_DIRECTOR = (Role.OWNER,)

SECTIONS = (
    Section(
        1,
        N_("Summary"),
        (),
        _DIRECTOR,
        (
            _text("summary", N_("Summary"), N_("What does the plan come to, in three sentences?")),
            _text("note", N_("Note"), N_("What should a reader know that the numbers don't say?")),
            _numbers("headline", N_("Headline targets"), N_("Which numbers decide about the plan?"), "net_sales",
            "orders", "new_customers"),
            _view("frame", N_("Frame"), N_("Which version, scenario, period, currency and time zone is this?")),
        ),
    ),
    Section(
        2,
        N_("Data and trends"),
        (Role.ANALYST,),
        (),
        (
            _numbers(
                "figures", N_("Last year and so far"), N_("What did the last year bring?"),
                "net_sales", "orders", "customers", "new_customers", "average_order_value", "units",
                "repeat_purchase_rate",
            ),
            _view("products", N_("Products"), N_("Which products brought last year's sales?")),
            _table(
                "assumptions", N_("Assumptions"), N_("What does the plan take for granted, and who says so?"),
                Column("assumption", N_("Assumption"), is_needed=True, is_long=True), _SOURCE, _ON, _EVIDENCE,
            ),
            _table(
                "evidence", N_("Evidence"),
                N_("Which trends, preferences and developments outside the shop matter, and how?"),
                Column("finding", N_("Finding"), is_needed=True, is_long=True),
                Column(
                    "kind", N_("Kind"), Type.CHOICE,
                    {
                        "trend": N_("External trend"), "preference": N_("Consumer preference"),
                        "industry": N_("Industry development"), "own": N_("Own data"),
                    },
                ),
                _SOURCE, Column("link", N_("Link"), Type.LINK), _ON,
                Column("effect", N_("Effect on the plan"), is_long=True),
            ),
            _text("text", N_("What the data says"), N_("What do the data and the trends mean for this plan?")),
        ),
    ),
    Section(
        3,
        N_("Market, competitors, SWOT"),
        _MARKETING,
        (),
        (
            _table(
                "target_market", N_("Target market"), N_("Whom do we sell to, where, and what changes there?"),
                _NAME, _MARKET, Column("demographics", N_("Demographics"), is_long=True),
                Column("trends", N_("Trends"), is_long=True), Column("opportunities", N_("Opportunities"),
                is_long=True),
                Column("size", N_("Market size a year"), Type.MONEY), Column("sales", N_("Sales in 12 months"),
                Type.LIVE),
                Column("share", N_("Market share"), Type.LIVE), _EVIDENCE,
            ),
            _table(
                "competitors", N_("Competitors"), N_("Who else could the customer buy from, and why would they?"),
                _NAME, Column("price", N_("Price"), is_long=True), Column("strengths", N_("Strengths"), is_long=True),
                Column("weaknesses", N_("Weaknesses"), is_long=True),
                Column("opportunities", N_("Opportunities"), is_long=True), Column("threats", N_("Threats"),
                is_long=True),
                _EVIDENCE,
            ),
            _table(
                "swot", N_("Own strengths, weaknesses, opportunities, threats"),
                N_("What are we good and bad at, what may help or hurt us?"),
                Column("statement", N_("Statement"), is_needed=True, is_long=True),
                Column(
                    "kind", N_("Kind"), Type.CHOICE,
                    {
                        "strength": N_("Strength"), "weakness": N_("Weakness"), "opportunity": N_("Opportunity"),
                        "threat": N_("Threat"),
                    }, is_needed=True,
                ),
                Column("answer", N_("What we do about it"), is_long=True), _EVIDENCE,
            ),
            _numbers("size", N_("Market size and share"), N_("How large is the market, and how much of it is ours?"),
            "market_sales", "market_share"),
        ),
    ),
    Section(
        4,
        N_("Audience"),
        _MARKETING,
        _MARKETING,
        (
            _table(
                "personas", N_("Personas, ideal customer, segments"),
                N_("Who buys, what do they need, and how do you know them in the data?"),
                _NAME,
                Column(
                    "kind", N_("Kind"), Type.CHOICE,
                    {"persona": N_("Persona"), "ideal": N_("Ideal customer"), "segment": N_("Segment")},
                ),
                Column("demographic", N_("Demographic"), is_long=True),
                Column("psychographic", N_("Psychographic"), is_long=True),
                Column("behavioural", N_("Behaviour"), is_long=True), Column("needs", N_("Needs"), is_long=True),
                Column("pains", N_("Pains"), is_long=True), Column("preferences", N_("Preferences"), is_long=True),
                Column("benefits", N_("Benefits sought"), is_long=True), Column("rule", N_("Live segment"), Type.RULE),
                Column("size", N_("Customers"), Type.LIVE), Column("aov", N_("Average order value"), Type.LIVE),
                Column("clv", N_("Lifetime value to date"), Type.LIVE),
            ),
            _table(
                "journey", N_("Planned journey"), N_("How does each persona get from not knowing us to the sale?"),
                Column("persona", N_("Persona"), Type.ROW, of="4.personas", is_needed=True),
                Column("step", N_("Step"), Type.CHOICE, STEPS, is_needed=True), _CHANNEL,
                Column("message", N_("Message"), Type.ROW, of="5.messages"),
                Column("action", N_("Action"), Type.ROW, of="8.actions"), Column("content", N_("Content")),
            ),
        ),
    ),
    Section(
        5,
        N_("Positioning, messages, brand"),
        _MARKETING,
        (),
        (
            _text("positioning", N_("Positioning"),
            N_("For whom are we what, instead of what, and why should they believe it?")),
            _text("advantages", N_("Competitive advantages"), N_("What do we do better than everybody else?")),
            _table(
                "messages", N_("Message house"),
                N_("What is the one promise, on which pillars does it stand, what proves them?"),
                Column("message", N_("Message"), is_needed=True, is_long=True),
                Column(
                    "level", N_("Level"), Type.CHOICE,
                    {"roof": N_("Promise"), "pillar": N_("Pillar"), "proof": N_("Proof")},
                ),
                _PERSONA, Column("content", N_("Content"), Type.LINK),
            ),
        ),
    ),
    Section(
        6,
        N_("Marketing goals"),
        _MARKETING,
        _DIRECTOR,
        (
            _view("goals", N_("Goals"), N_("Which numbers should be where, by when, and whose are they?")),
            _table(
                "evidence", N_("Evidence for the goals"), N_("What makes you believe that each goal can be reached?"),
                Column("goal", N_("Goal"), Type.GOAL, is_needed=True), _EVIDENCE,
                Column("reading", N_("Reading"), is_long=True),
            ),
            _view("resources", N_("Resources"),
            N_("Which tools, skills, people and money do the goals need, and what is missing?")),
        ),
    ),
    Section(
        7,
        N_("Strategy: product, price, place, promotion"),
        _MARKETING,
        (Role.OWNER, Role.FINANCE),
        (
            Field(
                "orientation", Behaviour.CHOICE, N_("Orientation"),
                N_("Does the plan start from the product or from the sale?"),
                options={
                    "product": (N_("Product-oriented"),
                    N_(
                            "Budget and time go into making the product and its story better; demand follows, so "
                            "watch reviews, return rate and repeat purchases."
                        )),
                    "sales": (N_("Sales-oriented"),
                    N_(
                            "Budget and time go into finding and persuading buyers for what there is; watch cost per "
                            "customer, win rate and discounts."
                        )),
                },
            ),
            _table(
                "products", N_("Products"), N_("Which product lines carry the plan, and what is each for?"),
                _NAME, _CATEGORY, Column("details", N_("Details"), is_long=True),
                Column("sales", N_("Sales in 12 months"), Type.LIVE), Column("target", N_("Target"), Type.LIVE),
                Column("buyers", N_("Buyers"), Type.LIVE), Column("orders", N_("Orders"), Type.LIVE),
                Column("aov", N_("Average order value"), Type.LIVE), Column("repeat", N_("Bought again"), Type.LIVE),
            ),
            _table(
                "prices", N_("Prices"), N_("What does it cost, how low may it go, and how much must then be sold?"),
                _NAME, _CATEGORY, Column("price", N_("Price"), Type.MONEY), Column("cost", N_("Cost of goods a unit"),
                Type.MONEY),
                Column("margin", N_("Margin"), Type.LIVE), Column("floor", N_("Lowest price"), Type.MONEY),
                Column("lowest_margin", N_("Lowest margin"), Type.RATE),
                Column("discount_limit", N_("Highest discount"), Type.RATE),
                Column("terms", N_("Payment terms")), Column("profit", N_("Profit wanted"), Type.MONEY),
                Column("volume", N_("Units needed"), Type.LIVE),
            ),
            _table(
                "places", N_("Channels and logistics"), N_("Where is it sold, who delivers, and what is promised?"),
                _NAME, _CHANNEL, _MARKET, Column("carrier", N_("Carrier")), Column("promise", N_("Delivery promise")),
                Column("cost", N_("Cost of a delivery"), Type.MONEY), Column("strategy", N_("Strategy"), is_long=True),
            ),
            _table(
                "promotion", N_("Promotion mix"), N_("How do people hear of it, and what may that cost?"),
                _NAME,
                Column(
                    "kind", N_("Kind"), Type.CHOICE,
                    {
                        "advertising": N_("Advertising"), "pr": N_("Public relations"), "digital": N_("Digital"),
                        "content": N_("Content"), "other": N_("Other"),
                    },
                ),
                Column("details", N_("Details"), is_long=True), _FRONT, _BUDGET,
            ),
            _text("rationale", N_("Rationale"), N_("Why this strategy and not another?")),
        ),
    ),
    Section(
        8,
        N_("Action fronts"),
        _MARKETING,
        (),
        (
            _table(
                "fronts", N_("Action fronts"), N_("On which fronts do you work, towards which goal, with what budget?"),
                _NAME, Column("goal", N_("Goal"), Type.GOAL), Column("focus", N_("Focus stage"), Type.CHOICE, STAGES),
                Column("channels", N_("Channels"), Type.CHANNELS), _OWNER, _BUDGET,
                Column("kpi", N_("Indicator"), Type.METRIC), Column("spent", N_("Spent"), Type.LIVE),
                Column("result", N_("Result"), Type.LIVE), Column("return", N_("Return"), Type.LIVE),
            ),
            _table(
                "actions", N_("Actions"), N_("What is done, by whom, when, and by what will you know that it worked?"),
                _NAME, Column("front", N_("Action front"), Type.ROW, of="8.fronts", is_needed=True), _STAGE, _CHANNEL,
                Column("content", N_("Content")), Column("audience", N_("Audience"), Type.ROW, of="4.personas"), _OWNER,
                Column("starts_on", N_("First day"), Type.DAY, is_inside=True),
                Column("ends_on", N_("Last day"), Type.DAY, is_inside=True),
                Column("metric", N_("Metric"), Type.METRIC), Column("expected", N_("Expected"), Type.NUMBER), _BUDGET,
                Column("campaigns", N_("Campaign ids"), Type.LIST), Column("utm", N_("UTM")),
                Column("coupons", N_("Coupon codes"), Type.LIST), Column("flow", N_("Flow"), Type.LINK),
                Column("form", N_("Form"), Type.LINK), Column("actual", N_("Actual"), Type.LIVE),
                Column("spent", N_("Spent"), Type.LIVE), Column("return", N_("Return"), Type.LIVE),
            ),
            _table(
                "partners", N_("Partners and influencers"),
                N_("Who else works for it, for what fee, and what do they bring?"),
                _NAME,
                Column(
                    "kind", N_("Kind"), Type.CHOICE,
                    {"partner": N_("Partner"), "influencer": N_("Influencer"), "affiliate": N_("Affiliate")},
                ),
                _FRONT, Column("deliverable", N_("Deliverable"), is_long=True), Column("fee", N_("Fee"), Type.MONEY),
                Column("code", N_("Coupon codes"), Type.LIST), Column("link", N_("Link"), Type.LINK),
                Column("expected", N_("Expected sales"), Type.MONEY), Column("actual", N_("Actual sales"), Type.LIVE),
            ),
        ),
    ),
    Section(
        9,
        N_("Funnel matrix"),
        (Role.MARKETING_MANAGER, Role.SALES_MANAGER),
        (),
        (
            _view("matrix", N_("Stage by channel"), N_("What is done at each stage of the funnel in each channel?")),
            _view("needed", N_("The funnel backwards and forwards"),
            N_("How many orders, carts, visits, leads and how much spend does the goal need?")),
            _text("reading", N_("Reading"), N_("Where does the funnel lose people, and what is done there?")),
        ),
    ),
    Section(
        10,
        N_("Content"),
        (Role.CONTENT_LEAD,),
        (),
        (
            _text("strategy", N_("Content strategy"), N_("What do you publish for whom, and why would they care?")),
            _table(
                "pieces", N_("Editorial calendar"), N_("Which piece comes out when, where, and who makes it?"),
                _NAME, Column("type", N_("Type"), Type.CHOICE, CONTENT_TYPES), _STAGE, _CHANNEL,
                Column("frequency", N_("Frequency"), Type.CHOICE, CADENCES), _OWNER, _STATUS,
                Column("on", N_("Out on"), Type.DAY), Column("promotion", N_("Promotion"), Type.ROW,
                of="11.promotions"),
                _PERSONA, Column("message", N_("Message"), Type.ROW, of="5.messages"),
                Column("content", N_("Name in the facts")), Column("deadline", N_("Next deadline"), Type.LIVE),
                Column("result", N_("Result"), Type.LIVE),
                Column("audited_on", N_("Looked at on"), Type.DAY),
                Column("verdict", N_("After the audit"), Type.CHOICE, VERDICTS), behaviour=Behaviour.CALENDAR,
            ),
            _table(
                "audit", N_("Audit"), N_("How often is old content looked at, and when next?"),
                Column("scope", N_("What is looked at"), is_needed=True), Column("cadence", N_("Cadence"), Type.CHOICE,
                CADENCES),
                Column("on", N_("Next on"), Type.DAY), _OWNER, Column("finding", N_("Finding"), is_long=True),
            ),
        ),
    ),
    Section(
        11,
        N_("Promotional and seasonal calendar"),
        (Role.MARKETING_MANAGER, Role.SALES_MANAGER),
        (Role.FINANCE, Role.OPERATIONS),
        (
            _table(
                "promotions", N_("Promotions"),
                N_("What is offered when, on which products, and is there enough of it?"),
                _NAME, Column("event", N_("Retail event"), Type.EVENT), _CATEGORY, Column("products", N_("Products")),
                Column("starts_on", N_("First day"), Type.DAY, is_inside=True),
                Column("ends_on", N_("Last day"), Type.DAY, is_inside=True), Column("offer", N_("Offer"), is_long=True),
                Column("discount", N_("Discount"), Type.RATE), Column("stock_need", N_("Units needed"), Type.NUMBER),
                Column("uplift", N_("Expected uplift"), Type.RATE), _MARKET, _OWNER,
                Column("prior_price", N_("Lowest price of 30 days before"), Type.MONEY),
                Column("legal", N_("Legal price"), Type.LIVE), Column("prepare", N_("Prepare from"), Type.LIVE),
                Column("effect", N_("Units expected"), Type.LIVE),
                Column("missing", N_("Units missing in stock"), Type.LIVE),
                Column("clash", N_("In its way"), Type.LIVE),
                behaviour=Behaviour.CALENDAR,
            ),
        ),
    ),
    Section(
        12,
        N_("Budget and return"),
        _MARKETING,
        (Role.FINANCE,),
        (
            _view("budget", N_("Budget"),
            N_("What is planned, committed and spent by front, activity, channel and month?")),
            _numbers("return", N_("Return"), N_("What does the money bring back?"), "spend", "marketing_roi", "roas",
            "cac", "budget_used"),
            _text("notes", N_("Notes on the budget"), N_("What should finance know about it?")),
        ),
    ),
    Section(
        13,
        N_("Leads and relationships"),
        (Role.CRM_MANAGER,),
        (),
        (
            _table(
                "flows", N_("Flows"), N_("How are contacts won, qualified, nurtured and kept?"),
                _NAME,
                Column(
                    "aim", N_("Aim"), Type.CHOICE,
                    {
                        "capture": N_("Win a contact"), "qualify": N_("Qualify"), "nurture": N_("Nurture"),
                        "sell": N_("Sell"), "keep": N_("Keep"),
                    },
                ),
                Column("flow", N_("Flow"), Type.LINK), Column("trigger", N_("What starts it")), _FRONT, _OWNER,
            ),
            _numbers(
                "figures", N_("Leads and messages"), N_("How many leads come, at what cost?"),
                "leads", "qualified_leads", "cost_per_lead", "messages_sent", "lead_conversion_rate",
            ),
            _text("consent", N_("Consent basis"), N_("On what permission do you write to people?")),
        ),
    ),
    Section(
        14,
        N_("Sales goals"),
        _SALES,
        (Role.MARKETING_MANAGER, Role.OWNER),
        (
            _view("goals", N_("Company, team and person"), N_("Who sells how much, and does it add up?")),
            _view("quotas", N_("Quotas"), N_("Who sells how much, and does it come to the target to the cent?")),
            _of_team(
                "credit", N_("Split credit"), N_("Who shares in which deal, at what share?"),
                Column("rule", N_("Deal")), Column("person", N_("Person")), Column("share", N_("Share"), Type.RATE),
            ),
        ),
    ),
    Section(
        15,
        N_("Offer and value propositions"),
        (Role.SALES_MANAGER, Role.OPERATIONS),
        (),
        (
            _table(
                "offers", N_("Offers"), N_("What do you offer, what is it worth to the customer, why from you?"),
                _NAME, _CATEGORY, Column("details", N_("Details"), is_long=True),
                Column("value", N_("Value proposition"), is_long=True),
                Column("differentiators", N_("Differentiators"), is_long=True), Column("price", N_("Mean price"),
                Type.LIVE),
                Column("stock", N_("Stock cover"), Type.LIVE),
            ),
        ),
    ),
    Section(
        16,
        N_("Sales strategy and tactics"),
        _SALES,
        (Role.MARKETING_MANAGER,),
        (
            _table(
                "prospecting", N_("Prospecting"), N_("Whom do you approach, from which list, how, and how many?"),
                _NAME, Column("rule", N_("Live segment"), Type.RULE), _SOURCE, Column("method", N_("Method")),
                Column("goal", N_("Goal"), Type.NUMBER), Column("size", N_("Customers"), Type.LIVE),
            ),
            _table(
                "tactics", N_("Tactics"),
                N_("What do you do to win, grow and keep customers, and which strategy does it serve?"),
                Column("tactic", N_("Tactic"), is_needed=True, is_long=True),
                Column(
                    "aim", N_("Aim"), Type.CHOICE,
                    {
                        "prospect": N_("Prospecting"), "new": N_("New customers"), "upsell": N_("Upsell"),
                        "cross_sell": N_("Cross-sell"), "retain": N_("Retention"),
                    },
                ),
                Column("strategy", N_("Serves the strategy"), Type.STRATEGY), _CATEGORY,
                Column("price", N_("Price"), Type.MONEY), Column("discount", N_("Discount"), Type.RATE), _MARKET,
                _CHANNEL,
                Column("audience", N_("Audience"), Type.ROW, of="4.personas"), _OWNER,
            ),
            _table(
                "playbook", N_("Playbook"), N_("What do you answer to which objection?"),
                Column("objection", N_("Objection"), is_needed=True), Column("answer", N_("Answer"), is_long=True),
                Column("method", N_("Method")), Column("stage", N_("Stage"), Type.ROW, of="17.stages"),
            ),
            _table(
                "materials", N_("Materials"), N_("Which material helps at which stage?"),
                _NAME, Column("link", N_("Link"), Type.LINK), Column("stage", N_("Stage"), Type.ROW, of="17.stages"),
                _PERSONA, Column("version", N_("Version")), _OWNER, behaviour=Behaviour.LINKS,
            ),
            _numbers(
                "conversion", N_("Conversion"), N_("How many become customers, and buy more?"),
                "win_rate", "stage_conversion_rate", "upsell_cross_sell_rate", "repeat_purchase_rate",
                "conversion_rate",
            ),
        ),
    ),
    Section(
        17,
        N_("Pipeline"),
        _SALES,
        (),
        (
            _table(
                "stages", N_("Stages"), N_("Which stages does a sale pass, and when is each left?"),
                _NAME, Column("exit", N_("Exit rule"), is_long=True), Column("volume", N_("Target volume"),
                Type.NUMBER),
                Column("conversion", N_("Conversion"), Type.RATE), Column("days", N_("Days"), Type.NUMBER),
                Column("conversion_now", N_("Conversion now"), Type.LIVE), Column("days_now", N_("Days now"),
                Type.LIVE),
            ),
            _table(
                "activities", N_("Activity goals"), N_("How many calls, visits and offers does it take?"),
                _NAME, Column("person", N_("Person"), Type.PERSON), Column("goal", N_("Goal"), Type.NUMBER),
                Column("cadence", N_("Cadence"), Type.CHOICE, CADENCES),
            ),
        ),
    ),
    Section(
        18,
        N_("Forecast"),
        (Role.ANALYST,),
        (Role.SALES_MANAGER, Role.FINANCE),
        (
            _view("months", N_("Low, expected, high"), N_("What will each month bring?")),
            _table(
                "drivers", N_("Drivers"), N_("What moves the sales, and what is assumed of it?"),
                Column("driver", N_("Driver"), is_needed=True), Column("metric", N_("Metric"), Type.METRIC),
                Column("low", N_("Low"), Type.NUMBER), Column("expected", N_("Expected"), Type.NUMBER),
                Column("high", N_("High"), Type.NUMBER), _EVIDENCE,
            ),
            _numbers("accuracy", N_("Accuracy"), N_("How wrong were earlier forecasts?"), "forecast_error",
            "forecast_bias"),
            _table(
                "open_to_buy", N_("Open-to-buy"), N_("Where is the money for goods planned?"),
                _NAME, Column("link", N_("Link"), Type.LINK), behaviour=Behaviour.LINKS,
            ),
        ),
    ),
    Section(
        19,
        N_("Territories and distribution channels"),
        _SALES,
        (),
        (
            _of_team(
                "territories", N_("Territories"), N_("Who sells where, through which channel, and how?"),
                _NAME, _MARKET, Column("region", N_("Region")), _CHANNEL, Column("owner", N_("Owner")),
                Column("currency", N_("Currency")), Column("tax", N_("Tax"), Type.RATE),
                Column("target", N_("Target"), Type.LIVE), Column("actual", N_("Actual"), Type.LIVE),
                Column("calendar", N_("Calendar"), Type.LINK), Column("strategy", N_("Strategy"), is_long=True),
            ),
        ),
    ),
    Section(
        20,
        N_("Stock and order plan"),
        (Role.OPERATIONS,),
        (Role.FINANCE,),
        (
            _table(
                "orders", N_("Order plan"), N_("What must be ordered when, and what may it cost?"),
                _NAME, _CATEGORY, Column("open_to_buy", N_("Open-to-buy"), Type.MONEY),
                Column("cover", N_("Cover in days"), Type.NUMBER), Column("reorder", N_("Reorder at"), Type.NUMBER),
                Column("on", N_("Order by"), Type.DAY), Column("service", N_("Service level"), Type.RATE),
                Column("cover_now", N_("Stock cover"), Type.LIVE),
            ),
            _numbers(
                "stock", N_("Stock and service"), N_("How long does the stock last, and how often does it run out?"),
                "stock_cover_days", "sell_through_rate", "stockout_rate", "on_time_rate",
            ),
        ),
    ),
    Section(
        21,
        N_("Team"),
        _SALES,
        _DIRECTOR,
        (
            _of_team(
                "people", N_("People and roles"), N_("Who does what, reports to whom, and has how much time?"),
                Column("person", N_("Person")), Column("role", N_("Role")), Column("team", N_("Team")),
                Column("reports_to", N_("Reports to")), Column("capacity", N_("Hours a week"), Type.NUMBER),
                Column("hire_on", N_("To be hired by"), Type.DAY), behaviour=Behaviour.PEOPLE,
            ),
            _numbers("capacity", N_("Capacity"), N_("How much of the time is planned already?"), "capacity_used"),
        ),
    ),
    Section(
        22,
        N_("Training"),
        (Role.ENABLEMENT,),
        (),
        (
            _of_team(
                "sessions", N_("Sessions"), N_("Who learns what, when, and which number should it move?"),
                _NAME, _ON, Column("person", N_("Who was there")), Column("skill", N_("Skill")),
                Column("kpi", N_("Indicator"), Type.METRIC), Column("before", N_("Before"), Type.LIVE),
                Column("after", N_("After"), Type.LIVE), behaviour=Behaviour.CALENDAR,
            ),
        ),
    ),
    Section(
        23,
        N_("Indicators, tools, data"),
        (Role.ANALYST,),
        (),
        (
            _table(
                "indicators", N_("Indicators"), N_("Which numbers do you watch, how often, and when do you act?"),
                Column("metric", N_("Metric"), Type.METRIC, is_needed=True),
                Column("threshold", N_("Act when")), Column("cadence", N_("Cadence"), Type.CHOICE, CADENCES),
                Column("tool", N_("Tool, source")), _OWNER, Column("value", N_("Actual"), Type.LIVE),
            ),
            _view("missing", N_("Data still missing"), N_("Which data would make the plan better?")),
        ),
    ),
    Section(
        24,
        N_("Reviews and log"),
        (),
        _DIRECTOR,
        (
            _table(
                "reviews", N_("Reviews"), N_("When do you look at the plan together?"),
                _NAME, _ON, _OWNER, Column("cadence", N_("Cadence"), Type.CHOICE, CADENCES),
                behaviour=Behaviour.CALENDAR,
            ),
            _view("held", N_("Reviews held"), N_("What did you see when you looked at the plan together?")),
            _view("commitments", N_("Promises"), N_("Who promised what by when, and what became of it?")),
            _numbers("variance", N_("Explained so far"), N_("How far from the plan are you, and why?"),
            "goal_attainment", "pace"),
            _view("drivers", N_("Why"), N_("What is the difference to the plan and to last year made of?")),
            _view("proposals", N_("Accepted proposals"), N_("What was proposed and accepted, and what came of it?")),
            _table(
                "log", N_("Proposals and decisions"), N_("What was changed on the way, and what did it bring?"),
                Column("proposal", N_("Proposal"), is_needed=True, is_long=True), _ON,
                Column(
                    "decision", N_("Decision"), Type.CHOICE,
                    {"accepted": N_("Accepted"), "refused": N_("Refused"), "later": N_("Later")},
                ),
                Column("result", N_("Result"), is_long=True), _OWNER,
            ),
        ),
    ),
)  # fmt: skip

_OF_KIND: Mapping[Kind, tuple[int, ...]] = {
    Kind.MARKETING: (*range(1, 14), 23, 24),
    Kind.SALES: (1, 2, 4, *range(14, 25)),
    Kind.BOTH: tuple(range(1, 25)),
}


@cache
def fields() -> Mapping[str, Field]:
    """Every field by name."""
    return {f"{section.number}.{each.id}": each for section in SECTIONS for each in section.fields}


def section(number: int) -> Section:
    return SECTIONS[number - 1]


def sections(kind: str, chosen: Sequence[int] = ()) -> list[Section]:
    """The sections of a plan of that kind, or those that were chosen."""
    return [section(number) for number in chosen or _OF_KIND[Kind(kind)]]


def names(kind: str, chosen: Sequence[int] = ()) -> list[str]:
    """The fields of those sections, by name."""
    return [f"{each.number}.{one.id}" for each in sections(kind, chosen) for one in each.fields]
