"""A plan's budget: what is planned by line and month, moved with a reason, committed within limits, and spent."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Router, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.api.auth import Caller, Requires, caller
from topline.api.document import BASE, PlanNumber, VersionNumber, plain, version_of
from topline.api.once import once
from topline.api.sent import Sent
from topline.plans import ledger
from topline.plans.ledger import Row
from topline.plans.models import BudgetLine, Commitment, SpendKind
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.period import parse_day
from topline.units.text import N_

router = Router()

_Line = Annotated[str, Path(description="The key of a line")]
DECISIONS = {
    "approve": Commitment.State.APPROVED,
    "refuse": Commitment.State.REFUSED,
    "paid": Commitment.State.PAID,
    "withdraw": Commitment.State.WITHDRAWN,
}


class UnknownCommitmentError(ToplineError):
    message = N_("This plan has no commitment %(id)s.")


class LineIn(Sent):
    """A line of the budget with what it plans by month."""

    activity: str
    front_key: Annotated[str, Field(max_length=40, description="The key of the action front that it is for")] = ""
    channel: Annotated[str, Field(max_length=255)] = ""
    campaign: Annotated[str, Field(max_length=255)] = ""
    market: Annotated[str, Field(max_length=10)] = ""
    kind: SpendKind = SpendKind.ADS
    expected: Annotated[
        Decimal | None, Field(description="Net sales that it should bring; its channel's own history if left out")
    ] = None
    planned: Annotated[dict[str, Decimal], Field(description="Amounts by month, such as 2027-09; others stay")] = {}
    reason: Annotated[str, Field(max_length=500, description="Why the amounts change, kept in the log")] = ""


class BudgetMoveIn(Sent):
    source: str
    source_month: date
    target: str
    target_month: date
    amount: Decimal
    reason: str


class BudgetMoveOut(BudgetMoveIn):
    id: int


class CommitmentIn(Sent):
    line: str
    month: Annotated[date, Field(description="A day of the month of the spend")]
    amount: Decimal
    what: Annotated[str, Field(max_length=300)]


class CommitmentOut(CommitmentIn):
    id: int
    state: str
    asked_by: int | None
    decided_by: int | None


class CommitmentDecisionIn(Sent):
    decision: Literal["approve", "refuse", "paid", "withdraw"]
    note: Annotated[str, Field(max_length=500)] = ""


@router.get(
    f"{BASE}/budget",
    response=dict[str, Any],
    auth=Requires("plans.read", is_whole=True),
    summary="The ledger: planned, committed and spent by line, front, channel and month, pace, return, payback, cash",
)
def read_budget(request: HttpRequest, shop: str, plan: PlanNumber, version: VersionNumber) -> dict[str, Any]:
    who = caller(request)
    may_see_profit = "finance.read" in who.token.permissions()
    found = ledger.ledger(version_of(who, plan, version), who.shop.today())
    groups = {
        name: [{"key": key, **_row(row, may_see_profit)} for key, row in found.by(column)]
        for name, column in (("fronts", "front_key"), ("channels", "channel"))
    }
    return {
        "months": list(found.months),
        "lines": [_line(row.line) | _row(row, may_see_profit) for row in found.rows],
        "whole": _row(found.whole, may_see_profit),
        **groups,
        "cash": [plain(each) for each in found.cash] if may_see_profit else [],
        "commitments": [
            CommitmentOut.from_orm(each).dict() for each in Commitment.objects.filter(plan_id=plan).order_by("pk")
        ],
    }


@router.post(
    f"{BASE}/budget/lines", response={201: dict[str, Any]}, auth=Requires("plans.write"), summary="Add a budget line"
)
@decorate_view(once)
def add_line(
    request: HttpRequest, shop: str, plan: PlanNumber, version: VersionNumber, wanted: LineIn
) -> Status[dict[str, Any]]:
    return Status(201, _keep(request, plan, version, wanted, ""))


@router.put(
    f"{BASE}/budget/lines/{{line}}",
    response=dict[str, Any],
    auth=Requires("plans.write"),
    summary="Change a budget line and what it plans by month",
)
def write_line(
    request: HttpRequest, shop: str, plan: PlanNumber, version: VersionNumber, line: _Line, wanted: LineIn
) -> dict[str, Any]:
    return _keep(request, plan, version, wanted, line)


@router.delete(
    f"{BASE}/budget/lines/{{line}}", response={204: None}, auth=Requires("plans.write"), summary="Take a line out"
)
def drop_line(request: HttpRequest, shop: str, plan: PlanNumber, version: VersionNumber, line: _Line) -> Status[None]:
    who = caller(request)
    ledger.drop_line(version=version_of(who, plan, version), key=line, actor=who.user, now=timezone.now())
    return Status(204, None)


@router.post(
    f"{BASE}/budget/moves",
    response={201: BudgetMoveOut},
    auth=Requires("plans.write"),
    summary="Move money from one line and month to another, with the reason",
)
@decorate_view(once)
def move(
    request: HttpRequest, shop: str, plan: PlanNumber, version: VersionNumber, wanted: BudgetMoveIn
) -> Status[object]:
    who = caller(request)
    made = ledger.move(version=version_of(who, plan, version), actor=who.user, now=timezone.now(), **wanted.dict())
    return Status(201, made)


@router.post(
    f"{BASE}/budget/commitments",
    response={201: CommitmentOut},
    auth=Requires("plans.write"),
    summary="Commit money of a line: at once within one's limit, else it waits for approval",
)
@decorate_view(once)
def commit(
    request: HttpRequest, shop: str, plan: PlanNumber, version: VersionNumber, wanted: CommitmentIn
) -> Status[object]:
    who = caller(request)
    made = ledger.commit(
        version=version_of(who, plan, version), key=wanted.line, month=wanted.month, amount=wanted.amount,
        what=wanted.what, today=who.shop.today(), actor=who.user, now=timezone.now(),
    )  # fmt: skip
    return Status(201, made)


@router.post(
    f"{BASE}/budget/commitments/{{commitment}}",
    response=CommitmentOut,
    auth=Requires("plans.write"),
    summary="Approve or refuse a commitment, say that it is spent, or withdraw it",
)
def decide(
    request: HttpRequest,
    shop: str,
    plan: PlanNumber,
    version: VersionNumber,
    commitment: int,
    wanted: CommitmentDecisionIn,
) -> Commitment:
    who = caller(request)
    if wanted.decision in ("approve", "refuse"):
        _check_approver(who)
    found = version_of(who, plan, version).plan.commitments.filter(pk=commitment).first()
    if found is None:
        raise UnknownCommitmentError(id=commitment)
    return ledger.decide(
        commitment=found, state=DECISIONS[wanted.decision], actor=who.user, now=timezone.now(), note=wanted.note
    )


def _check_approver(who: Caller) -> None:
    """Raises PermissionDenied."""
    if "plans.approve" not in who.token.permissions():
        raise PermissionDenied("plans.approve")


def _keep(request: HttpRequest, plan: int, version: int, wanted: LineIn, key: str) -> dict[str, Any]:
    who, now = caller(request), timezone.now()
    named = wanted.dict(exclude={"planned", "reason"})
    held = version_of(who, plan, version)
    with transaction.atomic():
        made = ledger.put_line(version=held, key=key, actor=who.user, now=now, **named)
        for month, amount in wanted.planned.items():
            ledger.set_amount(
                version=held, key=made.key, month=parse_day(month), amount=amount, actor=who.user, now=now,
                reason=wanted.reason,
            )  # fmt: skip
    made.refresh_from_db()
    return _line(made)


def _line(line: BudgetLine | None) -> dict[str, Any]:
    """A line as it is planned; of spend that no line plans nothing."""
    return line.contents() if line else {"key": "", "activity": ""}


def _row(row: Row, may_see_profit: bool) -> dict[str, Any]:
    """Sums of a row, and by month; what it should bring for those who may see profit."""
    known = {
        "planned_by_month": row.planned,
        "committed_by_month": row.committed,
        "spent_by_month": row.actual,
        "planned_sum": row.planned_sum,
        "committed_sum": row.committed_sum,
        "spent_sum": row.actual_sum,
        "left": row.left,
        "due": row.due,
        "pace": row.pace,
        "used": row.used,
    }
    if may_see_profit:
        known |= {
            "returns": None if isinstance(row.returns, Missing) else row.returns,
            "roi": None if isinstance(row.roi, Missing) else row.roi,
            "paid_back_in": row.paid_back_in,
        }
    return known
