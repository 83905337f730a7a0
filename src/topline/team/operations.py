"""What people do with the team: the only writers of its tables.

Values come as a form or as JSON has them (texts, days as 2027-01-31); what can't be kept is said by field.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone

from topline.accounts import operations as accounts
from topline.accounts.channels import UnknownChannelError
from topline.accounts.models import Channel, Shop, User
from topline.facts.deal_credit import DealCredit
from topline.journal import operations as journal
from topline.metrics.catalogue import dimensions, metrics
from topline.metrics.query import UnknownMetricError
from topline.team.models import CreditShare, Member, Territory, Training
from topline.units import errors
from topline.units.money import minor_digits
from topline.units.text import N_
from topline.workbench import audit

WHOLE = Decimal(100)

MEMBER = ("name", "key", "user", "role", "team", "work", "week_hours", "cost", "reports_to", "from_on", "until_on")
TERRITORY = ("name", "market", "region", "channel", "currency", "tax_rate", "country", "strategy", "owner")
TRAINING = ("name", "on", "skill", "metric", "scope", "weeks", "attendees")
"""What may be said of each."""

ATTENDEES = "*"
"""In a training's scope: those who were there."""


class UnknownTeamRowError(errors.ToplineError):
    message = N_("There is no such entry in the team (%(id)s). Somebody may have removed it.")


class UnknownTeamFieldError(errors.ToplineError):
    message = N_("“%(field)s” can't be said here. The fields are %(fields)s.")


class WrongValueError(errors.ToplineError):
    message = N_("%(why)s")


class CircleError(errors.ToplineError):
    message = N_("%(person)s can't report to %(boss)s, who reports to %(person)s already, directly or through others.")


class KeyTakenError(errors.ToplineError):
    message = N_("%(person)s is named “%(key)s” in the data already.")


class UserTakenError(errors.ToplineError):
    message = N_("This account belongs to %(person)s.")


class LeavesBeforeError(errors.ToplineError):
    message = N_("The last day lies before the first.")


class NameTakenError(errors.ToplineError):
    message = N_("There is a territory “%(name)s” already.")


class TrainingScopeError(errors.ToplineError):
    message = N_("%(metric)s can't be cut by %(dimension)s. Choose another scope, or the whole shop.")


class CreditSumError(errors.ToplineError):
    message = N_("The shares come to %(sum)s %%. They must come to exactly 100 %%.")


class CreditShareError(errors.ToplineError):
    message = N_("A share lies above 0 and up to 100 %%, with up to four decimals: “%(percent)s” does not.")


class HoldsCreditError(errors.ToplineError):
    message = N_("%(person)s shares in deals. Give the last day instead, or share those deals anew first.")


# People -------------------------------------------------------------------------


@transaction.atomic
def keep_member(*, shop: Shop, values: Mapping[str, Any], actor_id: int | None, member_id: int | None = None) -> Member:
    """A new member or open position, or one with these values changed.

    values : any of `MEMBER`; user and reports_to by their number. A name without a key is its own key.

    An account is parted from its name in the data only where `user` is said: without one a rep sees the whole shop.

    Raises errors.FieldsError with why by field, UnknownTeamRowError, UnknownTeamFieldError.
    """
    others = {one.pk: one for one in Member.objects.select_for_update().filter(shop=shop)}
    member = _found(others.pop(member_id, None), member_id) if member_id is not None else Member(shop=shop)
    former = (member.user, member.key) if "user" in values else (None, "")
    wrong = _set(member, values, MEMBER, user=_user(shop), reports_to=_other(others))
    wrong |= _clean(member)
    if not wrong:
        if member.is_open:
            member.key, member.user = "", None
        member.key = member.key or member.name
        wrong = _wrong_member(member, others.values())
    if wrong:
        raise errors.FieldsError(wrong)
    member.save()
    _name_owner(shop, member, former, actor_id)
    _log("team.keep_member", shop, member, actor_id, values)
    return member


