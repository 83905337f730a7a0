"""A full plan: 24 sections with 20 rows a table, 200 goals, 100,000 target cells. How long its pages take to open, and
20 people writing at once through the web door, whose words are counted.

Usage: python bench/plan_document.py
"""

import gc
import os
import sys
import tempfile
import threading
import time
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.test import Client

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

PEOPLE, EDITS, EVERY_SECONDS = 20, 4, 5
FIRST_LOOKS, LOOKS = 3, 10
NOW = datetime(2026, 12, 15, 9, tzinfo=UTC)


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"TOPLINE_HOME": home, "DJANGO_SETTINGS_MODULE": "topline.config.settings"}
        import django

        django.setup()
        version = _filled()
        _open(version)
        _write(version)


def _filled() -> object:
    """A plan of 24 sections whose tables have 20 rows each."""
    from django.core.management import call_command

    import plan_shop
    from topline.accounts import operations as accounts
    from topline.plans.models import Entry, Plan
    from topline.plans.outline import Type, fields

    call_command("migrate", verbosity=0)
    owner = accounts.create_user(email="ana@example.org", password="correct horse", actor_id=None)  # noqa: S106
    shop = accounts.create_shop(
        slug="lamps", name="Lamps", currency="GBP", timezone="Europe/London", country="GB", owner=owner,
        clock_on=date(2026, 12, 15),
    )  # fmt: skip
    plan_shop.fill(shop.lake(), days=800)
    plan = Plan.objects.create(
        shop=shop, kind="both", title="Full", starts_on=date(2026, 10, 1), ends_on=date(2027, 1, 1), currency="GBP",
        owner=owner, created_at=NOW,
    )  # fmt: skip
    version = plan.versions.create(number=1, as_of=date(2026, 10, 1), snapshot=1, created_at=NOW)
    values = {Type.TEXT: "Words with {net_sales} in them", Type.MONEY: "100", Type.DAY: "2026-11-01", Type.RATE: "0.1"}
    rows = []
    for name, field in fields().items():
        cells = {column.id: values[column.type] for column in field.columns if column.type in values}
        count = 20 if field.has_rows and cells else 0
        rows += [Entry(version=version, field=name, key=f"r{n}", cells=cells, position=n) for n in range(count)]
        if field.behaviour == "text":
            rows.append(
                Entry(
                    version=version,
                    field=name,
                    cells={"text": "\n".join(f"line {n}" for n in range(2 * PEOPLE * EDITS))},
                )
            )
    Entry.objects.bulk_create(rows)
    _aim(version)
    return version


def _aim(version: object) -> None:
    """100,000 cells of net sales, and 200 goals."""
    import numpy as np

    from topline.plans import operations
    from topline.plans.grid import Grid
    from topline.plans.models import Goal

    plan = version.plan  # type: ignore[attr-defined]
    version.blocks = [f"Category {i}" for i in range(1000)]  # type: ignore[attr-defined]
    version.markets = [f"M{i}" for i in range(34)]  # type: ignore[attr-defined]
    version.save()  # type: ignore[attr-defined]
    cells = np.random.default_rng(1).integers(0, 5_000_00, (1000, 34, 3))
    operations.store_blocks(version, "net_sales", "", Grid.of(cells), range(1000))  # type: ignore[arg-type]
    Goal.objects.bulk_create(
        Goal(
            version=version, key=f"g{i}", metric="net_sales", scope={"category": f"Category {i}"}, target=1,
            starts_on=plan.starts_on, due_on=plan.period.last, chance=0.5, expected=1, why=["why.forecast_new", {}],
            quantiles=[float(q) for q in range(99)],
        )
        for i in range(200)
    )  # fmt: skip


def _open(version: object) -> None:
    """Server time of every page of the plan: the first look of a process at a new day, of which the worker has made
    all, and looked at again and again."""
    from django.test import Client

    from topline.accounts.models import User
    from topline.cli import serve

    serve.warm_up()
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(User.objects.get())
    at = f"/shop/lamps/plans/{version.plan_id}"  # type: ignore[attr-defined]
    pages = {f"section {n}": f"{at}/document?section={n}" for n in range(1, 25)}
    names = ("goals", "targets", "fronts", "budget", "scenarios", "approval", "versions", "next")
    pages |= {name: f"{at}/{name}" for name in names} | {"overview": at}
    first: dict[str, list[tuple[float, float]]] = {name: [] for name in pages}
    again: dict[str, list[tuple[float, float]]] = {name: [] for name in pages}
    for days in range(FIRST_LOOKS + 1):
        _make(client, version, days, [*pages.values()])
        for name, address in pages.items():
            _forget()
            spent = _spent(client, address)
            if days:
                first[name].append(spent)
    walks = _Walks()
    for _ in range(LOOKS):
        for name, address in pages.items():
            client.get(address)
            again[name].append(_spent(client, address))
    print("| page | first look: wall p50, p95 ms | CPU p50, p95 | again: wall p50, p95 ms | CPU p50, p95 |")
    print("|---|--:|--:|--:|--:|")
    slowest = sorted(pages, key=lambda name: -_at(0.5, again[name], 1))
    for name, looks in [("all pages", (first, again)), *((name, None) for name in slowest)]:
        found = [[*chain(*each.values())] for each in looks] if looks else [first[name], again[name]]
        cells = [f"{_at(0.5, spent, of):.0f}, {_at(0.95, spent, of):.0f}" for spent in found for of in (0, 1)]
        print(f"| {name} | {' | '.join(cells)} |")
    count = LOOKS * len(pages)
    print(f"\nThe garbage collector walked through all {len(walks.taken)} times in {count} pages", end="")
    print(f", {1000 * max(walks.taken, default=0):.0f} ms at most")


