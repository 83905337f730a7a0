"""The plan as a document: its contents, a section at a time, edited in place, talked about, with its history."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from topline.accounts import channels
from topline.accounts.models import Channel, Shop, User
from topline.accounts.permissions import LABELS
from topline.calendar import events
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.plans import approval, cells, document, figures, gate, live, outline, progress, team, templates, text
from topline.plans.content import Deadline
from topline.plans.figures import Ask, Figure, Reader
from topline.plans.models import Entry, EntryEdit, PlanVersion, State
from topline.plans.outline import Behaviour, Column, Field, Section, Type
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.number import NumberTextError
from topline.units.period import Period
from topline.web import formats, markdown, question
from topline.web.page import Page, Visit
from topline.web.pages import plan_views, plans
from topline.workbench import comments
from topline.workbench.models import Comment

LISTED = 12
"""Edits of a field that its history shows at first."""

WIDE = 6
"""Columns from which on rows stand as cards, not as a table."""


TEAM_PAGES = {
    "14.credit": "team_quotas",
    "19.territories": "team_territories",
    "21.people": "team",
    "22.sessions": "team_training",
}
"""Where the rows of a field are edited that the team makes."""


class Desk:
    """What every part of a document's page needs: the version, the viewer's numbers, and the names of things."""

    def __init__(self, visit: Visit, version: PlanVersion) -> None:
        self.visit, self.version, self.plan = visit, version, version.plan
        self.today, known_at = plans.seen(visit)
        self.reader = Reader(version, self.today, visit.scope, known_at)
        self.entries = team.Entries(version, known_at)
        is_open = version.state not in (State.ACTIVE, State.CLOSED) and plans.then(visit) is None
        self.may_write = visit.may("plans.write") and is_open

    @cached_property
    def people(self) -> dict[int, str]:
        """Who is in the shop."""
        return {user.pk: str(user) for user in User.objects.filter(membership__shop=self.visit.shop).distinct()}

    @cached_property
    def goals(self) -> dict[str, str]:
        """The version's goals by key."""
        standing = self.version.goals.standing().only("key", "metric", "scope")
        return {goal.key: plans.goal_name(goal) for goal in standing}

    @cached_property
    def channels(self) -> dict[str, str]:
        """The shop's channels by code: those that facts carry, and those that have a name."""
        snapshot = self.visit.shop.lake().latest()
        seen = _seen(self.visit.shop.pk, snapshot.number) if snapshot else ()
        found = {code: channels.name_of(code) for code in seen}
        return found | dict(Channel.objects.filter(shop=self.visit.shop).values_list("code", "name"))

    def title(self, entry: Entry) -> str:
        """What a row is called: its first cell."""
        first = outline.fields()[entry.field].columns[0]
        return str(self.plain(first, entry.cells.get(first.id))) or gettext("without a name")

    def named(self, field: str) -> dict[str, str]:
        """The rows of a field by key."""
        return {entry.key: self.title(entry) for entry in self.entries[field]}

    def plain(self, column: Column, value: Any) -> str:
        """A cell's value in words."""
        if value in (None, "", []):
            return ""
        currency = self.plan.currency
        match column.type:
            case Type.MONEY:
                return formats.money(Decimal(value), currency)
            case Type.RATE:
                return formats.percent(Decimal(value))
            case Type.NUMBER:
                return formats.decimal(Decimal(value), 2)
            case Type.DAY:
                return formats.day(date.fromisoformat(value))
            case Type.CHOICE:
                return formats.say(column.options.get(value, value))
            case Type.PERSON:
                return self.people.get(value, gettext("somebody who left"))
            case Type.METRIC:
                return formats.say(metrics()[value].label) if value in metrics() else str(value)
            case Type.GOAL:
                return self.goals.get(value, str(value))
            case Type.CHANNEL:
                return formats.channel(value)
            case Type.CHANNELS:
                return ", ".join(formats.channel(each) for each in value)
            case Type.LIST:
                return ", ".join(value)
            case Type.RULE:
                return text.customers(value, currency=currency, language=formats.tag())
            case Type.MARKET | Type.CATEGORY:
                return question.label(column.type.value, value)
            case Type.EVENT:
                return formats.say(plans.EVENTS.get(value, value))
            case Type.ROW | Type.ROWS:
                names = self.named(column.of)
                keys = value if isinstance(value, list) else [value]
                return ", ".join(names.get(key, gettext("taken out")) for key in keys)
            case Type.STRATEGY:
                found = document.strategies(self.version).get(value)
                return self.title(found) if found else gettext("taken out")
        return str(value)

    def options(self, column: Column) -> list[tuple[str, str]]:
        """What may be chosen in a cell."""
        match column.type:
            case Type.CHOICE:
                return [(id_, formats.say(label)) for id_, label in column.options.items()]
            case Type.PERSON:
                return [(str(pk), name) for pk, name in self.people.items()]
            case Type.METRIC:
                return [(id_, formats.say(m.label)) for id_, m in question.visible_metrics(self.visit.scope).items()]
            case Type.GOAL:
                return list(self.goals.items())
            case Type.CHANNEL | Type.CHANNELS:
                return list(self.channels.items())
            case Type.MARKET:
                return [(name, question.label("market", name)) for name in self.version.markets if name and name != "*"]
            case Type.CATEGORY:
                return [(name, name) for name in self.version.blocks if name and name != "*"]
            case Type.EVENT:
                return [(event.id, formats.say(event.label)) for event in events.EVENTS]
            case Type.ROW | Type.ROWS:
                return list(self.named(column.of).items())
            case Type.STRATEGY:
                return [(key, self.title(entry)) for key, entry in document.strategies(self.version).items()]
        return []


