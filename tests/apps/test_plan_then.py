"""A version as it was known on an earlier day, and as it was handed in: drivers, figures, team, territories, quotas."""

from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from types import SimpleNamespace

import ledger_rows
import pyarrow as pa
import pytest
from django.apps import apps

import tiny_plan
from topline.accounts.models import Channel
from topline.facts.table import tables
from topline.lake.scope import Scope
from topline.plans import (
    approval,
    document,
    drivers,
    filling,
    gate,
    jobs,
    operations,
    promises,
    quotas,
    scenarios,
    targets,
    territories,
    then,
)
from topline.plans import team as plan_team
from topline.plans.figures import Reader
from topline.plans.filling import Ground
from topline.plans.models import Entry, Kind, PlanVersion, State
from topline.team import operations as team
from topline.team.models import Member, Territory, Training
from topline.units.period import Period
from topline.workbench import jobs as workbench
from topline.workbench.models import Job

pytestmark = [pytest.mark.django_db, pytest.mark.once]

WHOLE = Scope.whole("gifts")
THEN = date(2026, 10, 20)


def test_drivers_and_live_numbers_know_what_was_known_then(shop, owner, client, settings, tmp_path):
    """100 were in by 20 October and 80 the year before; on 10 November 50 and 7 more were recorded of those days."""
    settings.HOME = tmp_path
    on, past = date(2026, 10, 2), date(2025, 10, 2)
    for batch, at, rows in (
        ("first", datetime(2026, 10, 8, tzinfo=UTC), [("a", on, "GB", "100"), ("b", past, "GB", "80")]),
        ("late", datetime(2026, 11, 10, tzinfo=UTC), [("c", on, "GB", "50"), ("d", past, "GB", "7")]),
    ):
        ledger_rows.put(shop.lake(), rows, batch, now=at)
    mug = {"key": "mug", "version": 1, "recorded_at": datetime(2025, 1, 1, tzinfo=UTC), "batch_id": "first"}
    mug |= {"product_key": "mug", "category": "Mugs"}
    shop.lake().append("product", [pa.RecordBatch.from_pylist([mug], tables()["product"].schema)], batch_id="first")
    shop.lake().publish(now=datetime(2026, 11, 10, tzinfo=UTC))
    shop.clock_on = None
    shop.save()
    version = tiny_plan.a_plan(shop, Kind.BOTH, owner)
    known_at, snapshot = jobs.known_by(shop, THEN), shop.lake().latest()
    for known, actual, before in ((known_at, 100, 80), (None, 150, 87)):
        found = drivers.of(shop, version.plan.period, THEN, snapshot, "last_year", known)
        assert (found.now, found.before, sum(found.parts.values())) == (actual, before, actual - before)
        period = Period(version.plan.starts_on, THEN)
        assert Reader(version, THEN, WHOLE, known).value("net_sales", period) == actual
    Entry.objects.create(version=version, field="5.positioning", cells={"text": "Sold {net_sales show=actual} so far"})
    client.force_login(owner)
    page = f"/shop/gifts/plans/{version.plan_id}/document?version=1&section=5"
    then, now = (client.get(page + more).content.decode() for more in (f"&then={THEN}", ""))
    assert ("£100" in then, "£150" in then, "As it was on" in then) == (True, False, True)
    assert ("£100" in now, "£150" in now, "As it was on" in now) == (False, True, False)
    assert f"/goals?version=1&amp;then={THEN}" in then
    for tab in ("goals", "fronts", "content", "budget"):
        answer = client.get(f"/shop/gifts/plans/{version.plan_id}/{tab}?version=1&then={THEN}")
        assert "As it was on" in answer.content.decode(), tab
    shop.clock_on = version.plan.ends_on
    shop.save()
    past, over = (client.get(page + more).content.decode() for more in (f"&then={THEN}", ""))
    assert ("its months are over" in past, "its months are over" in over) == (False, True)


