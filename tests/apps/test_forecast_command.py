"""`topline forecast`, from a lake to JSON and back into the lake."""

import json
from typing import TYPE_CHECKING

import pytest

import small_lake
from topline.cli import main

if TYPE_CHECKING:
    from topline.accounts.models import Shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture
def history(shop: "Shop") -> None:
    """Orders up to 14 July 2024 in the shop's lake, in a batch that counts."""
    from topline.journal import operations as journal

    lake = shop.lake()
    journal.open_batch(shop=shop.slug, batch_id=small_lake.BATCH, source="test", now=small_lake.NOW)
    small_lake.fill(lake)
    journal.make_live(shop=shop.slug, batch_id=small_lake.BATCH, now=small_lake.NOW)
    journal.publish(lake)


def _printed(capsys: pytest.CaptureFixture[str], *args: str) -> list[dict[str, str]]:
    assert main.run(["forecast", "--shop", "gifts", "--as-of", "2024-07-15", "--format", "json", *args]) == 0
    found: list[dict[str, str]] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.usefixtures("history")
def test_months_and_slices_are_printed_as_decimal_strings(capsys: pytest.CaptureFixture[str]) -> None:
    rows = _printed(capsys, "--from", "2024-08", "--months", "2", "--by", "market")
    assert [(row["month"], row["slice"]) for row in rows] == [
        (month, cut) for cut in ("total", "market=AT", "market=DE") for month in ("2024-08", "2024-09")
    ]
    total, austria, germany = (float(row["net_sales"]) for row in rows[::2])
    assert total == pytest.approx(16_200, rel=0.05)
    assert austria + germany == pytest.approx(total, abs=0.02)
    assert float(rows[0]["low"]) < total < float(rows[0]["high"])


@pytest.mark.usefixtures("history")
def test_a_published_forecast_is_kept_once(shop: "Shop", capsys: pytest.CaptureFixture[str]) -> None:
    from topline.lake import engine

    rows = _printed(capsys, "--months", "2", "--publish")
    snapshot = shop.lake().latest()
    assert snapshot
    facts = engine.table(shop.lake(), "forecast", snapshot).to_pyarrow().to_pylist()
    assert len(facts) == 2 * (1 + 3 + 2)
    kept = {f"{fact['on']:%Y-%m}": fact["mean"] for fact in facts if fact["category"] is fact["market"] is None}
    assert kept == pytest.approx({row["month"]: float(row["net_sales"]) for row in rows}, abs=0.01)


@pytest.mark.usefixtures("history")
def test_months_far_ahead_are_refused_with_how_far_it_goes(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["forecast", "--shop", "gifts", "--as-of", "2024-07-15", "--months", "1", "--from"]
    assert main.run([*asked, "2031-01"]) == main.Exit.BAD_INPUT
    assert "goes to the end of 2027-07" in capsys.readouterr().err


def test_a_shop_without_history_is_told_what_it_needs(shop: "Shop", capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["forecast", "--shop", "gifts"]) == main.Exit.BAD_INPUT
    assert "at least 90" in capsys.readouterr().err
