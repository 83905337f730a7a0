"""Laws of the lake: files come, go and overlap in any order, and folds change nothing that is seen."""

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lake_shop import EPOCH, Row, batch, newest, shown
from topline.lake import engine, mirror
from topline.lake.store import Lake

rows = st.builds(Row, st.sampled_from("abcdef"), st.integers(1, 4))
files = st.lists(st.lists(rows, min_size=1, max_size=8), min_size=1, max_size=4)
step = st.tuples(st.sampled_from(["take", "take", "withdraw", "restore", "fold"]), st.integers(0, 3))


@pytest.mark.parametrize("least_rows", [1, 20_000])
@settings(max_examples=6, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=files, steps=st.lists(step, min_size=1, max_size=8))
def test_any_order_equals_the_set_of_live_files(files, steps, least_rows):
    """Append, withdraw, import again, fold: the lake shows the newest version of each key of the live files."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(mirror, "LEAST_ROWS", least_rows)
        patch.setattr(engine, "LEAST_GAP", 2)
        lake = Lake(Path(folder), "shop")
        live: dict[str, int] = {}
        hidden: set[str] = set()
        for number, (verb, index) in enumerate(steps):
            now = EPOCH + timedelta(minutes=number)
            index %= len(files)
            if verb == "take":
                name = f"{index}-{number}"
                found = lake.append("price", [batch(files[index], name, now)], batch_id=name)
                assert found.rows + found.duplicates == len(files[index])
                live[name] = index
            elif verb == "withdraw":
                hidden |= {name for name in live if name.startswith(f"{index}-")}
            elif verb == "restore":
                hidden -= {name for name in live if name.startswith(f"{index}-")}
            else:
                lake.fold("price", hidden=hidden, now=now)
            if not live:
                continue
            seen = lake.publish(hidden=hidden, now=now)
            expected = newest(files[at] for name, at in live.items() if name not in hidden)
            assert shown(lake, seen) == expected
            assert shown(lake, seen, known_at=now) == expected
        for cut in range(0, len(steps), 3):
            known_at = EPOCH + timedelta(minutes=cut, seconds=30)
            early = [at for name, at in live.items() if name not in hidden and int(name.split("-")[1]) <= cut]
            if live:
                assert shown(lake, seen, known_at=known_at) == newest(files[at] for at in early)


@settings(max_examples=3, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=files, folds=st.lists(st.booleans(), min_size=4, max_size=4))
def test_a_month_of_equal_digest_has_equal_rows(files, folds):
    """Between two snapshots a month may change only if its digest does."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder), "shop")
        kept: dict[str, set[tuple[str, int]]] = {}
        for number, (rows, is_folded) in enumerate(zip(files, folds, strict=False)):
            lake.append("price", [batch(rows, str(number))], batch_id=str(number))
            for hidden in ([], [str(number)], [str(number - 1)]):
                if is_folded:
                    lake.fold("price", hidden=hidden, now=EPOCH)
                seen = lake.publish(hidden=hidden, now=EPOCH)
                found = shown(lake, seen)
                for month in ("2025-12", "2026-01", "2026-02"):
                    here = {(k, v) for k, (v, on, _) in found.items() if f"{on:%Y-%m}" == month}
                    assert kept.setdefault(seen.digest("price", month), here) == here
