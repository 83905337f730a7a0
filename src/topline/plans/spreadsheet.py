"""Targets and budget in a spreadsheet: written with formulas, edited by people, read back with every slip named."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any, Self

import numpy as np
from babel.numbers import get_decimal_symbol
from django.db import transaction
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from topline.accounts.models import User
from topline.documents import xlsx
from topline.documents.sheet import Column, Form, Sheet, Value
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.plans import targets
from topline.plans.grid import Grid
from topline.plans.models import BudgetLine, PlanVersion, SpendKind
from topline.plans.units import from_minor, to_minor
from topline.units import errors, number
from topline.units.text import N_

TARGETS, BUDGET, TOTAL, EXPECTED = "Targets", "Budget", "Total", "Expected sales"
WORDS = {
    "Key": "key",
    "Activity": "activity",
    "Channel": "channel",
    "Campaign": "campaign",
    "Market": "market",
    "Kind": "kind",
    "Front": "front_key",
}
"""The words of a line of the budget, by the title of their column."""
_TITLES, _MONTH = {*WORDS, EXPECTED, TOTAL}, re.compile(r"\d{4}-\d{2}")
_MOST_SAID = 12


class NoSheetError(errors.ToplineError):
    message = N_(
        "This file has no sheet of targets or budget. Export the plan as Excel, change the amounts in its sheets "
        "“Targets …” and “Budget”, and bring that file back."
    )


class NotASpreadsheetError(errors.ToplineError):
    message = N_("This is not an Excel file. Save it as .xlsx and try again.")


class CellsError(errors.ToplineError):
    """Cells that can't be read; nothing of the file is taken over."""

    message = N_("Nothing was changed. %(what)s")


@dataclass(frozen=True, slots=True)
class Change:
    """What the file changes: the amount of a cell, in the metric's unit, or a word of a line; None for none before."""

    sheet: str
    name: str
    month: date | None
    before: Decimal | str | None
    after: Decimal | str | None


type Cells = Mapping[tuple[str, ...], Mapping[date, Decimal]]
"""Amounts by what the row is named by, and month."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the budget's sheet.

    words : by field, those that the sheet has columns for; expected : counts where the sheet has a column for it
    """

    words: Mapping[str, str]
    has_expected: bool
    expected: Decimal | None
    amounts: Mapping[date, Decimal]


def sheets(version: PlanVersion) -> Iterator[Sheet]:
    """The target grids of each metric, by category and market and by each cut, and the budget by line and month."""
    months = [f"{month:%Y-%m}" for month in version.plan.months]
    for name, (metric, cut) in _grids(version).items():
        form = Form.MONEY if metrics()[metric].unit == Unit.MONEY else Form.WHOLE
        currency = version.plan.currency if form is Form.MONEY else None
        titles = _axes(cut)
        amounts = [Column(month, form, currency, is_summed=True) for month in months]
        span = f"SUM({{{len(titles)}}}:{{{len(titles) + len(months) - 1}}})"
        grid, money = version.grid(metric, cut), _in_unit(metric, version)
        rows: list[tuple[Value, ...]] = [
            (*line, *(money(cell) for cell in cells), money(sum(cells)))
            for line, cells in zip(_lines(version, metric, cut), _flat(grid).tolist(), strict=True)
        ]
        by_month = [money(minor) for minor in grid.cells.sum(axis=(0, 1)).tolist()]
        total = (TOTAL, *[None] * (len(titles) - 1), *by_month, money(grid.total()))
        columns = (*(Column(title) for title in titles), *amounts, Column(TOTAL, form, currency, formula=span))
        yield Sheet(name, columns, rows, total)
    if budget := list(version.budget.all()):
        yield _budget(version, budget)


def _budget(version: PlanVersion, lines: Sequence[BudgetLine]) -> Sheet:
    months, currency = version.plan.months, version.plan.currency
    first = len(WORDS) + 1
    amounts = [Column(f"{month:%Y-%m}", Form.MONEY, currency, is_summed=True) for month in months]
    whole = Column(TOTAL, Form.MONEY, currency, formula=f"SUM({{{first}}}:{{{first + len(months) - 1}}})")
    rows: list[tuple[Value, ...]] = [
        (*(str(getattr(line, field)) for field in WORDS.values()), line.expected, *cells, sum(cells, Decimal(0)))
        for line in lines
        for cells in [[line.amounts.get(month, Decimal(0)) for month in months]]
    ]
    sums = [sum((Decimal(str(row[x])) for row in rows), Decimal(0)) for x in range(first, first + len(months) + 1)]
    columns = (*(Column(title) for title in WORDS), Column(EXPECTED, Form.MONEY, currency), *amounts, whole)
    return Sheet(BUDGET, columns, rows, (TOTAL, *[None] * len(WORDS), *sums))


def _grids(version: PlanVersion) -> dict[str, tuple[str, str]]:
    """(metric, cut) of every grid of a version, by the name of its sheet."""
    taken: set[str] = set()
    keys = [*((metric, "") for metric in version.grid_metrics), *version.grid_cuts]
    return {xlsx.free_name(" ".join(filter(None, (TARGETS, *key))), taken): key for key in keys}


