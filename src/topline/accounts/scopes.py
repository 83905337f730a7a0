"""What part of a shop's facts a person may see."""

from topline.accounts.models import Shop, User
from topline.accounts.permissions import Role
from topline.lake.scope import Scope
from topline.units.errors import ToplineError
from topline.units.text import N_

FINANCE_FAMILIES = frozenset({"profit"})


class WholeShopError(ToplineError):
    message = N_(
        "This is reckoned for the whole shop, and you see only what is yours. Ask an owner of the shop for it."
    )


def scope_for(user: User, shop: Shop) -> Scope:
    """The scope of everything that the person reads in the shop: of another's shop, nothing.

    A sales rep, and nothing else, sees only what is theirs: nothing, until somebody says how facts name them.
    """
    permitted = user.permissions_in(shop)
    if "metrics.read" not in permitted:
        return Scope(shops=frozenset())
    names = user.owner_keys_in(shop)
    is_own = user.roles_in(shop) == {Role.REP}
    return Scope(
        shops=frozenset({shop.slug}),
        owners=names if is_own else None,
        hidden_families=frozenset() if "finance.read" in permitted else FINANCE_FAMILIES,
    )


def require_whole(scope: Scope) -> None:
    """Raises WholeShopError for who sees only a part of the shop's rows: a forecast can't be cut down to them."""
    if not scope.is_whole:
        raise WholeShopError()
