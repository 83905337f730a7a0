"""Customers by name: who they are, what erasing one would take, and erasing one."""

from typing import Annotated

from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Router, Schema, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.api.auth import Requires, caller
from topline.api.once import once
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


class GoingOut(Schema):
    """`facts` counts the rows by fact that lose the customer's key; they stay in every sum."""

    people: list[PersonOut]
    customers: int
    sources: list[str]
    facts: dict[str, int]


class EraseIn(Schema):
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
