"""What the worker does for plans: drafts them, keeps the day's outlook as facts, and makes what pages will need."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.utils import timezone

from topline.accounts.models import Shop, User
from topline.lake import engine
from topline.lake.snapshot import Snapshot
from topline.outlook import demand_file
from topline.outlook.demand import Change
from topline.plans import (
    approval,
    budgets,
    canonical,
    checks,
    customers,
    demand,
    drafting,
    drivers,
    expectation,
    filling,
    forecast,
    goals,
    handout,
    operations,
    progress,
    proposals,
    renewal,
    reviews,
    runs,
    standing,
    stock,
    templates,
    workload,
)
from topline.plans.models import Goal, Plan, PlanVersion, Proposal, Review, State
from topline.plans.renewal import Footing
from topline.science.demand import ShortHistoryError
from topline.units.period import Period
from topline.workbench import jobs
from topline.workbench.models import Job

_AFTER_START = timedelta(minutes=5)
_REST = timedelta(seconds=30)

ASKED = ("plans.draft", "plans.reforecast")
"""The kinds of work that people ask for and wait for."""


def ask_for_draft(
    *,
    shop: Shop,
    period: Period,
    as_of: date,
    actor: User,
    language: str,
    template: str = "sales",
    title: str = "",
) -> Job:
    """The job that drafts a plan; its result names the version. The same asked for twice is one job.

    template : id of what it starts from (see `templates`), or `templates.PAIR`

    Raises drafting.PlanPeriodError, PastPlanError, EmptyLakeError, templates.UnknownTemplateError.
    """
    templates.parts(shop, template)
    drafting.ground(shop, period, as_of)
    params = {
        "from": period.start.isoformat(),
        "to": period.end.isoformat(),
        "as_of": as_of.isoformat(),
        "template": template,
        "title": title,
        "language": language,
    }
    return jobs.enqueue(
        "plans.draft",
        shop=shop.slug,
        params=params,
        unique_key=f"plans.draft:{shop.slug}:{sha256(canonical.dumps(params)).hexdigest()}",
        actor_id=actor.pk,
    )


def ask_for_reforecast(*, version: PlanVersion, as_of: date, actor: User) -> Job:
    """The job that makes a new version beside a locked one; its result names it. Asked for twice, it is one job.

    Raises drafting.PastPlanError, EmptyLakeError.
    """
    plan = version.plan
    drafting.ground(plan.shop, plan.period, as_of)
    params = {"from": plan.period.start.isoformat(), "to": plan.period.end.isoformat(), "as_of": as_of.isoformat()}
    return jobs.enqueue(
        "plans.reforecast",
        shop=plan.shop.slug,
        params=params | {"version": version.pk},
        unique_key=f"plans.reforecast:{version.pk}:{as_of}",
        actor_id=actor.pk,
    )


def reforecast(job: Job) -> dict[str, Any]:
    """Make the reforecast that was asked for: one, however often the work is interrupted."""
    if not job.checkpoint:
        version = PlanVersion.objects.select_related("plan__shop").get(pk=job.params["version"])
        as_of = date.fromisoformat(job.params["as_of"])
        found = drafting.propose(version.plan.shop, version.plan.period, as_of, advance=job.advance)
        found = filling.filled(version.plan.shop, version.plan.period, found, version.plan.language)
        seen = operations.foresee(version, found)
        actor = User.objects.filter(pk=job.actor_id or 0).first()
        with transaction.atomic():
            new = operations.add_reforecast(version=version, draft=found, seen=seen, actor=actor, now=timezone.now())
            job.checkpoint = {"plan": new.plan_id, "version": new.pk, "number": new.number}
            job.advance(1, 1, job.checkpoint)
    return dict(job.checkpoint)


def draft(job: Job) -> dict[str, Any]:
    """Draft the plan that was asked for: one, however often the work is interrupted. Of a pair it names the first."""
    if not job.checkpoint:
        shop, asked = Shop.objects.named(job.shop), job.params
        period = Period(date.fromisoformat(asked["from"]), date.fromisoformat(asked["to"]))
        found = drafting.propose(shop, period, date.fromisoformat(asked["as_of"]), advance=job.advance)
        found = filling.filled(shop, period, found, asked["language"])
        actor = User.objects.filter(pk=job.actor_id or 0).first()
        with transaction.atomic():
            version, *_ = [
                operations.start_plan(
                    shop=shop,
                    period=period,
                    draft=found,
                    actor=actor,
                    now=timezone.now(),
                    template=each,
                    title=asked["title"],
                    language=asked["language"],
                )
                for each in templates.parts(shop, asked["template"])
            ]
            job.checkpoint = {"plan": version.plan_id, "version": version.pk, "number": version.number}
            job.advance(1, 1, job.checkpoint)
    return dict(job.checkpoint)


def ask_for_file(*, version: PlanVersion, format_: str, today: date, actor: User, review: Review | None = None) -> Job:
    """The job that writes a version, or a review of it, as a file as the person may see it.

    Raises handout.FormatError.
    """
    handout.format_of(format_, is_review=review is not None)
    about = {} if review is None else {"review": review.pk}
    return jobs.enqueue(
        "plans.export",
        shop=version.plan.shop.slug,
        params={"version": version.pk, "format": format_, "today": today.isoformat(), **about},
        unique_key=f"plans.export:{version.pk}:{format_}:{today}:{actor.pk}:{about.get('review', '')}",
        actor_id=actor.pk,
    )


def export(job: Job) -> dict[str, Any]:
    """Write the file that was asked for and keep it until it is fetched."""
    version = PlanVersion.objects.select_related("plan__shop").get(pk=job.params["version"])
    review = Review.objects.filter(pk=job.params.get("review", 0)).first()
    actor = User.objects.get(pk=job.actor_id or 0)
    written = handout.write(
        version,
        job.params["format"],
        today=date.fromisoformat(job.params["today"]),
        hidden=handout.hidden_from(actor, version.plan.shop),
        advance=lambda done, total: job.advance(done, total),
        review=review,
    )
    handout.keep(job.pk, written)
    return {
        "plan": version.plan_id,
        "number": version.number,
        "file": handout.file_name(version, job.params["format"], review),
        "bytes": len(written),
    }


def look(job: Job) -> dict[str, Any]:
    """Make the outlooks and drivers that a plan's page needs, today or as of an earlier day."""
    plan, then = Plan.objects.get(pk=job.params["plan"]), job.params.get("then")
    snapshot = plan.shop.lake().latest()
    if snapshot is None:
        return {}
    waiting = list(_waiting(plan, date.fromisoformat(then) if then else None, snapshot))
    for done, make in enumerate(waiting):
        job.advance(done, len(waiting))
        make()
    day = date.fromisoformat(then) if then else plan.shop.today()
    progress.of(plan.current, day, snapshot, known_at=known_by(plan.shop, day if then else None))
    return {"snapshot": snapshot.number}


