"""Every setting is in the table, is read and refuses what it doesn't know."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from topline.config import environment, keys
from topline.config.environment import SETTINGS, Kind
from topline.units.errors import ToplineError

CONFIG = Path(environment.__file__).parent
BY_TESTS = {"TOPLINE_SHARED_DATA"}


def run(home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """`topline shop list` in an environment of its own."""
    env = {"PATH": "/usr/bin:/bin", "TOPLINE_HOME": str(home), **variables}
    command = [sys.executable, "-m", "topline.cli.main", "shop", "list", "--format", "csv"]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_every_setting_is_read_and_says_what_it_means():
    read = set(re.findall(r'environment\.(?:text|number|flag)\("(\w+)"\)', (CONFIG / "settings.py").read_text("utf-8")))
    assert read == set(SETTINGS) - BY_TESTS
    assert all(setting.meaning.endswith(".") for setting in SETTINGS.values())


def test_nothing_reads_the_environment_behind_the_table():
    package = CONFIG.parent
    readers = {
        name
        for path in package.rglob("*.py")
        for name in re.findall(r'environ(?:\.get\(|\[)"(TOPLINE_\w+|DATABASE_URL)"', path.read_text("utf-8"))
    }
    assert readers <= set(SETTINGS)


def test_defaults_are_allowed(monkeypatch):
    readers = {Kind.TEXT: environment.text, Kind.NUMBER: environment.number, Kind.FLAG: environment.flag}
    for name, setting in SETTINGS.items():
        monkeypatch.delenv(name, raising=False)
        readers[setting.kind](name)


@pytest.mark.parametrize(
    ("name", "value", "reader"),
    [
        ("TOPLINE_LANGUAGE", "klingon", environment.text),
        ("TOPLINE_THREADS", "0", environment.number),
        ("TOPLINE_THREADS", "many", environment.number),
        ("TOPLINE_THREADS", "-1", environment.number),
        ("TOPLINE_DEBUG", "perhaps", environment.flag),
    ],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch, name, value, reader):
    monkeypatch.setenv(name, value)
    with pytest.raises(environment.SettingError, match=f"{name} is “{value}”"):
        reader(name)


def test_an_unknown_setting_is_refused_with_the_nearest(monkeypatch):
    monkeypatch.setenv("TOPLINE_THREAD", "4")
    with pytest.raises(environment.UnknownSettingError, match="Did you mean TOPLINE_THREADS"):
        environment.refuse_unknown()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TOPLINE_LOG_FORMAT", "xml", "Set it to auto, json, text."),
        ("TOPLINE_URL", "plan.example.org", "https://plan.example.org"),
        ("DATABASE_URL", "mysql://x", "postgres://"),
        ("TOPLINE_MAIL_URL", "imap://x", "smtp://"),
        ("TOPLINE_MAIL_URL", "mail.example.org", "smtp://"),
        ("TOPLINE_MAIL_URL", "smtp://", "a server after"),
        ("TOPLINE_COLOUR", "red", "TOPLINE_COLOUR is not a setting"),
    ],
)
def test_the_settings_refuse_to_load(tmp_path, monkeypatch, variable, value, said):
    monkeypatch.setenv("TOPLINE_HOME", str(tmp_path))
    monkeypatch.setenv(variable, value)
    with pytest.raises(ToplineError, match=re.escape(said)):
        runpy.run_path(str(CONFIG / "settings.py"))


def test_the_program_refuses_to_start_in_one_line(tmp_path):
    done = run(tmp_path, TOPLINE_LOG_FORMAT="xml")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == "TOPLINE_LOG_FORMAT is “xml”, which is not allowed. Set it to auto, json, text.\n"


def test_keys_are_made_once_and_private(tmp_path):
    made = keys.signing_key(tmp_path / "keys"), keys.vault_key(tmp_path / "keys")
    assert made == (keys.signing_key(tmp_path / "keys"), keys.vault_key(tmp_path / "keys"))
    files = list((tmp_path / "keys").iterdir())
    assert sorted(path.name for path in files) == ["signing.key", "vault.key"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
