"""Goals: the five letters as they are typed, the tree, and what a circle, a step or a band that makes no sense gets."""

from datetime import date
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from test_api import caller

from tiny_plan import NOW, a_plan, a_shop
from topline.accounts.models import Shop
from topline.plans import approval, diff, goals, operations, progress
from topline.plans.goals import Known, Worded
from topline.plans.models import Entry, Goal, Kind, PlanVersion, State
from topline.units.number import NumberTextError
from topline.web import formats

AS_OF = date(2026, 10, 1)


@pytest.fixture
def people(db, settings, tmp_path):
    settings.LAKE_ROOT = tmp_path / "lake"
    return a_shop()[1]


@pytest.fixture
def version(people) -> PlanVersion:
    made = a_plan(Shop.objects.get(), Kind.MARKETING, people["head"])
    Goal.objects.update(quantiles=[5 * k for k in range(50, 149)], baseline=Decimal(500))  # the middle is 500
    return made


def letters_of(version: PlanVersion, **changes) -> dict[str, tuple[bool | None, list[str], str]]:
    """Each letter: whether it is met, the codes of what is said, the code of the way."""
    goal = version.goals.get(key="net_sales")
    written = {"metric": "net_sales", "target": Decimal(510), "due_on": date(2026, 11, 30), **changes}
    seen = Known(version, goal, AS_OF, date(2026, 9, 29), {}, goals.linkable(version), [])
    return {
        one.id: (one.is_met, [said.code for said in one.said], one.way.code if one.way else "")
        for one in goals.letters(Worded(**written), seen)
    }


def test_a_bare_number_is_not_a_goal(version) -> None:
    assert letters_of(version) == {
        "specific": (False, ["letter.whole", "letter.no_action"], "way.link"),
        "measurable": (True, ["letter.data"], ""),
        "achievable": (None, ["letter.chance", "letter.history", "letter.needs_open"], "way.needs"),
        "relevant": (False, ["letter.alone"], "way.parent"),
        "time_bound": (True, ["letter.due"], ""),
        "owned": (False, ["letter.unowned"], "way.owner"),
    }


def test_each_letter_is_met_by_its_own_way(version) -> None:
    Entry.objects.create(version=version, field="8.fronts", key="autumn", cells={"name": "Autumn fair"})
    need = {"kind": "skill", "name": "Photos", "is_held": False, "cost": "120"}
    full = {
        "links": [{"kind": "front", "key": "autumn"}], "needs": [need], "strategy": "Gifts all year", "owner": 1,
    }  # fmt: skip
    assert {met for met, _, _ in letters_of(version, **full).values()} == {True}
    assert letters_of(version, actions=["Write"])["specific"][1:] == (["letter.whole", "letter.words_only"], "way.link")
    gone = letters_of(version, links=[{"kind": "front", "key": "gone"}])
    assert gone["specific"][0] is False
    uncosted = letters_of(version, needs=[{**need, "cost": ""}])["achievable"]
    assert (uncosted[0], uncosted[2]) == (False, "way.cost")
    assert letters_of(version, target=Decimal(800), needs=[need])["achievable"] == (
        False, ["letter.chance", "letter.history", "letter.missing"], "way.lower",
    )  # fmt: skip
    assert "letter.sure" in letters_of(version, target=Decimal(100))["achievable"][1]
    assert letters_of(version, due_on=date(2026, 12, 1))["time_bound"] == (False, ["letter.not_due"], "way.due")
    seen = Known(version, None, AS_OF, date(2026, 9, 1), {}, {}, ["Autumn fair"])
    found = {one.id: one for one in goals.letters(Worded("net_sales", None, None), seen)}
    assert found["measurable"].said[0].code == "letter.stale"
    assert found["specific"].is_met


