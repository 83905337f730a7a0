"""A question: which metrics, over which period, cut and filtered how, against what."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from topline.metrics.catalogue import dimensions, metrics
from topline.metrics.synonyms import MEANT
from topline.units import spelling
from topline.units.errors import OpenPeriodError, ToplineError
from topline.units.period import Period, parse_day
from topline.units.text import N_


class UnknownMetricError(ToplineError):
    message = N_("There is no metric “%(id)s”. Did you mean %(nearest)s?")


class UnknownDimensionError(ToplineError):
    message = N_("There is no dimension “%(id)s”. Did you mean %(nearest)s?")


class DimensionNotAllowedError(ToplineError):
    message = N_("%(metric)s can't be cut by %(dimension)s. It can be cut by %(allowed)s.")


class FilterError(ToplineError):
    message = N_("“%(text)s” is not a filter. Write a dimension and its values, such as market=GB,FR.")


class ComparisonError(ToplineError):
    message = N_("“%(text)s” is not a comparison. Did you mean %(nearest)s?")


class NoPeriodError(ToplineError):
    message = N_(
        "A comparison needs a period. State its first day or month and the one after its last; pages take the last "
        "24 months."
    )


class MoneyError(ToplineError):
    message = N_("“%(text)s” is not a money to answer in. Use shop, order or constant.")


class MomentError(ToplineError):
    message = N_("“%(text)s” is not a moment. Write a day such as 2026-11-01, or a time such as 2026-11-01T09:30Z.")


class WindowError(ToplineError):
    message = N_(
        "“%(text)s” is not a window. Use cumulative, or a number of buckets from 2, and cut by one grain of time."
    )


class WindowTooLongError(ToplineError):
    message = N_(
        "A window over so many buckets takes too long. Use a coarser grain than %(grain)s, or a shorter period."
    )


class TooManyRowsError(ToplineError):
    message = N_(
        "The answer has more than %(most)s rows. Ask for the largest only (top), a coarser grain, or a filter."
    )


class BeforeDataError(ToplineError):
    message = N_("There is nothing before %(first)s. Ask for a period that ends later.")


class OrderMoneyError(ToplineError):
    message = N_("%(metric)s is known in the shop's currency only, because costs are.")


class NoMetricError(ToplineError):
    message = N_("State at least one metric, such as net_sales.")


AGAINST = ("previous", "last_year", "last_year_weekday", "last_year_feast", "plan")
"""What a question may be compared with."""

LAID_UPON = ("last_year_weekday", "last_year_feast")
"""Comparisons that lay each day upon one of its own kind."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Keeps the rows whose dimension has one of the values; None is a row without one.

    A day, week or month is given by its first day, an hour or the lead of a forecast by its number.
    is_without : keeps all other rows instead
    """

    dimension: str
    values: tuple[date | int | str | None, ...]
    is_without: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question to the catalogue.

    metrics : ids, at least one
    period : the days in question, all days if None
    by : dimensions and grains of time, in the order of the columns
    where : only rows that all of these keep
    either : and only rows that at least one of these keeps, if there are any; of no dimension of time
    against : what to compare with: `previous`, `last_year`, `last_year_weekday` (each day against the one 52 weeks
        before), `last_year_feast` (the same, but moving feasts against themselves), `plan` (targets of plans in force)
    as_of : only what happened before this day
    known_at : only what had been recorded by then
    top : only so many values of the first dimension that is not time, by the first metric, and the rest as one
    window : instead of each bucket of time alone, `cumulative` from the period's start, or so many buckets up to it
    money : `shop` for the shop's currency, `order` for the orders' own, which never adds two currencies, `constant` for
        the shop's at one rate for each currency: its mean over the period compared with, else over the period itself

    Raises UnknownMetricError, UnknownDimensionError, DimensionNotAllowedError, ComparisonError, NoPeriodError,
    WindowError, MoneyError, OrderMoneyError, NoMetricError.
    """

    metrics: tuple[str, ...]
    period: Period | None = None
    by: tuple[str, ...] = ()
    where: tuple[Filter, ...] = ()
    either: tuple[Filter, ...] = ()
    against: str | None = None
    as_of: date | None = None
    known_at: datetime | None = None
    top: int | None = None
    window: int | str | None = None
    money: str = "shop"

    def __post_init__(self) -> None:
        if not self.metrics:
            raise NoMetricError
        object.__setattr__(self, "metrics", tuple(dict.fromkeys(self.metrics)))
        object.__setattr__(self, "by", tuple(dict.fromkeys(self.by)))
        if self.against not in (None, *AGAINST):
            raise ComparisonError(text=self.against, nearest=nearest(self.against, AGAINST, AGAINST))
        if self.against and self.period is None:
            raise NoPeriodError
        if self.money not in ("shop", "order", "constant"):
            raise MoneyError(text=self.money)
        for id_ in self.metrics:
            if id_ not in metrics():
                raise UnknownMetricError(id=id_, nearest=nearest(id_, metrics(), list(metrics())[:3]))
        for id_ in (*self.by, *(f.dimension for f in self.filters)):
            if id_ not in dimensions():
                allowed = metrics()[self.metrics[0]].dimensions
                raise UnknownDimensionError(id=id_, nearest=nearest(id_, dimensions(), allowed))
        for id_ in self.metrics:
            if self.money != "shop" and metrics()[id_].is_shop_money:
                raise OrderMoneyError(metric=id_)
            allowed = metrics()[id_].dimensions
            for dimension in (*self.by, *(f.dimension for f in self.filters)):
                if dimension not in allowed:
                    names = ", ".join(d for d in dimensions() if d in allowed) or N_("nothing")
                    raise DimensionNotAllowedError(metric=id_, dimension=dimension, allowed=names)
        if self.window is not None and (
            not (self.window == "cumulative" or (isinstance(self.window, int) and 2 <= self.window <= 1000))
            or len(self.time) != 1
            or self.time == ("hour",)
        ):
            raise WindowError(text=self.window)

    @property
    def filters(self) -> tuple[Filter, ...]:
        """All that decide which rows count."""
        return (*self.where, *self.either)

    @property
    def time(self) -> tuple[str, ...]:
        """The grains among `by`."""
        return tuple(id_ for id_ in self.by if dimensions()[id_].grain)

    def compared(self) -> "Query | None":
        """The same question about another period, None if it compares with none or with the plan.

        Where weekdays or feasts are laid upon each other the period stays: see `frame`.
        """
        if self.period is None or self.against in (None, "plan"):
            return None
        other = self.period
        if self.against in ("previous", "last_year"):
            other = self.period.previous() if self.against == "previous" else self.period.last_year()
        return replace(self, period=other, against=None)

    @property
    def digest(self) -> str:
        """The same for the same question, in every process."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]


def nearest(text: str, known: Sequence[str] | Mapping[str, object], others: Collection[str]) -> str:
    """What a word means here, else what is spelt like it, else the others that there are."""
    word = text.strip().lower().replace("-", "_").replace(" ", "_")
    if MEANT.get(word) in known:
        return MEANT[word]
    return " / ".join(spelling.nearest(word, known) or [id_ for id_ in known if id_ in others])


def parse_filter(text: str) -> Filter:
    """The filter of `market=GB,FR`; an empty value stands for rows without one. Raises FilterError."""
    dimension, equals, values = text.partition("=")
    if not equals or not dimension.strip():
        raise FilterError(text=text)
    id_ = dimension.strip()
    if id_ not in dimensions():
        raise UnknownDimensionError(id=id_, nearest=nearest(id_, dimensions(), dimensions()))
    return Filter(id_, tuple(_value(id_, value.strip(), text) for value in values.split(",")))


def _value(dimension: str, text: str, filter_text: str) -> date | int | str | None:
    if not text:
        return None
    if dimension in ("hour", "lead"):
        if not text.isdecimal() or (dimension == "hour" and int(text) > 23):
            raise FilterError(text=filter_text)
        return int(text)
    return parse_day(text) if dimensions()[dimension].grain else text


def parse_list(text: str) -> tuple[str, ...]:
    """The ids of `net_sales,orders`."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parse_period(start: str | None, end: str | None) -> Period | None:
    """The half-open period between two days or months, None for all time; both or none must be given.

    Raises PeriodError, OpenPeriodError.
    """
    if not start and not end:
        return None
    if not start or not end:
        raise OpenPeriodError(text=start or end)
    return Period(parse_day(start), parse_day(end))


def parse_moment(text: str | None) -> datetime | None:
    """The moment of `2026-11-01T09:30+02:00`, or the start of a day, UTC; None for nothing. Raises MomentError."""
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise MomentError(text=text) from None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found


def parse_window(text: str | None) -> int | str | None:
    """`cumulative`, or a number of buckets; nothing for an empty text. Raises WindowError."""
    if not text:
        return None
    if text != "cumulative" and not text.isdecimal():
        raise WindowError(text=text)
    return int(text) if text.isdecimal() else text


def parse(
    ids: str,
    *,
    by: str = "",
    start: str | None = None,
    end: str | None = None,
    where: Sequence[str] = (),
    against: str | None = None,
    as_of: str | None = None,
    known_at: str | None = None,
    top: int | None = None,
    window: str | None = None,
    money: str = "shop",
) -> Query:
    """The question of texts such as a command line or a URL gives."""
    return Query(
        metrics=parse_list(ids),
        by=parse_list(by),
        period=parse_period(start, end),
        where=tuple(parse_filter(text) for text in where),
        against=against or None,
        as_of=parse_day(as_of) if as_of else None,
        known_at=parse_moment(known_at),
        top=top,
        window=parse_window(window),
        money=money,
    )
