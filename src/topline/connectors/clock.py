"""A time zone's clock changes as SQL, so that millions of stamps are read at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

FIRST, LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Beyond these a clock keeps the offset that it had there: 9999-12-31 is how many files write "never"."""


@dataclass(frozen=True, slots=True)
class Clock:
    """A zone's offsets between two moments, as SQL.

    offsets : (moment UTC from which, offset in seconds), the first from for ever
    """

    offsets: tuple[tuple[datetime, int], ...]

    @classmethod
    def of(cls, zone: str, first: datetime, last: datetime) -> "Clock":
        tz = ZoneInfo(zone)
        earliest, latest = (min(max(moment.replace(tzinfo=UTC), FIRST), LAST) for moment in (first, last))
        day = datetime(earliest.year, 1, 1, tzinfo=UTC) - timedelta(days=1)
        end = latest + timedelta(days=2)
        offset = _offset(tz, day)
        found = [(day, offset)]
        while day < end:
            following = day + timedelta(days=1)
            if _offset(tz, following) != offset:
                low, high = day, following
                while high - low > timedelta(seconds=1):
                    middle = low + (high - low) / 2
                    low, high = (middle, high) if _offset(tz, middle) == offset else (low, middle)
                moment = high.replace(microsecond=0)
                offset = _offset(tz, following)
                found.append((moment, offset))
            day = following
        return cls(tuple(found))

    def _changes(self) -> Iterator[tuple[datetime, int, int]]:
        for (_, before), (moment, after) in zip(self.offsets, self.offsets[1:], strict=False):
            yield moment, before, after

    def to_utc(self, wall: str) -> str:
        """The moment at which a wall clock first showed `wall`; one that was skipped counts from before the change."""
        cases = [(moment + timedelta(seconds=max(before, after)), before) for moment, before, after in self._changes()]
        return self._shifted(wall, [(until, -offset) for until, offset in cases], -self.offsets[-1][1])

    def shown(self, wall: str) -> str:
        """What the wall clock really showed: `wall`, moved forward where a change skipped it."""
        moved = " ".join(
            f"WHEN {wall} >= {_literal(moment, before)} AND {wall} < {_literal(moment, after)} THEN {wall} + INTERVAL {after - before} SECOND"
            for moment, before, after in self._changes()
            if after > before
        )
        return f"CASE {moved} ELSE {wall} END" if moved else wall

    def from_utc(self, utc: str) -> str:
        """What the wall clock showed at a moment."""
        return self._shifted(utc, [(moment, before) for moment, before, _ in self._changes()], self.offsets[-1][1])

    def is_ambiguous(self, wall: str) -> str:
        return self._within(wall, lambda before, after: (after, before) if after < before else None)

    def is_skipped(self, wall: str) -> str:
        return self._within(wall, lambda before, after: (before, after) if after > before else None)

    def _within(self, wall: str, bounds: Callable[[int, int], tuple[int, int] | None]) -> str:
        found = [
            f"({wall} >= {_literal(moment, pair[0])} AND {wall} < {_literal(moment, pair[1])})"
            for moment, before, after in self._changes()
            if (pair := bounds(before, after))
        ]
        return " OR ".join(found) or "false"

    @staticmethod
    def _shifted(value: str, steps: Sequence[tuple[datetime, int]], last: int) -> str:
        cases = " ".join(
            f"WHEN {value} < {_literal(until, 0)} THEN {value} + INTERVAL ({shift}) SECOND" for until, shift in steps
        )
        return (
            f"CASE {cases} ELSE {value} + INTERVAL ({last}) SECOND END"
            if cases
            else f"({value} + INTERVAL ({last}) SECOND)"
        )


def _offset(tz: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(tz).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _literal(moment: datetime, shift: int) -> str:
    return f"TIMESTAMP '{(moment + timedelta(seconds=shift)):%Y-%m-%d %H:%M:%S}'"
