"""What an order line file says in columns beside the price: discount, tax, shipping, what was refunded, how it ended.

Each becomes ledger rows of its own, beside the row that it stands on. What an order was refunded is spread over its rows by
largest remainder, so that it sums exactly. Where credit rows tell of the same refund, of this import or another, the rows that
stand here for a column are reduced by them: `imports.refund` does so over all that is live.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from topline.connectors import places
from topline.connectors.mapping import Layout
from topline.connectors.reading import quoted
from topline.units.money import minor_digits

AMOUNTS = ("discount", "tax", "shipping", "refunded")
REPEATED_SHARE = 0.95
"""Of the orders whose rows differ in amount, how many must repeat a value on every row for it to be the order's."""

_ENDINGS = {
    "cancelled": "cancelled|canceled|cancel|voided|void|declined|failed|order cancelled|anulat|anulata|comanda anulata|"
    "cancelado|cancelada|anulado|anulada|pedido cancelado|pedido anulado|storniert|abgebrochen|annulliert|annule|annulee|"
    "commande annulee|respins|recusado|rechazado|abgelehnt|refuse",
    "refunded": "refunded|refund|fully refunded|returned|rambursat|rambursata|returnat|returnata|reembolsado|reembolsada|"
    "devolvido|devolvida|estornado|estornada|erstattet|zuruckerstattet|retourniert|rembourse|remboursee|retourne|"
    "retournee|devuelto|devuelta|closed refunded|chargeback",
    "test": "test|test order|comanda test|comanda de test|pedido de teste|teste|testbestellung|commande test|"
    "commande de test|pedido de prueba|prueba",
}

