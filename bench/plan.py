"""Replays Online Retail II against the plan drafted from its history to August 2011: how pace and chance move.

Usage: python bench/plan.py [folder of the shared data]
       python bench/plan.py --grid    edits of 100,000 target cells with 200 goals, and sliders over 5,000 cells
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


def grid() -> None:
    """Wall and CPU milliseconds of an edit with its spread, totals, goals and log over the web door, by what is set."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"TOPLINE_HOME": home, "DJANGO_SETTINGS_MODULE": "topline.config.settings"}
        import django

        django.setup()
        _edit()
    _slide()


def _edit() -> None:
    import numpy as np
    from django.core.management import call_command
    from django.test import Client
    from django.urls import reverse

    import tiny_plan
    from topline.plans import operations
    from topline.plans.grid import Grid
    from topline.plans.models import Goal, Kind, PlanVersion

    call_command("migrate", verbosity=0)
    shop, people = tiny_plan.a_shop()
    version = tiny_plan.a_plan(shop, Kind.MARKETING, people["head"])
    plan = version.plan
    plan.ends_on = date(2028, 10, 1)
    plan.save()
    version.blocks = [f"Category {i}" for i in range(500)]
    version.markets = [f"M{i}" for i in range(9)]
    version.save()
    cells = np.random.default_rng(1).integers(0, 5_000_00, (500, 9, 24))
    operations.store_blocks(version, "net_sales", "", Grid.of(cells), range(500))
    Goal.objects.bulk_create(
        Goal(version=version, key=f"g{i}", metric="net_sales", scope={"category": f"Category {i}"}, target=1,
             starts_on=plan.starts_on, due_on=plan.period.last)
        for i in range(200)
    )  # fmt: skip
    browser = Client(HTTP_HOST="localhost")
    browser.force_login(people["head"])
    at = [shop.slug, plan.pk]
    edit, page = reverse("plan_targets_edit", args=at), reverse("plan_targets", args=at)
    print(f"{cells.size:,} cells, 200 goals\n\n| what | median ms | p95 ms | CPU ms |\n|---|--:|--:|--:|")
    tries = {
        "a cell": {"line": 3, "month": 2, "amount": "{}"},
        "a line's total": {"line": 3, "month": "t", "amount": "{}000"},
        "a month's total": {"line": "t", "month": 2, "amount": "{}0000"},
        "the whole": {"line": "t", "month": "t", "amount": "{}00000"},
        "undo": {"do": "undo"},
        "the page": None,
    }
    for what, asked in tries.items():
        took, spent = [], []
        for n in range(20):
            seen = PlanVersion.objects.get(pk=version.pk).revision
            begun, cpu = time.perf_counter(), time.process_time()
            if asked is None:
                answer = browser.get(page)
            else:
                sent = {name: str(value).format(100 + n) for name, value in asked.items()}
                answer = browser.post(f"{edit}?market=0" if what == "a cell" else edit, {**sent, "seen": seen})
            took.append(1000 * (time.perf_counter() - begun))
            spent.append(1000 * (time.process_time() - cpu))
            assert answer.status_code == 200, answer.content[:300]
        took.sort()
        print(f"| {what} | {took[10]:.0f} | {took[18]:.0f} | {sorted(spent)[10]:.0f} |")


def _slide() -> None:
    import numpy as np

    import check_base
    from topline.science import scenario

    print("\n| cells x paths | a slider, ms | by cell, ms |\n|---|--:|--:|")
    for paths, categories, markets in ((1000, 9, 5), (250, 60, 6)):
        base = check_base.drawn(paths=paths, categories=categories, markets=markets, slots=14, months=3)
        shape = (categories, markets, 3)
        one = {"traffic": np.full(shape, 0.1), "price": np.full(shape, -0.05)}
        by_cell = {
            name: np.random.default_rng(1).uniform(-0.2, 0.2, shape) for name in ("traffic", "price", "discount")
        }
        spent = []
        for steps in (one, by_cell):
            scenario.outcome(base, steps, 1e6)
            begun = time.process_time()
            for _ in range(5):
                scenario.outcome(base, steps, 1e6)
            spent.append(200 * (time.process_time() - begun))
        print(f"| {categories * markets * 14:,} x {paths:,} | {spent[0]:.0f} | {spent[1]:.0f} |")


if __name__ == "__main__" and "--grid" in sys.argv:
    grid()
elif __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
