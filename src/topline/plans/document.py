"""Writing the plan document: its only writers, and what stands in it as plain values.

Every edit is a line of the log with the old and the new value. Whoever edits says which revision of the row they saw:
what others changed meanwhile in other cells stays, changes of the same text are joined, and where that can't be done
nothing is changed and both texts are named.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from topline.accounts.models import User
from topline.plans import approval, cells, operations, team
from topline.plans.merge import merge
from topline.plans.models import Entry, EntryEdit, PlanVersion
from topline.plans.outline import Behaviour, Field, Type, fields
from topline.team.models import Territory
from topline.units import errors
from topline.units.text import N_
from topline.workbench import audit

MOST_ROWS = 500
"""Rows of one field, at most."""

SCHEMA = 1
"""The number of the JSON's form, raised when it changes."""


class UnknownFieldError(errors.ToplineError):
    message = N_("The plan document has no field “%(field)s”.")


class TeamFieldError(errors.ToplineError):
    message = N_("“%(field)s” is made of the team. Change it on the pages of the team.")


class UnknownRowError(errors.ToplineError):
    message = N_("“%(field)s” has no row “%(key)s”. Somebody may have taken it out; its history brings it back.")


class StaleCellError(errors.ToplineError):
    """Somebody else changed the same words.

    column : of the cell; theirs : what it holds now; mine : what was to be written
    """

    message = N_("Somebody else changed the same words meanwhile. Theirs: “%(theirs)s”. Yours: “%(mine)s”.")


class FullFieldError(errors.ToplineError):
    message = N_("A table of the plan holds up to %(most)s rows.")


class SchemaError(errors.ToplineError):
    message = N_("This document was written in form %(schema)s. This version of Topline reads form %(known)s.")


def field_of(name: str) -> Field:
    """Raises UnknownFieldError."""
    try:
        return fields()[name]
    except KeyError:
        raise UnknownFieldError(field=name) from None


def _writable(name: str) -> Field:
    """Raises UnknownFieldError, TeamFieldError."""
    kept = field_of(name)
    if kept.is_of_team:
        raise TeamFieldError(field=kept.label)
    return kept


def write(
    *,
    version: PlanVersion,
    field: str,
    key: str,
    changes: Mapping[str, Any],
    seen: int,
    actor: User | None,
    now: datetime,
) -> Entry:
    """Change cells of a row; of a text or a choice, of its only row, which has no key.

    changes : new value by column, None for an empty cell; seen : the revision of the row that the actor looked at

    Raises UnknownFieldError, UnknownRowError, StaleCellError, cells.CellsError, operations.PlanLockedError.
    """
    kept = _writable(field)
    with transaction.atomic():
        version = operations.for_edit(version=version, actor=actor, now=now)
        entry = version.entries.filter(field=field, key=key, removed_at=None).first()
        if entry is None:
            if kept.has_rows:
                raise UnknownRowError(field=kept.label, key=key)
            entry = Entry(version=version, field=field, key=key)
        wanted = _joined(entry, cells.checked(version, kept, changes, entry.cells), seen)
        return _set(entry, wanted, actor, now)


def add_row(
    *, version: PlanVersion, field: str, values: Mapping[str, Any], actor: User | None, now: datetime, key: str = ""
) -> Entry:
    """A new row at a table's end; key : its name in every version, drawn unless given.

    Raises UnknownFieldError, FullFieldError, cells.CellsError, operations.PlanLockedError.
    """
    kept = _writable(field)
    if not kept.has_rows:
        raise UnknownFieldError(field=field)
    with transaction.atomic():
        version = operations.for_edit(version=version, actor=actor, now=now)
        last = version.entries.filter(field=field).order_by("-position").first()
        if version.entries.rows(field).count() >= MOST_ROWS:
            raise FullFieldError(most=MOST_ROWS)
        entry = Entry(version=version, field=field, key=key or secrets.token_hex(5), revision=1)
        entry.position = last.position + 1 if last else 0
        entry.cells = {
            id_: value for id_, value in cells.checked(version, kept, values, {}).items() if value is not None
        }
        version.entries.filter(field=field, key=entry.key).exclude(removed_at=None).delete()
        entry.save()
        _note(entry, EntryEdit.Kind.ADD, actor, now, new=entry.cells)
    return entry


