"""The budget: planned, committed and spent in one ledger, what it should bring, and who may promise how much."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.text import slugify

from topline.accounts.models import Shop, User
from topline.lake import engine
from topline.lake.snapshot import Snapshot
from topline.metrics.query import Query
from topline.plans import answered, approval, facts, operations
from topline.plans.models import (
    BudgetLine,
    BudgetMove,
    Commitment,
    Plan,
    PlanVersion,
    SpendKind,
    SpendLimit,
)
from topline.plans.spreadsheet import BUDGET, CellsError, Change, Line
from topline.science import season
from topline.units import errors
from topline.units.missing import Missing
from topline.units.money import minor_digits
from topline.units.period import Period, add_months
from topline.units.text import N_
from topline.workbench import audit

LARGEST = Decimal(10) ** 15
_PUT = ("activity", "channel", "campaign", "market", "kind", "front_key", "expected")
_POINTS = (("campaign", 8), ("channel", 4), ("market", 2))
NO_MARGIN = Missing("no_margin", N_("no cost of goods of the last twelve months"))
NO_RETURN = Missing("no_return", N_("no attributed sales of this channel in the last twelve months"))


class UnknownLineError(errors.ToplineError):
    message = N_("The budget has no line “%(key)s”.")


class LineNameError(errors.ToplineError):
    message = N_("A line of the budget needs an activity of up to 200 characters.")


class BudgetAmountError(errors.ToplineError):
    message = N_("State an amount that is not below zero.")


class BudgetMonthError(errors.ToplineError):
    message = N_("%(month)s is not a month of the plan. It has %(first)s to %(last)s.")


class ReasonError(errors.ToplineError):
    message = N_("Say in a few words why the money moves.")


class OverdrawnError(errors.ToplineError):
    message = N_("“%(line)s” has %(left)s in that month. Move that much, or less.")


class OverBudgetError(errors.ToplineError):
    message = N_("“%(line)s” has %(left)s left. Commit that much, or move money to it first.")


class CommitmentStateError(errors.ToplineError):
    message = N_("This commitment is decided already.")


class LimitError(errors.ToplineError):
    message = N_("You may approve up to %(limit)s. Ask somebody whose limit is higher.")


class OwnCommitmentError(errors.ToplineError):
    message = N_("Somebody else has to approve what you asked for.")


# The plan of it --------------------------------------------------------------------


def put_line(
    *,
    version: PlanVersion,
    activity: str,
    actor: User | None,
    now: datetime,
    key: str = "",
    channel: str = "",
    campaign: str = "",
    market: str = "",
    kind: SpendKind = SpendKind.ADS,
    front_key: str = "",
    expected: Decimal | None = None,
) -> BudgetLine:
    """A line of the budget, new or, with a key, changed. Raises LineNameError, UnknownLineError, PlanLockedError."""
    name = " ".join(activity.split())
    if not 1 <= len(name) <= 200:
        raise LineNameError()
    if expected is not None and not 0 <= expected < LARGEST:
        raise BudgetAmountError()
    with transaction.atomic():
        version = operations.for_edit(version=version, actor=actor, now=now)
        line = _line(version, key) if key else BudgetLine(version=version, key=_free_key(version, name))
        if not key:
            line.position = version.budget.count()
        line.activity, line.channel, line.campaign, line.market = (
            name,
            channel.strip(),
            campaign.strip(),
            market.strip(),
        )
        line.kind, line.front_key, line.expected = kind, front_key, expected
        line.save()
        _log(version, "plan.budget_line", actor, line=line.key, activity=name)
        approval.settle(version=version, actor=actor, now=now)
    return line


def front_names(version: PlanVersion) -> list[tuple[str, str]]:
    """The action fronts that a line may be for: those of the plan's document, else of the plan that it serves."""
    served = version.plan.serves
    for holder in (version, served.current if served else None):
        rows = holder.entries.rows("8.fronts") if holder else ()
        if found := [(row.key, str(row.cells.get("name", row.key))) for row in rows]:
            return found
    return []


def drop_line(*, version: PlanVersion, key: str, actor: User | None, now: datetime) -> None:
    """Take a line out of the budget. Raises UnknownLineError, PlanLockedError."""
    with transaction.atomic():
        version = operations.for_edit(version=version, actor=actor, now=now)
        line = _line(version, key)
        _log(version, "plan.budget_line_dropped", actor, line=key, activity=line.activity)
        line.delete()
        approval.settle(version=version, actor=actor, now=now)


