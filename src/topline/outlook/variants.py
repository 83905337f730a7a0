"""Ways of doing one thing compared with each other: pages, messages, pieces, carriers, by what comes of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topline.facts import lead_event, message_event, order_line
from topline.lake import engine
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.science import bottleneck
from topline.science.bottleneck import Estimate
from topline.units.period import Period

Floats = NDArray[np.float64]

DAYS = 91
"""A quarter: what is counted, and what a gain is stated for."""

DEALS_DAYS = 364
QUICK = timedelta(days=1)
"""A lead that somebody turns to within a day is followed up quickly."""

_FEWEST_PEERS = 30
_FEWEST_TAKEN = 5
_MOST_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class Count:
    """One way in one stratum: of so many, so many were taken further.

    name : "" for what others are only compared with
    stratum : what it is compared within, such as a channel
    """

    name: str
    stratum: str
    of: float
    taken: float


@dataclass(frozen=True, slots=True)
class Behind:
    """A way that brings less than the others of its strata.

    of : times it was gone in the period; own, goal : share taken further, its own and what the others let expect
    gain : money a quarter if it came up to them
    before, after : the share that tells whether it did, now and then: its own, or of a habit that of all in its stratum
    """

    name: str
    of: float
    own: float
    goal: float
    gain: Estimate
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Kind:
    """What is compared: counts over a period, and what one more that is taken further is worth.

    fewest : times that a way must have been gone to say anything of it; days : counted
    lag_days : that what is counted needs until it is known what came of it
    is_habit : a way is to go without something that could always be done; its others bear the name ""
    """

    counts: Callable[["Facts", Period], list[Count]]
    worth: Callable[["Facts", Period], Estimate | None]
    fewest: int
    days: int = DAYS
    lag_days: int = 0
    is_habit: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a shop as a snapshot has them."""

    lake: Lake
    snapshot: Snapshot

    def of(self, name: str, period: Period) -> Any:
        """The rows of these days, None where there is no such fact."""
        if name not in self.snapshot.tables:
            return None
        table: Any = engine.table(self.lake, name, self.snapshot)
        return table.filter((table.on >= period.start) & (table.on < period.end))

    def content_titles(self, keys: Sequence[str]) -> dict[str, str | None]:
        """The newest title of each of some pieces of content, None of one that never had any."""
        rows: Any = engine.table(self.lake, "content_interaction", self.snapshot)
        rows = rows.filter(rows.content_key.isin(keys) & rows.title.notnull())
        newest = rows.group_by("content_key").aggregate(title=rows.title.argmax(rows.at))
        found = {row["content_key"]: row["title"] for row in engine.execute(newest).to_pylist()}
        return {key: found.get(key) for key in keys}

    def counted(self, rows: Any) -> list[Count]:
        """Counts of a table with name, stratum, of and taken, the largest first."""
        largest = rows.filter(rows.name.notnull()).order_by(rows["of"].desc(), rows.name).limit(_MOST_ROWS)
        return [
            Count(row["name"], row["stratum"] or "", float(row["of"]), float(row["taken"]))
            for row in engine.execute(largest).to_pylist()
        ]


def behind(facts: Facts, kind: Kind, end: date) -> list[Behind]:
    """The ways that bring less than the others, by what the difference is worth; none where data is thin.

    end : the day after the last that counts
    """
    period = Period(end - timedelta(days=kind.days), end)
    counts = kind.counts(facts, period)
    worth = kind.worth(facts, period) if counts else None
    return [] if worth is None else sorted(_behind(counts, kind, worth), key=lambda one: -one.gain.value)


def share(facts: Facts, kind: Kind, name: str, period: Period) -> float | None:
    """The share that tells whether a way came up to the others (`Behind.before`), None if it was hardly gone."""
    mine = _told(kind.counts(facts, period), kind, name)
    of = sum(one.of for one in mine)
    return sum(one.taken for one in mine) / of if of >= _FEWEST_PEERS else None


def _told(counts: list[Count], kind: Kind, name: str) -> list[Count]:
    """The counts that tell how a way does: its own, of a habit all of its stratum."""
    own = [one for one in counts if one.name == name]
    strata = {one.stratum for one in own}
    return [one for one in counts if one.stratum in strata] if kind.is_habit else own


