"""The check of a plan: the chance of every goal, what holds each month back, and what would change it.

What it starts from (`Ground`) is made once for the same facts, day and axes of the plan and kept in the shared cache
folder, mapped into memory; a change is answered from there.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topline.accounts.models import Shop
from topline.lake.snapshot import Snapshot
from topline.metrics.query import Filter, Query
from topline.outlook import check as outlook
from topline.outlook import kept
from topline.outlook.check import Spend
from topline.outlook.kept import Run
from topline.outlook.price import PriceOutlook, Promotion
from topline.outlook.response import ResponseOutlook
from topline.outlook.stock import Goods
from topline.plans import (
    answered,
    budgets,
    cache,
    demand,
    expectation,
    facts,
    numbers,
    price,
    progress,
    promotion,
    renewal,
    standing,
    stock,
)
from topline.plans.drafting import EmptyLakeError
from topline.plans.forecast import Forecast
from topline.plans.grid import Part
from topline.plans.models import Goal, PlanVersion, State
from topline.plans.price import PlannedPrice
from topline.plans.progress import PlanView
from topline.plans.text import Sentence
from topline.plans.units import from_minor
from topline.science import check
from topline.science.check import LIKELY, Base, Change, Move, Outcome, Swing
from topline.units.errors import ToplineError
from topline.units.money import minor_digits
from topline.units.period import Period, add_months
from topline.units.text import N_

type Floats = NDArray[np.float64]

LEVERS = tuple(check.LIMITS)

_READ = (
    "order_line",
    "order",
    "product",
    "identity_link",
    "session",
    "spend",
    "planned_spend",
    "promotion",
    "stock_level",
)
_NAMED = ("version", "key", "metric", "scope", "starts_on", "due_on")
_ABOUT, _ENDS = "about.json", "ends.npz"


class LeverError(ToplineError):
    message = N_("“%(lever)s” can be moved from %(least)s to %(most)s per cent: %(asked)s is outside.")


class LimitError(ToplineError):
    message = N_("A budget is zero or more; %(asked)s is not.")


class UnknownChannelError(ToplineError):
    message = N_("The plan's budget has no channel “%(name)s” in the weeks to come. It has: %(names)s.")


class UnknownPlanGoalError(ToplineError):
    message = N_("The plan has no goal “%(key)s” to find a change for. It has: %(keys)s.")


class UnknownCategoryError(ToplineError):
    message = N_("The plan has no category %(place)s whose price could move: its categories are 0 to %(last)s.")


class ChannelChangeError(ToplineError):
    message = N_("“%(text)s” is no change of a channel: write CHANNEL=SHARE, such as search=0.1 for a tenth more.")


class PlanOverError(ToplineError):
    message = N_(
        "The plan's months are over by %(as_of)s: there is nothing left to check. Its page shows how it ended."
    )


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What a check starts from.

    drawn : what sliders move: the base, or some of its paths
    known_to : the day up to which there were facts
    slots : first days of the weeks ahead
    others : by key, the forecasts of goals that are not about net sales or orders, as seen on the day
    stock_on : day of the stock levels, None if they are unknown or too old
    is_spend_planned : spend is the budget of this plan or of active ones, not what was spent a year before
    promotions : planned ones whose effect is known; discount_rate : their mean
    prices : those that the plan changes, as multiples of what was paid before
    unsaid : of the levers of promotions and the budget, why nothing can be said of them
    channels : of the spend, in the order of the base
    unheard : channels of the budget of which nothing is known
    lead_days : after which deliveries follow what is wanted
    knows_prices, knows_response : whether how customers answer to prices and to marketing was learnt from the shop
    """

    base: Base
    drawn: Base
    known_to: date
    slots: tuple[date, ...]
    others: Mapping[str, Forecast]
    stock_on: date | None
    is_spend_planned: bool
    lead_days: float
    knows_prices: bool
    knows_response: bool
    promotions: int
    prices: tuple[float, ...]
    discount_rate: float
    unsaid: Mapping[str, Sentence]
    channels: tuple[str, ...]
    unheard: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelCheck:
    """A channel of the budget: what it spends as planned in the weeks to come, and how far that is moved.

    channel : its key, as `budgets.channel_code` has it
    is_heard : whether anything is known of what it brings
    """

    channel: str
    planned: float
    moved: float
    is_heard: bool


