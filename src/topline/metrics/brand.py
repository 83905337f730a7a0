"""Brand and satisfaction: what people answer, what they know of the brand, and its part of the market."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from topline.metrics import customers
from topline.metrics.dimension import DAYS, DIMENSIONS
from topline.metrics.metric import (
    Cell,
    Direction,
    Key,
    Measure,
    Metric,
    RollUp,
    Staged,
    Unit,
    Value,
    count,
    ratio,
    total,
)
from topline.metrics.sales import NET
from topline.metrics.source import Source
from topline.units.missing import Missing
from topline.units.text import N_

if TYPE_CHECKING:
    from ibis.expr.types import Scalar, Table

    from topline.metrics.view import View

CSAT_SCALE = 5
Z95 = 1.959963984540054
"""Of the standard normal distribution: 95 % lie within as many deviations."""

WEIGHTS = {"price_premium": 0.25, "brand_awareness": 0.25, "nps": 0.25, "repeat_purchase_rate": 0.25}
"""What each part of the brand's equity counts for."""

_NO_RESPONSES = Missing("no_responses", N_("no answers"))
_NO_ASKED = Missing("no_asked", N_("nobody was asked"))
_NO_AWARENESS = Missing("no_awareness", N_("nobody was asked about the brand"))
_NO_SIGNALS = Missing("no_brand_signals", N_("no mentions or branded searches were counted"))
_NO_ESTIMATE = Missing("no_market_estimate", N_("no estimate of the market lies within the period and scope"))
_NO_PREMIUM = Missing("no_price_premium", N_("no comparison of prices with the market (the series price_premium)"))

_SURVEY = DAYS | {"channel", "market"}


def _answers(is_wanted: "Callable[[Any], Any]", survey: str = "") -> "Callable[[Table], Scalar]":
    def value(rows: Any) -> Any:
        wanted = is_wanted(rows)
        return (wanted & (rows.survey == survey) if survey else wanted).sum()

    return value


def _is_answered(rows: Any) -> Any:
    return rows.score.notnull()


def _is_satisfied(rows: Any) -> Any:
    """Among the top two of the scale."""
    return rows.score >= rows["scale"].fill_null(CSAT_SCALE) - 1


RESPONSES = Measure("responses", "survey_response", _answers(_is_answered))
ASKED = Measure("asked", "survey_response", _answers(lambda rows: rows.is_asked))
ASKED_ANSWERED = Measure("asked_answered", "survey_response", _answers(lambda rows: rows.is_asked & _is_answered(rows)))
CSAT = Measure("csat_responses", "survey_response", _answers(_is_answered, "csat"))
SATISFIED = Measure("satisfied", "survey_response", _answers(_is_satisfied, "csat"))
NPS = Measure("nps_responses", "survey_response", _answers(_is_answered, "nps"))
PROMOTERS = Measure("promoters", "survey_response", _answers(lambda rows: rows.score >= 9, "nps"))
DETRACTORS = Measure("detractors", "survey_response", _answers(lambda rows: rows.score <= 6, "nps"))


def _signals(kind: str) -> "Callable[[Table], Scalar]":
    def value(rows: Any) -> Any:
        return rows["count"].sum(where=rows.kind == kind)

    return value


AWARE = Measure("aware", "brand_signal", _signals("aware_yes"))
UNAWARE = Measure("unaware", "brand_signal", _signals("aware_no"))
SEARCHES = Measure("branded_searches", "brand_signal", _signals("branded_search"))
MENTIONS = Measure("brand_mentions", "brand_signal", _signals("mention"))
PREMIUM = Measure(
    "premium_sum", "external_series", lambda rows: rows["value"].sum(where=rows.series == "price_premium")
)
PREMIUMS = Measure("premium_count", "external_series", lambda rows: (rows.series == "price_premium").sum())


def _estimates(view: "View") -> Any:
    """Estimates of the market with their own scope, whatever the question cuts by."""
    rows: Any = view.tables.table("market_estimate")
    return rows.mutate(day=rows.on, estimated_market=rows.market, estimated_category=rows.category)


SOURCES = (Source("estimate", "market_estimate", _estimates, is_kept=False),)


