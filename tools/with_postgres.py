"""Run a command against a private PostgreSQL cluster that lives only as long as the command.

    python tools/with_postgres.py COMMAND [ARGUMENT ...]

DATABASE_URL names the cluster. Where there is no PostgreSQL the command does not run, and this says so (exit code 0).
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path


def programs() -> Path | None:
    """The folder of initdb and pg_ctl, the newest version's."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    folder = programs()
    if folder is None:
        print("No PostgreSQL here: nothing was run against it.", file=sys.stderr)
        return 0
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # the server refuses to run as root
    home = Path(tempfile.mkdtemp(prefix="topline-postgres-"))
    if user:
        shutil.chown(home, "postgres")
    port = free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -c unix_socket_directories={home}"
    control = [*user, folder / "pg_ctl", "-D", home / "cluster", "-w"]
    quiet = {"stdout": subprocess.DEVNULL, "check": True, "cwd": home}
    initialise = [*user, folder / "initdb", "-D", home / "cluster", "-U", "topline", "-A", "trust", "-E", "UTF8"]
    subprocess.run([*initialise, "--locale=C.UTF-8"], **quiet)
    subprocess.run([*control, "-l", home / "log", "-o", options, "start"], **quiet)
    try:
        url = f"postgres://topline@127.0.0.1:{port}/postgres"
        return subprocess.run(sys.argv[1:], env={**os.environ, "DATABASE_URL": url}, check=False).returncode
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **quiet)
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
