"""How the rows of plan documents come into a version: drafted from data, or copied from another version."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from django.utils.text import slugify

from topline.plans.drafting import ProposedLine
from topline.plans.models import BudgetLine, Entry, PlanVersion

type Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""The cells of the rows of each field."""


def add_drafted(version: PlanVersion, rows: Rows) -> None:
    """Fill the fields that are empty with what was made from data."""
    taken = set(version.entries.values_list("field", flat=True))
    Entry.objects.bulk_create(
        Entry(version=version, field=field, key=key, cells=dict(cells), position=position, is_drafted=True)
        for field, found in rows.items()
        if field not in taken
        for position, (key, cells) in enumerate(keyed(found))
    )


def add_budget(version: PlanVersion, lines: Iterable[ProposedLine]) -> None:
    """The lines of the budget that were made from data."""
    made: dict[str, BudgetLine] = {}
    for place, one in enumerate(lines):
        key = _key(one.channel, place, made)
        made[key] = BudgetLine(
            version=version, key=key, front_key=one.front_key[:40], activity=one.activity, channel=one.channel,
            planned=dict(one.planned), position=place,
        )  # fmt: skip
    BudgetLine.objects.bulk_create(made.values())


def keyed(rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """Rows with a key each: from what they are called, so that the same history gives the same keys.

    The only row of a text or a choice has none.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for place, cells in enumerate(rows, 1):
        if not {"text", "said", "choice"}.isdisjoint(cells):
            return [("", cells)]
        called = next((str(value) for value in cells.values() if isinstance(value, str)), "")
        found[_key(called, place, found)] = cells
    return list(found.items())


def _key(called: str, place: int, taken: Container[str]) -> str:
    """A key from what something is called, with its place where another is called so."""
    key = slugify(called)[:24].strip("-") or str(place)
    return key if key not in taken else f"{key}-{place}"


def copy(version: PlanVersion, new: PlanVersion) -> None:
    """The standing rows of a version as rows of a new one."""
    _copy(version.entries.standing(), new)
    _copy_budget(version, new)


def copy_written(version: PlanVersion, new: PlanVersion) -> None:
    """The rows of a version in place of those that `new` drafted; what nobody has changed is drafted anew."""
    changed = {
        *version.entries.filter(is_drafted=False).values_list("field", flat=True),
        *version.entries.exclude(removed_at=None).values_list("field", flat=True),
    }
    again = set(new.entries.values_list("field", flat=True)) - changed
    new.entries.exclude(field__in=again).delete()
    _copy(version.entries.standing().exclude(field__in=again), new)
    _copy_budget(version, new)


def _copy(entries: Iterable[Entry], new: PlanVersion) -> None:
    Entry.objects.bulk_create(
        Entry(
            version=new,
            field=entry.field,
            key=entry.key,
            cells=entry.cells,
            position=entry.position,
            is_drafted=entry.is_drafted,
        )
        for entry in entries
    )


def _copy_budget(version: PlanVersion, new: PlanVersion) -> None:
    for line in version.budget.all():
        line.pk, line.version = None, new
        line._state.adding = True
        line.save()
