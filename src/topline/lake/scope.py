"""What a viewer may see of the lake: compiled into every query and part of every cache key."""

import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """The shops, and within them the part, that a question may touch. There is no default scope.

    shops : slugs
    owners, territories : ids that rows must belong to, None for all
    hidden_families : families of metrics that the viewer may not see, such as margins
    """

    shops: frozenset[str]
    owners: frozenset[str] | None = None
    territories: frozenset[str] | None = None
    hidden_families: frozenset[str] = frozenset()

    @classmethod
    def whole(cls, shop: str) -> "Scope":
        """All of one shop: for jobs and the command line."""
        return cls(frozenset({shop}))

    @property
    def is_whole(self) -> bool:
        """Whether it holds all rows of its shops; families of metrics may be hidden all the same."""
        return self.owners is None and self.territories is None

    def covers(self, other: "Scope") -> bool:
        """Whether all that `other` may see may be seen in this scope too."""
        return (
            other.shops <= self.shops
            and (self.owners is None or (other.owners is not None and other.owners <= self.owners))
            and (self.territories is None or (other.territories is not None and other.territories <= self.territories))
            and self.hidden_families <= other.hidden_families
        )

    def within(self, other: "Scope") -> "Scope":
        """What may be seen in both."""
        return Scope(
            shops=self.shops & other.shops,
            owners=_both(self.owners, other.owners),
            territories=_both(self.territories, other.territories),
            hidden_families=self.hidden_families | other.hidden_families,
        )

    @property
    def digest(self) -> str:
        """The scope's part of a cache key."""
        parts = [
            sorted(self.shops),
            None if self.owners is None else sorted(self.owners),
            None if self.territories is None else sorted(self.territories),
            sorted(self.hidden_families),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other
