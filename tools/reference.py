"""Write the reference from the code: metrics, analyses, facts, events, settings, permissions, commands, endpoints.

python tools/reference.py FOLDER
"""

import inspect
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from enum import EnumType
from importlib import import_module
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "topline.config.settings")
os.environ.setdefault("TOPLINE_HOME", tempfile.mkdtemp(prefix="topline-reference-"))

import django

django.setup()

import click
import typer

from topline.accounts.permissions import DESCRIPTIONS, LABELS, PERMISSIONS, ROLES
from topline.analysis.catalogue import analyses
from topline.api.urls import api
from topline.calendar.events import EVENTS
from topline.cli.main import EXITS, verbs
from topline.config.environment import SETTINGS, Kind
from topline.facts.table import tables
from topline.metrics.catalogue import dimensions, metrics


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines) + "\n"


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def metrics_page() -> str:
    parts = ["# Metrics\n"]
    for metric in metrics().values():
        note = f" {metric.note}" if metric.note else ""
        parts.append(f"## {metric.id}\n\n**{metric.label}.** {metric.description}{note}\n")
        facts = {
            "formula": f"`{metric.formula}`",
            "unit": metric.unit,
            "family": metric.family,
            "good is": metric.direction,
            "rolls up by": metric.roll_up,
            "moved by the basis": "yes" if metric.basis else "no",
            "dimensions": ", ".join(f"`{id_}`" for id_ in dimensions() if id_ in metric.dimensions),
            **({"shown with": ", ".join(f"`{id_}`" for id_ in metric.parts)} if metric.parts else {}),
            "the leaders": metric.leaders or "the same",
        }
        parts.append(table(("", ""), facts.items()))
    rows = ((f"`{dimension.id}`", dimension.label) for dimension in dimensions().values())
    return "\n".join([*parts, "# Dimensions\n", table(("id", "what"), rows)])


def analyses_page() -> str:
    parts = ["# Analyses\n"]
    for each in analyses().values():
        parts.append(f"## {each.id}\n\n{each.label}: {each.description} {each.method}\n")
        rows = (
            (f"`{c.id}`", c.label, ", ".join(f"`{id_}`" for id_ in c.options if id_) or c.example) for c in each.choices
        )
        parts.append(table(("choice", "what", "values"), rows))
        if each.dimensions:
            parts.append("Filters: " + ", ".join(f"`{id_}`" for id_ in sorted(each.dimensions)) + ".\n")
    return "\n".join(parts)


def facts_page() -> str:
    parts = ["# Facts\n"]
    for fact in tables().values():
        parts.append(f"## {fact.name}\n\n{fact.description}\n\n```\n{inspect.getdoc(fact.row)}\n```\n")
        parts.append(table(("column", "type", "may be empty"), ((f.name, f.type, f.nullable) for f in fact.schema)))
    return "\n".join(parts)


def events_page() -> str:
    rows = ((f"`{e.id}`", e.label, e.lead_in_days, e.tail_days, e.source, e.verified_on) for e in EVENTS)
    return "# Retail events\n\n" + table(("id", "event", "lead-in days", "tail days", "source", "verified"), rows)


def settings_page() -> str:
    home = str(Path.home())
    rows = (
        (
            f"`{s.name}`",
            s.default.replace(home, "~") or "(empty)",
            "yes, no" if s.kind == Kind.FLAG else ", ".join(s.choices),
            s.meaning,
        )
        for s in SETTINGS.values()
    )
    return "# Settings\n\nRead from the environment.\n\n" + table(("name", "default", "choices", "meaning"), rows)


def permissions_page() -> str:
    permitted = table(("permission", "what it allows"), ((f"`{code}`", text) for code, text in PERMISSIONS.items()))
    rows = ((LABELS[r], DESCRIPTIONS[r], ", ".join(f"`{code}`" for code in sorted(ROLES[r]))) for r in ROLES)
    return f"# Permissions and roles\n\n{permitted}\n" + table(("role", "sees and does", "permissions"), rows)


def commands_page() -> str:
    exits = table(("exit code", "meaning"), ((f"{code:d}", meaning) for code, meaning in EXITS.items()))
    parts = ["# Commands\n\nWhat goes wrong is said on the error stream, with what to do.\n", exits]
    for verb, stem in verbs().items():
        command = typer.main.get_command(import_module(f"topline.cli.{stem}").app)
        parts.extend(_command(f"topline {verb}", command))
    return "\n".join(parts)


def _command(name: str, command: click.Command) -> Iterable[str]:
    yield f"## {name}\n\n{inspect.cleandoc(command.help or '')}\n"
    rows = [(_usage(p), getattr(p, "help", "") or "", _values(p)) for p in command.params if p.name != "help"]
    if rows:
        yield table(("argument", "meaning", "values"), rows)
    for each in getattr(command, "commands", {}).values():
        yield from _command(f"{name} {each.name}", each)


def _usage(parameter: click.Parameter) -> str:
    is_option = parameter.opts[0].startswith("-")
    shown = ", ".join([*parameter.opts, *parameter.secondary_opts])
    return f"`{shown if is_option else (parameter.name or '').rstrip('_').upper()}`"


def _values(parameter: Any) -> str:
    """What may be given, whether it must be, and what holds where it isn't."""
    taken = parameter.type_descriptor.annotation
    said = [", ".join(f"`{each.value}`" for each in taken)] if isinstance(taken, EnumType) else []
    default = getattr(parameter.default, "value", parameter.default)
    if parameter.required:
        said.append("must be given")
    elif not getattr(parameter, "is_flag", False) and isinstance(default, str | int | float) and default != "":
        said.append(f"by default `{default}`")
    return "; ".join(said)


def endpoints_page() -> str:
    schema = api.get_openapi_schema()
    parts = [
        "# Endpoints\n\nUnder `/api/v1`; `/api/v1/docs` has them to try, and `docs/how-to/api.md` says how tokens, "
        "pages, errors and keys of writes work.\n"
    ]
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            parts.append(f"## {method.upper()} {path}\n\n{operation['summary']}\n")
            named = [
                (f"`{p['name']}`", p["in"], p["description"], "yes" if p.get("required") else "")
                for p in operation["parameters"]
            ]
            sent = [
                (f"`{name}`", "body", meaning, "yes" if is_required else "")
                for name, meaning, is_required in _sent(operation, schema["components"]["schemas"])
            ]
            parts.append(table(("name", "in", "meaning", "must be given"), [*named, *sent]))
    return "\n".join(parts)


def _sent(operation: dict[str, Any], schemas: dict[str, Any]) -> Iterable[tuple[str, str, bool]]:
    """The fields of a body: name, meaning, whether it must be there."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        body = content["schema"]
        body = schemas[body["$ref"].rpartition("/")[2]] if "$ref" in body else body
        for name, field in body.get("properties", {}).items():
            yield name, field.get("description", ""), name in body.get("required", ())


PAGES = {
    "metrics": metrics_page,
    "analyses": analyses_page,
    "facts": facts_page,
    "events": events_page,
    "settings": settings_page,
    "permissions": permissions_page,
    "commands": commands_page,
    "endpoints": endpoints_page,
}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / f"{name}.md").write_text(page(), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
