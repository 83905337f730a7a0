"""A plan's budget: what is planned, committed and spent, what it should bring, and who may promise how much."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from topline.accounts.models import Channel, User
from topline.accounts.permissions import LABELS, ROLES, Role
from topline.plans import ledger
from topline.plans.ledger import Ledger, Row
from topline.plans.models import BudgetLine, BudgetMove, Commitment, PlanVersion, SpendKind, SpendLimit, State
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.period import parse_day
from topline.web import charts, formats
from topline.web.page import Page, Visit, whole
from topline.web.pages import plans
from topline.web.pages.plans import version_of

SHOWN = 12
DECIDED = {
    "approve": Commitment.State.APPROVED,
    "refuse": Commitment.State.REFUSED,
    "paid": Commitment.State.PAID,
    "withdraw": Commitment.State.WITHDRAWN,
}


def view(visit: Visit, plan_id: int) -> HttpResponse:
    """The ledger, and what may be done with it."""
    version = version_of(visit, plan_id)
    if visit.request.method != "POST":
        return _show(visit, version)
    try:
        _act(visit, version)
    except ToplineError as error:
        return _show(visit, version, error=formats.say(error), status=400)
    return redirect(_address(visit, version))


def _address(visit: Visit, version: PlanVersion) -> str:
    return f"{visit.url('plan_budget', version.plan_id)}?version={version.number}"


def _show(visit: Visit, version: PlanVersion, *, error: str = "", status: int = 200) -> HttpResponse:
    today, known_at = plans.seen(visit)
    found = ledger.ledger(version, today, known_at=known_at)
    names = {line.key: line.activity for line in version.budget.all()}
    may_write = visit.may("plans.write") and plans.then(visit) is None
    waiting = version.plan.commitments.order_by("-pk").exclude(state=Commitment.State.WITHDRAWN)[:40]
    limit = ledger.limit_of(visit.user, visit.shop)
    people = {user.pk: str(user) for user in User.objects.filter(membership__shop=visit.shop).distinct()}
    fronts = ledger.front_names(version)
    context = {
        **plans.about_then(visit),
        "plan": version.plan,
        "version": version,
        "sentence": _sentence(visit, version, found),
        "figures": _figures(visit, version, found),
        "picture": _picture(version, found),
        "months": found.months,
        "rows": [_row(visit, version, row) for row in found.rows],
        "whole": _row(visit, version, found.whole),
        "groups": _groups(visit, version, found, dict(fronts)),
        "fronts": fronts,
        "reasons": _reasons(found),
        "cash": _cash(version, found) if visit.may("finance.read") else [],
        "may_write": may_write,
        "may_approve": visit.may("plans.approve"),
        "is_editable": may_write and version.state not in (State.ACTIVE, State.CLOSED),
        "lines": list(names.items()),
        "kinds": SpendKind.choices,
        "channels": _channels(visit),
        "commitments": [_commitment(visit, each, names, people) for each in waiting],
        "moves": [_moved(version, each, names, people) for each in BudgetMove.objects.of(version).said()[:SHOWN]],
        "limit": formats.money(limit, version.plan.currency) if limit is not None else "",
        "limits": _limits(visit) if visit.may("settings.write") else [],
        "may_see_profit": visit.may("finance.read"),
        "error": error,
        "posted": visit.request.POST if error else {},
    }  # fmt: skip
    return visit.render("ledger.html", context, status=status)


def _sentence(visit: Visit, version: PlanVersion, found: Ledger) -> str:
    """What the page answers."""
    whole, currency = found.whole, version.plan.currency
    if not found.rows or not whole.planned_sum:
        return gettext("No budget is planned yet.")
    amounts = {
        "spent": formats.whole_money(whole.actual_sum, currency),
        "planned": formats.whole_money(whole.planned_sum, currency),
        "committed": formats.whole_money(whole.committed_sum, currency),
    }
    if plans.seen(visit)[0] <= version.plan.starts_on:
        return gettext("%(planned)s are planned, %(committed)s of it committed.") % amounts
    pace = whole.pace
    if pace is None:
        return gettext("%(spent)s of %(planned)s are spent, %(committed)s more committed.") % amounts
    said = amounts | {"pace": formats.percent(pace, 0)}
    return gettext("%(spent)s of %(planned)s are spent: %(pace)s of what is due by now.") % said


def _figures(visit: Visit, version: PlanVersion, found: Ledger) -> list[dict[str, str]]:
    currency, whole = version.plan.currency, found.whole
    figures = [
        {"label": gettext("Planned"), "value": formats.short_money(whole.planned_sum, currency)},
        {"label": gettext("Committed"), "value": formats.short_money(whole.committed_sum, currency)},
        {"label": gettext("Spent"), "value": formats.short_money(whole.actual_sum, currency)},
        {"label": gettext("Left"), "value": formats.short_money(whole.left, currency)},
    ]
    if visit.may("finance.read"):
        roi = formats.say(whole.roi) if isinstance(whole.roi, Missing) else formats.signed_percent(float(whole.roi))
        label = gettext("Projected return")
        is_known = not isinstance(whole.roi, Missing)
        figures.append({"label": label, "value": roi if is_known else "–", "note": "" if is_known else roi})
    return figures


def _picture(version: PlanVersion, found: Ledger) -> charts.Picture | None:
    if not found.rows:
        return None
    whole = found.whole
    rows = [
        charts.Line(gettext("Spent"), [float(x) for x in whole.actual], "actual"),
        charts.Line(gettext("Committed"), [float(x) for x in whole.committed], "last_year"),
        charts.Line(gettext("Planned"), [float(x) for x in whole.planned], "plan"),
    ]
    axis = [formats.short_month(month) for month in found.months]
    currency = version.plan.currency
    drawn = charts.picture(gettext("Budget by month"), axis, rows, unit="money", currency=currency)
    return charts.as_columns(drawn)


def _row(visit: Visit, version: PlanVersion, row: Row) -> dict[str, Any]:
    line = row.line

    def money(value: Decimal) -> str:
        return formats.whole_money(value, version.plan.currency)

    return {
        "key": row.key,
        "name": line.activity if line else gettext("Not planned"),
        "note": _note(line) if line else gettext("Spend that fits no line"),
        "is_line": line is not None,
        "months": [money(value) if value else "–" for value in row.planned],
        "planned": money(row.planned_sum),
        "committed": money(row.committed_sum),
        "actual": money(row.actual_sum),
        "left": money(row.left),
        "is_over": row.left < 0,
        "used": formats.percent(row.used, 0) if row.used is not None else "–",
        "pace": formats.percent(row.pace, 0) if row.pace is not None else "–",
        "returns": "–" if isinstance(row.returns, Missing) else money(row.returns),
        "is_estimate": row.is_estimate,
        "roi": "–" if isinstance(row.roi, Missing) else formats.signed_percent(float(row.roi)),
        "paid_back": formats.short_month(row.paid_back_in) if row.paid_back_in else "–",
    }


def _groups(visit: Visit, version: PlanVersion, found: Ledger, fronts: Mapping[str, str]) -> list[dict[str, Any]]:
    """The ledger by front and by channel, where lines name more than one."""
    called: dict[str, tuple[str, Callable[[str], str]]] = {
        "front_key": (gettext("By front"), lambda name: fronts.get(name, gettext("no front"))),
        "channel": (gettext("By channel"), lambda name: formats.channel(name) if name else gettext("no channel")),
    }
    return [
        {"id": column, "title": title, "rows": [_row(visit, version, row) | {"name": say(name)} for name, row in rows]}
        for column, (title, say) in called.items()
        if len(rows := found.by(column)) > 1
    ]


def _reasons(found: Ledger) -> list[str]:
    """Why lines have no projected return, each reason once."""
    missing = [each for row in found.rows if row.line for each in (row.returns, row.roi) if isinstance(each, Missing)]
    return list(dict.fromkeys(formats.say(each) for each in missing))


def _note(line: BudgetLine) -> str:
    parts = [
        SpendKind(line.kind).label,
        formats.channel(line.channel) if line.channel else "",
        line.campaign,
        line.market,
    ]
    return " · ".join(str(part) for part in parts if part)


def _cash(version: PlanVersion, found: Ledger) -> list[tuple[date, str, str, str]]:
    def money(value: Decimal) -> str:
        return formats.whole_money(value, version.plan.currency)

    return [(each.month, money(each.out), money(each.back), money(each.gathered)) for each in found.cash]


def _commitment(visit: Visit, each: Commitment, names: Mapping[str, str], people: Mapping[int, str]) -> dict[str, Any]:
    state = Commitment.State(each.state)
    return {
        "each": each,
        "line": names.get(each.line, each.line),
        "amount": formats.money(each.amount, each.plan.currency),
        "state": state.label,
        "tone": {"asked": "warn", "approved": "good", "refused": "bad"}.get(each.state, ""),
        "is_waiting": state == Commitment.State.ASKED,
        "is_standing": state == Commitment.State.APPROVED,
        "is_own": each.asked_by == visit.user.pk,
        "by": people.get(each.asked_by or 0, "–"),
        "decided_by": people.get(each.decided_by or 0, "") if each.decided_by != each.asked_by else "",
    }


def _moved(
    version: PlanVersion, each: BudgetMove, names: Mapping[str, str], people: Mapping[int, str]
) -> dict[str, Any]:
    def end(key: str, month: date | None) -> str:
        return f"{names.get(key, key)}, {formats.short_month(month)}" if key and month else ""

    return {
        "source": end(each.source, each.source_month),
        "target": end(each.target, each.target_month),
        "amount": formats.money(each.amount, version.plan.currency),
        "reason": each.reason,
        "by": people.get(each.actor_id or 0, ""),
        "at": each.at.astimezone(version.plan.shop.zone),
    }


def _channels(visit: Visit) -> list[tuple[str, str]]:
    return list(Channel.objects.filter(shop=visit.shop).order_by("name").values_list("code", "name"))


def _limits(visit: Visit) -> list[tuple[str, str, str]]:
    kept = dict(SpendLimit.objects.filter(shop=visit.shop).values_list("role", "amount"))
    return [
        (role.value, str(LABELS[role]), formats.decimal(kept[role.value], 2) if role.value in kept else "")
        for role in Role
        if "plans.write" in ROLES[role]
    ]


def _act(visit: Visit, version: PlanVersion) -> None:
    posted, now = visit.request.POST, timezone.now()
    match posted.get("do", ""):
        case "line":
            visit.require("plans.write")
            _keep(visit, version, posted)
        case "move":
            visit.require("plans.write")
            ledger.move(
                version=version, source=posted.get("source", ""), source_month=_month(posted, "source_month"),
                target=posted.get("target", ""), target_month=_month(posted, "target_month"),
                amount=formats.read_number(posted.get("amount", "")), reason=posted.get("reason", ""),
                actor=visit.user, now=now,
            )  # fmt: skip
        case "commit":
            visit.require("plans.write")
            promised = ledger.commit(
                version=version, key=posted.get("key", ""), month=_month(posted, "month"),
                amount=formats.read_number(posted.get("amount", "")), what=posted.get("what", ""), today=visit.today,
                actor=visit.user, now=now,
            )  # fmt: skip
            if promised.state == Commitment.State.ASKED:
                messages.info(visit.request, gettext("This is above your limit and waits for somebody's approval."))
        case "approve" | "refuse" | "paid" | "withdraw" as verb:
            visit.require("plans.approve" if verb in ("approve", "refuse") else "plans.write")
            found = version.plan.commitments.filter(pk=whole(posted.get("commitment"))).first()
            if found is None:
                raise Http404
            ledger.decide(commitment=found, state=DECIDED[verb], actor=visit.user, now=now)
        case "limits":
            visit.require("settings.write")
            for role in (each for each in Role if f"limit-{each.value}" in posted):
                text = posted.get(f"limit-{role.value}", "").strip()
                ledger.set_limit(
                    shop=visit.shop,
                    role=role.value,
                    amount=formats.read_number(text) if text else None,
                    actor=visit.user,
                )


def _keep(visit: Visit, version: PlanVersion, posted: Mapping[str, str], held: BudgetLine | None = None) -> None:
    """The line as it was written, new or the held one, with what its months plan: all of it or nothing."""
    asked = _asked(posted, front_key=held.front_key if held else "")
    with transaction.atomic():
        kept = ledger.put_line(
            version=version, key=held.key if held else "", actor=visit.user, now=timezone.now(), **asked
        )
        _plan_months(visit, version, kept, posted)


def _asked(posted: Mapping[str, str], *, front_key: str) -> dict[str, Any]:
    """front_key : where the form doesn't ask for it"""
    expected = posted.get("expected", "").strip()
    kind = posted.get("kind", "")
    return {
        "activity": posted.get("activity", ""),
        "channel": posted.get("channel", ""),
        "campaign": posted.get("campaign", ""),
        "market": posted.get("market", ""),
        "front_key": posted.get("front_key", front_key),
        "kind": SpendKind(kind) if kind in SpendKind.values else SpendKind.ADS,
        "expected": formats.read_number(expected) if expected else None,
    }


