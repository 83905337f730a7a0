"""Any file that a shop may bring, opened as Arrow record batches, or refused with the place and the remedy.

Text (CSV, TSV, JSON lines) and spreadsheets give columns of text, since only the reader of a column knows what it
means; Parquet keeps its types. `stage` puts a file beside its `ROW` numbers into one Parquet file, which all that follows
reads. Memory stays flat: a file streams through in chunks.
"""

import codecs
import csv
import gzip
import io
import json
import shutil
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Any, Literal

import charset_normalizer
import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import python_calamine

from topline.connectors import content, errors

ROW = "topline_row"
OWN_COLUMNS = "topline_"

CHUNK_BYTES = 1 << 20
LINE_BYTES = 4 << 20
UNPACKED_BYTES = 64 << 30
TIGHT_RATIO = 250
TIGHT_FROM_BYTES = 64 << 20
WORKBOOK_BYTES = 4 << 30
BATCH_ROWS = 64_000
HEADING_ROWS = 20
COLUMNS = 1000

_DELIMITERS = (",", ";", "\t", "|")
_ENCODINGS = ("cp1252", "cp1250", "iso8859_16", "iso8859_2", "iso8859_15", "mac_roman", "cp852", "cp850")
_LETTERS = frozenset("ăâîșțşţãõáéíóúàêôçäöüßèëïùûœñýÿĂÂÎȘȚŞŢÃÕÁÉÍÓÚÀÊÔÇÄÖÜÈËÏÙÛŒÑ£€–—’‘“”„°®™·…«»¿¡ªº²³½¼¾§×\u00a0")
_FOREIGN = {
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls) or one with a password: save it as .xlsx without a password",
    b"SQLite format 3": "a database",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
}


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that doesn't have the table's shape. row : its number in the file, counted from 1 with the headings"""

    row: int
    text: str
    found: int
    expected: int


@dataclass(slots=True)
class Source:
    """An opened file: its columns in order, how it was read, and its rows as batches that begin with `ROW`.

    rejects fills while the batches are drawn.
    """

    name: str
    columns: tuple[str, ...]
    reading: dict[str, object]
    batches: Iterator[pa.RecordBatch]
    rejects: list[Reject]


@dataclass(frozen=True, slots=True)
class Staged:
    """A file's rows in one Parquet file. reading : what was found out (type, encoding, delimiter, sheet)"""

    name: str
    path: Path
    columns: tuple[str, ...]
    rows: int
    rejects: tuple[Reject, ...]
    reading: dict[str, object]

    @property
    def relation(self) -> str:
        """The staged rows for a FROM clause: the row's number in the file, then the columns."""
        path = str(self.path).replace("'", "''")
        if self.reading["type"] == "parquet":
            return f"(SELECT file_row_number + 1 AS {ROW}, * EXCLUDE (file_row_number) FROM read_parquet('{path}', file_row_number = true))"
        return f"read_parquet('{path}')"


def stage(path: Path, folder: Path, *, name: str | None = None) -> Staged:
    """The file's rows as Parquet in `folder` (a Parquet file stays where it is). Raises FileError."""
    name = name or path.name
    folder.mkdir(parents=True, exist_ok=True)
    path, kind, packing = _unpacked(path, folder, name)
    if kind == "parquet":
        staged = _staged_parquet(path, name)
        _require_narrow(staged.columns, name)
        return staged
    source = _open_known(path, kind, folder, name)
    _require_narrow(source.columns, name)
    target = folder / "rows.parquet"
    rows = 0
    schema = _schema(source.columns)
    with pq.ParquetWriter(target, schema, compression="zstd", compression_level=1) as writer:
        for batch in source.batches:
            rows += batch.num_rows
            writer.write_batch(batch)
    if not rows and not source.rejects:
        raise errors.EmptyFileError(file=name)
    return Staged(name, target, source.columns, rows, tuple(source.rejects), {**source.reading, **packing})


def _require_narrow(columns: Sequence[str], name: str) -> None:
    if len(columns) > COLUMNS:
        raise errors.TooManyColumnsError(file=name, count=len(columns), most=COLUMNS)


def _schema(columns: Sequence[str]) -> pa.Schema:
    fields: list[pa.Field[Any]] = [pa.field(ROW, pa.int64())]
    fields.extend(pa.field(column, pa.string()) for column in columns)
    return pa.schema(fields)


