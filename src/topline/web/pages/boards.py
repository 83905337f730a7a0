"""Dashboards: compose them, look at them, put them on a screen."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from topline.accounts.permissions import LABELS
from topline.analysis import catalogue
from topline.boards import operations
from topline.boards.models import COLUMNS, ROWS, TIME, Dashboard, RoleDashboard, Screen, Tile, analysed, lookback
from topline.boards.visual import VISUALS
from topline.metrics.catalogue import dimensions
from topline.metrics.query import Query
from topline.units.text import N_
from topline.web import answered, files, formats, question, tiles
from topline.web.page import Page, Visit, language, whole

DEFAULT_PERIOD = "last_30_days"
SECONDS = (15, 30, 60, 300)


def listing(visit: Visit) -> HttpResponse:
    """The dashboards that the person may open, the one of their role first."""
    if visit.request.method == "POST":
        visit.require("boards.write")
        title = visit.request.POST.get("title", "")
        board = operations.create_dashboard(shop=visit.shop, title=title, owner=visit.user)
        return redirect(_edit_url(visit, board))
    if not RoleDashboard.objects.filter(shop=visit.shop).exists():
        operations.start_roles(shop=visit.shop)
    boards = list(Dashboard.objects.for_(visit.user, visit.shop).select_related("owner").prefetch_related("tiles"))
    return visit.render(
        "boards.html",
        {
            "first": first_board(visit),
            "own": [board for board in boards if board.owner == visit.user],
            "shared": [board for board in boards if board.owner != visit.user],
            "may_write": visit.may("boards.write"),
            "may_share": visit.may("boards.share"),
        },
    )


def first_board(visit: Visit) -> Dashboard | None:
    """The dashboard that the person's role begins with."""
    roles = visit.user.roles_in(visit.shop)
    kept = {each.role: each.dashboard for each in visit.shop.roledashboard_set.select_related("dashboard")}
    return next((kept[role] for role in LABELS if role in roles and role in kept), None)


def view(visit: Visit, board: int) -> HttpResponseBase:
    found = _board(visit, board)
    if visit.request.method == "POST":
        return _change(visit, found)
    span = question.span(visit, DEFAULT_PERIOD)
    may_edit = found.may_edit(visit.user, visit.permissions)
    asked = {"from": span.period.start, "to": span.period.end, "against": span.against}
    return visit.render(
        "board.html",
        {
            "board": found,
            "span": span,
            "tiles": [_frame(visit, tile, asked) for tile in found.tiles.all()],
            "is_editing": may_edit and "edit" in visit.request.GET,
            "may_edit": may_edit,
            "may_write": visit.may("boards.write"),
            "may_share": visit.may("boards.share"),
            "roles": LABELS.items(),
            "role_ids": set(RoleDashboard.objects.filter(dashboard=found).values_list("role", flat=True)),
            "gone": visit.request.session.get(_gone_key(found)),
            "order_url": visit.url("board_order", found.pk),
        },
    )


def _frame(visit: Visit, tile: Tile, asked: Mapping[str, object]) -> dict[str, Any]:
    return {
        "tile": tile,
        "url": f"{visit.url('board_tile', tile.dashboard_id, tile.pk)}?{urlencode(asked)}",
        "title": tile.title or (tiles.title(tile) if tile.question else gettext("Text")),
        "can_widen": tile.width < COLUMNS,
        "can_narrow": tile.width > 3,
        "can_heighten": tile.height < ROWS,
        "can_flatten": tile.height > 1,
    }