def set_amount(
    *, version: PlanVersion, key: str, month: date, amount: Decimal, actor: User | None, now: datetime, reason: str = ""
) -> BudgetMove | None:
    """Plan an amount for a line's month; the difference is in the log. None if it was planned already.

    Raises UnknownLineError, BudgetAmountError, BudgetMonthError, PlanLockedError.
    """
    if not 0 <= amount < LARGEST:
        raise BudgetAmountError()
    with transaction.atomic():
        version = operations.for_edit(version=version, actor=actor, now=now)
        line = _line(version, key)
        amount = _rounded(version, amount)
        more = amount - line.amounts.get(_month(version, month), Decimal(0))
        if not more:
            return None
        _plan(line, month, amount)
        ends = {"target": key, "target_month": month} if more > 0 else {"source": key, "source_month": month}
        return _moved(version, abs(more), reason, actor, now, **ends)


def move(
    *, version: PlanVersion, source: str, source_month: date, target: str, target_month: date, amount: Decimal,
    reason: str, actor: User | None, now: datetime,
) -> BudgetMove:  # fmt: skip
    """Move money from one line and month to another, with the reason; the whole stays what it was.

    Raises ReasonError, OverdrawnError, BudgetAmountError, BudgetMonthError, UnknownLineError, PlanLockedError.
    """
    if not reason.strip():
        raise ReasonError()
    with transaction.atomic():
        version = operations.for_edit(version=version, actor=actor, now=now)
        amount = _rounded(version, amount)
        if not 0 < amount < LARGEST:
            raise BudgetAmountError()
        giver = _line(version, source)
        left = giver.amounts.get(_month(version, source_month), Decimal(0))
        if amount > left:
            raise OverdrawnError(line=giver.activity, left=left)
        _plan(giver, source_month, left - amount)
        taker = _line(version, target)
        _plan(taker, target_month, taker.amounts.get(_month(version, target_month), Decimal(0)) + amount)
        ends = {"source": source, "source_month": source_month, "target": target, "target_month": target_month}
        return _moved(version, amount, reason.strip()[:500], actor, now, **ends)


def take_over(*, version: PlanVersion, lines: Sequence[Line], actor: User | None, now: datetime) -> list[Change]:
    """Plan the lines of a spreadsheet: what changed. Raises spreadsheet.CellsError, PlanLockedError."""
    done = []
    for one in lines:
        try:
            line, changes = _worded(version, one, actor, now)
            done += changes
            for month, amount in one.amounts.items():
                at: dict[str, Any] = {"key": line.key, "month": month, "amount": amount}
                if set_amount(version=version, **at, actor=actor, now=now, reason="XLSX"):
                    before = line.amounts.get(month, Decimal(0))
                    done.append(Change(BUDGET, line.activity, month, before, _rounded(version, amount)))
        except (LineNameError, BudgetAmountError) as error:
            name = one.words["key"] or one.words["activity"]
            raise CellsError(what=f"{BUDGET}, “{name}”: {error}") from error
    return done


def _worded(version: PlanVersion, one: Line, actor: User | None, now: datetime) -> tuple[BudgetLine, list[Change]]:
    """The line with the words that a row of a spreadsheet gives it, made if the row has no key; and what changed."""
    key = one.words["key"]
    line = _line(version, key) if key else None
    before: dict[str, Any] = {name: getattr(line, name) for name in _PUT} if line else {}
    given: dict[str, Any] = {
        name: text for name, text in one.words.items() if name in _PUT and (text or name != "kind")
    }
    given |= {"expected": one.expected} if one.has_expected else {}
    if line is not None and before | given == before:
        return line, []
    put = put_line(version=version, key=key, actor=actor, now=now, **(before | given))
    told = [name for name in (given if line else ("activity",)) if before.get(name) != getattr(put, name)]
    return put, [Change(BUDGET, put.activity, None, before.get(name), getattr(put, name)) for name in told]


def _line(version: PlanVersion, key: str) -> BudgetLine:
    found = version.budget.select_for_update().filter(key=key).first()
    if found is None:
        raise UnknownLineError(key=key)
    return found


def _free_key(version: PlanVersion, name: str) -> str:
    base = slugify(name)[:24].strip("-") or "line"
    taken = set(version.budget.values_list("key", flat=True))
    return base if base not in taken else f"{base}-{secrets.token_hex(3)}"


