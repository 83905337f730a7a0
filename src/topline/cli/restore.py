"""Bring back what a backup holds, proven by its checksums."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from topline.cli import boot

app = typer.Typer(add_completion=False)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `topline backup` made.")],
    replace: Annotated[bool, typer.Option("--replace", help="Move what is there aside first.")] = False,
) -> None:
    """Bring back what a backup holds into TOPLINE_HOME. Stop `topline serve` first."""
    boot.settings()
    from topline.workbench import backup

    now = datetime.now(UTC)
    about = backup.unpack(file.absolute(), is_replacing=replace, now=now)
    backup.settle(about)
    from topline.crm import erasure_log, operations

    again = operations.erase_again(entries=erasure_log.entries(), now=now)
    typer.echo(f"Restored the backup of {about['made_at']}: {len(about['files'])} files, all as they were.")
    if again:
        typer.echo(f"Customers who had been erased since, and were erased again: {again}.")
