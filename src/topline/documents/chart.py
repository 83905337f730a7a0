"""Charts drawn on the server: the same JSON option that the browser draws, as SVG or PNG.

The option is an ECharts option as plain JSON, with the house's `format` and `role` (web/assets/chart-option.js). The
bundle that draws it is built with the other assets into `dist/` beside this file.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import resvg_py
from py_mini_racer import JSEvalException, MiniRacer

from topline.documents.document import Chart
from topline.units import errors
from topline.units.text import N_

WIDTH = 720
"""Of a chart in a document, in CSS pixels."""

BUNDLE = Path(__file__).parent / "dist" / "echarts-server.js"

# resvg leaves text out, without a word, where its generic family names a font that the machine lacks.
_SANS_SERIF = {"win32": "Arial", "darwin": "Helvetica"}.get(sys.platform, "DejaVu Sans")


class ChartBundleError(errors.ToplineError):
    message = N_("The bundle that draws charts is missing. Build it with “make assets”.")


class ChartOptionError(errors.ToplineError):
    message = N_("The chart can't be drawn: %(reason)s")


@dataclass(frozen=True, slots=True)
class Canvas:
    """A loaded V8 with ECharts; loading takes about a second, a chart a tenth."""

    engine: MiniRacer

    def svg(self, option: Mapping[str, Any], *, width: int = 800, height: int = 400, theme: str = "light") -> str:
        """The chart as SVG text of width x height pixels; theme is light or dark. Raises ChartOptionError."""
        try:
            text = json.dumps(option, allow_nan=False, default=_plain)
            return _renumbered(str(self.engine.call("drawChart", text, width, height, theme)))
        except (JSEvalException, TypeError, ValueError) as error:
            raise ChartOptionError(reason=str(error).splitlines()[0] if str(error) else type(error).__name__) from error

    def png(
        self,
        option: Mapping[str, Any],
        *,
        width: int = 800,
        height: int = 400,
        theme: str = "light",
        zoom: float = 2,
    ) -> bytes:
        """The chart as PNG of width x height pixels times `zoom`, on the theme's ground. Raises ChartOptionError."""
        drawn = self.svg(option, width=width, height=height, theme=theme)
        ground = "#171c25" if theme == "dark" else "#ffffff"
        return bytes(
            resvg_py.svg_to_bytes(svg_string=drawn, zoom=zoom, background=ground, sans_serif_family=_SANS_SERIF)
        )


@contextmanager
def canvas() -> Iterator[Canvas]:
    """A canvas for any number of charts. It must be closed, or the process never exits. Raises ChartBundleError."""
    source = _bundle()
    with MiniRacer() as engine:
        engine.eval(source)
        yield Canvas(engine)


def svg(option: Mapping[str, Any], *, width: int = 800, height: int = 400, theme: str = "light") -> str:
    """One chart as SVG text; see `Canvas.svg`."""
    with canvas() as one:
        return one.svg(option, width=width, height=height, theme=theme)


def png(option: Mapping[str, Any], *, width: int = 800, height: int = 400, theme: str = "light") -> bytes:
    """One chart as PNG; see `Canvas.png`."""
    with canvas() as one:
        return one.png(option, width=width, height=height, theme=theme)


def pictures(charts: Sequence[Chart], advance: Callable[[int, int], None]) -> list[bytes]:
    """A document's charts as PNG; `advance` is told how many are drawn."""
    if not charts:
        return []
    drawn = []
    with canvas() as one:
        for done, each in enumerate(charts):
            advance(done, len(charts))
            drawn.append(one.png(each.option, width=WIDTH, height=each.height))
    return drawn


@cache
def _bundle() -> str:
    try:
        return BUNDLE.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ChartBundleError() from None


def _renumbered(drawn: str) -> str:
    """The same picture with class names that don't count the charts drawn before."""
    numbers: dict[str, str] = {}
    return re.sub(r"zr\d+-[a-z]+-?\d+", lambda found: numbers.setdefault(found[0], f"zr-{len(numbers)}"), drawn)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(type(value).__name__)
