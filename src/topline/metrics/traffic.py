"""Traffic and funnel: visits, visitors, the steps that they reach, and how many of them buy."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from topline.metrics.dimension import TIME
from topline.metrics.metric import Cell, Direction, Measure, Metric, RollUp, Unit, Value, count, ratio
from topline.metrics.source import Source
from topline.units.missing import Missing
from topline.units.text import N_

if TYPE_CHECKING:
    from ibis.expr.types import BooleanValue, Scalar, Table

    from topline.metrics.view import View

_NO_SESSIONS = Missing("no_sessions", N_("no visits"))
_NO_STEPS = Missing("no_steps", N_("the steps of the visits are not known"))
_NO_ACTIONS = Missing("no_actions", N_("nobody counted this action"))
_NO_CARTS = Missing("no_carts", N_("no visit with a cart"))
_NO_CHECKOUTS = Missing("no_checkouts", N_("no visit that came to the checkout"))

_DIMENSIONS = TIME | {"channel", "market", "campaign", "device", "landing_page"}
_PAGE_DIMENSIONS = TIME | {"channel", "market", "campaign", "device", "page"}
ENGAGED_SECONDS = 10

PRODUCT_VIEW, CART, CHECKOUT, ORDER = 1, 2, 3, 4
"""The steps of a visit's way, as `furthest` counts them."""


ACTIONS: Mapping[str, str] = {
    "order": "orders",
    "add_to_cart": "carts",
    "sign_up": "sign_ups",
    "download": "downloads",
    "chat": "chats",
}
"""The desired actions, with the column of a visit that counts them."""


def _actions(view: "View") -> Any:
    """Visits with how often the order was `done`; where actions are asked for, each visit once for every action."""
    import ibis

    visits: Any = view.tables.table("session")
    visits = visits.mutate(day=visits.on)
    if not view.is_asked("action"):
        return visits.mutate(action=ibis.literal("order"), done=visits.orders)
    counts = visits.mutate(**{action: visits[column] for action, column in ACTIONS.items()})
    return counts.pivot_longer(list(ACTIONS), names_to="action", values_to="done")


SOURCES = (Source("action", "session", _actions, is_kept=False),)


def _is_engaged(rows: Any) -> Any:
    """More than ten seconds, two views, or a key event: one of the desired actions."""
    done = rows.orders + rows.carts + sum(rows[n].fill_null(0) for n in ("sign_ups", "downloads", "chats"))
    return (rows.duration_seconds > ENGAGED_SECONDS) | (rows.views >= 2) | (done > 0)


def _reaches(step: int) -> "Callable[[Table], Scalar]":
    def reached(rows: Any) -> Any:
        return (rows.furthest >= step).sum()

    return reached


def _came(counted: str, chosen: "Callable[[Table], BooleanValue] | None" = None) -> "Callable[[Table], Scalar]":
    """How many different visitors made the chosen visits, or the sum of a column where they were counted beforehand."""

    def came(rows: Any) -> Any:
        if counted in rows.columns:
            return rows[counted].sum()
        return rows.visitor_key.nunique(where=chosen(rows) if chosen else None)

    return came


SESSIONS = Measure("sessions", "session", lambda rows: rows.count())
VISITORS = Measure("visitors", "action", _came("visitors"), adds_up=False)
ENGAGED = Measure("engaged_sessions", "session", lambda rows: _is_engaged(rows).sum())
CONVERTED = Measure("converted_sessions", "session", lambda rows: (rows.orders > 0).sum())
STEPPED = Measure("stepped_sessions", "session", lambda rows: rows.furthest.count())
VIEWED = Measure("product_sessions", "session", _reaches(PRODUCT_VIEW))
CARTED = Measure("cart_sessions", "session", _reaches(CART))
CHECKED_OUT = Measure("checkout_sessions", "session", _reaches(CHECKOUT))
CARTS = Measure("carts", "session", lambda rows: (rows.carts > 0).sum())
CARTS_ORDERED = Measure("carts_ordered", "session", lambda rows: ((rows.carts > 0) & (rows.orders > 0)).sum())
CHECKOUTS = Measure("checkouts", "session", lambda rows: (rows.checkouts > 0).sum())
CHECKOUTS_ORDERED = Measure(
    "checkouts_ordered", "session", lambda rows: ((rows.checkouts > 0) & (rows.orders > 0)).sum()
)
ACTING = Measure("acting_visitors", "action", _came("actors", lambda rows: rows.done > 0), adds_up=False)
ASKED = Measure("action_visitors", "action", _came("visitors", lambda rows: rows.done.notnull()), adds_up=False)
PAGE_VIEWS = Measure("page_views", "web_event", lambda rows: (rows.event == "page_view").sum())


