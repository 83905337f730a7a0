"""`topline VERB ...`: finds `cli/VERB.py`, runs its `app`, and turns an error into a message and an exit code.

A verb's file is named after it, with a trailing underscore where Python needs one (`import_.py`), and holds `app`, a
Typer with one command or several. The first line of its docstring is what `topline --help` says about it.
"""

import ast
import logging
import os
import sys
from enum import IntEnum
from functools import cache
from importlib import import_module
from pathlib import Path

from topline import __version__
from topline.units import spelling
from topline.units.errors import ToplineError

_NOT_VERBS = {"__init__", "main", "boot", "output"}


class Exit(IntEnum):
    """What a command returns to the shell."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    BAD_INPUT = 4
    STOPPED = 130


EXITS = {
    Exit.OK: "done",
    Exit.FAILED: "failed",
    Exit.USAGE: "wrong usage",
    Exit.NOT_FOUND: "not found",
    Exit.BAD_INPUT: "input that must be mended",
    Exit.STOPPED: "stopped",
}


@cache
def verbs() -> dict[str, str]:
    """The verbs, in order of name, and the module of each."""
    stems = sorted(path.stem for path in Path(__file__).parent.glob("*.py"))
    return {stem.rstrip("_").replace("_", "-"): stem for stem in stems if stem not in _NOT_VERBS}


def exit_code(error: ToplineError) -> Exit:
    """3 when a named thing doesn't exist, 4 for anything else that the caller can mend."""
    is_missing = error.code.startswith("unknown_") and error.code != "unknown_setting"
    return Exit.NOT_FOUND if is_missing else Exit.BAD_INPUT


def main(args: list[str] | None = None) -> None:
    """Run a verb and leave with its exit code."""
    code = run(sys.argv[1:] if args is None else args)
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)  # the interpreter's own end would tear up questions that threads still ask of DuckDB


def run(args: list[str]) -> int:
    """The exit code of a verb, run in this process."""
    if not args or args[0] in ("--help", "-h", "help"):
        _print_help()
        return Exit.OK if args else Exit.USAGE
    if args[0] in ("--version", "-V"):
        sys.stdout.write(f"topline {__version__}\n")
        return Exit.OK
    if args[0] not in verbs():
        near = spelling.nearest(args[0], verbs())
        hint = f"Did you mean “{near[0]}”?" if near else "“topline --help” lists the verbs."
        return _say(f"There is no verb “{args[0]}”. {hint}", Exit.USAGE)
    try:
        return _run_verb(args[0], args[1:])
    except ToplineError as error:
        return _say(str(error), exit_code(error))
    except KeyboardInterrupt:
        return _say("Stopped.", Exit.STOPPED)
    except BrokenPipeError:
        return Exit.OK
    except Exception as error:
        said = _of_the_machine(error)
        if not said or _shows_errors():
            raise
        return _say(f"{said} TOPLINE_DEBUG=yes shows where it happened.", Exit.FAILED)


def _shows_errors() -> bool:
    conf = sys.modules.get("django.conf")
    return conf is not None and conf.settings.configured and conf.settings.DEBUG


def _of_the_machine(error: Exception) -> str:
    """What to do where the database, the lake or a folder can't be used, "" for any other error."""
    database, duckdb = sys.modules.get("django.db"), sys.modules.get("duckdb")
    if database is not None and isinstance(error, database.OperationalError):
        return f"The database can't be used: {str(error).strip()}. Check that it runs, and what DATABASE_URL says."
    if database is not None and type(error) is database.DatabaseError:  # SQLite's, of a file that is none of its own
        return f"The database is damaged: {str(error).strip()}. Restore the newest backup (topline restore)."
    if duckdb is not None and isinstance(error, duckdb.Error) and ".parquet" in str(error):
        said = str(error).partition("\n")[0]
        return f"The lake can't be read: {said}. “topline check” says what is wrong with it, and how to mend it."
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename} can't be used: {error.strerror}. Check the path and who may write there."
    return ""


def _run_verb(verb: str, args: list[str]) -> int:
    from typer import main as typer_main

    command = typer_main.get_command(import_module(f"topline.cli.{verbs()[verb]}").app)
    try:
        result = command.main(args, prog_name=f"topline {verb}", standalone_mode=True)
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):
            return Exit.OK
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    return int(result or 0)


def _print_help() -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2))
    for verb, stem in verbs().items():
        docstring = ast.get_docstring(ast.parse((Path(__file__).parent / f"{stem}.py").read_text("utf-8"))) or ""
        table.add_row(verb, docstring.partition("\n")[0])
    console = Console()
    console.print(f"topline {__version__}: the sales and marketing plan of an e-commerce business\n")
    console.print("Usage: topline VERB [OPTIONS]        topline VERB --help says more about one\n", highlight=False)
    console.print(table)
    exits = ", ".join(f"{code:d} {meaning}" for code, meaning in EXITS.items())
    console.print(f"\nExit codes: {exits}.", highlight=False)


def _say(message: str, code: Exit) -> Exit:
    sys.stderr.write(f"{message}\n")
    return code


if __name__ == "__main__":
    main()
