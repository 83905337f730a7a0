"""The answer to a question: rows, totals, what they are compared with, and what they were read from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit, Value, ratio
from topline.metrics.query import BeforeDataError, Query
from topline.metrics.settings import Settings
from topline.units.missing import Missing
from topline.units.money import rounded
from topline.units.text import N_


@dataclass(frozen=True, slots=True)
class Rest:
    """Stands in a dimension's column for the `count` values that are not among the top."""

    count: int

    def __str__(self) -> str:
        return N_("%(count)s others") % {"count": self.count}


type Entry = Value | date | str | Rest
type Row = Mapping[str, Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The answer to a query, exact; `to_json` and `rounded` round money once, half to even.

    columns : dimension ids, then metric ids
    rows : one for each cell, dimensions in order; a dimension without a value is Missing, one beyond the top is Rest
    totals : metric ids over all rows: sums, keys counted again, ratios of sums
    against_rows : for each of `rows` the cell of the period compared with, None where it has none
    snapshot, recorded_to : what was read, and until when that had been recorded
    path : `detail`, `partials` (pre-aggregated months) or both joined by a plus
    begins : the ledger's first day
    facts : what it was read from
    """

    query: Query
    settings: Settings
    columns: tuple[str, ...]
    rows: Sequence[Row]
    totals: Mapping[str, Value]
    against_rows: Sequence[Row | None] | None = None
    against_totals: Mapping[str, Value] | None = None
    snapshot: int | None = None
    recorded_to: datetime | None = None
    path: str = "detail"
    begins: date | None = None
    facts: frozenset[str] = frozenset()

    def within_data(self) -> "Result":
        """Itself. Raises BeforeDataError if the period lies wholly before the shop's first day and holds nothing."""
        period = self.query.period
        if period and self.begins and period.end <= self.begins and not self.rows:
            raise BeforeDataError(first=self.begins)
        return self

    def currency_of(self, row: Row) -> str | None:
        """The currency of the row's money: the shop's, or the orders' own; None if that is unknown."""
        if self.query.money != "order":
            return self.settings.currency
        currency = row.get("currency")
        if isinstance(currency, str):
            return currency
        for condition in self.query.where:
            if condition.dimension == "currency" and len(condition.values) == 1:
                return str(condition.values[0])
        return None

    def rounded(self, row: Row) -> dict[str, Entry]:
        """The row with its money in whole minor units."""
        currency = self.currency_of(row)
        return {id_: _rounded(id_, entry, currency) for id_, entry in row.items()}

    def table(self) -> list[dict[str, Entry]]:
        """The rows with money rounded; where a period is compared, with `<metric>_before` and `<metric>_change` too."""
        if not self.query.by:
            return [self._beside(self.totals, self.against_totals)]
        others = self.against_rows if self.against_rows is not None else [None] * len(self.rows)
        return [self._beside(row, other) for row, other in zip(self.rows, others, strict=True)]

    def _beside(self, row: Row, other: Row | None) -> dict[str, Entry]:
        shown = self.rounded(row)
        if self.against_totals is None:
            return shown
        before = self.rounded(other) if other is not None else {}
        for id_ in self.query.metrics:
            whole = self.against_totals.get(id_)
            nothing = whole if isinstance(whole, Missing) else NOTHING_BEFORE
            shown[f"{id_}_before"] = before.get(id_, nothing)
            shown[f"{id_}_change"] = nothing if other is None else change(row[id_], other[id_])
        return shown

    def to_json(self) -> list[dict[str, object]]:
        """The rows as objects for JSON: amounts as decimal strings, a missing value as {"missing": reason}."""
        return [{id_: plain(entry) for id_, entry in row.items()} for row in self.table()]

    def totals_to_json(self) -> dict[str, object]:
        """The totals in the form of `to_json`."""
        return {id_: plain(entry) for id_, entry in self._beside(self.totals, self.against_totals).items()}


NOTHING_BEFORE = Missing("nothing_before", N_("nothing to compare with"))


def change(now: Entry | None, before: Entry | None) -> Value:
    """(now - before) / |before|, as a rate; missing without something to compare with."""
    if before is None or now is None or isinstance(now, date | str | Rest) or isinstance(before, date | str | Rest):
        return NOTHING_BEFORE
    if isinstance(now, Missing):
        return now
    if isinstance(before, Missing):
        return before
    return ratio(Decimal(str(now)) - Decimal(str(before)), abs(Decimal(str(before))), NOTHING_BEFORE)


def plain(entry: Entry) -> object:
    """An entry as JSON has it."""
    match entry:
        case Missing():
            return {"missing": entry.reason}
        case Rest():
            return {"rest": entry.count}
        case Decimal():
            return format(entry, "f")
        case date():
            return entry.isoformat()
    return entry


def _rounded(id_: str, entry: Entry, currency: str | None) -> Entry:
    metric = metrics().get(id_)
    if metric is None or not isinstance(entry, Decimal):
        return entry
    if metric.unit is Unit.MONEY:
        return rounded(entry, currency) if currency else entry
    if entry == entry.to_integral_value():
        return int(entry)
    return Decimal(format(entry.normalize(), "f"))
