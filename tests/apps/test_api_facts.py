"""Facts over the API: what is kept, what is refused and how that is said, and when pages see it."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.test import Client
from test_api import caller

from topline.accounts import permissions
from topline.imports import jobs, spool
from topline.lake import engine

pytestmark = pytest.mark.django_db(transaction=True)

LEAD = {"key": "e1", "event": "created", "lead_key": "L-1", "at": "2011-08-01T10:00:00Z", "channel": "referral"}


@pytest.fixture
def call(shop, owner):
    return caller(shop, owner)


@pytest.fixture
def send(shop, owner):
    """Sends bytes of a content type."""

    def run(table, content, content_type="application/json", query=""):
        from topline.accounts import operations

        scopes = list(permissions.PERMISSIONS)
        _, secret = operations.create_token(user=owner, shop=shop, name="x", scopes=scopes, actor_id=owner.pk)
        client = Client(headers={"authorization": f"Bearer {secret}"})
        return client.post(f"/api/v1/facts/{table}{query}", content, content_type=content_type)

    return run


def held(lake, fact):
    return engine.execute(engine.table(lake, fact, lake.latest()).order_by("key")).to_pylist()


def test_rows_are_seen_after_the_next_drain_and_once_however_often_they_are_sent(call, lake):
    answer = call("POST", "/facts/lead_event", [LEAD, {**LEAD, "key": "e2", "value_shop": "12.50"}])
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2, "refused": 0, "errors": []})
    assert lake.latest() is None
    jobs.drain_spool()
    assert [row["key"] for row in held(lake, "lead_event")] == ["api:e1", "api:e2"]
    call("POST", "/facts/lead_event", [{**LEAD, "key": "e2", "value_shop": "13"}])
    jobs.drain_spool()
    assert [str(row["value_shop"]) for row in held(lake, "lead_event")] == ["None", "13.000000"]
    assert spool.waiting() == []


def test_ids_of_people_become_hashes(call, lake, shop):
    call("POST", "/facts/lead_event?source=crm", [{**LEAD, "customer_key": 42}])
    jobs.drain_spool()
    (row,) = held(lake, "lead_event")
    assert row["lead_key"] == shop.hmac("crm", "L-1")
    assert row["customer_key"] == shop.hmac("crm", "42")


def test_wrong_rows_are_named_and_the_right_ones_kept(call, lake):
    rows = [
        LEAD,
        {**LEAD, "key": "e2", "event": "vanished"},
        {**LEAD, "key": "e3", "at": None},
        {**LEAD, "key": "e4", "channel": "a\0b"},
        {**LEAD, "key": "e5", "value_shop": "a lot"},
        {**LEAD, "key": "e6", "channel": "ann@example.org"},
        {**LEAD, "key": "e7", "at": "2031-01-01T00:00:00Z"},
        {**LEAD, "key": None},
        {**LEAD, "key": "e9", "channel": "x" * 300},
        {**LEAD, "key": "e10", "value_shop": 10**12},
        {**LEAD, "key": "e11", "channel": ["a"]},
        {**LEAD, "key": "e12", "channel": "=1+1"},
        {**LEAD, "key": "e13", "channel": "half a letter \ud83d"},
        {**LEAD, "key": "e14\ud83d"},
    ]
    answer = call("POST", "/facts/lead_event", rows)
    assert answer.status_code == 202
    assert [(each["row"], each["column"], each["code"]) for each in answer.json()["errors"]] == [
        (1, "event", "unknown_choice"),
        (2, "at", "missing"),
        (3, "channel", "control_character"),
        (4, "value_shop", "bad_number"),
        (5, "channel", "personal"),
        (6, "at", "future_date"),
        (7, "key", "no_key"),
        (8, "channel", "too_long"),
        (9, "value_shop", "too_large"),
        (10, "channel", "bad_text"),
        (12, "channel", "bad_text"),
        (13, "key", "bad_text"),
    ]
    assert "created, consented" in answer.json()["errors"][0]["message"]
    jobs.drain_spool()
    assert [row["key"] for row in held(lake, "lead_event")] == ["api:e1", "api:e12"]
    assert answer.json()["accepted"] == 2


def test_nothing_is_kept_of_a_batch_of_wrong_rows(call):
    answer = call("POST", "/facts/lead_event", [{**LEAD, "event": "vanished"}])
    assert (answer.status_code, answer.json()["accepted"]) == (422, 0)
    assert spool.waiting() == []


def test_not_a_number_is_refused(send):
    answer = send("lead_event", json.dumps([{**LEAD, "value_shop": float("nan")}]))
    assert [each["code"] for each in answer.json()["errors"]] == ["bad_number"]


def test_a_row_with_a_strange_column_is_refused_alone_and_told_the_nearest(call):
    rows = [LEAD, {**LEAD, "key": "e2", "chanel": "x"}, {**LEAD, "key": "e3", "chanel": None}, "e4", None, [LEAD]]
    answer = call("POST", "/facts/lead_event", rows)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    assert [(each["row"], each["column"], each["code"]) for each in answer.json()["errors"]] == [
        (1, "chanel", "unknown_column"),
        (3, "", "not_an_object"),
        (4, "", "not_an_object"),
        (5, "", "not_an_object"),
    ]
    assert "“channel”" in answer.json()["errors"][0]["message"]
    assert call("POST", "/facts/lead_event", [{f"c{n}": n for n in range(201)}]).status_code == 422


@pytest.mark.parametrize(
    ("column", "value"), [("on", "2011-05-04"), ("hour", 9), ("recorded_at", "2011-05-04T09:00:00Z"), ("batch_id", "b")]
)
def test_what_topline_works_out_itself_is_refused_by_that_name(call, column, value):
    (error,) = call("POST", "/facts/lead_event", [{**LEAD, column: value}]).json()["errors"]
    assert (error["column"], error["code"]) == (column, "derived_column")
    assert "Leave it out" in error["message"]


def test_a_day_in_the_future_is_refused_but_for_what_is_expected(call):
    hours = {"team": "Calls", "available_hours": 40, "planned_hours": 38}
    stock = {"product_key": "K1", "recorded": 3, "counted": 3}
    for on, refused in (("2011-09-01", 0), ("2011-09-02", 1)):
        assert call("POST", "/facts/stock_count", [{**stock, "on": on}]).json()["refused"] == refused
        assert call("POST", "/facts/capacity", [{**hours, "on": on}]).json()["refused"] == 0


@pytest.mark.parametrize(
    ("table", "status", "text"),
    [("lead_events", 404, "lead_event"), ("target", 422, "writes"), ("forecast", 422, "writes")],
)
def test_a_fact_that_nobody_sends(call, table, status, text):
    answer = call("POST", f"/facts/{table}", [LEAD])
    assert answer.status_code == status
    assert text in answer.json()["title"]


@pytest.mark.parametrize("content", [b"", b"{}", b"[{", b'"rows"', b"\x00\xff", b"[" * 100_000])
def test_content_that_is_no_list_of_rows(send, content):
    answer = send("lead_event", content)
    assert answer.status_code == 422
    assert answer.json()["code"] == "rows"


def test_ten_thousand_rows_and_not_one_more(call):
    rows = [{**LEAD, "key": f"e{n}"} for n in range(10_001)]
    assert call("POST", "/facts/lead_event", rows).json()["code"] == "many_rows"
    assert call("POST", "/facts/lead_event", rows[1:]).json()["accepted"] == 10_000


def test_more_than_ten_megabytes_are_refused(send):
    answer = send("lead_event", json.dumps([{**LEAD, "channel": "x" * 11_000_000}]))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_lines_arrow_and_parquet_are_read_too(send, lake):
    lines = "\n".join(json.dumps({**LEAD, "key": f"n{n}"}) for n in range(3))
    assert send("lead_event", lines, "application/x-ndjson").json()["accepted"] == 3
    table = pa.table({name: pa.array([value, value]) for name, value in LEAD.items()}).set_column(
        0, "key", [["a1", "a2"]]
    )
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    assert send("lead_event", stream.getvalue(), "application/vnd.apache.arrow.stream").json()["accepted"] == 2
    stream = io.BytesIO()
    pq.write_table(table.set_column(0, "key", [["p1", "p2"]]), stream)
    assert send("lead_event", stream.getvalue(), "application/vnd.apache.parquet").json()["accepted"] == 2
    assert send("lead_event", stream.getvalue()[:-9], "application/vnd.apache.parquet").status_code == 422
    jobs.drain_spool()
    assert [row["key"][4:] for row in held(lake, "lead_event")] == ["a1", "a2", "n0", "n1", "n2", "p1", "p2"]


def _stream(table: pa.Table, compression: str | None = None) -> bytes:
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return stream.getvalue()


def test_what_would_unpack_to_gigabytes_is_refused(send):
    rows = pa.table({"key": ["a"] * 10_000, "event": ["created"] * 10_000})
    arrow = "application/vnd.apache.arrow.stream"
    packed = send("lead_event", _stream(rows, "zstd"), arrow)
    assert packed.status_code == 422
    assert "compressed" in packed.json()["title"]
    one = pa.DictionaryArray.from_arrays(pa.array([0] * 10_000, pa.int32()), ["x" * 1_000_000])
    wide = rows.append_column("channel", one)
    for content, kind in ((_stream(wide), arrow), (_parquet(wide), "application/vnd.apache.parquet")):
        answer = send("lead_event", content, kind)
        assert answer.status_code == 422
        assert "at most 256" in answer.json()["title"]


def test_an_arrow_file_and_a_dictionary_are_read_too(send, lake):
    table = pa.table({name: pa.array([value, value]) for name, value in LEAD.items()})
    table = table.set_column(0, "key", [["f1", "f2"]])
    table = table.set_column(1, table.column_names[1], table.column(1).dictionary_encode())
    file = io.BytesIO()
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    assert send("lead_event", file.getvalue(), "application/vnd.apache.arrow.file").json()["accepted"] == 2
    jobs.drain_spool()
    assert [row["key"][4:] for row in held(lake, "lead_event")] == ["f1", "f2"]


def _parquet(table: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


def test_times_without_a_zone_are_the_shops(call, lake):
    """London skips 01:30 on 27 March 2011, and has it twice on 31 October 2010."""
    rows = [
        {**LEAD, "key": "autumn", "at": "2010-10-31T01:30:00"},
        {**LEAD, "key": "spring", "at": "2011-03-27T01:30:00"},
        {**LEAD, "key": "zoned", "at": "2011-03-27T01:30:00+02:00"},
    ]
    assert call("POST", "/facts/lead_event", rows).json()["accepted"] == 3
    jobs.drain_spool()
    found = {row["key"][4:]: (row["at"].isoformat(), row["hour"]) for row in held(lake, "lead_event")}
    assert found["autumn"] == ("2010-10-31T00:30:00+00:00", 1)
    assert found["spring"] == ("2011-03-27T01:30:00+00:00", 2)
    assert found["zoned"] == ("2011-03-26T23:30:00+00:00", 23)


def test_money_in_another_currency_needs_its_rate(call, lake):
    spent = {"on": "2011-08-01", "channel": "paid_search", "amount": "10.01", "currency": "EUR"}
    rows = [{**spent, "key": "a"}, {**spent, "key": "b", "rate": "0.855"}, {**spent, "key": "c", "currency": "XQQ"}]
    answer = call("POST", "/facts/spend", rows)
    assert [(each["column"], each["code"]) for each in answer.json()["errors"]] == [
        ("rate", "no_rate"),
        ("currency", "unknown_currency"),
    ]
    jobs.drain_spool()
    (row,) = held(lake, "spend")
    assert str(row["amount_shop"]) == "8.558550"


def test_what_names_a_row_need_not_be_sent_twice(call, lake):
    level = {"product_key": "A1", "on": "2011-08-01", "on_hand": 5, "reserved": 0}
    call("POST", "/facts/stock_level", [level])
    call("POST", "/facts/stock_level", [{**level, "on_hand": 4}])
    jobs.drain_spool()
    assert [(row["key"], int(row["on_hand"])) for row in held(lake, "stock_level")] == [("api:A1:::2011-08-01", 4)]


def test_an_older_state_doesnt_replace_a_newer_one(call, lake):
    level = {"product_key": "A1", "on": "2011-08-01", "on_hand": 5, "reserved": 0}
    call("POST", "/facts/stock_level", [{**level, "updated_at": "2011-08-02T10:00:00Z"}])
    call("POST", "/facts/stock_level", [{**level, "on_hand": 4, "updated_at": "2011-08-02T09:00:00Z"}])
    jobs.drain_spool()
    assert [int(row["on_hand"]) for row in held(lake, "stock_level")] == [5]


def test_the_facts_that_may_be_sent_are_listed(call):
    listed = {each["table"]: each for each in call("GET", "/facts").json()}
    assert "target" not in listed
    assert listed["lead_event"]["personal"] == ["lead_key", "customer_key"]
    columns = {column["name"]: column for column in listed["lead_event"]["columns"]}
    assert columns["event"]["choices"][0] == "created"
    assert columns["event"]["is_required"]
    assert not columns["channel"]["is_required"]
    assert "hour" not in columns


def test_it_needs_its_own_scope(shop, owner):
    call = caller(shop, owner, scopes=["imports.write"])
    assert call("POST", "/facts/lead_event", [LEAD]).status_code == 403


def test_a_drain_that_died_goes_on(call, lake, shop, monkeypatch):
    call("POST", "/facts/lead_event", [LEAD])
    with monkeypatch.context() as patched:
        patched.setattr(spool.journal, "publish", _die)
        with pytest.raises(KeyboardInterrupt):
            spool.drain(shop)
    call("POST", "/facts/lead_event", [{**LEAD, "key": "e2"}])
    assert spool.drain(shop) == 2
    assert [row["key"] for row in held(lake, "lead_event")] == ["api:e1", "api:e2"]


def _die(lake):
    raise KeyboardInterrupt


def test_nothing_waits_behind_a_backlog_of_events(call, lake, shop, monkeypatch):
    monkeypatch.setattr(spool, "DRAIN_ROWS", 0)  # one file of events, and one of all else, at a time
    message = {"event": "opened", "message_key": "m", "send_key": "s", "medium": "email", "at": LEAD["at"]}
    for key in ("m1", "m2"):
        assert call("POST", "/facts/message_event", [{**message, "key": key}]).status_code == 202
    call("POST", "/facts/lead_event", [LEAD])
    seen, publish = [], spool.journal.publish

    def watched(lake):
        snapshot = publish(lake)
        seen.append(tuple(len(held(lake, fact)) for fact in ("lead_event", "message_event")))
        return snapshot

    monkeypatch.setattr(spool.journal, "publish", watched)
    assert spool.drain(shop) == 3
    assert seen == [(1, 0), (1, 1), (1, 2)]


def test_more_than_the_worker_takes_in_waits_at_the_door(call, monkeypatch):
    monkeypatch.setattr(spool, "MOST_FILES", 1)
    assert call("POST", "/facts/lead_event", [LEAD]).status_code == 202
    answer = call("POST", "/facts/lead_event", [LEAD])
    assert (answer.status_code, answer.json()["code"]) == (429, "spool_full")


def test_a_file_that_cant_be_read_is_set_aside_and_holds_up_no_other(call, lake, shop, settings):
    call("POST", "/facts/lead_event", [LEAD])
    inbox = settings.SPOOL / shop.slug / "in"
    (inbox / "00000000000000000000-broken.lead_event.arrow").write_bytes(b"half a file")
    assert spool.drain(shop) == 1
    assert [row["key"] for row in held(lake, "lead_event")] == ["api:e1"]
    assert [path.name for path in (inbox.parent / "aside").iterdir()] == [
        "00000000000000000000-broken.lead_event.arrow"
    ]
    assert spool.waiting() == []
