"""The tracking script and its collector: what is kept of a visitor, and what never."""

import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from topline.imports import events, jobs, spool
from topline.lake import engine
from topline.web import collector

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1"


class Door:
    """The collector as a browser meets it."""

    def __init__(self, shop, monkeypatch):
        collector._salt.cache_clear()
        self.now = datetime(2026, 5, 4, 10, tzinfo=UTC)
        self.shop = shop
        self.app = collector.Collector(lambda environ, start: start("299 Behind", []) or [b"behind"])
        monkeypatch.setattr(collector, "datetime", self)
        self.fromisoformat = datetime.fromisoformat

    def __call__(self, sent, *, address="192.0.2.7", agent=FIREFOX, method="POST", key=None, **headers):
        content = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": f"/t/{key or collector.site_key(self.shop)}",
            "CONTENT_LENGTH": str(len(content)),
            "REMOTE_ADDR": address,
            "HTTP_USER_AGENT": agent,
            "wsgi.input": io.BytesIO(content),
            **headers,
        }
        said = []
        self.app(environ, lambda status, headers: said.append((status, dict(headers))))
        return int(said[0][0][:3])

    def now_(self):
        return self.now


@pytest.fixture
def door(shop, monkeypatch):
    made = Door(shop, monkeypatch)

    class Clock:
        @staticmethod
        def now(zone):
            return made.now

    monkeypatch.setattr(collector, "datetime", Clock)
    yield made
    made.app._writer.close(0)


def drained(door, fact="web_event"):
    door.app._writer.close(0)
    jobs.drain_spool()
    lake = door.shop.lake()
    snapshot = lake.latest()
    return engine.execute(engine.table(lake, fact, snapshot).order_by("at", "key")).to_pylist() if snapshot else []


def view(path="/", referrer="", **more):
    return {"e": "page_view", "u": f"https://gifts.example{path}", "r": referrer, **more}


def test_a_visit_becomes_events_and_a_session(door):
    assert door(view("/?utm_source=google&utm_medium=cpc&utm_campaign=spring")) == 204
    for minutes, sent in (
        (1, view("/mugs/a1", "https://gifts.example/")),
        (2, {"e": "product_view", "u": "https://gifts.example/mugs/a1", "d": {"product_key": "A1"}}),
        (
            3,
            {
                "e": "add_to_cart",
                "u": "https://gifts.example/mugs/a1",
                "d": {"product_key": "A1", "quantity": 2, "value": 9.98, "currency": "GBP"},
            },
        ),
    ):
        door.now = datetime(2026, 5, 4, 10, minutes, tzinfo=UTC)
        assert door(sent) == 204
    found = drained(door)
    assert [row["event"] for row in found] == ["page_view", "page_view", "product_view", "add_to_cart"]
    assert [row["page"] for row in found] == ["/", "/mugs/a1", "/mugs/a1", "/mugs/a1"]
    assert (found[3]["product_key"], int(found[3]["quantity"]), str(found[3]["value_shop"])) == ("A1", 2, "9.980000")
    (session,) = drained(door, "session")
    assert (session["channel"], session["campaign"], session["device"]) == ("paid_search", "spring", "desktop")
    assert (session["views"], session["duration_seconds"], session["carts"], session["furthest"]) == (2, 180, 1, 2)
    assert (session["at"], session["hour"]) == (datetime(2026, 5, 4, 10, tzinfo=UTC), 11)


def test_a_session_grows_from_drain_to_drain_and_ends_after_half_an_hour(door):
    door(view("/"))
    (first,) = drained(door, "session")
    door.now += timedelta(minutes=29)
    door(view("/b"))
    (second,) = drained(door, "session")
    assert first["session_key"] == second["session_key"]
    assert (first["views"], second["views"]) == (1, 2)
    door.now += timedelta(minutes=30)
    door(view("/c"))
    assert [row["views"] for row in drained(door, "session")] == [2, 1]


def test_without_consent_a_visitor_lasts_a_day_and_no_address_is_kept(door, settings):
    for day, address in ((4, "192.0.2.7"), (4, "192.0.2.8"), (5, "192.0.2.7")):
        door.now = datetime(2026, 5, day, 10, tzinfo=UTC)
        assert door(view("/"), address=address) == 204
    door.app._writer.close(0)
    kept = b"".join(path.read_bytes() for path in Path(settings.SPOOL).rglob("*.jsonl"))
    assert b"page_view" in kept
    assert b"192.0.2" not in kept
    assert b"Firefox" not in kept
    assert len({row["visitor_key"] for row in drained(door)}) == 3
    assert [path.name for path in (Path(settings.SPOOL) / ".salt").iterdir()] == ["2026-05-05"]


def test_with_consent_a_visitor_is_known_again(door, shop):
    door(view("/", v="abcdefghij", c="17"))
    door.now += timedelta(days=3)
    door(view("/", v="abcdefghij"), address="198.51.100.1", agent=PHONE)
    door(view("/", c="17"))
    found = drained(door)
    assert len({row["visitor_key"] for row in found}) == 2
    assert found[0]["visitor_key"] == shop.hmac("web", "abcdefghij")
    assert found[0]["customer_key"] == shop.hmac("file", "17")
    assert sum(row["customer_key"] is not None for row in found) == 1, "no customer without consent"


