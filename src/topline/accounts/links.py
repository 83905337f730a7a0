"""Addresses that sign a person in once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings


def address(token: str) -> str:
    """The full address of a one-time sign-in link, where the server of this home is, else where it is set to be."""
    base = _served().read_text("utf-8") if _served().exists() else settings.URL
    return f"{base}/start/{token}/"


@contextmanager
def served() -> Iterator[None]:
    """While a server runs, other processes know its address, whatever port it was started with."""
    _served().write_text(settings.URL, "utf-8")
    try:
        yield
    finally:
        _served().unlink(missing_ok=True)


def _served() -> Path:
    return Path(settings.HOME) / "served"
