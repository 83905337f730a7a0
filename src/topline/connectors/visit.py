"""Visits made of web events: who came, from where, and how far they got."""

from typing import Any

import duckdb
import pyarrow as pa

IDLE_MINUTES = 30

STEPS = ("product_view", "add_to_cart", "checkout", "purchase")
"""The steps of the ordered funnel: each counts only when it follows the one before."""

_COUNTED = {
    "views": "page_view",
    "product_views": "product_view",
    "carts": "add_to_cart",
    "checkouts": "checkout",
    "orders": "purchase",
    "sign_ups": "sign_up",
    "downloads": "download",
    "chats": "chat",
}


def sessions(events: pa.Table) -> pa.Table:
    """The session of each session_key in these web events, in the session fact's columns without version and batch.

    The same for events in any order. Its channel, campaign, market and device are the first that are known, its page the
    first; its key has the source of its events.
    """
    cursor = duckdb.connect(config={"threads": "1"})
    cursor.execute("SET TimeZone = 'UTC'")
    cursor.register("given", events)
    try:
        is_once = cursor.sql("SELECT count(DISTINCT key) = count(*) FROM given").fetchall() == [(True,)]
        found: pa.Table = cursor.sql(_SESSIONS.format(events="given" if is_once else _NEWEST)).to_arrow_table()
        return found
    finally:
        cursor.close()


def split(events: str, columns: str, salt: str = "''") -> str:
    """SQL that names the sessions of events without one: a visitor's events less than 30 minutes apart are a visit.

    events : a relation with visitor_key, `at` and key; the name is the visitor's and that of the visit's first moment
    salt : an SQL literal that makes the name say nothing
    """
    idle = f"INTERVAL {IDLE_MINUTES} MINUTE"
    return (
        f"SELECT {columns}, md5(concat({salt}, visitor_key, ':', epoch_us(min(\"at\") OVER (PARTITION BY visitor_key, visit)))) "
        f'AS session_key FROM (SELECT *, sum(is_first) OVER (PARTITION BY visitor_key ORDER BY "at", key) AS visit FROM '
        f'(SELECT *, coalesce("at" - lag("at") OVER (PARTITION BY visitor_key ORDER BY "at", key) >= {idle}, true)::INT '
        f"AS is_first FROM {events}))"
    )


def _first(column: str, also: str = "true") -> str:
    return f"arg_min({column}, place) FILTER ({column} IS NOT NULL AND {also}) AS {column}"


_COUNTS = ", ".join(f"count_if(event = '{event}') AS {name}" for name, event in _COUNTED.items())
_REACHED = " + ".join(f"(step_{n} IS NOT NULL)::BIGINT" for n in range(1, len(STEPS) + 1))
_JOINS = " ".join(f"LEFT JOIN reached_{n} USING (session_key)" for n in range(1, len(STEPS) + 1))


def _reached() -> str:
    """The moment at which each step was first reached in order, one relation a step."""
    parts = []
    for n, step in enumerate(STEPS, 1):
        source = "ordered" if n == 1 else f"ordered JOIN reached_{n - 1} USING (session_key)"
        after = "" if n == 1 else f" AND place > step_{n - 1}"
        parts.append(
            f"reached_{n} AS (SELECT session_key, min(place) AS step_{n} FROM {source} "
            f"WHERE event = '{step}'{after} GROUP BY session_key)"
        )
    return ", ".join(parts)


_NEWEST = "(FROM given QUALIFY row_number() OVER (PARTITION BY key ORDER BY version DESC) = 1)"
"""Each event's newest version; more than half of the work, and seldom needed."""

_SESSIONS: Any = f"""
WITH ordered AS (
    SELECT *, row_number() OVER (PARTITION BY session_key ORDER BY "at", key) AS place
    FROM {{events}}),
{_reached()},
totals AS (
    SELECT session_key, arg_min(split_part(key, ':', 1), place) || ':' || session_key AS key,
        {_first("visitor_key")}, arg_max(customer_key, place) FILTER (customer_key IS NOT NULL) AS customer_key,
        min("at") AS "at", arg_min("on", place) AS "on", arg_min(hour, place) AS hour,
        {_first("channel")}, {_first("campaign")}, {_first("market")}, {_first("device")},
        arg_min(page, place) FILTER (page IS NOT NULL) AS landing_page,
        CAST(date_diff('second', min("at"), max("at")) AS BIGINT) AS duration_seconds, {_COUNTS}
    FROM ordered GROUP BY session_key)
SELECT totals.*, {_REACHED} AS furthest FROM totals {_JOINS} ORDER BY session_key"""
