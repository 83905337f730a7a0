"""How a shop's demand answers to its prices and promotions, and what a change of them would bring."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from topline.facts.order_line import Kind
from topline.lake import engine, read
from topline.lake.scope import Scope
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics.query import Query
from topline.metrics.settings import Settings
from topline.outlook.history import STALE_DAYS
from topline.outlook.kept import Run
from topline.outlook.response import ResponseOutlook
from topline.science import price, response, volume
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.period import Period
from topline.units.text import N_

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

READS = ("order_line", "order", "product", "price", "promotion", "stock_level", "session", "spend")
MOST_WEEKS = 104
MOST_PRODUCTS = 3_000
LEAST_UNITS = 40
LEVEL = 0.8
AFTER_DAYS = 14
"""For so long after a promotion its products sell less."""

MODEL = "Poisson, category-week effects, empirical Bayes"

_HELD_OUT = 8
_LEAST_SOLD_WEEKS = 12
_SMALL_GROUP = 4
_GONE_WEEKS = 8
_RECENT_DAYS = 91
_DRAWS = 400
_DRAWS_OF_MANY = 60
_MANY = 500
_SEED = 20_111_210
_STRANGERS = 5
_TIMES = np.geomspace(1, 10, 41)
"""Of today's spend, up to where its curve is followed."""

_PLACED = {"display": "display", "mailer": "mailer", "price": "offer", "bundle": "bundle"}
"""Kinds of promotion that all customers see, and what their effect is called; coupons go to some."""

_ANNOUNCED = "offer"
"""The effect that a planned promotion has beside its price."""

_LEAST_RATIO, _MOST_RATIO = 0.1, 3.0


class UnknownProductError(ToplineError):
    message = N_(
        "Nothing is known of the prices of “%(name)s”. Choose a product or category of the list: those that sold "
        "%(least)d units in %(weeks)d different weeks."
    )


class UnknownPromotionError(ToplineError):
    message = N_("What “%(name)s” does to demand isn't known here. Known: %(names)s.")


class PriceChangeError(ToplineError):
    message = N_("A price must stay above 0 and near enough to today's: choose a change above -90 and up to 200 %%.")


class NoSalesError(ToplineError):
    message = N_("No product has sold %(least)d units in %(weeks)d different weeks, so nothing can be learnt yet.")


@dataclass(frozen=True, slots=True)
class Promotion:
    """A discount on some days.

    products : codes, None for all of `category`, or of the shop if that is None too
    market : None for all
    """

    period: Period
    discount: float
    products: frozenset[str] | None = None
    category: str | None = None
    market: str | None = None

    def covers(self, product: str, category: str | None) -> bool:
        if self.products is not None:
            return product in self.products
        return self.category is None or self.category == category


def planned_promotions(lake: Lake, snapshot: Snapshot, period: Period) -> Iterator[Promotion]:
    """What active plans promote on days of a period, and on those after it of what has begun."""
    if "planned_promotion" not in snapshot.tables:
        return
    table: Any = engine.table(lake, "planned_promotion", snapshot)
    ahead = table.filter((table.until_on > period.start) & (table.on < period.end) & (table.until_on > table.on))
    rows = ahead.select("product_key", "category", "market", "on", "until_on", rate=ahead.discount_rate.cast("float64"))
    for row in engine.execute(rows.order_by("on", "product_key", "category", "market")).to_pylist():
        products = None if row["product_key"] is None else frozenset([row["product_key"]])
        days = Period(max(row["on"], period.start), row["until_on"])
        yield Promotion(days, row["rate"] or 0.0, products, row["category"], row["market"])


def run(lake: Lake, snapshot: Snapshot, *, as_of: date, settings: Settings) -> Run:
    """Elasticities of the shop's best-selling products from up to two years of weeks before `as_of`.

    The tables: `product` (a row each, with its price, cost, weekly units and effects), `group` (categories), `effect`
    (what all have in common). Raises NoSalesError, and the errors of `science.price.fit`.
    """
    weekly = _weekly(lake, snapshot, as_of)
    panel, known = _panel(lake, snapshot, weekly)
    fitted = price.fit(panel)
    recent = price.recent_level(fitted, panel)
    now = _price_now(panel.price)
    base = np.exp(recent.level + fitted.elasticity * np.log(now / fitted.usual))
    groups = sorted(set(known.groups))
    product = {
        "key": known.keys,
        "title": [known.titles.get(key) or key for key in known.keys],
        "category": [known.categories.get(key) for key in known.keys],
        "line": panel.line,
        "group": panel.group,
        "units": np.nansum(panel.units, axis=1),
        "sales": known.sales,
        "price": now,
        "cost": known.cost,
        "stock": known.stock,
        "weekly": base,
        "dispersion": fitted.dispersion,
    }
    for k, effect in enumerate(fitted.effects):
        product |= {
            f"on_{effect.name}": fitted.coefficient[:, k],
            f"on_{effect.name}_se": fitted.se[:, k],
            f"on_{effect.name}_own": fitted.own_rate[:, k],
        }
    group = {
        "name": groups,
        "mean": fitted.group_mean[:, 0],
        "se": fitted.group_se[:, 0],
        "products": np.bincount(panel.group, minlength=len(groups)),
    }
    effect_table = {
        "name": [effect.name for effect in fitted.effects],
        "mean": [effect.mean for effect in fitted.effects],
        "se": [effect.se for effect in fitted.effects],
        "spread": [effect.spread for effect in fitted.effects],
    }
    about = {
        "as_of": as_of.isoformat(),
        "from": weekly.start.isoformat(),
        "known_to": weekly.end.isoformat(),
        "weeks": weekly.weeks,
        "snapshot": snapshot.number,
        "model": MODEL,
        "level": LEVEL,
        "kinds": list(panel.kinds),
        "strangers": _strangers(lake, snapshot, weekly),
        "backtest": _backtest(panel),
        "traffic": _traffic(lake, snapshot, weekly.end, settings),
    }
    return Run({"product": pa.table(product), "group": pa.table(group), "effect": pa.table(effect_table)}, about)


