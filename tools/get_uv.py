"""Print the path of uv, fetching it into the checkout where the machine has none.

Runs on any Python from 3.9 on, standard library only: by pip where there is one, else the wheel itself, whose
SHA-256 is pinned below.
"""

import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

VERSION = "0.13.9"
HOME = Path(__file__).resolve().parents[1] / ".uv"
INDEX = os.environ.get("UV_DEFAULT_INDEX", "https://pypi.org/simple").rstrip("/")
WHEELS = {  # (system, machine): (platform tag, sha256)
    ("Linux", "x86_64"): (
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    ),
    ("Linux", "aarch64"): (
        "manylinux_2_28_aarch64",
        "ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375",
    ),
    ("Darwin", "x86_64"): (
        "macosx_10_12_x86_64",
        "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
    ),
    ("Darwin", "arm64"): (
        "macosx_11_0_arm64",
        "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
    ),
    ("Windows", "AMD64"): ("win_amd64", "6a44b2ed8111d2f60d2b92627c5dccda3f7ed7570b18ce115e569cd68c28246b"),
}


def by_pip() -> bool:
    """Whether pip could put uv into the checkout."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(HOME), f"uv=={VERSION}"]
    try:
        return subprocess.run(command, stdout=sys.stderr, check=False).returncode == 0
    except OSError:
        return False


def by_wheel() -> None:
    """Fetch the wheel from the index, check it against the pinned hash and take the program out of it."""
    try:
        tag, sha256 = WHEELS[platform.system(), platform.machine()]
    except KeyError:
        sys.exit(f"No pinned uv for {platform.system()} {platform.machine()}. Install uv {VERSION} and run this again.")
    name = f"uv-{VERSION}-py3-none-{tag}.whl"
    request = urllib.request.Request(f"{INDEX}/uv/", headers={"Accept": "application/vnd.pypi.simple.v1+json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        url = next(entry["url"] for entry in json.load(answer)["files"] if entry["filename"] == name)
    with urllib.request.urlopen(url, timeout=300) as answer:
        wheel = answer.read()
    if hashlib.sha256(wheel).hexdigest() != sha256:
        sys.exit(f"{name} is not the file that was pinned (its SHA-256 differs). Nothing was installed.")
    program = "uv.exe" if platform.system() == "Windows" else "uv"
    (HOME / "bin").mkdir(parents=True, exist_ok=True)
    unfinished = HOME / "bin" / f"{program}.part"
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        unfinished.write_bytes(archive.read(f"uv-{VERSION}.data/scripts/{program}"))
    unfinished.chmod(0o755)
    unfinished.replace(HOME / "bin" / program)


def main() -> None:
    found = shutil.which("uv", path=f"{os.environ.get('PATH', '')}{os.pathsep}{HOME / 'bin'}")
    if found is None:
        if not by_pip():
            by_wheel()
        found = shutil.which("uv", path=str(HOME / "bin"))
    if found is None:
        sys.exit(f"uv could not be fetched. Install uv {VERSION} and run this again.")
    print(found)


if __name__ == "__main__":
    main()
