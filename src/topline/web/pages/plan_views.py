"""The parts of the plan document that are made of what stands elsewhere: goals, targets, actions, forecast, facts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext

from topline.catalog.models import Product
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.metrics.query import Query
from topline.metrics.result import Rest
from topline.plans import drivers, fronts, funnel, ledger, live, outline, quotas
from topline.plans import jobs as plan_jobs
from topline.plans.models import Promise, Proposal, Review
from topline.plans.text import Sentence
from topline.plans.units import from_minor
from topline.units.missing import Missing
from topline.units.text import N_
from topline.web import drivers as why
from topline.web import formats, question
from topline.web.pages import plans

if TYPE_CHECKING:
    from topline.web.pages.plan_document import Desk

LARGEST = 10


@dataclass(frozen=True, slots=True)
class View:
    """A table of a section, with what to know and where to work on it.

    columns : label, and whether its cells are numbers; empty : what is said while it has no rows; tone : of the notes
    """

    columns: list[tuple[str, bool]] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    empty: str = ""
    tone: str = "warn"

    @property
    def lines(self) -> list[list[tuple[Any, bool]]]:
        """The cells, each with whether it is a number."""
        numeric = [is_number for _, is_number in self.columns]
        return [list(zip(row, numeric, strict=True)) for row in self.rows]


def _frame(desk: "Desk") -> View:
    version, plan = desk.version, desk.plan
    rows: list[list[Any]] = [
        [gettext("Version"), f"{version.number} · {version.get_state_display()}"],
        [gettext("Kind"), plan.get_kind_display()],
        [gettext("Period"), formats.period(plan.period)],
        [gettext("Currency"), plan.currency],
        [gettext("Time zone"), plan.shop.timezone],
        [gettext("Owner"), str(plan.owner or "–")],
        [gettext("Drafted as of"), formats.day(version.as_of)],
    ]
    if plan.serves is not None:
        rows.append([gettext("Serves the marketing plan"), plan.serves.title])
    adopted = version.scenarios.filter(adopted=version).first()
    rows.append([gettext("Scenario"), adopted.name if adopted else gettext("as drafted and edited")])
    return View([(gettext("What"), False), (gettext("As it stands"), False)], rows)


def _products(desk: "Desk") -> View:
    """The largest categories and products of the last twelve months against the twelve before."""
    columns = [
        (gettext("Product"), False),
        (gettext("Sales in 12 months"), True),
        (gettext("To the year before"), True),
    ]
    if not desk.reader.has_facts:
        return View(columns, empty=gettext("No sales are known yet."))
    rows: list[list[Any]] = []
    period = live.year(desk.reader)
    for dimension in ("category", "product"):
        asked = Query(metrics=("net_sales",), period=period, by=(dimension,), against="last_year", top=LARGEST)
        result = question.by_size(desk.reader.ask(asked))
        twins = result.against_rows or [None] * len(result.rows)
        keys = [key for row in result.rows if isinstance(key := row.get("product"), str)]
        titles = Product.objects.titles(desk.plan.shop, keys)
        for row, twin in list(zip(result.rows, twins, strict=True))[:LARGEST]:
            if isinstance(row[dimension], Rest | Missing):
                continue
            change = formats.change(row["net_sales"], twin["net_sales"] if twin else None)
            rows.append(
                [
                    f"{question.label_of(dimension)}: "
                    f"{titles.get(str(row[dimension])) or question.label(dimension, row[dimension])}",
                    formats.number(row["net_sales"], Unit.MONEY, desk.plan.currency),
                    formats.signed_percent(change) if change is not None else "–",
                ]
            )
    query = f"metrics=net_sales&by=product&from={period.start}&to={period.end}"
    return View(columns, rows, links=[(f"{desk.visit.url('metrics')}?{query}", gettext("All products"))])


def _goals(desk: "Desk") -> View:
    version = desk.version
    rows = []
    for goal in version.goals.standing().select_related("owner", "parent"):
        unit = metrics()[goal.metric].unit
        carried = [str(one.get("label", "")) for one in goal.links] + list(goal.actions)
        rows.append(
            [
                plans.goal_name(goal),
                formats.number(goal.baseline, unit, desk.plan.currency),
                formats.number(goal.target, unit, desk.plan.currency),
                formats.day(goal.due_on),
                formats.chance(goal.chance) if goal.chance is not None else "–",
                str(goal.owner or "–"),
                plans.goal_name(goal.parent) if goal.parent else goal.strategy or "–",
                ", ".join(each for each in carried if each) or gettext("no action yet"),
            ]
        )
    columns = [
        (gettext("Goal"), False),
        (gettext("Last year"), True),
        (gettext("Target"), True),
        (gettext("Due"), False),
        (gettext("Chance"), True),
        (gettext("Owner"), False),
        (gettext("Serves"), False),
        (gettext("Actions"), False),
    ]
    address = f"{desk.visit.url('plan', desk.plan.pk)}?version={version.number}"
    return View(
        columns,
        rows,
        links=[(f"{address}#goals", gettext("Set goals")), (f"{address}#targets", gettext("Targets"))],
        empty=gettext("The plan has no goals yet."),
    )


def _resources(desk: "Desk") -> View:
    kinds = {
        "tool": gettext("Tool"),
        "skill": gettext("Skill"),
        "person": gettext("People"),
        "budget": gettext("Budget"),
    }
    rows = [
        [
            plans.goal_name(goal),
            kinds.get(need.get("kind", ""), ""),
            need.get("name", ""),
            gettext("held") if need.get("is_held") else gettext("missing"),
            formats.money(Decimal(str(need["cost"])), desk.plan.currency) if need.get("cost") else "–",
        ]
        for goal in desk.version.goals.standing()
        for need in goal.needs
    ]
    columns = [
        (gettext("Goal"), False),
        (gettext("Kind"), False),
        (gettext("Resource"), False),
        (gettext("State"), False),
        (gettext("Cost to get"), True),
    ]
    address = f"{desk.visit.url('plan', desk.plan.pk)}?version={desk.version.number}#goals"
    return View(
        columns,
        rows,
        links=[(address, gettext("Say it at the goals"))],
        empty=gettext("No goal says yet what it needs."),
    )


def _matrix(desk: "Desk") -> View:
    found = fronts.matrix(desk.reader)
    columns = [(gettext("Stage"), False), *((_channel(each), False) for each in found.channels)]
    rows = [
        [formats.say(label), *(_square(desk, found.squares.get((stage, channel))) for channel in found.channels)]
        for stage, label in outline.STAGES.items()
        if found.channels
    ]
    return View(
        columns,
        rows,
        flags(found),
        [(desk.visit.url("plan_fronts", desk.plan.pk), gettext("Fronts and funnel"))],
        gettext("There are no actions yet. Add fronts and actions in section 8."),
    )


def flags(found: fronts.Matrix) -> list[str]:
    """What the matrix lacks, in words."""
    if found.is_empty:
        return []
    said = []
    if found.empty_stages:
        stages = ", ".join(formats.say(outline.STAGES[stage]) for stage in found.empty_stages)
        said.append(gettext("No action at this stage: %(stages)s.") % {"stages": stages})
    if found.unfunded:
        channels = ", ".join(_channel(each) for each in found.unfunded)
        said.append(gettext("Channels without a budget: %(channels)s.") % {"channels": channels})
    return said


def _channel(code: str) -> str:
    return formats.channel(code) if code else gettext("no channel")


def _square(desk: "Desk", square: fronts.Square | None) -> str:
    if square is None:
        return "–"
    return "; ".join(f"{one.name}{_result(desk, one)}" for one in square.actions)


def _result(desk: "Desk", one: fronts.Action) -> str:
    """An action's expected and actual result in brackets."""
    currency = desk.plan.currency
    said = []
    if one.expected is not None:
        said.append(gettext("expected %(value)s") % {"value": formats.number(one.expected, one.unit, currency)})
    if not isinstance(one.actual, Missing):
        said.append(gettext("actual %(value)s") % {"value": formats.number(one.actual, one.unit, currency)})
    if not isinstance(one.roi, Missing):
        said.append(gettext("return %(value)s") % {"value": formats.percent(one.roi, 0)})  # type: ignore[arg-type]
    return f" ({', '.join(said)})" if said else ""


