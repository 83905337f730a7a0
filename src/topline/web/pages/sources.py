"""Where the shop's facts come from: its channels, and the script on its pages."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext

from topline.accounts import channels
from topline.accounts.models import Channel
from topline.lake import engine
from topline.units.text import N_
from topline.web import collector, formats
from topline.web.page import Page, Visit


def channels_view(visit: Visit) -> HttpResponse:
    if visit.request.method == "POST":
        visit.require("settings.write")
        return _change(visit)
    listed = list(Channel.objects.filter(shop=visit.shop))
    found = channels.proposed(visit.shop, channels.seen(visit.shop))
    return visit.render(
        "channels.html",
        {
            "channels": [_shown(each) for each in listed],
            "proposed": [_shown(each) for each in found],
            "kinds": [(kind, label) for kind, (label, _) in channels.KINDS.items()],
            "may_write": visit.may("settings.write"),
        },
    )


def _shown(channel: Channel) -> dict[str, Any]:
    return {"channel": channel, "kind": channels.KINDS[channel.kind][0]}


def _change(visit: Visit) -> HttpResponse:
    posted, shop, actor = visit.request.POST, visit.shop, visit.user.pk
    code = posted.get("code", "")
    match posted.get("do"):
        case "remove":
            channels.remove_channel(shop=shop, code=code, actor_id=actor)
            messages.info(visit.request, gettext("Taken off the list. Facts keep the channel."))
        case "all":
            for each in channels.proposed(shop, posted.getlist("codes")):
                channels.keep_channel(shop=shop, code=each.code, actor_id=actor)
            messages.success(visit.request, gettext("The channels are on the list."))
        case _:
            kept = channels.keep_channel(
                shop=shop,
                code=code,
                name=posted.get("name", ""),
                kind=posted.get("kind", ""),
                is_online="is_online" in posted if "has_place" in posted else None,
                actor_id=actor,
            )
            messages.success(visit.request, gettext("“%(name)s” is on the list.") % {"name": kept.name})
    return redirect("channels", shop.slug)


def tracking_view(visit: Visit) -> HttpResponse:
    """The script for the shop's pages, and when it last said something."""
    key = collector.site_key(visit.shop)
    return visit.render(
        "tracking.html",
        {
            "snippet": f'<script defer src="{settings.URL}{collector.SCRIPT}" data-shop="{key}"></script>',
            "examples": _EXAMPLES,
            "last": _last_event(visit),
        },
    )


_EXAMPLES = (
    (N_("A product was looked at"), 'topline("product_view", {product_key: "A1"})'),
    (N_("Put into the cart"), 'topline("add_to_cart", {product_key: "A1", quantity: 1, value: 9.90, currency: "GBP"})'),
    (N_("The checkout was begun"), 'topline("checkout")'),
    (N_("Bought"), 'topline("purchase", {order_key: "1001", value: 42.00, currency: "GBP"})'),
    (N_("Signed up"), 'topline("sign_up")'),
    (N_("The visitor agreed to be known again"), 'topline("consent", true)'),
    (N_("The visitor is signed in as your customer"), 'topline("customer", "17")'),
)


def _last_event(visit: Visit) -> str:
    """When the newest event of the script happened, on the shop's clock; empty if there is none."""
    lake = visit.shop.lake()
    snapshot = lake.latest()
    if snapshot is None or "web_event" not in snapshot.tables:
        return ""
    rows: Any = engine.table(lake, "web_event", snapshot)
    found: Any = engine.execute(rows.filter(rows.key.startswith("web:")).agg(last=rows.at.max()))["last"][0].as_py()
    return formats.moment(found.astimezone(visit.shop.zone)) if found else ""


PAGES = (
    Page(
        path="settings/channels",
        name="channels",
        view=channels_view,
        permission="settings.read",
        place="settings",
        label=N_("Channels"),
        icon="affiliate",
    ),
    Page(
        path="settings/tracking",
        name="tracking",
        view=tracking_view,
        permission="settings.read",
        place="settings",
        label=N_("Tracking script"),
        icon="code",
    ),
)
