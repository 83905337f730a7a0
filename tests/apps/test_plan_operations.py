"""A plan from its draft to its targets in the lake: sums, edits by several people, undo, versions, states."""

import itertools
import random
import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import duckdb
import numpy as np
import pytest
from django.test import override_settings

import plan_shop
from topline.accounts.models import Shop, User
from topline.journal import operations as journal
from topline.lake import engine, read
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.metrics.query import Query
from topline.metrics.result import Result
from topline.plans import approval, drafting, expectation, facts, operations, progress, text
from topline.plans import grid as grids
from topline.plans import jobs as plan_jobs
from topline.plans.drafting import Draft
from topline.plans.grid import Part
from topline.plans.models import Edit, Goal, PlanVersion, State, TargetCells
from topline.science.demand import ShortHistoryError
from topline.units.errors import ToplineError
from topline.units.period import Period
from topline.workbench import jobs
from topline.workbench.models import AuditEntry, Job

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
AS_OF = date(2026, 10, 1)
PERIOD = Period.of_months(AS_OF, 3)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of lakes with that of the small shop."""
    return tmp_path_factory.mktemp("plans")


@pytest.fixture(scope="module")
def sold(history: Path) -> dict[int, Decimal]:
    """What the last quarter of each year brought, to the penny."""
    table = plan_shop.fill(Lake(history, "gifts"))
    found = dict.fromkeys((2025, 2026), Decimal(0))
    for row in table.select(["noon", "price"]).to_pylist():
        if row["noon"].month > 9 and row["noon"].year in found:
            found[row["noon"].year] += Decimal(f"{row['price']:.2f}")
    return found


@pytest.fixture(scope="module")
def draft(history: Path, sold: dict[int, Decimal]) -> Draft:
    shop = Shop(slug="gifts", currency="GBP", timezone="Europe/London", country="GB")
    with override_settings(LAKE_ROOT=history):
        return drafting.propose(shop, PERIOD, AS_OF)


@pytest.fixture
def seller(shop: Shop, history: Path, sold: dict[int, Decimal], tmp_path: Path) -> Shop:
    """The shop with the small shop's history."""
    shutil.copytree(history / "gifts", tmp_path / "lake" / "gifts")
    journal.open_batch(shop="gifts", batch_id="test", source="test", now=NOW)
    journal.make_live(shop="gifts", batch_id="test", now=NOW)
    return shop


@pytest.fixture
def version(seller: Shop, draft: Draft) -> PlanVersion:
    return operations.start_plan(shop=seller, period=PERIOD, draft=draft, actor=None, now=NOW)


def test_a_draft_says_what_to_aim_at_and_what_is_missing(
    version: PlanVersion, draft: Draft, sold: dict[int, Decimal]
) -> None:
    goals = {goal.metric: goal for goal in version.goals.standing()}
    assert list(goals) == [
        "net_sales", "orders", "average_order_value", "new_customers", "repeat_purchase_rate",
    ]  # fmt: skip
    sales = goals["net_sales"]
    assert sales.baseline == sold[2025]
    assert 0.9 < sales.target / sold[2025] < 1.1
    assert sales.quantiles[4] < sold[2026] < sales.quantiles[94]
    assert 0.4 < (sales.chance or 0) < 0.6
    assert sales.due_on == date(2026, 12, 31)
    assert goals["average_order_value"].parent == sales
    assert abs(goals["average_order_value"].target - sales.target / goals["orders"].target) < Decimal("0.01")
    for metric in ("net_sales", "orders", "new_customers"):
        assert facts.from_minor(metric, version.grid(metric).total(), "GBP") == goals[metric].target
    assert version.blocks == ["Lamps", "Rugs", "Vases"]
    assert set(version.markets) == {"GB", "IE"}
    by_month = version.grid("net_sales").cells.sum(axis=(0, 1))
    assert by_month[1] == by_month.max()
    events = {event["event"]: event for event in version.outlook["events"]}
    assert events["black_friday"]["start"] == "2026-11-27"
    assert events["black_friday"]["index"] > 1.2
    assert [said[0] for said in version.outlook["missing"]] == [
        "missing.cost", "missing.stock", "missing.spend", "missing.sessions",
    ]  # fmt: skip
    for language in ("en", "ro"):
        for said in [stored for entry in version.entries.exclude(cells__said=None) for stored in entry.cells["said"]]:
            assert text.render(text.Sentence.of(said), currency="GBP", language=language)
    assert draft.snapshot == version.snapshot


