"""Audiences: customers that a rule describes, how many they are and what they are worth, always as of today."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from topline.analysis.analysis import Analysis, Choice, Question
from topline.analysis.result import Cell, Column, Figure, Note, Result, Table, nothing
from topline.metrics.metric import Unit
from topline.metrics.query import Query
from topline.metrics.sales import NET
from topline.metrics.view import View
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.metrics.settings import Settings
    from topline.metrics.view import Tables

NUMBERS = {
    "orders": N_("orders to date"),
    "spent": N_("net sales to date"),
    "last": N_("days since the last order"),
    "first": N_("days since the first order"),
    "mean": N_("net sales per order"),
}
"""What a rule may compare with a number."""

AMOUNTS = ("spent", "mean")
"""Those that are amounts of the shop's currency."""

NAMES = ("category", "market", "channel", "product")
"""Dimensions of which a rule may name values; who ever bought such a one is in."""

_NOBODY = Missing("no_customers", N_("no customers known by name in these days; guests can't be told apart"))
_CONDITION = re.compile(
    r"""\s*(?:and\s+|,\s*)?(?P<name>[a-z]+)\s*(?P<sign>>=|<=|>|<|=)\s*(?P<value>"[^"]+"|[^\s,]+)""", re.IGNORECASE
)
_MOST = 40


class RuleError(ToplineError):
    message = N_(
        "“%(text)s” is not a rule on customers. Write conditions such as: orders>=2 last<=90 category=Lamps. "
        "They may ask for %(known)s."
    )


