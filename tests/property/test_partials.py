"""Sums by day and purchases give the answers of the detail: every metric, every dimension, both dates."""

import tempfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topline.analysis.catalogue import named
from topline.facts.table import tables
from topline.lake import analyse, mirror, novelties, partials, read, visits
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.metrics.catalogue import dimensions, metrics
from topline.metrics.dimension import DAYS
from topline.metrics.metric import Staged
from topline.metrics.query import Filter, Query
from topline.metrics.settings import Basis, Settings
from topline.metrics.view import fact_of
from topline.units.period import Period

NOW = datetime(2025, 6, 1, tzinfo=UTC)
FIRST = date(2024, 1, 29)
WHOLE = Scope.whole("law")
FACTS = {
    id_: {fact for m in metric.measures for fact in (m.facts if isinstance(m, Staged) else (fact_of(m.source),))}
    for id_, metric in metrics().items()
    if metric.family in ("sales", "customers", "profit")
}
IDS = tuple(id_ for id_, needed in FACTS.items() if needed <= {"order_line", "order"})
SLOW = tuple(id_ for id_, needed in FACTS.items() if needed <= {"order_line", "product"} and "product" in needed)
"""What is new to a customer takes as long to ask as all the others together."""
ANALYSED = (
    ("order_gaps", {"by": "market"}),
    ("order_gaps", {"by": "category"}),
    ("cohorts", {"measure": "net_sales"}),
    ("rfm", {}),
)
SUMMED = DAYS | partials.DIMS
CUTS = (
    *((d,) for d in dimensions() if d in SUMMED | {"hour", "product"}),
    (),
    ("month", "market"),
    ("channel", "month"),
    ("month", "week"),
    ("category", "year"),
    ("channel", "coupon"),
)

line = st.fixed_dictionaries(
    {
        "product": st.sampled_from(["mug", "jug", "sofa", "lamp"]),
        "cents": st.integers(1, 90_000),
        "late": st.sampled_from([0, 0, 0, 0, 1, 40]),  # days after the order: an order that is edited later
        "refund": st.sampled_from([None, None, 3, 400]),
        "is_costed": st.booleans(),
    }
)
order = st.fixed_dictionaries(
    {
        "day": st.integers(0, 420),
        "hour": st.sampled_from([0, 12, 12, 23]),
        "who": st.sampled_from([None, "ann", "bob", "bob-phone", "cat", "dan"]),
        "channel": st.sampled_from([None, "web", "app"]),
        "market": st.sampled_from(["DE", "GB"]),
        "coupon": st.sampled_from([None, "HELLO"]),
        "cancelled": st.sampled_from([None, None, None, 2]),
        "is_test": st.sampled_from([False, False, False, True]),
        "strays": st.sampled_from([None, None, None, "channel", "who"]),  # a line that differs from its order
        "lines": st.lists(line, min_size=1, max_size=3),
    }
)


