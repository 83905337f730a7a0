"""No order of operations, and no role, brings a plan into force past those who have to approve what it says."""

import contextlib
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tiny_plan import NOW, PEOPLE, a_plan, a_shop, a_strategy
from topline.accounts import operations as accounts
from topline.accounts.models import Shop, User
from topline.documents import xlsx
from topline.documents.sheet import Column, Form, Sheet
from topline.plans import (
    agenda,
    approval,
    document,
    gate,
    ledger,
    operations,
    proposals,
    scenarios,
    spreadsheet,
    targets,
)
from topline.plans.grid import Part
from topline.plans.models import (
    ApprovalRule,
    BudgetLine,
    Decision,
    DecisionError,
    Delegation,
    Entry,
    Kind,
    PlanVersion,
    Proposal,
    State,
    Step,
    TargetBlock,
)
from topline.team.models import Territory
from topline.units.errors import ToplineError
from topline.units.period import Period

SEATS = {
    "plan_owner": "head",
    "marketing": "marketing",
    "sales": "head",
    "finance": "finance",
    "director": "director",
}
"""Of a sales plan that the head of sales owns: who alone may decide for each seat."""
actors = st.sampled_from([*PEOPLE, "stranger", None])


BOUND = ("budget", "starts_on", "ends_on", "expected", "price", "floor", "discount_limit", "discount", "stock_need")
"""Columns of the document that hold a price, a budget, a date or a number that is aimed at."""


def numbers(version: PlanVersion) -> Any:
    """What an approval is of, read past the code that is tested: cells, goals, budget, prices, amounts and days."""
    cells = [
        (row.metric, row.cut, bytes(row.cells.values))
        for row in TargetBlock.objects.filter(version=version).order_by("metric", "cut", "block")
    ]
    budget = {line.key: {at: Decimal(sum_) for at, sum_ in line.planned.items()} for line in version.budget.all()}
    rows = {
        (row.field, row.key): {name: row.cells[name] for name in BOUND if name in row.cells}
        for row in version.entries.filter(removed_at=None)
    }
    goals = list(version.goals.order_by("pk").values_list("target", "due_on", "dropped_at"))
    return (
        cells,
        goals,
        {key: kept for key, kept in budget.items() if any(kept.values())},
        {key: kept for key, kept in rows.items() if kept},
    )