# Reading -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Weekly:
    """Rows of product and week; the last week ends at `end`."""

    start: date
    end: date
    weeks: int
    rows: pa.Table


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What is known of the products of a panel, by row."""

    keys: list[str]
    groups: list[str]
    titles: dict[str, str | None]
    categories: dict[str, str | None]
    sales: Floats
    cost: Floats
    stock: Floats


def _weekly(lake: Lake, snapshot: Snapshot, as_of: date) -> _Weekly:
    import ibis

    lines: Any = engine.table(lake, "order_line", snapshot)
    heads: Any = engine.table(lake, "order", snapshot)
    kinds = [Kind.GOODS_SOLD.value, Kind.DISCOUNT.value]
    lines = lines.filter(lines.product_key.notnull() & lines.kind.isin(kinds) & (lines.on < as_of))
    lines = lines.anti_join(heads.filter(heads.is_test), "order_key")
    is_sold = lines.kind == Kind.GOODS_SOLD.value
    ends = engine.execute(lines.aggregate(first=lines.on.min(where=is_sold), last=lines.on.max(where=is_sold)))
    first, last = ends["first"][0].as_py(), ends["last"][0].as_py()
    if last is None:
        raise NoSalesError(least=LEAST_UNITS, weeks=_LEAST_SOLD_WEEKS)
    end = as_of if (as_of - last).days <= STALE_DAYS else last + timedelta(days=1)
    weeks = max(min((end - first).days // 7, MOST_WEEKS), 1)
    start = end - timedelta(weeks=weeks)
    lines = lines.filter(lines.on >= start)
    lines = lines.mutate(week=lines.on.delta(ibis.literal(start), unit="day") // 7)
    is_sold = lines.kind == Kind.GOODS_SOLD.value
    rows = lines.group_by("product_key", "week").aggregate(
        units=lines.quantity.sum(where=is_sold).cast("float64"),
        gross=lines.amount_shop.sum(where=is_sold).cast("float64"),
        off=lines.amount_shop.sum(where=~is_sold).cast("float64"),
        each=(lines.unit_price.cast("float64") * lines.rate.cast("float64")).mean(where=is_sold),
        cost=lines.cost_shop.sum(where=is_sold).cast("float64"),
        costed=lines.quantity.sum(where=is_sold & lines.cost_shop.notnull()).cast("float64"),
    )
    return _Weekly(start, end, weeks, engine.execute(rows.filter(rows.units > 0).order_by("product_key", "week")))


def _panel(lake: Lake, snapshot: Snapshot, weekly: _Weekly) -> tuple[price.Panel, _Known]:
    codes = weekly.rows["product_key"].combine_chunks().dictionary_encode()
    names = codes.dictionary.to_pylist()
    row, week = codes.indices.to_numpy(), weekly.rows["week"].to_numpy().astype(np.int64)

    def matrix(name: str, empty: float) -> Floats:
        found = np.full((len(names), weekly.weeks), empty)
        found[row, week] = np.nan_to_num(np.asarray(weekly.rows[name].to_numpy(), dtype=np.float64), nan=empty)
        return found

    units, gross, off = matrix("units", 0.0), matrix("gross", 0.0), matrix("off", 0.0)
    sold_weeks = (units > 0).sum(axis=1)
    chosen = np.flatnonzero((units.sum(axis=1) >= LEAST_UNITS) & (sold_weeks >= _LEAST_SOLD_WEEKS))
    if not len(chosen):
        raise NoSalesError(least=LEAST_UNITS, weeks=_LEAST_SOLD_WEEKS)
    sales = (gross + off).sum(axis=1)
    chosen = np.sort(chosen[np.argsort(-sales[chosen], kind="stable")[:MOST_PRODUCTS]])
    each = matrix("each", np.nan)[chosen]
    each[each <= 0] = np.nan
    on_sale = _on_sale(units[chosen])
    cost, costed = matrix("cost", 0.0)[chosen], matrix("costed", 0.0)[chosen]
    keys = [str(names[k]) for k in chosen.tolist()]
    titles, categories, lines = _products(lake, snapshot)
    groups = _groups([categories.get(key) for key in keys])
    order = sorted(set(groups))
    line_names = [lines.get(key) or categories.get(key) or "" for key in keys]
    kinds, promotion = _promotions(lake, snapshot, weekly, keys)
    group = np.array([order.index(name) for name in groups])
    panel = price.Panel(
        units=np.where(on_sale, units[chosen], np.nan),
        price=_prices(lake, snapshot, weekly, keys, _carried(each), _kept(gross[chosen], off[chosen], group)),
        group=group,
        line=np.unique(np.array(line_names), return_inverse=True)[1],
        promotion=promotion,
        kinds=kinds,
    )
    recent = cost[:, -26:].sum(axis=1), costed[:, -26:].sum(axis=1)
    unit_cost = np.divide(*recent, out=np.full(len(keys), np.nan), where=recent[1] > 0)
    stock = _stock(lake, snapshot, weekly.end, keys)
    return panel, _Known(keys, groups, titles, categories, sales[chosen], unit_cost, stock)


def _on_sale(units: Floats) -> NDArray[np.bool_]:
    """From the first week with a sale to the last, or to the end if that is not long past."""
    weeks = units.shape[1]
    sold = units > 0
    first = sold.argmax(axis=1)
    last = weeks - 1 - sold[:, ::-1].argmax(axis=1)
    last = np.where(weeks - 1 - last < _GONE_WEEKS, weeks - 1, last)
    week = np.arange(weeks)
    return np.asarray((week >= first[:, None]) & (week <= last[:, None]))


def _carried(paid: Floats) -> Floats:
    """Prices with the last known one carried on, and the first one back."""
    known = ~np.isnan(paid)
    place = np.maximum.accumulate(np.where(known, np.arange(paid.shape[1]), -1), axis=1)
    place = np.where(place < 0, known.argmax(axis=1)[:, None], place)
    return np.take_along_axis(paid, place, axis=1)


def _prices(lake: Lake, snapshot: Snapshot, weekly: _Weekly, keys: list[str], paid: Floats, kept: Floats) -> Floats:
    """(n, weeks) what a unit cost: by price lists and promised discounts where the shop has them, else as paid.

    What was paid varies with who bought, by market and coupon; what was posted doesn't.
    """
    posted = _posted(lake, snapshot, weekly, keys)
    if posted is None:
        return paid * kept
    off = _promised(lake, snapshot, weekly, keys)
    scale = np.nanmedian(np.where(np.isnan(posted), np.nan, paid / posted), axis=1)
    return np.where(np.isnan(posted), paid, posted * scale[:, None]) * (kept if off is None else 1 - off)


def _posted(lake: Lake, snapshot: Snapshot, weekly: _Weekly, keys: list[str]) -> Floats | None:
    """(n, weeks) list prices of the market with most of them, nan before the first; None without lists."""
    table: Any = engine.table(lake, "price", snapshot)
    rows = engine.execute(
        table.filter(table.on < weekly.end).select("product_key", "market", "on", "amount")
    ).to_pylist()
    markets = [row["market"] for row in rows]
    if not rows:
        return None
    main = max(sorted(set(markets), key=str), key=markets.count)
    index = {key: k for k, key in enumerate(keys)}
    found = np.full((len(keys), weekly.weeks), np.nan)
    for row in sorted((row for row in rows if row["market"] == main), key=lambda row: row["on"]):
        if (place := index.get(row["product_key"])) is not None and row["amount"] > 0:
            found[place, max((row["on"] - weekly.start).days // 7, 0) :] = float(row["amount"])
    known = ~np.isnan(found[:, -1])
    found[known] = _carried(found[known])
    found[~known] = np.nan
    return found


def _promised(lake: Lake, snapshot: Snapshot, weekly: _Weekly, keys: list[str]) -> Floats | None:
    """(n, weeks) what promotions took off, 0-1; None where none names a discount."""
    table: Any = engine.table(lake, "promotion", snapshot)
    is_near = (table.on < weekly.end) & (table.until_on > weekly.start) & (table.kind != "coupon")
    rows = engine.execute(
        table.filter(is_near & table.discount_rate.notnull()).select("product_key", "on", "until_on", "discount_rate")
    ).to_pylist()
    if not rows:
        return None
    index = {key: k for k, key in enumerate(keys)}
    found = np.zeros((len(keys), weekly.weeks))
    for row in rows:
        places = slice(None) if row["product_key"] is None else index.get(row["product_key"])
        first, after = ((row[name] - weekly.start).days for name in ("on", "until_on"))
        if places is None:
            continue
        for week in range(max(first // 7, 0), min(-(-after // 7), weekly.weeks)):
            days = min(after, 7 * week + 7) - max(first, 7 * week)
            found[places, week] += float(row["discount_rate"]) * days / 7
    return np.clip(found, 0.0, 0.95)


def _kept(gross: Floats, off: Floats, group: Ints) -> Floats:
    """What is left of the price after discounts, 0-1; of a product that nobody bought in a week, what its category
    kept then: a discount that only sold products seemed to have would look as if it had sold them.
    """
    own = np.divide(gross + off, gross, out=np.full_like(gross, np.nan), where=gross > 0)
    sums = np.zeros((2, int(group.max()) + 1, gross.shape[1]))
    np.add.at(sums[0], group, gross)
    np.add.at(sums[1], group, gross + off)
    usual = np.divide(sums[1], sums[0], out=np.ones_like(sums[0]), where=sums[0] > 0)
    return np.clip(np.where(np.isnan(own), usual[group], own), 0.05, 1.0)


def _price_now(prices: Floats) -> Floats:
    return np.asarray(np.median(prices[:, -4:], axis=1))


def _groups(categories: Sequence[str | None]) -> list[str]:
    """Categories to fit by; small ones, whose shocks can't be told from prices, and none are one."""
    sizes: dict[str, int] = {}
    for name in categories:
        sizes[name or ""] = sizes.get(name or "", 0) + 1
    return [name if name and sizes[name] >= _SMALL_GROUP else "" for name in categories]


