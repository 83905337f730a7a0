"""Everything that changes people, shops, roles, links and tokens; each change is in the audit log."""

import secrets
from collections.abc import Collection
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from allauth.account.models import EmailAddress
from babel import Locale
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email, validate_slug
from django.db import transaction
from django.db.models import Q
from django.utils import translation
from django.utils.text import slugify
from django.utils.translation import gettext

from topline.accounts import links, permissions, vault
from topline.accounts.models import ApiToken, Membership, Shop, SignInLink, User, ZoneChange, digest, plain_settings
from topline.accounts.permissions import Role
from topline.connectors.places import is_country
from topline.journal.models import Batch, Record
from topline.units.errors import CurrencyError, ToplineError
from topline.units.money import tenders
from topline.units.text import N_
from topline.workbench import audit, mail

LINK_DAYS = 7
FIRST_EMAIL = "owner@localhost.localdomain"
TOKEN_PREFIX = "tl_"  # noqa: S105
_SLUG_STEM = 40


class SlugError(ToplineError):
    message = N_("“%(slug)s” can't name a shop. Use small letters, digits and hyphens, such as gifts-uk.")


class ShopExistsError(ToplineError):
    message = N_("There is a shop “%(slug)s” already.")


class EmailError(ToplineError):
    message = N_("“%(email)s” is not an e-mail address.")


class UserExistsError(ToplineError):
    message = N_("%(email)s has an account already.")


class PasswordError(ToplineError):
    message = N_("Choose another password: %(reasons)s")


class NotFirstAccountError(ToplineError):
    message = N_("This account has an owner already.")


class TimezoneError(ToplineError):
    message = N_("“%(timezone)s” is not a time zone. Use a name such as Europe/London.")


class CountryError(ToplineError):
    message = N_("“%(country)s” is not a country code. Use the two letters of ISO 3166, such as GB.")


class RangeError(ToplineError):
    message = N_("%(name)s must be between %(least)s and %(most)s, not %(value)s.")


class ChoiceError(ToplineError):
    message = N_("%(name)s must be one of %(choices)s, not “%(value)s”.")


class CurrencyFixedError(ToplineError):
    message = N_(
        "The shop's currency stays %(currency)s, because facts were recorded in it. "
        "Make a new shop for another currency."
    )


class UnknownRoleError(ToplineError):
    message = N_("There is no role “%(role)s”. The roles are %(roles)s.")


class UnknownPermissionError(ToplineError):
    message = N_("There is no permission “%(code)s”.")


class LastOwnerError(ToplineError):
    message = N_("A shop needs an owner. Make someone else an owner first.")


class UnknownMemberError(ToplineError):
    message = N_("%(email)s has no role in %(shop)s. Give them one first.")


class LinkError(ToplineError):
    message = N_("This link was used already or is too old. Ask for a new one.")


class ClockError(ToplineError):
    message = N_("Only a shop whose clock is pinned can step in time.")


@transaction.atomic
def create_shop(
    *,
    slug: str,
    name: str,
    currency: str,
    timezone: str,
    country: str,
    owner: User | None = None,
    actor_id: int | None = None,
    week_start: int = 1,
    fiscal_first_month: int = 1,
    order_basis: str = "event",
    is_demo: bool = False,
    clock_on: date | None = None,
) -> Shop:
    """A new shop, owned by `owner`.

    Raises SlugError, ShopExistsError, CurrencyError, TimezoneError, CountryError, RangeError, ChoiceError.
    """
    try:
        validate_slug(slug)
    except ValidationError:
        raise SlugError(slug=slug) from None
    if slug != slug.lower() or len(slug) > 50:
        raise SlugError(slug=slug)
    if Shop.objects.filter(slug=slug).exists():
        raise ShopExistsError(slug=slug)
    values = _checked(
        {
            "name": name,
            "currency": currency,
            "timezone": timezone,
            "country": country,
            "week_start": week_start,
            "fiscal_first_month": fiscal_first_month,
            "order_basis": order_basis,
        }
    )
    sealed = vault.seal(secrets.token_urlsafe(32))
    shop = Shop.objects.create(slug=slug, secret=sealed, is_demo=is_demo, clock_on=clock_on, **values)
    if owner:
        Membership.objects.create(user=owner, shop=shop, role=Role.OWNER)
    audit.log("shop.create", actor_id=actor_id, shop=slug, subject=name, **values)
    return shop


