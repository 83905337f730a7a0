"""The tiny shop's team: five leads, seven deals, what was shipped, stocked, counted, asked, planned and forecast.

| lead | created | owner | what became of it |
|---|---|---|---|
| l1 | 2024-01-03 | mia | consented 01-03, qualified 01-08, converted 01-10 (ann) |
| l2 | 2024-01-20 | tom | lost 02-09 |
| l3 | 2024-02-01 | mia | qualified 02-03, converted 03-31 (bob) |
| l4 | 2024-02-20 | none | open |
| l5 | 2024-03-10 | tom | lost 03-20, taken up again 04-01, converted 04-28 (dan) |

| deal | created | course |
|---|---|---|
| k1 | 2024-01-05 | new, talk 01-12, offer 01-20, won 02-02 for 120; of lead l1, mia's |
| k2 | 2024-01-15 | new, offer 02-10 (a skip), talk 02-20 (a step back), lost 03-05 on price; tom's |
| k3 | 2024-02-05 | new, talk 02-15; open, expected 2024-03-01; mia's |
| k4 | 2024-03-01 | won the same day for 50 (a skip); tom's |
| k5 | 2024-03-12 | new, talk 04-02 (from mia to tom), lost 04-20, talk 05-02, won 06-10 for 380; 3 : 1 with mia |
| k6 | 2024-06-20 | new, no probability, nobody's; open |
| k7 | 2024-12-01 | new, a value of 10 that becomes 30 on 12-20; open; tom's |
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

_LEADS = (
    # lead, event, day, owner, channel, campaign, market, product line, customer
    ("l1", "created", date(2024, 1, 3), "mia", "web", "winter", "DE", "home", None),
    ("l1", "consented", date(2024, 1, 3), "mia", "web", "winter", "DE", "home", None),
    ("l1", "qualified", date(2024, 1, 8), "mia", "web", "winter", "DE", "home", None),
    ("l1", "converted", date(2024, 1, 10), "mia", "web", "winter", "DE", "home", "ann"),
    ("l2", "created", date(2024, 1, 20), None, "app", None, "GB", None, None),
    ("l2", "lost", date(2024, 2, 9), "tom", "app", None, "GB", None, None),
    ("l3", "created", date(2024, 2, 1), "tom", "web", "spring", "GB", "kitchen", None),
    ("l3", "qualified", date(2024, 2, 3), "mia", None, None, None, None, None),
    ("l3", "converted", date(2024, 3, 31), "mia", None, None, None, None, "bob-phone"),
    ("l4", "created", date(2024, 2, 20), None, "web", None, "DE", None, None),
    ("l5", "created", date(2024, 3, 10), "tom", "app", None, "DE", "kitchen", None),
    ("l5", "lost", date(2024, 3, 20), "tom", "app", None, "DE", "kitchen", None),
    ("l5", "qualified", date(2024, 4, 1), "tom", "app", None, "DE", "kitchen", None),
    ("l5", "converted", date(2024, 4, 28), "tom", "app", None, "DE", "kitchen", "dan"),
)

_HEADS = {
    # deal: created, territory, channel, market, product line, lead, customer
    "k1": (date(2024, 1, 5), "north", "web", "DE", "home", "l1", "ann"),
    "k2": (date(2024, 1, 15), "south", "app", "GB", "kitchen", None, None),
    "k3": (date(2024, 2, 5), "north", "web", "DE", "kitchen", None, None),
    "k4": (date(2024, 3, 1), "south", "web", "GB", None, None, "eve"),
    "k5": (date(2024, 3, 12), "south", "app", "DE", "home", "l3", None),
    "k6": (date(2024, 6, 20), None, None, None, None, None, None),
    "k7": (date(2024, 12, 1), "south", "app", "DE", "home", None, None),
}
_PLACES = ("new", "talk", "offer", "won")
_DEALS = (
    # deal, stage, day, value, probability, expected close, owner
    ("k1", "new", date(2024, 1, 5), 100, "0.1", None, "mia"),
    ("k1", "talk", date(2024, 1, 12), 100, "0.3", None, "mia"),
    ("k1", "offer", date(2024, 1, 20), 120, "0.6", date(2024, 2, 1), "mia"),
    ("k1", "won", date(2024, 2, 2), 120, "1", None, "mia"),
    ("k2", "new", date(2024, 1, 15), 200, "0.1", None, "tom"),
    ("k2", "offer", date(2024, 2, 10), 200, "0.6", None, "tom"),
    ("k2", "talk", date(2024, 2, 20), 200, "0.3", None, "tom"),
    ("k2", "lost", date(2024, 3, 5), 200, "0", None, "tom"),
    ("k3", "new", date(2024, 2, 5), 300, "0.1", None, "mia"),
    ("k3", "talk", date(2024, 2, 15), 300, "0.3", date(2024, 3, 1), "mia"),
    ("k4", "new", date(2024, 3, 1), 50, "0.1", None, "tom"),
    ("k4", "won", date(2024, 3, 1), 50, "1", None, "tom"),
    ("k5", "new", date(2024, 3, 12), 400, "0.1", None, "mia"),
    ("k5", "talk", date(2024, 4, 2), 400, "0.3", None, "tom"),
    ("k5", "lost", date(2024, 4, 20), 400, "0", None, "tom"),
    ("k5", "talk", date(2024, 5, 2), 400, "0.3", None, "tom"),
    ("k5", "won", date(2024, 6, 10), 380, "1", None, "tom"),
    ("k6", "new", date(2024, 6, 20), 90, None, None, None),
    ("k7", "new", date(2024, 12, 1), 10, "0.1", None, "tom"),
    ("k7", "new", date(2024, 12, 20), 30, "0.1", None, "tom"),
)
_CREDITS = (("k5", "tom", "0.75"), ("k5", "mia", "0.25"))

_ACTIVITIES = (
    # day, hour, kind, owner, territory, is done
    (date(2024, 1, 8), 9, "call", "mia", "north", True),
    (date(2024, 1, 12), 14, "meeting", "mia", "north", True),
    (date(2024, 2, 20), 9, "call", "tom", "south", True),
    (date(2024, 3, 4), 10, "task", "tom", None, False),
)

_TARGETS = (
    # metric, day, amount, category, channel, market, owner, territory
    ("won_value", date(2024, 1, 1), "150", None, "web", "DE", "mia", "north"),
    ("won_value", date(2024, 2, 1), "100", None, "web", "DE", "mia", "north"),
    ("won_value", date(2024, 3, 1), "80", None, None, "GB", "tom", "south"),
    ("won_value", date(2024, 6, 1), "320", None, "app", "DE", "tom", "south"),
)

SIGNED_IN = {"s0": "ann", "s2": "bob-phone", "s4": "dan"}
"""Who was signed in on the tiny shop's visits."""