@transaction.atomic
def remove_member(*, shop: Shop, member_id: int, actor_id: int | None) -> None:
    """Take out somebody who should not have been entered; whoever reported to them reports to whom they reported.

    The account that was linked goes on seeing what it saw.

    Raises UnknownTeamRowError, HoldsCreditError.
    """
    member = _found(Member.objects.select_for_update().filter(shop=shop, pk=member_id).first(), member_id)
    if member.credits.exists():
        raise HoldsCreditError(person=str(member))
    member.reports.update(reports_to=member.reports_to)
    audit.log("team.remove_member", actor_id=actor_id, shop=shop.slug, subject=str(member))
    member.delete()


@transaction.atomic
def name_person(*, shop: Shop, user: User, key: str, actor_id: int | None) -> None:
    """Say how facts name a person who signs in; whom the team has as that person takes the name, "" parts the two.

    Raises accounts' UnknownMemberError, errors.FieldsError.
    """
    accounts.name_owner(shop=shop, user=user, owner_key=key, actor_id=actor_id)
    member = Member.objects.filter(shop=shop, user=user).first()
    if member is not None:
        values = {"key": key} if key.strip() else {"user": None}
        keep_member(shop=shop, values=values, actor_id=actor_id, member_id=member.pk)


def _wrong_member(member: Member, others: Any) -> dict[str, errors.ToplineError]:
    wrong: dict[str, errors.ToplineError] = {}
    for one in others:
        if member.key and one.key == member.key:
            wrong["key"] = KeyTakenError(person=str(one), key=member.key)
        if member.user_id and one.user_id == member.user_id:
            wrong["user"] = UserTakenError(person=str(one))
    if member.from_on and member.until_on and member.until_on <= member.from_on:
        wrong["until_on"] = LeavesBeforeError()
    if member.pk and member.reports_to and _reaches(member.reports_to, member, others):
        wrong["reports_to"] = CircleError(person=str(member), boss=str(member.reports_to))
    return wrong


def _reaches(start: Member, goal: Member, others: Any) -> bool:
    """Whether the line of reports from one member upwards comes to another."""
    above = {one.pk: one.reports_to_id for one in others}
    at: int | None = start.pk
    while at is not None and at != goal.pk:
        at = above.get(at)
    return at is not None


def _name_owner(shop: Shop, member: Member, former: tuple[User | None, str], actor_id: int | None) -> None:
    """Let what accounts that have a role here see of facts follow from whom the account is linked to."""
    user, key = former
    if user is not None and user != member.user and key in user.owner_keys_in(shop):
        accounts.name_owner(shop=shop, user=user, owner_key="", actor_id=actor_id)
    if member.user is not None and member.user.roles_in(shop) and {member.key} != member.user.owner_keys_in(shop):
        accounts.name_owner(shop=shop, user=member.user, owner_key=member.key, actor_id=actor_id)


# Territories --------------------------------------------------------------------


@transaction.atomic
def keep_territory(
    *, shop: Shop, values: Mapping[str, Any], actor_id: int | None, territory_id: int | None = None
) -> Territory:
    """A new territory, or one with these values changed; currency and country are the shop's unless said.

    values : any of `TERRITORY`; the owner by their number

    Raises errors.FieldsError, UnknownTeamRowError, UnknownTeamFieldError.
    """
    members = {one.pk: one for one in Member.objects.filter(shop=shop)}
    there = Territory.objects.select_for_update().filter(shop=shop)
    territory = (
        _found(there.filter(pk=territory_id).first(), territory_id)
        if territory_id is not None
        else Territory(shop=shop, currency=shop.currency, country=shop.country)
    )
    wrong = _set(territory, values, TERRITORY, owner=_other(members))
    territory.currency = territory.currency or shop.currency
    territory.country = territory.country or territory.market or shop.country
    wrong |= _clean(territory)
    for name in ("currency", "market", "country"):
        setattr(territory, name, str(getattr(territory, name)).upper())
    if there.filter(name=territory.name).exclude(pk=territory.pk).exists():
        wrong["name"] = NameTakenError(name=territory.name)
    if territory.channel and not Channel.objects.filter(shop=shop, code=territory.channel).exists():
        wrong["channel"] = UnknownChannelError(code=territory.channel)
    try:
        minor_digits(territory.currency)
    except errors.CurrencyError as error:
        wrong["currency"] = error
    if wrong:
        raise errors.FieldsError(wrong)
    territory.save()
    _log("team.keep_territory", shop, territory, actor_id, values)
    return territory


