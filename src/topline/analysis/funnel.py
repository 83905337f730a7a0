"""The funnel: how many take each step of the way to an order, in order, and how long they need."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from topline.analysis.analysis import Analysis, Choice, Question, matches, whole
from topline.analysis.person import stitched
from topline.analysis.result import Cell, Chart, Column, Figure, Note, Result, Table, nothing
from topline.facts.order_line import Kind
from topline.facts.table import UTC
from topline.facts.web_event import Event
from topline.metrics.answer import begins_later
from topline.metrics.dimension import PRODUCT
from topline.metrics.metric import Unit, Value, ratio
from topline.science import funnel
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.metrics.settings import Settings
    from topline.metrics.view import Tables

STEPS = {
    "visit": N_("Visit"),
    "page_view": N_("Page view"),
    "search": N_("Search"),
    "product_view": N_("Product view"),
    "download": N_("Download"),
    "share": N_("Share"),
    "chat": N_("Chat"),
    "sign_up": N_("Sign-up"),
    "add_to_cart": N_("Cart"),
    "checkout": N_("Checkout"),
    "purchase": N_("Order"),
}
STAGES = {
    "top": N_("Top: they come"),
    "middle": N_("Middle: they look closer"),
    "bottom": N_("Bottom: they are about to buy"),
}
_RATES = {
    "page_view": N_("→ Page view"),
    "search": N_("→ Search"),
    "product_view": N_("→ Product view"),
    "download": N_("→ Download"),
    "share": N_("→ Share"),
    "chat": N_("→ Chat"),
    "sign_up": N_("→ Sign-up"),
    "add_to_cart": N_("→ Cart"),
    "checkout": N_("→ Checkout"),
    "purchase": N_("→ Order"),
    "middle": N_("→ Middle"),
    "bottom": N_("→ Bottom"),
    "visit": N_("→ Visit"),
}
"""The share of those at the step before that came to a step."""
_ANY = frozenset(event.value for event in Event)
_OF_STAGE = {
    "top": _ANY,
    "middle": frozenset({"product_view", "search", "download", "share", "chat", "sign_up"}),
    "bottom": frozenset({"add_to_cart", "checkout", "purchase"}),
}
BY = {
    "none": N_("nothing"),
    "channel": N_("Channel"),
    "campaign": N_("Campaign"),
    "market": N_("Market"),
    "device": N_("Device"),
    "landing_page": N_("Landing page"),
    "category": N_("Category"),
    "subcategory": N_("Subcategory"),
    "brand": N_("Brand"),
    "supplier": N_("Supplier"),
}
WITHIN = {"session": N_("one visit"), "person": N_("one person's visits")}
DIMENSIONS = frozenset({"channel", "campaign", "market", "device"})
_NOBODY = Missing("nobody_entered", N_("nobody took the first step in these days"))
_NOT_REACHED = Missing("not_reached", N_("nobody came this far"))
_ENTRY_DAYS = 1
"""A visit that began late in the evening goes on into the next day."""

type Ints = NDArray[np.int64]


class StepsError(ToplineError):
    message = N_("State two steps or more, such as steps=product_view,add_to_cart,purchase.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelQuestion(Question):
    """The period chooses who enters; filters hold for the visit in which they enter.

    steps : events in the order in which they must happen; `visit` is any of them
    view : `steps`, or `stages` for top, middle and bottom in their place
    within : `session` for steps of one visit, `person` for those of all visits of a person
    days : a person's steps count so long after the first
    by : dimension of the visit, or of products for a funnel of each product line
    """

    steps: tuple[str, ...] = ("visit", "product_view", "add_to_cart", "checkout", "purchase")
    view: str = "steps"
    within: str = "session"
    days: int = 30
    by: str = "none"

    @property
    def events(self) -> Mapping[str, frozenset[str]]:
        """The events that each step is, by step."""
        if self.view == "stages":
            return _OF_STAGE
        return {step: _ANY if step == "visit" else frozenset({step}) for step in self.steps}

    @property
    def is_any_first(self) -> bool:
        """True if a unit enters with whatever it does first; not by product line, which it may touch later."""
        return next(iter(self.events.values())) == _ANY and self.by not in PRODUCT

    @property
    def listed(self) -> Mapping[str, frozenset[str]]:
        """The steps of which every moment may count; of the second after any event only its first does."""
        return dict(list(self.events.items())[2 if self.is_any_first else 1 :])

    @property
    def window(self) -> timedelta:
        """So long after the first step the others count."""
        return timedelta(days=self.days if self.within == "person" else _ENTRY_DAYS)


@dataclass(frozen=True, slots=True)
class Reached:
    """Who reached what: rows of visits or people that are alike.

    names : the values of the dimension; value : (n,) numbers of them
    steps : (n, k) when each reached each step; weight : (n,) how many they are
    """

    names: Sequence[str | None]
    value: Ints
    steps: Ints
    weight: Ints

    def counts(self, value: int | None = None) -> list[int]:
        """How many reached each step, with one value or in all."""
        mine = slice(None) if value is None else self.value == value
        return [int(n) for n in self.weight[mine] @ (self.steps[mine] < funnel.NEVER)]


def answer(tables: "Tables", question: FunnelQuestion, settings: "Settings") -> Result:
    steps = list(question.events)
    if len(steps) < 2:
        raise StepsError
    for fact in ("web_event", *(("product",) if question.by in PRODUCT else ())):
        if fact in tables.empty:
            return nothing(question, settings, tables.empty[fact])
    found = reach(tables, question)
    # lines overlap: a visit that touches two is still one
    everybody = reach(tables, replace(question, by="none")) if question.by in PRODUCT else found
    whole_ = everybody.counts()
    if not whole_[0]:
        return nothing(question, settings, _NOBODY)
    names = STAGES if question.view == "stages" else STEPS
    shown = [_steps_table(everybody, steps, names)]
    if question.by != "none":
        shown.append(_values_table(found, question, steps, names))
    return Result(
        question=question,
        settings=settings,
        sentence=_sentence(question, whole_, steps, names, settings.currency),
        tables=tuple(shown),
        notes=tuple(_notes(tables, question)),
    )


def reach(tables: "Tables", question: FunnelQuestion) -> Reached:
    """Who reached each step, by the dimension in question.

    The engine groups the events once, counts those who didn't come far, and hands on the moments of the others, who
    are few. Where the first step is any event, the second is reached at its first time, so those who came no further
    are counted by the seconds in between.
    """
    import ibis

    later = list(question.events)[1:]
    units = _units(tables, question)
    units = units.filter(units.entry.notnull())
    listed = question.listed
    goes_on = ibis.or_(*(units[step].notnull() for step in listed)) if listed else ibis.literal(False)
    units = units.mutate(goes_on=goes_on)
    seconds = ibis.null("int64")
    if question.is_any_first:
        seconds = _seconds(units[later[0]]) - _seconds(units.entry)
    units = units.mutate(
        own=ibis.ifelse(units.goes_on, units.unit, ibis.null(units.unit.type())),
        seconds=ibis.ifelse(units.goes_on, ibis.null("int64"), seconds),
    )
    grouped = units.group_by("value", "own", "goes_on", "seconds").aggregate(
        weight=units.count(),
        entry=units.entry.min(),
        **{step: units[step].arbitrary() if step in listed else units[step].min() for step in later},
    )
    return _read(tables.arrow(grouped.drop("own")), later, question)


def _seconds(moment: Any) -> Any:
    """Whole seconds since 1970; an engine may count in parts of them."""
    return moment.epoch_seconds().cast("float64").floor()


def _read(table: pa.Table, later: Sequence[str], question: FunnelQuestion) -> Reached:
    goes_on = table["goes_on"].to_numpy()
    moving, others = table.filter(goes_on), table.filter(~goes_on)
    window = int(question.window / timedelta(microseconds=1))
    steps = funnel.reached(_micros(moving["entry"]), [_moments(moving[step]) for step in later], window)
    short = np.full((len(others), 1 + len(later)), funnel.NEVER)
    short[:, 0] = 0
    taken = _ints(others["seconds"], -1) * 1_000_000
    short[:, 1] = np.where((taken >= 0) & (taken <= window), taken, funnel.NEVER)
    found = pa.chunked_array([*moving["value"].chunks, *others["value"].chunks], pa.string())
    names = sorted(found.unique().to_pylist(), key=lambda name: (name is None, name))
    return Reached(
        names,
        pc.index_in(found, pa.array(names, pa.string())).to_numpy().astype(np.int64),
        np.concatenate([steps, short]),
        np.concatenate([moving["weight"].to_numpy(), others["weight"].to_numpy()]),
    )


def _ints(column: "pa.ChunkedArray[Any]", empty: int = 0) -> Ints:
    numbers: Any = column.cast(pa.int64())
    return np.asarray(numbers.fill_null(empty).to_numpy())


def _micros(column: Any) -> Ints:
    return np.asarray(column.cast(UTC).cast(pa.int64()).to_numpy(zero_copy_only=False))


def _moments(column: "pa.ChunkedArray[Any]") -> funnel.Moments:
    """Of a column of lists of moments, or of moments."""
    if not pa.types.is_list(column.type):
        return funnel.Moments(_micros(column.drop_null()), _ints(column.is_valid()))
    return funnel.Moments(_micros(pc.list_flatten(column)), _ints(pc.list_value_length(column)))


def _units(tables: "Tables", question: FunnelQuestion) -> Any:
    """One row a unit that is a visit or a person, by product line if that is asked: unit, value, entry and a list of
    moments for each further step."""
    rows = _rows(tables, question)
    steps = list(question.events.items())
    first = rows.event.isin(sorted(steps[0][1]))
    period = question.period
    if period:
        first = first & (rows.on >= period.start) & (rows.on < period.end)
    for condition in question.where:
        first = first & matches(rows, condition)
    rows = rows.mutate(is_entry=first)
    if question.by in PRODUCT:
        return _lines(tables, rows, question)
    values = {"entry": rows["at"].min(where=rows.is_entry)}
    if question.is_any_first:
        second, events = steps[1]
        values[second] = rows["at"].min(where=rows.event.isin(sorted(events)))
    if question.within == "person":
        values |= _lists(rows, question.listed)
    value: Any = None
    if question.by not in ("none", "landing_page"):
        column = rows[question.by]
        # a visit has one channel; of a person's visits the one in which they enter counts
        value = (
            column.arbitrary(where=rows.is_entry)
            if question.within == "session"
            else column.argmin(rows["at"], where=rows.is_entry)
        )
    elif question.by == "landing_page":
        value = rows.visit.argmin(rows["at"], where=rows.is_entry)
    if value is not None:
        values["value"] = value
    units = rows.group_by("unit").aggregate(**values)
    if question.within == "session":
        # few take a later step: moments are gathered for them alone; people's rows are a join, costly to read twice
        taking = rows.filter(rows.event.isin(_any_of(question.listed)))
        moments = taking.group_by(taken="unit").aggregate(**_lists(taking, question.listed))
        units = units.left_join(moments, units.unit == moments.taken).drop("taken")
    if question.by == "landing_page":
        visits: Any = tables.table("session")
        visits = visits.select("landing_page", landed=tables.short(visits.session_key))
        joined = units.left_join(visits, units.value == visits.landed)
        return joined.drop("value", "landed").rename(value="landing_page")
    return units if value is not None else units.mutate(value=_no_value())


def _no_value() -> Any:
    import ibis

    return ibis.null("string")


def _rows(tables: "Tables", question: FunnelQuestion) -> Any:
    """The events that may be steps, with `visit` and `unit`, whose it is."""
    rows: Any = tables.table("web_event")
    if question.period:
        end = question.period.end + question.window
        rows = rows.filter((rows.on >= question.period.start) & (rows.on < end))
    if question.as_of:
        rows = rows.filter(rows.on < question.as_of)
    rows = rows.mutate(visit=tables.short(rows.session_key))
    if question.within == "person":
        rows = stitched(rows, tables)
        rows = rows.mutate(unit=tables.short(rows.person))
    else:
        rows = rows.mutate(unit=rows.visit)
    wanted = _any_of(question.events)
    return rows if _ANY.issubset(wanted) else rows.filter(rows.event.isin(wanted))


def _any_of(steps: Mapping[str, frozenset[str]]) -> list[str]:
    return sorted(frozenset[str]().union(*steps.values()))


def _lists(rows: Any, steps: Mapping[str, frozenset[str]]) -> dict[str, Any]:
    return {step: rows["at"].collect(where=rows.event.isin(sorted(events))) for step, events in steps.items()}


def _lines(tables: "Tables", rows: Any, question: FunnelQuestion) -> Any:
    """A row for each unit and product line that it touched. A step that names no product, such as the checkout, counts
    for each of them; an order counts for the lines of what was bought, where its lines are known."""
    import ibis

    steps = question.listed
    if "order_line" not in tables.empty:
        sold: Any = tables.table("order_line")
        sold = sold.filter((sold.kind == Kind.GOODS_SOLD.value) & sold.product_key.notnull())
        sold = sold.select(sold_key="order_key", bought="product_key").distinct()
        is_open = rows.product_key.isnull() & (rows.event == Event.PURCHASE.value)
        rows = rows.mutate(open_key=ibis.ifelse(is_open, rows.order_key, ibis.null("string")))
        rows = rows.left_join(sold, rows.open_key == sold.sold_key)
        rows = rows.mutate(product_key=rows.product_key.fill_null(rows.bought)).drop("open_key", "sold_key", "bought")
    products: Any = tables.table("product").select(listed="product_key", line=question.by)
    joined = rows.left_join(products, rows.product_key == products.listed)
    of_line, of_all = joined.filter(joined.line.notnull()), joined.filter(joined.product_key.isnull())
    own = of_line.group_by("unit", "line").aggregate(
        entry=of_line["at"].min(where=of_line.is_entry), **_lists(of_line, steps)
    )
    shared = of_all.group_by("unit").aggregate(
        shared_entry=of_all["at"].min(where=of_all.is_entry),
        **{f"shared_{step}": moments for step, moments in _lists(of_all, steps).items()},
    )
    both = own.left_join(shared.rename(shared_unit="unit"), own.unit == shared.unit)
    return both.select(
        unit=both.unit,
        value=both.line,
        entry=ibis.least(both.entry.fill_null(both.shared_entry), both.shared_entry.fill_null(both.entry)),
        **{step: _joined(both[step], both[f"shared_{step}"]) for step in steps},
    )


def _joined(own: Any, shared: Any) -> Any:
    """Two lists as one; a list that is not there is empty."""
    import ibis

    return ibis.cases((own.isnull(), shared), (shared.isnull(), own), else_=own.concat(shared))


def _steps_table(found: Reached, steps: Sequence[str], names: Mapping[str, str]) -> Table:
    counts = found.counts()
    middle, late = (funnel.minutes(found.steps, found.weight, q) for q in (0.5, 0.9))
    rows: list[dict[str, Cell]] = []
    for i, step in enumerate(steps):
        before = counts[i - 1] if i else None
        rows.append(
            {
                "step": step,
                "reached": counts[i],
                "of_entered": counts[i] / counts[0],
                "of_before": None if before is None else ratio(counts[i], before, _NOT_REACHED),
                "lost": None if before is None else before - counts[i],
                "median_minutes": _known(middle[i - 1]) if i else None,
                "p90_minutes": _known(late[i - 1]) if i else None,
            }
        )
    return Table(
        id="steps",
        label=N_("Steps"),
        columns=(
            Column(id="step", label=N_("Step"), names=names),
            Column(id="reached", label=N_("Reached it"), unit=Unit.COUNT),
            Column(id="of_entered", label=N_("Of all who entered"), unit=Unit.RATE),
            Column(id="of_before", label=N_("Of the step before"), unit=Unit.RATE),
            Column(id="lost", label=N_("Left before it"), unit=Unit.COUNT),
            Column(id="median_minutes", label=N_("Minutes since the step before, median"), unit=Unit.RATIO),
            Column(id="p90_minutes", label=N_("Minutes, nine in ten"), unit=Unit.RATIO),
        ),
        rows=rows,
        chart=Chart(kind="bars", across="step", values=("reached",)),
    )


def _known(value: float | None) -> Value:
    return _NOT_REACHED if value is None else value


def _values_table(found: Reached, question: FunnelQuestion, steps: Sequence[str], names: Mapping[str, str]) -> Table:
    return Table(
        id="values",
        label=BY[question.by],
        columns=(
            Column(id="value", label=BY[question.by], dimension="" if question.by == "landing_page" else question.by),
            *(Column(id=step, label=names[step], unit=Unit.COUNT) for step in steps),
            *(
                Column(id=f"{step}_rate", label=_RATES[step], unit=Unit.RATE, about=N_("Of the step before"))
                for step in steps[1:]
            ),
            Column(id="of_entered", label=N_("To the end"), unit=Unit.RATE),
        ),
        rows=sorted(_value_rows(found, question.by, steps), key=lambda row: -int(str(row[steps[0]]))),
        chart=Chart(kind="bars", across="value", values=("of_entered",)),
    )


def _value_rows(found: Reached, by: str, steps: Sequence[str]) -> Iterator[dict[str, Cell]]:
    unknown = Missing(f"no_{by}", N_("not known"))
    for i, name in enumerate(found.names):
        counts = found.counts(i)
        if counts[0]:
            yield {
                "value": unknown if name is None else name,
                **dict(zip(steps, counts, strict=True)),
                **{
                    f"{step}_rate": ratio(after, before, _NOT_REACHED)
                    for step, before, after in zip(steps[1:], counts, counts[1:], strict=False)
                },
                "of_entered": counts[-1] / counts[0],
            }


def _sentence(
    question: FunnelQuestion, counts: Sequence[int], steps: Sequence[str], names: Mapping[str, str], currency: str
) -> Note:
    losses = [before - after for before, after in itertools.pairwise(counts)]
    worst = losses.index(max(losses))
    figures = {
        "entered": Figure(counts[0], Unit.COUNT, currency),
        "share": Figure(counts[-1] / counts[0], Unit.RATE, currency),
        "last": names[steps[-1]],
        "lost": Figure(losses[worst], Unit.COUNT, currency),
        "before": names[steps[worst]],
        "after": names[steps[worst + 1]],
    }
    if question.within == "person":
        text = N_(
            "Of %(entered)s people, %(share)s came to the last step, %(last)s; most, %(lost)s, left between %(before)s "
            "and %(after)s."
        )
    else:
        text = N_(
            "Of %(entered)s visits, %(share)s came to the last step, %(last)s; most, %(lost)s, left between %(before)s "
            "and %(after)s."
        )
    return Note("funnel", text, figures)


def _notes(tables: "Tables", question: FunnelQuestion) -> Iterator[Note]:
    if missing := begins_later(tables, ("web_event",), question.period.start if question.period else None):
        text = N_("What visitors do is known from %(day)s on; the days of the period before that are not in it.")
        yield Note(missing.reason, text, missing.params)
    if question.by in PRODUCT:
        yield Note("lines_overlap", N_("A visit may touch several product lines, so the lines don't add up."))
    end = question.period.end if question.period else None
    now = question.as_of or date.max
    if question.within == "person" and end and end + question.window > now:
        yield Note(
            "window_open",
            N_("Who entered in the last %(days)s days may still take further steps."),
            {"days": question.days},
        )


ANALYSIS = Analysis(
    id="funnel",
    label=N_("Funnel"),
    description=N_("How many take each step of the way to an order, where do they leave, and how long do they need?"),
    method=N_(
        "The period and the filters choose who enters: those who took the first step then. Each further step counts at "
        "its first time at or after the step before it; doing things in another order doesn't count. Within one visit, "
        "or within all visits of a person for so many days after the first step; who signs in is the same person "
        "before. By product line a step that names no product, such as the checkout, counts for each line of the visit."
    ),
    question=FunnelQuestion,
    answer=answer,
    choices=(
        Choice(id="view", label=N_("Show"), options={"steps": N_("Steps"), "stages": N_("Top, middle, bottom")}),
        Choice(id="steps", label=N_("Steps"), options=STEPS, several=True),
        Choice(id="within", label=N_("Within"), options=WITHIN),
        Choice(id="days", label=N_("Days after the first step"), parse=whole(1, 365), example="30"),
        Choice(id="by", label=N_("By"), options=BY),
    ),
    dimensions=DIMENSIONS,
    icon="filter",
)
