"""Web events that were collected, imported or sent, and the visits that they are of."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from topline.accounts.models import Shop
from topline.connectors import rows, visit
from topline.facts import columns
from topline.facts.table import tables
from topline.imports.shops import told
from topline.lake import engine
from topline.lake.store import Lake

IDLE = timedelta(minutes=visit.IDLE_MINUTES)
SOURCE = "web"


def collected(shop: Shop, lake: Lake, events: Sequence[Mapping[str, Any]], *, now: datetime) -> pa.RecordBatch:
    """Events of the collector as facts; each joins the visit that its visitor made less than 30 minutes before.

    events : columns of web_event without a session, personal ids as HMACs already, moments in UTC
    """
    ordered = sorted(events, key=lambda event: (event["at"], event["key"]))
    last = _last_visits(lake, {event["visitor_key"] for event in ordered}, datetime.fromisoformat(ordered[0]["at"]))
    names: list[str] = []
    for event in ordered:
        visitor, at = event["visitor_key"], datetime.fromisoformat(event["at"])
        session, seen = last.get(visitor, ("", None))
        if seen is None or at - seen >= IDLE:
            session = shop.hmac(SOURCE, f"{visitor}:{event['at']}")
        last[visitor] = (session, max(at, seen) if seen else at)
        names.append(session)
    seen_columns = {
        name: [event.get(name) for event in ordered]
        for name in rows.accepted(tables()["web_event"])
        if any(name in event for event in ordered)
    }
    sent = rows.Sent({**seen_columns, "session_key": names})
    own = replace(told(shop, SOURCE), hmac=lambda source, id_: id_, today=now.date())
    taken = rows.take(tables()["web_event"], sent, own, batch_id="", now=now)
    if taken.faults:
        raise AssertionError(f"the collector let through what is no fact: {taken.faults[0]}")
    return taken.batch


def _last_visits(lake: Lake, visitors: set[str], since: datetime) -> dict[str, tuple[str, datetime | None]]:
    """The visit of each visitor that may still go on, and when it was last seen."""
    import ibis

    snapshot = lake.latest()
    if snapshot is None or "session" not in snapshot.tables:
        return {}
    known: Any = engine.table(lake, "session", snapshot)
    asked = ibis.memtable(pa.table({"visitor_key": pa.array(sorted(visitors), pa.string())}))
    recent = known.filter(known.on >= (since - timedelta(days=1)).date())
    wanted = recent.select("visitor_key", "session_key", "at", "duration_seconds").semi_join(asked, "visitor_key")
    found = engine.execute(wanted).to_pylist()
    last: dict[str, tuple[str, datetime | None]] = {}
    for row in found:
        seen = row["at"] + timedelta(seconds=row["duration_seconds"])
        before = last.get(row["visitor_key"], ("", None))[1]
        if before is None or seen > before:
            last[row["visitor_key"]] = (row["session_key"], seen)
    return last


def sessions_of(lake: Lake, events: pa.Table, *, batch_id: str, now: datetime) -> pa.RecordBatch:
    """The visits of new web events, whole: with what the lake knows of them already.

    The newest look counts: a visit's version is `now`.
    """
    every = events
    snapshot = lake.latest()
    if events.num_rows and snapshot is not None and "web_event" in snapshot.tables:
        import ibis

        days = columns.kernel.min_max(events["on"])
        known: Any = engine.table(lake, "web_event", snapshot)
        near = known.filter(
            (known.on >= days["min"].as_py() - timedelta(days=1))
            & (known.on <= days["max"].as_py() + timedelta(days=1))
        )
        keys = ibis.memtable(events.select(["session_key"]).group_by("session_key").aggregate([]))
        held = engine.execute(near.semi_join(keys, "session_key")).cast(events.schema)
        every = pa.concat_tables([held, events])
    table = tables()["session"]
    found = visit.sessions(every)
    version = pa.repeat(pa.scalar(int(now.timestamp() * 1_000_000), pa.int64()), found.num_rows)
    given = {name: found[name] for name in found.column_names} | {"version": version}
    return columns.batch(table, given, batch_id=batch_id, recorded_at=now)
