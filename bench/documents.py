"""How long a plan's PDF takes: 36 pages with 20 charts. `python bench/documents.py` prints CPU and wall seconds."""

import argparse
import json
import time
from decimal import Decimal
from pathlib import Path

from topline.documents import markdown, option, pdf
from topline.documents.document import Block, Chart, Document, Figure, Figures, Heading, Paragraph, Table
from topline.documents.sheet import Column, Form, Sheet

FORM = option.Format("en-GB", "GBP", "money")
TEXT = (
    "Some **words** about it, with a [source](https://example.org):\n\n- one reason\n- another reason\n\n"
    + "And why. " * 60
)
MONTHS = ("Oct", "Nov", "Dec")


def document(charts: int) -> Document:
    """Chapters of a chart, figures, text and a table of 26 rows: two pages each."""
    blocks: list[Block] = []
    for n in range(charts):
        rows = [(f"Category {k}", *(Decimal(1000 * k + n),) * 3, Decimal(3000 * k + 3 * n)) for k in range(26)]
        money = [Column(month, Form.MONEY, "GBP", is_summed=True) for month in MONTHS]
        columns = (Column("Category"), *money, Column("Total", Form.MONEY, "GBP", formula="SUM({1}:{3})"))
        lines = [option.Line("Last year", [1, 2, 3], "last_year"), option.Line("Plan", [1.2, 2.2, 3.3], "plan")]
        blocks += [
            Heading(f"Chapter {n + 1}", 1, str(n + 1)),
            Paragraph.of("On course: 62 % chance to reach £1,200,000.", "lead"),
            Figures((Figure("Target", "£1.2M"), Figure("Actual so far", "£0.4M", "98 % of what is due"))),
            Chart("Net sales by month", option.columns(MONTHS, lines, FORM)),
            *markdown.blocks(TEXT),
            Table(Sheet("Targets", columns, rows)),
        ]
    facts = (("Version", "1"), ("Currency", "GBP"))
    return Document("Sales plan", "Harbour & Pine", "en", facts, tuple(blocks), "Contents", "Version 1", "On course.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charts", type=int, default=20)
    parser.add_argument("--out", type=Path, help="where to keep it, to look at")
    arguments = parser.parse_args()
    charts = arguments.charts
    cpu, wall = time.process_time(), time.perf_counter()
    written = pdf.write(document(charts))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if arguments.out:
        arguments.out.write_bytes(written)
    print(json.dumps({"charts": charts, "bytes": len(written), "cpu_s": round(cpu, 2), "wall_s": round(wall, 2)}))


if __name__ == "__main__":
    main()
