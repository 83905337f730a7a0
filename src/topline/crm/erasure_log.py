"""The erasure log: a file beside the database, so that restoring an older database doesn't bring anybody back."""

import json
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from django.conf import settings


def path() -> Path:
    return Path(settings.HOME) / "erasures.jsonl"


def add(shop: str, customer_keys: Iterable[str], at: datetime) -> None:
    """Note erased customers by their keys, which say nothing about them; on disk when this returns."""
    with path().open("a", encoding="ascii") as file:
        for key in customer_keys:
            file.write(json.dumps({"shop": shop, "customer_key": key, "at": at.isoformat()}) + "\n")
        file.flush()
        os.fsync(file.fileno())


def entries() -> Iterator[tuple[str, str]]:
    """(shop, customer_key) of everybody who was ever erased."""
    if path().exists():
        for line in path().read_text("ascii").splitlines():
            entry = json.loads(line)
            yield entry["shop"], entry["customer_key"]