def _needed(desk: "Desk") -> View:
    found = funnel.of(desk.reader) if desk.reader.has_facts else funnel.NO_ORDERS
    columns = [(gettext("Step"), False), (gettext("Needed for the goal"), True), (gettext("At today's rate"), False)]
    link = [(f"{desk.visit.url('plan_fronts', desk.plan.pk)}#funnel", gettext("The funnel by channel"))]
    if isinstance(found, Missing):
        return View(columns, links=link, empty=formats.say(found))
    return View(columns, steps(desk, found), [reconciled(desk, found)], link, tone="warn" if found.gap > 0 else "good")


def steps(desk: "Desk", found: funnel.Funnel) -> list[list[Any]]:
    """The steps of the funnel, from the goal back to the spend."""
    currency, rates = desk.plan.currency, found.rates

    def count(value: object) -> str:
        return formats.say(value) if isinstance(value, Missing) else formats.decimal(value)  # type: ignore[arg-type]

    def rate(value: object, text: str) -> str:
        return formats.say(value) if isinstance(value, Missing) else text % {"rate": formats.percent(value)}  # type: ignore[arg-type]

    value = formats.number(rates.order_value, Unit.MONEY, currency)
    return [
        [gettext("Net sales"), formats.whole_money(found.goal, currency), gettext("the goal")],
        [gettext("Orders"), count(found.orders), gettext("%(value)s an order in this season") % {"value": value}],
        [gettext("Carts"), count(found.carts), rate(rates.cart_rate, gettext("%(rate)s of visits"))],
        [gettext("Visits"), count(found.visits), rate(rates.conversion, gettext("%(rate)s of visits order"))],
        [
            gettext("Leads"),
            count(found.leads),
            rate(rates.lead_conversion, gettext("%(rate)s of leads become customers")),
        ],
        [gettext("Spend"), formats.whole_money(found.spend, currency), gettext("what an order costs in each channel")],
    ]


