"""Many series side by side, with what is known of the periods ahead."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from topline.units.errors import ToplineError
from topline.units.text import N_

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_CYCLES = 8
"""Periods of history below which a panel of weeks or months is refused; of days it is as many days."""


class PanelError(ToplineError):
    message = N_("A panel of series must be whole: %(reason)s.")


@dataclass(frozen=True, slots=True)
class Panel:
    """n series over t known periods and the h ahead.

    units : (n, t) sold per period, >= 0; nan where demand is not known: sold out, closed, not offered yet
    day : (t + h,) the first day of every period, evenly spaced
    group : (n,) 0..g-1, whose calendar a series follows: its category, its store and department
    cycle : periods of the short rhythm: 7 for days, 1 for weeks and months
    year : periods of a year in whole cycles: 364, 52 or 12
    flags : (k, g, t + h) 0/1, what a group's calendar marks: holidays, events, days on which benefits are paid
    drivers : name -> (n, t + h), known or planned ahead: log price, discount, promotion; nan where not known
    codes : name -> (n,) small whole numbers that series have in common
    conditions : (c, g, t + h) how the market of a group stands, each about 0 over the history; ahead as stated, else as
        it stood last
    foreseen : earlier origin -> (c, g, ...) what was stated then of the periods after it
    closed : (n, t + h) periods without sales by plan, known ahead; those with history are nan in `units`
    """

    units: Floats
    day: NDArray[np.datetime64]
    group: Ints
    cycle: int = 7
    year: int = 364
    flags: Floats | None = None
    drivers: Mapping[str, Floats] = field(default_factory=dict)
    codes: Mapping[str, Ints] = field(default_factory=dict)
    conditions: Floats | None = None
    foreseen: Mapping[int, Floats] = field(default_factory=dict)
    closed: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        n, known = self.units.shape
        if known < LEAST_CYCLES:
            raise PanelError(reason=N_("it needs at least eight periods of history"))
        if len(self.day) <= known:
            raise PanelError(reason=N_("it has no period ahead"))
        if len(self.group) != n or any(each.shape != (n, len(self.day)) for each in self.drivers.values()):
            raise PanelError(reason=N_("groups and drivers must be stated for every series"))
        if np.nanmin(self.units, initial=0) < 0:
            raise PanelError(reason=N_("units must not be negative"))

    @property
    def known(self) -> int:
        """Periods with history."""
        return int(self.units.shape[1])

    @property
    def horizon(self) -> int:
        return len(self.day) - self.known

    @property
    def groups(self) -> int:
        return int(self.group.max()) + 1

    def at(self, origin: int, horizon: int) -> "Panel":
        """The panel as it was known after `origin` periods, `horizon` periods ahead.

        Prices, promotions and the calendar are as they came, since they are planned; the market is as it was foreseen
        then, else as it stood last.
        """
        end = origin + horizon
        return replace(
            self,
            units=self.units[:, :origin],
            day=self.day[:end],
            flags=None if self.flags is None else self.flags[:, :, :end],
            conditions=self._conditions_at(origin, end),
            foreseen={},
            drivers={name: values[:, :end] for name, values in self.drivers.items()},
            closed=None if self.closed is None else self.closed[:, :end],
        )

    def _conditions_at(self, origin: int, end: int) -> Floats | None:
        if self.conditions is None:
            return None
        found = self.conditions[:, :, :end].copy()
        foreseen = self.foreseen.get(origin)
        found[:, :, origin:] = found[:, :, origin - 1 : origin] if foreseen is None else foreseen[:, :, : end - origin]
        return found

    def since(self, first: int) -> "Panel":
        """The panel without its first periods."""
        return replace(
            self,
            units=self.units[:, first:],
            day=self.day[first:],
            flags=None if self.flags is None else self.flags[:, :, first:],
            conditions=None if self.conditions is None else self.conditions[:, :, first:],
            foreseen={origin - first: values for origin, values in self.foreseen.items()},
            drivers={name: values[:, first:] for name, values in self.drivers.items()},
            closed=None if self.closed is None else self.closed[:, first:],
        )

    def rows(self, chosen: slice | Ints) -> "Panel":
        """Some of the series; groups keep their numbers."""
        return replace(
            self,
            units=self.units[chosen],
            group=self.group[chosen],
            drivers={name: values[chosen] for name, values in self.drivers.items()},
            codes={name: values[chosen] for name, values in self.codes.items()},
            closed=None if self.closed is None else self.closed[chosen],
        )

    def filled(self) -> Floats:
        """(n, t) units, where they aren't known the mean of the nearest eight known periods of the same place in the
        cycle, 0 where there is none: what sold out isn't zero demand."""
        is_known = ~np.isnan(self.units)
        if is_known.all():
            return self.units.astype(np.float64)
        found = np.where(is_known, self.units, 0.0)
        for place in range(self.cycle):
            values, seen = found[:, place :: self.cycle], is_known[:, place :: self.cycle]
            around = _moving(values, 4) / np.maximum(_moving(seen.astype(np.float64), 4), 1)
            found[:, place :: self.cycle] = np.where(seen, values, around)
        return found


def sum_by(group: Ints, values: Floats, groups: int) -> Floats:
    """(groups, ...) sums of rows by their group."""
    sums = np.zeros((groups, *values.shape[1:]))
    np.add.at(sums, group, values)
    return sums


def _moving(values: Floats, half: int) -> Floats:
    """Sums over the window of `half` columns on either side."""
    total = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    place = np.arange(values.shape[1])
    high, low = np.minimum(place + half + 1, values.shape[1]), np.maximum(place - half, 0)
    moved: Floats = total[:, high] - total[:, low]
    return moved