def _change(visit: Visit, board: Dashboard) -> HttpResponse:
    """What is done to a dashboard as a whole."""
    posted, do = visit.request.POST, visit.request.POST.get("do", "")
    if do == "copy":
        visit.require("boards.write")
        return redirect(_edit_url(visit, operations.copy_dashboard(board=board, owner=visit.user)))
    _require_edit(visit, board)
    match do:
        case "rename":
            operations.change_dashboard(board=board, actor=visit.user, title=posted.get("title", ""))
        case "share" | "unshare":
            visit.require("boards.share")
            operations.change_dashboard(board=board, actor=visit.user, is_shared=do == "share")
        case "roles":
            visit.require("boards.share")
            roles = [role for role in posted.getlist("roles") if role in LABELS]
            operations.begin_with(board=board, roles=roles, actor=visit.user)
            messages.success(visit.request, gettext("These roles begin with this dashboard now."))
        case "undo":
            kept = visit.request.session.pop(_gone_key(board), None)
            if kept:
                operations.put_back_tile(board=board, kept=kept)
        case "delete":
            operations.delete_dashboard(board=board, actor=visit.user)
            messages.success(visit.request, gettext("“%(title)s” is gone.") % {"title": board.title})
            return redirect(visit.url("boards"))
    return redirect(_edit_url(visit, board))


def order(visit: Visit, board: int) -> HttpResponse:
    """Puts the tiles in the order that was dragged."""
    found = _board(visit, board)
    _require_edit(visit, found)
    ids = [whole(text) for text in visit.request.POST.get("ids", "").split(",")]
    operations.order_tiles(board=found, ids=ids)
    return HttpResponse(status=204)


def tile_view(visit: Visit, board: int, tile: int) -> HttpResponseBase:
    """A tile's contents, or as a file; by POST what is done to it."""
    found = _tile(visit, board, tile)
    if visit.request.method == "POST":
        return _change_tile(visit, found)
    span = question.span(visit, DEFAULT_PERIOD)
    shown = tiles.show(found, visit.shop, visit.scope, span)
    wanted = visit.request.GET.get("format", "")
    if wanted:
        file = shown.download(wanted)
        if file is None:
            raise Http404
        return file
    context: dict[str, Any] = {"shown": shown, "span": span}
    if isinstance(shown, tiles.Analysed):
        context |= {"explore_url": _analysis_url(visit, found, span)}
        context |= {"files": files.menu(visit.request.get_full_path(), shown.formats) if shown.table else ()}
    elif shown.result is not None:
        query = shown.result.query
        behind = Query(metrics=query.metrics[:1], period=query.period, where=query.where)
        context |= {
            "explore_url": question.explore_url(visit, query),
            "rows_url": question.rows_url(visit, behind) if visit.may("rows.read") else "",
            "files": files.menu(visit.request.get_full_path(), shown.formats),
        }
    return visit.render("tile.html", context)


def _analysis_url(visit: Visit, tile: Tile, span: question.Span) -> str:
    """The page of the analysis that a tile shows, as the tile asks it; of one that is gone, all of them."""
    kept = tile.question
    if kept["analysis"] not in catalogue.analyses():
        return visit.url("analyses")
    period = lookback(kept, span.period)
    asked = [*kept.get("choices", {}).items(), *(("where", text) for text in kept.get("where", ()))]
    asked += [("from", str(period.start)), ("to", str(period.end))]
    return f"{visit.url('analysis', kept['analysis'])}?{urlencode(asked)}"


def _change_tile(visit: Visit, tile: Tile) -> HttpResponse:
    board = tile.dashboard
    _require_edit(visit, board)
    do = visit.request.POST.get("do", "")
    if do == "delete":
        visit.request.session[_gone_key(board)] = operations.delete_tile(tile=tile)
        return redirect(_edit_url(visit, board))
    action = _TILE_ACTIONS.get(do)
    if action is None:
        raise Http404
    action(tile)
    if visit.is_fragment:
        return HttpResponse(status=204)
    return redirect(_edit_url(visit, board))


def _resized(wide: int, high: int) -> Callable[[Tile], object]:
    return lambda tile: operations.resize_tile(tile=tile, width=tile.width + wide, height=tile.height + high)


def _moved(by: int) -> Callable[[Tile], object]:
    def move(tile: Tile) -> None:
        ids = list(tile.dashboard.tiles.values_list("pk", flat=True))
        at = ids.index(tile.pk)
        ids.insert(min(max(at + by, 0), len(ids) - 1), ids.pop(at))
        operations.order_tiles(board=tile.dashboard, ids=ids)

    return move


_TILE_ACTIONS: Mapping[str, Callable[[Tile], object]] = {
    "wider": _resized(1, 0),
    "narrower": _resized(-1, 0),
    "taller": _resized(0, 1),
    "flatter": _resized(0, -1),
    "earlier": _moved(-1),
    "later": _moved(1),
    "copy": lambda tile: operations.copy_tile(tile=tile),
}


