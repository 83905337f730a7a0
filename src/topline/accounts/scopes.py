"""What part of a shop's facts a person may see."""

from topline.accounts.models import Shop, User
from topline.accounts.permissions import Role
from topline.lake.scope import Scope

FINANCE_FAMILIES = frozenset({"profit"})


def scope_for(user: User, shop: Shop) -> Scope:
    """The scope of everything that the person reads in the shop: of another's shop, nothing.

    A sales rep, and nothing else, whom facts name sees only what is theirs.
    """
    permitted = user.permissions_in(shop)
    if "metrics.read" not in permitted:
        return Scope(shops=frozenset())
    names = user.owner_keys_in(shop)
    is_own = bool(names) and user.roles_in(shop) == {Role.REP}
    return Scope(
        shops=frozenset({shop.slug}),
        owners=names if is_own else None,
        hidden_families=frozenset() if "finance.read" in permitted else FINANCE_FAMILIES,
    )
