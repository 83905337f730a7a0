"""Every fact: a new file in facts/ is tested without a new test."""

import dataclasses

import pyarrow as pa
import pytest

from topline.facts.table import Fact, tables


@pytest.mark.parametrize("table", tables().values(), ids=lambda table: table.name)
class TestFact:
    def test_its_schema_has_the_identity_of_a_fact_first(self, table):
        assert table.columns[:4] == ("key", "version", "recorded_at", "batch_id")
        assert issubclass(table.row, Fact)

    def test_the_day_is_a_date_of_the_row(self, table):
        assert table.day is None or table.schema.field(table.day).type == pa.date32()

    def test_personal_keys_are_columns(self, table):
        assert set(table.personal_keys) <= set(table.columns)

    def test_it_says_what_it_is(self, table):
        assert table.row.__doc__
        assert not table.row.__doc__.startswith(f"{table.row.__name__}("), "the dataclass's own docstring"
        assert table.description

    def test_it_is_frozen(self, table):
        assert table.row.__dataclass_params__.frozen
        assert dataclasses.fields(table.row)[0].kw_only
