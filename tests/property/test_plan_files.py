"""Laws of a plan's files: what was written out comes back as it was, by JSON and by Excel."""

from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from django.db import models
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from tiny_plan import a_shop
from topline.accounts.models import Shop, User
from topline.documents import xlsx
from topline.documents.sheet import Column, Sheet
from topline.plans import exchange, ledger, operations, outline, spreadsheet
from topline.plans.grid import LARGEST, Grid
from topline.plans.models import BudgetLine, Entry, Goal, Plan, PlanVersion, Scenario, SpendKind
from topline.units.period import add_months

pytestmark = [pytest.mark.django_db, pytest.mark.once]

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
FEW = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
STRANGE = ["Total", "=1+1", "007", "2024", "a\tb", "-", "Ωmega", " edge ", "€5", "2026-10"]
names = st.sampled_from(STRANGE) | st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1, max_size=12)
lines = st.lists(names, min_size=1, max_size=4, unique_by=str.strip)
minors = st.integers(0, LARGEST) | st.sampled_from([0, 1, 99, 100])
amounts = st.decimals(0, 10**11, places=2)
days = st.dates(date(2026, 10, 1), date(2026, 10, 31))
moments = st.integers(0, 2 * 10**9).map(lambda second: datetime.fromtimestamp(second, UTC))
words = st.text(st.characters(categories=["L", "N", "P"]), max_size=12)


def a_version(shop: Shop, data: st.DataObject) -> PlanVersion:
    """A plan of up to three months with grids of every kind and a budget."""
    months = data.draw(st.integers(1, 3))
    starts_on = date(2026, 10, 1)
    plan = Plan.objects.create(
        shop=shop, kind="both", title="P", starts_on=starts_on, ends_on=add_months(starts_on, months), currency="GBP",
        created_at=NOW,
    )  # fmt: skip
    blocks, markets = data.draw(lines), [*data.draw(lines), None]
    cuts = {cut: data.draw(lines) for cut in ("channel", "territory", "team", "person")}
    version = PlanVersion.objects.create(
        plan=plan, number=1, as_of=starts_on, snapshot=1, blocks=blocks, markets=markets, cuts=cuts, created_at=NOW
    )
    shapes = {
        ("net_sales", ""): (len(blocks), len(markets)),
        ("new_customers", ""): (1, 1),
        ("credited_value", "territory"): (len(cuts["territory"]), 1),
        **{("net_sales", cut): (len(names_), 1) for cut, names_ in cuts.items()},
    }
    for (metric, cut), (rows, columns) in shapes.items():
        size = rows * columns * months
        cells = np.array(data.draw(st.lists(minors, min_size=size, max_size=size))).reshape(rows, columns, months)
        locked = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size))).reshape(cells.shape)
        operations.store_blocks(version, metric, cut, Grid(cells, locked), range(rows))
    for n in range(data.draw(st.integers(0, 3))):
        planned = {f"{month:%Y-%m}": f"{data.draw(amounts):f}" for month in plan.months if data.draw(st.booleans())}
        BudgetLine.objects.create(
            version=version, key=f"k{n}", activity=data.draw(words.filter(bool)), channel=data.draw(words),
            campaign=data.draw(words), market="DE", kind=data.draw(st.sampled_from(SpendKind.values)),
            front_key=data.draw(words), expected=data.draw(st.none() | amounts), position=n,
            planned={month: amount for month, amount in planned.items() if Decimal(amount)},
        )  # fmt: skip
    return version


def tables(version: PlanVersion) -> Any:
    """The numbers of the plan, read past the code that is tested."""
    grids = {
        key: (bytes(values).hex(), bytes(locks).hex())
        for *key_, values, locks in version.target_blocks.values_list(
            "metric", "cut", "block", "cells__values", "cells__locks"
        )
        for key in [tuple(key_)]
    }
    fields = ("key", "activity", "channel", "campaign", "market", "kind", "front_key", "expected", "planned")
    return grids, list(BudgetLine.objects.filter(version=version).order_by("key").values(*fields))


