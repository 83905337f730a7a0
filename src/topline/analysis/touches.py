"""The touches that came before orders: visits, content and messages of people, put together to paths."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from topline.analysis.analysis import Question, matches
from topline.analysis.person import stitched
from topline.facts.table import UTC
from topline.metrics.query import Filter
from topline.metrics.sales import COST, NET, UNCOSTED, UNITS
from topline.metrics.view import ledger, plainest, sold, with_person
from topline.science import journey
from topline.science.journey import Linked

if TYPE_CHECKING:
    from topline.metrics.settings import Settings
    from topline.metrics.view import Tables

type Ints = NDArray[np.int64]

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Walks:
    """The paths in question, and the orders that they led to.

    linked : the paths that led to an order of the period, and those that ended in the period without one
    label : (n,) numbers in `labels` of the touches that `linked.touch` names; at : their moments, microseconds
    orders : columns of the orders that `linked.order` names
    """

    linked: Linked
    label: Ints
    labels: tuple[str, ...]
    at: Ints
    orders: pa.Table


def walks(tables: "Tables", question: Question, settings: "Settings", touches: Iterable[Any], days: int) -> Walks:
    """The paths of the period.

    touches : tables of person, at, on and label, of all days; a row without a label is none
    days : so long before an order a touch still belongs to its path
    """
    orders = tables.arrow(_orders(tables, question, settings, days))
    period = question.period
    found = [tables.arrow(_inside(rows, question, days)) for rows in touches]
    seen = pa.concat_tables(found, promote_options="permissive")
    people: Any = pa.chunked_array([*seen["person"].chunks, *orders["person"].chunks], pa.string())
    numbers = _ints(people.combine_chunks().dictionary_encode().indices.fill_null(-1))
    at = _micros(seen["at"])
    linked = journey.linked(numbers[: len(seen)], at, numbers[len(seen) :], _micros(orders["at"]), days)
    if period:
        ended = (
            _ints(seen["on"].cast(pa.int32()))[linked.touch[np.maximum(linked.start[1:] - 1, 0)]] if len(seen) else 0
        )
        in_period = ended >= (period.start - _EPOCH).days
        ordered = np.asarray(orders["is_inside"].to_numpy()) if len(orders) else np.zeros(1, dtype=bool)
        linked = linked.only(np.where(linked.order >= 0, ordered[linked.order], in_period))
    labels: Any = seen["label"].combine_chunks().dictionary_encode()
    return Walks(linked, _ints(labels.indices), tuple(labels.dictionary.to_pylist()), at, orders)


def _inside(rows: Any, question: Question, days: int) -> Any:
    rows = rows.filter(rows.label.notnull())
    if question.period:
        first = question.period.start - timedelta(days=days + 1)
        rows = rows.filter((rows.on >= first) & (rows.on < question.period.end))
    if question.as_of:
        rows = rows.filter(rows.on < question.as_of)
    return rows.select("person", "at", "on", "label")


def visits(tables: "Tables", where: Iterable[Filter], *columns: str) -> Any:
    """Every visit with its person, its session and visitor, and these columns: narrow, or it takes long to compile."""
    where = tuple(where)
    asked = {"session_key", "visitor_key", "customer_key", "at", "on", *columns, *(each.dimension for each in where)}
    sessions: Any = tables.table("session")
    rows = stitched(sessions.select(*sorted(asked)), tables)
    for condition in where:
        rows = rows.filter(matches(rows, condition))
    return rows


def _orders(tables: "Tables", question: Question, settings: "Settings", days: int) -> Any:
    """Counted orders around the period: person, at, is_inside, channel, campaign, and what they were worth to date."""
    import ibis

    lines: Any = sold(tables, frozenset({"channel", "market"}), settings.basis, question.as_of)
    for condition in question.where:
        lines = lines.filter(matches(lines, condition))
    if question.as_of:
        lines = lines.filter(lines.day < question.as_of)
    period, inside = question.period, ibis.literal(True)
    if period:
        margin = timedelta(days=days + 1)
        lines = lines.filter((lines.day >= period.start - margin) & (lines.day < period.end + margin))
    orders = lines.group_by("order_key").aggregate(
        at=lines["at"].min(), day=lines.day.min(), customer_key=lines.customer_key.min(), channel=lines.channel.min()
    )
    if period:
        inside = (orders.day >= period.start) & (orders.day < period.end)
    orders = with_person(orders.mutate(is_inside=inside), tables)
    orders = _with_worth(tables, orders, question, settings)
    orders = orders.mutate(person="customer " + orders.customer)
    if "order" in tables.empty:
        nothing = ibis.null("string")
        return orders.mutate(campaign=nothing, delivery=ibis.null("float64"))
    heads: Any = tables.table("order")
    heads = heads.select(
        "session_key",
        "campaign",
        head_key="order_key",
        delivery=(heads.shipping_cost_shop + heads.payment_fee_shop).cast("float64"),
    )
    orders = orders.left_join(heads, orders.order_key == heads.head_key).drop("head_key")
    if "session" in tables.empty:
        return orders
    came = visits(tables, ()).select(came_key="session_key", came="person")
    orders = orders.left_join(came, orders.session_key == came.came_key)
    return orders.mutate(person=orders.person.fill_null(orders.came)).drop("came_key", "came")


def _with_worth(tables: "Tables", orders: Any, question: Question, settings: "Settings") -> Any:
    """The orders with their net sales, costs and units, less what came back of them by now."""
    source = plainest("counted", tables, settings.basis)
    rows: Any = ledger(tables, source, frozenset(), settings.basis, question.as_of, ("order_key",))
    if question.as_of:
        rows = rows.filter(rows.event_day < question.as_of)
    rows = rows.drop("amount").rename(amount="amount_shop")
    worth = rows.group_by(worth_key="order_key").aggregate(
        **{measure.id: measure.value(rows) for measure in (NET, COST, UNITS, UNCOSTED)}
    )
    return orders.left_join(worth, orders.order_key == worth.worth_key).drop("worth_key")


def _ints(column: Any) -> Ints:
    return np.asarray(column.to_numpy(zero_copy_only=False)).astype(np.int64)


def _micros(column: Any) -> Ints:
    return np.asarray(column.combine_chunks().cast(UTC).cast(pa.int64()).to_numpy(zero_copy_only=False))
