"""Baskets: what is bought together, and what is bought next, beyond what chance would give."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from topline.analysis.analysis import Analysis, Choice, Question, whole
from topline.analysis.result import Cell, Column, Figure, Note, Result, Table, nothing
from topline.metrics.dimension import LINE, TIME
from topline.metrics.metric import Unit
from topline.metrics.query import Query
from topline.metrics.view import View
from topline.units.missing import Missing
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.metrics.settings import Settings
    from topline.metrics.view import Tables

ITEM = {"product": N_("Product"), "subcategory": N_("Subcategory"), "category": N_("Category"), "brand": N_("Brand")}
MOST_ITEMS = 500
MOST_ROWS = 200
LEVEL = 0.01
"""The share of false pairs that is accepted among those shown."""

_NO_PAIRS = Missing("no_pairs", N_("nothing was bought together often enough; ask for fewer orders together"))
_NO_NEXT = Missing("no_next", N_("nothing was bought after something else often enough to tell it from chance"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketQuestion(Question):
    """item : what is paired; least : orders (or customers) that a pair needs."""

    item: str = "product"
    least: int = 20


def answer(tables: "Tables", question: BasketQuestion, settings: "Settings") -> Result:
    for fact in ("order_line", *(("product",) if question.item != "product" else ())):
        if fact in tables.empty:
            return nothing(question, settings, tables.empty[fact])
    asked = Query(metrics=("orders",), period=question.period, where=question.where, as_of=question.as_of)
    view = View(tables, asked, settings)
    names = _names(tables, question)
    together = _rules(tables, question, _baskets(view, question))
    after = _rules(tables, question, *_first_and_second(view, question))
    if not together and not after:
        return nothing(question, settings, _NO_PAIRS)
    best = (together or after)[0]
    params = {
        "one": names.get(best["one"], best["one"]),
        "other": names.get(best["other"], best["other"]),
        "lift": Figure(best["lift"], Unit.RATIO, settings.currency),
    }
    if together:
        text = N_("“%(one)s” and “%(other)s” are bought together %(lift)s times as often as chance would have it.")
    else:
        text = N_("After “%(one)s” comes “%(other)s” %(lift)s times as often as chance would have it.")
    return Result(
        question=question,
        settings=settings,
        sentence=Note("together" if together else "next", text, params),
        tables=(
            _table(question, names, together, "together", N_("Bought together"), _TOGETHER, _NO_PAIRS),
            _table(question, names, after, "next", N_("Bought next"), _NEXT, _NO_NEXT),
        ),
    )


def _names(tables: "Tables", question: BasketQuestion) -> Mapping[str, str]:
    """Titles of products, where there are any."""
    if question.item != "product" or "product" in tables.empty:
        return {}
    products: Any = tables.table("product")
    titled = products.filter(products.title.notnull()).select("product_key", "title")
    return {record["product_key"]: record["title"] for record in tables.run(titled)}


def _baskets(view: View, question: BasketQuestion) -> Any:
    """The different items of each order."""
    rows: Any = view.rows("sold", (question.item,))
    rows = rows.select(basket="order_key", item=question.item).distinct()
    return rows.filter(rows.item.notnull())


def _first_and_second(view: View, question: BasketQuestion) -> tuple[Any, ...]:
    """The items of each customer's first order ever, and of their second where it is in question."""
    import ibis

    everything: Any = view.everything("buyer")
    orders = everything.group_by("customer", "order_key").aggregate(
        on=everything.day.min(), moment=everything["at"].min()
    )
    window = ibis.window(group_by=orders.customer, order_by=[orders.on, orders.moment, orders.order_key])
    orders = orders.mutate(place=ibis.row_number().over(window)).select("customer", "order_key", "place")
    items: Any = view.everything("sold", question.item)
    items = items.select("order_key", item=question.item).distinct()
    items = items.filter(items.item.notnull())
    asked: Any = view.rows("buyer", ())
    second = orders.filter(orders.place == 1).semi_join(asked, ["customer", "order_key"])
    first = orders.filter(orders.place == 0).semi_join(second, "customer")
    before, after = (half.inner_join(items, "order_key") for half in (first, second))
    return tuple(half.select(basket="customer", item="item").distinct() for half in (before, after))


def _rules(tables: "Tables", question: BasketQuestion, left: Any, right: Any | None = None) -> list[dict[str, Any]]:
    """The pairs that occur more often than chance, the strongest first.

    left, right : (basket, item), each once; without `right` both items are of the same basket and a pair counts once
    """
    same = right is None
    right = left if right is None else right
    baskets = tables.run(left.aggregate(n=left.basket.nunique()))[0]["n"]
    counts = [_counted(side, question.least) for side in ((left,) if same else (left, right))]
    known = [{record["number"]: (record["item"], record["n"]) for record in tables.run(side)} for side in counts]
    ones, others = known[0], known[-1]
    if not baskets or not ones or not others:
        return []
    one, other = (_numbered(side, counted) for side, counted in ((left, counts[0]), (right, counts[-1])))
    other = other.rename(other_basket="basket", other_number="number")
    joined = one.inner_join(other, one.basket == other.other_basket)
    if same:
        joined = joined.filter(joined.number < joined.other_number)
    pairs = joined.group_by("number", "other_number").aggregate(n=joined.count())
    found = [
        (*ones[pair["number"]], *others[pair["other_number"]], pair["n"])
        for pair in tables.run(pairs.filter(pairs.n >= question.least))
    ]
    tested = len(ones) * (len(ones) - 1) // 2 if same else len(ones) * len(others)
    return _significant(found, baskets, tested)


