"""Files of every fact: recognised by their columns, read as what they say. A new fact is tested without a new test."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from topline.connectors import fact_file, files, ledger, mapping, reader
from topline.facts.table import tables

SHOP = reader.Shop(
    source="file",
    currency="GBP",
    zone="Europe/London",
    country="GB",
    today=date(2026, 11, 22),
    hmac=lambda source, id_: f"h{source}{id_}"[:32],
    rates={"EUR": Decimal("0.8")},
)
STAMP = reader.Stamp("b1", datetime(2026, 11, 22, tzinfo=UTC))
FACTS = [table for name, table in tables().items() if name in mapping.TARGETS and mapping.TARGETS[name].is_strict]


def write(path: Path, headings, rows) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([headings, *rows])
    return path


def read(path: Path, folder: Path, target: str | None = None):
    """The target that the file was taken for, its rows as facts, and the reasons of those that are none."""
    stage = ledger.Stage(folder / "stage", SHOP)
    staged = files.stage(path, folder / "file")
    layout = ledger.recognise(stage.cursor, staged, SHOP, target=target)
    stage.load_reference(0, staged, layout)
    stage.finish()
    found = [row for _, _, batches in stage.references(STAMP) for batch in batches for row in batch.to_pylist()]
    found.sort(key=lambda row: (str(row.get("on")), str(row.get("at")), row["key"]))
    reasons = [(row, reason, column) for row, _, reason, column in stage.quarantined(0, staged)]
    stage.close()
    return layout.target, found, reasons


def sample(table, name, n):
    kind = table.schema.field(name).type
    if name in table.choices:
        return table.choices[name][n % len(table.choices[name])]
    if name == "market":
        return "GB"
    if name == "currency":
        return "GBP"
    if name == "rate":
        return "1"
    if pa.types.is_boolean(kind):
        return "yes"
    if pa.types.is_date(kind):
        return f"2026-03-{10 + n:02}"
    if pa.types.is_timestamp(kind):
        return f"2026-03-{10 + n:02} 10:00:00"
    if pa.types.is_integer(kind):
        return str(n + 1)
    if pa.types.is_decimal(kind) or pa.types.is_floating(kind):
        return f"0.{n + 1}"
    return f"{name}-{n:04}"


@pytest.mark.parametrize("table", FACTS, ids=lambda table: table.name)
def test_a_file_with_the_facts_own_columns_is_that_fact(table, tmp_path):
    names = [name for name in table.columns[4:] if name not in ("hour", "on" if "at" in table.columns else "")]
    rows = [[sample(table, name, n) for name in names] for n in range(9)]
    target, found, reasons = read(write(tmp_path / "rows.csv", names, rows), tmp_path)
    assert (target, reasons) == (table.name, [])
    assert len(found) == 9
    for n, row in enumerate(found):
        assert set(row) == set(table.columns)
        for name, text in zip(names, rows[n], strict=True):
            value = row[name]
            if name in table.personal_keys:
                assert value == f"hfile{text}"[:32], name
            elif name == "until_on":
                assert value.isoformat() == f"2026-03-{11 + n:02}", "the last day in a file is the day before"
            elif isinstance(value, bool):
                assert value is True, name
            elif isinstance(value, datetime):
                assert value.isoformat(sep=" ")[:19] == text, name
            elif isinstance(value, Decimal | float | int):
                assert float(value) == pytest.approx(float(text)), name
            else:
                assert str(value) == text, name
    if table.identity:
        assert len({row["key"] for row in found}) == 9
        assert found[0]["key"] == ":".join(["file", *(str(found[0][name] or "") for name in table.identity)])


EXPORTS = {
    "Klaviyo": (
        "message_event",
        "Event,Event ID,Timestamp,Email,Campaign Name,Message ID,Link",
        "Received Email,e1,2026-03-01T10:00:00Z,a@x.example,Spring,m1,",
        "Opened Email,e2,2026-03-01T10:05:00Z,a@x.example,Spring,m1,",
        "Clicked Email,e3,2026-03-01T10:06:00Z,a@x.example,Spring,m1,https://gifts.example/mugs?x=1",
        "Marked Email as Spam,e4,2026-03-01T11:00:00Z,b@x.example,Spring,m2,",
    ),
    "Mailchimp": (
        "message_event",
        "Email Address,Action,Timestamp,Campaign Title",
        "a@x.example,open,2026-03-01 10:05:00,Spring",
        "a@x.example,click,2026-03-01 10:06:00,Spring",
        "b@x.example,bounce,2026-03-01 10:00:00,Spring",
    ),
    "Zendesk": (
        "support_conversation",
        "Ticket ID,Requester ID,Created at,Solved at,Channel,Assignee,Ticket type",
        "5001,17,2026-03-01 10:00:00,2026-03-01 15:00:00,email,Ann,problem",
        "5002,18,2026-03-02 10:00:00,,chat,Bob,question",
    ),
    "Gorgias": (
        "support_conversation",
        "Ticket id,Customer id,Created datetime,Closed datetime,Channel,Assigned to,Contact reason",
        "77,17,2026-03-01 10:00:00,2026-03-01 15:00:00,email,Ann,where is my order",
        "78,18,2026-03-02 10:00:00,,chat,Bob,return",
    ),
    "GA4": (
        "web_event",
        "event_name,event_timestamp,user_pseudo_id,ga_session_id,page_location,device_category",
        "page_view,1772359200000000,u.1,9001,https://gifts.example/mugs?gclid=1,mobile",
        "view_item,1772359260000000,u.1,9001,https://gifts.example/mugs/a1,mobile",
        "begin_checkout,1772359320000000,u.1,9001,https://gifts.example/cart,mobile",
    ),
    "a stock list": (
        "stock_level",
        "SKU,Location,Available,Committed,Cost per item",
        "A1,London,5,1,2.50",
        "A2,London,0,0,3.10",
    ),
    "o listă de stoc": (
        "stock_level",
        "Cod produs,Depozit,Stoc curent,Rezervat",
        "A1,Cluj,5,1",
        "A2,Cluj,0,0",
    ),
    "a survey": (
        "survey_response",
        "Survey,Score,Responded at,Customer ID,Sent at",
        "nps,9,2026-03-02,17,2026-03-01",
        "nps,,,18,2026-03-01",
    ),
    "eine Umfrage": (
        "survey_response",
        "Umfrage,Bewertung,Datum,Kundennummer",
        "nps,9,02.03.2026,17",
        "nps,3,28.03.2026,18",
    ),
    "deals": (
        "deal_stage",
        "opportunity_id,sales_agent,deal_stage,engage_date,close_value,deal status",
        "1C1I7A6R,Moses,Won,2016-10-20,1054,won",
        "Z063OYW0,Darcel,Engaging,2016-10-25,4514,open",
    ),
    "leads": (
        "lead_event",
        "Lead ID,Event,Date,Lead owner,Source",
        "L1,Created,2026-03-01,Ann,referral",
        "L1,Qualified,2026-03-05,Ann,referral",
    ),
    "envíos": (
        "fulfilment",
        "Número de pedido,Envío,Enviado el,Entregado el,Transportista",
        "1001,S1,2026-03-02,2026-03-04,Seur",
        "1002,S2,2026-03-03,,Seur",
    ),
    "Facebook posts": (
        "social_post",
        "Post ID,Publish time,Channel,Reach,Reactions,Comments,Shares",
        "p1,2026-03-01 10:00:00,facebook,1000,50,3,2",
        "p2,2026-03-02 10:00:00,facebook,900,40,1,0",
    ),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_exports_of_platforms_are_recognised(name, tmp_path):
    expected, *lines = EXPORTS[name]
    path = tmp_path / "export.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    target, found, reasons = read(path, tmp_path)
    assert (target, reasons) == (expected, [])
    assert len(found) == len(lines) - 1
    if name == "Klaviyo":
        assert [row["event"] for row in found] == ["delivered", "opened", "clicked", "complained"]
        assert [row["link"] for row in found][2] == "/mugs"
        assert found[0]["customer_key"] == "hfilea@x.example"
        assert found[0]["medium"] == "email"
    if name == "Mailchimp":
        assert [row["event"] for row in found] == ["bounced", "opened", "clicked"]
        assert found[1]["message_key"] == found[2]["message_key"] != found[0]["message_key"]
        assert found[1]["send_key"] == "Spring"
    if name == "GA4":
        assert [row["event"] for row in found] == ["page_view", "product_view", "checkout"]
        assert found[0]["at"] == datetime(2026, 3, 1, 10, tzinfo=UTC)
        assert found[0]["page"] == "/mugs"
    if name == "a stock list":
        assert [(row["product_key"], int(row["on_hand"]), int(row["reserved"])) for row in found] == [
            ("A1", 5, 1),
            ("A2", 0, 0),
        ]
        assert found[0]["on"] == SHOP.today, "a list without a day is today's"
    if name == "Zendesk":
        assert found[0]["resolved_at"] == datetime(2026, 3, 1, 15, tzinfo=UTC)
        assert found[0]["contacts"] == 1


@pytest.mark.parametrize(
    ("headings", "row", "channel", "amount"),
    [
        (
            "Day,Campaign,Currency code,Cost,Impr.,Clicks",
            "2026-03-01,Brand,GBP,10.50,1000,12",
            "paid_search",
            "10.500000",
        ),
        (
            "Reporting starts,Reporting ends,Campaign name,Amount spent (EUR),Impressions,Link clicks",
            "2026-03-01,2026-03-01,Spring,10.00,1000,12",
            "paid_social",
            "8.000000",
        ),
    ],
    ids=["Google Ads", "Meta Ads"],
)
def test_cost_reports_of_platforms(headings, row, channel, amount, tmp_path):
    path = tmp_path / "report.csv"
    path.write_text(f"{headings}\n{row}\n{row.replace('03-01', '03-02')}\n", encoding="utf-8")
    target, found, reasons = read(path, tmp_path)
    assert (target, reasons) == ("spend", [])
    assert {row["channel"] for row in found} == {channel}
    assert [str(row["amount_shop"]) for row in found] == [amount] * 2
    assert {row["clicks"] for row in found} == {12}


def test_visits_of_events_without_a_session_are_made_of_their_visitors(tmp_path):
    rows = [
        ["page_view", f"2026-03-01 10:{minute:02}", visitor]
        for minute, visitor in ((0, "v1"), (29, "v1"), (59, "v1"), (1, "v2"))
    ]
    path = write(tmp_path / "events.csv", ["Event", "Time", "Visitor ID"], rows)
    _, found, _ = read(path, tmp_path, target="web_event")
    names = {(row["visitor_key"], row["at"].minute): row["session_key"] for row in found}
    assert names["hfilev1", 0] == names["hfilev1", 29]
    assert len(set(names.values())) == 3
    assert "v1" not in str(names.values())


def test_of_rows_without_a_key_those_alike_are_numbered(tmp_path):
    """Some rows have a key of their own; the others are told apart by their content, and by which of those alike."""
    moment = "2026-03-01 10:00"
    rows = [["", "page_view", moment, "s1"]] * 3 + [["e1", "page_view", moment, "s1"], ["", "page_view", moment, "s2"]]
    path = write(tmp_path / "events.csv", ["Event ID", "Event", "Time", "Session ID"], rows)
    _, found, reasons = read(path, tmp_path, target="web_event")
    keys = [row["key"].split(":")[1:] for row in found]
    assert not reasons
    assert ["e1"] in keys
    alike = [number for _, *number in keys if number]
    assert sorted(alike) == [["1"], ["1"], ["2"], ["3"]]


@pytest.mark.parametrize(
    ("target", "headings", "row"),
    [
        ("customer", ("Customer ID", "E-mail", "Country"), ("c1", "ann@example.org", "GB")),
        ("support_conversation", ("Ticket", "Opened", "Customer ID"), ("{n}", "2026-03-10 10:00:00", "c1")),
        (
            "survey_response",
            ("Response", "Time", "Survey", "Score", "Customer ID"),
            ("{n}", "2026-03-10", "nps", "9", "c1"),
        ),
    ],
)
def test_a_customer_who_comes_again_makes_no_more_rows(target, headings, row, tmp_path):
    rows = [tuple(cell.format(n=n) for cell in row) for n in range(3)]
    taken, found, reasons = read(write(tmp_path / "rows.csv", headings, rows), tmp_path, target)
    assert (taken, len(found), reasons) == (target, 3, [])
    assert len({each["customer_key"] for each in found}) == 1


def test_events_come_in_sets_of_whole_visits(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "SET_ROWS", 40)
    rows = [["page_view", f"2026-03-01 10:{n:02}:00", f"s{n % 11}", f"v{n % 11}"] for n in range(44)]
    path = write(tmp_path / "events.csv", ["Event", "Time", "Session ID", "Visitor ID"], rows)
    stage = ledger.Stage(tmp_path / "stage", SHOP)
    for place in (0, 1):  # the same rows in two files
        staged = files.stage(path, tmp_path / str(place))
        layout = ledger.recognise(stage.cursor, staged, SHOP, target="web_event")
        stage.load_reference(place, staged, layout)
    sets = [[row for batch in batches for row in batch.to_pylist()] for _, _, batches in stage.references(STAMP)]
    keys = [key for batch in stage.reference_keys(STAMP, "web_event") for key in batch.column("key").to_pylist()]
    stage.close()
    assert sorted(keys) == sorted(row["key"] for each in sets for row in each)
    assert (len(keys), len(set(keys))) == (88, 44)
    visits = [{row["session_key"] for row in each} for each in sets]
    assert len([visit for visit in visits if visit]) > 1
    assert sum(map(len, visits)) == len(set().union(*visits)) == 11


def test_rows_that_are_no_fact_wait_with_their_reason(tmp_path):
    rows = [
        ["page_view", "2026-03-01 10:00:00", "s1", "v1", "2.5"],
        ["danced", "2026-03-01 10:00:00", "s1", "v1", ""],
        ["page_view", "9999-12-31 23:59:59", "s1", "v1", ""],
        ["page_view", "yesterday", "s1", "v1", ""],
        ["page_view", "2026-03-01 10:00:00", "", "", ""],
        ["page_view", "2026-03-01 10:00:00", "s1", "v1", "NaN"],
        ["page_view", "2026-03-29 01:30:00", "s2", "v1", "=1+1"],
        ["page_view", "2026-03-29 01:30:00", "s2", "v1", ""],
    ] + [["page_view", "2026-03-01 10:00:00", f"s{n}", "v1", "1.5"] for n in range(10, 20)]
    path = write(tmp_path / "events.csv", ["Event", "Time", "Session ID", "Visitor ID", "Value"], rows)
    _, found, reasons = read(path, tmp_path, target="web_event")
    assert reasons == [
        (3, "unknown_choice", "Event"),
        (4, "future_date", "Time"),
        (5, "bad_date", "Time"),
        (6, "no_key", ""),
        (7, "bad_number", "Value"),
        (8, "bad_number", "Value"),
    ]
    assert len(found) == 12
    spring = next(row for row in found if row["session_key"] == "s2")
    assert (spring["at"], spring["hour"]) == (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), 2), "the clock skipped it"


def test_every_word_of_a_platform_leads_to_a_value():
    for (fact, column), words in fact_file._WORDS.items():
        assert set(words) <= set(tables()[fact].choices[column]), (fact, column)


def test_what_is_planned_may_lie_ahead_and_what_was_counted_may_not(tmp_path):
    hours = write(
        tmp_path / "hours.csv", ["team", "on", "available_hours", "planned_hours"], [["A", "2026-12-07", 40, 38]]
    )
    _, found, reasons = read(hours, tmp_path, "capacity")
    assert ([row["on"] for row in found], reasons) == ([date(2026, 12, 7)], [])
    counts = write(tmp_path / "counts.csv", ["product_key", "on", "recorded", "counted"], [["K1", "2026-12-07", 3, 3]])
    _, found, reasons = read(counts, tmp_path / "counts", "stock_count")
    assert (found, [reason for _, reason, _ in reasons]) == ([], ["future_date"])