def remove_row(*, version: PlanVersion, field: str, key: str, actor: User | None, now: datetime) -> None:
    """Take a row out; `restore_row` brings it back. Raises UnknownRowError."""
    with transaction.atomic():
        entry = _row(version, field, key, actor, now, is_out=False)
        entry.removed_at = now
        entry.revision += 1
        entry.save()
        _note(entry, EntryEdit.Kind.REMOVE, actor, now, old=entry.cells)


def restore_row(*, version: PlanVersion, field: str, key: str, actor: User | None, now: datetime) -> Entry:
    """Bring back a row that was taken out. Raises UnknownRowError."""
    with transaction.atomic():
        entry = _row(version, field, key, actor, now, is_out=True)
        entry.removed_at = None
        entry.revision += 1
        entry.save()
        _note(entry, EntryEdit.Kind.RESTORE, actor, now, new=entry.cells)
    return entry


def move_row(*, version: PlanVersion, field: str, key: str, by: int, actor: User | None, now: datetime) -> None:
    """Move a row so many places down, or up if negative, as far as the table goes. Raises UnknownRowError."""
    with transaction.atomic():
        entry = _row(version, field, key, actor, now, is_out=False)
        rows = list(entry.version.entries.rows(field))
        old = rows.index(entry)
        new = max(0, min(len(rows) - 1, old + by))
        rows.insert(new, rows.pop(old))
        for position, each in enumerate(rows):
            each.position = position
        Entry.objects.bulk_update(rows, ["position"])
        _note(entry, EntryEdit.Kind.MOVE, actor, now, old=old, new=new)


def put_back(*, edit: EntryEdit, version: PlanVersion, actor: User | None, now: datetime) -> Entry:
    """The value that a cell had before an edit, set again. Raises UnknownRowError, cells.CellsError."""
    entry = version.entries.filter(field=edit.field, key=edit.key).first()
    seen = entry.revision if entry else 0
    return write(
        version=version,
        field=edit.field,
        key=edit.key,
        changes={edit.column: edit.old},
        seen=seen,
        actor=actor,
        now=now,
    )


def _row(version: PlanVersion, field: str, key: str, actor: User | None, now: datetime, *, is_out: bool) -> Entry:
    kept = _writable(field)
    version = operations.for_edit(version=version, actor=actor, now=now)
    entry = version.entries.filter(field=field, key=key, removed_at__isnull=not is_out).first()
    if entry is None or not kept.has_rows:
        raise UnknownRowError(field=kept.label, key=key)
    return entry


def _joined(entry: Entry, wanted: dict[str, Any], seen: int) -> dict[str, Any]:
    """What to write, given what others wrote since `seen`. Raises StaleCellError."""
    before: dict[str, Any] = {}
    if entry.pk and entry.revision > seen:
        for edit in EntryEdit.objects.since(entry, seen).filter(kind=EntryEdit.Kind.SET):
            before.setdefault(edit.column, edit.old)
    found = dict(wanted)
    for column, base in before.items():
        mine, theirs = wanted.get(column), entry.cells.get(column)
        if column not in wanted or mine == theirs:
            found.pop(column, None)
            continue
        is_text = all(each is None or isinstance(each, str) for each in (base, mine, theirs))
        joined = merge(base or "", theirs or "", mine or "") if is_text and _is_words(entry, column) else None
        if joined is None:
            raise StaleCellError(column=column, theirs=theirs, mine=mine)
        found[column] = joined
    return found


def _is_words(entry: Entry, column: str) -> bool:
    field = field_of(entry.field)
    kept = field.column(column)
    return field.behaviour == Behaviour.TEXT if kept is None else kept.type == Type.TEXT


def _set(entry: Entry, wanted: Mapping[str, Any], actor: User | None, now: datetime) -> Entry:
    changed = {id_: value for id_, value in wanted.items() if entry.cells.get(id_) != value}
    if not changed and entry.pk:
        return entry
    entry.revision += 1
    old = dict(entry.cells)
    entry.cells = {id_: value for id_, value in {**old, **changed}.items() if value is not None}
    if "text" in entry.cells:
        entry.cells.pop("said", None)
    entry.is_drafted = False
    entry.save()
    for column, value in changed.items():
        _note(entry, EntryEdit.Kind.SET, actor, now, column=column, old=old.get(column), new=value)
    return entry


