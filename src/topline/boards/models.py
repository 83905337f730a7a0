"""Dashboards and their tiles, saved views, screens, alerts and their events, digests: how people look at figures."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from topline.accounts import permissions
from topline.accounts.models import Shop, User
from topline.accounts.scopes import scope_for
from topline.analysis import catalogue
from topline.analysis.analysis import Question
from topline.lake.scope import Scope
from topline.metrics.query import Query, parse_filter
from topline.units.period import Period, add_months

TIME = "time"
"""Stands among a tile's dimensions for the grain that suits the period it is shown for."""

PRESETS = (
    "last_7_days",
    "last_30_days",
    "last_90_days",
    "this_month",
    "last_month",
    "this_quarter",
    "this_year",
    "last_12_months",
    "last_24_months",
)
"""Periods that go with the day, by the name that a saved view keeps."""

COLUMNS = 12
ROWS = 3


def asked(question: Mapping[str, Any], period: Period | None, grain: str, against: str | None) -> Query:
    """The question that is kept, of a period. Raises what `Query` raises."""
    return Query(
        metrics=tuple(question["metrics"]),
        period=period,
        by=tuple(grain if id_ == TIME else id_ for id_ in question.get("by", ())),
        where=tuple(parse_filter(text) for text in question.get("where", ())),
        against=against,
        top=question.get("top"),
        window=question.get("window"),
        money=question.get("money", "shop"),
    )


def lookback(question: Mapping[str, Any], period: Period) -> Period:
    """The days that a kept question to an analysis is about on a dashboard of a period: whole months, and one begun."""
    months = question.get("months")
    return Period(add_months(period.end.replace(day=1), -months), period.end) if months else period


def analysed(question: Mapping[str, Any], period: Period | None, as_of: date | None) -> Question:
    """The question to an analysis that is kept, of a period.

    Raises what `Analysis.asked` raises, and UnknownAnalysisError.
    """
    days = lookback(question, period) if period else None
    where = [parse_filter(text) for text in question.get("where", ())]
    analysis = catalogue.named(question["analysis"])
    return analysis.asked(question.get("choices", {}), period=days, where=where, as_of=as_of)


class SharedQuerySet[M: models.Model](models.QuerySet[M]):
    """Of things that a person keeps for themselves or shares with the shop."""

    def for_(self, user: User, shop: Shop) -> Self:
        """What the person may open: their own and what is shared, by name."""
        return self.filter(Q(owner=user) | Q(is_shared=True), shop=shop).order_by(*(self.model._meta.ordering or ()))


class Dashboard(models.Model):
    """Tiles on a grid of twelve columns. Without an owner it is the shop's.

    A shared one is run with each viewer's scope, so two people may see other figures on it.
    """

    shop = models.ForeignKey(Shop, models.CASCADE, related_name="dashboards")
    title = models.CharField(max_length=120)
    owner = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    is_shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects = SharedQuerySet["Dashboard"].as_manager()

    class Meta:
        ordering: ClassVar = ["title", "pk"]

    def __str__(self) -> str:
        return self.title

    def may_edit(self, user: User, granted: Iterable[str]) -> bool:
        """Whether the person may change it: their own; a shared one, whoever may share."""
        codes = set(granted)
        return "boards.write" in codes and (self.owner_id == user.pk or (self.is_shared and "boards.share" in codes))


class RoleDashboard(models.Model):
    """The dashboard that people of a role begin with."""

    shop = models.ForeignKey(Shop, models.CASCADE)
    role = models.CharField(
        max_length=30, choices=[(role.value, permissions.LABELS[role]) for role in permissions.Role]
    )
    dashboard = models.ForeignKey(Dashboard, models.CASCADE)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["shop", "role"], name="boards_one_for_a_role")]

    def __str__(self) -> str:
        return f"{self.role}: {self.dashboard}"


