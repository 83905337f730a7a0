"""Public holidays by country, from the package `holidays` with its traps closed."""

import warnings
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from topline.units import errors
from topline.units.period import Period
from topline.units.text import N_

# Without a subdivision Great Britain loses Easter Monday and the August bank holiday.
_SUBDIVISION = {"GB": "ENG"}


class UnknownCountryError(errors.ToplineError):
    message = N_("“%(country)s” is not a country with known holidays. Use the two letters of ISO 3166, such as RO.")


class UnknownRegionError(errors.ToplineError):
    message = N_("“%(region)s” is not a region of %(country)s. Known are %(known)s.")


@dataclass(frozen=True, slots=True, order=True)
class Holiday:
    """A public holiday, named in the language that was asked for where the source knows it."""

    on: date
    name: str
    country: str


@cache
def _source() -> Any:
    """The package, which takes half a second to import: the first calendar does, not the first page."""
    import holidays

    return holidays


@cache
def _countries() -> frozenset[str]:
    return frozenset(_source().list_supported_countries(include_aliases=False))


def is_known(country: str) -> bool:
    """Whether a code names a country with known holidays."""
    return country in _countries()


def check_country(country: str) -> None:
    """Raises UnknownCountryError unless the country's holidays are known."""
    if not is_known(country):
        raise UnknownCountryError(country=country)


@cache
def _table(country: str, region: str | None, language: str | None, categories: tuple[str, ...], year: int) -> Any:
    """One year's dates of a country: a `holidays.HolidayBase`, which is a dictionary of date to name."""
    check_country(country)
    kind = _source().country_holidays(country)
    subdivision = region or _SUBDIVISION.get(country)
    if subdivision and subdivision not in kind.subdivisions:
        if region:
            raise UnknownRegionError(region=region, country=country, known=", ".join(kind.subdivisions) or "-")
        subdivision = None
    known = tuple(c for c in categories if c in kind.supported_categories)
    if not known:
        return {}
    with warnings.catch_warnings():
        # Some countries warn of years that they have no lunar dates for; those days are simply not there.
        warnings.simplefilter("ignore", UserWarning)
        return _source().country_holidays(
            country,
            subdiv=subdivision,
            years=year,
            expand=False,
            categories=known,
            language=_language(kind, language),
        )


def _language(kind: Any, wanted: str | None) -> str | None:
    """The source's code for a language (`ro`, `pt-br`), else English, else the country's own; never the process's."""
    codes = kind.supported_languages
    wish = (wanted or "en").replace("-", "_").lower()
    for test in (wish, wish.split("_")[0], "en_us", "en"):
        for code in codes:
            if code.lower() == test or code.lower().split("_")[0] == test:
                return str(code)
    return kind.default_language or None


def holidays(country: str, period: Period, language: str = "en", *, region: str | None = None) -> list[Holiday]:
    """The public holidays of `country` in the period, in order of time.

    country : ISO 3166-1; region : ISO 3166-2 without the country, None for the nation (England for Great Britain)
    language : such as `en` or `ro`; English where the source has no such names

    Raises UnknownCountryError, UnknownRegionError.
    """
    return sorted(
        Holiday(on, name, country)
        for year in range(period.start.year, period.last.year + 1)
        for on, name in _table(country, region, language, ("public",), year).items()
        if on in period
    )


def first_named(country: str, name: str, year: int) -> date | None:
    """The first day in `year` of a public or optional holiday whose English name begins with `name`."""
    found = _table(country, None, "en", ("public", "optional"), year)
    days = (on for on, names in found.items() if any(part.startswith(name) for part in names.split("; ")))
    return min(days, default=None)


def school_holidays(country: str, region: str | None, year: int) -> list[date]:
    """The days of the school holidays that the source knows, empty where it has no table for the year."""
    return sorted(_table(country, region, "en", ("school",), year))


def is_working_day(country: str, on: date, region: str | None = None) -> bool:
    """Neither the country's weekend nor a public holiday."""
    return bool(_table(country, region, None, ("public",), on.year).is_working_day(on))


def regions(country: str) -> tuple[str, ...]:
    """The regions (ISO 3166-2 without the country) that have holidays of their own. Raises UnknownCountryError."""
    check_country(country)
    return tuple(_source().list_supported_countries(include_aliases=False)[country])