def _counted(rows: Any, least: int) -> Any:
    """In how many baskets each item is, numbered, for the items in most of them: numbers pair faster than names."""
    import ibis

    counted = rows.group_by("item").aggregate(n=rows.count())
    counted = counted.filter(counted.n >= least).order_by(counted.n.desc(), counted["item"]).limit(MOST_ITEMS)
    return counted.mutate(number=ibis.row_number().over(order_by=[ibis.desc("n"), "item"]).cast("int32"))


def _numbered(rows: Any, counted: Any) -> Any:
    numbers = counted.select(counted_item="item", number="number")
    return rows.inner_join(numbers, rows["item"] == numbers.counted_item).select("basket", "number")


def _significant(found: list[tuple[str, int, str, int, int]], baskets: int, tested: int) -> list[dict[str, Any]]:
    """The pairs whose number chance would hardly reach, by lift.

    The chance is a binomial test's: of the baskets with the rarer item, so many hold the other one, which is in every
    basket with the same probability. It is a little larger than that of Fisher's exact test. The pairs are those that
    the Benjamini-Hochberg procedure keeps over all pairs that could have been found.

    found : (one, baskets with it, other, baskets with it, baskets with both)
    tested : how many pairs could have been found
    Source: Benjamini & Hochberg, Controlling the false discovery rate (1995).
    """
    if not found:
        return []
    from scipy.special import bdtrc

    a, b, n = (np.array([pair[i] for pair in found]) for i in (1, 3, 4))
    chance = bdtrc(n - 1, np.minimum(a, b), np.maximum(a, b) / baskets)
    ranked = np.sort(chance)
    passing = np.flatnonzero(ranked <= LEVEL * np.arange(1, len(ranked) + 1) / tested)
    if not len(passing):
        return []
    limit = ranked[passing[-1]]
    lift = n * float(baskets) / (a.astype(float) * b)
    shown = list(np.flatnonzero((chance <= limit) & (lift > 1)))
    shown.sort(key=lambda i: (-lift[i], found[i][0], found[i][2]))
    return [
        {
            "one": found[i][0],
            "other": found[i][2],
            "baskets": int(n[i]),
            "support": float(n[i] / baskets),
            "confidence": float(n[i] / a[i]),
            "back": float(n[i] / b[i]),
            "lift": float(lift[i]),
        }
        for i in shown[:MOST_ROWS]
    ]


_TOGETHER = {
    "one": N_("One"),
    "other": N_("The other"),
    "baskets": N_("Orders with both"),
    "support": N_("Of all orders"),
    "confidence": N_("Of orders with the one"),
    "back": N_("Of orders with the other"),
}
_NEXT = {
    "one": N_("First order"),
    "other": N_("Second order"),
    "baskets": N_("Customers"),
    "support": N_("Of all who came back"),
    "confidence": N_("Of those who began with it"),
    "back": N_("Of those who went on with it"),
}


def _table(
    question: BasketQuestion,
    names: Mapping[str, str],
    rules: list[dict[str, Any]],
    id_: str,
    label: str,
    labels: Mapping[str, str],
    empty: Missing,
) -> Table:
    kinds = {"baskets": Unit.COUNT, "support": Unit.RATE, "confidence": Unit.RATE, "back": Unit.RATE}
    rows: list[dict[str, Cell]] = list(rules)
    return Table(
        id=id_,
        label=label,
        columns=(
            *(
                Column(
                    id=column,
                    label=labels[column],
                    unit=kinds.get(column),
                    dimension="" if column in kinds else question.item,
                    names=names if column in ("one", "other") else {},
                )
                for column in labels
            ),
            Column(
                id="lift",
                label=N_("Lift"),
                unit=Unit.RATIO,
                about=N_("How many times as often as if the two had nothing to do with each other."),
            ),
        ),
        rows=rows,
        missing=None if rules else empty,
    )


ANALYSIS = Analysis(
    id="baskets",
    label=N_("Bought together, bought next"),
    description=N_("What goes into the same basket, and what do customers take in their second order?"),
    method=N_(
        "An item counts once in an order. Together: pairs of items in the same counted order. Next: an item of a "
        "customer's first order ever and one of their second; the second may be the same item. A pair is shown if it "
        "occurs often enough and if chance would hardly give that many: a binomial test, with at most one false pair "
        "in a hundred among those shown (Benjamini-Hochberg). The 500 items in most baskets are paired."
    ),
    question=BasketQuestion,
    answer=answer,
    choices=(
        Choice(id="item", label=N_("Pairs of"), options=ITEM),
        Choice(id="least", label=N_("At least so many orders"), parse=whole(2, 1_000_000), example="20"),
    ),
    dimensions=LINE - TIME - {"customer"},
    icon="basket",
)
