"""The workload: what there is to pick, answer, call and make week by week, against the people there are."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext

from topline.documents.sheet import Column, Form, Sheet, Value
from topline.plans import jobs as plan_jobs
from topline.plans import text, workload
from topline.plans.workload import KINDS, WeekLoad, Workload
from topline.units.text import N_
from topline.web import charts, files, formats, question
from topline.web.page import Page, Visit
from topline.web.pages import stock_plan

TITLES: Mapping[str, str] = {
    "pick": N_("Orders to pick"),
    "contact": N_("Contacts to answer"),
    "lead": N_("Leads to call"),
    "content": N_("Content to make"),
}
ASSUMED = (
    "pick_minutes", "pick_people", "contact_minutes", "contact_people", "contacts_per_order", "lead_minutes",
    "lead_people", "leads_per_week", "content_minutes", "content_people", "content_per_week", "content_per_event",
    "week_hours",
)  # fmt: skip


def view(visit: Visit) -> HttpResponseBase:
    question.require_asked(visit)
    if visit.is_empty:
        return visit.render("workload.html", {"is_empty": True})
    if visit.request.method == "POST":
        visit.require("catalog.write")
        stock_plan.keep(visit, ASSUMED)
        return redirect("workload", visit.shop.slug)
    rest = plan_jobs.prepare_stock(visit.shop, visit.today, retry=visit.is_retry)
    if (snapshot := rest.snapshot) is None:
        job = rest.job
        if visit.is_fragment and not formats.failure(job):
            return HttpResponse(status=204)
        context = {"job": job, "error": formats.failure(job)}
        return visit.render("workload.html#body" if visit.is_fragment else "workload.html", context)
    found = workload.of(visit.shop, visit.today, snapshot)
    picture = _picture(found, visit.shop.currency)
    if kind := visit.request.GET.get("format", ""):
        file = files.download(kind, f"{visit.shop.slug}-workload", lambda: _sheet(found), lambda: picture.option)
        if file is not None:
            return file
    context = _context(visit, found, picture) | visit.resting(rest)
    return visit.render("workload.html#body" if visit.is_fragment else "workload.html", context)


def _context(visit: Visit, found: Workload, picture: charts.Picture) -> dict[str, Any]:
    said = [text.render(one, currency=visit.shop.currency, language=formats.tag()) for one in found.headline]
    stated = stock_plan.fields(found.stated, ASSUMED)
    assumed = {"contact": "contacts_per_order", "lead": "leads_per_week", "content": "content_per_week"}
    hidden = {name for kind, name in assumed.items() if kind in found.counted}
    hidden |= {f"{kind}_people" for kind in found.of_team}
    if found.of_team == set(KINDS):
        hidden.add("week_hours")
    return {
        "work": found,
        "sentence": said[0],
        "more": said[1:],
        "picture": picture,
        "kinds": [
            {"id": kind, "label": formats.say(TITLES[kind]), "people": formats.decimal(found.capacity[kind], 1)}
            for kind in KINDS
        ],
        "weeks": list(_weeks(found)),
        "fields": [field for field in stated if field["name"] not in hidden],
        "may_state": visit.may("catalog.write"),
        "of_team": [formats.say(TITLES[kind]) for kind in KINDS if kind in found.of_team],
        "uncounted": [formats.say(TITLES[kind]) for kind in KINDS if kind not in found.counted],
    }


def _weeks(found: Workload) -> Iterator[dict[str, Any]]:
    for week in found.weeks:
        lines = {line.kind: line for line in found.lines if line.week == week}
        yield {
            "week": week,
            "cells": [
                {
                    "count": formats.decimal(lines[kind].count),
                    "people": formats.decimal(lines[kind].people, 1),
                    "high": formats.decimal(lines[kind].people_high, 1),
                    "there": formats.decimal(lines[kind].there, 1),
                    "is_over": lines[kind].is_over,
                }
                for kind in KINDS
            ],
            "missing": formats.decimal(sum(line.missing for line in lines.values()), 1),
            "is_over": any(line.is_over for line in lines.values()),
        }


def _picture(found: Workload, currency: str) -> charts.Picture:
    """People needed by week and kind of work."""
    rows = [charts.Line(formats.say(TITLES[kind]), [line.people for line in found.of_kind(kind)]) for kind in KINDS]
    axis = [formats.day(week) for week in found.weeks]
    return charts.picture(gettext("People needed by week"), axis, rows, unit="quantity", currency=currency)


def _sheet(found: Workload) -> Sheet:
    names = (
        N_("Pieces"), N_("Hours"), N_("People needed"), N_("People at the high end"), N_("People there"),
        N_("People missing"),
    )  # fmt: skip
    columns = [
        Column(gettext("Week"), Form.DATE),
        Column(gettext("Work")),
        *(Column(gettext(name), Form.NUMBER) for name in names),
    ]
    rows: Iterator[list[Value]] = (
        [line.week, formats.say(TITLES[line.kind]), *(round(value, 2) for value in _numbers(line))]
        for line in found.lines
    )
    return Sheet(gettext("Workload"), columns, rows)


def _numbers(line: WeekLoad) -> tuple[float, ...]:
    return line.count, line.hours, line.people, line.people_high, line.there, line.missing


PAGES = (
    Page(
        path="outlook/workload",
        name="workload",
        view=view,
        permission="metrics.read",
        place="outlook",
        is_whole=True,
        label=N_("Workload"),
        icon="users",
        rank=7,
    ),
)
