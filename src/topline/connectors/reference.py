"""Files beside the orders (customers, products, spend, sessions, prices, promotions) as facts, in sets.

Each row is judged as a ledger row is: it becomes a fact or goes to quarantine with a reason.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

import duckdb
from babel.numbers import list_currencies

from topline.connectors import fact_file, files, mapping, places, reading, visit
from topline.connectors.clock import Clock
from topline.connectors.fact_file import Form
from topline.connectors.reader import Reader, Shop
from topline.connectors.reading import quoted
from topline.connectors.target import Target, Type
from topline.facts.table import tables

NEWER_THAN_ORDERS = 1_000_000_000_000_000
"""The version of a row without its own time of change: above what orders say of a product, below a person's edit."""

PAIRS = "INSERT INTO {} SELECT unnest(?::VARCHAR[]), unnest(?::VARCHAR[])"
"""Two lists as the rows of a table; an Arrow table made of lists would load pandas, which takes two seconds."""

_CODE_LENGTH, _TEXT_LENGTH = 100, 255
_PERSONAL = r"@\S+\.\w|\+\d[\d ()-]{7,}\d"
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f]"
_NUMBERS = (Type.NUMBER, Type.INTEGER)
_TEXTS = (Type.CODE, Type.TEXT, Type.COUNTRY, Type.EMAIL, Type.PHONE)
_YES = ("yes", "y", "true", "t", "1", "x", "da", "sim", "ja", "j", "oui", "o", "si", "sí")
_NO = ("no", "n", "false", "f", "0", "nu", "não", "nao", "nein", "non")

_PLATFORMS: Sequence[tuple[str, Sequence[frozenset[str]]]] = (
    ("paid_search", (frozenset({"campaign", "cost", "impr"}), frozenset({"campaign", "spend", "impr"}))),
    ("paid_social", (frozenset({"campaign name", "reporting starts"}), frozenset({"ad set name", "impressions"}))),
)
"""Headings that only the cost report of one kind of platform has: Google and Microsoft Ads; Meta."""


# A row of these is read as `r`, its moment as UTC in `happened` and as the wall clock showed it in `shown`.
_FORMS: Mapping[str, Form] = {
    "customer": Form(
        "customer_key",
        "customer_key, CAST(shown_since AS DATE) AS since_on, market, segment",
        ("customer",),
    ),
    "product": Form(
        "product_code",
        "product_code AS product_key, title, category, subcategory, brand, supplier, NULL::BIGINT AS tier",
        ("product_code",),
    ),
    "spend": Form(
        "CAST(shown_at AS DATE) || ':' || hash || ':' || n",
        'CAST(shown_at AS DATE) AS "on", coalesce(channel, platform, campaign) AS channel, campaign, market, '
        "coalesce(lower(kind), 'ads') AS kind, "
        "amount, CASE WHEN rate = 1 THEN amount ELSE CAST(CAST(amount AS DECIMAL(22, 6)) * CAST(rate AS DECIMAL(16, "
        "9)) AS DECIMAL(18, 6)) END "
        "AS amount_shop, currency, rate, CAST(impressions AS BIGINT) AS impressions, CAST(clicks AS BIGINT) AS "
        "clicks, true AS is_acquisition",
        ("at", "amount"),
        has_version=False,
    ),
    "session": Form(
        "session_id",
        'session_id AS session_key, coalesce("key visitor_id", session_id) AS visitor_key, customer_key, '
        "timezone('UTC', utc_at) AS \"at\", "
        'CAST(shown_at AS DATE) AS "on", CAST(hour(shown_at) AS TINYINT) AS hour, channel, campaign, market, device, '
        "split_part(split_part(landing_page, '?', 1), '#', 1) AS landing_page, coalesce(CAST(views AS BIGINT), 1) "
        "AS views, "
        "coalesce(CAST(duration_seconds AS BIGINT), 0) AS duration_seconds, 0::BIGINT AS carts, 0::BIGINT AS "
        "checkouts, 0::BIGINT AS orders, NULL::BIGINT AS product_views, NULL::BIGINT AS sign_ups, NULL::BIGINT AS downloads, "
        "NULL::BIGINT AS chats, NULL::BIGINT AS furthest",
        ("session_id", "at"),
        personal=("visitor_id",),
    ),
    "price": Form(
        "product_code || ':' || coalesce(market, '') || ':' || currency || ':' || CAST(shown_from AS DATE)",
        'product_code AS product_key, CAST(shown_from AS DATE) AS "on", market, currency, unit_price AS amount',
        ("product_code", "from", "unit_price"),
    ),
    "promotion": Form(
        "promotion_id || ':' || coalesce(product_code, '') || ':' || CAST(shown_from AS DATE)",
        'promotion_id AS promotion_key, product_code AS product_key, CAST(shown_from AS DATE) AS "on", '
        "CAST(shown_until AS DATE) + 1 AS until_on, coalesce(lower(kind), 'price') AS kind, NULL AS placement, NULL "
        "AS store, campaign, market, "
        "discount_rate",
        ("promotion_id", "from", "until"),
    ),
}


