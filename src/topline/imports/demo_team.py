"""The people of the simulated demo shop: those whom its deals and conversations name, and who works around them."""

from datetime import timedelta

from django.db import transaction

from topline.accounts.models import Shop, User
from topline.simulate.support_conversation import OWNERS as SUPPORT
from topline.simulate.truth import HARBOUR_AND_PINE
from topline.team import operations
from topline.team.models import Member

_SALES = HARBOUR_AND_PINE.work.owners
_HEAD, _NORTH, _SOUTH = "Margaret Ellis", _SALES[0], _SALES[1]

# name, role, team, reports to, work of the workload, hours a week, cost a year
_PEOPLE: tuple[tuple[str, str, str, str, str, int, int], ...] = (
    (_HEAD, "Founder", "", "", "", 45, 68_000),
    ("Daniel Price", "Head of sales", "Trade sales", _HEAD, "", 40, 56_000),
    (_NORTH, "Account manager", "Trade sales", "Daniel Price", "lead", 37, 41_000),
    (_SOUTH, "Account manager", "Trade sales", "Daniel Price", "lead", 37, 40_000),
    (_SALES[2], "Account manager", "Trade sales", "Daniel Price", "lead", 37, 38_000),
    (_SALES[3], "Sales representative", "Trade sales", "Daniel Price", "lead", 30, 29_000),
    ("Ruth Bennett", "Marketing manager", "Marketing", _HEAD, "", 40, 49_000),
    ("Jonas Weber", "Content editor", "Marketing", "Ruth Bennett", "content", 30, 31_000),
    ("Grace Hughes", "Operations manager", "Operations", _HEAD, "", 40, 46_000),
    ("Liam Foster", "Warehouse", "Operations", "Grace Hughes", "pick", 37, 26_000),
    ("Nora Campbell", "Warehouse", "Operations", "Grace Hughes", "pick", 37, 26_000),
    (SUPPORT[0], "Customer care", "Customer care", "Grace Hughes", "contact", 35, 28_000),
    (SUPPORT[1], "Customer care", "Customer care", "Grace Hughes", "contact", 24, 19_000),
)
# role, team, reports to, work, hours a week, cost a year, days until it is to be filled
_POSITIONS: tuple[tuple[str, str, str, str, int, int, int], ...] = (
    ("Account manager Ireland", "Trade sales", "Daniel Price", "lead", 37, 39_000, 45),
    ("Warehouse, season", "Operations", "Grace Hughes", "pick", 37, 24_000, 28),
)
# name, region, market, tax rate, owner, strategy
_TERRITORIES: tuple[tuple[str, str, str, str, str, str], ...] = (
    ("North", "Scotland and the north of England", "GB", "0.2", _NORTH,
     "Garden centres and landscapers first: a visit in spring, an order before Easter."),
    ("South", "South of England and Wales", "GB", "0.2", _SOUTH,
     "Hotels and restaurants with terraces: sets from the outdoor cooking and lighting lines."),
    ("Ireland", "", "IE", "0.23", _SALES[2],
     "Own shop in euro and a few wholesalers; delivery promise of five days, no customs."),
)  # fmt: skip


@transaction.atomic
def add(shop: Shop, user: User) -> None:
    """The shop's team, territories and trainings, once."""
    if Member.objects.filter(shop=shop).exists():
        return
    known: dict[str, int] = {}
    for name, role, team, boss, work, hours, cost in _PEOPLE:
        values = {"name": name, "role": role, "team": team, "reports_to": known.get(boss), "work": work}
        account = {"user": user.pk} if name == _HEAD else {}
        member = operations.keep_member(
            shop=shop, values={**values, **account, "week_hours": hours, "cost": cost}, actor_id=None
        )
        known[name] = member.pk
    for role, team, boss, work, hours, cost, days in _POSITIONS:
        values = {"role": role, "team": team, "reports_to": known[boss], "work": work, "week_hours": hours}
        from_on = (shop.today() + timedelta(days=days)).isoformat()
        operations.keep_member(shop=shop, values={**values, "cost": cost, "from_on": from_on}, actor_id=None)
    for name, region, market, tax, owner, strategy in _TERRITORIES:
        values = {"name": name, "region": region, "market": market, "country": market, "tax_rate": tax}
        money = {"currency": "EUR" if market == "IE" else shop.currency}
        operations.keep_territory(
            shop=shop, values={**values, **money, "owner": known[owner], "strategy": strategy}, actor_id=None
        )
    _train(shop, known)


def _train(shop: Shop, known: dict[str, int]) -> None:
    sessions = (
        ("Discovery calls", 56, "Asking before offering", "won_value", [_SALES[1], _SALES[3]]),
        ("Following up on offers", 12, "Closing without a discount", "win_rate", list(_SALES)),
        ("Answering within the hour", 40, "Templates and tone", "first_response_hours", list(SUPPORT)),
    )
    for name, days, skill, metric, who in sessions:
        on = (shop.today() - timedelta(days=days)).isoformat()
        operations.keep_training(
            shop=shop,
            values={
                "name": name, "on": on, "skill": skill, "metric": metric, "scope": {"owner": operations.ATTENDEES},
                "attendees": [known[one] for one in who],
            },
            actor_id=None,
        )  # fmt: skip