@dataclass(frozen=True, slots=True)
class GoalCheck:
    """A goal's chance: as the plan stands, and with the change.

    low, expected, high : where the goal's metric ends with the change, bounds of `LEVEL`; None where nobody can say
    middle : as many outcomes lie above it as below; what is expected is their mean
    before, chance : None where nobody can say
    is_simulated : False for a metric that is taken by itself, as the plan's page sees it
    why : why nobody can say, None where somebody can
    """

    goal: Goal
    low: float | None
    expected: float | None
    high: float | None
    middle: float | None
    before: float | None
    chance: float | None
    is_simulated: bool
    why: Sentence | None = None


@dataclass(frozen=True, slots=True)
class MonthCheck:
    """A month of net sales: its target, where it ends, and what holds it back.

    constraint : one of `check.CONSTRAINTS`, None where the target is likely or the month is over
    cost : money by which each constraint holds it back; share : of the short paths on which it does the most
    """

    month: date
    target: float
    low: float
    expected: float
    high: float
    chance: float
    constraint: str | None
    cost: Mapping[str, float]
    share: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PlanCheck:
    """Everything that a check's page, API resource and command show.

    binding : what holds the plan back over all months, None if nothing does
    about : the goal that `moves` make likely; easiest : the move that needs the least, None if none is enough
    swings : what each driver is worth, the most first
    sales, profit : low, expected, high of the whole period; profit of what is to come, None if costs are unknown
    spend : of what is to come
    channels : whose spend can be moved alone, the most spend first; none where one has all of it
    levers : those that something depends on; standing : what each stands at in the plan over the weeks to come
    unsaid : why nothing can be said of the others
    notes : what the check could not know
    """

    version: PlanVersion
    as_of: date
    known_to: date
    change: Change
    goals: list[GoalCheck]
    months: list[MonthCheck]
    binding: str | None
    about: GoalCheck | None
    moves: list[Move]
    swings: list[Swing]
    sales: tuple[float, float, float]
    profit: tuple[float, float, float] | None
    spend: float
    channels: list[ChannelCheck]
    levers: tuple[str, ...]
    standing: Mapping[str, float]
    unsaid: Mapping[str, Sentence]
    notes: list[Sentence]
    headline: list[Sentence]

    @property
    def easiest(self) -> Move | None:
        return next((move for move in self.moves if move.amount), None)

    def named(self, driver: str) -> str:
        """What to call a driver: where nobody counts visits, conversion stands for orders."""
        return "orders" if driver == "conversion" and "traffic" not in self.levers else driver


# What it starts from ---------------------------------------------------------------


def is_made(version: PlanVersion, as_of: date, snapshot: Snapshot) -> bool:
    """Whether `of` would answer at once."""
    return _folder(version, as_of, snapshot).exists()


def key(version: PlanVersion, as_of: date) -> str:
    """Names what checks of the version start from, whatever the facts."""
    return f"plans.check:{version.pk}:{as_of}"


def _newest_folder(version: PlanVersion, as_of: date, snapshot: Snapshot) -> Path | None:
    """Where the version's check is kept that is made of the newest facts up to these, None if it isn't made."""
    folder = _folder(version, as_of, snapshot)
    if folder.exists():
        return folder
    found = renewal.newest(version.plan.shop, key(version, as_of), snapshot, partial(is_made, version, as_of))
    return _folder(version, as_of, found[0]) if found else None


def resting(version: PlanVersion, as_of: date, snapshot: Snapshot) -> Snapshot:
    """The newest facts up to these of which the version's check is made; these if it isn't."""
    found = renewal.resting(version.plan.shop, key(version, as_of), snapshot, partial(is_made, version, as_of))
    return found or snapshot