def _plan_months(visit: Visit, version: PlanVersion, line: BudgetLine, posted: Mapping[str, str]) -> None:
    for month in version.plan.months:
        text = posted.get(f"month-{month:%Y-%m}", "").strip()
        amount = formats.read_number(text) if text else Decimal(0)
        ledger.set_amount(
            version=version, key=line.key, month=month, amount=amount, actor=visit.user, now=timezone.now(),
            reason=posted.get("reason", ""),
        )  # fmt: skip


def _month(posted: Mapping[str, str], name: str) -> date:
    return parse_day(posted.get(name, ""))


def line(visit: Visit, plan_id: int, key: str) -> HttpResponse:
    """A line to change or take out; what doesn't fit stands above it."""
    version = version_of(visit, plan_id)
    found = version.budget.filter(key=key).first()
    if found is None or version.state in (State.ACTIVE, State.CLOSED):
        raise Http404
    posted, now, error = visit.request.POST, timezone.now(), ""
    if visit.request.method == "POST":
        try:
            if posted.get("do") == "drop":
                ledger.drop_line(version=version, key=key, actor=visit.user, now=now)
            else:
                _keep(visit, version, posted, found)
            return redirect(_address(visit, version))
        except ToplineError as wrong:
            error = formats.say(wrong)
    amounts = found.amounts
    context = {
        **plans.about_then(visit),
        "plan": version.plan,
        "version": version,
        "line": found,
        "months": [(month, formats.fixed(amounts.get(month, Decimal(0)), 2)) for month in version.plan.months],
        "expected": formats.fixed(found.expected, 2) if found.expected is not None else "",
        "kinds": SpendKind.choices,
        "channels": _channels(visit),
        "fronts": ledger.front_names(version),
        "back": _address(visit, version),
        "error": error,
    }
    return visit.render("ledger_line.html", context, status=400 if error else 200)


PAGES = (
    Page(
        path="plans/<int:plan_id>/budget",
        name="plan_budget",
        view=view,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
    Page(
        path="plans/<int:plan_id>/budget/<slug:key>",
        name="plan_budget_line",
        view=line,
        permission="plans.write",
        place="plan",
    ),
)
