"""Everything that changes dashboards, saved views, screens, alerts and digests."""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import translation
from django.utils.translation import gettext

from topline.accounts.models import Shop, User, digest
from topline.accounts.permissions import Role
from topline.accounts.scopes import scope_for
from topline.boards import alerts, starting
from topline.boards.models import (
    COLUMNS,
    ROWS,
    TIME,
    Alert,
    AlertEvent,
    Dashboard,
    Digest,
    Recipient,
    RoleDashboard,
    SavedView,
    Screen,
    Tile,
    analysed,
    asked,
)
from topline.boards.visual import VISUALS
from topline.metrics.metric import Unit
from topline.metrics.query import Query
from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.workbench import audit, inbox, jobs, outgoing

MOST_TILES = 40
MOST_MONTHS = 120
_KEPT = ("position", "visual", "title", "question", "text", "width", "height")
LEAST_SECONDS, MOST_SECONDS = 10, 3600


class TitleError(ToplineError):
    message = N_("Give it a name of up to 120 letters.")


class TileError(ToplineError):
    message = N_("This tile can't be kept: %(reason)s")


class FullError(ToplineError):
    message = N_("A dashboard holds %(most)s tiles. Make a second one.")


class AlertRuleError(ToplineError):
    message = N_("This alert can't be kept: %(reason)s")


class RecipientError(ToplineError):
    message = N_("Choose at least one person of the shop to send it to.")


@transaction.atomic
def create_dashboard(*, shop: Shop, title: str, owner: User | None, is_shared: bool = False) -> Dashboard:
    """An empty dashboard. Raises TitleError."""
    found = Dashboard.objects.create(shop=shop, title=_name(title), owner=owner, is_shared=is_shared)
    audit.log("board.create", actor_id=owner.pk if owner else None, shop=shop.slug, subject=found.title)
    return found


@transaction.atomic
def start_roles(*, shop: Shop) -> None:
    """The dashboards that roles begin with, made once in a shop's life; afterwards they are people's to change."""
    Shop.objects.select_for_update().get(pk=shop.pk)
    if RoleDashboard.objects.filter(shop=shop).exists() or Dashboard.objects.filter(shop=shop, owner=None).exists():
        return
    for start in starting.STARTS.values():
        board = create_dashboard(shop=shop, title=gettext(start.title), owner=None, is_shared=True)
        for piece in start.pieces:
            by = [TIME] * VISUALS[piece.visual].is_timed + [piece.cut] * bool(piece.cut)
            question = {"metrics": list(piece.metrics), "by": by} | ({"top": 10} if piece.visual == "table" else {})
            tile = add_tile(board=board, visual=piece.visual, question=question)
            resize_tile(tile=tile, width=piece.width, height=piece.height)
        for role in start.roles:
            RoleDashboard.objects.create(shop=shop, role=role, dashboard=board)


@transaction.atomic
def change_dashboard(
    *, board: Dashboard, actor: User, title: str | None = None, is_shared: bool | None = None
) -> Dashboard:
    """The dashboard by another name, or shared or no more. Raises TitleError."""
    if title is not None:
        board.title = _name(title)
    if is_shared is not None:
        board.is_shared = is_shared
    board.save(update_fields=["title", "is_shared"])
    audit.log("board.change", actor_id=actor.pk, shop=board.shop.slug, subject=board.title, is_shared=board.is_shared)
    return board


@transaction.atomic
def copy_dashboard(*, board: Dashboard, owner: User) -> Dashboard:
    """A copy that is the person's own."""
    title = gettext("%(title)s, copy") % {"title": board.title[:100]}
    copy = create_dashboard(shop=board.shop, title=title, owner=owner)
    Tile.objects.bulk_create(_copied(tile, copy) for tile in board.tiles.all())
    return copy


@transaction.atomic
def delete_dashboard(*, board: Dashboard, actor: User) -> None:
    """Take it away, with its digests; screens pass over it."""
    audit.log("board.delete", actor_id=actor.pk, shop=board.shop.slug, subject=board.title)
    board.delete()


