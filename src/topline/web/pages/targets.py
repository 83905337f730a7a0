"""The target grids of a plan: by category and market, channel, territory, team or person, edited by several at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
from babel import numbers
from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from topline.accounts.models import User
from topline.metrics.catalogue import metrics
from topline.plans import operations, targets
from topline.plans.cuts import DIMENSIONS
from topline.plans.drafting import PLANNED
from topline.plans.facts import QUOTA
from topline.plans.grid import Grid, Part
from topline.plans.models import Edit, GridOperation, PlanVersion, State
from topline.plans.units import digits, from_minor
from topline.team.models import Member
from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.web import formats
from topline.web.page import Page, Visit, stretches, whole
from topline.web.pages.plans import TONES, name_of, version_of

LINES = 40
"""Lines that a page shows; the rest is on the next."""

CUTS = {
    "": N_("Category and market"),
    "channel": N_("Channel"),
    "territory": N_("Territory"),
    "team": N_("Team"),
    "person": N_("Person"),
}
VERBS = {
    Edit.SET: N_("set"),
    Edit.PASTE: N_("pasted"),
    Edit.LOCK: N_("locked"),
    Edit.UNLOCK: N_("unlocked"),
    Edit.UNDO: N_("undid an edit of"),
    Edit.LINES: N_("added lines to"),
}
_LOGGED = 30


@dataclass(frozen=True, slots=True)
class Window:
    """What part of which grid a page shows.

    market : its place on the axis, None for all together; first : of the lines
    """

    version: PlanVersion
    metric: str
    cut: str
    market: int | None
    first: int

    @classmethod
    def asked(cls, visit: Visit, version: PlanVersion) -> "Window":
        asked = visit.request.GET
        metric = asked.get("metric", "net_sales")
        metric = metric if metric in version.grid_metrics else "net_sales"
        cut = asked.get("by", "") if asked.get("by", "") in CUTS else ""
        markets = version.axes(metric, cut)[1]
        market = whole(asked.get("market")) if asked.get("market", "").isdecimal() else None
        if len(markets) == 1 or (market is not None and market >= len(markets)):
            market = None
        lines = len(version.axes(metric, cut)[0])
        first = min(whole(asked.get("first")), max(lines - 1, 0)) // LINES * LINES
        return cls(version, metric, cut, market, first)

    @property
    def query(self) -> str:
        pairs = {"version": self.version.number, "metric": self.metric, "by": self.cut, "first": self.first}
        market = "" if self.market is None else f"&market={self.market}"
        return "?" + "&".join(f"{name}={value}" for name, value in pairs.items() if value != "") + market

    @property
    def places(self) -> range:
        return range(self.first, min(self.first + LINES, len(self.version.axes(self.metric, self.cut)[0])))

    def part(self, block: int | None, month: int | None) -> Part:
        return Part(block, self.market, month)

    def texts(self, grid: Grid, only: frozenset[str] | None = None) -> dict[str, list[str | bool]]:
        """[text, is locked] of each cell and total of the window, by its id: `3.0` line 3, month 0; `t` a total.

        only : ids, all of them if None
        """
        market = slice(None) if self.market is None else slice(self.market, self.market + 1)
        cells, locked = grid.cells[:, market], grid.locked[:, market]
        text = _writer(self.metric, self.version.plan.currency)
        lines, are_locked = cells.sum(axis=1), locked.all(axis=1)
        found: dict[str, list[str | bool]] = {}

        def put(line: str, amounts: Sequence[int], locks: Sequence[bool]) -> None:
            places = [*(str(month) for month in range(len(amounts))), "t"]
            totals = [*amounts, sum(amounts)], [*locks, all(locks)]
            for place, minor, is_locked in zip(places, *totals, strict=True):
                if only is None or f"{line}.{place}" in only:
                    found[f"{line}.{place}"] = [text(minor), is_locked]

        for block in self.places:
            put(str(block), lines[block].tolist(), are_locked[block].tolist())
        put("t", lines.sum(axis=0).tolist(), are_locked.all(axis=0).tolist())
        return found

    def changed(self, since: Sequence[GridOperation], shape: tuple[int, ...]) -> frozenset[str] | None:
        """Ids of the cells and totals that operations changed, None for all."""
        if len(since) > _LOGGED:
            return None
        places: set[tuple[int, int]] = set()
        for one in since:
            blocks, _, months = np.unravel_index(one.effect.at, shape)
            places |= set(zip(blocks.tolist(), months.tolist(), strict=True))
        lines = {f"{block}.{month}" for block, month in places} | {f"{block}.t" for block, _ in places}
        return frozenset(lines | {f"t.{month}" for _, month in places} | {"t.t"})


def _writer(metric: str, currency: str) -> Callable[[int], str]:
    """How amounts of the grid are written in the language of the page: as `formats.fixed`, for many."""
    locale, places = formats.locale(), digits(metric, currency)
    signs = str.maketrans({",": numbers.get_group_symbol(locale), ".": numbers.get_decimal_symbol(locale)})
    return lambda minor: f"{Decimal(minor).scaleb(-places):,.{places}f}".translate(signs)


def view(visit: Visit, plan_id: int) -> HttpResponse:
    return visit.render("targets.html", _context(visit, Window.asked(visit, version_of(visit, plan_id))))


def act(visit: Visit, plan_id: int) -> HttpResponse:
    """Lines added to a cut, or a cut brought in line with the shop."""
    version = version_of(visit, plan_id)
    window = Window.asked(visit, version)
    if visit.request.method != "POST":
        return redirect(visit.url("plan_targets", plan_id) + window.query)
    visit.require("plans.write")
    posted, now = visit.request.POST, timezone.now()
    try:
        if posted.get("do") == "lines":
            names = [*posted.getlist("known"), *posted.get("names", "").splitlines()]
            targets.add_lines(
                version=version, metric=window.metric, cut=window.cut, names=names, actor=visit.user, now=now
            )
        elif posted.get("do") in ("down", "up") and window.cut:
            targets.bring_in_line(
                version=version, metric=window.metric, cut=window.cut, is_bottom_up=posted["do"] == "up",
                reason=posted.get("reason", ""), actor=visit.user, now=now,
            )  # fmt: skip
    except ToplineError as error:
        messages.error(visit.request, formats.say(error))
    return redirect(visit.url("plan_targets", plan_id) + window.query)


def edit(visit: Visit, plan_id: int) -> HttpResponse:
    """An edit of a cell or total, a lock, a paste or an undo; answers with the window's cells as JSON."""
    visit.require("plans.write")
    version = version_of(visit, plan_id)
    window = Window.asked(visit, version)
    posted = visit.request.POST
    seen = whole(posted.get("seen"))
    try:
        _edit(visit, window, posted.get("do", "set"), seen)
    except (ToplineError, ValueError) as error:
        said = formats.say(error) if isinstance(error, ToplineError) else gettext("This can't be read.")
        answer = _news(visit, _again(window), seen) | {"error": said}
        return JsonResponse(answer, status=409 if isinstance(error, operations.StaleEditError) else 400)
    return JsonResponse(_news(visit, _again(window), seen))


