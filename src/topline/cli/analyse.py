"""Analyses of a shop: cohorts, segments of customers, what changed and why, ...

topline analyse cohorts --shop gifts --choose by=channel --choose measure=net_sales
topline analyse cohorts --shop gifts --from 2011-01 --to 2011-07 --table ages --format csv
topline analyse --list
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from topline.cli import boot, output

app = typer.Typer(add_completion=False)


@app.command()
def analyse(
    analysis: Annotated[str, typer.Argument(help="Its id, such as cohorts.")] = "",
    shop: Annotated[str, typer.Option(help="The shop.")] = "",
    start: Annotated[str, typer.Option("--from", help="First day or month.")] = "",
    end: Annotated[str, typer.Option("--to", help="The day or month that is no longer inside.")] = "",
    where: Annotated[list[str] | None, typer.Option(help="A filter such as market=GB,FR; may be repeated.")] = None,
    as_of: Annotated[str, typer.Option(help="Only what happened before this day.")] = "",
    choose: Annotated[
        list[str] | None,
        typer.Option(help="A choice, such as by=channel; figures=@FILE reads a CSV file; may be repeated."),
    ] = None,
    table: Annotated[str, typer.Option(help="Only this table of the answer.")] = "",
    as_whom: boot.ViewerOption = "",
    listing: Annotated[bool, typer.Option("--list", help="List the analyses and their choices instead.")] = False,
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """Print an analysis of a shop."""
    from topline.analysis import catalogue
    from topline.analysis.result import said
    from topline.lake import known_value
    from topline.lake.analyse import analyse as ask
    from topline.lake.read import HiddenMetricError
    from topline.metrics.query import parse_filter, parse_period
    from topline.units.period import parse_day

    if listing:
        return output.rows(_listed(), style, title="Analyses")
    found = catalogue.named(analysis)
    if not shop:
        raise typer.BadParameter("State the shop: --shop NAME.")
    choices = dict(_choice(text) for text in choose or ())
    for id_, text in choices.items():
        if text.startswith("@"):
            choices[id_] = found.filled(id_, Path(text[1:]).read_text("utf-8-sig"), choices)
    question = found.asked(
        choices,
        period=parse_period(start, end),
        where=[parse_filter(text) for text in where or ()],
        as_of=parse_day(as_of) if as_of else None,
    )
    chosen = boot.shop(shop)
    lake = boot.fresh_lake(chosen)
    viewer = boot.viewer(chosen, as_whom)
    known_value.require(lake, question.where, scope=viewer.scope, settings=chosen.settings())
    result = ask(lake, question, scope=viewer.scope, settings=chosen.settings())
    asked = [result.table(table)] if table else result.tables
    shown = [each for each in asked if viewer.may_see_people or not each.is_personal]
    if table and not shown:
        raise HiddenMetricError(metric=asked[0].label)
    sys.stderr.write(f"{result.sentence}\n")
    for each in shown if style is output.Format.TABLE else shown[:1]:
        rows = [{id_: said(cell) for id_, cell in row.items()} for row in each.rounded(chosen.currency)]
        output.rows(rows, style, columns=[column.id for column in each.columns], title=each.label)
    for note in result.notes:
        sys.stderr.write(f"{note}\n")
    return None


def _choice(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"“{text}” is not a choice. Write it as name=value.")
    return name.strip(), value.strip()


def _listed() -> list[dict[str, object]]:
    from topline.analysis.catalogue import analyses

    return [
        {
            "id": each.id,
            "label": each.label,
            "answers": each.description,
            "choices": [f"{choice.id}={'|'.join(choice.options) or choice.example}" for choice in each.choices],
        }
        for each in analyses().values()
    ]
