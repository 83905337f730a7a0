"""Bad questions about metrics at every door: page, file, API and command say the same."""

import csv
import io
import json
from decimal import Decimal
from html import unescape

import ledger_rows
import pytest
from test_api import caller

from doors import Table, assert_said
from topline.accounts.scopes import scope_for
from topline.cli import main
from topline.lake.read import read
from topline.metrics import answer
from topline.metrics.catalogue import metrics
from topline.metrics.query import parse
from topline.metrics.view import fact_of
from topline.web import formats

pytestmark = [pytest.mark.django_db, pytest.mark.once]

UNKNOWN = "There is no metric “net_sale”. Did you mean net_sales"
DIMENSION = "There is no dimension “chanel”. Did you mean channel"
NOT_ALLOWED = "can't be cut by product. It can be cut by"
EARLY = "There is nothing before 2011-07-04. Ask for a period that ends later."
EARLY_SHOWN = "There is nothing before 4 Jul 2011. Ask for a period that ends later."
NO_DAY = "“soon” is not"
NO_FILTER = "“GB” is not a filter. Write a dimension and its values, such as market=GB,FR."
NO_VALUE = "Nothing has the market “UK”. Did you mean"
MONEY = "“euro” is not a money to answer in. Use shop, order or constant."
AGAINST = "“last_yaer” is not a comparison. Did you mean last_year"
PERIOD = "from=2011-07-01&to=2011-09-01"
PERIOD_SAID = ("--from", "2011-07-01", "--to", "2011-09-01")

TABLE: Table = {
    "/metrics?metrics=net_sale": UNKNOWN,
    "/metrics?metrics=net_sale&format=csv": UNKNOWN,
    "/metrics/net_sale": UNKNOWN,
    "/rows?metrics=net_sale": UNKNOWN,
    "GET /query?metrics=net_sale": UNKNOWN,
    "GET /rows?metrics=net_sale": UNKNOWN,
    "topline kpi net_sale --shop gifts": UNKNOWN,
    "/metrics?metrics=net_sales&by=chanel": DIMENSION,
    "/metrics?metrics=net_sales&by=chanel&format=xlsx": DIMENSION,
    "GET /query?metrics=net_sales&by=chanel": DIMENSION,
    "topline kpi net_sales --shop gifts --by chanel": DIMENSION,
    "/metrics?metrics=sessions&by=product": NOT_ALLOWED,
    "/metrics?metrics=sessions&by=product&format=csv": NOT_ALLOWED,
    "GET /query?metrics=sessions&by=product": NOT_ALLOWED,
    "topline kpi sessions --shop gifts --by product": NOT_ALLOWED,
    "/metrics?metrics=orders&from=2001-01-01&to=2002-01-01": EARLY_SHOWN,
    "/metrics?metrics=orders&from=2001-01-01&to=2002-01-01&format=csv": EARLY_SHOWN,
    "GET /query?metrics=orders&start=2001-01-01&end=2002-01-01": EARLY,
    "topline kpi orders --shop gifts --from 2001-01-01 --to 2002-01-01": EARLY,
    f"/metrics?metrics=orders&{PERIOD}&where=day=soon": NO_DAY,
    f"/metrics?metrics=orders&{PERIOD}&where=day=soon&format=csv": NO_DAY,
    "GET /query?metrics=orders&where=day=soon": NO_DAY,
    "topline kpi orders --shop gifts --where day=soon": NO_DAY,
    f"/metrics?metrics=orders&{PERIOD}&where=GB": NO_FILTER,
    f"/metrics?metrics=orders&{PERIOD}&where=GB&format=csv": NO_FILTER,
    "GET /query?metrics=orders&where=GB": NO_FILTER,
    "topline kpi orders --shop gifts --where GB": NO_FILTER,
    f"/metrics?metrics=orders&{PERIOD}&where=market=UK": NO_VALUE,
    f"/rows?metrics=orders&{PERIOD}&where=market=UK": NO_VALUE,
    f"/metrics?metrics=orders&{PERIOD}&where=market=UK&format=csv": NO_VALUE,
    "GET /query?metrics=orders&where=market=UK": NO_VALUE,
    "topline kpi orders --shop gifts --where market=UK": NO_VALUE,
    f"/metrics?metrics=net_sales&{PERIOD}&money=euro": MONEY,
    f"/rows?metrics=net_sales&{PERIOD}&money=euro": MONEY,
    f"/metrics?metrics=net_sales&{PERIOD}&money=euro&format=csv": MONEY,
    f"/metrics?metrics=net_sales&{PERIOD}&money=order": "Use money=shop or money=constant",
    "GET /query?metrics=net_sales&money=euro": MONEY,
    "topline kpi net_sales --shop gifts --money euro": MONEY,
    f"/metrics?metrics=net_sales&{PERIOD}&against=last_yaer": AGAINST,
    "GET /query?metrics=net_sales&start=2011-07&end=2011-09&against=last_yaer": AGAINST,
    "topline kpi net_sales --shop gifts --from 2011-07 --to 2011-09 --against last_yaer": AGAINST,
    f"/metrics?metrics=net_sales&{PERIOD}&by=month&window=1": "“1” is not a window. Use cumulative",
    "GET /query?metrics=net_sales&by=month&window=1": "“1” is not a window. Use cumulative",
    "topline kpi net_sales --shop gifts --by month --window 1": "“1” is not a window. Use cumulative",
    "/analyses/cohort": "cohorts",
    "GET /analyses/cohort": "cohorts",
    "topline analyse cohort --shop gifts": "cohorts",
}


