"""A number of several facts, one of which the shop lacks, is missing with the reason at every door."""

import csv
import io
import json
from datetime import UTC, date, datetime
from html import unescape

import pytest
from django.test import Client
from test_api import caller

from contract import tiny_shop
from topline.cli import main
from topline.journal import operations as journal
from topline.metrics.catalogue import metrics
from topline.metrics.view import NOTHING

pytestmark = [pytest.mark.django_db, pytest.mark.once]

NOW = datetime(2025, 1, 9, tzinfo=UTC)
REASONS = {
    "cac": "no_spend",
    "roas": "no_spend",
    "cost_per_lead": "no_spend",
    "market_share": "no_market_estimate",
    "contacts_per_order": "no_conversations",
    "stock_cover_days": "no_stock_levels",
    "fulfilment_cost_per_order": "no_fulfilment_cost",
    "goal_attainment": "no_targets",
    "forecast_error": "no_forecast",
}
LOST = {
    "spend", "market_estimate", "support_conversation", "stock_level", "fulfilment_cost", "target", "forecast",
}  # fmt: skip


@pytest.fixture
def partly(shop, lake):
    """The tiny shop without the other half of what these numbers need."""
    shop.clock_on = date(2025, 1, 9)
    shop.save()
    journal.open_batch(shop=lake.shop, batch_id="tiny", source="test", now=NOW)
    for name, rows in tiny_shop.facts().items():
        if name not in LOST:
            lake.append(name, rows.to_batches(), batch_id="tiny")
    journal.make_live(shop=lake.shop, batch_id="tiny", now=NOW)
    journal.publish(lake)
    return shop


def test_every_door_says_why(partly, owner, capsys):
    asked = ",".join(REASONS)
    answered = caller(partly, owner)("GET", f"/shops/gifts/query?metrics={asked}").json()["totals"]
    assert answered == {id_: {"missing": reason} for id_, reason in REASONS.items()}
    assert main.run(["kpi", asked, "--shop", "gifts", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [answered]
    client = Client()
    client.force_login(owner)
    words = {nothing.reason: str(nothing) for nothing in NOTHING.values()}
    page = unescape(client.get(f"/shop/gifts/metrics?metrics={asked}").content.decode())
    for id_, reason in REASONS.items():
        assert words[reason] in page, id_
        assert words[reason] in unescape(client.get(f"/shop/gifts/metrics/{id_}").content.decode()), id_
    sent = client.get(f"/shop/gifts/metrics?metrics={asked}&format=csv")
    (row, *_) = csv.DictReader(io.StringIO(b"".join(sent.streaming_content).decode("utf-8-sig")))
    cells = {id_: row[str(metrics()[id_].label)] for id_ in REASONS}
    assert not any(any(letter.isdigit() for letter in cell) for cell in cells.values()), cells
