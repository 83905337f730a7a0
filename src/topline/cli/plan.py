"""Draft plans from the history, look at how they go, edit their targets and activate them."""

from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from topline.cli import boot, output
from topline.units.errors import ToplineError
from topline.units.period import Period, parse_day
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.accounts.models import User
    from topline.plans.grid import Part
    from topline.plans.models import PlanVersion, Review
    from topline.plans.progress import Line, PlanView

_LARGE = 1000

app = typer.Typer(
    help="Draft plans from the history, look at how they go, edit their targets and activate them.",
    no_args_is_help=True,
    add_completion=False,
)

PlanId = Annotated[str, typer.Argument(metavar="ID", help="The plan's number, such as 3, or one version of it, 3.2.")]
ShopOption = Annotated[str, typer.Option("--shop", help="The shop's short name, such as gifts.")]
By = Annotated[str | None, typer.Option(help="Whose decision it is: an e-mail address. Needed where several approve.")]
Note = Annotated[str, typer.Option(help="Why, for the log.")]
AsOf = Annotated[str | None, typer.Option(help="See only what happened before this day; the shop's today by default.")]


class UnknownPlanError(ToplineError):
    message = N_("There is no plan “%(id)s”. “topline plan list” shows them all.")


class UnknownCellError(ToplineError):
    message = N_("“%(name)s” is not in this plan. It knows %(known)s.")


class AmountError(ToplineError):
    message = N_("“%(text)s” is not an amount. Write a number such as 250000 or 1250.50.")


_ZIP = b"PK"
"""What every Excel file begins with."""


class WhereToError(ToplineError):
    message = N_("Say where the plan goes: --shop for a new plan from JSON, --into for amounts from Excel.")


class NoFileError(ToplineError):
    message = N_("“%(file)s” can't be read: %(reason)s.")


