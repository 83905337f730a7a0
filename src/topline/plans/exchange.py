"""A plan version as JSON, and back: the round trip is the identity.

Every table that hangs on a version is in it by itself, column by column, so that a new one needs no line here. Rows of
other tables that a row refers to are named by their place; people by their e-mail address; the packed cells of targets
are written out as numbers. What is the product's own affair stays out: logs, decisions, who looks at what, share links.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from topline.accounts.models import Shop, User
from topline.plans import outline
from topline.plans.models import Kind, Plan, PlanVersion, State, TargetBlock, TargetCells
from topline.units import errors
from topline.units.text import N_
from topline.workbench import audit

type AnyField = models.Field[Any, Any]
type AnyReference = models.ForeignKey[Any, Any]

SCHEMA = "topline.plan/1"
"""The form of the JSON; its number is raised when files of the former form can't be read any more."""

_LEFT_OUT = {"gridoperation", "entryedit", "decision", "planshare", "budgetmove", "review", "proposal"}
"""Of a version, but the shop's record of what was done with it rather than what it says."""

_PLAN = ("kind", "title", "starts_on", "ends_on", "currency", "language", "outline")
_VERSION = ("as_of", "snapshot", "blocks", "markets", "cuts", "outlook")


class PlanFileError(errors.ToplineError):
    message = N_("This is not a plan: %(reason)s")


def export(version: PlanVersion) -> dict[str, Any]:
    """The version and its plan in plain JSON values."""
    plan = version.plan
    return {
        "schema": SCHEMA,
        "plan": {name: _plain(getattr(plan, name)) for name in _PLAN} | {"owner": _email(plan.owner_id)},
        "version": {name: _plain(getattr(version, name)) for name in _VERSION},
        "tables": {model._meta.model_name: _rows(model, version) for model in tables()},
    }


