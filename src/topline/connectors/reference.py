"""Files beside the orders (customers, products, spend, sessions, prices, promotions) as facts, in sets.

Each row is judged as a ledger row is: it becomes a fact or goes to quarantine with a reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
from babel.numbers import list_currencies

from topline.connectors import files, mapping, places, reading
from topline.connectors.clock import Clock
from topline.connectors.mapping import Type
from topline.connectors.reader import Reader, Shop
from topline.connectors.reading import quoted

NEWER_THAN_ORDERS = 1_000_000_000_000_000
"""The version of a row without its own time of change: above what orders say of a product, below a person's edit."""

PAIRS = "INSERT INTO {} SELECT unnest(?::VARCHAR[]), unnest(?::VARCHAR[])"
"""Two lists as the rows of a table; an Arrow table made of lists would load pandas, which takes two seconds."""

_CODE_LENGTH, _TEXT_LENGTH = 100, 255
_PERSONAL = r"@\S+\.\w|\+\d[\d ()-]{7,}\d"
_STAMPS = ("at", "from", "until", "since")


@dataclass(frozen=True, slots=True)
class _Form:
    """How a target's rows become facts.

    key : SQL of the natural key, after the source; columns : SQL of the fact's columns after the identity columns
    """

    key: str
    columns: str
    required: tuple[str, ...]
    has_version: bool = True


# A row of these is read as `r`, its moment as UTC in `happened` and as the wall clock showed it in `shown`.
_FORMS = {
    "customer": _Form(
        "customer_key",
        "customer_key, CAST(shown_since AS DATE) AS since_on, market, segment",
        ("customer",),
    ),
    "product": _Form(
        "product_code",
        "product_code AS product_key, title, category, subcategory, brand, supplier, NULL::BIGINT AS tier",
        ("product_code",),
    ),
    "spend": _Form(
        "CAST(shown_at AS DATE) || ':' || hash || ':' || n",
        'CAST(shown_at AS DATE) AS "on", coalesce(channel, campaign) AS channel, campaign, market, '
        "coalesce(lower(kind), 'ads') AS kind, "
        "amount, CASE WHEN rate = 1 THEN amount ELSE CAST(CAST(amount AS DECIMAL(22, 6)) * CAST(rate AS DECIMAL(16, "
        "9)) AS DECIMAL(18, 6)) END "
        "AS amount_shop, currency, rate, CAST(impressions AS BIGINT) AS impressions, CAST(clicks AS BIGINT) AS "
        "clicks, true AS is_acquisition",
        ("at", "amount"),
        has_version=False,
    ),
    "session": _Form(
        "session_id",
        "session_id AS session_key, coalesce(visitor_key, session_id) AS visitor_key, customer_key, timezone('UTC', "
        'utc_at) AS "at", '
        'CAST(shown_at AS DATE) AS "on", CAST(hour(shown_at) AS TINYINT) AS hour, channel, campaign, market, device, '
        "split_part(split_part(landing_page, '?', 1), '#', 1) AS landing_page, coalesce(CAST(views AS BIGINT), 1) "
        "AS views, "
        "coalesce(CAST(duration_seconds AS BIGINT), 0) AS duration_seconds, 0::BIGINT AS carts, 0::BIGINT AS "
        "checkouts, 0::BIGINT AS orders, NULL::BIGINT AS product_views, NULL::BIGINT AS sign_ups, NULL::BIGINT AS downloads, "
        "NULL::BIGINT AS chats, NULL::BIGINT AS furthest",
        ("session_id", "at"),
    ),
    "price": _Form(
        "product_code || ':' || coalesce(market, '') || ':' || currency || ':' || CAST(shown_from AS DATE)",
        'product_code AS product_key, CAST(shown_from AS DATE) AS "on", market, currency, unit_price AS amount',
        ("product_code", "from", "unit_price"),
    ),
    "promotion": _Form(
        "promotion_id || ':' || coalesce(product_code, '') || ':' || CAST(shown_from AS DATE)",
        'promotion_id AS promotion_key, product_code AS product_key, CAST(shown_from AS DATE) AS "on", '
        "CAST(shown_until AS DATE) + 1 AS until_on, coalesce(lower(kind), 'price') AS kind, NULL AS placement, NULL "
        "AS store, campaign, market, "
        "CAST(CASE WHEN discount_rate > 1 THEN discount_rate / 100 ELSE discount_rate END AS DECIMAL(18, 9)) AS "
        "discount_rate",
        ("promotion_id", "from", "until"),
    ),
}


