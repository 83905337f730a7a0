"""Dashboards, alerts and what a person was told."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch
from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Router, Schema, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.accounts.permissions import Role
from topline.accounts.scopes import scope_for
from topline.api import paging
from topline.api.analyses import AnalysisAnswerOut
from topline.api.auth import Caller, Requires, caller
from topline.api.metrics import Answer, answer, require_known
from topline.api.once import once
from topline.api.sent import Sent
from topline.boards import operations
from topline.boards.models import Alert, AlertEvent, Dashboard, Tile, analysed, asked
from topline.lake import read as lake
from topline.lake.analyse import analyse
from topline.metrics.query import parse_filter, parse_period
from topline.units.errors import ToplineError
from topline.units.period import Grain, Period
from topline.units.text import N_
from topline.workbench import inbox
from topline.workbench.models import Notification

router = Router()

_Board = Annotated[int, Path(description="The dashboard's number")]
_Tile = Annotated[int, Path(description="The tile's number")]
_Alert = Annotated[int, Path(description="The alert's number")]


class UnknownDashboardError(ToplineError):
    message = N_("There is no dashboard %(id)s that you may open.")


class UnknownTileError(ToplineError):
    message = N_("There is no tile %(id)s with figures on this dashboard.")


class UnknownAlertError(ToplineError):
    message = N_("You have no alert %(id)s.")


class NotYoursError(ToplineError):
    message = N_("Only its owner, or who may share, changes this dashboard.")


class TileIn(Sent):
    visual: Annotated[str, Field(description="number, line, columns, bars, table, analysis or text")]
    metrics: list[str] = []
    by: Annotated[list[str], Field(description="Dimensions; “time” follows the period")] = []
    where: list[str] = []
    top: int | None = None
    analysis: Annotated[str, Field(description="Its id, such as cohorts")] = ""
    choices: Annotated[dict[str, str], Field(description="Choices of the analysis")] = {}
    table: Annotated[str, Field(description="Which table of the analysis; by default the first with a chart")] = ""
    months: Annotated[int | None, Field(description="Look back so many months instead of the period")] = None
    title: str = ""
    text: Annotated[str, Field(description="Markdown, of a text")] = ""


class TileChange(TileIn):
    """What is left out stays as it is."""

    visual: str = ""
    width: Annotated[int | None, Field(description="Columns of the grid, 3-12")] = None
    height: Annotated[int | None, Field(description="Rows of the grid, 1-3")] = None


class TileOut(Schema):
    id: int
    visual: str
    title: str
    question: dict[str, Any]
    text: str
    width: int
    height: int


class BoardIn(Sent):
    title: str
    is_shared: bool = False


class BoardChange(Sent):
    """What is left out stays as it is."""

    title: str | None = None
    is_shared: bool | None = None
    order: Annotated[list[int] | None, Field(description="The tiles' numbers; those not named follow")] = None
    roles: Annotated[list[Role] | None, Field(description="Roles that begin with it from now on; shares it")] = None


class BoardOut(Schema):
    id: int
    title: str
    owner: str | None
    is_shared: bool
    tiles: list[TileOut]

    @staticmethod
    def resolve_owner(board: Dashboard) -> str | None:
        return board.owner.email if board.owner else None

    @staticmethod
    def resolve_tiles(board: Dashboard) -> list[Tile]:
        return list(board.tiles.all())


class AlertIn(Sent):
    name: str
    rule: Annotated[str, Field(description="threshold, off_pace, unusual or, of units of the whole shop, drift")]
    metric: str
    where: list[str] = []
    grain: Annotated[str, Field(description="day, week or month, of a threshold; week of a drift")] = "day"
    bound: Annotated[Decimal | None, Field(description="An amount; a rate or a pace 0-1")] = None
    side: Annotated[str, Field(description="above, below or, of what is unusual or drifts, either")] = "below"
    by_mail: bool = True
    webhook: str = ""
    is_shared: bool = False


class AlertChange(Sent):
    """What is left out stays as it is; another metric or rule is another alert."""

    bound: Annotated[Decimal | None, Field(description="An amount; a rate or a pace 0-1")] = None
    side: str = ""
    by_mail: bool = True
    webhook: str = ""
    is_shared: bool = False


class AlertEventOut(Schema):
    bucket: date
    at: datetime
    value: Decimal | None
    expected: Decimal | None
    low: Decimal | None
    high: Decimal | None
    is_quiet: bool


class AlertOut(Schema):
    id: int
    name: str
    rule: str
    question: dict[str, Any]
    grain: str
    bound: Decimal | None
    side: str
    by_mail: bool
    webhook: str
    is_shared: bool
    is_on: bool
    snoozed_until: datetime | None
    trouble: str
    events: Annotated[list[AlertEventOut], Field(description="The last twenty")]

    @staticmethod
    def resolve_events(alert: Alert) -> Sequence[AlertEvent]:
        return alert.newest if hasattr(alert, "newest") else list(alert.events.all()[:20])


class SnoozeIn(Sent):
    days: Annotated[int, Field(ge=0, le=365, description="0 wakes it")]


class NoteOut(Schema):
    id: int
    message: Annotated[str, Field(description="A template in English")]
    params: dict[str, Any]
    path: str
    at: datetime
    read_at: datetime | None


class NotePage(Schema):
    notifications: list[NoteOut]
    next: str | None


@router.get(
    "/shops/{shop}/dashboards",
    response=list[BoardOut],
    auth=Requires("metrics.read"),
    summary="Dashboards you may open",
)
def list_boards(request: HttpRequest, shop: str) -> list[Dashboard]:
    who = caller(request)
    found = Dashboard.objects.for_(who.user, who.shop).select_related("owner").prefetch_related("tiles")
    return list(found)


@router.post(
    "/shops/{shop}/dashboards", response=BoardOut, auth=Requires("boards.write"), summary="Make an empty dashboard"
)
@decorate_view(once)
def create_board(request: HttpRequest, shop: str, wanted: BoardIn) -> Dashboard:
    who = caller(request)
    is_shared = wanted.is_shared and "boards.share" in who.token.permissions()
    return operations.create_dashboard(shop=who.shop, title=wanted.title, owner=who.user, is_shared=is_shared)


@router.post(
    "/shops/{shop}/dashboards/{board}/tiles", response=TileOut, auth=Requires("boards.write"), summary="Add a tile"
)
@decorate_view(once)
def add_tile(request: HttpRequest, shop: str, board: _Board, wanted: TileIn) -> Tile:
    who = caller(request)
    found = _own_board(who, board)
    require_known(who, [parse_filter(text) for text in wanted.where])
    kept = wanted.dict(exclude={"visual", "title", "text"})
    return operations.add_tile(board=found, visual=wanted.visual, question=kept, title=wanted.title, text=wanted.text)


@router.get("/shops/{shop}/dashboards/{board}", response=BoardOut, auth=Requires("metrics.read"), summary="A dashboard")
def show_board(request: HttpRequest, shop: str, board: _Board) -> Dashboard:
    return find_board(caller(request), board)


@router.patch(
    "/shops/{shop}/dashboards/{board}",
    response=BoardOut,
    auth=Requires("boards.write"),
    summary="Name a dashboard anew, share it, order its tiles, or give it to roles to begin with",
)
@decorate_view(once)
def change_board(request: HttpRequest, shop: str, board: _Board, wanted: BoardChange) -> Dashboard:
    who = caller(request)
    found = _own_board(who, board)
    if wanted.is_shared is not None or wanted.roles is not None:
        require_share(who)
    if wanted.title is not None or wanted.is_shared is not None:
        operations.change_dashboard(board=found, actor=who.user, title=wanted.title, is_shared=wanted.is_shared)
    if wanted.order is not None:
        operations.order_tiles(board=found, ids=wanted.order)
    if wanted.roles is not None:
        operations.begin_with(board=found, roles=wanted.roles, actor=who.user)
    return found


@router.delete(
    "/shops/{shop}/dashboards/{board}",
    response={204: None},
    auth=Requires("boards.write"),
    summary="Take a dashboard away, with its digests",
)
def drop_board(request: HttpRequest, shop: str, board: _Board) -> Status[None]:
    who = caller(request)
    operations.delete_dashboard(board=_own_board(who, board), actor=who.user)
    return Status(204, None)


@router.post(
    "/shops/{shop}/dashboards/{board}/copy",
    response=BoardOut,
    auth=Requires("boards.write"),
    summary="Copy a dashboard that you may open, as your own",
)
@decorate_view(once)
def copy_board(request: HttpRequest, shop: str, board: _Board) -> Dashboard:
    who = caller(request)
    return operations.copy_dashboard(board=find_board(who, board), owner=who.user)


@router.patch(
    "/shops/{shop}/dashboards/{board}/tiles/{tile}",
    response=TileOut,
    auth=Requires("boards.write"),
    summary="Change what a tile shows, or its size",
)
@decorate_view(once)
def change_tile(request: HttpRequest, shop: str, board: _Board, tile: _Tile, wanted: TileChange) -> Tile:
    who = caller(request)
    found = _own_tile(who, board, tile)
    given = wanted.dict(exclude_unset=True)
    size = {name: given.pop(name) or getattr(found, name) for name in ("width", "height") if name in given}
    require_known(who, [parse_filter(text) for text in given.get("where", ())])
    if given:
        named = {name: given.pop(name, getattr(found, name)) for name in ("visual", "title", "text")}
        operations.change_tile(tile=found, question={**found.question, **given}, **named)
    if size:
        operations.resize_tile(tile=found, **{"width": found.width, "height": found.height, **size})
    return found


@router.delete(
    "/shops/{shop}/dashboards/{board}/tiles/{tile}",
    response={204: None},
    auth=Requires("boards.write"),
    summary="Take a tile off its dashboard",
)
def drop_tile(request: HttpRequest, shop: str, board: _Board, tile: _Tile) -> Status[None]:
    operations.delete_tile(tile=_own_tile(caller(request), board, tile))
    return Status(204, None)


@router.get(
    "/shops/{shop}/dashboards/{board}/tiles/{tile}/answer",
    response=Answer | AnalysisAnswerOut,
    auth=Requires("metrics.read"),
    summary="A tile's figures of a period, as you may see them",
)
def show_tile(
    request: HttpRequest,
    shop: str,
    board: _Board,
    tile: _Tile,
    start: Annotated[str, Field(description="First day or month")],
    end: Annotated[str, Field(description="The day or month after the last")],
    grain: Annotated[Grain, Field(description="What “time” stands for")] = Grain.DAY,
    against: str | None = None,
) -> dict[str, object]:
    who = caller(request)
    found = find_board(who, board).tiles.exclude(visual="text").filter(pk=tile).first()
    if found is None:
        raise UnknownTileError(id=tile)
    if found.visual == "analysis":
        return _analysis(who, found, parse_period(start, end))
    query = asked(found.question, parse_period(start, end), grain.value, against or None)
    require_known(who, query.where, query.metrics)
    scope = scope_for(who.user, who.shop)
    return answer(lake.read(who.shop.lake(), query, scope=scope, settings=who.shop.settings()))


@router.get("/shops/{shop}/alerts", response=list[AlertOut], auth=Requires("metrics.read"), summary="Your alerts")
def list_alerts(request: HttpRequest, shop: str) -> list[Alert]:
    own = Alert.objects.filter(shop=caller(request).shop, owner=caller(request).user, ended_at=None)
    return list(own.prefetch_related(Prefetch("events", AlertEvent.objects.all()[:20], to_attr="newest")))


@router.post("/shops/{shop}/alerts", response=AlertOut, auth=Requires("boards.write"), summary="Set an alert")
@decorate_view(once)
def create_alert(request: HttpRequest, shop: str, wanted: AlertIn) -> Alert:
    who = caller(request)
    require_known(who, [parse_filter(text) for text in wanted.where], [wanted.metric])
    given = wanted.dict(exclude={"metric", "where", "is_shared"})
    return operations.create_alert(
        shop=who.shop,
        owner=who.user,
        question={"metrics": [wanted.metric], "where": wanted.where},
        is_shared=wanted.is_shared and "boards.share" in who.token.permissions(),
        **given,
    )


@router.get(
    "/shops/{shop}/alerts/{alert}", response=AlertOut, auth=Requires("metrics.read"), summary="An alert of yours"
)
def show_alert(request: HttpRequest, shop: str, alert: _Alert) -> Alert:
    return _alert(request, alert)


@router.patch(
    "/shops/{shop}/alerts/{alert}",
    response=AlertOut,
    auth=Requires("boards.write"),
    summary="Change an alert's bound, or whom it tells and how",
)
@decorate_view(once)
def change_alert(request: HttpRequest, shop: str, alert: _Alert, wanted: AlertChange) -> Alert:
    found = _alert(request, alert)
    given = wanted.dict(exclude_unset=True)
    if given.get("is_shared"):
        require_share(caller(request))
    kept = {name: getattr(found, name) for name in AlertChange.model_fields}
    return operations.change_alert(alert=found, actor=caller(request).user, **{**kept, **given})


@router.post(
    "/shops/{shop}/alerts/{alert}/snooze", response=AlertOut, auth=Requires("boards.write"), summary="Snooze an alert"
)
def snooze(request: HttpRequest, shop: str, alert: _Alert, wanted: SnoozeIn) -> Alert:
    found = _alert(request, alert)
    until = timezone.now() + timedelta(days=wanted.days) if wanted.days else None
    operations.snooze_alert(alert=found, actor=caller(request).user, until=until)
    return found


@router.delete(
    "/shops/{shop}/alerts/{alert}", response={204: None}, auth=Requires("boards.write"), summary="End an alert"
)
def end_alert(request: HttpRequest, shop: str, alert: _Alert) -> Status[None]:
    operations.end_alert(alert=_alert(request, alert), actor=caller(request).user, now=timezone.now())
    return Status(204, None)


@router.get(
    "/shops/{shop}/notifications",
    response=NotePage,
    auth=Requires("metrics.read"),
    summary="What you were told, the newest first",
)
def list_notifications(
    request: HttpRequest,
    shop: str,
    unread: bool = False,
    limit: Annotated[int, Field(ge=1, le=200)] = 50,
    after: str | None = None,
) -> dict[str, object]:
    told = Notification.objects.to(caller(request).user.pk, caller(request).shop.slug)
    page, following = paging.newest_first(told.unread() if unread else told, limit=limit, after=after)
    return {"notifications": page, "next": following}


@router.post(
    "/shops/{shop}/notifications/read", response={204: None}, auth=Requires("metrics.read"), summary="Mark all as read"
)
def read_notifications(request: HttpRequest, shop: str) -> Status[None]:
    inbox.mark_read(recipient_id=caller(request).user.pk, shop=caller(request).shop.slug, now=timezone.now())
    return Status(204, None)


def _analysis(who: Caller, tile: Tile, period: Period | None) -> dict[str, object]:
    """The answer with the table that the tile shows."""
    question = analysed(tile.question, period, who.shop.horizon())
    require_known(who, question.where)
    result = analyse(who.shop.lake(), question, scope=scope_for(who.user, who.shop), settings=who.shop.settings())
    table = result.summary(tile.question.get("table", ""))
    return replace(result, tables=(table,) if table else ()).to_json()


def find_board(who: Caller, board: int) -> Dashboard:
    """One that the caller may open. Raises UnknownDashboardError."""
    found = Dashboard.objects.for_(who.user, who.shop).filter(pk=board).first()
    if found is None:
        raise UnknownDashboardError(id=board)
    return found


def _own_board(who: Caller, board: int) -> Dashboard:
    """One that the caller may change. Raises UnknownDashboardError, NotYoursError."""
    found = find_board(who, board)
    if not found.may_edit(who.user, who.token.permissions()):
        raise NotYoursError()
    return found


def _own_tile(who: Caller, board: int, tile: int) -> Tile:
    """A tile of such a dashboard. Raises UnknownTileError."""
    found = _own_board(who, board).tiles.filter(pk=tile).first()
    if found is None:
        raise UnknownTileError(id=tile)
    return found


def require_share(who: Caller) -> None:
    """Passes who may share with the shop. Raises PermissionDenied."""
    if "boards.share" not in who.token.permissions():
        raise PermissionDenied("boards.share")


def _alert(request: HttpRequest, alert: int) -> Alert:
    who = caller(request)
    found = Alert.objects.filter(shop=who.shop, owner=who.user, ended_at=None, pk=alert).first()
    if found is None:
        raise UnknownAlertError(id=alert)
    return found
