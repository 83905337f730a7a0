"""Alerts of a shop: what is watched, what happened, judge them now."""

from typing import TYPE_CHECKING, Annotated

import typer

from topline.cli import boot, output

if TYPE_CHECKING:
    from topline.boards.models import Alert

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="See what a shop's alerts watch and found, and judge them now."
)


@app.command("list")
def listing(
    shop: Annotated[str, typer.Option(help="The shop.")], style: output.FormatOption = output.Format.TABLE
) -> None:
    """Print the alerts of a shop, and when each fired last."""
    chosen = boot.shop(shop)
    from topline.boards.models import Alert

    running = Alert.objects.running().filter(shop=chosen).order_by("pk")
    columns = ("id", "name", "rule", "metric", "where", "owner", "last", "trouble")
    output.rows([_row(alert) for alert in running], style, columns=columns, title="Alerts")


@app.command()
def check(
    shop: Annotated[str, typer.Option(help="The shop.")], style: output.FormatOption = output.Format.TABLE
) -> None:
    """Judge the alerts of a shop now, as the worker does after new data, and print what began."""
    chosen = boot.shop(shop)
    boot.fresh_lake(chosen)
    from topline.boards import jobs
    from topline.boards.models import AlertEvent

    newest = AlertEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    jobs.judge_shop(chosen)
    begun = AlertEvent.objects.filter(alert__shop=chosen, pk__gt=newest).select_related("alert")
    columns = ["alert", "bucket", "value", "expected"]
    found = [{"alert": e.alert.name, "bucket": e.bucket, "value": e.value, "expected": e.expected} for e in begun]
    output.rows(found, style, columns=columns, title="Began now")


def _row(alert: "Alert") -> dict[str, object]:
    last = alert.events.first()
    return {
        "id": alert.pk,
        "name": alert.name,
        "rule": alert.rule,
        "metric": alert.metric,
        "where": ", ".join(alert.question.get("where", [])),
        "owner": alert.owner.email,
        "last": last.bucket if last else None,
        "trouble": alert.trouble,
    }
