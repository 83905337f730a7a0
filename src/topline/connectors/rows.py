"""Rows that a program sends, as facts: typed and judged column by column with Arrow.

Every row becomes a fact or is refused with its place, the column and what is wrong with it. Only what fails is looked at
one by one.
"""

import json
import re
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from babel.numbers import list_currencies

from topline.connectors import places
from topline.connectors.reader import Shop
from topline.facts import columns as arrow
from topline.facts.columns import kernel
from topline.facts.table import Table
from topline.units import spelling
from topline.units.errors import ToplineError
from topline.units.text import N_

KEY_LENGTH, TEXT_LENGTH = 200, 255
MOST_COLUMNS = 200
"""Names that the rows of one request may use together; a fact has 30 at most."""
MOST_BYTES = 256 * 2**20
"""Of one request, unpacked."""

PERSONAL = r"@\S+\.\w|\+\d[\d ()-]{7,}\d"
"""The shape of an e-mail address or a phone number, which the lake never holds."""

REASONS: Mapping[str, str] = {
    "not_an_object": N_("It is not an object. Send each row as an object of columns and values."),
    "unknown_column": N_("“%(table)s” has no column of this name. %(hint)s"),
    "derived_column": N_("Topline works this column out itself. Leave it out."),
    "missing": N_("It is missing. Give every row a value."),
    "no_key": N_("Nothing names the row. Give it a “key” of its own, the same whenever you send it again."),
    "bad_text": N_("“%(value)s” is not a text. Send a string."),
    "bad_number": N_('“%(value)s” is not a number. Send a plain number, or a string such as "12.50".'),
    "bad_whole": N_("“%(value)s” is not a whole number."),
    "bad_flag": N_("“%(value)s” is neither true nor false."),
    "bad_date": N_("“%(value)s” is not a date. Write it as 2027-01-31."),
    "bad_moment": N_("“%(value)s” is not a moment. Write it as 2027-01-31T14:05:00Z."),
    "old_date": N_("It lies before 1970."),
    "future_date": N_("It lies in the future. Send what has happened; check the clock and the time zone."),
    "too_large": N_("The number is too large: at most twelve digits before the point."),
    "too_long": N_("The text is too long: at most %(length)s characters."),
    "control_character": N_("The text holds a control character. Take it out."),
    "personal": N_("The text holds an e-mail address or a phone number where none belongs. Send an id of yours."),
    "unknown_choice": N_("“%(value)s” is none of %(choices)s."),
    "unknown_currency": N_("“%(value)s” is not a currency of ISO 4217."),
    "no_rate": N_("The currency isn't the shop's. Send the shop's currency for one of it as “rate”."),
}
"""What may be wrong with a row, and what to do."""


class OwnFactError(ToplineError):
    message = N_("Topline writes “%(table)s” itself; nobody sends it. What may be sent: %(known)s.")


class RowsError(ToplineError):
    message = N_("The content can't be read as %(format)s: %(detail)s")


class ManyRowsError(ToplineError):
    message = N_("%(rows)s rows are too many for one request. Send at most %(most)s at a time.")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row. row : its place in what was sent, from 0; reason : a key of REASONS"""

    row: int
    column: str
    reason: str
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Taken:
    """The rows that are facts now, in the fact's schema, and what is wrong with the others: the first fault of each."""

    batch: pa.RecordBatch
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """Rows by column: each a list of plain values or an Arrow array, all of one length.

    strange : the places of what was sent as a row and is none; their cells are empty
    """

    columns: Mapping[str, Any]
    strange: tuple[int, ...] = ()


def parse(content: bytes, content_type: str, *, most: int) -> Sent:
    """The columns of what was sent: a JSON list of row objects, NDJSON, Arrow IPC or Parquet.

    Raises RowsError, ManyRowsError. most : rows
    """
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind in ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.file", "application/arrow"):
            return _tabular(_arrow(content), most)
        if kind in ("application/vnd.apache.parquet", "application/parquet", "application/x-parquet"):
            return _tabular(_parquet(content, most), most)
    except (pa.ArrowException, OSError, struct.error) as error:
        raise RowsError(format="Arrow or Parquet", detail=str(error)[:200]) from None
    is_lines = kind in ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")
    rows = _lines(content) if is_lines else _json(content)
    if not isinstance(rows, list):
        raise RowsError(format="JSON", detail=str(N_("a list of row objects is wanted")))
    if len(rows) > most:
        raise ManyRowsError(rows=len(rows), most=most)
    return _columns(rows)


