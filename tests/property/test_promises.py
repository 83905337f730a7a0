"""No order of operations loses a promise: it stands in every review until it is settled, and in one after that."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tiny_plan import NOW, a_plan, a_shop
from topline.accounts.models import Shop, User
from topline.plans import promises, reviews
from topline.plans.models import Kind, Plan, PlanVersion, Promise, PromiseEdit, State

ENDS = date(2026, 12, 1)
OUTCOMES = ["kept", "broken", "withdrawn"]
which = st.integers(0, 9)


class Promises(RuleBasedStateMachine):
    """Two plans, one of which ends, and what a notebook would say of each promise."""

    shop: Shop
    people: dict[str | None, User | None]

    def __init__(self) -> None:
        super().__init__()
        PromiseEdit.objects.all().delete()
        Promise.objects.all()._raw_delete(connection.alias)
        Plan.objects.all().delete()
        self.plans = [a_plan(self.shop, Kind.SALES, None).plan for _ in range(2)]
        Plan.objects.filter(pk=self.plans[1].pk).update(ends_on=date(2027, 6, 1))
        self.plans[1].refresh_from_db()
        self.now, self.day = NOW, date(2026, 10, 5)
        self.notebook: list[dict[str, Any]] = []
        self.reviewed: dict[int, datetime] = {}

    def tick(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now

    def picked(self, number: int) -> tuple[dict[str, Any], Promise] | None:
        if not self.notebook:
            return None
        line = self.notebook[number % len(self.notebook)]
        return line, Promise.objects.get(pk=line["id"])

    @rule(plan=st.integers(0, 1))
    def make(self, plan: int) -> None:
        owner = self.people["rep"]
        assert owner is not None
        made = promises.make(
            plan=self.plans[plan], text="Do it", owner=owner, due_on=self.day, actor=None, now=self.tick()
        )
        self.notebook.append({"id": made.pk, "plan": plan, "state": "open", "settled": None})

    @rule(number=which, state=st.sampled_from(OUTCOMES))
    def settle(self, number: int, state: str) -> None:
        found = self.picked(number)
        if found and found[0]["state"] == "open":
            promises.settle(promise=found[1], state=state, note="", actor=None, now=self.tick())
            found[0].update(state=state, settled=self.now)

    @rule(number=which)
    def reopen(self, number: int) -> None:
        if found := self.picked(number):
            promises.reopen(promise=found[1], actor=None, now=self.tick())
            found[0].update(state="open", settled=None)

    @rule(number=which, days=st.integers(-9, 90))
    def move(self, number: int, days: int) -> None:
        found, owner = self.picked(number), self.people["head"]
        assert owner is not None
        if found and found[0]["state"] == "open":
            due = self.day + timedelta(days=days)
            promises.move(promise=found[1], due_on=due, owner=owner, actor=None, now=self.tick())

    @rule(days=st.sampled_from([1, 7, 30]))
    def time_goes_by(self, days: int) -> None:
        self.day += timedelta(days=days)

    @rule(plan=st.integers(0, 1), state=st.sampled_from([State.CLOSED, State.DRAFT]))
    def close_or_open_anew(self, plan: int, state: State) -> None:
        PlanVersion.objects.filter(plan=self.plans[plan]).update(state=state)

    @rule(plan=st.integers(0, 1))
    def review(self, plan: int) -> None:
        """What the pack tells is what the notebook says."""
        since = self.reviewed.get(plan)
        told = reviews.promised(self.plans[plan], self.day, since)
        self.reviewed[plan] = self.tick()
        over = {
            place
            for place, each in enumerate(self.plans)
            if each.ends_on <= self.day or not each.versions.exclude(state=State.CLOSED).exists()
        }
        expected = {
            (line["id"], line["state"])
            for line in self.notebook
            if line["plan"] in {plan, *over} and (line["state"] == "open" or since is None or line["settled"] > since)
        }
        assert {(one["id"], one["state"]) for one in told} == expected

    @invariant()
    def none_is_gone(self) -> None:
        assert set(Promise.objects.values_list("pk", "state")) == {(n["id"], n["state"]) for n in self.notebook}


@pytest.mark.django_db
def test_no_promise_is_lost() -> None:
    Promises.shop, Promises.people = a_shop()
    limits = settings(
        max_examples=8, stateful_step_count=25, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(Promises, settings=limits)
