"""Laws of the funnel for any events: it counts as a reader of the log does, never rises, and its parts sum up."""

import itertools
from collections import defaultdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import web_facts
from topline.analysis.funnel import FunnelQuestion, reach
from topline.metrics.query import Filter

KINDS = ("page_view", "product_view", "add_to_cart", "checkout", "purchase")
happening = st.tuples(st.sampled_from(KINDS), st.sampled_from(["a1", "a2", "b1", "c1"]), st.integers(0, 12))
questions = st.lists(st.sampled_from(("visit", *KINDS)), min_size=2, max_size=4, unique=True).map(tuple)
CHANNEL = {"a1": "mail", "a2": "ads", "b1": "ads", "c1": None}


def read_in_order(rows: list[dict[str, Any]], steps: tuple[str, ...], unit: str, limit: float) -> list[int]:
    """How many units reach each step, by reading every unit's events from the first to the last."""
    log = defaultdict(list)
    for row in rows:
        log[row[unit]].append((row["at"], row["event"]))
    counts = [0] * len(steps)
    for events in log.values():
        at, entered = None, None
        for i, step in enumerate(steps):
            moments = [when for when, kind in events if step in ("visit", kind) and (at is None or when >= at)]
            if not moments or (entered and (min(moments) - entered).total_seconds() > limit):
                break
            at = min(moments)
            entered = entered or at
            counts[i] += 1
    return counts


@settings(max_examples=15, deadline=None)
@given(found=st.lists(happening, min_size=1, max_size=30), steps=questions)
def test_counts_as_a_reader_of_the_log_does(found: list[tuple[str, str, int]], steps: tuple[str, ...]) -> None:
    rows = [web_facts.event(kind, visit, minute, channel=CHANNEL[visit]) for kind, visit, minute in found]
    tables = web_facts.tables({"web_event": rows})
    counts = reach(tables, FunnelQuestion(steps=steps, by="channel")).counts()
    assert counts == read_in_order(rows, steps, "session_key", 86_400)
    people = reach(tables, FunnelQuestion(steps=steps, within="person")).counts()
    assert people == read_in_order(rows, steps, "visitor_key", 30 * 86_400)
    assert all(after <= before for before, after in itertools.pairwise(counts))
    assert sum(before - after for before, after in itertools.pairwise(counts)) + counts[-1] == counts[0]


@settings(max_examples=6, deadline=None)
@given(found=st.lists(happening, min_size=1, max_size=30), steps=questions)
def test_channels_sum_to_the_whole(found: list[tuple[str, str, int]], steps: tuple[str, ...]) -> None:
    rows = [web_facts.event(kind, visit, minute, channel=CHANNEL[visit]) for kind, visit, minute in found]
    tables = web_facts.tables({"web_event": rows})
    cut = reach(tables, FunnelQuestion(steps=steps, by="channel"))
    whole = reach(tables, FunnelQuestion(steps=steps)).counts()
    parts = [cut.counts(i) for i in range(len(cut.names))]
    assert [sum(part[i] for part in parts) for i in range(len(steps))] == whole
    for i, name in enumerate(cut.names):
        only = reach(tables, FunnelQuestion(steps=steps, where=(Filter("channel", (name,)),))).counts()
        assert only == cut.counts(i)
