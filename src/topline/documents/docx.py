"""A document as a Word file: styles of its own, headings that Word numbers into its contents, charts as pictures."""

from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from topline.documents import chart, words
from topline.documents.document import Block, Bullets, Chart, Document, Figures, Heading, Paragraph, Run, Table
from topline.documents.sheet import Column, Form, Sheet, Value

if TYPE_CHECKING:  # a third of a second to import
    from docx.document import Document as Word
    from docx.text.paragraph import Paragraph as WordParagraph

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_FULL, _MARGIN, _LETTER = 40, 5, 60_000
"""Letters from which on a column of a table is as wide as any, those that its edges take, and the EMU of one."""

INK, MUTED, BLUE = "10172B", "5D6676", "2750D8"


def write(document: Document, advance: Callable[[int, int], None] = lambda done, total: None) -> bytes:
    """The document as DOCX; `advance` is told how many charts are drawn. Raises chart.ChartBundleError."""
    import docx

    word = docx.Document()
    _style(word, document)
    _cover(word, document)
    pictures = chart.pictures([each for each in document.blocks if isinstance(each, Chart)], advance)
    drawn = iter(pictures)
    for place, block in enumerate(document.blocks):
        _put(word, place, block, document, drawn)
    file = BytesIO()
    word.save(file)
    return file.getvalue()


def _style(word: "Word", document: Document) -> None:
    from docx.shared import Mm, Pt, RGBColor

    word.core_properties.title, word.core_properties.language = document.title, document.language
    word.core_properties.author = "Topline"
    page = word.sections[0]
    page.page_width, page.page_height = Mm(210), Mm(297)
    page.left_margin = page.right_margin = Mm(20)
    page.top_margin = page.bottom_margin = Mm(22)
    page.different_first_page_header_footer = True
    sizes = {"Normal": (10, False), "Heading 1": (18, True), "Heading 2": (13, True), "Heading 3": (11, True)}
    for name, (size, is_bold) in sizes.items():
        style = word.styles[name]
        style.font.name, style.font.size, style.font.bold = "Calibri", Pt(size), is_bold
        style.font.color.rgb = RGBColor.from_string(INK)
    word.styles["Heading 1"].paragraph_format.page_break_before = True
    word.styles["Heading 1"].paragraph_format.space_after = Pt(10)
    head = page.header.paragraphs[0]
    _small(head, document.title)
    foot = page.footer.paragraphs[0]
    _small(foot, f"{document.note}\t\t")
    _field(foot, "PAGE")


def _cover(word: "Word", document: Document) -> None:
    from docx.shared import Pt, RGBColor

    brand = word.add_paragraph()
    brand.paragraph_format.space_after = Pt(150)
    run = brand.add_run("Topline")
    run.bold, run.font.size, run.font.color.rgb = True, Pt(12), RGBColor.from_string(BLUE)
    title = word.add_paragraph()
    run = title.add_run(document.title)
    run.bold, run.font.size, run.font.color.rgb = True, Pt(30), RGBColor.from_string(INK)
    run = word.add_paragraph().add_run(document.subtitle)
    run.font.size, run.font.color.rgb = Pt(14), RGBColor.from_string(MUTED)
    if document.summary:
        promise = word.add_paragraph()
        promise.paragraph_format.space_before, promise.paragraph_format.space_after = Pt(14), Pt(40)
        promise.add_run(document.summary).font.size = Pt(13)
    for label, value in document.facts:
        line = word.add_paragraph()
        line.paragraph_format.space_after = Pt(2)
        _small(line, f"{label}: ")
        line.add_run(value).bold = True
    if document.contents_title:
        _contents(word, document)


def _contents(word: "Word", document: Document) -> None:
    """A field that Word can bring up to date, filled with links so that it reads before that too."""
    from docx.oxml.ns import qn
    from docx.oxml.parser import OxmlElement
    from docx.shared import Mm, Pt

    title = word.add_paragraph()
    title.paragraph_format.page_break_before = True
    title.paragraph_format.space_after = Pt(10)
    run = title.add_run(document.contents_title)
    run.bold, run.font.size = True, Pt(18)
    line = word.add_paragraph()
    _char(line, "begin")
    _instruct(line, r'TOC \o "1-2" \h \z \u')
    _char(line, "separate")
    headings = document.headings
    for n, (place, heading) in enumerate(headings):
        line.paragraph_format.left_indent = Mm(6 * (heading.level - 1))
        line.paragraph_format.space_after = Pt(3)
        link = OxmlElement("w:hyperlink")
        link.set(qn("w:anchor"), f"part{place}")
        shown = line.add_run(_numbered(heading))
        shown.bold = heading.level == 1
        link.append(shown._r)
        line._p.append(link)
        if n < len(headings) - 1:
            line = word.add_paragraph()
    _char(line, "end")


def _put(word: "Word", place: int, block: Block, document: Document, drawn: Iterator[bytes]) -> None:
    from docx.shared import Mm, Pt

    match block:
        case Heading(_, level, _):
            _mark(word.add_heading(_numbered(block), level), place)
        case Paragraph(runs, role):
            style = {"quote": "Quote", "code": "No Spacing"}.get(role)
            line = word.add_paragraph(style=style)
            _runs(line, runs)
            for run in line.runs if role == "lead" else ():
                run.font.size = Pt(13)
            for run in line.runs if role == "note" else ():
                run.font.size = Pt(8.5)
        case Bullets(items, is_numbered):
            for item in items:
                _runs(word.add_paragraph(style="List Number" if is_numbered else "List Bullet"), item)
        case Figures(items):
            _figures(word, block)
        case Table(sheet):
            _table(word, sheet, document.language)
        case Chart(title, _, _):
            caption = word.add_paragraph()
            caption.paragraph_format.keep_with_next = True
            caption.add_run(title).bold = True
            picture = word.add_picture(BytesIO(next(drawn)), width=Mm(170))
            picture._inline.docPr.set("descr", title)


