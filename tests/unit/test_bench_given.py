"""What a bench says of a table of the reader's own: the benches stand beside the package, so they are read by path."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

FILE = Path("sales.csv")
USUAL = {"id": "sku|item", "date": "date|day", "quantity": "units|sold"}


@pytest.fixture(scope="module")
def given():
    spec = importlib.util.spec_from_file_location("given", Path(__file__).parents[2] / "bench" / "given.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("text", "meant"), [("3", [3]), ("0-2", [0, 1, 2]), ("0,4,10-12", [0, 4, 10, 11, 12])])
def test_seeds_are_numbers_and_ranges(given, text, meant):
    assert given.seeds(text) == meant


@pytest.mark.parametrize("text", ["", "a", "3-1", "-1", "1,,2", "1.5"])
def test_other_seeds_are_refused(given, text):
    with pytest.raises(SystemExit, match="are no seeds: write 0-9, 3 or 0,4,10-12"):
        given.seeds(text)


def test_columns_are_found_by_their_usual_names_and_told(given, capsys):
    rows = pd.DataFrame({"SKU": ["a"], "Day": ["2025-01-02"], "units sold": [4], "price": [2.5]})
    found = given.named(rows, FILE, {"id": "", "date": "", "quantity": ""}, USUAL)
    assert found.to_dict("records") == [{"id": "a", "date": "2025-01-02", "quantity": 4, "price": 2.5}]
    assert capsys.readouterr().out == "sales.csv: id is “SKU”, date is “Day”, quantity is “units sold”\n"


def test_a_column_that_is_named_goes_before_one_of_the_usual_name(given):
    rows = pd.DataFrame({"id": ["a"], "date": ["2025-01-02"], "quantity": [4], "net": [3]})
    found = given.named(rows, FILE, {"id": "", "date": "", "quantity": "net"}, USUAL)
    assert found.to_dict("records") == [{"id": "a", "date": "2025-01-02", "quantity": 3}]


@pytest.mark.parametrize(("named", "missing"), [("", "quantity"), ("pieces", "pieces")])
def test_a_missing_column_is_told_with_those_that_are_there(given, named, missing):
    rows = pd.DataFrame({"id": ["a"], "date": ["2025-01-02"]})
    with pytest.raises(SystemExit) as told:
        given.named(rows, FILE, {"id": "", "date": "", "quantity": named}, USUAL)
    assert str(told.value) == (
        f"sales.csv has no column “{missing}”; it has id, date. "
        "Say which is which: --id-column NAME --date-column NAME --quantity-column NAME"
    )


@pytest.mark.parametrize(
    ("texts", "day"),
    [
        (["2025-03-04", "2025-03-31"], "2025-03-04"),
        (["03/04/2025", "03/31/2025"], "2025-03-04"),
        (["04/03/2025", "31/03/2025"], "2025-03-04"),
        (["2025-03-04T23:30:00Z", "2025-03-31T00:00:00Z"], "2025-03-04"),
    ],
)
def test_dates_are_read_in_the_one_way_that_fits_all(given, texts, day):
    found = given.days(pd.Series(texts, name="date"), FILE)
    assert [str(each)[:10] for each in found] == [day, "2025-03-31"]
    assert found.dt.tz is None


def test_what_is_no_date_or_number_is_told_by_row(given):
    with pytest.raises(SystemExit, match=r"sales.csv, column date: not dates of .* 1 of 2 \(row 2: 'soon'\)"):
        given.days(pd.Series(["2025-03-04", "soon"], name="date"), FILE)
    with pytest.raises(SystemExit, match=r"column units: not numbers: 1 of 3 \(row 3: 'many'\)"):
        given.numbers(pd.Series(["4", None, "many"], name="units"), FILE)
    assert given.numbers(pd.Series(["4", None], name="units"), FILE).isna().tolist() == [False, True]


def test_a_file_without_rows_or_that_cant_be_read_is_refused(given, tmp_path):
    empty, torn, none = tmp_path / "empty.csv", tmp_path / "torn.parquet", tmp_path / "none.csv"
    empty.write_text("id,date\n")
    torn.write_bytes(b"PAR1 no more")
    for path, words in ((empty, "has no rows"), (torn, "can't be read"), (none, "there is no such file")):
        with pytest.raises(SystemExit, match=words):
            given.table(path)
    full = tmp_path / "full.csv"
    full.write_text("id,date\na,2025-01-02\n")
    assert len(given.table(full)) == 1
