"""Ways that bring less than others: the gain of each kind, worked out on paper from a shop's facts."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

import web_facts
from topline.lake.store import Lake
from topline.outlook import variants
from topline.outlook.variants import Count, Facts
from topline.science.bottleneck import Estimate, worth_of_gap
from topline.units.period import Period

END = date(2026, 10, 1)
AT = datetime(2026, 9, 1, 12, tzinfo=UTC)
OLD = datetime(2026, 5, 1, 12, tzinfo=UTC)


def visits(prefix: str, count: int, ordered: int, **more: object) -> list[dict[str, object]]:
    return [
        {"session_key": f"{prefix}{i}", "at": AT, "orders": int(i < ordered), "carts": 1, "checkouts": 1, **more}
        for i in range(count)
    ]


def rows() -> dict[str, list[dict[str, object]]]:
    """Orders of 50 each, and for each kind one way that does worse than another."""
    sessions = [
        *visits("a", 400, 40, landing_page="/sale", channel="ads", device="phone", market="GB", campaign="may"),
        *visits("b", 400, 80, landing_page="/new", channel="ads", device="desktop", market="GB", campaign="may"),
        *visits("c", 400, 120, landing_page="/sale", channel="mail", device="desktop", market="GB"),
    ]
    events = [
        {"event": event, "session_key": f"{product}{i}", "product_key": product, "at": AT}
        for product, count, carts in (("mug", 300, 30), ("jug", 300, 90), ("lamp", 300, 5))
        for event, many in (("product_view", count), ("add_to_cart", carts))
        for i in range(many)
    ]
    messages = [
        {"event": event, "message_key": f"{campaign}{i}", "medium": "email", "campaign": campaign, "at": AT,
         "is_machine": is_machine}
        for campaign, clicks in (("may", 30), ("june", 90))
        for event, many, is_machine in (("delivered", 600, False), ("clicked", clicks, False), ("clicked", 500, True))
        for i in range(many)
    ]  # fmt: skip
    pieces = [
        {"content_key": name, "kind": "read", "stage": "middle", "session_key": f"{prefix}{i}", "at": AT}
        for name, prefix in (("guide", "a"), ("film", "b"))
        for i in range(400)
        for _ in range(2)
    ]
    parcels = [
        {"fulfilment_key": f"{carrier}{i}", "carrier": carrier, "market": "GB", "ordered_on": AT.date(),
         "promised_on": AT.date(), "shipped_on": AT.date(), "is_complete": True, "is_right": True, "on": AT.date(),
         "delivered_on": AT.date() + timedelta(days=int(i < late))}
        for carrier, late in (("slow", 60), ("fast", 20))
        for i in range(200)
    ]  # fmt: skip
    deals = [
        {"deal_key": f"d{i}", "stage": "end", "state": "won" if i < 30 or 50 <= i < 60 else "lost",
         "value_shop": Decimal(1000), "created_on": OLD.date(), "at": AT, "currency": "EUR"}
        for i in range(100)
    ]  # fmt: skip
    done = [
        {"activity_key": f"k{i}", "kind": "demo", "deal_key": f"d{i}", "at": AT, "is_done": True} for i in range(50)
    ]
    done += [
        {"activity_key": f"l{i}", "kind": "call", "lead_key": f"l{i}", "is_done": True,
         "at": OLD + timedelta(hours=1 if i < 40 else 48)}
        for i in range(80)
    ]  # fmt: skip
    leads = [{"event": "created", "lead_key": f"l{i}", "at": OLD, "form": "demo"} for i in range(80)]
    leads += [{"event": "converted", "lead_key": f"l{i}", "at": AT} for i in (*range(20), *range(40, 50))]
    # nobody turned to those who wanted a newsletter, and hardly one converts: that says nothing of turning late
    leads += [{"event": "created", "lead_key": f"n{i}", "at": OLD, "form": "newsletter"} for i in range(400)]
    lines = [
        {"order_key": f"o{i}", "kind": "goods_sold", "amount_shop": Decimal(50), "at": AT, "ordered_on": AT.date()}
        for i in range(240)
    ]
    products = [
        {"product_key": key, "category": category}
        for key, category in (("mug", "Cups"), ("jug", "Cups"), ("lamp", "Lamps"))
    ]
    return {
        "session": sessions, "web_event": events, "message_event": messages, "content_interaction": pieces,
        "fulfilment": parcels, "deal_stage": deals, "activity": done, "lead_event": leads, "order_line": lines,
        "product": products,
        "fulfilment_cost": [{"kind": "error", "amount_shop": Decimal(800), "on": AT.date()}],
    }  # fmt: skip


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    lake = Lake(tmp_path_factory.mktemp("variants"), "gifts")
    for name, held in rows().items():
        table: pa.Table = web_facts.arrow(name, held)
        lake.append(name, table.to_batches(), batch_id="b")
    return Facts(lake, lake.publish(now=AT))


@pytest.mark.parametrize(
    ("kind", "name", "of", "own", "goal", "gain"),
    [
        # 400 visits by ads to /sale: 10 % ordered, and 20 % of those to /new; by mail nothing stands beside it
        ("landing", "/sale", 400, 0.10, 0.20, 400 * 0.10 * 50),
        # of 300 looks at mugs 30 carts, of jugs 90; every cart is 240 / 1,200 of an order of 50
        ("product_page", "mug", 300, 0.10, 0.30, 300 * 0.20 * 50 * 0.2),
        # phones 40 of 400; desktops 200 of 800
        ("checkout", "phone", 400, 0.10, 0.25, 400 * 0.15 * 50),
        # 30 of 600 clicked by people, and 90 of 600; visits of these campaigns order 120 of 800
        ("message", "may", 600, 0.05, 0.15, 600 * 0.10 * 50 * 0.15),
        ("content", "guide", 400, 0.10, 0.20, 400 * 0.10 * 50),
        # 140 of 200 as promised, and 180 of 200; 80 faults cost 800
        ("delivery", "slow", 200, 0.70, 0.90, 200 * 0.20 * 10),
        # 10 of 50 won without a demo, 30 of 50 with one; a quarter of the year's 50
        ("tactic", "demo", 50, 0.20, 0.60, 50 / 4 * 0.40 * 1000),
        # 10 of 40 converted after two days, 20 of 40 after an hour
        ("follow_up", "late", 40, 0.25, 0.50, 40 * 0.25 * 1000),
    ],
)
def test_the_gain_is_what_comes_at_the_share_of_the_others(
    facts: Facts, kind: str, name: str, of: float, own: float, goal: float, gain: float
) -> None:
    (one,) = variants.behind(facts, variants.KINDS[kind], END)
    assert (one.name, one.of) == (name, of)
    assert (one.own, one.goal) == (pytest.approx(own), pytest.approx(goal))
    assert one.gain.value == pytest.approx(gain)
    assert 0 < one.gain.error < gain
    # what tells whether it came up: the own share over all strata, of a habit that of all deals or leads
    told = {"landing": (160 / 800, 200 / 800), "tactic": (0.4, 0.6), "follow_up": (30 / 480, 40 / 480)}.get(
        kind, (own, goal)
    )
    assert (one.before, one.after) == (pytest.approx(told[0]), pytest.approx(told[1]))
    assert variants.share(facts, variants.KINDS[kind], name, Period(END - timedelta(days=91), END)) == pytest.approx(
        told[0]
    )


def test_thin_data_says_nothing(facts: Facts) -> None:
    """Lamps have no other product beside them; 91 days later nothing has happened; of few visits nothing is known."""
    assert "lamp" not in {one.name for one in variants.behind(facts, variants.KINDS["product_page"], END)}
    for kind in variants.KINDS.values():
        assert variants.behind(facts, kind, END + timedelta(days=800)) == []
    few = variants.Kind(lambda facts, period: [Count("x", "", 150, 1), Count("y", "", 900, 90)], _one, fewest=200)
    assert [one.name for one in variants.behind(facts, few, END)] == []


def _one(facts: Facts, period: Period) -> Estimate:
    return Estimate(1.0, 0.1)


def test_the_error_of_a_gain_holds_that_of_the_gap_and_of_the_worth() -> None:
    """100 x (0.1 +- 0.03) x (50 +- 10): 500 +- 100 x sqrt((0.03 x 50)^2 + (0.1 x 10)^2) = 180.3."""
    found = worth_of_gap(Estimate(0.1, 0.03), 100, Estimate(50, 10))
    assert (found.value, found.error) == (pytest.approx(500), pytest.approx(180.28, abs=0.01))
