"""The lake holds no e-mail and no phone: every text of every table, however it came there."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq

import import_files
from import_files import HEADINGS, ROWS, take_in
from topline.crm.models import Identity
from topline.simulate import shop as simulation
from topline.simulate.truth import HARBOUR_AND_PINE
from topline.simulate.world import World
from topline.units.period import Period

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PERSONAL = re.compile(r"@\S*\.\w|\+\s*\d[\d ()./-]{7,}\d|\b0\d{2,4}[ /-]\d{3}[\d -]{3,}\b|\b0\d{9,10}\b")

CUSTOMERS = (
    ("Ana Pop", "ana.pop@example.org", "+44 20 7946 0501", "Germany"),
    ("Bob Lee", "Bob.Lee@Example.org", "0049 30 901820", "Germany"),
    ("Cy Dunn", "cy.dunn@example.org", "020 7946 0503", "France"),
)
SESSIONS = (
    ("s1", "ana.pop@example.org", "device-1", "2011-03-01 09:50:00", "newsletter"),
    ("s2", "", "+44 7700 900123", "2011-03-02 10:00:00", "search"),
)


def texts(lake) -> Iterator[tuple[str, str, str]]:
    """Table, column and text of everything in the newest snapshot's files and in their logs' names of batches."""
    for name, held in lake.latest().tables.items():
        for file in held.files:
            found = pq.read_table(lake.root / file.path, partitioning=None)
            for column, kind in zip(found.column_names, found.schema.types, strict=True):
                if pa.types.is_string(kind):
                    yield from ((name, column, text) for text in found[column].unique().to_pylist() if text)


def personal(lake) -> list[tuple[str, str, str]]:
    return [found for found in texts(lake) if PERSONAL.search(found[2])]


def test_the_search_finds_what_it_looks_for():
    assert all(
        PERSONAL.search(text) for _, email, phone, _ in CUSTOMERS for text in (email, phone.replace("0049", "+49"))
    )
    assert not PERSONAL.search("file:1001:2011-03-01 10:00:00:20001")


def test_what_is_imported(shop, tmp_path):
    rows = [(*row, *(CUSTOMERS[int(row[6]) - 501][:3] if row[6] else ("", "", ""))) for row in ROWS]
    rows.append(("1007", "20009", "write to ann@example.org", "1", "2011-05-09 10:00:00", "1.00", *rows[0][6:]))
    take_in(shop, import_files.write(tmp_path / "orders.csv", rows, (*HEADINGS, "Customer name", "Email", "Phone")))
    headings = ("Customer name", "Email", "Phone", "Country")
    take_in(shop, import_files.write(tmp_path / "customers.csv", CUSTOMERS, headings))
    headings = ("Session ID", "Customer ID", "Visitor ID", "Started at", "Channel")
    take_in(shop, import_files.write(tmp_path / "sessions.csv", SESSIONS, headings))
    lake = shop.lake()
    assert {"order", "order_line", "customer", "product", "session"} <= {name for name, *_ in texts(lake)}
    assert Identity.objects.filter(person__email="ana.pop@example.org").exists()
    assert personal(lake) == []


def test_what_is_simulated(shop):
    lake = shop.lake()
    world = World(replace(HARBOUR_AND_PINE, period=Period(date(2025, 11, 1), date(2025, 12, 1))), 1)
    facts = simulation.facts(world, customer_key=shop.hasher("file"), batch_id="b", recorded_at=NOW)
    for part, (name, batch) in enumerate(facts):
        lake.append(name, [batch], batch_id="b", part=part)
    lake.publish(now=NOW)
    assert {"order", "order_line", "customer", "product", "session", "spend"} <= {name for name, *_ in texts(lake)}
    assert personal(lake) == []
