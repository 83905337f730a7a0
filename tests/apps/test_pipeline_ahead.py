"""The pipeline ahead, from deals in the lake to the doors."""

import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from test_api import caller

from topline.accounts import operations as accounts
from topline.cli import main
from topline.facts.table import tables
from topline.outlook import pipeline as outlook
from topline.plans import standing
from topline.workbench import jobs

pytestmark = [pytest.mark.django_db, pytest.mark.once]

START, TODAY = date(2026, 1, 1), date(2026, 9, 1)


def _rows(deals: int) -> list[dict[str, object]]:
    """Deals of 1,000 each, one a day: after ten days three in ten are won and the others lost, each seventh pushed."""
    rng = np.random.default_rng(1)
    rows = []
    for k in range(deals):
        begun = START + timedelta(days=k)
        moves = [(begun, "talk", None, "open", 0, begun + timedelta(days=8))]
        if k % 7 == 0:
            moves.append((begun + timedelta(days=5), "talk", "talk", "open", 0, begun + timedelta(days=20)))
        state = "won" if rng.random() < 0.3 else "lost"
        moves.append((begun + timedelta(days=10), state, "talk", state, 1, begun + timedelta(days=10)))
        for n, (on, stage, previous, state, position, close) in enumerate(moves):
            if on < TODAY:
                rows.append(
                    {
                        "key": f"{k}-{n}", "version": 1, "batch_id": "test", "deal_key": f"d{k}", "stage": stage,
                        "previous_stage": previous, "position": position, "state": state, "value_shop": 1000,
                        "currency": "GBP", "expected_close": close, "owner": "Ann" if k % 2 else "Bob",
                        "created_on": begun, "on": on, "hour": 9,
                        "at": datetime(on.year, on.month, on.day, 9, tzinfo=UTC),
                        "recorded_at": datetime(2026, 9, 1, tzinfo=UTC),
                    }
                )  # fmt: skip
    return rows


@pytest.fixture
def dealing(shop, tmp_path, settings):
    settings.HOME = tmp_path
    shop.clock_on = TODAY
    shop.save()
    return shop


def _fill(shop, deals: int) -> None:
    lake = shop.lake()
    lake.append(
        "deal_stage", [pa.RecordBatch.from_pylist(_rows(deals), tables()["deal_stage"].schema)], batch_id="test"
    )
    lake.publish(now=datetime.now(UTC))


def test_revenue_of_a_steady_pipeline(dealing):
    _fill(dealing, 243)
    run = standing.fresh(dealing, "pipeline")
    # one deal a day, three in ten won, 1,000 each: 2,100 a week; ten are open
    assert run.tables["deal"].num_rows == 10
    assert run.about["new_per_week"] == pytest.approx(7, abs=0.2)
    made = outlook.revenue(run)
    assert made.mean[2:] == pytest.approx(np.full(11, 2100.0), rel=0.3)
    assert np.all(made.low <= made.mean)
    own = outlook.revenue(run, owners={"Ann"})
    assert own.new_mean.sum() == 0
    assert own.open_mean.sum() < made.open_mean.sum()
    pushed = dict(zip(run.texts("deal", "key"), run.texts("deal", "pushed"), strict=True))
    assert {key for key, times in pushed.items() if times} == {
        f"d{k}" for k in range(233, 243) if k % 7 == 0 and START + timedelta(days=k + 5) < TODAY
    }
    assert "missing" in run.about["leads"]


def test_the_page_the_api_and_the_command(client, owner, dealing, capsys):
    _fill(dealing, 243)
    client.force_login(owner)
    call = caller(dealing, owner)
    assert call("GET", "/shops/gifts/outlook/pipeline").status_code == 202
    assert "Following every deal" in client.get("/shop/gifts/outlook/pipeline").content.decode()
    while job := jobs.claim():
        jobs.perform(job)
    page = client.get("/shop/gifts/outlook/pipeline").content.decode()
    assert "The next four weeks bring" in page
    assert "too few to score by" in page
    lines = client.get("/shop/gifts/outlook/pipeline?format=csv&table=deals").getvalue().decode().splitlines()
    assert len(lines) == 11
    told = call("GET", "/shops/gifts/outlook/pipeline").json()
    assert (len(told["mean"]), len(told["deals"])) == (13, 10)
    assert main.run(["outlook", "pipeline", "--shop", "gifts", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 13
    assert main.run(["outlook", "leads", "--shop", "gifts", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def _leads(shop) -> None:
    """400 closed leads: of fairs six in ten convert, of ads two in ten. Four are open, two of each of two owners."""
    rows = []
    for k in range(404):
        begun, channel = START + timedelta(days=k // 2), ("fairs", "ads")[k % 2]
        won = k % 10 < 6 if channel == "fairs" else (k // 2) % 5 == 0
        ends = [] if k >= 400 else [("converted" if won else "lost", begun + timedelta(days=5))]
        for event, on in [("created", begun), *ends]:
            rows.append(
                {
                    "key": f"{k}-{event}", "version": 1, "batch_id": "leads", "event": event, "lead_key": f"l{k}",
                    "channel": channel, "owner": "Ann" if k % 4 < 2 else "Bob", "on": on, "hour": 9,
                    "at": datetime(on.year, on.month, on.day, 9, tzinfo=UTC),
                    "recorded_at": datetime(2026, 9, 1, tzinfo=UTC),
                }
            )  # fmt: skip
    lake = shop.lake()
    lake.append("lead_event", [pa.RecordBatch.from_pylist(rows, tables()["lead_event"].schema)], batch_id="leads")
    lake.publish(now=datetime.now(UTC))


def test_open_leads_are_ranked_with_reasons(client, owner, member, dealing, capsys):
    _fill(dealing, 243)
    _leads(dealing)
    run = standing.fresh(dealing, "pipeline")
    found = outlook.open_leads(run)
    assert [row["channel"] for row in found] == ["fairs", "fairs", "ads", "ads"]
    assert [row["chance"] for row in found] == pytest.approx([0.6, 0.6, 0.2, 0.2], abs=0.08)
    first, last = found[0]["why"][0], found[-1]["why"][0]
    # half of the leads are of each channel, so each is the root of the ratio of odds, 1.5 / 0.25 = 6, from the usual
    assert (first["column"], first["factor"]) == ("channel", pytest.approx(6**0.5, rel=0.15))
    assert last["factor"] == pytest.approx(6**-0.5, rel=0.15)
    client.force_login(owner)
    page = client.get("/shop/gifts/outlook/pipeline").content.decode()
    assert "Open leads by their chance to convert" in page
    assert "Channel: fairs × 2." in page
    lines = client.get("/shop/gifts/outlook/pipeline?format=csv&table=leads").getvalue().decode().splitlines()
    assert len(lines) == 5
    told = caller(dealing, owner)("GET", "/shops/gifts/outlook/pipeline/leads").json()
    assert [each["key"] for each in told["leads"]] == [row["key"] for row in found]
    assert main.run(["outlook", "leads", "--shop", "gifts", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 4
    rep = member("rep")
    accounts.name_owner(shop=dealing, user=rep, owner_key="Ann", actor_id=None)
    own = caller(dealing, rep)("GET", "/shops/gifts/outlook/pipeline/leads").json()["leads"]
    assert {each["owner"] for each in own} == {"Ann"}
    assert len(own) == 2


def test_a_thin_pipeline_says_what_is_needed(client, owner, dealing, capsys):
    _fill(dealing, 30)
    assert main.run(["outlook", "pipeline", "--shop", "gifts"]) == 4
    assert "at least 60 closed and 15 won are needed" in capsys.readouterr().err
