"""A shop of seven people with a plan of two months, two categories and one market, without forecasts or history."""

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np

from topline.accounts import operations as accounts
from topline.accounts.models import Shop, User
from topline.plans.models import Entry, Goal, Kind, Plan, PlanVersion, TargetBlock, TargetCells

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
PEOPLE = {
    "director": ["owner"],
    "finance": ["finance"],
    "marketing": ["marketing_manager"],
    "head": ["sales_manager"],
    "operator": ["operations"],
    "rep": ["rep"],
    "analyst": ["analyst"],
}


def a_shop() -> tuple[Shop, dict[str | None, User | None]]:
    people: dict[str | None, User | None] = {
        name: accounts.create_user(email=f"{name}@example.org", actor_id=None) for name in [*PEOPLE, "stranger"]
    }
    director = people["director"]
    assert director is not None
    shop = accounts.create_shop(
        slug="gifts", name="Gifts", currency="GBP", timezone="Europe/London", country="GB", owner=director
    )
    for name, roles in PEOPLE.items():
        person = people[name]
        assert person is not None
        accounts.set_roles(shop=shop, user=person, roles=roles, actor_id=None)
    return shop, {**people, None: None}


def a_plan(shop: Shop, kind: Kind, owner: User | None, serves: Plan | None = None) -> PlanVersion:
    """Two months, two categories, one market."""
    plan = Plan.objects.create(
        shop=shop, kind=kind, title="Autumn", starts_on=date(2026, 10, 1), ends_on=date(2026, 12, 1), currency="GBP",
        owner=owner, serves=serves, created_at=NOW,
    )  # fmt: skip
    version = PlanVersion.objects.create(
        plan=plan, number=1, as_of=date(2026, 10, 1), snapshot=1, blocks=["Lamps", "Rugs"], markets=[None],
        created_at=NOW,
    )  # fmt: skip
    for block in range(2):
        cells = TargetCells.packed(np.array([[100_00, 200_00]]), np.zeros((1, 2), dtype=np.bool_))
        TargetCells.objects.get_or_create(digest=cells.digest, defaults={"values": cells.values, "locks": cells.locks})
        TargetBlock.objects.create(version=version, metric="net_sales", block=block, cells_id=cells.digest)
    Goal.objects.create(
        version=version, key="net_sales", metric="net_sales", target=Decimal(600), starts_on=plan.starts_on,
        due_on=date(2026, 11, 30),
    )  # fmt: skip
    return version


def a_strategy(version: PlanVersion) -> None:
    """What a marketing plan says before a sales plan can serve it."""
    said = {
        "4.personas": {"name": "Givers", "benefits": "No search for a gift"},
        "5.positioning": {"text": "Gifts that arrive"},
        "5.messages": {"message": "Wrapped by us"},
        "7.prices": {"name": "Lamps", "category": "Lamps", "price": "20", "floor": "16", "discount_limit": "0.15"},
        "7.places": {"name": "Own shop"},
    }
    for field, cells in said.items():
        Entry.objects.create(version=version, field=field, key="a", cells=cells)
