"""People's Markdown as parts of a document: paragraphs, lists, tables, headings below the document's own."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from topline.documents.document import Block, Bullets, Heading, Paragraph, Run, Table
from topline.documents.sheet import Column, Sheet

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable("image")


def blocks(text: str) -> list[Block]:
    """The text's blocks; nested lists come flat, headings at level 3."""
    return list(_blocks(_parser().parse(text)))


def _blocks(tokens: "Sequence[Token]") -> Iterator[Block]:
    items: list[tuple[Run, ...]] = []
    rows: list[list[str]] = []
    lists: list[bool] = []
    role, is_heading = "", False
    for token in tokens:
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                lists.append(token.type == "ordered_list_open")
            case "bullet_list_close" | "ordered_list_close":
                is_numbered = lists.pop()
                if items and not lists:
                    yield Bullets(tuple(items), is_numbered)
                    items = []
            case "heading_open" | "heading_close":
                is_heading = token.type == "heading_open"
            case "blockquote_open" | "blockquote_close":
                role = "quote" if token.type == "blockquote_open" else ""
            case "tr_open":
                rows.append([])
            case "table_close":
                yield _table(rows)
                rows = []
            case "fence" | "code_block":
                yield Paragraph.of(token.content.rstrip(), "code")
            case "inline":
                runs = tuple(_runs(token.children or ()))
                if rows:
                    rows[-1].append("".join(run.text for run in runs))
                elif lists:
                    items.append(runs)
                elif is_heading:
                    yield Heading("".join(run.text for run in runs), 3)
                else:
                    yield Paragraph(runs, role)


def _table(rows: list[list[str]]) -> Table:
    width = len(rows[0])
    cells = tuple((*row, *("",) * width)[:width] for row in rows[1:])
    return Table(Sheet("", tuple(Column(title) for title in rows[0]), cells))


def _runs(tokens: "Sequence[Token]") -> Iterator[Run]:
    strong = emphasis = 0
    link = ""
    for token in tokens:
        match token.type:
            case "strong_open" | "strong_close":
                strong += token.nesting
            case "em_open" | "em_close":
                emphasis += token.nesting
            case "link_open":
                link = str(token.attrGet("href") or "")
            case "link_close":
                link = ""
            case "softbreak" | "hardbreak":
                yield Run("\n")
            case _ if token.content:
                yield Run(token.content, strong > 0, emphasis > 0, link)
