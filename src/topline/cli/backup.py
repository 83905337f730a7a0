"""Back up everything into one file, while it is in use."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from topline.cli import boot

app = typer.Typer(add_completion=False)


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="The file to make, such as topline.zip.")]) -> None:
    """Back up the database, the lakes, the uploads and the keys into one file. Keep it as safe as a password."""
    boot.product()
    if file.exists():
        raise typer.BadParameter(f"There is a “{file}” already. Choose another name, or remove it first.")
    from topline.workbench import backup

    about = backup.backup(file.absolute(), now=datetime.now(UTC))
    size = sum(each["size"] for each in about["files"].values())
    typer.echo(f"{file}: {size / 1e6:.1f} MB, files: {len(about['files'])}, shops: {len(about['snapshots'])}.")