def free_slug(name: str) -> str:
    """A short name that no shop has, from what people call the shop."""
    wanted = slugify(name)[:_SLUG_STEM].strip("-_") or "shop"
    taken = set(Shop.objects.filter(slug__startswith=wanted).values_list("slug", flat=True))
    return next(slug for n in count(1) if (slug := wanted if n == 1 else f"{wanted}-{n}") not in taken)


@transaction.atomic
def change_settings(*, shop: Shop, actor_id: int | None, today: date, **changes: Any) -> Shop:
    """The shop with other settings: name, currency, timezone, country, week_start, fiscal_first_month, order_basis.

    A change of zone counts from `today` on; facts keep the zone of their entry.
    Raises CurrencyFixedError and what `create_shop` raises.
    """
    before = plain_settings(shop)
    unknown = changes.keys() - before.keys()
    if unknown:
        raise ChoiceError(name="setting", choices=", ".join(before), value=min(unknown))
    values = {name: value for name, value in _checked(changes).items() if value != before[name]}
    if "currency" in values and has_facts(shop):
        raise CurrencyFixedError(currency=shop.currency)
    if "timezone" in values:
        ZoneChange.objects.update_or_create(shop=shop, from_on=today, create_defaults={"before": shop.timezone})
    for name, value in values.items():
        setattr(shop, name, value)
    shop.save(update_fields=list(values))
    if values:
        old = {name: before[name] for name in values}
        audit.log("shop.change_settings", actor_id=actor_id, shop=shop.slug, before=old, after=values)
    return shop


def has_facts(shop: Shop) -> bool:
    """Whether anything was ever brought in or recorded, even if it was taken back since."""
    return Batch.objects.filter(shop=shop.slug).exists() or Record.objects.filter(shop=shop.slug).exists()


@transaction.atomic
def pin_clock(*, shop: Shop, on: date | None, actor_id: int | None) -> Shop:
    """The shop with its clock pinned to a day, or running in real time when `on` is None."""
    shop.clock_on = on
    shop.save(update_fields=["clock_on"])
    audit.log("shop.pin_clock", actor_id=actor_id, shop=shop.slug, on=on.isoformat() if on else None)
    return shop


def step_clock(*, shop: Shop, actor_id: int | None, days: int | None = None, to: date | None = None) -> Shop:
    """The shop with its pinned clock moved by days, or to a date. Raises ClockError if the clock runs in real time."""
    if shop.clock_on is None:
        raise ClockError()
    return pin_clock(shop=shop, on=to or shop.clock_on + timedelta(days=days or 1), actor_id=actor_id)


@transaction.atomic
def create_user(
    *, email: str, actor_id: int | None, name: str = "", language: str = "", password: str | None = None
) -> User:
    """A new user; without a password they sign in by a link and set one. Raises EmailError, UserExistsError."""
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        raise EmailError(email=email) from None
    if User.objects.filter(email__iexact=address).exists():
        raise UserExistsError(email=address)
    user = User(email=address, name=name.strip(), language=language)
    user.set_password(password)
    user.save()
    EmailAddress.objects.create(user=user, email=address, primary=True, verified=True)
    audit.log("user.create", actor_id=actor_id, subject=str(user.pk))
    return user


@transaction.atomic
def invite(
    *, shop: Shop, email: str, roles: Collection[str], actor_id: int | None, now: datetime, name: str = ""
) -> tuple[User, str]:
    """The person of that address, with these roles in the shop, and the token of a link that signs them in.

    Raises EmailError, UnknownRoleError.
    """
    user = User.objects.filter(email__iexact=email.strip()).first()
    user = user or create_user(email=email, name=name, actor_id=actor_id)
    set_roles(shop=shop, user=user, roles=set(roles) | user.roles_in(shop), actor_id=actor_id)
    return user, create_link(user=user, actor_id=actor_id, now=now)


