"""The outlook in the browser: a slice, a planned promotion, in both themes and on a phone."""

from datetime import UTC, date, datetime

from topline.journal import operations as journal
from topline.outlook import demand_file
from topline.plans import demand, jobs

NOW = datetime(2026, 12, 15, 9, tzinfo=UTC)
CHANGE = "product=A1,discount=20,from=2026-12-21,to=2027-01-04"


def test_a_slice_is_chosen_and_a_promotion_planned(shop, visit, settings, tmp_path):
    settings.HOME = tmp_path
    journal.open_batch(shop="lamps", batch_id="test", source="test", now=NOW)
    journal.make_live(shop="lamps", batch_id="test", now=NOW)
    demand.make(shop, date(2026, 12, 15))
    demand.make(shop, date(2026, 12, 15), (demand_file.parse_change(CHANGE),))
    assert jobs.prepare_demand(shop, date(2026, 12, 15)) is None
    for theme, size in (("light", {"width": 1440, "height": 900}), ("dark", {"width": 390, "height": 844})):
        visitor = visit(theme, size)
        visitor.sign_in()
        page = visitor.page
        page.goto(f"{visitor.url}/shop/lamps/outlook")
        visitor.look()
        page.select_option("#outlook-category", "Rugs")
        page.wait_for_url("**category=Rugs**")
        page.select_option("#outlook-grain", "day")
        page.wait_for_url("**grain=day**")
        assert page.inner_text("h1").startswith("Rugs: ")
        page.goto(f"{visitor.url}/shop/lamps/outlook?change={CHANGE}")
        visitor.look()
        assert "too little to tell what prices" in page.inner_text("main")
        assert "20% off" in page.inner_text("main") or "20 % off" in page.inner_text("main")
