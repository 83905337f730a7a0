"""A full plan document: how long a section takes to open, and 20 people writing at once, whose words are counted.

Usage: python bench/plan_document.py
"""

import os
import sys
import tempfile
import threading
import time
from datetime import UTC, date, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

PEOPLE, EDITS, EVERY_SECONDS = 20, 4, 5
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
    return version


def _open(version: object) -> None:
    from django.test import Client

    from topline.accounts.models import User

    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(User.objects.get())
    taken = []
    for _ in range(3):
        for number in range(1, 25):
            began = time.perf_counter(), time.process_time()
            answer = client.get(f"/shop/lamps/plans/{version.plan_id}/document?section={number}")  # type: ignore[attr-defined]
            assert answer.status_code == 200
            taken.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    again = sorted(cpu for _, cpu in taken[24:])
    first = sorted(cpu for _, cpu in taken[:24])
    print(f"opening a section: first time p95 {first[-2] * 1000:.0f} ms of CPU, again {again[-3] * 1000:.0f} ms")


def _write(version: object) -> None:
    """Twenty people write every five seconds into rows of one table and lines of one text, seen at the start only."""
    from django.db import connections

    from topline.plans import document
    from topline.plans.models import Entry

    text = Entry.objects.get(version=version, field="5.positioning")  # type: ignore[misc]
    lines = text.cells["text"].split("\n")
    taken: list[float] = []
    refused: list[str] = []

    def person(who: int) -> None:
        time.sleep(EVERY_SECONDS * who / PEOPLE)
        for edit in range(EDITS):
            time.sleep(EVERY_SECONDS)
            mine = list(lines)
            mine[2 * (who * EDITS + edit)] = f"words of {who} {edit}"
            cell = {("strengths", "threats")[who % 2]: f"w{who}-{edit}"}
            targets = (("5.positioning", "", {"text": "\n".join(mine)}, 0), ("3.competitors", f"r{edit}", cell, None))
            for field, key, changes, seen in targets:
                known = Entry.objects.get(version=version, field=field, key=key).revision if seen is None else seen  # type: ignore[misc]
                began = time.perf_counter()
                try:
                    document.write(
                        version=version, field=field, key=key, changes=changes, seen=known, actor=None, now=NOW
                    )  # type: ignore[arg-type]
                except document.StaleCellError:
                    refused.append(field)
                taken.append(time.perf_counter() - began)
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
    taken.sort()
    p95, each_cpu = taken[int(len(taken) * 0.95)] * 1000, cpu / len(taken) * 1000
    print(f"{len(taken)} edits by {PEOPLE} people: p95 {p95:.0f} ms, {each_cpu:.1f} ms of CPU each")
    print(f"{stands} of {PEOPLE * EDITS} changes of one text stand, {refused.count('5.positioning')} were refused")


if __name__ == "__main__":
    main()
