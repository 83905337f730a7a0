"""Bring files in (orders, customers, products, spend, ...), take them back, and list what was brought.

`topline import --shop gifts FILE...` proposes how to read the files, shows it, asks, and takes them in.
"""

import sys
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from topline.cli import boot, output
from topline.units import money
from topline.units.errors import ToplineError

if TYPE_CHECKING:
    from topline.imports.models import Import
    from topline.workbench.models import Job


class _FilesFirst(TyperGroup):
    """Runs `files` unless the first argument names another command."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        return super().resolve_command(ctx, self._with_verb(args))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] in ("--help", "-h"):
            return super().parse_args(ctx, args)
        return super().parse_args(ctx, self._with_verb(args))

    def _with_verb(self, args: list[str]) -> list[str]:
        return ["files", *args] if args and args[0] not in self.commands else args


app = typer.Typer(
    cls=_FilesFirst,
    help="Bring files in, take them back, and list what was brought. `topline import --shop SHOP FILE...`",
    no_args_is_help=True,
    add_completion=False,
)

ShopOption = Annotated[str, typer.Option("--shop", help="The shop that the files belong to.")]
Id = Annotated[int, typer.Argument(help="The import's number, as `topline import list` shows it.")]


class Dates(StrEnum):
    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


class Decimals(StrEnum):
    COMMA = "comma"
    POINT = "point"


@app.command("files")
def files_(
    paths: Annotated[list[Path], typer.Argument(help="CSV, TSV, XLSX, Parquet or JSON lines, plain, .gz or .zip.")],
    shop: ShopOption,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take the files in without asking.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    target: Annotated[
        str | None,
        typer.Option(
            "--table", "--target", help="The fact that the files hold, such as web_event; by default recognised."
        ),
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", help="field=column, for a column that is not recognised; repeat.")
    ] = None,
    rate: Annotated[
        list[str] | None, typer.Option("--rate", help="EUR=0.85: the shop's currency for one EUR; repeat.")
    ] = None,
    dates: Annotated[
        Dates | None, typer.Option(help="How 01/02/2026 is meant where nothing in the files shows it.")
    ] = None,
    decimal: Annotated[
        Decimals | None, typer.Option(help="The mark before the decimals where nothing in the files shows it.")
    ] = None,
    source: Annotated[str, typer.Option(help="Names where the files come from; files of one source overlap.")] = "file",
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """Propose how to read files, show it, ask, and take them in."""
    owner = boot.shop(shop)
    for path in paths:
        if not path.is_file():
            raise typer.BadParameter(f"There is no file “{path}”.")
    from topline.imports import operations

    choices = {"target": target, "columns": dict(map(_pair, column or [])), "dates": dates, "decimal": decimal}
    found = operations.receive(
        shop=owner,
        uploads=[operations.Upload(path.name, path) for path in paths],
        actor_id=None,
        source=source,
        rates=dict(map(_pair, rate or [])),
        choices=[choices for _ in paths],
    )
    try:
        found = operations.propose(found=found, progress=_say_progress)
    except ToplineError:
        operations.drop(found=found, actor_id=None)
        raise
    if style == output.Format.TABLE:
        _show_proposal(found)
    if dry_run:
        operations.drop(found=found, actor_id=None)
        _print_report(found, found.preview, style)
        return
    unsure = _unsure(found)
    if yes and unsure:
        operations.drop(found=found, actor_id=None)
        for line in unsure:
            typer.echo(line, err=True)
        typer.echo("Nothing was taken in. Say it so, or leave out --yes and be asked.", err=True)
        raise typer.Exit(1)
    if not yes and sys.stdin.isatty():
        _ask_undecided(found)
    if not yes and not _is_agreed():
        operations.drop(found=found, actor_id=None)
        typer.echo("Nothing was taken in.", err=True)
        raise typer.Exit(1)
    job = operations.confirm(found=found, actor_id=None, now=datetime.now(UTC))
    _run(found, job, style)


@app.command()
def resume(id_: Id, shop: ShopOption, style: output.FormatOption = output.Format.TABLE) -> None:
    """Go on with an import whose process was killed, or that failed while it was taken in."""
    found = _found(shop, id_)
    from topline.imports import operations
    from topline.workbench.models import Job

    job = Job.objects.filter(pk=found.job_id).first() if found.job_id else None
    if found.confirmed_at and (found.state == found.State.FAILED or (job and job.state == job.State.FAILED)):
        _run(found, operations.go_on(found=found, actor_id=None), style)
        return
    if found.state != found.State.RUNNING or job is None:
        typer.echo(f"Import {id_} is {found.state}; there is nothing to go on with.", err=True)
        raise typer.Exit(1)
    _run(found, job, style)


@app.command()
def undo(id_: Id, shop: ShopOption) -> None:
    """Take an import back: its rows are gone, unless another live import brought them too."""
    found = _found(shop, id_)
    from topline.imports import operations

    operations.undo(found=found, actor_id=None, now=datetime.now(UTC))
    typer.echo(f"Import {id_} is undone. “topline import redo {id_} --shop {shop}” brings it back.")


@app.command()
def redo(id_: Id, shop: ShopOption) -> None:
    """Bring an undone import back."""
    found = _found(shop, id_)
    from topline.imports import operations

    operations.redo(found=found, actor_id=None, now=datetime.now(UTC))
    typer.echo(f"Import {id_} is live again.")


@app.command("list")
def list_(shop: ShopOption, style: output.FormatOption = output.Format.TABLE) -> None:
    """List a shop's imports, the newest first."""
    owner = boot.shop(shop)
    from topline.imports.models import Import

    every = list(Import.objects.of(owner).prefetch_related("files"))
    is_table = style is output.Format.TABLE
    listed = [
        {
            "id": found.pk,
            "state": found.state,
            "files": ", ".join(file.name for file in found.files.all()),
            "created_at": found.created_at.isoformat(" ", "minutes")[:16] if is_table else found.created_at,
            **{key: found.report.get(key) for key in ("rows", "facts", "duplicates", "quarantined")},
            "error": found.error_text,
        }
        for found in every
    ]
    columns = ["id", "state", "created_at", "rows", "facts", "duplicates", "quarantined", "files", "error"]
    output.rows(listed, style, columns=columns[:-1] if is_table else columns)
    for found in every if is_table else ():
        if found.error_text:
            typer.echo(f"Import {found.pk}: {found.error_text}")