def _edit(visit: Visit, window: Window, verb: str, seen: int) -> None:
    posted = visit.request.POST
    part = window.part(*(int(posted[at]) if posted.get(at, "").isdecimal() else None for at in ("line", "month")))
    what: dict[str, Any] = {"version": window.version, "metric": window.metric, "cut": window.cut, "seen": seen}
    whom: dict[str, Any] = {"actor": visit.user, "now": timezone.now()}
    reason = posted.get("reason", "")
    read = partial(formats.read_value, unit=metrics()[window.metric].unit, currency=visit.shop.currency)
    match verb:
        case "undo":
            operations.undo_edit(version=window.version, **whom)
        case "lock" | "unlock":
            operations.lock_targets(part=part, is_locked=verb == "lock", **what, **whom)
        case "paste":
            targets.paste(amounts=_table(posted.get("text", ""), read), at=part, reason=reason, **what, **whom)
        case _:
            amount = read(posted.get("amount", ""))
            operations.set_target(part=part, amount=amount, reason=reason, **what, **whom)


def _table(text: str, read: Callable[[str], Decimal]) -> list[list[Decimal | None]]:
    """The amounts of cells as a spreadsheet copies them; None for empty ones."""
    rows = [line.split("\t") for line in text.rstrip("\r\n").splitlines()]
    return [[read(cell) if cell.strip() else None for cell in row] for row in rows]


def _again(window: Window) -> Window:
    version = PlanVersion.objects.of(window.version.plan.shop).get(pk=window.version.pk)
    return Window(version, window.metric, window.cut, window.market, window.first)