@pytest.mark.parametrize(
    "headers",
    [{"HTTP_DNT": "1"}, {"HTTP_SEC_GPC": "1"}, {"agent": ""}, {"agent": "Googlebot/2.1"}, {"agent": "curl/8"}],
)
def test_who_asks_not_to_be_counted_and_bots_are_not(door, headers):
    assert door(view("/"), **headers) == 204
    assert drained(door) == []


def test_the_same_event_sent_twice_counts_once(door):
    door(view("/", k="l2abcdefgh"))
    door.now += timedelta(seconds=2)
    door(view("/", k="l2abcdefgh"))
    drained(door)
    door(view("/", k="l2abcdefgh"))
    assert len(drained(door)) == 1
    (session,) = drained(door, "session")
    assert session["views"] == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"\x00\xff", 400),
        (b"[" * 9_000, 400),
        ({"e": "stolen"}, 400),
        ({"e": []}, 400),
        ([view("/")] * 21, 400),
        ([1], 400),
        (b"x" * 20_000, 413),
    ],
)
def test_what_is_no_event(door, sent, status):
    assert door(sent) == status


def test_whatever_stands_in_an_event_a_fact_comes_of_it(door):
    """Nothing that was acknowledged is refused later."""
    wild = [
        None,
        0,
        -1,
        1e300,
        float("nan"),
        True,
        [],
        {},
        "",
        "\0",
        "a@b.example",
        "+44 20 7946 0958",
        "=1+1",
        "x" * 1_200,
        "a%40b.example",
        "half a letter \ud83d",
        "http://[",
    ]
    for value in wild:
        details = {"product_key": value, "order_key": value, "quantity": value, "value": value, "currency": "GBP"}
        sent = {"e": "purchase", "u": value, "r": value, "v": value, "c": value, "m": value, "k": value, "d": details}
        assert door(sent) == 204, value
        assert door({"e": "purchase", "u": f"https://x.example/o/{value}?utm_medium={value}", "d": value}) == 204
    found = drained(door)
    assert len(found) == 2 * len(wild)
    private = re.compile("@|%40|7946.{0,3}0958")
    assert not any(private.search(str(value)) for row in found for value in row.values())


def test_other_doors(door):
    assert door(b"", method="GET") == 405
    assert door(b"", method="OPTIONS") == 204
    assert door(view("/"), key="nowhere") == 404
    said = []
    assert door.app({"PATH_INFO": "/shop/"}, lambda *a: said.append(a)) == [b"behind"]


def test_a_shop_sends_so_much_and_not_more(door, monkeypatch):
    monkeypatch.setattr(collector, "PER_SECOND", 0)
    monkeypatch.setattr(collector, "AT_ONCE", 5)
    assert [door([view("/")] * 2) for _ in range(3)] == [204, 204, 429]


def test_a_full_disk_is_no_acknowledgement(door, monkeypatch):
    def fail(self, lines):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(events._File, "append", fail)
    assert door(view("/")) == 503


@pytest.mark.parametrize(
    ("query", "referrer", "channel"),
    [
        ("", "", "direct"),
        ("", "https://www.google.co.uk/", "organic_search"),
        ("", "https://l.instagram.com/x", "organic_social"),
        ("", "https://t.co/x", "organic_social"),
        ("", "https://blog.example/", "referral"),
        ("", "https://www.gifts.example/mugs", None),
        ("gclid=1", "https://www.google.com/", "paid_search"),
        ("utm_source=facebook&utm_medium=cpc", "", "paid_social"),
        ("utm_source=bing&utm_medium=cpc", "", "paid_search"),
        ("utm_medium=email", "", "email"),
        ("utm_medium=affiliate&utm_source=x", "", "affiliate"),
        ("utm_source=instagram&utm_medium=social", "", "organic_social"),
    ],
)
def test_where_a_visit_comes_from(query, referrer, channel):
    assert collector.came_from(query, "gifts.example", referrer)[0] == channel


def test_the_script_is_small_and_asks_before_it_keeps_anything(door):
    said = []
    (content,) = door.app({"PATH_INFO": "/t.js"}, lambda status, headers: said.append((status, dict(headers))))
    assert said[0][0] == "200 OK"
    assert len(content) < 3_000
    assert b"cookie" not in content
    assert b"globalPrivacyControl" in content
    (packed,) = door.app({"PATH_INFO": "/t.js", "HTTP_ACCEPT_ENCODING": "gzip"}, lambda *a: None)
    assert len(packed) < 1_000


def test_a_file_that_a_dead_process_left_is_taken(door, shop, settings):
    folder = Path(settings.SPOOL) / shop.slug / "in"
    folder.mkdir(parents=True)
    line = {"key": "k1", "version": 1, "event": "page_view", "at": "2026-05-04T10:00:00+00:00", "visitor_key": "v"}
    text = json.dumps(line) + "\n" + json.dumps({**line, "key": "k2"})
    (folder / "1-x.web_event.open").write_text(text)
    assert [row["key"] for row in drained(door)] == ["web:k1"], "what has no end was never acknowledged"


def test_a_file_that_a_living_process_writes_waits(door, shop):
    door(view("/"))
    assert spool.drain(shop) == 0
    assert len(drained(door)) == 1


def test_a_file_that_is_closed_while_a_drain_looks_at_it_comes_with_the_next(door, monkeypatch):
    door(view("/"))

    def closed(path):
        door.app._writer.close(0)
        return True

    with monkeypatch.context() as patched:
        patched.setattr(spool, "_is_left", closed)
        assert spool.drain(door.shop) == 0
    assert len(drained(door)) == 1