def test_a_day_before_the_history_came_in_is_called_so(shop, owner, client, settings, tmp_path):
    settings.HOME = tmp_path
    rows = [("a", date(2026, 10, 2), "GB", "100")]
    ledger_rows.put(shop.lake(), rows, "late", now=datetime(2026, 11, 10, tzinfo=UTC))
    shop.lake().publish(now=datetime(2026, 11, 10, tzinfo=UTC))
    shop.clock_on = None
    shop.save()
    version = tiny_plan.a_plan(shop, Kind.BOTH, owner)
    client.force_login(owner)
    page = f"/shop/gifts/plans/{version.plan_id}?then={THEN}"
    client.get(page)
    workbench.run_now(Job.objects.get(kind="plans.look"))
    said = client.get(page).content.decode()
    assert "Nothing was known yet on 20 Oct 2026." in said
    assert "The history of this shop came in on 10 Nov 2026" in said
    assert "broke off" not in said
    assert f"?version=1&amp;then={date(2026, 11, 10)}" in said


def test_what_was_written_and_decided_by_then(shop, owner, client, settings, tmp_path):
    """Of 20 October: two promotions at the prices of that day, a version in review, a scenario, a promise open."""
    settings.HOME = tmp_path
    shop.clock_on = None
    shop.save()
    version = tiny_plan.a_plan(shop, Kind.BOTH, owner)
    early, late = (datetime(2026, month, 10, tzinfo=UTC) for month in (10, 11))
    field, at = "11.promotions", jobs.known_by(shop, THEN)
    Entry.objects.create(version=version, field=field, key="a", cells={"name": "Autumn"})
    whom = {"version": version, "field": field, "actor": owner}
    for key, name in (("b", "Black"), ("c", "Cyber")):
        document.add_row(key=key, values={"name": name, "discount": "0.1"}, now=early, **whom)
    kept = document.rows(version, field)
    document.write(key="b", changes={"discount": "0.3", "offer": "Mugs"}, seen=1, now=late, **whom)
    document.move_row(key="c", by=-2, now=late, **whom)
    document.remove_row(key="a", now=late, **whom)
    document.add_row(key="d", values={"name": "December"}, now=late, **whom)
    document.remove_row(key="b", now=late, **whom)
    assert [one.key for one in document.rows(version, field)] == ["c", "d"]
    assert sorted((one.key, one.cells["name"], one.cells.get("discount")) for one in then.rows(version, field, at)) == [
        ("a", "Autumn", None), ("b", "Black", "0.1"), ("c", "Cyber", "0.1"),
    ]  # fmt: skip
    assert len(kept) == 3
    made = promises.make(plan=version.plan, text="Ring them", owner=owner, due_on=THEN, actor=owner, now=early)
    promises.move(promise=made, due_on=date(2026, 11, 20), owner=owner, actor=owner, now=late)
    promises.settle(promise=made, state="kept", note="done", actor=owner, now=late)
    promises.make(plan=version.plan, text="Later", owner=owner, due_on=THEN, actor=owner, now=late)
    assert [(one.text, one.due_on, one.state, one.note) for one in then.promises(version.plan, at)] == [
        ("Ring them", THEN, "open", ""),
    ]  # fmt: skip
    for name, now in (("Early", early), ("Late", late)):
        made = scenarios.branch(version=version, name=name, actor=owner, now=now)
    scenarios.put_away(found=then.scenarios(version, at).get(), actor=owner, now=late)
    assert [one.name for one in then.scenarios(version, at)] == ["Early"]
    step = {"actor": owner}
    version = approval.submit(version=version, now=early, **step)
    version = approval.activate(version=approval.approve(version=version, now=late, **step), now=late, **step)
    assert then.state(version, then.decisions(version, at)) == State.IN_REVIEW
    assert then.state(version, then.decisions(version, late)) == State.IN_REVIEW
    assert then.state(version, then.decisions(version, datetime(2027, 1, 1, tzinfo=UTC))) == State.ACTIVE
    assert then.state(version, []) == State.DRAFT
    client.force_login(owner)
    for tab, was, since in (
        ("promotions", ("Autumn", "Black"), "December"),
        ("approval", ("In review", "awaited"), "In force: its numbers"),
        ("reviews", ("Ring them", "1 promise is open"), "Later"),
    ):
        address = f"/shop/gifts/plans/{version.plan_id}/{tab}?version=1"
        past, now = (client.get(address + more).content.decode() for more in (f"&then={THEN}", ""))
        assert "As it was on" in past, tab
        assert all(word in past for word in was), tab
        assert (since in past, since in now) == (False, True), tab
        assert f"/approval?version=1&amp;then={THEN}" in past


