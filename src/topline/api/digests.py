"""Digests: a dashboard by e-mail at the beginning of each day, week or month."""

from typing import Annotated

from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Router, Schema, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.accounts.models import User
from topline.api.auth import Caller, Requires, caller
from topline.api.boards import find_board, require_share
from topline.api.once import once
from topline.api.sent import Sent
from topline.boards import operations
from topline.boards.models import Digest
from topline.units.errors import ToplineError
from topline.units.text import N_

router = Router()

_Digest = Annotated[int, Path(description="The digest's number")]


class UnknownDigestError(ToplineError):
    message = N_("You have no digest %(id)s.")


class DigestIn(Sent):
    dashboard: Annotated[int | None, Field(description="Without one the figures of Today")] = None
    every: Annotated[Digest.Every, Field(description="day, week or month")] = Digest.Every.WEEK
    hour: Annotated[int, Field(ge=0, le=23, description="Of the shop's day")] = 7
    to: Annotated[list[str], Field(description="E-mails of people of the shop; others than yourself need boards.share")]


class DigestChange(Sent):
    to: Annotated[list[str], Field(description="Who gets it from now on; who unsubscribed stays out")]


class ReceiverOut(Schema):
    email: str
    has_unsubscribed: bool


class DigestOut(Schema):
    id: int
    dashboard: int | None
    every: str
    hour: int
    to: list[ReceiverOut]

    @staticmethod
    def resolve_dashboard(sent: Digest) -> int | None:
        return sent.dashboard_id

    @staticmethod
    def resolve_to(sent: Digest) -> list[dict[str, object]]:
        people = sent.recipients.select_related("user").order_by("pk")
        return [{"email": each.user.email, "has_unsubscribed": each.stopped_at is not None} for each in people]


@router.get("/shops/{shop}/digests", response=list[DigestOut], auth=Requires("boards.write"), summary="Your digests")
def list_digests(request: HttpRequest, shop: str) -> list[Digest]:
    who = caller(request)
    return list(Digest.objects.filter(shop=who.shop, owner=who.user, ended_at=None).order_by("pk"))


@router.post("/shops/{shop}/digests", response=DigestOut, auth=Requires("boards.write"), summary="Send a dashboard")
@decorate_view(once)
def create_digest(request: HttpRequest, shop: str, wanted: DigestIn) -> Digest:
    who = caller(request)
    return operations.create_digest(
        shop=who.shop,
        owner=who.user,
        board=find_board(who, wanted.dashboard) if wanted.dashboard is not None else None,
        every=wanted.every,
        hour=wanted.hour,
        users=_people(who, wanted.to),
    )


@router.patch(
    "/shops/{shop}/digests/{digest}", response=DigestOut, auth=Requires("boards.write"), summary="Change who gets it"
)
@decorate_view(once)
def change_digest(request: HttpRequest, shop: str, digest: _Digest, wanted: DigestChange) -> Digest:
    who = caller(request)
    found = _digest(who, digest)
    operations.set_recipients(sent=found, users=_people(who, wanted.to))
    return found


@router.delete(
    "/shops/{shop}/digests/{digest}", response={204: None}, auth=Requires("boards.write"), summary="Send it no more"
)
def end_digest(request: HttpRequest, shop: str, digest: _Digest) -> Status[None]:
    who = caller(request)
    operations.end_digest(sent=_digest(who, digest), actor=who.user, now=timezone.now())
    return Status(204, None)


def _people(who: Caller, emails: list[str]) -> list[User]:
    """The people of these e-mails that belong to the shop."""
    wanted = {email.strip().lower() for email in emails}
    people = User.objects.filter(membership__shop=who.shop, is_active=True).distinct()
    found = [person for person in people if person.email.lower() in wanted]
    if any(person != who.user for person in found):
        require_share(who)
    return found


def _digest(who: Caller, digest: int) -> Digest:
    found = Digest.objects.filter(shop=who.shop, owner=who.user, ended_at=None, pk=digest).first()
    if found is None:
        raise UnknownDigestError(id=digest)
    return found