def _products(
    lake: Lake, snapshot: Snapshot
) -> tuple[dict[str, str | None], dict[str, str | None], dict[str, str | None]]:
    """Titles, categories and lines by product; the line is the subcategory."""
    table: Any = engine.table(lake, "product", snapshot)
    rows = engine.execute(table.select("product_key", "title", "category", "subcategory")).to_pylist()
    return tuple({row["product_key"]: row[name] for row in rows} for name in ("title", "category", "subcategory"))  # type: ignore[return-value]


def _promotions(lake: Lake, snapshot: Snapshot, weekly: _Weekly, keys: list[str]) -> tuple[tuple[str, ...], Floats]:
    """Kinds of promotion, and how far each was on by product and week: of days, and of stores where it names some."""
    table: Any = engine.table(lake, "promotion", snapshot)
    table = table.filter(
        table.product_key.notnull()
        & table.kind.isin(list(_PLACED))
        & (table.on < weekly.end)
        & (table.until_on > weekly.start)
    )
    windows = table.group_by("product_key", "kind", "on", "until_on").aggregate(stores=table.store.nunique())
    rows = engine.execute(windows)
    stores = engine.execute(table.aggregate(n=table.store.nunique()))["n"][0].as_py() or 0
    index = {key: k for k, key in enumerate(keys)}
    place = np.array([index.get(str(key), -1) for key in rows["product_key"].to_pylist()], dtype=np.int64)
    inside = place >= 0
    kind_of = np.array(rows["kind"].to_pylist(), dtype=str)[inside]
    kinds = tuple(kind for kind in _PLACED if (kind_of == kind).any())
    found = np.zeros((len(kinds), len(keys), weekly.weeks))
    if not kinds:
        return (), found
    begin = _days_from(rows["on"], weekly.start)[inside]
    after = _days_from(rows["until_on"], weekly.start)[inside]
    share = np.maximum(np.asarray(rows["stores"].to_numpy(), dtype=np.float64)[inside] / max(stores, 1), 0)
    share = np.where(share > 0, share, 1.0)
    code = np.array([kinds.index(kind) for kind in kind_of])
    for week in range(weekly.weeks):
        days = np.clip(np.minimum(after, 7 * week + 7) - np.maximum(begin, 7 * week), 0, 7) / 7
        hit = days > 0
        np.add.at(found[:, :, week], (code[hit], place[inside][hit]), (days * share)[hit])
    return tuple(_PLACED[kind] for kind in kinds), np.minimum(found, 1.0)


