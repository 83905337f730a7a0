"""The sentences that plans generate: codes with parameters when stored, words only when a door shows them.

The suffix of a parameter says what it is: `_amount` money of the plan, `_count`, `_rate` 0-1, `_on` a day, `_month` its
first day, `_metric`, `_dimension`, `_label` marked text or several, from the whole to the part, `_field` of a goal,
`_event`, `_constraint`, `_lever`, `_driver` of a difference; `_value` and `baseline` are values of `metric`; anything
else is text as it stands.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import (
    NumberPattern,
    format_currency,
    format_decimal,
    format_percent,
    get_currency_symbol,
    parse_pattern,
)
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from topline.analysis import audience
from topline.analysis.variance import PARTS
from topline.calendar.events import EVENTS
from topline.documents import words as wording
from topline.metrics.catalogue import dimensions, metrics
from topline.metrics.metric import Unit
from topline.units.text import N_


@dataclass(frozen=True, slots=True)
class Sentence:
    """A generated sentence: what it says, in no language yet."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def stored(self) -> list[Any]:
        """As JSON keeps it."""
        return [self.code, {name: _plain(value) for name, value in self.params.items()}]

    @classmethod
    def of(cls, stored: Sequence[Any]) -> "Sentence":
        return cls(stored[0], stored[1])


