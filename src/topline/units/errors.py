"""Errors that a caller can act on: a code, a translatable message that says what to do, and its parameters."""

from collections.abc import Mapping
from typing import ClassVar

from topline.units.text import N_


class ToplineError(Exception):
    """The base of every error that a person may see.

    A subclass states `message` as a `%`-format with named parameters; doors translate it and fill the
    parameters in. `code` is language-neutral, from the class name (`UnknownMetricError` -> `unknown_metric`).
    """

    message: ClassVar[str] = N_("Something went wrong.")

    def __init__(self, **params: object) -> None:
        self.params = params
        super().__init__(self.message % params)

    @property
    def code(self) -> str:
        name = type(self).__name__.removesuffix("Error")
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).removeprefix("_")


class FieldsError(ToplineError):
    """What can't be kept of a form; `errors` says why, by field."""

    message = N_("Some of it can't be kept: %(what)s")

    def __init__(self, found: Mapping[str, ToplineError]) -> None:
        super().__init__(what="; ".join(f"{field}: {error}" for field, error in found.items()))
        self.errors = dict(found)


class PeriodError(ToplineError):
    message = N_(
        "“%(text)s” is not a period. Write a date as 2027-01-31 or a month as 2027-01, the end after the start."
    )


class OpenPeriodError(PeriodError):
    message = N_("“%(text)s” is one end of a period. Give both: its first day and the day after its last.")


class CurrencyError(ToplineError):
    message = N_("“%(currency)s” is not a currency. Use the three letters of ISO 4217, such as EUR.")


class CurrencyMismatchError(ToplineError):
    message = N_("%(left)s and %(right)s can't be added. Convert one of them first.")


class AllocationError(ToplineError):
    message = N_("An amount can't be spread over weights that are negative or sum to zero.")