class Tile(models.Model):
    """A figure, a picture, a table, an analysis or a text.

    visual : an id of `visual.VISUALS`
    question : {"metrics": [...], "by": [...], "where": ["market=GB"], "top": 5}, with `window` and `money` as a query
        has them; `by` may hold TIME; a text has none
        of an analysis: {"analysis": "cohorts", "choices": {"by": "channel"}, "where": [...], "table": "ages"}, and with
        `months` that many up to the end of the dashboard's period, for what takes long to show
    text : Markdown
    width : columns of the grid, 3-12; height : its rows, 1-3
    """

    dashboard = models.ForeignKey(Dashboard, models.CASCADE, related_name="tiles")
    position = models.PositiveSmallIntegerField()
    visual = models.CharField(max_length=20)
    title = models.CharField(max_length=120, blank=True, help_text="empty: what it shows")
    question = models.JSONField(default=dict, blank=True)
    text = models.TextField(blank=True)
    width = models.PositiveSmallIntegerField(default=6)
    height = models.PositiveSmallIntegerField(default=2)

    class Meta:
        ordering: ClassVar = ["position", "pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(width__range=(3, COLUMNS), height__range=(1, ROWS)), name="boards_tile_size"
            )
        ]

    def __str__(self) -> str:
        return self.title or self.visual


class SavedView(models.Model):
    """A question of the metrics page by name.

    parameters : those of the page's address, [[name, value], ...], with `preset` for a period that goes with the day
    """

    shop = models.ForeignKey(Shop, models.CASCADE, related_name="+")
    name = models.CharField(max_length=120)
    owner = models.ForeignKey(User, models.CASCADE, related_name="+")
    is_shared = models.BooleanField(default=False)
    parameters = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)

    objects = SharedQuerySet["SavedView"].as_manager()

    class Meta:
        ordering: ClassVar = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    def may_edit(self, user: User) -> bool:
        return self.owner_id == user.pk


class ScreenQuerySet(models.QuerySet["Screen"]):
    def live(self) -> Self:
        """Not revoked, and of a maker who is still here; whether the maker may still share, `Screen.scope` says."""
        return self.filter(revoked_at=None, maker__is_active=True).select_related("shop", "maker")


class Screen(models.Model):
    """A link that shows dashboards on a wall, without signing in. Only its digest is kept.

    scope : what its maker might see when making it; it never shows more than that, nor than the maker may see today
    seconds : how long each dashboard stands
    """

    shop = models.ForeignKey(Shop, models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    maker = models.ForeignKey(User, models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12, help_text="the link's first characters, to know it by")
    dashboards = models.JSONField(help_text="ids of dashboards, in order")
    seconds = models.PositiveSmallIntegerField(default=30)
    language = models.CharField(max_length=10)
    scope = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True)

    objects = ScreenQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    def scope_today(self) -> Scope | None:
        """What it may show: the narrower of then and now; None once its maker may not share any more."""
        if "boards.share" not in self.maker.permissions_in(self.shop):
            return None
        then = Scope(
            shops=frozenset(self.scope["shops"]),
            owners=_ids(self.scope["owners"]),
            territories=_ids(self.scope["territories"]),
            hidden_families=frozenset(self.scope["hidden_families"]),
        )
        return then.within(scope_for(self.maker, self.shop))


def _ids(kept: list[str] | None) -> frozenset[str] | None:
    return None if kept is None else frozenset(kept)


class AlertQuerySet(models.QuerySet["Alert"]):
    def of(self, user: User, shop: Shop) -> Self:
        """The person's own, and those shared with the shop; the newest first."""
        return self.filter(Q(owner=user) | Q(is_shared=True), shop=shop, ended_at=None).order_by("-pk")

    def seen_by(self, user: User, shop: Shop) -> list["Alert"]:
        """The person's own, and the shared ones of those whose scope the person's covers; each scope is built once."""
        found = list(self.of(user, shop).select_related("owner", "shop"))
        scopes = {owner: scope_for(owner, shop) for owner in {user, *(one.owner for one in found)}}
        return [one for one in found if one.owner == user or scopes[user].covers(scopes[one.owner])]

    def running(self) -> Self:
        return self.filter(ended_at=None, owner__is_active=True).select_related("shop", "owner")