def _month(version: PlanVersion, month: date) -> date:
    months = version.plan.months
    if month not in months:
        raise BudgetMonthError(month=f"{month:%Y-%m}", first=f"{months[0]:%Y-%m}", last=f"{months[-1]:%Y-%m}")
    return month


def _plan(line: BudgetLine, month: date, amount: Decimal) -> None:
    line.planned = {name: kept for name, kept in line.planned.items() if name != f"{month:%Y-%m}"}
    if amount:
        line.planned[f"{month:%Y-%m}"] = f"{amount:f}"
    line.save(update_fields=["planned"])


def _rounded(version: PlanVersion, amount: Decimal) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-minor_digits(version.plan.currency)))


def _moved(
    version: PlanVersion, amount: Decimal, reason: str, actor: User | None, now: datetime, **ends: Any
) -> BudgetMove:
    _log(
        version,
        "plan.budget_moved",
        actor,
        amount=str(amount),
        reason=reason,
        source=ends.get("source"),
        target=ends.get("target"),
    )
    made = BudgetMove.objects.create(
        version=version, amount=amount, reason=reason, actor_id=actor.pk if actor else None, at=now, **ends
    )
    approval.settle(version=version, actor=actor, now=now)
    return made


def _log(version: PlanVersion, verb: str, actor: User | None, **detail: Any) -> None:
    subject = f"plan {facts.name(version)}"
    audit.log(verb, actor_id=actor.pk if actor else None, shop=version.plan.shop.slug, subject=subject, **detail)


# Promises --------------------------------------------------------------------------


def commit(
    *, version: PlanVersion, key: str, month: date, amount: Decimal, what: str, today: date, actor: User, now: datetime
) -> Commitment:
    """Promise money of a line: at once within the person's limit, else it waits for somebody's yes.

    Raises OverBudgetError, BudgetAmountError, BudgetMonthError, LineNameError, UnknownLineError.
    """
    amount = _rounded(version, amount)
    if not 0 < amount < LARGEST:
        raise BudgetAmountError()
    if not 1 <= len(what.strip()) <= 300:
        raise LineNameError()
    month = _month(version, month.replace(day=1))
    with transaction.atomic():
        line = _line(version, key)
        row = next(row for row in ledger(version, today).rows if row.key == key)
        left = row.planned_sum - row.committed_sum - row.actual_sum
        if amount > left:
            raise OverBudgetError(line=line.activity, left=max(left, Decimal(0)))
        limit = limit_of(actor, version.plan.shop)
        is_free = limit is None or amount <= limit
        made = Commitment.objects.create(
            plan=version.plan,
            line=key,
            month=month,
            amount=amount,
            what=what.strip(),
            state=Commitment.State.APPROVED if is_free else Commitment.State.ASKED,
            asked_by=actor.pk,
            asked_at=now,
            decided_by=actor.pk if is_free else None,
            decided_at=now if is_free else None,
        )
        _log(version, f"plan.commitment_{made.state}", actor, line=key, amount=str(amount), what=made.what)
    _renew(made, now)
    return made


def decide(
    *, commitment: Commitment, state: Commitment.State, actor: User, now: datetime, note: str = ""
) -> Commitment:
    """Approve or refuse what waits, say that a promise is among the spend now, or withdraw it.

    Nobody approves their own, nor more than their limit. Raises CommitmentStateError, OwnCommitmentError, LimitError.
    """
    states = Commitment.State
    allowed = {
        states.ASKED: {states.APPROVED, states.REFUSED, states.WITHDRAWN},
        states.APPROVED: {states.PAID, states.WITHDRAWN},
    }
    with transaction.atomic():
        kept = Commitment.objects.select_for_update().select_related("plan__shop").get(pk=commitment.pk)
        if state not in allowed.get(states(kept.state), set()):
            raise CommitmentStateError()
        if state == states.APPROVED:
            limit = limit_of(actor, kept.plan.shop)
            if kept.asked_by == actor.pk:
                raise OwnCommitmentError()
            if limit is not None and kept.amount > limit:
                raise LimitError(limit=limit)
        kept.state, kept.decided_by, kept.decided_at, kept.note = state, actor.pk, now, note.strip()[:500]
        kept.save()
        said = {"line": kept.line, "amount": str(kept.amount), "what": kept.what}
        _log(kept.plan.current, f"plan.commitment_{state}", actor, **said)
    _renew(kept, now)
    return kept


