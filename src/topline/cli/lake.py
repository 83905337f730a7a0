"""Look into a shop's lake: snapshots, tables, files, batches; fold it, and check its files."""

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from topline.cli import boot, output

if TYPE_CHECKING:
    from topline.lake.snapshot import TableVersion

app = typer.Typer(
    help="Look into a shop's lake: snapshots, tables, files, batches; fold it, and check its files.",
    no_args_is_help=True,
    add_completion=False,
)

Shop = Annotated[str, typer.Option("--shop", help="The shop's short name, such as gifts.")]
Number = Annotated[int | None, typer.Option("--snapshot", help="A snapshot's number; the newest unless told.")]


@app.command()
def tables(shop: Shop, number: Number = None, style: output.FormatOption = output.Format.TABLE) -> None:
    """List the tables of a snapshot: version, and rows and files by layer."""
    lake = boot.shop(shop).lake()
    found = lake.snapshot(number) if number else lake.latest()
    rows = [_described(name, held) for name, held in found.tables.items()] if found else []
    title = f"Snapshot {found.number}, published at {found.published_at:%Y-%m-%d %H:%M:%S}" if found else None
    columns = ("table", "version", "base", "change", "history", "files", "bytes", "is_mirrored")
    output.rows(rows, style, columns=columns, title=title)


def _described(name: str, held: "TableVersion") -> dict[str, object]:
    rows = Counter[str]()
    for file in held.files:
        rows[file.layer] += file.rows
    return {
        "table": name,
        "version": held.version,
        **{layer: rows[layer] for layer in ("base", "change", "history")},
        "files": len(held.files),
        "bytes": sum(file.size for file in held.files),
        "is_mirrored": held.mirror is not None,
    }


@app.command()
def files(
    shop: Shop,
    table: Annotated[str, typer.Argument(help="Such as order_line.")],
    number: Number = None,
    style: output.FormatOption = output.Format.TABLE,
) -> None:
    """List the files of a table in a snapshot."""
    lake = boot.shop(shop).lake()
    lake.fact(table)
    found = lake.snapshot(number) if number else lake.latest()
    held = found.tables.get(table) if found else None
    columns = ("layer", "month", "rows", "size", "batch_id", "path")
    output.rows([{c: getattr(f, c) for c in columns} for f in held.files] if held else [], style, columns=columns)


@app.command()
def snapshots(shop: Shop, style: output.FormatOption = output.Format.TABLE) -> None:
    """List the snapshots that are kept, newest first."""
    rows = [
        {
            "snapshot": found.number,
            "published_at": found.published_at,
            "recorded_to": found.recorded_to,
            "rows": sum(held.rows for held in found.tables.values()),
            "hidden_batches": len(found.hidden),
        }
        for found in boot.shop(shop).lake().snapshots()
    ]
    output.rows(rows, style, columns=("snapshot", "published_at", "recorded_to", "rows", "hidden_batches"))


@app.command()
def batches(shop: Shop, style: output.FormatOption = output.Format.TABLE) -> None:
    """List the batches in the lake, and whether the newest snapshot shows them."""
    lake = boot.shop(shop).lake()
    hidden = found.hidden if (found := lake.latest()) else frozenset()
    rows = [{"batch": name, "is_hidden": name in hidden} for name in sorted(lake.batch_ids())]
    output.rows(rows, style, columns=("batch", "is_hidden"))


@app.command()
def fold(shop: Shop, style: output.FormatOption = output.Format.TABLE) -> None:
    """Make base of the changes; numbers stay, questions get quicker."""
    lake = boot.fresh_lake(boot.shop(shop))
    from topline.journal import operations as journal

    done = lake.fold_all(hidden=journal.hidden(lake), now=datetime.now(UTC))
    journal.publish(lake)
    rows = [{"table": n, "months": len(f.months), "rows": f.rows, "to_history": f.moved} for n, f in done.items()]
    output.rows(rows, style, columns=("table", "months", "rows", "to_history"))


@app.command()
def verify(shop: Shop, number: Number = None, style: output.FormatOption = output.Format.TABLE) -> None:
    """Read every file of a snapshot and compare it with its checksums."""
    checked = boot.shop(shop).lake().verify(number)
    output.rows([{"files": checked.files, "rows": checked.rows, "bytes": checked.size}], style)