@app.command()
def draft(
    shop: ShopOption,
    start: Annotated[str, typer.Option("--from", help="The first month, such as 2027-09.")],
    months: Annotated[int, typer.Option(min=1, max=24, help="How many months.")] = 3,
    as_of: AsOf = None,
    template: Annotated[
        str, typer.Option(help="pair, sales, marketing, both, one_page, campaign, or one of the shop's own: own-1.")
    ] = "sales",
    title: Annotated[str, typer.Option(help="What people call it.")] = "",
    language: Annotated[str, typer.Option(help="Of the generated text: en or ro.")] = "en",
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """Draft a plan for coming months from the history up to a day."""
    owner = boot.shop(shop)
    boot.fresh_lake(owner)
    from topline.plans import checks, operations, templates

    day = boot.as_of(as_of, owner)
    for each in templates.parts(owner, template):
        version = operations.draft_plan(
            shop=owner,
            period=Period.of_months(parse_day(start), months),
            as_of=day,
            actor=None,
            now=owner.now(),
            template=each,
            title=title,
            language=language,
        )
        _print(checks.look(version, day), style)


@app.command("list")
def list_(shop: ShopOption, style: output.FormatOption = output.Format.TABLE) -> None:
    """List a shop's plans and the state of their versions."""
    owner = boot.shop(shop)
    from topline.plans.models import PlanVersion

    output.rows(
        [
            {
                "id": f"{version.plan_id}.{version.number}",
                "title": version.plan.title,
                "from": version.plan.starts_on,
                "to": version.plan.ends_on,
                "state": version.state,
                "as_of": version.as_of,
            }
            for version in PlanVersion.objects.of(owner).order_by("plan_id", "number")
        ],
        style,
        columns=("id", "title", "from", "to", "state", "as_of"),
    )


@app.command()
def show(
    id_: PlanId,
    as_of: AsOf = None,
    as_whom: boot.ViewerOption = "",
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """Show a plan: targets, actuals, pace by season, last year, and the chance to make it."""
    version = _version(id_)
    boot.fresh_lake(version.plan.shop)
    from topline.plans import checks

    viewer = _viewer(version, as_whom)
    if viewer is not None and not boot.viewer(version.plan.shop, as_whom).scope.is_whole:
        _print_own(version, viewer, boot.as_of(as_of, version.plan.shop), style)
        return
    _print(checks.look(version, boot.as_of(as_of, version.plan.shop)), style)


@app.command("set")
def set_(
    id_: PlanId,
    amount: Annotated[str, typer.Argument(help="The new total of the cells that the options name.")],
    month: Annotated[str | None, typer.Option(help="One month, such as 2027-09; all of them by default.")] = None,
    category: Annotated[str | None, typer.Option(help="One category.")] = None,
    market: Annotated[str | None, typer.Option(help="One market.")] = None,
    metric: Annotated[str, typer.Option(help="What the target is of.")] = "net_sales",
    lock: Annotated[bool, typer.Option("--lock", help="Lock the cells at the new amount.")] = False,
) -> None:
    """Set a target: a cell, or a total that its unlocked cells share in their proportions."""
    version = _version(id_)
    from topline.plans import operations

    part = _part(version, metric, category, market, month)
    now = version.plan.shop.now()
    done = operations.set_target(
        version=version, metric=metric, part=part, amount=_amount(amount), seen=version.revision, actor=None, now=now
    )
    if lock:
        operations.lock_targets(
            version=version, metric=metric, part=part, is_locked=True, seen=done.revision, actor=None, now=now
        )
    typer.echo(f"Set. Plan {id_} is at revision {done.revision + lock}.")


@app.command()
def undo(id_: PlanId) -> None:
    """Take back the newest edit of a plan's targets."""
    version = _version(id_)
    from topline.plans import operations

    undone = operations.undo_edit(version=version, actor=None, now=version.plan.shop.now())
    typer.echo(f"Undone. Plan {id_} is at revision {undone.revision}.")


@app.command()
def submit(id_: PlanId, by: By = None, note: Note = "") -> None:
    """Hand a draft in for review."""
    version = _version(id_)
    from topline.plans import approval

    version = approval.submit(version=version, actor=_person(by), now=version.plan.shop.now(), note=note)
    typer.echo(_stands(version))


@app.command()
def approve(id_: PlanId, by: By = None, note: Note = "") -> None:
    """Approve a plan in review, for every seat that the person decides for."""
    version = _version(id_)
    from topline.plans import approval

    version = approval.approve(version=version, actor=_person(by), now=version.plan.shop.now(), note=note)
    typer.echo(_stands(version))


@app.command("send-back")
def send_back(id_: PlanId, by: By = None, note: Note = "") -> None:
    """Make a draft of a plan that is in review or approved."""
    version = _version(id_)
    from topline.plans import approval

    version = approval.send_back(version=version, actor=_person(by), now=version.plan.shop.now(), note=note)
    typer.echo(_stands(version))


@app.command()
def activate(id_: PlanId, by: By = None) -> None:
    """Put a plan in force; its targets by day go into the lake. Where one person may, it is approved on the way."""
    version = _version(id_)
    from topline.plans import approval
    from topline.plans.models import State

    actor, now = _person(by), version.plan.shop.now()
    if approval.is_one_person(version):
        if version.state == State.DRAFT:
            version = approval.submit(version=version, actor=actor, now=now)
        if version.state in approval.REVIEWED:
            version = approval.approve(version=version, actor=actor, now=now)
    version = approval.activate(version=version, actor=actor, now=now)
    typer.echo(_stands(version))


@app.command()
def close(id_: PlanId, by: By = None) -> None:
    """End an active plan; its targets stay."""
    version = _version(id_)
    from topline.plans import approval

    typer.echo(_stands(approval.close(version=version, actor=_person(by), now=version.plan.shop.now())))


@app.command()
def serve(
    id_: PlanId,
    marketing: Annotated[str | None, typer.Argument(metavar="MARKETING", help="The marketing plan's number.")] = None,
    by: By = None,
) -> None:
    """Name the marketing plan that a sales plan serves, or none."""
    version = _version(id_)
    from topline.plans import approval

    served = _version(marketing).plan if marketing else None
    approval.serve(plan=version.plan, served=served, actor=_person(by), now=version.plan.shop.now())
    typer.echo(f"Plan {version.plan_id} serves {f'plan {served.pk}' if served else 'no marketing plan'}.")


@app.command()
def decisions(id_: PlanId, style: output.FormatOption = output.Format.TABLE) -> None:
    """List who decided what on a plan's versions, and whether that log is whole."""
    version = _version(id_)
    from topline.plans import approval
    from topline.plans.models import Decision

    output.rows(
        [
            {
                "number": one.number,
                "at": one.at.isoformat(timespec="seconds"),
                "version": f"{version.plan_id}.{one.version.number}",
                "step": one.step,
                "seat": one.seat,
                "by": one.actor_id,
                "for": one.for_id,
                "digest": one.digest[:16],
                "note": one.note,
                "one_person": one.is_one_person,
            }
            for one in Decision.objects.of(version.plan).select_related("version")
        ],
        style,
        columns=("number", "at", "version", "step", "seat", "by", "for", "digest", "note", "one_person"),
    )
    if style is output.Format.TABLE:
        typer.echo("The log is whole." if approval.is_whole(version.plan) else "The log has been tampered with.")


def _person(by: str | None) -> "User | None":
    from topline.accounts.models import User

    return User.objects.named(by) if by else None


def _stands(version: "PlanVersion") -> str:
    from topline.plans import approval

    said = f"Plan {version.plan_id}.{version.number} is {version.state}."
    if version.state not in approval.REVIEWED:
        return said
    day = version.plan.shop.today()
    waiting = [str(view.seat.label) for view in approval.seat_views(version, day) if view.decision is None]
    return f"{said} It waits for: {', '.join(waiting)}."


@app.command()
def review(id_: PlanId, as_whom: boot.ViewerOption = "", style: output.FormatOption = output.Format.TABLE) -> None:
    """Print the plan's review pack of the day; it is built unless it is there."""
    version = _version(id_)
    _require_whole(version, as_whom)
    plan = version.plan
    boot.fresh_lake(plan.shop)
    from django.utils import timezone

    from topline.plans import reviews

    _print_review(reviews.build(plan=plan, today=plan.shop.today(), actor=None, now=timezone.now()), style)


def _print_review(found: "Review", style: output.Format) -> None:
    """Sentences and tables for people; for programs a row of each goal, driver, promise, proposal and remark."""
    from topline.plans import drivers, text
    from topline.plans.text import Sentence

    plan, pack = found.plan, found.pack

    def said(sentence: Sentence) -> str:
        return text.render(sentence, currency=plan.currency, language=plan.language)

    why = [drivers.thaw(kept) for kept in pack["drivers"]]
    goals = [
        {"of": "goal", "name": one["metric"], "amount": one["actual"], "target": one["target"]}
        | {"last_year": one["last_year_to_date"], "chance": _short(one["chance"]), "state": one["status"]}
        for one in pack["goals"]
    ]
    parts = [
        {"of": f"against {one.against}", "name": part, "amount": amount}
        for one in why
        if isinstance(one, drivers.Difference)
        for part, amount in one.parts.items()
    ]
    others = [{"of": "promise", "name": one["text"], "state": one["state"]} for one in pack["promises"]]
    others += [
        {"of": "proposal", "name": said(Sentence.of(one["action"])), "amount": one["gain"], "state": one["share"]}
        for one in pack["proposals"]
    ]
    others += [{"of": "feedback", "name": one["text"], "state": one["state"]} for one in pack["feedback"]]
    others += [{"of": "cause", "name": one["reason"], "amount": one["count"]} for one in pack["causes"].get("rows", [])]
    columns = ("of", "name", "amount", "target", "last_year", "chance", "state")
    rows = [dict.fromkeys(columns) | row for row in (*goals, *parts, *others)]
    if style is output.Format.TABLE:
        typer.echo(f"{plan.title}: review of {found.on}, since {found.since}, snapshot {found.snapshot}.")
        for sentence in (*map(Sentence.of, pack["headline"]), *why):
            typer.echo(f"  {said(sentence if isinstance(sentence, Sentence) else sentence.sentence)}")
    output.rows(rows, style, columns=columns)


@app.command()
def export(
    id_: PlanId,
    format_: Annotated[str, typer.Option("--format", help="pdf, docx, pptx, xlsx, ics or json.")] = "pdf",
    out: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file to write; by default, named after the plan, here.")
    ] = None,
    as_of: AsOf = None,
    as_whom: boot.ViewerOption = "",
) -> None:
    """Write a plan as a file: the document, slides, tables with live formulas, a calendar, or everything as JSON."""
    version = _version(id_)
    viewer = _viewer(version, as_whom)
    boot.fresh_lake(version.plan.shop)
    from topline.plans import handout

    hidden = handout.hidden_from(viewer, version.plan.shop)
    there = out or Path(handout.file_name(version, format_))
    content = handout.write(
        version,
        format_,
        today=boot.as_of(as_of, version.plan.shop),
        hidden=hidden,
        advance=lambda done, total: None,
    )
    there.write_bytes(content)
    typer.echo(f"Wrote {there} ({len(content):,} bytes).")


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="JSON of a plan; or an Excel file, for the targets and budget of --into.")
    ],
    shop: Annotated[str | None, typer.Option("--shop", help="The shop that gets a new plan, such as gifts.")] = None,
    into: Annotated[
        str | None, typer.Option(help="The plan whose amounts an Excel file changes, such as 3 or 3.2.")
    ] = None,
) -> None:
    """Bring a plan in from JSON as a new draft, or amounts from Excel into a draft that is there."""
    content = _read(file)
    if into is not None:
        version = _version(into)
        from topline.plans import spreadsheet

        done = spreadsheet.load(version=version, content=content, actor=None, now=version.plan.shop.now())
        if not done:
            typer.echo("Nothing was changed: the plan has these amounts already.")
            return
        output.rows(
            [
                {
                    "sheet": each.sheet,
                    "name": each.name,
                    "month": f"{each.month:%Y-%m}",
                    "before": each.before,
                    "after": each.after,
                }
                for each in done
            ],
            output.Format.TABLE,
            columns=("sheet", "name", "month", "before", "after"),
        )
        return
    if shop is None or content.startswith(_ZIP):
        raise WhereToError()
    owner = boot.shop(shop)
    from topline.plans import exchange

    version = exchange.loads(content, shop=owner, actor=None, now=owner.now())
    typer.echo(f"Plan {version.plan_id}.1 is a draft of {version.plan.title}.")


