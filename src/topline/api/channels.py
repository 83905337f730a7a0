"""Channels: where orders, visits, leads and costs come from, and what the shop calls them."""

from typing import Annotated

from django.http import HttpRequest
from ninja import Path, Router, Schema, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.accounts import channels
from topline.accounts.models import Channel
from topline.api.auth import Requires, caller
from topline.api.once import once
from topline.api.sent import Sent

router = Router()

_Code = Annotated[str, Path(description="The channel's code, as facts carry it")]


class ChannelOut(Schema):
    code: str
    name: str
    kind: str
    is_online: bool


class ChannelsOut(Schema):
    channels: list[ChannelOut]
    proposed: Annotated[list[ChannelOut], Field(description="Channels that facts carry and the list lacks")]


class ChannelIn(Sent):
    """What is left out follows from the code, or stays."""

    name: str = ""
    kind: str = ""
    is_online: bool | None = None


@router.get(
    "/shops/{shop}/channels",
    response=ChannelsOut,
    auth=Requires("settings.read"),
    summary="The shop's channels, and those that its facts carry and the list lacks",
)
def list_channels(request: HttpRequest, shop: str) -> dict[str, list[Channel]]:
    found = caller(request).shop
    listed = list(Channel.objects.filter(shop=found))
    return {"channels": listed, "proposed": channels.proposed(found, channels.seen(found))}


@router.put(
    "/shops/{shop}/channels/{code}",
    response=ChannelOut,
    auth=Requires("settings.write"),
    summary="Name a channel and say of what kind it is",
)
@decorate_view(once)
def keep_channel(request: HttpRequest, shop: str, code: _Code, said: ChannelIn) -> Channel:
    who = caller(request)
    return channels.keep_channel(
        shop=who.shop, code=code, name=said.name, kind=said.kind, is_online=said.is_online, actor_id=who.user.pk
    )


@router.delete(
    "/shops/{shop}/channels/{code}",
    response={204: None},
    auth=Requires("settings.write"),
    summary="Take a channel off the list; facts keep its code",
)
@decorate_view(once)
def remove_channel(request: HttpRequest, shop: str, code: _Code) -> Status[None]:
    who = caller(request)
    channels.remove_channel(shop=who.shop, code=code, actor_id=who.user.pk)
    return Status(204, None)
