"""The answer of an analysis: tables with named columns, the sentence that sums them up, and what is missing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType

from topline.analysis.analysis import Question, nearest
from topline.documents.sheet import Column as FileColumn
from topline.documents.sheet import Form, Sheet
from topline.documents.sheet import Value as FileValue
from topline.metrics.metric import Unit
from topline.metrics.result import Entry, Rest, plain
from topline.metrics.settings import Settings
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.money import rounded
from topline.units.text import N_

_FORMS = {Unit.MONEY: Form.MONEY, Unit.COUNT: Form.WHOLE, Unit.RATE: Form.RATE}
NO_NAMES: Mapping[str, str] = MappingProxyType({})


class UnknownTableError(ToplineError):
    message = N_("The answer has no table “%(id)s”. Did you mean %(nearest)s?")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number in a sentence; doors write it by its unit and the reader's locale."""

    value: Decimal | int | float
    unit: Unit
    currency: str

    def __str__(self) -> str:
        match self.unit:
            case Unit.RATE:
                return f"{self.value:.1%}"
            case Unit.MONEY:
                return f"{rounded(Decimal(self.value), self.currency):,f} {self.currency}"
            case Unit.DAYS | Unit.HOURS | Unit.MONTHS:
                return f"{round(float(self.value), 1):,g} {self.unit.value}"
            case Unit.RATIO:
                return f"{round(float(self.value), 2):,}"
        return f"{self.value:,}"


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence: a language-neutral code, and a `%`-format over `params`, which may be figures."""

    code: str
    message: str
    params: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return self.message % self.params


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel in a row or a sentence; doors say what the shop calls it."""

    code: str

    def __str__(self) -> str:
        return self.code


@dataclass(frozen=True, slots=True)
class Proposal:
    """A goal that a row proposes, for the plan: so much more of a metric in three months, by doing what.

    more : in the metric's unit; action : what is done for it
    """

    metric: str
    more: Decimal
    action: Note

    def __str__(self) -> str:
        return f"{self.metric} + {self.more:f}"


type Cell = Entry | Figure | Note | Channel | Proposal | None
"""None stands where a row has nothing to say in a column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table.

    unit : of numbers; None for names, days and figures that bring units of their own
    dimension : the dimension or grain of metrics whose values it holds
    names : labels of the values where they are codes of our own
    about : what the column says, where its label doesn't
    is_mixed : True if each row is a figure of its own unit
    """

    id: str
    label: str
    unit: Unit | None = None
    dimension: str = ""
    names: Mapping[str, str] = NO_NAMES
    about: str = ""
    is_mixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """How a table is drawn.

    kind : heatmap, lines, columns, bars, waterfall or flow
    across : the column along the axis
    values : the columns of numbers, one line or row of bars for each
    down : the column that gives a heatmap its rows, or splits one number into lines
    """

    kind: str
    across: str
    values: tuple[str, ...]
    down: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows with an entry for each column; one without a number is Missing and says why.

    chart : how it is drawn, None for a table only
    missing : why it has no rows
    is_personal : True if a row is a person
    """

    id: str
    label: str
    columns: tuple[Column, ...]
    rows: "Sequence[Mapping[str, Cell]]"
    chart: Chart | None = None
    missing: Missing | None = None
    is_personal: bool = False

    def column(self, id_: str) -> Column:
        return next(column for column in self.columns if column.id == id_)

    def rounded(self, currency: str) -> list[dict[str, Cell]]:
        """The rows with money in whole minor units."""
        money = {column.id for column in self.columns if column.unit is Unit.MONEY}
        return [
            {
                column.id: rounded(entry, currency)
                if column.id in money and isinstance(entry := row[column.id], Decimal)
                else row[column.id]
                for column in self.columns
            }
            for row in self.rows
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The answer of an analysis, exact; `to_json` and `sheet` round money once, half to even.

    sentence : the answer in one sentence, or why there is none
    notes : what a reader must know
    snapshot, recorded_to : what was read, and until when that had been recorded
    """

    question: Question
    settings: Settings
    sentence: Note | Missing
    tables: tuple[Table, ...] = ()
    notes: tuple[Note, ...] = ()
    snapshot: int | None = None
    recorded_to: datetime | None = None

    def table(self, id_: str) -> Table:
        """The table of that id. Raises UnknownTableError."""
        found = next((table for table in self.tables if table.id == id_), None)
        if found is None:
            raise UnknownTableError(id=id_, nearest=nearest(id_, [table.id for table in self.tables]))
        return found

    def summary(self, id_: str = "") -> Table | None:
        """The table of that id, else the first with a chart, else the first; never one that lists people."""
        listed = [table for table in self.tables if not table.is_personal]
        charted = [table for table in listed if table.chart and table.rows]
        return next((table for table in listed if table.id == id_), None) or next(iter((*charted, *listed)), None)

    def to_json(self) -> dict[str, object]:
        """Amounts as decimal strings, a missing value as {"missing": reason}, a figure of its own unit with it."""
        return {
            "sentence": str(self.sentence),
            "missing": self.sentence.reason if isinstance(self.sentence, Missing) else None,
            "notes": [str(note) for note in self.notes],
            "tables": [
                {
                    "id": table.id,
                    "columns": [
                        {"id": column.id, "label": column.label, **_measured(column.unit, self.settings.currency)}
                        for column in table.columns
                    ],
                    "missing": table.missing.reason if table.missing else None,
                    "rows": [
                        {id_: _plain(entry) for id_, entry in row.items()}
                        for row in table.rounded(self.settings.currency)
                    ],
                }
                for table in self.tables
            ],
            "currency": self.settings.currency,
            "snapshot": self.snapshot,
            "recorded_to": self.recorded_to.isoformat() if self.recorded_to else None,
        }