def look_ahead(plan: Plan, then: date | None = None, *, retry: bool = False) -> Footing:
    """The outlooks which the plan's page needs.

    then : as they were known on an earlier day, None for today
    retry : ask again for what failed before

    Raises EmptyLakeError.
    """
    return renewal.look(
        plan.shop,
        f"plans.look:{plan.pk}:{then or plan.shop.today()}{':then' if then else ''}",
        lambda snapshot: next(_waiting(plan, then, snapshot), None) is None,
        params={"plan": plan.pk} | ({"then": then.isoformat()} if then else {}),
        retry=retry,
    )


def known_by(shop: Shop, then: date | None) -> datetime | None:
    """The end of an earlier day: what was recorded by then is what people could see; None for today.

    A pinned clock says nothing of when facts were recorded: then only what happened before the day is told apart.
    """
    if then is None or shop.is_pinned:
        return None
    return datetime.combine(then + timedelta(days=1), time(), shop.zone_on(then))


def unknown_until(shop: Shop, then: date | None) -> date | None:
    """The day on which the shop's history came in, if nothing of it was known on the earlier day; None otherwise."""
    known_at, snapshot = known_by(shop, then), shop.lake().latest()
    if known_at is None or snapshot is None or "order_line" not in snapshot.tables:
        return None
    lines = engine.table(shop.lake(), "order_line", snapshot)
    first: datetime | None = engine.execute(lines.agg(at=lines.recorded_at.min())).column("at")[0].as_py()
    return first.astimezone(shop.zone).date() if first and first >= known_at else None