def _figures(word: "Word", block: Figures) -> None:
    from docx.shared import Pt

    table = word.add_table(rows=1, cols=len(block.items))
    for cell, one in zip(table.rows[0].cells, block.items, strict=True):
        _small(cell.paragraphs[0], one.label)
        run = cell.add_paragraph().add_run(one.value)
        run.bold, run.font.size = True, Pt(12)
        _small(cell.add_paragraph(), one.note)
    _gap(word)


def _gap(word: "Word") -> None:
    """The paragraph that must stand behind a table, so low that it never opens a page of its own."""
    from docx.enum.text import WD_LINE_SPACING
    from docx.shared import Pt

    form = word.add_paragraph().paragraph_format
    form.line_spacing_rule, form.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(6)
    form.space_before = form.space_after = Pt(0)


def _table(word: "Word", sheet: Sheet, language: str) -> None:
    rows = list(sheet.rows)
    if sheet.name:
        caption = word.add_paragraph()
        caption.paragraph_format.keep_with_next = True
        caption.add_run(sheet.name).bold = True
    total = [] if sheet.total is None else [sheet.total]
    table = word.add_table(rows=1 + len(rows) + len(total), cols=len(sheet.columns), style="Light Shading Accent 1")
    lines = list(table._tbl.tr_lst)
    _repeat(table.rows[0])
    written = [[column.title for column in sheet.columns]]
    written += [_worded(row, sheet, language) for row in [*rows, *total]]
    columns = list(table.columns)
    widths = _widths(sheet.columns, written, sum(column.width for column in columns))
    for each, width in zip(columns, widths, strict=True):
        each.width = width
    for line, cells in zip(lines, written, strict=True):
        is_bold = line is lines[0] or (bool(total) and line is lines[-1])
        for tc, column, width, text in zip(line.tc_lst, sheet.columns, widths, cells, strict=True):
            tc.width = width
            _cell(table, tc, text, is_right=words.is_numeric(column), is_bold=is_bold)
    _gap(word)


def _widths(columns: Sequence[Column], written: Sequence[Sequence[str]], whole: int) -> list[int]:
    """The width of each column in EMU: no number and no word is broken, and long texts get the room that is left.

    written : rows of cells; whole : the width of all
    """
    least, wish = [], []
    for column, texts in zip(columns, zip(*written, strict=True), strict=True):
        pieces = [piece for text in texts for piece in (text.split() if column.form is Form.TEXT else [text])]
        least.append(max(map(len, pieces), default=0) + _MARGIN)
        wish.append(max(least[-1], min(max(map(len, texts)), _FULL) + _MARGIN))
    more, spare = sum(wish) - sum(least), max(whole / _LETTER - sum(least), 0)
    given = min(spare / more, 1) if more else 0
    letters = [low + given * (high - low) for low, high in zip(least, wish, strict=True)]
    return [int(whole * each / sum(letters)) for each in letters]


def _worded(row: Sequence[Value], sheet: Sheet, language: str) -> list[str]:
    return [words.said(value, column, language) for value, column in zip(row, sheet.columns, strict=True)]


def _cell(table: Any, tc: Any, text: str, *, is_right: bool, is_bold: bool) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt
    from docx.table import _Cell  # a cell through the table's own lists costs a look at the whole table each time

    line = _Cell(tc, table).paragraphs[0]
    run = line.add_run(text)
    run.font.size, run.bold = Pt(8.5), is_bold
    if is_right:
        line.alignment = WD_ALIGN_PARAGRAPH.RIGHT


def _repeat(row: object) -> None:
    """The head of a table again on each page."""
    from docx.oxml.parser import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))  # type: ignore[attr-defined]


def _runs(line: "WordParagraph", runs: Sequence[Run]) -> None:
    for each in runs:
        run = line.add_run(each.text)
        run.bold, run.italic = each.is_strong or None, each.is_emphasis or None
        if each.link:
            line.add_run(f" ({each.link})")


def _small(line: "WordParagraph", text: str) -> None:
    from docx.shared import Pt, RGBColor

    run = line.add_run(text)
    run.font.size, run.font.color.rgb = Pt(8.5), RGBColor.from_string(MUTED)


def _field(line: "WordParagraph", instruction: str) -> None:
    _char(line, "begin")
    _instruct(line, instruction)
    _char(line, "separate")
    _small(line, "1")
    _char(line, "end")


def _char(line: "WordParagraph", kind: str) -> None:
    from docx.oxml.ns import qn
    from docx.oxml.parser import OxmlElement

    char = OxmlElement("w:fldChar")
    char.set(qn("w:fldCharType"), kind)
    line.add_run()._r.append(char)


def _instruct(line: "WordParagraph", text: str) -> None:
    from docx.oxml.ns import qn
    from docx.oxml.parser import OxmlElement

    instruction = OxmlElement("w:instrText")
    instruction.set(qn("xml:space"), "preserve")
    instruction.text = text
    line.add_run()._r.append(instruction)


def _mark(line: "WordParagraph", place: int) -> None:
    """A bookmark that the contents point at."""
    from docx.oxml.ns import qn
    from docx.oxml.parser import OxmlElement

    for tag in ("w:bookmarkStart", "w:bookmarkEnd"):
        mark = OxmlElement(tag)
        mark.set(qn("w:id"), str(place))
        if tag == "w:bookmarkStart":
            mark.set(qn("w:name"), f"part{place}")
        line._p.append(mark)


def _numbered(heading: Heading) -> str:
    return f"{heading.number}  {heading.text}" if heading.number else heading.text
