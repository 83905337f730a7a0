"""Training: who learned what, which number it should move, and what that number did before and after."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext, ngettext

from topline.accounts.models import Channel
from topline.documents.sheet import Column, Form, Sheet, Value
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Direction, Unit
from topline.team import operations
from topline.team.effect import Effect, effect
from topline.team.models import Member, Territory, Training
from topline.units.missing import Missing
from topline.units.text import N_
from topline.web import fields, files, formats, question
from topline.web.fields import Field
from topline.web.page import Page, Visit, whole

SHOWN = 60
"""Sessions that the page shows, the newest."""


def view(visit: Visit) -> HttpResponseBase:
    listed = list(Training.objects.filter(shop=visit.shop).prefetch_related("attendees").select_related("shop")[:SHOWN])
    if visit.request.method == "POST":
        return _act(visit, listed)
    return _show(visit, listed, fields.form(visit, "training.write", listed, partial(_fields, visit)))


def _show(visit: Visit, listed: Sequence[Training], form: dict[str, Any] | None, status: int = 200) -> HttpResponseBase:
    found = [(one, effect(one, visit.today, visit.scope)) for one in listed]
    if kind := visit.request.GET.get("format", ""):
        file = files.download(kind, f"{visit.shop.slug}-training", lambda: _sheet(found), dict)
        if file is not None:
            return file
    context = {
        "sentence": _sentence(visit, found),
        "rows": [_row(visit, one, seen) for one, seen in found],
        "form": form,
        "may_write": visit.may("training.write"),
    }
    return visit.render("team_training.html", context, status=status)


def _act(visit: Visit, listed: Sequence[Training]) -> HttpResponseBase:
    visit.require("training.write")
    posted, actor = visit.request.POST, visit.user.pk
    number = whole(posted.get("training")) or None
    if posted.get("do") == "remove":
        operations.remove_training(shop=visit.shop, training_id=number or 0, actor_id=actor)
        messages.info(visit.request, gettext("Taken out."))
        return redirect("team_training", visit.shop.slug)

    def kept(values: dict[str, Any]) -> None:
        dimension, _, value = values["scope"].partition("=")
        scope = {dimension: value} if value else {}
        operations.keep_training(shop=visit.shop, values={**values, "scope": scope}, actor_id=actor, training_id=number)

    form = fields.keep(visit, listed, number, partial(_fields, visit), kept)
    if form is None:
        return redirect("team_training", visit.shop.slug)
    return _show(visit, listed, form, status=400)


def _fields(visit: Visit, one: Training | None) -> list[Field]:
    known = [(id_, formats.say(each.label)) for id_, each in question.visible_metrics(visit.scope).items()]
    people = [(str(each.pk), str(each)) for each in Member.objects.of(visit.shop).people()]
    there = [each.pk for each in one.attendees.all()] if one else []
    scope = next((f"{dimension}={value}" for dimension, value in one.scope.items()), "") if one else _OF_ATTENDEES
    return [
        Field("name", gettext("Session"), value=one and one.name, is_needed=True),
        Field("on", gettext("Day"), "day", one.on if one else visit.today + timedelta(days=14), is_needed=True),
        Field("skill", gettext("Skill"), value=one and one.skill),
        Field("metric", gettext("Number that it should move"), "choice", one and one.metric,
              [("", gettext("none yet")), *sorted(known, key=lambda each: each[1])]),
        Field("scope", gettext("Of whom, or of what"), "choice", scope, _scopes(visit)),
        Field("weeks", gettext("Weeks to compare, before and after"), "number", one.weeks if one else 4),
        Field("attendees", gettext("Who is there"), "several", there, people),
    ]  # fmt: skip


_OF_ATTENDEES = f"owner={operations.ATTENDEES}"


def _scopes(visit: Visit) -> list[tuple[str, str]]:
    territories = Territory.objects.filter(shop=visit.shop)
    markets = dict.fromkeys(one.market for one in territories if one.market)
    named = [
        *(("market", market) for market in markets),
        *(("territory", one.name) for one in territories),
        *(("channel", one.code) for one in Channel.objects.filter(shop=visit.shop)),
    ]
    return [
        (_OF_ATTENDEES, gettext("those who were there")),
        ("", gettext("the whole shop")),
        *((f"{dimension}={value}", _scope_text({dimension: value})) for dimension, value in named),
    ]


def _scope_text(scope: dict[str, str]) -> str:
    if not scope:
        return gettext("the whole shop")
    (dimension, value), *_ = scope.items()
    if value == operations.ATTENDEES:
        return gettext("those who were there")
    return f"{question.label_of(dimension)}: {question.label(dimension, value)}"


def _row(visit: Visit, one: Training, seen: Effect | Missing) -> dict[str, Any]:
    row: dict[str, Any] = {
        "one": one,
        "attendees": ", ".join(str(each) for each in one.attendees.all()),
        "metric": metrics().get(one.metric),
        "scope": _scope_text(one.scope),
        "is_ahead": one.on >= visit.today,
    }
    if isinstance(seen, Missing):
        return row | {"why": formats.say(seen)}

    def said(value: object) -> str:
        return formats.number(value, metrics()[one.metric].unit, visit.shop.currency)

    return row | {
        "before": said(seen.before),
        "after": said(seen.after),
        "change": _change(one.metric, seen.before, seen.after),
        "is_better": _is_better(one.metric, seen.before, seen.after),
        "whole": _change(one.metric, seen.whole_before, seen.whole_after),
        "days": seen.days,
        "is_whole": seen.is_whole,
    }


def _change(metric: str, before: object, after: object) -> str:
    """Relative; of a rate in points."""
    if metrics()[metric].unit == Unit.RATE:
        points = formats.difference(after, before)
        return formats.signed_points(points) if points is not None else "–"
    change = formats.change(after, before)
    return formats.signed_percent(change) if change is not None else "–"


def _is_better(metric: str, before: object, after: object) -> bool | None:
    change = formats.change(after, before)
    direction = metrics()[metric].direction
    if not change or direction is Direction.NONE:
        return None
    return (change > 0) == (direction is Direction.UP)


def _sentence(visit: Visit, found: Sequence[tuple[Training, Effect | Missing]]) -> str:
    if not found:
        return gettext("No training is planned. Plan one, and name the number that it should move.")
    ahead = sum(one.on >= visit.today for one, _ in found)
    known = [(one, seen) for one, seen in found if isinstance(seen, Effect)]
    better = sum(_is_better(one.metric, seen.before, seen.after) is True for one, seen in known)
    said = []
    if known:
        text = ngettext(
            "After %(better)s of %(n)s session its number was better than before, which proves nothing yet.",
            "After %(better)s of %(n)s sessions their number was better than before, which proves nothing yet.",
            len(known),
        )
        said.append(text % {"better": better, "n": len(known)})
    if ahead:
        said.append(ngettext("%(n)s session is ahead.", "%(n)s sessions are ahead.", ahead) % {"n": ahead})
    return " ".join(said) or gettext("Of none of the sessions can anything be said yet.")


def _sheet(found: Sequence[tuple[Training, Effect | Missing]]) -> Sheet:
    columns = [
        Column(gettext("Session")), Column(gettext("Day"), Form.DATE), Column(gettext("Skill")),
        Column(gettext("Who was there")), Column(gettext("Indicator")), Column(gettext("Days compared"), Form.WHOLE),
        Column(gettext("Before"), Form.NUMBER), Column(gettext("After"), Form.NUMBER),
    ]  # fmt: skip
    rows: list[list[Value]] = [
        [
            one.name, one.on, one.skill, ", ".join(str(each) for each in one.attendees.all()), one.metric,
            *([seen.days, seen.before, seen.after] if isinstance(seen, Effect) else [None, seen, seen]),
        ]
        for one, seen in found
    ]  # fmt: skip
    return Sheet(gettext("Training"), columns, rows)


PAGES = (
    Page(
        path="team/training",
        name="team_training",
        view=view,
        permission="people.read",
        place="team",
        label=N_("Training"),
        icon="school",
        rank=4,
    ),
)
