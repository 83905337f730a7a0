"""Imports: bring files in, check how they are read, watch them go in, take them back."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from topline.connectors.mapping import TARGETS, Layout
from topline.facts.order_line import Kind
from topline.imports import operations
from topline.imports.models import Import, ImportFile
from topline.imports.quarantine import told
from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.web import formats, question
from topline.web.page import Page, Visit, whole
from topline.workbench.models import Job

State = Import.State
STATES = {
    State.READING: (N_("being read"), "note"),
    State.PROPOSED: (N_("to be checked"), "warn"),
    State.RUNNING: (N_("going in"), "note"),
    State.LIVE: (N_("live"), "good"),
    State.FAILED: (N_("failed"), "bad"),
    State.UNDONE: (N_("taken back"), ""),
    State.DROPPED: (N_("not brought in"), ""),
}
STEPS = (N_("Choose files"), N_("Check"), N_("Bring in"), N_("Done"))
STEP_OF = {
    State.READING: 1,
    State.PROPOSED: 1,
    State.RUNNING: 2,
    State.LIVE: 3,
    State.FAILED: 1,
    State.UNDONE: 3,
    State.DROPPED: 3,
}
BECAUSE = {
    "name": N_("by its heading"),
    "similar_name": N_("by a similar heading"),
    "content": N_("by its content"),
    "person": N_("chosen by you"),
}
TESTED = {
    "order_id": N_("order"),
    "product_code": N_("product code"),
    "title": N_("description"),
    "price": N_("price"),
    "quantity": N_("quantity"),
}
TESTS = {
    "is": N_("%(field)s is %(values)s"),
    "starts": N_("%(field)s starts with %(values)s"),
    "starts_any_case": N_("%(field)s starts with %(values)s, in any case"),
    "at_most": N_("%(field)s is at most %(values)s"),
    "below": N_("%(field)s is below %(values)s"),
}
QUESTIONS = (
    (
        "dates",
        N_("Does the day or the month come first in %(columns)s? Nothing in the files shows it."),
        (("day-first", N_("The day: 31/12/2027")), ("month-first", N_("The month: 12/31/2027"))),
    ),
    (
        "decimal",
        N_("Is 1.234 in %(columns)s more than a thousand? Nothing in the files shows it."),
        (("comma", N_("Decimals follow a comma: 1.234,50")), ("point", N_("Decimals follow a point: 1,234.50"))),
    ),
)
"""What a file may leave open: the part, the question, and each answer with its words."""

SHOWN_ROWS = 5
LISTED = 50


def index(visit: Visit) -> HttpResponse:
    problem = None
    if visit.request.method == "POST":
        visit.require("imports.write")
        try:
            return _receive(visit)
        except ToplineError as error:
            problem = formats.say(error)
    found = list(Import.objects.of(visit.shop).prefetch_related("files")[:LISTED])
    rows = sum(each.report.get("facts", 0) for each in found if each.state == State.LIVE)
    return visit.render(
        "imports.html",
        {
            "imports": [_row(visit, each) for each in found],
            "rows": rows,
            "is_empty": visit.is_empty,
            "may_write": visit.may("imports.write"),
            "problem": problem,
        },
        status=400 if problem else 200,
    )


def _receive(visit: Visit) -> HttpResponse:
    posted = visit.request.FILES.getlist("files")
    uploads = [operations.Upload(file.name or "file", _stream(file)) for file in posted]
    found = operations.receive(shop=visit.shop, uploads=uploads, actor_id=visit.user.pk)
    operations.enqueue_proposal(found=found, actor_id=visit.user.pk)
    return redirect("import", visit.shop.slug, found.pk)


def _stream(file: Any) -> Any:
    """The bytes of an upload, which Django keeps in memory or in a temporary file."""
    return file.file


def _row(visit: Visit, found: Import) -> dict[str, Any]:
    label, tone = STATES[State(found.state)]
    counts = {} if found.state == State.DROPPED else found.report or found.preview
    return {
        "found": found,
        "names": [file.name for file in found.files.all()],
        "at": found.created_at.astimezone(visit.shop.zone),
        "label": formats.say(label),
        "tone": tone,
        "values_shown": [
            "–" if counts.get(name) is None else formats.decimal(counts[name])
            for name in ("rows", "facts", "duplicates", "quarantined")
        ],
    }


def detail(visit: Visit, import_id: int) -> HttpResponse:
    found = _found(visit, import_id)
    job = Job.objects.filter(pk=found.job_id).first() if found.job_id else None
    is_stuck = job is not None and job.state == Job.State.FAILED and found.state in (State.READING, State.RUNNING)
    is_busy = found.state in (State.READING, State.RUNNING) and not is_stuck
    if visit.is_fragment and not is_busy:
        response = HttpResponse(status=200)
        response["HX-Refresh"] = "true"
        return response
    label, tone = STATES[State(found.state)]
    context = {
        "found": found,
        "label": formats.say(label),
        "tone": tone,
        "sentence": _sentence(found),
        "steps": [(formats.say(step), _step_state(i, STEP_OF[State(found.state)])) for i, step in enumerate(STEPS)],
        "is_busy": is_busy,
        "may_write": visit.may("imports.write"),
        "job": job,
        "error": _error(found, job if is_stuck else None),
        "may_go_on": found.confirmed_at is not None and (is_stuck or found.state == State.FAILED),
    }
    if visit.is_fragment:
        return visit.render("import.html#progress", context)
    counts = found.report or found.preview
    if counts and not is_busy:
        context |= {
            "counts": counts,
            "kinds": [_kind(visit, each) for each in counts.get("kinds", [])],
            "reasons": list(told(counts, gettext)),
            "traps": [_trap(each) for each in found.preview.get("traps", [])],
            "rules": list(_rules(found)),
            "kind_choices": [(kind.value, question.label("kind", kind.value)) for kind in Kind],
        }
    context["files"] = [_file(file) for file in found.files.all()]
    context["questions"] = list(_questions(found)) if found.state == State.PROPOSED else []
    return visit.render("import.html", context)


def _questions(found: Import) -> Iterator[dict[str, Any]]:
    """What a person must say before the files can be brought in."""
    for part, text, answers in QUESTIONS:
        if columns := found.undecided(part):
            said = [(value, gettext(label)) for value, label in answers]
            yield {"part": part, "text": gettext(text) % {"columns": ", ".join(columns)}, "answers": said}


def _error(found: Import, stuck: Job | None) -> str:
    if stuck is not None:
        return formats.failure(stuck)
    return gettext(found.error["message"]) % found.error["params"] if found.error else ""


def _step_state(place: int, here: int) -> str:
    return "done" if place < here or (place == here == len(STEPS) - 1) else "here" if place == here else ""


def _sentence(found: Import) -> str:
    """What the page answers: what the import is about to do, or did."""
    counts = {
        name: formats.decimal(value)
        for name, value in (found.report or found.preview).items()
        if isinstance(value, int)
    }
    match found.state:
        case State.READING:
            return gettext("The files are being read.")
        case State.PROPOSED:
            text = ngettext(
                "%(facts)s of %(rows)s row would come in; to be mended: %(quarantined)s.",
                "%(facts)s of %(rows)s rows would come in; to be mended: %(quarantined)s.",
                found.preview["rows"],
            )
            return text % counts
        case State.RUNNING:
            return gettext("The rows are going in; nobody sees them before all are there.")
        case State.LIVE:
            text = ngettext(
                "%(facts)s row came in; known already: %(duplicates)s, to be mended: %(quarantined)s.",
                "%(facts)s rows came in; known already: %(duplicates)s, to be mended: %(quarantined)s.",
                found.report["facts"],
            )
            return text % counts
        case State.FAILED:
            return gettext("The import stopped.") if found.confirmed_at else gettext("The files could not be read.")
        case State.UNDONE:
            return gettext("This import was taken back.")
    return gettext("This import was not brought in.")


def _kind(visit: Visit, effect: dict[str, Any]) -> dict[str, str]:
    return {
        "label": question.label("kind", effect["kind"]),
        "rows": formats.decimal(effect["rows"]),
        "quantity": formats.decimal(Decimal(effect["quantity"]), 2),
        "amount": formats.money(Decimal(effect["amount"]), visit.shop.currency),
    }


def _trap(trap: dict[str, Any]) -> str:
    words = {
        name: formats.decimal(value) if isinstance(value, int) else value for name, value in trap["params"].items()
    }
    return gettext(trap["message"]) % words


def _rules(found: Import) -> Iterator[dict[str, Any]]:
    taken = {each["place"]: each["rows"] for each in found.preview.get("rules", [])}
    for place, rule in enumerate(found.profile.rules):
        tests = [
            gettext(TESTS[test.how]) % {"field": gettext(TESTED[test.field]), "values": ", ".join(test.values)}
            for test in rule.tests
        ]
        yield {"place": place, "kind": rule.kind.value, "tests": tests, "rows": taken.get(place, 0)}


def _file(file: ImportFile) -> dict[str, Any]:
    """A file with its reading, its columns as fields, and its first rows."""
    shown: dict[str, Any] = {"file": file, "reading": ", ".join(str(value) for value in file.reading.values())}
    if not file.layout:
        return shown
    layout = file.chosen_layout()
    target = TARGETS[layout.target]
    required = {id_ for group in target.required for id_ in group}
    shown |= {
        "target": layout.target,
        "targets": [(id_, gettext(each.label)) for id_, each in TARGETS.items()],
        "fields": [_field(layout, each.id, gettext(each.label), each.id in required) for each in target.fields],
        "headings": [_heading(layout, column) for column in file.columns],
        "first_rows": [row[1:] if len(row) > len(file.columns) else row for row in file.first_rows[:SHOWN_ROWS]],
    }
    return shown


def _field(layout: Layout, id_: str, label: str, is_required: bool) -> dict[str, Any]:
    match = layout.matches.get(id_)
    return {
        "id": id_,
        "label": label,
        "is_required": is_required,
        "column": match.column if match else "",
        "because": gettext(BECAUSE[match.reason]) if match else "",
        "is_unsure": bool(match and match.is_unsure),
        "written": ", ".join(str(value) for value in match.reading.values() if isinstance(value, str)) if match else "",
    }


def _heading(layout: Layout, column: str) -> dict[str, str]:
    field = next((id_ for id_, match in layout.matches.items() if match.column == column), "")
    label = gettext(TARGETS[layout.target].field(field).label) if field else ""
    return {"column": column, "field": label}


def act(visit: Visit, import_id: int) -> HttpResponse:
    """A decision: other columns, what files leave open, other rules, bring in, drop, stop, go on, undo, redo, again."""
    found, posted, actor = _found(visit, import_id), visit.request.POST, visit.user.pk
    if visit.request.method != "POST":
        return redirect("import", visit.shop.slug, found.pk)
    match posted.get("do"):
        case "choose":
            columns: dict[str, str | None] = {
                name.removeprefix("field-"): str(value) or None
                for name, value in posted.dict().items()
                if name.startswith("field-")
            }
            file = found.files.filter(place=whole(posted.get("place"))).first()
            if file is None:
                raise Http404
            is_other = posted.get("target") != file.layout.get("target")
            operations.choose(
                found=found,
                place=file.place,
                actor_id=actor,
                target=posted.get("target"),
                columns={} if is_other else _changed(file, columns),
            )
            operations.enqueue_proposal(found=found, actor_id=actor)
        case "decide":
            said = {part: posted[part] for part, _, answers in QUESTIONS if posted.get(part) in dict(answers)}
            operations.decide(found=found, actor_id=actor, **said)
            operations.enqueue_proposal(found=found, actor_id=actor)
        case "rules":
            operations.set_rules(found=found, rules=_posted_rules(found, posted), actor_id=actor)
        case "confirm":
            operations.confirm(found=found, actor_id=actor, now=timezone.now())
        case "go_on":
            operations.go_on(found=found, actor_id=actor)
        case "again":
            operations.enqueue_proposal(found=found, actor_id=actor)
        case "stop":
            operations.stop(found=found)
        case "drop":
            operations.drop(found=found, actor_id=actor)
            messages.info(visit.request, gettext("The files were not brought in."))
            return redirect("imports", visit.shop.slug)
        case "undo":
            operations.undo(found=found, actor_id=actor, now=timezone.now())
            messages.success(
                visit.request, gettext("Taken back. Rows that another import brought too are still there.")
            )
        case "redo":
            operations.redo(found=found, actor_id=actor, now=timezone.now())
            messages.success(visit.request, gettext("The import is live again."))
    return redirect("import", visit.shop.slug, found.pk)


def _changed(file: ImportFile, columns: dict[str, str | None]) -> dict[str, str | None]:
    """The choices that differ from what stands."""
    layout = file.chosen_layout()
    return {id_: column for id_, column in columns.items() if column != layout.column(id_)}


def _posted_rules(found: Import, posted: Any) -> list[dict[str, Any]]:
    rules = found.profile.to_json()
    kept = [(place, rule) for place, rule in enumerate(rules) if posted.get(f"kind-{place}") != "goods_sold"]
    return [rule | {"kind": posted.get(f"kind-{place}", rule["kind"])} for place, rule in kept]


def quarantine(visit: Visit, import_id: int, place: int) -> HttpResponseBase:
    """The rows that need mending, with the reason of each, as a file to bring again."""
    file = _found(visit, import_id).files.filter(place=place).first()
    if file is None or not file.quarantine_path.exists():
        raise Http404
    name = f"{file.name.rsplit('.', 1)[0]}-quarantine.csv"
    return FileResponse(file.quarantine_path.open("rb"), as_attachment=True, filename=name, content_type="text/csv")


def _found(visit: Visit, import_id: int) -> Import:
    found = Import.objects.of(visit.shop).filter(pk=import_id).first()
    if found is None:
        raise Http404
    return found


PAGES = (
    Page(
        path="imports",
        name="imports",
        view=index,
        permission="imports.read",
        place="data",
        label=N_("Imports"),
        icon="database-import",
    ),
    Page(path="imports/<int:import_id>", name="import", view=detail, permission="imports.read", place="data"),
    Page(path="imports/<int:import_id>/do", name="import_act", view=act, permission="imports.write", place="data"),
    Page(
        path="imports/<int:import_id>/quarantine/<int:place>",
        name="quarantine",
        view=quarantine,
        permission="imports.read",
        place="data",
    ),
)