def test_the_same_history_gives_the_same_draft_to_the_last_digit(seller: Shop, version: PlanVersion) -> None:
    once, again = (
        operations.draft_plan(shop=seller, period=PERIOD, as_of=AS_OF, actor=None, now=NOW) for _ in range(2)
    )
    assert again.contents() | {"plan": once.plan_id} == once.contents()
    said = {name: once.document()[name] for name in version.document()}
    assert once.contents() | {"plan": version.plan_id, "document": said} == version.contents()


def test_an_edit_moves_the_goal_and_undo_brings_it_back(version: PlanVersion) -> None:
    before = version.contents_digest()
    sales = version.goals.get(metric="net_sales")
    operations.set_target(
        version=version, metric="net_sales", part=Part(), amount=Decimal("60000.01"), seen=0, actor=None, now=NOW
    )
    edited = version.goals.get(metric="net_sales")
    assert edited.target == Decimal("60000.01")
    assert version.grid("net_sales").total() == 6_000_001
    assert (edited.chance or 0) < (sales.chance or 0)
    assert edited.baseline == sales.baseline
    operations.undo_edit(version=version, actor=None, now=NOW)
    assert version.contents_digest() == before
    with pytest.raises(operations.NothingToUndoError):
        operations.undo_edit(version=version, actor=None, now=NOW)


def test_the_drafted_summary_says_the_target_as_it_is_and_own_words_stay(version: PlanVersion) -> None:
    summary, goal = version.entries.get(field="1.summary"), version.goals.get(metric="net_sales")
    for target in (Decimal(90_000), Decimal(70_000)):
        operations.edit_goal(goal=goal, target=target, actor=None, now=NOW)
        goal.refresh_from_db()
        summary.refresh_from_db()
        _, (code, told), (_, before) = summary.cells["said"]
        assert (code, Decimal(told["target_amount"]), told["chance_rate"]) == ("summary.target", target, goal.chance)
        assert goal.baseline is not None
        assert before["change_rate"] == pytest.approx(float(target / goal.baseline) - 1)
    summary.cells = {"text": "Ours."}
    summary.save()
    operations.edit_goal(goal=goal, target=Decimal(80_000), actor=None, now=NOW)
    summary.refresh_from_db()
    assert summary.cells == {"text": "Ours."}


def test_a_goal_of_the_grid_is_spread_over_its_cells_and_one_outside_is_not(version: PlanVersion) -> None:
    orders, value = (version.goals.get(metric=metric) for metric in ("orders", "average_order_value"))
    operations.edit_goal(goal=orders, target=Decimal(1500), actor=None, now=NOW)
    operations.edit_goal(goal=value, target=Decimal("40.50"), actions=["Bundle lamps with shades"], actor=None, now=NOW)
    assert version.grid("orders").total() == 1500
    assert version.goals.get(metric="average_order_value").target == Decimal("40.50")
    assert version.goals.get(metric="average_order_value").actions == ["Bundle lamps with shades"]
    with pytest.raises(operations.GoalPlannedError):
        operations.edit_goal(goal=orders, due_on=date(2026, 11, 30), actor=None, now=NOW)
    operations.drop_goal(goal=value, actor=None, now=NOW)
    assert not version.goals.standing().filter(metric="average_order_value").exists()
    assert Goal.objects.filter(version=version, metric="average_order_value").exists()