def test_children_add_up_and_a_circle_is_refused(version, people) -> None:
    whole = version.goals.get(key="net_sales")
    lamps = operations.add_goal(version=version, metric="net_sales", scope={"category": "Lamps"}, actor=None, now=NOW)
    nodes = {node.goal.key: node for node in goals.tree(version)}
    assert (nodes["net_sales"].gap, nodes["net_sales:category=Lamps"].depth) == (300, 1)  # rugs have no goal
    operations.add_goal(version=version, metric="net_sales", scope={"category": "Rugs"}, actor=None, now=NOW)
    assert next(node.gap for node in goals.tree(version)) == 0
    with pytest.raises(goals.CircularGoalError, match="“Net sales” can"):
        goals.describe(goal=whole, parent=lamps, actor=None, now=NOW)
    with pytest.raises(goals.CircularGoalError):
        goals.describe(goal=whole, parent=whole, actor=None, now=NOW)
    with pytest.raises(goals.BandsError):
        goals.describe(goal=whole, parent=None, bands=[0.8, 0.9], actor=None, now=NOW)
    with pytest.raises(goals.StepsError):
        goals.describe(goal=whole, parent=None, dated=[("2027-01-01", "5")], actor=None, now=NOW)
    assert goals.tree(version)[0].goal.key == "net_sales"


def test_a_goal_is_written_on_its_page(version, people) -> None:
    Entry.objects.create(version=version, field="8.fronts", key="autumn", cells={"name": "Autumn fair"})
    browser = Client()
    browser.force_login(people["head"])
    at = [version.plan.shop.slug, version.plan_id]
    page = reverse("plan_goals", args=at)
    assert "still lack" in browser.get(page).content.decode()
    asked = {"metric": "leads", "target": "1,200", "due_on": "2026-11-30", "parent": version.goals.get().pk}
    browser.post(page, asked)
    leads = Goal.objects.get(key="leads")
    assert (leads.target, leads.parent.key, leads.owner) == (1200, "net_sales", people["head"])
    assert browser.post(page, asked).status_code == 400
    low = browser.post(page, {**asked, "metric": "units", "target": "-5"})
    assert (low.status_code, "is below zero" in low.content.decode()) == (400, True)
    browser.post(page, {**asked, "metric": "units", "part": "category=Rugs"})
    assert Goal.objects.get(metric="units").scope == {"category": "Rugs"}
    assert browser.post(page, {**asked, "metric": "orders", "due_on": "2028-01-01"}).status_code == 400
    all_wrong = browser.post(page, {**asked, "metric": "lead", "target": "many", "due_on": "soon"}).content.decode()
    places = [all_wrong.index(f'id="{name}-error"') for name in ("metric", "new-target", "new-due")]  # all at once
    assert places == sorted(places)
    form = reverse("goal", args=[*at, leads.pk])
    written = {
        "described": "1", "target": "1,300", "due_on": "2026-11-20", "owner": people["rep"].pk, "strategy": "",
        "parent": leads.parent_id, "link": ["front/autumn"], "actions": "Ask at the till",
        "need_kind": ["tool", "person"], "need_name": ["Forms", ""], "need_held": ["missing", "held"],
        "need_cost": ["99.50", ""], "dated": "2026-10-31 500\n2026-11-10 900", "on_course": "90", "at_risk": "70",
    }  # fmt: skip
    typed = browser.post(reverse("goal_letters", args=[*at, leads.pk]), {**written, "owner": ""}).content.decode()
    assert "Done by: Autumn fair." in typed
    assert "Nobody answers for it." in typed
    assert "Missing: Forms; to get them costs £99.50." in typed
    leads.refresh_from_db()
    assert (leads.target, leads.links) == (1200, [])  # nothing is kept while it is typed
    late = browser.post(reverse("goal_letters", args=[*at, leads.pk]), {**written, "due_on": "2026-12-01"})
    beside = 'class="errors" id="due-note" aria-live="polite" hx-swap-oob="true">This goal is due between'
    assert beside in late.content.decode()
    assert beside not in typed
    assert browser.post(form, {**written, "dated": "2027-01-31 500"}).status_code == 400
    costs = {"need_cost": ["a lot", "-5"], "need_name": ["Forms", ""], "target": "-1", "strategy": "Be found"}
    ways = browser.post(form, {**written, **costs, "on_course": "much", "dated": "soon 5"}).content.decode()
    assert all(said in ways for said in ("“a lot” is not a number.", 'id="bands-error"', 'id="dated-error"'))
    wrong = browser.post(form, {**written, **costs}).content.decode()
    for said in ("“a lot” is not a number.", "A cost is zero or more.", "is below zero"):  # all at once
        assert said in wrong
    assert 'value="a lot"' in wrong
    assert "Say what it is" in browser.post(form, {**written, "need_cost": ["1", "5"]}).content.decode()
    leads.refresh_from_db()
    assert (leads.target, leads.needs) == (1300, [])  # what could be kept is
    assert browser.post(form, {**written, "target": "-1"}).status_code == 400
    leads.refresh_from_db()
    assert (leads.target, len(leads.needs)) == (1300, 1)
    assert browser.post(form, {**written, "at_risk": "95"}).status_code == 400
    assert browser.post(form, written).status_code == 302
    leads.refresh_from_db()
    assert leads.links == [{"kind": "front", "key": "autumn", "label": "Autumn fair"}]
    assert leads.needs == [{"kind": "tool", "name": "Forms", "is_held": False, "cost": "99.50"}]
    assert (leads.target, leads.dated[1], leads.bands) == (1300, ["2026-11-10", "900"], [0.9, 0.7])
    assert "Autumn fair" in browser.get(form).content.decode()