def _found(shop: str, id_: int) -> "Import":
    owner = boot.shop(shop)
    from topline.imports.models import Import

    return Import.objects.numbered(owner, id_)


def _run(found: "Import", job: "Job", style: output.Format) -> None:
    from topline.workbench import jobs

    _say("Taking the files in ...")
    done = jobs.run_now(job)
    found.refresh_from_db()
    if done.state == done.State.RUNNING:
        typer.echo(f"A worker is taking import {found.pk} in; “topline import list --shop {found.shop.slug}” shows it.")
        return
    if found.state != found.State.LIVE:
        typer.echo(found.error_text or done.message or f"Import {found.pk} is {found.state}.", err=True)
        if found.state == found.State.FAILED:
            typer.echo(f"“topline import resume {found.pk} --shop {found.shop.slug}” goes on with it.", err=True)
        raise typer.Exit(1)
    _print_report(found, found.report, style)


def _show_proposal(found: "Import") -> None:
    from topline.connectors.mapping import TARGETS

    for file in found.files.all():
        layout = file.chosen_layout()
        target = TARGETS[layout.target]
        reading = ", ".join(f"{key.replace('_', ' ')} “{value}”" for key, value in file.reading.items() if value)
        typer.echo(f"\n{file.name}: {target.label}, rows: {file.rows:,} ({reading})")
        output.rows(
            [
                {
                    "field": target.field(id_).label,
                    "column": match.column,
                    "because of": match.reason.replace("_", " "),
                    "sure": f"{match.score:.0%}",
                    "written as": ", ".join(f"{k} {v}" for k, v in match.reading.items() if k != "is_ambiguous")
                    + (" (a guess)" if match.reading.get("is_ambiguous") else ""),
                }
                for id_, match in layout.matches.items()
            ],
            output.Format.TABLE,
            columns=("field", "column", "because of", "sure", "written as"),
        )
        read = {match.column for match in layout.matches.values()}
        if unread := [column for column in file.columns if column not in read]:
            typer.echo(f"Not read: {', '.join(unread)}. Name a field for one with --column, or the table with --table.")
        shown = [dict(zip(["row", *file.columns], row, strict=True)) for row in file.first_rows[:5]]
        output.rows(shown, output.Format.TABLE, title="First rows")
    _show_effects(found)


