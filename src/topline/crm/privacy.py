"""What would go with a person who is erased, and how far an erasure has come."""

from collections.abc import Mapping
from dataclasses import dataclass

from topline.accounts.models import Shop
from topline.crm import operations
from topline.crm.models import Person
from topline.facts.table import tables
from topline.lake import engine
from topline.workbench.models import Job


@dataclass(frozen=True, slots=True)
class Going:
    """What an erasure takes.

    people : the person, and everyone merged with them; sources : names of what their customers came from
    facts : rows by fact that lose the customer's key and stay in every sum
    """

    people: tuple[Person, ...]
    customers: int
    sources: tuple[str, ...]
    facts: Mapping[str, int]


def going(person: Person) -> Going:
    """What erasing the person would take."""
    people = tuple(operations.tree(operations.root(person)))
    keys = operations.keys_of(people)
    sources = {name for each in people for name in each.identity_set.values_list("source", flat=True)}
    return Going(people, len(keys), tuple(sorted(sources)), _facts(person.shop, keys))


def under_way(shop: Shop) -> Job | None:
    """The fold that takes erased customers' keys out of the facts, None if none is left to do."""
    return Job.objects.filter(shop=shop.slug, kind="lake.fold").unfinished().order_by("pk").first()


def _facts(shop: Shop, keys: list[str]) -> dict[str, int]:
    lake = shop.lake()
    snapshot = lake.latest()
    found: dict[str, int] = {}
    if snapshot is None or not keys:
        return found
    for name, fact in tables().items():
        if not fact.personal_keys or name not in snapshot.tables:
            continue
        rows = engine.table(lake, name, snapshot)
        is_theirs = rows[fact.personal_keys[0]].isin(keys)
        for column in fact.personal_keys[1:]:
            is_theirs |= rows[column].isin(keys)
        theirs = rows.filter(is_theirs)
        if count := int(engine.execute(theirs.aggregate(n=theirs.count()))["n"][0].as_py()):
            found[name] = count
    return found