def load(cursor: duckdb.DuckDBPyConnection, number: int, staged: files.Staged, read: Reader, shop: Shop) -> None:
    """Types and judges the rows into the table `reference_NUMBER`, and notes what may be wrong in `fault`."""
    target = mapping.TARGETS[read.layout.target]
    form = _FORMS[target.table]
    ids = {wanted.id: wanted.type for wanted in target.fields}
    cells = [f"{_cell(read, id_, type_, shop)} AS {reading.identifier(id_)}" for id_, type_ in ids.items()]
    filled = [f"{read.is_filled(id_)} AS {reading.identifier(f'has {id_}')}" for id_ in ids]
    customer = (
        "coalesce(customer_id, lower(email))" if "email" in ids else "customer_id" if "customer_id" in ids else "NULL"
    )
    others = " ".join(f"WHEN {quoted(code)} THEN {rate}" for code, rate in shop.rates.items())
    given = "rate" if "rate" in ids else "NULL"
    currency = f"coalesce(currency, {quoted(shop.currency)})" if "currency" in ids else quoted(shop.currency)
    rate = f"CAST(CASE {currency} WHEN {quoted(shop.currency)} THEN 1 {others} ELSE {given} END AS DECIMAL(18, 9))"
    tests = _tests(read, ids, form, shop)
    cases = " ".join(f"WHEN {test} THEN {place}" for place, (test, _, _) in enumerate(tests))
    plain = ", ".join(
        f"coalesce(CAST({reading.identifier(id_)} AS VARCHAR), '')"
        for id_ in ids
        if id_ not in ("email", "customer_name", "phone")
    )
    extra = f"{customer} AS customer, {currency} AS currency_, {rate} AS rate_"
    cursor.executemany(
        "INSERT INTO fault VALUES (?, ?, ?, ?)",
        [(number, place, reason, column) for place, (_, reason, column) in enumerate(tests)],
    )
    salt = quoted(shop.hmac(shop.source, "the hashes of rows"))
    cursor.execute(f"""
        CREATE TABLE reference_{number} AS
        WITH typed AS (SELECT {files.ROW} AS row_number, {", ".join(cells)}, {", ".join(filled)} FROM {staged.relation}),
        told AS (SELECT *, {extra} FROM typed),
        judged AS (SELECT *, CASE {cases} END AS fault, left(md5(concat_ws(chr(31), {salt}, {plain})), 16) AS hash FROM told)
        SELECT {number}::SMALLINT AS file, *, row_number() OVER (PARTITION BY hash ORDER BY row_number) AS n FROM judged""")
    cursor.execute(
        "CREATE TABLE IF NOT EXISTS reference (file SMALLINT, target VARCHAR, is_absolute BOOLEAN); "
        f"INSERT INTO reference VALUES ({number}, {quoted(target.table)}, {any(read.is_absolute(id_) for id_ in _STAMPS)})"
    )
    _name(cursor, number, ids, shop)


def _cell(read: Reader, id_: str, type_: Type, shop: Shop) -> str:
    match type_:
        case Type.STAMP:
            return read.stamp(id_)
        case Type.NUMBER | Type.INTEGER:
            return read.number(id_)
        case Type.CURRENCY:
            return reading.currency(read.raw(id_)) if read.has(id_) else "NULL::VARCHAR"
    return read.raw(id_)


