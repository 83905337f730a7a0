"""Serve the pages and the API, with a worker process beside them."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from topline.cli import boot
from topline.units.errors import ToplineError

if TYPE_CHECKING:
    from waitress.server import BaseWSGIServer

app = typer.Typer(add_completion=False)

RESTART_SECONDS = 2
WARM_UP_SECONDS = 2
WALKS_APART = 50
"""Walks of the garbage collector through what is younger, for one through all; Python's own is 10."""


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on; by default 127.0.0.1.")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The port to listen on; by default that of TOPLINE_URL.")
    ] = None,
    worker: Annotated[bool, typer.Option(help="Start a worker process too.")] = True,
) -> None:
    """Serve the pages and the API. Until someone has signed in, it prints a link that does so once."""
    run(host=host, port=port, worker=worker)


def run(*, host: str | None, port: int | None, worker: bool, link: str | None = None) -> None:
    """Serve until told to stop. link : the sign-in link to print; by default one for the first person, if any"""
    if "TOPLINE_URL" not in os.environ and (host or port):
        os.environ["TOPLINE_URL"] = f"http://{host or '127.0.0.1'}:{port or 8000}"
    boot.product("web")
    from django.conf import settings

    from topline.accounts import links

    server = _server(host or "127.0.0.1", port or urlsplit(settings.URL).port or 8000)
    is_over = threading.Event()
    keeper = threading.Thread(target=_keep_worker, args=(is_over,), name="worker")
    if worker:
        keeper.start()
    threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with links.served():
            _announce(settings.URL, link)
            server.run()
    finally:
        is_over.set()
        server.close()
        if worker:
            keeper.join()


def _server(host: str, port: int) -> "BaseWSGIServer":
    import waitress
    from django.conf import settings
    from django.core.servers.basehttp import get_internal_wsgi_application

    trust: dict[str, Any] = {}
    if settings.PROXY:
        headers = {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"}
        trust = {"trusted_proxy": settings.PROXY, "trusted_proxy_headers": headers}
    try:
        return waitress.create_server(
            get_internal_wsgi_application(),
            host=host,
            port=port,
            threads=settings.THREADS,
            ident=None,
            clear_untrusted_proxy_headers=True,
            max_request_body_size=8 * 2**30,
            **trust,
        )
    except OSError as error:
        typer.echo(f"Can't listen on {host}:{port}: {error.strerror}. Choose another --port.", err=True)
        raise typer.Exit(1) from None


def _warm_up() -> None:
    """Warm up once the first page is out."""
    time.sleep(WARM_UP_SECONDS)
    warm_up()


def warm_up() -> None:
    """Load what the first question needs (Ibis, the lakes' mirrors, the calendar), and let the garbage collector leave
    it alone: its walk through all that is loaded holds every request up for half a second. Of what comes later it
    walks through all the less often: little of it is garbage, as what a page drops goes by itself."""
    from topline.accounts.models import Shop
    from topline.calendar.occurrence import occurrences
    from topline.lake import read
    from topline.lake.scope import Scope
    from topline.metrics.query import Query
    from topline.units.period import Period

    for shop in Shop.objects.all():
        month = Period(shop.today() - timedelta(days=30), shop.today())
        query = Query(metrics=("net_sales", "new_customers"), by=("day",), period=month, against="last_year")
        with suppress(ToplineError):
            read.read(shop.lake(), query, scope=Scope.whole(shop.slug), settings=shop.settings())
            occurrences(month, shop.country)
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, WALKS_APART)
    gc.collect()
    gc.freeze()


def _keep_worker(is_over: threading.Event) -> None:
    """A worker for as long as we run: one that dies is started again, and it ends when we do, however we end."""
    command = [sys.executable, "-m", "topline.cli.main", "worker", "--while-piped"]
    while not is_over.is_set():
        child = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603
        while child.poll() is None and not is_over.wait(0.2):
            pass
        if is_over.is_set():
            _stop(child)
        elif not is_over.wait(RESTART_SECONDS):
            typer.echo(f"The worker ended ({child.returncode}); it is started again.", err=True)


def _stop(child: "subprocess.Popen[bytes]") -> None:
    assert child.stdin is not None  # noqa: S101 - we asked for a pipe
    child.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        child.wait(10)
    child.kill()


def _announce(url: str, link: str | None) -> None:
    from topline.accounts import links, operations

    typer.echo(f"Topline is at {url}   (Ctrl+C stops it)")
    token = None if link else operations.first_link(now=datetime.now(UTC))
    if token:
        typer.echo("Nobody has signed in yet.")
        link = links.address(token)
    if link:
        typer.echo(f"This link signs you in once:\n{link}")
    sys.stdout.flush()
