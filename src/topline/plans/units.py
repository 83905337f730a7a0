"""Amounts of planned metrics in whole units: minor units of the currency for money, pieces for counts."""

from decimal import Decimal

from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.units.money import minor_digits


def digits(metric: str, currency: str) -> int:
    """Digits after the decimal point of a planned amount."""
    return minor_digits(currency) if metrics()[metric].unit == Unit.MONEY else 0


def to_minor(metric: str, amount: Decimal, currency: str) -> int:
    """The amount in whole units, half to even."""
    return int(amount.scaleb(digits(metric, currency)).to_integral_value())


def from_minor(metric: str, minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-digits(metric, currency))
