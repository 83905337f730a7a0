"""A customer as a source knows them, without anything that identifies a person."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Fact, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer(Fact):
    """customer_key is the HMAC of the source's id; the person behind it lives in the database."""

    customer_key: str
    since_on: date | None = None
    market: str | None = None
    segment: str | None = None


TABLE = Table(
    "customer",
    Customer,
    day=None,
    personal_keys=("customer_key",),
    description="customers of the sources, without names",
    identity=("customer_key",),
)