def _behind(counts: list[Count], kind: Kind, worth: Estimate) -> Iterator[Behind]:
    """What others bring is asked within the same strata, and weighed by where the way itself was gone (indirect
    standardisation); of several ways each is drawn to their mean as far as chance explains the difference."""
    compared = [
        one for name in sorted({each.name for each in counts} - {""}) if (one := _compared(name, counts, kind.fewest))
    ]
    if not compared:
        return
    names, ofs, owns, goals, errors = (list(each) for each in zip(*compared, strict=True))
    gaps, spreads = bottleneck.shrunk(np.array(goals) - np.array(owns), np.array(errors))
    for name, of, own, gap, error in zip(names, ofs, owns, gaps.tolist(), spreads.tolist(), strict=True):
        if gap > 0:
            gain = bottleneck.worth_of_gap(Estimate(gap, error), of * DAYS / kind.days, worth)
            told = _told(counts, kind, name)
            whole = sum(one.of for one in told)
            before = sum(one.taken for one in told) / whole
            yield Behind(name, of, own, own + gap, gain, before, before + gap * of / whole)


def _compared(name: str, counts: list[Count], fewest: int) -> tuple[str, float, float, float, float] | None:
    """Name, times gone, own share, share of the others, standard error of the difference; None if data is thin."""
    of = taken = expected = variance = seen = 0.0
    for mine in (one for one in counts if one.name == name):
        others = [one for one in counts if one.stratum == mine.stratum and one.name != name]
        peers, came = sum(one.of for one in others), sum(one.taken for one in others)
        if peers < _FEWEST_PEERS:
            continue
        rate = came / peers
        of, taken, seen = of + mine.of, taken + mine.taken, seen + came
        expected += mine.of * rate
        variance += mine.of**2 * max(rate * (1 - rate), 1 / peers) / peers
    if of < fewest or seen < _FEWEST_TAKEN:
        return None
    own, goal = taken / of, expected / of
    middle = (own + goal) / 2
    return name, of, own, goal, float(np.sqrt(variance / of**2 + max(middle * (1 - middle), 1 / of) / of))


# What is compared ------------------------------------------------------------------


def _landing_pages(facts: Facts, period: Period) -> list[Count]:
    """Visits by the page that they began on, within the channel that brought them: how many ordered."""
    return _visits(facts, period, "landing_page", "channel")


def _checkouts(facts: Facts, period: Period) -> list[Count]:
    """Visits at the checkout by device, within the market: how many ordered."""
    return _visits(facts, period, "device", "market", lambda rows: rows.filter(rows.checkouts > 0))


def _visits(
    facts: Facts, period: Period, name: str, stratum: str, chosen: Callable[[Any], Any] = lambda rows: rows
) -> list[Count]:
    rows = facts.of("session", period)
    if rows is None:
        return []
    rows = chosen(rows).group_by(name=rows[name], stratum=rows[stratum])
    return facts.counted(rows.aggregate(of=lambda t: t.count(), taken=lambda t: (t.orders > 0).sum()))


def _product_pages(facts: Facts, period: Period) -> list[Count]:
    """Visits that saw a product, within its category: how many put it into the cart."""
    rows = facts.of("web_event", period)
    if rows is None or "product" not in facts.snapshot.tables:
        return []
    goods: Any = engine.table(facts.lake, "product", facts.snapshot).select("product_key", "category")
    seen = rows.filter(rows.product_key.notnull()).group_by("product_key")
    seen = seen.aggregate(
        of=rows.session_key.nunique(where=rows.event == "product_view"),
        taken=rows.session_key.nunique(where=rows.event == "add_to_cart"),
    )
    seen = seen.filter(seen["of"] > 0).left_join(goods, "product_key")
    import ibis

    taken = ibis.least(seen["taken"], seen["of"])
    return facts.counted(seen.select(name=seen.product_key, stratum=seen.category, of=seen["of"], taken=taken))


def _messages(facts: Facts, period: Period) -> list[Count]:
    """Messages delivered by campaign, within the medium: how many a person clicked."""
    rows = facts.of("message_event", period)
    if rows is None:
        return []
    by = rows.group_by(name=rows.campaign, stratum=rows.medium)
    event, is_person = message_event.Event, ~rows.is_machine
    return facts.counted(
        by.aggregate(
            of=rows.message_key.nunique(where=rows.event == event.DELIVERED.value),
            taken=rows.message_key.nunique(where=(rows.event == event.CLICKED.value) & is_person),
        )
    )


