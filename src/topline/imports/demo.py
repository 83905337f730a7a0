"""The demo shops: one simulated, of known truth, and one real, where its data's package is installed.

Each step is done once, however often it is asked for: a shop, its batch, each part of it, the plan. Killed in between,
the next call goes on.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
from django.db.models import QuerySet
from django.utils import timezone

from topline.accounts import channels
from topline.accounts import operations as accounts
from topline.accounts.models import Shop, User
from topline.accounts.permissions import Role
from topline.catalog import operations as catalog
from topline.connectors import completejourney
from topline.imports import demo_plan, demo_team
from topline.journal import operations as journal
from topline.journal.models import Batch
from topline.lake.store import Lake
from topline.plans import quotas
from topline.plans.models import Kind, PlanVersion, State
from topline.simulate import identity
from topline.simulate import shop as simulation
from topline.simulate.truth import HARBOUR_AND_PINE
from topline.simulate.world import World
from topline.units.period import Period
from topline.workbench import jobs, maintenance
from topline.workbench.models import Job

EMAIL = "demo@localhost.localdomain"
SEED = 20230901
PLAN_MONTHS = 6
_FACTS, _PLACEMENTS = "demo-facts", "demo-placements"

_UNFINISHED = (State.DRAFT, State.IN_REVIEW, State.APPROVED)

type Facts = Iterator[tuple[str, pa.RecordBatch]]
type Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Demo:
    """A demo shop.

    clock_on : the day after its data; source : what the keys of its products begin with
    plan_from : first month of its plan, drafted from what came before it
    """

    slug: str
    name: str
    currency: str
    timezone: str
    country: str
    clock_on: date
    source: str
    plan_from: date
    is_available: Callable[[], bool]
    facts: Callable[[Callable[[str], str], str, datetime], Facts]


def _simulated(customer_key: Callable[[str], str], batch_id: str, recorded_at: datetime) -> Facts:
    world = World(HARBOUR_AND_PINE, SEED)
    return simulation.facts(world, customer_key=customer_key, batch_id=batch_id, recorded_at=recorded_at)


def _real(customer_key: Callable[[str], str], batch_id: str, recorded_at: datetime) -> Facts:
    return completejourney.facts(customer_key=customer_key, batch_id=batch_id, recorded_at=recorded_at)


DEMOS = (
    Demo(
        "harbour-and-pine",
        HARBOUR_AND_PINE.name,
        HARBOUR_AND_PINE.currency,
        HARBOUR_AND_PINE.zone,
        HARBOUR_AND_PINE.country,
        HARBOUR_AND_PINE.clock_on,
        identity.SOURCE,
        date(2026, 7, 1),
        lambda: True,
        _simulated,
    ),
    Demo(
        "complete-journey",
        "The Complete Journey",
        completejourney.CURRENCY,
        completejourney.ZONE,
        completejourney.COUNTRY,
        completejourney.CLOCK_ON,
        completejourney.SOURCE,
        date(2017, 10, 1),
        completejourney.is_installed,
        _real,
    ),
)


def create(*, say: Say) -> User:
    """The demo user, owner of every demo shop that can be made here, each with its facts.

    say : told what is being done
    """
    user = User.objects.filter(email=EMAIL).first() or accounts.create_user(email=EMAIL, name="Demo", actor_id=None)
    for demo in DEMOS:
        if not demo.is_available():
            say(f"{demo.name} is left out: its data come with “pip install topline[demo]”.")
            continue
        shop = _shop(demo, user)
        if demo.source == identity.SOURCE:
            demo_team.add(shop, user)
        _fill(demo, shop, say)
        for each in channels.proposed(shop, channels.seen(shop)):
            channels.keep_channel(shop=shop, code=each.code, actor_id=None)
    return user


def load_placements(job: Job) -> dict[str, Any]:
    """Take in the displays and mailers of The Complete Journey, a part at a time."""
    shop = Shop.objects.named(job.shop)
    lake, batch = shop.lake(), _opened(shop, _PLACEMENTS)
    done = int(job.checkpoint.get("parts", 0))
    placements = completejourney.promotions(batch_id=batch.batch_id, recorded_at=batch.opened_at, done=done)
    for part, rows in placements:
        lake.append("promotion", [rows], batch_id=batch.batch_id, part=part)
        taken = min((part + 1) * completejourney.PART_ROWS, completejourney.PROMOTION_ROWS)
        job.advance(taken, completejourney.PROMOTION_ROWS, checkpoint={"parts": part + 1})
    _finish(lake, batch)
    return {"rows": completejourney.PROMOTION_ROWS}


def activate_plans(job: Job) -> dict[str, Any]:
    """Draft a demo shop's plans from what came before them, and carry them to being in force."""
    demo = next(one for one in DEMOS if one.slug == job.shop)
    shop, actor = Shop.objects.named(job.shop), User.objects.named(EMAIL)
    period = Period.of_months(demo.plan_from, PLAN_MONTHS)
    marketing, sales = _planned(demo, shop).order_by("pk")[:2] or demo_plan.drafted(shop, period, actor)
    if demo.source == identity.SOURCE and sales.state == State.DRAFT and not quotas.exist(sales):
        sales = demo_plan.give_out(sales, actor)
    demo_plan.put_in_force((marketing, sales), actor)
    return {"plan": sales.plan_id}


