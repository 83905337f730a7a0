"""Territories: where the shop sells through which channel, who owns it, and how it stands to the plan in force."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext, ngettext

from topline.accounts import channels
from topline.accounts.models import Channel
from topline.documents.sheet import Column, Form, Sheet, Value
from topline.metrics.catalogue import metrics
from topline.plans import team, territories
from topline.plans.figures import Reader
from topline.plans.models import Plan, PlanVersion
from topline.plans.territories import Standing
from topline.team import operations
from topline.team.models import Member, Territory
from topline.units.missing import Missing
from topline.units.text import N_
from topline.web import charts, fields, files, formats, question
from topline.web.fields import Field
from topline.web.page import Page, Visit, whole


def plan_of(visit: Visit, plans: Sequence[Plan]) -> PlanVersion | None:
    """The version that is asked for, else of the plan in force today, else of the latest plan."""
    asked = next((one for one in plans if str(one.pk) == visit.request.GET.get("plan")), None)
    if asked is None:
        now = [one for one in plans if one.starts_on <= visit.today < one.ends_on]
        asked = next((one for one in now if one.kind != "marketing"), next(iter(now or plans), None))
    return asked.current if asked is not None else None


def view(visit: Visit) -> HttpResponseBase:
    listed = list(Territory.objects.filter(shop=visit.shop).select_related("owner"))
    if visit.request.method == "POST":
        return _act(visit, listed)
    return _show(visit, listed, fields.form(visit, "team.write", listed, partial(_fields, visit)))


def _show(
    visit: Visit, listed: Sequence[Territory], form: dict[str, Any] | None, status: int = 200
) -> HttpResponseBase:
    plans = list(Plan.objects.of(visit.shop))
    version = plan_of(visit, plans)
    found = territories.of(Reader(version, visit.today, visit.scope)) if version else []
    if kind := visit.request.GET.get("format", ""):
        file = files.download(kind, f"{visit.shop.slug}-territories", lambda: _sheet(visit, found), dict)
        if file is not None:
            return file
    names = dict(Channel.objects.filter(shop=visit.shop).values_list("code", "kind"))
    standing = {one.territory.pk: one for one in found}
    context = {
        "sentence": _sentence(visit, listed, found),
        "plans": plans,
        "version": version,
        "picture": _picture(visit, found),
        "rows": [_row(visit, one, standing.get(one.pk), names) for one in listed],
        "proposed": [] if listed or not version else team.proposed(version),
        "form": form,
        "may_write": visit.may("team.write"),
    }
    return visit.render("team_territories.html", context, status=status)


def _act(visit: Visit, listed: Sequence[Territory]) -> HttpResponseBase:
    visit.require("team.write")
    posted, actor = visit.request.POST, visit.user.pk
    number = whole(posted.get("territory")) or None
    match posted.get("do"):
        case "remove":
            operations.remove_territory(shop=visit.shop, territory_id=number or 0, actor_id=actor)
            messages.info(visit.request, gettext("Taken off the list. Facts and plans keep its name."))
            return redirect("team_territories", visit.shop.slug)
        case "propose":
            for values in _proposed(visit):
                operations.keep_territory(shop=visit.shop, values=values, actor_id=actor)
            return redirect("team_territories", visit.shop.slug)

    def kept(values: dict[str, Any]) -> None:
        operations.keep_territory(shop=visit.shop, values=values, actor_id=actor, territory_id=number)

    form = fields.keep(visit, listed, number, partial(_fields, visit), kept)
    if form is None:
        return redirect("team_territories", visit.shop.slug)
    return _show(visit, listed, form, status=400)


def _proposed(visit: Visit) -> Iterator[dict[str, str]]:
    """Those that the latest plan's draft proposes; else one for each of its markets that has none."""
    plans = list(Plan.objects.of(visit.shop))
    version = plan_of(visit, plans)
    if version and (drafted := team.proposed(version)):
        yield from drafted
        return
    there = set(Territory.objects.filter(shop=visit.shop).values_list("market", flat=True))
    for market in version.markets if version else [visit.shop.country]:
        if market and len(market) == 2 and market not in there:
            yield {"name": question.label("market", market), "market": market, "country": market}