def _strangers(lake: Lake, snapshot: Snapshot, weekly: _Weekly) -> dict[str, Any]:
    """Products that promotions name and that the shop neither sells nor lists: how many, and the first of them."""
    promotions: Any = engine.table(lake, "promotion", snapshot)
    is_near = (promotions.on < weekly.end) & (promotions.until_on > weekly.start) & promotions.product_key.notnull()
    named = promotions.filter(is_near).select("product_key").distinct()
    for fact in ("product", "order_line"):
        named = named.anti_join(engine.table(lake, fact, snapshot), "product_key")
    found = [row["product_key"] for row in engine.execute(named.order_by("product_key")).to_pylist()]
    return {"products": len(found), "first": found[:_STRANGERS]}


def _days_from(column: Any, start: date) -> Ints:
    return np.asarray(
        column.to_numpy().astype("datetime64[D]").astype(np.int64) - np.datetime64(start, "D").astype(np.int64)
    )


def _stock(lake: Lake, snapshot: Snapshot, until: date, keys: list[str]) -> Floats:
    """(n,) units on hand and not promised, by the newest level of each product; nan where none is known."""
    table: Any = engine.table(lake, "stock_level", snapshot)
    table = table.filter(table.on <= until)
    newest = table.group_by("product_key").aggregate(newest=table.on.max())
    table = table.join(newest, (table.product_key == newest.product_key) & (table.on == newest.newest))
    sums = table.group_by("product_key").aggregate(free=(table.on_hand - table.reserved).sum().cast("float64"))
    found = {row["product_key"]: row["free"] for row in engine.execute(sums).to_pylist()}
    return np.array([found.get(key, np.nan) for key in keys], dtype=np.float64)


