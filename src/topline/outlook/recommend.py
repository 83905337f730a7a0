"""What the shop's customers buy next, and what goes with a basket: next products, cross-sell, upsell, with reasons."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

from topline.facts.order_line import Kind
from topline.lake import engine
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics.settings import Settings
from topline.outlook.history import STALE_DAYS
from topline.outlook.kept import Run
from topline.science import recommend
from topline.units.errors import ToplineError
from topline.units.text import N_

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

READS = ("order_line", "order", "product", "identity_link")
MODEL = "own purchases and EASE"
MOST_PRODUCTS = 2_000
MOST_DAYS = 730
HALF_LIFE_DAYS = 120.0

_LEAST_BUYERS = 5
_NEIGHBOURS = 80
_BEST_CUSTOMERS = 50
_ACTIVE_DAYS = 365
_MOST_BASKET = 20


class UnknownBasketError(ToplineError):
    message = N_("Nothing is known of “%(name)s”. Name products that %(least)d customers have bought, by code.")


class UnknownCustomerError(ToplineError):
    message = N_("No customer “%(name)s” has bought in the last two years what others buy too.")


@dataclass(frozen=True, slots=True)
class Recommended:
    """A product to offer.

    reasons : products bought before that speak for it, with their shares of all that does; none where it is bought
        again of itself
    is_again : whether the customer has bought it before
    """

    product: str
    title: str
    category: str | None
    price: float
    reasons: tuple[tuple[str, float], ...]
    is_again: bool


@dataclass(frozen=True, slots=True)
class Advice:
    """What to offer: the next products of all, new ones that go with what was bought, and dearer ones of the same
    category than what was bought.
    """

    bought: tuple[str, ...]
    next: tuple[Recommended, ...]
    cross_sell: tuple[Recommended, ...]
    upsell: tuple[Recommended, ...]


def run(lake: Lake, snapshot: Snapshot, *, as_of: date, settings: Settings) -> Run:
    """What goes with what, from two years of purchases before `as_of`.

    The tables: `product`, `pair` (what speaks for what, the strongest of each), `customer` (the best of the last year).
    Raises TooFewBuyersError.
    """
    lines = _lines(lake, snapshot, as_of)
    rows = engine.execute(_days(lines))
    buyers = _counted(rows)
    keys = sorted(sorted(buyers, key=lambda key: (-buyers[key], key))[:MOST_PRODUCTS])
    place = {key: k for k, key in enumerate(keys)}
    codes = rows["product_key"].combine_chunks().dictionary_encode()
    product = np.array([place.get(str(key), -1) for key in codes.dictionary.to_pylist()])[codes.indices.to_numpy()]
    known = product >= 0
    people = rows["person"].combine_chunks().dictionary_encode()
    end = _end(rows, as_of)
    day = rows["on"].to_numpy().astype("datetime64[D]")
    age = (np.datetime64(end, "D") - day).astype(np.float64)
    bought = recommend.Purchases(
        people.indices.to_numpy()[known], product[known], age[known], len(people.dictionary), len(keys)
    )
    taste = recommend.fit(bought, half_life_days=HALF_LIFE_DAYS)
    prices = {row["product_key"]: row["each"] for row in engine.execute(_prices(lines)).to_pylist()}
    entries: Any = engine.table(lake, "product", snapshot)
    named = {
        row["product_key"]: row
        for row in engine.execute(entries.select("product_key", "title", "category")).to_pylist()
    }
    table = {
        "key": keys,
        "title": [named.get(key, {}).get("title") or key for key in keys],
        "category": pa.array([named.get(key, {}).get("category") for key in keys], pa.string()),
        "price": [float(prices.get(key) or 0.0) for key in keys],
        "buyers": [buyers[key] for key in keys],
        "selling": taste.selling,
    }
    near = np.argsort(-taste.weight, axis=1)[:, :_NEIGHBOURS]
    pairs = {
        "product": np.repeat(np.arange(len(keys)), near.shape[1]),
        "other": near.ravel(),
        "weight": np.take_along_axis(taste.weight, near, axis=1).ravel(),
    }
    best = engine.execute(_best(lines, end))
    about = {
        "as_of": as_of.isoformat(),
        "known_to": end.isoformat(),
        "snapshot": snapshot.number,
        "model": MODEL,
        "blend": taste.blend,
        "customers": len(people.dictionary),
        "backtest": _backtest(bought),
    }
    return Run({"product": pa.table(table), "pair": pa.table(pairs), "customer": best}, about)


def _lines(lake: Lake, snapshot: Snapshot, as_of: date) -> Any:
    """Goods sold to known customers, with the person behind each."""
    lines: Any = engine.table(lake, "order_line", snapshot)
    heads: Any = engine.table(lake, "order", snapshot)
    links: Any = engine.identity(lake, snapshot).select(linked_key="customer_key", person_id="person_id")
    lines = lines.filter(
        lines.customer_key.notnull()
        & lines.product_key.notnull()
        & (lines.kind == Kind.GOODS_SOLD.value)
        & (lines.on < as_of)
        & (lines.on >= as_of - timedelta(days=MOST_DAYS))
    )
    lines = lines.anti_join(heads.filter(heads.is_test), "order_key")
    lines = lines.left_join(links, lines.customer_key == links.linked_key)
    return lines.mutate(person=lines.person_id.fill_null(lines.customer_key))


def _days(lines: Any) -> Any:
    return lines.select("person", "product_key", "on").distinct().order_by("person", "product_key", "on")


def _prices(lines: Any) -> Any:
    quantity = lines.quantity.sum().cast("float64").nullif(0)
    return lines.group_by("product_key").aggregate(each=lines.amount_shop.sum().cast("float64") / quantity)


def _best(lines: Any, end: date) -> Any:
    """The customers with the highest sales of the last year."""
    lately = lines.filter(lines.on >= end - timedelta(days=_ACTIVE_DAYS))
    sums = lately.group_by("person").aggregate(
        customer_key=lately.customer_key.min(),
        sales=lately.amount_shop.sum().cast("float64"),
        orders=lately.order_key.nunique(),
        last=lately.on.max(),
    )
    return sums.order_by(sums.sales.desc(), sums.person).limit(_BEST_CUSTOMERS)


def _counted(rows: pa.Table) -> dict[str, int]:
    """How many customers bought each product, of those that enough did."""
    pairs = rows.group_by(["person", "product_key"]).aggregate([])
    counts = pairs.group_by("product_key").aggregate([("person", "count")])
    found: list[dict[str, Any]] = counts.to_pylist()
    return {row["product_key"]: row["person_count"] for row in found if row["person_count"] >= _LEAST_BUYERS}


def _end(rows: pa.Table, as_of: date) -> date:
    """The day that ages count from: the data's end where nothing came for longer than two weeks."""
    last: date = pa.compute.max(rows["on"]).as_py() or as_of
    return as_of if (as_of - last).days <= STALE_DAYS else last + timedelta(days=1)


