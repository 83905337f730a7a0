"""A value that can't be computed, with the reason."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Missing:
    """Stands where a number would, and says why there is none: never zero, never blank.

    reason : a language-neutral code, such as `no_cost`
    message : the translatable sentence, a `%`-format over `params`
    """

    reason: str
    message: str
    params: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def __str__(self) -> str:
        return self.message % self.params
