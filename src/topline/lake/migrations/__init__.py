"""Renames, retypes and drops of a fact's columns: one file each, `<fact>_<version>.py`.

A fact only gains nullable columns; anything else is a new version of its table. A migration file holds `rewrite(rows: str) -> str`: SQL that
turns the SQL of a table's rows in the version before into rows of this version. The version stands in the Delta table's
properties, and a program that knows only earlier ones refuses to write.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

_NAME = re.compile(r"(?P<fact>[a-z_]+)_(?P<version>\d{4})")


@cache
def migrations(fact: str) -> Mapping[int, Callable[[str], str]]:
    """The fact's migrations by the version that they lead to."""
    names = [match for module in iter_modules(__path__) if (match := _NAME.fullmatch(module.name))]
    found = {int(n["version"]): import_module(f"{__name__}.{n[0]}").rewrite for n in names if n["fact"] == fact}
    return dict(sorted(found.items()))


def version(fact: str) -> int:
    """The version of the fact's table that this program writes."""
    return max(migrations(fact), default=1)
