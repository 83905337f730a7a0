"""Social networks and content: posts, followers, and what people did with what the shop published."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from topline.metrics.dimension import DAYS, DIMENSIONS, TIME
from topline.metrics.marketing import COUNT, RATE, known, rate_of
from topline.metrics.metric import Cell, Key, Measure, Metric, RollUp, Staged, count
from topline.metrics.source import Source
from topline.units.missing import Missing
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.metrics.view import View

_NO_REACH = Missing("no_reach", N_("the reach of the posts is not known"))
_NO_PEOPLE = Missing("no_people", N_("the networks don't tell how many people interacted"))
_NO_CONTENT = Missing("no_content_sessions", N_("no visits with content"))
_NO_FOLLOWERS = Missing("no_followers", N_("no counts of followers"))

_POST = TIME | {"channel", "market", "stage", "front"}
_CONTENT = TIME | {"channel", "market", "stage", "content"}
_KINDS = ("likes", "comments", "shares", "saves", "other")


def _interactions(view: "View") -> Any:
    """Posts with the `count` of all interactions; where kinds are asked for, each post once for every kind."""
    posts: Any = view.tables.table("social_post")
    posts = posts.mutate(day=posts.on)
    if view.is_asked("kind"):
        return posts.pivot_longer(list(_KINDS), names_to="kind", values_to="count")
    return posts.mutate(count=_sum_of_kinds(posts))


def _sum_of_kinds(posts: Any) -> Any:
    return posts.likes + posts.comments + posts.shares + posts.saves + posts.other


def _accounts(view: "View") -> Any:
    """Counts of followers with the channel's name as `account`, which the rest of the channels doesn't hide."""
    counts: Any = view.tables.table("followers")
    return counts.mutate(day=counts.on, account=counts.channel)


SOURCES = (
    Source("interaction", "social_post", _interactions, is_kept=False),
    Source("account", "followers", _accounts, is_kept=False),
)

INTERACTIONS = Measure("social_interactions", "interaction", lambda rows: rows["count"].sum())
ENGAGING = Measure(
    "reached_interactions",
    "social_post",
    lambda rows: _sum_of_kinds(rows).sum(where=rows.reach.notnull()),
)
REACH = Measure("reach", "social_post", lambda rows: rows.reach.sum())
SOCIAL_LEADS = Measure("social_leads", "social_post", lambda rows: rows.people.sum())
CONTENT = Measure(
    "content_interactions",
    "content_interaction",
    lambda rows: rows.kind.isin(["read", "play", "comment", "share"]).sum(),
)
CONTENT_SESSIONS = Measure(
    "content_sessions", "content_interaction", lambda rows: rows.session_key.nunique(), adds_up=False
)
CONTENT_ENGAGED = Measure(
    "content_engaged",
    "content_interaction",
    lambda rows: rows.session_key.nunique(where=rows.is_engaged),
    adds_up=False,
)


def _follower_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """The last count of each channel up to each bucket's end, summed over the channels.

    A channel that nobody counted in a bucket keeps its earlier count, also that of before the period.
    """
    grains = [id_ for id_ in by if DIMENSIONS[id_].grain]
    is_kept = len(grains) < 2 and not any(DIMENSIONS[f.dimension].grain for f in view.query.where)
    rows: Any = view.rows("account", by, is_history=is_kept)
    start = view.query.period.start if view.query.period else date.min
    rows = rows.mutate(is_inside=rows.within >= start)
    counted = rows.group_by(*by, "account", "is_inside").aggregate(last=rows["count"].argmax(rows.day))
    courses: dict[Key, dict[Key, int]] = defaultdict(dict)
    for record in view.tables.run(counted):
        slices = tuple(record[id_] for id_ in by if id_ not in grains)
        moment = (*(record[id_] for id_ in grains), record["is_inside"])
        courses[(*slices, record["account"])][moment] = record["last"]
    moments = sorted({moment for course in courses.values() for moment in course})
    cells: dict[Key, dict[str, Any]] = defaultdict(dict)
    for slices, course in courses.items():
        last = None
        for moment in moments:
            last = course.get(moment, last if is_kept else None)
            if last is not None and moment[-1]:
                parts = iter(slices), iter(moment)
                cell = cells[tuple(next(parts[id_ in grains]) for id_ in by)]
                cell["followers"] = cell.get("followers", 0) + last
    return cells


FOLLOWERS = Staged("followers", _follower_cells, ("followers",), source="followers")

_POSTED = N_("A post counts on the day it was published, with all that it has drawn to date.")

METRICS = (
    Metric(
        id="social_interactions",
        label=N_("Social interactions"),
        description=N_("Likes, comments, shares, saves and other interactions with the shop's posts."),
        note=_POSTED,
        formula="Σ likes + comments + shares + saves + other",
        measures=(INTERACTIONS,),
        value=lambda cell: count(cell, "social_interactions"),
        dimensions=_POST | {"kind"},
        leaders=N_("The networks count an interaction on its own day; Meta adds clicks to its engagement."),
        is_plan=True,
        **COUNT,
    ),
    Metric(
        id="social_engagement_rate",
        label=N_("Social engagement rate"),
        description=N_("Interactions for each person that the posts reached."),
        note=_POSTED,
        formula="interactions / reach",
        measures=(ENGAGING, REACH),
        value=rate_of("reached_interactions", "reach", _NO_REACH),
        dimensions=_POST,
        leaders=N_("Hootsuite and Sprout offer division by impressions or followers too; their rates are lower."),
        **RATE,
    ),
    Metric(
        id="followers",
        label=N_("Followers"),
        description=N_("Followers at the end of the day, week, month or period, over all channels."),
        note=N_("Someone who follows two channels counts twice. A channel that wasn't counted keeps its last count."),
        formula="Σ over channels of the last count",
        measures=(FOLLOWERS,),
        value=lambda cell: known(cell, "followers", _NO_FOLLOWERS),
        dimensions=DAYS | {"channel"},
        leaders=N_("The networks show the same for their own channel."),
        **COUNT | {"roll_up": RollUp.ANEW},
    ),
    Metric(
        id="social_leads",
        label=N_("Social leads"),
        description=N_("People who interacted with a post."),
        note=N_(
            "They are not leads: there is no contact and no permission. Someone who interacts with two posts counts "
            "twice, because the networks don't say who it was."
        ),
        formula="Σ distinct people who interacted with each post",
        measures=(SOCIAL_LEADS,),
        value=lambda cell: known(cell, "social_leads", _NO_PEOPLE),
        dimensions=_POST,
        leaders=N_("The networks call it accounts engaged, and count an account once for all posts."),
        **COUNT,
    ),
    Metric(
        id="content_interactions",
        label=N_("Content interactions"),
        description=N_("Reads, plays, comments and shares of the shop's content, by piece."),
        note=N_("A video that plays on another site has no visit, and counts here all the same."),
        formula="count of content interactions of the kinds read, play, comment, share",
        measures=(CONTENT,),
        value=lambda cell: count(cell, "content_interactions"),
        dimensions=_CONTENT | {"kind"},
        leaders=N_("YouTube counts a play after thirty seconds; the source's own rule is kept."),
        is_plan=True,
        **COUNT,
    ),
    Metric(
        id="content_engagement_rate",
        label=N_("Content engagement rate"),
        description=N_("The share of the visits with content that stayed with it or acted on it."),
        note=N_("Content seen on other sites has no visit and is left out."),
        formula="distinct sessions engaged with content / distinct sessions with content",
        measures=(CONTENT_ENGAGED, CONTENT_SESSIONS),
        value=rate_of("content_engaged", "content_sessions", _NO_CONTENT),
        dimensions=_CONTENT | {"kind"},
        leaders=N_("Google Analytics' engagement rate takes the whole visit, not what happened to the piece."),
        **RATE,
    ),
)
