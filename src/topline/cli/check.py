"""Say what is wrong with this installation, and how to mend it."""

import typer

from topline.cli import boot, output

app = typer.Typer(add_completion=False)


@app.command()
def check(style: output.FormatOption = output.Format.TABLE) -> None:
    """Look at folder, keys, database, journal, lakes, worker, jobs and mail; leaves with 1 if something is wrong."""
    boot.settings()
    from topline.workbench import health

    found = list(health.findings())
    columns = ("check", "state", "text", "mend")
    output.rows([{name: getattr(each, name) for name in columns} for each in found], style, columns=columns)
    if any(each.state == "problem" for each in found):
        raise typer.Exit(1)
