"""Reconciliation: our figure beside one of Shopify, WooCommerce or GA4, and why they differ."""

import csv
import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from topline.analysis.analysis import Analysis, Choice, Question
from topline.analysis.result import Cell, Chart, Column, Figure, Note, Result, Table, nothing
from topline.facts.order_line import Kind
from topline.metrics.answer import answer as metrics_of
from topline.metrics.metric import Unit
from topline.metrics.query import NoPeriodError, Query
from topline.metrics.settings import Basis
from topline.metrics.view import with_person
from topline.units.missing import Missing
from topline.units.money import rounded
from topline.units.period import Period, parse_day
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.metrics.settings import Settings
    from topline.metrics.view import Tables

SOURCES = {
    "shopify": "Shopify",
    "woocommerce": "WooCommerce",
    "ga4": "Google Analytics 4",
    "other": N_("another program"),
}
MEASURES = {
    "total_sales": N_("Total sales"),
    "net_sales": N_("Net sales"),
    "gross_sales": N_("Gross sales"),
    "orders": N_("Orders"),
    "customers": N_("Customers"),
}
CAUSES = {
    "tax": N_("Tax is in one and not in the other"),
    "shipping": N_("Shipping is in one and not in the other"),
    "discounts": N_("They report before discounts"),
    "returns": N_("They don't take returns off"),
    "refund_date": N_("Returns count on another day: the order's, or the refund's"),
    "cancelled": N_("Cancelled orders count in one and not in the other"),
    "tests": N_("They count test orders"),
    "guests": N_("They count each guest's order as a customer"),
    "no_goods": N_("They count orders without goods"),
    "zone": N_("Their day begins at another hour"),
    "foreign": N_("They leave out other currencies"),
    "face": N_("They take other currencies at face value"),
}
_SALES = ("tax", "shipping", "discounts", "returns", "refund_date", "cancelled", "tests", "zone", "foreign", "face")
APPLIES = {
    "total_sales": _SALES,
    "net_sales": _SALES,
    "gross_sales": tuple(id_ for id_ in _SALES if id_ not in ("discounts", "returns", "refund_date")),
    "orders": ("cancelled", "tests", "no_goods", "zone", "foreign"),
    "customers": ("guests", "cancelled", "tests", "zone", "foreign"),
}
USUAL = {"shopify": (), "woocommerce": ("cancelled",), "ga4": ("returns",), "other": ()}
"""What makes their usual figure differ from ours of the same name, where returns and cancellations are concerned.

Shopify counts a return on its day and keeps cancelled orders; WooCommerce's analytics leave cancelled orders out; GA4
has a purchase when it happens and hears of a return only if the shop sends one.
"""

_NAMES = {
    "total_sales": ("total sales", "total revenue", "purchase revenue", "revenue"),
    "net_sales": ("net sales", "net revenue"),
    "gross_sales": ("gross sales",),
    "orders": ("orders", "transactions", "purchases", "ecommerce purchases"),
    "customers": ("customers", "total purchasers"),
}
_RETURNS = (Kind.GOODS_CANCELLED.value, Kind.REFUND.value)
_KINDS = {
    "goods": (Kind.GOODS_SOLD.value,),
    "discounts": (Kind.DISCOUNT.value,),
    "returns": _RETURNS,
    "tax": (Kind.TAX.value,),
    "shipping": (Kind.CARRIAGE.value, Kind.SHIPPING.value),
}
_HELD = {
    "total_sales": frozenset(_KINDS),
    "net_sales": frozenset({"goods", "discounts", "returns"}),
    "gross_sales": frozenset({"goods"}),
}
_NO_ZONE = Missing("no_zone", N_("say which time zone theirs is"))
_NO_FIGURE = Missing("no_figure", N_("their figure; type it in, or bring in their export as CSV"))


def parse_figures(text: str) -> tuple[tuple[str, Decimal], ...]:
    """Figures as an address has them: `1234.50`, or by month or day `2027-01=1234.50,2027-02=1300`."""
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        day, equals, amount = part.rpartition("=")
        if equals:
            parse_day(day)
        found.append((day.strip(), Decimal(amount.strip())))
    if any(not amount.is_finite() for _, amount in found):
        raise ValueError(text)
    return tuple(found)


