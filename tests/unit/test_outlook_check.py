"""Promotions of a plan in its check, and the dip after them: worked on paper, and laws."""

from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import check_base
from check_base import certain
from topline.outlook import check as outlook
from topline.outlook import stock
from topline.outlook.kept import Run
from topline.outlook.price import PriceOutlook, Promotion
from topline.science import check
from topline.science.check import Change
from topline.units.period import Period

FIRST = date(2026, 10, 5)
SLOTS = tuple(FIRST + timedelta(weeks=k) for k in range(5))
"""Four weeks ahead."""


def prices(offer: float = 1.0, dip: float | None = 0.8) -> PriceOutlook:
    """Of lamps A brings a quarter of the sales, B the rest; each per cent of price takes 2 % of the units.

    offer, dip : what a promotion multiplies units with beside its price, and in the two weeks after
    """
    effects = {"price": -2.0, "offer": np.log(offer)} | ({} if dip is None else {"after": np.log(dip)})
    row = {"category": "Lamps", "line": 0, "group": 0, "price": 10.0, "units": 900.0}
    row |= {f"on_{name}{part}": value for name, mean in effects.items() for part, value in
            (("", mean), ("_se", 0.0), ("_own", 1.0))}  # fmt: skip
    products = [{"key": key, "weekly": weekly, **row} for key, weekly in (("A", 10.0), ("B", 30.0))]
    return PriceOutlook(
        Run(
            {
                "product": pa.Table.from_pylist(products),
                "group": pa.Table.from_pylist([{"name": "Lamps", "mean": -2.0, "se": 0.0}]),
                "effect": pa.Table.from_pylist([{"name": name, "mean": mean} for name, mean in effects.items()]),
            },
            {},
        )
    )


def days(week: int, count: int = 7) -> Period:
    return Period(SLOTS[week], SLOTS[week] + timedelta(days=count))


def promoted(*planned: Promotion, before: tuple[Promotion, ...] = (), known: PriceOutlook | None = None):
    """The base of 100 a week of lamps in each of two markets."""
    plain = certain(categories=1, months=1)
    seen = SimpleNamespace(slots=SLOTS, promotions=before, cells={("Lamps", "GB"): 1.0, ("Lamps", "FR"): 1.0})
    ways = outlook._ways(seen, ["Lamps"], ["GB", "FR"])
    return outlook._promoting(plain, seen, ways, ["GB", "FR"], known or prices(), planned)


def weekly(base, market: int = 0) -> list[float]:
    return base.demand[0, 0, market].tolist()


A = Promotion(days(0), 0.2, frozenset({"A"}))


def test_after_a_promotion_its_goods_sell_less_for_two_weeks():
    """20 % off sells 0.8 ^ -2 times the units, 1.25 times in money; then 0.8 of them. A is a quarter of the lamps."""
    base = promoted(A)
    assert weekly(base) == pytest.approx([106.25, 95, 95, 100])
    assert base.orders[0].tolist() == pytest.approx([10 * (1 + 0.25 * 0.5625), 9.5, 9.5, 10])
    assert (20 * base.demand / base.price[:, None])[0, 0, 0].tolist() == pytest.approx([114.0625, 95, 95, 100])
    # without the promotion there is no dip; twice as deep a discount dips no deeper
    plan_none, deeper = (check.simulate(base, Change(promotion=by)) for by in (-1.0, 1.0))
    assert plan_none.wanted[0, 0].tolist() == pytest.approx([200] * 4)
    assert deeper.wanted[0, 0, 1:].tolist() == pytest.approx([190, 190, 200])


def test_a_dip_waits_for_the_next_promotion_and_stays_in_its_market():
    """A is on again in the third week: it dips in the second and from the fourth on. B is on in Great Britain only."""
    base = promoted(A, Promotion(days(2), 0.2, frozenset({"A"})))
    assert weekly(base) == pytest.approx([106.25, 95, 106.25, 95])
    base = promoted(Promotion(days(0, 10), 0.2, frozenset({"B"}), market="GB"))
    three, four = 3 / 7, 4 / 7
    assert weekly(base) == pytest.approx(
        [118.75, 100 + 75 * (0.25 * three - 0.2 * four), 85, 100 - 15 * three]
    )  # its dip begins on the fourth day of the second week and ends with the third of the fourth
    assert weekly(base, market=1) == [100] * 4


def test_what_last_year_promoted_and_dipped_is_taken_out_where_the_plan_does():
    assert weekly(promoted(A, before=(A,))) == pytest.approx([100] * 4)
    # last year's promotion of the second week stays: the plan is silent there, and nothing dips while it is on
    later = Promotion(days(1), 0.2, frozenset({"A"}))
    assert weekly(promoted(A, before=(later,))) == pytest.approx([106.25, 100, 100, 100])