def dumps(version: PlanVersion) -> str:
    """The file: keys in order, so that two of the same plan are the same."""
    return json.dumps(export(version), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def loads(text: str | bytes, *, shop: Shop, actor: User | None, now: datetime) -> PlanVersion:
    """The file's plan as a draft of a new plan of the shop.

    A person whom the shop doesn't know is nobody's name there.

    Raises PlanFileError, which says what is wrong with the file and where.
    """
    try:
        read = json.loads(text)
    except (ValueError, UnicodeDecodeError) as error:
        raise PlanFileError(reason=str(error)) from error
    return load(read, shop=shop, actor=actor, now=now)


def load(read: Any, *, shop: Shop, actor: User | None, now: datetime) -> PlanVersion:
    """As `loads`, of what the JSON says."""
    schema = read.get("schema") if isinstance(read, dict) else None
    if schema != SCHEMA:
        raise PlanFileError(reason=f"schema {schema!r}, not {SCHEMA!r}")
    _shape(read, {"plan": dict, "version": dict, "tables": dict})
    people = {user.email: user for user in User.objects.filter(membership__shop=shop).distinct()}
    try:
        with transaction.atomic():
            version = _begin(read, shop, people, actor, now)
            made: dict[str, list[models.Model]] = {}
            known = {str(model._meta.model_name): model for model in tables()}
            for name in read["tables"]:
                if name not in known:
                    raise PlanFileError(reason=f"table {name!r}")
            for name, model in known.items():
                rows = read["tables"].get(name, [])
                made[name] = []
                for place, row in enumerate(rows):
                    made[name].append(_load_row(model, row, version, made, people, f"{name}[{place}]"))
            audit.log(
                "plan.imported",
                actor_id=actor.pk if actor else None,
                shop=shop.slug,
                subject=f"plan {version.plan_id}.1",
            )
    except (ValidationError, ValueError, TypeError, KeyError, ArithmeticError, IntegrityError) as error:
        raise PlanFileError(reason=_reason(error)) from error
    return version


def tables() -> list[type[models.Model]]:
    """The tables that hang on a version, those that others refer to first."""
    wanted = [
        model
        for model in PlanVersion._meta.apps.get_app_config("plans").get_models()
        if model._meta.model_name not in _LEFT_OUT and _owner(model) is not None
    ]
    ordered: list[type[models.Model]] = []
    while wanted:
        ready = [model for model in wanted if not (_references(model) - {model}) & set(wanted)]
        ordered += ready
        wanted = [model for model in wanted if model not in ready]
    return ordered


def _owner(model: type[models.Model]) -> AnyReference | None:
    """The column that says which version a row is of."""
    found = (field for field in model._meta.concrete_fields if isinstance(field, models.ForeignKey))
    return next((field for field in found if field.related_model is PlanVersion and field.name == "version"), None)


def _references(model: type[models.Model]) -> set[Any]:
    return {field.related_model for field in model._meta.concrete_fields if isinstance(field, models.ForeignKey)}


def _columns(model: type[models.Model]) -> list[AnyField]:
    return [field for field in model._meta.concrete_fields if not field.primary_key and field.name != "version"]


def _all(model: type[models.Model], version: PlanVersion) -> "models.QuerySet[Any]":
    return model._default_manager.filter(version=version).order_by("pk")


# Out -----------------------------------------------------------------------------


def _rows(model: type[models.Model], version: PlanVersion) -> list[dict[str, Any]]:
    if model is TargetBlock:
        return [_block(each) for each in version.target_blocks.select_related("cells").order_by("metric", "block")]
    places = _places(model, version)
    return [
        {field.name: _cell(field, row, version, places) for field in _columns(model)} for row in _all(model, version)
    ]


def _places(model: type[models.Model], version: PlanVersion) -> dict[Any, dict[int, int]]:
    """Where the rows that this table's rows refer to stand in their own tables."""
    return {
        other: {row.pk: place for place, row in enumerate(_all(other, version))}
        for other in _references(model)
        if _owner(other) is not None
    }


def _cell(field: AnyField, row: Any, version: PlanVersion, places: Mapping[Any, dict[int, int]]) -> Any:
    value = getattr(row, field.attname)
    if isinstance(field, models.ForeignKey) and value is not None:
        if field.related_model is User:
            return _email(value)
        return places.get(field.related_model, {}).get(value)
    if row._meta.model_name == "entry" and field.name == "cells":
        return _named(row.field, value)
    return _plain(value)


def _block(row: TargetBlock) -> dict[str, Any]:
    """A block's cells as numbers, as many as its packed bytes hold."""
    values = np.frombuffer(bytes(row.cells.values), "<i8").tolist()
    locks = np.frombuffer(bytes(row.cells.locks), "u1").tolist()
    plain = {
        field.name: getattr(row, field.name)
        for field in _columns(TargetBlock)
        if field.name not in ("cells", "revision")
    }
    return plain | {"values": values, "locks": locks}


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return f"{value.normalize():f}"
        case date():
            return value.isoformat()
    return value


def _email(user_id: int | None) -> str | None:
    return User.objects.filter(pk=user_id).values_list("email", flat=True).first() if user_id else None


def _named(field: str, cells: Mapping[str, Any]) -> dict[str, Any]:
    """A document row's cells with people by their address."""
    people = _people_columns(field)
    return {id_: _email(value) if id_ in people else value for id_, value in cells.items()}


def _people_columns(field: str) -> set[str]:
    known = outline.fields().get(field)
    return {column.id for column in known.columns if column.type == outline.Type.PERSON} if known else set()


# In ------------------------------------------------------------------------------


def _begin(
    read: Mapping[str, Any], shop: Shop, people: Mapping[str, User], actor: User | None, now: datetime
) -> PlanVersion:
    _known(read["plan"], {*_PLAN, "owner"}, "plan")
    _known(read["version"], set(_VERSION), "version")
    given = {name: _typed(Plan, name, read["plan"][name]) for name in _PLAN if name in read["plan"]}
    plan = Plan(shop=shop, owner=people.get(read["plan"].get("owner") or ""), created_at=now, **given)
    if plan.currency != shop.currency:
        raise PlanFileError(reason=f"currency {plan.currency}, not {shop.currency}")
    if plan.kind not in Kind.values:
        raise PlanFileError(reason=f"kind {plan.kind!r}")
    _check(plan)
    if not plan.period.whole_months():
        raise PlanFileError(reason=f"period {plan.starts_on} – {plan.ends_on}")
    plan.save()
    given = {name: _typed(PlanVersion, name, read["version"][name]) for name in _VERSION if name in read["version"]}
    version = PlanVersion(plan=plan, number=1, state=State.DRAFT, created_at=now, **given)
    version.created_by = actor.pk if actor else None
    _check(version)
    version.save()
    return version


def _load_row(
    model: type[models.Model],
    row: Any,
    version: PlanVersion,
    made: Mapping[str, Sequence[models.Model]],
    people: Mapping[str, User],
    where: str,
) -> models.Model:
    if not isinstance(row, dict):
        raise PlanFileError(reason=where)
    if model is TargetBlock:
        return _load_block(row, version, where)
    columns = {field.name: field for field in _columns(model)}
    _known(row, set(columns), where)
    fresh = model(version=version)
    for name, value in row.items():
        field = columns[name]
        if isinstance(field, models.ForeignKey):
            setattr(fresh, field.attname, _referred(field, value, made, people, where))
        elif model._meta.model_name == "entry" and name == "cells":
            setattr(fresh, name, _unnamed(row.get("field", ""), value, people))
        else:
            setattr(fresh, name, _typed(model, name, value))
    _check(fresh)
    fresh.save()
    return fresh


def _referred(
    field: AnyReference, value: Any, made: Mapping[str, Sequence[models.Model]],
    people: Mapping[str, User], where: str,
) -> int | None:  # fmt: skip
    if value is None:
        return None
    if field.related_model is User:
        return people[value].pk if value in people else None
    rows = made.get(str(field.related_model._meta.model_name), ())
    if not isinstance(value, int) or not 0 <= value < len(rows):
        raise PlanFileError(reason=f"{where}.{field.name}: {value!r}")
    return int(rows[value].pk)


def _load_block(row: dict[str, Any], version: PlanVersion, where: str) -> TargetBlock:
    others = {field.name for field in _columns(TargetBlock)} - {"cells", "revision"}
    _known(row, {*others, "values", "locks"}, where)
    values, locks = np.array(row["values"], dtype=np.int64), np.array(row["locks"], dtype=np.bool_)
    months = len(version.plan.months)
    if values.ndim != 1 or values.shape != locks.shape or not values.size or values.size % months:
        raise PlanFileError(reason=f"{where}: {values.size} cells for {months} months")
    packed = TargetCells.packed(values.reshape(-1, months), locks.reshape(-1, months))
    TargetCells.objects.get_or_create(digest=packed.digest, defaults={"values": packed.values, "locks": packed.locks})
    fresh = TargetBlock(version=version, cells_id=packed.digest, **{name: row[name] for name in others if name in row})
    _check(fresh)
    fresh.save()
    return fresh


def _unnamed(field: str, cells: Any, people: Mapping[str, User]) -> dict[str, Any]:
    """A document row's cells with people by their id here; who isn't known here is left out."""
    if field not in outline.fields() or not isinstance(cells, dict):
        raise PlanFileError(reason=f"{field!r}")
    ours = _people_columns(field)
    kept = {id_: value for id_, value in cells.items() if id_ not in ours or value in people}
    return {id_: people[value].pk if id_ in ours else value for id_, value in kept.items()}


def _check(row: models.Model) -> None:
    """What a form would check, of all that is not empty; the database says what may not be."""
    fields = row._meta.concrete_fields
    row.full_clean(exclude={field.name for field in fields if getattr(row, field.attname) in field.empty_values})


def _typed(model: type[models.Model], name: str, value: Any) -> Any:
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)  # noqa: S101 - a concrete column
    return value if isinstance(field, models.JSONField) else field.to_python(value)


def _known(given: Mapping[str, Any], names: set[str], where: str) -> None:
    if unknown := sorted(set(given) - names):
        raise PlanFileError(reason=f"{where}: {', '.join(unknown)}")


def _shape(read: Mapping[str, Any], kinds: Mapping[str, type]) -> None:
    for name, kind in kinds.items():
        if not isinstance(read.get(name), kind):
            raise PlanFileError(reason=name)


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(error.messages)
    return f"{type(error).__name__}: {error}"
