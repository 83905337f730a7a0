"""A shop's visits and orders, few enough to follow everybody on paper."""

from datetime import date, timedelta
from typing import Any

import web_facts

DAY = timedelta(days=1)


def visit(key: str, who: str, days: float, channel: str | None, **more: Any) -> dict[str, Any]:
    at = web_facts.START + days * DAY
    return {"session_key": key, "visitor_key": who, "at": at, "channel": channel} | more


def order(key: str, days: float, amount: str, **more: Any) -> list[dict[str, Any]]:
    at = web_facts.START + days * DAY
    head = {"order_key": key, "at": at, "ordered_on": at.date()} | more
    return [head | {"kind": "goods_sold", "product_key": "mug", "amount": amount, "amount_shop": amount,
                    "cost_shop": "4", "quantity": "1"}]  # fmt: skip


# ann: mail, ads, then O1; ads, then O2. bob: search in February, too old, then mail, then O3, which is half taken back.
# A guest orders O4 in a visit from ads; nobody knows anything of O5; O6 says it came from search. cat only looks.
VISITS = (
    visit("s1", "v1", 0, "mail", campaign="spring"),
    visit("s2", "v1", 2, "ads", campaign="shoes", customer_key="ann"),
    visit("s3", "v1", 5, "ads", customer_key="ann"),
    visit("s4", "v2", -20, "search", customer_key="bob"),
    visit("s5", "v2", 14, "mail", customer_key="bob"),
    visit("s6", "v3", 7, "ads"),
    visit("s7", "v4", 7, "mail"),
    visit("s8", "v4", 8, "search"),
)
LINES = [
    *order("O1", 2.1, "40", customer_key="ann"),
    *order("O2", 5.1, "20", customer_key="ann"),
    *order("O3", 15, "100", customer_key="bob"),
    *order("O4", 7.01, "30"),
    *order("O5", 9, "10"),
    *order("O6", 9, "12", channel="search"),
    {"order_key": "O3", "kind": "refund", "at": web_facts.START + 30 * DAY, "ordered_on": date(2024, 3, 16),
     "amount": "-50", "amount_shop": "-50", "quantity": "0"},
]  # fmt: skip
