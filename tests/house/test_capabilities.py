"""What the plan workspace promises is there: P1-P20 and T4 of the capabilities, each by what a person would look for.

Each line names pages, endpoints, fields of the plan document, findings of marketing's gate and operations; one that is
gone, or was never built, fails by its name.
"""

import inspect
import os
import re
from functools import cache
from pathlib import Path

import pytest

from topline.api.urls import api
from topline.plans import (
    approval,
    content,
    cuts,
    diff,
    fronts,
    funnel,
    gate,
    goals,
    grid,
    handout,
    ledger,
    operations,
    promotion,
    readiness,
    scenarios,
    stock,
    targets,
    templates,
    text,
)
from topline.plans.models import Plan
from topline.plans.outline import fields
from topline.science import scenario, season, volume
from topline.web.page import pages
from topline.workbench import audit, comments

DATA = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
SPEC = DATA.parent / "spec" / "capabilities.md"
VERSION = "/plans/{plan}/versions/{version}"

WANTED = {
    "P1": ["plan_document", "field 16.tactics.strategy", "field 7.prices.floor", "gate.unnamed", "gate.no_strategy",
           Plan.serves, approval.serve, templates.parts],
    "P2": ["price", "api /outlook/price/volume", "field 7.prices.volume", volume],
    "P3": ["plan_goals", "goal_letters", "letter.linked", "letter.missing", goals.add,
           operations.edit_goal],
    "P4": ["plan_goals", "goal", f"api {VERSION}/goals/{{goal}}", "field 6.goals", "field 14.goals", goals.add],
    "P5": ["plan_scenarios", "outlook", f"api {VERSION}/check",
           "field 18.drivers.expected", "field 2.assumptions.source"],
    "P6": ["plan_scenarios", f"api {VERSION}/scenarios",
           scenarios.branch, scenarios.side, scenarios.adopt, scenario.outcome],
    "P7": ["plan_targets", "plan_targets_edit", "team_quotas", f"api {VERSION}/targets", grid.spread, cuts, targets,
           operations.lock_targets, operations.undo_edit],
    "P8": ["plan_fronts", "field 9.matrix", "field 4.journey.step", f"api {VERSION}/fronts", fronts.matrix,
           fronts.journeys],
    "P9": ["plan_fronts", "field 8.fronts.budget", "field 8.fronts.focus", "field 8.actions.campaigns",
           "field 8.actions.utm", "field 8.actions.coupons", "field 8.actions.flow",
           "field 8.actions.form", "field 8.partners.code", fronts.ties],
    "P10": ["calendar", "own_event_new", "prior_price", "plan_promotions", f"api {VERSION}/promotions/simulate",
            "field 11.promotions.legal", "api /calendar.ics",
            promotion.check],
    "P11": ["plan_content", "field 10.pieces.status", "field 10.pieces.result", "field 10.audit.cadence", content],
    "P12": ["plan_budget", "plan_budget_line", "field 12.budget", f"api {VERSION}/budget",
            f"api {VERSION}/budget/moves", f"api {VERSION}/budget/commitments", ledger.ledger, ledger.move,
            ledger.commit, ledger.set_limit],
    "P13": ["field 3.target_market.demographics", "field 3.competitors.threats", "field 3.swot.kind",
            "field 2.evidence.source", "field 2.evidence.on", "field 2.assumptions.evidence"],
    "P14": ["field 4.personas.rule", "field 4.personas.size", "field 4.personas.aov", "field 4.personas.clv"],
    "P15": ["field 5.positioning", "field 5.messages.content", "field 4.personas.benefits", "field 7.orientation",
            "field 7.products.details", "field 7.places.carrier", "field 7.promotion.budget"],
    "P16": ["field 15.offers.category", "field 15.offers.differentiators", "field 15.offers.price", funnel.of],
    "P17": ["channels", "team_territories", "api /territories",
            "field 19.territories.channel", "field 19.territories.strategy", "api /channels/{code}"],
    "P18": ["stock_plan", "field 20.orders.open_to_buy", "field 18.open_to_buy", "api /outlook/stock", stock],
    "P19": ["plan_budget", ledger.Cash, ledger.Row.__dict__["pace"], season.pace],
    "P20": ["plan_approval", "gate.floor", "gate.margin", "gate.discount", "gate.segments", "gate.markets",
            "gate.channels", "gate.unplanned_promotion", "gate.stock", "gate.budget", gate.findings, diff.between,
            readiness.needs],
    "T4": ["plan_approval", "audit", "plan_versions", f"api {VERSION}/approve",
           f"api {VERSION}/fields/{{field}}/comments",
           f"api {VERSION}/fields/{{field}}/history", approval.settle, approval.is_whole, comments.add, audit.log,
           handout.write],
}  # fmt: skip


@cache
def endpoints() -> set[str]:
    return {path.removeprefix("/api/v1/shops/{shop}") for path in api.get_openapi_schema()["paths"]}


def is_there(wanted):
    if not isinstance(wanted, str):
        can_say = inspect.isroutine(wanted) or inspect.ismodule(wanted) or inspect.isclass(wanted)
        return not can_say or bool((wanted.__doc__ or "").strip())
    kind, _, name = wanted.partition(" ")
    if kind == "field":
        number, field, *column = name.split(".")
        kept = fields().get(f"{number}.{field}")
        return kept is not None and (not column or kept.column(column[0]) is not None)
    if kind == "api":
        return name in endpoints()
    return wanted in (text.TEXTS if "." in wanted else pages())


@pytest.mark.parametrize("id_", list(WANTED))
def test_the_capability_is_there(id_):
    assert [str(wanted) for wanted in WANTED[id_] if not is_there(wanted)] == []


@pytest.mark.skipif(not SPEC.exists(), reason="the specification is not here")
def test_every_row_of_the_specification_is_listed():
    listed = set(re.findall(r"^\| (P\d+|T4) \|", SPEC.read_text(), re.M))
    assert listed == set(WANTED)
