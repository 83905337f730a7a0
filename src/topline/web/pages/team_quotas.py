"""Quotas: who is to win how much in each month, how far everybody is, and how shared deals are credited."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from topline.documents.sheet import Column, Form, Sheet, Value
from topline.plans import quotas
from topline.plans.models import Plan, PlanVersion, State
from topline.plans.quotas import Line, Quotas
from topline.team import deals, operations
from topline.team.deals import Deal
from topline.team.models import Member
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.text import N_
from topline.web import charts, files, formats
from topline.web.page import Page, Visit, whole
from topline.web.pages.team_territories import plan_of

MOST_DEALS = 24
PARTNERS = 4
"""People who may share a deal on the page."""


def view(visit: Visit) -> HttpResponseBase:
    plans = list(Plan.objects.of(visit.shop).selling())
    version = plan_of(visit, plans)
    if visit.request.method == "POST":
        return _act(visit, plans, version)
    return _show(visit, plans, version)


def _show(
    visit: Visit, plans: Sequence[Plan], version: PlanVersion | None, wrong: dict[str, Any] | None = None
) -> HttpResponseBase:
    found = quotas.of(version, visit.today, visit.scope) if version and quotas.exist(version) else None
    if (kind := visit.request.GET.get("format", "")) and found is not None and version is not None:
        file = files.download(kind, f"{visit.shop.slug}-quotas", lambda: _sheet(version, found), dict)
        if file is not None:
            return file
    won = deals.won(visit.shop, version.plan.period, visit.today, visit.scope, MOST_DEALS) if version else []
    people = list(Member.objects.of(visit.shop).named()) if won else []
    numbers = {one.key: str(one.pk) for one in people}
    context = {
        "sentence": _sentence(visit, version, found),
        "plans": plans,
        "version": version,
        "found": found,
        "picture": _picture(visit, found) if found else None,
        "rows": [_row(visit, one) for one in (*found.tree, *found.strange)] if found else [],
        "teams": [_row(visit, one) for one in found.teams] if found else [],
        "whole": _row(visit, found.whole) if found else None,
        "company": _row(visit, found.company) if found else None,
        "gap": _gap(visit, found) if found else None,
        "may_propose": bool(version and visit.may("plans.write") and version.state not in (State.ACTIVE, State.CLOSED)),
        "deals": [_deal(visit, one, numbers, wrong) for one in won],
        "people": [(str(one.pk), str(one)) for one in people],
        "may_split": visit.may("team.write"),
        "wrong": wrong or {},
    }
    return visit.render("team_quotas.html", context, status=400 if wrong else 200)


def _act(visit: Visit, plans: Sequence[Plan], version: PlanVersion | None) -> HttpResponseBase:
    posted = visit.request.POST
    here = redirect(f"{visit.url('team_quotas')}?plan={version.plan_id}" if version else visit.url("team_quotas"))
    if posted.get("do") == "propose" and version is not None:
        visit.require("plans.write")
        try:
            total = formats.read_number(posted["total"]) if posted.get("total", "").strip() else None
            quotas.propose(version=version, total=total, actor=visit.user, now=timezone.now())
        except ToplineError as error:
            return _show(visit, plans, version, {"total": formats.say(error), "written": posted.get("total", "")})
        messages.success(visit.request, gettext("The quotas are proposed. Change them by month in the targets."))
        return here
    visit.require("team.write")
    deal_key = posted.get("deal", "")
    pairs = list(zip(posted.getlist("member"), posted.getlist("percent"), strict=False))
    try:
        _split(visit, version, deal_key, pairs)
    except ToplineError as error:
        return _show(visit, plans, version, {"deal": deal_key, "error": formats.say(error), "pairs": pairs})
    messages.success(visit.request, gettext("The deal is shared. Figures follow within seconds."))
    return here


def _split(visit: Visit, version: PlanVersion | None, deal_key: str, pairs: list[tuple[str, str]]) -> None:
    """Raises what `operations.split_credit` raises, deals.UnknownDealError, NumberTextError."""
    if version is None:
        raise deals.UnknownDealError(deal=deal_key)
    deal = deals.one(visit.shop, version.plan.period, visit.today, visit.scope, deal_key)
    shares: dict[int, Decimal] = {}
    for member, percent in pairs:
        if member:
            shares[whole(member)] = shares.get(whole(member), Decimal(0)) + _percent(percent)
    operations.split_credit(shop=visit.shop, deal_key=deal_key, shares=shares, known=deal.facts, actor_id=visit.user.pk)


def _percent(text: str) -> Decimal:
    return formats.read_number(text.replace("%", "").strip() or "0")


def _deal(visit: Visit, one: Deal, numbers: dict[str, str], wrong: dict[str, Any] | None) -> dict[str, Any]:
    """A deal as the page shows it, with the people and per cents of its form. numbers : of members by their key"""
    is_wrong = bool(wrong and wrong.get("deal") == one.key)
    shared = one.shares or ({one.owner: Decimal(1)} if one.owner else {})
    pairs = [(numbers.get(owner, ""), f"{(share * 100).normalize():f}") for owner, share in shared.items()]
    if wrong and is_wrong:
        pairs = wrong["pairs"]
    return {
        "deal": one,
        "value": formats.money(one.value, visit.shop.currency),
        "shares": [(owner, formats.percent(share, 0)) for owner, share in shared.items()],
        "is_shared": len(one.shares) > 1,
        "pairs": (pairs + [("", "")] * PARTNERS)[:PARTNERS],
        "error": wrong["error"] if wrong and is_wrong else "",
    }


def _row(visit: Visit, line: Line) -> dict[str, Any]:
    currency = visit.shop.currency
    attainment = line.attainment
    return {
        "line": line,
        "indent": range(line.depth),
        "months": [formats.whole_money(one, currency) for one in line.by_month],
        "quota": formats.money(line.quota, currency),
        "won": formats.whole_money(line.won, currency) if not isinstance(line.won, Missing) else "–",
        "attainment": formats.percent(attainment, 0) if not isinstance(attainment, Missing) else "–",
        "share": min(float(attainment), 1.0) if not isinstance(attainment, Missing) else 0.0,
        "pace": formats.percent(line.pace, 0) if line.pace is not None else "–",
        "tone": "" if line.pace is None else "good" if line.pace >= 0.95 else "warn" if line.pace >= 0.85 else "bad",
    }


def _gap(visit: Visit, found: Quotas) -> dict[str, Any]:
    currency = visit.shop.currency
    return {
        "months": [formats.money(one, currency) for one in found.gap],
        "total": formats.money(sum(found.gap, Decimal(0)), currency),
        "is_open": not found.is_reconciled,
    }


def _sentence(visit: Visit, version: PlanVersion | None, found: Quotas | None) -> str:
    if version is None:
        return gettext("Quotas are part of a sales plan. Draft one first.")
    if found is None:
        return gettext("%(plan)s has no quotas yet.") % {"plan": version.plan.title}
    whole_line = found.whole if found.is_own else found.company
    currency = visit.shop.currency
    said = {
        "plan": version.plan.title,
        "won": formats.whole_money(whole_line.won, currency) if not isinstance(whole_line.won, Missing) else "",
        "quota": formats.whole_money(whole_line.quota, currency),
        "due": formats.whole_money(whole_line.due, currency),
    }
    if isinstance(whole_line.won, Missing):
        return gettext("%(quota)s are to be won in %(plan)s, which hasn't begun.") % said
    behind = sum(1 for one in found.people if one.pace is not None and one.pace < 0.95)
    if found.is_own:
        return gettext("You won %(won)s of your quota of %(quota)s; %(due)s are due by now.") % said
    text = gettext("%(won)s of %(quota)s are won, %(due)s are due by now; %(behind)s of %(people)s people are behind.")
    return text % (said | {"behind": behind, "people": len(found.people)})


def _picture(visit: Visit, found: Quotas) -> charts.Picture | None:
    known = [one for one in found.people if not isinstance(one.won, Missing)]
    if not known:
        return None
    rows = [
        charts.Line(gettext("Won"), [float(one.won) for one in known], "actual"),  # type: ignore[arg-type]
        charts.Line(gettext("Due by now"), [float(one.due) for one in known], "mark"),
    ]
    title = gettext("Won by each person, against what is due")
    drawn = charts.picture(title, [one.label for one in known], rows, unit="money", currency=visit.shop.currency)
    return charts.as_columns(drawn)


def _sheet(version: PlanVersion, found: Quotas) -> Sheet:
    currency = version.plan.currency
    columns = [
        Column(gettext("Who")), Column(gettext("Role")),
        *(Column(formats.month(month), Form.MONEY, currency) for month in found.months),
        Column(gettext("Quota"), Form.MONEY, currency), Column(gettext("Due by now"), Form.MONEY, currency),
        Column(gettext("Won"), Form.MONEY, currency), Column(gettext("Attainment"), Form.RATE),
        Column(gettext("Pace"), Form.RATE),
    ]  # fmt: skip

    def row(line: Line, label: str = "") -> list[Value]:
        name = "  " * line.depth + (label or line.label)
        return [
            name, line.role, *line.by_month, line.quota, line.due, line.won, line.attainment, line.pace,
        ]  # fmt: skip

    rows = [row(line) for line in (*found.tree, *found.strange)]
    if not found.is_own:
        rows += [row(found.whole, gettext("All quotas")), row(found.company, gettext("Target of the company"))]
    return Sheet(gettext("Quotas"), columns, rows)


PAGES = (
    Page(
        path="team/quotas",
        name="team_quotas",
        view=view,
        permission="plans.read",
        place="team",
        label=N_("Quotas"),
        icon="target",
        rank=3,
    ),
)