TEXTS: Mapping[str, str] = {
    "text": N_("%(text)s"),
    "title": N_("%(kind)s %(first_month)s – %(last_month)s"),
    # the summary
    "summary.expected": N_(
        "From %(first_month)s to %(last_month)s the history lets expect net sales of %(expected_amount)s; with a "
        "chance of %(level_rate)s they end between %(low_amount)s and %(high_amount)s."
    ),
    "summary.target": N_("The plan aims at %(target_amount)s, which it has a chance of %(chance_rate)s to reach."),
    "summary.before": N_("The same months a year before brought %(before_amount)s (%(change_rate)s)."),
    # data and trends
    "data.history": N_("The draft rests on the sales of %(first_on)s to %(last_on)s, %(days_count)s days."),
    "data.thin": N_(
        "The history is shorter than two years, so the season is known from one year at most and the intervals "
        "are wide."
    ),
    "data.model": N_(
        "Rehearsed on this shop's own past, the forecast missed a month's sales by %(error_rate)s on average."
    ),
    "data.category": N_("%(category)s is expected to bring %(sum_amount)s, %(share_rate)s of the whole."),
    "data.market": N_("%(market)s is expected to bring %(sum_amount)s, %(share_rate)s of the whole."),
    # why a goal aims where it does
    "why.forecast": N_(
        "The forecast's middle, rounded: %(change_rate)s against the same months a year before (%(baseline)s)."
    ),
    "why.forecast_new": N_("The forecast's middle, rounded; there is no year before to compare with."),
    "why.driver": N_("What the goals for net sales and orders imply together; a year before it was %(baseline)s."),
    "why.driver_new": N_("What the goals for net sales and orders imply together."),
    "why.trend": N_("The trend of the last months carried on; in the same months a year before it was %(baseline)s."),
    "why.trend_new": N_("The trend of the last months carried on."),
    "why.part": N_("What its targets in the plan come to; in the same months a year before it was %(baseline)s."),
    "why.part_new": N_("What its targets in the plan come to."),
    # what a full plan lacks
    "missing.cost": N_(
        "No cost of goods is known, so the plan has no margin, no profit and no lowest price. Import products or order "
        "lines with their cost."
    ),
    "missing.stock": N_(
        "No stock is known, so the plan can't say whether the goods for it are there. Bring in stock by product."
    ),
    "missing.spend": N_(
        "No marketing spend is known, so the plan has no budget, no cost per customer and no return. Import spend by "
        "day and channel."
    ),
    "missing.sessions": N_(
        "No visits are known, so the plan can't say how many visitors the sales need or which step loses them. Import "
        "sessions."
    ),
    "missing.category": N_(
        "No product has a category, so targets stand by market and month only. Import products with a category."
    ),
    "missing.market": N_(
        "No order has a market, so targets stand by category and month only. Import orders with their country."
    ),
    "why.set": N_("Set by hand."),
    # the letters of SMART
    "letter.whole": N_("%(goal_metric)s of the whole shop."),
    "letter.scope": N_("%(goal_metric)s of %(scope)s."),
    "letter.linked": N_("Done by: %(names)s."),
    "letter.words_only": N_("What is done for it stands in words, but is linked to nothing that runs."),
    "letter.no_action": N_("Nothing says how it is to be reached."),
    "letter.unknown_metric": N_("The catalogue has no such metric."),
    "letter.no_data": N_("No data came in the last %(days_count)s days."),
    "letter.stale": N_("The last data are of %(last_on)s."),
    "letter.data": N_("It is in the catalogue, with data up to %(last_on)s."),
    "letter.chance": N_("The forecast gives it a chance of %(chance_rate)s."),
    "letter.sure": N_("It would come by itself: it asks for little."),
    "letter.foreseeing": N_("Its chance is being worked out, which takes some seconds."),
    "letter.broke_off": N_("Its chance could not be worked out: %(why)s The page of all goals tries again."),
    "letter.no_forecast": N_("No forecast covers this metric, so its chance is not known."),
    "letter.history": N_("The same months a year before brought %(before_value)s (%(change_rate)s)."),
    "letter.needs_open": N_("Nobody has said what tools, skills, people and budget it needs."),
    "letter.missing": N_("Missing: %(names)s; to get them costs %(cost_amount)s."),
    "letter.held": N_("All that it needs is held."),
    "letter.parent": N_("It serves the goal for %(goal_metric)s."),
    "letter.strategy": N_("It serves the strategy: %(strategy)s"),
    "letter.alone": N_("It serves no other goal and no strategy."),
    "letter.due": N_("Due on %(due_on)s."),
    "letter.not_due": N_("It has no day of the plan by which it is due."),
    "letter.owned": N_("Somebody answers for it."),
    "letter.unowned": N_("Nobody answers for it."),
    "way.link": N_("Link an action front, an action or a tactic that says how."),
    "way.metric": N_("Choose a metric of the catalogue."),
    "way.data": N_("Import or connect the data, or choose a metric that has some."),
    "way.lower": N_("Half of the outcomes lie above %(even_value)s: aim nearer to that, or plan what changes it."),
    "way.needs": N_("Say what it needs: what is held, what is missing, and what that costs."),
    "way.cost": N_("Say what it costs to get: %(names)s."),
    "way.parent": N_("Choose the goal that it serves, or write the line of the strategy."),
    "way.due": N_("Choose a day from %(first_on)s to %(last_on)s."),
    "way.owner": N_("Choose who answers for it."),
    # a promotion before it is planned
    "clash.promotion": N_(
        "“%(name)s” offers the same goods from %(first_on)s to %(last_on)s. Begin on %(free_on)s, when they are free, "
        "or choose other goods."
    ),
    "clash.promotion_full": N_(
        "“%(name)s” offers the same goods from %(first_on)s to %(last_on)s, and later in the plan no days of that "
        "length are free. Choose other goods, or fewer days."
    ),
    "clash.closed": N_(
        "“%(event)s” closes the days from %(first_on)s to %(last_on)s. Begin on %(free_on)s, or open those days in the "
        "calendar."
    ),
    "clash.closed_full": N_(
        "“%(event)s” closes the days from %(first_on)s to %(last_on)s, and later in the plan no days of that length "
        "are free. Choose fewer days."
    ),
    "clash.discount": N_(
        "A discount of %(discount_rate)s is above the highest that section 7 allows for “%(name)s”. Offer at most "
        "%(most_rate)s, or choose other goods."
    ),
    "clash.floor": N_(
        "A discount of %(discount_rate)s brings “%(name)s” to %(paid_amount)s, below its lowest price of "
        "%(floor_amount)s in section 7. Offer at most %(most_rate)s, or choose other goods."
    ),
    "clash.owner": N_("Its owner runs “%(name)s” on the same days. Give one of them to somebody else, or move it."),
    "clash.content": N_(
        "“%(name)s” and “%(other)s” come out in the same channel on %(out_on)s. Give one of them another day."
    ),
    "step.prepare": N_("Begin to prepare it"),
    "step.order": N_("Order what is missing: a delivery takes %(days_count)s days"),
    "step.order_short": N_("Order %(units_count)s units: a delivery takes %(days_count)s days"),
    "step.price": N_(
        "Leave the prices alone from here on: a lower one becomes the prior price that the offer must beat"
    ),
    "step.content": N_("%(piece)s: %(status_label)s"),
    "step.no_content": N_("Brief its content: none is planned yet, and a landing page takes that long"),
    # how it goes
    "pace.before": N_("The plan starts on %(first_on)s: %(chance_rate)s chance to reach %(target_amount)s."),
    "pace.on_course": N_("On course: %(chance_rate)s chance to reach %(target_amount)s."),
    "pace.at_risk": N_("At risk: %(chance_rate)s chance to reach %(target_amount)s."),
    "pace.behind": N_("Behind: %(chance_rate)s chance to reach %(target_amount)s."),
    "pace.reached": N_("Reached: %(actual_amount)s of %(target_amount)s."),
    "pace.missed": N_("Missed: %(actual_amount)s of %(target_amount)s."),
    "pace.checked": N_(
        "That is the chance by the plan's check, with its budget, promotions, prices and stock; season and trend alone "
        "give %(season_rate)s."
    ),
    "pace.to_date": N_(
        "Up to %(last_on)s %(actual_amount)s came in, %(pace_rate)s of what the season lets expect by then "
        "(%(due_amount)s)."
    ),
    "pace.holds_back": N_("%(driver_metric)s is what holds it back."),
    # why it is so
    "drivers.plan.above": N_(
        "Net sales of %(now_amount)s are %(moved_amount)s above what the plan wants by now, mostly by %(main_driver)s "
        "(%(main_amount)s)."
    ),
    "drivers.plan.below": N_(
        "Net sales of %(now_amount)s are %(moved_amount)s below what the plan wants by now, mostly by %(main_driver)s "
        "(%(main_amount)s)."
    ),
    "drivers.plan.same": N_("Net sales of %(now_amount)s are exactly what the plan wants by now."),
    "drivers.last_year.above": N_(
        "That is %(moved_amount)s more than in the same days a year before, mostly by %(main_driver)s "
        "(%(main_amount)s)."
    ),
    "drivers.last_year.below": N_(
        "That is %(moved_amount)s less than in the same days a year before, mostly by %(main_driver)s "
        "(%(main_amount)s)."
    ),
    "drivers.last_year.same": N_("That is exactly what the same days brought a year before."),
    "drivers.missing": N_("Why can't be told: %(why_message)s."),
    "drivers.no_traffic": N_("Visits are not known on both sides, so traffic and conversion are one: orders."),
    "drivers.no_parts": N_(
        "The plan has no targets for prices and units, so price, volume, mix and currency are one: order value."
    ),
    "drivers.no_cost": N_("Costs of goods are not known, so whether the change paid can't be told."),
    # what differs between two contents
    "diff.period": N_("Period"),
    "diff.currency": N_("Currency"),
    "diff.total": N_("%(grid_metric)s, all targets"),
    "diff.grid": N_("%(grid_metric)s by %(by_dimension)s, all targets"),
    "diff.cell": N_("%(grid_metric)s %(at_month)s"),
    "diff.place": N_("%(grid_metric)s %(place)s %(at_month)s"),
    "diff.more": N_("%(cells_count)s more targets"),
    "diff.goal": N_("Goal: %(goal_metric)s"),
    "diff.part_goal": N_("Goal: %(goal_metric)s, %(scope)s"),
    "diff.goal_field": N_("Goal: %(goal_metric)s: %(goal_field)s"),
    "diff.part_goal_field": N_("Goal: %(goal_metric)s, %(scope)s: %(goal_field)s"),
    "diff.field": N_("§%(section)s %(document_label)s"),
    "diff.row": N_("§%(section)s %(document_label)s, %(row)s: %(column_label)s"),
    "diff.budget": N_("Budget, %(line)s, %(at_month)s"),
    "diff.budget_field": N_("Budget, %(line)s: %(column_label)s"),
    # marketing's gate on a sales plan
    "gate.unnamed": N_("The plan names no marketing plan that it serves. Choose the one, or draft it first."),
    "gate.draft": N_("The marketing plan “%(title)s” is not approved yet."),
    "gate.period": N_("The marketing plan “%(title)s” holds %(first_on)s to %(last_on)s only."),
    "gate.incomplete": N_("The marketing plan still lacks §%(section)s %(document_label)s."),
    "need.served": N_("A sales plan that serves it needs §%(section)s %(document_label)s."),
    "need.targets": N_("It has no targets yet."),
    "need.unowned": N_("Goals: %(goals_count)s without an owner."),
    "need.idle": N_("Goals: %(goals_count)s for which nothing is done yet. Say how, or link an action or a front."),
    "need.promotion_products": N_(
        "Promotions name %(names_count)s products that the shop doesn't have: %(names)s. Nothing is promoted by them."
    ),
    "need.questions": N_(
        "%(open_count)s of %(all_count)s questions of the document are open; next: %(document_label)s."
    ),
    "gate.unwritten": N_("§%(section)s %(document_label)s is empty."),
    "gate.proposed": N_("§%(section)s %(document_label)s: only proposed so far. Take them over in the team."),
    "gate.no_strategy": N_("“%(tactic)s” names no strategy of the marketing plan that it serves."),
    "gate.unknown_strategy": N_("“%(tactic)s” names a strategy that the marketing plan doesn't have."),
    "gate.discount": N_("“%(tactic)s”: a discount of %(discount_rate)s is above the highest, %(limit_rate)s."),
    "gate.floor": N_("“%(tactic)s”: a price of %(paid_amount)s is below the lowest, %(floor_amount)s."),
    "gate.margin": N_("“%(tactic)s”: a margin of %(margin_rate)s is below the lowest, %(lowest_rate)s."),
    "gate.unplanned_promotion": N_("“%(tactic)s” gives a discount that the promotional calendar doesn't hold."),
    "gate.markets": N_("These markets are not in the marketing plan: %(markets)s."),
    "gate.channels": N_("These channels are not in the marketing plan: %(names)s."),
    "gate.segments": N_("These segments are not in the marketing plan: %(names)s."),
    "gate.budget": N_(
        "At last year's cost the targets need marketing of %(need_amount)s; %(planned_amount)s is planned."
    ),
    "gate.stock": N_(
        "The stock lasts %(cover_count)s days, the plan has %(plan_count)s, and no order of goods is planned."
    ),
    "gate.aim": N_("%(goal_metric)s: %(ours_value)s here, %(theirs_value)s in the marketing plan."),
    "pace.no_actuals": N_("No sales are known after %(last_on)s, so pace and chance stand as of that day."),
    # the check of a plan
    "check.likely": N_("%(chance_rate)s chance to reach %(target_amount)s: likely."),
    "check.open": N_("%(chance_rate)s chance to reach %(target_amount)s."),
    "check.held": N_("%(chance_rate)s chance to reach %(target_amount)s; %(constraint)s is what holds it back."),
    "check.moved": N_("With these changes the chance goes from %(before_rate)s to %(chance_rate)s."),
    "check.easiest": N_(
        "The smallest single change that makes it likely: %(lever)s %(change_rate)s, for a chance of %(chance_rate)s."
    ),
    "check.out_of_reach": N_(
        "No single change within the limits makes it likely; the most helps %(lever)s, up to a chance of "
        "%(chance_rate)s. Move several, or set the goal lower."
    ),
    "check.no_visits": N_(
        "No visits are known for long enough, so traffic and conversion stand together as orders. Import sessions."
    ),
    "check.no_stock": N_(
        "No stock levels of the last two weeks are known, so the check takes all goods as there. Import stock levels."
    ),
    "check.deliveries": N_(
        "Stock as of %(levels_on)s. For %(lead_count)s days deliveries come at the pace of the last eight weeks, "
        "after that as much as is expected to be wanted."
    ),
    "check.no_spend": N_("No marketing spend is known, so spend moves nothing here. Import spend, or plan a budget."),
    "check.spend_before": N_(
        "No active plan has a budget for these weeks, so spend is that of a year before, or of the last weeks."
    ),
    "check.no_promotions": N_(
        "The plan has no promotion with a discount on days to come, so promotions move nothing here. Plan one under "
        "Promotions."
    ),
    "check.unlearnt_promotions": N_(
        "What the planned promotions (%(promotions_count)s) bring can't be said: how customers answer to prices isn't "
        "learnt yet. Open Price and volume once."
    ),
    "check.unknown_promotions": N_(
        "What the planned promotions (%(promotions_count)s) bring can't be said: too little was sold of their products "
        "to learn how customers answer to a price."
    ),
    "check.promotions": N_(
        "The plan's promotions (%(promotions_count)s, %(discount_rate)s off on average) move what they are on, and "
        "what it sells in the two weeks after, as past prices and offers let expect; what the same weeks of last year "
        "promoted is taken out of the season there."
    ),
    "check.prices": N_(
        "The plan changes prices (%(prices_count)s, by %(change_rate)s on average) against the year before it: what is "
        "sold, and for how much, is moved as customers answer to prices."
    ),
    "check.unlearnt_budget": N_(
        "The plan has a budget, but no spend of the past is known, so what it brings can't be said. Import spend."
    ),
    "check.unheard": N_(
        "Nothing is known of what %(channels)s bring: their budget counts as a cost and moves nothing."
    ),
    "check.no_cost": N_("Costs are not known for all goods, so the check can't say the profit."),
    # what a goal may end at
    "forecast.no_metric": N_("There is no such metric in the catalogue."),
    "forecast.nothing": N_("Nothing above zero is known of %(goal_metric)s in the last twelve months."),
    "forecast.newcomers": N_(
        "Nothing is known from before %(first_on)s, so whoever came at first counts as new. Of the %(counted_count)s "
        "new customers of the first year about %(believed_count)s are believed to be new, judged by how many of those "
        "who came lately would seem so if their past were cut off too. New customers are forecast from these."
    ),
    "forecast.short": N_("%(goal_metric)s is known for less than 90 days, too few for a forecast."),
    "forecast.no_window": N_("No period as long as the goal's is known of %(goal_metric)s with a value above zero."),
    # the stock plan
    "stock.no_levels": N_(
        "No stock levels of the last two weeks are known: for %(products_count)s products the plan says how much to "
        "hold, not how much to order. Import stock levels."
    ),
    "stock.order": N_("%(products_count)s products are to be ordered today, for %(sum_amount)s."),
    "stock.nothing": N_("Nothing needs to be ordered today."),
    "stock.late": N_("%(products_count)s of them are gone, or will be before a delivery can come."),
    "stock.excess": N_("%(products_count)s products hold %(sum_amount)s more than they will sell in time."),
    "stock.counted": N_("Stock as of the end of %(counted_on)s."),
    "stock.believed_lead": N_(
        "No supplier's lead time was stated, so %(days_count)s days are taken for all. State it below: it "
        "decides the most."
    ),
    "stock.uncosted": N_(
        "%(products_count)s products have no known cost: they aim at %(service_rate)s, not at what pays."
    ),
    "stock.outlook": N_(
        "For the next %(weeks_count)s weeks each product's demand is that of the outlook, "
        "with its prices and promotions."
    ),
    "stock.orders_unknown": N_("What is on its way from suppliers is not known here: take it off the quantities."),
    # the workload
    "work.fits": N_("The people there are can do all the work of the next %(weeks_count)s weeks."),
    "work.over_always": N_(
        "In each of the next %(all_count)s weeks there is more work than people; the worst is %(work)s in the week of "
        "%(week_on)s: %(needed_count)s people needed, %(there_count)s there."
    ),
    "work.over": N_(
        "In %(weeks_count)s of the next %(all_count)s weeks there is more work than people; the worst is %(work)s in "
        "the week of %(week_on)s: %(needed_count)s people needed, %(there_count)s there."
    ),
    "work.assumed_minutes": N_(
        "Assumed until you state yours: %(pick_count)s minutes an order, %(contact_count)s a contact, %(lead_count)s a "
        "lead, %(content_count)s a piece of content."
    ),
    "work.assumed_people": N_(
        "Nobody has said how many people do this work: where unknown, one for each kind is assumed, at %(hours_count)s "
        "hours a week."
    ),
    # proposals
    "proposal.step": N_(
        "“%(step_message)s” goes on less often than in its best quarter; closing the gap is worth the gain in a "
        "quarter."
    ),
    "proposal.do_step": N_("%(step_message)s: %(remedy_message)s"),
    "proposal.stage": N_(
        "Deals in the stage “%(stage)s” go on less often or later than in its best quarter; closing the gap is worth "
        "the gain in a quarter."
    ),
    "proposal.do_stage": N_("%(stage)s: %(remedy_message)s"),
    "proposal.landing": N_(
        "%(times_count)s visits of the last quarter began on %(name)s and %(own_rate)s of them ordered; the same "
        "channels let expect %(goal_rate)s on the other pages."
    ),
    "proposal.do_landing": N_("Rework the landing page %(name)s after those that sell better"),
    "proposal.product_page": N_(
        "%(times_count)s visits of the last quarter looked at %(name)s and %(own_rate)s put it into the cart; other "
        "products of its category let expect %(goal_rate)s."
    ),
    "proposal.do_product_page": N_("Rework the product page of %(name)s: pictures, benefits, reviews, size advice"),
    "proposal.checkout": N_(
        "%(times_count)s visits of the last quarter came to the checkout by %(name)s and %(own_rate)s of them ordered; "
        "the other devices let expect %(goal_rate)s."
    ),
    "proposal.do_checkout": N_("Mend the checkout on %(name)s: fewer fields, more ways to pay"),
    "proposal.message": N_(
        "Of %(times_count)s messages of “%(name)s” that were delivered, %(own_rate)s were clicked by a person; the "
        "other campaigns let expect %(goal_rate)s."
    ),
    "proposal.do_message": N_("Rewrite the messages of “%(name)s”, or send them to those whom they concern"),
    "proposal.content": N_(
        "%(times_count)s visits of the last quarter turned to “%(name)s” and %(own_rate)s of them ordered; other "
        "pieces of its stage let expect %(goal_rate)s."
    ),
    "proposal.do_content": N_("Rework “%(name)s”: an offer and a way to the product in it"),
    "proposal.delivery": N_(
        "Of %(times_count)s parcels by %(name)s %(own_rate)s arrived whole, right and on the day promised; the other "
        "carriers of the same markets let expect %(goal_rate)s. The gain is what mending costs."
    ),
    "proposal.do_delivery": N_("Offer another delivery option than %(name)s, or a later promise with it"),
    "proposal.tactic": N_(
        "%(times_count)s deals of the last year closed without the activity “%(name)s” and %(own_rate)s of them were "
        "won; those with it let expect %(goal_rate)s, as far as it is not that better deals get it."
    ),
    "proposal.do_tactic": N_("Make the activity “%(name)s” part of every deal"),
    "proposal.follow_up": N_(
        "%(times_count)s leads waited for more than a day and %(own_rate)s of them converted; those of the same "
        "channel and form that somebody turned to within a day let expect %(goal_rate)s, as far as it is not that "
        "better leads are turned to first."
    ),
    "proposal.do_follow_up": N_("Turn to every lead within a day"),
    "cost.stated": N_("as it was stated"),
    "cost.piece": N_("what a new piece cost in the last year"),
    "cost.hours": N_("%(hours_count)s hours of work at %(hour_amount)s"),
    "proposal.stock": N_(
        "%(there_count)s of %(product)s are there, and %(wanted_count)s will be wanted in the next %(days_count)s "
        "days; the gain is the margin of those that would be missing."
    ),
    "proposal.do_stock": N_("Order %(units_count)s of %(product)s today"),
    "proposal.clear": N_(
        "%(products_count)s products hold %(sum_amount)s more than they will sell in time, which costs "
        "%(carrying_rate)s of that a year."
    ),
    "proposal.do_clear": N_("A promotion that clears %(products_count)s products that don't sell"),
    "proposal.price": N_(
        "In the check of the plan, prices of %(category)s changed by %(change_rate)s earn more profit: what is lost in "
        "units comes back in margin, or the other way round."
    ),
    "proposal.do_price": N_("Prices of %(category)s: %(change_rate)s"),
    "proposal.budget": N_(
        "In the check of the plan, marketing spend changed by %(change_rate)s (%(sum_amount)s) earns more profit than "
        "it costs."
    ),
    "proposal.do_budget": N_("Marketing spend: %(change_rate)s"),
    "check.believed_prices": N_(
        "How customers answer to prices is taken from published averages, with wide intervals, until this shop's own "
        "prices say more."
    ),
    "check.believed_spend": N_(
        "How sales answer to marketing is taken from published averages, with wide intervals, until this shop's own "
        "spend says more."
    ),
    "check.learnt_spend": N_("How sales answer to marketing was learnt from this shop's own weeks of spend."),
}

