"""Bad questions about metrics at every door: page, file, API and command say the same."""

import ledger_rows
import pytest

from doors import Table, assert_said
from topline.metrics import answer

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
