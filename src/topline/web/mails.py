"""Mails that show figures, written as pages are: within the receiver's scope, in their language."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import MIMEPart
from email.utils import parseaddr
from urllib.parse import urlencode

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext

from topline.accounts.models import User
from topline.accounts.scopes import scope_for
from topline.boards.models import TIME, AlertEvent, Digest, Sending, Tile
from topline.documents import chart
from topline.lake.scope import Scope
from topline.units.period import Period
from topline.web import formats, keyless, tiles
from topline.web.pages import home
from topline.web.question import Span
from topline.web.tiles import Analysed, Answered

WIDTH, HEIGHT = 640, 280
LINES = 10


@dataclass(frozen=True, slots=True)
class Part:
    """A tile of a mail; `images` name its pictures."""

    shown: Answered
    images: Sequence[str] = ()

    @property
    def words(self) -> list[str]:
        """The same in words, for who sees no pictures."""
        if self.shown.trouble:
            return [self.shown.trouble]
        if isinstance(self.shown, Analysed):
            return [self.shown.sentence]
        if self.shown.visual == "number":
            return []
        pictures = self.shown.pictures
        return [
            f"{f'{each.title}, ' if len(pictures) > 1 else ''}{name}: {', '.join(values)}"
            for each in pictures
            for name, values in list(each.table)[-LINES:]
        ]


def alert(event: AlertEvent, user: User) -> EmailMultiAlternatives:
    """The mail that tells a person of an event; its Message-ID is the same however often it is sent."""
    shop = event.alert.shop
    with translation.override(_language(user)):
        text = formats.told(event.message, event.params, shop.currency)
        address = f"{settings.URL}/shop/{shop.slug}/alerts/{event.alert_id}"
        body = "\n\n".join(
            [
                text,
                address,
                gettext("The alert “%(name)s” watches this figure. Snooze or end it there.")
                % {"name": event.alert.name},
            ]
        )
        subject = f"{shop.name}: {event.alert.name}"
    return EmailMultiAlternatives(subject, body, to=[user.email], headers=_once(f"{event.key}-{user.pk}"))


def digest(sending: Sending, period: Period) -> EmailMultiAlternatives | None:
    """The digest of a period for one person; None if they may see nothing of the shop any more."""
    recipient, sent = sending.recipient, sending.recipient.digest
    user, shop = recipient.user, sent.shop
    scope = scope_for(user, shop)
    if shop.slug not in scope.shops:
        return None
    with translation.override(_language(user)):
        span = Span(period, "last_year", (), shop.timezone)
        parts, images = _drawn(list(_shown(sent, scope, span)))
        stop = keyless.unsubscribe_url(recipient)
        asked = urlencode({"from": period.start, "to": period.end})
        path = f"boards/{sent.dashboard_id}" if sent.dashboard_id else ""
        title = sent.dashboard.title if sent.dashboard else gettext("The figures of Today")
        context = {
            "shop": shop,
            "title": title,
            "span": span,
            "parts": parts,
            "figures": [part.shown for part in parts if part.shown.visual == "number"],
            "others": [part for part in parts if part.shown.visual != "number"],
            "address": f"{settings.URL}/shop/{shop.slug}/{path}?{asked}",
            "stop": stop,
            "language": translation.get_language(),
        }
        message = EmailMultiAlternatives(
            f"{shop.name}: {title}, {formats.period(period)}",
            render_to_string("digest.txt", context),
            to=[user.email],
            headers=_once(f"digest-{sending.pk}")
            | {"List-Unsubscribe": f"<{stop}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
        )
        message.attach_alternative(render_to_string("digest.html", context), "text/html")
    for name, png in images:
        image = MIMEPart()
        image.set_content(png, "image", "png", disposition="inline", filename=f"{name}.png", cid=f"<{name}>")
        message.attach(image)
    return message


def _shown(sent: Digest, scope: Scope, span: Span) -> Iterator[Answered]:
    """The tiles of the dashboard, or of Today, as the receiver may see them."""
    found: Sequence[Tile] = list(sent.dashboard.tiles.all()) if sent.dashboard else _today()
    return (tiles.show(tile, sent.shop, scope, span) for tile in found)


def _today() -> list[Tile]:
    figures = [Tile(visual="number", question={"metrics": [id_], "by": [TIME]}) for id_ in home.TILES]
    return [*figures, Tile(visual="line", question={"metrics": ["net_sales"], "by": [TIME]}, width=12)]


def _drawn(shown: Sequence[Answered]) -> tuple[list[Part], list[tuple[str, bytes]]]:
    """The parts of a mail and the pictures of its charts, from the same option that a page draws."""
    parts, images = [], []
    with chart.canvas() as canvas:
        for number, each in enumerate(shown):
            pictures = each.pictures if each.visual != "number" else []
            names = [f"chart-{number}-{place}" for place in range(len(pictures))]
            for name, picture in zip(names, pictures, strict=True):
                images.append((name, canvas.png(picture.option, width=WIDTH, height=HEIGHT)))
            parts.append(Part(each, names))
    return parts, images


def _once(key: str) -> dict[str, str]:
    """A Message-ID by which mail programs know a mail that comes twice."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return {"Message-ID": f"<{key}@{domain}>"}


def _language(user: User) -> str:
    return user.language or settings.LANGUAGE_CODE