def make(
    version: PlanVersion,
    as_of: date,
    snapshot: Snapshot,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Makes and keeps what checks of the version start from. Raises PlanOverError, ShortHistoryError."""
    folder = _folder(version, as_of, snapshot)
    if folder.exists():
        return
    plan, shop = version.plan, version.plan.shop
    if plan.is_over(as_of):
        raise PlanOverError(as_of=as_of)
    lake = shop.lake()
    seen = outlook.see(
        lake,
        snapshot,
        first=plan.starts_on,
        months=len(plan.months),
        as_of=as_of,
        settings=shop.settings(),
        own=expectation.own_events(shop, as_of),
        advance=advance,
    )
    lead = numbers.of(shop)("lead_days")
    run, response = _prices(shop, as_of, snapshot), budgets.response(shop, as_of, snapshot)
    prices = None if run is None else PriceOutlook(run)
    planned, budget = _promotions(version, as_of), _budget(version, seen.slots)
    known = [one for one in planned if prices is not None and outlook.knows(prices, one)]
    goods = stock.goods(shop, as_of, snapshot) if "stock_level" in snapshot.tables else None
    base = outlook.base(
        seen,
        categories=version.blocks,
        markets=version.markets,
        goods=goods,
        elasticity=None if run is None else outlook.learnt_elasticity(run, version.blocks),
        answering=None if response is None else outlook.learnt_marketing(response),
        budget=budget,
        prices=prices,
        promotions=known,
        holds_promotions=version.state == State.ACTIVE and _knows_stock(goods),
        lead_days=lead,
    )
    prices_planned = _new_prices(version, as_of)
    if prices_planned:
        ratio = _ratios(version, prices_planned, snapshot)
        base = check.reprice(base, ratio, is_held=version.state == State.ACTIVE and _knows_stock(goods))
    others = {goal.key: progress.foresee(goal, as_of, snapshot).stored() for goal in _others(version)}
    about = {
        "known_to": seen.sales.known_to.isoformat(),
        "slots": [day.isoformat() for day in seen.slots[:-1]],
        "others": others,
        "stock_on": None if goods is None or np.isinf(base.on_hand).all() else str(goods.counted_on),
        "is_spend_planned": seen.is_spend_planned or budget is not None,
        "lead_days": lead,
        "knows_prices": prices is not None,
        "knows_response": response is not None,
        "promotions": len(known),
        "prices": [one.ratio for one in prices_planned],
        "discount_rate": float(np.mean([one.discount for one in known])) if known else 0.0,
        "unsaid": {lever: one.stored() for lever, one in _unsaid(base, planned, known, prices, budget)},
        "channels": [budgets.channel_code(channel) for channel in (seen.spend if budget is None else budget)],
        "unheard": _unheard(seen.spend if budget is None else budget, response),
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    outlook.save(base, folder, {_ABOUT: json.dumps(about)})
    _keep_ends(version, folder)
    cache.sweep(folder.parent)


def _keep_ends(version: PlanVersion, folder: Path) -> None:
    """Keeps beside the base where its simulated goals end on each path as the plan stands."""
    found = _load(folder)
    now, goals = _unchanged(found.base), [one for one in version.goals.standing() if _is_simulated(one, found)]
    with cache.written(folder / _ENDS) as draft, draft.open("wb") as file:
        keys = json.dumps([(one.key, one.due_on.isoformat()) for one in goals])
        ends = [_ends(one, found)(now) for one in goals]
        np.savez(file, keys=np.frombuffer(keys.encode(), np.uint8), ends=np.array(ends))


def look(
    version: PlanVersion, as_of: date, snapshot: Snapshot | None = None, *, known_at: datetime | None = None
) -> PlanView:
    """The plan as `progress.of` has it, with the chances of the check of that day once that is made.

    Raises EmptyLakeError.
    """
    snapshot = snapshot or version.plan.shop.lake().latest()
    checked = {} if snapshot is None or known_at is not None else _checked(version, as_of, snapshot)
    return progress.of(version, as_of, snapshot, known_at=known_at, checked=checked)


def _checked(version: PlanVersion, as_of: date, snapshot: Snapshot) -> dict[str, Floats]:
    """By key where goals end on each path of the check as the plan stands; of none if the check isn't made."""
    folder = None if version.plan.is_over(as_of) else _newest_folder(version, as_of, snapshot)
    if folder is None:
        return {}
    try:
        with np.load(folder / _ENDS) as stored:
            keys, ends = json.loads(stored["keys"].tobytes()), stored["ends"]
    except FileNotFoundError:
        return {}
    due = dict(version.goals.standing().values_list("key", "due_on"))
    known = zip(keys, ends, strict=True)
    return {key: each for (key, due_on), each in known if key in due and due[key].isoformat() == due_on}


def _others(version: PlanVersion) -> list[Goal]:
    """Goals whose metric is not of the sales themselves: what the plan's page sees of them is part of the ground."""
    return [goal for goal in version.goals.standing() if _is_apart(goal)]


def _is_apart(goal: Goal) -> bool:
    """Whether the check takes the goal by itself: it is not of the sales, or not of a part that the plan names."""
    return goal.metric not in _OF_SALES or not _is_of_axes(goal)


def _is_of_axes(goal: Goal) -> bool:
    """Whether the check knows the goal's part of the shop: a category or market of the plan."""
    axes = goal.version.scopes(goal.metric)
    return all(value in axes.get(name, ()) for name, value in goal.scope.items())


def _promotions(version: PlanVersion, as_of: date) -> list[Promotion]:
    """The promotions of the plan that give a discount on days to come."""
    found, own = [], promotion.own_events(version)
    for row in version.entries.rows("11.promotions"):
        days, discount = promotion.days(version, row.cells, own), float(row.cells.get("discount") or 0)
        if days is None or days.end <= as_of or discount <= 0:
            continue
        names = promotion.named(version.plan.shop, row.cells)[0] if row.cells.get("products") else None
        found.append(Promotion(days, discount, names, row.cells.get("category"), row.cells.get("market")))
    return found


def _knows_stock(goods: Goods | None) -> bool:
    """Whether what the products will sell is the outlook's, which reckons with the plan in force."""
    return goods is not None and goods.outlook_weeks > 0


def _new_prices(version: PlanVersion, as_of: date) -> list[PlannedPrice]:
    """The prices that the plan changes and that don't hold yet: those of a plan in force do from its first day on."""
    held = (each for each in price.holders(version) if each.state == State.ACTIVE and each.plan.starts_on < as_of)
    return [] if any(held) else price.reckoned(version)


def _ratios(version: PlanVersion, changed: Sequence[PlannedPrice], snapshot: Snapshot) -> Floats:
    """(c,) what the mean price of each category on the plan's axes is multiplied with: one product's counts as far as
    it sells there."""
    blocks, ratio = list(version.blocks), np.ones(len(version.blocks))
    shop, year = version.plan.shop, Period(add_months(version.as_of, -12), version.as_of)
    sold = expectation.slices(shop, "net_sales", year, version.as_of, snapshot, "category")
    for one in changed:
        if one.product is None:
            mine = {one.category: 1.0}
        else:
            asked = Filter("product", (one.product,))
            query = Query(metrics=("net_sales",), period=year, by=("category",), where=(asked,))
            rows = answered.ask(shop, query, snapshot).rows
            sums = {expectation.name_of(row["category"]): expectation.number(row["net_sales"]) for row in rows}
            mine = {name: sum_ / max(sold.get(name, 0.0), 1e-9) for name, sum_ in sums.items()}
        for name, share in mine.items():
            if name in blocks:
                ratio[blocks.index(name)] *= 1 + (one.ratio - 1) * share
    return ratio


def _budget(version: PlanVersion, slots: Sequence[date]) -> Spend | None:
    """By channel what the plan's own ledger gives each slot, None if it has no budget there."""
    unit = 10.0 ** -minor_digits(version.plan.currency)
    rows = [
        (line.channel or None, on, planned * unit)
        for line in version.budget.all()
        for (_, on), planned, _ in facts.spend_by_day(version, line)
    ]
    return outlook.by_slot(slots, rows) or None


def _unsaid(
    base: Base, planned: list[Promotion], known: list[Promotion], prices: PriceOutlook | None, budget: Spend | None
) -> Iterator[tuple[str, Sentence]]:
    """Why promotions or the budget move nothing."""
    if not planned:
        yield "promotion", Sentence("check.no_promotions")
    elif prices is None:
        yield "promotion", Sentence("check.unlearnt_promotions", {"promotions_count": len(planned)})
    elif not len(base.depth):
        yield "promotion", Sentence("check.unknown_promotions", {"promotions_count": len(planned)})
    if not len(base.multiplier):
        yield "spend", Sentence("check.no_spend" if budget is None else "check.unlearnt_budget")


def _unheard(spend: Spend, response: ResponseOutlook | None) -> list[str]:
    """Channels of a budget that nothing was learnt of."""
    if response is None or outlook.OTHER in response.channels:
        return []
    return sorted(channel or "" for channel in spend if channel not in response.channels)


def _prices(shop: Shop, as_of: date, snapshot: Snapshot) -> Run | None:
    """What the shop's prices taught by a day of facts up to these, if that was learnt."""
    newest = standing.newest(shop, "price", as_of, snapshot)
    return None if newest is None else kept.load(newest)


def ground(version: PlanVersion, as_of: date, snapshot: Snapshot) -> Ground:
    """What checks of the version start from, made if it isn't yet. Raises PlanOverError, ShortHistoryError."""
    make(version, as_of, snapshot)
    return _load(_folder(version, as_of, snapshot))


def promotes(version: PlanVersion, as_of: date) -> bool:
    """Whether the plan promotes on days to come."""
    return not version.plan.is_over(as_of) and bool(_promotions(version, as_of))


def order_multiples(version: PlanVersion, as_of: date, snapshot: Snapshot) -> dict[date, float]:
    """By day to come what the plan's promotions, and the dip after them, multiply the shop's orders with."""
    found = ground(version, as_of, snapshot)
    orders, before = found.base.orders.mean(axis=0), found.base.unpromoted
    times = np.divide(orders, before, out=np.ones_like(orders), where=before > 0)
    cuts = (*found.slots, version.plan.ends_on)
    return {
        first + timedelta(days=k): float(times[w])
        for w, (first, after) in enumerate(pairwise(cuts))
        for k in range((after - first).days)
    }


def _folder(version: PlanVersion, as_of: date, snapshot: Snapshot) -> Path:
    plan, shop = version.plan, version.plan.shop
    prices, ahead = _prices(shop, as_of, snapshot), demand.made(shop)
    response = budgets.known(shop, as_of, snapshot)
    made_of = (
        shop.slug,
        tuple(snapshot.digest(table) for table in _READ),
        plan.period,
        as_of,
        shop.settings().digest,
        tuple(expectation.own_events(shop, as_of)),
        version.blocks,
        version.markets,
        [(goal.key, goal.period) for goal in version.goals.standing().only(*_NAMED) if _is_apart(goal)],
        numbers.of(shop)("lead_days"),
        None if prices is None else (prices.about["as_of"], prices.about["snapshot"]),
        [outlook.DRAWN, *(field.name for made in (Base, Forecast) for field in fields(made))],
        tuple(_promotions(version, as_of)),
        [
            (each.state, *(row.cells.get(name) for name in ("name", "category", "price")))
            for each in price.holders(version)
            for row in each.entries.rows("7.prices")
        ],
        version.state == State.ACTIVE,
        [(line.contents(), line.pk) for line in version.budget.all()],
        None if ahead is None or not demand.is_fresh(shop, ahead, as_of) else (ahead.as_of, ahead.snapshot),
        None if response is None else budgets.digest(shop, as_of, response),
    )
    return cache.place("check", "", *made_of)


@lru_cache(maxsize=16)
def _load(folder: Path) -> Ground:
    about, base = json.loads((folder / _ABOUT).read_text()), outlook.load(folder)
    return Ground(
        base=base,
        drawn=outlook.load(folder / outlook.DRAWN) if (folder / outlook.DRAWN).exists() else base,
        known_to=date.fromisoformat(about["known_to"]),
        slots=tuple(date.fromisoformat(day) for day in about["slots"]),
        others={key: Forecast.of_stored(one) for key, one in about["others"].items()},
        stock_on=None if about["stock_on"] is None else date.fromisoformat(about["stock_on"]),
        is_spend_planned=about["is_spend_planned"],
        lead_days=about["lead_days"],
        knows_prices=about["knows_prices"],
        knows_response=about["knows_response"],
        promotions=about["promotions"],
        prices=tuple(about["prices"]),
        discount_rate=about["discount_rate"],
        unsaid={lever: Sentence.of(one) for lever, one in about["unsaid"].items()},
        channels=tuple(about["channels"]),
        unheard=tuple(about["unheard"]),
    )


# The answer --------------------------------------------------------------------------


def of(
    version: PlanVersion,
    as_of: date,
    *,
    change: Change | None = None,
    channels: Mapping[str, float] | None = None,
    about: str = "",
    snapshot: Snapshot | None = None,
) -> PlanCheck:
    """The check of a version as seen on a day, with a change of the plan.

    channels : relative changes of the spend of channels, on top of `change.spend`
    about : key of the goal to find the smallest change for; by default the first that is not likely

    Raises EmptyLakeError, PlanOverError, ShortHistoryError, LeverError, LimitError, UnknownChannelError,
    UnknownPlanGoalError, UnknownCategoryError.
    """
    snapshot = snapshot or version.plan.shop.lake().latest()
    if snapshot is None:
        raise EmptyLakeError()
    change = _within(change or Change())
    if change.category is not None and not 0 <= change.category < len(version.blocks):
        raise UnknownCategoryError(place=change.category, last=len(version.blocks) - 1)
    found = ground(version, as_of, snapshot)
    base = found.base
    change = replace(change, channels=_by_place(found, channels or {}))
    now, moved = _unchanged(base), check.simulate(base, change)
    goals = [_goal(goal, found, now, moved) for goal in version.goals.standing()]
    if about and about not in [one.goal.key for one in goals]:
        raise UnknownPlanGoalError(key=about, keys=", ".join(one.goal.key for one in goals))
    chosen = _about(goals, about)
    targets = _targets(version)
    held = check.binding(moved, targets)
    months = list(_months(version, moved, targets, held))
    costs = {name: sum(month.cost[name] for month in months if month.constraint) for name in check.CONSTRAINTS}
    binding = max(costs, key=lambda name: costs[name]) if any(costs.values()) else None
    moves = []
    if chosen and chosen.is_simulated and chosen.chance is not None and chosen.chance < LIKELY:
        moves = check.smallest(base, change, _ends(chosen.goal, found), float(chosen.goal.target))
    made = PlanCheck(
        version=version,
        as_of=as_of,
        known_to=found.known_to,
        change=change,
        goals=goals,
        months=months,
        binding=binding,
        about=chosen,
        moves=moves,
        swings=check.tornado(base, change),
        sales=expectation.band(moved.finish),
        profit=None if moved.profit is None else expectation.band(moved.profit),
        spend=float(moved.spend.sum()),
        channels=_channels(found, change),
        levers=tuple(_levers(base)),
        standing=_standing(found),
        unsaid=dict(_reasons(found)),
        notes=list(_notes(found)),
        headline=[],
    )
    return replace(made, headline=list(_headline(made)))


@lru_cache(maxsize=16)
def _unchanged(base: Base) -> Outcome:
    return check.simulate(base, Change())


def _within(change: Change) -> Change:
    """Raises LeverError, LimitError."""
    if not change.budget >= 0:  # nor not a number
        raise LimitError(asked=f"{change.budget:g}")
    for lever, (least, most) in check.LIMITS.items():
        asked = getattr(change, lever)
        if not least <= asked <= most:
            raise LeverError(lever=lever, least=round(100 * least), most=round(100 * most), asked=f"{100 * asked:.4g}")
    return change


def channel_changes(given: Sequence[str]) -> dict[str, float]:
    """CHANNEL=SHARE by channel. Raises ChannelChangeError."""
    found = {}
    for text in given:
        name, _, written = text.rpartition("=")
        try:
            found[name] = float(written)
        except ValueError:
            raise ChannelChangeError(text=text) from None
        if not name or not math.isfinite(found[name]):
            raise ChannelChangeError(text=text)
    return found


def _by_place(found: Ground, channels: Mapping[str, float]) -> tuple[float, ...]:
    """The changes of channels in the order of the base; none if none moves. Raises UnknownChannelError, LeverError."""
    for name, share in channels.items():
        if name not in found.channels:
            raise UnknownChannelError(name=name, names=", ".join(found.channels) or "–")
        _within(Change(spend=share))
    shares = tuple(channels.get(name, 0.0) for name in found.channels)
    return shares if any(shares) else ()


def _channels(found: Ground, change: Change) -> list[ChannelCheck]:
    base = found.base
    if not len(base.multiplier) or len(found.channels) < 2:
        return []
    moved = change.channels or (0.0,) * len(found.channels)
    spent, heard = base.spend_of.sum(axis=1).tolist(), (base.pool >= 0).tolist()
    each = [ChannelCheck(*one) for one in zip(found.channels, spent, moved, heard, strict=True)]
    return sorted(each, key=lambda one: -one.planned)


def _levers(base: Base) -> Iterator[str]:
    """The levers that something depends on."""
    for lever in LEVERS:
        if lever == "spend" and not len(base.multiplier):
            continue
        if lever == "promotion" and not len(base.depth):
            continue
        if lever == "supply" and np.isinf(base.on_hand).all():
            continue
        if lever == "traffic" and not base.counts_visits:
            continue
        yield lever


def _reasons(found: Ground) -> Iterator[tuple[str, Sentence]]:
    """Why nothing can be said of a lever, in the order of the levers."""
    why = {"traffic": Sentence("check.no_visits"), **found.unsaid, "supply": Sentence("check.no_stock")}
    known = set(_levers(found.base))
    return ((lever, why[lever]) for lever in LEVERS if lever not in known)


def _standing(found: Ground) -> dict[str, float]:
    """Visits, orders per visit (orders where nobody counts visits), basket, discount, spend and units, as expected."""
    base = found.base
    sales, orders = float(base.pooled.mean(axis=0).sum()), float(base.orders.mean(axis=0).sum())
    visits = float(base.visits.mean(axis=0).sum())
    known = ~np.isinf(base.on_hand)
    return {
        "traffic": visits,
        "conversion": orders / visits if visits else orders,
        "basket": sales / max(orders, 1e-9),
        "price": 1.0,
        "promotion": found.discount_rate,
        "spend": float(base.spend.sum()),
        "supply": float(base.on_hand[known].sum() + base.arrivals[known].sum()),
    }


_OF_SALES = ("net_sales", "orders", "average_order_value")
"""Metrics that the simulation knows whole, what is in already included."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a goal asks of an outcome: its part of the shop, the months that count (t,), and what of it is in."""

    block: int | None
    market: int | None
    inside: NDArray[np.bool_]
    done: float

    def coming(self, outcome: Outcome, values: Floats) -> Floats:
        """(p,) what is in, and values (p, w) of the slots that count."""
        ends: Floats = self.done + values @ self.inside[outcome.base.month].astype(np.float64)
        return ends


def _units(outcome: Outcome) -> Floats:
    """(p, w) units sold to come."""
    units: Floats = np.einsum("pcw,cw->pw", outcome.served, 1 / outcome.base.price)
    return units


def _gross(outcome: Outcome) -> Floats:
    """(p, w) net sales to come less the cost of the goods."""
    cost: Floats = np.einsum("pcw,cw->pw", outcome.served, outcome.base.cost_rate)
    return outcome.sold.sum(axis=1) - cost


_SIMULATED: Mapping[str, Callable[[Outcome, _Asked], Floats]] = {
    "net_sales": lambda outcome, asked: outcome.part(asked.block, asked.market, asked.inside),
    "orders": lambda outcome, asked: outcome.placed[:, asked.inside].sum(axis=1),
    "average_order_value": lambda outcome, asked: (
        outcome.sales[:, asked.inside].sum(axis=1) / np.maximum(outcome.placed[:, asked.inside].sum(axis=1), 1e-9)
    ),
    "sessions": lambda outcome, asked: asked.coming(outcome, outcome.visits),
    "units": lambda outcome, asked: asked.coming(outcome, _units(outcome)),
    "gross_profit": lambda outcome, asked: asked.coming(outcome, _gross(outcome)),
    "spend": lambda outcome, asked: asked.coming(outcome, np.tile(outcome.spend, (len(outcome.orders), 1))),
}
"""What a goal's metric ends at on each path."""

_FOLLOWS: Mapping[str, Callable[[Outcome], float]] = {
    "new_customers": lambda outcome: float(outcome.orders.mean(axis=0).sum()),
    "spend": lambda outcome: float(outcome.spend.sum()),
}
"""Of metrics that are not simulated, what the rest of them moves with when the plan is changed."""


def _is_simulated(goal: Goal, found: Ground) -> bool:
    """Whether the check's base knows what the goal's metric is made of, for its part of the shop."""
    base = found.base
    if goal.metric in _OF_SALES:
        return _is_of_axes(goal)
    if goal.metric not in _SIMULATED or goal.scope:
        return False
    if goal.metric == "spend":
        return found.is_spend_planned
    if found.others[goal.key].why is not None:
        return False
    match goal.metric:
        case "sessions":
            return base.counts_visits
        case "gross_profit":
            return not np.isnan(base.cost_rate).any()
    return True


def _ends(goal: Goal, found: Ground) -> Callable[[Outcome], Floats]:
    """What the goal's metric ends at on each path of an outcome."""
    part = goal.version.part(goal) if goal.metric in _OF_SALES else Part()
    inside = np.array([month in goal.period for month in goal.version.plan.months])
    done = 0.0 if goal.metric in _OF_SALES else found.others[goal.key].done
    asked = _Asked(part.block, part.market, inside, done)
    return lambda outcome: _SIMULATED[goal.metric](outcome, asked)


def _goal(goal: Goal, found: Ground, now: Outcome, moved: Outcome) -> GoalCheck:
    target = float(goal.target)
    if _is_simulated(goal, found):
        ends = _ends(goal, found)
        planned, end = (expectation.reached(goal.metric, ends(each), target) for each in (now, moved))
        middle = float(np.median(ends(moved)))
        return GoalCheck(goal, *expectation.band(ends(moved)), middle, planned, end, True)
    known = found.others[goal.key]
    if known.expected is None:
        return GoalCheck(goal, None, None, None, None, None, None, False, known.why)
    moves = _FOLLOWS.get(goal.metric)
    times = moves(moved) / max(moves(now), 1e-9) if moves else 1.0
    ends_at = [known.done + times * (each - known.done) for each in (*known.quantiles, known.expected)]
    before, after = (expectation.chance(goal.metric, each, target) for each in (known.quantiles, sorted(ends_at[:-1])))
    return GoalCheck(goal, ends_at[9], ends_at[-1], ends_at[89], ends_at[49], before, after, False)


def _about(goals: list[GoalCheck], key: str) -> GoalCheck | None:
    asked = [one for one in goals if one.goal.key == key]
    unlikely = [one for one in goals if one.is_simulated and one.chance is not None and one.chance < LIKELY]
    return next(iter([*asked, *unlikely, *goals]), None)


def _targets(version: PlanVersion) -> Floats:
    """(t,) the months' targets for net sales."""
    sums = version.grid("net_sales").cells.sum(axis=(0, 1)).tolist()
    return np.array([float(from_minor("net_sales", minor, version.plan.currency)) for minor in sums])


def _months(version: PlanVersion, moved: Outcome, targets: Floats, held: check.Binding) -> Iterator[MonthCheck]:
    for t, month in enumerate(version.plan.months):
        place = int(held.constraint[t])
        yield MonthCheck(
            month,
            float(targets[t]),
            *expectation.band(moved.sales[:, t]),
            float(held.chance[t]),
            check.CONSTRAINTS[place] if place >= 0 else None,
            dict(zip(check.CONSTRAINTS, held.cost[:, t].tolist(), strict=True)),
            dict(zip(check.CONSTRAINTS, held.share[:, t].tolist(), strict=True)),
        )


def _headline(made: PlanCheck) -> Iterator[Sentence]:
    """The answer: how likely the headline goal is, what holds it back, and the least that would help."""
    headline = next((one for one in made.goals if one.goal.metric == "net_sales" and not one.goal.scope), None)
    if headline is None or headline.chance is None:
        return
    about = {"chance_rate": headline.chance, "target_amount": headline.goal.target}
    if headline.chance >= LIKELY or made.binding is None:
        yield Sentence("check.likely" if headline.chance >= LIKELY else "check.open", about)
    else:
        yield Sentence("check.held", {**about, "constraint": made.named(made.binding)})
    if headline.chance != headline.before:
        yield Sentence("check.moved", {"before_rate": headline.before, "chance_rate": headline.chance})
    if made.easiest and made.about is headline:
        yield Sentence(
            "check.easiest",
            {
                "lever": made.named(made.easiest.lever),
                "change_rate": made.easiest.amount,
                "chance_rate": made.easiest.chance,
            },
        )
    elif made.moves and made.about is headline:
        best = max(made.moves, key=lambda move: move.chance)
        yield Sentence("check.out_of_reach", {"chance_rate": best.chance, "lever": made.named(best.lever)})


def _notes(found: Ground) -> Iterator[Sentence]:
    """What the check did not know, and what it took in its place."""
    base = found.base
    for _, why in _reasons(found):
        yield why
    yield from [one.about for one in found.others.values() if one.about][:1]
    if found.stock_on is not None:
        yield Sentence("check.deliveries", {"levels_on": found.stock_on, "lead_count": round(found.lead_days)})
    if found.promotions:
        yield Sentence("check.promotions", {"promotions_count": found.promotions, "discount_rate": found.discount_rate})
    if found.prices:
        mean = float(np.mean(found.prices)) - 1
        yield Sentence("check.prices", {"prices_count": len(found.prices), "change_rate": mean})
    if len(base.multiplier) and not found.is_spend_planned:
        yield Sentence("check.spend_before")
    if found.unheard:
        yield Sentence("check.unheard", {"channels": ", ".join(found.unheard)})
    if np.isnan(base.cost_rate).any():
        yield Sentence("check.no_cost")
    if not found.knows_prices:
        yield Sentence("check.believed_prices")
    if len(base.multiplier):
        yield Sentence("check.learnt_spend" if found.knows_response else "check.believed_spend")
