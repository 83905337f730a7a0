"""A document as PDF: a cover, contents with page numbers, charts as vectors, tables whose heads repeat.

WeasyPrint lays the pages out; it needs Pango, a library of the system.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path

from topline.documents import chart, words
from topline.documents.document import (
    Block,
    Bullets,
    Chart,
    Document,
    Figures,
    Heading,
    Paragraph,
    Run,
    Table,
)
from topline.documents.sheet import Sheet, Value
from topline.units import errors
from topline.units.text import N_

CONTENT_TYPE = "application/pdf"
_FONTS = Path(__file__).parent / "dist"
_STYLE = Path(__file__).parent / "pdf.css"
_WIDE_FROM = 9  # columns from which a table turns its page


class PdfLibraryError(errors.ToplineError):
    message = N_(
        "PDF files need the library Pango, which this machine lacks. Install it: “apt-get install "
        "libpango-1.0-0 libpangoft2-1.0-0” on Debian and Ubuntu, “dnf install pango” on Fedora, “brew install pango” "
        "on a Mac. Word, PowerPoint and Excel files need nothing."
    )


def write(document: Document, advance: Callable[[int, int], None] = lambda done, total: None) -> bytes:
    """The document as PDF.

    advance : told how many of its charts are drawn, the layout counting as one more

    Raises PdfLibraryError, chart.ChartBundleError, chart.ChartOptionError.
    """
    try:
        import weasyprint
    except OSError as error:  # cffi can't load libpango or libgobject
        raise PdfLibraryError() from error
    pictures = draw(document, advance)
    steps = len(pictures) + 1
    page = weasyprint.HTML(
        string=html(document, pictures), url_fetcher=weasyprint.urls.URLFetcher(allowed_protocols=("data",))
    )
    written = page.write_pdf(pdf_variant="pdf/ua-1", cache={})
    advance(steps, steps)
    assert written is not None  # noqa: S101 - only a target makes it None
    return bytes(written)


def draw(document: Document, advance: Callable[[int, int], None]) -> dict[int, str]:
    """The charts as SVG by their places among the blocks."""
    charts = [(i, each) for i, each in enumerate(document.blocks) if isinstance(each, Chart)]
    if not charts:
        return {}
    drawn: dict[int, str] = {}
    with chart.canvas() as canvas:
        for done, (i, each) in enumerate(charts):
            advance(done, len(charts) + 1)
            drawn[i] = canvas.svg(each.option, width=chart.WIDTH, height=each.height)
    return drawn


def html(document: Document, pictures: dict[int, str]) -> str:
    """The pages as HTML with their style; nothing in it is fetched from anywhere."""
    language = escape(document.language, quote=True)
    body = "".join(_body(document, pictures))
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{escape(document.title)}</title>'
        f'<meta name="generator" content="Topline"><style>{_fonts()}{_STYLE.read_text(encoding="utf-8")}'
        f"</style></head><body>{body}</body></html>"
    )


def _body(document: Document, pictures: dict[int, str]) -> Iterator[str]:
    yield '<section class="cover"><p class="brand">Topline</p>'
    yield f"<h1>{escape(document.title)}</h1><p class=subtitle>{escape(document.subtitle)}</p>"
    if document.summary:
        yield f"<p class=promise>{escape(document.summary)}</p>"
    yield "<dl>" + "".join(f"<div><dt>{escape(a)}</dt><dd>{escape(b)}</dd></div>" for a, b in document.facts) + "</dl>"
    yield "</section>"
    if document.contents_title:
        yield f'<nav class="contents"><h1>{escape(document.contents_title)}</h1><ol>'
        for place, heading in document.headings:
            yield (
                f'<li class="level-{heading.level}"><a href="#h{place}"><span class="number">{escape(heading.number)}'
                f"</span>{escape(heading.text)}</a></li>"
            )
        yield "</ol></nav>"
    yield f'<p class="running-title">{escape(document.title)}</p><p class="running-note">{escape(document.note)}</p>'
    for place, block in enumerate(document.blocks):
        yield from _block(place, block, pictures, document)


def _block(place: int, block: Block, pictures: dict[int, str], document: Document) -> Iterator[str]:
    match block:
        case Heading(text, level, number):
            numbered = f'<span class="number">{escape(number)}</span> ' if number else ""
            yield f'<h{level} id="h{place}">{numbered}{escape(text)}</h{level}>'
        case Paragraph(_, role):
            tag = {"code": "pre", "quote": "blockquote"}.get(role, "p")
            yield f'<{tag} class="{role}">{_runs(block.runs)}</{tag}>'
        case Bullets(items, is_numbered):
            tag = "ol" if is_numbered else "ul"
            yield f"<{tag}>" + "".join(f"<li>{_runs(item)}</li>" for item in items) + f"</{tag}>"
        case Figures(items):
            yield '<div class="figures">'
            for one in items:
                yield f"<div><p class=label>{escape(one.label)}</p><p class=value>{escape(one.value)}</p>"
                yield f"<p class=note>{escape(one.note)}</p></div>"
            yield "</div>"
        case Table(sheet):
            yield from _table(sheet, document.language)
        case Chart(title, _, height):
            source = b64encode(pictures[place].encode()).decode()
            yield (
                f'<figure><figcaption>{escape(title)}</figcaption><img alt="{escape(title, quote=True)}" '
                f'width="{chart.WIDTH}" height="{height}" src="data:image/svg+xml;base64,{source}"></figure>'
            )


def _runs(runs: Sequence[Run]) -> str:
    return "".join(_run(run) for run in runs)


def _run(run: Run) -> str:
    text = escape(run.text).replace("\n", "<br>")
    text = f"<strong>{text}</strong>" if run.is_strong else text
    text = f"<em>{text}</em>" if run.is_emphasis else text
    if run.link.startswith(("https://", "http://", "mailto:")):
        text = f'<a href="{escape(run.link, quote=True)}">{text}</a>'
    return text


def _table(sheet: Sheet, language: str) -> Iterator[str]:
    sides = ["num" if words.is_numeric(column) else "" for column in sheet.columns]
    wide = " wide" if len(sheet.columns) >= _WIDE_FROM else ""
    yield f'<div class="table{wide}">'
    if sheet.name:
        yield f"<p class=caption>{escape(sheet.name)}</p>"
    yield "<table><thead><tr>"
    for column, side in zip(sheet.columns, sides, strict=True):
        yield f'<th scope="col" class="{side}">{escape(column.title)}</th>'
    yield "</tr></thead><tbody>"
    for row in sheet.rows:
        yield _row(row, sheet, sides, language)
    yield "</tbody>"
    if sheet.total is not None:
        yield f"<tfoot>{_row(sheet.total, sheet, sides, language)}</tfoot>"
    yield "</table></div>"


def _row(row: Sequence[Value], sheet: Sheet, sides: Sequence[str], language: str) -> str:
    cells = [
        f'<td class="{side}">{escape(words.said(value, column, language))}</td>'
        for value, column, side in zip(row, sheet.columns, sides, strict=True)
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _fonts() -> str:
    """The house's letters where the assets are built; else the system's stand in."""
    faces = []
    for name in ("latin", "latin-ext", "greek", "cyrillic"):  # a family each: one for all mixes up their glyphs
        for file in sorted(_FONTS.glob(f"inter-{name}-wght-normal*.woff2")):
            source = b64encode(file.read_bytes()).decode()
            faces.append(
                f"@font-face{{font-family:'Inter {name}';src:url(data:font/woff2;base64,{source}) format('woff2')}}"
            )
    return "".join(faces)