@transaction.atomic
def begin_with(*, board: Dashboard, roles: Collection[str], actor: User) -> None:
    """Make it the dashboard that these roles begin with, and share it."""
    if not board.is_shared:
        change_dashboard(board=board, actor=actor, is_shared=True)
    for role in roles:
        RoleDashboard.objects.update_or_create(shop=board.shop, role=Role(role), defaults={"dashboard": board})
    audit.log("board.begin_with", actor_id=actor.pk, shop=board.shop.slug, subject=board.title, roles=sorted(roles))


@transaction.atomic
def add_tile(
    *, board: Dashboard, visual: str, question: Mapping[str, Any] | None = None, title: str = "", text: str = ""
) -> Tile:
    """A tile at the end, of its visual's size. Raises TileError, FullError and what `Query` raises."""
    if board.tiles.count() >= MOST_TILES:
        raise FullError(most=MOST_TILES)
    kept = _question(visual, question or {}, text)
    last = board.tiles.aggregate(last=Max("position"))["last"]
    kind = VISUALS[visual]
    return Tile.objects.create(
        dashboard=board,
        position=0 if last is None else last + 1,
        visual=visual,
        title=title.strip()[:120],
        question=kept,
        text=text.strip(),
        width=kind.width,
        height=kind.height,
    )


@transaction.atomic
def change_tile(*, tile: Tile, visual: str, question: Mapping[str, Any], title: str, text: str) -> Tile:
    """The tile with other contents. Raises TileError and what `Query` raises."""
    tile.question = _question(visual, question, text)
    tile.visual, tile.title, tile.text = visual, title.strip()[:120], text.strip()
    tile.save(update_fields=["visual", "title", "question", "text"])
    return tile


@transaction.atomic
def resize_tile(*, tile: Tile, width: int, height: int) -> Tile:
    """The tile with other measures, kept within the grid."""
    tile.width, tile.height = min(max(width, 3), COLUMNS), min(max(height, 1), ROWS)
    tile.save(update_fields=["width", "height"])
    return tile


@transaction.atomic
def order_tiles(*, board: Dashboard, ids: Sequence[int]) -> None:
    """Put the tiles in this order; those not named follow, as they were."""
    place = {id_: i for i, id_ in enumerate(ids)}
    tiles = sorted(board.tiles.select_for_update(), key=lambda tile: (place.get(tile.pk, len(place)), tile.position))
    for position, tile in enumerate(tiles):
        tile.position = position
    Tile.objects.bulk_update(tiles, ["position"])


@transaction.atomic
def copy_tile(*, tile: Tile) -> Tile:
    """The same tile once more, just after it. Raises FullError."""
    board = tile.dashboard
    if board.tiles.count() >= MOST_TILES:
        raise FullError(most=MOST_TILES)
    order = list(board.tiles.values_list("pk", flat=True))
    copy = _copied(tile, board)
    copy.save()
    order.insert(order.index(tile.pk) + 1, copy.pk)
    order_tiles(board=board, ids=order)
    return copy


def delete_tile(*, tile: Tile) -> dict[str, Any]:
    """Take the tile off its dashboard. Returns what `put_back_tile` needs to undo it."""
    kept = {name: getattr(tile, name) for name in _KEPT}
    tile.delete()
    return kept


@transaction.atomic
def put_back_tile(*, board: Dashboard, kept: Mapping[str, Any]) -> Tile:
    """The tile that was taken off, where it was. Raises FullError."""
    if board.tiles.count() >= MOST_TILES:
        raise FullError(most=MOST_TILES)
    order = list(board.tiles.values_list("pk", flat=True))
    tile = Tile.objects.create(dashboard=board, **{name: kept[name] for name in _KEPT})
    order.insert(min(tile.position, len(order)), tile.pk)
    order_tiles(board=board, ids=order)
    return tile


@transaction.atomic
def save_view(
    *, shop: Shop, owner: User, name: str, parameters: Sequence[tuple[str, str]], is_shared: bool = False
) -> SavedView:
    """The view kept under that name. Raises TitleError."""
    kept = [list(pair) for pair in parameters]
    return SavedView.objects.create(shop=shop, owner=owner, name=_name(name), parameters=kept, is_shared=is_shared)


@transaction.atomic
def change_view(
    *,
    view: SavedView,
    name: str | None = None,
    parameters: Sequence[tuple[str, str]] | None = None,
    is_shared: bool | None = None,
) -> SavedView:
    """The view with another name, question or readership. Raises TitleError."""
    if name is not None:
        view.name = _name(name)
    if parameters is not None:
        view.parameters = [list(pair) for pair in parameters]
    if is_shared is not None:
        view.is_shared = is_shared
    view.save(update_fields=["name", "parameters", "is_shared"])
    return view


