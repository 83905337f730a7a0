"""Every metric and dimension: the folder is the catalogue."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from topline.metrics.dimension import DIMENSIONS, OF_CHANNEL, Dimension
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
        for metric in getattr(import_module(f"topline.metrics.{module.name}"), "METRICS", ()):
            has_channels = "channel" in metric.dimensions
            yield replace(metric, dimensions=metric.dimensions | OF_CHANNEL) if has_channels else metric