class _Walks:
    """Seconds of each walk of the garbage collector through all that isn't frozen."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self._began = 0.0
        gc.callbacks.append(self)

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if info["generation"] < 2:
            return
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self.taken.append(time.perf_counter() - self._began)


def _make(client: "Client", version: object, days: int, addresses: Collection[str]) -> None:
    """Move the shop's clock to a later day, and let the worker make all that its pages ask for."""
    from topline.workbench import jobs

    shop = version.plan.shop  # type: ignore[attr-defined]
    type(shop).objects.filter(pk=shop.pk).update(clock_on=NOW.date() + timedelta(days=days))
    for address in chain(addresses, addresses):
        client.get(address)
        while job := jobs.claim():
            jobs.perform(job)


def _forget() -> None:
    """Drop what this process remembers of the shop's facts."""
    from topline.lake import read
    from topline.plans import answered, checks, expectation

    read.forget()
    for module in (answered, checks, expectation):
        module._load.cache_clear()


def _spent(client: "Client", address: str) -> tuple[float, float]:
    """Seconds of a page, by the clock and of the processor."""
    began = time.perf_counter(), time.process_time()
    answer = client.get(address)
    spent = time.perf_counter() - began[0], time.process_time() - began[1]
    assert answer.status_code == 200, (address, answer.status_code)
    assert 'hx-trigger="every 1s"' not in answer.content.decode(), f"{address} still waits for the worker"
    return spent


def _at(share: float, spent: list[tuple[float, float]], of: int) -> float:
    """Milliseconds that a share of measured times stays under, by the clock (0) or of the processor (1)."""
    taken = sorted(each[of] for each in spent)
    return taken[max(0, int(len(taken) * share + 0.5) - 1)] * 1000


def _write(version: object) -> None:
    """Twenty people write every five seconds into rows of one table, lines of one text and target cells.

    Each posts as a browser does, with the revision that they saw at the start.
    """
    from django.db import connections
    from django.test import Client

    from topline.accounts.models import User
    from topline.plans.models import Entry, PlanVersion

    at = f"/shop/lamps/plans/{version.plan_id}"  # type: ignore[attr-defined]
    text = Entry.objects.get(version=version, field="5.positioning")  # type: ignore[misc]
    lines = text.cells["text"].split("\n")
    taken: list[tuple[float, str]] = []
    refused: list[str] = []

    def person(who: int) -> None:
        client = Client(headers={"host": "127.0.0.1", "hx-request": "true"})
        client.force_login(User.objects.get())
        time.sleep(EVERY_SECONDS * who / PEOPLE)
        for edit in range(EDITS):
            time.sleep(EVERY_SECONDS)
            mine = list(lines)
            mine[2 * (who * EDITS + edit)] = f"words of {who} {edit}"
            row = f"r{edit * 4 + who % 4}"
            revision = PlanVersion.objects.get(pk=version.pk).revision  # type: ignore[attr-defined]
            posts = {
                "a text": (f"{at}/document/5.positioning", {"text": "\n".join(mine), "seen": text.revision}),
                "a row": (f"{at}/document/3.competitors", {"key": row, "strengths": f"w{who}-{edit}", "seen": "999"}),
                "a target": (
                    f"{at}/targets/edit",
                    {"line": who, "month": edit % 3, "amount": 1000 + edit, "seen": revision},
                ),
            }
            for what, (address, posted) in posts.items():
                began = time.perf_counter()
                answer = client.post(address, posted)
                taken.append((time.perf_counter() - began, what))
                if answer.status_code != 200 or b"aria-invalid" in answer.content:
                    refused.append(what)
        connections.close_all()

    threads = [threading.Thread(target=person, args=(who,)) for who in range(PEOPLE)]
    began = time.process_time()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    cpu = time.process_time() - began
    text.refresh_from_db()
    stands = sum(f"words of {who} {edit}" in text.cells["text"] for who in range(PEOPLE) for edit in range(EDITS))
    print(f"\n{len(taken)} edits by {PEOPLE} people, {1000 * cpu / len(taken):.0f} ms of CPU each")
    for what in ("a text", "a row", "a target"):
        p95 = _at(0.95, [(wall, 0) for wall, of in taken if of == what], 0)
        print(f"- {what}: p95 {p95:.0f} ms, {refused.count(what)} refused")
    print(f"- {stands} of {PEOPLE * EDITS} changes of one text stand")


if __name__ == "__main__":
    main()
