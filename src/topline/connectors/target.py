"""What a kind of file is: its fields, the headings that name them, and what must be there."""

from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    """What the values of a field are."""

    CODE = "code"
    TEXT = "text"
    STAMP = "stamp"
    NUMBER = "number"
    INTEGER = "integer"
    RATE = "rate"
    FLAG = "flag"
    COUNTRY = "country"
    CURRENCY = "currency"
    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a target. names : headings that mean it, folded, without order"""

    id: str
    label: str
    type: Type
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of file.

    table : the fact that its rows become
    required : groups of field ids of which one each must be there
    telling : fields that speak for this target when several are possible
    is_strict : the required fields must be named, so that no other file is taken for one of these
    """

    table: str
    label: str
    fields: tuple[Field, ...]
    required: tuple[tuple[str, ...], ...]
    telling: tuple[str, ...]
    is_strict: bool = False

    def field(self, id_: str) -> Field:
        return next(f for f in self.fields if f.id == id_)


def field(id_: str, label: str, type_: Type, names: str) -> Field:
    """names : separated by bars or line ends"""
    return Field(id_, label, type_, tuple(part.strip() for part in names.replace("\n", "|").split("|") if part.strip()))
