"""How a column's values are written, settled over the whole file, and the SQL that reads them.

A reading is a small JSON object kept with the mapping, so that a person sees it: `{"dates": "%d/%m/%Y"}`, `{"decimal": ","}`.
Where the file leaves open how it is to be read it holds a guess by the shop's country, and `is_ambiguous`: a person says it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
from babel.core import Locale, UnknownLocaleError
from babel.numbers import get_currency_symbol, get_decimal_symbol

from topline.connectors import content, errors, files
from topline.connectors.target import Type

DATES = (
    "%Y-%m-%d",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%d-%m-%y",
    "%d %b %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
)
DATE_ORDERS = ("day-first", "month-first")
DECIMAL_MARKS: Mapping[str, str] = {"comma": ",", "point": "."}
"""What a person may say of a file that leaves it open."""

MONTH_FIRST = frozenset(layout for layout in DATES if layout.startswith("%m"))
MONTH_FIRST_COUNTRIES = frozenset(["US", "PH", "PR"])
_TIMES = ("", " %H:%M:%S", " %H:%M", " %H:%M:%S.%f", " %I:%M:%S %p", " %I:%M %p")
_EPOCHS = {10: "s", 13: "ms", 16: "us"}
_OFFSET = r"(?:[Zz]|\s?UTC|\s?GMT|\s?[+-]\d{2}:?\d{2})$"
_TIME_PART = r"[T, ]+\d{1,2}:\d{2}.*$"

_NUMERIC = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_COMMA = r"^-?(?:[1-9]\d{0,2}(?:\.\d{3})+|\d+)?(?:,\d+)?$"
_POINT = r"^-?(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)?(?:\.\d+)?$"

Reading = Mapping[str, Any]

_BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def types(cursor: duckdb.DuckDBPyConnection, staged: files.Staged) -> dict[str, str]:
    """Each column's physical type in the staged file."""
    described = cursor.execute(f"DESCRIBE SELECT * FROM {staged.relation}").fetchall()
    return {row[0]: row[1] for row in described}


def settle(
    cursor: duckdb.DuckDBPyConnection,
    staged: files.Staged,
    column: str,
    type_: Type,
    physical: str,
    *,
    label: str,
    country: str,
    dates: str | None,
    decimal: str | None,
) -> Reading:
    """How all values of a column are written. Raises MixedDatesError, MixedNumbersError, UnreadableColumnError.

    country : of the shop, whose habit is the guess where nothing decides
    dates : how a person said to read 01/02, one of DATE_ORDERS; None if nobody did
    decimal : the mark that the file's other columns use, or that a person named; None if unknown
    """
    match type_:
        case Type.STAMP:
            return _settle_dates(cursor, staged, column, physical, label, country, dates)
        case Type.NUMBER | Type.INTEGER:
            return _settle_numbers(cursor, staged, column, physical, label, country, decimal)
        case Type.RATE:
            return _settle_rates(cursor, staged, column, physical, decimal)
        case Type.CODE:
            return _settle_codes(cursor, staged, column, physical)
    return {}


def decimal_mark(cursor: duckdb.DuckDBPyConnection, staged: files.Staged, columns: list[str]) -> str | None:
    """The mark that the file's numbers prove, None if they prove none."""
    for column in columns:
        comma, point = cursor.execute(
            f"SELECT count_if({_matches(_COMMA)} AND NOT {_matches(_POINT)}), count_if({_matches(_POINT)} AND NOT {_matches(_COMMA)}) "
            f"FROM (SELECT {_bare(identifier(column))} AS v FROM {staged.relation} LIMIT 100000)"
        ).fetchall()[0]
        if comma or point:
            return "," if comma > point else "."
    return None


def decimal_mark_of(country: str) -> str:
    """The mark that a country's people write before the decimals."""
    try:
        return get_decimal_symbol(Locale.parse(f"und_{country}"))
    except (UnknownLocaleError, ValueError):
        return "."


def _settle_codes(cursor: duckdb.DuckDBPyConnection, staged: files.Staged, column: str, physical: str) -> Reading:
    """Whole numbers that a spreadsheet or a data frame made into 13085.0 are 13085."""
    if physical != "VARCHAR":
        return {}
    name = identifier(column)
    some, all_ = cursor.execute(
        f"SELECT count({name}), count_if(regexp_matches({name}, '^\\d+\\.0$')) FROM {staged.relation}"
    ).fetchall()[0]
    return {"whole": True} if some and some == all_ else {}


