"""Every code that the audit log may hold is said in words, and every word is of a code that it may hold."""

import ast
import re
from pathlib import Path

from topline.catalog import operations as catalog
from topline.plans.models import Commitment, Edit, EntryEdit, Proposal, Step
from topline.team import operations as team
from topline.web import audited
from topline.workbench.models import AuditEntry

SOURCE = Path(audited.__file__).parents[1]
WRITERS = {"log", "_log", "_audit", "_switch"}
CODE = re.compile(r"[a-z]+\.[a-z_]+")
BEGUN: dict[str, set[str]] = {
    "plan.document_": set(EntryEdit.Kind),
    "plan.commitment_": set(Commitment.State),
    "plan.target_": set(Edit),
    "proposal.": set(Proposal.State) - {Proposal.State.OPEN},
    "plan.": set(Step) - {Step.SUBMITTED, Step.VOIDED, Step.ACTIVATED} | {"in_review", "approval_voided", "active"},
}
"""Codes whose end is a state or a kind: which ends there are."""


def _writes() -> list[ast.Call]:
    found = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in WRITERS:
                found.append(node)
    return found


def _name(called: ast.expr) -> str:
    if isinstance(called, ast.Attribute):
        is_log = called.attr == "log" and isinstance(called.value, ast.Name) and called.value.id == "audit"
        return "log" if is_log else ""
    return called.id if isinstance(called, ast.Name) and called.id != "log" else ""


def _codes() -> set[str]:
    found: set[str] = set()
    for call in _writes():
        for argument in call.args:
            match argument:
                case ast.Constant(value=str(text)) if CODE.fullmatch(text):
                    found.add(text)
                case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]) if text in BEGUN:
                    found |= {text + end for end in BEGUN[text]}
                case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
                    assert not CODE.match(text + "x"), f"{text}…: say in BEGUN how it may end"
    return found


def test_every_act_is_said_in_words():
    assert _codes() == set(audited.ACTIONS)


def test_every_key_of_a_detail_is_said_in_words():
    beside = {"actor_id", "shop", "subject"}
    keys = {word.arg for call in _writes() for word in call.keywords if word.arg} - beside
    keys |= {*catalog.FIELDS, *team.MEMBER, *team.TERRITORY, *team.TRAINING, "is_active", "language"}
    assert keys <= set(audited.KEYS) | audited.UNSAID


def test_a_field_and_a_seat_are_said_as_the_document_and_the_approval_say_them():
    said = audited.detail(AuditEntry(detail={"field": "8.fronts", "row": "170f7d805f", "column": "owner"}), {})
    assert said == "Action fronts: Owner"
    assert (
        audited.detail(AuditEntry(detail={"field": "5.positioning", "row": "", "column": "text"}), {}).count(":") == 1
    )
    assert audited.detail(AuditEntry(detail={"seat": "plan_owner"}), {}) == "as: Plan owner"
    assert audited.detail(AuditEntry(detail={"seat": "sales"}), {}) == "as: Head of sales"
