"""Every analysis: the folder is the catalogue."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from topline.analysis.analysis import Analysis, Question, UnknownAnalysisError, nearest


@cache
def analyses() -> Mapping[str, Analysis]:
    """Every analysis by id, in order of their files' names."""
    return {analysis.id: analysis for analysis in _discover()}


def named(id_: str) -> Analysis:
    """The analysis of that id. Raises UnknownAnalysisError."""
    if id_ not in analyses():
        raise UnknownAnalysisError(id=id_, nearest=nearest(id_, analyses()))
    return analyses()[id_]


def of(question: Question) -> Analysis:
    """The analysis that answers a question."""
    return next(each for each in analyses().values() if each.question is type(question))


def _discover() -> Iterator[Analysis]:
    package = import_module("topline.analysis")
    for module in iter_modules(package.__path__):
        found = getattr(import_module(f"topline.analysis.{module.name}"), "ANALYSIS", None)
        if isinstance(found, Analysis):
            yield found
