"""The version of each fact's table: it stands in the Delta table's properties, and an older program refuses to write.

A fact only gains nullable columns, which needs no migration: old files are read with nulls. A rename, a retype or a drop is a
new version: a file `<fact>_<version>.py` here that rewrites the table. There is none yet.
"""

from collections.abc import Mapping
from functools import cache
from pkgutil import iter_modules


def version(fact: str) -> int:
    """The version of the fact's table that this program writes: that of its last migration, else 1."""
    return _last().get(fact, 1)


@cache
def _last() -> Mapping[str, int]:
    names = sorted(module.name.rpartition("_") for module in iter_modules(__path__))
    return {fact: int(number) for fact, _, number in names}
