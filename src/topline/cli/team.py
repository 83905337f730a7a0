"""The team: who works here, where they sell, their quotas, and their trainings.

topline team list --shop gifts
topline team territories --shop gifts
topline team quotas --shop gifts
topline team trainings --shop gifts
"""

from typing import Annotated

import typer

from topline.cli import boot, output, plan

app = typer.Typer(help="The team: people, territories, quotas, trainings.", no_args_is_help=True, add_completion=False)


@app.command("list")
def list_(shop: plan.ShopOption, style: output.FormatOption = output.Format.TABLE) -> None:
    """List the people and open positions, everybody below whom they report to."""
    owner = boot.shop(shop)
    from topline.team.models import Member, tree

    output.rows(
        [
            {
                "name": ("  " * depth if style is output.Format.TABLE else "") + str(one),
                "role": one.role,
                "team": one.team,
                "hours": one.week_hours,
                "reports_to": str(one.reports_to or ""),
                "from": one.from_on,
                "until": one.until_on,
            }
            for one, depth in tree(list(Member.objects.of(owner)))
        ],
        style,
        columns=("name", "role", "team", "hours", "reports_to", "from", "until"),
    )


@app.command()
def territories(shop: plan.ShopOption, style: output.FormatOption = output.Format.TABLE) -> None:
    """List the territories: where the shop sells, through which channel, and who answers for it."""
    owner = boot.shop(shop)
    from topline.team.models import Territory

    names = ("name", "market", "region", "channel", "currency", "tax_rate", "country")
    output.rows(
        [
            {name: getattr(one, name) for name in names} | {"owner": str(one.owner or "")}
            for one in Territory.objects.filter(shop=owner).select_related("owner")
        ],
        style,
        columns=(*names, "owner"),
    )


@app.command()
def quotas(
    shop: plan.ShopOption,
    plan_id: Annotated[int | None, typer.Option("--plan", help="The plan; by default the sales plan of today.")] = None,
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """Show what each person is to win in a plan, up to the company, and how far they are."""
    owner = boot.shop(shop)
    boot.fresh_lake(owner)
    from topline.lake.scope import Scope
    from topline.plans import quotas as plans
    from topline.plans.models import Plan
    from topline.units.missing import Missing

    selling = Plan.objects.of(owner).selling()
    one = selling.filter(pk=plan_id).first() if plan_id else selling.touching(owner.today()).first()
    if one is None or not plans.exist(one.current):
        typer.echo("There are no quotas.", err=True)
        raise typer.Exit(3)
    found = plans.of(one.current, owner.today(), Scope.whole(owner.slug))
    lines = [(line.label, line) for line in (*found.tree, *found.strange)]
    output.rows(
        [
            {
                "who": ("  " * line.depth if style is output.Format.TABLE else "") + label,
                "is_sum": line.is_sum,
                "quota": line.quota,
                "due": line.due,
                "won": None if isinstance(line.won, Missing) else round(line.won, 2),
                "attainment": None if isinstance(line.attainment, Missing) else round(line.attainment, 4),
                "pace": None if line.pace is None else round(line.pace, 4),
            }
            for label, line in [*lines, ("all quotas", found.whole), ("target of the company", found.company)]
        ],
        style,
        columns=("who", "is_sum", "quota", "due", "won", "attainment", "pace"),
    )


@app.command()
def trainings(shop: plan.ShopOption, style: output.FormatOption = output.Format.TABLE) -> None:
    """List the trainings, and what the number that each should move did before and after."""
    owner = boot.shop(shop)
    boot.fresh_lake(owner)
    from topline.lake.scope import Scope
    from topline.team.effect import Effect, effect
    from topline.team.models import Training

    found = [
        (one, effect(one, owner.today(), Scope.whole(owner.slug)))
        for one in Training.objects.filter(shop=owner).select_related("shop").prefetch_related("attendees")
    ]
    output.rows(
        [
            {
                "on": one.on,
                "session": one.name,
                "metric": one.metric,
                "days": seen.days if isinstance(seen, Effect) else None,
                "before": seen.before if isinstance(seen, Effect) else seen,
                "after": seen.after if isinstance(seen, Effect) else seen,
            }
            for one, seen in found
        ],
        style,
        columns=("on", "session", "metric", "days", "before", "after"),
    )