def written(figures: Iterable[tuple[str, Decimal]]) -> str:
    """Figures as `parse_figures` reads them."""
    return ",".join(f"{day}={amount}" if day else str(amount) for day, amount in figures)


def read_csv(text: str, measure: str) -> tuple[tuple[str, Decimal], ...]:
    """The figures of an export: its days or months, and the column that is called like the measure, else the last.

    Rows without a day, such as heads and totals, are left out; several rows of a day add up.
    """
    delimiter = max(";\t,", key=text.count)
    rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if row]
    sums: dict[str, Decimal] = {}
    wanted = -1
    for row in rows:
        days = [i for i, cell in enumerate(row) if _day(cell)]
        if not days:
            heads = [cell.strip().lower() for cell in row]
            wanted = next((heads.index(name) for name in _NAMES.get(measure, ()) if name in heads), wanted)
            continue
        amount = _amount(row[wanted] if -len(row) <= wanted < len(row) else "")
        day = _day(row[days[0]])
        if amount is not None and day:
            sums[day] = sums.get(day, Decimal(0)) + amount
    return tuple(sorted(sums.items()))


def _day(cell: str) -> str:
    """A day or month in ISO 8601, "" if the cell is none."""
    found = re.fullmatch(r"(\d{4})-?(\d{2})(?:-?(\d{2}))?(?:[T ].*)?", cell.strip())
    return "-".join(part for part in found.groups() if part) if found else ""


def _amount(cell: str) -> Decimal | None:
    digits = re.sub(r"[^\d.,-]", "", cell)
    if re.search(r",\d{1,2}$", digits):
        digits = digits.replace(".", "").replace(",", ".")
    try:
        return Decimal(digits.replace(",", ""))
    except ArithmeticError:
        return None


def _zone(text: str) -> str:
    try:
        return ZoneInfo(text).key if text else ""
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(text) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationQuestion(Question):
    """figures : theirs, by day or month ("2027-01" or "2027-01-31") or one for the whole period ("")
    zone : where their day begins, IANA; "" for the shop's
    causes : the differences to count, those usual for the source if empty
    """

    source: str = "shopify"
    measure: str = "total_sales"
    figures: tuple[tuple[str, Decimal], ...] = ()
    zone: str = ""
    causes: tuple[str, ...] = ()

    @property
    def counted(self) -> tuple[str, ...]:
        """The causes to count, in the order in which they are taken."""
        chosen = set(self.causes or USUAL[self.source]) | ({"zone"} if self.zone else set())
        return tuple(id_ for id_ in APPLIES[self.measure] if id_ in chosen)


def answer(tables: "Tables", question: ReconciliationQuestion, settings: "Settings") -> Result:
    if question.period is None:
        raise NoPeriodError
    if "order_line" in tables.empty:
        return nothing(question, settings, tables.empty["order_line"])
    if not question.figures:
        return nothing(question, settings, _NO_FIGURE)
    theirs = sum((amount for _, amount in question.figures), Decimal(0))
    look = _looker(tables, question, settings)
    applies = APPLIES[question.measure]
    walk = [frozenset(question.counted[:n]) for n in range(len(question.counted) + 1)]
    singles = [frozenset({id_}) for id_ in applies]
    seen = look([*walk, *singles])
    ours = seen[frozenset()]
    reached = seen[walk[-1]]
    rows = _rows(question, walk, seen, ours, theirs, settings)
    shown = [rows, _singles(question, applies, seen, ours, theirs)]
    if question.figures[0][0]:
        shown.append(_by_day(tables, question, settings))
    hint = None
    if _is_money(question) and _round(theirs - reached, question, settings):
        hint = _hint(question, look, seen, ours, theirs, settings)
    return Result(
        question=question,
        settings=settings,
        sentence=_sentence(question, ours, theirs, reached, settings),
        tables=tuple(shown),
        notes=(*((hint,) if hint else ()), *_notes(question)),
    )


type Seen = Mapping[frozenset[str], Decimal]