def reconciled(desk: "Desk", found: funnel.Funnel) -> str:
    """Goal and budget against each other, in a sentence."""
    currency = desk.plan.currency
    said = {
        "budget": formats.whole_money(found.budget, currency),
        "reach": formats.whole_money(found.reach, currency),
        "goal": formats.whole_money(found.goal, currency),
        "gap": formats.whole_money(abs(found.gap), currency),
    }
    if not found.budget:
        return gettext("No front has a budget yet, so nothing says what it would bring. Add fronts in section 8.")
    if found.gap > 0:
        return (
            gettext("At today's rates the budget of %(budget)s brings %(reach)s of %(goal)s: %(gap)s are missing.")
            % said
        )
    return (
        gettext("At today's rates the budget of %(budget)s brings %(reach)s: %(gap)s above the goal of %(goal)s.")
        % said
    )


def _budget(desk: "Desk") -> View:
    """The ledger by line, as the budget's page has it."""
    currency = desk.plan.currency
    found = ledger.ledger(desk.version, desk.today, known_at=desk.reader.known_at)
    may_see = desk.visit.may("finance.read")

    def money(value: Decimal) -> str:
        return formats.whole_money(value, currency)

    rows: list[list[Any]] = []
    for name, row in [
        *((one.line.activity if one.line else gettext("Not planned"), one) for one in found.rows),
        (gettext("Total"), found.whole),
    ]:
        roi = "–" if isinstance(row.roi, Missing) else formats.signed_percent(float(row.roi))
        sums = [money(each) for each in (row.planned_sum, row.committed_sum, row.actual_sum, row.left)]
        rows.append([name, *sums, *([roi] if may_see else [])])
    columns = [
        (gettext("Activity"), False),
        (gettext("Planned"), True),
        (gettext("Committed"), True),
        (gettext("Spent"), True),
        (gettext("Left"), True),
        *([(gettext("Projected return"), True)] if may_see else []),
    ]
    address = f"{desk.visit.url('plan_budget', desk.plan.pk)}?version={desk.version.number}"
    return View(
        columns,
        rows if found.rows else [],
        empty=gettext("No budget is planned yet."),
        links=[(address, gettext("Plan the budget"))],
    )


def _months(desk: "Desk") -> View:
    currency = desk.plan.currency
    grid = desk.version.grid("net_sales")
    rows = []
    bands = desk.version.outlook.get("months", {}).get("net_sales", [])
    for place, (month, band) in enumerate(zip(desk.plan.months, bands, strict=False)):
        low, expected, high, before = (None if each is None else Decimal(repr(each)) for each in band)
        minor = int(grid.cells[:, :, place].sum()) if grid.cells.size else 0
        rows.append(
            [
                formats.month(month),
                *(formats.whole_money(each, currency) if each is not None else "–" for each in (low, expected, high)),
                formats.whole_money(from_minor("net_sales", minor, currency), currency),
                formats.whole_money(before, currency) if before is not None else "–",
            ]
        )
    columns = [
        (gettext("Month"), False),
        (gettext("Low"), True),
        (gettext("Expected"), True),
        (gettext("High"), True),
        (gettext("Target"), True),
        (gettext("Last year"), True),
    ]
    return View(columns, rows, empty=gettext("No forecast was made for this plan."))


def _missing(desk: "Desk") -> View:
    said = [Sentence.of(stored) for stored in desk.version.outlook.get("missing", [])]
    rows = [[line] for line in plans.sentences(desk.version, said)]
    return View(
        [(gettext("What to bring in"), False)],
        rows,
        empty=gettext("Nothing: cost, stock, spend and visits are known."),
        links=[(desk.visit.url("imports"), gettext("Bring data in"))],
    )