def _axes(cut: str) -> tuple[str, ...]:
    return (cut.title(),) if cut else ("Category", "Market")


def _lines(version: PlanVersion, metric: str, cut: str) -> list[tuple[str, ...]]:
    """What the lines of a grid are named by, in the order of its flat cells."""
    blocks, markets, _months = version.axes(metric, cut)
    return [((block or "",) if cut else (block or "", market or "")) for block in blocks for market in markets]


def _flat(grid: Grid) -> NDArray[np.int64]:
    """(lines, months) minor units."""
    return grid.cells.reshape(-1, grid.cells.shape[2])


def _in_unit(metric: str, version: PlanVersion) -> Callable[[int], Decimal]:
    return lambda minor: from_minor(metric, minor, version.plan.currency)


def load(*, version: PlanVersion, content: bytes, actor: User | None, now: datetime) -> list[Change]:
    """Take over what a file's sheets change: all of it or, where a cell can't be read, nothing.

    A row of the budget without a key is a new line; a line that the file lacks stays as it is.

    Raises NotASpreadsheetError, NoSheetError, CellsError, operations.PlanLockedError, grid.GridLockedError.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    from topline.plans import ledger

    try:
        book = CalamineWorkbook.from_filelike(BytesIO(content))
    except CalamineError as error:
        raise NotASpreadsheetError() from error
    grids = _grids(version)
    wanted = [name for name in book.sheet_names if name == BUDGET or name.startswith(f"{TARGETS} ")]
    if not wanted:
        raise NoSheetError()
    wrong: list[str] = []
    found: dict[str, Cells] = {}
    budget: list[Line] = []
    for name in wanted:
        rows = book.get_sheet_by_name(name).to_python()
        if name == BUDGET:
            budget = _read_budget(version, rows, wrong)
        elif name in grids:
            found[name] = _read_targets(version, name, *grids[name], rows, wrong)
        else:
            wrong.append(
                _("Sheet “%(sheet)s”: the plan has no such targets. Begin them on its page, or drop the sheet.")
                % {"sheet": name}
            )
    if wrong:
        more = len(wrong) - _MOST_SAID
        said = wrong[:_MOST_SAID] + ([_("And %(count)s more.") % {"count": more}] if more > 0 else [])
        raise CellsError(what=" ".join(said))
    with transaction.atomic():
        done = [
            change for name, cells in found.items() for change in _set(version, name, *grids[name], cells, actor, now)
        ]
        return done + ledger.take_over(version=version, lines=budget, actor=actor, now=now)


@dataclass(frozen=True, slots=True)
class _Page:
    """A sheet of the file: where its columns stand, and its rows by their number in the spreadsheet.

    places : column by title; months : column by month
    """

    name: str
    places: Mapping[str, int]
    months: Mapping[date, int]
    rows: Sequence[tuple[int, Sequence[Any]]]
    wrong: list[str]
    decimal_sign: str

    @classmethod
    def of(
        cls, version: PlanVersion, name: str, needed: Sequence[str], rows: Sequence[Sequence[Any]], wrong: list[str]
    ) -> Self:
        """What is needed and isn't there is said in `wrong`, and the page is empty."""
        head = [str(cell).strip() for cell in rows[0]] if rows else []
        known = {f"{month:%Y-%m}": month for month in version.plan.months}
        months = {known[title[:7]]: x for x, title in enumerate(head) if title[:7] in known}
        places = {title: x for x, title in enumerate(head) if title and title[:7] not in known}
        listed = list(enumerate(rows[1:], 2))
        absent = [title for title, month in known.items() if month not in months]
        ours = {*needed, *_TITLES}
        strange = [title for title in places if title not in ours and (absent or _MONTH.match(title))]
        if set(needed) <= set(places) and months and strange:
            wrong.append(
                _(
                    "Sheet “%(sheet)s”: the plan has no column “%(column)s”. Name it as one of %(months)s, or "
                    "take it out."
                )
                % {"sheet": name, "column": strange[0], "months": ", ".join(absent or known)}
            )
            listed = []
        elif not set(needed) <= set(places) or absent:
            expected = ", ".join([*needed, *known])
            wrong.append(
                _("Sheet “%(sheet)s”: its first row should read %(expected)s.") % {"sheet": name, "expected": expected}
            )
            listed = []
        return cls(name, places, months, listed, wrong, get_decimal_symbol(version.plan.language))

    def text(self, row: Sequence[Any], title: str) -> str:
        """What a cell says; a number that a spreadsheet made of a name without its point."""
        x = self.places.get(title, len(row))
        value = row[x] if x < len(row) else ""
        return (
            f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str("" if value is None else value)
        )

    def amount(self, y: int, row: Sequence[Any], x: int) -> Decimal:
        """The amount of a cell, 0 if it is empty; what is none is said in `wrong`."""
        value = row[x] if x < len(row) else ""
        found = _amount(value, self.decimal_sign)
        if found is None:
            self.wrong.append(
                _("Sheet “%(sheet)s”, cell %(cell)s: “%(text)s” is not an amount.")
                % {"sheet": self.name, "cell": f"{_letter(x)}{y}", "text": value}
            )
        return found or Decimal(0)

    def amounts(self, y: int, row: Sequence[Any]) -> dict[date, Decimal]:
        return {month: self.amount(y, row, x) for month, x in self.months.items()}

    def says(self, text: str, y: int, **params: object) -> None:
        """Say what is wrong in a row."""
        self.wrong.append(text % {"sheet": self.name, "row": y, **params})


