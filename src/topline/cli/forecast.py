"""What a shop will sell: by month, category or market, with intervals.

topline forecast --shop gifts --from 2011-09 --months 3 --as-of 2011-09-01 --by market
topline forecast --shop gifts --publish
"""

import math
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from topline.cli import boot, output

if TYPE_CHECKING:
    from topline.outlook.sales import Cells, SalesOutlook

app = typer.Typer(add_completion=False)


class Metric(StrEnum):
    NET_SALES = "net_sales"
    UNITS = "units"


class Dimension(StrEnum):
    CATEGORY = "category"
    MARKET = "market"


@app.command()
def forecast(
    shop: Annotated[str, typer.Option(help="The shop.")],
    start: Annotated[str, typer.Option("--from", help="First month, by default that of --as-of.")] = "",
    months: Annotated[int, typer.Option(min=1, max=24, help="How many months.")] = 3,
    as_of: Annotated[str, typer.Option(help="Only what happened before this day; by default the shop's today.")] = "",
    metric: Annotated[Metric, typer.Option(help="What to forecast.")] = Metric.NET_SALES,
    by: Annotated[Dimension | None, typer.Option(help="Cut by this as well as in total.")] = None,
    publish: Annotated[bool, typer.Option("--publish", help="Keep the forecast as facts.")] = False,
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """Print what a shop will sell."""
    chosen = boot.shop(shop)
    lake = boot.fresh_lake(chosen)

    # forecasting loads numpy, scipy and ibis: not before the shop is known to exist
    from topline.outlook import sales
    from topline.plans import expectation
    from topline.science.demand import ShortHistoryError
    from topline.science.total import LEAST_DAYS
    from topline.units.period import parse_day

    snapshot = lake.latest()
    if snapshot is None:
        raise ShortHistoryError(found=0, least=LEAST_DAYS)
    made = sales.run(
        lake,
        snapshot,
        as_of=boot.as_of(as_of or None, chosen),
        settings=chosen.settings(),
        first=parse_day(start) if start else None,
        months=months,
        metric=metric.value,
        own=expectation.own_events(chosen, boot.as_of(as_of or None, chosen)),
    )
    if publish:
        from topline.plans import runs

        runs.keep_sales(shop=chosen, outlook=made, batch_id=f"forecast/{sales.run_key(made)}/{made.metric}")
    whole = style is output.Format.TABLE
    rows = _rows(made, made.total, None, whole)
    if by and by.value in made.by:
        rows += _rows(made, made.by[by.value], by.value, whole)
    output.rows(rows, style, title=_title(made))


def _rows(made: "SalesOutlook", cells: "Cells", dimension: str | None, whole: bool) -> list[dict[str, object]]:
    """A row for each slice and month; a table for people shows whole units, since no forecast knows the pennies."""
    return [
        {
            "month": f"{month:%Y-%m}",
            "slice": "total" if dimension is None else f"{dimension}={name or ''}",
            "low": _amount(cells.low[k, h], whole),
            made.metric: _amount(cells.mean[k, h], whole),
            "high": _amount(cells.high[k, h], whole),
            "in_already": _amount(cells.actual[k, h], whole),
            "last_year": _amount(cells.last_year[k, h], whole),
        }
        for k, name in enumerate(cells.names)
        for h, month in enumerate(made.months)
    ]


def _amount(value: float, whole: bool) -> Decimal | None:
    return None if math.isnan(value) else Decimal(f"{value:.0f}" if whole else f"{value:.2f}")


def _title(made: "SalesOutlook") -> str:
    past = made.accuracy
    made_so = f"{made.metric} as of {made.as_of}, {made.level:.0%} intervals, {made.model}"
    if not past.cells:
        return f"{made_so}; no past to measure it on yet"
    measured = f"{past.wape:.1%} off ({past.mase:.2f} of the error of last year's figures), {past.coverage:.0%} inside"
    return f"{made_so}; in the past {measured}"
