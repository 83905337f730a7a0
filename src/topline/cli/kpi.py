"""Metrics of a shop: cut, filtered, compared.

topline kpi --shop gifts net_sales,orders --by month,channel --from 2010-12-01 --to 2011-12-01
topline kpi --shop gifts ledger_amount --by kind --format json
topline kpi --shop gifts net_sales --by month --as rep@example.org
topline kpi --list
"""

from typing import Annotated

import typer

from topline.cli import boot, output

app = typer.Typer(add_completion=False)


@app.command()
def kpi(
    metrics: Annotated[str, typer.Argument(help="Ids with commas between, such as net_sales,orders.")] = "",
    shop: Annotated[str, typer.Option(help="The shop.")] = "",
    by: Annotated[
        list[str] | None, typer.Option(help="A dimension or grain, or several as month,channel; may be repeated.")
    ] = None,
    start: Annotated[str, typer.Option("--from", help="First day or month.")] = "",
    end: Annotated[str, typer.Option("--to", help="The day or month that is no longer inside.")] = "",
    where: Annotated[list[str] | None, typer.Option(help="A filter such as market=GB,FR; may be repeated.")] = None,
    against: Annotated[str, typer.Option(help="previous, last_year, last_year_weekday, last_year_feast or plan.")] = "",
    as_of: Annotated[str, typer.Option(help="Only what happened before this day.")] = "",
    known_at: Annotated[str, typer.Option(help="Only what Topline knew then, such as 2026-11-01T09:30Z.")] = "",
    top: Annotated[int | None, typer.Option(min=1, help="Only so many values, the rest as one.")] = None,
    window: Annotated[str, typer.Option(help="cumulative, or how many buckets up to each one.")] = "",
    money: Annotated[str, typer.Option(help="shop for its currency, order for the orders' own, or constant.")] = "shop",
    as_whom: boot.ViewerOption = "",
    listing: Annotated[bool, typer.Option("--list", help="List the catalogue instead.")] = False,
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """Print metrics of a shop."""
    from topline.lake import known_value
    from topline.lake.read import read
    from topline.metrics.query import parse
    from topline.units.missing import Missing

    if listing:
        columns = ["id", "label", "unit", "formula"] if style is output.Format.TABLE else None
        return output.rows(_catalogue(), style, columns=columns, title="Metrics")
    query = parse(
        metrics,
        by=",".join(by or ()),
        start=start,
        end=end,
        where=where or (),
        against=against,
        as_of=as_of,
        known_at=known_at,
        top=top,
        window=window,
        money=money,
    )
    if not shop:
        raise typer.BadParameter("State the shop: --shop NAME.")
    chosen = boot.shop(shop)
    lake = boot.fresh_lake(chosen)
    scope = boot.viewer(chosen, as_whom).scope
    known_value.require(lake, query.where, scope=scope, settings=chosen.settings(), of=query.metrics)
    result = read(lake, query, scope=scope, settings=chosen.settings()).within_data()
    match style:
        case output.Format.JSON:
            output.rows(result.to_json(), style)
        case _:
            shown = result.table()
            columns = list(shown[0]) if shown else list(result.columns)
            output.rows(shown, style, columns=columns, title=chosen.name)
    if not result.rows and result.query.by:
        for id_, value in result.totals.items():
            if isinstance(value, Missing):
                typer.echo(f"{id_}: {value}", err=True)
    return None


def _catalogue() -> list[dict[str, object]]:
    from topline.metrics.catalogue import dimensions, metrics

    return [
        {
            "id": metric.id,
            "label": metric.label,
            "family": metric.family,
            "unit": metric.unit.value,
            "direction": metric.direction.value,
            "formula": metric.formula,
            "by": [id_ for id_ in dimensions() if id_ in metric.dimensions],
        }
        for metric in metrics().values()
    ]