STATUSES: Mapping[str, str] = {
    "before": N_("not begun"),
    "on_course": N_("on course"),
    "at_risk": N_("at risk"),
    "behind": N_("behind"),
    "unknown": N_("not known"),
    "reached": N_("reached"),
    "missed": N_("missed"),
}
"""How a plan or goal goes, in words (see `progress.GoalLine`)."""

CONSTRAINTS: Mapping[str, str] = {
    "stock": N_("stock"),
    "budget": N_("the budget"),
    "traffic": N_("traffic"),
    "conversion": N_("conversion"),
    "orders": N_("the number of orders"),
    "basket": N_("the size of baskets"),
}
"""What can hold a plan back, as a sentence names it."""

WORK: Mapping[str, str] = {
    "pick": N_("picking orders"),
    "contact": N_("answering contacts"),
    "lead": N_("calling leads"),
    "content": N_("making content"),
}
"""Kinds of work, as a sentence names them."""

LEVERS: Mapping[str, str] = {
    "traffic": N_("visits"),
    "conversion": N_("conversion"),
    "orders": N_("number of orders"),
    "basket": N_("size of baskets"),
    "price": N_("prices"),
    "spend": N_("marketing spend"),
    "supply": N_("stock and deliveries"),
}
"""What can be moved, as a sentence names it."""


