"""The money of a simulated shop: what each order cost, what was taken off, cancelled and sent back, to the cent.

Amounts are cents of the order's currency. A refund gives back what the line brought after its discounts, and no more of
its tax than was paid; so refunds and cancellations never exceed the order.
"""

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from topline.facts.order_line import Kind
from topline.simulate import appeal
from topline.simulate.frame import DAY_SECONDS, Flags, Ints
from topline.simulate.shelf import shelf
from topline.simulate.world import World

KINDS = tuple(Kind)
_SOLD, _CANCELLED, _REFUND = map(KINDS.index, (Kind.GOODS_SOLD, Kind.GOODS_CANCELLED, Kind.REFUND))
_DISCOUNT, _SHIPPING, _TAX = map(KINDS.index, (Kind.DISCOUNT, Kind.SHIPPING, Kind.TAX))
NO_PRODUCT = -1


@dataclass(frozen=True, slots=True)
class Basket:
    """Lines of all orders, by order.

    price, gross : unit price and price x quantity, in cents
    offer, coupon : what a promotion and the coupon take off, in cents, >= 0
    cost : of the whole line, in hundredths of a penny of the shop's currency
    """

    order: Ints
    product: Ints
    quantity: Ints
    price: Ints
    gross: Ints
    offer: Ints
    coupon: Ints
    cost: Ints

    @property
    def net(self) -> Ints:
        return self.gross - self.offer - self.coupon


@dataclass(frozen=True, slots=True)
class Money:
    """By order, in cents: shipping and tax charged; when it was cancelled (local seconds, 0 if it stands)."""

    shipping: Ints
    tax: Ints
    cancelled: Ints
    has_coupon: Flags


@dataclass(frozen=True, slots=True)
class Rows:
    """Signed rows of the ledger; `line` numbers the rows of an order."""

    order: Ints
    line: Ints
    kind: Ints
    second: Ints
    product: Ints
    quantity: Ints
    price: Ints
    amount: Ints
    cost: Ints


@lru_cache(maxsize=2)
def basket(world: World) -> Basket:
    """What was in each order."""
    rng = world.stream("basket")
    orders, goods = world.orders, shelf(world)
    count = np.minimum(1 + rng.poisson(1.1, len(orders.second)), 8)
    order = np.repeat(np.arange(len(count)), count)
    day = orders.second[order] // DAY_SECONDS - world.epoch
    product = appeal.picked(world, rng, day, orders.market[order])
    price = goods.prices[np.searchsorted(goods.price_days, day, side="right") - 1, orders.market[order], product]
    dear = price > 6000
    quantity = 1 + (rng.random(len(order)) < np.where(dear, 0.05, 0.2)) * (1 + rng.poisson(0.5, len(order)))
    gross = price * quantity
    offer = np.round(gross * appeal.discounts(world, day, product)).astype(np.int64)
    has_coupon = (rng.random(len(count)) < world.truth.coupon_use_rate) & orders.is_first
    coupon = np.round((gross - offer) * world.truth.coupon_rate).astype(np.int64) * has_coupon[order]
    unit_cost = goods.costs[np.searchsorted(goods.cost_days, day, side="right") - 1, product]
    return Basket(order, product, quantity, price, gross, offer, coupon, unit_cost * quantity)


@lru_cache(maxsize=2)
def money(world: World) -> Money:
    """Shipping, tax and fate of each order."""
    rng = world.stream("money")
    orders, lines = world.orders, basket(world)
    count = len(orders.second)
    net = np.bincount(lines.order, lines.net, count).astype(np.int64)
    markets = world.truth.markets
    free_from = np.array([one.free_from for one in markets])[orders.market]
    shipping = np.where(net < free_from, np.array([one.shipping for one in markets])[orders.market], 0)
    tax_rate = np.array([one.tax_rate for one in markets])[orders.market]
    tax = np.round((net + shipping) * tax_rate).astype(np.int64)
    cancelled = orders.second + rng.integers(1800, 40 * 3600, count)
    stands = (rng.random(count) >= world.truth.cancel_rate) | (cancelled >= (world.epoch + world.days) * DAY_SECONDS)
    has_coupon = np.bincount(lines.order, lines.coupon, count) > 0
    return Money(shipping, tax, np.where(stands, 0, cancelled), has_coupon)