def _columns(rows: list[Any]) -> Sent:
    """The rows' values by column. Raises RowsError."""
    names: dict[str, None] = {}
    is_even = True
    strange = tuple(place for place, row in enumerate(rows) if not isinstance(row, dict))
    for place in strange:
        rows[place] = {}
    for place, row in enumerate(rows):
        if row.keys() != names.keys():
            names.update(dict.fromkeys(row))
            is_even = is_even and not place
            if len(names) > MOST_COLUMNS:
                raise RowsError(format="JSON", detail=f"the rows have more than {MOST_COLUMNS} columns")
    if not names:
        return Sent({"key": [None] * len(rows)}, strange)
    if is_even and len(names) > 1:
        return Sent(dict(zip(names, map(list, zip(*map(itemgetter(*names), rows), strict=True)), strict=True)))
    return Sent({name: [row.get(name) for row in rows] for name in names}, strange)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content, parse_float=Decimal, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise RowsError(format="JSON", detail=str(error)[:200]) from None


def _lines(content: bytes) -> list[Any]:
    listed = [line for line in content.split(b"\n") if line.strip()]
    try:
        return list(_json(b"[" + b",".join(listed) + b"]"))
    except RowsError:
        for number, line in enumerate(listed, 1):
            try:
                json.loads(line)
            except (ValueError, RecursionError) as error:
                raise RowsError(format="NDJSON", detail=f"line {number}: {error}"[:200]) from None
        raise


def _arrow(content: bytes) -> pa.Table:
    stream = content[8:] if content[:6] == b"ARROW1" else content  # a file is a stream between a mark and an index
    for message in pa.ipc.MessageReader.open_stream(stream):
        if message.type == "record batch" and _is_packed(message.metadata.to_pybytes()):
            raise RowsError(format="Arrow", detail=str(N_("its buffers are compressed; send them plain")))
    return pa.ipc.open_stream(stream).read_all()


def _is_packed(metadata: bytes) -> bool:
    """Whether the batch of a message is compressed, and so of a size that nobody knows before it is unpacked.

    Source: Message.fbs, Apache Arrow's columnar format; slot 2 of a message is its header, slot 3 of a batch is how
    it is compressed.
    """
    header = _slot(metadata, struct.unpack_from("<I", metadata)[0], 2)
    return bool(header and _slot(metadata, header + struct.unpack_from("<I", metadata, header)[0], 3))


def _slot(buffer: bytes, table: int, number: int) -> int:
    """Where a field of a FlatBuffers table stands, 0 if it has none."""
    fields = table - struct.unpack_from("<i", buffer, table)[0]
    place = 4 + 2 * number
    is_there = place < struct.unpack_from("<H", buffer, fields)[0]
    offset = struct.unpack_from("<H", buffer, fields + place)[0] if is_there else 0
    return int(table + offset) if offset else 0


def _parquet(content: bytes, most: int) -> pa.Table:
    about = pq.read_metadata(pa.BufferReader(content))
    if about.num_rows > most:
        raise ManyRowsError(rows=about.num_rows, most=most)
    _fit(sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups)))
    texts = [one.name for one in about.schema.to_arrow_schema() if _is_text(one.type)]
    return pq.read_table(pa.BufferReader(content), read_dictionary=texts, partitioning=None)


def _tabular(rows: pa.Table, most: int) -> Sent:
    if rows.num_rows > most:
        raise ManyRowsError(rows=rows.num_rows, most=most)
    if len(set(rows.column_names)) < rows.num_columns:
        raise RowsError(format="Arrow or Parquet", detail="two columns have one name")
    _fit(sum(_unpacked(chunk) for column in rows.columns for chunk in column.chunks))
    plain = {name: arrow.array(rows[name]) for name in rows.column_names}
    return Sent(
        {n: each.dictionary_decode() if pa.types.is_dictionary(each.type) else each for n, each in plain.items()}
    )