def test_a_goal_is_written_over_the_api_as_on_its_page(version, people) -> None:
    """Metric, part, owner, parent, strategy, links, needs, steps and bands; what is wrong leaves no goal behind."""
    Entry.objects.create(version=version, field="8.fronts", key="autumn", cells={"name": "Autumn fair"})
    shop = version.plan.shop
    call, at = caller(shop, people["director"]), f"/shops/gifts/plans/{version.plan_id}/versions/1/goals"
    need = {"kind": "tool", "name": "Forms", "is_held": False, "cost": "99.50"}
    asked = {
        "metric": "sessions", "channel": "search", "target": "1200", "due_on": "2026-11-20",
        "owner": people["rep"].email, "parent": "net_sales", "strategy": "Be found", "actions": ["Write"],
        "links": [{"kind": "front", "key": "autumn"}], "needs": [need],
        "dated": [{"on": "2026-10-31", "target": "500"}], "bands": [0.9, 0.7],
    }  # fmt: skip
    assert call("POST", at, {**asked, "bands": [0.7, 0.9]}).status_code == 422
    assert not version.goals.standing().filter(metric="sessions").exists()
    for wrong in ({"target": "-5"}, {"target": None}, {"category": "Lamps", "metric": "leads"}, {"parent": "gone"}):
        assert call("POST", at, {**asked, **wrong}).status_code in (404, 422)
    told = call("POST", at, asked)
    assert told.status_code == 201, told.content
    kept = version.goals.standing().get(metric="sessions")
    assert (kept.key, kept.scope, kept.target, kept.owner) == (
        "sessions:channel=search", {"channel": "search"}, 1200, people["rep"],
    )  # fmt: skip
    assert (kept.parent.key, kept.strategy, kept.actions, kept.bands) == (
        "net_sales",
        "Be found",
        ["Write"],
        [0.9, 0.7],
    )
    assert kept.links == [{"kind": "front", "key": "autumn", "label": "Autumn fair"}]
    assert (kept.needs, kept.dated) == ([need], [["2026-10-31", "500"]])
    changed = call("PATCH", f"{at}/{kept.key}", {"strategy": "Be known", "is_unowned": True})
    assert changed.status_code == 200, changed.content
    kept.refresh_from_db()
    assert (kept.strategy, kept.owner, kept.needs, kept.target) == ("Be known", None, [need], 1200)
    part = call("POST", at, {"category": "Lamps", "target": "400"}).json()
    assert (part["scope"], Decimal(part["target"])) == ({"category": "Lamps"}, 400)
    assert version.goals.get(key="net_sales").target == 700  # 300 of rugs


