"""The collector: the tracking script and the events that it sends, answered before Django has a look.

It keeps what happened and never who: no IP address, no user agent, no query string. A visitor without consent is a hash
that changes every day and that nobody can make again the day after.
"""

import gzip
import hashlib
import hmac
import json
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from django.conf import settings
from django.db import close_old_connections

from topline.accounts.models import Shop
from topline.connectors.rows import PERSONAL
from topline.facts.web_event import Event
from topline.imports.events import Writer

log = logging.getLogger(__name__)

SCRIPT = "/t.js"
EVENTS = "/t/"
MOST_BYTES = 16 * 1024
MOST_EVENTS = 20
PER_SECOND, AT_ONCE = 2_000, 10_000
"""Events of a shop: in the long run, and in a burst."""

SHOPS_SECONDS = 10
"""How long a process remembers which shops there are."""

_EVENTS = frozenset(event.value for event in Event)
_BOTS = re.compile(
    r"bot\b|bot/|crawl|spider|slurp|headless|phantomjs|lighthouse|pingdom|uptime|monitor|preview|facebookexternalhit|"
    r"embedly|curl/|wget|python-|aiohttp|httpx|okhttp|go-http-client|java/|libwww|scrapy|ahrefs|semrush|bytespider|"
    r"gptbot|ccbot|claudebot|perplexity|yandex(?:images|metrika)|baiduspider|archiver|validator|feedfetcher",
    re.IGNORECASE,
)
_PHONE = re.compile(r"iphone|ipod|android.*mobile|windows phone|mobi", re.IGNORECASE)
_TABLET = re.compile(r"ipad|tablet|android(?!.*mobile)|kindle|silk", re.IGNORECASE)
_SEARCH = re.compile(r"(^|\.)(google|bing|duckduckgo|yahoo|ecosia|qwant|startpage|baidu|yandex|seznam|brave)\.")
_SOCIAL = re.compile(
    r"(^|\.)(facebook|instagram|tiktok|pinterest|linkedin|reddit|youtube|snapchat|threads|bsky|twitter)\.|"
    r"^(t\.co|x\.com|lnkd\.in|fb\.me|youtu\.be)$"
)
_PAID = re.compile(r"^(cpc|ppc|paid|paidsearch|paid_search|sem|cpm|display|paid_social|paidsocial)$")
_MEDIUM = re.compile(r"[a-z][a-z_-]{0,40}")
_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
_MARKET = re.compile(r"[A-Za-z]{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_NAMED = re.compile(PERSONAL)
_LETTERS = bytes.maketrans(b"0123456789abcdef", b"abcdefghijklmnop")

_CORS = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "POST"),
    ("Access-Control-Allow-Headers", "content-type"),
    ("Access-Control-Max-Age", "86400"),
]

type Environ = dict[str, Any]
type Start = Callable[..., Any]
type Application = Callable[[Environ, Start], Iterable[bytes]]


class RefusedError(Exception):
    """What was sent is no event. status : of the answer"""

    def __init__(self, status: str) -> None:
        self.status = status


@dataclass(slots=True)
class _Site:
    """A shop as the collector knows it, and how many events it may still send at once."""

    shop: Shop
    left: float = AT_ONCE
    seen_at: float = field(default_factory=time.monotonic)


def site_key(shop: Shop) -> str:
    """What names the shop in its pages: public, and not its slug."""
    return shop.hmac("site", shop.slug)[:16]