def _share_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """For each estimate that answers the question, the market's sales and our own of the same days and scope."""
    import ibis

    estimates = _chosen(view, by)
    if not estimates:
        return {}
    named = [name for name in _SCOPE if any(_scope(e, name) for e in estimates)]
    lines: Any = view.everything("counted", *named)
    daily = lines.group_by("within", *named).aggregate(own=NET.value(lines))
    scopes = ibis.memtable(
        {
            "place": list(range(len(estimates))),
            "first_day": [e["on"] for e in estimates],
            "end_day": [e["until_on"] for e in estimates],
            **{f"own_{name}": [_scope(e, name) for e in estimates] for name in named},
        },
        schema={
            "place": "int64",
            "first_day": "date",
            "end_day": "date",
            **{f"own_{name}": "string" for name in named},
        },
    )
    same = [scopes[f"own_{name}"].isnull() | (scopes[f"own_{name}"] == daily[name]) for name in named]
    joined = daily.inner_join(scopes, [daily.within >= scopes.first_day, daily.within < scopes.end_day, *same])
    summed = joined.group_by("place").aggregate(own=joined.own.sum())
    own = {record["place"]: record["own"] for record in view.tables.run(summed)}
    cells: dict[Key, dict[str, Any]] = defaultdict(dict)
    for place, estimate in enumerate(estimates):
        market = estimate["amount_shop"]
        cell = cells[tuple(estimate[id_] for id_ in by)]
        for id_, number in (
            ("own_sales", own.get(place) or 0),
            ("market_sales", market),
            ("market_confidence", float(market) * estimate["confidence"]),
        ):
            cell[id_] = cell.get(id_, 0) + number
    return cells


_SCOPE = ("market", "category")


def _scope(estimate: Mapping[str, Any], name: str) -> str | None:
    found: str | None = estimate[f"estimated_{name}"]
    return found


def _chosen(view: "View", by: tuple[str, ...]) -> list[Mapping[str, Any]]:
    """The estimates that answer the question; no two of them are of the same sales.

    They lie wholly within the period, and within their bucket of time. Where the question doesn't cut or filter by
    category, an estimate of all categories goes before those of each; the same for markets. Of those that overlap the
    longest stands, then the one of the highest confidence.
    """
    asked = {*by, *(f.dimension for f in view.query.filters)}
    calendar, period = view.settings.calendar, view.query.period
    end = min(day for day in (period and period.end, view.query.as_of, date.max) if day)
    grains = [(id_, grain) for id_ in by if (grain := DIMENSIONS[id_].grain)]
    rows: Any = view.rows("estimate", by)
    found = [
        record
        for record in view.tables.run(rows)
        if record["until_on"] <= min([end, *(calendar.next(record[id_], grain) for id_, grain in grains)])
    ]
    found.sort(key=lambda e: (e["on"] - e["until_on"], -e["confidence"], e["source"]))
    found.sort(key=lambda e: [(_scope(e, name) is None) == (name in asked) for name in reversed(_SCOPE)])
    chosen: list[Mapping[str, Any]] = []
    for estimate in found:
        if not any(_overlaps(estimate, other, asked) for other in chosen):
            chosen.append(estimate)
    return [e for e in chosen if all(_scope(e, name) is not None for name in _SCOPE if name in asked)]


def _overlaps(one: Mapping[str, Any], other: Mapping[str, Any], asked: set[str]) -> bool:
    """True if some sales are in both; two sources stand side by side only where the question cuts by source."""
    is_apart = any(
        _scope(one, name) != _scope(other, name) and None not in (_scope(one, name), _scope(other, name))
        for name in _SCOPE
    )
    is_apart = is_apart or ("source" in asked and one["source"] != other["source"])
    return not is_apart and one["on"] < other["until_on"] and other["on"] < one["until_on"]


MARKET = Staged(
    "market_share", _share_cells, ("market_estimate", "order_line"), is_shop_money=True, source="market_estimate"
)


