"""Charts on the server."""

import xml.etree.ElementTree as ET
from decimal import Decimal

import pytest
from babel import Locale

from topline.documents import chart, option
from topline.web import formats

OPTION = {
    **option.Format("en-GB", "GBP", "money").frame,
    "xAxis": {"data": ["Jan", "Feb", "Mar"]},
    "yAxis": {},
    "series": [
        {"name": "Actual", "type": "line", "role": "actual", "data": [Decimal("120000"), 150000, 130000]},
        {"name": "Plan", "type": "bar", "role": "plan", "data": [110000, None, 140000]},
    ],
}


@pytest.fixture(scope="module")
def canvas():
    if not chart.BUNDLE.exists():
        pytest.skip("the chart bundle is not built: make assets")
    with chart.canvas() as one:
        yield one


def test_svg_is_well_formed_and_names_what_it_shows(canvas):
    root = ET.fromstring(canvas.svg(OPTION, width=640, height=320))  # noqa: S314
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert (root.get("width"), root.get("height")) == ("640", "320")
    assert {"Actual", "Plan", "Jan", "Feb", "Mar", "£150K"} <= set(texts)


AMOUNTS = (0, 4.5, 12, 9_990, 12_250, 150_000, 999_900, 1_540_000, 12_345_678, 3_200_000_000, -2_345_000)


@pytest.mark.parametrize(
    ("tag", "currency"), [("en-GB", "GBP"), ("en-US", "USD"), ("en-GB", "RON"), ("ro-RO", "RON"), ("ro-RO", "GBP")]
)
def test_a_charts_axis_abbreviates_amounts_as_pages_do(canvas, monkeypatch, tag, currency):
    monkeypatch.setattr(formats, "locale", lambda: Locale.parse(tag, sep="-"))
    for amount in AMOUNTS:
        assert formats.short_money(amount, currency) in _axis(canvas, option.Format(tag, currency, "money"), amount)


@pytest.mark.parametrize("tag", ["en-GB", "en-US", "ro-RO"])
def test_a_charts_axis_counts_in_full_as_pages_do(canvas, monkeypatch, tag):
    monkeypatch.setattr(formats, "locale", lambda: Locale.parse(tag, sep="-"))
    for count in (9_990, 12_250, 1_540_000):
        assert formats.short(count, "count", "GBP") in _axis(canvas, option.Format(tag, "GBP", "count"), count)


def _axis(canvas, form, lowest):
    """The texts of a chart whose axis of numbers begins with this one."""
    drawn = option.columns(["Jan"], [option.Line("", [lowest])], form)
    drawn["yAxis"] |= {"min": lowest, "max": lowest + 1000, "interval": 1000}
    root = ET.fromstring(canvas.svg(drawn))  # noqa: S314
    return {"".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")}


def test_the_same_option_draws_the_same_picture(canvas):
    assert canvas.svg(OPTION) == canvas.svg(OPTION)
    assert canvas.svg(OPTION, theme="dark") != canvas.svg(OPTION)


def test_png_has_the_size_asked_for_and_text_on_it(canvas):
    png = canvas.png(OPTION, width=400, height=200, zoom=2)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == (800, 400)
    bare = canvas.png(OPTION | {"legend": {"show": False}}, width=400, height=200, zoom=2)
    assert len(png) > len(bare) + 500


def test_a_wrong_option_says_so(canvas):
    with pytest.raises(chart.ChartOptionError, match="can't be drawn"):
        canvas.svg({"series": [{"type": "line", "data": [float("nan")]}]})
    with pytest.raises(chart.ChartOptionError):
        canvas.svg({"series": object()})


def test_a_missing_bundle_says_what_to_do(monkeypatch, tmp_path):
    chart._bundle.cache_clear()
    monkeypatch.setattr(chart, "BUNDLE", tmp_path / "none.js")
    with pytest.raises(chart.ChartBundleError, match="make assets"):
        chart.svg(OPTION)
    chart._bundle.cache_clear()
