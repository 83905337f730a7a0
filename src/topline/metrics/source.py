"""Rows that a family makes of facts for its measures, beside the facts themselves."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from topline.metrics.view import View


@dataclass(frozen=True, slots=True)
class Source:
    """Rows made of facts, one place for each kind.

    fact : the one that it is made of: without rows in it, measures are missing, and its rows stand behind a number
    rows : gives the fact's columns or some of them, others that measures take, and `day`, up to the question's `as_of`
    is_kept : read once for all questions about a snapshot; False where the rows are many, or are the question's own
    columns : of rows that take long to make, what a file keeps of them, by Ibis names of types; none if it is no file
    facts : all that such rows are made of
    """

    id: str
    fact: str
    rows: "Callable[[View], Table]"
    is_kept: bool = True
    columns: Mapping[str, str] = field(default_factory=dict)
    facts: tuple[str, ...] = ()


@cache
def sources() -> Mapping[str, Source]:
    """Every made source by id: each family lists its own."""
    return {source.id: source for source in _discover()}


def _discover() -> Iterator[Source]:
    package = import_module("topline.metrics")
    for module in iter_modules(package.__path__):
        yield from getattr(import_module(f"topline.metrics.{module.name}"), "SOURCES", ())
