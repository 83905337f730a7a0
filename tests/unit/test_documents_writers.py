"""One document as PDF, Word, PowerPoint, Excel and JSON: what a reader of each finds is what was put in."""

import re
import zipfile
from dataclasses import replace
from datetime import date
from decimal import Decimal
from io import BytesIO

import docx
import pptx
import pytest
import weasyprint
from python_calamine import CalamineWorkbook

from topline.documents import csv, frozen, markdown, option, pdf, words, xlsx
from topline.documents import docx as docx_writer
from topline.documents import pptx as pptx_writer
from topline.documents.document import Chart, Document, Figure, Figures, Heading, Paragraph, Table
from topline.documents.sheet import Column, Form, Sheet, Worded
from topline.units.missing import Missing

MONEY = {"form": Form.MONEY, "currency": "GBP"}
TARGETS = Sheet(
    "Targets",
    (
        Column("Category"),
        Column("Oct", **MONEY, is_summed=True),
        Column("Nov", **MONEY, is_summed=True),
        Column("Sum", **MONEY, formula="SUM({1}:{2})"),
    ),
    (("=1+1", Decimal("10.25"), Decimal(20), Decimal("30.25")), ("Rugs", Decimal(1), Decimal(2), Decimal(3))),
    ("Total", Decimal("11.25"), Decimal(22), Decimal("33.25")),
)
FORM = option.Format("en-GB", "GBP", "money")
DOCUMENT = Document(
    title="Sales plan <1>",
    subtitle="Harbour & Pine",
    language="en",
    facts=(("Version", "1"), ("Currency", "GBP")),
    blocks=(
        Heading("Summary", 1, "1"),
        Paragraph.of("On course: 62 % chance.", "lead"),
        Figures((Figure("Target", "£1.2M"), Figure("Chance", "62%", "as seen today"))),
        Chart("By month", option.columns(["Oct"], [option.Line("Plan", [1.0], "plan")], FORM)),
        Heading("Targets", 1, "14"),
        Heading("By category", 2),
        *markdown.blocks(
            "Read **this** at [home](https://example.org)\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |"
        ),
        Table(TARGETS),
    ),
    contents_title="Contents",
    note="Version 1",
    summary="On course.",
)


def test_xlsx_computes_sums_and_row_formulas_and_takes_no_text_for_one():
    written = xlsx.write([TARGETS])
    source = zipfile.ZipFile(BytesIO(written)).read("xl/worksheets/sheet1.xml").decode()
    assert [part.split("</f>")[0] for part in source.split("<f>")[1:]] == [
        "SUM(B2:C2)",
        "SUM(B3:C3)",
        "SUM(B2:B3)",
        "SUM(C2:C3)",
        "SUM(B4:C4)",
    ]
    words_head, number_head = re.findall(r'<c r="[AB]1" s="(\d+)"', source)
    assert words_head != number_head  # what names numbers stands above them, to the right
    rows = CalamineWorkbook.from_filelike(BytesIO(written)).get_sheet_by_index(0).to_python()
    assert rows[1:] == [["=1+1", 10.25, 20, 30.25], ["Rugs", 1, 2, 3], ["Total", 11.25, 22, 33.25]]


def test_numbers_of_several_units_in_a_column_are_numbers_in_a_spreadsheet_and_words_elsewhere():
    rate = Column("", Form.RATE)
    mixed = (Worded(Decimal("1386922.48"), "£1,386,922", Column("", **MONEY)), Worded(0.994, "over 95%", rate))
    sheet = Sheet("Goals", (Column("Of", Form.NUMBER),), [[each] for each in mixed])
    written = xlsx.write([sheet])
    rows = CalamineWorkbook.from_filelike(BytesIO(written)).get_sheet_by_index(0).to_python()
    assert rows[1:] == [[1386922.48], [0.994]]
    book = zipfile.ZipFile(BytesIO(written))
    looks = re.findall(r'<c r="A[23]" s="(\d+)"', book.read("xl/worksheets/sheet1.xml").decode())
    assert len(set(looks)) == 2  # an amount and a rate
    assert 'formatCode="#,##0.00 [$GBP]"' in book.read("xl/styles.xml").decode()
    assert [words.said(each, sheet.columns[0], "en") for each in mixed] == ["£1,386,922", "over 95%"]
    assert csv.plain(mixed[0]) == "1386922.48"
    assert frozen.thaw(frozen.freeze(mixed)) == mixed


