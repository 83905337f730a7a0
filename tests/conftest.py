"""Where the tests keep their things, and where the shared data lies."""

import atexit
import os
import shutil
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

DATABASE = {"db", "transactional_db", "django_db_setup", "live_server"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL leave out what touches no database; and what is marked `once`, unless it is asked for."""
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        return
    is_asked = "once" in config.option.markexpr
    kept = [each for each in items if _uses_database(each) and (is_asked or each.get_closest_marker("once") is None)]
    config.hook.pytest_deselected(items=[each for each in items if each not in kept])
    items[:] = kept


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
