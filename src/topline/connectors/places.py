"""Country names in six languages and the shorthands that shops write, to ISO 3166 codes."""

import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache

from babel import Locale

LANGUAGES = ("en", "ro", "pt", "de", "fr", "es")

# What CLDR names beside countries: unions, remote islands without a code of their own, and texts for tests.
_NO_COUNTRIES = ("EU", "EZ", "UN", "XA", "XB", "ZZ", "QO")

# What exports write beside the official names.
_SHORTHAND = {
    "GB": "uk|great britain|britain|england|scotland|wales|northern ireland|anglia|marea britanie|gran bretana|inglaterra|angleterre|grossbritannien|gra bretanha",
    "US": "usa|u s a|u s|united states of america|sua|eua|ee uu|eeuu|vereinigte staaten von amerika|etats unis d amerique|america",
    "IE": "eire|republic of ireland",
    "ZA": "rsa|republic of south africa",
    "KR": "korea|korea republic of|republic of korea|coreea",
    "CZ": "czech republic|republica ceha|tschechische republik|republique tcheque|republica checa|republica tcheca",
    "NL": "holland|the netherlands|olanda|holanda|hollande",
    "AE": "uae|emirates",
    "RU": "russian federation|rusia federala",
    "HK": "hong kong|hongkong",
    "MK": "macedonia",
    "MD": "republica moldova|moldova republic of",
    "VN": "viet nam",
    "TR": "turkey",
    "CI": "ivory coast",
    "BA": "bosnia",
    "DE": "deutschland|brd",
    "CN": "pr china|p r china",
    "MO": "macau",
    "SK": "slovak republic",
    "BR": "brasil",
}


def folded(text: str) -> str:
    """The text in small plain letters and digits, words apart by one space: “Côte d’Ivoire” is `cote d ivoire`."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return " ".join("".join(c if c.isalnum() else "" if unicodedata.combining(c) else " " for c in plain).split())


def is_country(code: str) -> bool:
    """Whether a code of CLDR's territories is a country's, not a part of the world or a union."""
    return len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES


@cache
def countries() -> Mapping[str, str]:
    """Folded name or code to ISO code."""
    codes: dict[str, str] = {}
    for language in LANGUAGES:
        for code, name in Locale(language).territories.items():
            if is_country(code):
                codes.setdefault(folded(str(name)), code)
                codes.setdefault(code.casefold(), code)
    for code, names in _SHORTHAND.items():
        codes.update(dict.fromkeys(names.split("|"), code))
    return codes


@lru_cache(maxsize=10_000)
def country(name: str) -> str | None:
    """The ISO code of a country's name or code, None if it is no country."""
    return countries().get(folded(name))
