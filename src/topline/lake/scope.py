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
    def digest(self) -> str:
        """The scope's part of a cache key."""
        parts = [
            sorted(self.shops),
            None if self.owners is None else sorted(self.owners),
            None if self.territories is None else sorted(self.territories),
            sorted(self.hidden_families),
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
