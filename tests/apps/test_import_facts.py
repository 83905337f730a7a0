"""Files of any fact in a shop: visits of imported events, undo, the same file twice, and what programs send too."""

from datetime import UTC, datetime

import pytest
from test_api import caller

from import_files import take_in, write
from topline.imports import jobs, operations
from topline.lake import engine
from topline.workbench import jobs as jobs_of_work

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

HEADINGS = ("Event", "Time", "Session ID", "Visitor ID", "Channel")
EVENTS = (
    ("page_view", "2011-08-01 10:00:00", "s1", "v1", "email"),
    ("product_view", "2011-08-01 10:02:00", "s1", "v1", ""),
    ("add_to_cart", "2011-08-01 10:03:00", "s1", "v1", ""),
    ("page_view", "2011-08-02 10:00:00", "s2", "v2", "direct"),
)


def held(shop, fact):
    lake = shop.lake()
    return engine.execute(engine.table(lake, fact, lake.latest()).order_by("at", "key")).to_pylist()


def test_events_of_a_file_make_visits_and_go_with_it(shop, tmp_path):
    path = write(tmp_path / "events.csv", EVENTS, HEADINGS)
    found = take_in(shop, path)
    assert found.files.get().layout["target"] == "web_event"
    assert {name: found.report[name] for name in ("rows", "facts", "duplicates", "quarantined")} == {
        "rows": 4,
        "facts": 4,
        "duplicates": 0,
        "quarantined": 0,
    }
    first, second = held(shop, "session")
    assert (first["key"], first["channel"], first["views"], first["carts"], first["furthest"]) == (
        "file:s1",
        "email",
        1,
        1,
        2,
    )
    assert (second["channel"], second["duration_seconds"]) == ("direct", 0)
    again = take_in(shop, path)
    assert (again.report["facts"], again.report["duplicates"]) == (0, 4)
    assert len(held(shop, "web_event")) == 4
    for each in (found, again):
        operations.undo(found=each, actor_id=None, now=datetime.now(UTC))
    assert held(shop, "web_event") == []
    assert held(shop, "session") == []
    operations.redo(found=found, actor_id=None, now=datetime.now(UTC))
    assert [row["views"] for row in held(shop, "session")] == [1, 1]
    unknown = [tuple("nod" if heading == "Event" else cell for heading, cell in zip(HEADINGS, EVENTS[0], strict=True))]
    waiting = take_in(shop, write(tmp_path / "more.csv", unknown, HEADINGS), choices=[{"target": "web_event"}])
    assert (waiting.state, waiting.report["quarantined"], waiting.report["facts"]) == ("live", 1, 0)


def test_a_visit_is_made_of_what_a_file_and_a_program_say(shop, owner, tmp_path):
    call = caller(shop, owner)
    sent = {"key": "x1", "event": "checkout", "session_key": "s1", "visitor_key": "v1", "at": "2011-08-01T09:10:00Z"}
    assert call("POST", "/facts/web_event?source=file", [sent]).json()["accepted"] == 1
    jobs.drain_spool()
    assert [row["furthest"] for row in held(shop, "session")] == [0], "a checkout alone is no step in order"
    take_in(shop, write(tmp_path / "events.csv", EVENTS, HEADINGS))
    first = held(shop, "session")[0]
    assert (first["session_key"], first["views"], first["checkouts"], first["furthest"]) == ("s1", 1, 1, 3)
    assert first["duration_seconds"] == 600


def test_a_person_says_what_a_file_holds(shop, tmp_path):
    """Two columns that nothing tells: the person says that they are counts of followers."""
    path = write(tmp_path / "x.csv", [("2011-08-01", "instagram", "1500")], ("When", "Where", "Number of them"))
    columns = {"at": "When", "channel": "Where", "count": "Number of them"}
    take_in(shop, path, choices=[{"target": "followers", "columns": columns}])
    lake = shop.lake()
    (row,) = engine.execute(engine.table(lake, "followers", lake.latest())).to_pylist()
    assert (row["channel"], row["count"], row["key"]) == ("instagram", 1500, "file:instagram:2011-08-01")


PRODUCTS = (("20001", "MUG", "Kitchen"), ("20002", "PLATE", "Kitchen"), ("20003", "BOWL", "Garden"))
PRICES = (("20001", "2011-03-01", "3.50"), ("20002", "2011-03-01", "7.25"), ("20003", "2011-03-01", "4.10"))


@pytest.mark.parametrize(
    ("table", "rows", "headings"),
    [
        ("product", PRODUCTS, ("Product code", "Title", "Category")),
        ("price", PRICES, ("SKU", "Valid from", "Unit price")),
        ("web_event", EVENTS[:3], HEADINGS),
    ],
)
def test_rows_of_any_fact_that_come_back_after_an_undo_are_no_duplicates(shop, tmp_path, table, rows, headings):
    """All three rows were taken back, one of them came with another file that still counts."""
    chosen = {"choices": [{"target": table}] * 2}
    path = write(tmp_path / "all.csv", rows, headings)
    first = take_in(shop, path, **chosen)
    take_in(shop, write(tmp_path / "one.csv", rows[:1], headings), **chosen)
    operations.undo(found=first, actor_id=None, now=datetime.now(UTC))
    uploads = [operations.Upload(name, path) for name in ("again.csv", "and_again.csv")]
    again = operations.propose(found=operations.receive(shop=shop, uploads=uploads, actor_id=None, **chosen))
    told = {trap["code"]: trap["params"]["rows"] for trap in again.preview["traps"]}
    assert told["returning_rows"] == 2
    assert (again.preview["facts"], again.preview["duplicates"]) == (2, 4)
    jobs_of_work.run_now(operations.confirm(found=again, actor_id=None, now=datetime.now(UTC)))
    again.refresh_from_db()
    assert (again.report["rows"], again.report["facts"], again.report["duplicates"]) == (6, 2, 4)
    lake = shop.lake()
    assert engine.execute(engine.table(lake, table, lake.latest())).num_rows == 3


@pytest.mark.parametrize("has_earlier", [False, True])
def test_rows_of_prices_that_two_files_of_an_import_share_count_once_in_preview_and_report(shop, tmp_path, has_earlier):
    headings, chosen = ("SKU", "Valid from", "Unit price"), {"choices": [{"target": "price"}] * 2}
    if has_earlier:
        take_in(shop, write(tmp_path / "old.csv", PRICES[:1], headings), choices=[{"target": "price"}])
    uploads = [
        operations.Upload(name, write(tmp_path / name, rows, headings))
        for name, rows in (("a.csv", [*PRICES[:2], PRICES[1]]), ("b.csv", PRICES[1:]))
    ]
    found = operations.propose(found=operations.receive(shop=shop, uploads=uploads, actor_id=None, **chosen))
    expected = (5, 2, 3) if has_earlier else (5, 3, 2)
    assert tuple(found.preview[part] for part in ("rows", "facts", "duplicates")) == expected
    jobs_of_work.run_now(operations.confirm(found=found, actor_id=None, now=datetime.now(UTC)))
    found.refresh_from_db()
    assert tuple(found.report[part] for part in ("rows", "facts", "duplicates")) == expected
