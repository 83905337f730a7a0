"""The catalogue is whole: each number that it promises has a definition, an oracle and a place in the reference."""

import importlib.util
import inspect
from functools import cache
from pathlib import Path

import pytest

from contract import oracle, oracle_team
from topline.metrics.catalogue import dimensions, metrics

ROOT = Path(__file__).parents[2]

FAMILIES = {
    "sales": """
        ledger_amount gross_sales discounts returns tax shipping net_sales total_sales orders orders_cancelled units
        units_per_order average_order_value sales_growth cost_of_goods gross_profit gross_margin
        contribution_before_marketing contribution contribution_margin return_rate
        """,
    "customers": """
        customers new_customers returning_customers ledger_customers cac clv_historic clv_predicted clv_margin_predicted
        ltv_to_cac cac_payback_months repeat_purchase_rate retention_rate churn_rate upsell_cross_sell_rate upsell_rate
        cross_sell_rate days_between_orders
        """,
    "traffic": """
        visitors sessions engaged_sessions bounce_rate visitor_conversion_rate conversion_rate product_view_rate
        add_to_cart_rate checkout_rate cart_abandonment_rate checkout_abandonment_rate
        """,
    "marketing": """
        spend impressions clicks click_through_rate link_click_rate cost_per_click leads qualified_leads cost_per_lead
        marketing_cost marketing_roi roas marketing_efficiency_ratio social_interactions social_engagement_rate
        followers social_leads messages_delivered open_rate message_click_rate click_to_open_rate unsubscribe_rate
        bounce_rate_messages content_interactions content_engagement_rate
        """,
    "pipeline": """
        lead_conversion_rate deals_created deals_won deals_lost pipeline_value win_rate average_deal_size
        sales_cycle_days
        stage_conversion_rate days_in_stage pipeline_velocity weighted_pipeline activities quota_attainment
        """,
    "operations": """
        fulfilment_accuracy on_time_rate fulfilment_days fulfilment_cost_per_order inventory_accuracy
        first_response_hours resolution_hours contacts_per_order stockout_rate oversold_rate sell_through_rate
        stock_cover_days stock_turns
        """,
    "plan": "goal_attainment pace forecast_error forecast_bias budget_used capacity_used",
    "brand": "csat nps brand_awareness market_share brand_equity",
}
"""The ids of each table of the catalogue, written out so that none is lost unseen."""

IDS = [id_ for ids in FAMILIES.values() for id_ in ids.split()]


@cache
def reference():
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.metrics_page()


STATED = {*oracle.SQL, *oracle.LOYALTY, *oracle.ASKED, *oracle_team.STATES}
"""Metrics that have an oracle in SQL."""


@pytest.mark.parametrize("id_", IDS)
def test_it_is_defined_checked_and_documented(id_):
    metric = metrics()[id_]
    assert id_ in STATED | oracle.PAPER.keys()
    assert f"## {id_}\n" in reference()
    assert metric.leaders
    assert metric.dimensions <= dimensions().keys()


def test_a_number_worked_on_paper_is_asserted_by_its_test():
    for id_, (module, name) in oracle.PAPER.items():
        test = getattr(importlib.import_module(f"contract.{module}"), name)
        assert f'"{id_}"' in inspect.getsource(test), id_


def test_no_id_is_lost(shared_data):
    """The ids above are those of the catalogue's own text."""
    tables = (shared_data.parent / "spec" / "kpis.md").read_text("utf-8").split("\n## ")
    for table in tables[1:]:
        family = table.split()[0].lower()
        cells = (line.split("|")[1] for line in table.splitlines() if line.startswith("| ") and "| id |" not in line)
        ids = {part for cell in cells for part in cell.split("**R**")[0].replace(",", " ").split()}
        if family in FAMILIES:
            assert ids <= set(FAMILIES[family].split()), family


def test_what_is_shown_beside_a_number_is_a_number():
    for metric in metrics().values():
        assert set(metric.parts) <= metrics().keys() - {metric.id}, metric.id
