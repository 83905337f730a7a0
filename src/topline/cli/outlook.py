"""What will happen, and what to do: demand, the check of a plan, customers, budget, stock, workload, proposals.

topline outlook check 3 --traffic 10 --price -5
topline outlook demand --shop gifts --by category --change product=A1,discount=20,from=2027-02-01,to=2027-02-08
topline outlook budget --shop gifts --budget 50000 --most paid_search=30000
topline outlook customers --shop gifts --lines
topline outlook stock --shop gifts --state order
topline outlook workload --shop gifts
topline outlook leads --shop gifts
topline outlook proposals --shop gifts
"""

import math
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topline.cli import boot, output, plan

if TYPE_CHECKING:
    from topline.plans.checks import PlanCheck

app = typer.Typer(help="What will happen, and what to do.", no_args_is_help=True, add_completion=False)


@app.command()
def check(
    id_: plan.PlanId,
    traffic: Annotated[float, typer.Option(help="Visits, in per cent more or less.")] = 0.0,
    conversion: Annotated[float, typer.Option(help="Orders per visit, in per cent more or less.")] = 0.0,
    basket: Annotated[float, typer.Option(help="Net sales per order, in per cent more or less.")] = 0.0,
    price: Annotated[float, typer.Option(help="Prices, in per cent more or less.")] = 0.0,
    promotion: Annotated[
        float, typer.Option(help="Discounts of planned promotions, in per cent more or less; -100 plans none.")
    ] = 0.0,
    spend: Annotated[float, typer.Option(help="Marketing budget, in per cent more or less.")] = 0.0,
    channel: Annotated[
        list[str] | None,
        typer.Option(
            help="CHANNEL=SHARE, its own budget on top of --spend: search=0.2 is a fifth more; may be repeated."
        ),
    ] = None,
    budget: Annotated[float, typer.Option(help="The most that may be spent, in the shop's currency.")] = math.inf,
    supply: Annotated[float, typer.Option(help="Stock and deliveries, in per cent more or less.")] = 0.0,
    goal: Annotated[str, typer.Option(help="Find the smallest change for this goal, by its key.")] = "",
    as_of: plan.AsOf = None,
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """Check a plan: how likely its goals are, what holds each month back, and what a change would do."""
    version = plan._version(id_)
    boot.fresh_lake(version.plan.shop)
    from topline.plans import checks
    from topline.science.check import Change

    shares = {
        "traffic": traffic, "conversion": conversion, "basket": basket, "price": price, "promotion": promotion,
        "spend": spend, "supply": supply,
    }  # fmt: skip
    moved: dict[str, Any] = {lever: share / 100 for lever, share in shares.items()}
    day = boot.as_of(as_of, version.plan.shop)
    channels = checks.channel_changes(channel or [])
    made = checks.of(version, day, change=Change(**moved, budget=budget), channels=channels, about=goal)
    _print(made, style)


@app.command()
def stock(
    shop: plan.ShopOption,
    state: Annotated[
        str, typer.Option(help="Only products that are out, late, order, soon, enough, excess, dead.")
    ] = "",
    supplier: Annotated[str, typer.Option(help="Only products of this supplier.")] = "",
    as_of: plan.AsOf = None,
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """Plan the stock: what to order of whom and when, and what lies there for nothing."""
    owner = boot.shop(shop)
    boot.fresh_lake(owner)
    from topline.plans import stock as plans
    from topline.plans.text import render

    if state and state not in plans.STATES:
        raise typer.BadParameter(f"There is no state “{state}”. There is: {', '.join(plans.STATES)}.")
    found = plans.of(owner, boot.as_of(as_of, owner))
    if style is output.Format.TABLE:
        for sentence in (*found.headline, *found.notes):
            typer.echo(render(sentence, currency=owner.currency, language="en"))
    output.rows(
        [
            {
                "product": line.product_key,
                "state": line.state,
                "supplier": line.supplier or "",
                "on_hand": line.on_hand,
                "daily": round(line.daily, 2),
                "reorder_at": line.reorder_point,
                "order_up_to": line.order_up_to,
                "order": line.order_units,
                "order_on": line.order_on,
            }
            for line in found.lines
            if state in ("", line.state) and supplier in ("", line.supplier or "")
        ],
        style,
        columns=("product", "state", "supplier", "on_hand", "daily", "reorder_at", "order_up_to", "order", "order_on"),
    )


@app.command()
def leads(shop: plan.ShopOption, style: output.FormatOption = output.Format.TABLE) -> None:
    """Rank the open leads by their calibrated chance to convert, and say what speaks for and against each."""
    owner = boot.shop(shop)
    boot.fresh_lake(owner)
    from topline.outlook import pipeline
    from topline.plans import standing

    run = standing.fresh(owner, "pipeline")
    about = run.about["leads"]
    if style is output.Format.TABLE:
        if "missing" in about:
            typer.echo(about["missing"] % about["params"])
        elif not about["is_worth"]:
            typer.echo("Nothing that is known sets these leads apart: all have the share that converts.")
    output.rows(
        [
            {
                "lead": row["key"],
                "since": row["created"],
                "channel": row["channel"] or "",
                "market": row["market"] or "",
                "owner": row["owner"] or "",
                "chance": round(row["chance"], 3),
                "why": "; ".join(f"{each['column']} x {each['factor']:.2f}" for each in row["why"]),
            }
            for row in pipeline.open_leads(run)
        ],
        style,
        columns=["lead", "since", "channel", "market", "owner", "chance", "why"],
    )


@app.command()
def workload(shop: plan.ShopOption, as_of: plan.AsOf = None, style: output.FormatOption = output.Format.TABLE) -> None:
    """Foresee the work week by week: orders to pick, contacts, leads and content, and the people that they take."""
    owner = boot.shop(shop)
    boot.fresh_lake(owner)
    from topline.plans import workload as plans
    from topline.plans.text import render

    found = plans.of(owner, boot.as_of(as_of, owner))
    if style is output.Format.TABLE:
        for sentence in found.headline:
            typer.echo(render(sentence, currency=owner.currency, language="en"))
    output.rows(
        [
            {
                "week": line.week,
                "work": line.kind,
                "pieces": round(line.count, 1),
                "hours": round(line.hours, 1),
                "people": round(line.people, 2),
                "missing": round(line.missing, 2),
            }
            for line in found.lines
        ],
        style,
        columns=("week", "work", "pieces", "hours", "people", "missing"),
    )


_LINE = ("line", "customers", "active", "churn", "orders")
_CUSTOMER = (
    "customer",
    "orders_so_far",
    "active",
    "order_in_90_days",
    "year_orders",
    "year_sales",
    "three_years_sales",
)


@app.command()
def customers(
    shop: plan.ShopOption,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="How many customers to list, the most valuable first.")
    ] = 20,
    lines: Annotated[bool, typer.Option("--lines", help="Print churn by product line instead of customers.")] = False,
    as_of: plan.AsOf = None,
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """Tell who is still active, what customers will order and be worth, and how good such expectations were."""
    chosen = boot.shop(shop)
    snapshot = boot.fresh_lake(chosen).latest()
    from topline.plans import customers as plans
    from topline.plans.drafting import EmptyLakeError

    if snapshot is None:
        raise EmptyLakeError()
    made = plans.future(chosen, boot.as_of(as_of, chosen), snapshot)
    low, high = made.orders_interval
    title = (
        f"{made.columns['is_alive_rate'].sum():,.0f} of {made.customers:,} customers active; "
        f"{made.columns['year_orders'].sum():,.0f} orders in a year ({low:,.0f} to {high:,.0f}), {made.model}"
    )
    if made.holdout:
        title += f"; in the hold-out {made.holdout.total:,.0f} were expected and {made.holdout.actual:,.0f} came"
    if lines:
        listed: list[dict[str, object]] = [
            {
                "line": one.line or "",
                "customers": one.customers,
                "active": round(one.active),
                "churn": round(one.churn_rate, 3),
                "orders": round(one.orders),
            }
            for one in made.lines
        ]
    else:
        listed = [
            {
                "customer": row["key"],
                "orders_so_far": int(row["past_orders"]),
                "active": round(row["is_alive_rate"], 3),
                "order_in_90_days": round(row["order_rate"], 3),
                "year_orders": round(row["year_orders"], 2),
                "year_sales": round(row["year_sales"], 2),
                "three_years_sales": round(row["remaining_sales"], 2),
            }
            for row in made.ranked("year_sales", 0, limit)
        ]
    output.rows(listed, style, columns=_LINE if lines else _CUSTOMER, title=title)


@app.command()
def budget(
    shop: plan.ShopOption,
    amount: Annotated[
        float | None, typer.Option("--budget", min=0, max=1e15, help="Over all the weeks; else the quarter's pace.")
    ] = None,
    weeks: Annotated[int, typer.Option(min=1, max=26, help="How many weeks.")] = 13,
    goal: Annotated[str, typer.Option(help="profit, sales, customers or mix.")] = "",
    margin: Annotated[
        float | None, typer.Option(min=0, max=100, help="What remains of a sale before marketing, in per cent.")
    ] = None,
    worth: Annotated[
        float, typer.Option(min=0, max=1e9, help="What a new customer is worth later, for the goal mix.")
    ] = 0.0,
    least: Annotated[list[str] | None, typer.Option(help="CHANNEL=AMOUNT at least; may be repeated.")] = None,
    most: Annotated[list[str] | None, typer.Option(help="CHANNEL=AMOUNT at most; may be repeated.")] = None,
    as_of: plan.AsOf = None,
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """Spread a budget over channels where it brings most, beside today's split."""
    chosen = boot.shop(shop)
    lake = boot.fresh_lake(chosen)
    from topline.outlook.budget import LEVEL, STEP, Assumptions
    from topline.plans import budgets
    from topline.plans.drafting import EmptyLakeError
    from topline.units.money import minor_digits

    snapshot = lake.latest()
    if snapshot is None:
        raise EmptyLakeError()
    day, digits = boot.as_of(as_of, chosen), minor_digits(chosen.currency)
    known = budgets.learnt(chosen, day, snapshot)
    names = [budgets.channel_code(one) for one in known["net_sales"].channels]
    low, high = (budgets.amounts(given or [], names, digits) for given in (least, most))
    rate = budgets.margin_rate(chosen, day, snapshot) if margin is None else margin / 100
    asked = Assumptions(
        budget=None if amount is None else int(Decimal(str(amount)).scaleb(digits)),
        weeks=weeks,
        goal=goal or ("sales" if rate is None else "profit"),
        margin_rate=rate,
        customer_worth=worth,
        limits={place: (low.get(place), high.get(place)) for place in {*low, *high}},
    )
    made = budgets.answer(chosen, day, snapshot, asked)
    if made.budget > made.tried:
        tried = Decimal(made.tried).scaleb(-digits)
        typer.echo(f"Take it as a guess: at most {tried:,f} was ever spent in {weeks} weeks.", err=True)
    rows = [
        {
            "channel": name,
            **{each: Decimal(int(one.channels[c])).scaleb(-digits) for each, one in made.splits.items()},
            "brings": round(made.channels[c].brings[1]),
            "low": round(made.channels[c].brings[0]),
            "high": round(made.channels[c].brings[2]),
            f"next_{STEP}": round(made.channels[c].next_step[1]),
            "saturated": round(made.channels[c].saturated_rate, 2),
        }
        for c, name in enumerate(names)
    ]
    best, now = made.splits["best"], made.splits["today"]
    output.rows(
        rows,
        style,
        title=f"{asked.goal} of {weeks} weeks: {best.worth[1]:,.0f} ({best.worth[0]:,.0f} to {best.worth[2]:,.0f}, "
        f"{LEVEL:.0%}); today's split {now.worth[1]:,.0f}; the chance that it is better is {best.better_rate:.0%}",
    )


@app.command()
def proposals(shop: plan.ShopOption, style: output.FormatOption = output.Format.TABLE) -> None:
    """List what is worth doing this week, found now if it wasn't yet, and what came of earlier proposals."""
    owner = boot.shop(shop)
    lake = boot.fresh_lake(owner)
    from topline.plans import proposals as plans
    from topline.plans.drafting import EmptyLakeError
    from topline.plans.models import Proposal
    from topline.plans.text import Sentence, render

    snapshot = lake.latest()
    if snapshot is None:
        raise EmptyLakeError()
    plans.keep(shop=owner, as_of=owner.today(), snapshot=snapshot, now=owner.now())
    plans.score(shop=owner, as_of=owner.today(), snapshot=snapshot)
    output.rows(
        [
            {
                "id": one.pk,
                "week": one.week,
                "about": one.kind,
                "what_to_do": render(Sentence.of(one.action), currency=owner.currency, language="en"),
                "gain": round(one.gain),
                "low": round(one.low),
                "high": round(one.high),
                "cost": None if one.cost is None else round(one.cost),
                "confidence": round(one.confidence, 2),
                "state": one.state,
                "came": None if one.share is None else round(one.share, 2),
            }
            for one in Proposal.objects.of(owner)
        ],
        style,
        columns=("id", "what_to_do", "gain", "confidence", "state") if style is output.Format.TABLE else None,
    )


@app.command()
def demand(
    shop: plan.ShopOption,
    by: Annotated[
        list[str] | None,
        typer.Option(help="Cut by category, market, channel, product, or several with commas; may be repeated."),
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Only this value, such as market=DE; may be repeated.")
    ] = None,
    grain: Annotated[str, typer.Option(help="By day, week or month.")] = "week",
    change: Annotated[
        list[str] | None,
        typer.Option(help="A planned price or promotion: product=A1,price=9.90,discount=20,from=2027-02-01,to=..."),
    ] = None,
    accuracy: Annotated[bool, typer.Option("--accuracy", help="Print how earlier forecasts did instead.")] = False,
    as_of: plan.AsOf = None,
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """Forecast the units of any slice by day, week or month, with intervals, and say how earlier forecasts did."""
    if grain not in ("day", "week", "month"):
        raise typer.BadParameter(f"{grain}: write day, week or month.")
    owner = boot.shop(shop)
    boot.fresh_lake(owner)
    from topline.outlook import demand_file, demand_slice
    from topline.plans import demand as plans
    from topline.units.period import Grain

    changes = tuple(demand_file.parse_change(text) for text in change or ())
    day = boot.as_of(as_of, owner)
    found = plans.made(owner, changes)
    if found is None or found.as_of != day:
        found = plans.make(owner, day, changes)
    if accuracy:
        output.rows(list(found.accuracy_rows()), style, title=found.model)
        return
    dimensions = [name for text in by or () for name in text.split(",") if name]
    cut = plans.cut(owner, found, where=demand_slice.parse_where(where or ()), by=dimensions, grain=Grain(grain))
    output.rows(
        [
            {name: value or "" for name, value in zip(dimensions, names, strict=True)}
            | {
                grain: start,
                "low": round(float(cut.low[k, h]), 1),
                "expected": round(float(cut.mean[k, h]), 1),
                "high": round(float(cut.high[k, h]), 1),
            }
            for k, names in enumerate(cut.names)
            for h, start in enumerate(cut.starts)
        ],
        style,
        title=f"units by {grain}, as of {found.as_of}, {found.level:.0%} interval",
    )


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _print(made: "PlanCheck", style: output.Format) -> None:
    """The goals alone for programs; with months, drivers and moves for people."""
    from topline.plans.text import render

    is_for_people = style is output.Format.TABLE
    if is_for_people:
        for sentence in made.headline:
            typer.echo(render(sentence, currency=made.version.plan.currency, language="en"))
    output.rows(
        [
            {
                "goal": one.goal.key,
                "target": one.goal.target.normalize(),
                "low": _short(one.low),
                "expected": _short(one.expected),
                "high": _short(one.high),
                "as_planned": _short(one.before),
                "chance": _short(one.chance),
                "why": render(one.why, currency=made.version.plan.currency, language="en") if one.why else None,
            }
            for one in made.goals
        ],
        style,
        columns=("goal", "target", "low", "expected", "high", "as_planned", "chance", "why"),
        title="Goals" if is_for_people else None,
    )
    if not is_for_people:
        return
    output.rows(
        [
            {
                "month": f"{one.month:%Y-%m}",
                "target": round(one.target),
                "expected": round(one.expected),
                "chance": round(one.chance, 3),
                "held_back_by": one.constraint or "",
            }
            for one in made.months
        ],
        style,
        columns=("month", "target", "expected", "chance", "held_back_by"),
        title="Months",
    )
    output.rows(
        [
            {
                "driver": one.driver,
                "at_its_low": round(one.at_low),
                "at_its_high": round(one.at_high),
                "with_a_tenth_more": round(one.at_more),
            }
            for one in made.swings
        ],
        style,
        columns=("driver", "at_its_low", "at_its_high", "with_a_tenth_more"),
        title="What each driver is worth",
    )
    if made.moves:
        output.rows(
            [
                {
                    "change": one.lever,
                    "by": "" if one.amount is None else f"{one.amount:+.1%}",
                    "chance": round(one.chance, 3),
                    "profit": None if one.profit is None else round(one.profit, 2),
                }
                for one in made.moves
            ],
            style,
            columns=("change", "by", "chance", "profit"),
            title=f"Smallest changes that make {made.about.goal.key if made.about else ''} likely",
        )


@app.command()
def price(
    shop: Annotated[str, typer.Option(help="The shop.")],
    product: Annotated[str, typer.Option(help="Only this product, by its code.")] = "",
    category: Annotated[str, typer.Option(help="Only this category.")] = "",
    change: Annotated[float | None, typer.Option(help="Change of the price in per cent, such as -10.")] = None,
    weeks: Annotated[int, typer.Option(min=1, max=52, help="For how many weeks.")] = 4,
    promotion: Annotated[
        list[str] | None, typer.Option(help="Promoted as well: display, mailer, offer, bundle; may be repeated.")
    ] = None,
    profit: Annotated[float | None, typer.Option(min=0, help="Print what a profit of so much takes.")] = None,
    sales: Annotated[float | None, typer.Option(min=0, help="Print what sales of so much take.")] = None,
    known: Annotated[
        list[str] | None,
        typer.Option(help="What you know better: conversion_rate=0.03, unit_cost=4.20, ...; may be repeated."),
    ] = None,
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """Print elasticities, what a change of price brings, or what a target takes."""
    chosen = boot.shop(shop)
    boot.fresh_lake(chosen)
    from decimal import Decimal

    from topline.outlook.price import Strangers
    from topline.plans import budgets, standing
    from topline.plans import price as plans
    from topline.science import volume
    from topline.science.response import NothingHappenedError, NothingSpentError, SteadySpendError, TooFewWeeksError

    run, snapshot = standing.fresh(chosen, "price"), chosen.lake().latest()
    if snapshot is not None:
        with suppress(TooFewWeeksError, NothingSpentError, NothingHappenedError, SteadySpendError):
            budgets.learnt(chosen, chosen.today(), snapshot)
    found = plans.outlook(chosen, run)
    if found.strangers.products:
        typer.echo(Strangers.message % found.strangers.params, err=True)
    rows = found.chosen(product, category)
    ratio = 1 + (change or 0) / 100
    if profit is not None or sales is not None:
        aim, target = (volume.Aim.SALES, sales) if profit is None else (volume.Aim.PROFIT, profit)
        terms = volume.stated(found.terms(rows, ratio, weeks), _known(known or ()))
        made = volume.required(terms, Decimal(str(target)), aim)
        if made.times is not None and made.times > volume.FAR_TIMES:
            typer.echo(f"Take it as a guess: that is {made.times:.1f} times the usual units.", err=True)
        if made.beyond:
            typer.echo(f"No spend on the curve brings all of these visits: {made.beyond:,} are missing.", err=True)
        elif made.is_tried is False:
            typer.echo("Take the spend as a guess: so much was never spent in a week.", err=True)
        names = ("units", "orders", "visits", "spend", "spend_low", "spend_high", "sales", "profit", "short", "times")
        return output.rows([{name: getattr(made, name) for name in names}], style, title="Needed")
    if change is not None or promotion:
        answer = found.ask(rows, ratio, weeks=weeks, kinds=promotion or ())
        return output.rows(
            [
                {"what": name, "now": _rounded(before), "low": _rounded(one.low), "expected": _rounded(one.mean)}
                | {"high": _rounded(one.high)}
                for name, one, before in (
                    ("units", answer.units, answer.units_before),
                    ("sales", answer.sales, answer.sales_before),
                    ("margin", answer.margin, answer.margin_before),
                )
                if one is not None
            ],
            style,
            columns=("what", "now", "low", "expected", "high"),
            title=f"{change or 0:+g} % for {weeks} weeks; break-even {answer.break_even or 'unknown'} units"
            f"; short of stock {_rounded(answer.short)}",
        )
    columns = ("on_price", "on_price_se", "on_price_own", "price", "weekly")
    labels = ("elasticity", "standard_error", "own_rate", "price", "weekly_units")
    best = sorted(rows.tolist(), key=lambda k: -found.column("sales")[k])
    titles = found.run.texts("product", "title")
    return output.rows(
        [
            {"product": found.keys[k], "title": titles[k]}
            | {name: round(float(found.column(column)[k]), 3) for name, column in zip(labels, columns, strict=True)}
            for k in (best[:40] if style is output.Format.TABLE else best)
        ],
        style,
        title=f"Elasticities, {found.run.about['weeks']} weeks to {found.run.about['known_to']}",
    )


def _known(given: Sequence[str]) -> dict[str, Decimal]:
    """The terms of TERM=VALUE."""
    from topline.science.volume import STATED

    found = {}
    for text in given:
        name, _, written = text.partition("=")
        try:
            found[name] = Decimal(written)
        except InvalidOperation:
            name = ""
        if name not in STATED or not found[name].is_finite():
            raise typer.BadParameter(f"{text}: write TERM=NUMBER; the terms are {', '.join(STATED)}.")
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


@app.command("next")
def next_(
    shop: Annotated[str, typer.Option(help="The shop.")],
    customer: Annotated[str, typer.Option(help="What this customer buys next, by key.")] = "",
    basket: Annotated[list[str] | None, typer.Option(help="A product of the basket, by code; may be repeated.")] = None,
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """Print what a customer buys next, or what goes with a basket, and why."""
    if bool(customer) == bool(basket):
        raise typer.BadParameter("State one: --customer KEY, or --basket CODE once or several times.")
    chosen = boot.shop(shop)
    lake = boot.fresh_lake(chosen)
    from topline.outlook.recommend import Recommender
    from topline.plans import standing

    found = Recommender(standing.fresh(chosen, "recommend"))
    snapshot = lake.latest()
    advice = found.customer(lake, snapshot, customer) if customer and snapshot else found.basket(basket or ())
    output.rows(
        [
            {
                "list": name,
                "product": each.product,
                "title": each.title,
                "again": each.is_again,
                "because_of": ", ".join(f"{key} {share:.0%}" for key, share in each.reasons),
            }
            for name in ("next", "cross_sell", "upsell")
            for each in getattr(advice, name)
        ],
        style,
        columns=("list", "product", "title", "again", "because_of"),
        title="What next",
    )


@app.command()
def pipeline(
    shop: Annotated[str, typer.Option(help="The shop.")],
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """Print what the pipeline brings by week, with intervals."""
    chosen = boot.shop(shop)
    boot.fresh_lake(chosen)
    from datetime import date, timedelta

    from topline.outlook import pipeline as outlook
    from topline.plans import standing

    run = standing.fresh(chosen, "pipeline")
    made = outlook.revenue(run)
    first = date.fromisoformat(run.about["as_of"])
    output.rows(
        [
            {
                "week": first + timedelta(weeks=week),
                "low": round(made.low[week]),
                "expected": round(made.mean[week]),
                "high": round(made.high[week]),
                "open_deals": round(made.open_mean[week]),
                "running_total": round(made.total_mean[week]),
            }
            for week in range(outlook.WEEKS)
        ],
        style,
        columns=("week", "low", "expected", "high", "open_deals", "running_total"),
        title=f"Won revenue by week; {run.tables['deal'].num_rows} open deals",
    )
