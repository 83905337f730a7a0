"""The plan document has every field of its specification, with the behaviour and the columns named there."""

import os
import re
from pathlib import Path

import pytest

from topline.plans import report
from topline.plans.models import Kind, State
from topline.plans.outline import SECTIONS, Behaviour, Type, fields, sections
from topline.web.pages import plan_views

DATA = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
SPEC = DATA.parent / "spec" / "plan-document.md"

# What each section must hold: T text, N live numbers, TB table, C calendar, P people, L links; `made of` is a view of
# what stands elsewhere in the plan. After the field's name the columns that a table must have.
SPECIFIED = {
    1: ["T summary", "T note", "N headline", "view frame"],
    2: [
        "N figures", "view products", "TB assumptions assumption source on evidence",
        "TB evidence finding kind source on effect", "T text",
    ],
    3: [
        "TB target_market demographics trends opportunities",
        "TB competitors price strengths weaknesses opportunities threats", "TB swot statement kind", "N size",
    ],
    4: [
        "TB personas demographic psychographic behavioural needs pains preferences benefits rule size aov clv",
        "TB journey persona step",
    ],
    5: ["T positioning", "T advantages", "TB messages message content"],
    6: ["view goals", "TB evidence goal evidence", "view resources"],
    7: [
        "choice orientation", "TB products name category details",
        "TB prices price margin floor lowest_margin discount_limit terms volume",
        "TB places channel carrier promise cost", "TB promotion kind details front budget", "T rationale",
    ],
    8: [
        "TB fronts name goal focus channels owner budget kpi result",
        "TB actions stage channel content audience owner starts_on ends_on expected budget",
        "TB actions campaigns utm coupons flow form",
        "TB partners deliverable fee code link expected actual",
    ],
    9: ["view matrix", "view needed"],
    10: ["C pieces type stage frequency channel owner status result", "TB audit cadence on"],
    11: ["C promotions event products offer stock_need uplift legal"],
    12: ["view budget", "N return"],
    13: ["TB flows flow", "N figures", "T consent"],
    14: ["view goals", "TB credit person share"],
    15: ["TB offers category details value differentiators price stock"],
    16: [
        "TB prospecting rule source method goal", "TB tactics tactic aim strategy",
        "TB playbook objection answer stage",
        "L materials link stage", "N conversion",
    ],
    17: ["TB stages name exit volume conversion days", "TB activities name goal"],
    18: ["view months", "TB drivers driver low expected high", "N accuracy", "L open_to_buy link"],
    19: ["TB territories market channel owner target calendar strategy"],
    20: ["TB orders open_to_buy cover reorder service", "N stock"],
    21: ["P people person role reports_to capacity"],
    22: ["C sessions on person skill kpi before after"],
    23: ["TB indicators metric threshold cadence tool"],
    24: [
        "C reviews on", "view held", "view commitments", "N variance", "view drivers", "view proposals",
        "TB log proposal decision",
    ],
}  # fmt: skip

# Each clause of the specification, word by word, and the fields that keep it.
CLAUSES = {
    1: {
        "T written from the locked version plus a note": "summary note",
        "N headline targets and scenario": "headline",
        "version, period, currency, time zone": "frame",
    },
    2: {
        "N last year's sales, customers, products": "figures products",
        "TB assumption, source, date": "assumptions",
        "TB external trend, consumer preference, industry development: source, date, effect": "evidence",
        "T": "text",
    },
    3: {
        "TB target market: demographics, trends, opportunities": "target_market",
        "TB competitor: price, strengths, weaknesses, opportunities, threats": "competitors",
        "T own SWOT": "swot",
        "N market size -> share": "size",
    },
    4: {
        "TB per persona: demographic, psychographic, behavioural, needs, pains, preferences, benefits sought": (
            "personas"
        ),
        "L segment": "personas",
        "N size, AOV, CLV": "personas",
        "planned journey": "journey",
    },
    5: {
        "T positioning": "positioning",
        "T competitive advantages": "advantages",
        "T message house": "messages",
        "L content": "messages",
    },
    6: {
        "TB metric, baseline N, target N, date, P, parent L, achievability N": "goals",
        "L actions (at least 1)": "goals",
        "TB resources needed, held, missing": "resources",
    },
    7: {
        "L products, T details": "products",
        "N price, margin, lowest margin, derived volume, TB discount limits, payment terms": "prices",
        "TB channel, logistics (carrier, delivery promise, cost N)": "places",
        "TB promotion mix (advertising, public relations, digital, content, other): L front, budget N": "promotion",
        "T rationale": "rationale",
        "product- or sales-oriented": "orientation",
    },
    8: {
        "TB front, goal, focus stage, channels, P, budget N, KPI N": "fronts",
        "TB actions (capabilities.md P9)": "actions",
        "TB partner or influencer: deliverable, fee, code or link, expected N, actual N": "partners",
    },
    9: {
        "TB per cell: action, content, flow L, expected N, actual N, return N": "matrix needed",
    },
    10: {
        "C type, stage, frequency, channel, P, status": "pieces",
        "N result": "pieces",
        "audit cadence and next date": "audit",
    },
    11: {
        "C event rule, products, offer, stock need N, uplift N, legal price check": "promotions",
    },
    12: {
        "TB by front, activity, channel, month: plan, committed, actual": "budget",
        "N ROI": "return",
    },
    13: {
        "L flow": "flows",
        "N leads, cost per lead, sends": "figures",
        "T consent basis": "consent",
    },
    14: {
        "TB reconciled N": "goals",
        "split credit in %": "credit",
    },
    15: {
        "L product": "offers",
        "T details": "offers",
        "T value proposition": "offers",
        "T differentiators": "offers",
        "N price, stock": "offers",
    },
    16: {
        "TB prospecting: target list L segment, source, method, goal N": "prospecting",
        "T tactics per aim": "tactics",
        "T playbook": "playbook",
        "L materials": "materials",
        "L stage": "materials playbook",
        "N conversion": "conversion",
    },
    17: {
        "TB stage, exit rule, target volume, conversion, days N": "stages",
        "activity goals": "activities",
    },
    18: {
        "N low, expected, high by month": "months",
        "TB drivers": "drivers",
        "N accuracy": "accuracy",
        "L open-to-buy": "open_to_buy",
    },
    19: {
        "TB market x channel, P, target N, calendar L, T strategy": "territories",
    },
    20: {
        "TB open-to-buy, cover, reorder N": "orders",
        "service level N": "orders stock",
    },
    21: {
        "P tree": "people",
        "T role": "people",
        "N capacity": "people",
    },
    22: {
        "C session": "sessions",
        "P": "sessions",
        "skill": "sessions",
        "the KPI it should move, N before and after": "sessions",
    },
    23: {
        "L metric": "indicators",
        "threshold": "indicators",
        "cadence": "indicators",
    },
    24: {
        "C review": "reviews held",
        "P commitments": "commitments",
        "N variance explained": "variance drivers",
        "accepted proposals": "proposals log",
    },
}