def _settle_dates(
    cursor: duckdb.DuckDBPyConnection,
    staged: files.Staged,
    column: str,
    physical: str,
    label: str,
    country: str,
    dates: str | None,
) -> Reading:
    if physical.startswith(("TIMESTAMP", "DATE")):
        return {"absolute": True} if "TIME ZONE" in physical else {}
    if epoch := _epoch(cursor, staged, column):
        return {"epoch": epoch, "absolute": True}
    if physical != "VARCHAR":
        raise _unreadable(cursor, staged, column, label, "true")
    name = identifier(column)
    layouts = ", ".join(f"sum(n) FILTER ({_day(layout)} IS NOT NULL)" for layout in DATES)
    day = f"trim(regexp_replace({name}, {quoted(_TIME_PART)}, ''))"
    days = f"(SELECT {day} AS day, count(*) AS n FROM {staged.relation} WHERE trim({name}) <> '' GROUP BY 1)"
    total, unread, *found = cursor.execute(
        f"SELECT sum(n), sum(n) FILTER ({_any_day('day')} IS NULL), {layouts} FROM {days}"
    ).fetchall()[0]
    counts = {layout: int(count or 0) for layout, count in zip(DATES, found, strict=False)}
    if not total:
        return {"dates": DATES[0]}
    most = max(counts.values())
    if most * 2 < total and unread:
        raise _unreadable(cursor, staged, column, label, f"{_any_day(day)} IS NULL AND trim({name}) <> ''")
    best = [layout for layout, count in counts.items() if count == most]
    month_first = dates == "month-first" if dates else country in MONTH_FIRST_COUNTRIES
    preferred = [layout for layout in best if (layout in MONTH_FIRST) == month_first] or best
    layout = preferred[0]
    other = cursor.execute(
        f"SELECT {files.ROW} FROM {staged.relation} WHERE trim({name}) <> '' AND {_day(layout, day)} IS NULL "
        f"AND {_any_day(day)} IS NOT NULL ORDER BY 1 LIMIT 5"
    ).fetchall()
    if other:
        raise errors.MixedDatesError(
            file=staged.name, column=column, layout=_spoken(layout), rows=", ".join(str(row[0]) for row in other)
        )
    reading: dict[str, Any] = {"dates": layout}
    if dates is None and len({candidate in MONTH_FIRST for candidate in best}) > 1:
        reading["is_ambiguous"] = True
    offsets, times = cursor.execute(
        f"SELECT count_if(regexp_matches({name}, {quoted(_OFFSET)})), count_if(regexp_matches({name}, {quoted(_TIME_PART)})) "
        f"FROM {staged.relation}"
    ).fetchall()[0]
    if offsets and offsets == times:
        reading["absolute"] = True
    elif offsets and times:
        rows = cursor.execute(
            f"SELECT {files.ROW} FROM {staged.relation} WHERE regexp_matches({name}, {quoted(_OFFSET)}) <> {offsets * 2 > times} "
            f"AND regexp_matches({name}, {quoted(_TIME_PART)}) ORDER BY 1 LIMIT 5"
        ).fetchall()
        raise errors.MixedDatesError(
            file=staged.name, column=column, layout=_spoken(layout), rows=", ".join(str(row[0]) for row in rows)
        )
    return reading


def _epoch(cursor: duckdb.DuckDBPyConnection, staged: files.Staged, column: str) -> str | None:
    """The unit of a column of whole numbers since 1970, told by their digits; None if it isn't one."""
    value = f"CAST({identifier(column)} AS VARCHAR)"
    least, most, others = cursor.execute(
        f"SELECT min(length({value})), max(length({value})), count_if(NOT regexp_matches({value}, '^\\d+$')) "
        f"FROM {staged.relation} WHERE {value} <> ''"
    ).fetchall()[0]
    return _EPOCHS.get(least) if least == most and not others else None


