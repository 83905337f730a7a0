"""Traffic: visits, visitors, and how many of them buy."""

from topline.metrics.dimension import TIME
from topline.metrics.metric import Direction, Measure, Metric, RollUp, Unit, count, ratio
from topline.units.missing import Missing
from topline.units.text import N_

_NO_SESSIONS = Missing("no_sessions", N_("no visits"))
_DIMENSIONS = TIME | {"channel", "market", "campaign", "device"}

SESSIONS = Measure("sessions", "session", lambda rows: rows.count())
VISITORS = Measure("visitors", "session", lambda rows: rows.visitor_key.nunique(), adds_up=False)
CONVERTED = Measure("converted_sessions", "session", lambda rows: (rows.orders > 0).sum())

METRICS = (
    Metric(
        id="visitors",
        label=N_("Visitors"),
        description=N_("Different visitors of the website. Bots are out."),
        formula="distinct visitor_key",
        unit=Unit.COUNT,
        family="traffic",
        direction=Direction.UP,
        roll_up=RollUp.DISTINCT,
        measures=(VISITORS,),
        value=lambda cell: count(cell, "visitors"),
        dimensions=_DIMENSIONS,
        leaders=N_("Google Analytics models visitors who refused cookies, so its number is an estimate."),
        basis=False,
        is_plan=True,
    ),
    Metric(
        id="sessions",
        label=N_("Sessions"),
        description=N_("Visits; one ends after 30 minutes without activity."),
        formula="count of sessions",
        unit=Unit.COUNT,
        family="traffic",
        direction=Direction.UP,
        roll_up=RollUp.SUM,
        measures=(SESSIONS,),
        value=lambda cell: count(cell, "sessions"),
        dimensions=_DIMENSIONS,
        leaders=N_("Google Analytics and Shopify end a session after 30 minutes too; Shopify also at midnight UTC."),
        basis=False,
    ),
    Metric(
        id="conversion_rate",
        label=N_("Conversion rate"),
        description=N_("The share of visits with an order."),
        formula="sessions with an order / sessions",
        unit=Unit.RATE,
        family="traffic",
        direction=Direction.UP,
        roll_up=RollUp.RATIO,
        measures=(CONVERTED, SESSIONS),
        value=lambda cell: ratio(count(cell, "converted_sessions"), count(cell, "sessions"), _NO_SESSIONS),
        dimensions=_DIMENSIONS,
        leaders=N_("Shopify's is the same; Google Analytics divides key events by sessions."),
        basis=False,
    ),
)