def _shop(demo: Demo, user: User) -> Shop:
    shop = Shop.objects.filter(slug=demo.slug).first() or accounts.create_shop(
        slug=demo.slug,
        name=demo.name,
        currency=demo.currency,
        timezone=demo.timezone,
        country=demo.country,
        owner=user,
        is_demo=True,
        clock_on=demo.clock_on,
    )
    if Role.OWNER not in user.roles_in(shop):
        accounts.set_roles(shop=shop, user=user, roles={Role.OWNER, *user.roles_in(shop)}, actor_id=None)
    return shop


def _fill(demo: Demo, shop: Shop, say: Say) -> None:
    """The shop's facts, in the lake and seen; what takes long goes to a job."""
    lake, batch = shop.lake(), _opened(shop, _FACTS)
    if batch.state != Batch.State.LIVE:
        say(f"Making {demo.name} …")
        parts: Counter[str] = Counter()
        for table, rows in demo.facts(shop.hasher(demo.source), batch.batch_id, batch.opened_at):
            lake.append(table, [rows], batch_id=batch.batch_id, part=parts[table])
            parts[table] += 1
            if table == "product":
                catalog.upsert_products(
                    shop=shop, rows=map(_entry, rows.to_pylist()), source=demo.source, now=batch.opened_at
                )
        _finish(lake, batch)
    if not _planned(demo, shop).filter(plan__kind=Kind.SALES).exclude(state__in=_UNFINISHED).exists():
        jobs.enqueue("imports.demo_plan", shop=shop.slug, unique_key=f"imports.demo_plan:{shop.slug}")
    if demo.source == completejourney.SOURCE and _opened(shop, _PLACEMENTS).state != Batch.State.LIVE:
        jobs.enqueue("imports.demo_placements", shop=shop.slug, unique_key=f"imports.demo_placements:{shop.slug}")


def _planned(demo: Demo, shop: Shop) -> QuerySet[PlanVersion]:
    return PlanVersion.objects.filter(plan__shop=shop, plan__starts_on=demo.plan_from)


def _opened(shop: Shop, name: str) -> Batch:
    return journal.open_batch(shop=shop.slug, batch_id=name, source="demo", now=timezone.now())


def _finish(lake: Lake, batch: Batch) -> None:
    journal.make_live(shop=batch.shop, batch_id=batch.batch_id, now=timezone.now())
    journal.publish(lake)
    maintenance.enqueue_fold(batch.shop)


def _entry(product: Mapping[str, Any]) -> dict[str, str | None]:
    """A product fact as the catalogue takes it."""
    fields = ("title", "category", "subcategory", "brand", "supplier")
    return {"code": product["product_key"], **{name: product[name] for name in fields}}