BEHAVIOURS = {
    "T": Behaviour.TEXT, "N": Behaviour.NUMBERS, "TB": Behaviour.TABLE, "C": Behaviour.CALENDAR, "P": Behaviour.PEOPLE,
    "L": Behaviour.LINKS, "view": Behaviour.VIEW, "choice": Behaviour.CHOICE,
}  # fmt: skip

TYPES = {
    "4.personas.rule": Type.RULE, "8.fronts.goal": Type.GOAL, "8.fronts.channels": Type.CHANNELS,
    "8.actions.owner": Type.PERSON, "8.actions.expected": Type.NUMBER, "8.actions.budget": Type.MONEY,
    "8.partners.actual": Type.LIVE, "7.prices.floor": Type.MONEY, "7.prices.discount_limit": Type.RATE,
    "16.tactics.strategy": Type.STRATEGY, "2.assumptions.on": Type.DAY, "23.indicators.metric": Type.METRIC,
}  # fmt: skip


@pytest.mark.parametrize(("number", "line"), [(number, line) for number, lines in SPECIFIED.items() for line in lines])
def test_the_document_has_the_field(number, line):
    behaviour, name, *columns = line.split()
    field = fields()[f"{number}.{name}"]
    assert field.behaviour == BEHAVIOURS[behaviour]
    assert set(columns) <= {column.id for column in field.columns}
    assert field.label
    assert field.question.endswith("?")


def test_there_are_24_sections_in_their_order():
    assert [section.number for section in SECTIONS] == list(range(1, 25)) == list(SPECIFIED)


def test_sections_of_a_marketing_and_of_a_sales_plan():
    assert [each.number for each in sections(Kind.MARKETING)] == [*range(1, 14), 23, 24]
    assert [each.number for each in sections(Kind.SALES)] == [1, 2, 4, *range(14, 25)]
    assert len(sections(Kind.BOTH)) == 24


def test_columns_have_the_type_that_their_meaning_asks_for():
    for name, type_ in TYPES.items():
        field, _, column = name.rpartition(".")
        assert fields()[field].column(column).type == type_, name


def test_every_view_stands_on_the_page_and_in_the_document_handed_out():
    views = {name for name, field in fields().items() if field.behaviour == Behaviour.VIEW}
    assert views == set(plan_views.VIEWS) == set(report.VIEWS)


def test_references_lead_to_fields_with_rows():
    for name, field in fields().items():
        for column in field.columns:
            if column.type in (Type.ROW, Type.ROWS):
                assert fields()[column.of].has_rows, f"{name}.{column.id}"
            if column.type == Type.CHOICE:
                assert column.options, f"{name}.{column.id}"


@pytest.fixture
def specification():
    if not SPEC.exists():
        pytest.skip("the specification is not here")
    return SPEC.read_text()


def test_every_clause_of_the_specification_is_kept_by_fields(specification):
    """A clause that was added or reworded there fails here until a field keeps it."""
    rows = re.findall(r"^\| (\d+) \| .+? \| (.+) \| .+? \|$", specification, re.M)
    said = {int(number): {clause.strip() for clause in text.split(";")} for number, text in rows}
    assert said == {number: set(kept) for number, kept in CLAUSES.items()}
    for number, kept in CLAUSES.items():
        named = {line.split()[1] for line in SPECIFIED[number]}
        assert {name for names in kept.values() for name in names.split()} <= named, number


def test_kinds_and_states_are_those_of_the_specification(specification):
    [line] = re.findall(
        r"Sections ([^.]+?) make a marketing plan, ([^.]+?) a sales plan", specification.replace("\n", " ")
    )
    for kind, text in zip((Kind.MARKETING, Kind.SALES), line, strict=True):
        spans = [[int(end) for end in span.split("-")] for span in re.findall(r"\d+(?:-\d+)?", text)]
        assert [each.number for each in sections(kind)] == [n for ends in spans for n in range(ends[0], ends[-1] + 1)]
    [way] = re.findall(r"\*\*States\.\*\* (.+?)\.", specification.replace("\n", " "))
    names = [re.sub(r"\(sales plan: (.+?)\)", r"\1", name).strip() for name in way.split("->")]
    assert [re.sub(r" \(.*", "", name) for name in names] == [str(state.label).lower() for state in State]