def goods(daily: dict[str, float]) -> stock.Goods:
    """Lamps that sell so many a day."""
    size = len(daily)
    wanted = np.repeat(np.array(list(daily.values()))[:, None], stock.HORIZON_DAYS, axis=1)
    same = dict.fromkeys(("title", "supplier"), (None,) * size) | dict.fromkeys(
        ("on_hand", "received", "idle_days", "dispersion", "error", "unit_cost", "unit_price"), np.ones(size)
    )
    return stock.Goods(
        as_of=FIRST, known_to=FIRST, product_key=tuple(daily), category=("Lamps",) * size, counted_on=None,
        wanted=wanted, **same,
    )  # fmt: skip


def dipped(*planned: Promotion, markets: dict[str, float] | None = None, known: PriceOutlook | None = None):
    """(4, 2) units a week of A, which sells 10 a day, and of B, which sells 30; C, of which nothing is known, too."""
    found = stock.dipped(goods({"A": 10.0, "B": 30.0, "C": 5.0}), known or prices(), planned, markets or {})
    assert found.wanted[2].tolist() == [5] * stock.HORIZON_DAYS
    return found.wanted[:2, :28].reshape(2, 4, 7).sum(axis=2).T.round(9)


def test_the_stock_plan_knows_the_dip_as_the_check_does():
    """A sells 0.8 of 70 for two weeks; on the days of its own promotion the outlook's units stay as they are."""
    assert dipped(A).tolist() == [[70, 210], [56, 210], [56, 210], [70, 210]]
    again = Promotion(days(2), 0.2, frozenset({"A"}))
    assert dipped(A, again)[:, 0].tolist() == [70, 56, 70, 56]
    ten = Promotion(days(0, 10), 0.2, frozenset({"B"}), market="GB")
    halves = {"GB": 0.5, "FR": 0.5}
    assert dipped(ten, markets=halves)[:, 1].tolist() == pytest.approx([210, 210 - 4 * 3, 210 * 0.9, 210 - 3 * 3])
    # a shop without markets has every promotion for all; prices that show no dip leave the goods alone
    assert dipped(ten)[2].tolist() == pytest.approx([70, 168])
    assert dipped(A, known=prices(dip=None))[:, 0].tolist() == [70] * 4
    # in the weeks after, the check's lamps fall by the same share
    for planned in ([A, again], [A], [ten]):
        units = dipped(*planned, markets=halves).sum(axis=1)
        base = promoted(*planned, known=prices(offer=0.8))  # 0.8 * 0.8 ^ -2 * 0.8: it brings no money
        assert base.demand[0, 0].sum(axis=0) / 200 == pytest.approx(units / 280)


plans = st.lists(
    st.builds(
        lambda week, length, off, name, market: Promotion(days(week, length), off, frozenset(name), market=market),
        st.integers(0, 3), st.integers(1, 20), st.sampled_from([0.1, 0.3, 0.5]),
        st.sampled_from([("A",), ("B",), ("A", "B")]), st.sampled_from([None, "GB", "FR"]),
    ),
    max_size=4,
)  # fmt: skip


@settings(deadline=None, max_examples=12)
@given(planned=plans)
def test_dips(planned):
    """None without a promotion, none of 1; one only lowers what is wanted, and goes as the promotions do."""
    without = promoted(*planned, known=prices(offer=1.3, dip=None))
    level = promoted(*planned, known=prices(offer=1.3, dip=1.0))
    base = promoted(*planned, known=prices(offer=1.3, dip=0.7))
    assert level.demand == pytest.approx(without.demand)
    assert (base.demand <= without.demand + 1e-9).all()
    assert check.simulate(base, Change(promotion=-1.0)).wanted == pytest.approx(np.full((1, 1, 4), 200.0))
    if not planned:
        assert base.demand.tolist() == certain(categories=1, months=1).demand.tolist()


@pytest.mark.parametrize(("cells", "drawn"), [(4, 1_000), (1_250, 200)])
def test_what_sliders_move_is_kept_beside_the_base(tmp_path, cells, drawn):
    """A large plan keeps fewer paths for its sliders, and any process finds those at once."""
    small = check_base.drawn(paths=1_000)
    base = replace(small, demand=np.tile(small.demand, (1, 1, cells // small.demand.shape[2], 1)))
    outlook.save(base, tmp_path / "base", {"note.txt": "kept"})
    assert len(outlook.load(tmp_path / "base").demand) == 1_000
    assert len(base.drawn.demand) == drawn
    assert (tmp_path / "base" / outlook.DRAWN).exists() == (drawn < 1_000)
    if drawn < 1_000:
        kept = outlook.load(tmp_path / "base" / outlook.DRAWN)
        assert np.array_equal(kept.demand, base.drawn.demand)
        assert np.array_equal(kept.orders, base.drawn.orders)