class Edits:
    """Every kind of edit of a version by somebody; those of words alone are in WORDS."""

    def __init__(self, version: PlanVersion, actor: User | None, now: Any, n: int) -> None:
        self.n, self.plain = n, version
        self.at: dict[str, Any] = {"version": version, "actor": actor, "now": now}

    @property
    def amount(self) -> Decimal:
        return Decimal(f"{100 + self.n}.50")

    def cell(self) -> None:
        part = Part(self.n % 2, 0, self.n % 2)
        operations.set_target(**self.at, metric="net_sales", part=part, amount=self.amount, seen=self.plain.revision)

    def total(self) -> None:
        operations.set_target(
            **self.at, metric="net_sales", part=Part(), amount=self.amount, seen=self.plain.revision, reason="more"
        )

    def paste(self) -> None:
        amounts = [[self.amount, None], [None, self.amount]]
        targets.paste(**self.at, metric="net_sales", amounts=amounts, at=Part(0, 0, 0), seen=self.plain.revision)

    def undo(self) -> None:
        operations.undo_edit(**self.at)

    def quotas(self) -> None:
        targets.add_lines(**self.at, metric="net_sales", cut="person", names=[f"rep {self.n}"])

    def part_goal(self) -> None:
        operations.add_goal(**self.at, metric="net_sales", scope={"category": ["Lamps", "Rugs"][self.n % 2]})

    def goal(self) -> None:
        more = {name: self.at[name] for name in ("actor", "now")}
        operations.edit_goal(goal=self.plain.goals.standing()[0], target=self.amount * 4, **more)

    def drop_goal(self) -> None:
        more = {name: self.at[name] for name in ("actor", "now")}
        operations.drop_goal(goal=self.plain.goals.standing().order_by("-pk")[0], **more)

    def budget(self) -> None:
        line = self.plain.budget.first() or ledger.put_line(**self.at, activity="Ads")
        ledger.set_amount(**self.at, key=line.key, month=date(2026, 10, 1), amount=self.amount)

    def move_budget(self) -> None:
        key = self.plain.budget.get().key
        ends = {"source": key, "source_month": date(2026, 10, 1), "target": key, "target_month": date(2026, 11, 1)}
        ledger.move(**self.at, **ends, amount=Decimal(1), reason="later")

    def drop_line(self) -> None:
        ledger.drop_line(**self.at, key=self.plain.budget.get().key)

    def spreadsheet(self) -> None:
        rows = [["Lamps", "", self.amount, Decimal(200)]]
        months = (Column("2026-10", Form.MONEY), Column("2026-11", Form.MONEY))
        columns = (Column("Category"), Column("Market"), *months)
        content = xlsx.write([Sheet("Targets net_sales", columns, rows)])
        spreadsheet.load(**self.at, content=content)

    def row(self, field: str, **values: str) -> None:
        there = self.plain.entries.rows(field).first()
        if there is None:
            document.add_row(**self.at, field=field, values=values)
        else:
            document.write(**self.at, field=field, key=there.key, changes=values, seen=there.revision)

    def front(self) -> None:
        self.row("8.fronts", name="Search", budget=f"{self.amount}")

    def price(self) -> None:
        self.row("7.prices", name="Lamps", price=f"{self.amount}", floor="16")

    def floor(self) -> None:
        self.row("7.prices", name="Lamps", price="200", floor=f"{self.amount - 90}")

    def promotion(self) -> None:
        days = {"starts_on": f"2026-10-{10 + self.n % 9}", "ends_on": "2026-10-20"}
        self.row("11.promotions", name="Late lamps", discount="0.1", **days)

    def move_on_the_calendar(self) -> None:
        row = self.plain.entries.rows("11.promotions")[0]
        first, last = (date.fromisoformat(row.cells[name]) for name in ("starts_on", "ends_on"))
        was = Period(first, last + timedelta(days=1))
        to = Period(first + timedelta(days=1), last + timedelta(days=2))
        agenda.move(
            shop=self.plain.plan.shop, id_=f"{self.plain.pk}:11.promotions:{row.key}", was=was, to=to,
            actor=self.at["actor"], now=self.at["now"],
        )  # fmt: skip

    def remove_row(self) -> None:
        row = self.plain.entries.standing().filter(field__in=["8.fronts", "7.prices", "11.promotions"])[0]
        document.remove_row(**self.at, field=row.field, key=row.key)

    def proposal(self) -> None:
        """Goes into the newest draft, or a new version: never into one that is decided."""
        found = Proposal.objects.create(
            shop=self.plain.plan.shop, kind="message", subject=f"rugs {self.n}", week=date(2026, 10, 5), rank=0,
            said=["x", {}], action=["x", {}], gain=1, low=0, high=2, confidence=0.5, starts_on=date(2026, 10, 1),
            due_on=date(2026, 10, 9), state=Proposal.State.OPEN,
        )  # fmt: skip
        more = {name: self.at[name] for name in ("actor", "now")}
        proposals.accept(proposal=found, action="Ring them", **more)

    def scenario(self) -> None:
        """A scenario that is adopted becomes a draft of its own: it doesn't touch the version that was decided."""
        more = {name: self.at[name] for name in ("actor", "now")}
        made = scenarios.branch(**self.at, name=f"Cheaper {self.n}")
        scenarios.move(found=made, values={"price": -0.1}, at=Part(), **more)
        was = self.plain.grid("net_sales").cells
        sales = np.full(was.shape, 1 + self.n / 10)
        new = scenarios.enact(found=made, sales=sales, orders=sales[0, 0], as_of=date(2026, 10, 1), **more)
        assert new.state == State.DRAFT
        assert new.grid("net_sales").cells.sum() == round(was.sum() * (10 + self.n) / 10)

    def words(self) -> None:
        document.write(**self.at, field="1.note", key="", changes={"text": f"Said {self.n}"}, seen=0)

    def actions(self) -> None:
        more = {name: self.at[name] for name in ("actor", "now")}
        operations.edit_goal(goal=self.plain.goals.standing()[0], actions=[f"call {self.n}"], **more)