@pytest.fixture
def shop(settings: Any, tmp_path: Any) -> Shop:
    settings.LAKE_ROOT = tmp_path / "lake"
    return a_shop()[0]


def test_excel_and_back_is_the_same_plan(shop: Shop) -> None:
    """Every grid and the budget: the plan's own file changes nothing, and puts back what was changed since."""

    @FEW
    @given(st.data())
    def law(data: st.DataObject) -> None:
        version = a_version(shop, data)
        before, written = tables(version), xlsx.write(spreadsheet.sheets(version))
        assert len(CalamineWorkbook.from_filelike(BytesIO(written)).sheet_names) == 7 + version.budget.exists()
        load = {"version": version, "content": written, "actor": None, "now": NOW}
        assert spreadsheet.load(**load) == []
        assert tables(version) == before
        for metric, cut in [(metric, "") for metric in version.grid_metrics] + version.grid_cuts:
            grid = version.grid(metric, cut)
            new = np.where(grid.locked, grid.cells, (grid.cells + 1) % LARGEST)
            operations.store_blocks(version, metric, cut, Grid(new, grid.locked), range(len(new)))
        for line in version.budget.all():
            ledger.put_line(version=version, key=line.key, activity="Other", channel="x", actor=None, now=NOW)
            ledger.set_amount(
                version=version, key=line.key, month=version.plan.months[0], amount=Decimal("0.01"), actor=None, now=NOW
            )
        spreadsheet.load(**load)
        assert tables(version) == before
        assert spreadsheet.load(**load) == []

    law()


def any_row(data: st.DataObject, model: type[models.Model], made: list[Any], people: list[User]) -> dict[str, Any]:
    """A value for each column by its kind, as somebody might have left it; those of JSON are said by the caller."""
    found: dict[str, Any] = {}
    for field in exchange._columns(model):
        match field:
            case models.ForeignKey() if field.related_model is User:
                found[field.name] = data.draw(st.none() | st.sampled_from(people))
            case models.ForeignKey() if field.related_model is model:
                found[field.name] = data.draw(st.none() | st.sampled_from(made)) if made else None
            case models.CharField() if field.choices:
                found[field.name] = data.draw(st.sampled_from([value for value, _ in field.choices]))
            case models.CharField():
                found[field.name] = data.draw(words)[: field.max_length]
            case models.DecimalField():
                found[field.name] = data.draw(st.decimals(-(10**9), 10**9, places=4))
            case models.FloatField():
                found[field.name] = data.draw(st.none() | st.floats(-1e9, 1e9))
            case models.BooleanField():
                found[field.name] = data.draw(st.booleans())
            case models.DateTimeField():
                found[field.name] = data.draw(moments)
            case models.DateField():
                found[field.name] = data.draw(days)
            case models.IntegerField():
                found[field.name] = data.draw(st.integers(0, 100))
    return found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**50), 2**50) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)


