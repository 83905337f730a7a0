"""A lake rezoned is the lake that the facts would have made by that clock, row by row, layer by layer."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake_shop import EPOCH
from topline.facts import columns, deal_stage
from topline.lake.store import Lake

THERE, HERE = "Pacific/Auckland", "America/New_York"
"""Sixteen to eighteen hours apart, and the clocks of both change: most rows get another day, many another month."""
SECONDS = np.random.default_rng(7).integers(1_740_000_000, 1_747_000_000, 300)
"""Moments from 19 February to 11 May 2025."""
PARTS = (("first", slice(0, 200), 1), ("second", slice(150, 250), 2), ("hidden", slice(250, 300), 1))
"""Batches: rows of the second are newer versions of some of the first's."""


def shown(zone: str) -> dict[str, Any]:
    """The moments by the zone's clock, which pyarrow knows."""
    return columns.instants(pa.array(SECONDS * columns.MICRO).cast(pa.timestamp("us", tz="UTC")), zone)


def stages(zone: str, batch_id: str, rows: slice, version: int) -> pa.RecordBatch:
    """Rows by number, three a deal."""
    numbers = np.arange(rows.start, rows.stop)
    every = shown(zone)
    deals = np.arange(len(SECONDS)) // 3
    first = [min(every["on"][i].as_py() for i in np.flatnonzero(deals == n // 3)) for n in numbers]
    given = {
        "key": [f"k{n}" for n in numbers],
        "version": pa.array(np.full(len(numbers), version)),
        "deal_key": [f"d{n // 3}" for n in numbers],
        "stage": ["talk"] * len(numbers),
        "state": ["open"] * len(numbers),
        "currency": ["GBP"] * len(numbers),
        "value_shop": columns.amounts(numbers * columns.MICRO),
        "created_on": first,
        **{name: values.take(pa.array(numbers)) for name, values in every.items()},
    }
    return columns.batch(deal_stage.TABLE, given, batch_id=batch_id, recorded_at=EPOCH)


def made(folder: Path, zone: str) -> Lake:
    """First and second folded, the third waits unseen."""
    lake = Lake(folder, "shop")
    for batch_id, rows, version in PARTS:
        lake.append("deal_stage", [stages(zone, batch_id, rows, version)], batch_id=batch_id)
        if batch_id == "second":
            lake.fold("deal_stage", hidden=(), now=EPOCH)
    lake.publish(hidden={"hidden"}, now=EPOCH)
    return lake


def layers(lake: Lake) -> list[tuple[str, str, dict[str, Any]]]:
    """The rows of every file, with its layer and month, by key and version."""
    found = [
        (file.layer, file.month, row)
        for file in lake.latest().tables["deal_stage"].files
        for row in pq.read_table(lake.root / file.path, partitioning=None).to_pylist()
    ]
    return sorted(found, key=lambda each: (each[2]["key"], each[2]["version"]))


def test_every_row_lies_where_that_clock_puts_it(tmp_path: Path) -> None:
    moved, oracle = made(tmp_path / "moved", THERE), made(tmp_path / "oracle", HERE)
    before = moved.latest()
    shifted = moved.count_rezoned("deal_stage", HERE)
    assert (shifted.rows, shifted.hours) == (350, 350)
    there, here = (shown(zone)["on"].to_numpy(zero_copy_only=False) for zone in (THERE, HERE))
    assert shifted.days == sum((there != here)[rows].sum() for _, rows, _ in PARTS)

    assert moved.rezone("deal_stage", HERE, now=EPOCH) == 350
    assert moved.latest().number == before.number  # nobody sees it before it is published
    moved.publish(hidden={"hidden"}, now=EPOCH)
    assert layers(moved) == layers(oracle)
    base = [file.month for file in moved.latest().tables["deal_stage"].files if file.layer == "base"]
    assert len(base) == len(set(base))

    version = moved.delta("deal_stage").version()
    assert moved.rezone("deal_stage", HERE, now=EPOCH) == 0
    assert moved.delta("deal_stage").version() == version
    assert moved.verify().rows == 350


@pytest.mark.parametrize(
    ("moment", "on", "hour"), [("06:59:59", date(2025, 3, 9), 1), ("07:00:00", date(2025, 3, 9), 3)]
)
def test_the_clocks_go_forward(tmp_path: Path, moment: str, on: date, hour: int) -> None:
    """In New York there is no 02:00 on 9 March 2025."""
    lake = Lake(tmp_path, "shop")
    row = stages(THERE, "one", slice(0, 1), 1).to_pylist()[0]
    row["at"] = row["at"].fromisoformat(f"2025-03-09T{moment}+00:00")
    lake.append("deal_stage", [pa.RecordBatch.from_pylist([row], deal_stage.TABLE.schema)], batch_id="one")
    lake.rezone("deal_stage", HERE, now=EPOCH)
    lake.publish(now=EPOCH)
    ((_, month, found),) = layers(lake)
    assert (month, found["on"], found["hour"]) == ("2025-03", on, hour)