WORDS = ("proposal", "scenario", "words", "actions")
"""Edits that change nothing that the version's approval binds to."""
LEADS = ["marketing", "head", "finance", "director"]
KINDS = [name for name in vars(Edits) if not name.startswith("_") and name not in ("amount", "row")]


class Approval(RuleBasedStateMachine):
    shop: Shop
    people: dict[str | None, User | None]

    def __init__(self) -> None:
        super().__init__()
        Delegation.objects.all().delete()
        served = a_plan(self.shop, Kind.MARKETING, None)
        a_strategy(served)
        PlanVersion.objects.filter(pk=served.pk).update(state=State.APPROVED)
        self.version = a_plan(self.shop, Kind.SALES, self.people["head"], served.plan)
        self.now = NOW
        self.given: dict[str, tuple[str | None, Any]] = {}  # seat -> who, on what numbers
        self.stand_ins: set[tuple[str, str]] = set()
        self.submitter: str | None = None
        self.former: list[dict[str, Any]] = []
        self.in_force: Any = None

    def attempt(self, verb: Any, actor: str | None, **more: Any) -> bool:
        self.now += timedelta(minutes=1)
        try:
            verb(version=self.version, actor=self.people[actor], now=self.now, **more)
        except ToplineError:
            return False
        finally:
            self.version.refresh_from_db()
        return True

    @rule(actor=actors)
    def submit(self, actor: str | None) -> None:
        if self.attempt(approval.submit, actor):
            assert actor in ("director", "marketing", "head")
            self.submitter, self.given = actor, {}

    @rule(actor=actors, note=st.sampled_from(["", "agreed"]))
    def approve(self, actor: str | None, note: str) -> None:
        before = {one.pk for one in Decision.objects.of(self.version.plan)}
        if self.attempt(approval.approve, actor, note=note):
            for one in Decision.objects.of(self.version.plan).exclude(pk__in=before):
                rightful = SEATS[one.seat]
                assert actor == rightful or (rightful, actor) in self.stand_ins, (one.seat, actor)
                self.given[one.seat] = actor, numbers(self.version)

    @rule(
        order=st.permutations(LEADS),
        is_submitted=st.booleans(),
        then=st.sampled_from([None, None, "director", "rep"]),
    )
    def all_approve(self, order: list[str], is_submitted: bool, then: str | None) -> None:
        if is_submitted:
            self.submit("head")
        for actor in order:
            self.approve(actor, "agreed")
        if then:
            self.activate(then)

    @rule(actor=actors)
    def send_back(self, actor: str | None) -> None:
        if self.attempt(approval.send_back, actor):
            self.given = {}

    @rule(actor=actors)
    def activate(self, actor: str | None) -> None:
        if self.attempt(approval.activate, actor):
            self.in_force = numbers(self.version)

    @rule(actor=actors)
    def close(self, actor: str | None) -> None:
        was = self.version.state
        if self.attempt(approval.close, actor):
            assert was == State.ACTIVE

    @rule(kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3), actor=actors, n=st.integers(0, 9))
    def edit(self, kinds: list[str], actor: str | None, n: int) -> None:
        was, before = State(self.version.state), numbers(self.version)
        for kind in kinds:
            self.now += timedelta(minutes=1)
            # no row, goal or line of the kind is there yet, or it says no
            with contextlib.suppress(ToplineError, IndexError, BudgetLine.DoesNotExist):
                getattr(Edits(self.version, self.people[actor], self.now, n), kind)()
            self.version.refresh_from_db()
        if was in (State.ACTIVE, State.CLOSED):
            assert numbers(self.version) == before
        if numbers(self.version) == before and set(kinds) <= set(WORDS):
            assert self.version.state == was

    @rule(order=st.permutations(LEADS), kind=st.sampled_from(KINDS), actor=actors)
    def edit_what_is_approved(self, order: list[str], kind: str, actor: str | None) -> None:
        self.submit("head")
        for one in order:
            self.approve(one, "agreed")
        self.edit([kind], actor, 7)
        self.activate("director")

    @rule(giver=st.sampled_from(list(PEOPLE)), taker=st.sampled_from([*PEOPLE, "stranger"]))
    def delegate(self, giver: str, taker: str) -> None:
        day = self.now.date()
        one, other = self.people[giver], self.people[taker]
        assert one is not None
        assert other is not None
        try:
            approval.delegate(
                shop=self.shop, giver=one, taker=other, starts_on=day, last_on=day, actor=one, now=self.now
            )
        except approval.DelegationError:
            assert giver == taker or taker == "stranger"
        else:
            self.stand_ins.add((giver, taker))

    @rule(actor=actors, is_on=st.booleans())
    def let_one_person(self, actor: str | None, is_on: bool) -> None:
        """Where others hold seats, it changes nothing."""
        try:
            approval.set_rule(shop=self.shop, is_one_person=is_on, actor=self.people[actor], now=self.now)
        except approval.OwnersRuleError:
            assert actor != "director"
        else:
            assert actor in ("director", None)
        assert not approval.is_one_person(self.version)

    @precondition(lambda self: self.stand_ins)
    @rule()
    def revoke(self) -> None:
        for one in Delegation.objects.filter(revoked_at=None):
            approval.revoke(delegation=one, actor=None, now=self.now)
        self.stand_ins = set()

    @rule()
    def tamper(self) -> None:
        for one in Decision.objects.of(self.version.plan):
            with pytest.raises(DecisionError):
                one.save()
            with pytest.raises(DecisionError):
                one.delete()
        with pytest.raises(DecisionError):
            Decision.objects.of(self.version.plan).update(note="never said")

    @invariant()
    def what_is_approved_was_approved_by_all_as_it_is(self) -> None:
        if self.version.state == State.APPROVED:
            now = numbers(self.version)
            assert {seat for seat, (_, seen) in self.given.items() if seen == now} == set(SEATS)
            assert {who for who, _ in self.given.values()} - {self.submitter}
        if self.version.state in (State.ACTIVE, State.CLOSED):
            assert numbers(self.version) == self.in_force
            assert set(self.given) == set(SEATS)
        if self.version.state == State.BY_MARKETING:
            assert self.given["marketing"][1] == numbers(self.version)

    @invariant()
    def the_log_only_grows(self) -> None:
        entries = list(Decision.objects.of(self.version.plan).values())
        assert entries[: len(self.former)] == self.former
        assert approval.is_whole(self.version.plan)
        self.former = entries