def test_a_locked_cell_holds_when_a_total_moves(version: PlanVersion) -> None:
    cell = Part(0, 0, 1)
    held = version.grid("net_sales").total(cell)
    operations.lock_targets(version=version, metric="net_sales", part=cell, is_locked=True, seen=0, actor=None, now=NOW)
    operations.set_target(
        version=version, metric="net_sales", part=Part(month=1), amount=Decimal(30_000), seen=1, actor=None, now=NOW
    )
    grid = version.grid("net_sales")
    assert (grid.total(cell), grid.total(Part(month=1))) == (held, 3_000_000)
    with pytest.raises(grids.GridLockedError):
        operations.set_target(
            version=version, metric="net_sales", part=cell, amount=Decimal(1), seen=2, actor=None, now=NOW
        )


def test_two_people_who_saw_the_same_lose_nothing(version: PlanVersion) -> None:
    def edit(part: Part, amount: int) -> None:
        operations.set_target(
            version=version, metric="net_sales", part=part, amount=Decimal(amount), seen=0, actor=None, now=NOW
        )

    edit(Part(block=0, month=0), 9_000)
    edit(Part(block=1), 15_000)  # shares no cell with the first: applied on top
    with pytest.raises(operations.StaleEditError):
        edit(Part(month=0), 20_000)  # covers what the others changed unseen
    grid = version.grid("net_sales")
    assert (grid.total(Part(block=0, month=0)), grid.total(Part(block=1))) == (900_000, 1_500_000)


def test_the_log_replayed_is_the_grid_whatever_many_writers_saw(version: PlanVersion) -> None:
    """Edits with old and new revisions, locks and undos: each is applied whole or refused whole."""
    rng, start = random.Random(7), version.grid("net_sales")  # noqa: S311 - a seeded walk, no secret
    blocks, markets, months = start.cells.shape
    for _ in range(40):
        revision = PlanVersion.objects.get(pk=version.pk).revision
        part = Part(*(rng.choice([None, *range(size)]) for size in (blocks, markets, months)))
        asked = {"version": version, "metric": "net_sales", "part": part, "actor": None, "now": NOW}
        seen = max(revision - rng.randint(0, 3), 0)
        before = version.grid("net_sales")
        try:
            match rng.randint(0, 4):
                case 0:
                    operations.lock_targets(**asked, seen=seen, is_locked=rng.random() < 0.4)
                case 1:
                    operations.undo_edit(version=version, actor=None, now=NOW)
                case _:
                    operations.set_target(**asked, seen=seen, amount=Decimal(rng.randint(0, 9_000_000)).scaleb(-2))
        except ToplineError:
            assert version.grid("net_sales") == before
    replayed = start
    log = list(version.operations.order_by("revision"))
    assert [operation.revision for operation in log] == list(range(1, len(log) + 1))
    for operation in log:
        was = replayed
        replayed = operation.effect.apply(replayed)
        if operation.kind == Edit.SET:
            assert replayed.total(operation.part) == operation.amount
            assert replayed == grids.set_total(was, operation.part, operation.amount or 0)
    assert replayed == version.grid("net_sales")
    assert len(log) > 10


def test_a_new_version_shares_the_cells_it_does_not_change(version: PlanVersion) -> None:
    kept = TargetCells.objects.count()
    new = operations.revise(version=version, actor=None, now=NOW)
    assert TargetCells.objects.count() == kept
    assert new.contents() == version.contents()
    operations.set_target(
        version=new, metric="net_sales", part=Part(0, 0, 0), amount=Decimal(1), seen=0, actor=None, now=NOW
    )
    assert TargetCells.objects.count() == kept + 1
    assert version.grid("net_sales").total(Part(0, 0, 0)) > 100
    assert new.goals.get(metric="orders").parent == new.goals.get(metric="net_sales")


