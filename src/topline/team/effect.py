"""What the number that a training should move did before and after it: a comparison, not a proof."""

from dataclasses import dataclass
from datetime import date, timedelta

from topline.lake import read
from topline.lake.read import HiddenMetricError
from topline.lake.scope import Scope
from topline.metrics.catalogue import metrics
from topline.metrics.query import Filter, Query
from topline.team.models import Training
from topline.team.operations import ATTENDEES
from topline.units.missing import Missing
from topline.units.period import Period
from topline.units.text import N_

LEAST_DAYS = 7
"""Days after a session from which on a comparison says anything."""

NO_METRIC = Missing("no_metric", N_("say which number it should move"))
NO_ATTENDEES = Missing("no_attendees", N_("say who was there, by the names that facts have for them"))
NOT_YET = Missing("not_yet", N_("a week after the session it can be compared"))
NO_FACTS = Missing("no_facts", N_("the shop has no facts"))


@dataclass(frozen=True, slots=True)
class Effect:
    """A metric over as many days before a session as have passed after it; the day of the session is in neither.

    before, after : of the training's scope; whole_before, whole_after : of the whole shop in the same days, None where
        the scope is the whole shop
    is_whole : all the weeks that the training compares are over
    """

    first: Period
    second: Period
    before: object
    after: object
    whole_before: object | None
    whole_after: object | None
    is_whole: bool

    @property
    def days(self) -> int:
        return self.second.days


def effect(training: Training, today: date, scope: Scope) -> Effect | Missing:
    """The comparison as known on a day, within what the viewer may see; Missing with why there is none."""
    if not training.metric:
        return NO_METRIC
    if metrics()[training.metric].family in scope.hidden_families:
        return Missing("hidden", HiddenMetricError.message, {"metric": training.metric})
    start = training.on + timedelta(days=1)
    planned = start + timedelta(weeks=training.weeks)
    days = (min(planned, today) - start).days
    if days < LEAST_DAYS:
        return NOT_YET
    lake = training.shop.lake()
    snapshot = lake.latest()
    if snapshot is None:
        return NO_FACTS
    where: list[Filter] = []
    for dimension, named in training.scope.items():
        names: tuple[str, ...] = (named,)
        if named == ATTENDEES:
            names = tuple(training.attendees.exclude(key="").order_by("key").values_list("key", flat=True))
            if not names:
                return NO_ATTENDEES
        where.append(Filter(dimension, names))
    first, second = Period(training.on - timedelta(days=days), training.on), Period(start, start + timedelta(days=days))

    def total(period: Period, filters: tuple[Filter, ...]) -> object:
        asked = Query(metrics=(training.metric,), period=period, where=filters, as_of=today)
        found = read.read(lake, asked, scope=scope, settings=training.shop.settings(), snapshot=snapshot)
        return found.totals[training.metric]

    own = tuple(where)
    return Effect(
        first,
        second,
        before=total(first, own),
        after=total(second, own),
        whole_before=total(first, ()) if own else None,
        whole_after=total(second, ()) if own else None,
        is_whole=planned <= today,
    )