def _fields(visit: Visit, one: Territory | None) -> list[Field]:
    places = formats.places()
    members = Member.objects.of(visit.shop)
    known = Channel.objects.filter(shop=visit.shop)
    everywhere, nobody = ("", gettext("all of them")), ("", gettext("nobody"))
    return [
        Field("name", gettext("Name"), value=one and one.name, is_needed=True, hint=gettext("As deals name it.")),
        Field("market", gettext("Market"), "choice", one and one.market, [everywhere, *places["countries"]]),
        Field(
            "region", gettext("Region"), value=one and one.region,
            hint=gettext("Empty for the whole market. Deals know their region, orders don't."),
        ),
        Field(
            "channel", gettext("Sales channel"), "choice", one and one.channel,
            [everywhere, *((each.code, _channel(each)) for each in known)],
        ),
        Field("currency", gettext("Currency"), "choice", one.currency if one else visit.shop.currency,
              places["currencies"]),
        Field("tax_rate", gettext("Tax, per cent"), "rate", one and one.tax_rate),
        Field("country", gettext("Calendar of"), "choice", one.country if one else visit.shop.country,
              places["countries"]),
        Field("owner", gettext("Owner"), "choice", one and one.owner_id,
              [nobody, *((str(each.pk), str(each)) for each in members)]),
        Field("strategy", gettext("Strategy"), "long", one and one.strategy, is_wide=True),
    ]  # fmt: skip


def _channel(channel: Channel) -> str:
    return f"{channel.name} · {gettext('online') if channel.is_online else gettext('offline')}"


def _row(visit: Visit, one: Territory, stands: Standing | None, kinds: dict[str, str]) -> dict[str, Any]:
    currency = visit.shop.currency
    where = [question.label("market", one.market)] if one.market else []
    kind = channels.KINDS.get(kinds.get(one.channel, ""))
    return {
        "one": one,
        "where": ", ".join([*where, one.region] if one.region else where) or gettext("everywhere"),
        "channel": formats.channel(one.channel) if one.channel else gettext("all channels"),
        "kind": str(kind[0]) if kind else "",
        "country": question.label("market", one.country),
        "metric": metrics()[stands.metric] if stands else None,
        "target": _money(stands.target, currency) if stands else "–",
        "actual": _money(stands.actual, currency) if stands else "–",
        "why": formats.say(stands.actual) if stands and isinstance(stands.actual, Missing) else "",
        "pace": formats.percent(stands.pace, 0) if stands and stands.pace is not None else "–",
        "is_behind": bool(stands and stands.pace is not None and stands.pace < 0.95),
    }


def _money(value: object, currency: str) -> str:
    return formats.whole_money(value, currency) if isinstance(value, Decimal | int | float) else "–"


def _sentence(visit: Visit, listed: Sequence[Territory], found: Sequence[Standing]) -> str:
    if not listed:
        return gettext("No territory yet: a market or region, and a channel, with somebody who answers for it.")
    said = [ngettext("%(n)s territory", "%(n)s territories", len(listed)) % {"n": len(listed)}]
    behind = [one.territory.name for one in found if one.pace is not None and one.pace < 0.95]
    paced = [one for one in found if one.pace is not None]
    if behind:
        return gettext("%(all)s; behind the plan: %(names)s.") % {"all": said[0], "names": ", ".join(behind)}
    if len(paced) == len(listed):
        return gettext("%(all)s, all on course.") % {"all": said[0]}
    names = ", ".join(one.name for one in listed if one.pk not in {each.territory.pk for each in paced})
    return gettext("%(all)s; without a target that is due: %(names)s.") % {"all": said[0], "names": names}


def _picture(visit: Visit, found: Sequence[Standing]) -> charts.Picture | None:
    known = [one for one in found if isinstance(one.actual, Decimal | int | float)]
    if not known:
        return None
    rows = [
        charts.Line(gettext("Actual"), [float(one.actual) for one in known], "actual"),  # type: ignore[arg-type]
        charts.Line(gettext("Due by now"), [float(one.due) if one.due is not None else None for one in known], "mark"),
    ]
    title = gettext("What came in, against what is due")
    drawn = charts.picture(
        title, [one.territory.name for one in known], rows, unit="money", currency=visit.shop.currency
    )
    return charts.as_columns(drawn)


def _sheet(visit: Visit, found: Sequence[Standing]) -> Sheet:
    currency = visit.shop.currency
    columns = [
        Column(gettext("Territory")), Column(gettext("Market")), Column(gettext("Region")), Column(gettext("Channel")),
        Column(gettext("Owner")), Column(gettext("Calendar of")), Column(gettext("Tax"), Form.RATE),
        Column(gettext("Metric")), Column(gettext("Target"), Form.MONEY, currency),
        Column(gettext("Due by now"), Form.MONEY, currency), Column(gettext("Actual"), Form.MONEY, currency),
    ]  # fmt: skip
    rows: list[list[Value]] = [
        [
            one.territory.name, one.territory.market, one.territory.region, one.territory.channel,
            str(one.territory.owner or ""), one.territory.country, one.territory.tax_rate,
            formats.say(metrics()[one.metric].label), one.target, one.due,
            one.actual if isinstance(one.actual, Decimal | Missing) else None,
        ]
        for one in found
    ]  # fmt: skip
    return Sheet(gettext("Territories"), columns, rows)


PAGES = (
    Page(
        path="team/territories",
        name="team_territories",
        view=view,
        permission="plans.read",
        place="team",
        label=N_("Territories"),
        icon="map-pin",
        rank=2,
    ),
)
