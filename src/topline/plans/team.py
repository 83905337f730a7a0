"""What the plan document shows of the team: its rows are made of the team's people, territories, credits, trainings.

A draft shows the team of today; a version that was handed in, the team as it was then.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from topline.plans import then
from topline.plans.models import Entry, PlanVersion
from topline.plans.outline import fields
from topline.team.models import CreditShare, Member, Territory, Training, tree

PROPOSED = "19.territories"
"""The field whose rows a draft proposes while the team has none."""

TYPED = "14.credit"
"""The field that may hold rows which people typed before the team had it: they name no deal, so it can't take them."""

type Rows = Iterator[tuple[str, dict[str, Any]]]


def entries(version: PlanVersion) -> dict[str, list[Entry]]:
    """The rows of a version's document by field: those that people wrote in it, and those that the team makes."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in version.entries.standing():
        if entry.field not in MAKERS:
            found[entry.field].append(entry)
    for field in MAKERS:
        found[field] = rows(version, field)
    return found


class Entries(dict[str, list[Entry]]):
    """`entries`, each field read when it is first asked for; the rows of tables as they stood at a moment, if given."""

    def __init__(self, version: PlanVersion, at: datetime | None = None) -> None:
        super().__init__()
        self._version, self._at = version, at

    def __missing__(self, field: str) -> list[Entry]:
        if field in MAKERS:
            self[field] = rows(self._version, field)
        elif self._at is not None and fields()[field].has_rows:
            self[field] = then.rows(self._version, field, self._at)
        else:
            self[field] = list(self._version.entries.rows(field))
        return self[field]


def filled(version: PlanVersion) -> set[str]:
    """The fields that hold something."""
    written = version.entries.standing().order_by().values_list("field", flat=True).distinct()
    frozen = version.team.get("rows")
    made = frozen if frozen is not None else {field for field, maker in MAKERS.items() if next(maker(version), None)}
    return set(written) - set(MAKERS) | set(made)


def proposed(version: PlanVersion) -> list[dict[str, str]]:
    """The territories that the draft proposes, as the team takes them; none once the shop has some."""
    if Territory.objects.filter(shop=version.plan.shop).exists():
        return []
    names = ("name", "market", "channel", "currency", "strategy")
    rows = version.entries.rows(PROPOSED).filter(is_drafted=True)
    return [{name: row.cells[name] for name in names if name in row.cells} for row in rows]


def rows(version: PlanVersion, field: str) -> list[Entry]:
    """The rows that the team makes of a field, as it is now or was when the version was handed in; never saved.

    Where the shop has no territory, those that the draft proposes.
    """
    made, drafted = list(_made(version, field)), ""
    if not made and field == PROPOSED and "rows" not in version.team:
        made, drafted = [(row.key, row.cells) for row in version.entries.rows(field)], field
    return [
        Entry(version=version, field=field, key=key, position=position, cells=cells, is_drafted=field == drafted)
        for position, (key, cells) in enumerate(made)
    ]


def members(version: PlanVersion) -> list[Member]:
    """The shop's team as it is now, or was when the version was handed in; the latter are never saved."""
    shop = version.plan.shop
    if "members" not in version.team:
        return list(Member.objects.of(shop))
    return [
        Member(shop=shop, **{"pk" if name == "id" else name: value for name, value in one.items()})
        for one in version.team["members"]
    ]


def territories(version: PlanVersion) -> list[Territory]:
    """The shop's territories as they are now, or were when the version was handed in; the latter are never saved."""
    shop = version.plan.shop
    if "territories" not in version.team:
        return list(Territory.objects.filter(shop=shop).select_related("owner", "shop"))
    there = {member.pk: member for member in members(version)}
    return [
        Territory(
            shop=shop, owner=there.get(one["owner_id"]),
            **{"pk" if name == "id" else name: value for name, value in one.items() if name != "owner_id"},
        )
        for one in version.team["territories"]
    ]  # fmt: skip


_OF_MEMBERS = ("id", "name", "key", "role", "team", "work", "reports_to_id")
_OF_TERRITORIES = ("id", "name", "market", "region", "channel", "currency", "country", "strategy", "owner_id")


def freeze(version: PlanVersion) -> dict[str, Any]:
    """The team as plain values: what the document shows of it, its people and its territories."""
    shop = version.plan.shop
    made = {field: [{"key": key, "cells": cells} for key, cells in _live(version, field)] for field in MAKERS}
    return {
        "rows": {field: there for field, there in made.items() if there},
        "members": list(Member.objects.of(shop).values(*_OF_MEMBERS)),
        "territories": list(Territory.objects.filter(shop=shop).values(*_OF_TERRITORIES)),
    }


def _made(version: PlanVersion, field: str) -> Rows:
    if "rows" not in version.team:
        yield from _live(version, field)
        return
    for one in version.team["rows"].get(field, ()):
        yield one["key"], one["cells"]


def _live(version: PlanVersion, field: str) -> Rows:
    for key, cells in MAKERS[field](version):
        yield key, {id_: value for id_, value in cells.items() if value not in (None, "")}
    if field == TYPED:
        for row in version.entries.rows(field):
            yield row.key, row.cells


def _people(version: PlanVersion) -> Rows:
    """Who is there or to be hired until the plan ends, as the tree has them."""
    plan = version.plan
    there = Member.objects.of(plan.shop).exclude(until_on__lte=plan.starts_on).exclude(from_on__gte=plan.ends_on)
    for member, _ in tree(list(there)):
        yield str(member.pk), {
            "person": str(member), "role": member.role, "team": member.team,
            "reports_to": str(member.reports_to or ""), "capacity": f"{member.week_hours.normalize():f}",
            "hire_on": member.from_on.isoformat() if member.is_open and member.from_on else None,
        }  # fmt: skip


def _territories(version: PlanVersion) -> Rows:
    shop = version.plan.shop
    for one in Territory.objects.filter(shop=shop).select_related("owner"):
        yield str(one.pk), {
            "name": one.name, "market": one.market, "region": one.region, "channel": one.channel,
            "owner": str(one.owner or ""), "currency": one.currency,
            "tax": str(one.tax_rate) if one.tax_rate is not None else None,
            "calendar": f"/shop/{shop.slug}/calendar?country={one.country}", "strategy": one.strategy,
        }  # fmt: skip


def _credit(version: PlanVersion) -> Rows:
    shares = CreditShare.objects.filter(shop=version.plan.shop).select_related("member")
    for one in shares:
        yield str(one.pk), {"rule": one.deal_key, "person": str(one.member), "share": str(one.percent / 100)}


def sessions(version: PlanVersion) -> dict[str, Training]:
    """The trainings in the plan's period, by the key of their row."""
    plan = version.plan
    found = Training.objects.filter(shop=plan.shop, on__gte=plan.starts_on, on__lt=plan.ends_on)
    return {str(one.pk): one for one in found.select_related("shop").prefetch_related("attendees").order_by("on", "pk")}


def _sessions(version: PlanVersion) -> Rows:
    for key, one in sessions(version).items():
        yield key, {
            "name": one.name, "on": one.on.isoformat(), "person": ", ".join(map(str, one.attendees.all())),
            "skill": one.skill, "kpi": one.metric,
        }  # fmt: skip


MAKERS: Mapping[str, Callable[[PlanVersion], Rows]] = {
    "14.credit": _credit,
    "19.territories": _territories,
    "21.people": _people,
    "22.sessions": _sessions,
}