def _renew(commitment: Commitment, now: datetime) -> None:
    """The plan in force says in the lake what is committed of it now."""
    version = commitment.plan.versions.active().first()
    if version is not None and commitment.state != Commitment.State.ASKED:
        facts.renew_spend(version, f"commitment-{commitment.pk}-{commitment.state}", now)


def limit_of(user: User, shop: Shop) -> Decimal | None:
    """The most that a person may commit at once, None for anything: the widest of their roles."""
    limits = dict(SpendLimit.objects.filter(shop=shop).values_list("role", "amount"))
    found = [limits.get(role) for role in user.roles_in(shop)]
    known = [each for each in found if each is not None]
    return None if len(known) < len(found) or not found else max(known)


def set_limit(*, shop: Shop, role: str, amount: Decimal | None, actor: User) -> None:
    """What people of a role may commit at once without asking; None lifts the limit. Raises BudgetAmountError."""
    if amount is not None and not 0 <= amount < LARGEST:
        raise BudgetAmountError()
    with transaction.atomic():
        if amount is None:
            SpendLimit.objects.filter(shop=shop, role=role).delete()
        else:
            SpendLimit.objects.update_or_create(shop=shop, role=role, defaults={"amount": amount})
        audit.log("plan.spend_limit", actor_id=actor.pk, shop=shop.slug, subject=role, amount=str(amount))


# The ledger ------------------------------------------------------------------------


@dataclass(slots=True)
class Row:
    """A line of the ledger, by month of the plan.

    line : None for spend that no line plans
    due : what is planned up to today by the season of the plan
    returns : net sales that it should bring; roi : (contribution before marketing - planned) / planned
    paid_back_in : the first month by whose end it has brought in what it cost
    """

    key: str
    line: BudgetLine | None
    planned: list[Decimal]
    committed: list[Decimal]
    actual: list[Decimal]
    due: Decimal = Decimal(0)
    returns: Decimal | Missing = NO_RETURN
    is_estimate: bool = False
    roi: Decimal | Missing = NO_RETURN
    paid_back_in: date | None = None

    @property
    def planned_sum(self) -> Decimal:
        return sum(self.planned, Decimal(0))

    @property
    def committed_sum(self) -> Decimal:
        return sum(self.committed, Decimal(0))

    @property
    def actual_sum(self) -> Decimal:
        return sum(self.actual, Decimal(0))

    @property
    def left(self) -> Decimal:
        return self.planned_sum - self.committed_sum - self.actual_sum

    @property
    def pace(self) -> float | None:
        """Spent over what is due by now: 1 is as planned."""
        return float(self.actual_sum / self.due) if self.due else None

    @property
    def used(self) -> float | None:
        """(actual + committed) / planned."""
        return float((self.actual_sum + self.committed_sum) / self.planned_sum) if self.planned_sum else None


@dataclass(frozen=True, slots=True)
class Cash:
    """Money of a month of the plan: out for marketing, in as contribution before marketing, and what has gathered."""

    month: date
    out: Decimal
    back: Decimal
    gathered: Decimal


