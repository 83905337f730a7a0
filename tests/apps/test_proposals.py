"""Proposals: found once a week, put into a draft in one step, scored by what happened."""

import shutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from test_api import caller

import plan_shop
import tiny_plan
from topline.facts.table import tables
from topline.lake.store import Lake
from topline.outlook import variants
from topline.plans import document, enacting, ledger, operations, proposal_cost, proposals, templates
from topline.plans import jobs as plan_jobs
from topline.plans.models import Kind, Proposal
from topline.team.models import Member
from topline.units.period import Period
from topline.workbench import jobs
from topline.workbench.models import Job, Notification

pytestmark = [pytest.mark.django_db, pytest.mark.once]

DAY = date(2026, 10, 1)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Five rugs are left; they cost 10 and sell for some 37."""
    root = tmp_path_factory.mktemp("proposals")
    lake = Lake(root, "gifts")
    plan_shop.fill(lake, days=500)
    now = datetime.now(UTC)
    row = {
        "key": "B1",
        "version": 1,
        "recorded_at": now,
        "batch_id": "test",
        "product_key": "B1",
        "on": DAY - timedelta(days=1),
        "on_hand": Decimal(5),
        "reserved": Decimal(0),
        "is_sellable": True,
        "unit_cost_shop": Decimal(10),
    }
    lake.append("stock_level", [pa.RecordBatch.from_pylist([row], tables()["stock_level"].schema)], batch_id="test")
    lake.publish(now=now)
    return root


@pytest.fixture
def stocked(shop, history, tmp_path, settings):
    settings.HOME = tmp_path
    shutil.copytree(history / "gifts", tmp_path / "lake" / "gifts")
    shop.clock_on = DAY
    shop.save()
    return shop


def kept(shop):
    return proposals.keep(shop=shop, as_of=shop.today(), snapshot=shop.lake().latest(), now=shop.now())


def test_a_product_that_runs_out_is_proposed_once_and_scored(stocked, owner):
    (one,) = kept(stocked)
    assert (one.kind, one.subject, one.week, one.rank) == ("stock", "B1", date(2026, 9, 28), 0)
    # about 4 rugs a day for 28 days, less the 5 there, at a margin of some 27
    assert one.gain == pytest.approx((28 * 12 * 1.2 * 7 / 6 * 0.3 * 0.9 - 5) * 27.5, rel=0.3)
    assert one.low <= one.gain <= one.high
    assert one.confidence > 0.99
    assert one.baseline == pytest.approx(5 * 37.5, rel=0.1)
    assert [again.pk for again in kept(stocked)] == [one.pk]
    note = Notification.objects.get(recipient_id=owner.pk)
    assert (note.params, note.path) == ({"count": 1}, "/shop/gifts/outlook/proposals")
    snapshot = stocked.lake().latest()
    assert proposals.score(shop=stocked, as_of=DAY + timedelta(days=27), snapshot=snapshot) == 0
    assert proposals.score(shop=stocked, as_of=DAY + timedelta(days=28), snapshot=snapshot) == 1
    one.refresh_from_db()
    # in this history the shop went on selling rugs: what was said came, whoever did it
    assert one.share == pytest.approx((one.actual - one.baseline) / (one.expected - one.baseline))
    assert one.share == pytest.approx(1, abs=0.35)


def test_it_goes_into_a_draft_in_one_step(stocked, owner):
    (one,) = kept(stocked)
    with pytest.raises(proposals.NoPlanAheadError):
        proposals.accept(proposal=one, action="Order rugs", actor=owner, now=stocked.now())
    version = operations.draft_plan(
        shop=stocked, period=Period.of_months(DAY, 3), as_of=DAY, actor=owner, now=stocked.now()
    )
    draft = proposals.accept(proposal=one, action="Order rugs", actor=owner, now=stocked.now())
    assert draft == version  # it is a draft already
    row = draft.entries.rows("20.orders").last()
    assert row.cells == {"name": "Order rugs", "on": "2026-10-01", "open_to_buy": f"{one.cost:g}"}
    with pytest.raises(proposals.ProposalDecidedError):
        proposals.accept(proposal=one, action="Order rugs", actor=owner, now=stocked.now())
    one.refresh_from_db()
    assert (one.state, one.version, one.decided_by) == ("accepted", version, owner.pk)


@pytest.mark.parametrize(
    ("kind", "field", "cells"),
    [
        ("content", "10.pieces", {"name": "Rework the guide", "content": "guide", "status": "idea"}),
        ("follow_up", "16.tactics", {"tactic": "Rework the guide", "aim": "new"}),
        ("landing", "8.actions", {"name": "Rework the guide", "front": "home", "stage": "middle"}),
    ],
)
def test_it_becomes_a_row_of_the_section_that_it_is_about(shop, owner, kind, field, cells):
    shop.clock_on = DAY
    shop.save()
    version = tiny_plan.a_plan(shop, Kind.BOTH, owner)
    one = Proposal.objects.create(
        shop=shop, kind=kind, subject="guide", week=proposals.monday(shop.today()), rank=0, said=["text", {}],
        action=["text", {}], gain=9, low=1, high=20, confidence=0.9, metric="variant", scope={"variant": "guide"},
        baseline=0.1, expected=0.2, starts_on=shop.today(), due_on=shop.today() + timedelta(days=91),
    )  # fmt: skip
    if kind == "landing":
        assert enacting.field_of(version, one) == ""  # no front that it could be an action of
        values = {"name": "Home"}
        document.add_row(version=version, field="8.fronts", values=values, actor=owner, now=shop.now(), key="home")
    draft = proposals.accept(proposal=one, action="Rework the guide", actor=owner, now=shop.now())
    assert draft == version
    (row,) = draft.entries.rows(field)
    assert row.cells == cells


def test_what_it_costs_is_reckoned_or_asked_for_and_kept(stocked, owner, client):
    """Calls at what the caller's hour costs (52,000 a year of 40 hours a week are 25), pieces at last year's price."""
    now, day = datetime.now(UTC), DAY - timedelta(days=30)
    row = {"version": 1, "recorded_at": now, "batch_id": "cost", "on": day, "channel": "blog"}
    paid = {"kind": "content", "amount": 300, "amount_shop": 300, "currency": "GBP", "rate": 1, "is_acquisition": False}
    met = [{"key": code, "content_key": code, "title": f"About {code}", "kind": "read", "at": now, "hour": 9,
            "is_engaged": True} for code in ("a", "b", "c")]  # fmt: skip
    lake = stocked.lake()
    for table, rows in (("spend", [{"key": "s", **paid}]), ("content_interaction", met)):
        batch = pa.RecordBatch.from_pylist([row | one for one in rows], tables()[table].schema)
        lake.append(table, [batch], batch_id="cost")
    snapshot = lake.publish(now=now) or lake.latest()
    assert variants.Facts(lake, snapshot).content_titles(["a", "z"]) == {"a": "About a", "z": None}
    Member.objects.create(shop=stocked, role="Sales", work="lead", week_hours=40, cost=52_000)

    def cost(kind, times=1):
        found = proposal_cost.known(stocked, kind, times, DAY, snapshot)
        return found and (round(found.amount, 6), found.said.code)

    assert cost("follow_up", 30) == (30 * 20 / 60 * 25, "cost.hours")
    assert cost("content") == (100, "cost.piece")
    assert cost("message") is None  # nobody is known to make content
    assert cost("landing") is None
    one = Proposal.objects.create(
        shop=stocked, kind="landing", subject="/sale", week=proposals.monday(DAY), rank=0, said=["text", {"text": "x"}],
        action=["text", {"text": "Mend the page"}], gain=9, low=1, high=20, confidence=0.9, starts_on=DAY, due_on=DAY,
    )  # fmt: skip
    jobs.run_now(plan_jobs.prepare_proposals(stocked))
    client.force_login(owner)
    page = "/shop/gifts/outlook/proposals"
    assert f'id="cost-{one.pk}"' in client.get(page).content.decode()
    assert client.post(f"{page}/{one.pk}", {"do": "cost", "cost": "much"}).status_code == 400
    assert client.post(f"{page}/{one.pk}", {"do": "cost", "cost": "-3"}).status_code == 400
    assert client.post(f"{page}/{one.pk}", {"do": "cost", "cost": "250"}).status_code == 302
    assert cost("landing") == (250, "cost.stated")
    assert "as it was stated" in client.get(page).content.decode()
    told = caller(stocked, owner)("PUT", f"/shops/gifts/outlook/proposals/{one.pk}/cost", {"cost": 90})
    assert told.json()["cost"] == 90


def propose(shop, kind, params, **more):
    return Proposal.objects.create(
        shop=shop, kind=kind, subject=kind, week=proposals.monday(shop.today()), rank=0, said=["text", {}],
        action=["text", params], gain=9, low=1, high=20, confidence=0.9, starts_on=shop.today(),
        due_on=shop.today() + timedelta(days=91), **more,
    )  # fmt: skip


def test_what_is_accepted_changes_the_numbers_of_the_draft(stocked, owner):
    """A fifth more budget from November on, lamps 5 % dearer, two weeks at 20 % off; or it stays open and says why."""
    version = operations.draft_plan(
        shop=stocked, period=Period.of_months(DAY, 3), as_of=DAY, actor=owner, now=stocked.now(),
        template=templates.named(stocked, "both"),
    )  # fmt: skip
    now = {"actor": owner, "now": stocked.now()}
    version.budget.all().delete()
    stocked.clock_on = date(2026, 10, 15)
    stocked.save()
    budget = propose(stocked, "budget", {"change_rate": 0.2})
    with pytest.raises(enacting.NothingToWriteError, match="its budget has no amounts"):
        proposals.accept(proposal=budget, action="Spend more", **now)
    budget.refresh_from_db()
    assert budget.state == "open"
    line = ledger.put_line(version=version, activity="Ads", channel="search", **now)
    for month, amount in zip(version.plan.months, (100, 250, 310), strict=True):
        ledger.set_amount(version=version, key=line.key, month=month, amount=Decimal(amount), **now)
    proposals.accept(proposal=budget, action="Spend more", **now)
    planned = version.budget.get().amounts
    assert [planned[month] for month in version.plan.months] == [100, 300, 372]  # October had begun
    (row,) = [each for each in version.entries.rows("7.prices") if each.cells["category"] == "Lamps"]
    before = Decimal(row.cells["price"])
    dearer = {"change_rate": 0.05}
    proposals.accept(
        proposal=propose(stocked, "price", dearer, scope={"category": "Lamps"}), action="Raise lamps", **now
    )
    row.refresh_from_db()
    assert Decimal(row.cells["price"]) == round(before * Decimal("1.05"), 2)
    clear = propose(stocked, "promotion", {"products": "A1, B1"})
    proposals.accept(proposal=clear, action="Clear it", **now)
    row = version.entries.rows("11.promotions").last()
    days = {"starts_on": "2026-10-29", "ends_on": "2026-11-11"}
    assert row.cells == {"name": "Clear it", "products": "A1, B1", "discount": "0.2", **days}
    clear.delete()
    with pytest.raises(enacting.NothingToWriteError, match="which products"):
        proposals.accept(proposal=propose(stocked, "promotion", {}), action="Clear it", **now)


def test_its_doors_say_the_same(stocked, owner, member, client):
    operations.draft_plan(shop=stocked, period=Period.of_months(DAY, 3), as_of=DAY, actor=owner, now=stocked.now())
    client.force_login(owner)
    page = "/shop/gifts/outlook/proposals"
    assert "Looking for what is worth doing" in client.get(page).content.decode()
    jobs.run_now(plan_jobs.prepare_proposals(stocked))
    assert "of B1 today" in client.get(page).content.decode()
    client.get("/shop/gifts/today/plan")  # Today asks for the outlook of the day, then shows what to do
    for job in Job.objects.filter(kind="plans.look"):
        jobs.run_now(job)
    assert "of B1 today" in client.get("/shop/gifts/today/plan").content.decode()
    call = caller(stocked, owner)
    (told,) = call("GET", "/shops/gifts/outlook/proposals").json()
    assert told["action"].startswith("Order ")
    rep = caller(stocked, member("rep"))
    assert rep("GET", "/shops/gifts/outlook/proposals").status_code == 403
    put = call("POST", f"/shops/gifts/outlook/proposals/{told['id']}", {"is_accepted": True}).json()
    assert (put["state"], put["draft"].endswith(".1")) == ("accepted", True)
    assert client.post(f"{page}/{told['id']}", {"do": "dismiss"}).status_code == 400
    assert Proposal.objects.get().state == "accepted"
    assert len(b"".join(client.get(f"{page}?format=csv").streaming_content).decode().splitlines()) == 2