def check(job: Job) -> dict[str, Any]:
    """Make what the checks of a version start from today."""
    version = PlanVersion.objects.select_related("plan__shop").get(pk=job.params["version"])
    shop = version.plan.shop
    snapshot = shop.lake().latest()
    if snapshot is None:
        return {}
    checks.make(version, date.fromisoformat(job.params["as_of"]), snapshot, job.advance)
    return {"snapshot": snapshot.number}


def prepare_check(version: PlanVersion, as_of: date, *, retry: bool = False) -> Footing:
    """What checks of the version start from.

    retry : ask again for what failed before

    Raises EmptyLakeError, PlanOverError.
    """
    if version.plan.is_over(as_of):
        raise checks.PlanOverError(as_of=as_of)
    return renewal.look(
        version.plan.shop,
        checks.key(version, as_of),
        lambda snapshot: checks.is_made(version, as_of, snapshot),
        params={"version": version.pk, "as_of": as_of.isoformat()},
        retry=retry,
    )


def build_review(job: Job) -> dict[str, Any]:
    """Build the review of the day that was asked for: one, however often the work is interrupted."""
    plan = Plan.objects.select_related("shop").get(pk=job.params["plan"])
    actor = User.objects.filter(pk=job.actor_id or 0).first()
    day = date.fromisoformat(job.params["on"])
    made = reviews.build(plan=plan, today=day, actor=actor, now=timezone.now())
    return {"plan": plan.pk, "on": made.on.isoformat()}


def ask_for_review(plan: Plan, *, actor: User | None) -> Job:
    """The job that builds the plan's review of today; asked for twice, it is one job."""
    day = plan.shop.today()
    return jobs.enqueue(
        "plans.review",
        shop=plan.shop.slug,
        params={"plan": plan.pk, "on": day.isoformat()},
        unique_key=f"plans.review:{plan.pk}:{day}",
        actor_id=actor.pk if actor else None,
    )


def review_everywhere() -> None:
    """Ask for the review of every plan in force that waits for one."""
    for shop in Shop.objects.filter(plans__versions__state=State.ACTIVE).distinct():
        today = shop.today()
        if shop.lake().latest() is not None:
            for plan in Plan.objects.of(shop):
                if reviews.is_due(plan, today):
                    ask_for_review(plan, actor=None)


def remind() -> None:
    """Remind those whom a plan has waited for, once a day."""
    approval.remind(now=timezone.now())


def look_at_stock(job: Job) -> dict[str, Any]:
    """Make what the stock plan and the workload start from today."""
    shop = Shop.objects.named(job.shop)
    snapshot = shop.lake().latest()
    if snapshot is None:
        return {}
    as_of = date.fromisoformat(job.params["as_of"])
    workload.make(shop, as_of, snapshot)
    workload.record_capacity(shop, as_of, snapshot)
    stock.make(shop, as_of, snapshot)
    return {"snapshot": snapshot.number}


def plan_hours(job: Job) -> dict[str, Any]:
    """Keep the hours of teams as facts, as they are planned today."""
    shop = Shop.objects.named(job.shop)
    snapshot = shop.lake().latest()
    if snapshot is None:
        return {}
    try:
        return {"facts": workload.record_capacity(shop, shop.today(), snapshot)}
    except ShortHistoryError:
        return {}


def plan_hours_everywhere() -> None:
    """Ask for the week's hours of every shop whose team does work that is foreseen."""
    for shop in Shop.objects.filter(members__work__in=workload.KINDS).distinct():
        ask_for_hours(shop)


def ask_for_hours(shop: Shop) -> Job:
    """The job that keeps the hours of teams as facts, once a change of the team has come to rest."""
    due_at = timezone.now() + _REST
    return jobs.enqueue("plans.hours", shop=shop.slug, unique_key=f"plans.hours:{shop.slug}", due_at=due_at)


