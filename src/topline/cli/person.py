"""Find customers, and erase one who asks to be forgotten."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from topline.cli import boot, output

if TYPE_CHECKING:
    from topline.crm.models import Person
    from topline.crm.privacy import Going

app = typer.Typer(
    help="Find customers, and erase one who asks to be forgotten.", no_args_is_help=True, add_completion=False
)

ShopOption = Annotated[str, typer.Option("--shop", help="The shop that knows the customer.")]
MOST = 50


@app.command()
def find(
    text: Annotated[str, typer.Argument(help="E-mail address, phone, number in a source, or a part of the name.")],
    shop: ShopOption,
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """List the customers that are meant."""
    owner = boot.shop(shop)
    from topline.crm.models import Person

    names = ("id", "name", "email", "phone", "country")
    found = Person.objects.matching(owner, text).values("pk", *names[1:])[:MOST]
    output.rows([{"id": each.pop("pk"), **each} for each in found], style, columns=names)


@app.command()
def erase(
    id_: Annotated[int, typer.Argument(help="The customer's number, as `topline person find` shows it.")],
    shop: ShopOption,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
) -> None:
    """Show what would go with a customer, ask twice, and erase them for good."""
    owner = boot.shop(shop)
    from topline.crm import operations, privacy
    from topline.crm.models import Person

    person = Person.objects.filter(shop=owner, pk=id_).first()
    if person is None:
        raise operations.UnknownPersonError(shop=shop, id=id_)
    _show(person, privacy.going(person))
    if not yes and not _is_sure():
        typer.echo("Nothing was erased.", err=True)
        raise typer.Exit(1)
    count = operations.erase(person=person, actor_id=None, now=datetime.now(UTC))
    typer.echo(
        f"Erased: {count} customers of sources. Their keys leave the facts at the next fold, which is asked for."
    )


def _show(person: "Person", going: "Going") -> None:
    typer.echo(f"What goes with {person} (customer {person.pk}):")
    for each in going.people:
        typer.echo(f"- name, addresses and all that identifies customer {each.pk}")
    typer.echo(f"- {going.customers} customers of sources, with their links ({', '.join(going.sources) or 'none'})")
    typer.echo("- uploaded files and quarantined rows that name them")
    for fact, rows in going.facts.items():
        typer.echo(f"- the customer's key in {rows:,} rows of {fact}, which stay in every sum")


def _is_sure() -> bool:
    if not sys.stdin.isatty():
        typer.echo("Nobody is here to ask; say --yes to erase.", err=True)
        return False
    if not typer.confirm("Erase this customer?"):
        return False
    return str(typer.prompt("This can't be undone, not even by a restore. Type “erase” to go on")).strip() == "erase"