def _looker(
    tables: "Tables", question: ReconciliationQuestion, settings: "Settings"
) -> Callable[[Iterable[frozenset[str]]], Seen]:
    """Gives our figure under each set of causes, all of them in one aggregation."""
    rows = _flagged(tables, question, settings)

    def look(sets: Iterable[frozenset[str]]) -> Seen:
        wanted = list(dict.fromkeys(sets))
        values = {f"v{i}": _value(rows, question, settings, causes) for i, causes in enumerate(wanted)}
        record = tables.run(rows.aggregate(**values))[0]
        return {causes: Decimal(record[f"v{i}"] or 0) for i, causes in enumerate(wanted)}

    return look


def _flagged(tables: "Tables", question: ReconciliationQuestion, settings: "Settings") -> Any:
    """Every ledger row that may count, with what decides whether it does."""
    import ibis

    period = question.period
    assert period is not None  # noqa: S101 - `answer` looked
    lines: Any = tables.table("order_line")
    heads: Any = tables.table("order")
    heads = heads.select(
        head_key="order_key", is_test="is_test", is_cancelled=heads.cancelled_on.notnull().fill_null(False)
    )
    rows = lines.left_join(heads, lines.order_key == heads.head_key)
    rows = with_person(
        rows.select(
            "order_key",
            "kind",
            "currency",
            "amount",
            "amount_shop",
            "customer_key",
            "on",
            "at",
            ordered=rows.ordered_on.fill_null(rows.on),
            is_test=rows.is_test.fill_null(False),
            is_cancelled=rows.is_cancelled.fill_null(False),
        ),
        tables,
    )
    zone = ZoneInfo(question.zone or settings.zone)
    first, last = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (period.start, period.end))
    if question.as_of:
        rows = rows.filter(rows.on < question.as_of)
    return rows.mutate(
        in_event=_within(rows.on, period),
        in_order=_within(rows.ordered, period),
        in_zone=(rows["at"] >= ibis.timestamp(first)) & (rows["at"] < ibis.timestamp(last)),
        is_foreign=rows.currency != settings.currency,
    )


def _within(day: Any, period: Period) -> Any:
    return (day >= period.start) & (day < period.end)


def _value(rows: Any, question: ReconciliationQuestion, settings: "Settings", causes: frozenset[str]) -> Any:
    """Our figure with the causes taken into account."""
    by_order = settings.basis is Basis.ORDER
    is_count = question.measure in ("orders", "customers")
    own = rows.in_zone if "zone" in causes else rows.in_order if by_order or is_count else rows.in_event
    keep = own
    if "refund_date" in causes:
        keep = rows.kind.isin(_RETURNS).ifelse(rows.in_event if by_order else rows.in_order, own)
    if "tests" not in causes:
        keep = keep & ~rows.is_test
    if ("cancelled" in causes) != by_order:
        keep = keep & ~rows.is_cancelled
    if "foreign" in causes:
        keep = keep & ~rows.is_foreign
    if is_count:
        if "no_goods" not in causes:
            keep = keep & (rows.kind == Kind.GOODS_SOLD.value)
        if question.measure == "orders":
            return rows.order_key.nunique(where=keep)
        unit = rows.customer.fill_null(rows.order_key) if "guests" in causes else rows.customer
        return unit.nunique(where=keep)
    held = set(_HELD[question.measure]) ^ (causes & {"tax", "shipping"})
    held -= causes & {"discounts", "returns"}
    keep = keep & rows.kind.isin([kind for id_ in held for kind in _KINDS[id_]])
    amount = rows.amount if "face" in causes else rows.amount_shop
    return amount.sum(where=keep)


def _is_money(question: ReconciliationQuestion) -> bool:
    return question.measure in _HELD


def _round(amount: Decimal, question: ReconciliationQuestion, settings: "Settings") -> Decimal:
    return rounded(amount, settings.currency) if _is_money(question) else amount.quantize(Decimal(1))


def _entry(amount: Decimal, question: ReconciliationQuestion) -> Decimal | int:
    return amount if _is_money(question) else int(amount)