@lru_cache(maxsize=64)
def _seen(shop_id: int, snapshot: int) -> tuple[str, ...]:
    """The channels that facts of a snapshot carry."""
    return tuple(channels.seen(Shop.objects.get(pk=shop_id)))


# Pages -------------------------------------------------------------------------


def view(visit: Visit, plan_id: int) -> HttpResponse:
    """The document: its contents and one section."""
    version = plans.version_of(visit, plan_id)
    listed = outline.sections(version.plan.kind, version.plan.outline)
    asked = visit.request.GET.get("section", "")
    chosen = next((each for each in listed if str(each.number) == asked), listed[0])
    desk = Desk(visit, version)
    with desk.reader.kept(f"section {chosen.number}"):
        section = _section(desk, chosen, visit.request.GET.get("edit", ""))
    place = listed.index(chosen)
    context = {
        **plans.about_then(visit),
        "desk": desk,
        "plan": version.plan,
        "version": version,
        "tone": plans.TONES[State(version.state)],
        "tab": "document",
        "version_query": f"?version={version.number}",
        "may_save": visit.may("plans.write"),
        "contents": _contents(desk, listed, chosen),
        "section": section,
        "before": listed[place - 1] if place else None,
        "after": listed[place + 1] if place + 1 < len(listed) else None,
        "query": f"version={version.number}{plans.about_then(visit)['then_query']}",
    }
    return visit.render("plan_document.html", context)


def save_template(visit: Visit, plan_id: int) -> HttpResponse:
    """What people wrote, kept as a template of the shop's own."""
    version = plans.version_of(visit, plan_id)
    if visit.request.method == "POST":
        visit.require("plans.write")
        kept = templates.save(
            version=version, name=visit.request.POST.get("name", ""), actor=visit.user, now=timezone.now()
        )
        messages.success(visit.request, gettext("New plans can start from “%(name)s” now.") % {"name": kept.name})
    return redirect(f"{visit.url('plan_document', plan_id)}?version={version.number}")


