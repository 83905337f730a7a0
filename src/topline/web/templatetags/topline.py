"""Tags and filters of our templates; `{% load topline %}`."""

import json
from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from django import template
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.html import escape, format_html, json_script
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from topline.metrics.metric import Direction, Metric, Unit
from topline.units.missing import Missing
from topline.web import files, formats, shell
from topline.web.question import Span
from topline.web.tiles import Shown

register = template.Library()

_SELECTED = " selected"

DIST = Path(__file__).parents[1] / "static" / "dist"

for _filter in (
    formats.say,
    formats.percent,
    formats.decimal,
    formats.money,
    formats.whole_money,
    formats.short_money,
    formats.signed_percent,
    formats.day,
    formats.long_day,
    formats.month,
    formats.short_month,
    formats.moment,
    formats.period,
):
    register.filter(_filter.__name__, _filter)


@cache
def _manifest() -> dict[str, str]:
    entries: dict[str, str] = json.loads((DIST / "manifest.json").read_text())
    return entries


@register.simple_tag
def asset(name: str) -> str:
    """The address of a bundle, such as `app.js`."""
    return static(f"dist/{_manifest()[name]}")


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """A drawing of the sprite; without a label it is decoration."""
    if label:
        address = static("dist/icons.svg")
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}#{}"/></svg>', label, address, name
        )
    return _decoration(name)


@cache
def _decoration(name: str) -> SafeString:
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("dist/icons.svg"), name)


@register.simple_tag(takes_context=True)
def shell_of(context: template.Context) -> shell.Shell | None:
    """The frame around the page: places, shops, clock. None before sign-in."""
    request: HttpRequest | None = context.get("request")
    return shell.frame(request) if request is not None else None


@register.simple_tag(takes_context=True)
def page_url(context: template.Context, name: str, *args: object) -> str:
    """The address of a page of this shop."""
    return str(context["visit"].url(name, *args))


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: object) -> str:
    """The page's address with some of its parameters changed; None or "" takes one out."""
    parameters = context["request"].GET.copy()
    for name, value in changes.items():
        parameters.pop(name, None)
        for each in value if isinstance(value, list | tuple) else [value]:
            if each not in (None, ""):
                parameters.appendlist(name, str(each))
    return f"?{parameters.urlencode(safe='/,:')}" if parameters else "?"


@register.inclusion_tag("download.html", takes_context=True)
def download(context: template.Context, id_: str, kinds: str, **changes: object) -> dict[str, Any]:
    """The menu of files beside a table or chart of the page.

    kinds : of `files.KINDS`, by spaces; changes : parameters that say which part of the page, where it has several
    """
    asked = context["request"].GET.copy()
    for name, value in changes.items():
        asked[name] = str(value)
    return {"id": f"download-{id_}", "entries": files.menu(f"?{asked.urlencode(safe='/,:')}", kinds.split())}


@register.simple_tag(takes_context=True)
def amount(context: template.Context, value: object, unit: str, form: str = "full") -> SafeString | str:
    """A metric's value; a missing one says why."""
    if isinstance(value, Missing):
        return format_html('<span class="missing" title="{}">{}</span>', formats.say(value), gettext("not known"))
    write = formats.short if form == "short" else formats.number
    return write(value, unit, context["shop"].currency)


@register.simple_tag
def options(pairs: Iterable[tuple[object, object]], chosen: object = None) -> SafeString:
    """The options of a list, each a value and its name; what is chosen is compared as it is written."""
    written = "" if chosen is None else str(chosen)
    said = ((escape(value), _SELECTED * (str(value) == written), escape(name)) for value, name in pairs)
    return SafeString("".join(f'<option value="{value}"{selected}>{name}</option>' for value, selected, name in said))


@register.simple_tag
def island(kind: str, source: dict[str, Any], id_: str, label: str, css: str = "") -> SafeString:
    """An element that a module of the browser fills from JSON."""
    return format_html(
        '{}<div class="{} {}" data-island="{}" data-source="{}" role="img" aria-label="{}" aria-busy="true"></div>',
        json_script(source, id_),
        kind,
        css,
        kind,
        id_,
        label,
    )


@register.simple_tag
def change_of(now: object, before: object, metric: Metric, against: str) -> SafeString | str:
    """The change in sign, arrow and word, of a rate in points; good or bad as the metric has it."""
    is_rate = metric.unit == Unit.RATE
    value = formats.difference(now, before) if is_rate else formats.change(now, before)
    if value is None:
        return ""
    is_flat = abs(value) < 0.0005
    direction = metric.direction
    word = gettext("the same") if is_flat else gettext("more") if value > 0 else gettext("less")
    arrow = "→" if is_flat else "↑" if value > 0 else "↓"
    tone = (
        ""
        if is_flat or direction == Direction.NONE
        else "good"
        if (value > 0) == (direction == Direction.UP)
        else "bad"
    )
    figure = "" if is_flat else formats.signed_points(value) if is_rate else formats.signed_percent(value)
    return format_html(
        '<span class="change {}"><span aria-hidden="true">{}</span> {} {}</span> {}', tone, arrow, figure, word, against
    )


@register.simple_tag
def change_words(shown: Shown, span: Span) -> str:
    """The change of a figure as plain text: “+4.2% more than the year before”."""
    metric = shown.metric
    is_rate = metric.unit == Unit.RATE
    value = formats.difference(shown.value, shown.before) if is_rate else formats.change(shown.value, shown.before)
    if value is None:
        return ""
    figure = formats.signed_points(value) if is_rate else formats.signed_percent(value)
    word = gettext("more") if value > 0 else gettext("less") if value < 0 else gettext("the same")
    return f"{figure} {word} {span.against_text}"


@register.simple_tag
def sparkline(now: Sequence[float | None], then: Sequence[float | None] = ()) -> SafeString:
    """A small line of a metric's last values, and the line to compare with. The numbers stand beside it in words."""
    known = [value for value in (*now, *then) if value is not None]
    if len([value for value in now if value is not None]) < 2:
        return SafeString("")
    low, high = min(known), max(known)
    span = (high - low) or 1.0

    def points(values: Sequence[float | None]) -> list[tuple[float, float]]:
        step = 100 / max(1, len(values) - 1)
        return [
            (round(i * step, 2), round(36 - 32 * (v - low) / span, 2)) for i, v in enumerate(values) if v is not None
        ]

    line = points(now)
    path = "M" + " L".join(f"{x} {y}" for x, y in line)
    under = f"{path} L{line[-1][0]} 40 L{line[0][0]} 40 Z"
    other = points(then)
    before = "M" + " L".join(f"{x} {y}" for x, y in other) if len(other) > 1 else ""
    return format_html(
        '<svg class="spark" viewBox="0 0 100 40" preserveAspectRatio="none" aria-hidden="true">'
        '<path class="under" d="{}"/><path class="then" d="{}"/><path class="now" d="{}"/></svg>',
        under,
        before,
        path,
    )


@register.filter
def day_number(value: date) -> str:
    return str(value.day)


@register.simple_tag
def calendar_island(source: dict[str, Any], id_: str) -> SafeString:
    """The month view; it brings its own roles."""
    return format_html(
        '{}<div class="calendar" data-island="calendar" data-source="{}" aria-busy="true"></div>',
        json_script(source, id_),
        id_,
    )


@register.filter
def weekday(value: date) -> str:
    return formats.weekday(value)


@register.filter
def month_short(value: date) -> str:
    return formats.short_month(value).split(" ")[0]
