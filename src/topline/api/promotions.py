"""Promotions: what each of a plan is expected to bring, need and clash with, and one that is only tried.

They are planned and changed as rows of the plan document's field `11.promotions`.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.translation import get_language, gettext
from ninja import Path, Router, Schema
from pydantic import Field

from topline.api.auth import Caller, Requires, caller
from topline.api.plans import UnknownPlanError
from topline.api.prices import RangeOut
from topline.api.sent import Sent
from topline.plans import cells, document, simulation, text
from topline.plans.models import PlanVersion
from topline.plans.simulation import Simulation
from topline.plans.team import Entries
from topline.units.missing import Missing

router = Router()

_Plan = Annotated[int, Path(description="The plan's number")]
_Version = Annotated[int, Path(description="The version's number within the plan")]
_BASE = "/shops/{shop}/plans/{plan}/versions/{version}/promotions"


class TriedIn(Sent):
    """A promotion that is tried: cells of `11.promotions`, such as discount, starts_on, ends_on, event, products."""

    cells: dict[str, Any]
    key: Annotated[str, Field(max_length=32, description="Of the row that it would change")] = ""


class StepOut(Schema):
    """`on` is the last day for it; counted back from the first day of the promotion."""

    code: str
    text: str
    on: date
    is_past: bool


class ClashOut(Schema):
    code: str
    text: str
    free_on: Annotated[date | None, Field(description="The first day on which nothing is in its way")]


class NeedOut(Schema):
    """Units; `left` are there when it begins if nothing is delivered until then, `short` missing of `high`."""

    on_hand: float
    left: float
    expected: float
    high: float
    short: float
    cover_days: float
    lead_days: float
    order_by: date
    is_late: bool


class LegalOut(Schema):
    """The EU rule of the prior price for one of its best sellers."""

    product: str
    price: Decimal
    verdict: str
    prior_price: Decimal | None
    set_on: date | None


class SimulationOut(Schema):
    """`why` says by field why something isn't known; margins are those of who may see them."""

    key: str
    name: str
    starts_on: date | None
    ends_on: date | None
    products: int
    unknown_products: list[str]
    units: RangeOut | None
    units_before: float | None
    uplift: float | None
    sales: RangeOut | None
    given_away: float | None
    margin: RangeOut | None
    margin_before: float | None
    break_even_units: int | None
    stock: NeedOut | None
    prior_prices: list[LegalOut]
    steps: list[StepOut]
    clashes: list[ClashOut]
    why: dict[str, str]


@router.get(
    _BASE,
    response=list[SimulationOut],
    auth=Requires("plans.read", is_whole=True),
    summary="The promotions of a plan: what each brings, needs and clashes with",
)
def list_promotions(request: HttpRequest, shop: str, plan: _Plan, version: _Version) -> list[dict[str, Any]]:
    who = caller(request)
    found = _version(who, plan, version)
    around = simulation.around(found, who.shop.today(), Entries(found))
    return [
        _out(who, found, simulation.simulate(around, row.cells, key=row.key), row.cells, row.key)
        for row in around.promotions.values()
    ]


@router.post(
    f"{_BASE}/simulate",
    response=SimulationOut,
    auth=Requires("plans.read", is_whole=True),
    summary="Try a promotion; nothing is kept",
)
def try_promotion(request: HttpRequest, shop: str, plan: _Plan, version: _Version, tried: TriedIn) -> dict[str, Any]:
    who = caller(request)
    found = _version(who, plan, version)
    field = document.field_of("11.promotions")
    wanted = cells.checked(found, field, {"name": "-", **tried.cells}, {})
    row = {id_: value for id_, value in wanted.items() if value is not None}
    around = simulation.around(found, who.shop.today(), Entries(found))
    return _out(who, found, simulation.simulate(around, row, key=tried.key), row, tried.key)


def _version(who: Caller, plan: int, number: int) -> PlanVersion:
    found = PlanVersion.objects.of(who.shop).filter(plan=plan, number=number).first()
    if found is None:
        raise UnknownPlanError(shop=who.shop.slug, plan=f"{plan}.{number}")
    return found


def _out(who: Caller, version: PlanVersion, made: Simulation, row: dict[str, Any], key: str) -> dict[str, Any]:
    def say(sentence: text.Sentence) -> str:
        return text.render(sentence, currency=version.plan.currency, language=get_language() or "en")

    answer = None if isinstance(made.answer, Missing) else made.answer
    days = None if isinstance(made.days, Missing) else made.days
    may_see_margin = "finance.read" in who.user.permissions_in(who.shop)
    missing = {"days": made.days, "units": made.answer, "stock": made.stock}
    return {
        "key": key,
        "name": row.get("name", ""),
        "starts_on": days and days.start,
        "ends_on": days and days.last,
        "products": made.products,
        "unknown_products": list(made.unknown),
        "units": answer and answer.units,
        "units_before": answer and answer.units_before,
        "uplift": made.uplift,
        "sales": answer and answer.sales,
        "given_away": made.given,
        "margin": answer.margin if answer and may_see_margin else None,
        "margin_before": answer.margin_before if answer and may_see_margin else None,
        "break_even_units": answer.break_even if answer and may_see_margin else None,
        "stock": None if isinstance(made.stock, Missing) else made.stock,
        "prior_prices": [
            {
                "product": each.product,
                "price": each.price,
                "verdict": each.ruling.verdict,
                "prior_price": each.ruling.prior and each.ruling.prior.amount,
                "set_on": each.ruling.prior and each.ruling.prior.on,
            }
            for each in made.legal
        ],
        "steps": [{"code": s.said.code, "text": say(s.said), "on": s.on, "is_past": s.is_past} for s in made.steps],
        "clashes": [{"code": c.code, "text": say(c), "free_on": c.params.get("free_on")} for c in made.clashes],
        "why": {
            name: gettext(value.message) % value.params for name, value in missing.items() if isinstance(value, Missing)
        },
    }
