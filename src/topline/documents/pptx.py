"""A document as slides: its cover, then a slide for what fits under each heading that the contents name."""

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from topline.documents import chart, words
from topline.documents.document import Block, Bullets, Chart, Document, Figures, Heading, Paragraph, Table
from topline.documents.sheet import Sheet, Value

if TYPE_CHECKING:  # half a second to import
    from pptx.presentation import Presentation
    from pptx.slide import Slide

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
INK, MUTED, BLUE, LIGHT, NIGHT = "10172B", "5D6676", "2750D8", "B9C4E0", "10172B"
ROWS = 12
_WITHIN = 3
"""From which level on headings stand within a slide."""

_FOLLOWS = 12.0
"""Millimetres that a heading within a slide wants below it on the same."""

_WIDTH, _HEIGHT, _EDGE, _TOP = 338.67, 190.5, 16.0, 34.0  # mm: 16 to 9


def write(document: Document, advance: Callable[[int, int], None] = lambda done, total: None) -> bytes:
    """The document as PPTX; `advance` is told how many charts are drawn. Raises chart.ChartBundleError."""
    import pptx
    from pptx.util import Mm

    show = pptx.Presentation()
    show.slide_width, show.slide_height = Mm(_WIDTH), Mm(_HEIGHT)
    show.core_properties.title, show.core_properties.author = document.title, "Topline"
    _cover(show, document)
    drawn = iter(chart.pictures([each for each in document.blocks if isinstance(each, Chart)], advance))
    title = document.title
    y, slide = _HEIGHT, None
    for block in document.blocks:
        if isinstance(block, Heading) and block.level < _WITHIN:
            title, y = block.text, _HEIGHT
            continue
        for part in _parts(block):
            height = _tall(part)
            if slide is None or y + height + (_FOLLOWS if isinstance(part, Heading) else 0) > _HEIGHT - 14:
                slide, y = _slide(show, title, document), _TOP
            _put(slide, part, y, document, drawn)
            y += height
    file = BytesIO()
    show.save(file)
    return file.getvalue()


def _parts(block: Block) -> Iterator[Block]:
    """A block as pieces that fit a slide each."""
    if not isinstance(block, Table):
        yield block
        return
    rows, sheet = list(block.sheet.rows), block.sheet
    for first in range(0, max(len(rows), 1), ROWS):
        is_last = first + ROWS >= len(rows)
        yield Table(Sheet(sheet.name, sheet.columns, rows[first : first + ROWS], sheet.total if is_last else None))


