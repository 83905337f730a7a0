"""Print a country's retail events and public holidays.

Without a shop it loads neither the lake nor the product.
"""

import sys
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from topline.calendar import feed, holiday
from topline.calendar.occurrence import Occurrence, occurrences
from topline.cli import output
from topline.documents import ics
from topline.units.period import Period

app = typer.Typer(add_completion=False)


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    ICS = "ics"


@app.callback(invoke_without_command=True)
def calendar(
    context: typer.Context,
    *,
    country: Annotated[str | None, typer.Option(help="ISO 3166-1 code, such as RO; by default the shop's.")] = None,
    year: Annotated[
        int | None, typer.Option(min=1925, max=2100, help="The calendar year; this one by default.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="ISO 3166-2 code without the country, such as BY or 82.")] = None,
    shop: Annotated[str | None, typer.Option(help="A shop, whose own events are then among them.")] = None,
    language: Annotated[str, typer.Option(help="Language of the holidays' names, such as en or ro.")] = "en",
    with_holidays: Annotated[bool, typer.Option("--holidays/--no-holidays", help="Public holidays too.")] = True,
    style: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TABLE,
) -> None:
    """Print the retail events and public holidays of a country in a year, or take in a calendar file."""
    if context.invoked_subcommand:
        return
    year = year or datetime.now(UTC).year
    period = Period(date(year, 1, 1), date(year + 1, 1, 1))
    if country is None and shop is None:
        raise typer.BadParameter("State a country, such as --country RO, or a shop.")
    market, own = _of_shop(shop, period, country)
    events = occurrences(period, market, region=region, own=own)
    free = holiday.holidays(market, period, language, region=_holiday_region(market, region)) if with_holidays else []
    if style is Format.ICS:
        entries = feed.entries(events, free, translate=str)
        name = f"Topline {market} {year}"
        sys.stdout.write(ics.feed(entries, name=name, now=datetime.now(UTC)).decode())
        return
    rows = [_event_row(one) for one in events] + [_holiday_row(one) for one in free]
    rows.sort(key=lambda row: (str(row["start"]), str(row["event"])))
    columns = _COLUMNS[:6] if style is Format.TABLE else _COLUMNS
    output.rows(rows, output.Format(style.value), columns=columns, title=f"{market} {year}")


@app.command("import")
def bring_in(
    path: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A calendar file (.ics).")],
    *,
    shop: Annotated[str, typer.Option(help="The shop that the events are of.")],
    is_preview: Annotated[bool, typer.Option("--preview", help="Say what would change, and change nothing.")] = False,
    style: Annotated[output.Format, typer.Option("--format", help="How to print.")] = output.Format.TABLE,
) -> None:
    """Take a calendar file's events in as the shop's own; the same file again adds nothing twice."""
    from topline.cli import boot

    found = boot.shop(shop)
    from topline.plans import calendar as plans

    with path.open("rb") as file:
        raw = file.read(ics.MOST_BYTES + 1)
    if is_preview:
        lines = plans.preview(found, raw)
    else:
        lines = plans.import_events(shop=found, raw=raw, name=path.name, actor_id=None, now=datetime.now(UTC))
    rows = [
        {"line": one.line, "event": one.name, "start": one.starts_on, "last": one.last_on, "outcome": one.outcome,
         "note": str(one.note)}
        for one in lines
    ]  # fmt: skip
    output.rows(rows, style, columns=("line", "event", "start", "last", "outcome", "note"), title=path.name)
    if any(one.outcome == "wrong" for one in lines):
        raise typer.Exit(4)


@app.command()
def undo(*, shop: Annotated[str, typer.Option(help="The shop that the events are of.")]) -> None:
    """Take the newest import of events back."""
    from topline.cli import boot

    found = boot.shop(shop)
    from topline.plans import calendar as plans

    done = plans.undo_import(shop=found, actor_id=None, now=datetime.now(UTC))
    typer.echo(f"Events that are as before: {done}.")


def _of_shop(shop: str | None, period: Period, country: str | None) -> tuple[str, list[Occurrence]]:
    """The market, and the shop's own events, which belong to its home market."""
    if shop is None:
        return (country or "").upper(), []
    from topline.cli import boot

    found = boot.shop(shop)
    from topline.plans.models import OwnEvent

    market = (country or found.country).upper()
    return market, OwnEvent.objects.occurrences(found, period) if market == found.country else []


_COLUMNS = (
    "start",
    "last",
    "event",
    "label",
    "kind",
    "is_estimate",
    "lead_in_days",
    "tail_days",
    "categories",
    "source",
    "verified_on",
)


def _holiday_region(country: str, region: str | None) -> str | None:
    """The region, if the holidays of the country know it; some of our regions are finer than theirs."""
    return region if region in holiday.regions(country) else None


def _event_row(one: Occurrence) -> dict[str, object]:
    return {
        "start": one.start,
        "last": one.period.last,
        "event": one.event,
        "label": one.label,
        "kind": one.kind,
        "is_estimate": one.is_estimate,
        "lead_in_days": one.lead_in_days,
        "tail_days": one.tail_days,
        "categories": list(one.categories),
        "source": one.source,
        "verified_on": one.verified_on,
    }


def _holiday_row(one: holiday.Holiday) -> dict[str, object]:
    return {
        "start": one.on,
        "last": one.on,
        "event": "public_holiday",
        "label": one.name,
        "kind": "holiday",
        "is_estimate": False,
    }
