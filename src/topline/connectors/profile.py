"""The ledger profile: ordered rules that say what kind of ledger row each row of a source is.

A profile is proposed from what the data holds, shown with the effect of each rule, and edited by a person. It belongs to a
shop's source; nothing here knows a particular shop's codes.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from topline.connectors import errors, places
from topline.connectors.reading import quoted
from topline.facts.order_line import Kind

FIELDS = ("order_id", "product_code", "title", "price", "quantity")

_TEXT_TESTS = {
    "is": "{column} IN ({values})",
    "starts": "({each})",
    "starts_any_case": "({each})",
}
_NUMBER_TESTS = {"at_most": "{column} <= {value}", "below": "{column} < {value}"}


@dataclass(frozen=True, slots=True)
class Test:
    """A condition on one column. how : is, starts, starts_any_case, at_most, below; values : texts or one number"""

    field: str
    how: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        text = self.to_text()
        if self.field not in FIELDS:
            raise errors.ProfileError(text=text, detail=f"a field is one of {', '.join(FIELDS)}")
        number = self.field in ("price", "quantity")
        if self.how not in (_NUMBER_TESTS if number else _TEXT_TESTS):
            allowed = ", ".join(_NUMBER_TESTS if number else _TEXT_TESTS)
            raise errors.ProfileError(text=text, detail=f"a test of {self.field} is one of {allowed}")
        if not self.values or (number and not re.fullmatch(r"-?\d+(\.\d+)?", self.values[0])):
            raise errors.ProfileError(text=text, detail="a value is missing")

    @property
    def sql(self) -> str:
        if self.how in _NUMBER_TESTS:
            return _NUMBER_TESTS[self.how].format(column=self.field, value=self.values[0])
        if self.how == "is":
            return f"{self.field} IN ({', '.join(map(quoted, self.values))})"
        column, change = (f"lower({self.field})", str.lower) if self.how == "starts_any_case" else (self.field, str)
        return "(" + " OR ".join(f"starts_with({column}, {quoted(change(value))})" for value in self.values) + ")"

    def to_text(self) -> str:
        return f"{self.field} {self.how} {', '.join(self.values)}"


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows that pass any of the tests, and no earlier rule's, are of this kind."""

    kind: Kind
    tests: tuple[Test, ...]

    @property
    def sql(self) -> str:
        return " OR ".join(test.sql for test in self.tests)


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules in their order; a row that none of them takes is goods sold."""

    rules: tuple[Rule, ...]

    @property
    def kind_sql(self) -> str:
        """SQL for the kind of a staged row."""
        cases = " ".join(f"WHEN {rule.sql} THEN {quoted(rule.kind)}" for rule in self.rules)
        return f"CASE {cases} ELSE {quoted(Kind.GOODS_SOLD)} END" if cases else quoted(Kind.GOODS_SOLD)

    @property
    def rule_sql(self) -> str:
        """SQL for the place of the rule that takes a staged row, NULL for goods sold."""
        cases = " ".join(f"WHEN {rule.sql} THEN {place}" for place, rule in enumerate(self.rules))
        return f"CASE {cases} END" if cases else "NULL::INTEGER"

    @property
    def document_sql(self) -> str:
        """SQL that tells documents of their own (a cancellation, a write-off) whose order is unknown."""
        tests = [test.sql for rule in self.rules for test in rule.tests if test.field == "order_id"]
        return "(" + " OR ".join(tests) + ")" if tests else "false"

    def to_json(self) -> list[dict[str, Any]]:
        return [
            {
                "kind": str(r.kind),
                "tests": [{"field": t.field, "how": t.how, "values": list(t.values)} for t in r.tests],
            }
            for r in self.rules
        ]

    @classmethod
    def from_json(cls, value: Sequence[Mapping[str, Any]]) -> "Profile":
        """Raises ProfileError."""
        try:
            return cls(
                tuple(
                    Rule(
                        Kind(rule["kind"]),
                        tuple(Test(t["field"], t["how"], tuple(map(str, t["values"]))) for t in rule["tests"]),
                    )
                    for rule in value
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise errors.ProfileError(text=str(value)[:200], detail=str(error)) from None


# What a code or its description says, in the order in which they are tried.
_VOCABULARY: tuple[tuple[Kind, str], ...] = (
    (
        Kind.BAD_DEBT,
        "bad debt|bad debts|uncollectible|creante neincasate|forderungsausfall|creance irrecouvrable|creances "
        "irrecouvrables|incobrable|incobraveis",
    ),
    (
        Kind.CARRIAGE,
        "postage|carriage|shipping|delivery|freight|transport|livrare|cost transport|taxa transport|taxa livrare|"
        "frete|portes|envio|versand|versandkosten"
        "|lieferkosten|porto|livraison|frais de port|frais de livraison|gastos de envio|transporte|post|dhl|ups|fedex",
    ),
    (
        Kind.VOUCHER,
        "gift voucher|gift card|gift certificate|giftcard|voucher|bon cadou|card cadou|gutschein|geschenkgutschein|"
        "cheque cadeau|carte cadeau"
        "|vale presente|cartao presente|tarjeta regalo|vale regalo",
    ),
    (
        Kind.FEE,
        "bank charges|bank charge|fee|fees|commission|comision|comision bancar|comisioane|tarifa|gebuhr|gebuhren|"
        "provision|frais bancaires|comissao|comisiones",
    ),
    (
        Kind.TEST,
        "test product|test item|this is a test product|produs test|produs de test|testprodukt|testartikel|produit "
        "test|produto teste|producto de prueba|test",
    ),
    (Kind.ADJUSTMENT, "adjustment|adjust|ajustare|corectie|korrektur|ajustement|ajuste"),
    (Kind.DISCOUNT, "discount|reducere|rabatt|nachlass|remise|desconto|descuento"),
    (Kind.SAMPLE, "sample|samples|mostra|mostre|muster|echantillon|echantillons|amostra|amostras|muestra|muestras"),
    (Kind.MANUAL, "manual|manual entry|manuell|manuel"),
)
_ORDER = (
    Kind.BAD_DEBT,
    Kind.CARRIAGE,
    Kind.FEE,
    Kind.VOUCHER,
    Kind.MANUAL,
    Kind.ADJUSTMENT,
    Kind.DISCOUNT,
    Kind.SAMPLE,
    Kind.TEST,
)
_CANDIDATES = 20_000


@dataclass(frozen=True, slots=True)
class _Code:
    code: str
    titles: tuple[str, ...]


def propose(cursor: duckdb.DuckDBPyConnection, rows: str) -> Profile:
    """The rules that the rows' own codes, descriptions, numbers and signs speak for.

    rows : a relation with order_id, product_code, title, price, quantity
    """
    kinds = _special_codes(cursor, rows)
    tests: dict[Kind, list[Test]] = defaultdict(list)
    products = _product_pattern(cursor, rows)
    for kind, codes in kinds.items():
        tests[kind].extend(_code_tests(cursor, rows, codes, products))
    for kind, prefix in _documents(cursor, rows, kinds):
        tests[kind].insert(0, Test("order_id", "starts", (prefix,)))
    rules = [Rule(kind, tuple(tests[kind])) for kind in _ORDER if tests[kind]]
    special = " OR ".join(rule.sql for rule in rules) or "false"
    below, free, back = cursor.execute(
        f"SELECT count_if(price < 0), count_if(price = 0), count_if(quantity < 0 AND price > 0 AND NOT coalesce({_any(tests[Kind.GOODS_CANCELLED])}, false)) "
        f"FROM {rows} WHERE NOT coalesce({special}, false)"
    ).fetchall()[0]
    if below:
        rules.append(Rule(Kind.DISCOUNT, (Test("price", "below", ("0",)),)))
    if free:
        rules.append(Rule(Kind.GOODS_NO_PRICE, (Test("price", "at_most", ("0",)),)))
    if tests[Kind.GOODS_CANCELLED]:
        rules.append(Rule(Kind.GOODS_CANCELLED, tuple(tests[Kind.GOODS_CANCELLED])))
    if back:
        rules.append(Rule(Kind.REFUND, (Test("quantity", "below", ("0",)),)))
    return Profile(tuple(rules))


def _any(tests: Sequence[Test]) -> str:
    return " OR ".join(test.sql for test in tests) or "false"


def _product_pattern(cursor: duckdb.DuckDBPyConnection, rows: str) -> str | None:
    """The beginning that most product codes share (five digits, say), as a regular expression."""
    found = cursor.execute(
        f"WITH codes AS (SELECT DISTINCT product_code AS code FROM {rows} WHERE product_code IS NOT NULL) "
        "SELECT regexp_replace(regexp_extract(code, '^[A-Za-z]*[-_]?[0-9]+'), '[0-9]+$', '') AS head, "
        "length(regexp_extract(code, '^[A-Za-z]*[-_]?([0-9]+)', 1)) AS digits, count(*) / (SELECT count(*) FROM "
        "codes) AS share "
        "FROM codes GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 1"
    ).fetchall()
    if not found or not found[0][1] or found[0][1] < 3 or found[0][2] < 0.5:
        return None
    return f"^{re.escape(found[0][0])}[0-9]{{{found[0][1]}}}"


def _special_codes(cursor: duckdb.DuckDBPyConnection, rows: str) -> dict[Kind, list[str]]:
    pattern = _product_pattern(cursor, rows)
    unlike = f"AND NOT regexp_matches(product_code, {quoted(pattern)})" if pattern else ""
    found = cursor.execute(
        f"SELECT product_code, list(title ORDER BY n DESC) FILTER (title IS NOT NULL) FROM (SELECT product_code, "
        f"title, count(*) AS n "
        f"FROM {rows} WHERE product_code IS NOT NULL {unlike} GROUP BY 1, 2) GROUP BY 1 ORDER BY 1 LIMIT {_CANDIDATES}"
    ).fetchall()
    codes = [_Code(code, tuple(titles or ())) for code, titles in found]
    kinds: dict[Kind, list[str]] = defaultdict(list)
    silent = []
    for code in codes:
        kind = _kind_of(code, strict=pattern is None)
        if kind:
            kinds[kind].append(code.code)
        elif not code.titles:
            silent.append(code.code)
    for code_without in silent:
        for known in kinds.values():
            if any(_is_sibling(code_without, other) for other in known):
                known.append(code_without)
                break
    return kinds


def _kind_of(code: _Code, *, strict: bool) -> Kind | None:
    """What the code itself or its commonest description says.

    strict : product codes have no form of their own, so a description must say it in so many words
    """
    own = places.folded(code.code)
    title = places.folded(code.titles[0]) if code.titles else ""
    for kind, phrases in _VOCABULARY:
        for phrase in phrases.split("|"):
            if own == phrase or title == phrase:
                return kind
    if strict and len(title.split()) > 3:
        return None
    for kind, phrases in _VOCABULARY:
        for phrase in phrases.split("|"):
            if re.search(rf"\b{phrase}\b", title) and (
                not strict or title.startswith(phrase) or title.endswith(phrase)
            ):
                return kind
    return None


def _is_sibling(code: str, other: str) -> bool:
    """C3 beside C2: the same short letters, another number."""
    mine, theirs = re.fullmatch(r"([A-Za-z]{1,3})\d{1,2}", code), re.fullmatch(r"([A-Za-z]{1,3})\d{1,2}", other)
    return bool(mine and theirs and mine[1] == theirs[1])


def _code_tests(cursor: duckdb.DuckDBPyConnection, rows: str, codes: Sequence[str], pattern: str | None) -> list[Test]:
    """Codes that share a word at their beginning become one rule for all that begin so, the rest a list."""
    groups: dict[str, list[str]] = defaultdict(list)
    for code in codes:
        begin = re.match(r"[A-Za-z]{4,}", code)
        groups[begin[0] if begin else code].append(code)
    by_word: dict[str, list[str]] = defaultdict(list)
    for begin_text, members in groups.items():
        by_word[begin_text.lower()].extend(members)
    tests: list[Test] = []
    exact: list[str] = []
    for word, members in by_word.items():
        if len(members) > 1 and len(word) >= 4 and word.isalpha() and not _takes_products(cursor, rows, word, pattern):
            tests.append(Test("product_code", "starts_any_case", (members[0][: len(word)],)))
        else:
            exact.extend(members)
    return [*([Test("product_code", "is", tuple(exact))] if exact else []), *tests]


def _takes_products(cursor: duckdb.DuckDBPyConnection, rows: str, word: str, pattern: str | None) -> bool:
    if pattern is None:
        return True
    return bool(
        cursor.execute(
            f"SELECT count(*) FROM {rows} WHERE starts_with(lower(product_code), {quoted(word)}) AND regexp_matches(product_code, {quoted(pattern)})"
        ).fetchall()[0][0]
    )


def _documents(
    cursor: duckdb.DuckDBPyConnection, rows: str, kinds: Mapping[Kind, Sequence[str]]
) -> list[tuple[Kind, str]]:
    """Letters before the number of minor kinds of document: cancellations if nearly all is negative, else what all its rows are."""
    by_code = " ".join(
        f"WHEN product_code IN ({', '.join(map(quoted, codes))}) THEN {quoted(kind)}"
        for kind, codes in kinds.items()
        if codes
    )
    kind = f"CASE {by_code} ELSE '' END" if by_code else "''"
    found = cursor.execute(
        f"SELECT regexp_extract(order_id, '^[A-Za-z]+[-_]?') AS prefix, count(*) AS n, "
        f"count_if(quantity < 0 OR price < 0) AS negative, min({kind}), max({kind}) FROM {rows} GROUP BY 1 ORDER BY 2 DESC"
    ).fetchall()
    total = sum(row[1] for row in found)
    documents = []
    for prefix, count, negative, low, high in found:
        if not prefix or count * 5 > total:
            continue
        if low and low == high:
            documents.append((Kind(low), prefix))
        elif negative > 0.9 * count:
            documents.append((Kind.GOODS_CANCELLED, prefix))
    return documents
