"""Proposals: each week what is worth doing, from bottlenecks, ways that fall behind others, stock, prices and budget;
later what came of each."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from statistics import NormalDist
from typing import Any

import numpy as np
from django.db import transaction

from topline.accounts.models import Shop, User
from topline.analysis.bottlenecks import BottleneckQuestion
from topline.catalog.models import Product
from topline.lake.analyse import analyse
from topline.lake.scope import Scope
from topline.lake.snapshot import Snapshot
from topline.metrics.query import Filter, Query
from topline.outlook import variants
from topline.plans import answered, checks, enacting, expectation, operations, outline, proposal_cost, stock
from topline.plans.models import Goal, Plan, PlanVersion, Proposal, State
from topline.plans.text import Sentence
from topline.science import check
from topline.science import stock as supply
from topline.science.check import Change, Outcome
from topline.science.demand import ShortHistoryError
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.period import Period
from topline.units.text import N_
from topline.workbench import audit, inbox

MOST = 16
MOST_OF_A_KIND = 3
STOCK_DAYS = 28
QUARTER_DAYS = 91
_Z80, _Z90 = 1.2816, 1.6449
_PRICE_STEP, _SPEND_STEP = 0.05, 0.2
_BELIEVABLE = 0.6
"""From this chance on that it brings anything, something is worth saying."""


_CLEARED = 100
"""Products that a clearing promotion names at most."""

_STEP_KINDS = {
    "product_view": "landing",
    "add_to_cart": "product_page",
    "checkout": "delivery",
    "purchase": "checkout",
    "stage_rate": "tactic",
    "stage_days": "follow_up",
}
_STEP_METRICS = {
    "product_view": "product_view_rate",
    "add_to_cart": "add_to_cart_rate",
    "checkout": "checkout_rate",
    "purchase": "conversion_rate",
}


_MOST_COST = 1e12


class ProposalDecidedError(ToplineError):
    message = N_("This proposal was decided already: it is %(state)s.")


class CostRangeError(ToplineError):
    message = N_("A cost is an amount of 0 or more: %(cost)s is not.")


class NoPlanAheadError(ToplineError):
    message = N_("No plan covers the days ahead. Draft one first, then put proposals into it.")


@dataclass(frozen=True, slots=True)
class Idea:
    """A proposal before it is ranked and kept; see `models.Proposal`."""

    kind: str
    subject: str
    said: Sentence
    action: Sentence
    gain: float
    low: float
    high: float
    confidence: float
    due_on: date
    cost: float | None = 0.0
    costing: Sentence | None = None
    metric: str = ""
    scope: dict[str, str] = field(default_factory=dict)
    baseline: float | None = None
    expected: float | None = None

    @property
    def worth(self) -> float:
        """What it is ranked by: the expected gain, as far as it is sure."""
        return self.gain * self.confidence


# Finding them ------------------------------------------------------------------------


def find(shop: Shop, as_of: date, snapshot: Snapshot) -> list[Idea]:
    """What is worth doing as seen on a day, the most promising first, few of each kind."""
    ideas = [
        *_funnel(shop, as_of, snapshot),
        *_behind(shop, as_of, snapshot),
        *_stock(shop, as_of, snapshot),
        *_plan(shop, as_of, snapshot),
    ]
    sure = (one for one in ideas if one.gain > 0 and one.confidence >= _BELIEVABLE)
    ranked = sorted(sure, key=lambda one: (-one.worth, one.kind, one.subject))
    kept: list[Idea] = []
    for one in ranked:
        if sum(other.kind == one.kind for other in kept) < MOST_OF_A_KIND:
            kept.append(one)
    return [_costed(shop, one, as_of, snapshot) for one in kept[:MOST]]


def _costed(shop: Shop, one: Idea, as_of: date, snapshot: Snapshot) -> Idea:
    """The idea with its cost, where that isn't part of finding it and anything says it."""
    if one.cost is not None:
        return one
    cost = proposal_cost.known(shop, one.kind, int(one.said.params.get("times_count", 1)), as_of, snapshot)
    return one if cost is None else replace(one, cost=cost.amount, costing=cost.said)