def said(cell: Cell) -> Entry | None:
    """The cell as one value: a figure's number, the words of a note, a channel's code."""
    match cell:
        case Figure():
            return cell.value
        case Note() | Channel() | Proposal():
            return str(cell)
    return cell


def _plain(cell: Cell) -> object:
    if isinstance(cell, Proposal):
        return {"metric": cell.metric, "more": format(cell.more, "f"), "action": str(cell.action)}
    value = said(cell)
    if isinstance(cell, Figure) and value is not None:
        shown = rounded(Decimal(cell.value), cell.currency) if cell.unit is Unit.MONEY else value
        return {"value": plain(shown), **_measured(cell.unit, cell.currency)}
    return None if value is None else plain(value)


def _measured(unit: Unit | None, currency: str) -> dict[str, str | None]:
    """The unit, of money with its currency."""
    return {"unit": unit, "currency": currency} if unit is Unit.MONEY else {"unit": unit}


def nothing(question: Question, settings: Settings, why: Missing) -> Result:
    """The answer where a fact that it needs has no rows."""
    return Result(question=question, settings=settings, sentence=why)


def sheet(
    table: Table,
    currency: str,
    *,
    say: Callable[[str], str] = str,
    name: Callable[[Column, Cell], str] = lambda column, cell: str(_plain(cell)),
) -> Sheet:
    """The table as a file has it.

    say : translates a label
    name : writes a name, a day or a code
    """
    columns = []
    for column in table.columns:
        form = _FORMS.get(column.unit, Form.NUMBER) if column.unit else Form.TEXT
        columns.append(FileColumn(say(column.label), form, currency if form is Form.MONEY else ""))

    def entry(column: Column, value: Cell) -> FileValue:
        if isinstance(value, Figure):
            return value.value
        if value is None or isinstance(value, Missing):
            return value
        if column.unit is None or isinstance(value, Rest | str | date | Note | Channel | Proposal):
            return name(column, value)
        return value

    rows = ([entry(column, row[column.id]) for column in table.columns] for row in table.rounded(currency))
    return Sheet(say(table.label), columns, rows)
