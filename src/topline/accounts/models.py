"""People, shops, who is what in which shop, and the keys that programs use."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone as clock

from topline.accounts import permissions, vault
from topline.units import spelling
from topline.units.errors import ToplineError
from topline.units.period import FiscalCalendar
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.lake.store import Lake
    from topline.metrics.settings import Settings

_LETTERS = bytes.maketrans(b"0123456789abcdef", b"abcdefghijklmnop")


class UnknownShopError(ToplineError):
    message = N_("There is no shop “%(slug)s”. %(hint)s")


class UnknownUserError(ToplineError):
    message = N_("There is no user “%(email)s”.")


class UserManager(BaseUserManager["User"]):
    def named(self, email: str) -> "User":
        """The user of that address, however it is written. Raises UnknownUserError."""
        try:
            return self.get(email__iexact=email.strip())
        except User.DoesNotExist:
            raise UnknownUserError(email=email) from None


class User(AbstractBaseUser):
    """A person who signs in by e-mail."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=10, blank=True, help_text="empty: the browser's")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now)
    preferences = models.JSONField(
        default=dict, help_text="what the person chose on pages: comparison, theme, last shop"
    )

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="accounts_user_email")]

    def __str__(self) -> str:
        return self.name or self.email

    def shops(self) -> "ShopQuerySet":
        """The shops that the person has a role in, by name."""
        return Shop.objects.filter(membership__user=self).distinct().order_by("name")

    @property
    def owns_a_shop(self) -> bool:
        return self.membership_set.filter(role=permissions.Role.OWNER).exists()

    def roles_in(self, shop: "Shop") -> frozenset[str]:
        return frozenset(self.membership_set.filter(shop=shop).values_list("role", flat=True))

    def owner_keys_in(self, shop: "Shop") -> frozenset[str]:
        """How the shop's facts name the person, empty if nobody has said."""
        return frozenset(
            self.membership_set.filter(shop=shop).exclude(owner_key="").values_list("owner_key", flat=True)
        )

    def permissions_in(self, shop: "Shop") -> frozenset[str]:
        """What the person may do in the shop; nothing once the account is closed."""
        return permissions.granted(self.roles_in(shop)) if self.is_active else frozenset()


class ShopQuerySet(models.QuerySet["Shop"]):
    def named(self, slug: str, otherwise: str = N_("Check how it is written.")) -> "Shop":
        """The shop of that slug. Raises UnknownShopError, which names the nearest; `otherwise` is said if none is."""
        shop = self.filter(slug=slug).first()
        if shop:
            return shop
        slugs = list(self.order_by("slug").values_list("slug", flat=True))
        near = spelling.nearest(slug, slugs)
        hint = f"Did you mean “{near[0]}”?" if near else otherwise
        raise UnknownShopError(slug=slug, hint=hint)


