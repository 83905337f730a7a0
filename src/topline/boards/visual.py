"""How a tile may show its figures."""

from collections.abc import Mapping
from dataclasses import dataclass

from topline.units.text import N_


@dataclass(frozen=True, slots=True)
class Visual:
    """A way to show.

    is_timed : along time, at the grain that suits the period
    is_cut : needs a dimension to cut by, besides time
    of_metrics : shows metrics, not a text or an analysis
    width, height : of a new tile, in columns and rows of the grid
    """

    id: str
    label: str
    icon: str
    is_timed: bool = False
    is_cut: bool = False
    of_metrics: bool = True
    width: int = 6
    height: int = 2


VISUALS: Mapping[str, Visual] = {
    each.id: each
    for each in (
        Visual("number", N_("Figure"), icon="number-123", is_timed=True, width=3, height=1),
        Visual("line", N_("Line"), icon="chart-line", is_timed=True),
        Visual("columns", N_("Columns"), icon="chart-bar", is_timed=True),
        Visual("bars", N_("Bars"), icon="chart-bar-popular", is_cut=True),
        Visual("table", N_("Table"), icon="table", is_cut=True),
        Visual("analysis", N_("Analysis"), icon="chart-dots", of_metrics=False),
        Visual("text", N_("Text"), icon="text-size", of_metrics=False, width=12, height=1),
    )
}
