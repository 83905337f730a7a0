"""What a page declares, and the visit that its view is given."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import get_language, gettext

from topline.accounts import operations
from topline.accounts.models import Channel, Shop, User
from topline.accounts.scopes import WholeShopError, require_whole, scope_for
from topline.lake.scope import Scope
from topline.plans.renewal import Footing
from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.web import formats


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the left bar."""

    id: str
    label: str
    icon: str


PLACES = (
    Place("today", N_("Today"), icon="sun"),
    Place("plan", N_("Plan"), icon="target-arrow"),
    Place("calendar", N_("Calendar"), icon="calendar-event"),
    Place("outlook", N_("Outlook"), icon="trending-up"),
    Place("customers", N_("Customers"), icon="users"),
    Place("outreach", N_("Outreach"), icon="send"),
    Place("orders", N_("Orders and stock"), icon="package"),
    Place("measure", N_("Measure"), icon="chart-line"),
    Place("data", N_("Data"), icon="database-import"),
    Place("team", N_("Team"), icon="users-group"),
    Place("settings", N_("Settings"), icon="settings"),
)
"""The places in the order of the bar; one shows as soon as a page of it may be seen."""


class Visit:
    """A signed-in person's request to a page of a shop."""

    def __init__(self, request: HttpRequest, shop: Shop, page: "Page | None") -> None:
        self.request = request
        self.user = cast(User, request.user)
        self.shop = shop
        self.page = page

    @cached_property
    def permissions(self) -> frozenset[str]:
        return self.user.permissions_in(self.shop)

    @cached_property
    def scope(self) -> Scope:
        return scope_for(self.user, self.shop)

    @cached_property
    def today(self) -> date:
        return self.shop.today()

    @cached_property
    def is_empty(self) -> bool:
        """True if the shop has no facts to tell of."""
        snapshot = self.shop.lake().latest()
        return snapshot is None or snapshot.is_empty

    @property
    def is_fragment(self) -> bool:
        """True if htmx asks for a part of the page."""
        return bool(self.request.headers.get("HX-Request")) and not self.request.headers.get("HX-Boosted")

    @property
    def is_retry(self) -> bool:
        """True if a person asks again for what failed: “Try again”."""
        return "again" in self.request.GET and not self.is_fragment

    def resting(self, rest: Footing) -> dict[str, Any]:
        """What `rest.html` says of what a page rests on."""
        at = rest.made_at and rest.made_at.astimezone(self.shop.zone)
        return {"rest_at": at, "rest_error": formats.failure(rest.job), "is_remade": rest.job is not None}

    def may(self, permission: str) -> bool:
        return permission in self.permissions

    def require(self, permission: str) -> None:
        """Raises PermissionDenied."""
        if permission not in self.permissions:
            raise PermissionDenied

    def url(self, name: str, *args: object) -> str:
        """The address of a page of this shop."""
        return reverse(name, args=(self.shop.slug, *args))

    def render(self, template: str, context: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
        """The page, or with `template#partial` a part of it."""
        return render(self.request, template, {"visit": self, "shop": self.shop, **context}, status=status)

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """A choice that stands in the address, else the one that the person made last, else the first allowed."""
        asked = self.request.GET.get(name)
        if asked in allowed:
            if self.user.preferences.get(name) != asked:
                operations.prefer(user=self.user, name=name, value=asked)
            return asked
        kept = self.user.preferences.get(name)
        return kept if kept in allowed else allowed[0]


type View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of a shop; its template stands beside its module.

    path : below the shop's address, in Django's notation; `view` gets a `Visit` and what the path captures
    place : the entry of the left bar it belongs to
    label : its name in the bar and the palette, "" if it is only reached from other pages
    rank : where it stands among the pages of its place, the least first
    is_whole : it shows the whole shop, so who sees only a part of it may not open it
    """

    path: str
    name: str
    view: View
    permission: str
    place: str
    label: str = ""
    icon: str = ""
    rank: int = 5
    is_whole: bool = False

    def opens_for(self, visit: Visit) -> bool:
        return visit.may(self.permission) and (visit.scope.is_whole or not self.is_whole)

    def url_pattern(self) -> URLPattern:
        return path(f"shop/<slug:shop_slug>/{self.path}", self._enter, name=self.name)

    def _enter(self, request: HttpRequest, shop_slug: str, **captured: Any) -> HttpResponseBase:
        visit = open_visit(request, shop_slug, self)
        visit.require(self.permission)
        try:
            if self.is_whole:
                require_whole(visit.scope)
            return self.view(visit, **captured)
        except WholeShopError as error:
            return problem(visit, error, status=403)
        except ToplineError as error:
            return problem(visit, error)


def open_visit(request: HttpRequest, slug: str, page: Page | None) -> Visit:
    """The visit; a shop that the person has no role in does not exist for them."""
    user = cast(User, request.user)
    shop = user.shops().filter(slug=slug).first()
    if shop is None:
        raise Http404
    if user.preferences.get("shop") != slug:
        operations.prefer(user=user, name="shop", value=slug)
    formats.name_channels(lambda: dict(Channel.objects.filter(shop=shop).values_list("code", "name")))
    visit = Visit(request, shop, page)
    request.visit = visit  # type: ignore[attr-defined]
    return visit


def problem(visit: Visit, error: ToplineError, *, status: int = 400) -> HttpResponse:
    """What went wrong and what to do, as a page or, to htmx, as a toast."""
    text = formats.say(error)
    if visit.is_fragment:
        response = HttpResponse(status=204)
        response["HX-Trigger"] = formats.json_text({"topline:toast": {"text": text, "level": "error"}})
        return response
    return visit.render("problem.html", {"title": gettext("That didn't work"), "text": text}, status=status)


@cache
def pages() -> Mapping[str, Page]:
    """Every page by name: the folder is the catalogue."""
    return {page.name: page for page in _discover()}


def _discover() -> Iterator[Page]:
    package = import_module("topline.web.pages")
    for module in iter_modules(package.__path__):
        yield from getattr(import_module(f"topline.web.pages.{module.name}"), "PAGES", ())


def whole(text: str | None) -> int:
    """The whole number of a form's field; 0, which names nothing, where there is none."""
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0


def stretches(count: int, first: int, most: int, url: Callable[[int], str]) -> list[dict[str, Any]]:
    """The pages of a list of `count` lines, `most` on each, as links: first, last and near ones; none if one will do.

    first : the line that the page shown begins with; url : where the page is that begins with a line
    """
    if count <= most:
        return []
    last = (count - 1) // most * most
    near = (one for one in range(0, count, most) if one in (0, last) or abs(one - first) <= 3 * most)
    return [{"label": f"{one + 1}–{min(one + most, count)}", "url": url(one), "is_here": one == first} for one in near]


def language() -> str:
    """The language of the page, such as `ro`."""
    return get_language() or "en"
