"""Proposals: what is worth doing each week, decided in one step, and scored later."""

from datetime import date
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.translation import get_language
from ninja import Path, Router, Schema
from ninja.decorators import decorate_view
from pydantic import Field

from topline.accounts.models import Shop
from topline.api import plans
from topline.api.auth import Requires, caller
from topline.api.once import once
from topline.api.sent import Sent
from topline.plans import proposals
from topline.plans.models import Proposal
from topline.plans.text import Sentence
from topline.units.errors import ToplineError
from topline.units.text import N_

router = Router()

_MOST = 200


class UnknownProposalError(ToplineError):
    message = N_("The shop “%(shop)s” has no proposal %(id)s.")


class ProposalOut(Schema):
    id: int
    week: date
    rank: int
    kind: str
    action: str
    reason: str
    gain: float
    low: Annotated[float, Field(description="Of the interval of 80 %")]
    high: float
    cost: Annotated[float | None, Field(description="Money that it takes first; null if nobody knows")]
    confidence: Annotated[float, Field(description="Chance that it brings anything, 0-1")]
    state: Annotated[str, Field(description="open, accepted or dismissed")]
    due_on: Annotated[date, Field(description="When it can be scored")]
    share: Annotated[float | None, Field(description="How much of the promised change came; 1 is all of it")]
    draft: Annotated[str | None, Field(description="The plan version that it went into, such as 3.2")]


class ProposalDecisionIn(Sent):
    is_accepted: Annotated[bool, Field(description="Into a draft of the plan ahead; else not now")]


class CostIn(Sent):
    cost: Annotated[float, Field(ge=0, description="In the shop's currency")]


@router.get(
    "/shops/{shop}/outlook/proposals",
    response=list[ProposalOut],
    auth=Requires("finance.read", is_whole=True),
    summary="What is worth doing, the newest week first, with what came of earlier ones",
)
def list_proposals(request: HttpRequest, shop: str) -> list[dict[str, Any]]:
    owner = caller(request).shop
    return [_shown(one, owner) for one in Proposal.objects.of(owner).select_related("version")[:_MOST]]


@router.post(
    "/shops/{shop}/outlook/proposals/{proposal}",
    response=ProposalOut,
    auth=Requires("plans.write", is_whole=True),
    summary="Put a proposal into a draft of the plan ahead, or put it off",
)
@decorate_view(once)
def decide_proposal(
    request: HttpRequest,
    shop: str,
    proposal: Annotated[int, Path(description="Its number")],
    decision: ProposalDecisionIn,
) -> dict[str, Any]:
    who = caller(request)
    found = _proposal(who.shop, proposal)
    if decision.is_accepted:
        action = plans.Words(who.shop.currency, get_language() or "en")(Sentence.of(found.action))
        proposals.accept(proposal=found, action=action, actor=who.user, now=who.shop.now())
    else:
        proposals.dismiss(proposal=found, actor=who.user, now=who.shop.now())
    found.refresh_from_db()
    return _shown(found, who.shop)


@router.put(
    "/shops/{shop}/outlook/proposals/{proposal}/cost",
    response=ProposalOut,
    auth=Requires("plans.write", is_whole=True),
    summary="State what a proposal costs; later ones of its kind begin with that",
)
def state_cost(
    request: HttpRequest, shop: str, proposal: Annotated[int, Path(description="Its number")], stated: CostIn
) -> dict[str, Any]:
    who = caller(request)
    found = _proposal(who.shop, proposal)
    proposals.state_cost(proposal=found, cost=stated.cost, actor=who.user)
    return _shown(found, who.shop)


def _proposal(shop: Shop, id_: int) -> Proposal:
    """Raises UnknownProposalError."""
    found = Proposal.objects.of(shop).filter(pk=id_).first()
    if found is None:
        raise UnknownProposalError(shop=shop.slug, id=id_)
    return found


def _shown(one: Proposal, shop: Shop) -> dict[str, Any]:
    words = plans.Words(shop.currency, get_language() or "en")
    plain = ("id", "week", "rank", "kind", "gain", "low", "high", "cost", "confidence", "state", "due_on", "share")
    return {name: getattr(one, name) for name in plain} | {
        "action": words(Sentence.of(one.action)),
        "reason": words(Sentence.of(one.said)),
        "draft": f"{one.version.plan_id}.{one.version.number}" if one.version else None,
    }
