"""Visits made of web events: the same whatever the order in which the events arrive, and against a plain oracle."""

from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from topline.connectors import visit
from topline.facts.table import tables
from topline.facts.web_event import Event

START = datetime(2026, 5, 4, tzinfo=UTC)
SCHEMA = tables()["web_event"].schema
EVENTS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.integers(0, 300),
        st.sampled_from([event.value for event in Event]),
        st.sampled_from([None, "direct", "email"]),
    ),
    min_size=1,
    max_size=25,
)


def row(place, session, minute, event, channel):
    at = START + timedelta(minutes=minute)
    named = {"session_key": f"s{session}", "visitor_key": f"v{session}", "channel": channel, "page": f"/{place}"}
    same = {"key": f"web:{place:03}", "version": 1, "recorded_at": START, "batch_id": "b"}
    return {**dict.fromkeys(SCHEMA.names), **same, **named, "event": event, "at": at, "on": at.date(), "hour": at.hour}


def oracle(rows):
    """The sessions, event by event."""
    found = {}
    for each in sorted(rows, key=lambda r: (r["at"], r["key"])):
        s = found.setdefault(
            each["session_key"],
            {
                "first": each["at"],
                "channel": None,
                "views": 0,
                "orders": 0,
                "furthest": 0,
                "landing_page": each["page"],
            },
        )
        s["channel"] = s["channel"] or each["channel"]
        s["last"] = each["at"]
        s["views"] += each["event"] == "page_view"
        s["orders"] += each["event"] == "purchase"
        if s["furthest"] < 4 and each["event"] == visit.STEPS[s["furthest"]]:
            s["furthest"] += 1
    return found


@settings(max_examples=40, deadline=None)
@given(EVENTS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(drawn, random):
    rows = [row(place, *each) for place, each in enumerate(drawn)]
    shuffled = random.sample(rows, len(rows)) + random.sample(rows, len(rows) // 2)  # some arrive twice
    one = visit.sessions(pa.Table.from_pylist(rows, SCHEMA)).to_pylist()
    assert visit.sessions(pa.Table.from_pylist(shuffled, SCHEMA)).to_pylist() == one
    expected = oracle(rows)
    assert {s["session_key"] for s in one} == set(expected)
    for s in one:
        wanted = expected[s["session_key"]]
        assert s["key"] == f"web:{s['session_key']}"
        assert {name: s[name] for name in ("channel", "views", "orders", "furthest", "landing_page")} == {
            name: wanted[name] for name in ("channel", "views", "orders", "furthest", "landing_page")
        }
        assert s["at"] == wanted["first"]
        assert s["duration_seconds"] == (wanted["last"] - wanted["first"]).total_seconds()


@settings(max_examples=40, deadline=None)
@given(EVENTS, st.randoms(use_true_random=False))
def test_a_visit_ends_after_half_an_hour_without_an_event(drawn, random):
    rows = [row(place, *each) for place, each in enumerate(drawn)]
    random.shuffle(rows)
    cursor = duckdb.connect()
    cursor.register("sent", pa.Table.from_pylist(rows, SCHEMA).select(["visitor_key", "at", "key"]))
    named = dict(cursor.sql(visit.split("sent", "key")).fetchall())
    last = {}
    names = {}
    for each in sorted(rows, key=lambda r: (r["at"], r["key"])):
        visitor, at = each["visitor_key"], each["at"]
        if visitor not in last or at - last[visitor] >= timedelta(minutes=30):
            names[visitor] = (visitor, at)
        last[visitor] = at
        each["visit"] = names[visitor]
    assert len({each["visit"] for each in rows}) == len(set(named.values()))
    for each in rows:
        for other in rows:
            assert (named[each["key"]] == named[other["key"]]) == (each["visit"] == other["visit"])
