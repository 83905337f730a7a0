"""Why net sales are where they are, as pages show it: a sentence, the drivers, and what can't be told."""

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext

from topline.analysis.result import Cell, Chart, Column, Table
from topline.analysis.variance import PARTS
from topline.metrics.metric import Unit
from topline.plans import text
from topline.plans.drivers import Difference
from topline.plans.text import Sentence
from topline.units.text import N_
from topline.web import charts, formats

SIDES = {"plan": N_("Due of the plan by now"), "last_year": N_("The same days a year before")}


def shown(found: Difference | Sentence, currency: str) -> dict[str, Any]:
    """What `drivers.html` needs of one difference."""
    if isinstance(found, Sentence):
        return {"sentence": _said(found, currency), "rows": []}
    names = {**PARTS, "before": SIDES[found.against], "now": N_("Came in")}
    amounts = {"before": found.before, **found.parts, "now": found.now}
    more = ""
    if found.largest:
        name, moved = found.largest
        more = gettext("Largest by category: %(name)s, %(amount)s.") % {
            "name": name,
            "amount": _signed(moved, currency),
        }
    return {
        "sentence": _said(found.sentence, currency),
        "more": more,
        "before": (formats.say(names["before"]), formats.money(found.before, currency)),
        "rows": [
            {
                "name": formats.say(PARTS[id_]),
                "amount": _signed(amount, currency),
                "tone": "good" if amount > 0 else "bad" if amount else "",
            }
            for id_, amount in sorted(found.parts.items(), key=lambda each: -abs(each[1]))
        ],
        "now": (formats.say(names["now"]), formats.money(found.now, currency)),
        "untold": [_said(one, currency) for one in found.untold],
        "option": charts.of_table(_table(names, amounts), currency),
    }


def _table(names: dict[str, str], amounts: dict[str, Decimal]) -> Table:
    """The amounts as a table that is drawn as a waterfall."""
    columns = (
        Column(id="part", label=N_("Part"), names=names),
        Column(id="amount", label=N_("Net sales"), unit=Unit.MONEY),
    )
    rows: list[dict[str, Cell]] = [
        {"part": id_, "amount": value, "is_total": int(id_ in ("before", "now"))} for id_, value in amounts.items()
    ]
    chart = Chart(kind="waterfall", across="part", values=("amount",))
    return Table(id="parts", label=N_("Why"), columns=columns, rows=rows, chart=chart)


def _signed(amount: Decimal, currency: str) -> str:
    return f"{'+' if amount > 0 else ''}{formats.money(amount, currency)}"


def _said(sentence: Sentence, currency: str) -> str:
    return text.render(sentence, currency=currency, language=formats.tag())