def _wilson(part: float, whole: float, side: int) -> float:
    """An end of the 95 % interval of a rate; side is -1 or 1. Source: Wilson 1927."""
    rate, z2 = part / whole, Z95**2
    spread = Z95 * math.sqrt(rate * (1 - rate) / whole + z2 / (4 * whole**2))
    return min(max((rate + z2 / (2 * whole) + side * spread) / (1 + z2 / whole), 0.0), 1.0)


def _csat_end(side: int) -> Callable[[Cell], Value]:
    def value(cell: Cell) -> Value:
        satisfied, answers = count(cell, "satisfied"), count(cell, "csat_responses")
        if isinstance(satisfied, Missing) or isinstance(answers, Missing) or not answers:
            return _NO_RESPONSES
        return _wilson(float(satisfied), float(answers), side)

    return value


def _nps(cell: Cell) -> Value:
    promoters, detractors, answers = (float(total(cell, id_)) for id_ in ("promoters", "detractors", "nps_responses"))  # type: ignore[arg-type]
    return (promoters - detractors) / answers if answers else _NO_RESPONSES


def _nps_end(side: int) -> Callable[[Cell], Value]:
    def value(cell: Cell) -> Value:
        """Source: Rocks 2016, The American Statistician 70(4), the adjusted Wald interval: three answers are added."""
        answers = count(cell, "nps_responses")
        if isinstance(answers, Missing) or not answers:
            return _NO_RESPONSES
        whole = float(answers) + 3
        above, below = ((float(count(cell, id_)) + 0.75) / whole for id_ in ("promoters", "detractors"))  # type: ignore[arg-type]
        score = above - below
        return score + side * Z95 * math.sqrt((above + below - score**2) / whole)

    return value


def _premium(cell: Cell) -> Value:
    return ratio(cell.get("premium_sum", 0.0), count(cell, "premium_count"), _NO_PREMIUM)


def _awareness(cell: Cell) -> Value:
    return ratio(total(cell, "aware"), total(cell, "aware", "unaware"), _NO_AWARENESS)


def _repeat_rate(cell: Cell) -> Value:
    return ratio(count(cell, "repeat_buyers"), count(cell, "buyers"), customers.NO_CUSTOMERS)


def _equity(cell: Cell) -> Value:
    parts = {
        "price_premium": _premium(cell),
        "brand_awareness": _awareness(cell),
        "nps": _nps(cell),
        "repeat_purchase_rate": _repeat_rate(cell),
    }
    result = 0.0
    for id_, value in parts.items():
        if isinstance(value, Missing):
            return value
        result += WEIGHTS[id_] * _SCALES[id_](float(value))
    return result


_SCALES: Mapping[str, Callable[[float], float]] = {
    "price_premium": lambda premium: min(max(premium + 0.5, 0.0), 1.0),
    "brand_awareness": lambda share: share,
    "nps": lambda score: (score + 1) / 2,
    "repeat_purchase_rate": lambda share: share,
}
"""Each part on a scale from 0 to 1: half as dear as the market to half as dear again, nobody recommends to all do."""

_COMMON: dict[str, Any] = {"family": "brand", "basis": False}
_COUNT: dict[str, Any] = {**_COMMON, "unit": Unit.COUNT, "direction": Direction.UP, "roll_up": RollUp.SUM}
_RATE: dict[str, Any] = {**_COMMON, "unit": Unit.RATE, "direction": Direction.UP, "roll_up": RollUp.RATIO}
_ASKED = N_("An answer stands on the day the person was asked, so the answers of a day are of those asked on it.")
_BETWEEN = N_("Were the same people asked again and again, 95 of 100 such intervals would hold the true value.")