def _unpacked(values: Any) -> int:
    """The bytes of the texts that a dictionary names again and again."""
    if not pa.types.is_dictionary(values.type) or not _is_text(values.type.value_type):
        return 0
    return int(kernel.sum(kernel.take(kernel.binary_length(values.dictionary), values.indices)).as_py() or 0)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _fit(size: int) -> None:
    if size > MOST_BYTES:
        detail = f"unpacked it would take {size / 2**20:,.0f} MiB; at most {MOST_BYTES >> 20} are taken"
        raise RowsError(format="Arrow or Parquet", detail=detail)


def accepted(table: Table) -> tuple[str, ...]:
    """The columns that a sender may give."""
    derived = _derived(table)
    return (*(name for name in table.columns if name not in derived), "updated_at")


def _derived(table: Table) -> frozenset[str]:
    """The columns that Topline fills from the others, or when it learns of a row."""
    return frozenset(
        ("recorded_at", "batch_id", "hour", "on") if "at" in table.columns else ("recorded_at", "batch_id")
    )


def take(table: Table, sent: Sent, shop: Shop, *, batch_id: str, now: datetime) -> Taken:
    """The rows of a fact that were sent, as facts. now : real time, when Topline learns of them

    A row's key is the source and what names it; its version is what was sent, else `updated_at`, else now, so that the
    last word counts. Personal ids become HMACs here. What a row says in a column that the fact doesn't have would be
    lost without a word, so the row is refused.
    """
    count = len(next(iter(sent.columns.values()))) if sent.columns else 0
    work = _Work(table, sent.columns, shop, count, now)
    return work.taken(batch_id, sent.strange)