def prepare_stock(shop: Shop, as_of: date, *, retry: bool = False) -> Footing:
    """What the stock plan and the workload start from.

    retry : ask again for what failed before

    Raises EmptyLakeError.
    """
    return renewal.look(
        shop,
        stock.key(shop, as_of),
        lambda snapshot: stock.is_made(shop, as_of, snapshot) and workload.is_made(shop, as_of, snapshot),
        params={"as_of": as_of.isoformat()},
        retry=retry,
    )


def learn_response(job: Job) -> dict[str, Any]:
    """Learn what the shop's spend brings, as of a day."""
    shop = Shop.objects.named(job.shop)
    snapshot = shop.lake().latest()
    if snapshot is None:
        return {}
    budgets.learnt(shop, date.fromisoformat(job.params["as_of"]), snapshot)
    return {"snapshot": snapshot.number}


def prepare_response(shop: Shop, as_of: date, *, retry: bool = False) -> Footing:
    """What the shop's spend brings.

    retry : ask again for what failed before

    Raises EmptyLakeError.
    """
    return renewal.look(
        shop,
        budgets.key(shop, as_of),
        lambda snapshot: budgets.is_learnt(shop, as_of, snapshot),
        params={"as_of": as_of.isoformat()},
        retry=retry,
    )


def propose(job: Job) -> dict[str, Any]:
    """Keep the week's proposals of a shop, and score those whose time has come."""
    shop = Shop.objects.named(job.shop)
    snapshot, as_of = shop.lake().latest(), shop.today()
    if snapshot is None:
        return {}
    job.advance(0, 2)
    kept = proposals.keep(shop=shop, as_of=as_of, snapshot=snapshot, now=timezone.now())
    job.advance(1, 2)
    return {"kept": len(kept), "scored": proposals.score(shop=shop, as_of=as_of, snapshot=snapshot)}


def prepare_proposals(shop: Shop, *, is_awaited: bool = True, retry: bool = False) -> Job | None:
    """The job that finds the week's proposals; None if they were looked for.

    is_awaited : by a person; retry : ask again for what failed before
    """
    key = f"plans.proposals:{shop.slug}:{proposals.monday(shop.today())}"
    last = Job.objects.filter(unique_key=key).order_by("-pk").first()
    if last is not None and last.state == Job.State.DONE:
        return None
    return jobs.ask("plans.proposals", shop=shop.slug, params={}, unique_key=key, retry=retry, is_awaited=is_awaited)


def propose_everywhere() -> None:
    """Ask for the proposals of the week, and the scores of the day, of every shop with facts."""
    for shop in Shop.objects.all():
        if shop.lake().latest() is not None and prepare_proposals(shop, is_awaited=False) is None:
            day = f"plans.proposals:{shop.slug}:{shop.today()}"
            if Proposal.objects.filter(shop=shop).due(shop.today()).exists():
                jobs.enqueue("plans.proposals", shop=shop.slug, unique_key=day)


def look_at_demand(job: Job) -> dict[str, Any]:
    """Make the demand outlook that was asked for."""
    shop = Shop.objects.named(job.shop)
    changes = tuple(demand_file.change(each) for each in job.params["changes"])
    as_of = date.fromisoformat(job.params["as_of"])
    if not demand.is_fresh(shop, demand.made(shop, changes), as_of):
        demand.make(shop, as_of, changes, advance=job.advance)
    return {}


def prepare_demand(
    shop: Shop, as_of: date, changes: Sequence[Change] = (), *, retry: bool = False, due_at: datetime | None = None
) -> Job | None:
    """The job that makes the demand outlook with these changes; None if it is fresh.

    retry : ask again for what failed before

    Raises EmptyLakeError.
    """
    if shop.lake().latest() is None:
        raise drafting.EmptyLakeError()
    if demand.is_fresh(shop, demand.made(shop, changes), as_of):
        return None
    params = {"as_of": as_of.isoformat(), "changes": demand.plain(changes)}
    key = f"outlook.demand:{shop.slug}:{sha256(canonical.dumps(params)).hexdigest()}{':later' if due_at else ''}"
    return jobs.ask(
        "outlook.demand",
        shop=shop.slug,
        params=params,
        unique_key=key,
        retry=retry,
        due_at=due_at,
        is_awaited=due_at is None,
    )


