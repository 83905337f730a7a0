"""Checks a plan: the first check, and the answer to a moved slider, at a plan's usual size and at the largest.

Usage: python bench/check.py [folder of the shared data]
With the data it also replays Online Retail II: the autumn of 2011 as it was checked from September to December. It
has neither costs nor stock, so proposals are replayed with made-up ones: on 1 September each product has on hand what
it sold in June to August, nothing is delivered, and a unit costs .6 of what it was sold for. What a proposal said is
then compared with what really sold beyond the stock.
"""

import os
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

DATA = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
AS_OF = date(2011, 9, 1)
DAYS = [date(2011, month, day) for month in (9, 10, 11) for day in (1, 15)]
SIZES = (("3 months, 9 categories, 2 markets", 9, 2, 14), ("largest: 5,000 cells", 20, 5, 50))
ROUNDS = 7
COST_RATE = 0.6
SUMMER = date(2011, 6, 1)
PROMOTIONS = 8
"""Each on a category for two slots, every other one in a single market; each followed by a dip of two slots."""
CHANNELS = 6


def main(data: Path) -> None:
    print("| cells | simulate | months and goals | drivers | smallest change | together |\n|---|--:|--:|--:|--:|--:|")
    for name, categories, markets, slots in SIZES:
        _speed(name, categories, markets, slots)
    if (data / "online_retail_ii").exists():
        with tempfile.TemporaryDirectory() as home:
            os.environ |= {"TOPLINE_HOME": home, "DJANGO_SETTINGS_MODULE": "topline.config.settings"}
            import django

            django.setup()
            _replay(data)
    else:
        print("\nOnline Retail II is not there: no replay")