def _tests(read: Reader, ids: dict[str, Type], form: _Form, shop: Shop) -> list[tuple[str, str, str]]:
    """What may be wrong with a row: SQL, reason, column."""
    known = ", ".join(quoted(code) for code in sorted(list_currencies()))
    tests = []
    for id_, type_ in ids.items():
        if not read.has(id_):
            continue
        name, has, column = reading.identifier(id_), reading.identifier(f"has {id_}"), read.layout.column(id_) or ""
        match type_:
            case Type.STAMP:
                tests.append((f"{has} AND {name} IS NULL", "bad_date", column))
                tests.append((f"{name} < TIMESTAMP '1970-01-01'", "old_date", column))
            case Type.NUMBER | Type.INTEGER:
                tests.append((f"{has} AND {name} IS NULL", "bad_number", column))
            case Type.CURRENCY:
                tests.append((f"{name} NOT IN ({known})", "unknown_currency", column))
                if "amount" in ids:
                    tests.append(("rate_ IS NULL", "no_rate", column))
            case Type.CODE | Type.COUNTRY:
                tests.append((f"length({name}) > {_CODE_LENGTH}", "too_long", column))
                if id_ not in ("customer_id", "visitor_id"):
                    tests.append((f"regexp_matches({name}, {quoted(_PERSONAL)})", "personal", column))
            case Type.TEXT | Type.EMAIL | Type.PHONE:
                tests.append((f"length({name}) > {_TEXT_LENGTH}", "too_long", column))
                if type_ == Type.TEXT and id_ != "customer_name":
                    tests.append((f"regexp_matches({name}, {quoted(_PERSONAL)})", "personal", column))
    if read.has("at"):
        tests.append(
            (
                f"\"at\" >= TIMESTAMP '{shop.today}' + INTERVAL {2 if read.is_absolute('at') else 1} DAY",
                "future_date",
                read.layout.column("at") or "",
            )
        )
    tests += [
        (
            f"{reading.identifier(id_)} IS NULL",
            "no_date" if id_ in _STAMPS else "no_number" if id_ in ("amount", "unit_price") else "no_key",
            read.layout.column(id_) or "",
        )
        for id_ in form.required
    ]
    return tests


def _name(cursor: duckdb.DuckDBPyConnection, number: int, ids: dict[str, Type], shop: Shop) -> None:
    """Keys for the people of a file, codes for its countries."""
    people = ["customer"] + (["visitor_id"] if "visitor_id" in ids else [])
    union = " UNION ".join(
        f"SELECT CAST({column} AS VARCHAR) AS source_id FROM reference_{number} WHERE {column} IS NOT NULL"
        for column in people
    )
    found = [row[0] for row in cursor.execute(union).fetchall()]
    cursor.execute(f"CREATE TABLE reference_person_{number} (source_id VARCHAR, key VARCHAR)")
    cursor.execute(PAIRS.format(f"reference_person_{number}"), [found, [shop.hmac(shop.source, id_) for id_ in found]])
    country = (
        f"SELECT DISTINCT country FROM reference_{number} WHERE country IS NOT NULL"
        if "country" in ids
        else "SELECT NULL WHERE false"
    )
    names = [row[0] for row in cursor.execute(country).fetchall()]
    cursor.execute(f"CREATE TABLE reference_place_{number} (country VARCHAR, market VARCHAR)")
    cursor.execute(PAIRS.format(f"reference_place_{number}"), [names, [places.country(name) or name for name in names]])


def _listed(cursor: duckdb.DuckDBPyConnection) -> list[tuple[int, str, bool]]:
    if not cursor.execute("SELECT 1 FROM information_schema.tables WHERE table_name = 'reference'").fetchall():
        return []
    return cursor.execute("SELECT file, target, is_absolute FROM reference ORDER BY file").fetchall()


