"""Who works here, where they sell, how won deals are shared, and what they learn: the only source of these names."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import ClassVar, Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from topline.accounts.models import Shop


class Work(models.TextChoices):
    """The kinds of work whose amount is known or foreseen (see the workload)."""

    PICK = "pick", _("Picks and packs orders")
    CONTACT = "contact", _("Answers customers")
    LEAD = "lead", _("Calls leads")
    CONTENT = "content", _("Makes content")


class MemberQuerySet(models.QuerySet["Member"]):
    def of(self, shop: Shop) -> Self:
        return self.filter(shop=shop).select_related("reports_to", "user").order_by("name", "role", "pk")

    def people(self) -> Self:
        """Members who are there or were, without open positions."""
        return self.exclude(name="")

    def named(self) -> Self:
        """People whom facts name."""
        return self.exclude(key="")

    def on(self, day: date) -> Self:
        """Those who work, or are planned to, on a day."""
        return self.filter(Q(from_on=None) | Q(from_on__lte=day), Q(until_on=None) | Q(until_on__gt=day))


class Member(models.Model):
    """A person of the team, or an open position until somebody fills it.

    name : empty while the position is open
    key : how facts name the person, such as the owner of a deal; plans name them by it too
    team : the team's name, as facts and plans have it
    work : what of the workload the person does, "" for none of it
    week_hours : that the person works a week
    cost : of a year, in the shop's currency
    from_on, until_on : the days on which the person begins, and has left; None for before, and not yet
    """

    shop = models.ForeignKey(Shop, models.CASCADE, related_name="members")
    name = models.CharField(max_length=200, blank=True)
    key = models.CharField(max_length=255, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    role = models.CharField(max_length=120)
    team = models.CharField(max_length=120, blank=True)
    work = models.CharField(max_length=10, choices=Work, blank=True)
    week_hours = models.DecimalField(
        max_digits=5, decimal_places=2, default=Decimal(40), validators=[MinValueValidator(0), MaxValueValidator(168)]
    )
    cost = models.DecimalField(
        max_digits=18, decimal_places=6, null=True, blank=True, validators=[MinValueValidator(0)]
    )
    reports_to = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="reports")
    from_on = models.DateField(null=True, blank=True)
    until_on = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = MemberQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["shop", "key"], condition=~Q(key=""), name="team_member_key"),
            models.UniqueConstraint(fields=["shop", "user"], name="team_member_user"),
            models.CheckConstraint(condition=Q(week_hours__range=(0, 168)), name="team_member_hours"),
        ]

    def __str__(self) -> str:
        return self.name or str(pgettext_lazy("position", "Open: %(role)s") % {"role": self.role})

    @property
    def is_open(self) -> bool:
        return not self.name

    def hours_on(self, day: date, as_of: date) -> Decimal:
        """Hours of the week that begins on a day, as planned on another; 0 before the first and after the last.

        An open position counts from the day on which it is to be filled, unless that has passed already.
        """
        if self.is_open and (self.from_on is None or self.from_on <= as_of):
            return Decimal(0)
        is_there = (self.from_on is None or self.from_on <= day) and (self.until_on is None or day < self.until_on)
        return self.week_hours if is_there else Decimal(0)


def tree(members: list[Member]) -> Iterator[tuple[Member, int]]:
    """Members and their depth, everybody below whom they report to, in the order given."""
    there = {member.pk for member in members}
    below: dict[int | None, list[Member]] = {}
    for member in members:
        below.setdefault(member.reports_to_id if member.reports_to_id in there else None, []).append(member)
    waiting = [(member, 0) for member in reversed(below.get(None, []))]
    while waiting:
        member, depth = waiting.pop()
        yield member, depth
        waiting += [(one, depth + 1) for one in reversed(below.get(member.pk, []))]


class Territory(models.Model):
    """A market or region and a sales channel, worked as one.

    name : as facts and plans name it
    channel : the code of the shop's list of channels, "" for all
    country : whose holidays and retail events it follows
    tax_rate : of its prices, 0-1
    """

    shop = models.ForeignKey(Shop, models.CASCADE, related_name="territories")
    name = models.CharField(max_length=120)
    market = models.CharField(max_length=2, blank=True)
    region = models.CharField(max_length=120, blank=True)
    channel = models.CharField(max_length=255, blank=True)
    currency = models.CharField(max_length=3)
    tax_rate = models.DecimalField(
        max_digits=6,
        decimal_places=5,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
    )
    country = models.CharField(max_length=2)
    strategy = models.TextField(blank=True)
    owner = models.ForeignKey(Member, models.SET_NULL, null=True, blank=True, related_name="territories")

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["shop", "name"], name="team_territory_name")]

    def __str__(self) -> str:
        return self.name


class CreditShare(models.Model):
    """A member's part of a deal that several won; the parts of a deal sum to 100.

    percent : 0-100
    """

    shop = models.ForeignKey(Shop, models.CASCADE)
    deal_key = models.CharField(max_length=255)
    member = models.ForeignKey(Member, models.PROTECT, related_name="credits")
    percent = models.DecimalField(max_digits=7, decimal_places=4)

    class Meta:
        ordering: ClassVar = ["deal_key", "-percent", "pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["shop", "deal_key", "member"], name="team_credit_once"),
            models.CheckConstraint(condition=Q(percent__gt=0, percent__lte=100), name="team_credit_percent"),
        ]


class Training(models.Model):
    """A session: who learns what on a day, and the number that it should move.

    metric, scope : of the catalogue; scope {"owner": "*"} is that of the attendees, else {dimension: value}
    weeks : before and after the session that are compared
    """

    shop = models.ForeignKey(Shop, models.CASCADE, related_name="trainings")
    name = models.CharField(max_length=200)
    on = models.DateField()
    skill = models.CharField(max_length=200, blank=True)
    metric = models.CharField(max_length=64, blank=True)
    scope = models.JSONField(default=dict, blank=True)
    weeks = models.PositiveSmallIntegerField(default=4, validators=[MinValueValidator(1), MaxValueValidator(26)])
    attendees = models.ManyToManyField(Member, related_name="trainings", blank=True)

    class Meta:
        ordering: ClassVar = ["-on", "name"]

    def __str__(self) -> str:
        return self.name
