"""What people did on the tiny shop's pages, with its messages, posts and content, and what they think of it.

Visits: v1 came twice and bought once, v2 twice and bought twice, v3 once and bought twice in one visit, v4 came to the
checkout, v5 filled a cart without seeing a product, v6's steps nobody counted. Seven visits have known steps: five of
them see a product, five fill a cart after it, five come to the checkout, four order.

Messages: three of five were delivered, m1 (ann), m2 and m4 (bob, under his two keys). Ann opened and clicked hers, bob
clicked m4; m2 was opened and clicked by machines only. /mugs stands in both mailings, /sale in the first alone: it was
shown to both people, /mugs too, and both clicked /mugs. The leads are the team's.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from contract import tiny_team

BERLIN = ZoneInfo("Europe/Berlin")

_SESSIONS = (
    # day, hour, visitor, channel, campaign, market, device, page; views, seconds, carts, checkouts, orders,
    # product views, sign-ups, downloads, chats, furthest
    (date(2024, 1, 10), 9, "v1", "web", "winter", "DE", "desktop", "/", (5, 300, 1, 1, 1, 2, 0, 0, 0, 4)),
    (date(2024, 1, 11), 20, "v1", "web", None, "DE", "phone", "/lamps", (1, 8, 0, 0, 0, 0, 0, 0, 0, 0)),
    (date(2024, 1, 31), 23, "v2", "app", None, "GB", "phone", "/", (3, 60, 1, 1, 1, 1, 1, 0, 0, 4)),
    (date(2024, 3, 31), 3, "v2", "web", "spring", "GB", "desktop", "/lamps", (4, 90, 1, 1, 1, 1, 0, 1, 0, 4)),
    (date(2024, 10, 27), 2, "v3", "app", None, "DE", "phone", "/", (2, 40, 1, 1, 2, 1, 0, 0, 0, 4)),
    (date(2024, 2, 10), 11, "v4", "web", "winter", "DE", "phone", "/", (2, 30, 1, 1, 0, 1, 0, 0, 1, 3)),
    (date(2024, 4, 2), 15, "v5", "app", "spring", "DE", "desktop", "/sofas", (1, 11, 1, 0, 0, 0, 0, 0, 0, 0)),
    (date(2024, 4, 20), 6, "v6", None, None, None, None, None, (1, 10, 0, 0, 0, None, None, None, None, None)),
)

_EVENTS = (
    # event, visit, page, product; the rest is the visit's
    ("page_view", 0, "/", None),
    ("product_view", 0, "/mugs", "mug"),
    ("page_view", 0, "/mugs", None),
    ("add_to_cart", 0, "/mugs", "mug"),
    ("purchase", 0, "/thanks", None),
    ("page_view", 1, "/lamps", None),
    ("page_view", 5, "/", None),
    ("page_view", 7, None, None),
    ("page_view", 4, "/", None),
)

_MESSAGES = (
    # message, mailing, customer, lead, medium, campaign, market, and its events: what, day, hour, link, is a machine
    ("m1", "first", "ann", None, "email", "winter", "DE", (
        ("sent", date(2024, 1, 8), 9, None, False),
        ("delivered", date(2024, 1, 8), 9, None, False),
        ("opened", date(2024, 1, 8), 9, None, True),
        ("opened", date(2024, 1, 9), 8, None, False),
        ("opened", date(2024, 1, 10), 8, None, False),
        ("clicked", date(2024, 1, 9), 8, "/mugs", False),
    )),
    ("m2", "first", "bob", None, "email", "winter", "GB", (
        ("sent", date(2024, 1, 8), 9, None, False),
        ("delivered", date(2024, 1, 8), 10, "/sale", False),
        ("opened", date(2024, 1, 8), 10, None, True),
        ("clicked", date(2024, 1, 8), 10, "/mugs", True),
    )),
    ("m3", "first", None, "lena", "email", "winter", "DE", (
        ("sent", date(2024, 1, 8), 9, None, False),
        ("bounced", date(2024, 1, 8), 9, None, False),
    )),
    ("m4", "second", "bob-phone", None, "sms", "spring", "GB", (
        ("sent", date(2024, 3, 31), 3, None, False),
        ("delivered", date(2024, 4, 1), 0, None, False),
        ("clicked", date(2024, 4, 2), 7, "/mugs", False),
        ("unsubscribed", date(2024, 4, 2), 7, None, False),
    )),
    ("m5", "second", "ann", None, "sms", "spring", "DE", (("sent", date(2024, 3, 31), 3, None, False),)),
)  # fmt: skip

_POSTS = (
    # post, channel, market, stage, front, day, hour, reach; likes, comments, shares, saves, other; people
    ("p1", "instagram", "DE", "top", "makers", date(2024, 1, 9), 18, 1000, (40, 5, 3, 2, 0), 44),
    ("p2", "instagram", "GB", "middle", "makers", date(2024, 2, 29), 18, 500, (10, 0, 0, 0, 5), None),
    ("p3", "linkedin", "DE", "top", None, date(2024, 2, 29), 7, None, (7, 1, 0, 0, 0), 6),
)

_FOLLOWERS = (
    ("instagram", date(2023, 12, 31), 900),
    ("instagram", date(2024, 1, 15), 940),
    ("instagram", date(2024, 1, 31), 950),
    ("linkedin", date(2024, 1, 20), 100),
    ("instagram", date(2024, 3, 31), 1010),
    ("linkedin", date(2024, 4, 5), 120),
)

_CONTENT = (
    # piece, kind, visit, visitor, is engaged, channel, market, stage, day, hour
    ("care-of-clay", "read", 0, "v1", True, "web", "DE", "top", date(2024, 1, 10), 9),
    ("care-of-clay", "share", 0, "v1", True, "web", "DE", "top", date(2024, 1, 10), 9),
    ("care-of-clay", "read", 1, "v1", False, "web", "DE", "top", date(2024, 1, 11), 20),
    ("lamp-film", "play", None, None, True, "video", "GB", "middle", date(2024, 2, 3), 21),
    ("lamp-film", "comment", None, None, True, "video", "GB", "middle", date(2024, 2, 4), 8),
    ("size-guide", "download", 3, "v2", True, "web", "GB", "bottom", date(2024, 3, 31), 3),
)

_SIGNALS = (
    ("aware_yes", "panel", "DE", date(2024, 1, 15), 30),
    ("aware_no", "panel", "DE", date(2024, 1, 15), 70),
    ("aware_yes", "panel", "GB", date(2024, 4, 15), 10),
    ("aware_no", "panel", "GB", date(2024, 4, 15), 40),
    ("branded_search", "search", "DE", date(2024, 1, 10), 12),
    ("branded_search", "search", "GB", date(2024, 2, 10), 8),
    ("mention", "news", None, date(2024, 4, 2), 3),
)

_SURVEYS = (
    # survey, score, scale, customer, was asked, day, channel, market
    ("csat", 5, None, "ann", True, date(2024, 1, 12), "mail", "DE"),
    ("csat", 3, None, "bob", True, date(2024, 2, 2), "mail", "GB"),
    ("csat", None, None, "dan", True, date(2024, 4, 30), "mail", "DE"),
    ("csat", 6, 7, "eve", False, date(2025, 1, 9), "web", "GB"),
    ("nps", 10, None, "ann", True, date(2024, 1, 12), "mail", "DE"),
    ("nps", 9, None, "bob", True, date(2024, 2, 2), "mail", "GB"),
    ("nps", 7, None, "cat", True, date(2024, 4, 9), "mail", "DE"),
    ("nps", 3, None, "dan", True, date(2024, 4, 30), "mail", "DE"),
    ("nps", None, None, "eve", True, date(2025, 1, 9), "mail", "GB"),
    ("packaging", 2, 3, "ann", True, date(2024, 1, 12), "mail", "DE"),
)

_ESTIMATES = (
    # market, category, first day, day after the last, amount, source, confidence
    (None, None, date(2024, 1, 1), date(2024, 2, 1), "600", "trade press", 0.5),
    (None, None, date(2024, 2, 1), date(2024, 3, 1), "4200", "trade press", 0.5),
    (None, None, date(2024, 2, 1), date(2024, 3, 1), "2100", "panel", 0.9),
    ("DE", None, date(2024, 2, 1), date(2024, 3, 1), "1050", "panel", 0.8),
    ("GB", "home", date(2024, 3, 1), date(2024, 4, 1), "360", "panel", 0.8),
    ("GB", "kitchen", date(2024, 3, 1), date(2024, 4, 1), "40", "panel", 0.8),
)

_SERIES = (
    ("price_premium", "DE", date(2024, 1, 15), 0.10, "price watch"),
    ("price_premium", "DE", date(2024, 4, 15), 0.20, "price watch"),
    ("price_premium", "GB", date(2024, 4, 15), -0.06, "own survey"),
    ("rainfall", None, date(2024, 4, 15), 40.0, "weather"),
)


def facts() -> dict[str, list[dict[str, Any]]]:
    """Rows by fact."""
    return {
        "session": [_session(i, *row) for i, row in enumerate(_SESSIONS)],
        "web_event": [_event(*row) for row in _EVENTS],
        "message_event": [row for message in _MESSAGES for row in _message(*message)],
        "social_post": [_post(*row) for row in _POSTS],
        "followers": [_named("channel on count", row) for row in _FOLLOWERS],
        "content_interaction": [
            _named("content_key kind session_key visitor_key is_engaged channel market stage on hour", row)
            | {"session_key": None if row[2] is None else f"s{row[2]}", "at": _at(*row[-2:])}
            for row in _CONTENT
        ],
        "brand_signal": [_named("kind channel market on count", row) for row in _SIGNALS],
        "survey_response": [
            _named("survey score scale customer_key is_asked on channel market", row) for row in _SURVEYS
        ],
        "market_estimate": [
            _named("market category on until_on amount_shop source confidence", row) | {"amount_shop": Decimal(row[4])}
            for row in _ESTIMATES
        ],
        "external_series": [_named("series market on value source", row) for row in _SERIES],
    }


def _named(names: str, row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(names.split(), row, strict=True))


def _session(number: int, *row: Any) -> dict[str, Any]:
    *head, counts = row
    found = _named("on hour visitor_key channel campaign market device landing_page", tuple(head))
    steps = "views duration_seconds carts checkouts orders product_views sign_ups downloads chats furthest"
    key = f"s{number}"
    found["customer_key"] = tiny_team.SIGNED_IN.get(key)
    return {"session_key": key, "at": _at(row[0], row[1])} | found | _named(steps, counts)


def _event(event: str, visit: int, page: str | None, product: str | None) -> dict[str, Any]:
    session = _session(visit, *_SESSIONS[visit])
    kept = ("session_key", "visitor_key", "channel", "campaign", "market", "device", "on", "hour", "at")
    return {"event": event, "page": page, "product_key": product} | {name: session[name] for name in kept}


def _message(key: str, send: str, customer: str | None, lead: str | None, *row: Any) -> list[dict[str, Any]]:
    *named, events = row
    shared = {"message_key": key, "send_key": send, "customer_key": customer, "lead_key": lead}
    shared |= _named("medium campaign market", tuple(named))
    return [
        shared | _named("event on hour link is_machine", event) | {"at": _at(event[1], event[2])} for event in events
    ]


def _post(*row: Any) -> dict[str, Any]:
    *head, counts, people = row
    found = _named("post_key channel market stage front on hour reach", tuple(head))
    return found | _named("likes comments shares saves other", counts) | {"people": people, "at": _at(row[5], row[6])}


def _at(on: date, hour: int) -> datetime:
    return datetime(on.year, on.month, on.day, hour, tzinfo=BERLIN).astimezone(UTC)
