"""Find customers, say that two are one person, and erase one who asks to be forgotten."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from topline.cli import boot, output

if TYPE_CHECKING:
    from topline.accounts.models import Shop
    from topline.crm.models import Person
    from topline.crm.privacy import Going

app = typer.Typer(
    help="Find customers, say that two are one person, and erase one who asks to be forgotten.",
    no_args_is_help=True,
    add_completion=False,
)

ShopOption = Annotated[str, typer.Option("--shop", help="The shop that knows the customer.")]
MOST = 50
_DETAILS = ("name", "email", "phone", "country")
_COLUMNS = ("id", *_DETAILS, "merged_into")


@app.command()
def find(
    text: Annotated[str, typer.Argument(help="E-mail address, phone, number in a source, or a part of the name.")],
    shop: ShopOption,
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """List the customers that are meant."""
    owner = boot.shop(shop)
    from topline.crm.models import Person

    output.rows([_row(each) for each in Person.objects.matching(owner, text)[:MOST]], style, columns=_COLUMNS)


@app.command()
def merge(
    keep: Annotated[int, typer.Argument(help="The customer who stays, as `topline person find` shows the number.")],
    other: Annotated[int, typer.Argument(help="The customer whose history goes to the one who stays.")],
    shop: ShopOption,
) -> None:
    """Say that two customers are one person: their history counts as one, until `unmerge`."""
    from topline.crm import operations

    owner = boot.shop(shop)
    kept = operations.merge(
        keep=_person(owner, keep), other=_person(owner, other), actor_id=None, now=datetime.now(UTC)
    )
    typer.echo(f"Customer {other} counts as {kept} (customer {kept.pk}) now. Back: topline person unmerge {other}")


@app.command()
def unmerge(
    id_: Annotated[int, typer.Argument(help="The customer who was merged into another.")],
    shop: ShopOption,
) -> None:
    """Take a merge back: the customer stands for themselves again, with what was theirs."""
    from topline.crm import operations

    person = operations.unmerge(person=_person(boot.shop(shop), id_), actor_id=None, now=datetime.now(UTC))
    typer.echo(f"{person} (customer {person.pk}) stands for themselves again.")


@app.command()
def merges(shop: ShopOption, style: output.FormatOption = output.Format.TABLE) -> None:
    """List the customers who are merged into another."""
    owner = boot.shop(shop)
    from topline.crm.models import Person

    output.rows([_row(each) for each in Person.objects.merged(owner)], style, columns=_COLUMNS)


@app.command()
def erase(
    id_: Annotated[int, typer.Argument(help="The customer's number, as `topline person find` shows it.")],
    shop: ShopOption,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Show what would go with a customer, ask twice, and erase them for good."""
    owner = boot.shop(shop)
    from topline.crm import operations, privacy

    person = _person(owner, id_)
    _show(person, privacy.going(person))
    if not yes and not _is_sure():
        typer.echo("Nothing was erased.", err=True)
        raise typer.Exit(1)
    count = operations.erase(person=person, actor_id=None, now=datetime.now(UTC))
    typer.echo(
        f"Erased. Customers of sources: {count}; their keys leave the facts at the next fold, which is asked for."
    )


def _person(shop: "Shop", number: int) -> "Person":
    from topline.crm import operations
    from topline.crm.models import Person

    found = Person.objects.filter(shop=shop, pk=number).first()
    if found is None:
        raise operations.UnknownPersonError(shop=shop.slug, id=number)
    return found


def _row(person: "Person") -> dict[str, object]:
    return {"id": person.pk, **{name: getattr(person, name) for name in _DETAILS}, "merged_into": person.merged_into_id}


def _show(person: "Person", going: "Going") -> None:
    typer.echo(f"What goes with {person} (customer {person.pk}):")
    for each in going.people:
        typer.echo(f"- name, addresses and all that identifies customer {each.pk}")
    typer.echo(f"- customers of sources: {going.customers}, with their links ({', '.join(going.sources) or 'none'})")
    typer.echo("- uploaded files and quarantined rows that name them")
    for fact, rows in going.facts.items():
        typer.echo(f"- the customer's key in {fact}, rows: {rows:,}; they stay in every sum")


def _is_sure() -> bool:
    if not sys.stdin.isatty():
        typer.echo("Nobody is here to ask; say --yes to erase.", err=True)
        return False
    if not typer.confirm("Erase this customer?"):
        return False
    return str(typer.prompt("This can't be undone, not even by a restore. Type “erase” to go on")).strip() == "erase"