def _funnel(shop: Shop, as_of: date, snapshot: Snapshot) -> Iterator[Idea]:
    """Steps of the funnel and the pipeline that fell behind their own best quarter."""
    question = BottleneckQuestion(as_of=as_of)
    result = analyse(shop.lake(), question, scope=Scope.whole(shop.slug), settings=shop.settings(), snapshot=snapshot)
    due_on = as_of + timedelta(days=QUARTER_DAYS)
    before = Period(as_of - timedelta(days=QUARTER_DAYS), as_of)
    for row in result.tables[0].rows if result.tables else ():
        worth: Any = row["worth"]
        if worth is None or isinstance(worth, Missing) or worth <= 0:
            continue
        gain, edge = float(worth), float(row["low"])  # type: ignore[arg-type]
        error = max((gain - edge) / _Z90, 1e-9)
        step: Any = row["step"]
        now, goal = (float(row[name].value) for name in ("now", "goal"))  # type: ignore[union-attr]
        metric = _STEP_METRICS.get(step.code, "")
        found = answered.ask(shop, Query(metrics=(metric,), period=before), snapshot).totals[metric] if metric else 0
        baseline = expectation.number(found) or None
        remedy: Any = row["remedy"]
        about = {"step_message": step.message, "stage": step.params.get("stage", ""), "remedy_message": remedy.message}
        yield Idea(
            kind=_STEP_KINDS.get(step.code, "funnel"),
            subject=str(step),
            said=Sentence("proposal.step" if not step.params else "proposal.stage", about),
            action=Sentence("proposal.do_step" if not step.params else "proposal.do_stage", about),
            gain=gain,
            low=gain - _Z80 * error,
            high=gain + _Z80 * error,
            confidence=NormalDist(gain, error).cdf(np.inf) - NormalDist(gain, error).cdf(0.0),
            due_on=due_on,
            cost=None,
            metric=metric if baseline else "",
            baseline=baseline,
            expected=baseline * goal / now if baseline and now else None,
        )


def _behind(shop: Shop, as_of: date, snapshot: Snapshot) -> Iterator[Idea]:
    """Pages, messages, pieces, carriers and habits that bring less than others of the same kind."""
    facts = variants.Facts(shop.lake(), snapshot)
    for kind, compared in variants.KINDS.items():
        found = variants.behind(facts, compared, as_of)[:MOST_OF_A_KIND]
        goods = Product.objects.of(shop).filter(code__in=[one.name for one in found]) if kind == "product_page" else ()
        titles: dict[str, str | None] = {each.code: each.title for each in goods}
        if kind == "content" and found:
            titles = facts.content_titles([one.name for one in found])
        for one in found:
            gain = NormalDist(one.gain.value, max(one.gain.error, 1e-9))
            about = {
                "name": titles.get(one.name) or one.name,
                "times_count": round(one.of),
                "own_rate": one.own,
                "goal_rate": one.goal,
            }
            yield Idea(
                kind=kind,
                subject=one.name,
                said=Sentence(f"proposal.{kind}", about),
                action=Sentence(f"proposal.do_{kind}", about),
                gain=gain.mean,
                low=gain.inv_cdf(0.1),
                high=gain.inv_cdf(0.9),
                confidence=1 - gain.cdf(0.0),
                due_on=as_of + timedelta(days=QUARTER_DAYS + compared.lag_days),
                cost=None,
                metric=Proposal.VARIANT,
                scope={Proposal.VARIANT: one.name},
                baseline=one.before,
                expected=one.after,
            )