def _settle_numbers(
    cursor: duckdb.DuckDBPyConnection,
    staged: files.Staged,
    column: str,
    physical: str,
    label: str,
    country: str,
    decimal: str | None,
) -> Reading:
    if physical in _NUMERIC or physical.startswith(("DECIMAL", "DOUBLE", "FLOAT")):
        return {}
    if physical != "VARCHAR":
        raise _unreadable(cursor, staged, column, label, "true")
    name = identifier(column)
    bare = f"(SELECT {files.ROW}, {_bare(name)} AS v FROM {staged.relation} WHERE trim({name}) <> '')"
    total, plain, comma, point, both, either = cursor.execute(
        f"SELECT count(*), count(TRY_CAST(v AS DECIMAL(18, 6))), count_if({_matches(_COMMA)} AND NOT {_matches(_POINT)}), "
        f"count_if({_matches(_POINT)} AND NOT {_matches(_COMMA)}), count_if({_matches(_POINT)} AND {_matches(_COMMA)}), "
        f"count_if({_matches(_POINT)} AND {_matches(_COMMA)} AND regexp_matches(v, '[.,]')) FROM {bare}"
    ).fetchall()[0]
    if not total:
        return {}
    if max(comma, point) + both < total * 0.5 and plain < total * 0.5:
        raise _unreadable(
            cursor, staged, column, label, f"trim({name}) <> '' AND {number(identifier(column), physical, {})} IS NULL"
        )
    if comma and point:
        less = (
            _matches(_COMMA) + " AND NOT " + _matches(_POINT)
            if comma < point
            else _matches(_POINT) + " AND NOT " + _matches(_COMMA)
        )
        rows = cursor.execute(f"SELECT {files.ROW} FROM {bare} WHERE {less} ORDER BY 1 LIMIT 5").fetchall()
        raise errors.MixedNumbersError(file=staged.name, column=column, rows=", ".join(str(row[0]) for row in rows))
    if either and not (comma or point or decimal) and decimal_mark_of(country) == ",":
        return {"decimal": ",", "is_ambiguous": True}
    if comma or (not point and decimal == ","):
        return {"decimal": ","}
    raw = cursor.execute(
        f"SELECT count_if(trim({name}) <> '' AND TRY_CAST({name} AS DECIMAL(18, 6)) IS NULL) FROM {staged.relation}"
    ).fetchall()[0]
    return {"decimal": "."} if raw[0] else {}


def _settle_rates(
    cursor: duckdb.DuckDBPyConnection, staged: files.Staged, column: str, physical: str, decimal: str | None
) -> Reading:
    """Whether 20 or 0.2 is a fifth: of values without a percent sign, none above 1 is a share."""
    reading: dict[str, Any] = {"rate": "share"}
    if physical == "VARCHAR":
        reading["decimal"] = decimal or "."
        commas = f"SELECT count_if(contains({identifier(column)}, ',')) FROM {staged.relation}"
        if cursor.execute(commas).fetchall()[0][0]:
            reading["decimal"] = ","
    signs = f"count_if(contains(CAST({identifier(column)} AS VARCHAR), '%'))"
    signed, most = cursor.execute(
        f"SELECT {signs}, max(abs({rate(identifier(column), physical, reading)})) FROM {staged.relation}"
    ).fetchall()[0]
    return reading | {"rate": "percent" if signed or (most or 0) > 1 else "share"}


def text(column: str, physical: str, reading: Reading) -> str:
    """SQL for a trimmed text, NULL if empty."""
    if physical == "VARCHAR":
        value = f"trim({column}, {_BLANKS})"
        if reading.get("whole"):
            value = f"regexp_replace({value}, '\\.0$', '')"
        return f"nullif({value}, '')"
    if physical in ("DOUBLE", "FLOAT"):
        return f"CASE WHEN {column} = floor({column}) THEN CAST(TRY_CAST({column} AS BIGINT) AS VARCHAR) ELSE CAST({column} AS VARCHAR) END"
    return f"CAST({column} AS VARCHAR)"


def number(column: str, physical: str, reading: Reading) -> str:
    """SQL for an exact DECIMAL(18, 6), NULL if it can't be read."""
    if physical != "VARCHAR":
        return f"TRY_CAST({column} AS DECIMAL(18, 6))"
    mark = reading.get("decimal")
    if mark is None:
        return f"TRY_CAST({column} AS DECIMAL(18, 6))"
    bare = _bare(column)
    if mark == ",":
        plain = f"replace(replace({bare}, '.', ''), ',', '.')"
        return f"CASE WHEN regexp_matches({bare}, {quoted(_COMMA)}) THEN TRY_CAST({plain} AS DECIMAL(18, 6)) END"
    return f"CASE WHEN regexp_matches({bare}, {quoted(_POINT)}) THEN TRY_CAST(replace({bare}, ',', '') AS DECIMAL(18, 6)) END"


def rate(column: str, physical: str, reading: Reading) -> str:
    """SQL for a rate, 0-1, as DECIMAL(18, 9), NULL if it can't be read."""
    bare = f"replace({column}, '%', '')" if physical == "VARCHAR" else column
    value = f"CAST({number(bare, physical, reading)} AS DECIMAL(18, 9))"
    return f"CAST({value} / 100 AS DECIMAL(18, 9))" if reading.get("rate") == "percent" else value


