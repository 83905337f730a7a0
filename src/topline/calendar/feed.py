"""Retail events and holidays as entries of an iCalendar feed."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

from topline.calendar.holiday import Holiday
from topline.calendar.occurrence import Occurrence
from topline.documents.ics import Entry


def entries(
    occurrences: Iterable[Occurrence], holidays: Iterable[Holiday], translate: Callable[[str], str]
) -> Iterator[Entry]:
    """One entry for each occurrence and holiday, with ids that stay when an estimate gives way to the real date.

    translate : gives a label in the reader's language
    """
    seen: Counter[str] = Counter()
    for one in occurrences:
        uid = ".".join(filter(None, (one.event, str(one.start.year), one.country, one.region)))
        seen[uid] += 1
        yield Entry(
            uid=f"{uid}{f'.{seen[uid]}' if seen[uid] > 1 else ''}@topline",
            summary=translate(one.label),
            start=one.start,
            end=one.end,
            description=one.source,
            categories=one.categories,
            is_tentative=one.is_estimate,
        )
    for holiday in holidays:
        yield Entry(
            uid=f"holiday.{holiday.on.isoformat()}.{holiday.country}@topline",
            summary=holiday.name,
            start=holiday.on,
            end=holiday.on + timedelta(days=1),
        )