class Alert(models.Model):
    """Something about a metric that a person wants to be told of.

    rule : an id of `alerts.RULES`; question : {"metrics": [one], "where": [...]}
    grain : day, week or month: the buckets that are judged, each once it is over
    bound : the amount that a threshold is; the tolerated shortfall of a pace, 0-1
    side : above, below, or either
    judged_to : the day after the last bucket judged; is_on : whether the condition held in it
    day : the shop's day on which it was judged last
    snapshot : the lake's snapshot that was judged last
    """

    class Side(models.TextChoices):
        ABOVE = "above", _("above")
        BELOW = "below", _("below")
        EITHER = "either", _("either way")

    shop = models.ForeignKey(Shop, models.CASCADE, related_name="+")
    owner = models.ForeignKey(User, models.CASCADE, related_name="+")
    name = models.CharField(max_length=120)
    is_shared = models.BooleanField(default=False)
    rule = models.CharField(max_length=20)
    question = models.JSONField()
    grain = models.CharField(max_length=10, default="day")
    bound = models.DecimalField(max_digits=24, decimal_places=6, null=True)
    side = models.CharField(max_length=10, choices=Side.choices, default=Side.BELOW)
    by_mail = models.BooleanField(default=True)
    webhook = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    snoozed_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    judged_to = models.DateField(null=True)
    snapshot = models.PositiveBigIntegerField(null=True)
    day = models.DateField(null=True)
    is_on = models.BooleanField(default=False)
    trouble = models.CharField(max_length=300, blank=True, help_text="why it can't be judged")

    objects = AlertQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    @property
    def metric(self) -> str:
        return str(self.question["metrics"][0])

    def is_seen_by(self, user: User) -> bool:
        """Whether the person may see what it found: their own scope must cover the owner's, as whom it is judged."""
        return scope_for(user, self.shop).covers(scope_for(self.owner, self.shop))

    def is_snoozed(self, now: datetime) -> bool:
        return self.snoozed_until is not None and self.snoozed_until > now


class AlertEvent(models.Model):
    """An alert's condition began to hold.

    bucket : the first day of the bucket in which it did: an alert has one event a bucket, however often it is judged
    value, expected, low, high : what was found and what was expected, in the metric's unit
    is_quiet : nobody was told, as the alert was snoozed
    """

    alert = models.ForeignKey(Alert, models.CASCADE, related_name="events")
    bucket = models.DateField()
    at = models.DateTimeField()
    value = models.DecimalField(max_digits=30, decimal_places=6, null=True)
    expected = models.DecimalField(max_digits=30, decimal_places=6, null=True)
    low = models.DecimalField(max_digits=30, decimal_places=6, null=True)
    high = models.DecimalField(max_digits=30, decimal_places=6, null=True)
    message = models.CharField(max_length=300)
    params = models.JSONField(default=dict)
    is_quiet = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["-bucket", "-pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["alert", "bucket"], name="boards_event_once")]

    def __str__(self) -> str:
        return f"{self.alert} {self.bucket}"

    @property
    def key(self) -> str:
        """The same for the same event wherever it is told."""
        return f"alert-{self.alert_id}-{self.bucket}"


class Digest(models.Model):
    """A dashboard, or without one the figures of Today, by e-mail at the beginning of each day, week or month."""

    class Every(models.TextChoices):
        DAY = "day", _("daily")
        WEEK = "week", _("weekly")
        MONTH = "month", _("monthly")

    shop = models.ForeignKey(Shop, models.CASCADE, related_name="+")
    owner = models.ForeignKey(User, models.CASCADE, related_name="+")
    dashboard = models.ForeignKey(Dashboard, models.CASCADE, null=True, related_name="digests")
    every = models.CharField(max_length=5, choices=Every.choices, default=Every.WEEK)
    hour = models.PositiveSmallIntegerField(default=7, help_text="of the shop's day, 0-23")
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=Q(hour__range=(0, 23)), name="boards_digest_hour")]

    def __str__(self) -> str:
        return f"{self.dashboard or self.shop} {self.every}"


class Recipient(models.Model):
    """A person of the shop who gets a digest, with what they may see in it."""

    digest = models.ForeignKey(Digest, models.CASCADE, related_name="recipients")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    stopped_at = models.DateTimeField(null=True, help_text="when the person unsubscribed")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["digest", "user"], name="boards_recipient_once")]

    def __str__(self) -> str:
        return str(self.user)


class Sending(models.Model):
    """A digest of a period to one person: there is one, however often the schedule looks."""

    recipient = models.ForeignKey(Recipient, models.CASCADE, related_name="sendings")
    period_start = models.DateField()
    asked_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["recipient", "period_start"], name="boards_digest_once")
        ]

    def __str__(self) -> str:
        return f"{self.recipient} {self.period_start}"
