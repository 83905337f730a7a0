"""Outlooks that a shop keeps standing: made by a job, kept in the shared cache folder, made anew as facts come in."""

import hashlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

from django.conf import settings

from topline import __version__
from topline.accounts.models import Shop
from topline.lake.snapshot import Snapshot
from topline.outlook import kept, pipeline, price, recommend
from topline.plans.drafting import EmptyLakeError
from topline.workbench import jobs
from topline.workbench.models import Job

OUTLOOKS: Mapping[str, ModuleType] = {
    "pipeline": pipeline,
    "price": price,
    "recommend": recommend,
}
"""By name: modules with `READS`, the facts that it is made of, and `run(lake, snapshot, as_of=, settings=)`."""

FRESH_SECONDS = 3600
"""An outlook younger than that is not made anew for facts that came since; for another day it is."""

_KEPT = 2


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What is known now, and what is on its way.

    run : the newest that was made, None if none was
    is_current : whether no fact that it is made of came since
    job : that makes a newer one, or failed to; None if none is needed
    """

    run: kept.Run | None
    is_current: bool
    job: Job | None


def look(shop: Shop, name: str, *, retry: bool = False, is_wanted_now: bool = False) -> Standing:
    """The outlook as it stands; a job is asked for where it is missing or old.

    retry : ask again for what failed before; is_wanted_now : make it anew if any fact came, however young it is

    Raises EmptyLakeError.
    """
    snapshot = shop.lake().latest()
    if snapshot is None:
        raise EmptyLakeError()
    path = _path(shop, name, shop.today(), snapshot)
    if path.exists():
        return Standing(kept.load(path), True, None)
    older = newest(shop, name)
    is_young = older is not None and _is_young(older, shop.today())
    job = None if is_young and not is_wanted_now else _ask(shop, name, snapshot, retry)
    return Standing(kept.load(older) if older else None, False, job)


def fresh(shop: Shop, name: str) -> kept.Run:
    """The outlook of today, made now if it is not kept: for commands, which wait."""
    snapshot = shop.lake().latest()
    if snapshot is None:
        raise EmptyLakeError()
    path = _path(shop, name, shop.today(), snapshot)
    if not path.exists():
        _make(shop, name, shop.today(), snapshot)
    return kept.load(path)


def newest(shop: Shop, name: str) -> Path | None:
    """The folder of the newest run, None if there is none."""
    found = [path for path in _folder(shop, name).glob("*-*") if path.suffix != ".part"]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def make(job: Job) -> dict[str, Any]:
    """Make an outlook, unless it is kept already."""
    shop = Shop.objects.named(job.shop)
    name, as_of = job.params["outlook"], date.fromisoformat(job.params["as_of"])
    snapshot = shop.lake().latest()
    if snapshot is not None and not _path(shop, name, as_of, snapshot).exists():
        _make(shop, name, as_of, snapshot)
    return {"outlook": name}


def _make(shop: Shop, name: str, as_of: date, snapshot: Snapshot) -> None:
    run = OUTLOOKS[name].run(shop.lake(), snapshot, as_of=as_of, settings=shop.settings())
    kept.save(_path(shop, name, as_of, snapshot), run)
    old = sorted(_folder(shop, name).glob("*-*"), key=lambda path: path.stat().st_mtime)[:-_KEPT]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)


def _ask(shop: Shop, name: str, snapshot: Snapshot, retry: bool) -> Job:
    key = f"outlook.make:{shop.slug}:{name}:{_path(shop, name, shop.today(), snapshot).name}"
    params = {"outlook": name, "as_of": shop.today().isoformat()}
    return jobs.ask("outlook.make", shop=shop.slug, params=params, unique_key=key, retry=retry)


def _is_young(path: Path, today: date) -> bool:
    return path.name.startswith(f"{today}-") and path.stat().st_mtime > time.time() - FRESH_SECONDS


def _folder(shop: Shop, name: str) -> Path:
    return Path(settings.HOME) / "cache" / "standing" / shop.slug / name


def _path(shop: Shop, name: str, as_of: date, snapshot: Snapshot) -> Path:
    facts = tuple(snapshot.digest(table) for table in OUTLOOKS[name].READS)
    content = (__version__, facts, as_of, shop.settings().digest)
    return _folder(shop, name) / f"{as_of}-{hashlib.sha256(repr(content).encode()).hexdigest()[:16]}"


JOBS = {"outlook.make": make}