def _tall(block: Block) -> float:
    """Millimetres that the block takes."""
    match block:
        case Figures():
            return 34
        case Chart():
            return 122
        case Table(sheet):
            return 12 + 8.6 * (1 + len(list(sheet.rows)) + (sheet.total is not None))
        case Bullets(items):
            return 4 + sum(7.5 * (1 + len("".join(run.text for run in item)) // 120) for item in items)
        case Paragraph():
            return 6 + 8.0 * (1 + len(block.text) // 105)
    return 10


def _cover(show: "Presentation", document: Document) -> None:

    slide = show.slides.add_slide(show.slide_layouts[6])
    slide.background.fill.solid()
    slide.background.fill.fore_color.rgb = _ink(NIGHT)
    _text(slide, "Topline", 24, 20, 200, 10, size=14, color="86A5FF", is_bold=True)
    _text(slide, document.title, 24, 56, _WIDTH - 48, 34, size=38, color="FFFFFF", is_bold=True)
    _text(slide, document.subtitle, 24, 94, _WIDTH - 48, 10, size=18, color=LIGHT)
    if document.summary:
        _text(slide, document.summary, 24, 112, _WIDTH - 60, 24, size=16, color="FFFFFF")
    facts = "   ·   ".join(f"{label}: {value}" for label, value in document.facts)
    _text(slide, facts, 24, 166, _WIDTH - 48, 10, size=12, color=LIGHT)


def _slide(show: "Presentation", title: str, document: Document) -> "Slide":
    slide: Slide = show.slides.add_slide(show.slide_layouts[5])
    head = slide.shapes.title
    assert head is not None  # noqa: S101 - the layout has a title
    _place(head, _EDGE, 10, _WIDTH - 2 * _EDGE, 16)
    _fill(head.text_frame, title, size=26, color=INK, is_bold=True)
    _text(slide, document.note, _EDGE, _HEIGHT - 11, 220, 6, size=9, color=MUTED)
    number = str(len(show.slides))
    _text(slide, number, _WIDTH - 40, _HEIGHT - 11, 24, 6, size=9, color=MUTED, is_right=True)
    return slide


def _put(slide: "Slide", block: Block, y: float, document: Document, drawn: Iterator[bytes]) -> None:
    from pptx.util import Mm

    width = _WIDTH - 2 * _EDGE
    match block:
        case Heading(text):
            _text(slide, text, _EDGE, y, width, 8, size=15, color=INK, is_bold=True)
        case Paragraph(_, role):
            size = {"lead": 20, "note": 11}.get(role, 14)
            _text(slide, block.text, _EDGE, y, width, _tall(block), size=size, color=INK)
        case Bullets(items):
            texts = ["• " + "".join(run.text for run in item) for item in items]
            _text(slide, "\n".join(texts), _EDGE, y, width, _tall(block), size=14, color=INK)
        case Figures(items):
            each = width / len(items)
            for i, one in enumerate(items):
                _text(slide, one.label, _EDGE + i * each, y, each - 3, 6, size=11, color=MUTED)
                _text(slide, one.value, _EDGE + i * each, y + 6, each - 3, 11, size=20, color=BLUE, is_bold=True)
                _text(slide, one.note, _EDGE + i * each, y + 19, each - 3, 8, size=10, color=MUTED)
        case Chart(title, _, height):
            _text(slide, title, _EDGE, y, width, 7, size=13, color=INK, is_bold=True)
            high = min(108.0, width * height / chart.WIDTH)
            picture: Any = slide.shapes.add_picture(BytesIO(next(drawn)), Mm(_EDGE), Mm(y + 9), height=Mm(high))
            picture._element.nvPicPr.cNvPr.set("descr", title)
        case Table(sheet):
            if sheet.name:
                _text(slide, sheet.name, _EDGE, y, width, 7, size=13, color=INK, is_bold=True)
            _table(slide, sheet, y + 9, width, document.language)


def _table(slide: "Slide", sheet: Sheet, y: float, width: float, language: str) -> None:
    from pptx.util import Mm

    rows = [*sheet.rows, *([] if sheet.total is None else [sheet.total])]
    shape = slide.shapes.add_table(1 + len(rows), len(sheet.columns), Mm(_EDGE), Mm(y), Mm(width), Mm(8.6))
    table = shape.table
    lines: list[Sequence[Value]] = [[column.title for column in sheet.columns], *rows]
    for i, row in enumerate(lines):
        table.rows[i].height = Mm(8.2)
        for x, (value, column) in enumerate(zip(row, sheet.columns, strict=True)):
            cell = table.cell(i, x)
            cell.margin_top = cell.margin_bottom = Mm(0.8)
            text = str(value) if i == 0 else words.said(value, column, language)
            is_bold = i == 0 or (sheet.total is not None and i == len(rows))
            ink = "FFFFFF" if i == 0 else INK
            _fill(cell.text_frame, text, size=11, color=ink, is_bold=is_bold, is_right=words.is_numeric(column))
            if i == 0:
                cell.fill.solid()  # type: ignore[no-untyped-call]
                cell.fill.fore_color.rgb = _ink(BLUE)


def _ink(color: str) -> Any:
    from pptx.dml.color import RGBColor

    return RGBColor.from_string(color)  # type: ignore[no-untyped-call]


def _text(
    slide: "Slide", text: str, x: float, y: float, width: float, height: float, *, size: float, color: str,
    is_bold: bool = False, is_right: bool = False,
) -> None:  # fmt: skip
    from pptx.util import Mm

    box = slide.shapes.add_textbox(Mm(x), Mm(y), Mm(width), Mm(height))
    box.text_frame.word_wrap = True
    _fill(box.text_frame, text, size=size, color=color, is_bold=is_bold, is_right=is_right)


def _fill(frame: Any, text: str, *, size: float, color: str, is_bold: bool = False, is_right: bool = False) -> None:
    from pptx.enum.text import MSO_ANCHOR, PP_ALIGN
    from pptx.util import Pt

    frame.text = text
    frame.vertical_anchor = MSO_ANCHOR.TOP
    for line in frame.paragraphs:
        line.alignment = PP_ALIGN.RIGHT if is_right else PP_ALIGN.LEFT
        for run in line.runs:
            run.font.size, run.font.bold, run.font.name = Pt(size), is_bold, "Calibri"
            run.font.color.rgb = _ink(color)


def _place(shape: Any, x: float, y: float, width: float, height: float) -> None:
    from pptx.util import Mm

    shape.left, shape.top, shape.width, shape.height = Mm(x), Mm(y), Mm(width), Mm(height)
