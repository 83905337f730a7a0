"""What an analysis is: the question that it answers, what a person may choose of it, and how it is answered."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from topline.metrics.query import Filter
from topline.units import spelling
from topline.units.errors import ToplineError
from topline.units.period import Period
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.analysis.result import Result
    from topline.metrics.settings import Settings
    from topline.metrics.view import Tables


class UnknownAnalysisError(ToplineError):
    message = N_("There is no analysis “%(id)s”. Did you mean %(nearest)s?")


class UnknownChoiceError(ToplineError):
    message = N_("%(analysis)s has no choice “%(id)s”. Did you mean %(nearest)s?")


class ChoiceError(ToplineError):
    message = N_("“%(text)s” doesn't fit the choice %(choice)s. Did you mean %(nearest)s?")


class EmptyFileError(ToplineError):
    message = N_("The file has no column of days and one of numbers. Export it by day or by month, as CSV.")


class FilterNotAllowedError(ToplineError):
    message = N_("%(analysis)s can't be filtered by %(dimension)s. It can be filtered by %(allowed)s.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of an analysis; each analysis adds fields of its own.

    period : the days in question, all days if None
    where : filters of the rows in question
    as_of : only what happened before this day
    """

    period: Period | None = None
    where: tuple[Filter, ...] = ()
    as_of: date | None = None

    @property
    def families(self) -> frozenset[str]:
        """Families of metrics that the answer shows; who may not see one of them gets none."""
        return frozenset()

    @property
    def digest(self) -> str:
        """The same for the same question, in every process."""
        return hashlib.sha256(f"{type(self).__module__}.{self!r}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A field of the question that a person sets.

    id : the field's name; its default is the question's
    options : the values that it may have with their labels; empty where `parse` decides
    several : True for a list of options, in the order given
    parse : turns the text into the field's value; ValueError or ArithmeticError if it doesn't fit
    example : a text that fits, where there are no options
    write : turns the field's value into such a text again
    from_csv : makes such a text of a CSV file, given the other choices; None if no file can fill it
    """

    id: str
    label: str
    description: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    several: bool = False
    parse: Callable[[str], Any] = str
    example: str = ""
    write: Callable[[Any], str] = str
    from_csv: Callable[[str, Mapping[str, str]], str] | None = None

    def text(self, value: Any) -> str:
        """The field's value as `value` reads it."""
        return ",".join(value) if self.several else self.write(value)

    def value(self, text: str) -> Any:
        """The field's value of a text. Raises ChoiceError."""
        if self.options:
            parts = [part.strip() for part in text.split(",") if part.strip()] if self.several else [text]
            for part in parts:
                if part not in self.options:
                    raise ChoiceError(text=part, choice=self.id, nearest=nearest(part, self.options))
            return tuple(dict.fromkeys(parts)) if self.several else text
        try:
            return self.parse(text)
        except (ValueError, ArithmeticError):
            raise ChoiceError(text=text, choice=self.id, nearest=self.example) from None


def whole(low: int, high: int) -> Callable[[str], int]:
    """Reads a whole number between two bounds, both allowed."""

    def parse(text: str) -> int:
        number = int(text)
        if not low <= number <= high:
            raise ValueError(text)
        return number

    return parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """One analysis, and all that a page says about it.

    description : the question that it answers, in a sentence
    method : how it is computed, what counts and what doesn't
    dimensions : ids that it may be filtered by
    icon : a name of the page's icons
    """

    id: str
    label: str
    description: str
    method: str
    question: type[Question]
    answer: "Callable[[Tables, Any, Settings], Result]"
    choices: tuple[Choice, ...] = ()
    dimensions: frozenset[str] = frozenset()
    icon: str = "chart-dots"

    def asked(
        self,
        choices: Mapping[str, str],
        *,
        period: Period | None = None,
        where: Iterable[Filter] = (),
        as_of: date | None = None,
    ) -> Question:
        """The question of texts such as a command line or an address gives; a choice left out has its default.

        Raises UnknownChoiceError, ChoiceError, FilterNotAllowedError.
        """
        known = {choice.id: choice for choice in self.choices}
        for id_ in choices:
            if id_ not in known:
                raise UnknownChoiceError(analysis=self.label, id=id_, nearest=nearest(id_, known) or N_("nothing"))
        filters = tuple(where)
        for condition in filters:
            if condition.dimension not in self.dimensions:
                allowed = ", ".join(sorted(self.dimensions)) or N_("nothing")
                raise FilterNotAllowedError(analysis=self.label, dimension=condition.dimension, allowed=allowed)
        values = {id_: known[id_].value(text) for id_, text in choices.items()}
        return self.question(period=period, where=filters, as_of=as_of, **values)

    def filled(self, id_: str, text: str, choices: Mapping[str, str]) -> str:
        """The text of a choice out of a CSV file. Raises EmptyFileError, UnknownChoiceError."""
        choice = next((each for each in self.choices if each.id == id_ and each.from_csv), None)
        if choice is None or choice.from_csv is None:
            takers = [each.id for each in self.choices if each.from_csv]
            raise UnknownChoiceError(analysis=self.label, id=id_, nearest=nearest(id_, takers) or N_("nothing"))
        found = choice.from_csv(text, choices)
        if not found:
            raise EmptyFileError
        return found


def matches(rows: Any, condition: Filter) -> Any:
    """Whether each row has one of the filter's values."""
    column = rows[condition.dimension]
    values = [value for value in condition.values if value is not None]
    found = column.isin(values).fill_null(False) if values else column.isnull()
    return found | column.isnull() if values and None in condition.values else found


def nearest(text: str, known: Iterable[str]) -> str:
    """The known names that are most like a text."""
    names = list(known)
    return " / ".join(spelling.nearest(text, names) or names[:5])
