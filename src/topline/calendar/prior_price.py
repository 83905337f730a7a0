"""The prior price that a promotion in the European Union must show beside its own.

Directive 98/6/EC, article 6a: the lowest price of at least the 30 days before the reduction. Member states may differ
for reductions that grow step by step, goods on the market for less than 30 days, and perishables.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from topline.units.missing import Missing
from topline.units.text import N_

DAYS = 30
_STATES = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
MARKETS = frozenset(_STATES.split())

NO_PRICE = Missing("no_price", N_("no price is known for the 30 days before"))


@dataclass(frozen=True, slots=True)
class PriorPrice:
    """The price to show.

    on : the last day that it was asked, which is the day that sets it
    days_known : how many of the 30 days before have a known price
    """

    amount: Decimal
    on: date
    days_known: int

    @property
    def is_whole(self) -> bool:
        """True if all the days before are known; else a member state's rule for new goods may hold."""
        return self.days_known == DAYS


def prior_price(prices: Iterable[tuple[date, Decimal]], starts_on: date) -> PriorPrice | Missing:
    """The lowest price of the 30 days before a promotion, as asked of one product in one market and currency.

    prices : first day and amount of each price, in force until the next; reduced prices too, for those count
    starts_on : the promotion's first day, which itself does not count
    """
    first = starts_on - timedelta(days=DAYS)
    known = sorted(dict(prices).items())
    ends = [*(day for day, _ in known[1:]), starts_on][: len(known)]
    spans = [(max(day, first), min(end, starts_on), amount) for (day, amount), end in zip(known, ends, strict=True)]
    inside = [(start, end, amount) for start, end, amount in spans if start < end]
    if not inside:
        return NO_PRICE
    lowest = min(amount for _, _, amount in inside)
    last = max(end for _, end, amount in inside if amount == lowest) - timedelta(days=1)
    return PriorPrice(lowest, last, sum((end - start).days for start, end, _ in inside))


class Verdict(StrEnum):
    """What the rule says of a promotion that is planned."""

    ALLOWED = "allowed"  # its price is below the prior price, which it shows
    UNSURE = "unsure"  # so it is by the days that are known, and those are fewer than 30
    NOT_LOWER = "not_lower"  # the prior price was as low: it may not be announced as a reduction
    NO_PRICE = "no_price"
    NO_RULE = "no_rule"  # the market is outside the European Union


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a promotion must show. rate : the reduction that it may announce, 0-1, None if it may announce none"""

    verdict: Verdict
    prior: PriorPrice | None = None
    rate: Decimal | None = None


def rule(prices: Iterable[tuple[date, Decimal]], starts_on: date, price: Decimal, country: str) -> Ruling:
    """Whether a promotion at `price` from `starts_on` may be announced as a reduction in a country.

    prices : as of `prior_price`; those of the promotion itself don't count, as they begin on its first day
    """
    if country not in MARKETS:
        return Ruling(Verdict.NO_RULE)
    prior = prior_price(prices, starts_on)
    if isinstance(prior, Missing):
        return Ruling(Verdict.NO_PRICE)
    if price >= prior.amount:
        return Ruling(Verdict.NOT_LOWER, prior)
    rate = 1 - price / prior.amount
    return Ruling(Verdict.ALLOWED if prior.is_whole else Verdict.UNSURE, prior, rate)
