"""Screens: links that show dashboards on a wall without signing in."""

from datetime import datetime
from typing import Annotated

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Router, Schema, Status
from pydantic import Field

from topline.api.auth import Requires, caller
from topline.api.boards import find_board
from topline.api.sent import Sent
from topline.boards import operations
from topline.boards.models import Screen
from topline.units.errors import ToplineError
from topline.units.text import N_

router = Router()

_Screen = Annotated[int, Path(description="The screen's number")]


class UnknownScreenError(ToplineError):
    message = N_("There is no screen %(id)s that shows anything.")


class ScreenIn(Sent):
    name: str
    dashboards: Annotated[list[int], Field(description="Dashboards' numbers, in their order")]
    seconds: Annotated[
        int,
        Field(
            ge=operations.LEAST_SECONDS, le=operations.MOST_SECONDS, description="How long each dashboard stands"
        ),
    ] = 30  # fmt: skip


class ScreenOut(Schema):
    id: int
    name: str
    hint: Annotated[str, Field(description="The link's first characters, to know it by")]
    dashboards: list[int]
    seconds: int
    created_at: datetime


class ScreenMade(ScreenOut):
    address: Annotated[str, Field(description="The link, shown this once")]


@router.get(
    "/shops/{shop}/screens",
    response=list[ScreenOut],
    auth=Requires("boards.share"),
    summary="Links that show something",
)
def list_screens(request: HttpRequest, shop: str) -> list[Screen]:
    return list(Screen.objects.live().filter(shop=caller(request).shop).order_by("-created_at"))


@router.post(
    "/shops/{shop}/screens", response=ScreenMade, auth=Requires("boards.share"), summary="Make a screen's link"
)
def create_screen(request: HttpRequest, shop: str, wanted: ScreenIn) -> dict[str, object]:
    """The link is a key of which only the digest is kept, so a repeated request makes another one."""
    who = caller(request)
    screen, secret = operations.create_screen(
        shop=who.shop,
        maker=who.user,
        name=wanted.name,
        boards=[find_board(who, each) for each in wanted.dashboards],
        seconds=wanted.seconds,
        language=who.user.language or settings.LANGUAGE_CODE,
    )
    made = {name: getattr(screen, name) for name in ScreenOut.model_fields}
    return {**made, "address": f"{settings.URL}/screen/{secret}/"}


@router.delete(
    "/shops/{shop}/screens/{screen}", response={204: None}, auth=Requires("boards.share"), summary="End a screen's link"
)
def revoke_screen(request: HttpRequest, shop: str, screen: _Screen) -> Status[None]:
    who = caller(request)
    found = Screen.objects.live().filter(shop=who.shop, pk=screen).first()
    if found is None:
        raise UnknownScreenError(id=screen)
    operations.revoke_screen(screen=found, actor=who.user, now=timezone.now())
    return Status(204, None)