def test_an_edit_after_approval_voids_it_and_an_active_version_keeps_its_numbers(version: PlanVersion) -> None:
    with pytest.raises(approval.PlanStateError):
        approval.approve(version=version, actor=None, now=NOW)
    version = approval.submit(version=version, actor=None, now=NOW)
    version = approval.approve(version=version, actor=None, now=NOW)
    assert version.digest == version.contents_digest()
    operations.set_target(
        version=version, metric="net_sales", part=Part(), amount=Decimal(50_000), seen=0, actor=None, now=NOW
    )
    version.refresh_from_db()
    assert (version.state, version.digest, version.approved_at) == (State.DRAFT, "", None)
    with pytest.raises(approval.PlanStateError):
        approval.activate(version=version, actor=None, now=NOW)
    version = activated(version)
    with pytest.raises(operations.PlanLockedError):
        operations.set_target(
            version=version, metric="net_sales", part=Part(), amount=Decimal(1), seen=1, actor=None, now=NOW
        )
    entries = AuditEntry.objects.filter(subject=f"plan {facts.name(version)}").order_by("pk")
    assert [action for action, _ in itertools.groupby(entries.values_list("action", flat=True))] == [
        "plan.drafted", "plan.in_review", "plan.approved", "plan.target_set", "plan.approval_voided",
        "plan.in_review", "plan.approved", "plan.active",
    ]  # fmt: skip


def test_an_active_plan_is_in_the_lake_by_day_and_the_newest_wins(version: PlanVersion) -> None:
    shop = version.plan.shop
    first = activated(version)
    facts.write_targets(first, NOW)  # as after a crash: the batch is known
    assert targets(shop, "net_sales") == first.goals.get(metric="net_sales").target
    rows = engine.execute(target_rows(shop).filter(lambda t: t.metric == "net_sales"))
    assert rows.num_rows == 6 * 92
    november = sum(row["amount"] for row in rows.to_pylist() if row["on"].month == 11)
    assert november == Decimal(int(first.grid("net_sales").cells[:, :, 1].sum())).scaleb(-2)
    sundays = [row["amount"] for row in rows.to_pylist() if row["on"].isoweekday() == 7]
    assert not any(sundays)  # the shop never sold on one
    second = operations.revise(version=first, actor=None, now=NOW)
    operations.set_target(
        version=second, metric="net_sales", part=Part(), amount=Decimal(70_000), seen=0, actor=None, now=NOW
    )
    second = activated(second)
    assert targets(shop, "net_sales") == 70_000
    first.refresh_from_db()
    assert first.state == State.CLOSED
    assert second.plan.current == second


def test_a_reforecast_stands_beside_the_locked_baseline(version: PlanVersion) -> None:
    baseline = activated(version)
    sales = baseline.goals.get(metric="net_sales")
    new = operations.reforecast(version=baseline, as_of=date(2026, 12, 1), actor=None, now=NOW)
    assert (new.number, new.state, new.is_reforecast, new.based_on) == (2, State.DRAFT, True, baseline)
    seen = new.goals.get(metric="net_sales")
    assert (seen.baseline, seen.target) == (sales.baseline, sales.target)
    assert (seen.expected or 0) > (sales.expected or 0)  # November was strong
    assert (seen.chance or 0) > (sales.chance or 0)
    assert new.outlook["months"] != baseline.outlook["months"]
    assert new.digest == ""


