"""What a metric is, and what it is made of: measures that tables give, and a value over their sums."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from topline.units.missing import Missing

if TYPE_CHECKING:
    from ibis.expr.types import Scalar, Table

    from topline.metrics.view import View

type Value = Decimal | int | float | Missing
type Key = tuple[date | int | str | None, ...]
"""A cell's values of the dimensions asked for, in their order; None where a fact has none."""

type Cell = Mapping[str, Any]
"""The measures of a cell by id; a measure without a row in the cell is absent."""


class Unit(StrEnum):
    """What a metric counts in. A rate is 0-1."""

    MONEY = "money"
    COUNT = "count"
    QUANTITY = "quantity"
    RATE = "rate"
    RATIO = "ratio"
    HOURS = "hours"
    DAYS = "days"
    MONTHS = "months"


class Direction(StrEnum):
    """Whether more is better."""

    UP = "up"
    DOWN = "down"
    NONE = "none"


class RollUp(StrEnum):
    """How a total is made: by adding cells up, by counting again, by summing both sides of a ratio first, or anew."""

    SUM = "sum"
    DISTINCT = "distinct"
    RATIO = "ratio"
    ANEW = "anew"


@dataclass(frozen=True, slots=True)
class Measure:
    """An aggregate over the rows of a source (see `view`), as a function of the table.

    adds_up : True if the cells of any cut sum to the whole; else a total is counted again
    is_money : True for a sum of `amount`, which is in the money asked for
    is_shop_money : True for a sum that is kept in the shop's currency only
    kinds : the kinds of ledger rows that it takes, all if empty
    """

    id: str
    source: str
    value: "Callable[[Table], Scalar]"
    adds_up: bool = True
    is_money: bool = False
    is_shop_money: bool = False
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Staged:
    """A measure that takes more than one aggregation.

    cells : gives {key: {measure id: number}} for the dimensions `by`; measures that share it are computed together
    facts : without rows in any of them the measure is missing
    source : whose rows stand behind the number
    """

    id: str
    cells: "Callable[[View, tuple[str, ...]], Mapping[Key, Cell]]"
    facts: tuple[str, ...] = ("order_line",)
    is_shop_money: bool = False
    source: str = "buyer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One definition of a number, and all that a page says about it.

    formula : in the ids of other metrics and the words of the glossary
    basis : True if the shop's choice of event date or order date moves it
    measures : what it needs of the tables; `value` turns a cell of them into the number, or says why there is none
    dimensions : ids that it may be cut and filtered by
    note : what several metrics have in common and a reader of one must know
    leaders : how the leading products define it, and why their number differs
    is_plan : True for the metrics of the sales and marketing plan
    parts : ids of metrics that are shown beside it: the ends of its interval, what it is composed of
    """

    id: str
    label: str
    description: str
    formula: str
    unit: Unit
    family: str
    direction: Direction
    roll_up: RollUp
    measures: tuple[Measure | Staged, ...]
    value: Callable[[Cell], Value]
    dimensions: frozenset[str]
    note: str = ""
    leaders: str = ""
    basis: bool = True
    is_plan: bool = False
    parts: tuple[str, ...] = ()

    @property
    def is_shop_money(self) -> bool:
        """True if it needs an amount that is kept in the shop's currency only, such as a cost."""
        return any(measure.is_shop_money for measure in self.measures)


def total(cell: Cell, *ids: str) -> Value:
    """The sum of measures, zero for those without rows; missing if one of them is."""
    result = Decimal(0)
    for id_ in ids:
        number = cell.get(id_)
        if isinstance(number, Missing):
            return number
        result += number or 0
    return result


def count(cell: Cell, id_: str) -> Value:
    """A measure that counts, zero without rows."""
    number: Value | None = cell.get(id_)
    return number if isinstance(number, Missing) else int(number or 0)


def minus(left: Value, *right: Value) -> Value:
    """The difference; missing if any part is."""
    for part in (left, *right):
        if isinstance(part, Missing):
            return part
    return Decimal(left) - sum(map(Decimal, right), Decimal(0))  # type: ignore[arg-type]


def ratio(above: Value, below: Value, empty: Missing) -> Value:
    """`above / below` as a float; missing if either side is, or if `below` is zero."""
    for side in (above, below):
        if isinstance(side, Missing):
            return side
    return float(above) / float(below) if below else empty  # type: ignore[arg-type]


def per(amount: Value, divisor: Value, empty: Missing) -> Value:
    """An exact amount for each of `divisor`; missing if either side is, or if there are none."""
    for side in (amount, divisor):
        if isinstance(side, Missing):
            return side
    return Decimal(amount) / Decimal(divisor) if divisor else empty  # type: ignore[arg-type]
