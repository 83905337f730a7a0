"""What a person did with a piece of content."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from topline.facts.table import Fact, Hour, Table
from topline.units.missing import Missing
from topline.units.text import N_


class Kind(StrEnum):
    """What it was."""

    READ = "read"
    PLAY = "play"
    COMMENT = "comment"
    SHARE = "share"
    DOWNLOAD = "download"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentInteraction(Fact):
    """A piece of content read, played, commented, shared or downloaded.

    kind : read, play, comment, share, download
    session_key, visitor_key : the visit, None where it happened off the shop's pages
    is_engaged : the visit stayed with it (most of a text read, half of a video seen), or acted on it
    stage : of the buyer's way that the piece is made for
    """

    content_key: str
    title: str | None = None
    kind: str
    session_key: str | None = None
    visitor_key: str | None = None
    is_engaged: bool = False
    channel: str | None = None
    market: str | None = None
    stage: str | None = None
    at: datetime
    on: date
    hour: Hour


TABLE = Table(
    "content_interaction",
    ContentInteraction,
    day="on",
    personal_keys=("visitor_key",),
    description="reads, plays, comments, shares and downloads of content",
    nothing=Missing("no_content", N_("no interactions with content")),
)