def counts(cursor: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Rows that will be facts, and rows in quarantine."""
    good = bad = 0
    for number, _, _ in _listed(cursor):
        some, others = cursor.execute(
            f"SELECT count_if(fault IS NULL), count_if(fault IS NOT NULL) FROM reference_{number}"
        ).fetchall()[0]
        good, bad = good + some, bad + others
    return good, bad


def faulty(cursor: duckdb.DuckDBPyConnection) -> str:
    """SQL for file, row_number, fault of all rows."""
    selects = [
        f"SELECT file, row_number, fault::SMALLINT AS fault FROM reference_{number}" for number, _, _ in _listed(cursor)
    ]
    return " UNION ALL ".join(selects) or "SELECT 0::SMALLINT, 0::BIGINT, NULL::SMALLINT WHERE false"


def queries(cursor: duckdb.DuckDBPyConnection, shop: Shop, stamp: str, size: int) -> Iterator[tuple[str, str]]:
    """The fact and the SQL of its rows, for each file in sets of at most `size` rows."""
    for number, target, absolute in _listed(cursor):
        form = _FORMS[target]
        ids = {wanted.id: wanted.type for wanted in mapping.TARGETS[target].fields}
        stamps = [id_ for id_ in _STAMPS if id_ in ids]
        moments = []
        for id_ in stamps:
            name = reading.identifier(id_)
            first, last = cursor.execute(
                f"SELECT min({name}), max({name}) FROM reference_{number} WHERE fault IS NULL"
            ).fetchall()[0]
            clock = Clock.of(shop.zone, first, last) if first else None
            utc = name if absolute or not clock else clock.to_utc(name)
            shown = name if not clock else clock.from_utc(name) if absolute else clock.shown(name)
            moments.append(f"{utc} AS utc_{id_}, {shown} AS shown_{id_}")
        version = (
            f"coalesce(epoch_us(updated_at), {NEWER_THAN_ORDERS})"
            if "updated_at" in ids
            else str(NEWER_THAN_ORDERS if form.has_version else 1)
        )
        visitor = ", v.key AS visitor_key" if "visitor_id" in ids else ""
        join_visitor = f"LEFT JOIN reference_person_{number} v ON v.source_id = r.visitor_id" if visitor else ""
        join_place = f"LEFT JOIN reference_place_{number} USING (country)" if "country" in ids else ""
        dropped = ", ".join(name for name in ("currency", "rate") if name in ids)
        base = f"""
            SELECT r.*{f" EXCLUDE ({dropped})" if dropped else ""}, currency_ AS currency, rate_ AS rate, c.key AS customer_key {visitor}
                {", market" if join_place else ", NULL AS market"} {"".join(", " + m for m in moments)}
            FROM reference_{number} r LEFT JOIN reference_person_{number} c ON c.source_id = r.customer {join_visitor} {join_place}
            WHERE fault IS NULL"""
        last = cursor.execute(f"SELECT max(row_number) FROM reference_{number}").fetchall()[0][0] or 0
        for start in range(0, last + 1, size):
            yield (
                target,
                (
                    f"SELECT {quoted(shop.source + ':')} || {form.key} AS key, {version} AS version, {stamp}, {form.columns} "
                    f"FROM ({base} AND row_number BETWEEN {start} AND {start + size - 1}) r"
                ),
            )


def people(cursor: duckdb.DuckDBPyConnection) -> Iterator[list[dict[str, str]]]:
    """Who the customers of customer files are, in sets."""
    names = ("source_id", "customer_key", "name", "email", "phone", "country")
    for number, target, _ in _listed(cursor):
        if target == "customer":
            some = cursor.cursor()
            some.execute(
                "SELECT customer, key, coalesce(customer_name, ''), coalesce(lower(email), ''), coalesce(phone, "
                "''), coalesce(country, '') "
                f"FROM reference_{number} JOIN reference_person_{number} p ON p.source_id = customer WHERE fault IS NULL ORDER BY row_number"
            )
            while rows := some.fetchmany(1_000):
                yield [dict(zip(names, row, strict=True)) for row in rows]


def product_rows(cursor: duckdb.DuckDBPyConnection) -> Iterator[dict[str, str | None]]:
    """The products of product files, for the catalogue."""
    names = ("code", "title", "category", "subcategory", "brand", "supplier")
    for number, target, _ in _listed(cursor):
        if target == "product":
            some = cursor.cursor()
            some.execute(
                f"SELECT product_code, title, category, subcategory, brand, supplier FROM reference_{number} WHERE fault IS NULL ORDER BY row_number"
            )
            while rows := some.fetchmany(1_000):
                yield from (dict(zip(names, row, strict=True)) for row in rows)