@transaction.atomic
def set_roles(*, shop: Shop, user: User, roles: Collection[str], actor_id: int | None) -> None:
    """Make these the person's roles in the shop; none takes them out. Raises UnknownRoleError, LastOwnerError."""
    for role in roles:
        if role not in Role:
            raise UnknownRoleError(role=role, roles=", ".join(Role))
    had = user.roles_in(shop)
    if Role.OWNER in had - set(roles) and not shop.membership_set.filter(~Q(user=user), role=Role.OWNER).exists():
        raise LastOwnerError()
    known = shop.membership_set.filter(user=user).first()
    owner_key = known.owner_key if known else ""
    shop.membership_set.filter(user=user).exclude(role__in=roles).delete()
    Membership.objects.bulk_create(
        Membership(user=user, shop=shop, role=role, owner_key=owner_key) for role in set(roles) - had
    )
    if had != set(roles):
        audit.log(
            "user.set_roles",
            actor_id=actor_id,
            shop=shop.slug,
            subject=str(user.pk),
            before=sorted(had),
            after=sorted(roles),
        )


@transaction.atomic
def name_owner(*, shop: Shop, user: User, owner_key: str, actor_id: int | None) -> None:
    """Say how the shop's facts name the person, such as a CRM does: a rep then sees only what is theirs; "" undoes it.

    Raises UnknownMemberError if the person has no role in the shop.
    """
    owner_key = owner_key.strip()[:255]
    if not shop.membership_set.filter(user=user).update(owner_key=owner_key):
        raise UnknownMemberError(email=user.email, shop=shop.name)
    audit.log("user.name_owner", actor_id=actor_id, shop=shop.slug, subject=str(user.pk), owner_key=owner_key)


@transaction.atomic
def change_profile(
    *,
    user: User,
    actor_id: int | None,
    name: str | None = None,
    language: str | None = None,
    is_active: bool | None = None,
) -> User:
    """The user with another name or language, or with the account closed or opened."""
    changes = {"name": name, "language": language, "is_active": is_active}
    changed = {field: value for field, value in changes.items() if value is not None and value != getattr(user, field)}
    for field, value in changed.items():
        setattr(user, field, value)
    user.save(update_fields=list(changed))
    if changed:
        audit.log(
            "user.change_profile",
            actor_id=actor_id,
            subject=str(user.pk),
            fields=sorted(changed.keys() - {"is_active"}),
            is_active=changed.get("is_active"),
        )
    return user


@transaction.atomic
def prefer(*, user: User, name: str, value: Any) -> None:
    """Remember what a person chose on a page, such as a comparison. `None` forgets it."""
    fresh = User.objects.select_for_update().get(pk=user.pk)
    fresh.preferences.pop(name, None)
    if value is not None:
        fresh.preferences[name] = value
    fresh.save(update_fields=["preferences"])
    user.preferences = fresh.preferences


@transaction.atomic
def create_link(*, user: User, actor_id: int | None, now: datetime) -> str:
    """The token of a fresh link that signs the person in once, within a week."""
    token = secrets.token_urlsafe(32)
    SignInLink.objects.filter(Q(used_at__isnull=False) | Q(expires_at__lt=now), user=user).delete()
    SignInLink.objects.create(user=user, digest=digest(token), expires_at=now + timedelta(days=LINK_DAYS))
    audit.log("user.create_link", actor_id=actor_id, subject=str(user.pk))
    return token


def send_link(*, user: User, token: str, shop: Shop, inviter: str) -> bool:
    """Whether an invitation is mailed to the person, in their language; False where no mail server is set."""
    with translation.override(user.language or settings.LANGUAGE_CODE):
        subject = gettext("%(inviter)s invites you to %(shop)s on Topline") % {"inviter": inviter, "shop": shop.name}
        body = gettext(
            "%(inviter)s has given you a role in %(shop)s.\n\nThis link signs you in once, within a week:\n%(address)s"
            "\n\nIf you don't know them, do nothing."
        ) % {"inviter": inviter, "shop": shop.name, "address": links.address(token)}
    return mail.send(to=user.email, subject=subject, body=body) is not None


@transaction.atomic
def claim(*, user: User, email: str, name: str, password: str | None) -> User:
    """The account that a first run made, with its owner's address, name and, if given, password.

    Raises NotFirstAccountError, EmailError, UserExistsError, PasswordError.
    """
    if user.email != FIRST_EMAIL:
        raise NotFirstAccountError()
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError:
        raise EmailError(email=email) from None
    if User.objects.filter(email__iexact=address).exclude(pk=user.pk).exists():
        raise UserExistsError(email=address)
    if password:
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise PasswordError(reasons=" ".join(error.messages)) from None
        user.set_password(password)
    user.email, user.name = address, name.strip()
    user.save()
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=address, primary=True, verified=True)
    audit.log("user.claim", actor_id=user.pk, subject=str(user.pk))
    return user


