"""Create users, give them roles, and make links that sign them in."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from topline.cli import boot, output

app = typer.Typer(
    help="Create users, give them roles, and make links that sign them in.", no_args_is_help=True, add_completion=False
)

Email = Annotated[str, typer.Argument(help="The person's e-mail address.")]
Roles = Annotated[list[str], typer.Option("--role", help="Such as owner or analyst; may be given several times.")]


@app.command()
def create(
    email: Email,
    name: Annotated[str, typer.Option(help="What they are called.")] = "",
    shop: Annotated[str | None, typer.Option(help="The shop to give them a role in.")] = None,
    role: Roles = ["owner"],  # noqa: B006
) -> None:
    """Make an account, and print a link that signs the person in once."""
    boot.product()
    from topline.accounts import operations

    user = operations.create_user(email=email, name=name, actor_id=None)
    if shop:
        operations.set_roles(shop=boot.shop(shop), user=user, roles=role, actor_id=None)
    link(user.email)


@app.command()
def link(email: Email) -> None:
    """Print a fresh link that signs the person in once, within a week."""
    boot.product()
    from topline.accounts import links, operations
    from topline.accounts.models import User

    token = operations.create_link(user=User.objects.named(email), actor_id=None, now=datetime.now(UTC))
    typer.echo(links.address(token))


@app.command("list")
def list_(style: output.FormatOption = output.Format.TABLE) -> None:
    """List all users and their roles."""
    boot.product()
    from topline.accounts.models import User

    rows = [
        {
            "email": user.email,
            "name": user.name,
            "is_active": user.is_active,
            "last_login": user.last_login,
            "roles": [f"{member.shop.slug}:{member.role}" for member in user.membership_set.all()],
        }
        for user in User.objects.prefetch_related("membership_set__shop").order_by("email")
    ]
    output.rows(rows, style, columns=("email", "name", "is_active", "last_login", "roles"))


@app.command()
def role(
    email: Email,
    roles: Annotated[list[str] | None, typer.Argument(help="The roles; none takes the person out of the shop.")] = None,
    shop: Annotated[str, typer.Option(help="The shop.")] = ...,  # type: ignore[assignment]
) -> None:
    """Set a person's roles in a shop."""
    place = boot.shop(shop)
    from topline.accounts import operations
    from topline.accounts.models import User

    operations.set_roles(shop=place, user=User.objects.named(email), roles=roles or [], actor_id=None)
    typer.echo(f"{email} in {place.name}: {', '.join(roles or ['no role'])}.")


@app.command()
def owner(
    email: Email,
    name: Annotated[str, typer.Argument(help="How facts name them; an empty text undoes it.")],
    shop: Annotated[str, typer.Option(help="The shop.")],
) -> None:
    """Say how a shop's facts name a person: a sales rep then sees only their own deals, activities and quota."""
    place = boot.shop(shop)
    from topline.accounts.models import User
    from topline.team import operations

    operations.name_person(shop=place, user=User.objects.named(email), key=name, actor_id=None)
    typer.echo(f"{email} in {place.name}: {name or 'sees the whole shop'}.")