def read(path: Path, folder: Path, *, name: str | None = None) -> Source:
    """The file opened, its batches not drawn yet; `folder` takes what must be unpacked or recoded. Raises FileError."""
    name = name or path.name
    folder.mkdir(parents=True, exist_ok=True)
    path, kind, packing = _unpacked(path, folder, name)
    if kind == "parquet":
        staged = _staged_parquet(path, name)
        cursor = duckdb.connect()
        reader = cursor.sql(f"SELECT * FROM {staged.relation}").to_arrow_reader(BATCH_ROWS)
        return Source(name, staged.columns, {**staged.reading, **packing}, iter(reader), [])
    source = _open_known(path, kind, folder, name)
    source.reading.update(packing)
    return source


def _open_known(path: Path, kind: str, folder: Path, name: str) -> Source:
    if kind == "xlsx":
        return _workbook(path, name)
    text, encoding = _utf8(path, folder / "text.utf8", name)
    with text.open(encoding="utf-8", newline="") as file:
        head = file.read(CHUNK_BYTES)
    if not head.strip():
        raise errors.EmptyFileError(file=name)
    source = _json_lines(text, head, name) if head.lstrip().startswith("{") else _delimited(text, head, name)
    source.reading["encoding"] = encoding
    return source


def _magic(head: bytes, name: str) -> str:
    if not head:
        raise errors.NoBytesError(file=name)
    if head[:4] == b"PAR1":
        return "parquet"
    if head[:2] == b"\x1f\x8b":
        return "gz"
    if head[:4] == b"PK\x03\x04":
        return "zip"
    if head[:4] == b"PK\x05\x06":
        raise errors.FileTypeError(file=name, found=_HOLLOW)
    for magic, found in _FOREIGN.items():
        if head.startswith(magic):
            raise errors.FileTypeError(file=name, found=found)
    if head.lstrip()[:1] == b"<":
        raise errors.FileTypeError(file=name, found="a web page or XML")
    if head.lstrip()[:1] == b"[" and b"{" in head[:64]:
        raise errors.FileTypeError(file=name, found="one JSON list; write one object a line")
    return "text"


def _unpacked(path: Path, folder: Path, name: str) -> tuple[Path, str, dict[str, object]]:
    """The plain file inside gz or zip, its kind, and how it was packed."""
    kind = _kind(path, name)
    if kind in ("gz", "zip"):
        inner = folder / "unpacked"
        packed, packing = path.stat().st_size, kind
        if kind == "gz":
            with gzip.open(path) as stream:
                _copy_guarded(stream, inner, packed, name)
        else:
            with zipfile.ZipFile(path) as archive:
                members = _members(archive)
                if not members:
                    raise errors.FileTypeError(file=name, found=_HOLLOW)
                if len(members) != 1:
                    raise errors.ArchiveError(file=name, count=len(members))
                if members[0].flag_bits & 1:
                    raise errors.FileTypeError(file=name, found="a locked archive: unpack it with its password")
                with archive.open(members[0]) as stream:
                    _copy_guarded(stream, inner, packed, name)
        kind = _kind(inner, name)
        if kind in ("gz", "zip"):
            raise errors.FileTypeError(file=name, found="an archive inside an archive")
        return inner, kind, {"packed": packing}
    return path, kind, {}


def _kind(path: Path, name: str) -> str:
    with path.open("rb") as file:
        kind = _magic(file.read(256), name)
    if kind == "parquet":
        with path.open("rb") as file:
            file.seek(-4, io.SEEK_END)
            if path.stat().st_size < 12 or file.read(4) != b"PAR1":
                raise errors.CutFileError(file=name, detail="the end of the Parquet file is missing")
    if kind == "zip":
        try:
            with zipfile.ZipFile(path) as archive:
                names = set(archive.namelist())
                if "xl/workbook.xml" in names:
                    size = sum(member.file_size for member in archive.infolist())
                    packed = path.stat().st_size
                    if size > WORKBOOK_BYTES or (size > TIGHT_FROM_BYTES and size > TIGHT_RATIO * packed):
                        raise errors.PackedTooTightError(file=name, ratio=TIGHT_RATIO, size=size >> 20)
                    return "xlsx"
                if "[Content_Types].xml" in names or "mimetype" in names:
                    raise errors.FileTypeError(file=name, found="an office document that isn't .xlsx")
        except zipfile.BadZipFile:
            raise errors.CutFileError(file=name, detail="the end of the archive is missing") from None
    return kind