@pytest.mark.django_db
def test_each_kind_of_edit_voids_an_approval_or_changes_nothing_of_it(settings: Any, tmp_path: Any) -> None:
    settings.LAKE_ROOT = tmp_path / "lake"
    shop, people = a_shop()
    version = a_plan(shop, Kind.MARKETING, people["director"])
    for needed in ("budget", "promotion", "cell", "part_goal"):
        getattr(Edits(version, people["director"], NOW, 1), needed)()
        version.refresh_from_db()
    version = approval.submit(version=version, actor=people["director"], now=NOW)
    for person in ("marketing", "finance", "operator", "director"):
        version = approval.approve(version=version, actor=people[person], now=NOW, note="agreed")
    assert version.state == State.APPROVED
    before = numbers(version)
    for kind in KINDS:
        with transaction.atomic():
            version = PlanVersion.objects.get(pk=version.pk)
            getattr(Edits(version, people["director"], NOW, 6), kind)()
            version.refresh_from_db()
            last = Decision.objects.of(version.plan).last()
            assert last is not None
            if kind in WORDS:
                assert (version.state, numbers(version)) == (State.APPROVED, before), kind
            else:
                assert numbers(version) != before, kind
                assert (version.state, last.step) == (State.DRAFT, Step.VOIDED), kind
                assert last.changes, kind
                with pytest.raises(approval.PlanStateError):
                    approval.activate(version=version, actor=people["director"], now=NOW)
            transaction.set_rollback(True)


