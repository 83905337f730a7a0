"""What the plan document shows of the team: its rows are made of the team's people, territories, credits, trainings."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from topline.plans.models import Entry, PlanVersion
from topline.team.models import CreditShare, Member, Territory, Training, tree

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
    """`entries`, each field read when it is first asked for."""

    def __init__(self, version: PlanVersion) -> None:
        super().__init__()
        self._version = version

    def __missing__(self, field: str) -> list[Entry]:
        self[field] = rows(self._version, field) if field in MAKERS else list(self._version.entries.rows(field))
        return self[field]


def filled(version: PlanVersion) -> set[str]:
    """The fields that hold something."""
    written = version.entries.standing().order_by().values_list("field", flat=True).distinct()
    made = {field for field, maker in MAKERS.items() if next(maker(version), None)}
    return set(written) - set(MAKERS) | made


def rows(version: PlanVersion, field: str) -> list[Entry]:
    """The rows that the team makes of a field; they are never saved."""
    return [
        Entry(version=version, field=field, key=key, position=position, cells={
            id_: value for id_, value in cells.items() if value not in (None, "")
        })
        for position, (key, cells) in enumerate(MAKERS[field](version))
    ]  # fmt: skip


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
