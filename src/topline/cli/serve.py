"""Serve the pages and the API, with a worker process beside them."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

import typer

from topline.cli import boot

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on; by default that of TOPLINE_URL.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on; by default that of TOPLINE_URL.")] = None,
    worker: Annotated[bool, typer.Option(help="Start a worker process too.")] = True,
) -> None:
    """Serve the pages and the API. The first run prints a link that signs you in."""
    address = urlsplit(os.environ.get("TOPLINE_URL") or "http://127.0.0.1:8000")
    if "TOPLINE_URL" not in os.environ and (host or port):
        os.environ["TOPLINE_URL"] = f"http://{host or '127.0.0.1'}:{port or 8000}"
    boot.product("web")
    listen = (host or "127.0.0.1", port or address.port or 8000)
    server = _server(*listen)
    child = _start_worker() if worker else None
    _announce()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server.run()
    finally:
        server.close()
        if child:
            _stop(child)


def _server(host: str, port: int):  # type: ignore[no-untyped-def]
    import waitress
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application

    trust = {}
    if settings.PROXY:
        headers = {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"}
        trust = {"trusted_proxy": settings.PROXY, "trusted_proxy_headers": headers}
    try:
        return waitress.create_server(
            get_wsgi_application(),
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


def _start_worker() -> "subprocess.Popen[bytes]":
    """The worker, in a process group of its own, so that Ctrl+C reaches it through us only."""
    command = [sys.executable, "-m", "topline.cli.main", "worker"]
    return subprocess.Popen(command, start_new_session=True)  # noqa: S603


def _stop(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(10)
    child.kill()


def _announce() -> None:
    from django.conf import settings

    from topline.accounts import links, operations

    typer.echo(f"Topline is at {settings.URL}   (Ctrl+C stops it)")
    token = operations.first_link(now=datetime.now(UTC))
    if token:
        typer.echo(f"Nobody has signed in yet. This link signs you in once:\n{links.address(token)}")
    sys.stdout.flush()
