"""A post on a social network, and what came of it."""

from dataclasses import dataclass
from datetime import date, datetime

from topline.facts.table import Fact, Hour, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class SocialPost(Fact):
    """A post in its newest state: what it has reached and drawn to date, on the day it was published.

    stage : of the buyer's way that the post is made for; front : the shop's name for a line of its messages
    reach : distinct people who saw it; other : interactions that have no column
    people : distinct people who interacted with it, None if the network doesn't tell
    """

    post_key: str
    channel: str
    market: str | None = None
    stage: str | None = None
    front: str | None = None
    at: datetime
    on: date
    hour: Hour
    reach: int | None = None
    likes: int = 0
    comments: int = 0
    shares: int = 0
    saves: int = 0
    other: int = 0
    people: int | None = None


TABLE = Table(
    "social_post",
    SocialPost,
    day="on",
    description="posts on social networks, their newest state",
    identity=("post_key",),
    nothing=Missing("no_social_posts", N_("no posts on social networks")),
)
