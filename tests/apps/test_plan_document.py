"""The plan document: typed cells, the log, several people, versions, and its JSON."""

from datetime import UTC, datetime

import pytest

from topline.plans import cells, document, operations, readiness, text
from topline.plans.models import EntryEdit, Plan, PlanVersion, State
from topline.team.models import Territory

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)


@pytest.fixture
def version(shop, owner):
    plan = Plan.objects.create(
        shop=shop, kind="both", title="Autumn", starts_on="2026-10-01", ends_on="2027-01-01", currency="GBP",
        owner=owner, created_at=NOW,
    )  # fmt: skip
    plan.refresh_from_db()
    return PlanVersion.objects.create(plan=plan, number=1, as_of="2026-10-01", snapshot=1, created_at=NOW)


def add(version, field, actor=None, **values):
    return document.add_row(version=version, field=field, values=values, actor=actor, now=NOW)


def write(version, entry, seen, actor=None, **changes):
    return document.write(
        version=version, field=entry.field, key=entry.key, changes=changes, seen=seen, actor=actor, now=NOW
    )


def test_a_row_holds_typed_values(version, owner):
    front = add(version, "8.fronts", name=" Search   and  shopping ", budget="12500.50",
                channels="google, bing, google", owner=str(owner.pk), focus="bottom", kpi="roas")  # fmt: skip
    assert front.cells == {
        "name": "Search and shopping", "budget": "12500.5", "channels": ["google", "bing"], "owner": owner.pk,
        "focus": "bottom", "kpi": "roas",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "values", "column", "error"),
    [
        ("8.fronts", {"budget": "12"}, "name", cells.NeededError),
        ("8.fronts", {"name": "F", "budget": "twelve"}, "budget", cells.NumberError),
        ("8.fronts", {"name": "F", "budget": "-1"}, "budget", cells.AmountError),
        ("8.fronts", {"name": "F", "focus": "side"}, "focus", cells.ChoiceError),
        ("8.fronts", {"name": "F", "owner": "99999"}, "owner", cells.ChoiceError),
        ("8.fronts", {"name": "F", "kpi": "luck"}, "kpi", cells.ChoiceError),
        ("8.fronts", {"name": "F", "result": "1"}, "result", cells.ChoiceError),
        ("8.actions", {"name": "A", "front": "f", "starts_on": "2026-09-30"}, "starts_on", cells.OutsideError),
        ("8.actions", {"name": "A", "front": "f", "starts_on": "soon"}, "starts_on", cells.DayError),
        (
            "8.actions", {"name": "A", "front": "f", "starts_on": "2026-10-09", "ends_on": "2026-10-08"}, "ends_on",
            cells.OrderError,
        ),
        ("8.actions", {"name": "A", "front": "f", "flow": "javascript:alert(1)"}, "flow", cells.LinkError),
        ("7.prices", {"name": "P", "price": "9.99", "floor": "10"}, "price", cells.FloorError),
        ("7.prices", {"name": "P", "discount_limit": "1.2"}, "discount_limit", cells.RateError),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_by_its_column(version, field, values, column, error):
    with pytest.raises(cells.CellsError) as caught:
        add(version, field, **values)
    assert {id_: type(each) for id_, each in caught.value.errors.items()} == {column: error}
    assert not version.entries.exists()


def test_a_rule_on_customers_is_read_and_written_one_way(version):
    persona = add(version, "4.personas", name="Regulars", rule='orders >= 2 and last<=90, category="Table lamps"')
    assert persona.cells["rule"] == 'orders>=2 last<=90 category="Table lamps"'


def test_the_log_says_who_changed_what_from_what(version, owner, member):
    other = member("sales_manager")
    row = add(version, "3.competitors", owner, name="Acme")
    write(version, row, 1, other, price="Ten per cent below ours", strengths="Fast")
    write(version, row, 2, owner, strengths="Fast and near")
    log = list(EntryEdit.objects.of(version.plan, "3.competitors"))
    assert [(one.kind, one.column, one.old, one.new, one.actor_id) for one in log] == [
        ("set", "strengths", "Fast", "Fast and near", owner.pk),
        ("set", "strengths", None, "Fast", other.pk),
        ("set", "price", None, "Ten per cent below ours", other.pk),
        ("add", "", None, {"name": "Acme"}, owner.pk),
    ]
    document.put_back(edit=log[0], version=version, actor=owner, now=NOW)
    row.refresh_from_db()
    assert row.cells["strengths"] == "Fast"


def test_two_people_in_one_row_and_in_one_text(version):
    row = add(version, "3.competitors", name="Acme", strengths="Fast\nCheap\nNear")
    write(version, row, 1, weaknesses="Slow support")
    write(version, row, 1, strengths="Fast\nCheap\nNear, with parking")
    merged = write(version, row, 1, strengths="Very fast\nCheap\nNear")
    assert merged.cells["strengths"] == "Very fast\nCheap\nNear, with parking"
    assert merged.cells["weaknesses"] == "Slow support"
    with pytest.raises(document.StaleCellError) as caught:
        write(version, row, 1, strengths="Slow\nCheap\nNear")
    assert caught.value.params["theirs"] == merged.cells["strengths"]
    row.refresh_from_db()
    assert row.cells == merged.cells


def test_a_row_taken_out_comes_back(version):
    first, second = (
        add(version, "3.swot", statement="A", kind="threat"),
        add(version, "3.swot", statement="B", kind="threat"),
    )
    document.move_row(version=version, field="3.swot", key=second.key, by=-1, actor=None, now=NOW)
    assert [row.cells["statement"] for row in document.rows(version, "3.swot")] == ["B", "A"]
    document.remove_row(version=version, field="3.swot", key=first.key, actor=None, now=NOW)
    with pytest.raises(document.UnknownRowError):
        write(version, first, 1, statement="C")
    document.restore_row(version=version, field="3.swot", key=first.key, actor=None, now=NOW)
    assert [row.cells["statement"] for row in document.rows(version, "3.swot")] == ["B", "A"]


def test_a_locked_version_keeps_its_words_and_a_new_one_takes_them_along(version):
    add(version, "3.competitors", name="Acme")
    document.write(
        version=version, field="5.positioning", key="", changes={"text": "For homes."}, seen=0, actor=None, now=NOW
    )
    PlanVersion.objects.filter(pk=version.pk).update(state=State.ACTIVE)
    version.refresh_from_db()
    with pytest.raises(operations.PlanLockedError):
        add(version, "3.competitors", name="Other")
    new = operations.revise(version=version, actor=None, now=NOW)
    assert new.document() == version.document()
    add(new, "3.competitors", name="Other")
    assert new.contents()["document"] != version.contents()["document"]
    assert new.contents_digest() != version.contents_digest()


def test_a_rule_on_customers_in_words():
    rule = 'orders>=2 last<=1090 spent>250.5 category="Home and garden"'
    assert text.customers(rule, currency="GBP", language="en") == (
        "Orders to date: at least 2; days since the last order: at most 1,090; net sales to date: more than £250.50; "
        "Category: Home and garden"
    )


def test_the_json_makes_the_same_document(version, shop, owner):
    add(version, "8.fronts", name="Search", budget="100", channels=["google"], owner=owner.pk)
    add(version, "4.personas", name="Regulars", rule="orders>=2")
    document.write(
        version=version, field="7.orientation", key="", changes={"choice": "sales"}, seen=0, actor=None, now=NOW
    )
    written = document.exported(version)
    plan = Plan.objects.create(
        shop=shop, title="Again", starts_on=version.plan.starts_on, ends_on=version.plan.ends_on, currency="GBP",
        created_at=NOW,
    )  # fmt: skip
    again = PlanVersion.objects.create(plan=plan, number=1, as_of="2026-10-01", snapshot=1, created_at=NOW)
    add(again, "3.competitors", name="Goes away")
    document.load(version=again, document=written, actor=None, now=NOW)
    assert document.exported(again) == written
    with pytest.raises(document.SchemaError):
        document.load(version=again, document={"schema": 99, "fields": {}}, actor=None, now=NOW)


def test_what_the_team_answers_is_no_open_question(version, shop):
    def asked():
        [one] = [need for need in readiness.needs(version, []) if need.said.code == "need.questions"]
        return one.said.params["open_count"]

    before = asked()
    Territory.objects.create(shop=shop, name="Home", currency="GBP", country="GB")
    assert asked() == before - 1
    assert document.answered(version, ["19.territories", "18.months", "5.positioning"]) == {
        "19.territories": True, "18.months": True, "5.positioning": False,
    }  # fmt: skip
