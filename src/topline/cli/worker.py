"""Run the worker: jobs, and the schedule beside them."""

import signal
import threading

import typer

from topline.cli import boot

app = typer.Typer(add_completion=False)


@app.command()
def worker() -> None:
    """Run the worker in the foreground: jobs, and the schedule beside them. `topline serve` starts one by itself."""
    boot.product("worker")
    from django.conf import settings

    from topline.workbench import worker

    is_over = threading.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: is_over.set())
    worker.run(is_over, settings.JOB_THREADS)