def _stock(shop: Shop, as_of: date, snapshot: Snapshot) -> Iterator[Idea]:
    """Products that run out before a delivery can come, by the margin that is lost; and what lies there for nothing."""
    try:
        plan = stock.of(shop, as_of, snapshot)
    except ShortHistoryError:
        return
    goods = stock.goods(shop, as_of, snapshot)
    place = {key: i for i, key in enumerate(goods.product_key)}
    margins = goods.unit_price - goods.unit_cost
    lines = [
        line
        for line in plan.of_state("out", "late", "order")
        if line.order_value is not None and line.on_hand is not None and margins[place[line.product_key]] > 0
    ]
    rows = np.array([place[line.product_key] for line in lines], dtype=np.int64)
    there = np.array([line.on_hand for line in lines], dtype=float)
    mean, variance = (
        all_[rows] for all_ in supply.total(goods.demand, np.full(len(goods.product_key), float(STOCK_DAYS)))
    )
    short = supply.shortfall(mean, variance, there)
    low, high = (
        np.maximum(supply.quantile(mean, variance, np.full(len(rows), tail)) - there, 0.0) for tail in (0.1, 0.9)
    )
    chance = 1 - supply.service(mean, variance, there)
    for k, line in enumerate(lines):
        i, wanted = rows[k], float(mean[k])
        margin = float(margins[i])
        price = float(goods.unit_price[i])
        named = {"product": line.title or line.product_key, "units_count": round(line.order_units)}
        yield Idea(
            kind="stock",
            subject=line.product_key,
            said=Sentence(
                "proposal.stock",
                {**named, "there_count": round(there[k]), "wanted_count": round(wanted), "days_count": STOCK_DAYS},
            ),
            action=Sentence("proposal.do_stock", named),
            gain=float(short[k]) * margin,
            low=float(low[k]) * margin,
            high=float(high[k]) * margin,
            confidence=float(chance[k]),
            cost=line.order_value,
            due_on=as_of + timedelta(days=STOCK_DAYS),
            metric="net_sales",
            scope={"product": line.product_key},
            baseline=(wanted - float(short[k])) * price,
            expected=wanted * price,
        )
    idle = plan.of_state("excess", "dead")
    value = sum(line.excess_value or 0.0 for line in idle)
    if value > 0:
        saved = value * plan.stated("carrying_rate") / 100
        codes = ", ".join(line.product_key for line in idle[:_CLEARED])
        about = {"products_count": len(idle), "sum_amount": round(value), "products": codes}
        yield Idea(
            kind="promotion",
            subject="clear",
            said=Sentence("proposal.clear", {**about, "carrying_rate": plan.stated("carrying_rate") / 100}),
            action=Sentence("proposal.do_clear", about),
            gain=saved,
            low=saved / 2,
            high=saved,
            confidence=0.75,
            cost=None,
            due_on=as_of + timedelta(days=QUARTER_DAYS),
        )


def _plan(shop: Shop, as_of: date, snapshot: Snapshot) -> Iterator[Idea]:
    """Prices and spend of the plan ahead that earn more profit, as its check sees them."""
    version = ahead(shop, as_of)
    if version is None:
        return
    try:
        base = checks.ground(version, as_of, snapshot).base
    except ToplineError:
        return
    plain = check.simulate(base, Change())
    if plain.profit is None:
        return
    due_on = version.plan.ends_on
    for place, name in enumerate(version.blocks):
        tried = [
            _earning(plain, check.simulate(base, Change(price=step, category=place)))
            for step in (-_PRICE_STEP, _PRICE_STEP)
        ]
        step, best = max(zip((-_PRICE_STEP, _PRICE_STEP), tried, strict=True), key=lambda each: each[1].gain)
        if best.confidence < _BELIEVABLE or name in (None, expectation.OTHER):
            continue
        about = {"category": name, "change_rate": step}
        yield replace(
            best,
            kind="price",
            subject=f"{name} {step:+.0%}",
            said=Sentence("proposal.price", about),
            action=Sentence("proposal.do_price", about),
            due_on=due_on,
            scope={"category": name},
            baseline=float(plain.sold[:, place].mean(axis=0).sum()),
            expected=float(check.simulate(base, Change(price=step, category=place)).sold[:, place].mean(axis=0).sum()),
        )
    if not len(base.multiplier):
        return
    for step in (-_SPEND_STEP, _SPEND_STEP):
        moved = check.simulate(base, Change(spend=step))
        found = _earning(plain, moved)
        if found.confidence < _BELIEVABLE:
            continue
        about = {"change_rate": step, "sum_amount": round(abs(float(moved.spend.sum() - plain.spend.sum())))}
        yield replace(
            found,
            kind="budget",
            subject=f"{step:+.0%}",
            said=Sentence("proposal.budget", about),
            action=Sentence("proposal.do_budget", about),
            cost=max(float(moved.spend.sum() - plain.spend.sum()), 0.0),
            due_on=due_on,
            baseline=float(plain.sold.mean(axis=0).sum()),
            expected=float(moved.sold.mean(axis=0).sum()),
        )