def _backtest(bought: recommend.Purchases) -> dict[str, float] | None:
    """Recall of the last 60 days' purchases from those before; None where too little is left to learn from."""
    is_late = bought.age_days <= 60
    before = recommend.Purchases(
        bought.customer[~is_late],
        bought.product[~is_late],
        bought.age_days[~is_late] - 60,
        bought.customers,
        bought.products,
    )
    try:
        taste = recommend.fit(before, half_life_days=HALF_LIFE_DAYS)
    except recommend.TooFewBuyersError:
        return None
    tested = np.intersect1d(bought.customer[is_late], before.customer)[:1000]
    if not len(tested):
        return None
    truth = np.zeros((bought.customers, bought.products), dtype=bool)
    truth[bought.customer[is_late], bought.product[is_late]] = True
    owned = recommend.ownership(before)[tested].toarray()
    ranked = recommend.scores(taste, recommend.interest(before)[tested].toarray(), owned)
    popular = np.tile(np.bincount(before.product, minlength=bought.products) * 1.0, (len(tested), 1))
    most = min(20, bought.products - 1)
    return {
        "customers": len(tested),
        "most": most,
        "recall": recommend.recall(ranked, truth[tested], most),
        "popular": recommend.recall(popular, truth[tested], most),
    }


# Asking ------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Recommender:
    """A kept run, to be asked."""

    run: Run

    @cached_property
    def place(self) -> dict[str, int]:
        return {key: k for k, key in enumerate(self.run.texts("product", "key"))}

    @cached_property
    def _weight(self) -> Any:
        from scipy import sparse

        pair = self.run.tables["pair"]
        rows, columns = pair["product"].to_numpy(), pair["other"].to_numpy()
        return sparse.csr_matrix((pair["weight"].to_numpy(), (rows, columns)), shape=(len(self.place),) * 2)

    def basket(self, products: Sequence[str], most: int = 8) -> Advice:
        """What goes with a basket. Raises UnknownBasketError."""
        found = [self.place[key] for key in dict.fromkeys(products) if key in self.place][:_MOST_BASKET]
        if not found:
            raise UnknownBasketError(name=", ".join(products), least=_LEAST_BUYERS)
        liked = np.zeros(len(self.place))
        liked[found] = 1.0
        return self._advice(liked, np.zeros(len(self.place)), most, is_basket=True)

    def customer(self, lake: Lake, snapshot: Snapshot, customer_key: str, most: int = 8) -> Advice:
        """What a customer buys next. Raises UnknownCustomerError."""
        as_of, end = (date.fromisoformat(self.run.about[name]) for name in ("as_of", "known_to"))
        lines = _lines(lake, snapshot, as_of)
        person = lines.filter(lines.customer_key == customer_key).select("person").distinct()
        rows: list[dict[str, Any]] = engine.execute(_days(lines.semi_join(person, "person"))).to_pylist()
        known = [
            (self.place[row["product_key"]], max((end - row["on"]).days, 0))
            for row in rows
            if row["product_key"] in self.place
        ]
        if not known:
            raise UnknownCustomerError(name=customer_key)
        product, age = (np.array(column) for column in zip(*known, strict=True))
        one = recommend.Purchases(np.zeros(len(known), dtype=np.int64), product, age.astype(float), 1, len(self.place))
        liked = recommend.interest(one, HALF_LIFE_DAYS).toarray()[0]
        return self._advice(liked, recommend.ownership(one).toarray()[0], most, is_basket=False)

    def _advice(self, liked: Floats, owned: Floats, most: int, *, is_basket: bool) -> Advice:
        pull = np.asarray(liked @ self._weight)
        selling, price = self.run.floats("product", "selling"), self.run.floats("product", "price")
        category = np.array([name or "" for name in self.run.texts("product", "category")])
        has = liked > 0
        new = np.where(has, -np.inf, pull * selling)
        everything = new if is_basket else (pull + owned * self.run.about["blend"]) * selling
        mean = {name: float(np.mean(price[has & (category == name)])) for name in set(category[has].tolist()) if name}
        dearer = np.array(
            [name in mean and 1.1 * mean[name] < p < 3 * mean[name] for name, p in zip(category, price, strict=True)]
        )
        upsell = np.where(dearer, new, -np.inf)
        chosen = [self._best(each, most) for each in (everything, new, upsell)]
        bought = np.flatnonzero(has)
        keys = self.run.texts("product", "key")
        return Advice(
            tuple(keys[k] for k in bought[np.argsort(-liked[bought], kind="stable")].tolist()),
            *(tuple(self._told(k, liked, has) for k in each) for each in chosen),
        )

    def _best(self, ranked: Floats, most: int) -> list[int]:
        first = np.argsort(-ranked, kind="stable")[:most]
        return [int(k) for k in first if np.isfinite(ranked[k]) and ranked[k] > 0]

    def _told(self, k: int, liked: Floats, has: NDArray[np.bool_]) -> Recommended:
        keys = self.run.texts("product", "key")
        pull = np.maximum(liked * self._weight[:, k].toarray()[:, 0], 0)
        total = float(pull.sum())
        best = [int(i) for i in np.argsort(-pull, kind="stable")[:3] if pull[i] > 0]
        return Recommended(
            product=keys[k],
            title=self.run.texts("product", "title")[k],
            category=self.run.texts("product", "category")[k],
            price=float(self.run.floats("product", "price")[k]),
            reasons=tuple((keys[i], float(pull[i] / total)) for i in best),
            is_again=bool(has[k]),
        )

    def title(self, key: str) -> str:
        """How a product is called."""
        return str(self.run.texts("product", "title")[self.place[key]])
