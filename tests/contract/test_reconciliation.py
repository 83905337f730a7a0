"""Our figure walked to another program's, cause by cause, on paper."""

from datetime import date
from decimal import Decimal

import pytest

from contract import tiny_shop
from topline.analysis.catalogue import named
from topline.analysis.reconciliation import parse_figures, read_csv, written
from topline.units.errors import PeriodError
from topline.units.missing import Missing
from topline.units.period import Period

SPRING = Period(date(2024, 1, 1), date(2024, 5, 1))


@pytest.fixture(scope="module")
def tables():
    return tiny_shop.shop()


def asked(tables, figures, *, settings=tiny_shop.EVENT, period=SPRING, **choices):
    analysis = named("reconciliation")
    return analysis.answer(tables, analysis.asked({"figures": figures, **choices}, period=period), settings)


def walk(result):
    return {row["cause"]: row["amount"] for row in result.table("walk").rows}


def alone(result):
    return {row["cause"]: row["amount"] for row in result.table("causes").rows}


def test_each_cause_on_paper(tables):
    """January to April 2024. Goods 50 + 15 + 30 + 400 + 90 + 400 + 10, discount -5, returns -10, -400, -7."""
    result = asked(tables, "600", measure="net_sales")
    assert walk(result)["ours"] == Decimal(573)
    assert alone(result) == {
        "tax": Decimal(9),
        "shipping": Decimal("10.25"),  # 4, and 5 pounds at 1.25
        "discounts": Decimal(5),
        "returns": Decimal(417),
        "refund_date": Decimal(0),
        "cancelled": Decimal(0),  # C1 was sold and cancelled within the period
        "tests": Decimal(1000),
        "zone": alone(result)["zone"],
        "foreign": Decimal(-105),
        "face": Decimal(-21),
    }
    assert isinstance(alone(result)["zone"], Missing)


def test_a_cancellation_of_the_next_month_matters(tables):
    """To 4 April the sofa C1 has been sold and not yet taken back."""
    days = Period(date(2024, 4, 1), date(2024, 4, 4))
    result = asked(tables, "0", measure="net_sales", source="woocommerce", period=days)
    assert walk(result) == {"ours": Decimal(400), "cancelled": Decimal(-400), "unexplained": Decimal(0), "theirs": 0}
    by_order = asked(tables, "400", measure="gross_sales", settings=tiny_shop.ORDER, period=days, causes="cancelled")
    assert walk(by_order) == {"ours": 0, "cancelled": Decimal(400), "unexplained": Decimal(0), "theirs": Decimal(400)}


def test_a_return_counts_on_the_order_s_day_or_its_own(tables):
    """The mug of A1 came back on 7 February."""
    january = Period(date(2024, 1, 1), date(2024, 2, 1))
    assert alone(asked(tables, "1", measure="net_sales", period=january))["refund_date"] == Decimal(-10)
    by_order = asked(tables, "1", measure="net_sales", period=january, settings=tiny_shop.ORDER)
    assert alone(by_order)["refund_date"] == Decimal(10)


def test_their_day_begins_elsewhere(tables):
    """B1, of 31 January 23:00 in Berlin, is of February in Tokyo; D1, of 28 April 0:00, is of the 27th in New York."""
    january = Period(date(2024, 1, 1), date(2024, 2, 1))
    tokyo = asked(tables, "45", measure="net_sales", period=january, zone="Asia/Tokyo")
    assert walk(tokyo) == {"ours": Decimal(60), "zone": Decimal(-15), "unexplained": Decimal(0), "theirs": Decimal(45)}
    day = Period(date(2024, 4, 27), date(2024, 4, 28))
    york = asked(tables, "10", measure="net_sales", period=day, zone="America/New_York")
    assert walk(york)["zone"] == Decimal(10)


def test_causes_do_not_count_twice(tables):
    """The tax and the shipping of test orders, of foreign ones, at face value: the walk always ends at theirs."""
    causes = "tax,shipping,discounts,returns,cancelled,tests,foreign,face"
    result = asked(tables, "1234.56", causes=causes)
    found = walk(result)
    theirs = found.pop("theirs")
    assert sum(found.values()) == theirs == Decimal("1234.56")


def test_two_causes_that_explain_it_all_are_named(tables):
    """573 with tax and without foreign orders."""
    result = asked(tables, str(573 + 9 - 105), measure="net_sales")
    (hint,) = [note for note in result.notes if note.code == "explained"]
    assert "Tax" in str(hint)
    assert "other currencies" in str(hint)


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("orders", {"ours": 7, "tests": 1, "foreign": -2}),
        ("customers", {"ours": 4, "guests": 1, "tests": 0, "foreign": -1}),
    ],
)
def test_counts(tables, measure, expected):
    """A1, B1, G1, A2, B2, C1, D1; Ann, Bob, Cat, Dan, and a guest."""
    result = asked(tables, "9", measure=measure)
    found = {"ours": walk(result)["ours"], **alone(result)}
    assert {id_: found[id_] for id_ in expected} == expected


def test_by_month_ours_stands_beside_theirs(tables):
    result = asked(tables, "2024-01=60,2024-02=400,2024-03=90,2024-04=3", measure="net_sales")
    rows = {row["day"]: (row["ours"], row["theirs"], row["difference"]) for row in result.table("days").rows}
    assert rows[date(2024, 2, 1)] == (Decimal(420), Decimal(400), Decimal(-20))
    assert rows[date(2024, 1, 1)] == (Decimal(60), Decimal(60), Decimal(0))


def test_without_a_figure_it_asks_for_one(tables):
    assert asked(tables, "", measure="orders").sentence.reason == "no_figure"


def test_exports_are_read_as_they_come():
    shopify = (
        '"Day","Orders","Gross sales","Total sales"\n'
        '2011-08-01,2,"1,030.00","1,024.50"\n2011-08-02,1,9,44.5\nTotal,3,1039,1069\n'
    )
    assert read_csv(shopify, "total_sales") == (("2011-08-01", Decimal("1024.50")), ("2011-08-02", Decimal("44.5")))
    assert read_csv(shopify, "orders") == (("2011-08-01", Decimal(2)), ("2011-08-02", Decimal(1)))
    google = "# ---\nDate\tTotal revenue\n20110801\t10\n20110801\t5\n"
    assert read_csv(google, "total_sales") == (("2011-08-01", Decimal(15)),)
    european = "Monat;Umsatz\n2011-08;1.234,56\n"
    assert read_csv(european, "net_sales") == (("2011-08", Decimal("1234.56")),)
    assert read_csv("nothing here", "orders") == ()


def test_figures_are_written_as_they_are_read():
    text = "2011-08=1024.50,2011-09=44.5"
    assert written(parse_figures(text)) == text
    assert parse_figures("1234.5") == (("", Decimal("1234.5")),)
    for wrong in ("NaN", "2011-13=4", "four", "2011-08="):
        with pytest.raises((ValueError, ArithmeticError, PeriodError)):
            parse_figures(wrong)
