"""Where the tests keep their things, and where the shared data lies."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import django
import pytest
from hypothesis import settings

HOME = tempfile.mkdtemp(prefix="topline-test-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ["TOPLINE_HOME"] = HOME
os.environ["DJANGO_SETTINGS_MODULE"] = "topline.config.settings"  # here, since the settings read the line above
django.setup()
settings.register_profile("topline", deadline=None)  # a busy machine is no failure
settings.load_profile("topline")

ON_POSTGRES = os.environ.get("DATABASE_URL", "").startswith("postgres")
RUN = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
MIGRATED = Path(tempfile.gettempdir(), f"topline-migrated-{RUN}")
"""A home whose database has been migrated: that takes seconds, a copy none."""

LONG = ("tests/contract/test_metric.py", "tests/fault", "tests/browser", "tests/property")
"""What begins first: a long file that begins last would keep one worker busy while the others have ended."""

DATABASE = {"db", "transactional_db", "django_db_setup", "live_server"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long files first; on PostgreSQL without what touches no database, and without `once` unless it is asked for."""
    items.sort(key=_place)
    if not ON_POSTGRES:
        return
    is_asked = "once" in config.option.markexpr
    kept = [each for each in items if _uses_database(each) and (is_asked or each.get_closest_marker("once") is None)]
    config.hook.pytest_deselected(items=[each for each in items if each not in kept])
    items[:] = kept


def _place(item: pytest.Item) -> int:
    return next((place for place, start in enumerate(LONG) if item.nodeid.startswith(start)), len(LONG))


def _uses_database(item: pytest.Item) -> bool:
    is_marked = item.get_closest_marker("django_db") is not None
    return is_marked or not DATABASE.isdisjoint(getattr(item, "fixturenames", ()))


SHARED_DATA = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; a test that needs it skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no shared data at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session")
def migrated() -> Path:
    """A database file with every table and nothing in them; made once for all workers of a run."""
    import fcntl

    made = MIGRATED / "topline.sqlite3"
    with MIGRATED.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            start = "from topline.cli import boot; boot.product()"
            subprocess.run([sys.executable, "-c", start], env={**os.environ, "TOPLINE_HOME": str(MIGRATED)}, check=True)
    return made


@pytest.fixture
def home(tmp_path: Path, migrated: Path) -> Path:
    """A home for processes of its own, its tables made."""
    found = tmp_path / "home"
    found.mkdir()
    shutil.copyfile(migrated, found / migrated.name)
    return found


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker leaves the copy to the others."""
    if not hasattr(session.config, "workerinput"):
        shutil.rmtree(MIGRATED, ignore_errors=True)
        MIGRATED.with_suffix(".lock").unlink(missing_ok=True)


if not ON_POSTGRES:

    @pytest.fixture(scope="session")
    def django_db_setup(
        django_test_environment: None, django_db_modify_db_settings_parallel_suffix: None, migrated: Path
    ) -> None:
        """The worker's own database, a copy of the migrated one."""
        from django.db import connections

        for name, known in connections.settings.items():
            shutil.copyfile(migrated, known["TEST"]["NAME"])
            known["NAME"] = connections[name].settings_dict["NAME"] = str(known["TEST"]["NAME"])
