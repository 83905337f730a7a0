"""Real pipelines through the facts: a company's 8,800 deals, and 9,240 leads of an education firm."""

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from contract import tiny_shop
from topline.metrics.answer import answer
from topline.metrics.query import Query
from topline.metrics.settings import Settings
from topline.units.period import Period

DOLLARS = Settings("USD", "America/New_York", country="US")
START = date(2016, 10, 1)


def moment(on: date) -> dict[str, Any]:
    return {"at": datetime(on.year, on.month, on.day, 12, tzinfo=UTC), "on": on, "hour": 8}


def moves(row: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The stages that a row of the file tells of: engaged on a day, closed on another; a prospect has neither."""
    engaged = date.fromisoformat(row["engage_date"]) if row["engage_date"] else START
    of = {"deal_key": row["opportunity_id"], "owner": row["sales_agent"], "created_on": engaged, "currency": "USD"}
    of |= {"product_line": row["product"].replace("GTXPro", "GTX Pro"), "value_shop": Decimal(0)}
    stage = "Prospecting" if row["deal_stage"] == "Prospecting" else "Engaging"
    yield of | moment(engaged) | {"stage": stage, "position": 1, "state": "open"}
    if row["deal_stage"] in ("Won", "Lost"):
        closed = moment(date.fromisoformat(row["close_date"]))
        closed |= {"stage": row["deal_stage"], "position": 2, "state": row["deal_stage"].lower()}
        yield of | closed | {"value_shop": Decimal(row["close_value"])}


@pytest.fixture(scope="module")
def deals(shared_data: Path) -> Any:
    with (shared_data / "crm_sales_opportunities/sales_pipeline.csv").open(encoding="utf-8") as file:
        rows = [move for row in csv.DictReader(file) for move in moves(row)]
    return tiny_shop.tables_of({"deal_stage": tiny_shop.fact("deal_stage", rows)})


def test_a_companys_deals(deals: Any) -> None:
    """Won 4,238, lost 2,473, 2,089 open; won value 10,005,534."""
    ids = ("deals_created", "deals_won", "deals_lost", "won_value", "win_rate", "average_deal_size")
    totals = answer(Query(metrics=ids), deals, DOLLARS).totals
    assert [totals[id_] for id_ in ids[:4]] == [8800, 4238, 2473, 10_005_534]
    assert totals["win_rate"] == pytest.approx(4238 / 6711)
    assert totals["average_deal_size"] == Decimal(10_005_534) / 4238
    lines = {
        row["product_line"] for row in answer(Query(metrics=("deals_won",), by=("product_line",)), deals, DOLLARS).rows
    }
    assert len(lines) == 7  # GTXPro and GTX Pro are one


def test_owners_and_months_of_a_companys_deals_sum_to_the_whole(deals: Any) -> None:
    for by in ("owner", "month"):
        rows = answer(Query(metrics=("deals_won", "won_value"), by=(by,)), deals, DOLLARS).rows
        assert sum(row["deals_won"] for row in rows) == 4238
        assert sum(row["won_value"] for row in rows) == 10_005_534


def test_an_education_firms_leads(shared_data: Path) -> None:
    """3,561 of 9,240 converted, 38.54 %; the file knows no open leads, so nothing is censored."""
    rows: list[dict[str, Any]] = []
    with gzip.open(shared_data / "x_education_leads/Leads.csv.gz", "rt", encoding="utf-8") as file:
        for lead in csv.DictReader(file):
            of = {"lead_key": lead["Prospect ID"], "channel": lead["Lead Source"] or None}
            rows.append(of | moment(date(2024, 1, 1)) | {"event": "created"})
            rows.append(of | moment(date(2024, 1, 2)) | {"event": "converted" if lead["Converted"] == "1" else "lost"})
    tables = tiny_shop.tables_of({"lead_event": tiny_shop.fact("lead_event", rows)})
    query = Query(metrics=("lead_conversion_rate",), period=Period(date(2024, 1, 1), date(2024, 2, 1)))
    rate = answer(query, tables, DOLLARS).totals["lead_conversion_rate"]
    assert len(rows) == 2 * 9240
    assert rate == pytest.approx(3561 / 9240)
    assert round(float(rate), 4) == 0.3854
