"""Install what the tests need from the system: a Chromium and a PostgreSQL server.

On Debian and Ubuntu by apt-get (as root, or through sudo); elsewhere Playwright's own Chromium, and PostgreSQL is left
to the person, with a word about it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium")
POSTGRES = Path("/usr/lib/postgresql")


def has_postgres() -> bool:
    return bool(shutil.which("initdb") or list(POSTGRES.glob("*/bin/initdb")))


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
    if not wanted or apt_install(wanted):
        return
    if "chromium" in wanted:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)
    if "postgresql" in wanted:
        print("PostgreSQL is not installed: the tests that need it will say so.", file=sys.stderr)


if __name__ == "__main__":
    main()