def test_a_bad_question_is_answered_with_the_nearest_good_one(shop, owner, lake, client, capsys):
    ledger_rows.put(lake)
    assert_said(TABLE, shop=shop, owner=owner, client=client, capsys=capsys)


def test_an_answer_too_long_to_read_is_refused(shop, owner, lake, client, capsys, monkeypatch):
    ledger_rows.put(lake)
    monkeypatch.setattr(answer, "MOST_ROWS", 3)
    said = "The answer has more than 3 rows. Ask for the largest only (top), a coarser grain, or a filter."
    table = {
        f"/metrics?metrics=orders&by=day,market&{PERIOD}": said,
        f"/metrics?metrics=orders&by=day,market&{PERIOD}&format=csv": said,
        "GET /query?metrics=orders&by=day,market": said,
        "topline kpi orders --shop gifts --by day,market": said,
    }
    assert_said(table, shop=shop, owner=owner, client=client, capsys=capsys)


def test_what_a_shop_lacks_is_missing_at_every_door_and_hides_nothing(shop, owner, lake, client, capsys):
    """Every metric that rests on nothing but facts without rows, asked beside one that is known."""
    ledger_rows.put(lake)
    held = {"order_line", "order"}
    lacking = [
        id_
        for id_, metric in metrics().items()
        if metric.measures and not held & {fact_of(measure.source) for measure in metric.measures}
    ]
    assert len(lacking) > 50
    asked = ",".join(["net_sales", *lacking])
    totals = caller(shop, owner)("GET", f"/shops/gifts/query?metrics={asked}&start=2011-07&end=2011-09").json()[
        "totals"
    ]
    assert totals.pop("net_sales") == "100.00"
    assert [id_ for id_, value in totals.items() if not (isinstance(value, dict) and value.get("missing"))] == []
    assert set(totals) == set(lacking)

    assert main.run(["kpi", asked, "--shop", "gifts", *PERIOD_SAID, "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row == {"net_sales": "100.00", **totals}

    client.force_login(owner)
    page = unescape(client.get(f"/shop/gifts/metrics?metrics={asked}&by=&{PERIOD}&against=none").content.decode())
    file = client.get(f"/shop/gifts/metrics?metrics={asked}&by=&{PERIOD}&against=none&format=csv")
    (line,) = csv.reader(io.StringIO(b"".join(file.streaming_content).decode().partition("\n")[2]))
    assert "£100.00" in page
    assert Decimal(line[0]) == 100
    reasons = read(lake, parse(asked), scope=scope_for(owner, shop), settings=shop.settings()).totals
    for id_, written in zip(lacking, line[1:], strict=True):
        assert (id_, formats.say(reasons[id_]) in page, written) == (id_, True, totals[id_]["missing"])