def render(sentence: Sentence, *, currency: str, language: str) -> str:
    """The sentence in a language, amounts, rates and dates as that language writes them."""
    locale = wording.locale(language)
    is_spoken = language.lower().startswith(translation.get_language() or "-")
    with nullcontext() if is_spoken else translation.override(language):
        words = {name: _worded(name, value, currency, locale) for name, value in sentence.params.items()}
        if "baseline" in sentence.params:
            of = sentence.params["metric"]
            words["baseline"] = amount(of, sentence.params["baseline"], currency=currency, language=language)
        for name in (one for one in words if one.endswith("_value")):
            words[name] = amount(sentence.params["metric"], sentence.params[name], currency=currency, language=language)
        said = _(TEXTS[sentence.code]) % words
        return said[:1].upper() + said[1:] if TEXTS[sentence.code].startswith("%(chance_rate)s") else said


def chance(value: float, locale: Locale) -> str:
    """A probability in whole per cent, from `LEAST_CHANCE` to `MOST_CHANCE`."""
    if value < LEAST_CHANCE:
        return _("under %(rate)s") % {"rate": format_percent(LEAST_CHANCE, locale=locale)}
    if value > MOST_CHANCE:
        return _("over %(rate)s") % {"rate": format_percent(MOST_CHANCE, locale=locale)}
    return format_percent(value, locale=locale)


