"""Values as people read them, in the language of the page; everything that a page prints goes through here."""

import json
import zoneinfo
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from babel import Locale, dates, numbers
from babel.numbers import get_decimal_symbol, get_territory_currencies
from django.utils.translation import get_language, gettext, ngettext

from topline.analysis.result import Channel, Figure, Note
from topline.connectors.places import is_country
from topline.documents import words
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.plans import text as wording
from topline.units import number as number_text
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.period import Grain, Period
from topline.workbench.models import Job

LOCALES: Mapping[str, str] = {"en": "en_GB", "ro": "ro_RO"}

type Number = Decimal | int | float


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(LOCALES.get(language[:2], "en_GB"))


def locale() -> Locale:
    """The locale of the page's language."""
    return _locale(get_language() or "en")


def read_number(written: str) -> Decimal:
    """The number that a person typed on a page of this language. Raises NumberTextError."""
    return number_text.read(written, decimal_sign=get_decimal_symbol(locale()))


def read_value(written: str, unit: str, currency: str) -> Decimal:
    """What a person typed for a value of a unit; nothing is zero. Raises NumberTextError.

    A rate is typed in per cent, so 12.5 and 12.5% are 0.125. An amount may carry its currency as pages write it, £1,200
    or 1,200 GBP, but no other.
    """
    text = written.strip()
    match Unit(unit):
        case Unit.RATE:
            text = text.removesuffix("%")
        case Unit.MONEY:
            for mark in (currency, *(numbers.get_currency_symbol(currency, each) for each in (locale(), "en_US"))):
                text = text.removeprefix(mark).removesuffix(mark)
    number = read_number(text) if written.strip() else Decimal(0)
    return number / 100 if unit == Unit.RATE else number


def read_field(written: str) -> Decimal:
    """The number of a number field (`type="number"`), whatever the language. Raises NumberTextError."""
    return number_text.read_field(written, decimal_sign=get_decimal_symbol(locale()))


def tag() -> str:
    """The locale as browsers write it, such as `en-GB`."""
    return str(locale()).replace("_", "-")


def say(thing: object) -> str:
    """The text of an error, a missing value, a note or a marked text in the language of the page; a channel's name."""
    match thing:
        case ToplineError() | Missing() | Note():
            return gettext(thing.message) % {name: _said(value) for name, value in thing.params.items()}
        case Channel():
            return channel(thing.code)
        case None | "":
            return ""
        case _:
            return gettext(str(thing))


def told(message: str, params: Mapping[str, Any], currency: str) -> str:
    """A notification in words: what ends in `_value` is a value of its metric, `bucket` two days of a period."""
    named = dict(params)
    for name, value in params.items():
        if name.endswith("_value"):
            named[name] = number(Decimal(value), metrics()[params["metric"]].unit, currency)
    if "bucket" in params:
        named["bucket"] = period(Period(*(date.fromisoformat(text) for text in params["bucket"])))
    said: str = gettext(message) % named
    return said


def places() -> dict[str, Any]:
    """What a shop chooses from: time zones, currencies and countries by their names; markets with their currency."""
    where = Locale.parse(str(locale()))
    names = [(code, name) for code, name in where.territories.items() if is_country(code)]
    return {
        "zones": sorted(zoneinfo.available_timezones()),
        "currencies": [
            (code, f"{code} · {where.currencies.get(code, code)}")
            for code in sorted({code for country, _ in names for code in get_territory_currencies(country)})
        ],
        "countries": sorted(names, key=lambda each: each[1]),
        "markets": sorted(
            ((code, name, next(iter(get_territory_currencies(code)), "")) for code, name in names),
            key=lambda each: each[1],
        ),
    }


def failure(job: Job | None) -> str:
    """Why a job ended without being done, "" if it didn't."""
    if job is None:
        return ""
    if job.state == Job.State.CANCELLED:
        return gettext("The work was stopped on request.")
    if job.state != Job.State.FAILED:
        return ""
    if "error" in job.result:
        said: str = gettext(job.result["message"]) % job.result["params"]
        return said
    return gettext("The work broke off: %(message)s") % {"message": job.message}