def field(visit: Visit, plan_id: int, name: str) -> HttpResponse:
    """A field: as it stands, in work, with its history, with what was said on it; and what is done to it."""
    version = plans.version_of(visit, plan_id)
    kept = outline.fields().get(name)
    if kept is None or name not in outline.names(version.plan.kind, version.plan.outline):
        raise Http404
    asked = visit.request.GET
    context: dict[str, Any] = {
        "editing": asked.get("edit"),
        "is_talking": "talk" in asked,
        "is_history": "history" in asked,
    }
    if visit.request.method == "POST":
        context |= _act(visit, version, name, kept)
        version = plans.version_of(visit, plan_id)
    if not visit.is_fragment:
        number = name.split(".")[0]
        return redirect(
            f"{visit.url('plan_document', plan_id)}?version={version.number}&section={number}#f-{_id(name)}"
        )
    desk = Desk(visit, version)
    shown = _field(desk, name, kept, **context)
    answer = visit.render(
        "plan_document.html#field",
        {
            "desk": desk,
            "plan": version.plan,
            "version": version,
            "each": shown,
            "query": f"version={version.number}{plans.about_then(visit)['then_query']}",
        },
    )
    if visit.request.method == "POST":
        answer["HX-Trigger"] = "plan-changed"
    return answer


def _act(visit: Visit, version: PlanVersion, name: str, kept: Field) -> dict[str, Any]:
    """Do what was posted; what doesn't fit comes back with what was written, beside its cell."""
    posted, now = visit.request.POST, timezone.now()
    do, key = posted.get("do", ""), posted.get("key", "")
    if do in ("comment", "resolve"):
        return {"is_talking": True} | _talk(visit, version, name, kept)
    visit.require("plans.write")
    common: dict[str, Any] = {"version": version, "actor": visit.user, "now": now}
    match do:
        case "remove":
            document.remove_row(field=name, key=key, **common)
        case "restore":
            document.restore_row(field=name, key=key, **common)
        case "up" | "down":
            document.move_row(field=name, key=key, by=-1 if do == "up" else 1, **common)
        case "put_back":
            edit = EntryEdit.objects.of(version.plan, name).filter(pk=posted.get("edit") or 0).first()
            if edit is not None:
                document.put_back(edit=edit, **common)
            return {"is_history": True}
        case _:
            return _keep(visit, version, name, kept, key)
    return {}


def _keep(visit: Visit, version: PlanVersion, name: str, kept: Field, key: str) -> dict[str, Any]:
    posted = visit.request.POST
    said, wrong = _written(kept, posted)
    is_new = kept.has_rows and not key
    if wrong:  # and what else doesn't fit
        entry = version.entries.filter(field=name, key=key).first()
        try:
            cells.checked(version, kept, said, entry.cells if entry else {})
        except cells.CellsError as error:
            wrong = {id_: formats.say(each) for id_, each in error.errors.items()} | wrong
    else:
        common: dict[str, Any] = {"version": version, "field": name, "actor": visit.user, "now": timezone.now()}
        try:
            if is_new:
                document.add_row(values=said, **common)
            else:
                seen = int(posted.get("seen") or 0)
                entry = version.entries.filter(field=name, key=key).first()
                before = entry.cells if entry else {}
                changes = {id_: value for id_, value in said.items() if _differs(posted, id_, value, before.get(id_))}
                document.write(key=key, changes=changes, seen=seen, **common)
        except cells.CellsError as error:
            wrong = {id_: formats.say(each) for id_, each in error.errors.items()}
        except document.StaleCellError as error:
            wrong = {str(error.params["column"]): formats.say(error)}
    if not wrong:
        return {"editing": None}
    return {"editing": "new" if is_new else key or "text", "errors": wrong, "posted": posted}


def _differs(posted: Mapping[str, str], id_: str, value: Any, now: Any) -> bool:
    """Whether the author changed the cell: against what their form showed, which others may have changed since."""
    shown = posted.get(f"was-{id_}")
    return posted.get(id_, "") != shown if shown is not None else (value or None) != now


def _talk(visit: Visit, version: PlanVersion, name: str, kept: Field) -> dict[str, Any]:
    posted, shop, now = visit.request.POST, visit.shop, timezone.now()
    subject = document.subject(version, name)
    try:
        if posted.get("do") == "resolve":
            comments.resolve(
                shop=shop.slug,
                subject=subject,
                comment_id=int(posted.get("comment") or 0),
                actor_id=visit.user.pk,
                at=now,
            )
        else:
            people = {user.pk: str(user) for user in User.objects.filter(membership__shop=shop).distinct()}
            comments.add(
                shop=shop.slug,
                subject=subject,
                text=posted.get("text", ""),
                author_id=visit.user.pk,
                people=people,
                thing=f"{version.plan.title}: {gettext(kept.label)}",
                at=now,
                path=_path(visit, version, name),
            )
    except comments.CommentError as error:
        return {"errors": {"comment": formats.say(error)}, "posted": posted}
    return {}