def _form(target: str) -> Form:
    """How the rows of a target become facts: as written here, else as the fact's own row says."""
    if target in _FORMS:
        return _FORMS[target]
    ids = tuple((name, one.id) for name, one in mapping.SHARED.items())
    return fact_file.form(tables()[target], ids)


def _stamps(target: str) -> list[str]:
    """The fields of moments, without that of the last change."""
    fields = mapping.TARGETS[target].fields
    return [one.id for one in fields if one.type == Type.STAMP and one.id != "updated_at"]


_OCCURRENCE = "row_number() OVER (PARTITION BY hash ORDER BY row_number)"
"""SQL of which of the rows with the same content a row is."""


def load(cursor: duckdb.DuckDBPyConnection, number: int, staged: files.Staged, read: Reader, shop: Shop) -> None:
    """Types and judges the rows into the table `reference_NUMBER`, and notes what may be wrong in `fault`."""
    target = mapping.TARGETS[read.layout.target]
    form = _form(target.table)
    ids = {wanted.id: wanted.type for wanted in target.fields}
    chosen = {id_: _choice(cursor, staged, read, id_, words) for id_, words in form.choices.items() if read.has(id_)}
    cells = [f"{chosen.get(id_) or _cell(read, id_, type_)} AS {reading.identifier(id_)}" for id_, type_ in ids.items()]
    filled = [f"{read.is_filled(id_)} AS {reading.identifier(f'has {id_}')}" for id_ in ids]
    customer = (
        "coalesce(customer_id, lower(email))" if "email" in ids else "customer_id" if "customer_id" in ids else "NULL"
    )
    others = " ".join(f"WHEN {quoted(code)} THEN {rate}" for code, rate in shop.rates.items())
    given = "rate" if "rate" in ids else "NULL"
    usual = quoted(_heading_currency(read, ids) or shop.currency)
    currency = f"coalesce(currency, {usual})" if "currency" in ids else usual
    rate = f"CAST(CASE {currency} WHEN {quoted(shop.currency)} THEN 1 {others} ELSE {given} END AS DECIMAL(18, 9))"
    tests = _tests(read, target, ids, form, shop)
    cases = " ".join(f"WHEN {test} THEN {place}" for place, (test, _, _) in enumerate(tests))
    plain = ", ".join(
        f"coalesce(CAST({reading.identifier(id_)} AS VARCHAR), '')"
        for id_ in ids
        if id_ not in ("email", "customer_name", "phone")
    )
    extra = (
        f"{customer} AS customer, {currency} AS currency_, {rate} AS rate_, TIMESTAMP '{shop.today}' AS today, "
        f"{_platform(staged)} AS platform, {_suspicions(read, ids)}"
    )
    cursor.executemany(
        "INSERT INTO fault VALUES (?, ?, ?, ?)",
        [(number, place, reason, column) for place, (_, reason, column) in enumerate(tests)],
    )
    salt = quoted(shop.hmac(shop.source, "the hashes of rows"))
    is_keyed = read.has("key") and "r.key" in form.key  # most rows are, so that few need a hash
    hashed, occurrence = f"left(md5(concat_ws(chr(31), {salt}, {plain})), 16)", "1::BIGINT"
    if is_keyed:
        hashed = f'CASE WHEN "key" IS NULL THEN {hashed} END'
    elif "hash" in form.key:
        occurrence = _OCCURRENCE
    else:
        hashed = "NULL::VARCHAR"
    left_out = ", ".join(("has_control", "may_be_personal", *(reading.identifier(f"has {id_}") for id_ in ids)))
    cursor.execute(f"""
        CREATE TABLE reference_{number} AS
        WITH typed AS (SELECT {files.ROW} AS row_number, {", ".join(cells)}, {", ".join(filled)} FROM {staged.relation}),
        told AS (SELECT *, {extra} FROM typed),
        judged AS (SELECT *, CASE {cases} END AS fault, {hashed} AS hash FROM told)
        SELECT {number}::SMALLINT AS file, * EXCLUDE ({left_out}), {occurrence} AS n FROM judged""")
    if is_keyed:
        cursor.execute(
            f"UPDATE reference_{number} r SET n = found.n FROM (SELECT row_number, {_OCCURRENCE} AS n "
            f"FROM reference_{number} WHERE hash IS NOT NULL) found WHERE r.row_number = found.row_number AND found.n > 1"
        )
    cursor.execute(
        "CREATE TABLE IF NOT EXISTS reference (file SMALLINT, target VARCHAR, absolute VARCHAR); "
        f"INSERT INTO reference VALUES ({number}, {quoted(target.table)}, "
        f"{quoted(','.join(id_ for id_ in _stamps(target.table) if read.is_absolute(id_)))})"
    )
    if target.table == "web_event":
        _split_visits(cursor, number, salt)
    _name(cursor, number, ids, form, shop)


