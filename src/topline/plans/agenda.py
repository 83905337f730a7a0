"""Everything of a shop that has a date, in one place: retail events, its own, and what its plans want done when.

What a plan says is moved here too: to other days, together with what hangs on it, so that lead times stay.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from topline.accounts.models import Shop, User
from topline.calendar import events as shipped
from topline.calendar import holiday
from topline.calendar.occurrence import Occurrence, occurrences
from topline.catalog.models import Product
from topline.documents import ics
from topline.plans import calendar, cells, content, document, operations, promotion, text
from topline.plans.models import Entry, Goal, OwnEvent, Plan, PlanVersion, Promise, State
from topline.plans.outline import STATUSES
from topline.team import operations as team
from topline.team.models import Member, Training
from topline.units import errors
from topline.units.period import Period
from topline.units.text import N_

LAYERS: Mapping[str, str] = {
    "promotion": N_("Promotions"),
    "own": N_("Own events"),
    "retail": N_("Retail events"),
    "content": N_("Content"),
    "deadline": N_("Deadlines of content"),
    "action": N_("Actions"),
    "goal": N_("Goals due"),
    "training": N_("Trainings"),
    "review": N_("Reviews and audits"),
    "holiday": N_("Public holidays"),
    "other": N_("Other retail events"),
}
"""What a calendar shows, by id. `other` are retail events of goods that the shop doesn't sell."""

STRETCHED = ("promotion", "action", "own")
"""The layers whose items have a last day of their own."""

USUAL = tuple(layer for layer in LAYERS if layer != "other")
"""The layers of who has not chosen."""

MOST_MARKETS = 6
MOST_DAYS = 5 * 366
YEARS = range(1925, 2101)
"""The years that holidays and retail events are reckoned for."""

_INDEX = 1.05
_ONE_DAY = timedelta(days=1)


class UnknownItemError(errors.ToplineError):
    message = N_("The calendar has nothing “%(id)s”. Somebody may have taken it out.")


class UnmovableError(errors.ToplineError):
    message = N_("“%(title)s” can't be moved: its day follows from a rule or from something else.")


