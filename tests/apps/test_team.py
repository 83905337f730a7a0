"""The team: its tree, territories, credits that come to 100, quotas to the cent, trainings, and hours as facts."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.test import Client
from test_api import caller

from contract import tiny_shop
from tiny_plan import NOW, a_plan
from topline.accounts import operations as accounts
from topline.accounts.scopes import scope_for
from topline.cli import main
from topline.facts.deal_stage import DealStage, State
from topline.journal import operations as journal
from topline.lake import read
from topline.lake.scope import Scope
from topline.metrics.query import Query
from topline.plans import document, facts, quotas, targets
from topline.plans.models import Kind, Plan, PlanVersion
from topline.team import deals, effect, operations
from topline.team.models import CreditShare, Member, tree
from topline.units.errors import FieldsError
from topline.units.period import Period

pytestmark = [pytest.mark.django_db, pytest.mark.once]

TODAY = date(2011, 9, 1)


def keep(shop, name="", boss=None, **values):
    given = {"name": name, "role": values.pop("role", "Sales"), "reports_to": boss and boss.pk}
    return operations.keep_member(shop=shop, values={**given, **values}, actor_id=None)


def errors(shop, **values) -> dict[str, str]:
    with pytest.raises(FieldsError) as caught:
        operations.keep_member(shop=shop, actor_id=None, **values)
    return {field: type(error).__name__ for field, error in caught.value.errors.items()}


def test_people_report_to_each_other_without_circles(shop):
    head = keep(shop, "Hana")
    tom, mia = keep(shop, "Tom", head), keep(shop, "Mia", head)
    new = keep(shop, boss=tom, role="Trainee", from_on="2011-10-01")
    assert [(str(one), depth) for one, depth in tree(list(Member.objects.of(shop)))] == [
        ("Hana", 0), ("Mia", 1), ("Tom", 1), ("Open: Trainee", 2),
    ]  # fmt: skip
    assert errors(shop, member_id=head.pk, values={"reports_to": new.pk}) == {"reports_to": "CircleError"}
    assert errors(shop, member_id=tom.pk, values={"reports_to": tom.pk}) == {"reports_to": "UnknownTeamRowError"}
    assert errors(shop, values={"name": "Tom", "role": ""}) == {"role": "WrongValueError"}
    assert errors(shop, values={"name": "Tom", "role": "Sales"}) == {"key": "KeyTakenError"}
    assert errors(shop, values={"role": "Sales", "week_hours": "200", "from_on": "x"}) == {
        "week_hours": "WrongValueError", "from_on": "WrongValueError",
    }  # fmt: skip
    operations.remove_member(shop=shop, member_id=tom.pk, actor_id=None)
    new.refresh_from_db()
    assert new.reports_to == head
    hired = operations.keep_member(shop=shop, member_id=new.pk, values={"name": "Zoe"}, actor_id=None)
    assert (hired.key, hired.is_open, mia.key) == ("Zoe", False, "Mia")
    assert hired.hours_on(date(2011, 9, 26), TODAY) == 0
    assert hired.hours_on(date(2011, 10, 3), TODAY) == 40


def test_an_account_that_is_linked_sees_what_facts_call_by_the_name(shop, member):
    rep = member("rep")
    mia = keep(shop, "Mia Ray", key="mia", user=rep.pk)
    assert scope_for(rep, shop).owners == {"mia"}
    operations.keep_member(shop=shop, member_id=mia.pk, values={"key": "m.ray"}, actor_id=None)
    assert scope_for(rep, shop).owners == {"m.ray"}
    operations.name_person(shop=shop, user=rep, key="ray", actor_id=None)
    assert (Member.objects.get().key, scope_for(rep, shop).owners) == ("ray", {"ray"})
    operations.name_person(shop=shop, user=rep, key="", actor_id=None)
    assert (Member.objects.get().user, scope_for(rep, shop).owners) == (None, frozenset())
    assert errors(shop, values={"name": "X", "role": "Y", "user": 999}) == {"user": "UnknownTeamRowError"}


def test_whoever_edits_the_team_opens_no_more_of_the_shop_to_an_account(shop, member):
    """The sales manager may empty a name and take people out, but not say what a rep sees."""
    rep, head = member("rep"), Client()
    head.force_login(member("sales_manager"))
    for said in ({"do": "keep", "name": "", "role": "Sales", "week_hours": "40"}, {"do": "remove"}):
        mia = keep(shop, "Mia", key="mia", user=rep.pk)
        assert head.post("/shop/gifts/team", {**said, "member": mia.pk}).status_code == 302
        assert not Member.objects.filter(user=rep).exists()
        assert scope_for(rep, shop).owners == {"mia"}


def test_somebody_whose_account_has_left_the_shop_can_still_be_changed(shop, member):
    rep = member("rep")
    mia = keep(shop, "Mia", user=rep.pk)
    accounts.set_roles(shop=shop, user=rep, roles=[], actor_id=None)
    operations.keep_member(shop=shop, member_id=mia.pk, values={"until_on": "2011-09-30"}, actor_id=None)
    assert Member.objects.get().until_on == date(2011, 9, 30)
    with pytest.raises(accounts.UnknownMemberError):
        operations.name_person(shop=shop, user=rep, key="mia", actor_id=None)


def test_territories_name_the_lines_of_plans(shop, owner):
    mia = keep(shop, "Mia")
    values = {"name": "North", "market": "gb", "tax_rate": "0.2", "owner": mia.pk, "strategy": "Garden centres"}
    north = operations.keep_territory(shop=shop, values=values, actor_id=None)
    assert (north.market, north.currency, north.country, north.tax_rate) == ("GB", "GBP", "GB", Decimal("0.2"))
    with pytest.raises(FieldsError) as caught:
        operations.keep_territory(
            shop=shop, values={"name": "North", "channel": "fax", "currency": "XX", "tax_rate": "2"}, actor_id=None
        )
    assert set(caught.value.errors) == {"name", "channel", "currency", "tax_rate"}
    version = a_plan(shop, Kind.SALES, owner)
    assert targets.known_lines(version, "territory") == ["North"]
    assert targets.known_lines(version, "person") == ["Mia"]
    (row,) = document.rows(version, "19.territories")
    assert (row.cells["owner"], row.cells["strategy"]) == ("Mia", "Garden centres")
    assert [one.cells["person"] for one in document.rows(version, "21.people")] == ["Mia"]
    with pytest.raises(document.TeamFieldError):
        document.add_row(version=version, field="19.territories", values={"name": "X"}, actor=owner, now=NOW)


@pytest.fixture
def tiny(shop, lake):
    """The tiny shop's facts: tom won k4 for 50 and 285 of k5, mia k1 for 120 and 95 of k5."""
    shop.clock_on, shop.currency = date(2025, 1, 9), "EUR"
    shop.save()
    now = datetime(2025, 1, 9, tzinfo=UTC)
    journal.open_batch(shop=lake.shop, batch_id="tiny", source="test", now=now)
    for name, rows in tiny_shop.facts().items():
        lake.append(name, rows.to_batches(), batch_id="tiny")
    journal.make_live(shop=lake.shop, batch_id="tiny", now=now)
    journal.publish(lake)
    return shop