def tile_form(visit: Visit, board: int, tile: int = 0) -> HttpResponse:
    """Adds a tile, or changes one."""
    found = _board(visit, board)
    _require_edit(visit, found)
    kept = _tile(visit, board, tile) if tile else None
    if visit.request.method == "POST":
        given = _given(visit)
        question.require_known(
            visit, question.filters(given["question"]["where"]), given["question"].get("metrics", ())
        )
        if kept is None:
            operations.add_tile(board=found, **given)
        else:
            operations.change_tile(tile=kept, **given | {"question": {**kept.question, **given["question"]}})
        return redirect(_edit_url(visit, found))
    if kept and kept.visual == "analysis":
        return _analysis_form(visit, kept)
    asked = kept.question if kept else {"metrics": ["net_sales"]}
    is_text = kept.visual == "text" if kept else "text" in visit.request.GET
    return visit.render(
        "tile_form.html",
        {
            "board": found,
            "tile": kept,
            "is_text": is_text,
            "visuals": [(id_, formats.say(each.label)) for id_, each in VISUALS.items() if each.of_metrics],
            "visual": kept.visual if kept else "line",
            "metrics": asked.get("metrics", []),
            "families": question.families(visit.scope),
            "cuts": [each for each in dimensions().values() if not each.grain],
            "cut": next((id_ for id_ in asked.get("by", []) if id_ != TIME), ""),
            "where": "\n".join(asked.get("where", [])),
            "top": asked.get("top", ""),
        },
    )


def _given(visit: Visit) -> dict[str, Any]:
    posted = visit.request.POST
    if posted.get("analysis"):
        asked = _analysis_given(visit)
        return {"visual": "analysis", "question": asked, "title": posted.get("title", ""), "text": ""}
    visual = posted.get("visual", "")
    asked = {
        "metrics": posted.getlist("metrics"),
        "by": [posted.get("cut", "")],
        "where": [line.strip() for line in posted.get("where", "").splitlines()],
        "top": whole(posted.get("top")),
    }
    return {"visual": visual, "question": asked, "title": posted.get("title", ""), "text": posted.get("text", "")}


def _analysis_form(visit: Visit, tile: Tile) -> HttpResponse:
    analysis = catalogue.named(tile.question["analysis"])
    return visit.render(
        "tile_form.html",
        {
            "board": tile.dashboard,
            "tile": tile,
            "analysis": analysis,
            "choices": answered.choices(analysis, analysed(tile.question, None, None)),
            "where": "\n".join(tile.question.get("where", [])),
            "most_months": operations.MOST_MONTHS,
        },
    )


def _analysis_given(visit: Visit) -> dict[str, Any]:
    """The question to an analysis that a form asks: its choices stand under their own names."""
    posted = visit.request.POST
    analysis = catalogue.named(posted["analysis"])
    return {
        "analysis": analysis.id,
        "choices": {each.id: ",".join(posted.getlist(each.id)) for each in analysis.choices},
        "where": [line.strip() for text in posted.getlist("where") for line in text.splitlines()],
        "table": posted.get("table", ""),
        "months": whole(posted.get("months")),
    }


def pin(visit: Visit) -> HttpResponse:
    """Puts the question of the metrics page, or of an analysis, on a dashboard, or on a new one."""
    posted = visit.request.POST
    if visit.request.method != "POST":
        return redirect(visit.url("boards"))
    visit.require("boards.write")
    if posted.get("analysis"):
        return _pinned(visit, "analysis", _analysis_given(visit))
    query = question.parse(posted, None, None, ())
    by = [id_ for id_ in query.by if id_ not in query.time]
    visual = posted.get("visual", "")
    kind = VISUALS.get(visual)
    if kind is not None and not kind.is_timed and query.time:
        by = [TIME, *by]
    asked = {
        "metrics": list(query.metrics),
        "by": by,
        "where": [question.written(each) for each in query.where],
        "top": query.top,
        "window": query.window,
        "money": "" if query.money == "shop" else query.money,
    }
    return _pinned(visit, visual, asked)


