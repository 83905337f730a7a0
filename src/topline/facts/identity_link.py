"""Which person a source's customer is; merge and unmerge append newer versions."""

from dataclasses import dataclass

from topline.facts.table import Fact, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityLink(Fact):
    """customer_key belongs to person_id from this version on; person_id None takes the link back."""

    customer_key: str
    person_id: str | None = None


TABLE = Table(
    "identity_link",
    IdentityLink,
    day=None,
    personal_keys=("customer_key",),
    description="links of customers to persons",
    is_own=True,
)
