"""A plan version as a document to hand out: every section that says something, with its numbers as seen on a day."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import chain
from typing import Any

from babel import Locale
from babel.dates import format_date, format_skeleton
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from topline.accounts import channels as kinds
from topline.accounts.models import Channel, User
from topline.analysis.variance import PARTS
from topline.calendar.events import by_id
from topline.catalog.models import Product
from topline.documents import markdown, option, words
from topline.documents.document import (
    Block,
    Bullets,
    Chart,
    Document,
    Figure,
    Figures,
    Heading,
    Paragraph,
    Table,
)
from topline.documents.sheet import Column, Form, Sheet, Value, Worded
from topline.lake.scope import Scope
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.metrics.query import Query
from topline.plans import (
    answered,
    checks,
    drivers,
    figures,
    fronts,
    funnel,
    ledger,
    outline,
    progress,
    quotas,
    team,
    text,
)
from topline.plans.drivers import Difference
from topline.plans.expectation import OTHER
from topline.plans.facts import QUOTA
from topline.plans.figures import Reader
from topline.plans.models import Entry, Kind, PlanVersion, Promise, Proposal, Review
from topline.plans.outline import Behaviour, Field, Section, Type
from topline.plans.progress import Line, PlanView
from topline.plans.text import Sentence
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.period import Period, add_months

FORMS = {Unit.MONEY: Form.MONEY, Unit.COUNT: Form.WHOLE, Unit.RATE: Form.RATE}
_IN_BRACES = re.compile(r"\{([^{}]+)\}")
_LONG = 160
"""Characters from which a row of a table is written out below each other instead of side by side."""
_WIDEST = 7
_LARGEST = 10
"""Products that the document names."""

VIEWS: dict[str, "Callable[[_Report], Iterator[Block]]"] = {}
"""What stands in a field that is made of the rest of the plan, by its name."""


def of(version: PlanVersion, today: date, *, hidden: frozenset[str] = frozenset()) -> Document:
    """The whole document, in the plan's language.

    hidden : families of metrics that the reader may not see

    Raises drafting.EmptyLakeError.
    """
    with translation.override(version.plan.language):
        return _Report(version, checks.look(version, today), hidden).document()


def summary(version: PlanVersion, today: date, *, hidden: frozenset[str] = frozenset()) -> Document:
    """What slides show of it: how it goes, goals, targets, forecast, events."""
    with translation.override(version.plan.language):
        return _Report(version, checks.look(version, today), hidden).summary()


class _Report:
    """One version in one language, as seen on one day."""

    def __init__(self, version: PlanVersion, look: PlanView, hidden: frozenset[str]) -> None:
        self.version, self.plan, self.look, self.hidden = version, version.plan, look, hidden
        self.language, self.currency = version.plan.language, version.plan.currency
        self.locale: Locale = words.locale(self.language)
        self.entries: dict[str, list[Entry]] = team.entries(version)

    # The whole ------------------------------------------------------------------

    def document(self) -> Document:
        blocks: list[Block] = []
        for section in outline.sections(Kind(self.plan.kind), self.plan.outline):
            within = list(self.section(section))
            if within:
                blocks += [Heading(_(section.title), 1, str(section.number)), *within]
        if not any(each.number == 12 for each in outline.sections(Kind(self.plan.kind), self.plan.outline)):
            ledger_of_it = list(self.budget()) if self.version.budget.exists() else []
            blocks += [Heading(_("Budget")), *ledger_of_it] if ledger_of_it else []
        return self.bound(blocks, contents=_("Contents"))

    def summary(self) -> Document:
        blocks: list[Block] = [Heading(_("How it goes")), *self.standing()]
        for section in outline.sections(Kind(self.plan.kind), self.plan.outline):
            within = list(VIEWS[_SHOWN[section.number]](self)) if section.number in _SHOWN else []
            if within:
                blocks += [Heading(_(section.title)), *within]
        blocks += [Heading(_("Retail events")), *self.events()]
        return self.bound(blocks, contents="")

    def bound(self, blocks: Sequence[Block], contents: str) -> Document:
        """The blocks in their cover."""
        shop, version = self.plan.shop, self.version
        facts = [
            (_("Period"), self.period(self.plan.period)),
            (_("Version"), f"{version.number} · {version.get_state_display()}"),
            (_("Owner"), str(self.plan.owner or "–")),
            (_("Currency"), self.currency),
            (_("Seen on"), self.day(self.look.as_of)),
            (_("Time zone"), shop.timezone),
        ]
        if version.approved_at:
            by = User.objects.filter(pk=version.approved_by or 0).first()
            on = self.day(version.approved_at.astimezone(shop.zone).date())
            facts.append((_("Approved"), f"{on} · {by}" if by else on))
        note = _("%(shop)s · version %(number)s · seen on %(day)s") % {
            "shop": shop.name,
            "number": version.number,
            "day": self.day(self.look.as_of),
        }
        return Document(
            title=self.plan.title,
            subtitle=shop.name,
            language=self.language,
            facts=tuple(facts),
            blocks=tuple(blocks),
            contents_title=contents,
            note=note,
            summary=self.said(self.look.headline[:1])[0],
        )

    def section(self, section: Section) -> Iterator[Block]:
        """What the section says; nothing if nobody has filled anything of it."""
        for each in sorted(section.fields, key=lambda one: one.id != "frame"):  # how it goes stands first
            name = f"{section.number}.{each.id}"
            within = list(self.field(name, each))
            if within:
                yield Heading(_(each.label), 2)
                yield from within

    def field(self, name: str, field: Field) -> Iterator[Block]:
        rows = self.entries.get(name, [])
        match field.behaviour:
            case Behaviour.VIEW:
                if name in VIEWS:
                    yield from VIEWS[name](self)
            case Behaviour.TEXT:
                for row in rows:
                    yield from self.written(row.cells)
            case Behaviour.CHOICE:
                for row in rows:
                    if row.cells.get("choice") in field.options:
                        label, implied = field.options[row.cells["choice"]]
                        yield Paragraph.of(_(label), "lead")
                        yield Paragraph.of(_(implied))
            case Behaviour.NUMBERS:
                yield from self.numbers(field)
            case _:
                yield from self.rows(field, rows)

    def written(self, cells: Mapping[str, Any]) -> Iterator[Block]:
        """People's Markdown, or the sentences that the draft made."""
        if "said" in cells:
            yield from (Paragraph.of(each) for each in self.said([Sentence.of(one) for one in cells["said"]]))
        elif cells.get("text"):
            yield from markdown.blocks(self.filled(cells["text"]))

    def filled(self, written: str) -> str:
        """A text with its live numbers as they are on the day; what is none stays as it is written."""
        asks: dict[str, figures.Ask] = {}
        for one in _IN_BRACES.findall(written):
            try:
                asks[one] = figures.parse(one)
            except ToplineError:
                continue
        if not asks:
            return written
        known = figures.figures(self.reader, asks.values())
        return _IN_BRACES.sub(
            lambda found: self.number(known[asks[found[1]]]) if found[1] in asks else found[0], written
        )

    def number(self, one: figures.Figure) -> str:
        """A live number: its value, and what it is compared with."""
        if metrics()[one.ask.metric].family in self.hidden:
            return "–"
        values = {name: self.amount(one.ask.metric, getattr(one, name)) for name in ("plan", "actual", "last_year")}
        values["pace"] = format_level(one.pace, self.locale) if one.pace is not None else "–"
        called = {"plan": _("plan"), "actual": _("actual"), "last_year": _("last year"), "pace": _("pace")}
        rest = [f"{called[id_]} {value}" for id_, value in values.items() if id_ != one.first and value != "–"]
        if one.ask.show != "all" or not rest:
            return values[one.first]
        return f"{values[one.first]} ({called[one.first]}; {', '.join(rest)})"

    # Tables that people fill ------------------------------------------------------

    def rows(self, field: Field, rows: Sequence[Entry]) -> Iterator[Block]:
        """A table where its rows are short, else each row by itself."""
        shown = [column for column in field.stored if any(_tells(column, row) for row in rows)]
        if not rows or not shown:
            return
        longest = max(len(str(row.cells.get(column.id) or "")) for row in rows for column in shown)
        if len(shown) <= _WIDEST and longest <= _LONG:
            columns = tuple(self.column(column) for column in shown)
            yield Table(Sheet("", columns, tuple(tuple(self.cell(column, row) for column in shown) for row in rows)))
            return
        first, *rest = shown
        for row in rows:
            yield Heading(str(self.cell(first, row) or "–"), 3)
            told = [(column, self.cell(column, row)) for column in rest]
            texts = [
                f"{_(column.label)}: {words.said(value, self.column(column), self.language)}"
                for column, value in told
                if value is not None
            ]
            if texts:
                yield Bullets.of(texts)

    def column(self, column: outline.Column) -> Column:
        form = {Type.MONEY: Form.MONEY, Type.NUMBER: Form.NUMBER, Type.RATE: Form.RATE, Type.DAY: Form.DATE}.get(
            column.type, Form.TEXT
        )
        return Column(_(column.label), form, self.currency if form is Form.MONEY else None)

    def cell(self, column: outline.Column, row: Entry) -> Value:
        """A cell's value as people know it: names for references."""
        value = row.cells.get(column.id)
        if value in (None, "", []):
            return None
        match column.type:
            case Type.NUMBER if column.id == "expected" and row.cells.get("metric") in metrics():
                return self.worded(row.cells["metric"], Decimal(value))
            case Type.MONEY | Type.NUMBER | Type.RATE:
                return Decimal(value)
            case Type.DAY:
                return date.fromisoformat(value)
            case Type.CHOICE:
                return _(column.options.get(value, value))
            case Type.PERSON:
                return self.people.get(value, "–")
            case Type.METRIC:
                return text.metric_label(value) if value in metrics() else str(value)
            case Type.GOAL:
                return self.goal_names.get(value, str(value))
            case Type.CHANNEL:
                return self.channel(value)
            case Type.CHANNELS:
                return ", ".join(map(self.channel, value))
            case Type.MARKET:
                return self.market(value)
            case Type.EVENT:
                return self.event(value)
            case Type.ROW | Type.STRATEGY:
                return self.row_names.get(value, str(value))
            case Type.ROWS:
                return ", ".join(self.row_names.get(each, each) for each in value)
            case Type.LIST:
                return ", ".join(value)
            case Type.RULE:
                return text.customers(value, currency=self.currency, language=self.language)
        return self.filled(str(value))

    @cached_property
    def people(self) -> dict[int, str]:
        return {user.pk: str(user) for user in User.objects.filter(membership__shop=self.plan.shop).distinct()}

    @cached_property
    def channels(self) -> dict[str, str]:
        return dict(Channel.objects.filter(shop=self.plan.shop).values_list("code", "name"))

    def channel(self, code: str) -> str:
        """What a channel is called: by the shop, else by what its code says."""
        return self.channels.get(code) or str(kinds.name_of(code)) if code else "–"

    @cached_property
    def goal_names(self) -> dict[str, str]:
        return {one.goal.key: self.goal_name(one) for one in self.look.goals}

    @cached_property
    def row_names(self) -> dict[str, str]:
        """What rows are called by those that refer to them."""
        found = {}
        for name, rows in self.entries.items():
            columns = outline.fields()[name].columns if name in outline.fields() else ()
            for row in rows:
                if columns and row.cells.get(columns[0].id):
                    called = str(row.cells[columns[0].id])
                    found[row.key] = found[f"{name}:{row.key}"] = called
        return found

    # Live numbers ----------------------------------------------------------------

    def numbers(self, field: Field) -> Iterator[Block]:
        """Actual so far, last year and plan of the field's metrics."""
        shown = [id_ for id_ in field.metrics if id_ in self.answers]
        rows = [(text.metric_label(id_), *self.answers[id_]) for id_ in shown]
        if rows:
            head = (_("Metric"), _("Actual so far"), _("Last year"), _("Plan"))
            columns = [Column(head[0]), *(Column(title, Form.NUMBER) for title in head[1:])]  # in words, at the right
            yield Table(Sheet("", tuple(columns), tuple(rows)))

    @cached_property
    def answers(self) -> Mapping[str, tuple[str, str, str]]:
        """Actual so far, the same days a year before, and target, in words, of every metric that the document shows."""
        wanted = {id_ for each in outline.fields().values() for id_ in each.metrics if id_ in metrics()}
        asked = tuple(sorted(id_ for id_ in wanted if metrics()[id_].family not in self.hidden))
        snapshot = self.plan.shop.lake().latest()
        seen = Period(self.plan.starts_on, min(self.look.as_of, self.plan.ends_on)) if self.begun else None
        period = seen or self.plan.period.last_year()
        assert snapshot is not None  # noqa: S101 - the look at the plan read it
        query = Query(metrics=asked, period=period, as_of=self.look.as_of, against="last_year" if seen else None)
        found = answered.ask(self.plan.shop, query, snapshot)
        now, before = (found.totals, found.against_totals or {}) if seen else ({}, found.totals)
        targets = {one.goal.metric: one.goal.target for one in self.look.goals if not one.goal.scope}
        known = {}
        for id_ in asked:
            values = (now.get(id_), before.get(id_), targets.get(id_))
            told = tuple(self.amount(id_, value) for value in values)
            if any(each != "–" for each in told):
                known[id_] = (told[0], told[1], told[2])
        return known

    @property
    def begun(self) -> bool:
        return self.look.as_of > self.plan.starts_on

    # Views -------------------------------------------------------------------------

    def standing(self) -> Iterator[Block]:
        """Whether it is on course, in a sentence, figures and pictures."""
        first, *more = self.said(self.look.headline)
        yield Paragraph.of(first, "lead")
        yield from (Paragraph.of(each) for each in more)
        yield Figures(tuple(self.figures()))
        yield self.course()

    def figures(self) -> Iterator[Figure]:
        total, level = self.look.total, format_level(self.look.level, self.locale)
        yield Figure(_("Target"), self.money(total.target))
        if total.actual is not None:
            note = _("%(pace)s of what is due by now") % {"pace": self.rate(total.pace)} if total.pace else ""
            yield Figure(_("Actual so far"), self.money(total.actual), note)
        if total.now is not None:
            low, high = self.money(total.now.low), self.money(total.now.high)
            yield Figure(_("Expected at the end"), self.money(total.now.expected), f"{low} – {high}, {level}")
        if total.chance is not None:
            yield Figure(_("Chance to make it"), text.chance(total.chance, self.locale), _("as seen today"))
        if total.last_year is not None:
            yield Figure(_("Last year"), self.money(total.last_year))

    def course(self) -> Chart:
        days = self.look.days
        rows = [
            option.Line(_("Actual"), [point.actual for point in days], "actual"),
            option.Line(_("Plan by season"), [point.due for point in days], "plan"),
            option.Line(_("Last year"), [point.last_year for point in days], "last_year"),
        ]
        axis = [self.day(point.on) for point in days]
        return Chart(_("Net sales added up"), option.lines(axis, rows, self.form("money")))

    def by_month(self) -> Chart:
        look = self.look
        now = [line.now or line.drafted for line in look.months]
        level = _("%(level)s interval") % {"level": format_level(look.level, self.locale)}
        rows = [
            *option.band(
                level, [band.low if band else None for band in now], [band.high if band else None for band in now]
            ),
            option.Line(_("Last year"), [_float(line.last_year) for line in look.months], "last_year"),
            option.Line(_("Expected"), [band.expected if band else None for band in now], "forecast"),
            option.Line(_("Plan"), [float(line.target) for line in look.months], "plan"),
            option.Line(_("Actual"), [_float(line.actual) for line in look.months], "actual"),
        ]
        axis = [self.month(month) for month in self.plan.months]
        return Chart(_("Net sales by month"), option.columns(axis, rows, self.form("money")))

    def lines(self, name: str, title: str, lines: Sequence[Line], called: Callable[[Line], str]) -> Iterator[Block]:
        """A table of targets and how they go; a spreadsheet computes pace and sums by formulas."""
        if not lines:
            return
        columns = (
            Column(title),
            self.amounts(_("Target")),
            self.amounts(_("Actual")),
            self.amounts(_("Due by now")),
            Column(_("Pace"), Form.RATE, formula='IF(N({3})=0,"",{2}/{3})'),
            self.amounts(_("Last year")),
            Column(_("To last year"), Form.RATE, formula='IF(N({5})=0,"",{1}/{5}-1)'),
        )
        rows = [
            (called(line), line.target, line.actual, line.due, line.pace, line.last_year, _growth(line))
            for line in lines
        ]
        yield Table(Sheet(name, columns, tuple(rows), _total(rows)))

    def targets(self) -> Iterator[Block]:
        """The target grid of each metric by category and month, and by market."""
        for metric in self.version.grid_metrics:
            grid = progress.grid_view(self.version, metric)
            label, form = text.metric_label(metric), FORMS.get(metrics()[metric].unit, Form.NUMBER)
            currency = self.currency if form is Form.MONEY else None
            months = [Column(self.month(month), form, currency, is_summed=True) for month in grid.months]
            whole = Column(_("Total"), form, currency, formula=f"SUM({{1}}:{{{len(months)}}})")
            is_whole = len(grid.blocks) == 1
            named = [
                (
                    _("The whole shop") if is_whole else self.category(name),
                    [sum(cells, Decimal(0)) for cells in zip(*block, strict=True)],
                )
                for name, block in zip(grid.blocks, grid.cells, strict=True)
            ]
            rows = [(name, *values, sum(values, Decimal(0))) for name, values in named]
            total: tuple[Value, ...] = (_("Total"), *grid.by_month, grid.total)
            yield Table(Sheet(f"{label} · {_('Targets')}", (Column(_("Category")), *months, whole), tuple(rows), total))

    def goals(self) -> Iterator[Block]:
        """The goals with their progress, chance and actions."""
        columns = (
            Column(_("Goal")),
            Column(_("Last year"), Form.NUMBER),
            Column(_("Target"), Form.NUMBER),
            Column(_("Actual"), Form.NUMBER),
            Column(_("Pace"), Form.RATE),
            Column(_("Chance"), Form.RATE),
            Column(_("Due"), Form.DATE),
            Column(_("Owner")),
        )
        rows = []
        for one in self.look.goals:
            goal, line = one.goal, one.line
            if metrics()[goal.metric].family in self.hidden:
                continue
            told = (self.worded(goal.metric, value) for value in (line.last_year, goal.target, line.actual))
            chance = None if self.look.as_of > goal.due_on else self.chance(line.chance)
            rows.append((self.goal_name(one), *told, line.pace, chance, goal.due_on, str(goal.owner or "–")))
        if rows:
            yield Table(Sheet(_("Goals"), columns, tuple(rows)))
        for one in self.look.goals:
            if one.goal.actions:
                yield Heading(self.goal_name(one), 3)
                yield Bullets.of(one.goal.actions)

    def parts(self) -> Iterator[Block]:
        look = self.look
        if len(look.categories) > 1:
            axis = [self.category(line.name if isinstance(line.name, str) else None) for line in look.categories]
            rows = [
                option.Line(_("Last year"), [_float(line.last_year) for line in look.categories], "last_year"),
                option.Line(_("Target"), [float(line.target) for line in look.categories], "actual"),
            ]
            height = 90 + 44 * len(axis)
            yield Chart(_("Targets by category"), option.bars(axis, rows, self.form("money")), height)
        yield from self.lines(_("Net sales by month"), _("Month"), look.months, lambda line: self.month_of(line.name))
        yield from self.lines(
            _("Net sales by category"),
            _("Category"),
            look.categories,
            lambda line: self.category(line.name if isinstance(line.name, str) else None),
        )
        yield from self.lines(
            _("Net sales by market"),
            _("Market"),
            look.markets,
            lambda line: self.market(line.name if isinstance(line.name, str) else None),
        )

    def sales_goals(self) -> Iterator[Block]:
        """Goals, where no section of marketing goals holds them, then targets by month, category and market."""
        if not any(each.number == 6 for each in outline.sections(Kind(self.plan.kind), self.plan.outline)):
            yield from self.goals()
        yield from self.parts()
        yield from self.targets()

    def quotas(self) -> Iterator[Block]:
        """What each is to win, up to the company, and how far they are."""
        if not quotas.exist(self.version) or metrics()[QUOTA].family in self.hidden:
            return
        found = quotas.of(self.version, self.look.as_of, Scope.whole(self.plan.shop.slug))
        columns = (
            Column(_("Who")),
            self.amounts(_("Quota")),
            self.amounts(_("Won")),
            Column(_("Attainment"), Form.RATE),
            Column(_("Pace"), Form.RATE),
        )
        lines = [("· " * line.depth + line.label, line) for line in (*found.tree, *found.strange)]
        lines.append((_("Target of the company"), found.company))
        rows = [(label, one.quota, one.won, one.attainment, one.pace) for label, one in lines]
        yield Table(Sheet(_("Quotas"), columns, rows))

    def budget(self) -> Iterator[Block]:
        """The ledger by line; what it should bring for those who may see profit."""
        found = ledger.ledger(self.version, self.look.as_of)
        if not found.rows:
            return
        whole = found.whole
        axis = [self.month(month) for month in found.months]
        rows = [
            option.Line(_("Spent"), [float(x) for x in whole.actual], "actual"),
            option.Line(_("Committed"), [float(x) for x in whole.committed], "last_year"),
            option.Line(_("Planned"), [float(x) for x in whole.planned], "plan"),
        ]
        yield Chart(_("Budget by month"), option.columns(axis, rows, self.form("money")))
        columns = [
            Column(_("Activity")),
            self.amounts(_("Planned")),
            self.amounts(_("Committed")),
            self.amounts(_("Spent")),
            Column(_("Left"), Form.MONEY, self.currency, formula="{1}-{2}-{3}"),
            Column(_("Used"), Form.RATE, formula='IF(N({1})=0,"",({2}+{3})/{1})'),
        ]
        if may_see := "profit" not in self.hidden:
            columns.append(Column(_("Projected return"), Form.RATE))
        lines = [
            self.budget_row(row, row.line.activity if row.line else _("Not planned"), may_see) for row in found.rows
        ]
        yield Table(Sheet(_("Ledger"), tuple(columns), tuple(lines), self.budget_row(whole, _("Total"), may_see)))

    def budget_row(self, row: ledger.Row, name: str, may_see: bool) -> tuple[Value, ...]:
        known = (name, row.planned_sum, row.committed_sum, row.actual_sum, row.left, row.used)
        return (*known, None if isinstance(row.roi, Missing) else row.roi) if may_see else known

    def forecast(self) -> Iterator[Block]:
        """What each month will bring, with its interval."""
        columns = (
            Column(_("Month")),
            self.amounts(_("Low")),
            self.amounts(_("Expected")),
            self.amounts(_("High")),
            self.amounts(_("Target")),
            Column(_("Chance"), Form.RATE),
        )
        rows = [
            (
                self.month_of(line.name),
                _exact(band.low if band else None),
                _exact(band.expected if band else None),
                _exact(band.high if band else None),
                line.target,
                self.chance(line.chance) if band and band.low < band.high else None,
            )
            for line in self.look.months
            for band in (line.now or line.drafted,)
        ]
        yield self.by_month()
        yield Table(Sheet(_("Forecast by month"), columns, tuple(rows)))

    def missing(self) -> Iterator[Block]:
        said = self.said(self.look.missing)
        if said:
            yield Bullets.of(said)

    def events(self) -> Iterator[Block]:
        """The retail events of the months, with the day from which to prepare."""
        columns = (Column(_("Event")), Column(_("Days")), Column(_("Prepare from"), Form.DATE), Column(_("Date")))
        rows = [
            (
                self.event(one.event),
                self.period(Period(one.start, one.end)),
                one.lead_in,
                _("estimate") if one.is_estimate else _("certain"),
            )
            for one in self.look.events
        ]
        if rows:
            yield Table(Sheet(_("Retail events"), columns, tuple(rows)))

    def held(self) -> Iterator[Block]:
        """The reviews of the plan, the newest first."""
        columns = (Column(_("Day"), Form.DATE), Column(_("How it went")), Column(_("Decisions")))
        rows = [
            (
                one.on,
                self.said([Sentence.of(one.pack["headline"][0])])[0],
                "; ".join(one.decisions) or None,
            )
            for one in Review.objects.of(self.plan).prefetch_related("minutes")
        ]
        if rows:
            yield Table(Sheet("", columns, tuple(rows)))

    def promises(self) -> Iterator[Block]:
        columns = (Column(_("Promise")), Column(_("Who")), Column(_("Due"), Form.DATE), Column(_("State")))
        found = Promise.objects.before(self.plan, self.look.as_of).select_related("owner")
        rows = [(one.text, str(one.owner or "–"), one.due_on, str(one.get_state_display())) for one in found]
        if rows:
            yield Table(Sheet("", columns, tuple(rows)))

    def drivers(self) -> Iterator[Block]:
        """What the differences to the plan and to last year are made of."""
        snapshot = self.plan.shop.lake().latest()
        if snapshot is None or not self.begun:
            return
        for against in drivers.AGAINST:
            found = drivers.of(self.plan.shop, self.plan.period, self.look.as_of, snapshot, against)
            yield from drivers_of(found, self.said, self.currency)

    def proposals(self) -> Iterator[Block]:
        if "profit" in self.hidden:
            return
        columns = (Column(_("Proposal")), self.amounts(_("Gain")), Column(_("Share that came"), Form.RATE))
        found = Proposal.objects.of(self.plan.shop).filter(state=Proposal.State.ACCEPTED)
        rows = [(self.said([Sentence.of(one.action)])[0], one.gain, one.share) for one in found]
        if rows:
            yield Table(Sheet("", columns, tuple(rows)))

    def products(self) -> Iterator[Block]:
        """The largest products of the twelve months before against the twelve before those."""
        asked = Query(metrics=("net_sales",), period=self.year, by=("product",), against="last_year", top=_LARGEST)
        found = self.reader.ask(asked)
        twins = found.against_rows or [None] * len(found.rows)
        rows = [
            (str(row["product"]), row["net_sales"], twin["net_sales"] if twin else None)
            for row, twin in zip(found.rows, twins, strict=True)
            if isinstance(row["product"], str)
        ]
        ranked = sorted(rows, key=lambda row: -_number(row[1]))[:_LARGEST]
        columns = (
            Column(_("Product")),
            self.amounts(_("Sales in 12 months")),
            self.amounts(_("The year before")),
            Column(_("Change"), Form.RATE, formula='IF(N({2})=0,"",{1}/{2}-1)'),
        )
        if ranked:
            titles = Product.objects.titles(self.plan.shop, [name for name, *_sums in ranked])
            lines = [(titles[name], _known(now), _known(then), _change(now, then)) for name, now, then in ranked]
            yield Table(Sheet(_("Products"), columns, tuple(lines)))

    def resources(self) -> Iterator[Block]:
        """What the goals need: held, missing, and what it costs to get."""
        kinds = {"tool": _("Tool"), "skill": _("Skill"), "person": _("People"), "budget": _("Budget")}
        rows = [
            (
                self.goal_name(one),
                kinds.get(str(need.get("kind", "")), ""),
                str(need.get("name", "")),
                _("held") if need.get("is_held") else _("missing"),
                Decimal(str(need["cost"])) if need.get("cost") else None,
            )
            for one in self.look.goals
            for need in one.goal.needs
        ]
        columns = (
            Column(_("Goal")),
            Column(_("Kind")),
            Column(_("Resource")),
            Column(_("State")),
            self.amounts(_("Cost to get")),
        )
        if rows:
            yield Table(Sheet(_("Resources"), columns, tuple(rows)))

    def matrix(self) -> Iterator[Block]:
        """The actions by stage and channel, with what they are to bring, brought and cost; then what is empty."""
        found = fronts.matrix(self.reader)
        if found.is_empty:
            return
        columns = (
            Column(_("Stage")),
            Column(_("Channel")),
            Column(_("Action")),
            Column(_("Expected")),
            Column(_("Actual")),
            self.amounts(_("Budget")),
            self.amounts(_("Spent")),
            Column(_("Return"), Form.RATE),
        )
        rows = [
            (
                _(label),
                self.channel(channel),
                one.name,
                self.measured(one.metric, one.expected),
                self.measured(one.metric, one.actual),
                one.budget,
                _known(one.spent),
                one.roi if isinstance(one.roi, float) else None,
            )
            for stage, label in outline.STAGES.items()
            for channel in found.channels
            if (square := found.squares.get((stage, channel))) is not None
            for one in square.actions
        ]
        yield Table(Sheet(_("Funnel matrix"), columns, tuple(rows)))
        lacks = []
        if found.empty_stages:
            stages = ", ".join(_(outline.STAGES[stage]) for stage in found.empty_stages)
            lacks.append(_("No action at this stage: %(stages)s.") % {"stages": stages})
        if found.unfunded:
            named = ", ".join(map(self.channel, found.unfunded))
            lacks.append(_("Channels without a budget: %(channels)s.") % {"channels": named})
        if lacks:
            yield Bullets.of(lacks)

    def needed(self) -> Iterator[Block]:
        """The funnel worked backwards from the goal, channel by channel, and what the budget brings."""
        found = funnel.of(self.reader)
        if isinstance(found, Missing):
            yield Paragraph.of(_(found.message) % found.params, "note")
            return
        steps = (
            (_("Orders"), found.orders),
            (_("Carts"), found.carts),
            (_("Visits"), found.visits),
            (_("Leads"), found.leads),
        )
        rows: list[tuple[Value, ...]] = [(_("Net sales"), self.money(found.goal))]
        rows += [(label, self.counted(value)) for label, value in steps]
        rows.append((_("Spend"), self.money(found.spend)))
        yield Table(Sheet("", (Column(_("Step")), Column(_("Needed for the goal"), Form.NUMBER)), tuple(rows)))
        lines = [(self.channel(one.channel), one.orders, one.spend, one.budget, one.brings) for one in found.lines]
        columns = (
            Column(_("Channel")),
            Column(_("Orders needed"), Form.WHOLE),
            self.amounts(_("Spend needed")),
            self.amounts(_("Budget")),
            Column(_("Orders it brings"), Form.WHOLE),
        )
        if lines:
            yield Table(Sheet(_("Funnel by channel"), columns, tuple(lines)))

    def counted(self, value: object) -> str:
        """A count in words, or why there is none."""
        if isinstance(value, Missing):
            return _(value.message) % value.params
        return words.said(round(_number(value)), Column("", Form.WHOLE), self.language)

    def measured(self, metric: str, value: object) -> str:
        return self.amount(metric, value) if metric in metrics() else "–"

    @cached_property
    def reader(self) -> Reader:
        """Answers of the lake as the reader of the document may have them."""
        scope = Scope(frozenset({self.plan.shop.slug}), hidden_families=self.hidden)
        return Reader(self.version, self.look.as_of, scope)

    @property
    def year(self) -> Period:
        return Period(add_months(self.look.as_of, -12), self.look.as_of)

    def frame(self) -> Iterator[Block]:
        yield from self.standing()
        days = self.plan.period.days
        yield Paragraph.of(
            ngettext(
                "%(days)s day, %(zone)s, amounts in %(currency)s.",
                "%(days)s days, %(zone)s, amounts in %(currency)s.",
                days,
            )
            % {"days": days, "zone": self.plan.shop.timezone, "currency": self.currency},
            "note",
        )

    # Words ----------------------------------------------------------------------------

    def said(self, sentences: Sequence[Sentence]) -> list[str]:
        return [text.render(one, currency=self.currency, language=self.language) for one in sentences]

    def amount(self, metric: str, value: object) -> str:
        if not isinstance(value, Decimal | int | float):
            return "–"
        return text.amount(metric, Decimal(str(value)), currency=self.currency, language=self.language)

    def worded(self, metric: str, value: object) -> Worded | None:
        """A metric's value among those of others."""
        if not isinstance(value, Decimal | int | float):
            return None
        form = {Unit.MONEY: Form.MONEY, Unit.RATE: Form.RATE, Unit.COUNT: Form.WHOLE}.get(
            metrics()[metric].unit, Form.NUMBER
        )
        return Worded(value, self.amount(metric, value), Column("", form, self.currency))

    def chance(self, value: float | None) -> Worded | None:
        """A probability, said as far as anybody can know it."""
        return None if value is None else Worded(value, text.chance(value, self.locale), Column("", Form.RATE))

    def amounts(self, title: str) -> Column:
        return Column(title, Form.MONEY, self.currency, is_summed=True)

    def money(self, value: Decimal | float) -> str:
        return words.said(
            Decimal(value).quantize(Decimal("0.01")), Column("", Form.MONEY, self.currency), self.language
        )

    def rate(self, value: float | None) -> str:
        return words.said(value, Column("", Form.RATE), self.language)

    def form(self, unit: str) -> option.Format:
        return option.Format(str(self.locale).replace("_", "-"), self.currency, unit)

    def day(self, value: date) -> str:
        return format_date(value, "d MMM y", locale=self.locale)

    def month(self, value: date) -> str:
        return format_date(value, "LLL y", locale=self.locale)

    def month_of(self, name: object) -> str:
        return self.month(name) if isinstance(name, date) else "–"

    def period(self, period: Period) -> str:
        if period.whole_months():
            ends = (format_skeleton("yMMM", day, locale=self.locale) for day in (period.start, period.last))
            return " – ".join(dict.fromkeys(ends))
        return " – ".join(dict.fromkeys((self.day(period.start), self.day(period.last))))

    def category(self, name: str | None) -> str:
        if name == OTHER:
            return _("All others")
        return name or (_("not known") if len(self.version.blocks) > 1 else _("The whole shop"))

    def market(self, name: str | None) -> str:
        if name == OTHER:
            return _("All others")
        return str(self.locale.territories.get(name, name)) if name else _("not known")

    def event(self, id_: str) -> str:
        shipped = by_id().get(id_)
        return _(shipped.label) if shipped else id_

    def goal_name(self, one: progress.GoalLine) -> str:
        scope = one.goal.scope
        parts = [self.category(scope["category"])] if "category" in scope else []
        parts += [self.market(scope["market"])] if "market" in scope else []
        return " · ".join([text.metric_label(one.goal.metric), *parts])