def _step(id_: str) -> Callable[[Cell], Value]:
    return lambda cell: ratio(count(cell, id_), count(cell, "stepped_sessions"), _NO_STEPS)


def _abandoned(ordered: str, begun: str, none: Missing) -> Callable[[Cell], Value]:
    def value(cell: Cell) -> Value:
        kept = ratio(count(cell, ordered), count(cell, begun), none)
        return kept if isinstance(kept, Missing) else 1 - float(kept)

    return value


def _bounce_rate(cell: Cell) -> Value:
    engaged = ratio(count(cell, "engaged_sessions"), count(cell, "sessions"), _NO_SESSIONS)
    return engaged if isinstance(engaged, Missing) else 1 - float(engaged)


_COMMON: dict[str, Any] = {"family": "traffic", "basis": False}
_COUNT: dict[str, Any] = {**_COMMON, "unit": Unit.COUNT, "direction": Direction.UP, "roll_up": RollUp.SUM}
_RATE: dict[str, Any] = {
    **_COMMON,
    "unit": Unit.RATE,
    "direction": Direction.UP,
    "roll_up": RollUp.RATIO,
    "dimensions": _DIMENSIONS,
}
_ORDERED = N_(
    "The steps are product view, cart, checkout, order; a visit reaches a step once it has been through those before. "
    "Visits whose steps nobody counted are left out."
)
_SAME_VISIT = N_("The window is the visit: an order placed in a later visit doesn't bring the cart back.")