def delete_view(*, view: SavedView) -> None:
    """Forget the view."""
    view.delete()


@transaction.atomic
def create_screen(
    *, shop: Shop, maker: User, name: str, boards: Sequence[Dashboard], seconds: int, language: str
) -> tuple[Screen, str]:
    """A screen's link, and its secret, which is shown this once. Raises TitleError, TileError."""
    if not boards:
        raise TileError(reason=gettext("choose at least one dashboard."))
    secret = secrets.token_urlsafe(32)
    scope = scope_for(maker, shop)
    screen = Screen.objects.create(
        shop=shop,
        maker=maker,
        name=_name(name),
        digest=digest(secret),
        hint=secret[:6],
        dashboards=[board.pk for board in boards],
        seconds=min(max(seconds, LEAST_SECONDS), MOST_SECONDS),
        language=language,
        scope={
            "shops": sorted(scope.shops),
            "owners": _listed(scope.owners),
            "territories": _listed(scope.territories),
            "hidden_families": sorted(scope.hidden_families),
        },
    )
    audit.log("screen.create", actor_id=maker.pk, shop=shop.slug, subject=screen.name)
    return screen, secret


@transaction.atomic
def revoke_screen(*, screen: Screen, actor: User, now: datetime) -> None:
    """End a screen's link at once."""
    screen.revoked_at = now
    screen.save(update_fields=["revoked_at"])
    audit.log("screen.revoke", actor_id=actor.pk, shop=screen.shop.slug, subject=screen.name)


@transaction.atomic
def create_alert(
    *,
    shop: Shop,
    owner: User,
    name: str,
    rule: str,
    question: Mapping[str, Any],
    grain: str = "day",
    bound: Decimal | None = None,
    side: str = Alert.Side.BELOW,
    by_mail: bool = True,
    webhook: str = "",
    is_shared: bool = False,
) -> Alert:
    """An alert, judged from the last bucket on that has ended.

    Raises TitleError, AlertRuleError, AddressError, PrivateAddressError and what `Query` raises.
    """
    kept = _watched(rule, question, grain, bound, side, webhook)
    found = Alert.objects.create(
        shop=shop, owner=owner, name=_name(name), rule=rule, by_mail=by_mail, is_shared=is_shared, **kept
    )
    audit.log("alert.create", actor_id=owner.pk, shop=shop.slug, subject=found.name)
    return found


@transaction.atomic
def watch_drift(*, shop: Shop) -> Alert | None:
    """The alert that tells a shop's people when its outlook misses, made once in the shop's life; None if it was.

    It belongs to an owner, is named in their language and shared; whoever ends it is not asked again.
    """
    Shop.objects.select_for_update().get(pk=shop.pk)
    owner = User.objects.filter(membership__shop=shop, membership__role=Role.OWNER, is_active=True).first()
    if owner is None or Alert.objects.filter(shop=shop, rule=alerts.DRIFT).exists():
        return None
    rule = alerts.RULES[alerts.DRIFT]
    with translation.override(owner.language or None):
        name = gettext(rule.label)
    return create_alert(
        shop=shop,
        owner=owner,
        name=name,
        rule=alerts.DRIFT,
        question={"metrics": [rule.metric]},
        grain=rule.grains[0],
        side=rule.sides[0],
        is_shared=True,
    )


@transaction.atomic
def change_alert(
    *, alert: Alert, actor: User, bound: Decimal | None, side: str, by_mail: bool, webhook: str, is_shared: bool
) -> Alert:
    """The alert with another bound or other ways to tell. Raises what `create_alert` raises."""
    kept = _watched(alert.rule, alert.question, alert.grain, bound, side, webhook)
    for name, value in {**kept, "by_mail": by_mail, "is_shared": is_shared}.items():
        setattr(alert, name, value)
    alert.save()
    audit.log("alert.change", actor_id=actor.pk, shop=alert.shop.slug, subject=alert.name)
    return alert


