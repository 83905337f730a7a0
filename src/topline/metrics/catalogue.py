"""Every metric and dimension: the folder is the catalogue."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from topline.metrics.dimension import DIMENSIONS, Dimension
from topline.metrics.metric import Metric


@cache
def metrics() -> Mapping[str, Metric]:
    """Every metric by id, family by family as their files list them."""
    return {metric.id: metric for metric in _discover()}


def dimensions() -> Mapping[str, Dimension]:
    """Every dimension by id, grains of time first."""
    return DIMENSIONS


def _discover() -> Iterator[Metric]:
    package = import_module("topline.metrics")
    for module in iter_modules(package.__path__):
        yield from getattr(import_module(f"topline.metrics.{module.name}"), "METRICS", ())
