"""Rows that a family makes of whole facts and many questions read, such as what came of each first contact, in a file.

A file is named by a digest of the facts that its rows were made of, so an old one is never wrong; `build` makes it
beside the questions, and where there is none a question makes the rows itself.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from topline.lake import duck, engine, partials, resident
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics.query import Query
from topline.metrics.settings import Basis, Settings
from topline.metrics.source import sources
from topline.metrics.view import Tables, View

if TYPE_CHECKING:
    import ibis.expr.types as ir

_FORMAT = 1


def find(lake: Lake, snapshot: Snapshot, source: str, basis: Basis) -> "ir.Table | None":
    """The rows of a made source, None where they have not been made."""
    if not sources()[source].columns or not partials.is_worth(snapshot):
        return None
    held = resident.database(_path(lake, snapshot, source, basis))
    return engine.stored(held.name, "rows", sources()[source].columns) if held else None


def build(lake: Lake, snapshot: Snapshot, tables: Tables, basis: Basis) -> int:
    """Makes every source that is kept in a file unless it is there; how many it had to.

    tables : the snapshot's facts, whole
    """
    wanted = [source for source in sources().values() if source.columns and _has_own(source.facts, tables)]
    return sum(_make(lake, snapshot, tables, source.id, basis) for source in wanted)


def _has_own(facts: tuple[str, ...], tables: Tables) -> bool:
    """Whether anything is held that the rows are made of beside sales, if they are; if not, they are few or none."""
    own = [fact for fact in facts if fact not in ("order", "order_line", "identity_link")]
    return not own or any(fact not in tables.empty for fact in own)


def _make(lake: Lake, snapshot: Snapshot, tables: Tables, source: str, basis: Basis) -> bool:
    path = _path(lake, snapshot, source, basis)
    if not partials.is_worth(snapshot) or path.exists():
        return False
    columns = sources()[source].columns
    plain = Query(metrics=("customers",))  # of all days and people: rows of a made source know no question
    rows = sources()[source].rows(View(tables, plain, Settings("EUR", basis=basis)))
    with duck.making(), duck.written(path) as draft:
        engine.store(rows.select(*columns), draft)
    return True


def _path(lake: Lake, snapshot: Snapshot, source: str, basis: Basis) -> Path:
    facts = sorted(sources()[source].facts)
    name = partials.name_of(_FORMAT, source, basis.value, [snapshot.digest(fact) for fact in facts])
    return lake.root / "_partials" / "made" / f"{name}.duckdb"
