"""Outlooks that a shop keeps standing: made by a job, kept in the shared cache folder, made anew as facts come in."""

import hashlib
import shutil
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
from topline.plans import renewal
from topline.plans.drafting import EmptyLakeError
from topline.workbench.models import Job

OUTLOOKS: Mapping[str, ModuleType] = {
    "pipeline": pipeline,
    "price": price,
    "recommend": recommend,
}
"""By name: modules with `READS`, the facts that it is made of, and `run(lake, snapshot, as_of=, settings=)`."""

_KEPT = 4


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What is known now, and what is on its way.

    run : the newest that was made, of an earlier day where none is of today; None if none was
    job : that makes a newer one, or failed to; None if none is needed
    """

    run: kept.Run | None
    job: Job | None


def look(shop: Shop, name: str, *, retry: bool = False) -> Standing:
    """The outlook as it stands; a job is asked for where it is missing or due.

    retry : ask again for what failed before

    Raises EmptyLakeError.
    """
    today = shop.today()
    found = renewal.look(
        shop,
        f"outlook.make:{shop.slug}:{name}:{today}",
        lambda snapshot: _path(shop, name, today, snapshot).exists(),
        params={"outlook": name, "as_of": today.isoformat()},
        retry=retry,
    )
    path = newest(shop, name, today) if found.snapshot is None else _path(shop, name, today, found.snapshot)
    return Standing(kept.load(path) if path else None, found.job)


def fresh(shop: Shop, name: str) -> kept.Run:
    """The outlook of today, made now if it is not kept: for commands, which wait."""
    snapshot = shop.lake().latest()
    if snapshot is None:
        raise EmptyLakeError()
    path = _path(shop, name, shop.today(), snapshot)
    if not path.exists():
        _make(shop, name, shop.today(), snapshot)
    return kept.load(path)


def newest(shop: Shop, name: str, as_of: date, snapshot: Snapshot | None = None) -> Path | None:
    """The folder of the newest run as seen on a day, of facts up to these if some are given; None if there is none.

    A clock that was set back sees none of what was learnt on later days.
    """
    made = {path: kept.about(path) for path in _folder(shop, name).glob("*-*") if path.suffix != ".part"}
    found = [
        path
        for path, about in made.items()
        if about["as_of"] <= as_of.isoformat() and (snapshot is None or about["snapshot"] <= snapshot.number)
    ]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def make(job: Job) -> dict[str, Any]:
    """Make an outlook, unless it is kept already."""
    shop = Shop.objects.named(job.shop)
    name, as_of = job.params["outlook"], date.fromisoformat(job.params["as_of"])
    snapshot = shop.lake().latest()
    if snapshot is None:
        return {}
    if not _path(shop, name, as_of, snapshot).exists():
        _make(shop, name, as_of, snapshot)
    return {"snapshot": snapshot.number}


def _make(shop: Shop, name: str, as_of: date, snapshot: Snapshot) -> None:
    run = OUTLOOKS[name].run(shop.lake(), snapshot, as_of=as_of, settings=shop.settings())
    kept.save(_path(shop, name, as_of, snapshot), run)
    old = sorted(_folder(shop, name).glob("*-*"), key=lambda path: path.stat().st_mtime)[:-_KEPT]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)


def _folder(shop: Shop, name: str) -> Path:
    return Path(settings.HOME) / "cache" / "standing" / shop.slug / name


def _path(shop: Shop, name: str, as_of: date, snapshot: Snapshot) -> Path:
    facts = tuple(snapshot.digest(table) for table in OUTLOOKS[name].READS)
    content = (__version__, facts, as_of, shop.settings().digest)
    return _folder(shop, name) / f"{as_of}-{hashlib.sha256(repr(content).encode()).hexdigest()[:16]}"


JOBS = {"outlook.make": make}
