"""The budget: one ledger of planned, committed and spent, worked out on paper; limits, moves, and facts by day."""

from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import product
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from topline.accounts import operations as accounts
from topline.facts.table import tables
from topline.plans import entries, filling, ledger, operations
from topline.plans.drafting import Draft, ProposedLine
from topline.plans.grid import Grid
from topline.plans.models import BudgetLine, BudgetMove, Commitment, Plan, PlanVersion, SpendKind, State
from topline.units.missing import Missing
from topline.units.period import Period

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
OCTOBER, NOVEMBER, DECEMBER = date(2026, 10, 1), date(2026, 11, 1), date(2026, 12, 1)
TODAY = date(2026, 11, 16)
SPENT = [
    ("google", "brand", "ads", "2026-10-05", "100.25"),
    ("google", "summer", "ads", "2026-10-06", "50.50"),
    ("google", None, "ads", "2026-11-01", "10"),
    ("meta", None, "ads", "2026-11-02", "7"),
    ("google", None, "content", "2026-11-03", "3"),
    ("google", "brand", "ads", "2026-11-16", "999"),  # today: not known yet
    ("google", "brand", "ads", "2026-09-30", "999"),  # before the plan
]


@pytest.fixture
def version(shop, owner, lake):
    plan = Plan.objects.create(
        shop=shop,
        kind="both",
        title="Autumn",
        starts_on="2026-10-01",
        ends_on="2027-01-01",
        currency="GBP",
        owner=owner,
        created_at=NOW,
    )
    plan.refresh_from_db()
    made = PlanVersion.objects.create(plan=plan, number=1, as_of=OCTOBER, snapshot=1, created_at=NOW)
    rows = [
        {
            "key": f"s{i}",
            "version": 1,
            "recorded_at": NOW,
            "batch_id": "test",
            "on": date.fromisoformat(on),
            "channel": channel,
            "campaign": campaign,
            "kind": kind,
            "amount": Decimal(amount),
            "amount_shop": Decimal(amount),
            "currency": "GBP",
            "rate": Decimal(1),
            "is_acquisition": True,
        }
        for i, (channel, campaign, kind, on, amount) in enumerate(SPENT)
    ]
    lake.append("spend", [pa.RecordBatch.from_pylist(rows, tables()["spend"].schema)], batch_id="test")
    lake.publish(now=NOW)
    return made


def line(version, activity, owner, *, months=(), **values):
    made = ledger.put_line(version=version, activity=activity, actor=owner, now=NOW, **values)
    for month, amount in months:
        ledger.set_amount(version=version, key=made.key, month=month, amount=Decimal(amount), actor=owner, now=NOW)
    made.refresh_from_db()
    return made


@pytest.fixture
def lines(version, owner):
    brand = line(
        version, "Brand search", owner, channel="google", campaign="brand", months=[(OCTOBER, "310"), (NOVEMBER, "300")]
    )
    search = line(version, "Search", owner, channel="google", months=[(NOVEMBER, "60")], expected=Decimal(500))
    return brand, search


def test_every_spend_stands_in_the_line_that_says_most_about_it(version, lines):
    found = ledger.ledger(version, TODAY)
    rows = {row.key: row for row in found.rows}
    assert [str(x) for x in rows["brand-search"].actual] == ["100.250000", "0", "0"]
    assert [str(x) for x in rows["search"].actual] == ["50.500000", "10.000000", "0"]
    assert [str(x) for x in rows[""].actual] == ["0", "10.000000", "0"]  # meta, and content that no line plans
    assert found.whole.actual_sum == Decimal("170.75")
    assert found.whole.planned_sum == 670


def test_due_follows_the_days_that_are_over(version, lines):
    """310 of October and half of November's 300 (15 of 30 even days) are due of one, 30 of 60 of the other."""
    rows = {row.key: row for row in ledger.ledger(version, TODAY).rows}
    assert rows["brand-search"].due == Decimal("460.00")
    assert rows["search"].due == Decimal("30.00")
    assert rows["brand-search"].pace == pytest.approx(100.25 / 460)
    assert isinstance(rows["search"].roi, Missing)  # no cost of goods is known
    assert rows["search"].returns == 500