def news(visit: Visit, plan_id: int) -> HttpResponse:
    """The window's cells once somebody has changed the grid after `seen`; nothing until then."""
    window = Window.asked(visit, version_of(visit, plan_id))
    seen = whole(visit.request.GET.get("seen"))
    if window.version.revision <= seen:
        return HttpResponse(status=204)
    return JsonResponse(_news(visit, window, seen))


def _news(visit: Visit, window: Window, seen: int) -> dict[str, Any]:
    """What somebody who saw `seen` needs to see what the grid is now."""
    version = window.version
    others = GridOperation.objects.since(version, window.metric, seen, window.cut).order_by("revision")
    since = list(others)
    theirs = [one for one in since if one.actor_id != visit.user.pk]
    grid = version.grid(window.metric, window.cut)
    people, called = _people(since), _namer(visit, window)
    return {
        "revision": version.revision,
        "cells": window.texts(grid, window.changed(since, grid.cells.shape)),
        "state": version.get_state_display(),
        "said": _line(window, theirs[-1], people, called) if theirs else "",
        "log": [
            [_line(window, one, people, called), one.reason, formats.moment(one.at.astimezone(visit.shop.zone))]
            for one in since[-_LOGGED:]
        ],
        "can_undo": GridOperation.objects.undoable(version).exists(),
    }


def _people(entries: Sequence[GridOperation]) -> dict[int, str]:
    known = {one.actor_id for one in entries if one.actor_id}
    return {person.pk: str(person) for person in User.objects.filter(pk__in=known)}


def _line(window: Window, entry: GridOperation, people: dict[int, str], called: Callable[[str | None], str]) -> str:
    """One entry of the log in words: who did what, where."""
    blocks, _, months = window.version.axes(entry.metric, entry.cut)
    is_known = entry.block is not None and entry.block < len(blocks)
    where = called(blocks[entry.block]) if is_known else gettext("all lines")  # type: ignore[index]
    when = formats.month(months[entry.month]) if entry.month is not None else gettext("all months")
    said = {
        "who": people.get(entry.actor_id or 0, gettext("the command line")),
        "did": gettext(VERBS[Edit(entry.kind)]),
        "where": where,
        "when": when,
    }
    if entry.amount is None:
        return gettext("%(who)s %(did)s %(where)s, %(when)s") % said
    amount = from_minor(entry.metric, entry.amount, window.version.plan.currency)
    unit = metrics()[entry.metric].unit
    said["amount"] = formats.number(amount, unit, window.version.plan.currency)
    return gettext("%(who)s %(did)s %(where)s, %(when)s to %(amount)s") % said


def _namer(visit: Visit, window: Window) -> Callable[[str | None], str]:
    """How the lines of the window's grid are called."""
    if window.cut == "person":
        people = {
            str(pk): str(person) for pk, person in User.objects.filter(membership__shop=visit.shop).in_bulk().items()
        }
        people |= dict(Member.objects.filter(shop=visit.shop).named().values_list("key", "name"))
        return lambda name: people.get(name or "", name or "–")
    if window.cut:
        return lambda name: name_of(DIMENSIONS[window.cut], name)
    if len(window.version.axes(window.metric)[0]) == 1:
        return lambda name: gettext("The whole shop")
    return lambda name: name_of("category", name)