def _path(visit: Visit, version: PlanVersion, name: str) -> str:
    """Where the field stands; of a version that isn't the plan's current one with its number."""
    asked = f"section={name.split('.')[0]}" + (f"&version={version.number}" if version != version.plan.current else "")
    return f"{visit.url('plan_document', version.plan_id)}?{asked}#f-{_id(name)}"


# What a person wrote -----------------------------------------------------------


def _written(kept: Field, posted: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The posted cells as plain values, and what is wrong by column: numbers as the page's language writes them."""
    if not kept.has_rows:
        id_ = "choice" if kept.behaviour == Behaviour.CHOICE else "text"
        return {id_: posted.get(id_, "")}, {}
    said, wrong = {}, {}
    for column in kept.stored:
        if column.id not in posted and f"has-{column.id}" not in posted:
            continue
        given = posted.getlist(column.id) if column.type in (Type.ROWS, Type.CHANNELS) else posted.get(column.id, "")
        if posted.get(f"was-{column.id}") == posted.get(column.id):
            continue  # what the form showed stays, however it is written
        try:
            said[column.id] = _number(column, given) if column.type in _NUMBERS else given
        except NumberTextError as error:
            wrong[column.id] = formats.say(error)
    return said, wrong


_NUMBERS = (Type.MONEY, Type.NUMBER, Type.RATE)


def _number(column: Column, given: str) -> str:
    """A number's plain form; a rate is written in per cent."""
    written = given.replace("%", "").strip()
    if not written:
        return ""
    number = formats.read_number(written)
    return f"{number / 100 if column.type == Type.RATE else number:f}"


# What the page shows -----------------------------------------------------------


def _id(name: str) -> str:
    return name.replace(".", "-")


def _contents(desk: Desk, listed: Sequence[Section], chosen: Section) -> list[dict[str, Any]]:
    """The list of sections, each with how many of its questions are answered."""
    found, held = [], team.filled(desk.version)
    for each in listed:
        asked = [f"{each.number}.{one.id}" for one in each.fields if one.is_asked]
        filled = sum(name in held for name in asked)
        found.append(
            {
                "number": each.number,
                "title": each.title,
                "is_here": each is chosen,
                "filled": filled,
                "asked": len(asked),
                "is_full": filled == len(asked),
            }
        )
    return found


def _section(desk: Desk, section: Section, opened: str) -> dict[str, Any]:
    """All that a section shows.

    opened : the field that is open for writing, "" for none; of a table after a slash the row, else what is unwritten
    """
    opened, _, row = opened.partition("/")
    talked = Counter(
        subject.rsplit("/", 1)[1]
        for subject in Comment.objects.open()
        .filter(shop=desk.visit.shop.slug, subject__startswith=f"plan/{desk.plan.pk}/{section.number}.")
        .values_list("subject", flat=True)
    )
    names = [(f"{section.number}.{one.id}", one) for one in section.fields]
    shown = _numbers(desk, names)
    return {
        "number": section.number,
        "title": section.title,
        "owners": ", ".join(str(LABELS[role]) for role in section.owners) or gettext("Plan owner"),
        "approvers": ", ".join(str(approval.SEAT_OF[role].label) for role in section.approvers),
        "fields": [
            _field(
                desk,
                name,
                one,
                shown=shown,
                talked=talked[name],
                editing=(row or _unwritten(desk, name, one)) if name == opened else None,
            )
            for name, one in names
        ],
    }


def _unwritten(desk: Desk, name: str, kept: Field) -> str:
    """What to open of a field that lacks something: the row that lacks it, else a new one."""
    if not kept.has_rows:
        return "text"
    column = next((column for _, needed, column in gate.NEEDED if needed == name), "")
    bare = (row.key for row in desk.entries[name] if column and not row.cells.get(column))
    return next(bare, "new")


def _texts(desk: Desk, name: str, kept: Field) -> Iterable[str]:
    """The Markdown that a field holds."""
    long = [column.id for column in kept.columns if column.is_long]
    for entry in desk.entries[name]:
        yield from (str(entry.cells[id_]) for id_ in long if entry.cells.get(id_))
        if "text" in entry.cells and not kept.has_rows:
            yield entry.cells["text"]


def _numbers(desk: Desk, names: Sequence[tuple[str, Field]]) -> dict[str, SafeString]:
    """The HTML of every live number in the texts of some fields, asked of the lake together."""
    found: dict[str, Ask] = {}
    shown: dict[str, SafeString] = {}
    for name, kept in names:
        for said in _texts(desk, name, kept):
            for written in markdown.numbers(said):
                try:
                    found[written] = figures.parse(written)
                except ToplineError as error:
                    if written.split(" ")[0] in metrics():
                        shown[written] = format_html(
                            '<span class="live-number bad" title="{}">{{{}}}</span>', formats.say(error), written
                        )
    known = figures.figures(desk.reader, found.values()) if found else {}
    return shown | {written: number_html(desk, known[ask]) for written, ask in found.items()}


def number_html(desk: Desk, one: Figure) -> SafeString:
    """A live number within a text: its value, and what it is compared with."""
    label = formats.say(metrics()[one.ask.metric].label)
    values = {
        "plan": _value(desk, one.plan, one.unit),
        "actual": _value(desk, one.actual, one.unit),
        "last_year": _value(desk, one.last_year, one.unit),
        "pace": formats.percent(one.pace, 0) if one.pace is not None else "–",
    }
    href = desk.visit.url("metric", one.ask.metric)
    first = one.first
    if one.ask.show != "all":
        return format_html('<a class="live-number" href="{}" title="{}">{}</a>', href, label, values[first])
    words = {
        "plan": gettext("plan"),
        "actual": gettext("actual"),
        "last_year": gettext("last year"),
        "pace": gettext("pace"),
    }
    rest = ", ".join(
        f"{words[id_]} {value}" for id_, value in values.items() if id_ != first and value not in ("–", "")
    )
    return format_html(
        '<span class="live-number"><a href="{}" title="{}">{}</a>{}</span>',
        href,
        label,
        values[first],
        format_html(" <span class='quiet'>({} {})</span>", words[first] + ";", rest) if rest else "",
    )


def _value(desk: Desk, value: object, unit: str) -> str:
    if isinstance(value, Missing):
        return "–"
    if unit == Unit.MONEY and isinstance(value, Decimal | int | float):
        return formats.whole_money(value, desk.plan.currency)
    return formats.number(value, unit, desk.plan.currency)


def _field(
    desk: Desk,
    name: str,
    kept: Field,
    *,
    shown: Mapping[str, SafeString] | None = None,
    talked: int | None = None,
    editing: str | None = None,
    is_talking: bool = False,
    is_history: bool = False,
    errors: Mapping[str, str] | None = None,
    posted: Any = None,
) -> dict[str, Any]:
    """All that a field's part of the page shows."""
    if shown is None:
        shown = _numbers(desk, [(name, kept)])
    subject = document.subject(desk.version, name)
    said = Comment.objects.on(desk.visit.shop.slug, subject)
    rows = desk.entries[name]
    found: dict[str, Any] = {
        "name": name,
        "id": _id(name),
        "label": kept.label,
        "question": kept.question,
        "behaviour": kept.behaviour.value,
        "has_rows": kept.has_rows,
        "is_empty": not rows and kept.is_asked,
        "is_drafted": bool(rows) and all(row.is_drafted for row in rows),
        "is_fillable": kept.behaviour != Behaviour.VIEW and not kept.is_of_team,
        "team_url": desk.visit.url(TEAM_PAGES[name]) if kept.is_of_team else "",
        "talked": said.open().count() if talked is None else talked,
        "is_talking": is_talking,
        "is_history": is_history,
        "errors": errors or {},
    }
    if is_talking:
        found["comments"] = [_comment(desk, one) for one in said]
        found["written_comment"] = (posted or {}).get("text", "") if errors else ""
        found["people"] = desk.people.values()
    if is_history:
        found["history"] = _history(desk, name, kept)
    if kept.behaviour == Behaviour.VIEW:
        found["view"] = plan_views.VIEWS[name](desk)
        return found
    if kept.behaviour == Behaviour.NUMBERS:
        found["figures"] = _figures(desk, name, kept)
    if not kept.has_rows:
        return found | _single(desk, name, kept, shown, editing, errors, posted)
    return found | _table(desk, name, kept, shown, editing, errors, posted)


def _single(
    desk: Desk,
    name: str,
    kept: Field,
    shown: Mapping[str, SafeString],
    editing: str | None,
    errors: Mapping[str, str] | None,
    posted: Any,
) -> dict[str, Any]:
    """A text or a choice."""
    entry = next(iter(desk.entries[name]), None)
    held = entry.cells if entry else {}
    found: dict[str, Any] = {"seen": entry.revision if entry else 0, "is_editing": bool(editing) and desk.may_write}
    if kept.behaviour == Behaviour.CHOICE:
        found["options"] = [
            (id_, label, meaning, id_ == held.get("choice")) for id_, (label, meaning) in kept.options.items()
        ]
        found["chosen"] = next((each for each in found["options"] if each[3]), None)
        return found
    if "said" in held:
        said = plans.sentences(desk.version, progress.said(entry)) if entry else []
        found["html"], found["text"] = markdown.render("\n\n".join(said), shown), "\n\n".join(said)
    else:
        found["html"], found["text"] = markdown.render(held.get("text", ""), shown), held.get("text", "")
    found["was"] = found["text"]
    if errors and posted:
        found["text"], found["theirs"], found["seen"] = posted.get("text", ""), found["text"], found["seen"]
    if found["is_editing"]:
        found["pickable"] = question.families(desk.visit.scope)
        found["categories"] = [each for each in desk.version.blocks if each and each != "*"]
        found["markets"] = desk.options(Column("market", "", Type.MARKET))
    return found


def _table(
    desk: Desk,
    name: str,
    kept: Field,
    shown: Mapping[str, SafeString],
    editing: str | None,
    errors: Mapping[str, str] | None,
    posted: Any,
) -> dict[str, Any]:
    rows = desk.entries[name]
    computed = live.cells(desk.reader, name, rows) if desk.reader.has_facts else {}
    first, *others = kept.columns
    form: dict[str, Any] | None = None
    if desk.may_write and editing and not kept.is_of_team:
        entry = next((row for row in rows if row.key == editing), None)
        if entry is not None or editing == "new":
            form = _form(desk, kept, entry, errors or {}, posted)
    return {
        "first": first.label,
        "columns": others,
        "is_wide": len(kept.columns) >= WIDE,
        "rows": [_row(desk, kept, row, computed.get(row.key, {}), shown) for row in rows],
        "form": form,
        "editing": editing,
    }


def _row(
    desk: Desk, kept: Field, row: Entry, computed: Mapping[str, live.Shown], shown: Mapping[str, SafeString]
) -> dict[str, Any]:
    found = []
    for column in kept.columns[1:]:
        value: Any = ""
        is_number = column.type in _NUMBERS
        if column.type == Type.LIVE:
            one = computed.get(column.id)
            value, is_number = live_value(desk, one), bool(one) and one is not None and one.unit not in ("text", "day")
        elif column.type == Type.LINK and row.cells.get(column.id):
            address = row.cells[column.id]
            shown_as = formats.say(column.label) if kept.is_of_team else address
            value = format_html('<a href="{}" rel="noopener noreferrer">{}</a>', address, shown_as)
        elif column.is_long and row.cells.get(column.id):
            value = markdown.render(row.cells[column.id], shown)
        else:
            value = desk.plain(column, row.cells.get(column.id))
        found.append({"column": column, "value": value, "is_number": is_number, "is_live": column.type == Type.LIVE})
    title: Any = desk.title(row)
    if kept.columns[0].is_long:
        title = markdown.render(row.cells.get(kept.columns[0].id, ""), shown)
    return {
        "key": row.key,
        "title": title,
        "name": desk.title(row),
        "cells": found,
        "filled": [cell for cell in found if cell["value"] and not cell["is_live"]],
        "live": [cell for cell in found if cell["is_live"] and cell["value"]],
        "is_drafted": row.is_drafted,
    }


def live_value(desk: Desk, one: live.Shown | None) -> str | SafeString:
    """A live cell in words; one without a value says why on its dash."""
    if one is None:
        return ""
    match one.value:
        case Missing():
            return format_html(
                '<span class="missing" title="{}">–<span class="visually-hidden"> {}</span></span>',
                formats.say(one.value),
                formats.say(one.value),
            )
        case Deadline():
            status = formats.say(outline.STATUSES[one.value.status])
            tone = "bad" if one.value.is_late else ""
            return format_html('<span class="pill {}">{}: {}</span>', tone, status, formats.day(one.value.on))
        case date():
            return formats.day(one.value)
        case str():
            return format_html('<span class="words">{}</span>', formats.say(one.value))
        case list():
            told = ((each,) for each in plans.sentences(desk.version, one.value))
            return format_html_join(" ", '<span class="said">{}</span>', told)
    if one.unit == Unit.MONEY:
        return formats.short(one.value, Unit.MONEY, desk.plan.currency)
    return formats.number(one.value, one.unit, desk.plan.currency)


def _form(desk: Desk, kept: Field, entry: Entry | None, errors: Mapping[str, str], posted: Any) -> dict[str, Any]:
    held = entry.cells if entry else {}
    inputs = []
    for column in kept.stored:
        value = held.get(column.id)
        written = _as_written(column, value)
        many = column.type in (Type.ROWS, Type.CHANNELS)
        chosen = [str(each) for each in value] if many and value else []
        typed = written
        if errors and posted is not None:
            typed = posted.get(column.id, "")
            chosen = posted.getlist(column.id) if many else []
        options = desk.options(column)
        known = {id_ for id_, _ in options}
        options += [(each, desk.plain(column, [each])) for each in chosen if each not in known]
        if (
            column.type in (Type.PERSON, Type.METRIC, Type.GOAL, Type.ROW, Type.CHOICE, Type.EVENT, Type.STRATEGY)
            and typed
        ):
            options += [] if typed in known else [(typed, desk.plain(column, value))]
        inputs.append(
            {
                "column": column,
                "kind": _INPUTS.get(column.type, "area" if column.is_long else "line"),
                "value": typed,
                "was": written,
                "chosen": chosen,
                "options": options,
                "error": errors.get(column.id, ""),
            }
        )
    seen = int(posted.get("seen") or 0) if errors and posted else entry.revision if entry else 0
    return {"inputs": inputs, "key": entry.key if entry else "", "seen": seen}


_INPUTS: Mapping[Type, str] = {
    Type.MONEY: "amount",
    Type.NUMBER: "amount",
    Type.RATE: "rate",
    Type.DAY: "day",
    Type.CHOICE: "select",
    Type.PERSON: "select",
    Type.METRIC: "select",
    Type.GOAL: "select",
    Type.EVENT: "select",
    Type.ROW: "select",
    Type.STRATEGY: "select",
    Type.ROWS: "checks",
    Type.CHANNELS: "checks",
    Type.CHANNEL: "suggest",
    Type.MARKET: "suggest",
    Type.CATEGORY: "suggest",
    Type.LIST: "line",
    Type.RULE: "rule",
    Type.LINK: "line",
}


def _as_written(column: Column, value: Any) -> str:
    """A cell as its form has it."""
    if value in (None, "", []):
        return ""
    match column.type:
        case Type.MONEY | Type.NUMBER:
            return formats.decimal(Decimal(value), 6)
        case Type.RATE:
            return formats.decimal(Decimal(value) * 100, 4)
        case Type.LIST:
            return ", ".join(value)
    return str(value)


def _figures(desk: Desk, name: str, kept: Field) -> list[dict[str, Any]]:
    """The live numbers of a field: those that it always shows, and those that people added."""
    visible = question.visible_metrics(desk.visit.scope)
    asks: list[tuple[Ask, str]] = [(Ask(metric), "") for metric in kept.metrics if metric in visible]
    for row in desk.entries[name]:
        said = row.cells
        try:
            first, last = said.get("from"), said.get("to")
            period = Period(date.fromisoformat(first), figures.day_after(last)) if first and last else None
            scope = {id_: said[id_] for id_ in figures.SCOPED if said.get(id_)}
            if said.get("metric") in visible:
                asks.append((figures.asked(said["metric"], scope, period), row.key))
        except ToplineError:
            continue
    known = figures.figures(desk.reader, [ask for ask, _ in asks])
    return [_figure(desk, known[ask], key) for ask, key in asks]


def _figure(desk: Desk, one: Figure, key: str) -> dict[str, Any]:
    metric = metrics()[one.ask.metric]
    return {
        "key": key,
        "metric": metric,
        "scope": ", ".join(question.label(name, value) for name, value in one.ask.scope),
        "period": one.ask.period,
        "plan": _value(desk, one.plan, one.unit),
        "actual": _value(desk, one.actual, one.unit),
        "why": formats.say(one.actual) if isinstance(one.actual, Missing) else "",
        "last_year": _value(desk, one.last_year, one.unit),
        "pace": formats.percent(one.pace, 0) if one.pace is not None else "–",
        "growth": formats.signed_percent(one.growth) if one.growth is not None else "–",
    }


def _comment(desk: Desk, one: Comment) -> dict[str, Any]:
    return {
        "comment": one,
        "author": desk.people.get(one.author_id, gettext("somebody who left")),
        "html": markdown.render(one.text),
        "at": one.at.astimezone(desk.visit.shop.zone),
    }


def _history(desk: Desk, name: str, kept: Field) -> list[dict[str, Any]]:
    """Who changed what, the newest first."""
    out = set(desk.version.entries.filter(field=name).exclude(removed_at=None).values_list("key", flat=True))
    titles = {row.key: desk.title(row) for row in desk.entries[name]} if kept.has_rows else {}
    found = []
    for edit in EntryEdit.objects.of(desk.plan, name)[:LISTED]:
        column = kept.column(edit.column)
        is_row = not edit.column
        found.append(
            {
                "edit": edit,
                "who": desk.people.get(
                    edit.actor_id or 0, "Topline" if edit.actor_id is None else gettext("somebody who left")
                ),
                "at": edit.at.astimezone(desk.visit.shop.zone),
                "row": titles.get(edit.key) or _called(kept, edit),
                "column": column.label if column else "",
                "old": _old(desk, column, edit.old) if not is_row else "",
                "new": _old(desk, column, edit.new) if not is_row else "",
                "may_put_back": desk.may_write and edit.kind == EntryEdit.Kind.SET and edit.key not in out,
                "may_restore": desk.may_write and edit.kind == EntryEdit.Kind.REMOVE and edit.key in out,
            }
        )
    return found


def _called(kept: Field, edit: EntryEdit) -> str:
    """What a row was called that is there no more."""
    held = edit.old if isinstance(edit.old, dict) else edit.new if isinstance(edit.new, dict) else {}
    return str(held.get(kept.columns[0].id, "")) if kept.has_rows and held else ""


def _old(desk: Desk, column: Column | None, value: Any) -> str:
    if value in (None, "", []):
        return gettext("nothing")
    return desk.plain(column, value) if column else str(value)


PAGES = (
    Page(
        path="plans/<int:plan_id>/document",
        name="plan_document",
        view=view,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
    Page(
        path="plans/<int:plan_id>/template",
        name="plan_template",
        view=save_template,
        permission="plans.write",
        place="plan",
    ),
    Page(
        path="plans/<int:plan_id>/document/<str:name>",
        name="plan_field",
        view=field,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
)
