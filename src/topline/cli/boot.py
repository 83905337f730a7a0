"""Starting the product (Django, its folder, its database) for a command."""

import logging
import os
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from topline.accounts.models import Shop
    from topline.lake.scope import Scope
    from topline.lake.store import Lake


ViewerOption = Annotated[
    str,
    typer.Option("--as", metavar="EMAIL", help="Only what this person may see; without it the whole shop."),
]


@dataclass(frozen=True, slots=True)
class Viewer:
    """What a command may print of a shop."""

    scope: "Scope"
    may_see_people: bool


@cache
def settings() -> None:
    """Load the settings and the apps, and touch nothing."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "topline.config.settings")
    import django

    django.setup()


@cache
def product(process: Literal["command", "web", "worker"] = "command") -> None:
    """Load the settings and the apps, and bring the database up to date. Safe to call again."""
    settings()
    from topline.workbench import upgrade

    upgrade.migrate()
    _choose_engine()
    if process == "command":
        logging.getLogger().setLevel(logging.WARNING)
    else:
        _limit_queries(process)


def _choose_engine() -> None:
    from django.conf import settings

    if settings.ENGINE != "duckdb":
        from topline.lake import spark

        spark.choose(settings.ENGINE)


def _limit_queries(process: Literal["web", "worker"]) -> None:
    from django.conf import settings

    from topline.lake import duck

    memory = f"{settings.QUERY_MEMORY_GB[process]}GB"
    duck.configure(memory=memory, threads=os.cpu_count() or 1, spill=settings.SPILL)


def shop(slug: str) -> "Shop":
    """The shop of that slug. Raises UnknownShopError, which names the nearest."""
    product()
    from topline.accounts.models import Shop

    return Shop.objects.named(slug, otherwise="“topline shop create” makes one.")


def fresh_lake(shop: "Shop") -> "Lake":
    """The shop's lake with all that was done until now: a command reads its own writes, also where one was killed."""
    from topline.imports import spool
    from topline.journal import operations as journal

    lake = shop.lake()
    journal.drain(lake)
    spool.drain(shop)
    journal.catch_up(lake)
    return lake


def viewer(shop: "Shop", email: str) -> "Viewer":
    """Whose eyes a command reads the shop with: a person's of that e-mail address, else nobody's, who sees all of it.

    Raises UnknownUserError.
    """
    from topline.accounts.models import User
    from topline.accounts.scopes import scope_for
    from topline.lake.scope import Scope

    if not email:
        return Viewer(Scope.whole(shop.slug), may_see_people=True)
    user = User.objects.named(email)
    return Viewer(scope_for(user, shop), may_see_people="rows.read" in user.permissions_in(shop))


def as_of(text: str | None, shop: "Shop") -> date:
    """The day that was asked for, else the shop's today."""
    from topline.units.period import parse_day

    return parse_day(text) if text else shop.today()