def credited(shop, scope=None) -> dict[str, Decimal]:
    asked = Query(metrics=("credited_value",), by=("owner",))
    rows = read.read(shop.lake(), asked, scope=scope or Scope.whole("gifts"), settings=shop.settings()).rows
    return {row["owner"]: row["credited_value"] for row in rows}


def test_a_deal_is_shared_by_exactly_100_per_cent(tiny):
    mia, tom, zoe = keep(tiny, "Mia", key="mia"), keep(tiny, "Tom", key="tom"), keep(tiny, "Zoe", key="zoe")
    assert credited(tiny) == {"mia": 215, "tom": 335}
    year = Period(date(2024, 1, 1), date(2025, 1, 1))
    won = {one.key: one for one in deals.won(tiny, year, tiny.today(), Scope.whole("gifts"), 10)}
    assert won["k5"].value == 380
    assert won["k5"].shares == {"tom": Decimal("0.75"), "mia": Decimal("0.25")}

    def split(**shares):
        members = {"mia": mia, "tom": tom, "zoe": zoe}
        given = {members[name].pk: Decimal(percent) for name, percent in shares.items()}
        operations.split_credit(shop=tiny, deal_key="k5", shares=given, known=won["k5"].facts, actor_id=None)

    for wrong in ({"mia": "99.9999"}, {"mia": "50", "tom": "50.0001"}, {}):
        with pytest.raises(operations.CreditSumError):
            split(**wrong)
    for wrong in ({"mia": "100", "tom": "0"}, {"mia": "-1", "tom": "101"}, {"mia": "33.33333", "tom": "66.66667"}):
        with pytest.raises(operations.CreditShareError):
            split(**wrong)
    assert not CreditShare.objects.exists()
    split(mia="10", zoe="90")
    journal.drain(tiny.lake())
    assert credited(tiny) == {"mia": 120 + 38, "tom": 50, "zoe": 342}
    with pytest.raises(operations.HoldsCreditError):
        operations.remove_member(shop=tiny, member_id=zoe.pk, actor_id=None)