def test_a_plan_keeps_the_team_that_it_was_handed_in_with(shop, owner):
    hana = team.keep_member(shop=shop, values={"name": "Hana", "role": "Head"}, actor_id=None)
    values = {"name": "Tom", "key": "tom", "role": "Rep", "work": "lead", "reports_to": hana.pk}
    tom = team.keep_member(shop=shop, values=values, actor_id=None)
    north = team.keep_territory(shop=shop, values={"name": "North", "owner": tom.pk}, actor_id=None)
    version = tiny_plan.a_plan(shop, Kind.SALES, owner)
    whom = {"actor": owner, "now": tiny_plan.NOW}
    version = quotas.propose(version=version, total=Decimal(100), **whom)
    version = targets.add_lines(version=version, metric="won_value", cut="territory", names=["North"], **whom)

    def seen(of: PlanVersion):
        of = PlanVersion.objects.get(pk=of.pk)
        tree = [(line.label, line.quota) for line in quotas.of(of, shop.today(), WHOLE).tree]
        places = [(one.territory.name, str(one.territory.owner), one.target) for one in _standing(of)]
        return [one.cells["person"] for one in document.rows(of, "21.people")], tree, places

    def _standing(of: PlanVersion):
        return territories.of(Reader(of, shop.today(), WHOLE))

    before = (["Hana", "Tom"], [("Hana", 100), ("Tom", 100)], [("North", "Tom", 100)])
    assert seen(version) == before
    version = approval.approve(version=approval.submit(version=version, **whom), **whom)
    assert version.state == State.APPROVED
    team.keep_member(shop=shop, member_id=tom.pk, values={"name": "Thomas", "reports_to": None}, actor_id=None)
    team.keep_territory(shop=shop, territory_id=north.pk, values={"strategy": "Fairs", "owner": hana.pk}, actor_id=None)
    team.keep_territory(shop=shop, values={"name": "South"}, actor_id=None)
    assert seen(version) == before
    version = PlanVersion.objects.get(pk=version.pk)
    assert version.digest == version.contents_digest()
    new = operations.revise(version=version, **whom)
    people, tree, places = seen(new)
    assert (people, tree) == (["Hana", "Thomas"], [("Thomas", 100)])
    assert [name for name, *_ in places] == ["North", "South"]
    assert places[0][1:] == ("Hana", 100)
    told = {(one.before, one.after) for one in approval.changes(new)[1]}
    assert ("Tom", "Thomas") in told
    back = approval.send_back(version=version, **whom)
    assert seen(back)[0] == ["Hana", "Thomas"]