TABLES = (
    "CREATE TABLE IF NOT EXISTS ending (file SMALLINT, row_number BIGINT, ending VARCHAR)",
    "CREATE TABLE IF NOT EXISTS repeated (file SMALLINT, part VARCHAR)",
    "CREATE TABLE IF NOT EXISTS origin (order_id VARCHAR, ordered DATE, channel VARCHAR, market VARCHAR, "
    "customer_key VARCHAR, sold DECIMAL(38, 6), returned DECIMAL(38, 6))",
    "CREATE TABLE IF NOT EXISTS basis (file SMALLINT, is_gross BOOLEAN)",
    "CREATE TABLE IF NOT EXISTS credit (file SMALLINT, row_number BIGINT, is_over BOOLEAN)",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """Which of these columns an import has at all."""

    amounts: tuple[str, ...]
    has_endings: bool
    has_origins: bool

    def __bool__(self) -> bool:
        return bool(self.amounts) or self.has_endings


def ending(status: str) -> str | None:
    """`cancelled`, `refunded` or `test` if a status in one of six languages says so."""
    folded = places.folded(status)
    return next((id_ for id_, said in _ENDINGS.items() if folded in said.split("|")), None)


def seen(cursor: duckdb.DuckDBPyConnection) -> Seen:
    *amounts, status, cancelled, origin = cursor.execute(
        f"SELECT {', '.join(f'coalesce(bool_or({part} <> 0), false)' for part in AMOUNTS)}, count(status) > 0, "
        "count(cancelled_wall) + count(cancelled_utc) > 0, count(origin) > 0 FROM line"
    ).fetchall()[0]
    return Seen(tuple(p for p, is_there in zip(AMOUNTS, amounts, strict=True) if is_there), status or cancelled, origin)


def find_repeated(cursor: duckdb.DuckDBPyConnection, found: Seen) -> None:
    """Notes the columns of each file that repeat a value of the order on all its rows."""
    for part in found.amounts:
        cursor.execute(f"""
        INSERT INTO repeated SELECT file, {quoted(part)} FROM (
            SELECT file, min(amount) <> max(amount) AS differs,
                min({part}) = max({part}) AND count({part}) = count(*) AS is_same
            FROM line WHERE fault IS NULL GROUP BY file, order_id HAVING count(*) > 1 AND count_if({part} <> 0) > 0)
        GROUP BY file HAVING CASE WHEN count_if(differs) > 0
            THEN count_if(differs AND is_same) >= {REPEATED_SHARE} * count_if(differs)
            ELSE {part in ("shipping", "refunded")} AND bool_and(is_same) END""")


def note_basis(cursor: duckdb.DuckDBPyConnection, number: int, layout: Layout) -> None:
    """Notes a file whose prices include tax, or that gives discounts or taxes as rates."""
    has = layout.matches.__contains__
    is_gross = not has("unit_price") and not has("amount")
    if is_gross or any(map(has, ("discount_rate", "tax_rate", "gross_price", "gross_amount"))):
        cursor.execute("INSERT INTO basis VALUES (?, ?)", [number, is_gross])


def take_apart(cursor: duckdb.DuckDBPyConnection) -> None:
    """Makes amounts of rates, and takes out of prices, and of the discounts on them, the tax that they include.

    Row by row, or over an order where its tax or discount stands once for it. Six decimals are kept, and what is rounded
    off one amount goes to another: goods, discount and tax together are always what the file says.
    """
    if not cursor.execute("SELECT 1 FROM basis").fetchall():
        return
    cursor.execute(f"""
    CREATE TEMP TABLE apart AS
    WITH rows AS (SELECT file, row_number, order_id, amount, price, tax_rate, full_tax, is_gross, sign(amount) AS sign,
            abs(coalesce(discount, CAST(amount * discount_rate AS DECIMAL(18, 6)))) AS discount, abs(tax) AS tax,
            {_of_order("discount")} AS is_discount_of_order, {_of_order("tax")} AS is_tax_of_order
        FROM line JOIN basis USING (file) WHERE fault IS NULL WINDOW orders AS (PARTITION BY file, order_id)),
    placed AS (SELECT *, CASE WHEN is_discount_of_order OR is_tax_of_order THEN 0 ELSE row_number END AS unit FROM rows),
    summed AS (SELECT *, sum(amount) OVER units AS goods, sum(amount) OVER running AS goods_so_far,
            CASE WHEN is_discount_of_order THEN sign(sum(amount) OVER units) * discount
                ELSE coalesce(sum(sign * discount) OVER units, 0) END AS off,
            sum(sign * discount) OVER running AS off_so_far,
            CASE WHEN is_tax_of_order THEN sign(sum(amount) OVER units) * tax ELSE sum(sign * tax) OVER units END AS taxes,
            CASE WHEN count(tax) OVER units = 0 THEN coalesce(full_tax, {_six("CASE WHEN is_gross THEN amount * tax_rate / (1 + tax_rate) ELSE amount * tax_rate END")}) END AS told
        FROM placed WINDOW units AS (PARTITION BY file, order_id, unit),
            running AS (PARTITION BY file, order_id, unit ORDER BY row_number)),
    full_ AS (SELECT *, CASE WHEN taxes IS NOT NULL THEN {_six("taxes * goods / nullif(goods - off, 0)")} ELSE sum(told) OVER units END AS within
        FROM summed WINDOW units AS (PARTITION BY file, order_id, unit)),
    shared AS (SELECT *, coalesce(told, {_share("within", "goods_so_far", "amount", "goods")}) AS tax_of_row, sum(told) OVER running AS told_so_far,
            CASE WHEN taxes IS NOT NULL THEN within - taxes ELSE {_six("off * within / nullif(goods, 0)")} END AS tax_of_discount
        FROM full_ WINDOW running AS (PARTITION BY file, order_id, unit ORDER BY row_number))
    SELECT file, row_number,
        CASE WHEN is_gross THEN amount - coalesce(tax_of_row, 0) ELSE amount END AS amount,
        CASE WHEN is_gross AND amount <> 0 THEN {_six("price * (amount - coalesce(tax_of_row, 0)) / amount")} ELSE price END AS price,
        CASE WHEN NOT is_gross OR tax_of_discount IS NULL THEN discount WHEN is_discount_of_order THEN abs(off - tax_of_discount)
            ELSE abs(sign * discount - {_share("tax_of_discount", "off_so_far", "sign * discount", "off")}) END AS discount,
        CASE WHEN taxes IS NOT NULL THEN tax ELSE told - coalesce({_share("tax_of_discount", "told_so_far", "told", "within")}, 0) END AS tax
    FROM shared""")
    cursor.execute("""
    UPDATE line SET amount = apart.amount, price = apart.price, discount = apart.discount, tax = apart.tax
    FROM apart WHERE line.file = apart.file AND line.row_number = apart.row_number""")
    cursor.execute("DROP TABLE apart")


def _of_order(part: str) -> str:
    """SQL for whether a part stands on every row of the window `orders` and means the order once."""
    return (
        f"(file, {quoted(part)}) IN (FROM repeated) AND min({part}) OVER orders = max({part}) OVER orders "
        f"AND count({part}) OVER orders = count(*) OVER orders"
    )


def _six(value: str) -> str:
    return f"CAST(CAST({value} AS DOUBLE) AS DECIMAL(18, 6))"


def _share(whole: str, so_far: str, own: str, total: str) -> str:
    """SQL for a row's share of a whole by its weight; by running sums, so that the shares add up to it exactly."""
    upto, before = (
        f"CAST({whole} AS DOUBLE) * ({sum_}) / nullif({total}, 0)" for sum_ in (so_far, f"{so_far} - {own}")
    )
    return f"({_six(upto)} - {_six(before)})"


def find_endings(cursor: duckdb.DuckDBPyConnection) -> None:
    """Notes how each row's order ended; a row without a status has that of its order."""
    said = cursor.execute("SELECT DISTINCT status FROM line WHERE status IS NOT NULL").fetchall()
    cases = " ".join(f"WHEN {quoted(status)} THEN {quoted(end)}" for (status,) in said if (end := ending(status)))
    own = f"CASE status {cases} END" if cases else "NULL::VARCHAR"
    cursor.execute(f"""
    INSERT INTO ending SELECT file, row_number, ending FROM (
        SELECT file, row_number, coalesce({own},
            CASE WHEN cancelled_wall IS NOT NULL OR cancelled_utc IS NOT NULL THEN 'cancelled' END,
            CASE WHEN status IS NULL THEN first_value({own} IGNORE NULLS) OVER orders END,
            CASE WHEN status IS NULL AND count(coalesce(cancelled_wall, cancelled_utc)) OVER orders > 0 THEN 'cancelled' END
            ) AS ending
        FROM line WHERE fault IS NULL WINDOW orders AS (PARTITION BY file, order_id))
    WHERE ending IS NOT NULL""")


def find_credits(cursor: duckdb.DuckDBPyConnection, ordered: str) -> None:
    """What is known of the orders that credit rows name, and which credits exceed what remained.

    ordered : SQL for the day of a row of `line` as the shop's clock showed it
    """
    cursor.execute(f"""
    INSERT INTO origin
    SELECT order_id, min(CAST({ordered} AS DATE)), arg_min(channel, row_number), arg_min(market, row_number),
        arg_min(customer_key, row_number), coalesce(sum(amount) FILTER (amount > 0), 0), 0
    FROM line ANTI JOIN same USING (file, row_number) LEFT JOIN person USING (customer) LEFT JOIN place USING (country)
    WHERE fault IS NULL AND origin IS NULL AND order_id IN (SELECT origin FROM line WHERE origin IS NOT NULL)
        AND order_id NOT IN (SELECT order_id FROM origin) GROUP BY order_id""")
    cursor.execute("""
    INSERT INTO credit SELECT l.file, l.row_number,
        sum(-l.amount) OVER (PARTITION BY l.origin ORDER BY coalesce(l.wall, l.utc), l.file, l.row_number) + o.returned > o.sold
    FROM line l ANTI JOIN same USING (file, row_number) JOIN origin o ON o.order_id = l.origin
    WHERE l.fault IS NULL AND l.amount < 0""")


def kind_sql(kind: str) -> str:
    """SQL for a staged row's kind: one that takes away from an order that it names is a refund, whatever it looks like."""
    return f"CASE WHEN origin IS NOT NULL AND amount < 0 AND ({kind}) IN ('goods_sold', 'discount', 'goods_cancelled') THEN 'refund' ELSE {kind} END"


def extra_sql(cursor: duckdb.DuckDBPyConnection, found: Seen, kind: str, currency: str, share: str) -> str:
    """SQL for the ledger rows beside the rows of the file.

    file, row_number : the row beside which it stands; suffix, is_of_order : what its key ends with, and begins with
    kind, quantity, price, amount, is_later (whether it happened when the order ended), is_over

    kind : SQL for a staged row's kind; share : a condition that holds of all rows of an order, and its credits, or of none
    """
    repeated = set(cursor.execute("SELECT file, part FROM repeated").fetchall())
    numbers = [row[0] for row in cursor.execute("SELECT DISTINCT file FROM line ORDER BY 1").fetchall()]
    amounts = [
        sql
        for part in found.amounts
        if part != "refunded"
        for sql in _amounts(part, [n for n in numbers if (n, part) in repeated])
    ]
    none = "SELECT 0::SMALLINT AS file, 0::BIGINT AS row_number, '' AS order_id, '' AS part, false AS is_of_order, 0::DECIMAL(18, 6) AS amount WHERE false"
    step = 10 ** (6 - min(6, minor_digits(currency)))
    refunded_of_order = _listed([n for n in numbers if (n, "refunded") in repeated])
    return f"""
    WITH base AS (SELECT l.* EXCLUDE (kind_), kind_ AS kind, coalesce(ending, '') AS ending
            FROM (SELECT *, {kind} AS kind_ FROM line WHERE fault IS NULL AND {share}) l
            ANTI JOIN same USING (file, row_number) LEFT JOIN ending USING (file, row_number)),
    part AS ({" UNION ALL ".join(amounts) or none}),
    goods AS (SELECT * FROM base WHERE amount > 0 AND origin IS NULL AND kind IN ('goods_sold', 'carriage', 'fee', 'voucher', 'manual', 'tax', 'shipping')),
    beside AS (SELECT order_id, sum(amount) AS amount FROM part GROUP BY 1),
    gone AS (SELECT order_id, CASE WHEN count(refunded) = 0 THEN NULL
            WHEN bool_or({refunded_of_order}) AND min(refunded) = max(refunded) AND count(refunded) = count(*) THEN max(abs(refunded))
            ELSE sum(abs(refunded)) END AS refunded,
            count(refunded) = count(*) AND count(*) > 1 AND min(refunded) <> max(refunded) AS is_by_row
        FROM base WHERE origin IS NULL GROUP BY order_id),
    sold AS (SELECT order_id, sum(amount) AS amount, bool_and(ending = 'cancelled') AS is_cancelled,
            bool_and(ending = 'refunded') AS is_refunded FROM goods GROUP BY order_id),
    due AS (SELECT order_id, sold.amount AS sold, is_by_row, coalesce(beside.amount, 0) AS beside,
            is_cancelled, CASE WHEN is_cancelled THEN NULL WHEN coalesce(refunded, 0) > 0 THEN refunded
                WHEN is_refunded THEN sold.amount + coalesce(beside.amount, 0) END AS refunded
        FROM sold JOIN gone USING (order_id) LEFT JOIN beside USING (order_id)),
    fate AS (SELECT *, is_cancelled OR refunded >= sold + beside AS is_whole FROM due),
    undone AS (SELECT g.file, g.row_number, g.order_id, g.kind, g.quantity, g.price, g.amount,
            coalesce(f.is_cancelled, false) OR (g.ending = 'cancelled' AND f.refunded IS NULL) AS is_cancelled
        FROM goods g JOIN fate f USING (order_id)
        WHERE is_whole OR (f.refunded IS NULL AND g.ending IN ('cancelled', 'refunded'))),
    weight AS (SELECT g.file, g.row_number, g.order_id, f.is_cancelled,
            CAST(f.refunded * 1000000 AS HUGEINT) AS owed,
            CAST((CASE WHEN f.is_by_row THEN abs(g.refunded) ELSE g.amount END) * 1000000 AS HUGEINT) AS share
        FROM goods g JOIN fate f USING (order_id) WHERE NOT is_whole AND f.refunded > 0 AND g.kind = 'goods_sold'),
    whole AS (SELECT *, greatest(sum(share) OVER (PARTITION BY order_id), 1)::HUGEINT * {step} AS unit FROM weight),
    even AS (SELECT *, owed * share // unit * {step} AS base_, row_number() OVER (PARTITION BY order_id ORDER BY owed * share % unit DESC, file, row_number) AS place FROM whole),
    rest AS (SELECT *, (owed - sum(base_) OVER (PARTITION BY order_id))::HUGEINT AS left_ FROM even),
    spread AS (SELECT file, row_number, is_cancelled, CAST((base_
            + CASE WHEN place <= left_ // {step} THEN {step} ELSE 0 END
            + CASE WHEN place = 1 THEN left_ % {step} ELSE 0 END) AS DECIMAL(38, 0)) / 1000000 AS amount FROM rest)
    SELECT file, row_number, part AS suffix, is_of_order, part AS kind, 0::DECIMAL(18, 6) AS quantity, abs(amount) AS price, amount,
        false AS is_later, false AS is_over FROM part WHERE amount <> 0
    UNION ALL SELECT p.file, p.row_number, p.part || ':back', p.is_of_order, p.part, 0, abs(p.amount), -p.amount, true, false
        FROM part p JOIN fate f USING (order_id) WHERE p.amount <> 0 AND
        (f.is_whole OR (NOT p.is_of_order AND (p.file, p.row_number) IN (SELECT (file, row_number) FROM undone)))
    UNION ALL SELECT file, row_number, CASE WHEN is_cancelled THEN 'cancelled' ELSE 'refund' END, false,
        CASE WHEN kind <> 'goods_sold' THEN kind WHEN is_cancelled THEN 'goods_cancelled' ELSE 'refund' END,
        -quantity, price, -amount, true, false FROM undone
    UNION ALL SELECT file, row_number, CASE WHEN is_cancelled THEN 'cancelled' ELSE 'refund' END, false,
        CASE WHEN is_cancelled THEN 'goods_cancelled' ELSE 'refund' END,
        0, CAST(amount AS DECIMAL(18, 6)), CAST(-amount AS DECIMAL(18, 6)), true, false FROM spread WHERE amount <> 0
    UNION ALL SELECT arg_min(g.file, g.row_number), min(g.row_number), 'refund:over', true, 'refund', 0,
        any_value(f.refunded - f.sold - f.beside)::DECIMAL(18, 6), any_value(f.sold + f.beside - f.refunded)::DECIMAL(18, 6), true, true
        FROM goods g JOIN fate f USING (order_id) WHERE f.is_whole AND f.refunded > f.sold + f.beside GROUP BY g.order_id"""


def twice_sql(extra: str, kind: str) -> str:
    """SQL for what is told both by a column and by credit rows: file, row_number, kind, amount to be taken off again."""
    return f"""
    SELECT t.file, t.row_number, t.kind, least(t.amount, c.amount) AS amount FROM (
        SELECT min(x.file) AS file, min(x.row_number) AS row_number, order_id, min(x.kind) AS kind, -sum(x.amount) AS amount
        FROM ({extra}) x JOIN line USING (file, row_number) WHERE is_later AND x.kind IN ('refund', 'goods_cancelled') GROUP BY order_id) t
    JOIN (SELECT coalesce(origin, order_id) AS order_id, -sum(amount) AS amount FROM (SELECT *, {kind} AS kind_ FROM line WHERE fault IS NULL)
        ANTI JOIN same USING (file, row_number) WHERE amount < 0 AND kind_ IN ('refund', 'goods_cancelled') GROUP BY 1) c USING (order_id)"""


def _listed(numbers: Sequence[int]) -> str:
    return f"file IN ({', '.join(map(str, numbers))})" if numbers else "false"


def _amounts(part: str, repeated: Sequence[int]) -> list[str]:
    """Selects of a part's signed amounts: those of rows, and those that stand once for an order."""
    signed: Mapping[str, str] = {
        "discount": "CASE WHEN {0} < 0 THEN abs({1}) ELSE -abs({1}) END",
        "tax": "CASE WHEN {0} < 0 THEN -abs({1}) ELSE {1} END",
        "shipping": "{1}",
    }
    of_order = f"({_listed(repeated)} AND min({part}) OVER orders = max({part}) OVER orders AND count({part}) OVER orders = count(*) OVER orders)"
    marked = (
        f"(SELECT file, row_number, order_id, amount, {part}, {of_order} AS is_of_order, sum(amount) OVER orders AS total "
        f"FROM base WHERE kind <> {quoted(part)} WINDOW orders AS (PARTITION BY file, order_id))"
    )
    return [
        f"SELECT file, row_number, order_id, {quoted(part)} AS part, false AS is_of_order, "
        f"{signed[part].format('amount', part)} AS amount FROM {marked} WHERE NOT is_of_order AND {part} <> 0",
        f"SELECT file, row_number, order_id, {quoted(part)} AS part, true AS is_of_order, "
        f"{signed[part].format('total', part)} AS amount FROM {marked} WHERE is_of_order AND {part} <> 0 "
        "QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY file, row_number) = 1",
    ]