@dataclass(frozen=True, slots=True)
class Condition:
    """`name sign value`; the value is a number, or a name of a dimension."""

    name: str
    sign: str
    value: str

    @property
    def text(self) -> str:
        quoted = f'"{self.value}"' if re.search(r"[\s,]", self.value) else self.value
        return f"{self.name}{self.sign}{quoted}"


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions that a customer must all meet."""

    conditions: tuple[Condition, ...]

    @property
    def text(self) -> str:
        """The rule as `parse` reads it."""
        return " ".join(condition.text for condition in self.conditions)


def parse(text: str) -> Rule:
    """The rule of `orders>=2 last<=90 category="Home and garden"`. Raises RuleError."""
    found, at = [], 0
    while at < len(text.rstrip()):
        match = _CONDITION.match(text, at)
        if match is None:
            raise _wrong(text)
        name, sign, value = match["name"].lower(), match["sign"], match["value"].strip('"')
        is_number = bool(re.fullmatch(r"\d{1,12}(\.\d{1,6})?", value))
        if not (name in NUMBERS and is_number) and not (name in NAMES and sign == "="):
            raise _wrong(text)
        found.append(Condition(name, sign, value))
        at = match.end()
    if not found or len(found) > _MOST:
        raise _wrong(text)
    return Rule(tuple(found))


def _wrong(text: str) -> RuleError:
    return RuleError(text=text, known=", ".join((*NUMBERS, *NAMES)))


def _rules(text: str) -> tuple[str, ...]:
    try:
        return tuple(parse(part).text for part in text.split(";") if part.strip())
    except RuleError as error:
        raise ValueError(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceQuestion(Question):
    """Orders up to the period's end count, whenever they were; days are counted to its last known day.

    rules : as `parse` reads them
    """

    rules: tuple[str, ...] = ("orders=1", "orders>=2", "orders>=2 last>180")


def answer(tables: "Tables", question: AudienceQuestion, settings: "Settings") -> Result:
    if "order_line" in tables.empty:
        return nothing(question, settings, tables.empty["order_line"])
    asked = Query(metrics=("customers",), period=question.period, where=question.where, as_of=question.as_of)
    view = View(tables, asked, settings)
    if view.period is None:
        return nothing(question, settings, _NOBODY)
    rules = [parse(text) for text in question.rules]
    sums = _sums(view, rules)
    if not sums["people"]:
        return nothing(question, settings, _NOBODY)
    rows = [_row(rule, sums, place) for place, rule in enumerate(rules)]
    largest = max(rows, key=lambda row: sums[f"n{rows.index(row)}"], default=None)
    params: dict[str, object] = {"people": Figure(sums["people"], Unit.COUNT, settings.currency)}
    note = Note("audience", N_("%(people)s customers have bought so far."), params)
    if largest is not None:
        size = Figure(sums[f"n{rows.index(largest)}"] / sums["people"], Unit.RATE, settings.currency)
        note = Note(
            "audience_largest",
            N_("%(people)s customers have bought so far; %(share)s of them are “%(rule)s”."),
            params | {"share": size, "rule": largest["rule"]},
        )
    return Result(question=question, settings=settings, sentence=note, tables=(_table(rows),))


def _sums(view: View, rules: list[Rule]) -> dict[str, Any]:
    """Customers, orders and net sales of everybody and of each rule, in one pass over the people."""
    import ibis

    assert view.period is not None  # noqa: S101 - `answer` looked
    named = sorted({(one.name, one.value) for rule in rules for one in rule.conditions if one.name in NAMES})
    bought: Any = view.rows("buyer", tuple(sorted({name for name, _ in named})), is_history=True)
    facts: dict[str, Any] = {f"is{place}": (bought[name] == value).any() for place, (name, value) in enumerate(named)}
    people = bought.group_by("customer").aggregate(
        first_on=bought.day.min(), last_on=bought.day.max(), orders=bought.order_key.nunique(), **facts
    )
    paid: Any = view.rows("counted", ("customer",), is_history=True)
    paid = paid.filter(paid.customer.notnull())
    net = paid.group_by(payer=paid.customer).aggregate(net=NET.value(paid))
    people = people.left_join(net, people.customer == net.payer)
    end = ibis.literal(view.period.last)
    people = people.mutate(
        spent=people.net.fill_null(0),
        last=end.delta(people.last_on, unit="day"),
        first=end.delta(people.first_on, unit="day"),
    )
    people = people.mutate(mean=people.spent / people.orders)
    asked: dict[str, Any] = {"people": people.count()}
    for place, rule in enumerate(rules):
        inside = ibis.literal(True)
        for one in rule.conditions:
            inside = inside & _met(people, one, named)
        inside = inside.fill_null(False)
        asked[f"n{place}"] = inside.sum().fill_null(0)
        asked[f"orders{place}"] = inside.ifelse(people.orders, 0).sum().fill_null(0)
        asked[f"net{place}"] = inside.ifelse(people.spent, 0).sum().fill_null(0)
    (found,) = view.tables.run(people.aggregate(**asked))
    return found


def _met(people: Any, condition: Condition, named: list[tuple[str, str]]) -> Any:
    if condition.name in NAMES:
        return people[f"is{named.index((condition.name, condition.value))}"]
    column, bound = people[condition.name], Decimal(condition.value)
    match condition.sign:
        case ">=":
            return column >= bound
        case "<=":
            return column <= bound
        case ">":
            return column > bound
        case "<":
            return column < bound
    return column == bound


def _row(rule: Rule, sums: Mapping[str, Any], place: int) -> dict[str, Cell]:
    size, orders, net = sums[f"n{place}"], sums[f"orders{place}"], Decimal(sums[f"net{place}"])
    return {
        "rule": rule.text,
        "customers": int(size),
        "share": size / sums["people"],
        "orders": int(orders),
        "net_sales": net,
        "aov": net / int(orders) if orders else None,
        "clv": net / int(size) if size else None,
    }


def _table(rows: list[dict[str, Cell]]) -> Table:
    return Table(
        id="audiences",
        label=N_("Audiences"),
        columns=(
            Column(id="rule", label=N_("Rule")),
            Column(id="customers", label=N_("Customers"), unit=Unit.COUNT),
            Column(id="share", label=N_("Share of customers"), unit=Unit.RATE),
            Column(id="orders", label=N_("Orders"), unit=Unit.COUNT),
            Column(id="net_sales", label=N_("Net sales"), unit=Unit.MONEY),
            Column(id="aov", label=N_("Average order value"), unit=Unit.MONEY),
            Column(id="clv", label=N_("Lifetime value to date"), unit=Unit.MONEY),
        ),
        rows=rows,
    )


ANALYSIS = Analysis(
    id="audience",
    label=N_("Audiences by rule"),
    description=N_("How many customers does a rule describe, and what are they worth?"),
    method=N_(
        "Each known customer's counted orders up to the period's end give the number of orders, net sales to date, "
        "days since the first and the last order, and the categories, markets, channels and products ever bought. A "
        "customer who meets all conditions of a rule is in it. Average order value is the net sales of those inside "
        "over their orders, lifetime value to date the same over the customers. Rules may overlap. Guests are out."
    ),
    question=AudienceQuestion,
    answer=answer,
    choices=(
        Choice(
            id="rules",
            label=N_("Rules, with semicolons between them"),
            parse=_rules,
            example="orders>=2 last<=90; orders=1",
            write="; ".join,
        ),
    ),
    dimensions=frozenset(),
    icon="users-group",
)