@transaction.atomic
def snooze_alert(*, alert: Alert, actor: User, until: datetime | None) -> None:
    """Keep it quiet until then: what happens meanwhile stands in its history only. None wakes it."""
    alert.snoozed_until = until
    alert.save(update_fields=["snoozed_until"])
    audit.log("alert.snooze", actor_id=actor.pk, shop=alert.shop.slug, subject=alert.name)


@transaction.atomic
def end_alert(*, alert: Alert, actor: User, now: datetime) -> None:
    """Stop it for good; its history stays."""
    alert.ended_at = now
    alert.save(update_fields=["ended_at"])
    audit.log("alert.end", actor_id=actor.pk, shop=alert.shop.slug, subject=alert.name)


@transaction.atomic
def record_judgements(
    *,
    alert: Alert,
    found: Sequence[tuple[alerts.Judgement, bool]],
    trouble: str,
    snapshot: int,
    today: date,
    now: datetime,
) -> list[AlertEvent]:
    """Note what was judged; of each condition that began to hold one event, and once for each person in their inbox.

    The events, the inbox and the jobs that mail and call are written in one transaction: after a kill all of them are
    there or none. A bucket's event is there once, whatever is judged again. Returns the new events.
    """
    fresh = Alert.objects.select_for_update().get(pk=alert.pk)
    events = [event for judged, begins in found if begins and (event := _event(fresh, judged, now))]
    if found:
        fresh.judged_to, fresh.is_on = found[-1][0].bucket.end, found[-1][0].holds
    fresh.snapshot, fresh.day, fresh.trouble = snapshot, today, trouble[:300]
    fresh.save(update_fields=["judged_to", "is_on", "snapshot", "day", "trouble"])
    return events


def _event(alert: Alert, judged: alerts.Judgement, now: datetime) -> AlertEvent | None:
    """The new event of a bucket, told to people; None if it was known."""
    values = {name: getattr(judged, name) for name in ("value", "expected", "low", "high", "message", "params")}
    event, is_new = AlertEvent.objects.get_or_create(
        alert=alert, bucket=judged.bucket.start, defaults={**values, "at": now, "is_quiet": alert.is_snoozed(now)}
    )
    if not is_new or event.is_quiet:
        return event if is_new else None
    for person in told_of(alert):
        inbox.notify(
            recipient_id=person.pk,
            shop=alert.shop.slug,
            key=event.key,
            message=event.message,
            params=event.params,
            path=f"/shop/{alert.shop.slug}/alerts/{alert.pk}",
            at=now,
        )
        if alert.by_mail and settings.HAS_MAIL:
            jobs.enqueue("boards.alert_mail", shop=alert.shop.slug, params={"event": event.pk, "user": person.pk})
    if alert.webhook:
        jobs.enqueue("boards.webhook", shop=alert.shop.slug, params={"event": event.pk})
    return event


def told_of(alert: Alert) -> list[User]:
    """Its owner; of a shared one everybody whose own scope covers the owner's, so that nobody learns more."""
    if not alert.is_shared:
        return [alert.owner]
    people = User.objects.filter(membership__shop=alert.shop, is_active=True).distinct().order_by("pk")
    owners = scope_for(alert.owner, alert.shop)
    return [person for person in people if person == alert.owner or scope_for(person, alert.shop).covers(owners)]


@transaction.atomic
def create_digest(
    *, shop: Shop, owner: User, board: Dashboard | None, every: str, hour: int, users: Iterable[User]
) -> Digest:
    """A digest to people of the shop. Raises RecipientError."""
    found = Digest.objects.create(shop=shop, owner=owner, dashboard=board, every=Digest.Every(every), hour=hour % 24)
    set_recipients(sent=found, users=users)
    audit.log("digest.create", actor_id=owner.pk, shop=shop.slug, subject=str(found))
    return found


@transaction.atomic
def set_recipients(*, sent: Digest, users: Iterable[User]) -> None:
    """Make these its receivers; who unsubscribed stays so until they are named anew. Raises RecipientError."""
    wanted = {user.pk: user for user in users if user.permissions_in(sent.shop)}
    if not wanted:
        raise RecipientError()
    sent.recipients.exclude(user__in=wanted).delete()
    had = set(sent.recipients.values_list("user_id", flat=True))
    Recipient.objects.bulk_create(Recipient(digest=sent, user=user) for pk, user in wanted.items() if pk not in had)