@transaction.atomic
def remove_territory(*, shop: Shop, territory_id: int, actor_id: int | None) -> None:
    """Take a territory off the list; facts and plans keep its name. Raises UnknownTeamRowError."""
    territory = _found(Territory.objects.filter(shop=shop, pk=territory_id).first(), territory_id)
    audit.log("team.remove_territory", actor_id=actor_id, shop=shop.slug, subject=territory.name)
    territory.delete()


# Training -----------------------------------------------------------------------


@transaction.atomic
def keep_training(
    *, shop: Shop, values: Mapping[str, Any], actor_id: int | None, training_id: int | None = None
) -> Training:
    """A new session, or one with these values changed.

    values : any of `TRAINING`; the attendees by their numbers

    Raises errors.FieldsError, UnknownTeamRowError, UnknownTeamFieldError.
    """
    there = Training.objects.select_for_update().filter(shop=shop)
    training = (
        _found(there.filter(pk=training_id).first(), training_id) if training_id is not None else Training(shop=shop)
    )
    given = {name: value for name, value in values.items() if name != "attendees"}
    wrong = _set(training, given, TRAINING)
    attendees = None
    if "attendees" in values:
        asked = values["attendees"] if isinstance(values["attendees"], list | tuple) else [values["attendees"]]
        attendees = list(map(_other({one.pk: one for one in Member.objects.filter(shop=shop)}), asked))
        if None in attendees:
            wrong["attendees"] = UnknownTeamRowError(id=", ".join(map(str, asked)))
    wrong |= _clean(training)
    if not _is_scope(training.scope):
        wrong["scope"] = WrongValueError(why='{"owner": "*"}')
    elif training.metric and training.metric not in metrics():
        wrong["metric"] = UnknownMetricError(id=training.metric, nearest="net_sales")
    elif training.metric:
        cut = next((name for name in training.scope if name not in metrics()[training.metric].dimensions), None)
        if cut is not None:
            wrong["scope"] = TrainingScopeError(
                metric=metrics()[training.metric].label, dimension=dimensions()[cut].label
            )
    if wrong:
        raise errors.FieldsError(wrong)
    training.save()
    if attendees is not None:
        training.attendees.set(attendees)
    _log("team.keep_training", shop, training, actor_id, values)
    return training


def _is_scope(scope: object) -> bool:
    """Whether it names values of dimensions; days are the training's own."""
    return isinstance(scope, dict) and all(
        name in dimensions() and not dimensions()[name].grain and isinstance(value, str)
        for name, value in scope.items()
    )


@transaction.atomic
def remove_training(*, shop: Shop, training_id: int, actor_id: int | None) -> None:
    """Take a session out. Raises UnknownTeamRowError."""
    training = _found(Training.objects.filter(shop=shop, pk=training_id).first(), training_id)
    audit.log("team.remove_training", actor_id=actor_id, shop=shop.slug, subject=training.name)
    training.delete()


# Credit -------------------------------------------------------------------------