def test_pdf_has_a_cover_contents_with_pages_and_bookmarks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pdf, "_fonts", lambda: "")
        told: list[tuple[int, int]] = []
        assert pdf.write(DOCUMENT, lambda done, total: told.append((done, total))).startswith(b"%PDF-1.7")
        drawn = pdf.html(DOCUMENT, {3: "<svg xmlns='http://www.w3.org/2000/svg'/>"})
    assert told == [(0, 2), (2, 2)]
    assert "Sales plan &lt;1&gt;" in drawn
    laid = weasyprint.HTML(string=drawn).render()
    assert len(laid.pages) == 3  # cover, contents, the rest
    tree = laid.make_bookmark_tree()
    assert [(each[0], each[1][0] + 1) for each in tree] == [("1 Summary", 3), ("14 Targets", 3)]


def test_word_has_the_headings_the_table_and_the_chart():
    word = docx.Document(BytesIO(docx_writer.write(DOCUMENT)))
    heads = [line.text for line in word.paragraphs if line.style.name.startswith("Heading")]
    assert heads == ["1  Summary", "14  Targets", "By category"]
    assert [[cell.text for cell in row.cells] for row in word.tables[-1].rows] == [
        ["Category", "Oct", "Nov", "Sum"],
        ["=1+1", "£10.25", "£20.00", "£30.25"],
        ["Rugs", "£1.00", "£2.00", "£3.00"],
        ["Total", "£11.25", "£22.00", "£33.25"],
    ]
    first, *amounts = [cell.width for cell in word.tables[-1].rows[1].cells]
    assert sum(amounts, first) <= word.sections[0].page_width
    said = Sheet("", (Column("Country"), Column("How")), (("UK", "Garden centres and parks first, then towns"),))
    long = docx.Document(BytesIO(docx_writer.write(replace(DOCUMENT, blocks=(Table(said),))))).tables[-1]
    assert long.cell(1, 1).width > 3 * long.cell(1, 0).width  # words get the room
    assert len(word.inline_shapes) == 1
    assert "PAGE" in word.sections[0].footer._element.xml


def test_slides_follow_the_headings():
    lesser = (Heading("Rugs", 3), Paragraph.of("They sell in winter."))
    show = pptx.Presentation(BytesIO(pptx_writer.write(replace(DOCUMENT, blocks=DOCUMENT.blocks + lesser))))
    titles = [slide.shapes.title.text for slide in list(show.slides)[1:]]
    assert titles == ["Summary", "Summary", "By category"]  # a lesser heading stands within the slide of a greater one
    assert "Rugs" in [shape.text_frame.text for shape in show.slides[3].shapes if shape.has_text_frame]
    assert "On course." in [shape.text_frame.text for shape in show.slides[0].shapes if shape.has_text_frame]
    tables = [shape.table for shape in show.slides[3].shapes if shape.has_table]
    assert [len(table.rows) for table in tables] == [2, 4]
    assert tables[-1].cell(3, 3).text == "£33.25"


def test_a_frozen_document_is_the_same_again():
    assert frozen.thaw(frozen.freeze(DOCUMENT)) == DOCUMENT


def test_values_read_in_the_documents_language():
    money = Column("", Form.MONEY, "RON")
    assert words.said(Decimal("1234.5"), money, "en") == "RON\xa01,234"
    assert words.said(Decimal("1234.5"), money, "ro") == "1.234\xa0RON"
    assert words.said(0.1234, Column("", Form.RATE), "ro") == "12,3\xa0%"
    assert words.said(date(2027, 2, 1), Column("", Form.DATE), "en") == "1 Feb 2027"
    assert words.said(None, money, "en") == "–"
    assert words.said(Missing("no_cost", "no cost"), money, "en") == "no cost"