def _suspicions(read: Reader, ids: Mapping[str, Type]) -> str:
    """SQL of what a row may hold anywhere, so that its columns are looked at one by one only then."""
    texts = [reading.identifier(id_) for id_, type_ in ids.items() if type_ in _TEXTS and read.has(id_)]
    every = f"concat_ws(' ', {', '.join(texts)})" if texts else "''"
    return (
        f"regexp_matches({every}, {quoted(_CONTROL)}) AS has_control, "
        f"contains({every}, '@') OR contains({every}, '+') AS may_be_personal"
    )


def _split_visits(cursor: duckdb.DuckDBPyConnection, number: int, salt: str) -> None:
    """Names the visits of events that come without one."""
    events = (
        'SELECT row_number AS key, "at", coalesce(visitor_id, customer) AS visitor_key '
        f"FROM reference_{number} WHERE fault IS NULL AND session_id IS NULL"
    )
    cursor.execute(f"""
        CREATE TABLE visit_{number} AS SELECT key AS row, session_key AS named FROM ({visit.split(f"({events})", "key", salt)});
        UPDATE reference_{number} SET session_id = named FROM visit_{number} WHERE row_number = visit_{number}.row""")


def _heading_currency(read: Reader, ids: Mapping[str, Type]) -> str | None:
    """The currency that stands in the heading of an amount: “Amount spent (EUR)”."""
    for id_, type_ in ids.items():
        if type_ == Type.NUMBER and (found := re.search(r"\(([A-Z]{3})\)\s*$", read.layout.column(id_) or "")):
            return found[1] if found[1] in list_currencies() else None
    return None


def _platform(staged: files.Staged) -> str:
    """SQL of the channel that a platform's export is about, which says it in no column."""
    headings = {places.folded(column) for column in staged.columns}
    for channel, telling in _PLATFORMS:
        if any(group <= headings for group in telling):
            return quoted(channel)
    return "NULL::VARCHAR"


def _choice(
    cursor: duckdb.DuckDBPyConnection, staged: files.Staged, read: Reader, id_: str, words: Mapping[str, str]
) -> str:
    """SQL of a column's value among those that a fact has, in the words that sources use; NULL for any other."""
    raw = read.raw(id_)
    found = cursor.execute(
        f"SELECT DISTINCT {raw} FROM {staged.relation} WHERE {raw} IS NOT NULL LIMIT {fact_file.MOST_CHOICES}"
    ).fetchall()
    known = [(text, words[places.folded(text)]) for (text,) in found if places.folded(text) in words]
    cases = " ".join(f"WHEN {quoted(text)} THEN {quoted(value)}" for text, value in known)
    return f"CASE {raw} {cases} END" if cases else "NULL::VARCHAR"


