"""Create shops, list them, and change their settings and clocks."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from topline.cli import boot, output
from topline.units.period import parse_day

app = typer.Typer(
    help="Create shops, list them, and change their settings and clocks.", no_args_is_help=True, add_completion=False
)

Slug = Annotated[str, typer.Argument(help="The shop's short name, such as gifts.")]


@app.command()
def create(
    slug: Slug,
    currency: Annotated[str, typer.Option(help="ISO 4217, such as GBP. Fixed once the shop has facts.")],
    timezone: Annotated[str, typer.Option(help="Such as Europe/London.")],
    country: Annotated[str, typer.Option(help="ISO 3166, such as GB: the calendar that the shop follows.")],
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    owner: Annotated[
        str | None, typer.Option(help="The e-mail address of its owner; by default the first user.")
    ] = None,
) -> None:
    """Make a new shop."""
    boot.product()
    from topline.accounts import operations
    from topline.accounts.models import User

    shop = operations.create_shop(
        slug=slug,
        name=name or slug,
        currency=currency,
        timezone=timezone,
        country=country,
        owner=User.objects.named(owner) if owner else User.objects.filter(is_active=True).order_by("pk").first(),
    )
    typer.echo(f"Made the shop {shop.name} ({shop.slug}), in {shop.currency}, {shop.timezone}.")


@app.command("list")
def list_(style: output.FormatOption = output.Format.TABLE) -> None:
    """List all shops."""
    boot.product()
    from topline.accounts.models import Shop

    columns = ("slug", "name", "currency", "timezone", "country", "clock_on")
    rows = [{column: getattr(shop, column) for column in columns} for shop in Shop.objects.order_by("slug")]
    output.rows(rows, style, columns=columns)


@app.command()
def show(slug: Slug, style: output.FormatOption = output.Format.TABLE) -> None:
    """Show one shop's settings."""
    shop = boot.shop(slug)
    from topline.accounts.models import plain_settings

    shown = {"slug": shop.slug, **plain_settings(shop), "today": shop.today(), "is_pinned": shop.is_pinned}
    output.rows(
        [{"setting": name, "value": value} for name, value in shown.items()], style, columns=("setting", "value")
    )


@app.command("set")
def set_(slug: Slug, settings: Annotated[list[str], typer.Argument(help="name=value, such as week_start=7.")]) -> None:
    """Change a shop's settings: name, currency, timezone, country, week_start, fiscal_first_month, order_basis."""
    shop = boot.shop(slug)
    from topline.accounts import operations

    changes = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise typer.BadParameter(f"“{setting}” isn't name=value.")
        changes[name] = value
    operations.change_settings(
        shop=shop, actor_id=None, today=datetime.now(UTC).astimezone(shop.zone).date(), **changes
    )
    show(slug)


@app.command()
def rezone(
    slug: Slug,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
) -> None:
    """Lay the shop's present clock over its history: the date and hour of every fact, worked out anew."""
    shop = boot.shop(slug)
    from topline.imports import rezone as history
    from topline.workbench import jobs

    boot.fresh_lake(shop)
    found = history.effects(shop)
    if not found:
        typer.echo(f"All facts have their date and hour by {shop.timezone} already.")
        return
    rows = [
        {"fact": table, "rows": each.rows, "another_hour": each.hours, "another_day": each.days}
        for table, each in found.items()
    ]
    output.rows(rows, output.Format.TABLE, title=f"{shop.name} by the clock of {shop.timezone}")
    if not yes:
        typer.confirm("Lay this clock over the history?", abort=True)
    done = jobs.run_now(history.enqueue(shop=shop, actor_id=None))
    if done.state != done.State.DONE:
        typer.echo(done.message or f"The job {done.pk} is {done.state}.", err=True)
        raise typer.Exit(1)
    written = sum(done.result["tables"].values())
    typer.echo(f"{written:,} facts have their date and hour by {shop.timezone} now.")


@app.command()
def step(
    slug: Slug,
    days: Annotated[int | None, typer.Option(help="Move the pinned clock by so many days.")] = None,
    to: Annotated[str | None, typer.Option(help="Move it to this date.")] = None,
    pin: Annotated[bool, typer.Option("--pin", help="Pin a clock that runs in real time to --to.")] = False,
    release: Annotated[bool, typer.Option("--release", help="Let the clock run in real time again.")] = False,
) -> None:
    """Step a shop's pinned clock: by one day, by --days, or --to a date."""
    shop = boot.shop(slug)
    from topline.accounts import operations

    day = parse_day(to) if to else None
    if release or pin:
        shop = operations.pin_clock(shop=shop, on=None if release else day or shop.today(), actor_id=None)
    else:
        shop = operations.step_clock(shop=shop, actor_id=None, days=days, to=day)
    typer.echo(f"It is {shop.today()} in {shop.name}.")


@app.command()
def channels(
    slug: Slug,
    add: Annotated[
        list[str] | None, typer.Option(help="code=name:kind, such as fair=Spring fair:event; the rest may be left out.")
    ] = None,
    remove: Annotated[
        list[str] | None, typer.Option(help="Take the channel of this code off the list; repeat.")
    ] = None,
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """List the shop's channels, and those that its facts carry and the list lacks."""
    shop = boot.shop(slug)
    from topline.accounts import channels
    from topline.accounts.models import Channel

    for text in add or ():
        code, _, said = text.partition("=")
        name, _, kind = said.partition(":")
        channels.keep_channel(shop=shop, code=code, name=name, kind=kind.strip(), actor_id=None)
    for code in remove or ():
        channels.remove_channel(shop=shop, code=code, actor_id=None)
    boot.fresh_lake(shop)
    listed = [(each, True) for each in Channel.objects.filter(shop=shop)]
    listed += [(each, False) for each in channels.proposed(shop, channels.seen(shop))]
    names = ("code", "name", "kind", "is_online")
    rows = [{name: getattr(each, name) for name in names} | {"is_listed": on} for each, on in listed]
    output.rows(rows, style, columns=(*names, "is_listed"))
