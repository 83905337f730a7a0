"""The wheel holds all that a machine without Node needs: pages, assets, message catalogues, migrations."""

import json
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
DIST = SOURCE / "topline/web/static/dist"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of what is built already: the hook that builds the assets is left out, for it takes long."""
    if not (DIST / ".built").exists():
        pytest.skip("the assets aren't built; `make test` builds them")
    folder = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("HATCH_BUILD_NO_HOOKS", "true")
        (path,) = WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(path)


def test_every_file_of_the_package_is_in_it(wheel: zipfile.ZipFile) -> None:
    held = set(wheel.namelist())
    kept = {".py", ".html", ".txt", ".svg", ".sql"}
    source = {
        path.relative_to(SOURCE).as_posix()
        for path in (SOURCE / "topline").rglob("*")
        if path.suffix in kept and "__pycache__" not in path.parts and "assets" not in path.parts
    }
    assert not source - held
    assert sum(name.endswith(".html") for name in held) > 40
    assert any("migrations/0001" in name for name in held)


def test_every_asset_that_pages_name_is_in_it(wheel: zipfile.ZipFile) -> None:
    held = set(wheel.namelist())
    named = json.loads(wheel.read("topline/web/static/dist/manifest.json"))
    files = {f"topline/web/static/dist/{name}" for name in named.values() if isinstance(name, str)}
    assert files
    assert files <= held
    assert {"topline/web/static/dist/icons.svg", "topline/web/static/dist/licences.txt"} <= held
    assert "topline/documents/dist/echarts-server.js" in held


def test_languages_are_compiled_and_nothing_else_comes_along(wheel: zipfile.ZipFile) -> None:
    held = wheel.namelist()
    assert "topline/locale/ro/LC_MESSAGES/django.mo" in held
    assert not [name for name in held if name.startswith(("tests/", "bench/", "tools/")) or "node_modules" in name]
    (entry,) = (name for name in held if name.endswith("entry_points.txt"))
    assert b"topline = topline.cli.main:main" in wheel.read(entry)
    (meta,) = (name for name in held if name.endswith("/METADATA"))
    assert b"License-Expression: Apache-2.0" in wheel.read(meta)