def _said(value: object) -> object:
    match value:
        case Figure():
            return short(value.value, value.unit, value.currency)
        case Missing() | Note() | Channel():
            return say(value)
        case date():
            return day(value)
    return gettext(value) if isinstance(value, str) and value else value


def json_text(value: Any) -> str:
    """JSON in ASCII, fit for a header."""
    return json.dumps(value, default=str)


def number(value: object, unit: str, currency: str) -> str:
    """A value of a metric: an amount with its currency, a rate in per cent, a count with its groups."""
    if value is None:
        return "–"
    if isinstance(value, Missing):
        return gettext("not known")
    if not isinstance(value, Decimal | int | float):
        return str(value)
    match Unit(unit):
        case Unit.MONEY:
            return money(value, currency)
        case Unit.RATE:
            return percent(value)
        case Unit.RATIO:
            return decimal(value, 2)
        case Unit.HOURS:
            return _counted(value, lambda n: ngettext("%(n)s hour", "%(n)s hours", n))
        case Unit.DAYS:
            return _counted(value, lambda n: ngettext("%(n)s day", "%(n)s days", n))
        case Unit.MONTHS:
            return _counted(value, lambda n: ngettext("%(n)s month", "%(n)s months", n))
        case _:
            return decimal(value, 0 if value == int(value) else 2)


def _counted(value: Number, word: Callable[[int], str]) -> str:
    return word(2 if value != 1 else 1) % {"n": decimal(value, 0 if value == int(value) else 1)}


def money(value: Number, currency: str) -> str:
    """An amount in its currency's minor units: £1,234.50."""
    return words.spaced(numbers.format_currency(value, currency, locale=locale()))


def whole_money(value: Number, currency: str) -> str:
    """An amount without minor units, for sentences: £1,234."""
    return words.spaced(
        numbers.format_currency(
            value, currency, locale=locale(), format=_whole_pattern(locale()), currency_digits=False
        )
    )


@cache
def _whole_pattern(where: Locale) -> numbers.NumberPattern:
    written = str(where.currency_formats["standard"].pattern)
    return numbers.parse_pattern(written.replace("0.00", "0").replace("0,00", "0"))


def short_money(value: Number, currency: str) -> str:
    """An amount to three digits or so, for tiles and axes: £1.2M. Charts say the same (assets/chart-option.js)."""
    size = abs(float(value))
    if size < 10 and value != int(value):
        return money(value, currency)
    if size < 10_000:
        return whole_money(value, currency)
    digits = 2 if size >= 1_000_000 else 1
    return words.spaced(numbers.format_compact_currency(value, currency, locale=locale(), fraction_digits=digits))


def short(value: object, unit: str, currency: str) -> str:
    """A value for a tile, where the whole number would be too long."""
    if isinstance(value, Decimal | int | float) and not isinstance(value, bool):
        if unit == Unit.MONEY:
            return short_money(value, currency) if abs(float(value)) >= 10_000 else money(value, currency)
        if unit in (Unit.COUNT, Unit.QUANTITY):
            return decimal(value, 0)
    return number(value, unit, currency)


def percent(value: Number, digits: int = 1) -> str:
    """A rate of 0-1 in per cent."""
    return numbers.format_percent(value, format=_percent_pattern(locale(), digits), locale=locale())


@cache
def _percent_pattern(where: Locale, digits: int) -> numbers.NumberPattern:
    pattern = str(where.percent_formats[None].pattern)
    return numbers.parse_pattern(pattern.replace("0", f"0.{'#' * digits}") if digits else pattern)


def decimal(value: Number, digits: int = 0) -> str:
    """A number with at most so many digits after the point."""
    return numbers.format_decimal(value, format=_decimal_pattern("#" * digits), locale=locale())


def fixed(value: Number, digits: int) -> str:
    """A number with exactly so many digits after the point, as people type it into a cell."""
    return numbers.format_decimal(value, format=_decimal_pattern("0" * digits), locale=locale())