def test_a_reforecast_keeps_what_people_set(version: PlanVersion, owner: User) -> None:
    """Amounts, locks, scoped, edited and dropped goals stay to the last digit; only the forecast moves."""
    at = {"version": version, "metric": "net_sales", "actor": None, "now": NOW}
    operations.set_target(**at, part=Part(0, None, 2), amount=Decimal("12345.67"), seen=0)
    operations.lock_targets(**at, part=Part(0, 0, 2), is_locked=True, seen=1)
    operations.add_goal(**at, scope={"category": "Lamps"})
    basket, buyers = version.goals.get(metric="average_order_value"), version.goals.get(metric="new_customers")
    basket = operations.edit_goal(goal=basket, actor=None, now=NOW, target=Decimal(99), owner=owner, actions=["Ask"])
    operations.drop_goal(goal=buyers, actor=None, now=NOW)
    why = {goal.key: goal.why[0] for goal in version.goals.standing()}
    assert why == {
        "net_sales": "why.set", "net_sales:category=Lamps": "why.part", "orders": "why.forecast",
        "average_order_value": "why.set", "repeat_purchase_rate": why["repeat_purchase_rate"],
    }  # fmt: skip
    baseline = activated(version)
    new = operations.reforecast(version=baseline, as_of=date(2026, 12, 1), actor=None, now=NOW)
    before, after = baseline.contents(), new.contents()
    for name in ("axes", "targets", "goals", "period", "currency"):
        assert after[name] == before[name], name
    assert all(new.grid(metric) == baseline.grid(metric) for metric in ("net_sales", "orders", "new_customers"))
    assert not new.goals.filter(metric="new_customers").exists()
    again = new.goals.get(metric="average_order_value")
    assert again.quantiles != basket.quantiles
    assert again.chance == expectation.chance(again.metric, again.quantiles, 99.0)
    assert again.parent == new.goals.get(key="net_sales")
    said = {one[0]: one[1] for one in new.entries.get(field="1.summary").cells["said"]}
    total = new.goals.get(key="net_sales")
    assert (
        Decimal(said["summary.target"]["target_amount"]) == total.target == Decimal(new.grid("net_sales").total()) / 100
    )
    assert said["summary.target"]["chance_rate"] == total.chance
    assert TargetCells.objects.count() == len({each.cells_id for each in baseline.target_blocks.all()})


def test_days_without_sales_are_not_held_against_last_year(seller: Shop, draft: Draft) -> None:
    """Nothing is known after 31 December: in February the year before counts up to the same day, or not at all."""
    longer, later = (
        operations.start_plan(shop=seller, period=period, draft=draft, actor=None, now=NOW)
        for period in (Period(date(2026, 12, 1), date(2027, 3, 1)), Period(date(2027, 1, 1), date(2027, 4, 1)))
    )
    asked, known = (progress.of(longer, day).total for day in (date(2027, 2, 1), date(2027, 1, 1)))
    assert asked.last_year_to_date == known.last_year_to_date is not None
    assert asked.growth == known.growth
    total = progress.of(later, date(2027, 2, 1)).total
    assert (total.last_year_to_date, total.growth) == (None, None)


def test_pace_follows_the_season_and_chance_follows_the_actuals(version: PlanVersion, sold: dict[int, Decimal]) -> None:
    looks = {day: progress.of(version, day) for day in (AS_OF, date(2026, 12, 1), date(2027, 1, 1))}
    before, december, after = looks.values()
    assert (before.status, before.total.actual, before.total.pace) == ("before", None, None)
    assert december.months[1].due == december.months[1].target
    assert december.months[2].actual is None
    assert december.total.due == sum((month.target for month in december.months[:2]), Decimal(0))
    assert 1.05 < (december.total.pace or 0) < 1.3
    assert (december.total.chance or 0) > (before.total.chance or 0) + 0.1
    assert (after.status, after.total.actual) == ("reached", sold[2026])
    assert after.total.last_year_to_date == after.total.last_year == sold[2025]
    assert sum(line.actual or 0 for line in after.categories) == sum(line.actual or 0 for line in after.markets)
    assert after.days[-1].due == pytest.approx(float(after.total.target))
    assert after.days[-1].actual == pytest.approx(float(sold[2026]))
    assert len({goal.goal.metric for goal in december.goals}) == 5
    assert np.isclose(sum(float(line.target) for line in december.categories), float(december.total.target))


@pytest.mark.parametrize(("metric", "most"), [("repeat_purchase_rate", 1.0), ("average_order_value", 2.0)])
def test_a_share_stays_one_and_an_amount_may_grow(
    seller: Shop, monkeypatch: pytest.MonkeyPatch, metric: str, most: float
) -> None:
    totals = dict.fromkeys(expectation.RATES, Decimal("0.97"))
    monkeypatch.setattr(expectation.answered, "ask", lambda *_: SimpleNamespace(totals=totals))
    asked = Period.of_months(date(2027, 1, 1), 3), date(2027, 1, 1), date(2024, 1, 1), seller.lake().latest()
    found = expectation.rate(seller, metric, *asked)
    assert (found.finish > 0.97).any()
    assert 1 <= found.finish.max() <= most
    assert (found.finish.max() == 1) == (metric == "repeat_purchase_rate")