def _speed(name: str, categories: int, markets: int, slots: int) -> None:
    import numpy as np

    from check_base import drawn
    from topline.science import check
    from topline.science.check import Change

    months = max(slots // 4, 1)
    base = drawn(
        1_000,
        categories=categories,
        markets=markets,
        slots=slots,
        months=months,
        on_hand=np.full(categories, 20.0),
        arrivals=np.full((categories, slots), 9.0),
        spend=np.full(slots, 50.0),
        spend_of=np.full((CHANNELS, slots), 50.0 / CHANNELS),
        pool=np.arange(CHANNELS),
        pool_effect=1 + (np.array([0.85, 0.94, 1.0, 1.07, 1.12]) - 1) * np.ones((1, CHANNELS, 1)) / CHANNELS,
        multiplier=np.array([0.0, 0.5, 1.0, 2.0, 4.0]),
        effect=np.array([[0.85, 0.94, 1.0, 1.07, 1.12]]),
        promoted_of=np.tile(np.arange(PROMOTIONS) % categories, 2),
        promoted=_promoted(markets, slots),
        depth=np.linspace(0, 2, 9),
        promoted_units=_multiples(2.5),
        promoted_sales=_multiples(1.6),
    )
    plain = check.simulate(base, Change())
    target = plain.sales.mean(axis=0) * 1.05
    check.smallest(base, Change(), lambda outcome: outcome.finish, float(target.sum()))
    took = {"simulate": [], "months": [], "drivers": [], "smallest": []}  # type: dict[str, list[float]]
    for turn in range(ROUNDS):
        channels = (0.1 * turn, *[0.0] * (CHANNELS - 1))
        change = Change(traffic=0.01 * turn, price=-0.01 * turn, promotion=-0.1 * turn, channels=channels)
        begun = time.process_time()
        moved = check.simulate(base, change)
        _ = moved.finish
        took["simulate"].append(time.process_time() - begun)
        begun = time.process_time()
        check.binding(moved, target)
        took["months"].append(time.process_time() - begun)
        begun = time.process_time()
        check.tornado(base, change)
        took["drivers"].append(time.process_time() - begun)
        begun = time.process_time()
        check.smallest(base, change, lambda outcome: outcome.finish, float(target.sum()) * 1.1)
        took["smallest"].append(time.process_time() - begun)
    middle = [1000 * float(np.median(each)) for each in took.values()]
    cells = categories * markets * slots
    print(f"| {name} ({cells:,}) | {' | '.join(f'{ms:.0f} ms' for ms in (*middle, sum(middle)))} |")


def _promoted(markets: int, slots: int) -> Any:
    import numpy as np

    on = np.zeros((2, PROMOTIONS, markets, slots))
    for place in range(PROMOTIONS):
        for after in (0, 1):
            start = place % (slots - 1) + 2 * after
            on[after, place, : markets if place % 2 else 1, start : start + 2] = 0.7
    return on.reshape(2 * PROMOTIONS, markets, slots)


def _multiples(most: float) -> Any:
    """(1, r, d) of what is promoted at each depth, then of what follows."""
    import numpy as np

    promoted, after = np.linspace(1, most, 9), np.r_[1.0, np.full(8, 0.8)]
    return np.repeat(np.stack([promoted, after]), PROMOTIONS, axis=0)[None]


def _replay(data: Path) -> None:
    import numpy as np
    from babel import Locale
    from django.core.management import call_command

    import online_retail
    from topline.accounts import operations as accounts
    from topline.plans import checks, operations, proposals, text
    from topline.science.check import Change
    from topline.units.period import Period

    call_command("migrate", verbosity=0)
    shop = accounts.create_shop(
        slug="gifts", name="Gifts", currency="GBP", timezone="Europe/London", country="GB", owner=None
    )
    lake = shop.lake()
    for part, batch in enumerate(online_retail.lines(data)):
        lake.append("order_line", [batch], batch_id="retail", part=part)
    lake.publish(now=datetime.now(UTC))
    version = operations.draft_plan(
        shop=shop, period=Period.of_months(AS_OF, 3), as_of=AS_OF, actor=None, now=datetime.now(UTC)
    )
    goals = ("net_sales", "orders", "average_order_value")
    print(
        f"\n| as of | {' | '.join(goals)} | expected | held back by | smallest change | for "
        "| first, CPU s | then, CPU ms |"
    )
    print("|---|--:|--:|--:|--:|---|---|---|--:|--:|")
    for day in DAYS:
        begun = time.process_time()
        made = checks.of(version, day)
        first = time.process_time() - begun
        begun = time.process_time()
        checks.of(version, day, change=Change(conversion=0.05))
        then = time.process_time() - begun
        found = {one.goal.key: one.chance for one in made.goals}
        chances = (text.chance(found[name], Locale("en")) for name in goals)
        move = f"{made.named(made.easiest.lever)} {made.easiest.amount:+.1%}" if made.easiest else "none"
        about = made.about.goal.metric if made.easiest else ""
        print(
            f"| {day} | {' | '.join(chances)} | {made.sales[1]:,.0f} | {made.named(made.binding or 'nothing')} | "
            f"{move} | {about} | {first:.1f} | {1000 * then:.0f} |"
        )
    before = [len(proposals.find(shop, day, lake.latest())) for day in DAYS]
    print(f"\nproposals without costs and stock: {before}")
    sold = _sold(data)
    lake.append("stock_level", _levels(sold), batch_id="stock")
    lake.publish(now=datetime.now(UTC))
    print("\n| as of | reorder | gain said | 80 % | confidence | came |\n|---|---|--:|--:|--:|--:|")
    judged = []
    for day in DAYS:
        shown = {one.subject for one in proposals.find(shop, day, lake.latest())}
        for one in proposals._stock(shop, day, lake.latest()):
            if one.kind != "stock":
                continue
            came = _missed(sold, one.subject, day)
            judged.append((day, one.gain, one.low, one.high, one.confidence, came))
            if one.subject in shown:
                print(
                    f"| {day} | {text.render(one.said, currency='GBP', language='en')} | {one.gain:,.0f} | "
                    f"{one.low:,.0f} to {one.high:,.0f} | {one.confidence:.0%} | {came:,.0f} |"
                )
    print("\n| as of | lines to order | gain said | came | inside 80 % | chance said | ran short |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for day in DAYS:
        gain, low, high, chance, came = np.array([one[1:] for one in judged if one[0] == day]).T
        inside = np.mean((came >= low - 0.005) & (came <= high + 0.005))
        print(
            f"| {day} | {len(came):,} | {gain.sum():,.0f} | {came.sum():,.0f} | {inside:.0%} | {chance.mean():.0%} | "
            f"{np.mean(came > 0):.0%} |"
        )


def _sold(data: Path) -> Any:
    """Units and net sales of goods by product and day from June 2011 on."""
    import pandas as pd

    import online_retail

    kept = []
    for batch in online_retail.lines(data):
        part = batch.select(["product_key", "kind", "on", "quantity", "amount_shop"]).to_pandas()
        kept.append(part[(part.kind == "goods_sold") & (part["on"] >= SUMMER) & (part.quantity > 0)])
    rows = pd.concat(kept).astype({"quantity": float, "amount_shop": float})
    return rows.groupby(["product_key", "on"])[["quantity", "amount_shop"]].sum().reset_index()


def _levels(sold: Any) -> Any:
    """The made-up levels at the end of the day before each of the days."""
    import pyarrow as pa

    from topline.facts.table import tables

    summer = sold[sold["on"] < AS_OF].groupby("product_key")[["quantity", "amount_shop"]].sum()
    rows = []
    for day in DAYS:
        gone = _units(sold, AS_OF, day).reindex(summer.index).fillna(0)
        for key, units, amount, left in zip(
            summer.index, summer.quantity, summer.amount_shop, summer.quantity - gone, strict=True
        ):
            rows.append(
                {
                    "key": f"{key}/{day}",
                    "version": 1,
                    "recorded_at": datetime.now(UTC),
                    "batch_id": "stock",
                    "product_key": key,
                    "on": day - timedelta(days=1),
                    "on_hand": Decimal(max(round(left), 0)),
                    "reserved": Decimal(0),
                    "is_sellable": True,
                    "unit_cost_shop": round(Decimal(COST_RATE * amount / units), 6),
                }
            )
    return [pa.RecordBatch.from_pylist(rows, tables()["stock_level"].schema)]


def _units(sold: Any, start: date, end: date) -> Any:
    return sold[(sold["on"] >= start) & (sold["on"] < end)].groupby("product_key").quantity.sum()


def _missed(sold: Any, product: str, day: date) -> float:
    """What a product loses without a delivery: units sold in four weeks beyond the stock, by their margin."""
    rows = sold[sold.product_key == product]
    had = rows[rows["on"] < AS_OF].quantity.sum() - rows[(rows["on"] >= AS_OF) & (rows["on"] < day)].quantity.sum()
    wanted = rows[(rows["on"] >= day) & (rows["on"] < day + timedelta(days=28))].quantity.sum()
    past = rows[rows["on"] < AS_OF]
    margin = (1 - COST_RATE) * past.amount_shop.sum() / past.quantity.sum()
    return float(max(wanted - max(had, 0), 0) * margin)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