def _rows(
    question: ReconciliationQuestion,
    walk: list[frozenset[str]],
    seen: Seen,
    ours: Decimal,
    theirs: Decimal,
    settings: "Settings",
) -> Table:
    """From our figure to theirs, cause by cause; the rows between the two sum to the difference."""
    rows: list[dict[str, Cell]] = [{"cause": "ours", "amount": _entry(ours, question), "is_total": 1}]
    reached = _round(ours, question, settings)
    for cause, causes in zip(question.counted, walk[1:], strict=True):
        after = _round(seen[causes], question, settings)
        rows.append({"cause": cause, "amount": _entry(after - reached, question), "is_total": 0})
        reached = after
    rest = _round(theirs, question, settings) - reached
    rows.append({"cause": "unexplained", "amount": _entry(rest, question), "is_total": 0})
    rows.append({"cause": "theirs", "amount": _entry(theirs, question), "is_total": 1})
    return Table(
        id="walk",
        label=N_("From our figure to theirs"),
        columns=(
            Column(id="cause", label=N_("Cause"), names=_LABELS),
            Column(
                id="amount", label=MEASURES[question.measure], unit=Unit.MONEY if _is_money(question) else Unit.COUNT
            ),
        ),
        rows=rows,
        chart=Chart(kind="waterfall", across="cause", values=("amount",)),
    )


_LABELS = {"ours": N_("Ours"), **CAUSES, "unexplained": N_("Unexplained"), "theirs": N_("Theirs")}


def _singles(
    question: ReconciliationQuestion, applies: tuple[str, ...], seen: Seen, ours: Decimal, theirs: Decimal
) -> Table:
    unit = Unit.MONEY if _is_money(question) else Unit.COUNT
    rows: list[dict[str, Cell]] = []
    for id_ in applies:
        amount = seen[frozenset({id_})] - ours
        is_known = id_ != "zone" or bool(question.zone)
        rows.append(
            {
                "cause": id_,
                "amount": _entry(amount, question) if is_known else _NO_ZONE,
                "left": _entry(theirs - ours - amount, question) if is_known else _NO_ZONE,
                "is_counted": "yes" if id_ in question.counted else "no",
            }
        )
    return Table(
        id="causes",
        label=N_("What each cause alone would change"),
        columns=(
            Column(id="cause", label=N_("Cause"), names=CAUSES),
            Column(id="amount", label=N_("Changes our figure by"), unit=unit),
            Column(id="left", label=N_("Leaves of the difference"), unit=unit),
            Column(id="is_counted", label=N_("Counted above"), names={"yes": N_("yes"), "no": N_("no")}),
        ),
        rows=rows,
    )


def _by_day(tables: "Tables", question: ReconciliationQuestion, settings: "Settings") -> Table:
    """Ours and theirs by day or month, as the figures are given."""
    grain = "day" if len(question.figures[0][0]) == 10 else "month"
    query = Query(metrics=(question.measure,), by=(grain,), period=question.period, as_of=question.as_of)
    ours = {row[grain]: row[question.measure] for row in metrics_of(query, tables, settings).rows}
    theirs: dict[date, Decimal] = {}
    for text, amount in question.figures:
        day = parse_day(text) if grain == "day" else parse_day(text).replace(day=1)
        theirs[day] = theirs.get(day, Decimal(0)) + amount
    rows: list[dict[str, Cell]] = []
    for day in sorted({*(day for day in ours if isinstance(day, date)), *theirs}):
        own = Decimal(str(ours.get(day, 0)))
        other = theirs.get(day, Decimal(0))
        values = {"ours": own, "theirs": other, "difference": other - own}
        rows.append({"day": day, **{id_: _entry(value, question) for id_, value in values.items()}})
    unit = Unit.MONEY if _is_money(question) else Unit.COUNT
    return Table(
        id="days",
        label=N_("Day by day") if grain == "day" else N_("Month by month"),
        columns=(
            Column(id="day", label=N_("Day") if grain == "day" else N_("Month"), dimension=grain),
            Column(id="ours", label=N_("Ours"), unit=unit),
            Column(id="theirs", label=N_("Theirs"), unit=unit),
            Column(id="difference", label=N_("Difference"), unit=unit),
        ),
        rows=rows,
        chart=Chart(kind="lines", across="day", values=("ours", "theirs")),
    )