def _note(
    entry: Entry,
    kind: EntryEdit.Kind,
    actor: User | None,
    now: datetime,
    *,
    column: str = "",
    old: Any = None,
    new: Any = None,
) -> None:
    actor_id = None if actor is None else actor.pk
    EntryEdit.objects.create(
        version=entry.version, field=entry.field, key=entry.key, revision=entry.revision, kind=kind, column=column,
        old=old, new=new, actor_id=actor_id, at=now,
    )  # fmt: skip
    plan = entry.version.plan
    audit.log(
        f"plan.document_{kind}", actor_id=actor_id, shop=plan.shop.slug,
        subject=f"plan {plan.pk}.{entry.version.number}", field=entry.field, row=entry.key, column=column,
    )  # fmt: skip
    approval.settle(version=entry.version, actor=actor, now=now)


# Reading -----------------------------------------------------------------------


def subject(version: PlanVersion, field: str) -> str:
    """How comments name a field of a plan, whatever its version."""
    return f"plan/{version.plan_id}/{field}"


def rows(version: PlanVersion, field: str) -> list[Entry]:
    """The standing rows of a field, in their order."""
    return team.rows(version, field) if field_of(field).is_of_team else list(version.entries.rows(field))


STRATEGIES = ("7.products", "7.prices", "7.places", "7.promotion", "8.fronts")
"""Fields whose rows are strategies that a tactic may serve."""


def strategies(version: PlanVersion) -> dict[str, Entry]:
    """The strategies that a plan's tactics may name, by `field:key`: those of the marketing plan that it serves, else
    its own."""
    plan = version.plan
    source = plan.serves.current if plan.serves is not None else version
    found = source.entries.standing().filter(field__in=STRATEGIES)
    return {f"{entry.field}:{entry.key}": entry for entry in found}


def answered(version: PlanVersion, names: Sequence[str]) -> dict[str, bool]:
    """Which of the fields that people fill hold something; live numbers and views always do."""
    filled = team.filled(version)
    return {name: name in filled or not fields()[name].is_asked for name in names}


def exported(version: PlanVersion) -> dict[str, Any]:
    """The document as JSON; `load` makes the same document of it."""
    return {"schema": SCHEMA, "fields": version.document()}


def load(*, version: PlanVersion, document: Mapping[str, Any], actor: User | None, now: datetime) -> None:
    """Make the version's document that of the JSON, by edits that the log keeps. What the JSON leaves out is taken out.

    What is made of the team is left to it; the territories that a draft proposes to a shop without any stay proposed.

    Raises SchemaError, UnknownFieldError, cells.CellsError, operations.PlanLockedError.
    """
    if document.get("schema") != SCHEMA:
        raise SchemaError(schema=document.get("schema"), known=SCHEMA)
    with transaction.atomic():
        version = operations.for_edit(version=version, actor=actor, now=now)
        given = document["fields"]
        for name in {*given, *version.entries.standing().values_list("field", flat=True)}:
            kept = field_of(name)
            is_proposed = name == team.PROPOSED and not Territory.objects.filter(shop=version.plan.shop).exists()
            if kept.behaviour == Behaviour.VIEW or (kept.is_of_team and not is_proposed):
                continue  # a view may have been a table once
            _load_field(version, name, kept, given.get(name, []), actor, now)
            if is_proposed:
                version.entries.rows(name).update(is_drafted=True)


def _load_field(
    version: PlanVersion, name: str, kept: Field, wanted: Sequence[Mapping[str, Any]], actor: User | None, now: datetime
) -> None:
    there = {entry.key: entry for entry in version.entries.rows(name)}
    given = {str(row["key"]): row["cells"] for row in wanted}
    for key, entry in there.items():
        if key not in given:
            entry.removed_at = now
            entry.revision += 1
            entry.save()
            _note(entry, EntryEdit.Kind.REMOVE, actor, now, old=entry.cells)
    for position, (key, values) in enumerate(given.items()):
        found = there.get(key)
        if found is None:
            version.entries.filter(field=name, key=key).delete()
            fresh = cells.loaded(version, kept, values)
            found = Entry(version=version, field=name, key=key, cells=fresh, position=position, revision=1)
            found.save()
            _note(found, EntryEdit.Kind.ADD, actor, now, new=fresh)
        elif found.cells != values:
            gone = {id_: None for id_ in found.cells if id_ not in values}
            found = _set(found, {**gone, **cells.loaded(version, kept, values)}, actor, now)
        if found.position != position:
            found.position = position
            found.save(update_fields=["position"])