class _Work:
    """One batch at work: its typed columns, and the first fault of each row."""

    def __init__(self, table: Table, sent: Mapping[str, Any], shop: Shop, count: int, now: datetime) -> None:
        self.table, self.sent, self.shop, self.count, self.now = table, sent, shop, count, now
        self.typed: dict[str, Any] = {}
        self.faults: dict[int, Fault] = {}

    def taken(self, batch_id: str, strange: Iterable[int]) -> Taken:
        self._fault(strange, "", "not_an_object")
        self._strangers()
        schema = self.table.schema
        for one in schema:
            if one.name in accepted(self.table) and one.name not in ("key", "version"):
                self.typed[one.name] = self._column(one)
        self._moments()
        self._money()
        self._required()
        self._identity()
        bad = np.zeros(self.count, dtype=bool)
        bad[list(self.faults)] = True
        good = pa.array(~bad)
        full = [self._fitted(one, batch_id).filter(good) for one in schema]
        batch = pa.RecordBatch.from_arrays(full, schema=schema)
        return Taken(batch, tuple(self.faults[row] for row in sorted(self.faults)))

    def _fitted(self, one: "pa.Field[Any]", batch_id: str) -> Any:
        """The column with something in every cell; a refused row's cells don't matter."""
        match one.name:
            case "recorded_at":
                return pa.repeat(pa.scalar(self.now, one.type), self.count)
            case "batch_id":
                return pa.repeat(batch_id, self.count)
        return self.typed[one.name].cast(one.type)

    def _fault(self, rows: Iterable[Any], column: str, reason: str, **params: object) -> None:
        for row in rows:
            self.faults.setdefault(int(row), Fault(int(row), column, reason, params))

    def _where(self, condition: Any) -> Sequence[int]:
        """The places at which a condition holds."""
        return list(np.flatnonzero(kernel.fill_null(condition, False).to_numpy(zero_copy_only=False)))

    def _valued(self, condition: Any, column: str, reason: str, values: Any, **params: object) -> None:
        """Faults that quote the value."""
        for row in self._where(condition):
            self._fault([row], column, reason, value=_short(values[row].as_py()), **params)

    def _strangers(self) -> None:
        """Faults of rows that fill a column which the fact doesn't have, or which isn't the sender's to fill."""
        known, derived = accepted(self.table), _derived(self.table)
        for name in (each for each in self.sent if each not in known):
            values = self.sent[name]
            filled = (
                self._where(kernel.is_valid(values))
                if isinstance(values, pa.Array)
                else [row for row, value in enumerate(values) if value is not None]
            )
            if name in derived:
                self._fault(filled, name, "derived_column")
                continue
            near = spelling.nearest(name, known)
            hint = f"Did you mean “{near[0]}”?" if near else f"It has {', '.join(known)}."
            self._fault(filled, _short(name), "unknown_column", table=self.table.name, hint=hint)

    def _column(self, one: "pa.Field[Any]") -> Any:
        name = one.name
        default = self.table.defaults.get(name)
        values = self.sent.get(name)
        if values is None:
            return (
                _nothing(self.count, one.type)
                if default is None
                else pa.repeat(pa.scalar(default, one.type), self.count)
            )
        kind = pa.string() if name in self.table.personal_keys else one.type
        found = self._typed(name, values, kind)
        if pa.types.is_string(kind):
            found = self._text(name, found)
        if default is not None:
            found = kernel.fill_null(found, pa.scalar(default, one.type))
        return found

    def _typed(self, name: str, values: Any, kind: pa.DataType) -> Any:
        """The values in their type; those that aren't are faults."""
        if isinstance(values, pa.Array):
            plain = _from_arrow(values, kind)
            if plain is not None:
                return plain
            values = values.to_pylist()
        try:
            if pa.types.is_string(kind) or pa.types.is_decimal(kind) or pa.types.is_boolean(kind):
                return pa.array(values, kind)
            if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
                return self._from_text(pa.array(values, pa.string()), kind)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            pass
        return self._each(name, values, kind)

    def _from_text(self, texts: Any, kind: pa.DataType) -> Any:
        """Dates and moments in the form that most programs write; raises ArrowInvalid if one isn't."""
        if pa.types.is_date(kind):
            if not kernel.all(kernel.equal(kernel.utf8_length(texts), 10), min_count=0).as_py():
                raise pa.ArrowInvalid("not all are plain dates")
            return texts.cast(kind)
        zoned = kernel.match_substring_regex(texts, r"(?:[zZ]|[+-]\d\d:?\d\d)$")
        if kernel.all(zoned, min_count=0).as_py():
            return texts.cast(arrow_utc)
        if kernel.any(zoned, min_count=0).as_py():
            raise pa.ArrowInvalid("some with a zone and some without")
        return on_the_wall(texts.cast(pa.timestamp("us")), self.shop.zone)

    def _each(self, name: str, values: Sequence[Any], kind: pa.DataType) -> Any:
        """Value by value, for a column in which some can't be read."""
        read, reason = _reader(kind)
        out: list[Any] = []
        for row, value in enumerate(values):
            try:
                plain = None if value is None or value == "" else read(value)
                if isinstance(plain, datetime) and plain.tzinfo is None:
                    plain = on_the_wall(pa.array([plain], pa.timestamp("us")), self.shop.zone)[0].as_py()
                out.append(plain)
            except _TooLargeError:
                self._fault([row], name, "too_large")
                out.append(None)
            except (ValueError, TypeError, ArithmeticError):
                self._fault([row], name, reason, value=_short(value))
                out.append(None)
        return pa.array(out, kind)

    def _text(self, name: str, texts: Any) -> Any:
        texts = kernel.utf8_trim_whitespace(texts)
        texts = kernel.if_else(kernel.equal(texts, ""), pa.scalar(None, pa.string()), texts)
        length = KEY_LENGTH if name.endswith("key") else TEXT_LENGTH
        self._fault(self._where(kernel.greater(kernel.utf8_length(texts), length)), name, "too_long", length=length)
        self._fault(self._where(kernel.match_substring_regex(texts, r"[\x00-\x1f\x7f]")), name, "control_character")
        if name in self.table.personal_keys:
            return self._mapped(texts, lambda id_: self.shop.hmac(self.shop.source, id_))
        self._fault(self._where(kernel.match_substring_regex(texts, PERSONAL)), name, "personal")
        if (allowed := self.table.choices.get(name)) is not None:
            texts = kernel.utf8_lower(texts)
            listed = ", ".join(allowed)
            unknown = kernel.invert(kernel.is_in(texts, pa.array([*allowed, None], pa.string())))
            self._valued(unknown, name, "unknown_choice", texts, choices=listed)
        if name == "currency":
            texts = kernel.utf8_upper(texts)
            unknown = kernel.invert(kernel.is_in(texts, pa.array([*list_currencies(), None], pa.string())))
            self._valued(unknown, name, "unknown_currency", texts)
        if name == "market":
            return self._mapped(texts, lambda name_: places.country(name_) or name_)
        return texts

    @staticmethod
    def _mapped(texts: Any, of: Callable[[str], str]) -> Any:
        """Each text replaced; a text that comes again is looked at once."""
        coded = texts.dictionary_encode()
        return pa.array([of(text) for text in coded.dictionary.to_pylist()], pa.string()).take(coded.indices)

    def _moments(self) -> None:
        if "at" in self.typed:
            shown = arrow.instants(self.typed["at"], self.shop.zone)
            self.typed |= {name: shown[name] for name in ("at", "on", "hour") if name in self.table.columns}
            late = pa.scalar(self._end(), arrow_utc)
            self._fault(self._where(kernel.greater_equal(shown["at"], late)), "at", "future_date")
        elif "on" in self.typed and not self.table.may_lie_ahead:
            today = pa.scalar(self.shop.today, pa.date32())
            self._fault(self._where(kernel.greater(self.typed["on"], today)), "on", "future_date")
        for name, column in self.typed.items():
            if pa.types.is_date(column.type):
                early = kernel.less(column, pa.scalar(date(1970, 1, 1), pa.date32()))
                self._fault(self._where(early), "at" if name == "on" and "at" in self.typed else name, "old_date")

    def _end(self) -> datetime:
        """After the shop's day everywhere on earth: clocks differ."""
        return datetime.combine(self.shop.today + timedelta(days=2), time(0), UTC)

    def _money(self) -> None:
        """The shop's currency where none is given, a rate of one for it, and amounts in the shop's currency."""
        if "currency" not in self.typed:
            return
        own = self.shop.currency
        currency = self.typed["currency"] = kernel.fill_null(self.typed["currency"], own)
        if "rate" not in self.table.columns:
            return
        rates = {own: Decimal(1), **self.shop.rates}
        known = pa.array(list(rates), pa.string())
        usual = pa.array(list(rates.values()), self.table.schema.field("rate").type)
        rate = kernel.coalesce(self.typed["rate"], usual.take(kernel.index_in(currency, known)))
        self._fault(self._where(kernel.is_null(rate)), "rate", "no_rate")
        self._fault(self._where(kernel.less_equal(rate, pa.scalar(Decimal(0), rate.type))), "rate", "no_rate")
        self.typed["rate"] = rate
        if {"amount", "amount_shop"} <= set(self.table.columns):
            self._to_shop(rate)

    def _to_shop(self, rate: Any) -> None:
        given, amount = self.typed["amount_shop"], self.typed["amount"]
        is_own = kernel.equal(rate, pa.scalar(Decimal(1), rate.type))
        found = kernel.coalesce(given, kernel.if_else(is_own, amount, pa.scalar(None, amount.type)))
        lacking = self._where(kernel.and_(kernel.is_null(found), kernel.is_valid(amount)))
        if lacking:
            values = found.to_pylist()
            for row in lacking:
                of, by = amount[row].as_py(), rate[row].as_py()
                try:
                    values[row] = None if by is None else _exact(of * by, 6)
                except _TooLargeError:
                    self._fault([row], "amount", "too_large")
            found = pa.array(values, amount.type)
        self.typed["amount_shop"] = found

    def _required(self) -> None:
        for one in self.table.schema:
            if one.name in self.typed and not one.nullable:
                shown = "at" if one.name in ("on", "hour") and "at" in self.typed else one.name
                shown = "amount" if one.name == "amount_shop" and "amount" in self.typed else shown
                self._fault(self._where(kernel.is_null(self.typed[one.name])), shown, "missing")

    def _identity(self) -> None:
        given = self._text(
            "key", self._typed("key", self.sent.get("key", _nothing(self.count, pa.string())), pa.string())
        )
        parts = [kernel.fill_null(self.typed[name].cast(pa.string()), "") for name in self.table.identity]
        natural = kernel.binary_join_element_wise(*parts, ":") if parts else _nothing(self.count, pa.string())
        key = kernel.coalesce(given, natural)
        self._fault(self._where(kernel.is_null(key)), "key", "no_key")
        self.typed["key"] = kernel.binary_join_element_wise(self.shop.source, key, ":")
        version = self._typed("version", self.sent.get("version", _nothing(self.count, pa.int64())), pa.int64())
        updated = self._typed("updated_at", self.sent.get("updated_at", _nothing(self.count, arrow_utc)), arrow_utc)
        now = int(self.now.timestamp() * 1_000_000)
        self.typed["version"] = kernel.coalesce(version, updated.cast(pa.int64()), pa.scalar(now, pa.int64()))