def facts(placed: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    lines: list[dict[str, Any]] = []
    heads: list[dict[str, Any]] = []
    for number, one in enumerate(placed):
        on = FIRST + timedelta(days=one["day"])
        known = {"order_key": f"o{number}", "ordered_on": on, "currency": "GBP" if one["market"] == "GB" else "EUR"}
        heads.append(
            known
            | {"key": f"o{number}", "on": on, "at": moment(on, one), "hour": one["hour"], "customer_key": one["who"]}
            | {"cancelled_on": on + timedelta(days=one["cancelled"]) if one["cancelled"] else None}
            | {"coupon": one["coupon"], "campaign": one["channel"], "is_test": one["is_test"], "rate": Decimal(1)}
            | {"shipping_cost_shop": Decimal(one["day"]), "payment_fee_shop": Decimal(one["hour"])}
        )
        for at, goods in enumerate(one["lines"]):
            own = {"channel": one["channel"], "market": one["market"], "customer_key": one["who"]}
            if at and one["strays"] == "channel":
                own["channel"] = "fax"
            if at and one["strays"] == "who":
                own["customer_key"] = "dan"
            bought = known | own | {"product_key": goods["product"], "hour": one["hour"]}
            day = on + timedelta(days=goods["late"])
            lines.append(bought | row(f"{number}/{at}", "goods_sold", day, one, goods, 1))
            if goods["refund"]:
                back = day + timedelta(days=goods["refund"])
                lines.append(bought | row(f"{number}/{at}/back", "refund", back, one, goods, -1))
            if one["cancelled"]:
                off = on + timedelta(days=one["cancelled"])
                lines.append(bought | row(f"{number}/{at}/off", "goods_cancelled", off, one, goods, -1))
    known = (("mug", "kitchen", 1), ("jug", "kitchen", 2), ("sofa", None, 1))
    products = [{"key": p, "product_key": p, "category": c, "tier": t} for p, c, t in known]
    links = [{"key": "bob-phone", "customer_key": "bob-phone", "person_id": "bob"}]
    return {"order_line": lines, "order": heads, "product": products, "identity_link": links}


def row(key: str, kind: str, on: date, one: dict[str, Any], goods: dict[str, Any], sign: int) -> dict[str, Any]:
    amount = sign * Decimal(goods["cents"]) / 100
    rate = Decimal("1.25") if one["market"] == "GB" else Decimal(1)
    known = {"key": key, "kind": kind, "on": on, "at": moment(on, one), "quantity": Decimal(sign), "rate": rate}
    cost = amount * rate / 2 if goods["is_costed"] else None
    return known | {"unit_price": abs(amount), "amount": amount, "amount_shop": amount * rate, "cost_shop": cost}


def moment(on: date, one: dict[str, Any]) -> datetime:
    return datetime(on.year, on.month, on.day, one["hour"], tzinfo=UTC)


def append(lake: Lake, found: dict[str, list[dict[str, Any]]], batch_id: str) -> None:
    common = {"version": 1, "recorded_at": NOW, "batch_id": batch_id}
    for name, rows in found.items():
        schema = tables()[name].schema
        flags = {f.name: False for f in schema if pa.types.is_boolean(f.type)}
        whole = [{n: (flags | common | each).get(n) for n in schema.names} for each in rows]
        if whole:
            lake.append(name, pa.Table.from_pylist(whole, schema=schema).to_batches(), batch_id=batch_id)


SHOPS = {
    "placed": st.lists(order, min_size=3, max_size=14),
    "late": st.lists(order, max_size=3),
    "is_plain": st.sampled_from([True, False]),  # orders as most shops have them, of which purchases know more
    "basis": st.sampled_from(Basis),
    "asked": st.sets(st.integers(0, len(CUTS) + 4), min_size=4, max_size=4),
}
some = settings(max_examples=2, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
many = settings(some, max_examples=40)


@some
@given(**SHOPS)
def test_partials_answer_as_the_detail_does(**shop: Any) -> None:
    answers_agree(IDS, **shop)


@pytest.mark.soak
@many
@given(**SHOPS)
def test_partials_of_many_shops(**shop: Any) -> None:
    answers_agree((*IDS, *SLOW), **shop)


def answers_agree(
    known: tuple[str, ...],
    placed: list[dict[str, Any]],
    late: list[dict[str, Any]],
    is_plain: bool,
    basis: Basis,
    asked: set[int],
) -> None:
    """After late orders too, with an order over two months, lines that differ from their order, and merged people."""
    for one in (*placed, *late) if is_plain else ():
        one |= {"strays": None, "is_test": False, "lines": [goods | {"late": 0} for goods in one["lines"]]}
    shop = Settings("EUR", "Europe/Berlin", basis=basis)
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(partials, "LEAST_ROWS", 1)
        patch.setattr(partials, "ROWS_AT_ONCE", 10)
        patch.setattr(mirror, "LEAST_ROWS", 1)
        lake = Lake(Path(folder), "law")
        append(lake, facts(placed), "first")
        read.warm(lake, basis, lake.publish(now=NOW))
        if late:
            append(lake, {k: v for k, v in facts(placed + late).items() if k in ("order_line", "order")}, "late")
        snapshot = lake.publish(now=NOW)
        read.warm(lake, basis, snapshot)
        period = Period(FIRST + timedelta(days=30), FIRST + timedelta(days=395))
        every = queries(known, period)
        for query in [every[at] for at in sorted(asked)]:
            answers = []
            for least in (1, 10**9):
                patch.setattr(partials, "LEAST_ROWS", least)
                read.forget()
                answers.append(read.read(lake, query, scope=WHOLE, settings=shop, snapshot=snapshot))
            quick, slow = answers
            assert "partials" in quick.path or query.as_of or not set(query.by) <= SUMMED, query
            assert slow.path == "detail"
            assert (quick.rows, quick.totals) == (slow.rows, slow.totals), query
        id_, choices = ANALYSED[len(placed) % len(ANALYSED)]
        tabled = []
        for least in (1, 10**9):
            patch.setattr(partials, "LEAST_ROWS", least)
            analyse.forget()
            question = named(id_).asked(choices, period=period)
            found = analyse.analyse(lake, question, scope=WHOLE, settings=shop, snapshot=snapshot)
            tabled.append([sorted(table.rows, key=repr) for table in found.tables])
        assert tabled[0] == tabled[1], (id_, choices)


VISITED = (
    *((cut, None) for cut in ((), ("channel",), ("market",), ("month",), ("week",), ("quarter", "channel"))),
    (("month", "market"), Period(FIRST + timedelta(days=40), FIRST + timedelta(days=90))),
    (("day", "channel", "market"), None),
)


@pytest.mark.parametrize("late", [0, 45, 120])
def test_visitors_are_those_of_the_visits(late: int) -> None:
    """After late visits too, from a day on: in all months, in some, in the last."""
    rng = np.random.default_rng(late)
    visited_first = [visited(number, int(rng.integers(131)), rng) for number in range(60)]
    visited_late = [visited(number, int(rng.integers(late, 131)), rng) for number in range(60, 75)]
    ids = ("visitors", "visitor_conversion_rate")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(partials, "LEAST_ROWS", 1)
        patch.setattr(visits, "VISITS_AT_ONCE", 20)
        lake = Lake(Path(folder), "law")
        append(lake, sold_once() | {"session": visited_first}, "first")
        assert visits.build(lake, lake.publish(now=NOW), read.whole(lake, lake.publish(now=NOW)))
        append(lake, {"session": visited_late}, "late")
        snapshot = lake.publish(now=NOW)
        assert visits.build(lake, snapshot, read.whole(lake, snapshot))
        for by, period in VISITED:
            query = Query(metrics=ids, by=by, period=period)
            found = []
            for least in (1, 10**9):
                patch.setattr(partials, "LEAST_ROWS", least)
                read.forget()
                answer = read.read(lake, query, scope=WHOLE, settings=Settings("EUR"), snapshot=snapshot)
                found.append((answer.rows, answer.totals))
                assert ("partials" in answer.path) is (least == 1), query
            assert found[0] == found[1], query


PEOPLE = (
    *((cut, None, None) for cut in ((), ("category",), ("month", "category"), ("week",), ("quarter", "channel"))),
    (("month", "category"), Period(FIRST + timedelta(days=40), FIRST + timedelta(days=90)), None),
    (("day", "category", "month"), Period(FIRST + timedelta(days=40), FIRST + timedelta(days=300)), None),
    (("year", "category"), None, FIRST + timedelta(days=200)),
)


def test_people_are_counted_as_in_the_detail() -> None:
    """Of purchases and of the whole ledger, within a category too; some only ever return or buy what has none."""
    rng = np.random.default_rng(5)
    placed = [placed_at_random(rng, ["mug", "jug", "sofa", "lamp", None]) for _ in range(120)]
    for one in placed:
        one["lines"] = [goods | {"refund": (None, 3, 60)[rng.integers(3)]} for goods in one["lines"]]
    found = facts(placed)
    alone = [line for line in found["order_line"] if line["kind"] == "refund"][:5]
    alone = [line | {"key": f"{n}/alone", "customer_key": f"never{n % 2}"} for n, line in enumerate(alone)]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(partials, "LEAST_ROWS", 1)
        lake = Lake(Path(folder), "law")
        append(lake, found | {"order_line": found["order_line"] + alone}, "first")
        snapshot = lake.publish(now=NOW)
        read.warm_first(lake, Basis.EVENT, snapshot)
        for by, period, as_of in PEOPLE:
            query = Query(metrics=("customers", "ledger_customers"), by=by, period=period, as_of=as_of)
            answers = []
            for least in (1, 10**9):
                patch.setattr(partials, "LEAST_ROWS", least)
                read.forget()
                answers.append(read.read(lake, query, scope=WHOLE, settings=Settings("EUR"), snapshot=snapshot))
            assert [answer.path for answer in answers] == ["partials", "detail"], query
            assert (answers[0].rows, answers[0].totals) == (answers[1].rows, answers[1].totals), query


GREW = (("year",), ("month", "channel"), ("quarter", "category"))


def test_what_is_new_to_a_customer_is_that_of_the_detail() -> None:
    rng = np.random.default_rng(3)
    goods = [(f"{category}{tier}", category, tier) for category in ("mug", "bag", None) for tier in (1, 2, 3, None)]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(partials, "LEAST_ROWS", 1)
        patch.setattr(novelties, "LINES_AT_ONCE", 40)
        lake = Lake(Path(folder), "law")
        found = facts([placed_at_random(rng, [*(name for name, *_ in goods), "unknown", None]) for _ in range(90)])
        products = [{"key": p, "product_key": p, "category": c, "tier": t} for p, c, t in goods]
        append(lake, found | {"product": products}, "first")
        snapshot = lake.publish(now=NOW)
        assert novelties.build(lake, snapshot, read.whole(lake, snapshot), Basis.EVENT)
        for number, by in enumerate(GREW):
            period = Period(FIRST + timedelta(days=60), FIRST + timedelta(days=300)) if number % 2 else None
            query = Query(metrics=SLOW, by=by, period=period)
            answers = []
            for least in (1, 10**9):
                patch.setattr(partials, "LEAST_ROWS", least)
                read.forget()
                answers.append(read.read(lake, query, scope=WHOLE, settings=Settings("EUR"), snapshot=snapshot))
            assert answers[0].rows == answers[1].rows, query
            assert answers[0].totals == answers[1].totals, query
            assert not number or any(row[id_] for row in answers[0].rows for id_ in SLOW), query


def placed_at_random(rng: np.random.Generator, goods: list[str | None]) -> dict[str, Any]:
    def chosen(*values: Any) -> Any:
        return values[rng.integers(len(values))]

    lines = [
        {"product": chosen(*goods), "cents": 100, "late": 0, "refund": None, "is_costed": True}
        for _ in range(rng.integers(1, 3))
    ]
    place = {"channel": chosen(None, "web", "app"), "market": chosen("DE", "GB"), "coupon": None}
    return place | {
        "day": int(rng.integers(420)),
        "hour": 12,
        "who": chosen(None, "ann", "bob", "bob-phone", "cat", "dan", "eve", "fay"),
        "cancelled": None,
        "is_test": False,
        "strays": None,
        "lines": lines,
    }


def sold_once() -> dict[str, list[dict[str, Any]]]:
    goods = {"product": "mug", "cents": 100, "is_costed": True}
    known = {"order_key": "o", "ordered_on": FIRST, "hour": 12, "market": "DE", "currency": "EUR"}
    return {"order_line": [known | row("o", "goods_sold", FIRST, known, goods, 1)]}


def visited(number: int, day: int, rng: np.random.Generator) -> dict[str, Any]:
    on = FIRST + timedelta(days=day)
    known = {"key": f"v{number}", "session_key": f"v{number}", "visitor_key": "abcdefgh"[rng.integers(8)], "on": on}
    place = {"channel": (None, "web", "app")[rng.integers(3)], "market": ("DE", "GB")[rng.integers(2)], "hour": 12}
    counts = dict.fromkeys(("views", "duration_seconds", "carts", "checkouts"), 1) | {"orders": int(rng.random() < 0.4)}
    return known | place | counts | {"at": moment(on, {"hour": 12})}


def queries(known: tuple[str, ...], period: Period) -> list[Query]:
    """Each cut with every metric that allows it, in a period and over all time, and a few filters."""
    found = []
    for number, by in enumerate(CUTS):
        ids = tuple(id_ for id_ in known if set(by) <= metrics()[id_].dimensions)
        found.append(Query(metrics=ids, by=by, period=period if number % 2 else None))
    ids = tuple(id_ for id_ in known if {"month", "category", "channel"} <= metrics()[id_].dimensions)
    for where in (Filter("channel", ("web", None)), Filter("category", ("kitchen", None)), Filter("month", (FIRST,))):
        found.append(Query(metrics=ids, by=("month",), where=(where,)))
    found.append(Query(metrics=ids, by=("category",), top=1))
    found.append(Query(metrics=ids, by=("month",), period=period, as_of=FIRST + timedelta(days=200)))
    return found
