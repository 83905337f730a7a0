"""What opens without signing in, by a link that is a key: a screen on a wall, and the end of a digest."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.cache import patch_cache_control
from django.views.decorators.csrf import csrf_exempt

from topline.accounts.models import Shop, digest
from topline.boards import operations
from topline.boards.models import Dashboard, Recipient, Screen
from topline.documents import words
from topline.documents.document import Document, Heading, Table
from topline.documents.sheet import Sheet, Value
from topline.plans import handout
from topline.units.period import Period
from topline.web import tiles
from topline.web.question import Span

SCREEN_PERIOD = timedelta(days=30)
_SALT = "boards.unsubscribe"


@login_not_required
def screen(request: HttpRequest, token: str) -> HttpResponse:
    """The dashboards of a screen's link, one after another; to htmx the next one alone."""
    found = Screen.objects.live().filter(digest=digest(token)).first()
    scope = found.scope_today() if found else None
    if found is None or scope is None:
        raise Http404
    boards = Dashboard.objects.filter(shop=found.shop).in_bulk(found.dashboards)
    listed = [boards[id_] for id_ in found.dashboards if id_ in boards]
    if not listed:
        raise Http404
    text = request.GET.get("n", "")
    place = int(text) % len(listed) if text.isdecimal() and len(text) < 9 else 0
    board, span = listed[place], last_days(found.shop)
    with translation.override(found.language):
        context: dict[str, Any] = {
            "shop": found.shop,
            "board": board,
            "span": span,
            "tiles": [tiles.show(tile, found.shop, scope, span) for tile in board.tiles.all()],
            "next": (place + 1) % len(listed),
            "seconds": found.seconds,
            "now": found.shop.now().astimezone(found.shop.zone),
        }
        response = render(request, "wall.html#wall" if request.headers.get("HX-Request") else "wall.html", context)
    patch_cache_control(response, no_store=True)
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


@login_not_required
def shared_plan(request: HttpRequest, token: str) -> HttpResponse:
    """A plan's document as it was when its link was made."""
    found = handout.shared(token, timezone.now())
    if found is None:
        raise Http404
    link, document = found
    with translation.override(document.language):
        context = {
            "link": link,
            "document": document,
            "contents": [each for each in document.headings if each[1].level == 1],
            "chapters": _chapters(document),
        }
        response = render(request, "shared_plan.html", context)
    patch_cache_control(response, no_store=True)
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return response


def _chapters(document: Document) -> list[dict[str, Any]]:
    """The document's blocks under their headings of the first level, tables in words."""
    chapters: list[dict[str, Any]] = []
    for place, block in enumerate(document.blocks):
        if not chapters or (isinstance(block, Heading) and block.level == 1):
            heading = block if isinstance(block, Heading) else None
            chapters.append({"heading": heading, "place": place, "blocks": []})
            if heading:
                continue
        shown: object = _worded(block.sheet, document.language) if isinstance(block, Table) else block
        chapters[-1]["blocks"].append((type(block).__name__, place, shown))
    return chapters


def _worded(sheet: Sheet, language: str) -> dict[str, Any]:
    sides = ["num" if words.is_numeric(column) else "" for column in sheet.columns]

    def line(row: Sequence[Value]) -> list[tuple[str, str]]:
        said = (words.said(value, column, language) for value, column in zip(row, sheet.columns, strict=True))
        return list(zip(said, sides, strict=True))

    return {
        "name": sheet.name,
        "head": list(zip((column.title for column in sheet.columns), sides, strict=True)),
        "rows": [line(row) for row in sheet.rows],
        "total": line(sheet.total) if sheet.total is not None else None,
    }


def last_days(shop: Shop) -> Span:
    """The last thirty days of a shop, against the year before."""
    today = shop.today()
    return Span(Period(today - SCREEN_PERIOD, today), "last_year", (), shop.timezone)


def unsubscribe_url(recipient: Recipient) -> str:
    """The address that ends a digest for one person; it names nobody."""
    return f"{settings.URL}/unsubscribe/{signing.dumps(recipient.pk, salt=_SALT)}/"


@csrf_exempt
@login_not_required
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ends a digest for the person whose link it is, by a press of the button or by the mail program (RFC 8058).

    A look alone ends nothing, so that a mail scanner doesn't.
    """
    try:
        found = Recipient.objects.select_related("digest__shop", "user").get(pk=signing.loads(token, salt=_SALT))
    except (signing.BadSignature, Recipient.DoesNotExist):
        raise Http404 from None
    if request.method == "POST":
        operations.unsubscribe(recipient=found, now=timezone.now())
        found.refresh_from_db()
    return render(request, "unsubscribe.html", {"recipient": found, "shop": found.digest.shop})