def prepare_demand_everywhere() -> None:
    """Ask for the day's demand outlook of every shop with sales, once pages had their turn after a start."""
    for shop in Shop.objects.all():
        if shop.lake().latest() is not None:
            prepare_demand(shop, shop.today(), due_at=timezone.now() + _AFTER_START)


def expect_customers(job: Job) -> dict[str, Any]:
    """Make what is expected of the shop's customers, as of a day."""
    shop = Shop.objects.named(job.shop)
    snapshot = shop.lake().latest()
    if snapshot is None:
        return {}
    customers.future(shop, date.fromisoformat(job.params["as_of"]), snapshot)
    return {"snapshot": snapshot.number}


def prepare_customers(shop: Shop, as_of: date, *, retry: bool = False) -> Footing:
    """What is expected of the shop's customers.

    retry : ask again for what failed before

    Raises EmptyLakeError.
    """
    return renewal.look(
        shop,
        f"plans.customers:{shop.slug}:{as_of}",
        lambda snapshot: customers.is_made(shop, as_of, snapshot),
        params={"as_of": as_of.isoformat()},
        retry=retry,
    )


def look_ahead_everywhere() -> None:
    """Look ahead for every plan that runs."""
    for shop in Shop.objects.filter(plans__isnull=False).distinct():
        if shop.lake().latest() is not None:
            for plan in Plan.objects.of(shop).touching(shop.today()):
                look_ahead(plan)


def _waiting(plan: Plan, then: date | None, snapshot: Snapshot) -> Iterator[Callable[[], object]]:
    """How to make what the plan's pages need today, or as of an earlier day, and nobody has made of these facts.

    Outlooks, and what the difference to the plan and to last year is made of.
    """
    shop, period = plan.shop, plan.period
    day, known_at = then or shop.today(), known_by(shop, then)
    unplanned = Goal.objects.standing().unplanned().filter(version__plan=plan)
    for goal in unplanned.exclude(metric__in=expectation.RATES, scope={}).select_related("version__plan__shop"):
        if not forecast.is_made(goal, day, snapshot, known_at):
            yield partial(forecast.of, goal, day, snapshot, known_at)
    if then is None:
        yield from (partial(goals.foresee, goal, day, snapshot) for goal in goals.awaited(plan, day, snapshot))
    for metric in sorted({"net_sales", *plan.versions.values_list("target_blocks__metric", flat=True)} - {None}):
        if not expectation.is_made(shop, metric, period, day, snapshot, known_at):
            yield partial(expectation.amount, shop, metric, period, day, snapshot, known_at)
    if day > period.start:
        for against in drivers.AGAINST:
            if not drivers.is_made(shop, period, day, snapshot, against, known_at):
                yield partial(drivers.of, shop, period, day, snapshot, against, known_at)


JOBS = {
    "outlook.publish": runs.publish,
    "plans.draft": draft,
    "plans.reforecast": reforecast,
    "plans.look": look,
    "plans.export": export,
    "plans.check": check,
    **standing.JOBS,
    "plans.stock": look_at_stock,
    "plans.hours": plan_hours,
    "plans.response": learn_response,
    "plans.customers": expect_customers,
    "plans.proposals": propose,
    "plans.review": build_review,
    "outlook.demand": look_at_demand,
}
BACKGROUND = ("outlook.publish", "outlook.demand", "plans.proposals", "plans.hours")
SCHEDULE = {
    "plans.proposals": (timedelta(hours=1), propose_everywhere),
    "plans.exports": (timedelta(days=1), handout.tidy),
    "outlook.publish": (timedelta(days=1), runs.publish_everything),
    "plans.hours": (timedelta(days=1), plan_hours_everywhere),
    "outlook.demand": (timedelta(days=1), prepare_demand_everywhere),
    "plans.look": (timedelta(minutes=1), look_ahead_everywhere),
    "plans.remind": (timedelta(hours=6), remind),
    "plans.review": (timedelta(hours=1), review_everywhere),
}
