"""Replays Online Retail II against the plan drafted from its history to August 2011: how pace and chance move.

Usage: python bench/plan.py [folder of the shared data]
"""

import os
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

DATA = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
AS_OF = date(2011, 9, 1)
DAYS = [AS_OF, *(date(2011, month, day) for month in (9, 10, 11) for day in (15, 28)), date(2011, 12, 1)]
LOOKS = sorted({*DAYS, date(2011, 10, 1), date(2011, 11, 1)})


def main(data: Path) -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"TOPLINE_HOME": home, "DJANGO_SETTINGS_MODULE": "topline.config.settings"}
        import django

        django.setup()
        _replay(data)


def _replay(data: Path) -> None:
    from django.core.management import call_command

    import online_retail
    from topline.accounts import operations as accounts
    from topline.plans import operations, progress
    from topline.units.period import Period

    call_command("migrate", verbosity=0)
    shop = accounts.create_shop(
        slug="gifts", name="Gifts", currency="GBP", timezone="Europe/London", country="GB", owner=None
    )
    lake = shop.lake()
    for part, batch in enumerate(online_retail.lines(data)):
        lake.append("order_line", [batch], batch_id="retail", part=part)
    lake.publish(now=datetime.now(UTC))
    begun = time.perf_counter()
    version = operations.draft_plan(
        shop=shop, period=Period.of_months(AS_OF, 3), as_of=AS_OF, actor=None, now=datetime.now(UTC)
    )
    drafted = time.perf_counter() - begun
    print(f"drafted in {drafted:.1f} s, CPU {time.process_time():.1f} s with the load\n")
    print("| goal | a year before | target | low | expected | high | chance |\n|---|--:|--:|--:|--:|--:|--:|")
    for goal in version.goals.standing():
        digits = 3 if goal.metric == "repeat_purchase_rate" else 2 if goal.metric == "average_order_value" else 0
        low, high = goal.quantiles[9], goal.quantiles[89]
        values = (goal.baseline or 0, goal.target, low, goal.expected or 0, high)
        print(
            f"| {goal.metric} | " + " | ".join(f"{value:,.{digits}f}" for value in values) + f" | {goal.chance:.0%} |"
        )
    print("\n| as of | actual | due by season | pace | a year before | low | expected | high | chance | s |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for day in LOOKS:
        begun = time.perf_counter()
        total = progress.of(version, day).total
        took = time.perf_counter() - begun
        band = total.now
        if band is None:
            continue
        pace = f"{total.pace:.1%}" if total.pace else ""
        figures = [f"{value:,.0f}" if value else "" for value in (total.actual, total.due)]
        ends = [f"{value:,.0f}" for value in (band.low, band.expected, band.high)]
        before = f"{total.last_year_to_date:,.0f}" if total.last_year_to_date else ""
        print("| " + " | ".join([str(day), *figures, pace, before, *ends, f"{total.chance:.0%}", f"{took:.1f}"]) + " |")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
