"""What part of a shop's facts a person may see."""

from topline.accounts.models import Shop, User
from topline.lake.scope import Scope

FINANCE_FAMILIES = frozenset({"profit"})


def scope_for(user: User, shop: Shop) -> Scope:
    """The scope of everything that the person reads in the shop: of another's shop, nothing."""
    permitted = user.permissions_in(shop)
    if "metrics.read" not in permitted:
        return Scope(shops=frozenset())
    return Scope(
        shops=frozenset({shop.slug}), hidden_families=frozenset() if "finance.read" in permitted else FINANCE_FAMILIES
    )
