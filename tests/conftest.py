"""Where the tests keep their things, and where the shared data lies."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import django
import pytest

HOME = tempfile.mkdtemp(prefix="topline-test-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ["TOPLINE_HOME"] = HOME
os.environ["DJANGO_SETTINGS_MODULE"] = "topline.config.settings"  # here, since the settings read the line above
django.setup()

SHARED_DATA = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; a test that needs it skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no shared data at {SHARED_DATA}")
    return SHARED_DATA