_SHOWN = {6: "6.goals", 14: "14.goals", 18: "18.months"}
"""The views that a summary shows, by section."""

VIEWS.update(
    {
        "1.frame": _Report.frame,
        "2.products": _Report.products,
        "6.goals": _Report.goals,
        "6.resources": _Report.resources,
        "9.matrix": _Report.matrix,
        "9.needed": _Report.needed,
        "12.budget": _Report.budget,
        "14.goals": _Report.sales_goals,
        "14.quotas": _Report.quotas,
        "18.months": _Report.forecast,
        "23.missing": _Report.missing,
        "24.held": _Report.held,
        "24.commitments": _Report.promises,
        "24.drivers": _Report.drivers,
        "24.proposals": _Report.proposals,
    }
)


def drivers_of(
    found: Difference | Sentence, said: Callable[[Sequence[Sentence]], list[str]], currency: str
) -> Iterator[Block]:
    """A difference of net sales as its sentence, the table of its parts, which sum to it, and what can't be told."""
    if isinstance(found, Sentence):
        yield Paragraph.of(said([found])[0])
        return
    yield Paragraph.of(said([found.sentence])[0], "lead")
    first = _("Due of the plan by now") if found.against == "plan" else _("The same days a year before")
    parts = [(_(PARTS[id_]), amount) for id_, amount in found.parts.items()]
    rows: list[tuple[Value, ...]] = [(first, found.before), *parts, (_("Came in"), found.now)]
    yield Table(Sheet("", (Column(_("Driver")), Column(_("Net sales"), Form.MONEY, currency)), tuple(rows)))
    yield from (Paragraph.of(one, "note") for one in said(found.untold))


