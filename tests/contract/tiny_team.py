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
    ("net_sales", date(2024, 1, 15), "40", "kitchen", "web", "DE", None, None),
    ("net_sales", date(2024, 2, 10), "300", "living", "web", "DE", None, None),
    ("net_sales", date(2024, 3, 31), "100", "home", "web", "GB", None, None),
    ("net_sales", date(2024, 4, 28), "50", "kitchen", "app", "DE", None, None),
    ("net_sales", date(2025, 1, 20), "70", "living", "app", "DE", None, None),
    ("orders", date(2024, 1, 15), "4", None, "web", "DE", None, None),
)

_SHIPMENTS = (
    # order, warehouse, carrier, channel, market, ordered, promised, shipped, delivered, complete, right, reason
    (
        "A1",
        "hub",
        "post",
        "web",
        "DE",
        date(2024, 1, 10),
        date(2024, 1, 12),
        date(2024, 1, 11),
        date(2024, 1, 12),
        1,
        1,
    ),
    ("B1", "hub", "van", "app", "GB", date(2024, 1, 31), date(2024, 2, 2), date(2024, 2, 2), date(2024, 2, 6), 1, 0),
    ("G1", "dock", "post", "web", "DE", date(2024, 2, 3), None, date(2024, 2, 5), date(2024, 2, 6), 1, 1),
    ("A2", "dock", "van", "web", "DE", date(2024, 2, 29), date(2024, 3, 4), date(2024, 3, 4), date(2024, 3, 4), 0, 1),
    ("A2", "dock", "van", "web", "DE", date(2024, 2, 29), date(2024, 3, 8), date(2024, 3, 7), date(2024, 3, 8), 1, 1),
    ("B2", "hub", "post", "web", "GB", date(2024, 3, 28), date(2024, 4, 4), date(2024, 4, 2), None, 1, 1),
    ("A3", "hub", None, "app", "DE", date(2025, 1, 7), date(2025, 1, 20), date(2025, 1, 8), None, 1, 1),
)
_COSTS = (
    # day, order, kind, warehouse, carrier, market, amount
    (date(2024, 1, 11), "A1", "pick", "hub", "post", "DE", "2"),
    (date(2024, 1, 11), "A1", "ship", "hub", "post", "DE", "4"),
    (date(2024, 2, 2), "B1", "ship", "hub", "van", "GB", "6.5"),
    (date(2024, 2, 9), "B1", "error", "hub", "van", "GB", "3"),
    (date(2024, 3, 4), "A2", "ship", "dock", "van", "DE", "30"),
)
_LEVELS = (
    # product, warehouse, market, day, on hand, reserved, is sellable, unit cost
    ("mug", "hub", "DE", date(2024, 1, 10), 10, 0, True, "4"),
    ("mug", "hub", "DE", date(2024, 1, 11), 3, 3, True, "4"),
    ("mug", "hub", "DE", date(2024, 1, 12), 0, 2, True, "4"),
    ("mug", "hub", "DE", date(2024, 1, 13), 0, 3, True, "4"),
    ("mug", "hub", "DE", date(2024, 2, 3), 20, 0, True, "4"),
    ("mug", "dock", "DE", date(2024, 1, 10), 5, 0, False, "4"),
    ("mug", "dock", "DE", date(2024, 3, 1), 6, 1, True, "4"),
    ("lamp", "hub", None, date(2024, 1, 10), 2, 0, True, "14"),
    ("lamp", "hub", None, date(2024, 4, 1), 0, 0, True, "14"),
    ("sofa", "dock", None, date(2024, 3, 1), 1, 0, True, "250"),
    ("sofa", "dock", None, date(2024, 4, 2), 0, 0, False, "250"),
)
_STOCK_COUNTS = (
    # product, warehouse, day, recorded, counted
    ("mug", "hub", date(2024, 1, 31), 10, 10),
    ("lamp", "hub", date(2024, 1, 31), 5, 4),
    ("sofa", "dock", date(2024, 3, 1), 2, 2),
    ("mug", "dock", date(2024, 3, 1), 8, 11),
)
_TALKS = (
    # day, hour, minutes to the first reply, to the end, contacts, channel, reason, owner, market, order
    (date(2024, 1, 12), 9, 30, 120, 1, "mail", "delivery", "zoe", "DE", "A1"),
    (date(2024, 2, 7), 20, 600, None, 3, "mail", "return", "zoe", "DE", "A1"),
    (date(2024, 2, 8), 8, 15, 45, 1, "chat", "delivery", "max", "GB", "B1"),
    (date(2024, 4, 3), 23, None, None, 1, "chat", None, None, "GB", None),
)
_BUDGETS = (
    # day, channel, campaign, market, kind, planned, committed
    (date(2024, 1, 1), "web", "winter", "DE", "ads", "50", "0"),
    (date(2024, 1, 1), "app", None, "GB", "ads", "10", "0"),
    (date(2024, 3, 1), "web", "spring", "GB", "content", "60", "12"),
    (date(2025, 2, 1), "web", None, "DE", "tools", "40", "40"),
)
_HOURS = (
    ("growth", date(2024, 1, 1), 40.0, 30.0),
    ("growth", date(2024, 1, 8), 40.0, 50.0),
    ("sales", date(2024, 1, 8), 80.0, 20.0),
)
_FORECASTS = (
    # run, as of, month, category, market, metric, mean
    ("early", date(2024, 1, 1), date(2024, 1, 1), None, None, "net_sales", 70.0),
    ("early", date(2024, 1, 1), date(2024, 2, 1), None, None, "net_sales", 300.0),
    ("early", date(2024, 1, 1), date(2024, 3, 1), None, None, "net_sales", 100.0),
    ("later", date(2024, 2, 1), date(2024, 2, 1), None, None, "net_sales", 400.0),
    ("later", date(2024, 2, 1), date(2024, 3, 1), None, None, "net_sales", 150.0),
    ("later", date(2024, 2, 1), date(2024, 2, 1), None, "DE", "net_sales", 380.0),
    ("later", date(2024, 2, 1), date(2024, 2, 1), "living", None, "net_sales", 390.0),
    ("late", date(2024, 3, 10), date(2024, 3, 1), None, None, "net_sales", 91.0),
    ("late", date(2024, 3, 10), date(2024, 4, 1), None, None, "net_sales", 20.0),
    ("late", date(2024, 3, 10), date(2024, 4, 1), None, None, "orders", 3.0),
    ("last", date(2024, 12, 31), date(2025, 1, 1), None, None, "net_sales", 500.0),
)

