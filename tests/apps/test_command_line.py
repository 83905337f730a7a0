"""The command line: what it prints, and what it returns to the shell."""

import csv
import errno
import io
import json
import os
import subprocess
import sys
from datetime import date
from decimal import Decimal

import duckdb
import ledger_rows
import pytest
from django.db import DatabaseError, OperationalError

from topline.accounts import links
from topline.cli import main, output
from topline.journal import operations as journal
from topline.units.missing import Missing

ROWS = [
    {"month": date(2027, 1, 1), "net_sales": Decimal("1234.50"), "margin": Missing("no_cost", "The cost is unknown.")},
    {"month": date(2027, 2, 1), "net_sales": Decimal("-0.000001"), "margin": Decimal("0.25")},
]


def test_json_keeps_amounts_exact_and_says_why_a_value_is_missing(capsys):
    output.rows(ROWS, output.Format.JSON)
    assert json.loads(capsys.readouterr().out) == [
        {"month": "2027-01-01", "net_sales": "1234.50", "margin": {"missing": "no_cost"}},
        {"month": "2027-02-01", "net_sales": "-0.000001", "margin": "0.25"},
    ]


def test_csv_is_plain(capsys):
    output.rows(ROWS, output.Format.CSV, columns=("net_sales", "margin"))
    printed = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert printed == [["net_sales", "margin"], ["1234.50", ""], ["-0.000001", "0.25"]]


def test_a_table_shows_the_reason(capsys):
    output.rows(ROWS, output.Format.TABLE)
    printed = capsys.readouterr().out
    assert "1,234.50" in printed
    assert "– (The cost is unknown.)" in printed


def test_nothing_is_an_empty_list(capsys):
    output.rows([], output.Format.JSON)
    assert json.loads(capsys.readouterr().out) == []


def test_a_list_of_none_is_its_headings(shop, capsys):
    of = {
        "alert": ("list",),
        "import": ("list",),
        "lake": ("tables", "snapshots", "batches"),
        "person": ("find", "merges"),
        "plan": ("list",),
        "team": ("list", "territories", "trainings"),
    }
    for verb, listing in ((verb, each) for verb, names in of.items() for each in names):
        sought = ["nobody"] if listing == "find" else []
        assert main.run([verb, listing, *sought, "--shop", "gifts", "--format", "csv"]) == 0
        headings, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
        assert (len(headings) > 1, rows) == (True, []), (verb, listing)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--version"], 0, "topline "),
        (["--help"], 0, "Exit codes"),
        ([], 2, "Usage"),
        (["chekc"], 2, "Did you mean “check”?"),
        (["shop", "show"], 2, "Missing argument"),
        (["shop", "show", "gfits"], 3, "There is no shop “gfits”. Did you mean “gifts”?"),
        (["shop", "set", "gifts", "week_start=9"], 4, "week_start must be between 1 and 7, not 9."),
        (["shop", "set", "gifts", "week_start"], 2, "isn't name=value"),
        (
            ["shop", "create", "G!", "--currency", "GBP", "--timezone", "Europe/London", "--country", "GB"],
            4,
            "can't name",
        ),
        (["shop", "set", "gifts", "week_start=7"], 0, "week_start"),
        (["shop", "step", "gifts", "--days", "30"], 0, "It is 2011-10-01 in Gifts."),
        (["user", "link", "nobody@example.org"], 3, "There is no user"),
        (["user", "link", "owner@example.org"], 0, "http://127.0.0.1:8000/start/"),
        (["user", "role", "owner@example.org", "analyst", "--shop", "gifts"], 4, "A shop needs an owner."),
        (["restore", "nothing.zip"], 4, "there is no such file"),
        (["backup", __file__], 2, "Choose another name"),
        (
            ["shop", "create", "g", "--currency", "XTS", "--timezone", "Europe/London", "--country", "GB"],
            4,
            "“XTS” is not a currency.",
        ),
    ],
)
def test_exit_codes(shop, capsys, arguments, code, said):
    assert main.run(arguments) == code
    printed = capsys.readouterr()
    assert said in printed.out + printed.err
    assert "Traceback" not in printed.err


def test_yes_takes_no_column_that_is_only_guessed(shop, tmp_path, capsys):
    path = tmp_path / "odd.csv"
    path.write_text("Order,Item,Qty,What each,Day\n1001,A-1,2,3.50,2026-05-01\n1002,B-2,1,4.50,2026-05-02\n")
    assert main.run(["import", "--shop", "gifts", "--yes", str(path)]) == 1
    told = capsys.readouterr().err
    assert "odd.csv: unit_price from “What each” is only 40% sure" in told
    assert "Nothing was taken in." in told
    assert main.run(["import", "list", "--shop", "gifts"]) == 0
    (heading,) = [line for line in capsys.readouterr().out.splitlines() if "quarantined" in line]
    assert heading.index("created_at") < heading.index("files")