def test_quotas_come_to_the_company_to_the_cent(tiny, owner, member):
    """600 pounds of last year's two months for three who sell; each manager's branch and the team sum exactly."""
    head = keep(tiny, "Hana", team="Management")
    trade = {"team": "Trade", "work": "lead"}
    mia, tom = keep(tiny, "Mia", head, key="mia", **trade), keep(tiny, "Tom", head, key="tom", **trade)
    keep(tiny, "Zoe", mia, key="zoe", team="Field", work="lead")
    version = a_plan(tiny, Kind.SALES, owner)
    assert not quotas.exist(version)
    version = quotas.propose(version=version, total=Decimal("1000.01"), actor=owner, now=NOW)
    found = quotas.of(version, tiny.today(), Scope.whole("gifts"))
    assert found.company.quota == found.whole.quota == Decimal("1000.01")
    assert found.is_reconciled
    own = {line.key: line.quota for line in found.people}
    assert set(own) == {"mia", "tom", "zoe"}
    by_label = {line.label: line for line in found.tree if line.is_sum}
    assert by_label["Hana"].quota == Decimal("1000.01")
    assert by_label["Mia"].quota == own["mia"] + own["zoe"]
    assert {line.label: line.quota for line in found.teams} == {"Trade": own["mia"] + own["tom"], "Field": own["zoe"]}
    assert str(found.whole.won) == "these days haven't begun"
    rep = member("rep")
    operations.keep_member(shop=tiny, member_id=tom.pk, values={"user": rep.pk}, actor_id=None)
    seen = quotas.of(version, tiny.today(), scope_for(rep, tiny))
    assert [(line.key, line.quota) for line in seen.tree] == [("tom", own["tom"])]
    assert (seen.company.quota, seen.teams) == (own["tom"], [])
    cells = list(facts.by_day(version))
    by_owner = {key: sum(minor for cell, minor in cells if cell[3] == key) for key in own}
    assert {key: Decimal(minor).scaleb(-2) for key, minor in by_owner.items()} == own
    assert sum(minor for cell, minor in cells if cell[0] == "won_value" and cell[3] is None) == 100001
    grid, by = f"/shop/{tiny.slug}/plans/{version.plan_id}/targets", f"?by=person&metric={quotas.QUOTA}"
    browsers = {user: Client() for user in (owner, rep)}
    for user, browser in browsers.items():
        browser.force_login(user)
    edited = {"line": 0, "month": 0, "amount": "1", "seen": version.revision}
    assert browsers[owner].post(f"{grid}/edit{by}", edited).status_code == 200
    news = {user: browser.get(f"{grid}/news{by}&seen={version.revision}") for user, browser in browsers.items()}
    assert "0.0" in news[owner].json()["cells"]
    assert news[rep].status_code == 403  # the grid is the company's