@cache
def _decimal_pattern(after: str) -> numbers.NumberPattern:
    """after : the digits after the point, such as `##`"""
    return numbers.parse_pattern(f"#,##0.{after}" if after else "#,##0")


def typed(value: Decimal) -> str:
    """A number with all its digits as a form shows it, so that `read_number` reads it back."""
    digits = max(0, -int(value.normalize().as_tuple().exponent))
    return fixed(value, 4 if digits == 3 else digits)  # three may be thousands


def change(now: object, before: object) -> float | None:
    """The relative change, None where it means nothing."""
    if not isinstance(now, Decimal | int | float) or not isinstance(before, Decimal | int | float) or not before:
        return None
    return (float(now) - float(before)) / abs(float(before))


def chance(value: float) -> str:
    """A probability in whole per cent, as far as anybody can know it."""
    return wording.chance(value, locale())


def difference(now: object, before: object) -> float | None:
    """The difference of two rates, None where one is missing."""
    if not isinstance(now, Decimal | int | float) or not isinstance(before, Decimal | int | float):
        return None
    return float(now) - float(before)


def signed_points(value: float) -> str:
    """A difference of rates in percentage points: +1.2 pp."""
    sign = "+" if value > 0 else "−"
    return gettext("%(sign)s%(points)s pp") % {"sign": sign, "points": decimal(abs(value) * 100, 1)}


def signed_percent(value: float) -> str:
    """A change with its sign: +4.2%, −3%."""
    shown = percent(abs(value))
    sign = "" if shown == percent(0) else "+" if value > 0 else "−"
    return sign + shown


def day(value: date) -> str:
    return dates.format_date(value, "d MMM y", locale=locale())


def days(value: Period) -> str:
    """A period's first and last day beside a date that has their year: 8–16 Oct."""
    return dates.format_interval(value.start, value.last, "MMMd", locale=locale())


def long_day(value: date) -> str:
    return dates.format_date(value, "EEEE d MMMM y", locale=locale())


def month(value: date) -> str:
    return dates.format_date(value, "LLLL y", locale=locale())


def short_month(value: date) -> str:
    return dates.format_date(value, "LLL y", locale=locale())


_channels: ContextVar[Callable[[], Mapping[str, str]]] = ContextVar("channels", default=dict)


def name_channels(names: Callable[[], Mapping[str, str]]) -> None:
    """In this request, channels are called so. names : gives the shop's names by code, once it is asked"""
    _channels.set(cache(names))


def channel(code: str) -> str:
    """What the shop calls a channel: its code where it has no name."""
    return _channels.get()().get(code, code)


def moment(value: datetime) -> str:
    return dates.format_datetime(value, "d MMM y, HH:mm", locale=locale(), tzinfo=value.tzinfo)


def bucket(value: date | int, grain: Grain) -> str:
    """The name of a bucket of time."""
    if not isinstance(value, date):
        return f"{value:02d}:00"
    match grain:
        case Grain.MONTH:
            return short_month(value)
        case Grain.QUARTER:
            return dates.format_date(value, "QQQ y", locale=locale())
        case Grain.FISCAL_QUARTER:
            return gettext("quarter from %(month)s") % {"month": short_month(value)}
        case Grain.YEAR:
            return str(value.year)
        case Grain.FISCAL_YEAR:
            return gettext("year from %(month)s") % {"month": short_month(value)}
        case Grain.WEEK:
            return gettext("week of %(day)s") % {"day": day(value)}
        case _:
            return day(value)


def period(value: Period | None) -> str:
    """A period by its first and last day, or by its months where it is made of them."""
    if value is None:
        return gettext("all time")
    months = value.whole_months()
    if months == 1:
        return month(value.start)
    if months == 12 and value.start.month == 1:
        return str(value.start.year)
    if months:
        return f"{short_month(value.start)} – {short_month(value.last)}"
    if value.days == 1:
        return day(value.start)
    return f"{day(value.start)} – {day(value.last)}"


def weekday(value: date) -> str:
    """A day's short name: Fri."""
    return dates.format_date(value, "EEE", locale=locale())
