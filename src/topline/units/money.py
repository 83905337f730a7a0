"""Money, its rounding and its exact division."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from functools import cache

from babel.core import get_global
from babel.numbers import get_currency_precision, list_currencies

from topline.units import errors


@cache
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())


@cache
def minor_digits(currency: str) -> int:
    """Digits after the decimal point of a currency's amounts: 2 for EUR, 0 for JPY. Source: CLDR, after ISO 4217."""
    if currency not in _currencies():
        raise errors.CurrencyError(currency=currency)
    return get_currency_precision(currency)


@cache
def tenders() -> frozenset[str]:
    """The currencies that a country pays or once paid with; metals, units of account and test codes are none."""
    listed = get_global("territory_currencies").values()
    return frozenset(code for used in listed for code, _, _, is_tender in used if is_tender)


def rounded(amount: Decimal, currency: str) -> Decimal:
    """The amount in the currency's minor units, half to even; done once, at output."""
    return amount.quantize(Decimal(1).scaleb(-minor_digits(currency)), rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in a currency."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        minor_digits(self.currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __mul__(self, factor: Decimal | int) -> "Money":
        return Money(self.amount * factor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.amount < self._same(other)

    def _same(self, other: "Money") -> Decimal:
        if other.currency != self.currency:
            raise errors.CurrencyMismatchError(left=self.currency, right=other.currency)
        return other.amount

    def rounded(self) -> "Money":
        return Money(rounded(self.amount, self.currency), self.currency)

    @property
    def minor(self) -> int:
        """Whole minor units after rounding: 12.34 EUR is 1234."""
        return int(self.rounded().amount.scaleb(minor_digits(self.currency)))

    @classmethod
    def from_minor(cls, minor: int, currency: str) -> "Money":
        return cls(Decimal(minor).scaleb(-minor_digits(currency)), currency)


def allocate(total: int, weights: Sequence[float | int | Decimal]) -> list[int]:
    """`total` split over `weights` in whole units that sum to it exactly, by largest remainder.

    total : whole units (minor units of a currency, pieces); may be negative
    weights : n numbers >= 0 with a sum > 0; ties go to the earlier index

    Raises AllocationError. Source: Hare-Niemeyer (largest remainder) method.
    """
    exact = [Fraction(weight) for weight in weights]
    scale = math.lcm(*(weight.denominator for weight in exact))
    units = [weight.numerator * (scale // weight.denominator) for weight in exact]
    whole = sum(units)
    if whole <= 0 or min(units) < 0:
        raise errors.AllocationError()
    sign = -1 if total < 0 else 1
    shares = [divmod(abs(total) * unit, whole) for unit in units]
    parts = [part for part, _ in shares]
    by_remainder = sorted(range(len(parts)), key=lambda i: (-shares[i][1], i))
    for i in by_remainder[: abs(total) - sum(parts)]:
        parts[i] += 1
    return [sign * part for part in parts]
