"""What a look at a plan asked of the lake, kept so that the next look, in any process, needn't ask again."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from topline.accounts.models import Shop
from topline.lake import read
from topline.lake.scope import Scope
from topline.lake.snapshot import Snapshot
from topline.metrics.query import Query
from topline.metrics.result import Result
from topline.metrics.settings import Settings
from topline.plans import cache
from topline.units.missing import Missing
from topline.units.period import Period


@dataclass(slots=True)
class _Book:
    """Answers of one look.

    known : by the digest of the question, as JSON keeps them; is_new : whether one was added
    """

    settings: Settings
    snapshot: int
    known: dict[str, Any] = field(default_factory=dict)
    is_new: bool = False


_open: ContextVar[_Book | None] = ContextVar("answered", default=None)


@contextmanager
def kept(
    look: str, shop: Shop, period: Period, as_of: date, snapshot: Snapshot, known_at: datetime | None = None
) -> Iterator[None]:
    """Meanwhile questions about the shop are answered from what was kept, and the others are kept too.

    It stays as long as the facts that they were read from.

    look : names what of a plan is looked at; period, as_of : of the plan, and the day
    known_at : with what had been recorded by then
    """
    settings = shop.settings()
    place = cache.Answer("answers", ".json", shop, snapshot, known_at, (look, period, as_of, settings.digest))
    path = place.find()
    book = _Book(settings, snapshot.number, dict(_load(path, path.stat().st_mtime_ns)) if path else {})
    token = _open.set(book)
    try:
        yield
    finally:
        _open.reset(token)
    if book.is_new:
        facts = {fact for *_, read_from in book.known.values() for fact in read_from}
        place.keep(facts, lambda draft: draft.write_text(json.dumps(book.known)))


@lru_cache(maxsize=8)
def _load(path: Path, written_at: int) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def ask(shop: Shop, query: Query, snapshot: Snapshot) -> Result:
    """The whole shop's answer: a plan's own numbers, which the plan's permissions guard."""
    book = _open.get()
    if book is None or book.snapshot != snapshot.number or query.top or query.against:
        return read.read(shop.lake(), query, scope=Scope.whole(shop.slug), settings=shop.settings(), snapshot=snapshot)
    known = book.known.get(query.digest)
    if known is None:
        found = read.read(shop.lake(), query, scope=Scope.whole(shop.slug), settings=book.settings, snapshot=snapshot)
        book.known[query.digest], book.is_new = _stored(found), True
        return found
    columns, rows, totals, facts = known
    read.note(facts)
    return Result(
        query=query,
        settings=book.settings,
        columns=tuple(columns),
        rows=[dict(zip(columns, map(_thawed, row), strict=True)) for row in rows],
        totals={metric: _thawed(value) for metric, value in totals.items()},
        snapshot=snapshot.number,
        facts=frozenset(facts),
    )


def _stored(found: Result) -> list[Any]:
    """Columns, rows, totals and facts as JSON keeps them."""
    rows = [[_plain(row[column]) for column in found.columns] for row in found.rows]
    return [found.columns, rows, {metric: _plain(value) for metric, value in found.totals.items()}, sorted(found.facts)]


def _plain(entry: object) -> object:
    match entry:
        case Missing():
            return {"missing": [entry.reason, entry.message, {name: _plain(of) for name, of in entry.params.items()}]}
        case Decimal():
            return {"number": str(entry)}
        case date():
            return {"day": entry.isoformat()}
    return entry


def _thawed(kept: Any) -> Any:
    match kept:
        case {"missing": [reason, message, params]}:
            return Missing(reason, message, {name: _thawed(of) for name, of in params.items()})
        case {"number": written}:
            return Decimal(written)
        case {"day": written}:
            return date.fromisoformat(written)
    return kept