def _cell(read: Reader, id_: str, type_: Type) -> str:
    match type_:
        case Type.STAMP:
            return read.stamp(id_)
        case Type.NUMBER | Type.INTEGER:
            return read.number(id_)
        case Type.FLAG:
            yes, no = (", ".join(map(quoted, words)) for words in (_YES, _NO))
            raw = f"lower({read.raw(id_)})"
            return f"CASE WHEN {raw} IN ({yes}) THEN true WHEN {raw} IN ({no}) THEN false END"
        case Type.RATE:
            return read.rate(id_)
        case Type.CURRENCY:
            return reading.currency(read.raw(id_)) if read.has(id_) else "NULL::VARCHAR"
    return read.raw(id_)


def _tests(read: Reader, target: Target, ids: dict[str, Type], form: Form, shop: Shop) -> list[tuple[str, str, str]]:
    """What may be wrong with a row: SQL, reason, column."""
    known = ", ".join(quoted(code) for code in sorted(list_currencies()))
    tests = []
    for id_, type_ in ids.items():
        if not read.has(id_):
            continue
        name, has, column = reading.identifier(id_), reading.identifier(f"has {id_}"), read.layout.column(id_) or ""
        if id_ in form.choices:
            tests.append((f"{has} AND {name} IS NULL", "unknown_choice", column))
        match type_:
            case Type.FLAG:
                tests.append((f"{has} AND {name} IS NULL", "bad_flag", column))
            case Type.STAMP:
                tests.append((f"{has} AND {name} IS NULL", "bad_date", column))
                tests.append((f"{name} < TIMESTAMP '1970-01-01'", "old_date", column))
            case Type.NUMBER | Type.INTEGER | Type.RATE:
                tests.append((f"{has} AND {name} IS NULL", "bad_number", column))
            case Type.CURRENCY:
                tests.append((f"{name} NOT IN ({known})", "unknown_currency", column))
                if "rate" in ids:
                    tests.append(("rate_ IS NULL", "no_rate", column))
            case Type.CODE | Type.COUNTRY:
                tests.append((f"length({name}) > {_CODE_LENGTH}", "too_long", column))
                tests.append(
                    (f"has_control AND regexp_matches({name}, {quoted(_CONTROL)})", "control_character", column)
                )
                if id_ != "customer_id" and id_ not in form.personal:
                    tests.append(
                        (f"may_be_personal AND regexp_matches({name}, {quoted(_PERSONAL)})", "personal", column)
                    )
            case Type.TEXT | Type.EMAIL | Type.PHONE:
                tests.append((f"length({name}) > {_TEXT_LENGTH}", "too_long", column))
                tests.append(
                    (f"has_control AND regexp_matches({name}, {quoted(_CONTROL)})", "control_character", column)
                )
                if type_ == Type.TEXT and id_ != "customer_name":
                    tests.append(
                        (f"may_be_personal AND regexp_matches({name}, {quoted(_PERSONAL)})", "personal", column)
                    )
    if read.has("at") and not tables()[target.table].may_lie_ahead:
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
            "no_date" if ids.get(id_) == Type.STAMP else "no_number" if ids.get(id_) in _NUMBERS else "no_key",
            read.layout.column(id_) or "",
        )
        for id_ in form.required
    ]
    if target.table == "web_event":
        tests.append(("coalesce(session_id, visitor_id, customer) IS NULL", "no_key", ""))
    return tests