arrow_utc = pa.timestamp("us", tz="UTC")


def on_the_wall(naive: Any, zone: str) -> Any:
    """The moments in UTC of what the shop's clock showed.

    What it showed twice in autumn is the first; what it skipped in spring moves forward by the change.
    """
    after = kernel.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="latest")
    skipped = kernel.not_equal(kernel.local_timestamp(after), naive)
    if not kernel.any(skipped, min_count=0).as_py():
        return after.cast(arrow_utc)
    before = kernel.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="earliest")
    gap = kernel.local_timestamp(before).cast(pa.int64())
    into = kernel.subtract(kernel.subtract(naive.cast(pa.int64()), gap), 1)
    moved = kernel.add(after.cast(arrow_utc).cast(pa.int64()), into).cast(arrow_utc)
    return kernel.if_else(skipped, moved, after.cast(arrow_utc))


def _from_arrow(values: Any, kind: pa.DataType) -> Any | None:
    """An Arrow array in the type of a fact's column, None if that needs a look at each value."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_null(values.type):
        return _nothing(len(values), kind)
    is_number = pa.types.is_integer(values.type) or pa.types.is_decimal(values.type)
    has_zone = pa.types.is_timestamp(values.type) and values.type.tz is not None
    is_same = (
        (pa.types.is_string(kind) and (pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type)))
        or (pa.types.is_decimal(kind) and is_number)
        or (pa.types.is_integer(kind) and pa.types.is_integer(values.type))
        or (pa.types.is_timestamp(kind) and has_zone)
        or (pa.types.is_string(kind) and pa.types.is_integer(values.type))
        or (pa.types.is_floating(kind) and is_number)
    )
    if values.type.equals(kind):
        return values if not pa.types.is_floating(kind) else None
    try:
        return values.cast(kind) if is_same else None
    except pa.ArrowInvalid:
        return None


def _nothing(count: int, kind: Any) -> Any:
    """Empty cells of a type."""
    return pa.nulls(count, kind)


class _TooLargeError(ValueError):
    """More digits than a fact's number has."""