def _earning(plain: Outcome, moved: Outcome) -> Idea:
    """What a change adds to the profit, path by path; its words are still to come."""
    assert plain.profit is not None  # noqa: S101 - the caller looked
    assert moved.profit is not None  # noqa: S101
    more = moved.profit - plain.profit
    low, high = np.quantile(more, (0.1, 0.9))
    nothing = Sentence("text", {"text": ""})
    return Idea(
        "", "", nothing, nothing, float(more.mean()), float(low), float(high), float((more > 0).mean()), date.max,
        metric="net_sales",
    )  # fmt: skip


def ahead(shop: Shop, as_of: date) -> PlanVersion | None:
    """The version that counts of the plan that runs, else of the next one."""
    plan = Plan.objects.of(shop).filter(ends_on__gt=as_of).last()
    return plan.current if plan else None


def _holder(shop: Shop, as_of: date, kind: str) -> PlanVersion | None:
    """`ahead` among the plans that have a section for what such a proposal is written to, where any has."""
    field = enacting.FIELDS.get(kind, "")
    plans = list(Plan.objects.of(shop).filter(ends_on__gt=as_of).reverse())
    fitting = [
        plan
        for plan in plans
        if (
            plan.current.budget.exists()
            if field == enacting.BUDGET
            else field in outline.names(plan.kind, plan.outline)
        )
    ]
    chosen = next(iter(fitting or plans), None)
    return chosen.current if chosen else None


# Keeping, deciding, scoring --------------------------------------------------------


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def keep(*, shop: Shop, as_of: date, snapshot: Snapshot, now: datetime) -> list[Proposal]:
    """The proposals of the day's week, found and kept if they aren't yet; tells those who may write plans."""
    week = monday(as_of)
    if not Proposal.objects.filter(shop=shop, week=week).exists():
        ideas = find(shop, as_of, snapshot)
        with transaction.atomic():
            Proposal.objects.bulk_create(
                (
                    Proposal(
                        shop=shop,
                        kind=one.kind,
                        subject=one.subject[:200],
                        week=week,
                        rank=rank,
                        said=one.said.stored(),
                        action=one.action.stored(),
                        gain=one.gain,
                        low=one.low,
                        high=one.high,
                        cost=one.cost,
                        costing=one.costing.stored() if one.costing else [],
                        confidence=one.confidence,
                        metric=one.metric,
                        scope=one.scope,
                        baseline=one.baseline,
                        expected=one.expected,
                        starts_on=as_of,
                        due_on=one.due_on,
                    )
                    for rank, one in enumerate(ideas)
                ),
                ignore_conflicts=True,
            )
            if ideas:
                _tell(shop, week, len(ideas), now)
    return list(Proposal.objects.of(shop).filter(week=week))


def _tell(shop: Shop, week: date, count: int, now: datetime) -> None:
    for person in User.objects.filter(membership__shop=shop).distinct():
        if "plans.write" in person.permissions_in(shop):
            inbox.notify(
                recipient_id=person.pk,
                shop=shop.slug,
                key=f"proposals:{shop.slug}:{week}",
                message=N_("%(count)s proposals for this week: what is worth doing, and how sure that is."),
                params={"count": count},
                path=f"/shop/{shop.slug}/outlook/proposals",
                at=now,
            )