class Collector:
    """A WSGI application that answers the script and its events, and leaves the rest to the one behind it."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._writer = Writer()
        self._lock = threading.Lock()
        self._sites: dict[str, _Site] = {}
        self._known_at = 0.0

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == SCRIPT:
            return _send_script(environ, start)
        if path.startswith(EVENTS):
            try:
                status = self._collect(environ, path[len(EVENTS) :])
            except RefusedError as refused:
                status = refused.status
            start(status, [*_CORS, ("Cache-Control", "no-store"), ("Content-Length", "0")])
            return [b""]
        return self._application(environ, start)

    def _collect(self, environ: Environ, key: str) -> str:
        """The status of the answer, after what is to be kept was."""
        method = environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            return "204 No Content"
        if method != "POST":
            raise RefusedError("405 Method Not Allowed")
        length = environ.get("CONTENT_LENGTH") or ""
        if not length.isdecimal():
            raise RefusedError("411 Length Required")
        if int(length) > MOST_BYTES:
            raise RefusedError("413 Content Too Large")
        site = self._site(key)
        agent = environ.get("HTTP_USER_AGENT", "")
        content = environ["wsgi.input"].read(int(length))
        if _device(agent) is None or environ.get("HTTP_DNT") == "1" or environ.get("HTTP_SEC_GPC") == "1":
            return "204 No Content"
        sent = _parsed(content)
        self._count(site, len(sent))
        now = datetime.now(UTC)
        kept = [_event(each, site.shop, environ, now) for each in sent]
        try:
            self._writer.write(site.shop.slug, kept)
        except OSError:
            log.exception("events could not be kept", extra={"shop": site.shop.slug})
            raise RefusedError("503 Service Unavailable") from None
        return "204 No Content"

    def _site(self, key: str) -> _Site:
        site = self._sites.get(key)
        if site is None or time.monotonic() - self._known_at > SHOPS_SECONDS:
            with self._lock:
                if time.monotonic() - self._known_at > SHOPS_SECONDS:
                    close_old_connections()
                    known = self._sites
                    self._sites = {
                        name: _Site(shop, known[name].left, known[name].seen_at) if name in known else _Site(shop)
                        for shop in Shop.objects.all()
                        for name in [site_key(shop)]
                    }
                    close_old_connections()
                    self._known_at = time.monotonic()
            site = self._sites.get(key)
        if site is None:
            raise RefusedError("404 Not Found")
        return site

    def _count(self, site: _Site, events: int) -> None:
        with self._lock:
            now = time.monotonic()
            site.left = min(AT_ONCE, site.left + (now - site.seen_at) * PER_SECOND)
            site.seen_at = now
            if site.left < events:
                raise RefusedError("429 Too Many Requests")
            site.left -= events


def _parsed(content: bytes) -> list[dict[str, Any]]:
    try:
        found = json.loads(content, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        raise RefusedError("400 Bad Request") from None
    listed = found if isinstance(found, list) else [found]
    if not 0 < len(listed) <= MOST_EVENTS or not all(
        isinstance(each, dict) and isinstance(each.get("e"), str) and each["e"] in _EVENTS for each in listed
    ):
        raise RefusedError("400 Bad Request")
    return listed


def _event(sent: Mapping[str, Any], shop: Shop, environ: Environ, now: datetime) -> dict[str, Any]:
    """The event in the columns of its fact; nothing in it can be refused later."""
    key, market, visitor = sent.get("k"), sent.get("m"), _plain(sent.get("v"))
    told = sent.get("d")
    details = told if isinstance(told, dict) else {}
    address = _address(_plain(sent.get("u"), 2_000))
    channel, campaign = came_from(address.query, address.hostname or "", _plain(sent.get("r"), 2_000) or "")
    customer = _plain(sent.get("c")) if visitor else None
    agent = environ["HTTP_USER_AGENT"]
    found: dict[str, Any] = {
        "key": key
        if isinstance(key, str) and _KEY.fullmatch(key)
        else f"{int(now.timestamp() * 1000):x}{secrets.token_hex(6)}",
        "version": 1,
        "event": sent["e"],
        "at": now.isoformat(),
        "visitor_key": shop.hmac("web", visitor) if visitor else _of_today(shop, environ, agent, now.date()),
        "customer_key": shop.hmac("file", customer) if customer else None,
        "channel": channel,
        "campaign": _nameless(campaign),
        "market": market.upper() if isinstance(market, str) and _MARKET.fullmatch(market) else None,
        "device": _device(agent),
        "page": _nameless(address.path[:200]) or None,
        "product_key": _nameless(_plain(details.get("product_key"))),
        "order_key": _nameless(_plain(details.get("order_key"))),
        "quantity": _amount(details.get("quantity")),
    }
    if details.get("currency", shop.currency) == shop.currency:
        found["value_shop"] = _amount(details.get("value"))
    return {name: value for name, value in found.items() if value is not None}


@lru_cache(maxsize=4_096)
def _device(agent: str) -> str | None:
    """What a browser runs on, None for a bot."""
    if not agent or _BOTS.search(agent):
        return None
    return "tablet" if _TABLET.search(agent) else "phone" if _PHONE.search(agent) else "desktop"


def came_from(query: str, host: str, referrer: str) -> tuple[str | None, str | None]:
    """The channel and campaign that brought a visitor to a page; inside the shop no channel: the visit's goes on."""
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    medium, source = asked.get("utm_medium", "").lower(), asked.get("utm_source", "").lower()
    campaign = asked.get("utm_campaign", "")[:100] or None
    before = (_address(referrer).hostname or "") if referrer.startswith(("http://", "https://")) else ""
    is_social = bool(_SOCIAL.search(before) or _SOCIAL.search(f"{source}.")) or "social" in medium
    if "gclid" in asked or "msclkid" in asked or "gbraid" in asked or "wbraid" in asked:
        return "paid_search", campaign
    if _PAID.match(medium):
        return ("paid_social" if is_social else "display" if medium in ("display", "cpm") else "paid_search"), campaign
    if medium in ("email", "e-mail", "newsletter") or source == "newsletter":
        return "email", campaign
    if medium in ("sms", "affiliate", "push", "whatsapp", "referral", "qr"):
        return medium, campaign
    if medium and "social" not in medium:
        return (medium if _MEDIUM.fullmatch(medium) else None), campaign
    if is_social:
        return "organic_social", campaign
    if before and before.removeprefix("www.") == host.removeprefix("www."):
        return None, campaign
    if before:
        return ("organic_search" if _SEARCH.search(before) else "referral"), campaign
    return "direct", campaign