def amount(metric: str, value: Decimal | float | str | None, *, currency: str, language: str) -> str:
    """A metric's value with its unit, as a language writes it; a dash for none."""
    if value is None:
        return "–"
    locale = wording.locale(language)
    match metrics()[metric].unit:
        case Unit.MONEY:
            return _money(Decimal(value), currency, locale)
        case Unit.RATE:
            return format_percent(round(Decimal(value), 3), locale=locale, decimal_quantization=False)
        case _:
            return format_decimal(round(Decimal(value), 2), locale=locale)


_SIGNS: Mapping[str, str] = {
    "=": N_("%(what)s: %(value)s"),
    ">=": N_("%(what)s: at least %(value)s"),
    "<=": N_("%(what)s: at most %(value)s"),
    ">": N_("%(what)s: more than %(value)s"),
    "<": N_("%(what)s: less than %(value)s"),
}


def customers(rule: str, *, currency: str, language: str) -> str:
    """A rule on customers in words: `orders>=2 last<=90` is "Orders to date: at least 2; days since the ...".

    Raises audience.RuleError.
    """
    locale = wording.locale(language)

    def said(one: audience.Condition) -> str:
        if one.name in audience.NAMES:
            what, value = dimensions()[one.name].label, one.value
        elif one.name in audience.AMOUNTS:
            what, value = audience.NUMBERS[one.name], _money(Decimal(one.value), currency, locale)
        else:
            what, value = audience.NUMBERS[one.name], format_decimal(Decimal(one.value), locale=locale)
        return _(_SIGNS[one.sign]) % {"what": _(what), "value": value}

    with translation.override(language):
        words = "; ".join(said(one) for one in audience.parse(rule).conditions)
        return words[:1].upper() + words[1:]


