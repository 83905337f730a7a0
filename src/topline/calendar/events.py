"""The retail events: one row each, with its rule by market.

A new event is a new row of `EVENTS`. A country's rule is the first variant whose markets name the country (or its
region, as in `IT-82`); `*` is every country that no earlier variant named, and a variant without a rule says that the
event does not happen there. An announced date is added to its table of dates when it is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

from topline.calendar.rules import (
    FRIDAY,
    MONDAY,
    SATURDAY,
    SUNDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    Announced,
    Before,
    Chosen,
    EasterOffset,
    Feast,
    Fixed,
    Hijra,
    NthWeekday,
    Regulated,
    Relative,
    Rule,
    SchoolTable,
    Span,
)
from topline.units.text import N_


@dataclass(frozen=True, slots=True)
class Variant:
    """An event's rule in some markets: ISO 3166-1 countries, ISO 3166-2 regions, `*` for the rest; None: not there."""

    markets: frozenset[str]
    rule: Rule | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A retail event.

    id : stable, never translated; label : translatable
    lead_in_days, tail_days : days before and after in which shops feel it
    categories : the product groups that it matters to most, empty for all
    first_year : the year that it was first held, 0 for time out of mind
    source : where the rule comes from; verified_on : when it was last checked
    """

    id: str
    label: str
    variants: tuple[Variant, ...]
    lead_in_days: int
    tail_days: int = 0
    categories: tuple[str, ...] = ()
    first_year: int = 0
    source: str
    verified_on: date = date(2026, 11, 22)

    def rule(self, country: str, region: str | None = None) -> Rule | None:
        """The rule that holds in a country or one of its regions, None where the event does not happen."""
        for name in (f"{country}-{region}", country, "*"):
            for variant in self.variants:
                if name in variant.markets:
                    return variant.rule
        return None


def _in(markets: str, rule: Rule | None) -> Variant:
    return Variant(frozenset(markets.split()), rule)


def _dates(*spans: tuple[str, int]) -> Mapping[int, Span]:
    """Announced spans by year, from their first day and number of days."""
    found = [Span(date.fromisoformat(first), days) for first, days in spans]
    return MappingProxyType({span.first.year: span for span in found})


GULF = "AE SA KW QA BH OM"
ARAB = f"{GULF} EG JO LB IQ SY PS YE SD LY"
MUSLIM = f"{ARAB} TR MA DZ TN ID MY BN PK BD SG IN"
ORTHODOX = "RO BG GR CY RS MD UA MK GE ME BY RU"
NORDIC_NOVEMBER = "SE NO FI IS EE"
SOUTH_EAST_ASIA = "SG MY TH VN PH ID TW"
PRIME = "US GB CA DE FR IT ES AT BE NL LU PT PL SE IE JP AU NZ SG BR MX IN TR SA AE EG"

_THANKSGIVING = NthWeekday(11, THURSDAY, 4)
_BLACK_FRIDAY = NthWeekday(11, THURSDAY, 4, shift=1)
_DIWALI = Feast("IN", "Diwali")


def _mothers_day_france(year: int) -> Span:
    """The last Sunday of May, or the first of June if that is Pentecost (Code de l'action sociale, D215-1)."""
    (last,) = NthWeekday(5, SUNDAY, -1).spans(year)
    (pentecost,) = EasterOffset(49).spans(year)
    return Span(last.first + timedelta(days=7)) if last.first == pentecost.first else last


def _winter_sales_france(year: int) -> Span:
    """From the second Wednesday of January, or the first if the second is after the 12th; four weeks (D310-15-2)."""
    (second,) = NthWeekday(1, WEDNESDAY, 2).spans(year)
    return Span(second.first - timedelta(days=7 if second.first.day > 12 else 0), 28)


def _summer_sales_france(year: int) -> Span:
    """From the last Wednesday of June, or the one before if it is after the 28th; four weeks."""
    (last,) = NthWeekday(6, WEDNESDAY, -1).spans(year)
    return Span(last.first - timedelta(days=7 if last.first.day > 28 else 0), 28)


def _first_weekday(month: int, day: int) -> Chosen:
    """The given day, or the Monday after if it falls on a weekend."""

    def find(year: int) -> Span:
        on = date(year, month, day)
        return Span(on + timedelta(days=max(0, 8 - on.isoweekday()) if on.isoweekday() > FRIDAY else 0))

    return Chosen("fixed", find)


def _winter_sales_lorraine(year: int) -> Span:
    """The first working day of January in the departments 54, 55, 57 and 88; four weeks."""
    (first,) = _first_weekday(1, 2).spans(year)
    return Span(first.first, 28)


def _saldi_winter(days: int) -> Chosen:
    """The working day before Epiphany; the Saturday before if that is a Monday (Conferenza delle Regioni, 2016)."""

    def find(year: int) -> Span:
        eve = date(year, 1, 5)
        back = {MONDAY: 2, SUNDAY: 1}.get(eve.isoweekday(), 0)
        return Span(eve - timedelta(days=back), days)

    return Chosen("regulated", find)


def _saldi_summer(days: int) -> NthWeekday:
    """The first Saturday of July."""
    return NthWeekday(7, SATURDAY, 1, days=days)


def _week_of(month: int, day: int) -> Chosen:
    """The week, Monday to Sunday, that holds the day."""

    def find(year: int) -> Span:
        on = date(year, month, day)
        return Span(on - timedelta(days=on.isoweekday() - 1), 7)

    return Chosen("fixed", find)


# Length in days of the sales by region, as the regions set them for 2026: winter, summer.
_SALDI_DAYS = MappingProxyType(
    {"36": (88, 60), "62": (43, 42), "42": (45, 45), "21": (57, 57), "82": (72, 74), "34": (57, 59)}
)


def _saldi(markets: str, estimate: Rule, dates: Mapping[int, Span] = MappingProxyType({})) -> Variant:
    return _in(markets, Announced(estimate, dates, kind="regulated"))


_SALDI_WINTER = (
    _saldi("IT-23", Fixed(1, 2, days=89), _dates(("2026-01-02", 89))),
    _saldi("IT-BZ", Fixed(1, 8, days=29), _dates(("2026-01-08", 29))),
    *(
        _saldi(f"IT-{region}", _saldi_winter(winter), _dates(("2026-01-03", winter)))
        for region, (winter, _) in _SALDI_DAYS.items()
    ),
    _saldi("IT", _saldi_winter(60), _dates(("2025-01-04", 60), ("2026-01-03", 60))),
)
_SALDI_SUMMER = (
    *(_saldi(f"IT-{region}", _saldi_summer(summer)) for region, (_, summer) in _SALDI_DAYS.items()),
    _saldi("IT", _saldi_summer(60)),
)

_GERMAN_TERM = MappingProxyType(
    {
        land: NthWeekday(9, TUESDAY, 2) if land in ("BY", "BW") else NthWeekday(8, MONDAY, 3)
        for land in ["BB", "BE", "BW", "BY", "HB", "HE", "HH", "MV", "NI", "NW", "RP", "SH", "SL", "SN", "ST", "TH"]
    }
)


def _term(country: str, region: str, estimate: Rule) -> Before:
    months = (1, 3) if country == "AU" else (6, 9)
    return Before(SchoolTable(country, region, months, estimate), 28)


_BACK_TO_SCHOOL = (
    *(_in(f"DE-{land}", _term("DE", land, estimate)) for land, estimate in _GERMAN_TERM.items()),
    _in("DE", _term("DE", "NW", NthWeekday(8, MONDAY, 3))),
    *(_in(f"AT-{land}", _term("AT", land, NthWeekday(9, MONDAY, 1))) for land in ("1", "3", "9")),
    *(_in(f"AT-{land}", _term("AT", land, NthWeekday(9, MONDAY, 2))) for land in "245678"),
    _in("AT", _term("AT", "9", NthWeekday(9, MONDAY, 1))),
    *(
        _in(f"AU-{state}", _term("AU", state, Fixed(1, 29)))
        for state in ("ACT", "NSW", "NT", "QLD", "SA", "TAS", "VIC", "WA")
    ),
    _in("AU", _term("AU", "NSW", Fixed(1, 29))),
    _in(
        "RO",
        Before(
            Announced(
                NthWeekday(9, MONDAY, 1, since=6),
                _dates(("2023-09-11", 1), ("2024-09-09", 1), ("2025-09-08", 1), ("2026-09-07", 1)),
            ),
            28,
        ),
    ),
    _in(
        "FR",
        Before(
            Announced(
                _first_weekday(9, 1), _dates(("2023-09-04", 1), ("2024-09-02", 1), ("2025-09-01", 1), ("2026-09-01", 1))
            ),
            35,
        ),
    ),
    _in("PL HU LT LV EE CZ SK SI IE MD UA BY RU", Before(Announced(_first_weekday(9, 1)), 28)),
    _in("BG", Before(Announced(_first_weekday(9, 15)), 28)),
    _in("GB-SCT", Before(Announced(NthWeekday(8, WEDNESDAY, 2, since=5)), 28)),
    _in("GB", Before(Announced(_first_weekday(9, 2)), 35)),
    _in("US", Before(Announced(NthWeekday(8, MONDAY, 3)), 42)),
    _in("CA", Before(Announced(NthWeekday(9, MONDAY, 1, shift=1)), 35)),
    _in("ES", Before(Announced(NthWeekday(9, TUESDAY, 1, since=7)), 28)),
    _in("IT", Before(Announced(NthWeekday(9, MONDAY, 2)), 28)),
    _in("PT", Before(Announced(_first_weekday(9, 12)), 28)),
    _in("GR CY", Before(Announced(_first_weekday(9, 11)), 28)),
    _in("HR RS BA ME MK", Before(Announced(NthWeekday(9, MONDAY, 1)), 28)),
    _in("NL", Before(Announced(NthWeekday(8, MONDAY, -1)), 28)),
    _in("BE-WAL BE-BRU", Before(Announced(NthWeekday(8, MONDAY, -1)), 28)),
    _in("BE LU", Before(Announced(_first_weekday(9, 1)), 28)),
    _in("SE", Before(Announced(NthWeekday(8, MONDAY, 3)), 21)),
    _in("DK FI NO", Before(Announced(NthWeekday(8, MONDAY, 2)), 21)),
    _in("MX", Before(Announced(NthWeekday(8, MONDAY, 1, since=26)), 35)),
    _in("BR", Before(Announced(NthWeekday(2, MONDAY, 1)), 35)),
    _in("NZ ZA", Before(Announced(NthWeekday(1, WEDNESDAY, -1)), 28)),
    _in("JP", Before(Announced(_first_weekday(4, 6)), 35)),
    _in("AE QA KW BH OM SA", Before(Announced(NthWeekday(8, MONDAY, -1)), 28)),
)

EVENTS: tuple[Event, ...] = (
    Event(
        id="new_year",
        label=N_("New Year"),
        variants=(_in("*", Fixed(1, 1)),),
        lead_in_days=7,
        tail_days=6,
        categories=("party", "food", "fitness"),
        source="Gregorian calendar",
    ),
    Event(
        id="epiphany",
        label=N_("Epiphany"),
        variants=(_in("AT DE ES FR GR HR IT PL PT SE SK RO BG CY FI MX", Fixed(1, 6)),),
        lead_in_days=10,
        categories=("toys", "gifts", "confectionery"),
        source="Topline's table of retail events",
    ),
    Event(
        id="winter_sales",
        label=N_("Winter sales"),
        variants=(
            _in("FR-54 FR-55 FR-57 FR-88", Regulated(_winter_sales_lorraine)),
            _in("FR", Regulated(_winter_sales_france)),
            *_SALDI_WINTER,
        ),
        lead_in_days=7,
        categories=("fashion", "home", "electronics"),
        source="FR: Code de commerce D310-15-2, from 08:00; IT: Conferenza delle Regioni and the regions' own decrees",
    ),
    Event(
        id="summer_sales",
        label=N_("Summer sales"),
        variants=(
            _in("FR-06 FR-66", Regulated(lambda year: Span(next(NthWeekday(7, WEDNESDAY, 1).spans(year)).first, 28))),
            _in("FR-2A FR-2B", Regulated(lambda year: Span(next(NthWeekday(7, WEDNESDAY, 2).spans(year)).first, 28))),
            _in("FR", Regulated(_summer_sales_france)),
            *_SALDI_SUMMER,
        ),
        lead_in_days=7,
        categories=("fashion", "home", "garden"),
        source="FR: Code de commerce D310-15-2, from 08:00; IT: the regions' decrees, first Saturday of July",
    ),
    Event(
        id="lunar_new_year",
        label=N_("Lunar New Year"),
        variants=(_in("CN HK TW SG MY KR VN ID PH MO US GB CA AU NZ FR", Feast("SG", "Chinese New Year")),),
        lead_in_days=21,
        tail_days=14,
        categories=("gifts", "food", "fashion", "home"),
        source="PyPI holidays, Singapore",
    ),
    Event(
        id="super_bowl",
        label=N_("Super Bowl"),
        variants=(_in("US CA MX", NthWeekday(2, SUNDAY, 2)),),
        lead_in_days=10,
        categories=("electronics", "food", "sports", "party"),
        source="NFL schedule since 2022",
    ),
    Event(
        id="valentines_day",
        label=N_("Valentine's Day"),
        variants=(_in("BR", None), _in("*", Fixed(2, 14))),
        lead_in_days=14,
        categories=("flowers", "jewellery", "confectionery", "beauty", "gifts"),
        source="fixed by custom",
    ),
    Event(
        id="ramadan",
        label=N_("Ramadan"),
        variants=(_in(MUSLIM, Hijra(9, 1, until=(10, 1))),),
        lead_in_days=14,
        categories=("food", "home", "fashion", "gifts"),
        source="Umm al-Qura calendar by PyPI hijridate, a day earlier or later by country",
    ),
    Event(
        id="eid_al_fitr",
        label=N_("Eid al-Fitr"),
        variants=(_in(MUSLIM, Hijra(10, 1, until=(10, 4))),),
        lead_in_days=14,
        tail_days=3,
        categories=("fashion", "gifts", "confectionery", "toys"),
        source="Umm al-Qura calendar by PyPI hijridate, a day earlier or later by country",
    ),
    Event(
        id="eid_al_adha",
        label=N_("Eid al-Adha"),
        variants=(_in(MUSLIM, Hijra(12, 10, until=(12, 14))),),
        lead_in_days=10,
        tail_days=2,
        categories=("fashion", "food", "gifts"),
        source="Umm al-Qura calendar by PyPI hijridate, a day earlier or later by country",
    ),
    Event(
        id="dragobete",
        label=N_("Dragobete"),
        variants=(_in("RO MD", Fixed(2, 24)),),
        lead_in_days=7,
        categories=("flowers", "jewellery", "gifts"),
        source="fixed by custom",
    ),
    Event(
        id="martisor",
        label=N_("Mărțișor"),
        variants=(_in("RO MD BG", Fixed(3, 1)),),
        lead_in_days=14,
        categories=("jewellery", "flowers", "gifts"),
        source="fixed by custom",
    ),
    Event(
        id="womens_day",
        label=N_("Women's Day"),
        variants=(_in("*", Fixed(3, 8)),),
        lead_in_days=10,
        categories=("flowers", "beauty", "jewellery", "gifts"),
        source="United Nations, fixed",
    ),
    Event(
        id="consumer_day",
        label=N_("Consumer Day"),
        variants=(_in("BR", _week_of(3, 15)), _in("AR CL CO CN PT", Fixed(3, 15))),
        lead_in_days=7,
        tail_days=2,
        source="Consumers International, 15 March; Brazil keeps the week",
    ),
    Event(
        id="afterpay_day_march",
        label=N_("Afterpay Day, March"),
        variants=(
            _in(
                "AU NZ",
                Announced(
                    NthWeekday(3, THURSDAY, 3, days=4), _dates(("2022-03-17", 4), ("2025-03-20", 4), ("2026-03-19", 4))
                ),
            ),
        ),
        lead_in_days=7,
        categories=("fashion", "beauty", "home", "electronics"),
        source="afterpay.com, merchants' page",
    ),
    Event(
        id="easter",
        label=N_("Easter"),
        variants=(
            _in(ORTHODOX, EasterOffset(is_orthodox=True)),
            _in(f"{ARAB} TR CN JP KR TH VN", None),
            _in("*", EasterOffset()),
        ),
        lead_in_days=21,
        tail_days=1,
        categories=("confectionery", "food", "home", "toys", "flowers"),
        source="computus, western (Gregorian) or orthodox (Julian), by the country's majority church",
    ),
    Event(
        id="mothers_day",
        label=N_("Mother's Day"),
        variants=(
            _in("GB IE", EasterOffset(-21)),
            _in("RO ES PT HU LT AO MZ CV", NthWeekday(5, SUNDAY, 1)),
            _in("FR", Chosen("nth-weekday", _mothers_day_france)),
            _in("SE", NthWeekday(5, SUNDAY, -1)),
            _in("MX GT SV", Fixed(5, 10)),
            _in("PL", Fixed(5, 26)),
            _in("BG", Fixed(3, 8)),
            _in("TH", Fixed(8, 12)),
            _in("NO", NthWeekday(2, SUNDAY, 2)),
            _in("AR", NthWeekday(10, SUNDAY, 3)),
            _in("SI", Fixed(3, 25)),
            _in("KR", Fixed(5, 8)),
            _in("ID", Fixed(12, 22)),
            _in(ARAB, Fixed(3, 21)),
            _in(
                "US CA AU DE IT BR AT BE CH NL NZ DK FI EE LV CZ SK HR GR TR UA IN JP SG MY PH ZA CN HK TW CO PE CL EC "
                "VE UY CY MT LI",
                NthWeekday(5, SUNDAY, 2),
            ),
        ),
        lead_in_days=21,
        categories=("flowers", "jewellery", "beauty", "fashion", "gifts"),
        source="Topline's table of retail events; custom of each country",
    ),
    Event(
        id="childrens_day",
        label=N_("Children's Day"),
        variants=(
            _in("RO MD PT PL BG CZ SK UA CN VN", Fixed(6, 1)),
            _in("BR", Fixed(10, 12)),
            _in("MX", Fixed(4, 30)),
            _in("JP KR", Fixed(5, 5)),
            _in("TR", Fixed(4, 23)),
            _in("HU", NthWeekday(5, SUNDAY, -1)),
        ),
        lead_in_days=14,
        categories=("toys", "fashion", "books", "gifts"),
        source="custom or law of each country",
    ),
    Event(
        id="hot_sale",
        label=N_("Hot Sale"),
        variants=(
            _in("MX", Announced(NthWeekday(5, MONDAY, -1, days=9), _dates(("2025-05-26", 9), ("2026-05-25", 9)))),
        ),
        lead_in_days=7,
        first_year=2014,
        source="Asociación Mexicana de Venta Online",
    ),
    Event(
        id="dia_dos_namorados",
        label=N_("Dia dos Namorados"),
        variants=(_in("BR", Fixed(6, 12)),),
        lead_in_days=14,
        categories=("flowers", "jewellery", "beauty", "fashion", "gifts"),
        source="fixed by custom",
    ),
    Event(
        id="fathers_day",
        label=N_("Father's Day"),
        variants=(
            _in("IT ES PT HR", Fixed(3, 19)),
            _in("DE", EasterOffset(39)),
            _in("AT BE", NthWeekday(6, SUNDAY, 2)),
            _in("AU NZ", NthWeekday(9, SUNDAY, 1)),
            _in("BR", NthWeekday(8, SUNDAY, 2)),
            _in(NORDIC_NOVEMBER, NthWeekday(11, SUNDAY, 2)),
            _in("DK", Fixed(6, 5)),
            _in("PL", Fixed(6, 23)),
            _in("TW", Fixed(8, 8)),
            _in("TH", Fixed(12, 5)),
            _in("RO", NthWeekday(5, SUNDAY, 2)),
            _in(ARAB, Fixed(6, 21)),
            _in("*", NthWeekday(6, SUNDAY, 3)),
        ),
        lead_in_days=21,
        categories=("electronics", "tools", "fashion", "sports", "gifts"),
        source="Topline's table of retail events; custom of each country",
    ),
    Event(
        id="mid_year_618",
        label=N_("6.18 mid-year sale"),
        variants=(_in(f"CN HK {SOUTH_EAST_ASIA}", Fixed(6, 18)),),
        lead_in_days=18,
        tail_days=2,
        source="JD.com's anniversary, fixed",
    ),
    Event(
        id="prime_day",
        label=N_("Prime Day"),
        variants=(
            _in(
                PRIME,
                Announced(
                    NthWeekday(7, TUESDAY, 1, since=7, days=4),
                    _dates(("2022-07-12", 2), ("2023-07-11", 2), ("2024-07-16", 2), ("2025-07-08", 4)),
                ),
            ),
        ),
        lead_in_days=5,
        tail_days=2,
        categories=("electronics", "home", "beauty", "toys"),
        first_year=2015,
        source="announced by Amazon some weeks before",
    ),
    Event(
        id="back_to_school",
        label=N_("Back to school"),
        variants=_BACK_TO_SCHOOL,
        lead_in_days=7,
        tail_days=7,
        categories=("stationery", "fashion", "electronics", "books", "furniture"),
        source="orders of the ministries of education, the school tables of PyPI holidays (DE, AT, AU)",
    ),
    Event(
        id="afterpay_day_august",
        label=N_("Afterpay Day, August"),
        variants=(
            _in("AU NZ", Announced(NthWeekday(8, THURSDAY, 2, days=4), _dates(("2024-08-15", 4), ("2025-08-14", 4)))),
        ),
        lead_in_days=7,
        categories=("fashion", "beauty", "home", "electronics"),
        source="afterpay.com, merchants' page",
    ),
    Event(
        id="double_ninth",
        label=N_("9.9 sale"),
        variants=(_in(SOUTH_EAST_ASIA, Fixed(9, 9)),),
        lead_in_days=7,
        source="marketplaces of South-East Asia, fixed",
    ),
    Event(
        id="festive_sale_india",
        label=N_("India's festive sales"),
        variants=(
            _in(
                "IN",
                Announced(
                    Relative(_DIWALI, -29, days=29), _dates(("2020-10-16", 29), ("2021-10-03", 32), ("2025-09-23", 27))
                ),
            ),
        ),
        lead_in_days=7,
        tail_days=2,
        source="announced by the large marketplaces; to the eve of Diwali",
    ),
    Event(
        id="prime_big_deal_days",
        label=N_("Prime Big Deal Days"),
        variants=(
            _in(
                PRIME,
                Announced(
                    NthWeekday(10, TUESDAY, 1, since=7, days=2),
                    _dates(("2022-10-11", 2), ("2023-10-10", 2), ("2024-10-08", 2), ("2025-10-07", 2)),
                ),
            ),
        ),
        lead_in_days=5,
        tail_days=2,
        categories=("electronics", "home", "beauty", "toys"),
        first_year=2022,
        source="announced by Amazon some weeks before; each October since 2022",
    ),
    Event(
        id="double_tenth",
        label=N_("10.10 sale"),
        variants=(_in(SOUTH_EAST_ASIA, Fixed(10, 10)),),
        lead_in_days=7,
        source="marketplaces of South-East Asia, fixed",
    ),
    Event(
        id="diwali",
        label=N_("Diwali"),
        variants=(_in("IN NP LK MU FJ SG MY GB", _DIWALI),),
        lead_in_days=28,
        tail_days=2,
        categories=("jewellery", "electronics", "fashion", "home", "confectionery", "gifts"),
        source="PyPI holidays, India; a day earlier or later by country",
    ),
    Event(
        id="halloween",
        label=N_("Halloween"),
        variants=(_in(f"{ARAB} TR", None), _in("*", Fixed(10, 31))),
        lead_in_days=28,
        categories=("party", "confectionery", "costumes", "home"),
        source="fixed by custom",
    ),
    Event(
        id="singles_day",
        label=N_("Singles' Day"),
        variants=(_in("*", Fixed(11, 11)),),
        lead_in_days=14,
        tail_days=1,
        first_year=2009,
        source="Alibaba since 2009, fixed",
    ),
    Event(
        id="click_frenzy",
        label=N_("Click Frenzy"),
        variants=(_in("AU", Announced(NthWeekday(11, TUESDAY, 2, days=3))),),
        lead_in_days=5,
        first_year=2012,
        source="announced by its organiser; seen in the week of November's second Tuesday",
    ),
    Event(
        id="el_buen_fin",
        label=N_("El Buen Fin"),
        variants=(
            _in(
                "MX",
                Announced(
                    NthWeekday(11, MONDAY, 3, shift=-3, days=4),
                    _dates(("2022-11-18", 4), ("2023-11-17", 4), ("2024-11-15", 4), ("2025-11-13", 5)),
                ),
            ),
        ),
        lead_in_days=7,
        tail_days=1,
        first_year=2011,
        source="Concanaco Servytur; ends on the third Monday of November, its first day is announced",
    ),
    Event(
        id="black_friday",
        label=N_("Black Friday"),
        variants=(
            _in(
                "RO",
                Announced(
                    NthWeekday(11, FRIDAY, 1),
                    _dates(
                        ("2011-11-25", 1),
                        ("2018-11-16", 1),
                        ("2019-11-15", 1),
                        ("2020-11-13", 1),
                        ("2021-11-12", 1),
                        ("2023-11-10", 1),
                        ("2024-11-08", 1),
                        ("2025-11-07", 1),
                    ),
                ),
            ),
            _in(GULF, None),
            _in("*", _BLACK_FRIDAY),
        ),
        lead_in_days=14,
        tail_days=2,
        categories=(),
        source="the day after Thanksgiving; Romania: announced by the market leader in September or October",
    ),
    Event(
        id="cyber_monday",
        label=N_("Cyber Monday"),
        variants=(_in(f"RO {GULF}", None), _in("*", Relative(_BLACK_FRIDAY, 3))),
        lead_in_days=2,
        tail_days=1,
        first_year=2005,
        source="the Monday after Thanksgiving",
    ),
    Event(
        id="white_friday",
        label=N_("White Friday"),
        variants=(_in(GULF, Relative(_BLACK_FRIDAY, 0)),),
        lead_in_days=4,
        tail_days=3,
        source="Black Friday's week, as the marketplaces of the Gulf keep it",
    ),
    Event(
        id="thanksgiving",
        label=N_("Thanksgiving"),
        variants=(_in("US", _THANKSGIVING), _in("CA", NthWeekday(10, MONDAY, 2))),
        lead_in_days=14,
        categories=("food", "home"),
        source="US 5 USC 6103; Canada: proclamation of 1957",
    ),
    Event(
        id="st_nicholas",
        label=N_("St Nicholas"),
        variants=(_in("NL", Fixed(12, 5)), _in("RO MD DE AT CH BE LU PL CZ SK HU SI HR BG UA LT", Fixed(12, 6))),
        lead_in_days=21,
        categories=("toys", "confectionery", "gifts"),
        source="fixed by custom",
    ),
    Event(
        id="double_twelfth",
        label=N_("12.12 sale"),
        variants=(_in(f"CN {SOUTH_EAST_ASIA}", Fixed(12, 12)),),
        lead_in_days=7,
        source="marketplaces of Asia, fixed",
    ),
    Event(
        id="christmas_cutoff_standard",
        label=N_("Last day for standard delivery before Christmas"),
        variants=(
            _in("GB", Announced(Fixed(12, 18), _dates(("2024-12-18", 1), ("2025-12-17", 1)))),
            _in("US", Announced(Fixed(12, 17), _dates(("2024-12-18", 1), ("2025-12-17", 1)))),
            _in(f"{ARAB} TR CN JP KR TH VN IN", None),
            _in("*", Announced(Fixed(12, 19))),
        ),
        lead_in_days=7,
        source="carriers announce it each autumn: Royal Mail 2nd Class, USPS Ground Advantage; elsewhere an estimate",
    ),
    Event(
        id="christmas_cutoff_express",
        label=N_("Last day for express delivery before Christmas"),
        variants=(
            _in("GB", Announced(Fixed(12, 20), _dates(("2024-12-20", 1), ("2025-12-20", 1)))),
            _in("US", Announced(Fixed(12, 20), _dates(("2024-12-21", 1), ("2025-12-20", 1)))),
            _in(f"{ARAB} TR CN JP KR TH VN IN", None),
            _in("*", Announced(Fixed(12, 22))),
        ),
        lead_in_days=5,
        source="carriers announce it each autumn: Royal Mail 1st Class, USPS Priority Express; elsewhere an estimate",
    ),
    Event(
        id="christmas",
        label=N_("Christmas"),
        variants=(_in("RU", Fixed(1, 7)), _in(f"{ARAB} TR", None), _in("*", Fixed(12, 25))),
        lead_in_days=35,
        categories=("gifts", "toys", "electronics", "fashion", "food", "beauty"),
        source="fixed",
    ),
    Event(
        id="boxing_day",
        label=N_("Boxing Day"),
        variants=(_in("GB IE CA AU NZ ZA", Fixed(12, 26)),),
        lead_in_days=1,
        tail_days=5,
        categories=("fashion", "electronics", "home"),
        source="fixed by custom",
    ),
)


def by_id() -> Mapping[str, Event]:
    """Every event by its id."""
    return {event.id: event for event in EVENTS}
