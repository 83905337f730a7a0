"""Every metric and dimension: the folder is the catalogue."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from topline.metrics.dimension import DIMENSIONS, OF_CHANNEL, Dimension
from topline.metrics.metric import Metric
from topline.units.text import N_

FAMILIES = {
    "sales": N_("Sales"),
    "profit": N_("Profit"),
    "customers": N_("Customers"),
    "traffic": N_("Traffic and funnel"),
    "marketing": N_("Marketing"),
    "pipeline": N_("Pipeline"),
    "operations": N_("Operations"),
    "brand": N_("Brand and satisfaction"),
    "plan": N_("Plan"),
}
"""What metrics are about, in the order in which they are listed."""


@cache
def metrics() -> Mapping[str, Metric]:
    """Every metric by id, family by family, within one as their files list them."""
    order = list(FAMILIES)
    return {metric.id: metric for metric in sorted(_discover(), key=lambda metric: order.index(metric.family))}


def dimensions() -> Mapping[str, Dimension]:
    """Every dimension by id, grains of time first."""
    return DIMENSIONS


def _discover() -> Iterator[Metric]:
    package = import_module("topline.metrics")
    for module in iter_modules(package.__path__):
        for metric in getattr(import_module(f"topline.metrics.{module.name}"), "METRICS", ()):
            has_channels = "channel" in metric.dimensions
            yield replace(metric, dimensions=metric.dimensions | OF_CHANNEL) if has_channels else metric
