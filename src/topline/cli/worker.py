"""Run the worker: jobs, and the schedule beside them."""

import signal
import sys
import threading
from typing import Annotated

import typer

from topline.cli import boot

app = typer.Typer(add_completion=False)


@app.command()
def worker(
    while_piped: Annotated[bool, typer.Option("--while-piped", hidden=True, help="End with the input.")] = False,
) -> None:
    """Run the worker in the foreground: jobs, and the schedule beside them. `topline serve` starts one by itself."""
    boot.product("worker")
    from django.conf import settings

    from topline.workbench import worker

    is_over = threading.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: is_over.set())
    if while_piped:
        threading.Thread(target=_end_with_input, args=(is_over,), daemon=True).start()
    worker.run(is_over, settings.JOB_THREADS)


def _end_with_input(is_over: threading.Event) -> None:
    """Whoever started us holds the other end of our input; it closes when they end, however they do."""
    sys.stdin.buffer.read()
    is_over.set()
