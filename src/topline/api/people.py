"""Customers by name: who they are, saying that two are one person, what erasing one would take, and erasing one."""

from typing import Annotated

from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Query, Router, Schema, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.api import paging
from topline.api.auth import Requires, caller
from topline.api.once import once
from topline.api.sent import Sent
from topline.crm import operations, privacy
from topline.crm.models import Person
from topline.units.errors import ToplineError
from topline.units.text import N_

router = Router()

MOST = 50

_Id = Annotated[int, Path(description="The customer's number")]


class NotConfirmedError(ToplineError):
    message = N_("Erasing can't be undone. Say so by sending confirm: “erase”.")


class PersonOut(Schema):
    id: int
    name: str
    email: str
    phone: str
    country: str
    merged_into: Annotated[
        int | None, Field(validation_alias="merged_into_id", description="The customer that their history counts under")
    ] = None


class MergeIn(Sent):
    other: Annotated[int, Field(description="The customer whose history goes to the one in the address")]


class MergesOut(Schema):
    """`next` is the cursor of the page after; empty on the last."""

    merges: list[PersonOut]
    next: str | None


class GoingOut(Schema):
    """`facts` counts the rows by fact that lose the customer's key; they stay in every sum."""

    people: list[PersonOut]
    customers: int
    sources: list[str]
    facts: dict[str, int]


class EraseIn(Sent):
    confirm: Annotated[str, Field(description="The word erase")] = ""


class ErasedOut(Schema):
    """`customers` of sources are erased; their keys leave the facts when the fold is done."""

    customers: int
    fold: Annotated[int | None, Field(description="The job that takes the keys out of the facts")]


@router.get(
    "/shops/{shop}/people",
    response=list[PersonOut],
    auth=Requires("customers.read"),
    summary="Customers by e-mail address, phone, number in a source, or a part of the name",
)
def find_people(request: HttpRequest, shop: str, q: str) -> list[Person]:
    return list(Person.objects.matching(caller(request).shop, q)[:MOST])


@router.get(
    "/shops/{shop}/merges",
    response=MergesOut,
    auth=Requires("customers.read"),
    summary="Customers who are merged into another",
)
def list_merges(
    request: HttpRequest, shop: str, after: str | None = None, limit: Annotated[int, Query(ge=1, le=200)] = MOST
) -> dict[str, object]:
    page, following = paging.newest_first(Person.objects.merged(caller(request).shop), limit=limit, after=after)
    return {"merges": page, "next": following}


@router.post(
    "/shops/{shop}/people/{person}/merge",
    response=PersonOut,
    auth=Requires("customers.write", is_whole=True),
    summary="Say that another customer is this person too: their history counts as one",
)
@decorate_view(once)
def merge(request: HttpRequest, shop: str, person: _Id, said: MergeIn) -> Person:
    return operations.merge(
        keep=_person(request, person),
        other=_person(request, said.other),
        actor_id=caller(request).user.pk,
        now=timezone.now(),
    )


@router.post(
    "/shops/{shop}/people/{person}/unmerge",
    response=PersonOut,
    auth=Requires("customers.write", is_whole=True),
    summary="Take a merge back: the customer stands for themselves again, with what was theirs",
)
@decorate_view(once)
def unmerge(request: HttpRequest, shop: str, person: _Id) -> Person:
    return operations.unmerge(person=_person(request, person), actor_id=caller(request).user.pk, now=timezone.now())


@router.get(
    "/shops/{shop}/people/{person}/erasure",
    response=GoingOut,
    auth=Requires("customers.write"),
    summary="What erasing a customer would take",
)
def show_going(request: HttpRequest, shop: str, person: _Id) -> privacy.Going:
    return privacy.going(_person(request, person))


@router.post(
    "/shops/{shop}/people/{person}/erasure",
    response={202: ErasedOut},
    auth=Requires("customers.write"),
    summary="Erase a customer, for good",
)
@decorate_view(once)
def erase(request: HttpRequest, shop: str, person: _Id, sure: EraseIn) -> Status[dict[str, int | None]]:
    found = _person(request, person)
    if sure.confirm != "erase":
        raise NotConfirmedError()
    count = operations.erase(person=found, actor_id=caller(request).user.pk, now=timezone.now())
    job = privacy.under_way(found.shop)
    return Status(202, {"customers": count, "fold": job.pk if job else None})


def _person(request: HttpRequest, number: int) -> Person:
    shop = caller(request).shop
    found = Person.objects.filter(shop=shop, pk=number).first()
    if found is None:
        raise operations.UnknownPersonError(shop=shop.slug, id=number)
    return found