def _viewer(version: "PlanVersion", email: str) -> "User | None":
    """Whose eyes the plan is read with, None for all. Raises UnknownUserError, OutOfScopeError who may see no plan."""
    if not email:
        return None
    from topline.accounts.models import User
    from topline.lake.read import OutOfScopeError

    user = User.objects.named(email)
    if "plans.read" not in user.permissions_in(version.plan.shop):
        raise OutOfScopeError()
    return user


def _require_whole(version: "PlanVersion", email: str) -> None:
    """Raises WholeShopError for a person who sees a part of the shop."""
    from topline.accounts.scopes import require_whole

    _viewer(version, email)
    require_whole(boot.viewer(version.plan.shop, email).scope)


def _print_own(version: "PlanVersion", user: "User", today: date, style: output.Format) -> None:
    """What of a plan is a person's own: a row of the quota, of each territory, date and promise."""
    from topline.accounts.scopes import scope_for
    from topline.plans import own
    from topline.units.missing import Missing

    found = own.of(version, user, scope_for(user, version.plan.shop), today)

    def known(value: object) -> object:
        return None if isinstance(value, Missing) else value

    rows: list[dict[str, object]] = []
    if (line := found.quota) is not None:
        pace = {
            "due": line.due,
            "pace": _short(line.pace),
            "chance": _short(found.aim.reach.chance if found.aim else None),
        }
        rows.append({"of": "quota", "name": str(user), "target": line.quota, "won": known(line.won)} | pace)
    for one in found.territories:
        amounts = {"target": known(one.target), "won": known(one.actual), "due": one.due}
        rows.append({"of": "territory", "name": one.territory.name} | amounts)
    rows += [{"of": "date", "name": one.name(str), "on": one.start} for one in found.dates]
    rows += [{"of": "promise", "name": one.text, "on": one.due_on} for one in found.promises]
    columns = ("of", "name", "on", "target", "won", "due", "pace", "chance")
    output.rows([dict.fromkeys(columns) | row for row in rows], style, columns=columns)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NoFileError(file=file, reason=error.strerror) from error


