"""Install what the tests need from the system: a Chromium, a PostgreSQL server, and Pango for PDF files.

On Debian and Ubuntu by apt-get (as root, or through sudo); elsewhere Playwright's own Chromium, and PostgreSQL is left
to the person, with a word about it.
"""

import ctypes.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium")
POSTGRES = Path("/usr/lib/postgresql")
PANGO = ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0")


def has_postgres() -> bool:
    return bool(shutil.which("initdb") or list(POSTGRES.glob("*/bin/initdb")))


def has_pango() -> bool:
    return all(ctypes.util.find_library(name) for name in ("pango-1.0", "pangoft2-1.0"))


def apt_install(packages: list[str]) -> bool:
    """Whether apt-get installed the packages."""
    if not shutil.which("apt-get"):
        return False
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if sudo and not shutil.which("sudo"):
        return False
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return all(
        subprocess.run([*sudo, "apt-get", *arguments], env=quiet, stdout=sys.stderr, check=False).returncode == 0
        for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages])
    )


def main() -> None:
    wanted = [] if CHROMIUM.exists() else ["chromium", "fonts-dejavu-core"]
    if not has_postgres():
        wanted.append("postgresql")
    if not has_pango():
        wanted.extend(PANGO)
    if not wanted or apt_install(wanted):
        return
    if "chromium" in wanted:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)
    if "postgresql" in wanted:
        print("PostgreSQL is not installed: the tests that need it will say so.", file=sys.stderr)
    if set(PANGO) & set(wanted):
        print("Pango is not installed: PDF files can't be written, and their tests fail.", file=sys.stderr)


if __name__ == "__main__":
    main()
