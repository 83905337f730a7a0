"""Laying another clock over a shop's history: what every fact and figure says is what an import by that clock says."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from django.urls import reverse

import import_files
from topline.accounts import operations as accounts
from topline.accounts.models import Shop, ZoneChange
from topline.facts import columns, session, social_post
from topline.imports import operations as imports
from topline.imports import rezone
from topline.imports.models import Import
from topline.journal import operations as journal
from topline.lake import engine, read
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.metrics.query import Query
from topline.metrics.settings import Basis
from topline.units.period import Period
from topline.workbench import jobs
from topline.workbench.models import Job

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

NOW = datetime(2011, 9, 1, 12, tzinfo=UTC)
THERE, HERE = "Pacific/Auckland", "America/New_York"
"""Sixteen to eighteen hours apart: most rows get another day, those around midnight of a month's end another month."""

FIRST = (
    ("1001", "20001", "MUG", "2", "2011-02-28T12:30:00+00:00", "3.50", "501", "United Kingdom"),
    ("1002", "20001", "MUG", "4", "2011-03-13T06:59:00+00:00", "3.25", "502", "France"),  # before the clocks go forward
    ("1003", "20002", "PLATE", "3", "2011-03-13T07:00:00+00:00", "7.25", "503", "Germany"),  # 03:00 there is no 02:00
    ("1004", "20002", "PLATE", "1", "2011-04-01T03:59:59+00:00", "7.25", "501", "United Kingdom"),
    ("C1005", "20001", "MUG", "-1", "2011-04-01T15:00:00+00:00", "3.50", "501", "United Kingdom"),
)
SECOND = (*FIRST[2:], ("1006", "20003", "BOWL", "5", "2011-04-30T23:00:00+00:00", "4.10", "504", "EIRE"))
THIRD = (("1007", "20003", "BOWL", "6", "2011-06-01T02:00:00+00:00", "4.10", "504", "EIRE"),)


@pytest.fixture
def opened(owner, tmp_path):
    """Makes a shop of a zone that has taken in two files that overlap, undone a third, and folded between."""

    def make(slug: str, zone: str) -> Shop:
        shop = accounts.create_shop(
            slug=slug, name=slug, currency="GBP", timezone=zone, country="GB", owner=owner, clock_on=date(2011, 9, 1)
        )
        shop.secret = Shop.objects.earliest("pk").secret  # so that rows have the same keys in every shop
        shop.save()
        import_files.take_in(shop, import_files.write(tmp_path / f"{slug}1.csv", FIRST))
        lake = shop.lake()
        lake.fold_all(hidden=journal.hidden(lake), now=NOW)
        import_files.take_in(shop, import_files.write(tmp_path / f"{slug}2.csv", SECOND))
        undone = import_files.take_in(shop, import_files.write(tmp_path / f"{slug}3.csv", THIRD))
        imports.undo(found=undone, actor_id=None, now=NOW)
        return shop

    return make


def rows(shop: Shop, table: str) -> list[dict[str, Any]]:
    """What is seen of a table, but for how and when it came."""
    lake = shop.lake()
    columns = [name for name in lake.fact(table).columns if name not in ("recorded_at", "batch_id")]
    return sorted(engine.execute(engine.table(lake, table, lake.latest())[columns]).to_pylist(), key=lambda r: r["key"])


def figures(shop: Shop, basis: Basis) -> list[Any]:
    shop.order_basis = basis.value
    period = Period(date(2011, 2, 1), date(2011, 7, 1))
    asked = [
        Query(metrics=("net_sales", "orders", "return_rate", "new_customers"), period=period, by=(by,))
        for by in ("day", "month")
    ]
    answers = [read.read(shop.lake(), each, scope=Scope.whole(shop.slug), settings=shop.settings()) for each in asked]
    return [[*each.rows, each.totals] for each in answers]


def rezoned(shop: Shop) -> Job:
    return jobs.run_now(rezone.enqueue(shop=shop, actor_id=None))