def format_level(level: float, locale: Locale) -> str:
    from babel.numbers import format_percent

    return format_percent(level, locale=locale)


def _number(value: object) -> float:
    return float(value) if isinstance(value, Decimal | int | float) else 0.0


def _known(value: object) -> Decimal | None:
    return Decimal(str(value)) if isinstance(value, Decimal | int | float) else None


def _change(now: object, before: object) -> float | None:
    return _number(now) / _number(before) - 1 if _number(before) else None


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _exact(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(value).quantize(Decimal("0.01"))


def _growth(line: Line) -> float | None:
    return float(line.target / line.last_year - 1) if line.last_year else None


def _total(rows: Sequence[tuple[Any, ...]]) -> tuple[Value, ...]:
    """The row of sums below targets and how they go."""
    sums = [sum((row[i] for row in rows if row[i] is not None), Decimal(0)) for i in (1, 2, 3, 5)]
    target, actual, due, before = sums
    return (
        _("Total"),
        target,
        actual,
        due,
        float(actual / due) if due else None,
        before,
        float(target / before - 1) if before else None,
    )


def entries_of(version: PlanVersion) -> Iterator[tuple[str, str, date, date, str]]:
    """Everything in the plan that has days: uid, name, first day, the day after the last, what kind of thing."""
    plan = version.plan
    base = f"plan-{plan.pk}"
    for stored in version.outlook.get("events", []):
        shipped = by_id().get(stored["event"])
        called = _(shipped.label) if shipped else stored["event"]
        start, end = date.fromisoformat(stored["start"]), date.fromisoformat(stored["end"])
        yield f"{base}-{stored['event']}-{start}", called, start, end, _("Retail event")
    for goal in version.goals.standing():
        title = _("Due: %(goal)s") % {"goal": text.metric_label(goal.metric)}
        yield f"{base}-goal-{goal.key}", title, goal.due_on, goal.due_on + timedelta(days=1), _("Goal")
    for entry in chain.from_iterable(team.entries(version).values()):
        field = outline.fields().get(entry.field)
        days = [column for column in field.columns if column.type == Type.DAY] if field else []
        if field is None or not days:
            continue
        called = str(entry.cells.get(field.columns[0].id) or _(field.label))
        known = [entry.cells[column.id] for column in days if entry.cells.get(column.id)]
        if known:
            first, last = date.fromisoformat(min(known)), date.fromisoformat(max(known))
            yield f"{base}-{entry.field}-{entry.key}", called, first, last + timedelta(days=1), _(field.label)


def _tells(column: outline.Column, row: Entry) -> bool:
    """True if a reader of the file learns something from the cell; an address within the shop leads them nowhere."""
    value = row.cells.get(column.id)
    return value not in (None, "", []) and not (column.type == Type.LINK and str(value).startswith("/"))