def test_a_file_that_is_not_recognised_is_bad_input_and_goes(shop, tmp_path, capsys, settings):
    path = tmp_path / "odd.csv"
    path.write_text("Colour,Weight\nred,heavy\nblue,light\n")
    assert main.run(["import", "--shop", "gifts", "--yes", str(path)]) == main.Exit.BAD_INPUT
    assert "was not recognised" in capsys.readouterr().err
    assert not list((settings.UPLOADS / "gifts" / "file").iterdir())


def test_yes_guesses_neither_dates_nor_decimals(shop, tmp_path, capsys):
    path = tmp_path / "open.csv"
    path.write_text("Order ID,SKU,Quantity,Price,Date\n1001,A-1,2,3.50,01/02/2011\n1002,B-2,1,4.50,03/02/2011\n")
    assert main.run(["import", "--shop", "gifts", "--yes", str(path)]) == 1
    told = capsys.readouterr().err
    assert "Does the day or the month come first in Date? --dates day-first or month-first." in told
    assert main.run(["import", "--shop", "gifts", "--yes", "--dates", "month-first", str(path)]) == 0
    kpi = ["kpi", "--shop", "gifts", "orders", "--by", "day", "--from", "2011-01-01", "--to", "2011-04-01"]
    capsys.readouterr()
    assert main.run([*kpi, "--format", "json"]) == 0
    days = {row["day"] for row in json.loads(capsys.readouterr().out) if row["orders"] not in (0, "0")}
    assert days == {"2011-01-02", "2011-03-02"}
    assert main.run([*kpi, "--by", "market", "--format", "json"]) == 0
    assert {"day", "market"} <= json.loads(capsys.readouterr().out)[0].keys()


@pytest.fixture
def typed(monkeypatch):
    """Types lines at a terminal that the command reads from."""
    keyboard, terminal = os.openpty()
    with os.fdopen(keyboard, "wb", buffering=0) as hand, os.fdopen(terminal, encoding="utf-8") as read:
        monkeypatch.setattr(sys, "stdin", read)
        yield lambda *lines: hand.write("".join(f"{line}\n" for line in lines).encode())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
@pytest.mark.parametrize(
    ("answers", "code", "days"),
    [
        (("both", "day-first", "y"), 0, {"2011-02-01", "2011-02-03"}),
        (("month-first", "y"), 0, {"2011-01-02", "2011-03-02"}),
        (("day-first", "n"), 1, set()),
    ],
)
def test_what_a_file_leaves_open_is_asked_at_a_terminal(shop, tmp_path, capsys, typed, answers, code, days):
    path = tmp_path / "open.csv"
    path.write_text("Order ID,SKU,Quantity,Price,Date\n1001,A-1,2,3.50,01/02/2011\n1002,B-2,1,4.50,03/02/2011\n")
    typed(*answers)
    assert main.run(["import", "--shop", "gifts", str(path)]) == code
    told = capsys.readouterr()
    asked = told.out.count("Does the day or the month come first in Date? (day-first or month-first)")
    assert asked == len(answers) - 1, "it asks again until the answer is one of the two"
    assert "Take the files in so? [y/N]" in told.out
    assert ("Nothing was taken in." in told.err) == (code == 1)
    assert main.run(["import", "list", "--shop", "gifts", "--format", "json"]) == 0
    assert [one["state"] for one in json.loads(capsys.readouterr().out)] == ["dropped" if code else "live"]
    kpi = ["kpi", "--shop", "gifts", "orders", "--by", "day", "--from", "2011-01-01", "--to", "2011-04-01"]
    main.run([*kpi, "--format", "json"])
    shown = json.loads(capsys.readouterr().out)
    assert {row["day"] for row in shown if row["orders"] in (1, "1")} == days


def test_a_new_shop_belongs_to_the_first_person(owner, capsys):
    arguments = ["--currency", "RON", "--timezone", "Europe/Bucharest", "--country", "RO"]
    assert main.run(["shop", "create", "cadouri", *arguments]) == 0
    assert [shop.slug for shop in owner.shops()] == ["cadouri"]


def test_check_passes_where_all_is_well(shop, capsys):
    assert main.run(["check", "--format", "json"]) == 0
    found = {row["check"]: row["state"] for row in json.loads(capsys.readouterr().out)}
    assert found["database"] == found["journal"] == "ok"


def test_check_finds_a_damaged_lake(shop, lake, capsys):
    from topline.catalog import operations as catalog
    from topline.journal import operations as journal

    catalog.upsert_products(shop=shop, rows=[{"code": "1", "title": "Mug"}], source="file", now=shop.now())
    catalog.edit_product(shop=shop, code="1", actor_id=None, now=shop.now(), title="Jug")
    journal.drain(lake)
    next(path for path in lake.root.rglob("*.parquet")).write_bytes(b"rot")
    assert main.run(["check", "--format", "json"]) == 1
    found = {row["check"]: row for row in json.loads(capsys.readouterr().out)}
    assert (found["lake gifts"]["state"], found["lake gifts"]["mend"]) == ("problem", "topline restore FILE")