class StaleMoveError(errors.ToplineError):
    """Somebody else moved it. title : what; on : its first day now"""

    message = N_("Somebody else moved “%(title)s” meanwhile: it begins on %(on)s now. Look again, then move it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something with a date, from `start` up to but without `end`.

    id : what `move` knows it by, stable while it exists; layer : of `LAYERS`; title : as its author wrote it
    label : marked text in place of a title; status : a status that a piece of content must reach by then
    prepare_on : when work on it begins, None if it needs none
    version, field, key : where it stands in a plan; goal : that is due; front : key of its front
    people : ids of those who own or attend it
    occurrence : of a retail event; countries : the markets that it is celebrated in
    is_partial : not in all the markets that were asked for
    """

    id: str
    layer: str
    start: date
    end: date
    title: str = ""
    label: str = ""
    status: str = ""
    prepare_on: date | None = None
    version: PlanVersion | None = None
    field: str = ""
    key: str = ""
    goal: Goal | None = None
    people: tuple[int, ...] = ()
    front: str = ""
    occurrence: Occurrence | None = None
    countries: tuple[str, ...] = ()
    is_partial: bool = False
    is_estimate: bool = False
    is_late: bool = False
    is_done: bool = False
    can_move: bool = False

    @property
    def period(self) -> Period:
        return Period(self.start, self.end)

    def name(self, translate: Callable[[str], str]) -> str:
        """What it is called: a goal by its metric and scope, a deadline by the status that it is for.

        translate : gives marked text in the reader's language
        """
        if self.goal:
            return " · ".join([text.metric_label(self.goal.metric), *filter(None, self.goal.scope.values())])
        name = translate(self.label) if self.label else self.title or translate(N_("without a name"))
        return f"{name}: {translate(self.status)}" if self.status else name


@dataclass(frozen=True, slots=True)
class _Dated:
    """A table of the plan whose rows have dates, and the columns that hold them."""

    layer: str
    field: str
    title: str
    first: str
    last: str = ""


_TABLES = (
    _Dated("promotion", "11.promotions", "name", "starts_on", "ends_on"),
    _Dated("action", "8.actions", "name", "starts_on", "ends_on"),
    _Dated("content", "10.pieces", "name", "on"),
    _Dated("review", "10.audit", "scope", "on"),
    _Dated("review", "24.reviews", "name", "on"),
)
_BY_FIELD = {each.field: each for each in _TABLES}
_FRONTS = "8.fronts"


# What there is -----------------------------------------------------------------


def items(
    shop: Shop,
    period: Period,
    *,
    versions: Sequence[PlanVersion],
    markets: Sequence[str],
    layers: Collection[str] = USUAL,
    language: str = "en",
    reader: int | None = None,
) -> list[Item]:
    """Everything of these layers of which a day lies in the period, in order of time.

    markets : countries whose retail events and holidays are shown; reader : as `planned` says

    Raises PeriodError of more than five years, or beyond `YEARS`.
    """
    if period.days > MOST_DAYS or period.start.year not in YEARS or period.last.year not in YEARS:
        raise errors.PeriodError(text=f"{period.start}/{period.end}")
    found = [*_events(shop, period, versions, markets, layers, language)]
    for version in versions:
        found += planned(version, shop.today(), reader)
    inside = (one for one in found if one.layer in layers and one.start < period.end and one.end > period.start)
    place = list(LAYERS)
    return sorted(inside, key=lambda one: (one.start, place.index(one.layer), -one.end.toordinal(), one.title, one.id))


MOVERS = {"own": "calendar.write", "training": "training.write"}
"""The permission that moving takes, by what an item's id begins with; of what a plan says it is `plans.write`."""


def mover(id_: str) -> str:
    """The permission that moving an item takes."""
    return MOVERS.get(id_.partition(":")[0], "plans.write")


def people_of(shop: Shop, team: str) -> frozenset[int]:
    """The ids of the people of a team who sign in."""
    members = Member.objects.filter(shop=shop, team=team).on(shop.today())
    return frozenset(members.exclude(user=None).values_list("user", flat=True))


def own_dates(shop: Shop, period: Period, *, people: frozenset[int] = frozenset(), front: str = "") -> list[Item]:
    """What people own or attend, or what a front has to do, in the plans of a period."""
    found = items(shop, period, versions=versions_of(shop, period), markets=(), layers=USUAL)
    if front:
        return [one for one in found if one.front == front]
    return [one for one in found if not people.isdisjoint(one.people) and not one.is_done]


def fronts_of(versions: Iterable[PlanVersion]) -> dict[str, str]:
    """The action fronts of plans: what each is called, by its key."""
    rows = (row for version in versions for row in version.entries.rows(_FRONTS))
    return {row.key: str(row.cells.get("name") or row.key) for row in rows}


def versions_of(shop: Shop, period: Period) -> list[PlanVersion]:
    """The versions that count of the shop's plans that a day of the period lies in."""
    plans = Plan.objects.of(shop).filter(starts_on__lt=period.end, ends_on__gt=period.start)
    return [plan.current for plan in plans]


def markets_of(shop: Shop, versions: Iterable[PlanVersion]) -> list[str]:
    """The shop's country and the countries that its plans sell in."""
    named = [shop.country, *(name for version in versions for name in version.markets)]
    known = dict.fromkeys(name for name in named if isinstance(name, str) and holiday.is_known(name))
    return list(known)[:MOST_MARKETS]


def lines_of(shop: Shop) -> frozenset[str]:
    """The words of the categories that the shop sells, in small letters."""
    products = Product.objects.of(shop).order_by().values_list("category", "subcategory").distinct()
    return frozenset(word for names in products for name in names for word in name.lower().replace("-", " ").split())


def is_relevant(event: Occurrence, lines: frozenset[str], index: Mapping[str, float]) -> bool:
    """Whether an event matters to a shop: to all shops, to what it sells, or by what it sold then.

    lines : words of its categories; index : sales of an event's days over those of usual days, where known
    """
    if not event.categories or index.get(event.event, 0.0) >= _INDEX:
        return True
    stems = {word[:-1] if word.endswith("s") else word for word in lines}
    return any((name[:-1] if name.endswith("s") else name) in stems for name in event.categories)


def _events(
    shop: Shop,
    period: Period,
    versions: Sequence[PlanVersion],
    markets: Sequence[str],
    layers: Collection[str],
    language: str,
) -> Iterator[Item]:
    yield from own_items(shop, period)
    if {"retail", "other"} & set(layers):
        dated = OwnEvent.objects.of(shop).exclude(dates="")
        announced = [one for event in dated for one in event.occurrences(period)]
        yield from _retail(shop, period, versions, markets, announced)
    if "holiday" in layers:
        named: dict[tuple[date, str], list[str]] = {}
        for country in markets:
            for day in holiday.holidays(country, period, language):
                named.setdefault((day.on, day.name), []).append(country)
        for (on, name), countries in named.items():
            yield Item(
                id=f"holiday:{on}:{countries[0]}", layer="holiday", title=name, start=on, end=on + _ONE_DAY,
                countries=tuple(countries),
                is_partial=len(countries) < len(markets),
            )  # fmt: skip


def own_items(shop: Shop, period: Period) -> Iterator[Item]:
    """The shop's own events in the years of a period, and the trainings of its team."""
    trainings = Training.objects.filter(shop=shop, on__gte=period.start, on__lt=period.end)
    for training in trainings.prefetch_related("attendees"):
        users = (one.user_id for one in training.attendees.all())
        yield Item(
            id=f"training:{training.pk}", layer="training", title=training.name, start=training.on,
            end=training.on + _ONE_DAY, people=tuple(user for user in users if user), can_move=True,
        )  # fmt: skip
    for event in OwnEvent.objects.of(shop).filter(dates=""):
        for one in event.occurrences(period):
            yield Item(
                id=f"own:{event.pk}", layer="own", title=event.name, start=one.start, end=one.end, occurrence=one,
                prepare_on=one.window.start if one.lead_in_days else None, can_move=True,
            )  # fmt: skip


def _retail(
    shop: Shop,
    period: Period,
    versions: Sequence[PlanVersion],
    markets: Sequence[str],
    announced: Sequence[Occurrence],
) -> Iterator[Item]:
    """The retail events of the markets; one that several celebrate on the same days stands once."""
    lines = lines_of(shop)
    index = {event["event"]: event.get("index") or 0.0 for each in versions for event in each.outlook.get("events", [])}
    known = {word for one in shipped.EVENTS for word in one.categories}
    says_what_it_sells = bool({line.rstrip("s") for line in lines} & {word.rstrip("s") for word in known})
    found: dict[tuple[str, date, date], tuple[Occurrence, list[str]]] = {}
    for country in markets:
        own = announced if country == shop.country else ()
        for one in occurrences(period, country, own=own):
            found.setdefault((one.event, one.start, one.end), (one, []))[1].append(country)
    for (event, start, end), (one, countries) in found.items():
        is_ours = not says_what_it_sells or is_relevant(one, lines, index)
        yield Item(
            id=f"retail:{event}:{start}", layer="retail" if is_ours else "other", label=one.label, start=start, end=end,
            prepare_on=one.window.start if one.lead_in_days else None, occurrence=one, countries=tuple(countries),
            is_estimate=one.is_estimate, is_partial=len(countries) < len(markets),
        )  # fmt: skip


def planned(version: PlanVersion, today: date, reader: int | None = None) -> Iterator[Item]:
    """What a version of a plan says of days.

    reader : whose promises alone are told, as of who sees a part of the shop; None tells everybody's
    """
    rows: dict[str, list[Entry]] = {name: [] for name in (*_BY_FIELD, _FRONTS)}
    for entry in version.entries.standing().filter(field__in=rows):
        rows[entry.field].append(entry)
    own = promotion.own_events(version)
    promotions = promotion.days_by_key(version, rows["11.promotions"], own)
    is_open = version.state not in (State.ACTIVE, State.CLOSED)
    for table in _TABLES:
        for row in rows[table.field]:
            days = _days(table, row, promotions, today)
            if days is None:
                continue
            people = (row.cells["owner"],) if row.cells.get("owner") else ()
            steps = content.deadlines(row.cells, promotions, today) if table.layer == "content" else []
            yield Item(
                id=f"{version.pk}:{table.field}:{row.key}",
                layer=table.layer,
                title=str(row.cells.get(table.title) or ""),
                start=days.start,
                end=days.end,
                prepare_on=_prepare(version, table, row, days, own),
                version=version,
                field=table.field,
                key=row.key,
                people=people,
                front=row.cells.get("front") or "",
                is_late=any(step.is_late for step in steps),
                is_done=row.cells.get("status") == "published",
                can_move=is_open,
            )
            for step in steps[:-1]:
                yield Item(
                    id=f"{version.pk}:{table.field}:{row.key}:{step.status}", layer="deadline",
                    title=str(row.cells.get(table.title) or ""), status=STATUSES[step.status], start=step.on,
                    end=step.on + _ONE_DAY, version=version, field=table.field, key=row.key, is_late=step.is_late,
                    people=people,
                )  # fmt: skip
    promises = version.plan.promises.all()
    for promise in promises if reader is None else promises.filter(owner=reader):
        yield Item(
            id=f"{version.pk}:promise:{promise.pk}", layer="review", title=promise.text, start=promise.due_on,
            end=promise.due_on + _ONE_DAY, version=version, field="24.commitments", key=str(promise.pk),
            people=(promise.owner_id,) if promise.owner_id else (), is_done=promise.state != Promise.State.OPEN,
        )  # fmt: skip
    of_goal = {row.cells["goal"]: row.key for row in rows[_FRONTS] if row.cells.get("goal")}
    by_grid = version.grid_metrics
    for goal in version.goals.standing():
        yield Item(
            id=f"{version.pk}:goal:{goal.key}", layer="goal", start=goal.due_on, end=goal.due_on + _ONE_DAY,
            version=version, field="6.goals", key=goal.key, people=(goal.owner_id,) if goal.owner_id else (), goal=goal,
            front=of_goal.get(goal.key, ""),
            can_move=is_open and goal.metric not in by_grid,
        )  # fmt: skip


def _days(table: _Dated, row: Entry, promotions: Mapping[str, Period], today: date) -> Period | None:
    """The days of a row, None if it has none yet. promotions : those of the plan's promotions, by key"""
    match table.layer:
        case "promotion":
            return promotions.get(row.key)
        case "content":
            on = content.out_on(row.cells, promotions)
        case "review" if table.field == "10.audit":
            on = content.next_audit(row.cells, today)
        case _:
            on = date.fromisoformat(row.cells[table.first]) if row.cells.get(table.first) else None
    if on is None:
        return None
    last = row.cells.get(table.last) if table.last else None
    return Period(on, (date.fromisoformat(last) if last else on) + _ONE_DAY)


def _prepare(version: PlanVersion, table: _Dated, row: Entry, days: Period, own: Sequence[Occurrence]) -> date | None:
    """When work on it begins."""
    if table.layer == "promotion":
        return promotion.prepare_on(version, row.cells, days, own)
    if table.layer == "content" and row.cells.get("status") != "published":
        return days.start - timedelta(days=content.first_days(row.cells))
    return None


def entries(found: Iterable[Item], translate: Callable[[str], str]) -> Iterator[ics.Entry]:
    """Items as entries of a calendar file; their ids stay when they move.

    translate : gives marked text in the reader's language
    """
    seen: Counter[str] = Counter()
    for one in found:
        name = _uid(one)
        seen[name] += 1
        layer = translate(LAYERS[one.layer])
        yield ics.Entry(
            uid=f"{name}{f'.{seen[name]}' if seen[name] > 1 else ''}@topline",
            summary=one.name(translate),
            start=one.start,
            end=one.end,
            description=" · ".join(filter(None, (layer, one.version.plan.title if one.version else ""))),
            categories=(layer,),
            is_tentative=one.is_estimate,
        )


def _uid(one: Item) -> str:
    """A name that stays from version to version of a plan, and when a day moves."""
    if one.version:
        return f"plan-{one.version.plan_id}.{one.id.partition(':')[2].replace(':', '.')}"
    if one.occurrence:
        name = one.id.replace(":", "-") if one.layer == "own" else one.occurrence.event
        return ".".join((name, str(one.start.year), *one.countries[:1]))
    return one.id.replace(":", ".")


# Moving ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved, from where to where, so that it can be moved back.

    along : titles of what moved with it by the same days; followed : it stood where its event's rule had put it
    """

    id: str
    title: str
    was: Period
    now: Period
    along: list[str] = field(default_factory=list)
    followed: bool = False


def move(*, shop: Shop, id_: str, was: Period, to: Period, actor: User, now: datetime, follows: bool = False) -> Moved:
    """Put something on other days, if it still stands on those that the actor saw; to undo it, move it back.

    What hangs on a promotion and has a day of its own moves along. follows : take a promotion back to its event's days

    Raises UnknownItemError, UnmovableError, StaleMoveError, operations.PlanLockedError, cells.CellError.
    """
    kind, _, rest = id_.partition(":")
    with transaction.atomic():
        if kind == "own":
            return _move_event(shop, id_, rest, was, to, actor)
        if kind == "training":
            return _move_training(shop, id_, rest, was, to, actor)
        version = PlanVersion.objects.of(shop).filter(pk=int(kind) if kind.isdecimal() else 0).first()
        name, _, key = rest.partition(":")
        if version is None:
            raise UnknownItemError(id=id_)
        version = operations.for_edit(version=version, actor=actor, now=now)
        if name == "goal":
            return _move_goal(version, id_, key, was, to, actor, now)
        table = _BY_FIELD.get(name)
        row = version.entries.rows(name).filter(key=key).first() if table else None
        if table is None or row is None:
            raise UnknownItemError(id=id_)
        return _move_row(version, table, row, id_, was, to, actor, now, follows=follows)


def _move_row(
    version: PlanVersion,
    table: _Dated,
    row: Entry,
    id_: str,
    was: Period,
    to: Period,
    actor: User,
    now: datetime,
    *,
    follows: bool,
) -> Moved:
    own, today = promotion.own_events(version), version.plan.shop.today()

    def stands() -> Period | None:
        promotions = promotion.days_by_key(version, version.entries.rows("11.promotions"), own)
        return _days(table, row, promotions, today)

    title, stood = str(row.cells.get(table.title) or ""), stands()
    _check(title, stood, was)
    followed = table.layer == "promotion" and not row.cells.get("starts_on")
    changes: dict[str, Any] = {table.first: to.start.isoformat()}
    if table.last:
        changes[table.last] = to.last.isoformat() if to.days > 1 or row.cells.get(table.last) else None
    if follows and row.cells.get("event"):
        changes = {table.first: None, table.last: None}
    _write(version, row, changes, actor, now)
    row.refresh_from_db()
    landed = stands() or to
    along = _along(version, row.key, landed.start - was.start, actor, now) if table.layer == "promotion" else []
    return Moved(id_, title, was, landed, along, followed)


def _along(version: PlanVersion, key: str, by: timedelta, actor: User, now: datetime) -> list[str]:
    """Move the pieces that were made for a promotion, have a day of their own, and aren't out."""
    titles = []
    for piece in version.entries.rows("10.pieces"):
        mine = piece.cells
        if mine.get("promotion") != key or not mine.get("on") or mine.get("status") == "published" or not by:
            continue
        _write(version, piece, {"on": (date.fromisoformat(mine["on"]) + by).isoformat()}, actor, now)
        titles.append(str(mine.get("name") or ""))
    return titles


def _write(version: PlanVersion, row: Entry, changes: Mapping[str, Any], actor: User, now: datetime) -> None:
    try:
        document.write(
            version=version, field=row.field, key=row.key, changes=changes, seen=row.revision, actor=actor, now=now
        )
    except cells.CellsError as error:
        raise next(iter(error.errors.values())) from None


def _move_goal(version: PlanVersion, id_: str, key: str, was: Period, to: Period, actor: User, now: datetime) -> Moved:
    goal: Goal | None = version.goals.standing().filter(key=key).first()
    if goal is None:
        raise UnknownItemError(id=id_)
    title = text.metric_label(goal.metric)
    _check(title, Period(goal.due_on, goal.due_on + _ONE_DAY), was)
    operations.edit_goal(goal=goal, actor=actor, now=now, due_on=to.start)
    return Moved(id_, title, was, Period(to.start, to.start + _ONE_DAY))


def _move_event(shop: Shop, id_: str, key: str, was: Period, to: Period, actor: User) -> Moved:
    events = OwnEvent.objects.of(shop).select_for_update(of=("self",))
    event = events.filter(pk=int(key) if key.isdecimal() else 0).first()
    if event is None:
        raise UnknownItemError(id=id_)
    stands = min((one.period for one in event.occurrences(was)), key=lambda one: abs((one.start - was.start).days))
    _check(event.name, stands, was)
    starts_on = event.starts_on + (to.start - was.start)
    calendar.put_event(
        shop=shop, event=event, name=event.name, starts_on=starts_on, last_on=starts_on + (to.last - to.start),
        actor_id=actor.pk, dates=event.dates, is_yearly=event.is_yearly, lead_in_days=event.lead_in_days,
        tail_days=event.tail_days, categories=event.categories, note=event.note, is_closed=event.is_closed,
    )  # fmt: skip
    return Moved(id_, event.name, was, to)


def _move_training(shop: Shop, id_: str, key: str, was: Period, to: Period, actor: User) -> Moved:
    training = Training.objects.filter(shop=shop, pk=int(key) if key.isdecimal() else 0).first()
    if training is None:
        raise UnknownItemError(id=id_)
    _check(training.name, Period(training.on, training.on + _ONE_DAY), was)
    team.keep_training(shop=shop, values={"on": to.start}, actor_id=actor.pk, training_id=training.pk)
    return Moved(id_, training.name, was, Period(to.start, to.start + _ONE_DAY))


def _check(title: str, stands: Period | None, was: Period) -> None:
    if stands is None:
        raise UnmovableError(title=title)
    if stands != was:
        raise StaleMoveError(title=title, on=stands.start)