@lru_cache(maxsize=2)
def ledger(world: World) -> Rows:
    """Every signed row, in order of order and line."""
    orders, lines, paid = world.orders, basket(world), money(world)
    order = np.arange(len(orders.second))
    at_line = orders.second[lines.order]
    zero = np.zeros(len(order), dtype=np.int64)
    off = np.flatnonzero(lines.offer)
    none = np.zeros_like(off)
    coupon = np.bincount(lines.order, lines.coupon, len(order)).astype(np.int64)
    parts = [
        _rows(lines.order, _SOLD, at_line, lines.product, lines.quantity, lines.price, lines.gross, lines.cost),
        _rows(lines.order[off], _DISCOUNT, at_line[off], lines.product[off], none, none, -lines.offer[off], none),
        _rows(order, _DISCOUNT, orders.second, zero + NO_PRODUCT, zero, zero, -coupon, zero),
        _rows(order, _SHIPPING, orders.second, zero + NO_PRODUCT, zero, zero, paid.shipping, zero),
        _rows(order, _TAX, orders.second, zero + NO_PRODUCT, zero, zero, paid.tax, zero),
    ]
    sold = _together(parts)
    sold = _chosen(sold, sold.amount != 0)
    return _numbered(_together([sold, _cancellations(sold, paid), _refunds(world)]))


def _cancellations(sold: Rows, paid: Money) -> Rows:
    """The rows of cancelled orders once more with the opposite sign, on the day of the cancellation."""
    rows = _chosen(sold, paid.cancelled[sold.order] > 0)
    kind = np.where(rows.kind == _SOLD, _CANCELLED, rows.kind)
    second = paid.cancelled[rows.order]
    back = (-rows.quantity, rows.price, -rows.amount, -rows.cost)
    return Rows(rows.order, rows.line, kind, second, rows.product, *back)


def _refunds(world: World) -> Rows:
    """What came back: whole lines of orders that stand, with their tax, some days later."""
    rng = world.stream("refunds")
    orders, lines, paid = world.orders, basket(world), money(world)
    rates = np.array([one.return_rate for one in world.truth.categories])[shelf(world).category[lines.product]]
    after = 3 * DAY_SECONDS + rng.gamma(3, (world.truth.return_days - 3) / 3, len(rates)) * DAY_SECONDS
    second = orders.second[lines.order] + after.astype(np.int64)
    is_back = (rng.random(len(rates)) < rates) & (paid.cancelled[lines.order] == 0)
    back = np.flatnonzero(is_back & (second < (world.epoch + world.days) * DAY_SECONDS))
    order, net = lines.order[back], lines.net[back]
    tax_rate = np.array([one.tax_rate for one in world.truth.markets])[orders.market[order]]
    tax = np.floor(net * tax_rate).astype(np.int64)
    none = np.zeros(len(back), dtype=np.int64)
    product, quantity, price = lines.product[back], lines.quantity[back], lines.price[back]
    goods = _rows(order, _REFUND, second[back], product, -quantity, price, -net, -lines.cost[back])
    taxes = _rows(order, _TAX, second[back], product, none, none, -tax, none)
    return _together([goods, _chosen(taxes, tax > 0)])


def _rows(
    order: Ints, kind: int, second: Ints, product: Ints, quantity: Ints, price: Ints, amount: Ints, cost: Ints
) -> Rows:
    return Rows(order, np.zeros_like(order), np.full_like(order, kind), second, product, quantity, price, amount, cost)


def _together(parts: list[Rows]) -> Rows:
    return Rows(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Rows)))


def _chosen(rows: Rows, which: Flags | Ints) -> Rows:
    return Rows(*(getattr(rows, one.name)[which] for one in fields(Rows)))


def _numbered(rows: Rows) -> Rows:
    """The rows by order, each with its number within the order."""
    by_order = np.argsort(rows.order, kind="stable")
    sorted_rows = _chosen(rows, by_order)
    starts = np.searchsorted(sorted_rows.order, sorted_rows.order, side="left")
    line = np.arange(len(starts)) - starts + 1
    return Rows(
        sorted_rows.order,
        line,
        sorted_rows.kind,
        sorted_rows.second,
        sorted_rows.product,
        sorted_rows.quantity,
        sorted_rows.price,
        sorted_rows.amount,
        sorted_rows.cost,
    )