def test_attainment_and_pace_are_of_what_is_credited(tiny, owner):
    """In the plan of 2024 tom has 335 of his quota; what is due of a year that is over is all of it."""
    keep(tiny, "Mia", key="mia", work="lead")
    keep(tiny, "Tom", key="tom", work="lead")
    version = a_plan(tiny, Kind.SALES, owner)
    plan = version.plan
    plan.starts_on, plan.ends_on = date(2024, 1, 1), date(2025, 1, 1)
    plan.save()
    version = quotas.propose(
        version=type(version).objects.get(pk=version.pk), total=Decimal(1100), actor=owner, now=NOW
    )
    found = quotas.of(version, tiny.today(), Scope.whole("gifts"))
    lines = {line.key: line for line in found.people}
    assert lines["tom"].won == 335
    assert lines["tom"].attainment == pytest.approx(335 / float(lines["tom"].quota))
    assert lines["tom"].pace == lines["tom"].attainment
    assert found.company.won == 550
    assert found.company.due == 1100
    at = datetime(2024, 5, 6, 10, tzinfo=UTC)
    journal.record(
        DealStage(
            key="k9", version=1, recorded_at=at, batch_id="", deal_key="k9", stage="Won", state=State.WON,
            value_shop=Decimal(70), currency="EUR", created_on=at.date(), at=at, on=at.date(), hour=at.hour,
        ),
        shop=tiny.slug,
    )  # fmt: skip
    journal.drain(tiny.lake())
    found = quotas.of(version, tiny.today(), Scope.whole("gifts"))
    assert (found.company.won, found.whole.won) == (620, 550)  # nobody's deal is the company's all the same


def test_a_training_compares_as_many_days_before_and_after(tiny):
    """Mia won k1 for 120 on 2 February: 14 days before a session on 10 February hold it, 14 after it nothing."""
    mia = keep(tiny, "Mia", key="mia")
    values = {"name": "Calls", "on": "2024-02-10", "metric": "won_value", "scope": {"owner": "*"}, "weeks": "2"}
    training = operations.keep_training(shop=tiny, values={**values, "attendees": [str(mia.pk)]}, actor_id=None)
    seen = effect.effect(training, tiny.today(), Scope.whole("gifts"))
    assert (seen.before, seen.after, seen.whole_before, seen.days, seen.is_whole) == (120, 0, 120, 14, True)
    early = effect.effect(training, date(2024, 2, 15), Scope.whole("gifts"))
    assert early == effect.NOT_YET
    with pytest.raises(FieldsError) as caught:
        operations.keep_training(
            shop=tiny, values={"name": "", "on": "", "metric": "net_sales", "scope": {"owner": "*"}}, actor_id=None
        )
    assert set(caught.value.errors) == {"name", "on", "scope"}
    for scope in ({"moon": "full"}, {"month": "soon"}, {"owner": 3}, ["owner"]):  # the page could not show them
        with pytest.raises(FieldsError) as caught:
            operations.keep_training(shop=tiny, values={"name": "X", "on": "2024-02-10", "scope": scope}, actor_id=None)
        assert set(caught.value.errors) == {"scope"}


def test_pages_keep_what_is_right_and_say_what_is_not_beside_the_field(tiny, owner, member):
    client = Client()
    client.force_login(owner)
    page = client.post("/shop/gifts/team", {"name": "Mia", "role": "Sales", "week_hours": "200", "do": "keep"})
    assert page.status_code == 400
    assert 'id="about-week_hours"' in page.content.decode()
    sent = {
        "name": "Mia",
        "role": "Sales",
        "week_hours": "37.5",
        "key": "mia",
        "team": "Trade",
        "work": "lead",
        "do": "keep",
    }
    assert client.post("/shop/gifts/team", sent).status_code == 302
    mia = Member.objects.get()
    assert mia.week_hours == Decimal("37.5")
    assert "Mia" in client.get(f"/shop/gifts/team?edit={mia.pk}").content.decode()
    tom = keep(tiny, "Tom", mia, key="tom", work="lead")
    made = client.post("/shop/gifts/team/territories", {"name": "North", "currency": "EUR", "country": "DE"})
    assert made.status_code == 302
    version = a_plan(tiny, Kind.SALES, owner)
    version.plan.starts_on, version.plan.ends_on = date(2024, 1, 1), date(2025, 1, 1)
    version.plan.save()
    assert client.post("/shop/gifts/team/quotas", {"do": "propose", "total": "1,200"}).status_code == 302
    page = client.get("/shop/gifts/team/quotas").content.decode()
    assert "comes to the target to the cent" in page
    split = {"do": "split", "deal": "k5", "member": [mia.pk, tom.pk], "percent": ["60", "39"]}
    page = client.post("/shop/gifts/team/quotas", split)
    assert page.status_code == 400
    assert "99" in page.content.decode().split('id="split-k5"')[1][:120]
    assert client.post("/shop/gifts/team/quotas", split | {"percent": ["60", "40"]}).status_code == 302
    new = {"name": "Calls", "on": "2024-02-10", "metric": "won_value", "scope": "owner=*", "weeks": "2",
           "attendees": [mia.pk]}  # fmt: skip
    assert client.post("/shop/gifts/team/training", new).status_code == 302
    assert "120" in client.get("/shop/gifts/team/training").content.decode()
    for number, seen in (("14", "k5"), ("19", "North"), ("21", "Tom")):
        page = client.get(f"/shop/gifts/plans/{version.plan_id}/document?section={number}").content.decode()
        assert seen in page
    rep = Client()
    rep.force_login(member("rep"))
    assert rep.post("/shop/gifts/team", sent).status_code == 403
    assert rep.get("/shop/gifts/team").status_code == 200