def stamp(column: str, physical: str, reading: Reading) -> str:
    """SQL for a TIMESTAMP: UTC if the reading is absolute, else as the wall clock showed. NULL if it can't be read."""
    if physical.startswith(("TIMESTAMP", "DATE")):
        value = (
            f"CAST({column} AT TIME ZONE 'UTC' AS TIMESTAMP)"
            if reading.get("absolute")
            else f"CAST({column} AS TIMESTAMP)"
        )
    elif epoch := reading.get("epoch"):
        unit = {"s": 1_000_000, "ms": 1_000, "us": 1}[epoch]
        value = f"make_timestamp(TRY_CAST({column} AS BIGINT) * {unit})"
    elif physical != "VARCHAR":
        return "NULL::TIMESTAMP"
    else:
        value = _written_stamp(column, reading)
    return f"CASE WHEN {value} >= TIMESTAMP '1900-01-01' THEN {value} END"


def _written_stamp(column: str, reading: Reading) -> str:
    plain = f"regexp_replace(trim({column}), '^(\\S+)[T,]\\s*(\\d{{1,2}}:)', '\\1 \\2')"
    formats = [reading["dates"] + time for time in _TIMES]
    if reading.get("absolute"):
        plain = f"regexp_replace(regexp_replace({plain}, '\\s?(?:[Zz]|UTC|GMT)$', '+00:00'), '\\s([+-]\\d{{2}}:?\\d{{2}})$', '\\1')"
        formats = [layout + "%z" for layout in formats[1:]]
        return f"CAST(try_strptime({plain}, [{', '.join(map(quoted, formats))}]) AT TIME ZONE 'UTC' AS TIMESTAMP)"
    return f"try_strptime({plain}, [{', '.join(map(quoted, formats))}])"


def currency(column: str) -> str:
    """SQL for an upper-case code, with the symbols that shops write put right; NULL if empty."""
    cases = " ".join(f"WHEN {quoted(symbol)} THEN {quoted(code)}" for symbol, code in content.symbols().items())
    return f"CASE trim({column}) {cases} ELSE nullif(upper(trim({column})), '') END"


def require_currency(cursor: duckdb.DuckDBPyConnection, staged: files.Staged, columns: Sequence[str], own: str) -> None:
    """Refuses amounts that are written with the sign or code of a currency that isn't the shop's.

    Raises OtherCurrencyError.
    """
    for column in columns:
        name = identifier(column)
        sign = f"regexp_extract({name}, 'R\\$|[£€$¥]|(?i:lei)|[A-Z]{{3}}')"
        found = cursor.execute(
            f"SELECT {sign} AS sign, min({files.ROW}), arg_min(trim({name}), {files.ROW}) FROM {staged.relation} "
            f"WHERE {sign} <> '' GROUP BY sign ORDER BY 2"
        ).fetchall()
        for written, row, value in found:
            code = content.currency(written)
            if code and code != own and written not in get_currency_symbol(own, "en"):
                raise errors.OtherCurrencyError(
                    file=staged.name, column=column, currency=code, value=value, row=row, own=own
                )


def _bare(column: str) -> str:
    """A number without currency, spaces and the accountant's brackets."""
    value = f"regexp_replace({column}, '[\\s\\x{{a0}}\\x{{202f}}''’£€$¥]|R\\$|(?i:lei)|[A-Z]{{3}}', '', 'g')"
    return f"regexp_replace(regexp_replace({value}, '^\\((.*)\\)$', '-\\1'), '^([\\d.,]+)-$', '-\\1')"


def _matches(pattern: str) -> str:
    return f"(v <> '' AND regexp_matches(v, {quoted(pattern)}))"


def _day(layout: str, day: str = "day") -> str:
    value = f"try_strptime({day}, {quoted(layout)})"
    return f"(CASE WHEN {value} BETWEEN TIMESTAMP '1900-01-01' AND TIMESTAMP '2200-01-01' THEN {value} END)"


def _any_day(day: str) -> str:
    return "coalesce(" + ", ".join(_day(layout, day) for layout in DATES) + ")"


def _spoken(layout: str) -> str:
    return (
        layout.replace("%d", "31")
        .replace("%m", "12")
        .replace("%Y", "2027")
        .replace("%y", "27")
        .replace("%b", "Dec")
        .replace("%B", "December")
    )


def _unreadable(
    cursor: duckdb.DuckDBPyConnection, staged: files.Staged, column: str, label: str, condition: str
) -> errors.UnreadableColumnError:
    row, value = cursor.execute(
        f"SELECT {files.ROW}, CAST({identifier(column)} AS VARCHAR) FROM {staged.relation} WHERE {condition} "
        "ORDER BY 1 LIMIT 1"
    ).fetchall()[0]
    return errors.UnreadableColumnError(file=staged.name, column=column, field=label, value=str(value)[:40], row=row)