@transaction.atomic
def unsubscribe(*, recipient: Recipient, now: datetime) -> None:
    """Send this person the digest no more."""
    Recipient.objects.filter(pk=recipient.pk, stopped_at=None).update(stopped_at=now)


@transaction.atomic
def end_digest(*, sent: Digest, actor: User, now: datetime) -> None:
    """Stop the digest."""
    sent.ended_at = now
    sent.save(update_fields=["ended_at"])
    audit.log("digest.end", actor_id=actor.pk, shop=sent.shop.slug, subject=str(sent))


def _name(text: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= 120:
        raise TitleError()
    return name


def _listed(ids: frozenset[str] | None) -> list[str] | None:
    return None if ids is None else sorted(ids)


def _copied(tile: Tile, board: Dashboard) -> Tile:
    return Tile(dashboard=board, **{name: getattr(tile, name) for name in _KEPT})


def _question(visual: str, question: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The question as it is kept, once it fits the visual. Raises TileError and what `Query` raises."""
    kind = VISUALS.get(visual)
    if kind is None:
        raise TileError(reason=gettext("there is no such kind of tile."))
    if visual == "text":
        if not text.strip():
            raise TileError(reason=gettext("it needs a text."))
        return {}
    if visual == "analysis":
        return _analysis(question)
    by = [id_ for id_ in question.get("by", ()) if id_]
    if kind.is_timed:
        by = [TIME, *(id_ for id_ in by if id_ != TIME)][: 1 if visual == "number" else 2]
    kept: dict[str, Any] = {"metrics": list(question.get("metrics", ())), "by": by}
    if where := [text for text in question.get("where", ()) if text]:
        kept["where"] = where
    for name in ("top", "window", "money"):
        if question.get(name):
            kept[name] = question[name]
    asked(kept, None, "month", None)
    if kind.is_cut and not by:
        raise TileError(reason=gettext("choose what to cut it by."))
    if visual == "number" and len(kept["metrics"]) > 1:
        raise TileError(reason=gettext("a figure shows one metric: choose another way to show several."))
    return kept


def _analysis(question: Mapping[str, Any]) -> dict[str, Any]:
    """The question to an analysis as it is kept. Raises TileError and what `analysed` raises."""
    kept: dict[str, Any] = {"analysis": question.get("analysis", "")}
    if choices := {id_: str(text) for id_, text in (question.get("choices") or {}).items() if text}:
        kept["choices"] = choices
    if where := [text for text in question.get("where", ()) if text]:
        kept["where"] = where
    if table := question.get("table"):
        kept["table"] = table
    if months := question.get("months"):
        if not 1 <= months <= MOST_MONTHS:
            raise TileError(reason=gettext("look back over 1 to %(most)s months.") % {"most": MOST_MONTHS})
        kept["months"] = months
    analysed(kept, None, None)
    return kept


def _watched(
    rule: str, question: Mapping[str, Any], grain: str, bound: Decimal | None, side: str, webhook: str
) -> dict[str, Any]:
    """An alert's fields, checked. Raises AlertRuleError, AddressError, PrivateAddressError and what `Query` raises."""
    kind = alerts.RULES.get(rule)
    if kind is None:
        raise AlertRuleError(reason=gettext("there is no such rule."))
    if grain not in kind.grains:
        raise AlertRuleError(reason=gettext("it is judged by %(grains)s.") % {"grains": ", ".join(kind.grains)})
    if kind.needs_bound and bound is None:
        raise AlertRuleError(reason=gettext("it needs a bound."))
    if side not in kind.sides:
        raise AlertRuleError(reason=gettext("it looks %(sides)s.") % {"sides": ", ".join(kind.sides)})
    kept = {"metrics": list(question["metrics"])[:1], "where": [text for text in question.get("where", ()) if text]}
    if kind.metric:
        if kept["where"]:
            raise AlertRuleError(reason=gettext("this rule watches the whole shop, not a part of it."))
        kept["metrics"] = [kind.metric]
    found: Query = asked(kept, None, grain, None)
    if kind.is_plain and alerts.metric_of(found).unit not in (Unit.MONEY, Unit.COUNT, Unit.QUANTITY):
        raise AlertRuleError(reason=gettext("this rule takes an amount or a count, not a rate."))
    if webhook:
        outgoing.check(webhook)
    return {"question": kept, "grain": grain, "bound": bound, "side": side, "webhook": webhook}
