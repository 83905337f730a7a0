"""A filter value that nothing has is said with the nearest that exist; what some row has passes, of any period."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from contract import tiny_shop
from lake_shop import EPOCH
from topline.lake import known_value, read
from topline.lake.known_value import NoValueError, UnknownCustomerError, UnknownKindError, UnknownValueError
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.metrics.catalogue import dimensions
from topline.metrics.query import Filter, Query, parse_filter

WHOLE = Scope.whole("tiny")


@pytest.fixture(scope="module")
def lake() -> Iterator[Lake]:
    with TemporaryDirectory() as folder:
        found = Lake(Path(folder), "tiny")
        facts = tiny_shop.facts()
        for name in ("order", "order_line", "product", "session", "deal_stage"):
            found.append(name, facts[name].to_batches(), batch_id="tiny")
        found.publish(now=EPOCH)
        yield found


def ask(lake: Lake, text: str, scope: Scope = WHOLE) -> None:
    known_value.require(lake, [parse_filter(text)], scope=scope, settings=tiny_shop.EVENT)


@pytest.mark.parametrize(
    ("metric", "ids"), [("net_sales", "market,channel,category,customer"), ("sessions", "channel")]
)
def test_every_value_that_an_answer_shows_passes(lake: Lake, metric: str, ids: str) -> None:
    for id_ in ids.split(","):
        rows = read.read(lake, Query(metrics=(metric,), by=(id_,)), scope=WHOLE, settings=tiny_shop.EVENT).rows
        values = tuple(row[id_] for row in rows if isinstance(row[id_], str))
        assert values
        known_value.require(lake, [Filter(id_, (*values, None))], scope=WHOLE, settings=tiny_shop.EVENT)


def test_an_unknown_value_names_the_nearest_or_the_most_frequent(lake: Lake) -> None:
    with pytest.raises(UnknownValueError, match=r"Nothing has the channel “Wbe”\. Did you mean web\?"):
        ask(lake, "channel=app,Wbe")
    with pytest.raises(UnknownValueError, match=r"Nothing has the market “Atlantis”\. Did you mean DE / GB"):
        ask(lake, "market=Atlantis")
    with pytest.raises(UnknownValueError, match="Did you mean add_to_cart"):
        ask(lake, "action=add_to_kart")
    with pytest.raises(UnknownCustomerError):
        ask(lake, "customer=nobody-knows")


def test_a_kind_of_other_facts_is_none_of_the_metrics(lake: Lake) -> None:
    def of(metric: str) -> None:
        known_value.require(lake, [Filter("kind", ("mention",))], scope=WHOLE, settings=tiny_shop.EVENT, of=[metric])

    with pytest.raises(UnknownKindError, match=r"Net sales never has the kind “mention”\. Did you mean goods_sold"):
        of("net_sales")
    of("marketing_cost")  # a free text: whatever some row has may be its kind


def test_what_no_row_has_yet_but_its_kind_may_have_passes(lake: Lake) -> None:
    for text in ("kind=sample", "medium=sms", "action=chat", "market=", "month=1999-01", "hour=3"):
        ask(lake, text)


def test_what_the_list_of_channels_does_not_say_is_said(lake: Lake) -> None:
    assert dimensions()["channel_kind"].of == "channel"
    with pytest.raises((NoValueError, UnknownValueError)):
        ask(lake, "channel_kind=marketplace")


def test_a_value_of_others_only_is_unknown_to_who_does_not_see_them(lake: Lake) -> None:
    ask(lake, "owner=tom")
    with pytest.raises(UnknownValueError, match="Did you mean mia"):
        ask(lake, "owner=tom", Scope(frozenset({"tiny"}), owners=frozenset({"mia"})))
