"""A shop, the people in it, and its lake, for tests of the Django half."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from topline.accounts.models import Shop, User
    from topline.lake.store import Lake


@pytest.fixture(autouse=True)
def _own_lake(tmp_path: Path, settings: object) -> None:
    """Each test writes lakes and uploads of its own."""
    settings.LAKE_ROOT = tmp_path / "lake"  # type: ignore[attr-defined]
    settings.UPLOADS = tmp_path / "uploads"  # type: ignore[attr-defined]
    settings.SPOOL = tmp_path / "spool"  # type: ignore[attr-defined]
    settings.EXPORTS = tmp_path / "exports"  # type: ignore[attr-defined]


@pytest.fixture
def owner(db: None) -> "User":
    from topline.accounts import operations

    return operations.create_user(
        email="owner@example.org", name="Olive Owner", password="correct horse", actor_id=None
    )


@pytest.fixture
def shop(owner: "User") -> "Shop":
    """A shop in London, pinned to 1 September 2011."""
    from topline.accounts import operations

    return operations.create_shop(
        slug="gifts",
        name="Gifts",
        currency="GBP",
        timezone="Europe/London",
        country="GB",
        owner=owner,
        clock_on=date(2011, 9, 1),
    )


@pytest.fixture
def member(shop: "Shop") -> Callable[[str], "User"]:
    """Makes a person who has one role in the shop."""
    from topline.accounts import operations

    def make(role: str) -> "User":
        user = operations.create_user(email=f"{role}.member@example.org", password="correct horse", actor_id=None)
        operations.set_roles(shop=shop, user=user, roles=[role], actor_id=None)
        return user

    return make


@pytest.fixture
def lake(shop: "Shop") -> "Lake":
    return shop.lake()