def _name(cursor: duckdb.DuckDBPyConnection, number: int, ids: dict[str, Type], form: Form, shop: Shop) -> None:
    """Keys for the people of a file, codes for its countries."""
    people = ["customer", *form.personal]
    union = " UNION ".join(
        f"SELECT DISTINCT CAST({column} AS VARCHAR) AS source_id FROM reference_{number} WHERE {column} IS NOT NULL"
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


def _listed(cursor: duckdb.DuckDBPyConnection) -> list[tuple[int, str, str]]:
    if not cursor.execute("SELECT 1 FROM information_schema.tables WHERE table_name = 'reference'").fetchall():
        return []
    return cursor.execute("SELECT file, target, absolute FROM reference ORDER BY file").fetchall()


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
    """The fact and the SQL of its rows in sets: of each file at most `size` rows, web events in whole visits."""
    listed = _listed(cursor)
    for query in _web_events(cursor, [each for each in listed if each[1] == "web_event"], shop, stamp, size):
        yield "web_event", query
    for number, target, absolute in listed:
        if target == "web_event":
            continue
        last = cursor.execute(f"SELECT max(row_number) FROM reference_{number}").fetchall()[0][0] or 0
        for start in range(0, last + 1, size):
            within = f"row_number BETWEEN {start} AND {start + size - 1}"
            yield target, _query(cursor, number, target, absolute, shop, stamp, within)


def keys(cursor: duckdb.DuckDBPyConnection, shop: Shop, stamp: str, table: str) -> Iterator[str]:
    """SQL of the keys of each file's rows of a fact, in any order."""
    for number, target, absolute in _listed(cursor):
        if target == table:
            yield f"SELECT key FROM ({_query(cursor, number, target, absolute, shop, stamp, 'true')})"


def _web_events(
    cursor: duckdb.DuckDBPyConnection, listed: list[tuple[int, str, str]], shop: Shop, stamp: str, size: int
) -> Iterator[str]:
    """SQL of the web events of these files in sets of about `size` rows, each with all events of its visits."""
    rows = sum(cursor.execute(f"SELECT count(*) FROM reference_{number}").fetchall()[0][0] for number, *_ in listed)
    sets = rows // size + 1 if rows else 0
    for place in range(sets):
        within = f"hash(r.session_id) % {sets} = {place}"
        yield " UNION ALL ".join(_query(cursor, *each, shop, stamp, within) for each in listed)


def _query(
    cursor: duckdb.DuckDBPyConnection, number: int, target: str, absolute: str, shop: Shop, stamp: str, within: str
) -> str:
    """SQL of some of a file's rows as facts."""
    form = _form(target)
    ids = {wanted.id: wanted.type for wanted in mapping.TARGETS[target].fields}
    moments = []
    for id_ in _stamps(target):
        name = reading.identifier(id_)
        first, last = cursor.execute(
            f"SELECT min({name}), max({name}) FROM reference_{number} WHERE fault IS NULL"
        ).fetchall()[0]
        clock = Clock.of(shop.zone, first, last) if first else None
        is_absolute = id_ in absolute.split(",")
        utc = name if is_absolute or not clock else clock.to_utc(name)
        shown = name if not clock else clock.from_utc(name) if is_absolute else clock.shown(name)
        moments.append(f'{utc} AS "utc_{id_}", {shown} AS "shown_{id_}"')
    version = (
        f"coalesce(epoch_us(updated_at), {NEWER_THAN_ORDERS})"
        if "updated_at" in ids
        else str(NEWER_THAN_ORDERS if form.has_version else 1)
    )
    if not form.has_version and "updated_at" in ids:
        version = "coalesce(epoch_us(updated_at), 1)"
    keys = "".join(f', p{place}.key AS "key {id_}"' for place, id_ in enumerate(form.personal))
    join_people = " ".join(
        f"LEFT JOIN reference_person_{number} p{place} ON p{place}.source_id = r.{reading.identifier(id_)}"
        for place, id_ in enumerate(form.personal)
    )
    join_place = f"LEFT JOIN reference_place_{number} USING (country)" if "country" in ids else ""
    dropped = ", ".join(name for name in ("currency", "rate") if name in ids)
    base = f"""
        SELECT r.*{f" EXCLUDE ({dropped})" if dropped else ""}, currency_ AS currency, rate_ AS rate, c.key AS customer_key {keys}
            {", market" if join_place else ", NULL AS market"} {"".join(", " + m for m in moments)}
        FROM reference_{number} r LEFT JOIN reference_person_{number} c ON c.source_id = r.customer {join_people} {join_place}
        WHERE fault IS NULL AND {within}"""
    return (
        f"SELECT {quoted(shop.source + ':')} || {form.key} AS key, {version} AS version, {stamp}, {form.columns} "
        f"FROM ({base}) r"
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