def metric_label(metric: str) -> str:
    return _(metrics()[metric].label)


FIELDS: Mapping[str, str] = {
    "target": N_("target"),
    "baseline": N_("baseline"),
    "starts_on": N_("first day"),
    "due_on": N_("due"),
    "dated": N_("steps on the way"),
    "bands": N_("bands"),
    "scope": N_("scope"),
    "metric": N_("metric"),
    "owner": N_("owner"),
    "parent": N_("parent"),
    "actions": N_("actions"),
    "links": N_("links"),
    "strategy": N_("strategy"),
    "needs": N_("what it needs"),
}
"""Names of a goal's fields where a change of one is told."""

LEAST_CHANCE, MOST_CHANCE = 0.05, 0.95
"""The surest that a chance is said to be. Forecasts are rehearsed a dozen times or so, which doesn't tell one in twenty
from one in a hundred, however many paths are drawn; nor do the paths know what has never happened to the shop."""

_CHANCES = ("chance_rate", "before_rate", "season_rate")
_EVENT_LABELS = {event.id: event.label for event in EVENTS}


def _worded(name: str, value: Any, currency: str, locale: Locale) -> str:
    if value is None:
        return pgettext("a category or market that is not known", "not known")
    match name.rsplit("_", 1)[-1]:
        case "amount":
            return _money(Decimal(value), currency, locale)
        case "count":
            return format_decimal(Decimal(value), locale=locale)
        case "rate" if name in _CHANCES:
            return chance(float(value), locale)
        case "rate" if name == "change_rate":
            return _signed(float(value), locale)
        case "rate":
            return format_percent(float(value), locale=locale)
        case "on":
            return format_date(date.fromisoformat(str(value)), format="long", locale=locale)
        case "month":
            return format_skeleton("yMMMM", date.fromisoformat(str(value)), locale=locale)
        case "metric":
            return metric_label(value)
        case "constraint":
            return _(CONSTRAINTS[value])
        case "message":
            return _(value)
        case "work":
            return _(WORK[value])
        case "lever":
            return _(LEVERS[value])
        case "driver":
            return _(PARTS[value]).lower()
        case "market" | "markets":
            return ", ".join(locale.territories.get(one, one) for one in str(value).split(", "))
        case "dimension":
            return _(dimensions()[value].label).lower()
        case "label":
            return ": ".join(_(one) for one in ([value] if isinstance(value, str) else value or []) if one)
        case "field":
            return _(FIELDS.get(value, value))
        case "event":
            return _(_EVENT_LABELS.get(value, value))
        case _:
            return str(value)


def _money(value: Decimal, currency: str, locale: Locale) -> str:
    """An amount, without its minor units where there are none."""
    if value != value.to_integral_value():
        return format_currency(value, currency, locale=locale)
    return format_currency(value, currency, _whole_pattern(currency, locale), locale=locale, currency_digits=False)


@cache
def _whole_pattern(currency: str, locale: Locale) -> NumberPattern:
    pattern = locale.currency_formats["standard"].pattern
    if pattern.startswith("¤") and get_currency_symbol(currency, locale)[-1].isalpha():
        pattern = pattern.replace("¤", "¤\N{NO-BREAK SPACE}")
    return parse_pattern(pattern.replace("0.00", "0"))


def _signed(rate: float, locale: Locale) -> str:
    """A change in percent with its sign, to a tenth where it is small."""
    pattern = locale.percent_formats[None].pattern.replace("0", "0.0") if abs(rate) < 0.1 else None
    pattern = pattern or locale.percent_formats[None].pattern
    return format_percent(rate, f"+{pattern};-{pattern}", locale=locale)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal | date) else value