def _part(scope: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """A scope whatever the order that the database gives its parts in."""
    return tuple(sorted(scope.items()))


def test_a_goal_for_a_part_goes_as_its_part_goes(version: PlanVersion, seller: Shop) -> None:
    scopes = [{"category": "Lamps"}, {"market": "IE"}, {"category": "Rugs", "market": "GB"}]
    for scope in scopes:
        operations.add_goal(version=version, metric="net_sales", scope=scope, actor=None, now=NOW)
    with pytest.raises(operations.GoalExistsError):
        operations.add_goal(version=version, metric="net_sales", scope=scopes[0], actor=None, now=NOW)
    with pytest.raises(operations.UnknownPartError):
        operations.add_goal(version=version, metric="net_sales", scope={"category": "Boats"}, actor=None, now=NOW)
    looks = {day: progress.of(version, day) for day in (AS_OF, date(2026, 12, 1), date(2027, 1, 1))}
    by_scope = {day: {_part(one.goal.scope): one for one in look.goals} for day, look in looks.items()}
    for day, goals in by_scope.items():
        lamps = next(line for line in looks[day].categories if line.name == "Lamps")
        ireland = next(line for line in looks[day].markets if line.name == "IE")
        for line, goal in ((lamps, goals[_part(scopes[0])].line), (ireland, goals[_part(scopes[1])].line)):
            assert (goal.target, goal.due, goal.chance) == (line.target, line.due, line.chance)
            assert (goal.actual or 0) == pytest.approx(line.actual or 0, abs=Decimal("0.01"))
    both = [goals[_part(scopes[2])] for goals in by_scope.values()]
    assert [one.line.actual is None for one in both] == [True, False, False]
    assert both[1].line.now is not None
    assert (both[1].line.actual or 0) < both[1].line.now.low < both[1].line.now.high < both[1].line.target
    assert (both[1].line.chance, both[1].status) == (0, "behind")
    sql = (
        "SELECT sum(amount) FROM order_line WHERE product_key = 'B1' AND market = 'GB' "
        "AND \"on\" >= '2026-10-01' AND \"on\" < '2027-01-01'"
    )
    assert both[2].line.actual == pytest.approx(_asked(seller, sql), abs=Decimal("0.01"))
    assert both[2].status == ("reached" if (both[2].line.actual or 0) >= both[2].line.target else "missed")
    kept = operations.edit_goal(goal=both[0].goal, actor=None, now=NOW, target=Decimal("20000"))
    assert kept.target == 20_000
    assert version.grid("net_sales").total(version.part(kept)) == 2_000_000
    again = operations.reforecast(version=version, as_of=date(2026, 12, 1), actor=None, now=NOW)
    moved = again.goals.standing().get(scope=scopes[2])
    assert moved.target == facts.from_minor("net_sales", again.grid("net_sales").total(again.part(moved)), "GBP")


def _asked(shop: Shop, sql: str) -> Decimal:
    lake = shop.lake()
    snapshot = lake.latest()
    assert snapshot is not None
    order_line = engine.execute(engine.table(lake, "order_line", snapshot))
    with duckdb.connect() as connection:
        connection.register("order_line", order_line)
        return Decimal(connection.execute(sql).fetchall()[0][0])


def test_an_owner_can_be_taken_away(version: PlanVersion, owner: User) -> None:
    goal = version.goals.get(metric="orders")
    assert operations.edit_goal(goal=goal, actor=None, now=NOW, owner=owner).owner == owner
    assert operations.edit_goal(goal=goal, actor=None, now=NOW, target=Decimal(900)).owner == owner
    assert operations.edit_goal(goal=goal, actor=None, now=NOW, is_unowned=True).owner is None


def test_a_reforecast_is_made_by_a_job_once(version: PlanVersion, owner: User) -> None:
    baseline = activated(version)
    ask = {"version": baseline, "as_of": date(2026, 12, 1), "actor": owner}
    job = plan_jobs.ask_for_reforecast(**ask)
    assert plan_jobs.ask_for_reforecast(**ask).pk == job.pk
    done = jobs.run_now(job)
    assert (done.state, done.done, done.total) == ("done", 1, 1)
    new = baseline.plan.versions.get(number=done.result["number"])
    assert (new.is_reforecast, new.based_on, new.created_by) == (True, baseline, owner.pk)
    assert plan_jobs.reforecast(done) == done.result  # killed after its last step, it makes no second one
    assert baseline.plan.versions.count() == 2


def test_what_can_not_be_planned_is_refused_with_what_to_do(seller: Shop) -> None:
    ask = {"shop": seller, "actor": None, "now": NOW}
    with pytest.raises(drafting.PlanPeriodError):
        operations.draft_plan(period=Period(AS_OF, date(2026, 10, 20)), as_of=AS_OF, **ask)
    with pytest.raises(drafting.PastPlanError):
        operations.draft_plan(period=PERIOD, as_of=date(2027, 1, 1), **ask)
    with pytest.raises(ShortHistoryError):
        operations.draft_plan(period=PERIOD, as_of=date(2024, 5, 1), **ask)


def test_a_shop_without_history_has_no_draft(shop: Shop) -> None:
    with pytest.raises(drafting.EmptyLakeError):
        operations.draft_plan(shop=shop, period=PERIOD, as_of=AS_OF, actor=None, now=NOW)


def test_the_catalogue_sees_a_plan_as_its_page_does(version: PlanVersion) -> None:
    """Goal attainment and pace of the metric catalogue against the plan's own lines, half way through."""
    shop = activated(version).plan.shop
    seen_on = date(2026, 11, 15)
    view = progress.of(version, seen_on)

    def asked(*by: str) -> Result:
        query = Query(metrics=("goal_attainment", "pace"), by=by, period=PERIOD, as_of=seen_on)
        return read.read(shop.lake(), query, scope=Scope.whole("gifts"), settings=shop.settings())

    totals = asked().totals
    assert view.total.actual is not None
    assert totals["goal_attainment"] == pytest.approx(float(view.total.actual / view.total.target))
    assert totals["pace"] == pytest.approx(view.total.pace, rel=1e-5)  # days are whole pennies
    by_market = {row["market"]: row for row in asked("market").rows}
    for line in view.markets:
        assert by_market[line.name]["pace"] == pytest.approx(line.pace, rel=1e-4)
    by_month = {row["month"]: row for row in asked("month").rows}
    for line in view.months[:2]:
        assert line.actual is not None
        assert by_month[line.name]["goal_attainment"] == pytest.approx(float(line.actual / line.target))
        assert by_month[line.name]["pace"] == pytest.approx(line.pace, rel=1e-4)
    december = by_month[date(2026, 12, 1)]
    assert (december["goal_attainment"], str(december["pace"])) == (0.0, "no target due yet")


def activated(version: PlanVersion) -> PlanVersion:
    version = approval.submit(version=version, actor=None, now=NOW)
    version = approval.approve(version=version, actor=None, now=NOW)
    return approval.activate(version=version, actor=None, now=NOW)


def target_rows(shop: Shop):
    lake = shop.lake()
    return engine.table(lake, "target", lake.latest())


def targets(shop: Shop, metric: str) -> Decimal:
    rows = engine.execute(target_rows(shop).filter(lambda t: t.metric == metric))
    return sum((row["amount"] for row in rows.to_pylist()), Decimal(0))


def test_the_running_plans_outlooks_are_made_before_somebody_looks(version: PlanVersion) -> None:
    Shop.objects.update(clock_on=date(2026, 12, 15))
    plan_jobs.look_ahead_everywhere()
    plan_jobs.look_ahead_everywhere()
    job = Job.objects.get(kind="plans.look")
    assert jobs.run_now(job).state == Job.State.DONE
    plan_jobs.look_ahead_everywhere()
    assert Job.objects.filter(kind="plans.look").count() == 1