@pytest.mark.soak
def test_history_by_another_clock_is_what_an_import_by_it_says(opened, tmp_path):
    moved, oracle = opened("moved", THERE), opened("oracle", HERE)
    assert {r["key"][-4:]: r["on"] for r in rows(moved, "order")}["1004"] == date(2011, 4, 1)
    before = rows(moved, "order_line")
    accounts.change_settings(shop=moved, actor_id=None, today=date(2011, 9, 1), timezone=HERE)
    assert rows(moved, "order_line") == before  # a change of zone alone moves nothing
    assert rezone.effects(moved)["order"].rows == 6  # with that of the undone import
    done = rezoned(moved)
    assert (done.state, done.done, done.total) == (Job.State.DONE, done.total, done.total), done.message

    seen = {r["key"][-4:]: (r["on"], r["hour"]) for r in rows(moved, "order")}
    assert seen["1001"] == (date(2011, 2, 28), 7)
    assert (seen["1002"], seen["1003"]) == ((date(2011, 3, 13), 1), (date(2011, 3, 13), 3))
    assert seen["1004"] == (date(2011, 3, 31), 23)
    for table in ("order", "order_line"):
        assert rows(moved, table) == rows(oracle, table)
    for basis in Basis:
        assert figures(moved, basis) == figures(oracle, basis)
    assert not ZoneChange.objects.filter(shop=moved).exists()
    assert rezone.effects(moved) == {}

    # What was undone comes back by the new clock, and what is known is known again.
    again = import_files.take_in(moved, import_files.write(tmp_path / "again.csv", (*FIRST, *THIRD)))
    assert {r["key"][-4:]: r["on"] for r in rows(moved, "order")}["1007"] == date(2011, 5, 31)
    assert again.report["duplicates"] == 6
    assert len(rows(moved, "order_line")) == 7


def moments(lake: Lake, table: str) -> list[tuple[date, int]]:
    found = engine.table(lake, table, lake.latest())["on", "hour"]
    return sorted((row["on"], row["hour"]) for row in engine.execute(found).to_pylist())


def test_a_job_that_died_between_tables_goes_on_with_the_next(shop, monkeypatch):
    lake, at = shop.lake(), pa.array([datetime(2011, 4, 1, 3, 30)], pa.timestamp("us", tz="UTC"))  # noqa: DTZ001
    given = {"key": ["k"], **columns.instants(at, "Europe/London")}
    visit = {"session_key": ["s"], "visitor_key": ["v"]}
    post = {"post_key": ["p"], "channel": ["instagram"]}
    journal.open_batch(shop="gifts", batch_id="test", source="test", now=NOW)
    journal.make_live(shop="gifts", batch_id="test", now=NOW)
    for table, own in ((session.TABLE, visit), (social_post.TABLE, post)):
        lake.append(
            table.name, [columns.batch(table, {**given, **own}, batch_id="test", recorded_at=NOW)], batch_id="test"
        )
    journal.publish(lake)
    assert moments(lake, "session") == moments(lake, "social_post") == [(date(2011, 4, 1), 4)]
    accounts.change_settings(shop=shop, actor_id=None, today=date(2011, 9, 1), timezone=HERE)
    whole = Lake.rezone

    def dies(lake, table, zone, *, now):
        if table == "social_post":
            raise KeyboardInterrupt  # as little is caught as of a kill
        return whole(lake, table, zone, now=now)

    monkeypatch.setattr(Lake, "rezone", dies)
    job = rezone.enqueue(shop=shop, actor_id=None)
    with pytest.raises(KeyboardInterrupt):
        jobs.run_now(job)
    monkeypatch.undo()
    assert list(rezone.effects(shop)) == ["social_post"]
    assert moments(lake, "session") == [(date(2011, 4, 1), 4)]  # nobody has published
    Job.objects.filter(pk=job.pk).update(lease_until=NOW)
    done = jobs.run_now(Job.objects.get(pk=job.pk))
    assert (done.state, done.done, done.total) == (Job.State.DONE, 3, 3), done.message
    assert done.result == {"tables": {"session": 1, "social_post": 1}}
    assert moments(lake, "session") == moments(lake, "social_post") == [(date(2011, 3, 31), 23)]
    assert rezone.effects(shop) == {}
    assert not ZoneChange.objects.exists()


def test_an_import_that_runs_is_waited_for(shop):
    found = Import.objects.create(shop=shop, state=Import.State.RUNNING)
    with pytest.raises(rezone.ImportRunningError, match=f"Import {found.pk} "):
        rezone.enqueue(shop=shop, actor_id=None)


def test_the_settings_say_what_a_clock_changes_and_lay_it_over_the_history(opened, owner, client):
    shop = opened("gifts", THERE)
    client.force_login(owner)
    page = reverse("settings", args=[shop.slug])
    assert "The clock of the history" not in client.get(page).content.decode()
    accounts.change_settings(shop=shop, actor_id=None, today=shop.today(), timezone=HERE)
    assert "another hour" not in client.get(page).content.decode()
    shifted = rezone.effects(shop).values()
    hours, days = sum(each.hours for each in shifted), sum(each.days for each in shifted)
    assert (
        f"{hours} rows get another hour, {days} of them another day"
        in client.get(page, {"clock": "1"}).content.decode()
    )
    client.post(page, {"do": "rezone"})
    assert "is being laid over the history" in client.get(page).content.decode()
    assert jobs.run_now(Job.objects.get(kind=rezone.KIND)).state == Job.State.DONE
    assert "The clock of the history" not in client.get(page).content.decode()
    assert not rezone.effects(shop)
