"""A document as its parts, in no format yet: `pdf`, `docx` and `pptx` write it, `frozen` keeps it as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from topline.documents.sheet import Sheet


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text in one style."""

    text: str
    is_strong: bool = False
    is_emphasis: bool = False
    link: str = ""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; one of level 1 begins a page and stands in the contents with those of level 2.

    number : before the text, such as "12", "" for none
    """

    text: str
    level: int = 1
    number: str = ""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text. role : "", lead (the sentence that answers), note (small), quote or code."""

    runs: tuple[Run, ...]
    role: str = ""

    @classmethod
    def of(cls, text: str, role: str = "") -> "Paragraph":
        return cls((Run(text),), role)

    @property
    def text(self) -> str:
        return "".join(run.text for run in self.runs)


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list; numbered or not."""

    items: tuple[tuple[Run, ...], ...]
    is_numbered: bool = False

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Bullets":
        return cls(tuple((Run(text),) for text in texts))


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that counts, in words: what, how much, and beside what."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """Numbers side by side."""

    items: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table under its own title; `sheet.name` is what it is called."""

    sheet: Sheet


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture from a chart's JSON (see `documents.chart`).

    height : in CSS pixels at a width of 720
    """

    title: str
    option: Mapping[str, Any]
    height: int = 300


type Block = Heading | Paragraph | Bullets | Figures | Table | Chart


@dataclass(frozen=True, slots=True)
class Document:
    """A document with its cover.

    language : of all its text, such as en or ro
    facts : what the cover states, by label
    contents_title : over the table of contents; "" for none
    note : at the foot of every page
    """

    title: str
    subtitle: str
    language: str
    facts: tuple[tuple[str, str], ...]
    blocks: tuple[Block, ...]
    contents_title: str = ""
    note: str = ""
    summary: str = ""

    @property
    def headings(self) -> list[tuple[int, Heading]]:
        """The headings of the contents with their places among the blocks."""
        return [(i, each) for i, each in enumerate(self.blocks) if isinstance(each, Heading) and each.level <= 2]

    @property
    def sheets(self) -> list[Sheet]:
        return [each.sheet for each in self.blocks if isinstance(each, Table)]
