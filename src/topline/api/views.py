"""Saved views: questions of the metrics page by name."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Path, Router, Schema, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.api.auth import Caller, Requires, caller
from topline.api.boards import require_share
from topline.api.metrics import require_known
from topline.api.once import once
from topline.api.sent import Sent
from topline.boards import operations
from topline.boards.models import PRESETS, SavedView
from topline.metrics import query
from topline.units import spelling
from topline.units.errors import ToplineError
from topline.units.text import N_

router = Router()

_View = Annotated[int, Path(description="The view's number")]


class UnknownViewError(ToplineError):
    message = N_("There is no saved view %(id)s that you may open.")


class NotYourViewError(ToplineError):
    message = N_("Only its owner changes this view.")


class UnknownPresetError(ToplineError):
    message = N_("There is no period “%(id)s”. Did you mean %(nearest)s?")


class ViewIn(Sent):
    """A question by name; with a period of fixed days, one that goes with the day, or the page's own."""

    name: str
    is_shared: bool = False
    metrics: list[str] = []
    by: Annotated[list[str], Field(description="Dimensions and grains: month, channel")] = []
    where: Annotated[list[str], Field(description="Filters: market=GB,FR; an empty value is “none”")] = []
    start: Annotated[str | None, Field(description="First day, or month: 2027-01")] = None
    end: Annotated[str | None, Field(description="The day, or month, after the last")] = None
    preset: Annotated[str, Field(description=f"Instead, a period that goes with the day: {', '.join(PRESETS)}")] = ""
    against: Annotated[str, Field(description="What to compare with, as in a question; none for nothing")] = ""
    top: Annotated[int | None, Field(ge=1, le=1000)] = None
    window: str = ""
    money: Annotated[str, Field(description="shop or constant")] = "shop"


class ViewChange(ViewIn):
    """What is left out stays as it is."""

    name: str = ""


class ViewOut(Schema):
    id: int
    name: str
    is_shared: bool
    parameters: Annotated[list[list[str]], Field(description="Of the metrics page's address; preset: a period by name")]


@router.get(
    "/shops/{shop}/views", response=list[ViewOut], auth=Requires("metrics.read"), summary="Saved views you may open"
)
def list_views(request: HttpRequest, shop: str) -> list[SavedView]:
    return list(SavedView.objects.for_(caller(request).user, caller(request).shop))


@router.post("/shops/{shop}/views", response=ViewOut, auth=Requires("boards.write"), summary="Keep a question by name")
@decorate_view(once)
def save_view(request: HttpRequest, shop: str, wanted: ViewIn) -> SavedView:
    who = caller(request)
    if wanted.is_shared:
        require_share(who)
    return operations.save_view(
        shop=who.shop,
        owner=who.user,
        name=wanted.name,
        parameters=_parameters(who, wanted.dict()),
        is_shared=wanted.is_shared,
    )


@router.get("/shops/{shop}/views/{view}", response=ViewOut, auth=Requires("metrics.read"), summary="A saved view")
def show_view(request: HttpRequest, shop: str, view: _View) -> SavedView:
    return _view(caller(request), view)


@router.patch(
    "/shops/{shop}/views/{view}",
    response=ViewOut,
    auth=Requires("boards.write"),
    summary="Change a view's name, question or readership",
)
@decorate_view(once)
def change_view(request: HttpRequest, shop: str, view: _View, wanted: ViewChange) -> SavedView:
    who = caller(request)
    found = _own(who, view)
    given = wanted.dict(exclude_unset=True)
    if "is_shared" in given:
        require_share(who)
    asked = {**_question(found), **({"preset": ""} if "start" in given else {}), **given}
    return operations.change_view(
        view=found, name=given.get("name"), is_shared=given.get("is_shared"), parameters=_parameters(who, asked)
    )


@router.delete("/shops/{shop}/views/{view}", response={204: None}, auth=Requires("boards.write"), summary="Drop a view")
def drop_view(request: HttpRequest, shop: str, view: _View) -> Status[None]:
    operations.delete_view(view=_own(caller(request), view))
    return Status(204, None)


def _parameters(who: Caller, asked: dict[str, Any]) -> list[tuple[str, str]]:
    """The question as a view keeps it. Raises what `query.Query` and `require_known` raise, UnknownPresetError."""
    if (preset := asked["preset"]) and preset not in PRESETS:
        raise UnknownPresetError(id=preset, nearest=" / ".join(spelling.nearest(preset, PRESETS) or PRESETS))
    period = query.parse_period(asked["start"], asked["end"])
    against = asked["against"]
    known = query.parse(
        ",".join(asked["metrics"]), by=",".join(asked["by"]), where=asked["where"], top=asked["top"],
        window=asked["window"], money=asked["money"],
    )  # fmt: skip
    if against not in ("", "none", *query.AGAINST):
        raise query.ComparisonError(text=against, nearest=" / ".join(query.AGAINST))
    require_known(who, known.where, known.metrics)
    kept = [("metrics", ",".join(known.metrics)), ("by", ",".join(known.by)), *(("where", t) for t in asked["where"])]
    kept += [("top", str(known.top or "")), ("against", against), ("window", asked["window"])]
    kept += [("money", known.money)] if known.money != "shop" else []
    if preset:
        kept.append(("preset", preset))
    elif period:
        kept += [("from", period.start.isoformat()), ("to", period.end.isoformat())]
    return [(name, value) for name, value in kept if value]


def _question(view: SavedView) -> dict[str, Any]:
    """The question that a view holds, as `ViewIn` states it."""
    one = dict(view.parameters)

    def every(name: str) -> list[str]:
        return [value for each, value in view.parameters if each == name]

    return {
        "metrics": list(query.parse_list(",".join(every("metrics")))),
        "by": list(query.parse_list(",".join(every("by")))),
        "where": every("where"),
        "start": one.get("from"),
        "end": one.get("to"),
        "preset": one.get("preset", ""),
        "against": one.get("against", ""),
        "top": int(one["top"]) if one.get("top", "").isdecimal() else None,
        "window": one.get("window", ""),
        "money": one.get("money", "shop"),
    }


def _view(who: Caller, view: int) -> SavedView:
    found = SavedView.objects.for_(who.user, who.shop).filter(pk=view).first()
    if found is None:
        raise UnknownViewError(id=view)
    return found


def _own(who: Caller, view: int) -> SavedView:
    """One that the caller may change. Raises UnknownViewError, NotYourViewError."""
    found = _view(who, view)
    if not found.may_edit(who.user):
        raise NotYourViewError
    return found