@transaction.atomic
def first_link(*, now: datetime) -> str | None:
    """A link for whoever starts Topline before anybody has signed in; None once somebody has.

    Where there is no account yet, one is made, to be given an address and a password by its owner; shops that
    nobody is in become theirs.
    """
    if User.objects.filter(last_login__isnull=False).exists():
        return None
    user = User.objects.order_by("pk").first() or create_user(email=FIRST_EMAIL, name="", actor_id=None)
    for shop in Shop.objects.filter(membership__isnull=True):
        set_roles(shop=shop, user=user, roles=[Role.OWNER], actor_id=None)
    return create_link(user=user, actor_id=None, now=now)


def link_user(*, token: str, now: datetime) -> User:
    """Whom an unused link would sign in, without using it up. Raises LinkError."""
    link = SignInLink.objects.select_related("user").filter(_usable(token, now)).first()
    if not link:
        raise LinkError()
    return link.user


@transaction.atomic
def use_link(*, token: str, now: datetime) -> User:
    """The person whom the link signs in; it is used up. Raises LinkError."""
    user = link_user(token=token, now=now)
    if not SignInLink.objects.filter(_usable(token, now)).update(used_at=now):
        raise LinkError()
    audit.log("user.use_link", actor_id=user.pk, subject=str(user.pk))
    return user


@transaction.atomic
def create_token(
    *,
    user: User,
    shop: Shop,
    name: str,
    scopes: Collection[str],
    actor_id: int | None,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """A token for a program, and its secret, which is shown this once. Raises UnknownPermissionError."""
    for code in scopes:
        if code not in permissions.PERMISSIONS:
            raise UnknownPermissionError(code=code)
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        shop=shop,
        name=name,
        digest=digest(secret),
        hint=secret[:8],
        scopes=sorted(scopes),
        expires_at=expires_at,
    )
    audit.log("token.create", actor_id=actor_id, shop=shop.slug, subject=name, scopes=sorted(scopes))
    return token, secret


@transaction.atomic
def revoke_token(*, token: ApiToken, actor_id: int | None, now: datetime) -> None:
    """End a token at once."""
    token.revoked_at = now
    token.save(update_fields=["revoked_at"])
    audit.log("token.revoke", actor_id=actor_id, shop=token.shop.slug, subject=token.name)


def authenticate_token(*, secret: str, now: datetime) -> ApiToken | None:
    """The live token of that secret, None if there is none; its last use is noted to the minute."""
    token = ApiToken.objects.live(now).select_related("user", "shop").filter(digest=digest(secret)).first()
    if token and (token.last_used_at is None or now - token.last_used_at > timedelta(minutes=1)):
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def _usable(token: str, now: datetime) -> Q:
    return Q(digest=digest(token), used_at__isnull=True, expires_at__gt=now, user__is_active=True)


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """The settings in their normal form, each checked."""
    return {name: _CHECKS[name](value) for name, value in values.items()}


def _name(value: str) -> str:
    if not 1 <= len(value.strip()) <= 200:
        raise RangeError(name="length of the name", least=1, most=200, value=len(value.strip()))
    return value.strip()


def _currency(value: str) -> str:
    if value.upper() not in tenders():
        raise CurrencyError(currency=value)
    return value.upper()


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        raise TimezoneError(timezone=value) from None
    return value


def _country(value: str) -> str:
    code = value.strip().upper()
    if code not in Locale("en").territories or not is_country(code):
        raise CountryError(country=value)
    return code


def _between(name: str, least: int, most: int) -> Any:
    def check(value: int | str) -> int:
        if not str(value).isdecimal() or not least <= int(value) <= most:
            raise RangeError(name=name, least=least, most=most, value=value)
        return int(value)

    return check


def _basis(value: str) -> str:
    if value not in Shop.Basis:
        raise ChoiceError(name="order_basis", choices=", ".join(Shop.Basis), value=value)
    return value


_CHECKS = {
    "name": _name,
    "currency": _currency,
    "timezone": _timezone,
    "country": _country,
    "week_start": _between("week_start", 1, 7),
    "fiscal_first_month": _between("fiscal_first_month", 1, 12),
    "order_basis": _basis,
}