METRICS = (
    Metric(
        id="csat",
        label=N_("Customer satisfaction"),
        description=N_("The share of the answers that are satisfied: the top two of the scale."),
        note=_ASKED,
        formula="satisfied answers / answers, of the survey csat",
        measures=(SATISFIED, CSAT),
        value=lambda cell: ratio(count(cell, "satisfied"), count(cell, "csat_responses"), _NO_RESPONSES),
        dimensions=_SURVEY,
        leaders=N_(
            "Zendesk asks for good or bad, and Delighted counts 4 and 5 of 5 as here; both by the day of the answer."
        ),
        is_plan=True,
        parts=("csat_low", "csat_high", "response_rate"),
        **_RATE,
    ),
    Metric(
        id="csat_low",
        label=N_("Customer satisfaction, at least"),
        description=N_("The lower end of satisfaction's 95 % interval: what so few answers leave open."),
        note=_BETWEEN,
        formula="Wilson interval of satisfied / answers, lower end",
        measures=(SATISFIED, CSAT),
        value=_csat_end(-1),
        dimensions=_SURVEY,
        leaders=N_("Leading products show no interval."),
        **_RATE,
    ),
    Metric(
        id="csat_high",
        label=N_("Customer satisfaction, at most"),
        description=N_("The upper end of satisfaction's 95 % interval: what so few answers leave open."),
        note=_BETWEEN,
        formula="Wilson interval of satisfied / answers, upper end",
        measures=(SATISFIED, CSAT),
        value=_csat_end(1),
        dimensions=_SURVEY,
        leaders=N_("Leading products show no interval."),
        **_RATE,
    ),
    Metric(
        id="nps",
        label=N_("Net promoter score"),
        description=N_("The share who would recommend the shop (9 or 10 of 10) less the share who would not (0 to 6)."),
        note=_ASKED,
        formula="(answers of 9-10 - answers of 0-6) / answers, of the survey nps",
        measures=(PROMOTERS, DETRACTORS, NPS),
        value=_nps,
        dimensions=_SURVEY,
        leaders=N_("Others write it without the per cent sign, from -100 to 100, and by the day of the answer."),
        is_plan=True,
        parts=("nps_low", "nps_high", "response_rate"),
        **_RATE,
    ),
    Metric(
        id="nps_low",
        label=N_("Net promoter score, at least"),
        description=N_("The lower end of the score's 95 % interval: what so few answers leave open."),
        note=_BETWEEN,
        formula="adjusted Wald interval of nps, lower end",
        measures=(PROMOTERS, DETRACTORS, NPS),
        value=_nps_end(-1),
        dimensions=_SURVEY,
        leaders=N_("Leading products show no interval."),
        **_RATE,
    ),
    Metric(
        id="nps_high",
        label=N_("Net promoter score, at most"),
        description=N_("The upper end of the score's 95 % interval: what so few answers leave open."),
        note=_BETWEEN,
        formula="adjusted Wald interval of nps, upper end",
        measures=(PROMOTERS, DETRACTORS, NPS),
        value=_nps_end(1),
        dimensions=_SURVEY,
        leaders=N_("Leading products show no interval."),
        **_RATE,
    ),
    Metric(
        id="survey_responses",
        label=N_("Survey answers"),
        description=N_("Answers to the shop's surveys, by the day the person was asked."),
        formula="count of survey responses with a score",
        measures=(RESPONSES,),
        value=lambda cell: count(cell, "responses"),
        dimensions=_SURVEY | {"survey"},
        leaders=N_("The products of surveys count them by the day of the answer."),
        **_COUNT,
    ),
    Metric(
        id="response_rate",
        label=N_("Response rate"),
        description=N_("The share of the people asked who answered."),
        note=_ASKED,
        formula="asked and answered / asked",
        measures=(ASKED_ANSWERED, ASKED),
        value=lambda cell: ratio(count(cell, "asked_answered"), count(cell, "asked"), _NO_ASKED),
        dimensions=_SURVEY | {"survey"},
        leaders=N_("Delighted's is the same; some divide by those who opened the question."),
        **_RATE,
    ),
    Metric(
        id="brand_awareness",
        label=N_("Brand awareness"),
        description=N_(
            "The share of the people asked who know the brand. Branded searches and mentions stand beside it."
        ),
        formula="aware / asked",
        measures=(AWARE, UNAWARE),
        value=_awareness,
        dimensions=_SURVEY,
        leaders=N_("Others make one index of answers, searches and mentions; here each keeps its name."),
        is_plan=True,
        parts=("branded_searches", "brand_mentions"),
        **_RATE,
    ),
    Metric(
        id="branded_searches",
        label=N_("Branded searches"),
        description=N_("Searches for the brand's name, as the search engine reports them."),
        formula="Σ count of brand signals of the kind branded_search",
        measures=(SEARCHES,),
        value=lambda cell: _NO_SIGNALS if cell.get("branded_searches") is None else count(cell, "branded_searches"),
        dimensions=_SURVEY,
        leaders=N_("Google Search Console leaves rare searches out, so its parts add up to less than the whole."),
        **_COUNT,
    ),
    Metric(
        id="brand_mentions",
        label=N_("Brand mentions"),
        description=N_("How often the brand was named in public."),
        formula="Σ count of brand signals of the kind mention",
        measures=(MENTIONS,),
        value=lambda cell: _NO_SIGNALS if cell.get("brand_mentions") is None else count(cell, "brand_mentions"),
        dimensions=_SURVEY,
        leaders=N_("Listening products differ in the sites that they read; the source's own count is kept."),
        **_COUNT,
    ),
    Metric(
        id="market_share",
        label=N_("Market share"),
        description=N_("Our net sales in the market's sales, over the same days, market and category."),
        note=N_("Only estimates that lie wholly within the period count, and each sale of the market once."),
        formula="net_sales in the scope of the estimates / Σ estimated sales",
        measures=(MARKET,),
        value=lambda cell: ratio(total(cell, "own_sales"), total(cell, "market_sales"), _NO_ESTIMATE),
        dimensions=DAYS | {"market", "category", "source"},
        leaders=N_(
            "Market researchers count sales with tax to end customers; ask for theirs without, or the share is too low."
        ),
        is_plan=True,
        parts=("market_sales", "market_confidence"),
        **{**_RATE, "basis": True},
    ),
    Metric(
        id="market_sales",
        label=N_("Market sales"),
        description=N_("What all sellers together sold, as the market's estimates say."),
        formula="Σ amount of market estimates",
        unit=Unit.MONEY,
        family="brand",
        direction=Direction.NONE,
        roll_up=RollUp.ANEW,
        measures=(MARKET,),
        value=lambda cell: total(cell, "market_sales") if cell.get("market_sales") else _NO_ESTIMATE,
        dimensions=DAYS | {"market", "category", "source"},
        leaders=N_("It is an estimate of others; by source it says whose."),
        basis=False,
    ),
    Metric(
        id="market_confidence",
        label=N_("Confidence in the market's size"),
        description=N_("How sure the sources of the market's sales are, each weighted by its amount."),
        formula="Σ confidence x amount / Σ amount of market estimates",
        measures=(MARKET,),
        value=lambda cell: ratio(cell.get("market_confidence", 0.0), total(cell, "market_sales"), _NO_ESTIMATE),
        dimensions=DAYS | {"market", "category", "source"},
        leaders=N_("Other products show an estimate as if it were counted."),
        **_RATE,
    ),
    Metric(
        id="price_premium",
        label=N_("Price premium"),
        description=N_("How much dearer the shop is than the market for the like; below zero it is cheaper."),
        formula="mean of the series price_premium",
        measures=(PREMIUM, PREMIUMS),
        value=_premium,
        dimensions=DAYS | {"market", "source"},
        leaders=N_("Price monitors compare the listed prices of the same products; so should the series."),
        **_RATE | {"direction": Direction.NONE},
    ),
    Metric(
        id="brand_equity",
        label=N_("Brand equity"),
        description=N_(
            "What a brand is worth, as a composite: that it can ask more, is known, is recommended and bought again. "
            "From 0 to 100 %; read it against its own past."
        ),
        note=N_("Each part is a quarter of it, and without one of them there is no composite."),
        formula=(
            "0.25 x (price_premium + 0.5, within 0-1) + 0.25 x brand_awareness + 0.25 x (nps + 1) / 2 "
            "+ 0.25 x repeat_purchase_rate"
        ),
        measures=(PREMIUM, PREMIUMS, AWARE, UNAWARE, PROMOTERS, DETRACTORS, NPS, customers.REPEAT),
        value=_equity,
        dimensions=DAYS | {"market"},
        leaders=N_("Interbrand and Kantar value brands in money by models that they don't publish."),
        is_plan=True,
        parts=tuple(WEIGHTS),
        **{**_RATE, "basis": True, "roll_up": RollUp.ANEW},
    ),
)
