"""`topline calendar` stays light and prints in every format."""

import csv
import io
import json
import subprocess
import sys

import icalendar

HEAVY = ["ibis", "duckdb", "statsforecast", "django", "pyarrow", "pandas", "deltalake"]


def run(*args: str) -> str:
    code = f"""
import sys
from topline.cli.main import run
code = run(["calendar", *{args!r}])
loaded = sorted(set({HEAVY!r}) & set(sys.modules))
assert not loaded, loaded
sys.exit(code)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_json_csv_and_ics_say_the_same_and_load_no_engine():
    rows = json.loads(run("--country", "RO", "--year", "2027", "--format", "json"))
    by_event = {row["event"]: row for row in rows}
    assert by_event["black_friday"]["start"] == "2027-11-05"
    assert by_event["black_friday"]["is_estimate"] is True
    assert by_event["easter"]["start"] == "2027-05-02"
    table = list(csv.DictReader(io.StringIO(run("--country", "ro", "--year", "2027", "--format", "csv"))))
    assert [row["start"] for row in table] == [row["start"] for row in rows]
    entries = icalendar.Calendar.from_ical(run("--country", "RO", "--year", "2027", "--format", "ics")).walk("VEVENT")
    assert len(entries) == len(rows)
    assert len({str(entry["uid"]) for entry in entries}) == len(rows)


def test_table_names_the_events():
    assert "Mărțișor" in run("--country", "RO", "--year", "2027", "--no-holidays")