SIGNED_IN = {"s0": "ann", "s2": "bob-phone", "s4": "dan"}
"""Who was signed in on the tiny shop's visits."""


def facts() -> dict[str, list[dict[str, Any]]]:
    """The team's facts by name, without the columns that are the same for all."""
    return {
        "lead_event": [_lead(*row) for row in _LEADS],
        "deal_stage": [deal_row(i, *row) for i, row in enumerate(_DEALS)],
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
        "fulfilment": [
            {"fulfilment_key": f"f{i}", "order_key": order, "warehouse": warehouse, "carrier": carrier}
            | {"channel": channel, "market": market, "ordered_on": ordered, "promised_on": promised}
            | {"shipped_on": shipped, "delivered_on": delivered, "on": shipped}
            | {"is_complete": bool(complete), "is_right": bool(right), "reason": None if right else "wrong item"}
            for i, (
                order,
                warehouse,
                carrier,
                channel,
                market,
                ordered,
                promised,
                shipped,
                delivered,
                complete,
                right,
            ) in enumerate(_SHIPMENTS)
        ],
        "fulfilment_cost": [
            {"on": on, "order_key": order, "kind": kind, "warehouse": warehouse, "carrier": carrier, "market": market}
            | {"amount_shop": Decimal(amount)}
            for on, order, kind, warehouse, carrier, market, amount in _COSTS
        ],
        "stock_level": [
            {"product_key": product, "warehouse": warehouse, "market": market, "on": on, "on_hand": Decimal(on_hand)}
            | {"reserved": Decimal(reserved), "is_sellable": sellable, "unit_cost_shop": Decimal(cost)}
            for product, warehouse, market, on, on_hand, reserved, sellable, cost in _LEVELS
        ],
        "stock_count": [
            {"product_key": product, "warehouse": warehouse, "on": on}
            | {"recorded": Decimal(recorded), "counted": Decimal(counted)}
            for product, warehouse, on, recorded, counted in _STOCK_COUNTS
        ],
        "support_conversation": [_talk(i, *row) for i, row in enumerate(_TALKS)],
        "planned_spend": [
            {"plan_version": "1.1", "on": on, "channel": channel, "campaign": campaign, "market": market, "kind": kind}
            | {"amount_shop": Decimal(planned), "committed_shop": Decimal(committed)}
            for on, channel, campaign, market, kind, planned, committed in _BUDGETS
        ],
        "capacity": [
            {"team": team, "on": on, "available_hours": available, "planned_hours": planned}
            for team, on, available, planned in _HOURS
        ],
        "forecast": [
            {"run_key": run, "as_of": as_of, "on": on, "grain": "month", "category": category, "market": market}
            | {
                "metric": metric,
                "low": mean,
                "mean": mean,
                "high": mean,
                "level": 0.8,
                "snapshot": 1,
                "model": "stated",
            }
            for run, as_of, on, category, market, metric, mean in _FORECASTS
        ],
    }


def _talk(
    number: int,
    on: date,
    hour: int,
    reply: int | None,
    end: int | None,
    contacts: int,
    channel: str,
    reason: str | None,
    owner: str | None,
    market: str,
    order: str | None,
) -> dict[str, Any]:
    opened = _moment(on, hour)
    at = opened["at"]
    return opened | {
        "conversation_key": f"c{number}",
        "order_key": order,
        "channel": channel,
        "reason": reason,
        "owner": owner,
        "market": market,
        "contacts": contacts,
        "first_reply_at": None if reply is None else at + timedelta(minutes=reply),
        "resolved_at": None if end is None else at + timedelta(minutes=end),
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
    of["form"] = {"l1": "/contact", "l3": "fair"}.get(lead)
    return {"lead_key": lead, "event": event, "customer_key": customer} | of | _moment(on, 9)


def deal_row(
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
