"""Rows of files as facts, in sets: staged in DuckDB, judged row by row, and given out as record batches.

Every row becomes a fact or goes to quarantine with a reason. Naive stamps are the shop's wall clock: an ambiguous one is its
first occurrence, one that a clock change skips moves forward, and both are counted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
from babel.numbers import list_currencies

from topline.connectors import content, errors, files, mapping, parts, places, profile, reading, reference
from topline.connectors.clock import Clock
from topline.connectors.mapping import Layout
from topline.connectors.reader import Reader, Shop, Stamp
from topline.connectors.reading import quoted
from topline.connectors.target import Type
from topline.facts.order_line import Kind
from topline.facts.table import tables
from topline.units import spelling
from topline.units.text import N_

SAMPLE_ROWS = 3_000
BATCH_ROWS = 100_000
SET_ROWS = 2_000_000
MEMORY = "400MB"
CODE_LENGTH = 100
TEXT_LENGTH = 255

REASONS: Mapping[str, str] = {
    "shape": N_(
        "The row has %(found)s cells and the headings %(expected)s: look for a missing quote or a delimiter too many."
    ),
    "no_order": N_("The order number is missing."),
    "no_date": N_("The date is missing: write it, best as 2027-01-31."),
    "bad_date": N_("The date can't be read: write it as the others are, best as 2027-01-31."),
    "old_date": N_("The date is before 1970: correct it, or leave the row out."),
    "future_date": N_("The date is in the future: correct it, or bring the row when it has happened."),
    "no_number": N_("A number is missing."),
    "bad_number": N_("A number can't be read: write it in digits, as the others are."),
    "too_large": N_("The amount is too large: twelve digits before the point at most."),
    "unknown_currency": N_("This is not a currency of ISO 4217: write its code, such as EUR."),
    "no_rate": N_("The currency isn't the shop's, and no exchange rate is known. Add a column with the rate."),
    "too_long": N_("The text is longer than %(length)s characters: shorten it."),
    "control_character": N_("The text holds a control character: take it out."),
    "personal": N_("The text holds an e-mail address or a phone number where none belongs: write an id of yours."),
    "bad_rate": N_("The rate is below nothing or above the whole."),
    "no_key": N_("What names this row is missing."),
    "unknown_choice": N_("This is none of the values that are known here."),
    "bad_flag": N_("This is neither yes nor no."),
}


@dataclass(frozen=True, slots=True)
class Effect:
    """What a kind comes to: its rows, units and amount in the shop's currency."""

    kind: str
    rows: int
    quantity: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a file's rows. first, last : row numbers, both inside"""

    file: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Why rows stand in quarantine, how many, and where the first of them is. column : "" if it is the whole row"""

    reason: str
    rows: int
    file: int
    row: int
    column: str


def look(cursor: duckdb.DuckDBPyConnection, staged: files.Staged) -> dict[str, content.Content]:
    """What each column holds, by a sample from the whole file."""
    step = max(1, staged.rows // SAMPLE_ROWS)
    where = f"WHERE {files.ROW} % {step} = 0" if step > 1 and staged.rows < 3_000_000 else ""
    cursor.execute(f"SELECT * EXCLUDE ({files.ROW}) FROM {staged.relation} {where} LIMIT {SAMPLE_ROWS}")
    rows = cursor.fetchall()
    return {column: content.seen([row[i] for row in rows]) for i, column in enumerate(staged.columns)}


def first_rows(cursor: duckdb.DuckDBPyConnection, staged: files.Staged, count: int) -> list[tuple[object, ...]]:
    """The file's first rows, each after its number."""
    return cursor.execute(f"SELECT * FROM {staged.relation} ORDER BY {files.ROW} LIMIT {count}").fetchall()


def recognise(
    cursor: duckdb.DuckDBPyConnection,
    staged: files.Staged,
    shop: Shop,
    *,
    target: str | None = None,
    choices: Mapping[str, str | None] | None = None,
    dates: str | None = None,
    decimal: str | None = None,
) -> Layout:
    """The file's layout with how each column is written. Raises FileError.

    choices : the column of each field that a person decided
    dates, decimal : what a person says where the file leaves it open, of DATE_ORDERS and DECIMAL_MARKS
    """
    seen = look(cursor, staged)
    layout = (
        mapping.propose(staged.name, seen, target=target) if not choices else _chosen(staged, seen, target, choices)
    )
    physical = reading.types(cursor, staged)
    fields = mapping.TARGETS[layout.target]
    numbers = [
        match.column
        for id_, match in layout.matches.items()
        if fields.field(id_).type in (Type.NUMBER, Type.INTEGER) and physical[match.column] == "VARCHAR"
    ]
    if "currency" not in layout.matches:
        amounts = [layout.matches[id_].column for id_ in layout.matches if id_ in mapping.AMOUNTS]
        reading.require_currency(cursor, staged, [name for name in amounts if name in numbers], shop.currency)
    mark = reading.decimal_mark(cursor, staged, numbers) or reading.DECIMAL_MARKS.get(decimal or "")
    matches = {}
    for id_, match in layout.matches.items():
        wanted = fields.field(id_)
        settled = reading.settle(
            cursor,
            staged,
            match.column,
            wanted.type,
            physical[match.column],
            label=wanted.label,
            country=shop.country,
            dates=dates,
            decimal=mark,
        )
        matches[id_] = mapping.Match(match.column, match.score, match.reason, settled)
    return Layout(layout.target, matches)


