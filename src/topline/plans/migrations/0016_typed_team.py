"""Rows about territories, people and trainings that people typed into plans before the team had them.

Those of drafts become entries of the team, unless it has one of that name. Versions that were handed in keep them as
the team of then: their contents, and so the digests that approvals are bound to, stay the same. Split credit that was
typed is of a rule in words, which names no deal: it stays with the draft and is shown there.
"""

from typing import Any

from django.conf import settings
from django.db import migrations

FIELDS = ("19.territories", "21.people", "22.sessions")


def carry_over(apps: Any, schema_editor: Any) -> None:
    entries, versions = apps.get_model("plans", "Entry"), apps.get_model("plans", "PlanVersion")
    users = {one.pk: one.name or one.email for one in apps.get_model(settings.AUTH_USER_MODEL).objects.all()}
    standing = entries.objects.filter(removed_at=None)
    decided = versions.objects.exclude(state="draft")
    for version in decided.filter(entries__in=standing.filter(field__in=(*FIELDS, "14.credit"))).distinct():
        rows: dict[str, list[dict[str, Any]]] = {}
        mine = standing.filter(version=version, field__in=(*FIELDS, "14.credit")).order_by("field", "position", "pk")
        for entry in mine:
            rows.setdefault(entry.field, []).append({"key": entry.key, "cells": entry.cells})
        version.team = {"rows": rows}
        version.save(update_fields=["team"])
        mine.delete()
    typed = standing.filter(field__in=FIELDS, is_drafted=False).select_related("version__plan__shop")
    for entry in typed.order_by("field", "position", "pk"):
        _KEEPERS[entry.field](apps, entry.version.plan.shop, entry.cells, users)
        entry.delete()


def _territory(apps: Any, shop: Any, cells: dict[str, Any], users: dict[int, str]) -> None:
    name = str(cells.get("name") or "")[:120]
    if name:
        owner = _member(apps, shop, {"person": cells.get("owner")}, users)
        market = str(cells.get("market") or "")
        market = market.upper() if len(market) == 2 else ""
        apps.get_model("team", "Territory").objects.get_or_create(
            shop=shop,
            name=name,
            defaults={
                "market": market,
                "channel": cells.get("channel") or "",
                "owner": owner,
                "strategy": cells.get("strategy") or "",
                "currency": shop.currency,
                "country": market or shop.country,
            },
        )


def _member(apps: Any, shop: Any, cells: dict[str, Any], users: dict[int, str]) -> Any:
    """The person of that account, made unless the team has them; an open position for a row without anybody."""
    members = apps.get_model("team", "Member").objects
    who, role = cells.get("person"), str(cells.get("role") or "")[:120]
    if who not in users:
        if not role:
            return None
        return members.get_or_create(shop=shop, name="", role=role, defaults={"from_on": cells.get("hire_on")})[0]
    name = users[who][:200]
    there = members.filter(shop=shop, user_id=who).first() or members.filter(shop=shop, key=name).first()
    if there is None:
        there = members.create(shop=shop, name=name, key=name, user_id=who, role=role)
    there.role = there.role or role
    if cells.get("capacity"):
        there.week_hours = cells["capacity"]
    if cells.get("reports_to") and cells["reports_to"] != who and there.reports_to_id is None:
        boss = _member(apps, shop, {"person": cells["reports_to"]}, users)
        there.reports_to = boss if boss is not None and boss.reports_to_id != there.pk else None
    there.save()
    return there


def _session(apps: Any, shop: Any, cells: dict[str, Any], users: dict[int, str]) -> None:
    name, on = str(cells.get("name") or cells.get("skill") or "")[:200], cells.get("on")
    if name and on:
        made, is_new = apps.get_model("team", "Training").objects.get_or_create(
            shop=shop,
            name=name,
            on=on,
            defaults={"skill": str(cells.get("skill") or "")[:200], "metric": str(cells.get("kpi") or "")[:64]},
        )
        who = _member(apps, shop, {"person": cells.get("person")}, users)
        if is_new and who is not None:
            made.attendees.add(who)


_KEEPERS = {"19.territories": _territory, "21.people": _member, "22.sessions": _session}


class Migration(migrations.Migration):
    dependencies = [
        ("plans", "0015_team_as_approved"),
        ("team", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [migrations.RunPython(carry_over, migrations.RunPython.noop)]