def _rows(capsys, *arguments):
    assert main.run(["lake", *arguments, "--shop", "gifts", "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_lake_is_inspected_folded_and_verified(shop, lake, capsys):
    assert _rows(capsys, "tables") == _rows(capsys, "snapshots") == _rows(capsys, "batches") == []
    ledger_rows.put(lake)
    ledger_rows.put(lake, [("2001", date(2011, 8, 3), "GB", "9.00")], batch_id="more")
    journal.withdraw(shop="gifts", batch_id="more", now=shop.now())
    journal.publish(lake)
    (held,) = _rows(capsys, "tables")
    assert (held["table"], held["base"], held["change"], held["files"] > 1) == ("order_line", 0, 6, True)
    assert [(row["snapshot"], row["hidden_batches"]) for row in _rows(capsys, "snapshots")] == [(3, 1), (2, 0), (1, 0)]
    assert _rows(capsys, "batches") == [
        {"batch": "by-hand", "is_hidden": False},
        {"batch": "more", "is_hidden": True},
    ]
    listed = _rows(capsys, "files", "order_line")
    assert sum(row["rows"] for row in listed) == 6
    assert {row["layer"] for row in listed} == {"change"}
    (folded,) = _rows(capsys, "fold")
    (after,) = _rows(capsys, "tables")
    assert [folded["rows"], after["base"], after["history"], after["change"]] == [5, 5, 0, 1]
    (older,) = _rows(capsys, "tables", "--snapshot", "1")
    assert older["change"] == 5
    (checked,) = _rows(capsys, "verify")
    assert checked["rows"] == 6
    assert main.run(["lake", "files", "no_such_fact", "--shop", "gifts"]) == 3
    assert main.run(["lake", "tables", "--shop", "gifts", "--snapshot", "99"]) != 0
    next(path for path in lake.root.rglob("*.parquet")).write_bytes(b"rot")
    assert main.run(["lake", "verify", "--shop", "gifts"]) != 0


def test_a_reader_that_has_read_enough_is_no_failure(monkeypatch):
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError(errno.EPIPE, "closed")

    monkeypatch.setattr(sys, "stdout", Closed())
    assert main.run(["kpi", "--list", "--format", "csv"]) == 0


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OperationalError("connection refused"), "The database can't be used: connection refused."),
        (DatabaseError("file is not a database"), "file is not a database. Restore the newest backup"),
        (duckdb.IOException("No files match /lake/a.parquet\nLINE 1"), "a.parquet. “topline check” says"),
        (PermissionError(13, "Permission denied", "/srv/topline"), "/srv/topline can't be used: Permission denied."),
    ],
)
def test_what_the_machine_refuses_is_said_in_a_sentence(monkeypatch, capsys, settings, error, said):
    def refuse(*_args: object) -> int:
        raise error

    monkeypatch.setattr(main, "_run_verb", refuse)
    assert main.run(["shop", "list"]) == main.Exit.FAILED
    assert said in capsys.readouterr().err
    settings.DEBUG = True  # its own fault in a path shows where it is
    with pytest.raises(type(error)):
        main.run(["shop", "list"])


def test_a_damaged_database_is_what_the_check_says(tmp_path):
    (tmp_path / "topline.sqlite3").write_bytes(b"rot" * 4_000)
    env = {**os.environ, "TOPLINE_HOME": str(tmp_path)}
    env.pop("DATABASE_URL", None)
    command = [sys.executable, "-m", "topline.cli.main"]
    checked = subprocess.run([*command, "check", "--format", "json"], env=env, capture_output=True, text=True)
    found = {each["check"]: each for each in json.loads(checked.stdout)}
    assert (checked.returncode, found["database"]["state"]) == (1, "problem")
    assert found["database"]["mend"] == "Restore the newest backup."
    listed = subprocess.run([*command, "shop", "list"], env=env, capture_output=True, text=True)
    assert listed.returncode == 1
    assert listed.stderr.startswith("The database is damaged")


def test_a_link_leads_to_the_server_that_runs(owner, capsys, settings, tmp_path):
    settings.HOME, settings.URL = tmp_path, "http://127.0.0.1:8010"
    with links.served():
        settings.URL = "http://127.0.0.1:8000"  # as in another process, which was told of no port
        assert main.run(["user", "link", owner.email]) == 0
        assert "http://127.0.0.1:8010/start/" in capsys.readouterr().out
    assert links.address("x") == "http://127.0.0.1:8000/start/x/"
