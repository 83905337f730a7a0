"""The frame around every page: places, shops, clock, what the palette finds."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import get_language

from topline.accounts.models import Shop, User
from topline.analysis.catalogue import analyses
from topline.boards.models import Dashboard, SavedView
from topline.metrics.catalogue import metrics
from topline.plans.models import Plan
from topline.units.text import N_
from topline.web import formats
from topline.web.page import PLACES, Page, Place, Visit, pages
from topline.workbench.models import Notification


@dataclass(frozen=True, slots=True)
class Entry:
    """A link of the bar. `is_here` marks the page that shows."""

    label: str
    url: str
    icon: str
    is_here: bool
    below: tuple["Entry", ...] = ()


class Shell:
    """What base.html needs beside the page's own context."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.shop = visit.shop
        self.user = visit.user
        self.languages = settings.LANGUAGES
        self.language = get_language()

    @cached_property
    def shops(self) -> list[Shop]:
        return list(self.user.shops())

    @cached_property
    def may_make_shops(self) -> bool:
        return self.user.owns_a_shop

    @cached_property
    def places(self) -> list[Entry]:
        """The places that this person may go to."""
        here = self.visit.page
        return [self._entry(place, within, here) for place in PLACES if (within := self._within(place))]

    @cached_property
    def unread(self) -> int:
        """How many things wait in the person's inbox of this shop."""
        return Notification.objects.to(self.user.pk, self.shop.slug).unread().count()

    @property
    def inbox_url(self) -> str:
        return self.visit.url("inbox")

    @property
    def first_places(self) -> list[Entry]:
        """As many as fit the bottom of a phone."""
        return self.places[:4]

    @property
    def tabs(self) -> tuple[Entry, ...]:
        """The pages of the place that shows."""
        return next((entry.below for entry in self.places if entry.is_here), ())

    def _within(self, place: Place) -> list[Page]:
        found = (page for page in pages().values() if page.place == place.id and page.label)
        return sorted((page for page in found if page.opens_for(self.visit)), key=lambda page: page.rank)

    def _entry(self, place: Place, within: list[Page], here: Page | None) -> Entry:
        at = here if here in within else _over(here, within)
        below = tuple(
            Entry(formats.say(page.label), self.visit.url(page.name), page.icon, page is at) for page in within
        )
        is_here = here is not None and here.place == place.id
        return Entry(formats.say(place.label), below[0].url, place.icon, is_here, below if len(below) > 1 else ())

    def palette(self) -> Iterator[dict[str, str]]:
        """Pages, metrics, analyses, plans, shops and actions by name."""
        for place in PLACES:
            for page in self._within(place):
                yield {
                    "label": formats.say(page.label),
                    "url": self.visit.url(page.name),
                    "group": formats.say(N_("Page")),
                    "words": formats.say(place.label),
                }
        if self.visit.may("metrics.read"):
            for metric in metrics().values():
                if metric.family not in self.visit.scope.hidden_families:
                    address = self.visit.url("metric", metric.id)
                    yield {
                        "label": formats.say(metric.label),
                        "url": address,
                        "group": formats.say(N_("Metric")),
                        "words": metric.id,
                    }
            for analysis in analyses().values():
                yield {
                    "label": formats.say(analysis.label),
                    "url": self.visit.url("analysis", analysis.id),
                    "group": formats.say(N_("Analysis")),
                }
            for board in Dashboard.objects.for_(self.user, self.shop):
                yield {
                    "label": board.title,
                    "url": self.visit.url("board", board.pk),
                    "group": formats.say(N_("Dashboard")),
                }
            for view in SavedView.objects.for_(self.user, self.shop):
                yield {
                    "label": view.name,
                    "url": self.visit.url("saved_view", view.pk),
                    "group": formats.say(N_("Saved view")),
                }
        if self.visit.may("plans.read"):
            for plan in Plan.objects.of(self.shop):
                yield {
                    "label": plan.title,
                    "url": self.visit.url("plan", plan.pk),
                    "group": formats.say(N_("Plan")),
                }
        for shop in self.shops:
            if shop != self.shop:
                yield {"label": shop.name, "url": reverse("home", args=(shop.slug,)), "group": formats.say(N_("Shop"))}
        if self.may_make_shops:
            yield {"label": formats.say(N_("New shop")), "url": reverse("new_shop"), "group": formats.say(N_("Page"))}
        for label, action in ((N_("Switch between light and dark"), "theme"), (N_("Show the keys"), "keys")):
            yield {"label": formats.say(label), "action": action, "group": formats.say(N_("Action"))}


def frame(request: HttpRequest) -> Shell | None:
    """The shell of a signed-in request; outside of a shop's pages it is that of the shop visited last."""
    visit = getattr(request, "visit", None)
    if visit is None:
        user = getattr(request, "user", None)
        if not isinstance(user, User):
            return None
        shop = last_shop(user)
        if shop is None:
            return None
        visit = Visit(request, shop, None)
    return Shell(visit)


def last_shop(user: User) -> Shop | None:
    """The shop that the person saw last, else the first."""
    shops = list(user.shops())
    kept = user.preferences.get("shop")
    return next((shop for shop in shops if shop.slug == kept), shops[0] if shops else None)


def _over(here: Page | None, within: list[Page]) -> Page | None:
    """The page of the bar below which another page stands, None if below none."""
    found = [page for page in within if here and page.path and here.path.startswith(f"{page.path}/")]
    return max(found, key=lambda page: len(page.path), default=None)