def _of_today(shop: Shop, environ: Environ, agent: str, today: date) -> str:
    """A visitor without consent, for as long as the day lasts."""
    who = f"{shop.slug}\0{environ.get('REMOTE_ADDR', '')}\0{agent}".encode()
    return hmac.digest(_salt(today), who, hashlib.sha256)[:16].hex().encode().translate(_LETTERS).decode()


@cache
def _salt(today: date) -> bytes:
    """The day's secret, the same in every process; that of the days before is thrown away."""
    folder = Path(settings.SPOOL) / ".salt"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / today.isoformat()
    draft = folder / f".{secrets.token_hex(8)}"
    draft.write_bytes(secrets.token_bytes(32))
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    for other in folder.iterdir():
        if other.name < path.name and not other.name.startswith("."):
            other.unlink(missing_ok=True)
    return path.read_bytes()


def _address(text: str | None) -> SplitResult:
    """The parts of an address, empty ones if it is none."""
    try:
        return urlsplit(text or "")
    except ValueError:
        return urlsplit("")


def _plain(value: object, most: int = 100) -> str | None:
    """A text or whole number as a short text without control characters or halves of letters, None for all else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return _CONTROL.sub("", str(value))[:most].strip() or None


def _nameless(text: str | None) -> str | None:
    """The text without what looks like an e-mail address or a phone number, in letters or in per cents."""
    if not text:
        return None
    plain = _CONTROL.sub("", text)
    return "/".join("…" if _NAMED.search(unquote(part)) else part for part in plain.split("/")).strip() or None


def _amount(value: object) -> str | None:
    """A number that fits a fact, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        return None
    return format(round(Decimal(str(value)), 6), "f")


@cache
def _script() -> tuple[bytes, bytes, str]:
    """The script, the same packed, and what names this version of it."""
    content = (Path(__file__).parent / "static/dist/t.js").read_bytes()
    return content, gzip.compress(content, mtime=0), f'"{hashlib.sha256(content).hexdigest()[:16]}"'


def _send_script(environ: Environ, start: Start) -> Iterable[bytes]:
    plain, packed, tag = _script()
    is_packed = "gzip" in environ.get("HTTP_ACCEPT_ENCODING", "")
    headers = [
        ("Content-Type", "text/javascript; charset=utf-8"),
        ("Cache-Control", "public, max-age=3600"),
        ("ETag", tag),
        ("Vary", "Accept-Encoding"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
    ]
    if environ.get("HTTP_IF_NONE_MATCH") == tag:
        start("304 Not Modified", headers)
        return []
    content = packed if is_packed else plain
    if is_packed:
        headers.append(("Content-Encoding", "gzip"))
    start("200 OK", [*headers, ("Content-Length", str(len(content)))])
    return [content]