def _traffic(lake: Lake, snapshot: Snapshot, until: date, settings: Settings) -> dict[str, float | None]:
    """The quarter before: units an order, orders a visit, visits a week, what a bought visit cost; None if unknown."""
    period = Period(until - timedelta(days=_RECENT_DAYS), until)

    def asked(*metrics: str, by: tuple[str, ...] = ()) -> Any:
        query = Query(metrics=metrics, period=period, by=by)
        return read.read(lake, query, scope=Scope.whole(lake.shop), settings=settings, snapshot=snapshot)

    totals = asked("units_per_order", "conversion_rate", "sessions", "orders").totals
    visits = _number(totals["sessions"])
    by_channel = asked("spend", "sessions", by=("channel",)).rows
    paid = [(_number(row["spend"]), _number(row["sessions"])) for row in by_channel]
    spend = sum(s for s, v in paid if s and v)
    bought = sum(v for s, v in paid if s and v)
    return {
        "units_per_order": _number(totals["units_per_order"]),
        "conversion_rate": _number(totals["conversion_rate"]),
        "visits": visits / _RECENT_DAYS * 7 if visits else None,
        "orders": (_number(totals["orders"]) or 0) / _RECENT_DAYS * 7,
        "visit_cost": spend / bought if bought else None,
    }


def _number(entry: object) -> float | None:
    return None if entry is None or isinstance(entry, Missing) else float(entry)  # type: ignore[arg-type]


def _backtest(panel: price.Panel) -> dict[str, float | int] | None:
    """How far the last weeks were missed at their prices, by a fit on those before, and by means; None if too few."""
    weeks = panel.units.shape[1]
    if weeks < 3 * _HELD_OUT:
        return None
    cut = weeks - _HELD_OUT
    known = price.Panel(
        panel.units[:, :cut], panel.price[:, :cut], panel.group, panel.line, panel.promotion[:, :, :cut], panel.kinds
    )
    later = price.Panel(
        panel.units[:, cut:], panel.price[:, cut:], panel.group, panel.line, panel.promotion[:, :, cut:], panel.kinds
    )
    seen = ~np.isnan(later.units) & (np.nansum(known.units, axis=1) > 0)[:, None]
    units = np.where(seen, later.units, 0.0)
    if not units.sum():
        return None
    try:
        fitted = price.recent_level(price.fit(known), known)
    except ToplineError:
        return None
    with_price = np.where(seen, price.expected(fitted, later), 0.0)
    count = np.maximum((~np.isnan(known.units[:, -_HELD_OUT:])).sum(axis=1), 1)
    level = np.where(seen, (np.nansum(known.units[:, -_HELD_OUT:], axis=1) / count)[:, None], 0.0)
    return {
        "weeks": _HELD_OUT,
        "wmape": float(np.abs(with_price - units).sum() / units.sum()),
        "without": float(np.abs(level - units).sum() / units.sum()),
    }


