"""The shop's list of channels: where orders, visits, leads and costs come from, by the code that facts carry."""

from collections.abc import Iterable, Mapping

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from topline.accounts.models import Channel, Shop
from topline.facts.table import tables
from topline.lake import engine
from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.workbench import audit

KINDS: Mapping[str, tuple[Promise, bool]] = {
    "own_shop": (_("Own shop"), True),
    "marketplace": (_("Marketplace"), True),
    "direct": (_("Direct visits"), True),
    "organic_search": (_("Organic search"), True),
    "paid_search": (_("Paid search"), True),
    "organic_social": (_("Organic social"), True),
    "paid_social": (_("Paid social"), True),
    "display": (_("Display advertising"), True),
    "email": (_("E-mail"), True),
    "sms": (_("Text messages and push"), True),
    "referral": (_("Referral"), True),
    "affiliate": (_("Affiliates and partners"), True),
    "content": (_("Content"), True),
    "chat": (_("Chat"), True),
    "outlet": (_("Retail outlet"), False),
    "direct_mail": (_("Direct mail"), False),
    "tv": (_("Television"), False),
    "radio": (_("Radio"), False),
    "print": (_("Print and outdoor"), False),
    "phone": (_("Phone"), False),
    "field": (_("Field sales"), False),
    "event": (_("Events and fairs"), False),
    "other": (_("Other"), True),
}
"""The kinds of channels: what they are called, and whether they are online."""

_WORDS: Mapping[str, str] = {
    "web": "own_shop",
    "online": "own_shop",
    "website": "own_shop",
    "shop": "own_shop",
    "amazon": "marketplace",
    "ebay": "marketplace",
    "emag": "marketplace",
    "etsy": "marketplace",
    "store": "outlet",
    "retail": "outlet",
    "pos": "outlet",
    "google": "paid_search",
    "cpc": "paid_search",
    "seo": "organic_search",
    "organic": "organic_search",
    "facebook": "paid_social",
    "social": "organic_social",
    "instagram": "organic_social",
    "tiktok": "organic_social",
    "newsletter": "email",
    "mail": "email",
    "partner": "affiliate",
    "push": "sms",
    "whatsapp": "sms",
    "catalogue": "direct_mail",
    "call": "phone",
    "blog": "content",
}


class ChannelKindError(ToplineError):
    message = N_("“%(kind)s” is no kind of channel. The kinds are %(kinds)s.")


class ChannelCodeError(ToplineError):
    message = N_("A channel needs the code that facts carry, of up to 255 characters, and a name.")


class UnknownChannelError(ToplineError):
    message = N_("The shop has no channel “%(code)s” on its list.")


def kind_of(code: str) -> str:
    """What kind of channel a code speaks of, as well as it can be told."""
    plain = code.lower().replace("-", "_").replace(" ", "_")
    if plain in KINDS:
        return plain
    return next((kind for word, kind in _WORDS.items() if word in plain.split("_") or plain.startswith(word)), "other")


def name_of(code: str) -> str:
    """A name for a code that nobody has named."""
    return code.replace("_", " ").replace("-", " ").strip().capitalize() or code


@transaction.atomic
def keep_channel(
    *, shop: Shop, code: str, actor_id: int | None, name: str = "", kind: str = "", is_online: bool | None = None
) -> Channel:
    """The channel, on the shop's list under its code; what is not said follows from the code, or stays.

    Raises ChannelKindError, ChannelCodeError.
    """
    code, name = code.strip(), name.strip()
    before = Channel.objects.filter(shop=shop, code=code).first()
    kind = kind or (before.kind if before else kind_of(code))
    if kind not in KINDS:
        raise ChannelKindError(kind=kind, kinds=", ".join(KINDS))
    name = name or (before.name if before else name_of(code))
    if not 0 < len(code) <= 255 or not 0 < len(name) <= 100:
        raise ChannelCodeError()
    if is_online is None:
        is_online = before.is_online if before and before.kind == kind else KINDS[kind][1]
    values = {"name": name, "kind": kind, "is_online": is_online}
    kept, _made = Channel.objects.update_or_create(shop=shop, code=code, defaults=values)
    audit.log("channel.keep", actor_id=actor_id, shop=shop.slug, subject=code, **values)
    return kept


@transaction.atomic
def remove_channel(*, shop: Shop, code: str, actor_id: int | None) -> None:
    """Takes a channel off the list; facts keep its code. Raises UnknownChannelError."""
    if not Channel.objects.filter(shop=shop, code=code).delete()[0]:
        raise UnknownChannelError(code=code)
    audit.log("channel.remove", actor_id=actor_id, shop=shop.slug, subject=code)


def proposed(shop: Shop, seen: Iterable[str]) -> list[Channel]:
    """Channels that facts carry and that are not on the list, as they would be kept."""
    listed = set(Channel.objects.filter(shop=shop).values_list("code", flat=True))
    fresh = sorted({code for code in seen if code and code not in listed})
    return [
        Channel(shop=shop, code=code, name=name_of(code), kind=(kind := kind_of(code)), is_online=KINDS[kind][1])
        for code in fresh
    ]


def seen(shop: Shop) -> list[str]:
    """Every channel that a fact of the shop carries."""
    lake = shop.lake()
    snapshot = lake.latest()
    if snapshot is None:
        return []
    named = [name for name in snapshot.tables if name in tables() and "channel" in tables()[name].columns]
    codes: set[str] = set()
    for name in named:
        rows = engine.table(lake, name, snapshot)
        codes |= {code for code in engine.execute(rows.select("channel").distinct())["channel"].to_pylist() if code}
    return sorted(codes)
