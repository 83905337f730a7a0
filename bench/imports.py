"""Import of real and simulated orders: seconds and peak memory, each in a process of its own.

python bench/imports.py                     Online Retail II, 1,067,370 rows in two files (needs the shared data)
python bench/imports.py --lines 10000000    a Parquet file of that many simulated order lines
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHARED = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))

_SIMULATED = """
COPY (
    SELECT (i // 4)::VARCHAR AS "Order number", 'SKU' || lpad(((i * 7919) % 20000)::VARCHAR, 5, '0') AS "SKU",
        'Product ' || ((i * 7919) % 20000) AS "Product name", 1 + (i * 31) % 7 AS "Quantity",
        TIMESTAMP '2022-01-01' + INTERVAL ((i // 4) * 31) SECOND AS "Created at",
        (199 + (i * 7919) % 20000 % 97 * 50) / 100 AS "Price", 'c' || (i // 4 * 104729) % 700000 AS "Customer ID",
        ['United Kingdom', 'France', 'Germany', 'Romania'][1 + (i // 4) % 4] AS "Country"
    FROM range({lines}) r(i)
) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=0)
    parser.add_argument("--home", type=Path, default=None, help="a new folder for the shop; a temporary one by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="topline-bench-") as scratch:
        os.environ["TOPLINE_HOME"] = str(arguments.home or Path(scratch) / "home")
        paths = _files(arguments.lines, Path(scratch))
        _topline("shop", "create", "bench", "--currency", "GBP", "--timezone", "Europe/London", "--country", "GB")
        started = time.perf_counter()
        report = _topline("import", "--shop", "bench", "--yes", "--format", "json", *map(str, paths))
        seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(report.splitlines()[0:8])
    print(f"{seconds:.1f} s, {used.ru_utime + used.ru_stime:.1f} CPU s, peak {used.ru_maxrss / 2**20:.2f} GB")


def _files(lines: int, scratch: Path) -> list[Path]:
    if not lines:
        return sorted((SHARED / "online_retail_ii").glob("*.parquet"))
    import duckdb

    path = scratch / "orders.parquet"
    duckdb.sql(_SIMULATED.format(lines=lines, path=path))
    return [path]


def _topline(*arguments: str) -> str:
    command = [sys.executable, "-m", "topline.cli.main", *arguments]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


if __name__ == "__main__":
    main()