_HOLLOW = "an archive without a file in it"


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    hidden = ("__MACOSX/", ".")
    return [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith(hidden)]


def _copy_guarded(stream: IO[bytes] | gzip.GzipFile, target: Path, packed: int, name: str) -> None:
    """Unpacks in chunks; a bomb is stopped by what really comes out, whatever the archive claims."""
    size = 0
    try:
        with target.open("wb") as file:
            while chunk := stream.read(CHUNK_BYTES):
                size += len(chunk)
                if size > TIGHT_FROM_BYTES and size > TIGHT_RATIO * packed:
                    raise errors.PackedTooTightError(file=name, ratio=TIGHT_RATIO, size=size >> 20)
                if size > UNPACKED_BYTES:
                    raise errors.TooLargeError(file=name, size=UNPACKED_BYTES >> 20)
                file.write(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile):
        raise errors.CutFileError(file=name, detail="the archive ends early or is damaged") from None


def _staged_parquet(path: Path, name: str) -> Staged:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError):
        raise errors.CutFileError(file=name, detail="the Parquet file is damaged") from None
    with file:
        columns = tuple(file.schema_arrow.names)
        rows = file.metadata.num_rows
    double = [column for column, count in Counter(columns).items() if count > 1]
    if double:
        raise errors.DoubleHeadingError(file=name, column=double[0], row=0)
    if not rows or not columns:
        raise errors.EmptyFileError(file=name)
    return Staged(name, path, columns, rows, (), {"type": "parquet"})


def _utf8(path: Path, target: Path, name: str) -> tuple[Path, str]:
    """The text recoded to UTF-8 without mark, checked line by line, and the encoding that it came in."""
    with path.open("rb") as file:
        encoding = _encoding(file.read(CHUNK_BYTES), name)
    while True:
        try:
            _recode(path, target, encoding, name)
            return target, encoding.replace("_", "-")
        except UnicodeDecodeError as error:
            # The first chunk was plain ASCII and something else follows further down.
            if encoding != "utf-8":
                raise errors.EncodingError(file=name, row=int(error.reason)) from None
            encoding = _guess(error.object, name, int(error.reason))


def _encoding(head: bytes, name: str) -> str:
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return encoding
    if head[1::2].count(0) > len(head) // 4:
        return "utf-16-le"
    if head[0::2].count(0) > len(head) // 4:
        return "utf-16-be"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError as error:
        return _guess(head, name, 1 + head.count(b"\n", 0, error.start))
    return "utf-8"


def _guess(sample: bytes, name: str, row: int) -> str:
    """The one-byte encoding under which the text is made of the letters of our languages; else what the detector says.

    row : of the file, that holds the first letter which isn't UTF-8
    """
    lines = [line for line in sample.split(b"\n") if any(byte > 127 for byte in line)][:500]
    text = b"\n".join(lines)
    best, most = "", 0.5
    for encoding in _ENCODINGS:
        found = [c for c in text.decode(encoding, "replace") if ord(c) > 127]
        share = sum(c in _LETTERS for c in found) / len(found)
        if share > most:
            best, most = encoding, share
    if not best:
        match = charset_normalizer.from_bytes(text).best()
        if match is None:
            raise errors.EncodingError(file=name, row=row)
        best = match.encoding
    return best


def _recode(path: Path, target: Path, encoding: str, name: str) -> None:
    decoder = codecs.getincrementaldecoder(encoding)()
    lines, open_line = 1, 0
    with path.open("rb") as source, target.open("wb") as file:
        while True:
            chunk = source.read(CHUNK_BYTES)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                row = lines + chunk.count(b"\n", 0, error.start)
                raise UnicodeDecodeError(encoding, chunk, error.start, error.end, str(row)) from None
            if "\0" in text:
                before, _, _ = text.partition("\0")
                line = before.rpartition("\n")[2]
                column = 1 + max(line.count(delimiter) for delimiter in _DELIMITERS)
                raise errors.NulByteError(file=name, row=lines + before.count("\n"), column=column)
            last = text.rfind("\n")
            open_line = open_line + len(text) if last < 0 else len(text) - last - 1
            if open_line > LINE_BYTES:
                raise errors.LineTooLongError(file=name, row=lines + text.count("\n"), size=LINE_BYTES >> 20)
            lines += text.count("\n")
            if "\r" in text and last < 0 and "\n" not in text:
                text = text.replace("\r", "\n")
            file.write(text.encode())
            if not chunk:
                return