@pytest.mark.django_db
def test_approvals_can_not_be_bypassed(settings: Any, tmp_path: Any) -> None:
    settings.LAKE_ROOT = tmp_path / "lake"
    Approval.shop, Approval.people = a_shop()
    run_state_machine_as_test(Approval, settings=QUICK)


QUICK = settings(
    max_examples=6, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


class SmallShop(RuleBasedStateMachine):
    """A director with a rep, whose shop hires and loses a head of marketing and a finance person."""

    shop: Shop
    people: dict[str | None, User | None]
    roles = {"marketing": "marketing_manager", "finance": "finance"}

    def __init__(self) -> None:
        super().__init__()
        ApprovalRule.objects.all().delete()
        self.staff("marketing", is_there=False)
        self.staff("finance", is_there=False)
        self.version = a_plan(self.shop, Kind.MARKETING, self.people["director"])
        self.hired: set[str] = set()
        self.is_on = False
        self.submitter: str | None = None
        self.given: set[str | None] = set()

    def staff(self, who: str, *, is_there: bool) -> None:
        person = self.people[who]
        assert person is not None
        accounts.set_roles(shop=self.shop, user=person, roles=[self.roles[who]] * is_there, actor_id=None)

    def attempt(self, verb: Any, actor: str | None) -> bool:
        try:
            verb(version=self.version, actor=self.people[actor], now=NOW)
        except ToplineError:
            return False
        finally:
            self.version.refresh_from_db()
        return True

    @rule(who=st.sampled_from(["marketing", "finance"]), is_there=st.booleans())
    def hire(self, who: str, is_there: bool) -> None:
        self.staff(who, is_there=is_there)
        (self.hired.add if is_there else self.hired.discard)(who)

    @rule(is_on=st.booleans())
    def let_one_person(self, is_on: bool) -> None:
        approval.set_rule(shop=self.shop, is_one_person=is_on, actor=self.people["director"], now=NOW)
        self.is_on = is_on

    @rule(actor=st.sampled_from(["director", "marketing", "rep", None]))
    def submit(self, actor: str | None) -> None:
        if self.attempt(approval.submit, actor):
            assert actor != "rep"
            assert actor is not None or (self.is_on and not self.hired)
            self.submitter, self.given = actor, set()

    @rule(actor=st.sampled_from(["director", "director", "marketing", "finance", "rep", None]))
    def approve(self, actor: str | None) -> None:
        is_alone = self.is_on and not self.hired
        last = Decision.objects.of(self.version.plan).last()
        if self.attempt(approval.approve, actor):
            assert actor in self.hired | {"director"} or (actor is None and is_alone)
            self.given.add(actor)
            made = Decision.objects.of(self.version.plan).filter(number__gt=last.number if last else 0)
            assert {one.is_one_person for one in made} == {is_alone}
            if self.version.state == State.APPROVED:
                assert is_alone or self.given - {self.submitter}

    @rule()
    def send_back(self) -> None:
        self.attempt(approval.send_back, "director")

    @invariant()
    def the_log_is_whole(self) -> None:
        assert approval.is_whole(self.version.plan)


@pytest.mark.django_db
def test_one_person_decides_alone_only_where_nobody_else_is_there(settings: Any, tmp_path: Any) -> None:
    settings.LAKE_ROOT = tmp_path / "lake"
    SmallShop.shop, SmallShop.people = a_shop()
    for who in ("head", "operator", "marketing", "finance"):
        person = SmallShop.people[who]
        assert person is not None
        accounts.set_roles(shop=SmallShop.shop, user=person, roles=[], actor_id=None)
    run_state_machine_as_test(SmallShop, settings=QUICK)
    for who in ("marketing", "finance"):
        person = SmallShop.people[who]
        assert person is not None
        accounts.set_roles(shop=SmallShop.shop, user=person, roles=[], actor_id=None)
    version = a_plan(SmallShop.shop, Kind.MARKETING, SmallShop.people["director"])
    whom = {"actor": SmallShop.people["director"], "now": NOW}
    approval.set_rule(shop=SmallShop.shop, is_one_person=False, **whom)
    version = approval.submit(version=version, **whom)
    with pytest.raises(approval.FourEyesError):
        approval.approve(version=version, **whom)
    approval.set_rule(shop=SmallShop.shop, is_one_person=True, **whom)
    version = approval.approve(version=version, **whom)
    assert version.state == State.APPROVED
    assert [one.is_one_person for one in Decision.objects.of(version.plan)][:2] == [False, True]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE plans_decision SET is_one_person = NOT is_one_person WHERE version_id = %s", [version.pk]
        )
    assert not approval.is_whole(version.plan)


