"""Targets and budget in a spreadsheet: written with formulas, edited by people, read back with every slip named."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

from babel.numbers import get_decimal_symbol
from django.db import transaction
from django.utils.translation import gettext as _

from topline.accounts.models import User
from topline.documents.sheet import Column, Form, Sheet, Value
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.plans import operations, progress
from topline.plans.grid import Part
from topline.plans.models import PlanVersion
from topline.plans.units import digits
from topline.units import errors, number
from topline.units.text import N_

TARGETS, BUDGET = "Targets", "Budget"
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
    """A cell that the file changes; amounts in the metric's unit."""

    sheet: str
    name: str
    month: date
    before: Decimal
    after: Decimal


def sheets(version: PlanVersion) -> Iterator[Sheet]:
    """The target grid of each metric by category, market and month, and the budget by line and month."""
    plan = version.plan
    months = [f"{month:%Y-%m}" for month in plan.months]
    for metric in version.grid_metrics:
        view = progress.grid_view(version, metric)
        form = Form.MONEY if metrics()[metric].unit == Unit.MONEY else Form.WHOLE
        currency = plan.currency if form is Form.MONEY else None
        amounts = [Column(month, form, currency, is_summed=True) for month in months]
        whole = Column("Total", form, currency, formula=f"SUM({{2}}:{{{len(months) + 1}}})")
        rows = [
            (block, market, *cells, sum(cells, Decimal(0)))
            for block, lines in zip(view.blocks, view.cells, strict=True)
            for market, cells in zip(view.markets, lines, strict=True)
        ]
        total = ("Total", None, *view.by_month, view.total)
        yield Sheet(f"{TARGETS} {metric}", (Column("Category"), Column("Market"), *amounts, whole), rows, total)
    lines = list(version.budget.all())
    amounts = [Column(month, Form.MONEY, plan.currency, is_summed=True) for month in months]
    whole = Column("Total", Form.MONEY, plan.currency, formula=f"SUM({{5}}:{{{len(months) + 4}}})")
    named = tuple(Column(title) for title in ("Key", "Activity", "Channel", "Kind", "Front"))
    budget: list[tuple[Value, ...]] = [
        (line.key, line.activity, line.channel, line.kind, line.front_key, *cells, sum(cells, Decimal(0)))
        for line in lines
        for cells in [[line.amounts.get(month, Decimal(0)) for month in plan.months]]
    ]
    if budget:
        sums = [sum((Decimal(str(row[i])) for row in budget), Decimal(0)) for i in range(5, 6 + len(months))]
        yield Sheet(BUDGET, (*named, *amounts, whole), budget, ("Total", None, None, None, None, *sums))


def load(*, version: PlanVersion, content: bytes, actor: User | None, now: datetime) -> list[Change]:
    """Take over the amounts of a file's sheets: what it changed. All of them or, where one can't be read, none.

    Raises NotASpreadsheetError, NoSheetError, CellsError, operations.PlanLockedError, grid.LockedAmountError.
    """
    from python_calamine import CalamineError, CalamineWorkbook

    from topline.plans import ledger

    try:
        book = CalamineWorkbook.from_filelike(BytesIO(content))
    except CalamineError as error:
        raise NotASpreadsheetError() from error
    wanted = [name for name in book.sheet_names if name == BUDGET or name.startswith(f"{TARGETS} ")]
    if not wanted:
        raise NoSheetError()
    wrong: list[str] = []
    read = {name: _read(version, name, book.get_sheet_by_name(name).to_python(), wrong) for name in wanted}
    if wrong:
        more = len(wrong) - _MOST_SAID
        said = wrong[:_MOST_SAID] + ([_("And %(count)s more.") % {"count": more}] if more > 0 else [])
        raise CellsError(what=" ".join(said))
    done: list[Change] = []
    with transaction.atomic():
        for name, cells in read.items():
            if name == BUDGET:
                done += ledger.take_over(version=version, cells=cells, actor=actor, now=now)
            else:
                done += _set(version, name.removeprefix(f"{TARGETS} "), cells, actor, now)
    return done


type Cells = Mapping[tuple[str, ...], Mapping[date, Decimal]]
"""Amounts by what the row is named by, and month."""


def _read(version: PlanVersion, name: str, rows: Sequence[Sequence[Any]], wrong: list[str]) -> Cells:
    """The amounts of a sheet; what can't be read is said in `wrong`."""
    named = ("Key",) if name == BUDGET else ("Category", "Market")
    head = [str(cell).strip() for cell in rows[0]] if rows else []
    places = {title: head.index(title) for title in named if title in head}
    months = {f"{month:%Y-%m}": month for month in version.plan.months}
    columns = {x: months[title[:7]] for x, title in enumerate(head) if title[:7] in months}
    if len(places) < len(named) or not columns:
        expected = ", ".join([*named, *months])
        wrong.append(
            _("Sheet “%(sheet)s”: its first row should read %(expected)s.") % {"sheet": name, "expected": expected}
        )
        return {}
    found: dict[tuple[str, ...], dict[date, Decimal]] = {}
    sign = get_decimal_symbol(version.plan.language)
    for y, row in enumerate(rows[1:], 2):
        key = tuple(str(row[places[title]] or "").strip() for title in named)
        if (not any(key) and not any(row)) or key[0] == "Total":
            continue
        found[key] = {}
        for x, month in columns.items():
            amount = _amount(row[x] if x < len(row) else "", sign)
            if amount is None:
                cell = f"{_letter(x)}{y}"
                wrong.append(
                    _("Sheet “%(sheet)s”, cell %(cell)s: “%(text)s” is not an amount.")
                    % {"sheet": name, "cell": cell, "text": row[x]}
                )
            else:
                found[key][month] = amount
    return found


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


def _set(version: PlanVersion, metric: str, cells: Cells, actor: User | None, now: datetime) -> list[Change]:
    """Set the cells of a grid that differ, one by one, so that each is in the log and can be undone."""
    if metric not in version.grid_metrics:
        raise operations.UnknownPartError(metric=metric)
    view = progress.grid_view(version, metric)
    unit = Decimal(1).scaleb(-digits(metric, version.plan.currency))
    names = [(block or "", market or "") for block in view.blocks for market in view.markets]
    done, revision = [], view.revision
    for key, row in cells.items():
        if key not in names:
            raise CellsError(what=_("The plan has no row “%(row)s”.") % {"row": " · ".join(filter(None, key)) or "–"})
        b, m = divmod(names.index((key[0], key[1])), len(view.markets))
        for t, month in enumerate(view.months):
            after = row.get(month, Decimal(0)).quantize(unit)
            before = view.cells[b][m][t]
            if after == before:
                continue
            part = Part(b, m, t)
            step = operations.set_target(
                version=version, metric=metric, part=part, amount=after, seen=revision, actor=actor, now=now
            )
            revision = step.revision
            done.append(Change(f"{TARGETS} {metric}", " · ".join(filter(None, key)), month, before, after))
    return done
