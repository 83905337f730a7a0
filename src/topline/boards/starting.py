"""The dashboards that a shop begins with: one for each role, to be changed by whoever may."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from topline.accounts.permissions import Role
from topline.units.text import N_


@dataclass(frozen=True, slots=True)
class Piece:
    """A tile in short. cut : the dimension besides time, "" for none"""

    visual: str
    metrics: tuple[str, ...]
    cut: str = ""
    width: int = 6
    height: int = 2


@dataclass(frozen=True, slots=True)
class Start:
    """A dashboard to begin with, and for whom."""

    title: str
    roles: tuple[Role, ...]
    pieces: Sequence[Piece]


def _figures(*ids: str) -> tuple[Piece, ...]:
    return tuple(Piece("number", (id_,), width=3, height=1) for id_ in ids)


_SALES = Piece("line", ("net_sales",), width=8)
_CATEGORIES = Piece("bars", ("net_sales",), "category", width=4)
_CHANNELS = Piece("bars", ("net_sales",), "channel", width=4)
_MARKETS = Piece("table", ("net_sales", "orders", "average_order_value"), "market")

STARTS: Mapping[str, Start] = {
    "lead": Start(
        N_("The shop at a glance"),
        (Role.OWNER, Role.ANALYST),
        (
            *_figures("net_sales", "orders", "average_order_value", "customers"),
            _SALES,
            _CATEGORIES,
            _MARKETS,
            Piece("columns", ("new_customers",)),
        ),
    ),
    "money": Start(
        N_("Sales and margin"),
        (Role.FINANCE,),
        (
            *_figures("net_sales", "gross_margin", "discounts", "returns"),
            _SALES,
            _CATEGORIES,
            Piece("table", ("net_sales", "discounts", "returns"), "time", width=12),
        ),
    ),
    "marketing": Start(
        N_("Marketing"),
        (Role.MARKETING_MANAGER, Role.CONTENT_LEAD),
        (
            *_figures("sessions", "conversion_rate", "new_customers", "net_sales"),
            Piece("line", ("sessions",), width=8),
            _CHANNELS,
            Piece("columns", ("new_customers",)),
            Piece("table", ("orders", "net_sales"), "channel"),
        ),
    ),
    "customers": Start(
        N_("Customers"),
        (Role.CRM_MANAGER, Role.SUPPORT),
        (
            *_figures("customers", "new_customers", "repeat_purchase_rate", "average_order_value"),
            Piece("line", ("customers",), width=8),
            Piece("bars", ("customers",), "market", width=4),
            Piece("columns", ("new_customers",), width=12),
        ),
    ),
    "sales": Start(
        N_("Sales"),
        (Role.SALES_MANAGER, Role.REP, Role.ENABLEMENT),
        (
            *_figures("net_sales", "orders", "average_order_value", "units_per_order"),
            _SALES,
            _CATEGORIES,
            _MARKETS,
            Piece("columns", ("orders",)),
        ),
    ),
    "operations": Start(
        N_("Orders and returns"),
        (Role.OPERATIONS,),
        (
            *_figures("orders", "units", "return_rate", "net_sales"),
            Piece("line", ("orders",), width=8),
            _CATEGORIES,
            Piece("table", ("units", "net_sales"), "product", width=12),
        ),
    ),
}