def test_json_and_back_is_the_same_plan(shop: Shop) -> None:
    """With goals and their tree, every kind of row of the document (fronts, actions, calendar, territories, quotas),
    grids, budget and scenarios."""
    people = list(User.objects.filter(membership__shop=shop).order_by("pk"))[:3]
    fields = {name: field for name, field in outline.fields().items() if field.has_rows}

    @FEW
    @given(st.data())
    def law(data: st.DataObject) -> None:
        version = a_version(shop, data)
        made: list[Any] = []
        for n in range(data.draw(st.integers(0, 4))):
            row = any_row(data, Goal, made, people) | {
                "key": f"g{n}",
                "metric": data.draw(st.sampled_from(["orders", "leads"])),
            }
            row |= {
                "scope": {},
                "starts_on": date(2026, 10, 1),
                "why": ["why.set", {}],
                "quantiles": data.draw(st.lists(st.floats(0, 1), max_size=3)),
            }
            made.append(Goal.objects.create(version=version, **row))
        for n in range(data.draw(st.integers(0, 2))):
            row = any_row(data, Scenario, [], people) | {
                "name": f"s{n}",
                "changes": data.draw(st.lists(JSON, max_size=2)),
            }
            Scenario.objects.create(version=version, **row | {"adopted": None})
        for n, name in enumerate(data.draw(st.lists(st.sampled_from(sorted(fields)), max_size=6))):
            row = any_row(data, Entry, [], people) | {"field": name, "key": f"e{n}"}
            ours = [column.id for column in fields[name].columns if column.type == outline.Type.PERSON]
            cells = {column.id: data.draw(JSON) for column in fields[name].columns if column.id not in ours}
            cells |= {id_: data.draw(st.sampled_from(people)).pk for id_ in ours}
            Entry.objects.create(version=version, **row | {"cells": cells})
        written = exchange.dumps(version)
        again = exchange.loads(written, shop=shop, actor=None, now=NOW)
        assert exchange.dumps(again) == written
        assert tables(again) == tables(version)
        for table in ("goals", "entries", "scenarios"):
            assert plain(getattr(again, table)) == plain(getattr(version, table))

    law()


def plain(rows: Any) -> list[dict[str, Any]]:
    """Rows as the database has them, but for what names the plan they are of; a goal's parent by its key."""
    parents = {"parent__key"} if rows.model is Goal else set()
    left_out = {"id", "version_id", "parent_id"}
    columns = {field.attname for field in rows.model._meta.concrete_fields} - left_out
    return list(rows.order_by("pk").values(*columns, *parents))


def test_rows_of_the_budget_that_people_write(shop: Shop) -> None:
    """A row without a key is a new line, words come in with amounts, and a slip leaves everything as it was."""
    plan = Plan.objects.create(
        shop=shop, kind="both", title="P", starts_on=date(2026, 10, 1), ends_on=date(2026, 11, 1), currency="GBP",
        created_at=NOW,
    )  # fmt: skip
    version = PlanVersion.objects.create(plan=plan, number=1, as_of=plan.starts_on, snapshot=1, created_at=NOW)
    line = ledger.put_line(version=version, activity="Search", channel="google", actor=None, now=NOW)
    heads = [Column(title) for title in ("Key", "Activity", "Channel", "Kind", "2026-10")]

    def load(*rows: list[Any]) -> list[tuple[str, Any, Any]]:
        content = xlsx.write([Sheet("Budget", heads, rows)])
        done = spreadsheet.load(version=version, content=content, actor=None, now=NOW)
        return [(each.name, each.before, each.after) for each in done]

    done = load([line.key, "Search", "bing", "", Decimal("12.5")], ["", "Radio", "radio", "", Decimal(40)])
    assert done == [
        ("Search", "google", "bing"), ("Search", 0, Decimal("12.50")), ("Radio", None, "Radio"), ("Radio", 0, 40),
    ]  # fmt: skip
    rows = [("Search", "bing", "ads", {"2026-10": "12.50"}), ("Radio", "radio", "ads", {"2026-10": "40.00"})]
    kept = BudgetLine.objects.filter(version=version).order_by("position")
    assert list(kept.values_list("activity", "channel", "kind", "planned")) == rows
    for wrong, said in (
        (["gone", "Search", "", "", Decimal(1)], "no line has the key “gone”"),
        (["", "", "tv", "", Decimal(1)], "needs an activity"),
        (["", "TV", "tv", "bribes", Decimal(1)], "“bribes” is none of the kinds"),
    ):
        with pytest.raises(spreadsheet.CellsError, match=said):
            load([line.key, "Search", "other", "", Decimal(99)], wrong)
    assert list(kept.values_list("activity", "channel", "kind", "planned")) == rows