def test_a_move_keeps_the_whole_and_says_why(version, owner, lines):
    move = {"source": "brand-search", "source_month": NOVEMBER, "target": "search", "target_month": DECEMBER}
    ledger.move(version=version, **move, amount=Decimal(120), reason=" Search pays better ", actor=owner, now=NOW)
    found = ledger.ledger(version, TODAY)
    assert found.whole.planned_sum == 670
    assert {row.key: [int(x) for x in row.planned] for row in found.rows if row.line} == {
        "brand-search": [310, 180, 0],
        "search": [0, 60, 120],
    }
    assert BudgetMove.objects.of(version)[0].reason == "Search pays better"
    with pytest.raises(ledger.OverdrawnError):
        ledger.move(version=version, **move, amount=Decimal(181), reason="more", actor=owner, now=NOW)
    with pytest.raises(ledger.ReasonError):
        ledger.move(version=version, **move, amount=Decimal(1), reason=" ", actor=owner, now=NOW)
    with pytest.raises(ledger.BudgetMonthError):
        ledger.set_amount(
            version=version, key="search", month=date(2027, 1, 1), amount=Decimal(1), actor=owner, now=NOW
        )


def test_money_above_the_limit_waits_for_somebody_who_may(version, owner, member, shop, lines):
    manager, finance = member("marketing_manager"), member("finance")
    ledger.set_limit(shop=shop, role="marketing_manager", amount=Decimal(100), actor=owner)
    ask = {"version": version, "key": "brand-search", "month": NOVEMBER, "today": TODAY, "now": NOW}
    small = ledger.commit(**ask, amount=Decimal(100), what="Banner", actor=manager)
    large = ledger.commit(**ask, amount=Decimal("100.01"), what="Film", actor=manager)
    assert (small.state, large.state) == ("approved", "asked")
    row = next(row for row in ledger.ledger(version, TODAY).rows if row.key == "brand-search")
    assert row.committed_sum == 100
    with pytest.raises(ledger.OwnCommitmentError):
        ledger.decide(commitment=large, state=Commitment.State.APPROVED, actor=manager, now=NOW)
    other = accounts.create_user(email="other@example.org", password="correct horse", actor_id=None)
    accounts.set_roles(shop=shop, user=other, roles=["marketing_manager"], actor_id=None)
    with pytest.raises(ledger.LimitError):
        ledger.decide(commitment=large, state=Commitment.State.APPROVED, actor=other, now=NOW)
    ledger.decide(commitment=large, state=Commitment.State.APPROVED, actor=finance, now=NOW)
    with pytest.raises(ledger.CommitmentStateError):
        ledger.decide(commitment=large, state=Commitment.State.REFUSED, actor=finance, now=NOW)
    with pytest.raises(ledger.OverBudgetError):  # 610 planned, 200.01 committed, 100.25 spent: 309.74 left
        ledger.commit(**ask, amount=Decimal("309.75"), what="All", actor=owner)
    ledger.commit(**ask, amount=Decimal("309.74"), what="All", actor=owner)
    ledger.decide(commitment=small, state=Commitment.State.PAID, actor=manager, now=NOW)


def test_a_locked_version_keeps_its_budget_and_a_copy_has_it(version, owner, lines):
    new = operations.revise(version=version, actor=owner, now=NOW)
    assert [each.contents() for each in new.budget.all()] == [each.contents() for each in version.budget.all()]
    PlanVersion.objects.filter(pk=version.pk).update(state=State.ACTIVE)
    with pytest.raises(operations.PlanLockedError):
        ledger.drop_line(version=version, key="search", actor=owner, now=NOW)


def test_the_budget_is_part_of_what_is_approved(version, owner, lines):
    before = version.contents_digest()
    ledger.set_amount(version=version, key="search", month=NOVEMBER, amount=Decimal(61), actor=owner, now=NOW)
    assert version.contents_digest() != before


def test_channels_that_are_called_alike_have_a_line_each(version):
    entries.add_budget(version, [ProposedLine("paid", name, name, {}) for name in ("google / cpc", "Google-CPC")])
    assert list(version.budget.values_list("key", "channel")) == [
        ("google-cpc", "google / cpc"), ("google-cpc-1", "Google-CPC"),
    ]  # fmt: skip


def test_last_years_spend_is_proposed_where_no_sales_are_expected(version, shop):
    period, year = Period(date(2027, 10, 1), date(2028, 1, 1)), Period(date(2026, 10, 1), date(2027, 10, 1))
    nothing = {"net_sales": Grid.of(np.zeros((1, 1, 3), dtype=np.int64))}
    draft = Draft(year.end, 1, [None], [None], nothing, [], {}, {})
    ground = filling.Ground(shop, period, draft, year, "en", shop.lake().latest())
    [found] = filling._budget(ground, {"8.fronts": [{"name": "Paid", "channels": ["meta"]}]})
    assert found.planned == {"2027-10": "2.34", "2027-11": "2.33", "2027-12": "2.33"}