class Shop(models.Model):
    """A shop: one currency, one time zone, one catalogue, one customer base."""

    class Basis(models.TextChoices):
        EVENT = "event"
        ORDER = "order"

    slug = models.SlugField(unique=True, max_length=50)
    name = models.CharField(max_length=200)
    currency = models.CharField(max_length=3, help_text="ISO 4217; fixed once the shop has a fact")
    timezone = models.CharField(max_length=60, help_text="IANA name; its changes are dated in ZoneChange")
    country = models.CharField(max_length=2, help_text="ISO 3166: the market whose calendar the shop follows")
    week_start = models.PositiveSmallIntegerField(default=1, help_text="ISO weekday, 1 is Monday")
    fiscal_first_month = models.PositiveSmallIntegerField(default=1)
    order_basis = models.CharField(
        max_length=5,
        choices=Basis,
        default=Basis.EVENT,
        help_text="whether refunds count on their own day or the order's",
    )
    clock_on = models.DateField(
        null=True, blank=True, help_text="the day that the shop's clock is pinned to; empty: real time"
    )
    is_demo = models.BooleanField(default=False)
    secret = models.TextField(help_text="sealed; turns customers' ids into keys that say nothing")
    created_at = models.DateTimeField(default=clock.now)

    objects = ShopQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(week_start__range=(1, 7)), name="accounts_shop_week_start"),
            models.CheckConstraint(
                condition=Q(fiscal_first_month__range=(1, 12)), name="accounts_shop_fiscal_first_month"
            ),
            models.CheckConstraint(condition=Q(order_basis__in=["event", "order"]), name="accounts_shop_order_basis"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def zone_on(self, day: date) -> ZoneInfo:
        """The zone that the shop had on a day."""
        later = self.zonechange_set.filter(from_on__gt=day).order_by("from_on").first()
        return ZoneInfo(later.before) if later else self.zone

    @property
    def calendar(self) -> FiscalCalendar:
        return FiscalCalendar(self.week_start, self.fiscal_first_month)

    @property
    def is_pinned(self) -> bool:
        return self.clock_on is not None

    def now(self) -> datetime:
        """The shop's now: real, or noon of the day that its clock is pinned to."""
        return datetime.combine(self.clock_on, time(12), self.zone) if self.clock_on else clock.now()

    def today(self) -> date:
        """The shop's date, in its zone."""
        return self.now().astimezone(self.zone).date()

    def horizon(self) -> date | None:
        """The day before which things have happened: tomorrow where the clock is pinned, None where it is real."""
        return self.today() + timedelta(days=1) if self.clock_on else None

    def lake(self) -> "Lake":
        from topline.lake.store import Lake

        return Lake(Path(settings.LAKE_ROOT), self.slug)

    def settings(self) -> "Settings":
        """What figures depend on besides the facts."""
        from topline.metrics import settings

        known = self.channel_set.values_list("code", "kind", "is_online") if self.pk else ()
        return settings.Settings(
            currency=self.currency,
            zone=self.timezone,
            calendar=self.calendar,
            country=self.country,
            basis=settings.Basis(self.order_basis),
            channels=tuple(settings.Channel(*one) for one in known),
        )

    def hmac(self, source: str, id_: str) -> str:
        """The customer key of a source's id: 32 letters that say nothing about the person, the same each time."""
        return self.hasher(source)(id_)

    def hasher(self, source: str) -> Callable[[str], str]:
        """`hmac` of one source, for many ids."""
        return _hasher(self.secret, source)


_REMEMBERED = 16_384
"""Customers of a source whose keys a process remembers: the same ones come again and again."""


@cache
def _hasher(sealed: str, source: str) -> Callable[[str], str]:
    key = vault.unseal(sealed).encode()
    prefix = f"{source}\0".encode()

    @lru_cache(maxsize=_REMEMBERED)
    def customer_key(id_: str) -> str:
        # Letters only: digits could look like a phone number to whoever searches the lake for one.
        return hmac.digest(key, prefix + id_.encode(), hashlib.sha256)[:16].hex().encode().translate(_LETTERS).decode()

    return customer_key


class ZoneChange(models.Model):
    """A shop's zone was `before` until the day `from_on`."""

    shop = models.ForeignKey(Shop, models.CASCADE)
    before = models.CharField(max_length=60)
    from_on = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["shop", "from_on"], name="accounts_zone_change_day")]


class Channel(models.Model):
    """Where orders, visits, leads and costs come from, under the code that facts carry."""

    shop = models.ForeignKey(Shop, models.CASCADE)
    code = models.CharField(max_length=255, help_text="as facts carry it")
    name = models.CharField(max_length=100, help_text="what people call it")
    kind = models.CharField(max_length=30, help_text="a key of channels.KINDS")
    is_online = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["shop", "code"], name="accounts_channel_code")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person's role in a shop; several rows for several roles."""

    user = models.ForeignKey(User, models.CASCADE)
    shop = models.ForeignKey(Shop, models.CASCADE)
    role = models.CharField(
        max_length=30, choices=[(role.value, permissions.LABELS[role]) for role in permissions.Role]
    )
    since = models.DateTimeField(default=clock.now)
    owner_key = models.CharField(
        max_length=255, blank=True, help_text="how facts name the person; a rep with one sees only what is theirs"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "shop", "role"], name="accounts_membership_once"),
            models.CheckConstraint(
                condition=Q(role__in=[role.value for role in permissions.Role]), name="accounts_membership_role"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.role}"


class SignInLink(models.Model):
    """A link that signs one person in once. Only its digest is kept."""

    user = models.ForeignKey(User, models.CASCADE)
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def live(self, now: datetime) -> "ApiTokenQuerySet":
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=now), revoked_at__isnull=True, user__is_active=True
        )


class ApiToken(models.Model):
    """A program's key to a shop, never for more than its maker may do. Only its digest is kept."""

    user = models.ForeignKey(User, models.CASCADE)
    shop = models.ForeignKey(Shop, models.CASCADE)
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12, help_text="the token's first characters, to know it by")
    scopes = models.JSONField(help_text="permission codes")
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiTokenQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def permissions(self) -> frozenset[str]:
        """What the token permits today: its scopes, as far as its maker still has them."""
        return frozenset(self.scopes) & self.user.permissions_in(self.shop)


def digest(secret: str) -> str:
    """What is kept of a token or link: enough to know it again, useless to make it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def plain_settings(shop: Shop) -> dict[str, Any]:
    """The shop's settings by name, as they are shown and logged."""
    names = ("name", "currency", "timezone", "country", "week_start", "fiscal_first_month", "order_basis")
    return {name: getattr(shop, name) for name in names}