# Asking ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Range:
    """An expected value and the ends of its interval."""

    low: float
    mean: float
    high: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a change of price or a promotion brings over some weeks, beside what comes without it.

    units, sales, margin : with it; margin before marketing, None if a cost is unknown
    units_before, sales_before, margin_before : without
    taken : units that products of the same line lose (below 0) or gain
    after : units more or less in the two weeks after a promotion
    break_even : units that earn the margin of before; None if none do, or without costs
    pays_off : probability that the margin is at least that of before, None without costs
    orders, visits, spend : that the expected units take, beyond what comes anyway; None where unknown
    stock, short : units on hand, and how many of the expected ones it doesn't cover
    """

    weeks: float
    price_before: float
    price: float
    units: Range
    sales: Range
    margin: Range | None
    units_before: float
    sales_before: float
    margin_before: float | None
    taken: float
    after: float
    break_even: int | None
    pays_off: float | None
    orders: float | None
    visits: float | None
    spend: float | None
    stock: float | None
    short: float | None


@dataclass(frozen=True, slots=True)
class Strangers:
    """Products that promotions name, and that the shop neither sells nor lists: how many, and the first of them."""

    products: int
    first: tuple[str, ...]

    message = N_(
        "Promotions name products that the shop neither sells nor lists (%(products)d, such as %(names)s). They count "
        "for nothing: correct their codes, or bring the products."
    )

    @property
    def params(self) -> dict[str, object]:
        return {"products": self.products, "names": ", ".join(self.first)}


@dataclass(frozen=True, eq=False)
class PriceOutlook:
    """A kept run, to be asked.

    spent : what the shop's spend brings, where that was learnt: by it more visits cost more each
    """

    run: Run
    spent: ResponseOutlook | None = None

    @cached_property
    def keys(self) -> list[str]:
        return self.run.texts("product", "key")

    @cached_property
    def effects(self) -> list[str]:
        return self.run.texts("effect", "name")

    @property
    def promotions(self) -> list[str]:
        """Kinds of promotion whose effect the data tell from nothing."""
        return [name for name in self.effects if name in _PLACED.values()]

    def column(self, name: str) -> Floats:
        return self.run.floats("product", name)

    @property
    def is_spend_unlearnt(self) -> bool:
        """Whether visits are bought, and what more spend brings isn't known (yet): each is taken at today's cost."""
        return self.spent is None and bool(self.run.about["traffic"]["visit_cost"])

    @property
    def strangers(self) -> Strangers:
        """What promotions name and nothing is known of."""
        told = self.run.about.get("strangers") or {"products": 0, "first": []}
        return Strangers(told["products"], tuple(told["first"]))

    def chosen(self, product: str = "", category: str = "") -> Ints:
        """Rows of a product, of a category, or of all. Raises UnknownProductError."""
        if product:
            rows = np.flatnonzero(np.array(self.keys) == product)
        elif category:
            found = self.run.texts("product", "category")
            rows = np.flatnonzero(np.array([name == category for name in found]))
        else:
            rows = np.arange(len(self.keys))
        if not len(rows):
            raise UnknownProductError(name=product or category, least=LEAST_UNITS, weeks=_LEAST_SOLD_WEEKS)
        return rows

    def ask(self, rows: Ints, ratio: float, *, weeks: float = 4, kinds: Sequence[str] = ()) -> Answer:
        """What it brings to sell these products at `ratio` times today's price, with promotions of these kinds.

        The interval holds 80 % of what may happen, by how sure the effects are and how demand scatters.
        """
        return self.along(rows, (ratio,), weeks=weeks, kinds=kinds)[0]

    def along(
        self, rows: Ints, ratios: Sequence[float], *, weeks: float = 4, kinds: Sequence[str] = ()
    ) -> list[Answer]:
        """`ask` for several prices at once.

        Raises PriceChangeError beyond what can be told, UnknownPromotionError for a kind that the data don't tell of.
        """
        if not all(_LEAST_RATIO < ratio <= _MOST_RATIO for ratio in ratios):
            raise PriceChangeError()
        for kind in kinds:
            if kind not in self.promotions:
                raise UnknownPromotionError(name=kind, names=", ".join(self.promotions) or "–")
        basis = self._basis(rows, weeks, kinds)
        return [self._answer(basis, ratio) for ratio in ratios]

    def _basis(self, rows: Ints, weeks: float, kinds: Sequence[str]) -> "_Basis":
        slope, shift = self._drawn(rows, kinds)
        cost, free = self.column("cost")[rows], self.column("stock")[rows]
        before = self.column("weekly")[rows] * weeks
        rng = np.random.default_rng(_SEED + 1)
        return _Basis(
            rows=rows,
            weeks=weeks,
            kinds=tuple(kinds),
            now=self.column("price")[rows],
            before=before,
            cost=None if np.isnan(cost).any() else cost,
            free=None if np.isnan(free).any() else free,
            dispersion=self.column("dispersion")[rows],
            slope=slope,
            shift=shift,
            luck=rng.standard_normal(len(slope) - 1),
            curve=self._visit_curve(weeks),
            after=self._after(rows, kinds),
        )

    def _answer(self, basis: "_Basis", ratio: float) -> Answer:
        step = float(np.log(ratio))
        means = _sold(basis.before, basis.slope, basis.shift, ratio)
        mean, drawn, new = means[0], means[1:], basis.now * ratio
        scatter = basis.dispersion * mean

        def summed(each: Floats) -> tuple[Range, Floats]:
            """The sum of something that each unit brings: its range, and its draws without luck."""
            sure = drawn @ each
            return _range(sure + np.sqrt(scatter @ each**2) * basis.luck, float(mean @ each)), sure

        units, _ = summed(np.ones(len(new)))
        units_before = float(basis.before.sum())
        margin = margin_before = pays_off = break_even = None
        if basis.cost is not None:
            margin, sure = summed(new - basis.cost)
            margin_before = float(basis.before @ (basis.now - basis.cost))
            pays_off = float((sure >= margin_before - 1e-9).mean())
            share = basis.before / basis.before.sum()
            old, later, goods = (_decimal(float(share @ each), 4) for each in (basis.now, new, basis.cost))
            break_even = volume.break_even_units(round(units_before), old, later, goods)
        orders, visits, spend = self._traffic(units.mean, units_before, basis.curve)
        return Answer(
            weeks=basis.weeks,
            price_before=float((basis.now * basis.before).sum() / units_before),
            price=float((new * mean).sum() / mean.sum()),
            units=Range(max(units.low, 0), units.mean, units.high),
            sales=summed(new)[0],
            margin=margin,
            units_before=units_before,
            sales_before=float(basis.before @ basis.now),
            margin_before=margin_before,
            taken=self._taken(basis.rows, step, basis.weeks, basis.kinds),
            after=basis.after,
            break_even=break_even,
            pays_off=pays_off,
            orders=orders,
            visits=visits,
            spend=spend,
            stock=None if basis.free is None else float(basis.free.sum()),
            short=None if basis.free is None else float(np.maximum(mean - basis.free, 0).sum()),
        )

    def multiples(self, rows: Ints, ratios: Sequence[float], kinds: Sequence[str]) -> tuple[Floats, Floats]:
        """Units and sales at `ratios` times today's price with such promotions, as multiples of those without.

        (draws, n), twice. What other products of the same lines lose by it is taken off both.
        """
        slope, shift = self._drawn(rows, kinds)
        weekly, now = self.column("weekly")[rows], self.column("price")[rows]
        usual = float(weekly @ now)
        found = []
        for ratio in ratios:
            step = float(np.log(ratio))
            units = np.exp(np.clip(shift[1:] + slope[1:] * step, -5, 5)) @ (weekly * now) / usual
            taken = self._taken(rows, step, 1.0, kinds) / float(weekly.sum())
            found.append((units + taken, units * ratio + taken))
        units, sales = (np.stack(each, axis=1) for each in zip(*found, strict=True))
        return np.maximum(units, 0.0), np.maximum(sales, 0.0)

    @property
    def announced(self) -> list[str]:
        """The kinds that a planned promotion is of, as far as the data tell of them."""
        return [_ANNOUNCED] if _ANNOUNCED in self.effects else []

    def aftermath(self, rows: Ints) -> Floats | None:
        """(draws, n) units in the `AFTER_DAYS` after a planned promotion, as multiples of those without; None where the
        data show no dip."""
        if "after" not in self.effects or not self.announced:
            return None
        drawn = self._effect("after", rows, self._draws(rows), np.random.default_rng(_SEED + 2))[1:]
        times: Floats = np.exp(np.clip(drawn, -5, 5))
        return times

    def terms(self, rows: Ints, ratio: float, weeks: int, kinds: Sequence[str] = ()) -> volume.Terms:
        """The terms on which these products sell together, for the solver of volumes: in the shares that `ask` expects
        of them at that price with promotions of these kinds."""
        now, weekly, cost = self.column("price")[rows], self.column("weekly")[rows], self.column("cost")[rows]
        traffic = self.run.about["traffic"]
        slope, shift = self._drawn(rows, kinds)
        mean = _sold(weekly, slope[0], shift[0], ratio)
        share = mean / mean.sum()
        unit_cost = None if np.isnan(cost).any() else _decimal(float(share @ cost), 2)
        free = self.column("stock")[rows]
        per_order = max(traffic["units_per_order"] or 1.0, 1e-6)
        conversion = traffic["conversion_rate"]
        anyway = weekly.sum() * weeks / per_order / conversion if conversion else 0
        return volume.Terms(
            price=_decimal(float(share @ now) * ratio, 2),
            unit_cost=unit_cost,
            units_per_order=_decimal(per_order, 4),
            conversion_rate=_decimal(conversion, 6) if conversion else None,
            visits=round(anyway),
            visit_cost=_decimal(traffic["visit_cost"], 4) if traffic["visit_cost"] is not None else None,
            curve=self._visit_curve(weeks),
            stock=None
            if np.isnan(free).any()
            else [(_decimal(one, 9), _decimal(there, 2)) for one, there in zip(share, free, strict=True)],
            usual=_decimal(float(weekly.sum()) * weeks, 2),
        )

    def _drawn(self, rows: Ints, kinds: Sequence[str]) -> tuple[Floats, Floats]:
        """(1 + draws, n), twice: what log demand moves by for a step of log price, and by the promotions.

        The first row is what is expected, the others what may be.
        """
        rng, draws = np.random.default_rng(_SEED), self._draws(rows)
        share = self._share_of_line(rows)

        def effect(name: str) -> Floats:
            return self._effect(name, rows, draws, rng)

        slope = effect("price")
        if "cross_price" in self.effects and share.any():
            slope += effect("cross_price") * share
        shift = np.zeros_like(slope)
        for kind in kinds:
            shift += effect(kind)
        if kinds and "rival" in self.effects and share.any():
            shift += effect("rival") * share
        return slope, shift

    def _draws(self, rows: Ints) -> int:
        return _DRAWS if len(rows) <= _MANY else _DRAWS_OF_MANY

    def _effect(self, name: str, rows: Ints, draws: int, rng: np.random.Generator) -> Floats:
        """(1 + draws, n) an effect on log demand: what is expected, then what may be."""
        group = self.column("group")[rows].astype(np.int64)
        pull = 1 - self.column(f"on_{name}_own")[rows]
        error = self.column(f"on_{name}_se")[rows]
        shared = self.run.floats("group", "se")[group] * pull if name == "price" else np.zeros(len(rows))
        own = np.sqrt(np.maximum(error**2 - shared**2, 0))
        found = np.tile(self.column(f"on_{name}")[rows], (draws + 1, 1))
        found[1:] += own * rng.standard_normal((draws, len(rows)))
        found[1:] += shared * rng.standard_normal((draws, int(group.max()) + 1))[:, group]
        return found

    def _share_of_line(self, rows: Ints) -> Floats:
        """(n,) how much of a product's rivals in its line is among these rows."""
        line, weight = self.column("line").astype(np.int64), self.column("units") + 1
        inside = np.zeros(len(weight))
        inside[rows] = weight[rows]
        rivals = np.bincount(line, weight)[line[rows]] - weight[rows]
        among = np.bincount(line, inside)[line[rows]] - weight[rows]
        return np.divide(among, rivals, out=np.zeros(len(rows)), where=rivals > 1e-9)

    def _taken(self, rows: Ints, step: float, weeks: float, kinds: Sequence[str]) -> float:
        """Units of the other products in the line that the change gives or takes."""
        names = [name for name in ("cross_price", "rival") if name in self.effects and (name == "cross_price" or kinds)]
        line, weight = self.column("line").astype(np.int64), self.column("units") + 1
        others = np.setdiff1d(np.flatnonzero(np.isin(line, line[rows])), rows)
        if not names or not len(others):
            return 0.0
        inside = np.zeros(len(weight))
        inside[rows] = weight[rows]
        rivals = np.bincount(line, weight)[line[others]] - weight[others]
        share = np.divide(
            np.bincount(line, inside)[line[others]], rivals, out=np.zeros(len(others)), where=rivals > 1e-9
        )
        log = sum(
            self.column(f"on_{name}")[others] * share * (step if name == "cross_price" else 1.0) for name in names
        )
        return float((self.column("weekly")[others] * weeks * (np.exp(log) - 1)).sum())

    def _after(self, rows: Ints, kinds: Sequence[str]) -> float:
        """Units more or less in the two weeks after."""
        if "after" not in self.effects or not kinds:
            return 0.0
        weekly = self.column("weekly")[rows]
        return float((AFTER_DAYS / 7 * weekly * (np.exp(self.column("on_after")[rows]) - 1)).sum())

    def _traffic(
        self, units: float, before: float, curve: volume.VisitCurve | None
    ) -> tuple[float | None, float | None, float | None]:
        """Orders more, visits more, and what they cost: by the curve of spend where there is one, else at the quarter's
        cost of a visit; a fall needs none. The cost is None too where the curve doesn't reach."""
        traffic = self.run.about["traffic"]
        if not traffic["units_per_order"]:
            return None, None, None
        orders = max(units - before, 0.0) / traffic["units_per_order"]
        visits = orders / traffic["conversion_rate"] if traffic["conversion_rate"] else None
        if visits is None or traffic["visit_cost"] is None:
            return orders, visits, None
        if curve is None:
            return orders, visits, visits * traffic["visit_cost"]
        spend = curve.cost(curve.visits, round(visits))
        return orders, visits, None if spend is None else float(spend)

    def _visit_curve(self, weeks: float) -> volume.VisitCurve | None:
        """What more spend than the last quarter's brings in visits, all channels growing alike and held there.

        A visit is worth the same wherever it comes from, so visits bend as the sales do that spend brings: today's
        spend brings today's bought visits, twice the spend as many more as its curve says.
        """
        visit_cost = self.run.about["traffic"]["visit_cost"]
        if not visit_cost or self.spent is None or not self.spent.today.sum() > 0:
            return None
        today = self.spent.today
        brought = response.steady(self.spent.fitted, today[:, None] * _TIMES).sum(axis=1)  # (draws, n)
        rise = np.maximum.accumulate(brought / np.maximum(brought[:, :1], 1e-9) - 1, axis=1)
        expected = brought.mean(axis=0) / max(float(brought[:, 0].mean()), 1e-9) - 1
        low, high = np.quantile(rise, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        bought = weeks * float(today.sum()) / visit_cost

        def told(values: Floats) -> tuple[Decimal, ...]:
            return tuple(_decimal(float(value), 4) for value in values)

        return volume.VisitCurve(
            spend=told(weeks * today.sum() * (_TIMES - 1)),
            visits=told(bought * expected),
            low=told(bought * np.minimum(low, expected)),
            high=told(bought * np.maximum(high, expected)),
            tried=_decimal(weeks * max(float(self.spent.spend.sum(axis=1).max() - today.sum()), 0.0), 2),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """What all prices of a question share.

    now, before, cost, free, dispersion : (n,) price, units without a change, cost, units in stock, variance over mean
    slope, shift : (1 + draws, n); luck : (draws,) how demand scatters, standard normal
    curve : what more spend brings in visits, None where it wasn't learnt
    """

    rows: Ints
    weeks: float
    kinds: tuple[str, ...]
    now: Floats
    before: Floats
    cost: Floats | None
    free: Floats | None
    dispersion: Floats
    slope: Floats
    shift: Floats
    luck: Floats
    curve: volume.VisitCurve | None
    after: float


def _sold(before: Floats, slope: Floats, shift: Floats, ratio: float) -> Floats:
    """Units at `ratio` times today's price where `before` sell at it."""
    units: Floats = before * np.exp(np.clip(shift + slope * float(np.log(ratio)), -5, 5))
    return units


def _range(drawn: Floats, mean: float) -> Range:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Range(min(float(low), mean), mean, max(float(high), mean))


def _decimal(value: float, digits: int) -> Decimal:
    return Decimal(f"{value:.{digits}f}")