def _pieces(facts: Facts, period: Period) -> list[Count]:
    """Visits that turned to a piece of content, within the stage that it is made for: how many ordered."""
    rows, visits = facts.of("content_interaction", period), facts.of("session", period)
    if rows is None or visits is None:
        return []
    read = rows.filter(rows.session_key.notnull()).select("content_key", "stage", "session_key").distinct()
    both = read.inner_join(visits.select("session_key", "orders"), "session_key")
    by = both.group_by(name=both.content_key, stratum=both.stage)
    return facts.counted(by.aggregate(of=lambda t: t.count(), taken=lambda t: (t.orders > 0).sum()))


def _carriers(facts: Facts, period: Period) -> list[Count]:
    """Parcels that arrived by carrier, within the market: how many came whole, right and on the day promised."""
    rows = facts.of("fulfilment", period)
    if rows is None:
        return []
    rows = rows.filter(rows.delivered_on.notnull() & rows.promised_on.notnull())
    rows = rows.mutate(is_good=(rows.delivered_on <= rows.promised_on) & rows.is_complete & rows.is_right)
    by = rows.group_by(name=rows.carrier, stratum=rows.market)
    return facts.counted(by.aggregate(of=lambda t: t.count(), taken=lambda t: t.is_good.sum()))


def _tactics(facts: Facts, period: Period) -> list[Count]:
    """Deals that closed, by whether the team did an activity of a kind for them: how many were won. A kind's row is the
    deals without it, its stratum holds those with it."""
    deals, done = _closed(facts, period), facts.of("activity", Period(period.start - timedelta(days=364), period.end))
    if deals is None or done is None:
        return []
    acts = engine.execute(
        done.filter(done.is_done & done.deal_key.notnull()).select("deal_key", "kind").distinct()
    ).to_pylist()
    with_it: dict[str, set[str]] = {}
    for row in acts:
        with_it.setdefault(row["kind"], set()).add(row["deal_key"])
    found = []
    for kind, keys in sorted(with_it.items()):
        for name, inside in ((kind, False), ("", True)):
            mine = [row for row in deals if (row["deal_key"] in keys) == inside]
            found.append(Count(name, kind, len(mine), sum(row["state"] == "won" for row in mine)))
    return [one for one in found if one.of]


def _closed(facts: Facts, period: Period) -> list[dict[str, Any]] | None:
    """The deals that were won or lost in these days."""
    rows = facts.of("deal_stage", period)
    if rows is None:
        return None
    ends = rows.filter(rows.state.isin(["won", "lost"]))
    found = {row["deal_key"]: row for row in engine.execute(ends.order_by("at")).to_pylist()}
    return list(found.values())


def _follow_ups(facts: Facts, period: Period) -> list[Count]:
    """Leads of the quarter before the last one, by whether somebody turned to them within a day: how many converted.
    Compared within what was known of a lead when it came: its channel and the form that it filled in."""
    before = Period(period.start - timedelta(days=DAYS), period.start)
    since = Period(before.start, period.end)
    leads, done = facts.of("lead_event", since), facts.of("activity", since)
    if leads is None or done is None:
        return []
    created, converted = lead_event.Event.CREATED.value, lead_event.Event.CONVERTED.value
    each = leads.group_by("lead_key").aggregate(
        begun=leads.at.min(where=leads.event == created),
        begun_on=leads.on.min(where=leads.event == created),
        channel=leads.channel.min(where=leads.event == created),
        form=leads.form.min(where=leads.event == created),
        is_converted=(leads.event == converted).any(),
    )
    first = done.filter(done.is_done & done.lead_key.notnull()).group_by("lead_key").aggregate(turned=done.at.min())
    rows = engine.execute(each.filter(each.begun_on < before.end).left_join(first, "lead_key")).to_pylist()
    found: dict[tuple[str, str], list[bool]] = {}
    for row in rows:
        is_quick = row["turned"] is not None and row["turned"] - row["begun"] <= QUICK
        stratum = f"{row['channel'] or ''} {row['form'] or ''}"
        found.setdefault(("" if is_quick else "late", stratum), []).append(bool(row["is_converted"]))
    return [Count(name, stratum, len(each), sum(each)) for (name, stratum), each in sorted(found.items())]