def _hint(
    question: ReconciliationQuestion,
    look: Callable[[Iterable[frozenset[str]]], Seen],
    seen: Seen,
    ours: Decimal,
    theirs: Decimal,
    settings: "Settings",
) -> Note | None:
    """The smallest set of up to three causes that explains the whole difference to the last minor unit, if any does.

    A count is met by chance too easily; an amount hardly ever.
    """
    moves = {id_: seen[frozenset({id_})] - ours for id_ in APPLIES[question.measure]}
    moves = {id_: move for id_, move in moves.items() if move}
    close = [
        frozenset(chosen)
        for size in (1, 2, 3)
        for chosen in itertools.combinations(moves, size)
        if abs(sum(moves[id_] for id_ in chosen) - (theirs - ours)) <= abs(theirs - ours) / 20
    ]
    checked = look(close[:40]) if close else {}
    for causes in close[:40]:
        if not _round(theirs, question, settings) - _round(checked[causes], question, settings):
            named = [CAUSES[id_] for id_ in APPLIES[question.measure] if id_ in causes]
            names = dict(zip(("first", "second", "third"), (*named, "", ""), strict=False))
            texts = {
                1: N_("One cause explains the difference to the last unit: %(first)s."),
                2: N_("Two causes explain the difference to the last unit: %(first)s; %(second)s."),
                3: N_("Three causes explain the difference to the last unit: %(first)s; %(second)s; %(third)s."),
            }
            return Note("explained", texts[len(named)], names)
    return None


def _sentence(
    question: ReconciliationQuestion, ours: Decimal, theirs: Decimal, reached: Decimal, settings: "Settings"
) -> Note:
    unit = Unit.MONEY if _is_money(question) else Unit.COUNT
    ours, theirs, reached = (_round(amount, question, settings) for amount in (ours, theirs, reached))
    params: dict[str, object] = {
        name: Figure(_entry(amount, question), unit, settings.currency)
        for name, amount in {
            "ours": ours,
            "theirs": theirs,
            "difference": theirs - ours,
            "rest": theirs - reached,
        }.items()
    }
    params["source"] = SOURCES[question.source]
    if theirs == ours:
        return Note("same", N_("%(source)s and we agree: %(ours)s."), params)
    if theirs == reached:
        return Note(
            "explained", N_("%(source)s says %(theirs)s, we say %(ours)s; all of the difference is explained."), params
        )
    return Note("differs", N_("%(source)s says %(theirs)s, we say %(ours)s; %(rest)s is unexplained."), params)


def _notes(question: ReconciliationQuestion) -> tuple[Note, ...]:
    if question.source != "ga4":
        return ()
    text = N_(
        "GA4 doesn't see visitors who refused consent or block it, and may see bots; neither can be counted from here."
    )
    return (Note("not_seen", text),)


ANALYSIS = Analysis(
    id="reconciliation",
    label=N_("Reconciliation"),
    description=N_("Why does Shopify, WooCommerce or Google Analytics show another figure?"),
    method=N_(
        "Our figure is walked to theirs cause by cause, each computed from the ledger with those before it in force, "
        "so nothing is counted twice; what is left is unexplained. Which causes are counted follows from how the other "
        "program usually reports, or from your choice. If up to three causes explain the difference to the last unit, "
        "they are named."
    ),
    question=ReconciliationQuestion,
    answer=answer,
    choices=(
        Choice(id="source", label=N_("Their program"), options=SOURCES),
        Choice(id="measure", label=N_("Measure"), options=MEASURES),
        Choice(
            id="figures",
            label=N_("Their figure"),
            description=N_("One number for the period, or several by month or day."),
            parse=parse_figures,
            write=written,
            example="2027-01=1234.50,2027-02=1300",
            from_csv=lambda text, chosen: written(read_csv(text, chosen.get("measure", "total_sales"))),
        ),
        Choice(id="zone", label=N_("Their time zone"), parse=_zone, example="America/New_York"),
        Choice(id="causes", label=N_("Causes to count"), options=CAUSES, several=True),
    ),
    icon="scale",
)