def _exact(value: Decimal, scale: int) -> Decimal:
    if not value.is_finite():
        raise InvalidOperation
    found = value.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_EVEN) if abs(value) < Decimal(10) ** 18 else value
    if abs(found) >= Decimal(10) ** (18 - scale):
        raise _TooLargeError
    return found


def _reader(kind: pa.DataType) -> tuple[Callable[[Any], Any], str]:
    """How one value is read, and the reason if it can't be."""
    if pa.types.is_decimal(kind):
        return (lambda value: _exact(_decimal(value), kind.scale)), "bad_number"
    if pa.types.is_integer(kind):
        return _whole, "bad_whole"
    if pa.types.is_floating(kind):
        return (lambda value: float(_exact(_decimal(value), 6))), "bad_number"
    if pa.types.is_boolean(kind):
        return _flag, "bad_flag"
    if pa.types.is_date(kind):
        return _day, "bad_date"
    if pa.types.is_timestamp(kind):
        return _moment, "bad_moment"
    return _words, "bad_text"


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise TypeError
    if isinstance(value, str) and not re.fullmatch(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?\s*", value):
        raise ValueError
    return Decimal(str(value))


def _whole(value: Any) -> int:
    found = _decimal(value)
    if found != found.to_integral_value():
        raise ValueError
    if abs(found) >= 2**63:
        raise _TooLargeError
    return int(found)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _day(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    return date.fromisoformat(value)


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or len(value) < 10:
        raise TypeError
    return datetime.fromisoformat(value)


def _words(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError
    str(value).encode()  # raises UnicodeEncodeError for half a letter, which no table holds
    return str(value)


def _short(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode().replace("\0", "\\0")[:40]
