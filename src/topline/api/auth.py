"""Who calls, and whether the token permits it. Every endpoint names its permission."""

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from topline.accounts import operations as accounts
from topline.accounts.models import ApiToken, Shop, UnknownShopError, User
from topline.accounts.scopes import require_whole, scope_for


@dataclass(frozen=True, slots=True)
class Caller:
    """A live token, and whose and for which shop it is."""

    token: ApiToken

    @property
    def user(self) -> User:
        return self.token.user

    @property
    def shop(self) -> Shop:
        return self.token.shop


class Requires(HttpBearer):
    """Lets a token through that permits `permission` in the shop of the address; a token knows only its own shop.

    is_whole : the answer shows the whole shop, so who sees only a part of it is refused
    """

    def __init__(self, permission: str, *, is_whole: bool = False) -> None:
        super().__init__()
        self.permission = permission
        self.is_whole = is_whole

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        found = accounts.authenticate_token(secret=token, now=timezone.now())
        if found is None:
            return None
        asked = request.resolver_match.kwargs.get("shop") if request.resolver_match else None
        if asked is not None and asked != found.shop.slug:
            raise UnknownShopError(slug=asked, hint=f"This token is for “{found.shop.slug}”.")
        if self.permission not in found.permissions():
            raise PermissionDenied(self.permission)
        if self.is_whole:
            require_whole(scope_for(found.user, found.shop))
        return Caller(found)


def caller(request: HttpRequest) -> Caller:
    """Who `Requires` let through."""
    found = request.auth  # type: ignore[attr-defined]
    assert isinstance(found, Caller)  # noqa: S101 - Ninja sets it from `Requires`
    return found
