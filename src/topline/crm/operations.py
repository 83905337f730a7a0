"""Bringing customers in by sets; saying that two are one person, and taking it back; erasing a person."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import batched

from django.db import transaction
from django.db.models import Q

from topline.accounts.models import Shop
from topline.crm import erasure_log
from topline.crm.models import Erasure, Identity, Person
from topline.facts.identity_link import IdentityLink
from topline.facts.table import tables
from topline.journal import operations as journal
from topline.journal.models import Record
from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.workbench import audit, maintenance

_LENGTHS = {"name": 300, "email": 254, "phone": 40, "country": 100}
_SET = 500


class MergeError(ToplineError):
    message = N_("These two are one person already, or belong to different shops.")


class UnknownPersonError(ToplineError):
    message = N_("The shop “%(shop)s” has no customer %(id)s.")


class NotMergedError(ToplineError):
    message = N_("This person isn't merged into another.")


def upsert_identities(*, shop: Shop, source: str, rows: Iterable[Mapping[str, str | None]]) -> tuple[int, int]:
    """How many customers were new, and of how many something new was learnt.

    rows : `source_id`, `customer_key`, and any of name, email, phone, country; an empty value changes nothing
    """
    created = changed = 0
    for some in batched(rows, _SET):
        new, other = _upsert(shop, source, {str(row["source_id"]): row for row in some})
        created, changed = created + new, changed + other
    return created, changed


@transaction.atomic
def merge(*, keep: Person, other: Person, actor_id: int | None, now: datetime) -> Person:
    """`keep`, whose history now includes the other's. Raises MergeError."""
    keep, other = root(keep), root(other)
    free = Person.objects.select_for_update().filter(pk__in=[keep.pk, other.pk], merged_into__isnull=True)
    if keep == other or keep.shop_id != other.shop_id or len(free.order_by("pk")) < 2:
        raise MergeError()
    other.merged_into = keep
    other.save(update_fields=["merged_into"])
    _link(keep, now)
    audit.log("person.merge", actor_id=actor_id, shop=keep.shop.slug, subject=keep.key, other=other.key)
    return keep


@transaction.atomic
def unmerge(*, person: Person, actor_id: int | None, now: datetime) -> Person:
    """The person, standing for themselves again with what was theirs. Raises NotMergedError."""
    kept = person.merged_into
    if kept is None:
        raise NotMergedError()
    person.merged_into = None
    person.save(update_fields=["merged_into"])
    for half in (person, root(kept)):
        _link(half, now)
    audit.log("person.unmerge", actor_id=actor_id, shop=person.shop.slug, subject=person.key, other=kept.key)
    return person


def erase(*, person: Person, actor_id: int | None, now: datetime) -> int:
    """How many customers of sources were erased: all that the person is. Their facts lose the key at the next fold."""
    shop = person.shop
    with transaction.atomic():
        people = list(tree(root(person)))
        keys = keys_of(people)
        audit.log("person.erase", actor_id=actor_id, shop=shop.slug, customers=len(keys))
        _forget(shop, keys, now)
    erasure_log.add(shop.slug, keys, now)
    _forget_facts(shop, keys)
    return len(keys)


def erase_again(*, entries: Iterable[tuple[str, str]], now: datetime) -> int:
    """How many customers a restored backup had brought back; they are erased again.

    entries : (shop, customer_key) of the erasure log
    """
    by_shop: dict[str, list[str]] = {}
    for slug, key in entries:
        by_shop.setdefault(slug, []).append(key)
    found = 0
    for shop in Shop.objects.filter(slug__in=by_shop):
        back = Identity.objects.filter(shop=shop, customer_key__in=by_shop[shop.slug])
        found += back.count()
        with transaction.atomic():
            _forget(shop, by_shop[shop.slug], now)
        _forget_facts(shop, by_shop[shop.slug])
    return found


def root(person: Person) -> Person:
    """The person that this one stands under after all merges."""
    while person.merged_into is not None:
        person = person.merged_into
    return person


@transaction.atomic
def _upsert(shop: Shop, source: str, rows: Mapping[str, Mapping[str, str | None]]) -> tuple[int, int]:
    erased = set(_erased(shop, (str(row["customer_key"]) for row in rows.values())))
    known = {
        identity.source_id: identity.person
        for identity in Identity.objects.select_related("person").filter(shop=shop, source=source, source_id__in=rows)
    }
    fresh = {id_: row for id_, row in rows.items() if id_ not in known and row["customer_key"] not in erased}
    people = Person.objects.bulk_create(Person(shop=shop, **_details(row)) for row in fresh.values())
    Identity.objects.bulk_create(
        Identity(shop=shop, person=person, source=source, source_id=id_, customer_key=str(row["customer_key"]))
        for person, (id_, row) in zip(people, fresh.items(), strict=True)
    )
    changed = [person for id_, person in known.items() if _learn(person, rows[id_])]
    Person.objects.bulk_update(changed, list(_LENGTHS))
    return len(fresh), len(changed)


def _details(row: Mapping[str, str | None]) -> dict[str, str]:
    return {name: (row.get(name) or "")[:length] for name, length in _LENGTHS.items()}


def _learn(person: Person, row: Mapping[str, str | None]) -> bool:
    news = {name: value for name, value in _details(row).items() if value and value != getattr(person, name)}
    for name, value in news.items():
        setattr(person, name, value)
    return bool(news)


def tree(person: Person) -> Iterator[Person]:
    """The person and everyone merged into them, at any depth."""
    yield person
    for merged in person.merged.all():
        yield from tree(merged)


def keys_of(people: Iterable[Person]) -> list[str]:
    """The keys by which facts know the customers that these people are."""
    return list(Identity.objects.filter(person__in=list(people)).order_by("pk").values_list("customer_key", flat=True))


def _link(person: Person, now: datetime) -> None:
    """Record whom the customers under a person belong to: to the person, or to themselves where it is only one."""
    keys = keys_of(tree(person))
    owner = person.key if len(keys) > 1 else None
    links = (
        IdentityLink(key=f"link:{key}", version=0, recorded_at=now, batch_id="", customer_key=key, person_id=owner)
        for key in keys
    )
    journal.record(*links, shop=person.shop.slug)


def _erased(shop: Shop, keys: Iterable[str]) -> list[str]:
    return list(Erasure.objects.filter(shop=shop, customer_key__in=list(keys)).values_list("customer_key", flat=True))


def _forget(shop: Shop, keys: list[str], now: datetime) -> None:
    """Delete the people behind these keys and their links; keep only that the keys are erased."""
    people = Person.objects.filter(shop=shop, identity__customer_key__in=keys)
    Person.objects.filter(pk__in=list(people.values_list("pk", flat=True))).delete()
    drained = journal.position(consumer=journal.LAKE_WRITER, shop=shop.slug)
    about = Q(pk__in=[])
    for fact in tables().values():
        for column in fact.personal_keys:
            about |= Q(fact=fact.name, **{f"row__{column}__in": keys})
    Record.objects.filter(about, shop=shop.slug, seq__lte=drained).delete()
    Erasure.objects.bulk_create(
        (Erasure(shop=shop, customer_key=key, erased_at=now) for key in keys), ignore_conflicts=True
    )


def _forget_facts(shop: Shop, keys: list[str]) -> None:
    """Let the next fold, asked for here, put random keys in the place of these."""
    shop.lake().forget(keys)
    maintenance.enqueue_fold(shop.slug)