# What one more is worth ------------------------------------------------------------


def _order(facts: Facts, period: Period) -> Estimate | None:
    """What the goods of a mean order cost after discounts; None below thirty orders."""
    rows = facts.of("order_line", period)
    if rows is None:
        return None
    rows = rows.filter(rows.kind.isin([order_line.Kind.GOODS_SOLD.value, order_line.Kind.DISCOUNT.value]))
    each = rows.group_by("order_key").aggregate(net=rows.amount_shop.sum().cast("float64"))
    return _mean(engine.execute(each.filter(each.net > 0))["net"].to_numpy())


def _mean(values: Any) -> Estimate | None:
    values = np.asarray(values, dtype=np.float64)
    if len(values) < _FEWEST_PEERS:
        return None
    return Estimate(float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))))


def _times(each: Estimate | None, taken: float, of: float) -> Estimate | None:
    """What one is worth if a share of taken / of goes all the way; None where too few do."""
    if each is None or of < _FEWEST_PEERS or taken < _FEWEST_TAKEN:
        return None
    rate = taken / of
    error = float(np.sqrt(rate * (1 - rate) / of))
    return Estimate(each.value * rate, float(np.hypot(each.error * rate, each.value * error)))


def _cart(facts: Facts, period: Period) -> Estimate | None:
    """Of a cart: the mean order, as often as visits with a cart order."""
    visits = facts.of("session", period)
    if visits is None:
        return None
    sums = visits.filter(visits.carts > 0).aggregate(of=lambda t: t.count(), taken=lambda t: (t.orders > 0).sum())
    (row,) = engine.execute(sums).to_pylist()
    return _times(_order(facts, period), float(row["taken"] or 0), float(row["of"] or 0))


def _click(facts: Facts, period: Period) -> Estimate | None:
    """Of a click: the mean order, as often as visits that the same campaigns brought order."""
    visits, sent = facts.of("session", period), facts.of("message_event", period)
    if visits is None or sent is None:
        return None
    campaigns = sent.filter(sent.campaign.notnull()).select("campaign").distinct()
    brought = visits.semi_join(campaigns, "campaign")
    (row,) = engine.execute(brought.aggregate(of=lambda t: t.count(), taken=lambda t: (t.orders > 0).sum())).to_pylist()
    return _times(_order(facts, period), float(row["taken"] or 0), float(row["of"] or 0))


def _fault(facts: Facts, period: Period) -> Estimate | None:
    """Of a parcel that arrives as promised: what mending one that doesn't costs."""
    costs, parcels = facts.of("fulfilment_cost", period), sum(one.of - one.taken for one in _carriers(facts, period))
    if costs is None or parcels < _FEWEST_PEERS:
        return None
    (row,) = engine.execute(
        costs.filter(costs.kind == "error").aggregate(amount=costs.amount_shop.sum().cast("float64"))
    ).to_pylist()
    return Estimate(row["amount"] / parcels, row["amount"] / parcels**1.5) if row["amount"] else None


def _deal(facts: Facts, period: Period) -> Estimate | None:
    """Of a deal that is won: the mean of those of a year."""
    year = Period(period.end - timedelta(days=DEALS_DAYS), period.end)
    return _mean([float(row["value_shop"]) for row in _closed(facts, year) or () if row["state"] == "won"])


KINDS: Mapping[str, Kind] = {
    "landing": Kind(_landing_pages, _order, fewest=200),
    "product_page": Kind(_product_pages, _cart, fewest=200),
    "checkout": Kind(_checkouts, _order, fewest=200),
    "message": Kind(_messages, _click, fewest=500),
    "content": Kind(_pieces, _order, fewest=200),
    "delivery": Kind(_carriers, _fault, fewest=100),
    "tactic": Kind(_tactics, _deal, fewest=30, days=DEALS_DAYS, is_habit=True),
    "follow_up": Kind(_follow_ups, _deal, fewest=30, lag_days=DAYS, is_habit=True),
}
