"""The team: who works here and reports to whom, what is to be hired, and which number has which owner."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext, ngettext

from topline.accounts.models import User
from topline.documents.sheet import Column, Form, Sheet, Value
from topline.plans import jobs
from topline.plans.models import PlanVersion
from topline.team import operations
from topline.team.models import Member, Territory, Work, tree
from topline.units.text import N_
from topline.web import fields, files, formats
from topline.web.fields import Field
from topline.web.page import Page, Visit, whole
from topline.web.pages import plans


@dataclass(slots=True)
class Node:
    """A place of the tree, with the numbers that its person answers for."""

    member: Member
    below: list["Node"] = field(default_factory=list)
    owns: int = 0


@dataclass(frozen=True, slots=True)
class Owned:
    """A number of a plan in force or of the team, and who answers for it, None for nobody."""

    what: str
    kind: str
    owner: str | None
    member_id: int | None
    url: str


def view(visit: Visit) -> HttpResponseBase:
    members = list(Member.objects.of(visit.shop))
    if visit.request.method == "POST":
        return _act(visit, members)
    if kind := visit.request.GET.get("format", ""):
        file = files.download(kind, f"{visit.shop.slug}-team", lambda: _sheet(visit, members), dict)
        if file is not None:
            return file
    form = fields.form(visit, "team.write", members, partial(_fields, visit, members))
    return visit.render("team.html", _context(visit, members, form))


def _act(visit: Visit, members: Sequence[Member]) -> HttpResponseBase:
    visit.require("team.write")
    posted, actor = visit.request.POST, visit.user.pk
    number = whole(posted.get("member")) or None
    if posted.get("do") == "remove":
        operations.remove_member(shop=visit.shop, member_id=number or 0, actor_id=actor)
        jobs.ask_for_hours(visit.shop)
        messages.info(visit.request, gettext("Taken out. Whoever reported there reports one higher now."))
        return redirect("team", visit.shop.slug)

    def kept(values: dict[str, Any]) -> None:
        operations.keep_member(shop=visit.shop, values=values, actor_id=actor, member_id=number)
        jobs.ask_for_hours(visit.shop)

    form = fields.keep(visit, members, number, partial(_fields, visit, members), kept)
    if form is None:
        return redirect("team", visit.shop.slug)
    return visit.render("team.html", _context(visit, members, form), status=400)


def _fields(visit: Visit, members: Sequence[Member], one: Member | None) -> list[Field]:
    others = [(str(each.pk), str(each)) for each in members if one is None or each.pk != one.pk]
    nobody = ("", gettext("nobody"))
    work = [("", gettext("none of it")), *((value, str(label)) for value, label in Work.choices)]
    found = [
        Field("name", gettext("Name"), value=one and one.name, hint=gettext("Empty for a position to be filled.")),
        Field("role", gettext("Role"), value=one and one.role, is_needed=True),
        Field("team", gettext("Team"), value=one and one.team),
        Field("reports_to", gettext("Reports to"), "choice", one and one.reports_to_id, [nobody, *others]),
        Field(
            "week_hours", gettext("Hours a week"), "number", one.week_hours if one else Decimal(40), is_needed=True
        ),
        Field(
            "work", gettext("Does of the workload"), "choice", one and one.work, work,
            gettext("Their hours count as the capacity for it."),
        ),
        Field("from_on", gettext("From"), "day", one and one.from_on, hint=gettext("Of an open position: hire by.")),
        Field("until_on", gettext("Gone from"), "day", one and one.until_on),
    ]  # fmt: skip
    if visit.may("finance.read"):
        label = gettext("Cost a year (%(currency)s)") % {"currency": visit.shop.currency}
        found.append(Field("cost", label, "number", one and one.cost))
    if visit.may("people.write") or one is None or one.user is None:
        hint = gettext("How deals and leads name the person; empty for the name.")
        found.append(Field("key", gettext("Name in the data"), value=one and one.key, hint=hint))
    if visit.may("people.write"):
        users = User.objects.filter(membership__shop=visit.shop).distinct().order_by("name", "email")
        options = [("", gettext("none")), *((str(user.pk), str(user)) for user in users)]
        hint = gettext("A sales rep who signs in with it sees only what is theirs.")
        found.append(Field("user", gettext("Account"), "choice", one and one.user_id, options, hint))
    return found


def _context(visit: Visit, members: Sequence[Member], form: dict[str, Any] | None) -> dict[str, Any]:
    owned = list(_owned(visit, members))
    there = [one for one in members if one.until_on is None or one.until_on > visit.today]
    open_ = sorted((one for one in there if one.is_open), key=lambda one: (one.from_on is None, one.from_on or 0))
    costs = [one.cost for one in open_ if one.cost is not None]
    orphans = [one for one in owned if one.owner is None]
    return {
        "sentence": _sentence(there, open_, orphans),
        "roots": _nodes(there, owned),
        "left": [one for one in members if one not in there],
        "open": open_,
        "open_cost": sum(costs, Decimal(0)) if costs and visit.may("finance.read") else None,
        "owned": sorted(owned, key=lambda one: one.owner is not None),
        "orphans": len(orphans),
        "form": form,
        "may_write": visit.may("team.write"),
        "sees_cost": visit.may("finance.read"),
    }


def _sentence(there: Sequence[Member], open_: Sequence[Member], orphans: Sequence[Owned]) -> str:
    people = [one for one in there if not one.is_open]
    if not there:
        return gettext("Nobody is in the team yet. Add who works here, and who reports to whom.")
    teams = len({one.team for one in people if one.team})
    said = [
        ngettext("%(n)s person works here", "%(n)s people work here", len(people)) % {"n": len(people)}
        + (ngettext(" in %(n)s team.", " in %(n)s teams.", teams) % {"n": teams} if teams else ".")
    ]
    if open_:
        first = next((one.from_on for one in open_ if one.from_on), None)
        n = {"n": len(open_), "day": formats.day(first) if first else ""}
        text = ngettext("%(n)s position is open.", "%(n)s positions are open.", len(open_))
        if first:
            text = ngettext(
                "%(n)s position is open, to be filled by %(day)s.",
                "%(n)s positions are open, the first to be filled by %(day)s.",
                len(open_),
            )
        said.append(text % n)
    if orphans:
        n = {"n": len(orphans)}
        said.append(ngettext("%(n)s number has no owner.", "%(n)s numbers have no owner.", len(orphans)) % n)
    else:
        said.append(gettext("Every number has an owner."))
    return " ".join(said)


def _nodes(members: Sequence[Member], owned: Sequence[Owned]) -> list[Node]:
    """The tree as nodes within nodes."""
    nodes: dict[int, Node] = {}
    roots: list[Node] = []
    for member, depth in tree(list(members)):
        node = nodes[member.pk] = Node(member, owns=sum(one.member_id == member.pk for one in owned))
        (nodes[member.reports_to_id].below if depth and member.reports_to_id else roots).append(node)
    return roots


def _owned(visit: Visit, members: Sequence[Member]) -> Iterator[Owned]:
    """The numbers of plans in force, and of territories."""
    by_user = {one.user_id: one for one in members if one.user_id}
    users = {user.pk: str(user) for user in User.objects.filter(membership__shop=visit.shop)}
    for version in PlanVersion.objects.of(visit.shop).active():
        url = visit.url("plan", version.plan_id)
        for goal in version.goals.standing().select_related("owner"):
            member = by_user.get(goal.owner_id or 0)
            owner = str(member or goal.owner) if goal.owner_id else None
            kind = gettext("Goal of %(plan)s") % {"plan": version.plan.title}
            yield Owned(plans.goal_name(goal), kind, owner, member.pk if member else None, url)
        for entry in version.entries.rows("8.fronts"):
            member = by_user.get(entry.cells.get("owner"))
            user = users.get(entry.cells.get("owner"))
            kind = gettext("Action front of %(plan)s") % {"plan": version.plan.title}
            owner = str(member) if member else user
            yield Owned(str(entry.cells.get("name", "")), kind, owner, member.pk if member else None, url)
    for territory in Territory.objects.filter(shop=visit.shop).select_related("owner"):
        owner = str(territory.owner) if territory.owner and not territory.owner.is_open else None
        url = visit.url("team_territories")
        yield Owned(territory.name, gettext("Territory"), owner, territory.owner_id if owner else None, url)


def _sheet(visit: Visit, members: Sequence[Member]) -> Sheet:
    sees_cost = visit.may("finance.read")
    columns = [
        Column(gettext("Name")), Column(gettext("Role")), Column(gettext("Team")), Column(gettext("Reports to")),
        Column(gettext("Hours a week"), Form.NUMBER), Column(gettext("From"), Form.DATE),
        Column(gettext("Gone from"), Form.DATE),
        *([Column(gettext("Cost a year"), Form.MONEY, visit.shop.currency)] if sees_cost else []),
    ]  # fmt: skip
    rows: list[list[Value]] = [
        [
            str(one), one.role, one.team, str(one.reports_to or ""), one.week_hours, one.from_on,
            one.until_on, *([one.cost] if sees_cost else []),
        ]
        for one, _ in tree(list(members))
    ]  # fmt: skip
    return Sheet(gettext("Team"), columns, rows)


PAGES = (
    Page(
        path="team",
        name="team",
        view=view,
        permission="people.read",
        place="team",
        label=N_("People"),
        icon="users-group",
        rank=1,
    ),
)
