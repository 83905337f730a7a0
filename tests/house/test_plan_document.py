"""The plan document has every field of its specification, with the behaviour and the columns named there."""

import pytest

from topline.plans import report
from topline.plans.models import Kind
from topline.plans.outline import SECTIONS, Behaviour, Type, fields, sections
from topline.web.pages import plan_views

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
