"""Why net sales are where they are: their difference to the plan and to last year, by driver, to the cent."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from topline.accounts.models import Shop
from topline.analysis.result import Result
from topline.analysis.variance import VarianceQuestion
from topline.lake.analyse import analyse
from topline.lake.scope import Scope
from topline.lake.snapshot import Snapshot
from topline.metrics.query import Query
from topline.plans import answered, cache
from topline.plans.text import Sentence
from topline.units.missing import Missing
from topline.units.money import rounded
from topline.units.period import Period

AGAINST = ("plan", "last_year")
_READ = ("order_line", "order", "product", "session", "target", "identity_link")


@dataclass(frozen=True, slots=True)
class Difference:
    """What net sales differ by, and what that is made of.

    against : one of `AGAINST`
    before, now : what was due of the plan or sold a year before, and what came in
    parts : amounts by driver, named by `variance.PARTS`; they sum to `now - before`
    untold : what can't be told apart, and why
    largest : the category that differs the most and by how much, None where none is known
    """

    against: str
    before: Decimal
    now: Decimal
    parts: Mapping[str, Decimal]
    untold: tuple[Sentence, ...] = ()
    largest: tuple[str, Decimal] | None = None

    @property
    def moved(self) -> Decimal:
        return self.now - self.before

    @property
    def main(self) -> str | None:
        """The driver that moved most into the direction of the whole, None if nothing moved."""
        way = 1 if self.moved >= 0 else -1
        return max(self.parts, key=lambda part: way * self.parts[part], default=None) if self.moved else None

    @property
    def sentence(self) -> Sentence:
        """What differs, by how much, and mostly why."""
        params: dict[str, Any] = {"now_amount": self.now, "moved_amount": abs(self.moved)}
        if self.main is None:
            return Sentence(f"drivers.{self.against}.same", params)
        params |= {"main_driver": self.main, "main_amount": abs(self.parts[self.main])}
        return Sentence(f"drivers.{self.against}.{'above' if self.moved > 0 else 'below'}", params)


def of(
    shop: Shop, period: Period, as_of: date, snapshot: Snapshot, against: str, known_at: datetime | None = None
) -> Difference | Sentence:
    """The difference of a period's days before `as_of`, or why there is none; computed once for the same facts.

    known_at : with what had been recorded by then, None for all that is known now

    Against the plan the targets in force are meant; only what they have targets for is told apart.
    """
    path = _path(shop, period, as_of, snapshot, against, known_at)
    try:
        return thaw(json.loads(path.read_bytes()))
    except FileNotFoundError:
        found = _computed(shop, period, as_of, snapshot, against, known_at)
        with cache.written(path) as draft:
            draft.write_text(json.dumps(stored(found)))
        return found


def is_made(
    shop: Shop, period: Period, as_of: date, snapshot: Snapshot, against: str, known_at: datetime | None = None
) -> bool:
    """Whether `of` would answer at once."""
    return _path(shop, period, as_of, snapshot, against, known_at).exists()


def _path(shop: Shop, period: Period, as_of: date, snapshot: Snapshot, against: str, known_at: datetime | None) -> Path:
    facts = tuple(snapshot.digest(table) for table in _READ)
    settings = shop.settings().digest
    return cache.place("drivers", ".json", shop.slug, facts, period, as_of, settings, against, known_at)


def _computed(
    shop: Shop, period: Period, as_of: date, snapshot: Snapshot, against: str, known_at: datetime | None
) -> Difference | Sentence:
    question = VarianceQuestion(period=period, as_of=as_of, against=against)
    scope = Scope.whole(shop.slug)
    found = analyse(shop.lake(), question, scope=scope, settings=shop.settings(), snapshot=snapshot, known_at=known_at)
    read = difference(found, against, shop.currency)
    if isinstance(read, Difference):
        return replace(read, untold=(*read.untold, *_costs(shop, period, as_of, snapshot, known_at)))
    return read


def difference(found: Result, against: str, currency: str) -> Difference | Sentence:
    """The difference that the variance analysis found; its sides and parts in whole minor units."""
    if isinstance(found.sentence, Missing):
        return Sentence("drivers.missing", {"why_message": found.sentence.message})
    rows = {str(row["part"]): cast(Decimal, row["amount"]) for row in found.table("parts").rows}
    before, now = (rounded(rows.pop(side), currency) for side in ("before", "now"))
    untold = tuple(Sentence(f"drivers.{note.code}") for note in found.notes if note.code in ("no_traffic", "no_parts"))
    return Difference(against, before, now, rows, untold, _largest(found))


def _largest(found: Result) -> tuple[str, Decimal] | None:
    """The named category that differs the most."""
    values = next((table for table in found.tables if table.id == "values"), None)
    for row in values.rows if values else ():
        name, moved = row["value"], row["moved"]
        if isinstance(name, str) and isinstance(moved, Decimal) and moved:
            return name, moved
    return None


def _costs(
    shop: Shop, period: Period, as_of: date, snapshot: Snapshot, known_at: datetime | None
) -> tuple[Sentence, ...]:
    """That nobody can tell whether it paid, where costs of goods are not known."""
    query = Query(metrics=("gross_profit",), period=period, as_of=as_of, known_at=known_at)
    totals = answered.ask(shop, query, snapshot).totals
    return (Sentence("drivers.no_cost"),) if isinstance(totals["gross_profit"], Missing) else ()


def stored(found: Difference | Sentence) -> dict[str, Any]:
    """As JSON keeps it."""
    if isinstance(found, Sentence):
        return {"missing": found.stored()}
    return {
        "against": found.against,
        "before": str(found.before),
        "now": str(found.now),
        "parts": {id_: str(amount) for id_, amount in found.parts.items()},
        "untold": [one.stored() for one in found.untold],
        "largest": [found.largest[0], str(found.largest[1])] if found.largest else None,
    }


def thaw(kept: Mapping[str, Any]) -> Difference | Sentence:
    """What `stored` was given, or the sentence that says why there is none."""
    if "missing" in kept:
        return Sentence.of(kept["missing"])
    return Difference(
        kept["against"],
        Decimal(kept["before"]),
        Decimal(kept["now"]),
        {id_: Decimal(amount) for id_, amount in kept["parts"].items()},
        tuple(Sentence.of(one) for one in kept["untold"]),
        (kept["largest"][0], Decimal(kept["largest"][1])) if kept["largest"] else None,
    )
