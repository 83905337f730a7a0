"""Laws of editing the plan document: whatever several people write at once, nothing of it is lost."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topline.accounts.models import Shop
from topline.plans import document
from topline.plans.merge import merge
from topline.plans.models import EntryEdit, Plan, PlanVersion

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
lines = st.lists(st.sampled_from(["a", "b", "c", "d", "e", ""]), max_size=8).map("\n".join)


@given(lines, lines)
def test_a_merge_with_an_unchanged_text_is_the_change(base: str, mine: str) -> None:
    assert merge(base, base, mine) == mine
    assert merge(base, mine, base) == mine
    assert merge(base, mine, mine) == mine


@given(lines, lines, lines)
def test_a_merge_does_not_know_who_came_first(base: str, one: str, two: str) -> None:
    assert merge(base, one, two) == merge(base, two, one)


@given(st.integers(3, 12), st.data())
def test_changes_of_lines_apart_are_both_there(count: int, data: st.DataObject) -> None:
    base = [f"line {n}" for n in range(count)]
    first = data.draw(st.integers(0, count - 3))
    second = data.draw(st.integers(first + 2, count - 1))
    one = [*base[:first], "theirs", *base[first + 1 :]]
    two = [*base[:second], "mine", *base[second + 1 :]]
    both = [*base[:first], "theirs", *base[first + 1 : second], "mine", *base[second + 1 :]]
    assert merge("\n".join(base), "\n".join(one), "\n".join(two)) == "\n".join(both)


def a_version() -> PlanVersion:
    shop = Shop.objects.create(
        slug=f"s{Shop.objects.count()}", name="S", currency="GBP", timezone="UTC", country="GB", secret="x"
    )
    plan = Plan.objects.create(
        shop=shop, title="P", starts_on="2026-10-01", ends_on="2027-01-01", currency="GBP", created_at=NOW
    )
    plan.refresh_from_db()
    return PlanVersion.objects.create(plan=plan, number=1, as_of="2026-10-01", snapshot=1, created_at=NOW)


edits = st.lists(
    st.tuples(
        st.integers(0, 2),  # who
        st.sampled_from(["look", "add", "remove", "strengths", "weaknesses", "text"]),
        st.integers(0, 3),  # which row
    ),
    min_size=1,
    max_size=25,
)


@pytest.mark.django_db
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits)
def test_three_people_at_one_table_and_one_text_lose_nothing(steps: list[tuple[int, str, int]]) -> None:
    """Every accepted edit stands, or the log says who took it away; every refused one left all as it was."""
    version = a_version()
    seen: list[dict[tuple[str, str], tuple[int, dict]]] = [{}, {}, {}]
    for number, (who, verb, which) in enumerate(steps):
        rows = document.rows(version, "3.competitors")
        if verb == "look":
            entries = version.entries.standing()
            seen[who] = {(one.field, one.key): (one.revision, dict(one.cells)) for one in entries}
            continue
        if verb == "add":
            document.add_row(
                version=version, field="3.competitors", values={"name": f"row {number}"}, actor=None, now=NOW
            )
            continue
        if verb == "remove" and rows:
            row = rows[which % len(rows)]
            document.remove_row(version=version, field=row.field, key=row.key, actor=None, now=NOW)
            continue
        name, key = (
            ("5.positioning", "") if verb == "text" else ("3.competitors", rows[which % len(rows)].key if rows else "")
        )
        revision, cells = seen[who].get((name, key), (0, {}))
        before = version.document()
        if verb == "text":
            changes = {"text": f"{cells.get('text', '')}\nword{number}".strip()}
        else:
            changes = {verb: f"{cells.get(verb, '')}\nword{number}".strip()}
        try:
            kept = document.write(
                version=version, field=name, key=key, changes=changes, seen=revision, actor=None, now=NOW
            )
        except (document.StaleCellError, document.UnknownRowError):
            assert version.document() == before
        else:
            assert f"word{number}" in next(iter(kept.cells[column] for column in changes))
    _the_log_explains_all(version)


def _the_log_explains_all(version: PlanVersion) -> None:
    """Each cell's log is a chain: what one edit left, the next one found; no word went without somebody who saw it."""
    for entry in version.entries.all():
        chain = EntryEdit.objects.filter(version=version, field=entry.field, key=entry.key).order_by("pk")
        for column in {edit.column for edit in chain if edit.column}:
            course = [edit for edit in chain if edit.column == column]
            for before, after in pairwise(course):
                assert after.old == before.new
                lost = set((before.new or "").splitlines()) - set((after.new or "").splitlines())
                assert not lost, f"{lost} went without a word"
            assert entry.cells.get(column) == course[-1].new
        numbers = [edit.revision for edit in chain]
        assert numbers == sorted(numbers)