def split_credit(
    *, shop: Shop, deal_key: str, shares: Mapping[int, Decimal], known: Mapping[str, str], actor_id: int | None
) -> list[CreditShare]:
    """Share a deal among members by per cent that come to exactly 100.

    shares : per cent by the members' numbers
    known : key of the fact that credits each owner with a part of the deal so far, from the lake; they are replaced

    Raises CreditShareError, CreditSumError, UnknownTeamRowError.
    """
    given = {number: Decimal(percent) for number, percent in shares.items()}
    for percent in given.values():
        if not 0 < percent <= WHOLE or percent != round(percent, 4):
            raise CreditShareError(percent=percent)
    if sum(given.values(), Decimal(0)) != WHOLE:
        raise CreditSumError(sum=f"{sum(given.values(), Decimal(0)):f}")
    with transaction.atomic():
        members = Member.objects.named().filter(shop=shop).in_bulk(list(given))
        for number in given:
            _found(members.get(number), number)
        before = list(CreditShare.objects.select_for_update().filter(shop=shop, deal_key=deal_key))
        owners = {**dict.fromkeys(known, Decimal(0)), **{one.member.key: Decimal(0) for one in before}}
        owners |= {members[number].key: percent for number, percent in given.items()}
        CreditShare.objects.filter(shop=shop, deal_key=deal_key).delete()
        made = CreditShare.objects.bulk_create(
            CreditShare(shop=shop, deal_key=deal_key, member=members[number], percent=percent)
            for number, percent in given.items()
        )
        now = timezone.now()
        journal.record(
            *(
                DealCredit(
                    key=known.get(owner, f"team:{deal_key}:{owner}"),
                    version=int(now.timestamp() * 1_000_000),
                    recorded_at=now,
                    batch_id="",
                    deal_key=deal_key,
                    owner=owner,
                    share=percent / WHOLE,
                )
                for owner, percent in owners.items()
            ),
            shop=shop.slug,
        )
        said = {members[number].key: f"{percent:f}" for number, percent in given.items()}
        audit.log("team.split_credit", actor_id=actor_id, shop=shop.slug, subject=deal_key, shares=said)
    return made


# Inside -------------------------------------------------------------------------


def _found[Row](row: Row | None, number: object) -> Row:
    if row is None:
        raise UnknownTeamRowError(id=number)
    return row


def _set(
    row: models.Model, values: Mapping[str, Any], fields: tuple[str, ...], **references: Any
) -> dict[str, errors.ToplineError]:
    """Set values of a row; what refers to nothing comes back by field. Raises UnknownTeamFieldError."""
    wrong: dict[str, errors.ToplineError] = {}
    for name, value in values.items():
        if name not in fields:
            raise UnknownTeamFieldError(field=name, fields=", ".join(fields))
        field = row._meta.get_field(name)
        if name in references:
            found = references[name](value) if value not in (None, "") else None
            if found is None and value not in (None, ""):
                wrong[name] = UnknownTeamRowError(id=value)
            setattr(row, name, found)
        elif value in (None, "") and getattr(field, "null", False):
            setattr(row, name, None)
        else:
            setattr(row, name, value.strip() if isinstance(value, str) else value)
    return wrong


def _other(rows: Mapping[int, Member]) -> Any:
    return lambda number: rows.get(int(number)) if str(number).isdecimal() else None


def _user(shop: Shop) -> Any:
    return lambda number: (
        User.objects.filter(membership__shop=shop, pk=int(number)).first() if str(number).isdecimal() else None
    )


def _clean(row: models.Model) -> dict[str, errors.ToplineError]:
    """What the columns can't hold, by field."""
    try:
        row.clean_fields()
    except ValidationError as error:
        return {name: WrongValueError(why=" ".join(said)) for name, said in error.message_dict.items()}
    return {}


def _log(action: str, shop: Shop, row: models.Model, actor_id: int | None, values: Mapping[str, Any]) -> None:
    said = {name: value if isinstance(value, str | int | list | dict) else str(value) for name, value in values.items()}
    audit.log(action, actor_id=actor_id, shop=shop.slug, subject=str(row), **said)