METRICS = (
    Metric(
        id="visitors",
        label=N_("Visitors"),
        description=N_("Different visitors of the website. Bots are out."),
        formula="distinct visitor_key",
        measures=(VISITORS,),
        value=lambda cell: count(cell, "visitors"),
        dimensions=_DIMENSIONS,
        leaders=N_("Google Analytics models visitors who refused cookies, so its number is an estimate."),
        is_plan=True,
        **_COUNT | {"roll_up": RollUp.DISTINCT},
    ),
    Metric(
        id="sessions",
        label=N_("Sessions"),
        description=N_("Visits; one ends after 30 minutes without activity."),
        formula="count of sessions",
        measures=(SESSIONS,),
        value=lambda cell: count(cell, "sessions"),
        dimensions=_DIMENSIONS,
        leaders=N_("Google Analytics and Shopify end a session after 30 minutes too; Shopify also at midnight UTC."),
        **_COUNT,
    ),
    Metric(
        id="engaged_sessions",
        label=N_("Engaged sessions"),
        description=N_(
            "Visits of more than ten seconds, with two views or more, or with an order, cart, sign-up, download or "
            "chat."
        ),
        formula="sessions with duration > 10 s, views >= 2 or a desired action",
        measures=(ENGAGED,),
        value=lambda cell: count(cell, "engaged_sessions"),
        dimensions=_DIMENSIONS,
        leaders=N_("Google Analytics' is the same, with the key events that its owner has marked."),
        **_COUNT,
    ),
    Metric(
        id="bounce_rate",
        label=N_("Bounce rate"),
        description=N_("The share of visits that were not engaged."),
        formula="1 - engaged_sessions / sessions",
        measures=(ENGAGED, SESSIONS),
        value=_bounce_rate,
        leaders=N_(
            "Google Analytics' since 2022 is the same; before, and in Matomo, a bounce was a visit of one page."
        ),
        **_RATE | {"direction": Direction.DOWN},
    ),
    Metric(
        id="page_views",
        label=N_("Page views"),
        description=N_("Pages of the shop that visitors saw. Bots are out."),
        formula="count of web events of the kind page_view",
        measures=(PAGE_VIEWS,),
        value=lambda cell: count(cell, "page_views"),
        dimensions=_PAGE_DIMENSIONS,
        leaders=N_("Google Analytics' views count screens of apps too."),
        **_COUNT,
    ),
    Metric(
        id="visitor_conversion_rate",
        label=N_("Visitor conversion rate"),
        description=N_(
            "The share of visitors who did what they should: place an order or, by a filter or slice, sign up, "
            "download, chat or put something into the cart."
        ),
        note=N_("Sliced by action, the total counts the visitors who did any of them."),
        formula="distinct visitors who did the action / distinct visitors",
        measures=(ACTING, ASKED),
        value=lambda cell: ratio(count(cell, "acting_visitors"), count(cell, "action_visitors"), _NO_ACTIONS),
        dimensions=_DIMENSIONS | {"action"},
        leaders=N_("Google Analytics calls it the user key event rate; shops' products divide by sessions instead."),
        is_plan=True,
        **{k: v for k, v in _RATE.items() if k != "dimensions"},
    ),
    Metric(
        id="conversion_rate",
        label=N_("Conversion rate"),
        description=N_("The share of visits with an order."),
        formula="sessions with an order / sessions",
        measures=(CONVERTED, SESSIONS),
        value=lambda cell: ratio(count(cell, "converted_sessions"), count(cell, "sessions"), _NO_SESSIONS),
        leaders=N_("Shopify's is the same; Google Analytics divides key events by sessions."),
        **_RATE,
    ),
    Metric(
        id="product_view_rate",
        label=N_("Product view rate"),
        description=N_("The share of visits that saw a product."),
        note=_ORDERED,
        formula="sessions that reach a product view / sessions",
        measures=(VIEWED, STEPPED),
        value=_step("product_sessions"),
        leaders=N_(
            "Google Analytics' funnel is the same if its steps are closed, and lets a visit begin anywhere if open."
        ),
        **_RATE,
    ),
    Metric(
        id="add_to_cart_rate",
        label=N_("Add-to-cart rate"),
        description=N_("The share of visits that put something into the cart."),
        note=_ORDERED,
        formula="sessions that reach the cart / sessions",
        measures=(CARTED, STEPPED),
        value=_step("cart_sessions"),
        leaders=N_("Shopify counts sessions with an addition to the cart, whatever came before it."),
        **_RATE,
    ),
    Metric(
        id="checkout_rate",
        label=N_("Checkout rate"),
        description=N_("The share of visits that came to the checkout."),
        note=_ORDERED,
        formula="sessions that reach the checkout / sessions",
        measures=(CHECKED_OUT, STEPPED),
        value=_step("checkout_sessions"),
        leaders=N_("Shopify counts sessions that reached the checkout, whatever came before it."),
        **_RATE,
    ),
    Metric(
        id="cart_abandonment_rate",
        label=N_("Cart abandonment"),
        description=N_("The share of visits with a cart that left without an order."),
        note=_SAME_VISIT,
        formula="1 - sessions with a cart and an order / sessions with a cart",
        measures=(CARTS_ORDERED, CARTS),
        value=_abandoned("carts_ordered", "carts", _NO_CARTS),
        leaders=N_("WooCommerce's extensions count carts with a known e-mail address, over a window of their own."),
        **_RATE | {"direction": Direction.DOWN},
    ),
    Metric(
        id="checkout_abandonment_rate",
        label=N_("Checkout abandonment"),
        description=N_("The share of visits at the checkout that left without an order."),
        note=_SAME_VISIT,
        formula="1 - sessions with a checkout and an order / sessions with a checkout",
        measures=(CHECKOUTS_ORDERED, CHECKOUTS),
        value=_abandoned("checkouts_ordered", "checkouts", _NO_CHECKOUTS),
        leaders=N_(
            "Shopify calls a checkout abandoned ten minutes after its contact was given, until it is completed."
        ),
        **_RATE | {"direction": Direction.DOWN},
    ),
)
