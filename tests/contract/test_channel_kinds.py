"""What the list of channels says of them cuts every metric as its channels, put together, do."""

from dataclasses import replace

import pytest

from contract import tiny_shop
from topline.metrics.answer import answer
from topline.metrics.catalogue import metrics
from topline.metrics.query import Filter, Query
from topline.metrics.settings import Channel
from topline.units.missing import Missing

SHOP = replace(
    tiny_shop.EVENT,
    channels=(Channel("web", "own_shop"), Channel("email", "own_shop"), Channel("app", "phone", is_online=False)),
)
WITH_CHANNELS = tuple(id_ for id_, metric in metrics().items() if "channel" in metric.dimensions)
SAID = {
    ("channel_kind", "own_shop"): ("web", "email"),
    ("channel_kind", "phone"): ("app",),
    ("channel_reach", "online"): ("web", "email"),
    ("channel_reach", "offline"): ("app",),
}


@pytest.mark.soak
@pytest.mark.parametrize(("dimension", "value"), SAID)
def test_a_kind_is_the_sum_of_its_channels(dimension: str, value: str) -> None:
    tables = tiny_shop.shop()
    plain = Query(metrics=WITH_CHANNELS, where=(Filter("channel", SAID[dimension, value]),))
    wanted = answer(plain, tables, SHOP).totals
    filtered = answer(replace(plain, where=(Filter(dimension, (value,)),)), tables, SHOP).totals
    assert filtered == wanted


@pytest.mark.parametrize("dimension", ["channel_kind", "channel_reach"])
def test_a_cut_by_kind_is_the_filter_by_it(dimension: str) -> None:
    tables = tiny_shop.shop()
    ids = ("net_sales", "orders", "customers", "new_customers", "return_rate", "sessions", "spend")
    cut = answer(Query(metrics=ids, by=(dimension,)), tables, SHOP)
    rows = {None if isinstance(row[dimension], Missing) else row[dimension]: row for row in cut.rows}
    assert set(rows) >= {value for of, value in SAID if of == dimension}
    for value, row in rows.items():
        totals = answer(Query(metrics=ids, where=(Filter(dimension, (value,)),)), tables, SHOP).totals
        assert {id_: row[id_] for id_ in ids} == totals