def _chosen(
    staged: files.Staged, seen: Mapping[str, content.Content], target: str | None, choices: Mapping[str, str | None]
) -> Layout:
    for column in choices.values():
        if column is not None and column not in staged.columns:
            raise errors.UnknownColumnError(file=staged.name, column=column, columns=", ".join(staged.columns))
    fields = dict.fromkeys(field.id for each in mapping.TARGETS.values() for field in each.fields)
    for id_ in choices:
        if id_ not in fields:
            near = spelling.nearest(id_, fields) or [field.id for field in mapping.TARGETS["order_line"].fields]
            raise errors.UnknownFieldError(file=staged.name, field=id_, nearest=", ".join(near))
    try:
        layout = mapping.propose(staged.name, seen, target=target)
    except errors.LayoutError:
        layout = Layout(target or "order_line", {})
    layout = layout.chosen(choices)
    if layout.score <= 0:
        mapping.require(staged.name, layout)
    return layout


class Stage:
    """The files of one import, their rows typed and judged, in a DuckDB file that the run, or one resumed, finds again.

    It knows who the customers are, so whoever made it removes it once the import is done.
    """

    def __init__(self, folder: Path, shop: Shop) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.shop = shop
        self.cursor = duckdb.connect(
            str(folder / "stage.duckdb"),
            config={
                "memory_limit": MEMORY,
                "temp_directory": str(folder / "spill"),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        self.cursor.execute("SET TimeZone = 'UTC'")
        for table in _TABLES:
            self.cursor.execute(table)

    def close(self) -> None:
        self.cursor.close()

    @contextmanager
    def _step(self, name: str) -> Iterator[bool]:
        """Whether a step is still to be done; it is done wholly or not at all."""
        if self.cursor.execute("SELECT 1 FROM done WHERE step = ?", [name]).fetchall():
            yield False
            return
        self.cursor.execute("BEGIN")
        yield True
        self.cursor.execute("INSERT INTO done VALUES (?)", [name])
        self.cursor.execute("COMMIT")

    def load(self, number: int, staged: files.Staged, layout: Layout) -> None:
        """Types and judges the rows of an order line file. number : the file's place in the import"""
        with self._step(f"load {number}") as is_due:
            if is_due:
                self._load(number, staged, layout)

    def _load(self, number: int, staged: files.Staged, layout: Layout) -> None:
        read = Reader(layout, reading.types(self.cursor, staged))
        if staged.rejects:
            self.cursor.executemany(
                "INSERT INTO shapeless VALUES (?, ?, ?, ?, ?)",
                [(number, reject.row, reject.text, reject.found, reject.expected) for reject in staged.rejects],
            )
        tests = _judgement(read, self.shop)
        parts.note_basis(self.cursor, number, layout)
        self.cursor.executemany(
            "INSERT INTO fault VALUES (?, ?, ?, ?)",
            [(number, place, reason, column) for place, (_, reason, column) in enumerate(tests)],
        )
        self.cursor.execute(_insert_lines(number, staged, read, self.shop, [test for test, _, _ in tests]))

    def finish(self) -> None:
        """After the last load: what must be known across rows (occurrences, heads of orders, keys of customers, places)."""
        with self._step("finish") as is_due:
            if is_due:
                self.cursor.execute(_UNDATED)
                self.cursor.execute(_AGAIN)
                self.cursor.execute(_SAME)
                self.cursor.execute(_HEADS)
                self._key_customers()
                self._name_places()
                found = parts.seen(self.cursor)
                parts.find_repeated(self.cursor, found)
                parts.take_apart(self.cursor)
                if found.has_endings:
                    parts.find_endings(self.cursor)
                if found.has_origins:
                    clock = Clock.of(self.shop.zone, *self._span())
                    parts.find_credits(self.cursor, f"coalesce({clock.shown('wall')}, {clock.from_utc('utc')})")

    def origins_wanted(self) -> list[str]:
        """Orders that credit rows name, to be told about with `know_orders` before `finish`."""
        return [
            row[0]
            for row in self.cursor.execute("SELECT DISTINCT origin FROM line WHERE origin IS NOT NULL").fetchall()
        ]

    def know_orders(self, orders: pa.Table) -> None:
        """Notes what the lake knows of orders.

        orders : order_id, ordered, channel, market, customer_key, sold, returned
        """
        with self._step("know orders") as is_due:
            if is_due:
                self.cursor.register("told", orders)
                self.cursor.execute("INSERT INTO origin BY NAME FROM told")
                self.cursor.unregister("told")

    def _kind(self, rules: profile.Profile) -> str:
        return parts.kind_sql(rules.kind_sql)

    def _extra(self, rules: profile.Profile, share: str = "true") -> str | None:
        """SQL for the ledger rows beside those of the files that `share` holds of, None if there are none."""
        found = parts.seen(self.cursor)
        return parts.extra_sql(self.cursor, found, self._kind(rules), self.shop.currency, share) if found else None

    def _key_customers(self) -> None:
        self.cursor.execute("CREATE TABLE person (customer VARCHAR, customer_key VARCHAR)")
        hmac, source = self.shop.hmac, self.shop.source
        known = self.cursor.cursor()
        known.execute("SELECT DISTINCT customer FROM line WHERE customer IS NOT NULL")
        while rows := known.fetchmany(BATCH_ROWS):
            ids = [row[0] for row in rows]
            self.cursor.execute(reference.PAIRS.format("person"), [ids, [hmac(source, id_) for id_ in ids]])

    def _name_places(self) -> None:
        names = [
            row[0]
            for row in self.cursor.execute("SELECT DISTINCT country FROM line WHERE country IS NOT NULL").fetchall()
        ]
        self.cursor.execute("CREATE TABLE place (country VARCHAR, market VARCHAR)")
        markets = [places.country(name) or name for name in names]
        self.cursor.execute(reference.PAIRS.format("place"), [names, markets])

    @property
    def rows(self) -> str:
        """The rows that will be facts, for a FROM clause: what a profile is proposed from and shown on."""
        return "(SELECT * FROM line ANTI JOIN same USING (file, row_number) WHERE fault IS NULL)"

    def propose_profile(self) -> profile.Profile:
        return profile.propose(self.cursor, self.rows)

    def effects(self, rules: profile.Profile) -> list[Effect]:
        """What each kind comes to, rows that stand in several of the files, and refunds told twice, counted once."""
        extra = self._extra(rules)
        beside = (
            f" UNION ALL SELECT x.kind, x.quantity, x.amount, l.rate FROM ({extra}) x JOIN line l USING (file, row_number)"
            f" UNION ALL SELECT x.kind, 0, x.amount, l.rate FROM ({parts.twice_sql(extra, self._kind(rules))}) x JOIN line l USING (file, row_number)"
            if extra
            else ""
        )
        found = self.cursor.execute(
            f"SELECT kind, count(*), sum(quantity), sum({_SHOP.format('amount')}) FROM ("
            f"SELECT {self._kind(rules)} AS kind, quantity, amount, rate FROM {self.rows}{beside}) GROUP BY 1"
        ).fetchall()
        by_kind = {kind: Effect(kind, rows, quantity, amount) for kind, rows, quantity, amount in found}
        return [by_kind[kind] for kind in Kind if kind in by_kind]

    def rule_rows(self, rules: profile.Profile) -> dict[int | None, int]:
        """How many rows each rule takes, by its place; None for goods sold."""
        return dict(self.cursor.execute(f"SELECT {rules.rule_sql}, count(*) FROM {self.rows} GROUP BY 1").fetchall())

    def counts(self) -> dict[str, int]:
        """Rows in, rows that will be facts, rows in quarantine, and what a person should know of them."""
        names = ("good", "bad", "without_customer", "without_title", "without_price", "negative_quantity")
        found = self.cursor.execute(
            "SELECT count_if(fault IS NULL), count_if(fault IS NOT NULL), count_if(fault IS NULL AND customer IS "
            "NULL), "
            "count_if(fault IS NULL AND title IS NULL), count_if(fault IS NULL AND price = 0), "
            "count_if(fault IS NULL AND quantity < 0) FROM line"
        ).fetchall()[0]
        counts = {name: int(count or 0) for name, count in zip(names, found, strict=True)}
        shapeless = self.cursor.execute("SELECT count(*) FROM shapeless").fetchall()[0][0]
        good, bad = reference.counts(self.cursor)
        ambiguous, skipped = self._clock_changes()
        counts["good"] += good
        counts["quarantined"] = counts.pop("bad") + bad + shapeless
        return counts | {
            "rows": counts["good"] + counts["quarantined"],
            "same_rows": self.cursor.execute("SELECT count(*) FROM same").fetchall()[0][0],
            "ambiguous_times": ambiguous,
            "skipped_times": skipped,
            **self._counted_parts(),
        }

    def _counted_parts(self) -> dict[str, int]:
        endings = dict(self.cursor.execute("SELECT ending, count(*) FROM ending GROUP BY 1").fetchall())
        credits_, over = self.cursor.execute("SELECT count(*), count_if(is_over) FROM credit").fetchall()[0]
        return {f"{end}_rows": endings.get(end, 0) for end in ("cancelled", "refunded", "test")} | {
            "credit_rows": credits_,
            "over_refunds": over or 0,
        }

    def repeated(self) -> list[tuple[int, str]]:
        """The columns, by file, that repeat on every row what the order has once."""
        return self.cursor.execute("SELECT file, part FROM repeated ORDER BY ALL").fetchall()

    def days(self) -> tuple[date, date] | None:
        """The first and the last day of the good rows."""
        first, last = self.cursor.execute(
            "SELECT min(coalesce(wall, utc)), max(coalesce(wall, utc)) FROM line WHERE fault IS NULL"
        ).fetchall()[0]
        return (first.date(), last.date()) if first else None

    def faults(self) -> list[Fault]:
        """What keeps rows in quarantine, the most frequent first."""
        found = self.cursor.execute(
            "SELECT reason, count(*), min({file: file, row: row_number, 'column': column_name}) "
            f"FROM (SELECT file, row_number, reason, column_name FROM ({self._faulty}) "
            "UNION ALL SELECT file, row_number, 'shape', '' FROM shapeless) GROUP BY 1 ORDER BY 2 DESC, 1"
        ).fetchall()
        return [Fault(reason, rows, **first) for reason, rows, first in found]

    def quarantined(self, number: int, staged: files.Staged) -> Iterator[tuple[int, tuple[object, ...], str, str]]:
        """A file's rows in quarantine: number, cells, reason, column; those without the table's shape are apart."""
        cursor = self.cursor.cursor()
        cursor.execute(
            f"SELECT f.reason, f.column_name, r.* FROM {staged.relation} r JOIN "
            f"({self._faulty} WHERE file = {number}) f ON f.row_number = r.{files.ROW} ORDER BY r.{files.ROW}"
        )
        while rows := cursor.fetchmany(1_000):
            for reason, column, row, *values in rows:
                yield row, tuple(values), reason, column

    def shapeless(self, number: int) -> list[tuple[int, str, int, int]]:
        """Row number, text, cells found and expected of the records that don't fit the headings."""
        return self.cursor.execute(
            "SELECT row_number, line, found, expected FROM shapeless WHERE file = ? ORDER BY 1", [number]
        ).fetchall()

    def parts(self, size: int) -> list[Part]:
        """Stretches of at most `size` rows, file by file: what is taken into the lake at a time."""
        found = self.cursor.execute(
            "SELECT file, min(row_number), max(row_number) FROM line GROUP BY 1 ORDER BY 1"
        ).fetchall()
        return [
            Part(number, start, min(start + size - 1, last))
            for number, first, last in found
            for start in range(first, last + 1, size)
        ]

    def lines(self, part: Part, rules: profile.Profile, stamp: Stamp) -> Iterator[pa.RecordBatch]:
        """The part's ledger rows in the fact's schema."""
        query = f"""
        WITH judged AS (SELECT *, {self._kind(rules)} AS kind, {rules.document_sql} AS is_document FROM line
                        WHERE file = {part.file} AND row_number BETWEEN {part.first} AND {part.last} AND fault IS NULL
                        AND (file, row_number) NOT IN (FROM same)),
        headed AS ({self._headed("judged")})
        {self._facts(stamp, "key", "is_over")}"""
        return self._batches("order_line", query)

    def extras(self, rules: profile.Profile, stamp: Stamp) -> Iterator[Iterator[pa.RecordBatch]]:
        """The ledger rows beside the files' rows, in sets: discounts, taxes, shipping, refunds, cancellations."""
        if not parts.seen(self.cursor):
            return
        of_order = f"CASE WHEN is_of_order THEN {self._key('order_id')} ELSE key END || ':' || suffix"
        for share in self._shares("coalesce(origin, order_id)", SET_ROWS // 8):
            query = f"""
            WITH beside AS ({self._extra(rules, share)}),
            judged AS (SELECT l.* EXCLUDE (quantity, price, amount, unit_cost), x.quantity, x.price, x.amount, x.suffix, x.is_of_order,
                    x.is_over AS is_extra_over, x.kind, {rules.document_sql.replace("order_id", "l.order_id")} AS is_document,
                    CASE WHEN x.quantity <> 0 THEN l.unit_cost END AS unit_cost,
                    CASE WHEN is_later THEN cancelled_wall END AS event_wall, CASE WHEN is_later THEN cancelled_utc END AS event_utc
                FROM beside x JOIN line l USING (file, row_number)),
            headed AS ({self._headed("judged", has_event=True)})
            {self._facts(stamp, of_order, "is_extra_over")}"""
            yield self._batches("order_line", query)

    def keys(self) -> Iterator[pa.RecordBatch]:
        """The keys of the ledger rows, in a column `key`."""
        query = f"SELECT {self._line_key} AS key FROM {self.rows} r LEFT JOIN again a USING (file, row_number)"
        yield from self.cursor.cursor().sql(query).to_arrow_reader(SET_ROWS)

    @property
    def _line_key(self) -> str:
        """SQL for the key of a row `r`, of which an order has `a.n` alike."""
        return (
            f"{quoted(self.shop.source + ':')} || CASE WHEN r.line_id IS NOT NULL THEN r.order_id || ':' || r.line_id "
            "ELSE r.order_id || ':' || r.hash || ':' || coalesce(a.n, 1) END"
        )

    def _facts(self, stamp: Stamp, key: str, is_over: str) -> str:
        cost = "CAST(CAST(unit_cost AS DECIMAL(19, 6)) * CAST(quantity AS DECIMAL(19, 6)) AS DECIMAL(18, 6))"
        return f"""
        SELECT {key} AS key, version, {stamp.sql},
            order_id AS order_key, kind, timezone('UTC', happened) AS "at", CAST(shown AS DATE) AS "on", CAST(hour(shown) AS TINYINT) AS hour,
            coalesce(origin_on, CASE WHEN NOT coalesce(is_document, false) THEN CAST(ordered AS DATE) END) AS ordered_on,
            CASE WHEN kind IN ('goods_sold', 'goods_cancelled', 'goods_no_price', 'refund') THEN coalesce(product_code, title) END AS product_key,
            quantity, price AS unit_price, amount, {_SHOP.format("amount")} AS amount_shop, currency, rate,
            false AS rate_is_event_day, {_SHOP.format(cost)} AS cost_shop, channel, market, customer_key,
            origin AS original_order_key, coalesce({is_over}, false) AS is_over_refund
        FROM headed"""

    def orders(self, rules: profile.Profile, stamp: Stamp) -> Iterator[Iterator[pa.RecordBatch]]:
        """The heads of orders in which goods were sold, in sets."""
        sold = f"fault IS NULL AND ({self._kind(rules)}) = 'goods_sold' AND NOT coalesce({rules.document_sql}, false)"
        for share in self._shares("order_id"):
            query = f"""
            WITH judged AS (SELECT * FROM line WHERE {sold} AND {share}),
            headed AS (SELECT * FROM ({self._headed("judged")}) LEFT JOIN ending USING (file, row_number)),
            heads AS (SELECT order_id, min(happened) AS happened, min(ordered) AS ordered, max(epoch_us(happened)) AS version,
                min(customer_key) AS customer_key, min(currency) AS currency, min(rate) AS rate, min(channel) AS channel,
                min(market) AS market, min(campaign) AS campaign, min(coupon) AS coupon,
                CASE WHEN bool_and(coalesce(ending, '') = 'cancelled') THEN CAST(coalesce(max(cancelled_shown), min(ordered)) AS DATE) END AS cancelled_on,
                bool_or(coalesce(ending, '') = 'test') AS is_test FROM headed GROUP BY order_id)
            SELECT {self._key("order_id")} AS key, version, {stamp.sql}, order_id AS order_key, timezone('UTC', happened) AS "at",
                CAST(ordered AS DATE) AS "on", CAST(hour(ordered) AS TINYINT) AS hour, customer_key, currency, rate, channel, market,
                cancelled_on, NULL AS session_key, campaign, coupon, NULL AS shipping_cost_shop, NULL AS payment_fee_shop,
                is_test
            FROM heads"""
            yield self._batches("order", query)

    def products(self, rules: profile.Profile, stamp: Stamp) -> Iterator[Iterator[pa.RecordBatch]]:
        """The products that the rows name, in sets. Their version is in seconds, so that any product file is newer."""
        for known in self._known_products(rules):
            query = f"""
            SELECT {self._key("code")} AS key, version, {stamp.sql}, code AS product_key, title, category, subcategory, brand, supplier,
                NULL::BIGINT AS tier FROM ({known})"""
            yield self._batches("product", query)

    def product_rows(self, rules: profile.Profile) -> Iterator[dict[str, str | None]]:
        """The same products for the catalogue: `code`, title, category, subcategory, brand, supplier."""
        names = ("code", "title", "category", "subcategory", "brand", "supplier")
        for known in self._known_products(rules):
            cursor = self.cursor.cursor()
            cursor.execute(f"SELECT {', '.join(names)} FROM ({known}) ORDER BY code")
            while rows := cursor.fetchmany(1_000):
                yield from (dict(zip(names, row, strict=True)) for row in rows)
        yield from reference.product_rows(self.cursor)

    def _known_products(self, rules: profile.Profile) -> Iterator[str]:
        goods = f"({self._kind(rules)}) IN ('goods_sold', 'goods_cancelled', 'goods_no_price', 'refund')"
        last = ", ".join(
            f"coalesce(arg_max({column}, moment) FILTER (kind = 'goods_sold'), arg_max({column}, moment)) AS {column}"
            for column in ("title", "category", "subcategory", "brand", "supplier")
        )
        for share in self._shares("coalesce(product_code, title)"):
            yield f"""
            WITH named AS (SELECT *, coalesce(product_code, title) AS code, coalesce(wall, utc) AS moment, {rules.kind_sql} AS kind
                FROM line WHERE fault IS NULL AND {goods} AND coalesce(product_code, title) IS NOT NULL AND {share})
            SELECT code, max(epoch_us(moment)) // 1000000 AS version, {last} FROM named GROUP BY code"""

    def customers(self, stamp: Stamp) -> Iterator[Iterator[pa.RecordBatch]]:
        """The customers that the rows name, in sets. Their version is in seconds, as that of products."""
        for share in self._shares("customer_key"):
            query = f"""
            WITH known AS (SELECT customer_key, max(epoch_us(coalesce(wall, utc))) // 1000000 AS version,
                arg_max(market, coalesce(wall, utc)) AS market FROM line JOIN person USING (customer) LEFT JOIN place USING (country)
                WHERE fault IS NULL AND {share} GROUP BY 1)
            SELECT customer_key AS key, coalesce(version, 1) AS version, {stamp.sql}, customer_key, NULL::DATE AS since_on, market,
                NULL::VARCHAR AS segment FROM known"""
            yield self._batches("customer", query)

    def _shares(self, value: str, size: int = SET_ROWS) -> Iterator[str]:
        """Conditions that cut the rows by a value into sets that are held in memory one at a time."""
        rows = self.cursor.execute("SELECT count(*) FROM line").fetchall()[0][0]
        count = rows // size + 1 if rows else 0
        for place in range(count):
            yield f"hash({value}) % {count} = {place}" if count > 1 else "true"

    def _key(self, value: str) -> str:
        return f"{quoted(self.shop.source + ':')} || {value}"

    def people(self) -> Iterator[list[dict[str, str]]]:
        """Who the customers are, for the database and never for the lake, in sets."""
        cursor = self.cursor.cursor()
        cursor.execute(
            "SELECT customer, customer_key, coalesce(arg_max(customer_name, coalesce(wall, utc)), '') AS name, "
            "coalesce(arg_max(lower(email), coalesce(wall, utc)), '') AS email, coalesce(arg_max(phone, "
            "coalesce(wall, utc)), '') AS phone, "
            "coalesce(arg_max(country, coalesce(wall, utc)), '') AS country FROM line JOIN person USING (customer) "
            "WHERE fault IS NULL "
            "AND coalesce(customer_name, email, phone) IS NOT NULL GROUP BY 1, 2 ORDER BY 2"
        )
        names = ("source_id", "customer_key", "name", "email", "phone", "country")
        while rows := cursor.fetchmany(1_000):
            yield [dict(zip(names, row, strict=True)) for row in rows]
        yield from reference.people(self.cursor)

    def load_reference(self, number: int, staged: files.Staged, layout: Layout) -> None:
        """Types and judges the rows of a file that isn't order lines."""
        with self._step(f"load {number}") as is_due:
            if is_due:
                reference.load(
                    self.cursor, number, staged, Reader(layout, reading.types(self.cursor, staged)), self.shop
                )

    def references(self, stamp: Stamp) -> Iterator[tuple[int, str, Iterator[pa.RecordBatch]]]:
        """The rows of files that aren't order lines, in numbered sets, and the fact of each.

        A set of web events has all events of its visits.
        """
        for number, (table, query) in enumerate(reference.queries(self.cursor, self.shop, stamp.sql, SET_ROWS // 4)):
            yield number, table, self._batches(table, query)

    def reference_keys(self, stamp: Stamp, table: str) -> Iterator[pa.RecordBatch]:
        """The keys of the rows that `references` has of a fact, in a column `key`."""
        for query in reference.keys(self.cursor, self.shop, stamp.sql, table):
            yield from self.cursor.cursor().sql(query).to_arrow_reader(SET_ROWS // 4)

    @property
    def _faulty(self) -> str:
        return (
            "SELECT file, row_number, reason, column_name FROM (SELECT file, row_number, fault FROM line UNION ALL "
            + (reference.faulty(self.cursor) + ") JOIN fault USING (file, fault)")
        )

    def _batches(self, table: str, query: str) -> Iterator[pa.RecordBatch]:
        schema = tables()[table].schema
        for batch in self.cursor.cursor().sql(query).to_arrow_reader(BATCH_ROWS):
            yield pa.RecordBatch.from_arrays([batch.column(f.name).cast(f.type) for f in schema], schema=schema)

    def _headed(self, rows: str, *, has_event: bool = False) -> str:
        """Rows with their key, their moment, and what the head of their order says.

        has_event : whether a row has a moment of its own, in event_wall or event_utc, apart from its order's
        """
        clock = Clock.of(self.shop.zone, *self._span())
        wall, utc = "coalesce(r.wall, h.wall)", "coalesce(r.utc, h.utc)"
        happened = f"coalesce({clock.to_utc(wall)}, {utc})"
        shown = f"coalesce({clock.shown(wall)}, {clock.from_utc(utc)})"
        if has_event:
            happened = f"coalesce({clock.to_utc('r.event_wall')}, r.event_utc, {happened})"
            shown = f"coalesce({clock.shown('r.event_wall')}, {clock.from_utc('r.event_utc')}, {shown})"
        return f"""
        SELECT r.* EXCLUDE (wall, utc, customer, country, channel), {self._line_key} AS key,
            coalesce(epoch_us(r.updated), 1) AS version, {happened} AS happened, {shown} AS shown,
            coalesce({clock.shown("coalesce(h.wall, r.wall)")}, {clock.from_utc("coalesce(h.utc, r.utc)")}) AS ordered,
            coalesce({clock.shown("r.cancelled_wall")}, {clock.from_utc("r.cancelled_utc")}) AS cancelled_shown,
            coalesce(o.channel, h.channel, r.channel) AS channel, coalesce(o.market, place.market) AS market,
            coalesce(o.customer_key, person.customer_key) AS customer_key, o.ordered AS origin_on, c.is_over
        FROM {rows} r
        LEFT JOIN head h ON h.file = r.file AND h.order_id = r.order_id
        LEFT JOIN again a ON a.file = r.file AND a.row_number = r.row_number
        LEFT JOIN person ON person.customer = coalesce(h.customer, r.customer)
        LEFT JOIN place ON place.country = coalesce(h.country, r.country)
        LEFT JOIN origin o ON o.order_id = r.origin
        LEFT JOIN credit c ON c.file = r.file AND c.row_number = r.row_number"""

    def _span(self) -> tuple[datetime, datetime]:
        first, last = self.cursor.execute(
            "SELECT min(coalesce(wall, utc)), max(greatest(coalesce(wall, utc), cancelled_wall, cancelled_utc)) FROM line"
        ).fetchall()[0]
        return first or datetime(2020, 1, 1), last or datetime(2020, 1, 2)  # noqa: DTZ001

    def _clock_changes(self) -> tuple[int, int]:
        clock = Clock.of(self.shop.zone, *self._span())
        ambiguous, skipped = self.cursor.execute(
            f"SELECT count_if({clock.is_ambiguous('wall')}), count_if({clock.is_skipped('wall')}) FROM line WHERE fault IS NULL"
        ).fetchall()[0]
        return ambiguous or 0, skipped or 0


# An amount in the shop's currency; wide enough that no product overflows.
_SHOP = "CASE WHEN rate = 1 THEN {0} ELSE CAST(CAST({0} AS DECIMAL(22, 6)) * CAST(rate AS DECIMAL(16, 9)) AS DECIMAL(18, 6)) END"

_TABLES = (
    """CREATE TABLE IF NOT EXISTS line (
    file SMALLINT, row_number BIGINT, order_id VARCHAR, line_id VARCHAR, wall TIMESTAMP, utc TIMESTAMP, product_code VARCHAR, title VARCHAR,
    quantity DECIMAL(18, 6), price DECIMAL(18, 6), amount DECIMAL(18, 6), currency VARCHAR, rate DECIMAL(18, 9), customer VARCHAR,
    email VARCHAR, customer_name VARCHAR, phone VARCHAR, country VARCHAR, channel VARCHAR, campaign VARCHAR, coupon VARCHAR,
    unit_cost DECIMAL(18, 6), category VARCHAR, subcategory VARCHAR, brand VARCHAR, supplier VARCHAR, updated TIMESTAMP,
    discount_rate DECIMAL(18, 9), tax_rate DECIMAL(18, 9), full_tax DECIMAL(18, 6),
    discount DECIMAL(18, 6), tax DECIMAL(18, 6), shipping DECIMAL(18, 6), refunded DECIMAL(18, 6), status VARCHAR,
    origin VARCHAR, cancelled_wall TIMESTAMP, cancelled_utc TIMESTAMP, hash VARCHAR, fault SMALLINT)""",
    "CREATE TABLE IF NOT EXISTS fault (file SMALLINT, fault SMALLINT, reason VARCHAR, column_name VARCHAR)",
    "CREATE TABLE IF NOT EXISTS shapeless (file SMALLINT, row_number BIGINT, line VARCHAR, found INTEGER, expected "
    "INTEGER)",
    "CREATE TABLE IF NOT EXISTS done (step VARCHAR)",
    *parts.TABLES,
)

# A row without a date has that of its order, if any row of it tells one.
_UNDATED = """UPDATE line SET fault = f.fault FROM fault f
WHERE f.file = line.file AND f.reason = 'no_date' AND line.fault IS NULL AND line.wall IS NULL AND line.utc IS NULL
AND (line.file, line.order_id) NOT IN (
    SELECT (file, order_id) FROM line WHERE fault IS NULL AND coalesce(wall, utc) IS NOT NULL)"""

_AGAIN = """CREATE TABLE again AS
SELECT file, row_number, n FROM (
    SELECT file, row_number, row_number() OVER (PARTITION BY file, hash ORDER BY row_number) AS n
    FROM line WHERE (file, hash) IN (SELECT (file, hash) FROM line GROUP BY file, hash HAVING count(*) > 1))
WHERE n > 1"""

# Rows that an earlier file of the import has brought: files that overlap.
_SAME = """CREATE TABLE same AS
SELECT file, row_number FROM (
    SELECT file, row_number, row_number() OVER (PARTITION BY hash, coalesce(n, 1) ORDER BY file) AS place
    FROM line LEFT JOIN again USING (file, row_number)
    WHERE fault IS NULL AND line_id IS NULL
    AND hash IN (SELECT hash FROM line WHERE fault IS NULL GROUP BY hash HAVING min(file) <> max(file)))
WHERE place > 1"""

# Only orders whose rows differ need a head; most need none.
_HEADS = """CREATE TABLE head AS
SELECT file, order_id, min(wall) AS wall, min(utc) AS utc, arg_min(customer, row_number) AS customer,
    arg_min(country, row_number) AS country, arg_min(channel, row_number) AS channel
FROM line WHERE fault IS NULL GROUP BY file, order_id
HAVING CAST(min(wall) AS DATE) <> CAST(max(wall) AS DATE) OR CAST(min(utc) AS DATE) <> CAST(max(utc) AS DATE)
    OR count(wall) + count(utc) < count(*)
    OR min(customer) <> max(customer) OR count(customer) BETWEEN 1 AND count(*) - 1
    OR min(country) <> max(country) OR count(country) BETWEEN 1 AND count(*) - 1
    OR min(channel) <> max(channel) OR count(channel) BETWEEN 1 AND count(*) - 1"""

_HASHED = (
    "product_code",
    "title",
    "quantity",
    "price",
    "amount",
    "moment",
    "currency",
    "customer",
    "country",
    "channel",
    "campaign",
    "coupon",
)
_PERSONAL = r"@\S+\.\w|\+\d[\d ()-]{7,}\d"


def _insert_lines(number: int, staged: files.Staged, read: Reader, shop: Shop, tests: Sequence[str]) -> str:
    at = read.stamp("at")
    absolute = read.is_absolute("at")
    customer = (
        f"coalesce({read.raw('customer_id')}, lower({read.raw('email')}))"
        if read.has("email")
        else read.raw("customer_id")
    )
    currency = reading.currency(read.raw("currency")) if read.has("currency") else "NULL::VARCHAR"
    others = " ".join(f"WHEN {quoted(code)} THEN {rate}" for code, rate in shop.rates.items())
    rate = f"CASE currency WHEN {quoted(shop.currency)} THEN 1 {others} ELSE given_rate END"
    faults = " ".join(f"WHEN {test} THEN {place}" for place, test in enumerate(tests))
    salt = shop.hmac(shop.source, "the hashes of rows")
    updated = read.stamp("updated_at")
    hashed = ", ".join(f"coalesce(CAST({column} AS VARCHAR), '')" for column in _HASHED)
    texts = {
        id_: read.raw(id_)
        for id_ in (
            "product_code",
            "title",
            "channel",
            "campaign",
            "coupon",
            "category",
            "subcategory",
            "brand",
            "supplier",
            "status",
        )
    }
    named = ", ".join(f"{sql} AS {id_}" for id_, sql in texts.items())
    ended = read.stamp("cancelled_at")
    ended_absolute = read.is_absolute("cancelled_at")
    amounts = ", ".join(
        f"{read.number(part)} AS {part}, {read.is_filled(part)} AS has_{part}" for part in parts.AMOUNTS
    )
    price, given = ("unit_price", "amount") if read.is_net else ("gross_price", "gross_amount")
    quantity = read.number("quantity") if read.has("quantity") else "1::DECIMAL(18, 6)"
    # With both prices, the tax is what lies between them.
    has_discount = read.has("discount") or read.has("discount_rate")
    gross = "NULL::DECIMAL(18, 6)" if has_discount or not read.is_net else read.number("gross_amount")
    if read.is_net and read.has("gross_price"):
        gross = f"TRY_CAST(CAST({read.number('gross_price')} AS DECIMAL(19, 6)) * CAST({quantity} AS DECIMAL(19, 6)) AS DECIMAL(18, 6))"
    # Beside a discount or a tax, a row's total may be without the one and with the other: price by quantity counts.
    is_gross = read.has(price) and any(
        read.has(part) for part in ("discount", "discount_rate", "tax", "tax_rate", "shipping")
    )
    total = "coalesce(by_price, given_amount)" if is_gross else "coalesce(given_amount, by_price)"
    return f"""
    INSERT INTO line
    WITH typed AS (
        SELECT {files.ROW} AS row_number, {read.raw("order_id")} AS order_id, {read.raw("line_id")} AS line_id, {at} AS moment,
            {read.is_filled("at")} AS has_moment, {named}, {quantity} AS quantity, {read.is_filled("quantity")} AS has_quantity,
            {read.number(price)} AS given_price, {read.is_filled(price)} AS has_price,
            {read.number(given)} AS given_amount, {read.is_filled(given)} AS has_amount,
            {read.rate("discount_rate")} AS discount_rate, {read.is_filled("discount_rate")} AS has_discount_rate,
            coalesce({read.rate("tax_rate")}, {read.named_rate or "NULL"}::DECIMAL(18, 9)) AS tax_rate,
            {read.is_filled("tax_rate")} AS has_tax_rate, {gross} AS gross,
            coalesce({currency}, {quoted(shop.currency)}) AS currency, CAST({read.number("rate")} AS DECIMAL(18, 9)) AS given_rate,
            {customer} AS customer, {read.raw("email")} AS email, {read.raw("customer_name")} AS customer_name, {read.raw("phone")} AS phone,
            {read.raw("country")} AS country, {read.number("unit_cost")} AS unit_cost, {updated} AS updated, {amounts},
            nullif({read.raw("original_order")}, {read.raw("order_id")}) AS origin, {ended} AS ended, {read.is_filled("cancelled_at")} AS has_ended
        FROM {staged.relation}),
    multiplied AS (
        SELECT *, TRY_CAST(CAST(quantity AS DECIMAL(19, 6)) * CAST(given_price AS DECIMAL(19, 6)) AS DECIMAL(18, 6)) AS by_price FROM typed),
    priced AS (
        SELECT *, coalesce(given_price, TRY_CAST(given_amount / nullif(quantity, 0) AS DECIMAL(18, 6)), given_amount) AS price,
            {total} AS amount, TRY_CAST(gross - {total} AS DECIMAL(18, 6)) AS full_tax, CAST({rate} AS DECIMAL(18, 9)) AS rate FROM multiplied),
    judged AS (SELECT *, CASE {faults} END AS fault FROM priced)
    SELECT {number}, row_number, order_id, line_id, {"NULL" if absolute else "moment"}, {"moment" if absolute else "NULL"}, product_code, title,
        quantity, price, amount, currency, rate, customer, email, customer_name, phone, country, channel, campaign, coupon, unit_cost,
        category, subcategory, brand, supplier, updated, discount_rate, tax_rate, full_tax, discount, tax,
        shipping, refunded, status, origin, {"NULL" if ended_absolute else "ended"}, {"ended" if ended_absolute else "NULL"},
        left(md5(concat_ws(chr(31), {quoted(salt)}, order_id, {hashed})), 16),
        fault
    FROM judged"""


def _judgement(read: Reader, shop: Shop) -> list[tuple[str, str, str]]:
    """What may be wrong with a row, in the order in which it is looked for: SQL, reason, column."""
    column: Callable[[str], str] = lambda id_: read.layout.column(id_) or ""  # noqa: E731
    today = f"TIMESTAMP '{shop.today + timedelta(days=2 if read.is_absolute('at') else 1)}'"
    known = ", ".join(quoted(code) for code in sorted(list_currencies()))
    price, given = ("unit_price", "amount") if read.is_net else ("gross_price", "gross_amount")
    tests = [
        ("order_id IS NULL", "no_order", column("order_id")),
        ("has_moment AND moment IS NULL", "bad_date", column("at")),
        (f"moment >= {today}", "future_date", column("at")),
        ("moment < TIMESTAMP '1970-01-01'", "old_date", column("at")),
        ("quantity IS NULL AND NOT has_quantity", "no_number", column("quantity")),
        ("quantity IS NULL", "bad_number", column("quantity")),
        ("has_price AND given_price IS NULL", "bad_number", column(price)),
        ("has_amount AND given_amount IS NULL", "bad_number", column(given)),
        ("given_price IS NULL AND given_amount IS NULL", "no_number", column(price) or column(given)),
        ("amount IS NULL OR price IS NULL", "too_large", column(price) or column(given)),
        (f"currency NOT IN ({known})", "unknown_currency", column("currency")),
        ("rate IS NULL", "no_rate", column("currency")),
        ("abs(CAST(amount AS DOUBLE)) * CAST(rate AS DOUBLE) >= 1e12", "too_large", column(price) or column(given)),
    ]
    for id_ in ("discount_rate", "tax_rate"):
        if read.has(id_):
            tests.append((f"has_{id_} AND {id_} IS NULL", "bad_number", column(id_)))
            tests.append((f"{id_} NOT BETWEEN 0 AND 1", "bad_rate", column(id_)))
    tests += [
        (f"has_{part} AND {part} IS NULL", "bad_number", column(part)) for part in parts.AMOUNTS if read.has(part)
    ]
    if read.has("cancelled_at"):
        tests.append(("has_ended AND ended IS NULL", "bad_date", column("cancelled_at")))
        tests.append((f"ended >= {today}", "future_date", column("cancelled_at")))
    for id_ in ("order_id", "line_id", "product_code", "country", "channel", "campaign", "coupon"):
        if read.has(id_):
            tests.append((f"length({id_}) > {CODE_LENGTH}", "too_long", column(id_)))
    for id_ in (
        "title",
        "customer_id",
        "customer_name",
        "email",
        "phone",
        "category",
        "subcategory",
        "brand",
        "supplier",
    ):
        if read.has(id_):
            tests.append((f"length({id_.removesuffix('_id')}) > {TEXT_LENGTH}", "too_long", column(id_)))
    for id_ in ("order_id", "line_id", "product_code", "title", "country", "channel", "campaign", "coupon"):
        if read.has(id_):
            suspect = f"(contains({id_}, '@') OR contains({id_}, '+')) AND regexp_matches({id_}, {quoted(_PERSONAL)})"
            tests.append((suspect, "personal", column(id_)))
    for id_ in ("order_id", "product_code", "title"):
        if read.has(id_):
            tests.append(
                (f"regexp_matches({id_}, '[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]')", "control_character", column(id_))
            )
    tests.append(("false", "no_date", column("at")))  # seen across the rows of an order: _UNDATED
    return tests