def test_an_expected_zero_is_told_from_none() -> None:
    quantiles = [float(k) for k in range(1, 100)]
    assert progress._band(quantiles, 0.0) == progress.Band(10.0, 0.0, 90.0)
    assert progress._band(quantiles, None) == progress.Band(10.0, 50.0, 90.0)
    assert progress._band([], None) is None


def test_a_version_in_force_offers_the_next_one(version, people) -> None:
    """What can't be changed says how it can; who may not, is offered nothing."""
    version.state = State.ACTIVE
    version.save()
    at = [version.plan.shop.slug, version.plan_id]
    head, reader = Client(), Client()
    head.force_login(people["head"])
    reader.force_login(people["operator"])
    for name in ("plan_goals", "plan_document", "plan_targets", "plan_fronts", "plan_promotions", "plan_content"):
        asked = {client: client.get(reverse(name, args=at)).content.decode() for client in (head, reader)}
        assert "A new version begins with all of them" in asked[head], name
        assert 'value="revise"' in asked[head]
        assert "keeps its words and numbers." in asked[reader], name
        assert 'value="revise"' not in asked[reader]
    head.post(f"{reverse('plan_act', args=at)}?version=1", {"do": "revise"})
    made = version.plan.versions.get(number=2)
    assert (made.state, made.based_on) == (State.DRAFT, version)
    assert "keeps its words" not in head.get(reverse("plan_goals", args=at), {"version": 2}).content.decode()


def test_a_rate_is_typed_as_it_is_shown(version, people) -> None:
    """A goal of 35 % with a step of 31.5 %, typed with the sign and without; a decimal of a ratio stays."""
    at = [version.plan.shop.slug, version.plan_id]
    head = Client()
    head.force_login(people["head"])
    written = {"metric": "repeat_purchase_rate", "target": "35%", "due_on": "2026-11-30"}
    assert head.post(reverse("plan_goals", args=at), written).status_code == 302
    made = version.goals.get(metric="repeat_purchase_rate")
    assert made.target == Decimal("0.35")
    form = reverse("goal", args=[*at, made.pk])
    sent = {"target": "36 %", "due_on": "2026-11-30", "described": "1", "dated": "2026-10-31 31.5"}
    assert head.post(form, sent).status_code == 302
    made.refresh_from_db()
    assert (made.target, made.dated) == (Decimal("0.36"), [["2026-10-31", "0.315"]])
    page = head.get(form).content.decode()
    assert 'value="36.00"' in page
    assert "2026-10-31 31.50</textarea>" in page
    head.post(reverse("plan_goals", args=at), {**written, "metric": "units_per_order", "target": "1.60"})
    assert 'value="1.60"' in head.get(reverse("goal", args=[*at, version.goals.get(target="1.6").pk])).content.decode()


def test_a_diff_names_what_a_goal_is_linked_to(version) -> None:
    """By their names, where it had been blank."""
    Entry.objects.create(version=version, field="8.fronts", key="autumn", cells={"name": "Autumn fair"})
    before = approval.plain_contents(version)
    need = {"kind": "skill", "name": "Photos", "is_held": False, "cost": "120"}
    told = {"links": [{"kind": "front", "key": "autumn"}], "needs": [need]}
    goals.describe(goal=version.goals.get(key="net_sales"), parent=None, **told, actor=None, now=NOW)
    found = {one.what.params["goal_field"]: one for one in diff.between(before, approval.plain_contents(version))}
    assert (found["links"].before, found["links"].after) == (None, "Autumn fair")
    assert found["needs"].after == "Photos"


@pytest.mark.parametrize("typed", ["1,200", "£1,200", "1,200 GBP", "GBP1200.00", " £ 1200 "])
def test_an_amount_may_carry_its_own_currency(typed: str) -> None:
    assert formats.read_value(typed, "money", "GBP") == 1200


@pytest.mark.parametrize(("typed", "unit"), [("$1,200", "money"), ("£5", "count"), ("12%", "money"), ("%", "rate")])
def test_another_mark_is_refused(typed: str, unit: str) -> None:
    with pytest.raises(NumberTextError):
        formats.read_value(typed, unit, "GBP")