def _unsure(found: "Import") -> list[str]:
    """What a person should look at before the files are taken in, each with how to say it."""
    named = [
        f"{file.name}: {id_} from “{match.column}” is only {match.score:.0%} sure: "
        f'--column "{id_}={match.column}" if it is so.'
        for file in found.files.all()
        for id_, match in file.chosen_layout().matches.items()
        if match.is_unsure
    ]
    return named + [
        f"{question} in {', '.join(columns)}? --{option} {' or '.join(answers)}."
        for option, question, answers in _OPEN
        if (columns := found.undecided(option))
    ]


def _ask_undecided(found: "Import") -> None:
    """Asks what the files leave open, and proposes anew with the answers."""
    from topline.imports import operations

    said = {
        option: _answer(f"{question} in {', '.join(columns)}?", answers)
        for option, question, answers in _OPEN
        if (columns := found.undecided(option))
    }
    if said:
        operations.propose(found=operations.decide(found=found, actor_id=None, **said), progress=_say_progress)
        _show_effects(found)


def _answer(question: str, answers: type[StrEnum]) -> str:
    while True:
        said = str(typer.prompt(f"{question} ({' or '.join(answers)})"))
        if said in list(answers):
            return said


_OPEN: tuple[tuple[str, str, type[StrEnum]], ...] = (
    ("dates", "Does the day or the month come first", Dates),
    ("decimal", "Which mark stands before the decimals", Decimals),
)
"""What a file may leave open: the option that says it, the question, its answers."""


def _show_effects(found: "Import") -> None:
    if found.rules:
        taken = {rule["place"]: rule["rows"] for rule in found.preview["rules"]}
        output.rows(
            [
                {
                    "kind": rule.kind,
                    "rows that are so": " or ".join(test.to_text() for test in rule.tests),
                    "rows": taken.get(place, 0),
                }
                for place, rule in enumerate(found.profile.rules)
            ],
            output.Format.TABLE,
            columns=("kind", "rows that are so", "rows"),
            title="What the rows are; the rest are goods sold",
        )
    for trap in found.preview["traps"]:
        typer.echo(f"- {trap['message'] % trap['params']}")


def _print_report(found: "Import", report: dict[str, Any], style: output.Format) -> None:
    from topline.imports import quarantine

    figures = {key: report[key] for key in ("rows", "facts", "duplicates", "quarantined")}
    if style != output.Format.TABLE:
        output.rows([{"import": found.pk, "state": found.state, **figures, "kinds": report["kinds"]}], style)
        return
    if report["kinds"]:
        shown = [_shown(kind, found.shop.currency) for kind in report["kinds"]]
        output.rows(shown, style, title="What the rows come to")
    typer.echo(
        f"{figures['rows']:,} rows in = {figures['facts']:,} facts + {figures['quarantined']:,} quarantined "
        f"+ {figures['duplicates']:,} recognised duplicates"
    )
    for reason, count, first in quarantine.told(report):
        typer.echo(f"- {count:,} in quarantine: {reason} {first}".rstrip())
    for file in found.files.filter(quarantined__gt=0):
        typer.echo(f"  Mend and bring again: {file.quarantine_path}")
    if found.state == found.State.LIVE:
        typer.echo(
            f"Import {found.pk} is live. “topline import undo {found.pk} --shop {found.shop.slug}” takes it back."
        )


def _shown(kind: dict[str, Any], currency: str) -> dict[str, Any]:
    """A kind as people read it: whole units without decimals, amounts in the currency's minor units."""
    quantity, amount = Decimal(kind["quantity"]), money.rounded(Decimal(kind["amount"]), currency)
    return {**kind, "quantity": int(quantity) if quantity == int(quantity) else quantity, "amount": amount}


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"“{text}” isn't name=value.")
    return name.strip(), value.strip()


def _is_agreed() -> bool:
    if not sys.stdin.isatty():
        typer.echo("Nobody is here to ask; say --yes to take the files in.", err=True)
        return False
    return typer.confirm("Take the files in so?")


def _say_progress(done: int, total: int, message: str) -> None:
    _say(f"Reading {message} ({done + 1} of {total}) ...")


def _say(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