def test_the_api_and_the_command_line(tiny, owner, member, capsys):
    call = caller(tiny, owner)
    made = call("POST", "/shops/gifts/team", {"values": {"name": "Mia", "role": "Sales", "work": "lead"}}).json()
    assert (made["key"], made["depth"], made["week_hours"]) == ("Mia", 0, "40.00")
    mia = made["id"]
    tom = call("POST", "/shops/gifts/team", {"values": {"name": "Tom", "role": "Sales", "reports_to": mia}}).json()
    said = call("PATCH", f"/shops/gifts/team/{mia}", {"values": {"reports_to": tom["id"], "week_hours": 30}})
    assert said.status_code == 422
    assert [each["where"] for each in said.json()["errors"]] == ["reports_to"]
    assert call("PATCH", f"/shops/gifts/team/{mia}", {"values": {"week_hours": "30", "key": "mia"}}).status_code == 200
    assert [(one["name"], one["depth"]) for one in call("GET", "/shops/gifts/team").json()] == [("Mia", 0), ("Tom", 1)]
    north = call("POST", "/shops/gifts/territories", {"values": {"name": "North", "owner": mia}}).json()
    assert (north["owner"], north["currency"]) == (mia, "EUR")
    values = {"name": "Calls", "on": "2024-02-10", "metric": "won_value", "scope": {"owner": "*"}, "attendees": [mia]}
    trained = call("POST", "/shops/gifts/trainings", {"values": values}).json()
    assert (trained["before"], trained["after"], trained["days"]) == ("120.000000", "0", 28)
    assert call("GET", "/shops/gifts/quotas").json()["title"].startswith("The shop has no sales plan today.")
    assert call("GET", "/shops/gifts/quotas?plan=99").json()["code"] == "unknown_plan"
    version = a_plan(tiny, Kind.SALES, owner)
    Plan.objects.filter(pk=version.plan_id).update(starts_on=date(2024, 1, 1), ends_on=date(2025, 2, 1))
    assert call("GET", "/shops/gifts/quotas").json()["code"] == "no_quotas"
    version = PlanVersion.objects.get(pk=version.pk)
    quotas.propose(version=version, total=Decimal(650), actor=owner, now=NOW)
    found = call("GET", "/shops/gifts/quotas").json()
    assert (found["company"]["quota"], found["gap"]) == ("650.00", ["0.00"] * 13)
    assert found["tree"][0]["won"] == "215.000000"
    shares = {"plan": version.plan_id, "shares": {str(mia): "70", str(tom["id"]): "30"}}
    assert call("PUT", "/shops/gifts/deals/k5/credit", shares).json()["shares"] == {"mia": "70", "Tom": "30"}
    wrong = call("PUT", "/shops/gifts/deals/k5/credit", shares | {"shares": {str(mia): "70"}})
    assert wrong.json()["code"] == "credit_sum"
    assert call("PUT", "/shops/gifts/deals/k99/credit", shares).status_code == 404
    head = caller(tiny, member("sales_manager"))
    assert head("PATCH", f"/shops/gifts/team/{mia}", {"values": {"user": owner.pk}}).status_code == 403
    for command, seen in (("list", "Mia"), ("territories", "North"), ("quotas", "650"), ("trainings", "Calls")):
        assert main.run(["team", command, "--shop", "gifts"]) == 0
        assert seen in capsys.readouterr().out