@dataclass(frozen=True, slots=True)
class Ledger:
    """A version's budget with what is committed and spent; `rows` sum to `whole`, spent is all spend of the period."""

    months: tuple[date, ...]
    rows: list[Row]
    whole: Row
    margin: Decimal | Missing
    cash: list[Cash] = field(default_factory=list)

    def by(self, column: str) -> list[tuple[str, Row]]:
        """The lines together by their `front_key` or `channel`, the largest budget first; "" for those without one."""
        groups: dict[str, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(getattr(row.line, column) if row.line else "", []).append(row)
        found = [(name, _together(rows, self.months, self.margin)) for name, rows in groups.items()]
        return sorted(found, key=lambda pair: -pair[1].planned_sum)


def ledger(
    version: PlanVersion, today: date, snapshot: Snapshot | None = None, known_at: datetime | None = None
) -> Ledger:
    """Planned, committed and actual by line and month. Every spend of the period stands in exactly one row.

    known_at : with what had been recorded and approved by then, None for all that is known now; what was committed then
        and is among the spend since is not told
    """
    months = version.plan.months
    lines = list(version.budget.all())
    rows = [Row(line.key, line, _by_month(line.amounts, months), _zeros(months), _zeros(months)) for line in lines]
    rest = Row("", None, _zeros(months), _zeros(months), _zeros(months))
    by_key = {row.key: row for row in rows}
    committed = Commitment.objects.standing().filter(plan=version.plan)
    for each in committed.filter(decided_at__lte=known_at) if known_at else committed:
        row = by_key.get(each.line, rest)
        if each.month in months:
            row.committed[months.index(each.month)] += each.amount
    snapshot = snapshot or version.plan.shop.lake().latest()
    for spent in spend_of(version.plan, today, snapshot, known_at) if snapshot else ():
        row = by_key.get(matching(lines, spent), rest)
        row.actual[months.index(spent["month"])] += spent["amount"]
    shares = [_share(version, month, today) for month in months]
    for row in rows:
        due = sum((amount * share for amount, share in zip(row.planned, shares, strict=True)), Decimal(0))
        row.due = _rounded(version, due)
    margin = _add_returns(version, rows, months, snapshot, known_at)
    shown = [*rows, rest] if rest.actual_sum or rest.committed_sum else rows
    whole = _together(shown, months, margin)
    cash = _cash(version, rows, months, margin)
    whole.paid_back_in = next((each.month for each in cash if each.gathered >= 0 and each.back), None)
    return Ledger(months, shown, whole, margin, cash)


def _together(rows: Sequence[Row], months: Sequence[date], margin: Decimal | Missing) -> Row:
    """Rows as one; its return is that of the lines whose return is known."""
    planned, committed, actual = (
        _sum([getattr(row, name) for row in rows], months) for name in ("planned", "committed", "actual")
    )
    whole = Row("", None, planned, committed, actual)
    whole.due = sum((row.due for row in rows), Decimal(0))
    known = [row.returns for row in rows if isinstance(row.returns, Decimal)]
    if known:
        whole.returns = sum(known, Decimal(0))
        whole.roi = _roi(whole.returns, whole.planned_sum, margin)
    return whole


def spend_of(plan: Plan, today: date, snapshot: Snapshot, known_at: datetime | None = None) -> list[dict[str, Any]]:
    """What was spent before today in the plan's period: amount by month, channel, campaign, market and kind."""
    if "spend" not in snapshot.tables:
        return []
    table = engine.table(plan.shop.lake(), "spend", snapshot, known_at=known_at)
    table = table.filter(table.on >= plan.starts_on, table.on < min(today, plan.ends_on))
    grouped = table.group_by(
        month=table.on.truncate("M"), channel=table.channel, campaign=table.campaign, market=table.market,
        kind=table.kind,
    )  # fmt: skip
    found = engine.execute(grouped.agg(amount=table.amount_shop.sum())).to_pylist()
    return [{**row, "amount": Decimal(row["amount"])} for row in found if row["amount"]]


def matching(lines: Sequence[BudgetLine], spent: Mapping[str, Any]) -> str:
    """The key of the line that the spend belongs to, "" for none.

    It is the one that says most about it: campaign before channel before market; of several the first.
    """
    best, most = "", 0
    for line in lines:
        said = [(getattr(line, name), spent[name], points) for name, points in _POINTS]
        if line.kind != spent["kind"] or any(wanted and wanted != got for wanted, got, _ in said):
            continue
        weight = 1 + sum(points for wanted, _, points in said if wanted)
        if weight > most:
            best, most = line.key, weight
    return best


def _by_month(amounts: Mapping[date, Decimal], months: Sequence[date]) -> list[Decimal]:
    return [amounts.get(month, Decimal(0)) for month in months]


def _zeros(months: Sequence[date]) -> list[Decimal]:
    return [Decimal(0)] * len(months)


def _sum(rows: Sequence[Sequence[Decimal]], months: Sequence[date]) -> list[Decimal]:
    return [sum((row[t] for row in rows), Decimal(0)) for t in range(len(months))]


def _share(version: PlanVersion, month: date, today: date) -> Decimal:
    """How much of a month's budget is due before today, by the plan's season."""
    weights = np.array(facts.day_weights(version, "net_sales", month))
    return Decimal(str(round(float(season.pace(weights, min(max((today - month).days, 0), len(weights)))), 9)))


# What it should bring ----------------------------------------------------------------


def _add_returns(
    version: PlanVersion,
    rows: Sequence[Row],
    months: Sequence[date],
    snapshot: Snapshot | None,
    known_at: datetime | None,
) -> Decimal | Missing:
    """Fill in what each line should bring; the share of net sales that is contribution before marketing."""
    if snapshot is None or not rows:
        return NO_MARGIN
    year = Period(add_months(version.as_of.replace(day=1), -12), version.as_of.replace(day=1))
    asked = Query(metrics=("contribution_before_marketing", "net_sales"), period=year, known_at=known_at)
    totals = answered.ask(version.plan.shop, asked, snapshot).totals
    earned, sold = totals["contribution_before_marketing"], totals["net_sales"]
    margin: Decimal | Missing = NO_MARGIN
    if not isinstance(earned, Missing) and not isinstance(sold, Missing) and sold:
        margin = Decimal(str(earned)) / Decimal(str(sold))
    is_asked = any(row.line and row.line.expected is None for row in rows)
    roas = _roas(version.plan.shop, year, snapshot, known_at) if is_asked else {}
    weights = _weights(version, months)
    for row in rows:
        assert row.line is not None  # noqa: S101 - rows of lines only
        if row.line.expected is not None:
            row.returns = row.line.expected
        elif (rate := roas.get(row.line.channel)) is not None:
            row.returns, row.is_estimate = _rounded(version, row.planned_sum * rate), True
        if isinstance(row.returns, Decimal):
            row.roi = _roi(row.returns, row.planned_sum, margin)
            row.paid_back_in = _paid_back(row, months, weights, margin)
    return margin


def _roas(shop: Shop, year: Period, snapshot: Snapshot, known_at: datetime | None) -> dict[str, Decimal]:
    """What a unit of money brought by channel in that year."""
    asked = Query(metrics=("roas",), period=year, by=("channel",), known_at=known_at)
    found = answered.ask(shop, asked, snapshot).rows
    return {
        str(row["channel"]): Decimal(str(row["roas"]))
        for row in found
        if row["channel"] is not None and isinstance(row["roas"], Decimal | int | float)
    }


def _roi(returns: Decimal | Missing, planned: Decimal, margin: Decimal | Missing) -> Decimal | Missing:
    if isinstance(returns, Missing):
        return returns
    if isinstance(margin, Missing):
        return margin
    return (returns * margin - planned) / planned if planned else NO_RETURN


def _weights(version: PlanVersion, months: Sequence[date]) -> list[Decimal]:
    """How much of the plan's sales each month brings."""
    if "net_sales" not in version.grid_metrics:
        return [Decimal(1) / len(months)] * len(months)
    sums = version.grid("net_sales").cells.sum(axis=(0, 1)).tolist()
    return [Decimal(each) / Decimal(sum(sums)) if sum(sums) else Decimal(1) / len(months) for each in sums]


def _back(row: Row, months: Sequence[date], weights: Sequence[Decimal], margin: Decimal) -> list[Decimal]:
    """Contribution of the line by month: with the season, and never before its first money is out."""
    if not isinstance(row.returns, Decimal):
        return _zeros(months)
    first = next((t for t, amount in enumerate(row.planned) if amount), 0)
    shares = [weight if t >= first else Decimal(0) for t, weight in enumerate(weights)]
    whole = sum(shares, Decimal(0))
    return [row.returns * margin * share / whole if whole else Decimal(0) for share in shares]


def _paid_back(row: Row, months: Sequence[date], weights: Sequence[Decimal], margin: Decimal | Missing) -> date | None:
    if isinstance(margin, Missing) or not row.planned_sum:
        return None
    gathered = Decimal(0)
    last = max(t for t, amount in enumerate(row.planned) if amount)
    for t, (month, out, back) in enumerate(zip(months, row.planned, _back(row, months, weights, margin), strict=True)):
        gathered += back - out
        if gathered >= 0 and t >= last:
            return month
    return None


def _cash(version: PlanVersion, rows: Sequence[Row], months: Sequence[date], margin: Decimal | Missing) -> list[Cash]:
    if isinstance(margin, Missing) or not rows:
        return []
    weights = _weights(version, months)
    backs = _sum([_back(row, months, weights, margin) for row in rows], months)
    outs = _sum([row.planned for row in rows], months)
    found, gathered = [], Decimal(0)
    for month, out, back in zip(months, outs, backs, strict=True):
        gathered += back - out
        found.append(Cash(month, out, _rounded(version, back), _rounded(version, gathered)))
    return found