@pytest.mark.django_db
def test_the_whole_way_and_what_shows_a_hand_in_the_log(settings: Any, tmp_path: Any) -> None:
    settings.LAKE_ROOT = tmp_path / "lake"
    shop, people = a_shop()
    served = a_plan(shop, Kind.MARKETING, None)
    version = a_plan(shop, Kind.SALES, people["head"])
    with pytest.raises(approval.GateError, match="names no marketing plan"):
        approval.submit(version=version, actor=people["head"], now=NOW)
    approval.serve(plan=version.plan, served=served.plan, actor=people["head"], now=NOW)
    version = PlanVersion.objects.get(pk=version.pk)
    with pytest.raises(approval.GateError, match=r"lacks §4 Personas, .*: Benefits sought"):
        approval.submit(version=version, actor=people["head"], now=NOW)
    a_strategy(served)
    Territory.objects.create(shop=shop, name="Home", currency="GBP", country="GB")
    cells = {"tactic": "Last lamps", "category": "Lamps", "discount": "0.25"}
    Entry.objects.create(version=version, field="16.tactics", key="a", cells=cells)
    assert {one.said.code for one in gate.findings(version)} == {
        "gate.draft", "gate.no_strategy", "gate.discount", "gate.floor", "gate.unplanned_promotion",
    }  # fmt: skip
    floor = next(one.said for one in gate.findings(version) if one.said.code == "gate.floor")
    assert floor.params["tactic"] == "Last lamps – Lamps"
    version = approval.submit(version=version, actor=people["head"], now=NOW)
    with pytest.raises(approval.NotYourSeatError):
        approval.approve(version=version, actor=people["rep"], now=NOW)
    with pytest.raises(approval.WaitingError):
        approval.approve(version=version, actor=people["director"], now=NOW)
    with pytest.raises(approval.NoteNeededError):  # the marketing plan is a draft
        approval.approve(version=version, actor=people["marketing"], now=NOW)
    version = approval.approve(version=version, actor=people["marketing"], now=NOW, note="it follows")
    assert version.state == State.BY_MARKETING
    for person in ("head", "finance", "director"):
        version = approval.approve(version=version, actor=people[person], now=NOW)
    assert version.state == State.APPROVED
    operations.edit_goal(goal=version.goals.get(), actor=people["head"], now=NOW, actions=["only words"])
    version.refresh_from_db()
    assert version.state == State.APPROVED
    part = Part(0, 0, 1)
    operations.set_target(
        version=version, metric="net_sales", part=part, amount=Decimal(250), seen=0, actor=people["head"], now=NOW
    )
    version.refresh_from_db()
    assert version.state == State.DRAFT
    voided = Decision.objects.of(version.plan).last()
    assert voided is not None
    said = [(what[0], before, after) for what, before, after, *_ in voided.changes]
    assert ("diff.place", "200.00", "250.00") in said
    assert ("diff.total", "600.00", "650.00") in said
    assert approval.is_whole(version.plan)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE plans_decision SET actor_id = NULL WHERE seat = 'finance'")
    assert not approval.is_whole(version.plan)