def _quotas(desk: "Desk") -> View:
    """What each is to win, up to the company, and how far they are."""
    columns = [
        (gettext("Who"), False),
        (gettext("Quota"), True),
        (gettext("Won"), True),
        (gettext("Attainment"), True),
        (gettext("Pace"), True),
    ]
    link = [(f"{desk.visit.url('team_quotas')}?plan={desk.plan.pk}", gettext("Quotas"))]
    if not quotas.exist(desk.version):
        return View(columns, links=link, empty=gettext("The plan has no quotas yet."))
    found = quotas.of(desk.version, desk.today, desk.reader.scope, desk.reader.known_at)
    currency = desk.plan.currency
    lines = [(line.label, line) for line in (*found.tree, *found.strange)]
    if not found.is_own:
        lines += [(gettext("All quotas"), found.whole), (gettext("Target of the company"), found.company)]
    rows: list[list[Any]] = [
        [
            "· " * line.depth + label,
            formats.money(line.quota, currency),
            formats.whole_money(line.won, currency) if isinstance(line.won, Decimal) else "–",
            formats.percent(line.attainment, 0) if isinstance(line.attainment, float) else "–",
            formats.percent(line.pace, 0) if line.pace is not None else "–",
        ]
        for label, line in lines
    ]
    notes = [] if found.is_reconciled else [gettext("The quotas don't come to the target of the company.")]
    return View(columns, rows, notes, link)


def _held(desk: "Desk") -> View:
    """The reviews of the plan, the newest first."""
    rows = []
    for one in Review.objects.of(desk.plan).prefetch_related("minutes")[:LARGEST]:
        said = plans.sentences(desk.version, [Sentence.of(one.pack["headline"][0])])[0]
        rows.append([formats.day(one.on), said, "; ".join(one.decisions) or "–"])
    columns = [(gettext("Day"), False), (gettext("How it went"), False), (gettext("Decisions"), False)]
    links = [(desk.visit.url("plan_reviews", desk.plan.pk), gettext("Reviews"))]
    return View(columns, rows, links=links, empty=gettext("No review yet."))


def _promises(desk: "Desk") -> View:
    """What was promised, the open ones first."""
    found = Promise.objects.before(desk.plan, desk.today).select_related("owner")
    rows = [
        [one.text, str(one.owner or "–"), formats.day(one.due_on), one.get_state_display(), one.note or "–"]
        for one in sorted(found, key=lambda one: one.state != Promise.State.OPEN)
    ]
    columns = [(gettext(name), False) for name in (N_("Promise"), N_("Who"), N_("Due"), N_("State"), N_("Came of it"))]
    links = [(desk.visit.url("plan_reviews", desk.plan.pk), gettext("Reviews"))]
    return View(columns, rows, links=links, empty=gettext("Nothing is promised yet."))


def _drivers(desk: "Desk") -> View:
    """What the differences to the plan and to last year are made of."""
    columns = [(gettext("Driver"), False), (gettext("Net sales"), True)]
    if desk.today <= desk.plan.starts_on:
        return View(columns, empty=gettext("These days haven't begun."))
    snapshot = plan_jobs.look_ahead(desk.plan, plans.then(desk.visit)).snapshot or desk.visit.shop.lake().latest()
    assert snapshot is not None  # noqa: S101 - a plan rests on facts
    rows: list[list[Any]] = []
    notes: dict[str, None] = {}
    for against in drivers.AGAINST:
        found = drivers.of(desk.visit.shop, desk.plan.period, desk.today, snapshot, against, desk.reader.known_at)
        shown = why.shown(found, desk.plan.currency)
        rows.append([shown["sentence"], ""])
        rows += [[row["name"], row["amount"]] for row in shown["rows"]]
        notes |= dict.fromkeys(shown.get("untold", []))
    return View(columns, rows, [" ".join(notes)] if notes else [], tone="note")


def _accepted(desk: "Desk") -> View:
    """Accepted proposals with what was said they bring and what came."""
    columns = [(gettext("Proposal"), False), (gettext("Gain"), True), (gettext("Share that came"), True)]
    if not desk.visit.may("finance.read"):
        return View(columns, empty=gettext("You may not see what proposals bring."))
    found = Proposal.objects.of(desk.visit.shop).filter(state=Proposal.State.ACCEPTED)[:LARGEST]
    rows = [
        [
            plans.sentences(desk.version, [Sentence.of(one.action)])[0],
            formats.number(one.gain, Unit.MONEY, desk.plan.currency),
            formats.percent(one.share, 0) if one.share is not None else "–",
        ]
        for one in found
    ]
    links = [(desk.visit.url("proposals"), gettext("All proposals"))]
    return View(columns, rows, links=links, empty=gettext("No proposal was accepted yet."))


VIEWS: Mapping[str, Callable[["Desk"], View]] = {
    "1.frame": _frame,
    "2.products": _products,
    "6.goals": _goals,
    "6.resources": _resources,
    "9.matrix": _matrix,
    "9.needed": _needed,
    "12.budget": _budget,
    "14.goals": _goals,
    "14.quotas": _quotas,
    "18.months": _months,
    "23.missing": _missing,
    "24.held": _held,
    "24.commitments": _promises,
    "24.drivers": _drivers,
    "24.proposals": _accepted,
}