def _delimited(path: Path, head: str, name: str) -> Source:
    delimiter, table = _sniff(head, name)
    if sum(c.isprintable() or c in "\r\n\t" for c in head) < 0.9 * len(head):
        raise errors.FileTypeError(file=name, found="no text")
    width = Counter(len(row) for _, row in table).most_common(1)[0][0]
    rows = [row for _, row in table]
    first = next(
        (i for i, row in enumerate(rows[:HEADING_ROWS]) if len(row) == width and 2 * sum(map(bool, row)) > width), 0
    )
    line = table[first][0]
    columns, headings = _headings(rows[first], rows[first + 1 :], line, name)
    if not headings:
        line -= 1
    elif first + 1 >= len(table):
        raise errors.EmptyFileError(file=name)
    _check_end(path, delimiter, columns, name)
    rejects: list[Reject] = []
    batches = _csv_batches(path, columns, delimiter, line, rejects, name)
    kept = tuple(column for column in columns if not column.startswith(OWN_COLUMNS))
    return Source(name, kept, {"type": "tsv" if delimiter == "\t" else "csv", "delimiter": delimiter}, batches, rejects)


def _sniff(head: str, name: str) -> tuple[str, list[tuple[int, list[str]]]]:
    """The delimiter under which most records have the same number of cells, and the first records with their last line."""
    sample = head if len(head) < CHUNK_BYTES else head[: head.rfind("\n") + 1]
    best: tuple[float, str, list[tuple[int, list[str]]]] = (-1.0, ",", [])
    for delimiter in _DELIMITERS:
        reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
        rows: list[tuple[int, list[str]]] = []
        try:
            for row in reader:
                if row:
                    rows.append((reader.line_num, row))
                if len(rows) == 400:
                    break
        except csv.Error:
            continue
        if not rows:
            continue
        width, count = Counter(len(row) for _, row in rows).most_common(1)[0]
        score = count / len(rows) * (1 - 1 / width)
        if score > best[0]:
            best = (score, delimiter, rows)
    if not best[2]:
        raise errors.EmptyFileError(file=name)
    return best[1], best[2]