def _context(visit: Visit, window: Window) -> dict[str, Any]:
    version = window.version
    plan, metric = version.plan, metrics()[window.metric]
    blocks, markets, months = version.axes(window.metric, window.cut)
    is_there = not window.cut or (window.metric, window.cut) in version.grid_cuts
    is_editable = visit.may("plans.write") and version.state not in (State.ACTIVE, State.CLOSED)
    grid = version.grid(window.metric, window.cut)
    texts = window.texts(grid) if is_there else {}
    called = _namer(visit, window)
    entries = list(
        GridOperation.objects.filter(version=version, metric=window.metric, cut=window.cut).order_by("-revision")[
            :_LOGGED
        ]
    )
    people = _people(entries)
    return {
        "plan": plan,
        "version": version,
        "tab": "targets",
        "version_query": f"?version={version.number}" if visit.request.GET.get("version") else "",
        "tone": TONES[State(version.state)],
        "sentence": _sentence(window, grid, is_there),
        "metric": metric,
        "metrics": [
            (id_, formats.say(metrics()[id_].label)) for id_ in (*PLANNED, QUOTA) if id_ in version.grid_metrics
        ],
        "cuts": [(id_, formats.say(label)) for id_, label in CUTS.items()],
        "cut": window.cut,
        "markets": [(i, name_of("market", name)) for i, name in enumerate(markets)] if len(markets) > 1 else [],
        "market": window.market,
        "window": window,
        "is_there": is_there,
        "is_editable": is_editable,
        "months": months,
        "rows": [
            {"id": str(block), "name": called(blocks[block]), **_row(texts, str(block), called(blocks[block]), months)}
            for block in (window.places if is_there else ())
        ],
        "sums": _row(texts, "t", gettext("Total"), months) if is_there else None,
        "has_total_row": len(blocks) > 1,
        "pages": stretches(len(blocks), window.first, LINES, lambda first: replace(window, first=first).query),
        "gap": _gap(window) if window.cut and is_there else None,
        "known": [(name, called(name)) for name in targets.known_lines(version, window.cut) if name not in blocks],
        "log": [
            {"row": one, "text": _line(window, one, people, called), "at": one.at.astimezone(visit.shop.zone)}
            for one in entries
        ],
        "can_undo": is_editable and GridOperation.objects.undoable(version).exists(),
        "source": {
            "edit": visit.url("plan_targets_edit", plan.pk) + window.query,
            "news": visit.url("plan_targets_news", plan.pk) + window.query,
            "revision": version.revision,
            "isEditable": is_editable,
            "words": {
                "saved": gettext("Saved."),
                "meanwhile": gettext("Somebody made it %(amount)s meanwhile. Enter keeps yours, Esc takes theirs.")
                % {"amount": "{amount}"},
                "offline": gettext("The server didn't answer. What you typed is still here; press Enter to try again."),
                "lock": gettext("Lock"),
                "unlock": gettext("Unlock"),
            },
        },
    }


def _row(texts: dict[str, list[str | bool]], line: str, name: str, months: Sequence[date]) -> dict[str, Any]:
    """The cells of a line, and its total."""

    def shown(month: str, when: str) -> dict[str, Any]:
        text, is_locked = texts[f"{line}.{month}"]
        return {"id": f"{line}.{month}", "text": text, "is_locked": is_locked, "label": f"{name}, {when}"}

    cells = [shown(str(place), formats.month(day)) for place, day in enumerate(months)]
    return {"cells": cells, "total": shown("t", gettext("total"))}


def _sentence(window: Window, grid: Grid, is_there: bool) -> str:
    version = window.version
    unit, currency = metrics()[window.metric].unit, version.plan.currency
    if not is_there:
        return gettext("%(metric)s: no targets by %(cut)s yet.") % {
            "metric": formats.say(metrics()[window.metric].label),
            "cut": formats.say(CUTS[window.cut]).lower(),
        }
    total = formats.number(from_minor(window.metric, grid.total(), currency), unit, currency)
    if not window.cut:
        n = len(grid.cells)
        return ngettext("%(total)s, in %(n)s line by month.", "%(total)s, in %(n)s lines by month.", n) % {
            "total": total,
            "n": n,
        }
    open_ = targets.gap(version, window.metric, window.cut).total
    if not open_:
        return gettext("All of %(total)s is given out.") % {"total": total}
    said = {"total": total, "open": formats.number(abs(open_), unit, currency)}
    if open_ > 0:
        return gettext("%(total)s is given out; %(open)s is not yet.") % said
    return gettext("%(total)s is given out, %(open)s more than the shop plans.") % said


def _gap(window: Window) -> dict[str, Any]:
    """The row that says what of each month is not given out."""
    open_ = targets.gap(window.version, window.metric, window.cut)
    places = digits(window.metric, window.version.plan.currency)
    return {
        "cells": [formats.fixed(one, places) for one in open_.by_month],
        "total": formats.fixed(open_.total, places),
        "is_open": any(open_.by_month),
    }


PAGES = (
    Page(
        path="plans/<int:plan_id>/targets",
        name="plan_targets",
        view=view,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
    Page(
        path="plans/<int:plan_id>/targets/do", name="plan_targets_act", view=act, permission="plans.write", place="plan"
    ),
    Page(
        path="plans/<int:plan_id>/targets/edit",
        name="plan_targets_edit",
        view=edit,
        permission="plans.write",
        place="plan",
    ),
    Page(
        path="plans/<int:plan_id>/targets/news",
        name="plan_targets_news",
        view=news,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
)
