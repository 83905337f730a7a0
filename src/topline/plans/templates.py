"""What a plan starts from: the templates that ship, and those that a shop saved from its own plans."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from topline.accounts.models import Shop, User
from topline.plans import outline
from topline.plans.drafting import Draft
from topline.plans.models import Entry, Kind, Plan, PlanTemplate, PlanVersion
from topline.plans.outline import Type
from topline.units import errors
from topline.units.text import N_
from topline.workbench import audit

OWN = "own-"


class UnknownTemplateError(errors.ToplineError):
    message = N_("There is no plan template “%(id)s”.")


class TemplateNameError(errors.ToplineError):
    message = N_("A template needs a name of up to 100 characters that no other template of the shop has.")


@dataclass(frozen=True, slots=True)
class Template:
    """A kind of plan, the sections that it has (empty for all of its kind), and what stands in them at the start.

    entries : [{"field", "key", "cells"}, ...] as people wrote them; what data fills is drafted anew
    """

    id: str
    name: str
    description: str
    kind: Kind
    sections: tuple[int, ...] = ()
    entries: Sequence[Mapping[str, Any]] = field(default=())


SALES = Template(
    "sales", N_("Sales plan"), N_("Goals, offer, tactics, pipeline, forecast, territories, stock and team."), Kind.SALES
)
SHIPPED = (
    SALES,
    Template(
        "marketing",
        N_("Marketing plan"),
        N_("Market, audience, strategy, action fronts, content, promotions, budget and leads."),
        Kind.MARKETING,
    ),
    Template("both", N_("Marketing and sales in one"), N_("All 24 sections in one plan."), Kind.BOTH),
    Template(
        "one_page",
        N_("One-page plan"),
        N_("Summary, goals, strategy, fronts, budget, forecast and review: what fits on a page."),
        Kind.BOTH,
        (1, 6, 7, 8, 12, 18, 24),
    ),
    Template(
        "campaign",
        N_("Campaign"),
        N_("One campaign: audience, message, goals, actions, content, promotion, budget, leads and its review."),
        Kind.MARKETING,
        (1, 4, 5, 6, 8, 9, 10, 11, 12, 13, 24),
    ),
)


PAIR = "pair"
"""What people ask for to have a marketing plan and the sales plan that serves it drafted together."""


def parts(shop: Shop, id_: str) -> list[Template]:
    """The templates of the plans that are drafted for what was asked. Raises UnknownTemplateError."""
    return [named(shop, each) for each in (("marketing", "sales") if id_ == PAIR else (id_,))]


def of(shop: Shop) -> list[Template]:
    """What ships, and the shop's own."""
    return [*SHIPPED, *(_own(kept) for kept in shop.plan_templates.all())]


def named(shop: Shop, id_: str) -> Template:
    """Raises UnknownTemplateError."""
    found = next((one for one in of(shop) if one.id == id_), None)
    if found is None:
        raise UnknownTemplateError(id=id_)
    return found


def of_plan(plan: Plan) -> Template:
    """The sections that a plan has, without contents."""
    return Template("", plan.title, "", Kind(plan.kind), tuple(plan.outline))


def _own(kept: PlanTemplate) -> Template:
    return Template(f"{OWN}{kept.pk}", kept.name, "", Kind(kept.kind), tuple(kept.outline), kept.entries)


def within(draft: Draft, template: Template) -> Draft:
    """The draft with what the template's sections hold."""
    names = set(outline.names(template.kind, template.sections))
    return replace(draft, document={name: rows for name, rows in draft.document.items() if name in names})


def pour(version: PlanVersion, template: Template) -> None:
    """Put what the template holds into a new version, in place of what data drafted for the same fields."""
    kept = {str(one["field"]) for one in template.entries} & set(outline.fields())
    version.entries.filter(field__in=kept).delete()
    places: dict[str, int] = {}
    for one in template.entries:
        name = str(one["field"])
        if name in kept:
            places[name] = places.get(name, -1) + 1
            Entry.objects.create(
                version=version, field=name, key=one["key"], cells=dict(one["cells"]), position=places[name]
            )


def save(*, version: PlanVersion, name: str, actor: User, now: datetime) -> PlanTemplate:
    """A template of a plan: its sections, and what people wrote, without days, goals and targets of its own period.

    Raises TemplateNameError.
    """
    plan = version.plan
    if not 1 <= len(name.strip()) <= 100:
        raise TemplateNameError()
    entries = [
        {"field": entry.field, "key": entry.key, "cells": cells}
        for entry in version.entries.standing().filter(is_drafted=False)
        if (cells := _timeless(entry))
    ]
    try:
        with transaction.atomic():
            kept = PlanTemplate.objects.create(
                shop=plan.shop, name=name.strip(), kind=plan.kind, outline=plan.outline, entries=entries,
                created_at=now, created_by=actor.pk,
            )  # fmt: skip
            audit.log("plan.template_saved", actor_id=actor.pk, shop=plan.shop.slug, subject=kept.name, plan=plan.pk)
    except IntegrityError:
        raise TemplateNameError() from None
    return kept


def _timeless(entry: Entry) -> dict[str, Any]:
    kept = outline.fields()[entry.field]
    dated = {column.id for column in kept.columns if column.type == Type.DAY}
    return {id_: value for id_, value in entry.cells.items() if id_ not in dated}


def delete(*, shop: Shop, id_: str, actor: User) -> None:
    """Take a template of the shop's own away; plans made from it stay. Raises UnknownTemplateError."""
    kept = shop.plan_templates.filter(pk=id_.removeprefix(OWN) if id_.removeprefix(OWN).isdecimal() else 0).first()
    if kept is None or not id_.startswith(OWN):
        raise UnknownTemplateError(id=id_)
    with transaction.atomic():
        audit.log("plan.template_deleted", actor_id=actor.pk, shop=shop.slug, subject=kept.name)
        kept.delete()
