"""The demand outlook of a shop: made by a job, kept as a file for pages and, once a week, as facts."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from topline import __version__
from topline.accounts.models import Shop
from topline.outlook import demand, demand_file, demand_slice
from topline.outlook.demand import Bottom, Change, DemandOutlook, Drift
from topline.outlook.demand_slice import Cut
from topline.plans import expectation, runs
from topline.plans.drafting import EmptyLakeError
from topline.units.period import Grain


def made(shop: Shop, changes: Sequence[Change] = ()) -> DemandOutlook | None:
    """The newest outlook with these changes, None if there is none yet; it may be of an earlier day."""
    path = _path(shop, changes)
    try:
        demand_file.bottom_path(path).stat()
        found = _loaded(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None
    return found if found.as_of <= shop.today() else None  # the clock was set back


def cut(
    shop: Shop,
    found: DemandOutlook,
    *,
    where: Mapping[str, str],
    by: Sequence[str] = (),
    grain: Grain = Grain.WEEK,
) -> Cut:
    """Slices of a kept outlook. Raises UnknownSliceError."""
    path = demand_file.bottom_path(_path(shop, found.changes))
    bottom = _loaded_bottom(path, path.stat().st_mtime_ns)
    return demand_slice.cut(bottom, found.weeks[0], where=where, by=by, grain=grain, level=found.level)


@lru_cache(maxsize=2)
def _loaded_bottom(path: Path, _written: int) -> Bottom:
    return demand_file.load_bottom(path)


@lru_cache(maxsize=8)
def _loaded(path: Path, _written: int) -> DemandOutlook:
    return demand_file.load(path)


def is_fresh(shop: Shop, found: DemandOutlook | None, as_of: date) -> bool:
    """Whether an outlook is of this week, and of today where sales came in since."""
    if found is None:
        return False
    snapshot = shop.lake().latest()
    week = shop.settings().calendar.floor
    if week(found.as_of, Grain.WEEK) != week(as_of, Grain.WEEK):
        return False
    return found.as_of == as_of or snapshot is None or snapshot.number == found.snapshot


def make(
    shop: Shop, as_of: date, changes: Sequence[Change] = (), *, advance: Callable[[int, int], object] | None = None
) -> DemandOutlook:
    """Makes and keeps the outlook; without changes also as facts, once a week.

    Raises EmptyLakeError, ShortHistoryError, UnknownProductError.
    """
    lake = shop.lake()
    snapshot = lake.latest()
    if snapshot is None:
        raise EmptyLakeError()
    if advance:
        advance(0, 2)
    own = expectation.own_events(shop, as_of)
    found = demand.run(lake, snapshot, as_of=as_of, settings=shop.settings(), changes=changes, own=own)
    demand_file.save(found, _path(shop, changes))
    if advance:
        advance(1, 2)
    batch_id = f"outlook/demand/{found.weeks[0]}"
    if not changes and not runs.is_kept(shop=shop, batch_id=batch_id):
        runs.keep(shop, batch_id, lambda at: demand.publish(at, found, batch_id=batch_id, now=timezone.now()))
    return found


def drift(shop: Shop, as_of: date) -> Drift:
    """Whether what came in since leaves the published intervals too often."""
    lake = shop.lake()
    snapshot = lake.latest()
    if snapshot is None:
        return Drift(0, 0, is_alarming=False)
    return demand.drift(lake, snapshot, as_of=as_of, settings=shop.settings())


def plain(changes: Sequence[Change]) -> list[Mapping[str, Any]]:
    """The changes as a job's parameters."""
    return [{**demand_file.plain(each), "from": str(each.period.start), "to": str(each.period.end)} for each in changes]


def _path(shop: Shop, changes: Sequence[Change]) -> Path:
    content = (__version__, shop.slug, shop.settings().digest, tuple(changes))
    name = hashlib.sha256(repr(content).encode()).hexdigest()
    return Path(settings.HOME) / "cache" / "outlook" / f"demand-{name}.npz"
