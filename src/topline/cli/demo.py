"""Try it: two shops full of data, in the browser, with you signed in.

Running it again goes on where it stopped.
"""

import os
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from datetime import UTC, datetime
from typing import Annotated

import typer

from topline.cli import boot, serve

app = typer.Typer(add_completion=False)

_PATIENCE_SECONDS = 60


@app.command()
def demo(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8000,
    browser: Annotated[bool, typer.Option(help="Open the browser.")] = True,
    fill_only: Annotated[bool, typer.Option("--fill-only", help="Make the shops, and serve nothing.")] = False,
) -> None:
    """Make the demo shops, and open them in the browser with you signed in."""
    os.environ.setdefault("TOPLINE_URL", f"http://127.0.0.1:{port}")
    boot.product()
    from django.conf import settings

    from topline.accounts import links, operations
    from topline.imports import demo as demos

    user = demos.create(say=typer.echo)
    if fill_only:
        return
    link = links.address(operations.create_link(user=user, actor_id=None, now=datetime.now(UTC)))
    if browser:
        threading.Thread(target=_open, args=(settings.URL, link), daemon=True).start()
    serve.run(host=None, port=port, worker=True, link=link)


def _open(url: str, link: str) -> None:
    """Opens the link as soon as the server answers."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=2):  # noqa: S310 - our own address
                webbrowser.open(link)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