def _version(id_: str) -> "PlanVersion":
    boot.product()
    from topline.plans.models import PlanVersion

    plan, _, number = id_.partition(".")
    if plan.isdecimal() and (number.isdecimal() or not number):
        found = PlanVersion.objects.select_related("plan", "plan__shop").filter(plan_id=int(plan))
        version = found.filter(number=int(number)).first() if number else found.order_by("number").last()
        if version is not None:
            return version
    raise UnknownPlanError(id=id_)


def _part(version: "PlanVersion", metric: str, category: str | None, market: str | None, month: str | None) -> "Part":
    from topline.plans.grid import Part

    blocks, markets, months = version.axes(metric)
    return Part(
        _index(category, [block or "" for block in blocks]),
        _index(market, [name or "" for name in markets]),
        _index(parse_day(month).isoformat()[:7] if month else None, [day.isoformat()[:7] for day in months]),
    )


def _index(name: str | None, known: list[str]) -> int | None:
    if name is None:
        return None
    if name not in known:
        raise UnknownCellError(name=name, known=", ".join(known))
    return known.index(name)


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise AmountError(text=text) from None
    if not amount.is_finite():
        raise AmountError(text=text)
    return amount


_COLUMNS = ("of", "name", "target", "actual", "due", "pace", "last_year", "low", "expected", "high", "chance")
_SHOWN = ("name", "target", "actual", "pace", "last_year", "low", "high", "chance")