def accept(*, proposal: Proposal, action: str, actor: User | None, now: datetime) -> PlanVersion:
    """Puts what to do into a draft of the plan ahead: its newest draft, else a new version of the one that counts.

    It changes the draft's budget or prices, or becomes a row of the section that it is about, else an action of the
    goal that it serves (`enacting.FIELDS`).

    action : what to do, in the words of the actor's language

    Raises ProposalDecidedError, NoPlanAheadError, enacting.NothingToWriteError: then it stays open.
    """
    with transaction.atomic():
        found = Proposal.objects.select_for_update().get(pk=proposal.pk)
        if found.state == Proposal.State.ACCEPTED:
            raise ProposalDecidedError(state=found.get_state_display())
        version = _holder(found.shop, found.shop.today(), found.kind)
        if version is None:
            raise NoPlanAheadError()
        draft = version.plan.versions.filter(state=State.DRAFT).order_by("-number").first()
        draft = draft or operations.revise(version=version, actor=actor, now=now)
        goal = _goal(draft, found)
        enacting.enact(draft=draft, proposal=found, action=action, goal=goal, actor=actor, now=now)
        found.state, found.version = Proposal.State.ACCEPTED, draft
        _decide(found, actor, now)
    return draft


def _goal(draft: PlanVersion, proposal: Proposal) -> Goal | None:
    """The goal that the proposal serves: of its category, else for all net sales."""
    goals = draft.goals.standing().filter(metric="net_sales")
    own = {"category": proposal.scope["category"]} if "category" in proposal.scope else {}
    return next((one for one in goals if own and one.scope == own), None) or next(
        (one for one in goals if not one.scope), None
    )


def state_cost(*, proposal: Proposal, cost: float, actor: User | None) -> None:
    """Keep what a proposal costs, in the shop's currency, for later ones of its kind too. Raises CostRangeError."""
    if not 0 <= cost <= _MOST_COST:
        raise CostRangeError(cost=f"{cost:g}")
    proposal.cost, proposal.costing = cost, Sentence(proposal_cost.STATED).stored()
    proposal.save(update_fields=["cost", "costing"])
    actor_id = actor.pk if actor else None
    audit.log("proposal.cost", actor_id=actor_id, shop=proposal.shop.slug, subject=str(proposal), value=cost)


def dismiss(*, proposal: Proposal, actor: User | None, now: datetime) -> None:
    """Not now. Raises ProposalDecidedError."""
    with transaction.atomic():
        found = Proposal.objects.select_for_update().get(pk=proposal.pk)
        if found.state != Proposal.State.OPEN:
            raise ProposalDecidedError(state=found.get_state_display())
        found.state = Proposal.State.DISMISSED
        _decide(found, actor, now)


def _decide(found: Proposal, actor: User | None, now: datetime) -> None:
    actor_id = actor.pk if actor else None
    found.decided_by, found.decided_at = actor_id, now
    found.save(update_fields=["state", "version", "decided_by", "decided_at"])
    audit.log(f"proposal.{found.state}", actor_id=actor_id, shop=found.shop.slug, subject=str(found))


def score(*, shop: Shop, as_of: date, snapshot: Snapshot) -> int:
    """Looks up what the proposals whose time has come led to. Returns their number."""
    due = list(Proposal.objects.filter(shop=shop).due(as_of))
    for one in due:
        period = Period(one.starts_on, one.due_on)
        if one.metric == Proposal.VARIANT:
            facts, quarter = variants.Facts(shop.lake(), snapshot), timedelta(days=QUARTER_DAYS)
            name, last = one.scope[Proposal.VARIANT], Period(one.due_on - quarter, one.due_on)
            one.actual = variants.share(facts, variants.KINDS[one.kind], name, last)
        else:
            where = tuple(Filter(name, (value,)) for name, value in sorted(one.scope.items()))
            query = Query(metrics=(one.metric,), period=period, where=where)
            one.actual = expectation.number(answered.ask(shop, query, snapshot).totals[one.metric])
        one.scored_on = as_of
        one.save(update_fields=["actual", "scored_on"])
    return len(due)
