"""Columns recognised in six languages and from content; clocks; kinds proposed from the data."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest

from topline.connectors import content, mapping, places, profile
from topline.connectors.clock import Clock
from topline.connectors.profile import Profile, Rule
from topline.facts.order_line import Kind

_FIELDS = ("order_id", "product_code", "title", "quantity", "unit_price", "at", "customer_id", "country")
_ROWS = [
    (
        f"10{i // 3:03}",
        f"A{i % 17:03}",
        f"Cană {i}",
        "2",
        "3,50",
        f"02.01.2024 10:{i % 60:02}",
        f"10{i % 40:02}",
        "România",
    )
    for i in range(200)
]


def _layout(headings: tuple[str, ...], rows: list[tuple[str, ...]] = _ROWS) -> mapping.Layout:
    seen = {heading: content.seen([row[i] for row in rows]) for i, heading in enumerate(headings)}
    return mapping.propose("orders.csv", seen)


@pytest.mark.parametrize(
    "headings",
    [
        ("Invoice", "StockCode", "Description", "Quantity", "Price", "InvoiceDate", "Customer ID", "Country"),
        ("Nr. comandă", "Cod produs", "Denumire", "Cantitate", "Preț unitar", "Data comenzii", "Cod client", "Țară"),
        (
            "Número do pedido",
            "Código do produto",
            "Descrição",
            "Qtde",
            "Preço unitário",
            "Data do pedido",
            "Cliente",
            "País",
        ),
        (
            "Bestellnummer",
            "Artikelnummer",
            "Bezeichnung",
            "Menge",
            "Einzelpreis",
            "Bestelldatum",
            "Kundennummer",
            "Land",
        ),
        ("N° de commande", "Référence", "Libellé", "Qté", "Prix unitaire", "Date de commande", "Code client", "Pays"),
        (
            "Número de pedido",
            "Código de producto",
            "Descripción",
            "Cantidad",
            "Precio unitario",
            "Fecha",
            "Código cliente",
            "País",
        ),
    ],
    ids=["en", "ro", "pt", "de", "fr", "es"],
)
def test_headings_are_known_in_six_languages(headings: tuple[str, ...]) -> None:
    layout = _layout(headings)
    assert layout.target == "order_line"
    assert {id_: match.column for id_, match in layout.matches.items()} == dict(zip(_FIELDS, headings, strict=True))
    assert layout.score > 0.9


def test_content_tells_what_headings_do_not() -> None:
    layout = _layout(("a", "b", "c", "d", "e", "f", "g", "h"))
    told = {id_: match.column for id_, match in layout.matches.items()}
    assert told.items() >= {"order_id": "a", "at": "f", "unit_price": "e", "quantity": "d", "country": "h"}.items()
    assert {match.reason for match in layout.matches.values()} == {"content"}


@pytest.mark.parametrize(
    ("target", "headings", "row"),
    [
        ("spend", ("date", "channel", "campaign", "spend", "clicks"), ("2024-01-02", "search", "brand", "12.50", "3")),
        ("product", ("sku", "title", "category", "brand"), ("A1", "Mug", "Kitchen", "Acme")),
        ("customer", ("customer_id", "email", "country", "created_at"), ("1", "a@example.org", "FR", "2020-01-01")),
        ("price", ("sku", "valid_from", "price", "currency"), ("A1", "2020-01-01", "2.50", "EUR")),
        ("promotion", ("promotion", "sku", "start date", "end date"), ("p1", "A1", "2020-01-01", "2020-02-02")),
        ("session", ("session_id", "visitor_id", "timestamp", "device"), ("s1", "v1", "2020-01-01 10:00", "mobile")),
    ],
)
def test_other_files_are_told_apart(target: str, headings: tuple[str, ...], row: tuple[str, ...]) -> None:
    assert _layout(headings, [row] * 5).target == target


def test_a_moment_that_is_only_called_time_is_sure() -> None:
    rows = [(f"e{i}", "page_view", f"2026-01-02 10:{i % 60:02}", f"s{i // 6}") for i in range(200)]
    found = mapping.propose(
        "events.parquet",
        {
            name: content.seen([row[i] for row in rows])
            for i, name in enumerate(("Event ID", "Event", "Time", "Session ID"))
        },
    )
    assert found.target == "web_event"
    assert found.column("at") == "Time"
    assert not any(match.is_unsure for match in found.matches.values())


def test_a_person_decides_last() -> None:
    layout = _layout(
        ("Invoice", "StockCode", "Description", "Quantity", "Price", "InvoiceDate", "Customer ID", "Country")
    )
    chosen = layout.chosen({"title": "StockCode", "country": None})
    assert chosen.column("title") == "StockCode"
    assert chosen.column("product_code") is None
    assert "country" not in chosen.matches
    assert mapping.Layout.from_json(layout.to_json()).to_json() == layout.to_json()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("EIRE", "IE"),
        ("RSA", "ZA"),
        ("Royaume-Uni", "GB"),
        ("Deutschland", "DE"),
        ("România", "RO"),
        ("Estados Unidos", "US"),
        ("pt", "PT"),
        ("Unspecified", None),
    ],
)
def test_countries(name: str, code: str | None) -> None:
    assert places.country(name) == code


def test_clock_changes_are_those_of_the_zone() -> None:
    zone = ZoneInfo("Europe/London")
    spring, autumn = datetime.fromisoformat("2010-03-28"), datetime.fromisoformat("2010-10-31")
    clock = Clock.of("Europe/London", datetime.fromisoformat("2010-01-01"), datetime.fromisoformat("2011-12-31"))
    walls = [day + timedelta(hours=hour, minutes=30) for day in (spring, autumn) for hour in range(4)]
    with duckdb.connect() as cursor:
        for wall in walls:
            literal = f"TIMESTAMP '{wall}'"
            utc, shown = cursor.execute(f"SELECT {clock.to_utc(literal)}, {clock.shown(literal)}").fetchall()[0]
            expected = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
            assert utc.replace(tzinfo=UTC) == expected
            assert shown == expected.astimezone(zone).replace(tzinfo=None)
            back = cursor.execute(f"SELECT {clock.from_utc(f"TIMESTAMP '{utc}'")}").fetchall()[0][0]
            assert back == shown


def test_a_clock_keeps_its_offset_beyond_the_years_that_are_looked_at() -> None:
    clock = Clock.of("Europe/London", datetime.min, datetime.max)  # noqa: DTZ901
    walls = ("2026-07-01 12:00:00", "9999-12-31 23:59:59", "0001-01-01 00:02:00")
    with duckdb.connect() as cursor:
        read = ", ".join(clock.to_utc(f"TIMESTAMP '{wall}'") for wall in walls)
        summer, never, begun = cursor.execute(f"SELECT {read}").fetchall()[0]
    assert (summer.hour, never) == (11, datetime(9999, 12, 31, 23, 59, 59))  # noqa: DTZ001
    assert abs(begun - datetime(1, 1, 1)) < timedelta(minutes=10)  # noqa: DTZ001


def test_kinds_are_proposed_for_what_the_rows_hold() -> None:
    rows = [(str(1000 + i), f"2{i % 50:04}", f"THING {i % 50}", 2.5, 1) for i in range(500)]
    rows += [
        ("2000", "VERS", "Versandkosten", 4.9, 1),
        ("2001", "GS10", "Gutschein", 10, 1),
        ("2002", "20001", "THING", 2.5, -1),
    ]
    rows += [("2003", "RAB", "Rabatt", -5, 1), ("2004", "20002", "THING", 0, 3)]
    with duckdb.connect() as cursor:
        cursor.execute(
            "CREATE TABLE line (order_id VARCHAR, product_code VARCHAR, title VARCHAR, price DOUBLE, quantity DOUBLE)"
        )
        cursor.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?)", rows)
        proposed = profile.propose(cursor, "line")
        found = cursor.execute(f"SELECT order_id, {proposed.kind_sql} FROM line WHERE order_id >= '2000'").fetchall()
    assert dict(found) == {
        "2000": "carriage",
        "2001": "voucher",
        "2002": "refund",
        "2003": "discount",
        "2004": "goods_no_price",
    }


def test_rules_go_in_order_and_come_back_from_json() -> None:
    rules = Profile(
        (
            Rule(Kind.SAMPLE, (profile.Test("product_code", "is", ("O'Neill",)),)),
            Rule(Kind.GOODS_CANCELLED, (profile.Test("order_id", "starts", ("C",)),)),
        )
    )
    assert Profile.from_json(rules.to_json()) == rules
    with duckdb.connect() as cursor:
        row = "SELECT 'C1' AS order_id, 'O''Neill' AS product_code"
        assert cursor.execute(f"SELECT {rules.kind_sql} FROM ({row})").fetchall() == [("sample",)]