def _read_targets(
    version: PlanVersion, name: str, metric: str, cut: str, rows: Sequence[Sequence[Any]], wrong: list[str]
) -> Cells:
    """The amounts of a sheet of targets; what can't be read is said in `wrong`."""
    page = _Page.of(version, name, _axes(cut), rows, wrong)
    known, found = set(_lines(version, metric, cut)), dict[tuple[str, ...], Mapping[date, Decimal]]()
    for y, row in page.rows:
        key = tuple(page.text(row, title) for title in _axes(cut))
        key = key if key in known else tuple(part.strip() for part in key)
        line = " · ".join(filter(None, key)) or "–"
        is_line = key in known and key not in found
        if not is_line and (key[0] == TOTAL or not any(row)):
            continue
        amounts = page.amounts(y, row)
        if is_line:
            found[key] = amounts
        elif key in found:
            page.says(_("Sheet “%(sheet)s”, row %(row)s: “%(line)s” stands there twice."), y, line=line)
        else:
            page.says(_("Sheet “%(sheet)s”, row %(row)s: the plan has no row “%(line)s”."), y, line=line)
    return found


def _read_budget(version: PlanVersion, rows: Sequence[Sequence[Any]], wrong: list[str]) -> list[Line]:
    """The lines of the budget's sheet; what can't be read is said in `wrong`."""
    page = _Page.of(version, BUDGET, ("Key", "Activity"), rows, wrong)
    known, found = set(version.budget.values_list("key", flat=True)), dict[str, Line]()
    fresh: list[Line] = []
    for y, row in page.rows:
        words = {field: page.text(row, title).strip() for title, field in WORDS.items() if title in page.places}
        key = words["key"]
        if not any(row) or (key == TOTAL and key not in known):
            continue
        if key in found:
            page.says(_("Sheet “%(sheet)s”, row %(row)s: “%(line)s” stands there twice."), y, line=key)
        elif key and key not in known:
            page.says(
                _("Sheet “%(sheet)s”, row %(row)s: no line has the key “%(line)s”. Leave it empty for a new one."),
                y, line=key,
            )  # fmt: skip
        elif words.get("kind") and words["kind"] not in SpendKind.values:
            kinds = ", ".join(SpendKind.values)
            page.says(
                _("Sheet “%(sheet)s”, row %(row)s: “%(kind)s” is none of the kinds %(kinds)s."),
                y, kind=words["kind"], kinds=kinds,
            )  # fmt: skip
        else:
            x = page.places.get(EXPECTED)
            is_open = x is None or x >= len(row) or row[x] in ("", None)
            expected = None if is_open or x is None else page.amount(y, row, x)
            line = Line(words, EXPECTED in page.places, expected, page.amounts(y, row))
            if key:
                found[key] = line
            else:
                fresh.append(line)
    return [*found.values(), *fresh]


def _amount(value: Any, decimal_sign: str) -> Decimal | None:
    """What a cell holds: a number, or what somebody typed as text."""
    if value in ("", None):
        return Decimal(0)
    if isinstance(value, bool):
        return None
    try:
        amount = number.read(value, decimal_sign=decimal_sign) if isinstance(value, str) else Decimal(str(value))
    except (ArithmeticError, number.NumberTextError):
        return None
    return amount if amount.is_finite() and 0 <= amount < 10**15 else None


def _letter(x: int) -> str:
    return (chr(64 + x // 26) if x >= 26 else "") + chr(65 + x % 26)


def _set(
    version: PlanVersion, sheet: str, metric: str, cut: str, cells: Cells, actor: User | None, now: datetime
) -> list[Change]:
    """Set the cells of a grid that differ in one edit, which is in the log and can be undone."""
    grid, lines = version.grid(metric, cut), _lines(version, metric, cut)
    months, currency = version.plan.months, version.plan.currency
    there = _flat(grid).tolist()
    changed = {
        (line, t): minor
        for line, key in enumerate(lines)
        for t, month in enumerate(months)
        if month in cells.get(key, {}) and (minor := to_minor(metric, cells[key][month], currency)) != there[line][t]
    }
    if not changed:
        return []
    at = np.array([line * len(months) + t for line, t in changed], dtype=np.int64)
    targets.put(
        version=version, metric=metric, cut=cut, at=at, amounts=np.array(list(changed.values()), dtype=np.int64),
        actor=actor, now=now, reason="XLSX",
    )  # fmt: skip
    money = _in_unit(metric, version)
    return [
        Change(sheet, " · ".join(filter(None, lines[line])), months[t], money(there[line][t]), money(minor))
        for (line, t), minor in changed.items()
    ]