def test_rows_that_were_typed_come_into_the_team(shop, owner, member):
    """A draft's rows become entries of the team; those of a plan in force stay as they were, to the digest."""
    rep = member("rep")
    typed = {
        "19.territories": {"name": "North", "market": "GB", "owner": rep.pk, "strategy": "Fairs"},
        "21.people": {"person": rep.pk, "role": "Rep", "capacity": "20", "reports_to": owner.pk},
        "22.sessions": {"name": "Calls", "on": "2026-10-12", "person": rep.pk, "kpi": "won_value"},
        "14.credit": {"rule": "Two who visit", "person": rep.pk, "share": "0.5"},
    }
    draft, active = (tiny_plan.a_plan(shop, Kind.SALES, owner) for _ in range(2))
    active.state = State.ACTIVE
    active.save()
    for version in (draft, active):
        for field, cells in typed.items():
            Entry.objects.create(version=version, field=field, key="a", cells=cells)
    Entry.objects.create(version=draft, field="21.people", key="b", cells={"role": "Picker", "hire_on": "2026-11-01"})
    digest = active.contents_digest()
    import_module("topline.plans.migrations.0016_typed_team").carry_over(apps, None)
    draft, active = (PlanVersion.objects.get(pk=one.pk) for one in (draft, active))
    assert active.contents_digest() == digest
    assert [one.cells for one in plan_team.rows(active, "19.territories")] == [typed["19.territories"]]
    north = Territory.objects.get()
    assert (north.name, north.market, north.owner.user, north.strategy) == ("North", "GB", rep, "Fairs")
    assert (north.owner.role, north.owner.week_hours, north.owner.reports_to.user) == ("Rep", 20, owner)
    assert Member.objects.get(name="").role == "Picker"
    assert [one.user for one in Training.objects.get().attendees.all()] == [rep]
    assert list(draft.entries.values_list("field", flat=True)) == ["14.credit"]
    assert [one.cells["rule"] for one in plan_team.rows(draft, "14.credit")] == ["Two who visit"]


def test_a_draft_proposes_territories_where_there_are_none(shop, owner, client):
    sold = [
        ("y", date(2009, 9, 2), "GB", "100"),
        ("z", date(2009, 9, 3), "IE", "30.50"),
        ("a", date(2011, 8, 1), "GB", "100"),
        ("b", date(2011, 8, 2), "GB", "50"),
        ("c", date(2011, 8, 3), "IE", "30"),
    ]
    ledger_rows.put(shop.lake(), sold)
    year = Period(date(2010, 9, 1), date(2011, 9, 1))
    draft = SimpleNamespace(as_of=date(2011, 9, 1), outlook={"first_on": "2009-09-02"})
    ground = Ground(shop, year, draft, year, "en", shop.lake().latest())
    [grown] = filling._evidence(ground, {})  # Ireland's 30.50 to 30 is no change
    assert grown["finding"] == "United Kingdom changed by 50% in the last twelve months."
    rows = list(filling._territories(ground, {}))
    assert [(row["name"], row["market"], row["channel"]) for row in rows] == [
        ("United Kingdom", "GB", ""), ("Ireland", "IE", ""),
    ]  # fmt: skip
    assert [row["strategy"] for row in rows] == [
        "Build on its growth: £150.00 of net sales in the last twelve months, 50% more than before.",
        "Hold it: £30.00 of net sales in the last twelve months, about as much as before.",
    ]
    draft.outlook = {"first_on": "2010-03-01"}  # half of the year before is not a year to compare with
    assert list(filling._evidence(ground, {})) == []
    assert next(filling._territories(ground, {}))["strategy"].startswith("Learn it first: £150.00")
    served = tiny_plan.a_plan(shop, Kind.MARKETING, owner).plan
    version = tiny_plan.a_plan(shop, Kind.SALES, owner)
    for place, row in enumerate(rows):
        cells = {name: value for name, value in row.items() if value}
        Entry.objects.create(
            version=version, field="19.territories", key=str(place), cells=cells, is_drafted=True, position=place
        )
    assert [row.is_drafted for row in document.rows(version, "19.territories")] == [True, True]
    assert not document.answered(version, ["19.territories"])["19.territories"]  # nobody has taken them over yet
    version.plan.serves = served
    version.plan.save()
    assert "gate.proposed" in {one.said.code for one in gate.findings(version)}
    client.force_login(owner)
    assert "Take over what the draft proposes" in client.get("/shop/gifts/team/territories").content.decode()
    client.post("/shop/gifts/team/territories", {"do": "propose"})
    assert [(one.name, one.market) for one in Territory.objects.all()] == [("Ireland", "IE"), ("United Kingdom", "GB")]
    assert [row.is_drafted for row in document.rows(version, "19.territories")] == [False, False]
    assert list(filling._territories(ground, {})) == []
    assert not {"gate.proposed", "gate.unwritten"} & {one.said.code for one in gate.findings(version)}
    assert not Channel.objects.exists()