def facts() -> dict[str, list[dict[str, Any]]]:
    """The team's facts by name, without the columns that are the same for all."""
    return {
        "lead_event": [_lead(*row) for row in _LEADS],
        "deal_stage": [_deal(i, *row) for i, row in enumerate(_DEALS)],
        "deal_credit": [{"deal_key": deal, "owner": who, "share": Decimal(share)} for deal, who, share in _CREDITS],
        "target": [
            {"plan_version": "1.1", "metric": metric, "on": on, "amount": Decimal(amount)}
            | {"category": category, "channel": channel, "market": market, "owner": owner, "territory": territory}
            for metric, on, amount, category, channel, market, owner, territory in _TARGETS
        ],
        "activity": [
            {"activity_key": f"a{i}", "kind": kind, "owner": owner, "territory": territory, "is_done": done}
            | _moment(on, hour)
            for i, (on, hour, kind, owner, territory, done) in enumerate(_ACTIVITIES)
        ],
    }


def _lead(
    lead: str,
    event: str,
    on: date,
    owner: str | None,
    channel: str | None,
    campaign: str | None,
    market: str | None,
    line: str | None,
    customer: str | None,
) -> dict[str, Any]:
    of = {"channel": channel, "campaign": campaign, "market": market, "owner": owner, "product_line": line}
    return {"lead_key": lead, "event": event, "customer_key": customer} | of | _moment(on, 9)


def _deal(
    number: int,
    deal: str,
    stage: str,
    on: date,
    value: int,
    probability: str | None,
    expected: date | None,
    owner: str | None,
) -> dict[str, Any]:
    created, territory, channel, market, line, lead, customer = _HEADS[deal]
    return {
        "key": f"deal:{number:02}",
        "deal_key": deal,
        "stage": stage,
        "position": 3 if stage == "lost" else _PLACES.index(stage),
        "state": stage if stage in ("won", "lost") else "open",
        "probability": None if probability is None else Decimal(probability),
        "value_shop": Decimal(value),
        "currency": "EUR",
        "expected_close": expected,
        "owner": owner,
        "territory": territory,
        "channel": channel,
        "market": market,
        "product_line": line,
        "lead_key": lead,
        "customer_key": customer,
        "reason": "price" if stage == "lost" and deal == "k2" else None,
        "created_on": created,
    } | _moment(on, 9)


def _moment(on: date, hour: int) -> dict[str, Any]:
    return {"at": datetime(on.year, on.month, on.day, tzinfo=UTC) + timedelta(hours=hour), "on": on, "hour": hour}
