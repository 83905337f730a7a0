"""Where the tests keep their things, and where the shared data lies."""

import os
import tempfile
from pathlib import Path

import pytest

os.environ["TOPLINE_HOME"] = tempfile.mkdtemp(prefix="topline-test-")

SHARED_DATA = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; a test that needs it skips where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no shared data at {SHARED_DATA}")
    return SHARED_DATA