def _headings(
    row: Sequence[str], below: Sequence[Sequence[str]], number: int | str, name: str
) -> tuple[tuple[str, ...], bool]:
    """Column names, and whether the row holds them; it doesn't if it already holds a record."""
    cells = [cell.strip().strip("\ufeff") for cell in row]
    if any(c.isdigit() for cell in cells for c in cell):
        plain = sum(any(c.isdigit() for c in cell) and not any(c.isalpha() for c in cell) for cell in cells)
        if plain >= max(1, len(cells) // 3):
            return tuple(content.unnamed(i) for i in range(1, len(cells) + 1)), False
    for i, cell in enumerate(cells):
        if not cell and any(i < len(other) and other[i].strip() for other in below):
            raise errors.MergedHeadingsError(file=name, row=number, column=i + 1)
    cells = [cell or content.unnamed(i) for i, cell in enumerate(cells, start=1)]
    double = next((cell for cell, count in Counter(cells).items() if count > 1), None)
    if double:
        raise errors.DoubleHeadingError(file=name, column=double, row=number)
    return tuple(cells), True


def _check_end(path: Path, delimiter: str, columns: Sequence[str], name: str) -> None:
    """A last line without an end and with too few cells is the mark of a file cut short."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LINE_BYTES))
        last = file.read().rpartition(b"\n")[2].decode("utf-8", "replace")
    if not last.strip():
        return
    cells = next(csv.reader([last], delimiter=delimiter))
    if len(cells) < len(columns) and len(columns) > 1:
        with path.open("rb") as file:
            row = 1 + sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(CHUNK_BYTES), b""))
        raise errors.HalfFileError(file=name, row=row, detail=f"{len(cells)} of {len(columns)} columns")


def _csv_batches(
    path: Path, columns: Sequence[str], delimiter: str, skip: int, rejects: list[Reject], name: str
) -> Iterator[pa.RecordBatch]:
    def note(row: pyarrow.csv.InvalidRow) -> Literal["skip"]:
        rejects.append(Reject(row.number or 0, row.text, row.actual_columns, row.expected_columns))
        return "skip"

    def check_quotes(last: str) -> None:
        if quotes % 2 and any(
            "\n" in text and text.count('"') % 2 for text in (f'"{last}', *(r.text for r in rejects[-1:]))
        ):
            row = _open_quote(path, delimiter)
            raise errors.HalfFileError(file=name, row=row, detail="a quotation mark never closes")

    with path.open("rb") as file:
        quotes = sum(chunk.count(b'"') for chunk in iter(lambda: file.read(CHUNK_BYTES), b""))
    try:
        reader = pyarrow.csv.open_csv(
            str(path),
            read_options=pyarrow.csv.ReadOptions(
                use_threads=False, block_size=2 * LINE_BYTES, skip_rows=skip, column_names=list(columns)
            ),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=quotes > 0,
                invalid_row_handler=note,
                quote_char='"' if quotes else False,
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=True,
            ),
        )
        kept = [i for i, column in enumerate(columns) if not column.startswith(OWN_COLUMNS)]
        number = skip
        for batch in reader:
            check_quotes((batch.columns[-1][-1].as_py() or "") if batch.num_rows else "")
            numbers = _numbers(number, batch.num_rows, {reject.row for reject in rejects})
            number = int(numbers[-1]) if len(numbers) else number
            numbered = pa.RecordBatch.from_arrays(
                [pa.array(numbers), *batch.select(kept).columns], names=[ROW, *(columns[i] for i in kept)]
            )
            for start in range(0, numbered.num_rows, BATCH_ROWS):
                yield numbered.slice(start, BATCH_ROWS)
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            raise errors.EmptyFileError(file=name) from None
        raise errors.HalfFileError(
            file=name, row=_open_quote(path, delimiter), detail="a quotation mark never closes"
        ) from None


def _open_quote(path: Path, delimiter: str) -> int:
    """The row in which a quotation mark opens and never closes."""
    start = 1
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            for _ in reader:
                start = reader.line_num + 1
        except csv.Error:
            pass
    return start


def _numbers(before: int, count: int, rejected: set[int]) -> "npt.NDArray[np.int64]":
    """The file's row numbers of `count` records after row `before`, without those that were rejected."""
    candidates = np.arange(before + 1, before + 1 + count + len(rejected), dtype=np.int64)
    if rejected:
        candidates = candidates[~np.isin(candidates, list(rejected))]
    return candidates[:count]


def _json_lines(path: Path, head: str, name: str) -> Source:
    columns: dict[str, str] = {}
    lines = head.splitlines()
    for number, line in enumerate(lines if len(head) < CHUNK_BYTES else lines[:-1], start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            if number == len(lines) and len(head) < CHUNK_BYTES and not head.endswith("\n"):
                raise errors.HalfFileError(file=name, row=number, detail="the JSON object isn't closed") from None
            continue
        if isinstance(record, dict):
            for key, value in record.items():
                columns.update(_json_paths(key, value))
    if not columns:
        raise errors.FileTypeError(file=name, found="text, but neither a table nor JSON lines")
    rejects: list[Reject] = []
    kept = {column: path for column, path in columns.items() if not column.startswith(OWN_COLUMNS)}
    return Source(name, tuple(kept), {"type": "jsonl"}, _json_batches(path, kept, rejects), rejects)


def _json_paths(key: str, value: object) -> dict[str, str]:
    """Column name to JSON pointer; objects one level down become columns of their own."""
    escape: Callable[[str], str] = lambda text: text.replace("~", "~0").replace("/", "~1")  # noqa: E731
    if isinstance(value, dict):
        return {f"{key}.{inner}": f"/{escape(key)}/{escape(inner)}" for inner in value}
    return {key: f"/{escape(key)}"}


def _json_batches(path: Path, columns: dict[str, str], rejects: list[Reject]) -> Iterator[pa.RecordBatch]:
    pointers = "[" + ", ".join("'" + pointer.replace("'", "''") + "'" for pointer in columns.values()) + "]"
    cursor = duckdb.connect(config={"threads": 1})
    number = 0
    with path.open(encoding="utf-8", newline="\n") as file:
        while lines := [line for _, line in zip(range(BATCH_ROWS // 4), file, strict=False)]:
            table = pa.table({"number": range(number + 1, number + 1 + len(lines)), "line": lines})
            number += len(lines)
            cursor.register("part", table)
            valid = cursor.sql(
                f"SELECT number, json_extract_string(line, {pointers}) AS v FROM part WHERE json_valid(line) AND json_type(line) = 'OBJECT' ORDER BY number"
            )
            names = [f"nullif(v[{i}], '') AS c{i}" for i in range(1, len(columns) + 1)]
            read = (
                cursor.sql(f"SELECT number, {', '.join(names)} FROM valid")
                .to_arrow_table()
                .rename_columns([ROW, *columns])
            )
            bad = cursor.sql(
                "SELECT number, line FROM part WHERE trim(line, chr(10) || chr(13) || ' ') <> '' AND (NOT "
                "json_valid(line) OR json_type(line) <> 'OBJECT')"
            ).fetchall()
            rejects.extend(Reject(row, text.rstrip("\n"), 0, len(columns)) for row, text in bad)
            del valid
            yield from read.cast(_schema(tuple(columns))).to_batches()


def _workbook(path: Path, name: str) -> Source:
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
        sheet = max(map(book.get_sheet_by_name, book.sheet_names), key=lambda sheet: sheet.total_height)
    except (python_calamine.CalamineError, OSError):
        raise errors.CutFileError(file=name, detail="the workbook is damaged") from None
    head = [
        [_text(cell) or "" for cell in row] for _, row in zip(range(2 * HEADING_ROWS), sheet.iter_rows(), strict=False)
    ]
    if sum(any(row) for row in head) < 2:
        raise errors.EmptyFileError(file=name)
    offset = sheet.start[0] if sheet.start else 0
    width = max(sum(map(bool, row)) for row in head)
    first = next((i for i, row in enumerate(head[:HEADING_ROWS]) if 2 * sum(map(bool, row)) > width), 0)
    used = [i for i in range(len(head[first])) if any(row[i] for row in head[first:])]
    number = first + offset + 1
    columns, headings = _headings(
        [head[first][i] for i in used], [[row[i] for i in used] for row in head[first + 1 :]], number, name
    )
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or []:
        if left != right and (top == number - 1 if headings else bottom < number - 1):
            raise errors.MergedHeadingsError(file=name, row=top + 1, column=_letters(left + 1))
    kept = [i for i, column in zip(used, columns, strict=True) if not column.startswith(OWN_COLUMNS)]
    names = tuple(column for column in columns if not column.startswith(OWN_COLUMNS))
    reading: dict[str, object] = {"type": "xlsx", "sheet": sheet.name, "other_sheets": len(book.sheet_names) - 1}
    return Source(name, names, reading, _sheet_batches(sheet, kept, names, number - (not headings), offset), [])


def _sheet_batches(
    sheet: Any, kept: Sequence[int], names: Sequence[str], skip: int, offset: int
) -> Iterator[pa.RecordBatch]:
    numbers: list[int] = []
    cells: list[list[str | None]] = [[] for _ in kept]
    for number, row in enumerate(sheet.iter_rows(), start=offset + 1):
        if number <= skip or not any(row[i] != "" for i in kept):
            continue
        numbers.append(number)
        for column, i in zip(cells, kept, strict=True):
            column.append(_text(row[i]))
        if len(numbers) == BATCH_ROWS:
            yield _text_batch(numbers, cells, names)
            numbers, cells = [], [[] for _ in kept]
    if numbers:
        yield _text_batch(numbers, cells, names)


def _text_batch(numbers: list[int], cells: list[list[str | None]], names: Sequence[str]) -> pa.RecordBatch:
    arrays: list[pa.Array[Any]] = [pa.array(numbers, pa.int64())]
    arrays.extend(pa.array(column, pa.string()) for column in cells)
    return pa.RecordBatch.from_arrays(arrays, schema=_schema(names))


def _text(cell: object) -> str | None:
    """A cell as text: whole numbers without a point, dates as ISO."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell).strip() or None


def _letters(index: int) -> str:
    """A spreadsheet's column letters, from a 0-based index: 0 is A, 26 is AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def discard(folder: Path) -> None:
    """Removes what staging left."""
    shutil.rmtree(folder, ignore_errors=True)