def _pinned(visit: Visit, visual: str, asked: Mapping[str, Any]) -> HttpResponse:
    """Adds the tile to the dashboard that was chosen, or to a new one, and goes there."""
    posted = visit.request.POST
    chosen = whole(posted.get("board"))
    if chosen:
        board = _board(visit, chosen)
        _require_edit(visit, board)
    else:
        title = posted.get("title", "") or gettext("My dashboard")
        board = operations.create_dashboard(shop=visit.shop, title=title, owner=visit.user)
    operations.add_tile(board=board, visual=visual, question=asked)
    messages.success(visit.request, gettext("It is on “%(title)s” now.") % {"title": board.title})
    return redirect(visit.url("board", board.pk))


def screens(visit: Visit) -> HttpResponse:
    """Links that show dashboards on a wall."""
    if visit.request.method == "POST":
        posted = visit.request.POST
        if posted.get("do") == "revoke":
            screen = Screen.objects.filter(shop=visit.shop, pk=whole(posted.get("screen"))).first()
            if screen is None:
                raise Http404
            operations.revoke_screen(screen=screen, actor=visit.user, now=timezone.now())
            messages.success(visit.request, gettext("The link of “%(name)s” shows nothing more.") % {"name": screen})
        else:
            chosen = [whole(text) for text in posted.getlist("boards")]
            boards = Dashboard.objects.for_(visit.user, visit.shop).in_bulk(chosen)
            _, secret = operations.create_screen(
                shop=visit.shop,
                maker=visit.user,
                name=posted.get("name", ""),
                boards=[boards[id_] for id_ in chosen if id_ in boards],
                seconds=whole(posted.get("seconds")) or SECONDS[1],
                language=language(),
            )
            visit.request.session["new_screen"] = f"{settings.URL}/screen/{secret}/"
        return redirect(visit.url("board_screens"))
    return visit.render(
        "screens.html",
        {
            "screens": Screen.objects.live().filter(shop=visit.shop).order_by("-created_at"),
            "boards": Dashboard.objects.for_(visit.user, visit.shop),
            "seconds": SECONDS,
            "address": visit.request.session.pop("new_screen", None),
        },
    )


def _board(visit: Visit, board: int) -> Dashboard:
    found = Dashboard.objects.for_(visit.user, visit.shop).filter(pk=board).first()
    if found is None:
        raise Http404
    return found


def _tile(visit: Visit, board: int, tile: int) -> Tile:
    found = _board(visit, board).tiles.filter(pk=tile).first()
    if found is None:
        raise Http404
    return found


def _require_edit(visit: Visit, board: Dashboard) -> None:
    if not board.may_edit(visit.user, visit.permissions):
        raise PermissionDenied


def _edit_url(visit: Visit, board: Dashboard) -> str:
    return f"{visit.url('board', board.pk)}?edit=1"


def _gone_key(board: Dashboard) -> str:
    return f"tile_gone_{board.pk}"


PAGES = (
    Page(
        path="boards",
        name="boards",
        view=listing,
        permission="metrics.read",
        place="measure",
        label=N_("Dashboards"),
        icon="layout-dashboard",
        rank=1,
    ),
    Page(path="boards/-/pin", name="board_pin", view=pin, permission="boards.write", place="measure"),
    Page(path="boards/-/screens", name="board_screens", view=screens, permission="boards.share", place="measure"),
    Page(path="boards/<int:board>", name="board", view=view, permission="metrics.read", place="measure"),
    Page(path="boards/<int:board>/order", name="board_order", view=order, permission="boards.write", place="measure"),
    Page(
        path="boards/<int:board>/tiles/new",
        name="board_tile_new",
        view=tile_form,
        permission="boards.write",
        place="measure",
    ),
    Page(
        path="boards/<int:board>/tiles/<int:tile>",
        name="board_tile",
        view=tile_view,
        permission="metrics.read",
        place="measure",
    ),
    Page(
        path="boards/<int:board>/tiles/<int:tile>/edit",
        name="board_tile_edit",
        view=tile_form,
        permission="boards.write",
        place="measure",
    ),
)