def test_spend_by_day_sums_to_the_month_exactly(version, lines, owner):
    from topline.plans import facts

    ledger.set_amount(version=version, key="search", month=NOVEMBER, amount=Decimal("100.01"), actor=owner, now=NOW)
    found = {on: planned for (_, on), planned, _ in facts.spend_by_day(version, version.budget.get(key="search"))}
    assert len(found) == 92
    assert sum(amount for on, amount in found.items() if on.month == 11) == 10_001
    assert sum(found.values()) == 10_001


def test_cash_and_payback_on_paper(version, owner, monkeypatch):
    """500 of sales at a margin of 40 % are 200 back, a third each month; 90 out in October: paid back in November."""
    line(version, "Flyers", owner, kind=SpendKind.CONTENT, months=[(OCTOBER, "90")], expected=Decimal(500))
    answers = {"contribution_before_marketing": Decimal(40), "net_sales": Decimal(100)}
    monkeypatch.setattr(
        ledger.answered, "ask", lambda shop, query, snapshot: type("R", (), {"totals": answers, "rows": []})
    )
    found = ledger.ledger(version, TODAY)
    row = found.rows[0]
    assert row.roi == (Decimal(200) - 90) / 90
    assert row.paid_back_in == NOVEMBER
    assert [(str(each.out), str(each.back), str(each.gathered)) for each in found.cash] == [
        ("90.00", "66.67", "-23.33"),
        ("0", "66.67", "43.33"),
        ("0", "66.67", "110.00"),
    ]


def test_spend_goes_to_a_line_that_fits_it_and_to_none_that_says_less():
    """Every pair of lines that say something or nothing of channel, campaign and market, and every spend."""
    names = ("", "a", "b")
    made = [BudgetLine(channel=c, campaign=g, market=m, kind="ads") for c, g, m in product(names, names, names)]
    spends = [
        {"channel": c, "campaign": g, "market": m, "kind": "ads"} for c, g, m in product("ac", (None, "b"), (None, "a"))
    ]
    for first, second in product(made, made):
        first.key, second.key = "1", "2"
        for spent in spends:
            fits = [one for one in (second, first) if _fits(one, spent)]
            best = max(fits, key=lambda one: (bool(one.campaign), bool(one.channel), bool(one.market)), default=None)
            found = ledger.matching((second, first), spent)
            assert found == (best.key if best else "")


def _fits(line, spent):
    return all(getattr(line, name) in ("", spent[name]) for name in ("channel", "campaign", "market"))


def test_the_page_shows_and_changes_the_ledger(version, shop, owner, client, lines):
    shop.clock_on = TODAY
    shop.save()
    client.force_login(owner)
    page = f"/shop/gifts/plans/{version.plan_id}/budget"
    shown = client.get(page).content.decode()
    assert "£171 of £670 are spent: 35% of what is due by now." in shown
    made = {"do": "line", "activity": "Fair", "kind": "content", "month-2026-12": "1,250.50"}
    assert client.post(page, made).status_code == 302
    assert version.budget.get(key="fair").planned == {"2026-12": "1250.50"}
    wrong = client.post(page, made | {"month-2026-12": "many"})
    assert wrong.status_code == 400
    assert version.budget.filter(activity="Fair").count() == 1
    client.post(f"{page}/fair", {"do": "drop"})
    assert not version.budget.filter(key="fair").exists()
    client.post(page, {"do": "commit", "key": "brand-search", "month": "2026-11-01", "amount": "5", "what": "Booking"})
    assert Commitment.objects.get().what == "Booking"
    assert "Booking" in client.get(page).content.decode()


def test_drivers_are_counted_whole_and_paid_to_the_cent():
    goal = SimpleNamespace(quantiles=[3402.23] * 99, expected=3769.3)
    drivers = filling._drivers(SimpleNamespace(goal=lambda _metric: goal), {})
    assert {row["metric"]: (row["low"], row["expected"]) for row in drivers} == {
        "orders": ("3402", "3769"), "average_order_value": ("3402.23", "3769.3"), "new_customers": ("3402", "3769"),
    }  # fmt: skip