def _print(view: "PlanView", style: output.Format) -> None:
    """Sentences and tables for people; for programs a row of the plan, and of each goal, month, category and market."""
    plan = f"{view.version.plan_id}.{view.version.number}"
    rows = [
        _row("plan", plan, view.total),
        *(_row("goal", one.goal.metric, one.line) for one in view.goals),
        *(_row("month", str(line.name)[:7], line) for line in view.months),
        *(_row("category", line.name, line) for line in view.categories),
        *(_row("market", line.name, line) for line in view.markets),
    ]
    if style is not output.Format.TABLE:
        output.rows(rows, style, columns=_COLUMNS)
        return
    from topline.plans import text

    said = [*view.headline, *(one for sentences in view.sections.values() for one in sentences)]
    typer.echo(f"{view.plan.title}: plan {plan}, {view.version.state}, seen on {view.as_of}.")
    for sentence in said:
        typer.echo(f"  {text.render(sentence, currency=view.plan.currency, language=view.plan.language)}")
    output.rows([_whole(row) for row in rows], style, columns=_SHOWN)
    output.rows(
        [
            {"event": one.event, "start": one.start, "prepare_from": one.lead_in, "index": _short(one.index)}
            for one in view.events
        ],
        style,
        columns=("event", "start", "prepare_from", "index"),
        title="Retail events",
    )
    if view.missing:
        typer.echo("For a full plan this is missing:")
    for sentence in view.missing:
        typer.echo(f"  {text.render(sentence, currency=view.plan.currency, language=view.plan.language)}")


def _row(of: str, name: object, line: "Line") -> dict[str, object]:
    """A line in plain values: amounts exact, bands in the digits of the target."""
    band = line.now
    digits = Decimal(1).scaleb(int(line.target.as_tuple().exponent))
    return {
        "of": of,
        "name": name,
        "target": line.target,
        "actual": line.actual,
        "due": line.due,
        "pace": _short(line.pace),
        "last_year": line.last_year,
        "low": None if band is None else Decimal(band.low).quantize(digits),
        "expected": None if band is None else Decimal(band.expected).quantize(digits),
        "high": None if band is None else Decimal(band.high).quantize(digits),
        "chance": _short(line.chance),
    }


def _whole(row: dict[str, object]) -> dict[str, object]:
    """The row for people: large amounts without their minor units."""
    return {
        name: value.quantize(Decimal(1)) if isinstance(value, Decimal) and abs(value) >= _LARGE else value
        for name, value in row.items()
    } | {"name": row["name"] or "–"}


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
