"""What a customer buys next, and what goes with a basket: own purchases and EASE, explained by what was bought."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topline.units.errors import ToplineError
from topline.units.text import N_

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_CUSTOMERS = 200
LEAST_PRODUCTS = 20

_RIDGE = 60.0
_HALF_LIFE_DAYS = 120.0
_OWN_HALF_LIFE_DAYS = 240.0
_SALE_DAYS = 120
_FLOOR = 0.3
_BLEND = 0.2


class TooFewBuyersError(ToplineError):
    message = N_(
        "%(customers)d customers bought several of %(products)d products: too few to learn what goes with what. "
        "At least %(least)d customers and %(least_products)d products are needed; guests don't count."
    )


@dataclass(frozen=True, slots=True, eq=False)
class Purchases:
    """Who bought what when, a row for each customer, product and day; n customers, m products.

    customer, product : (rows,) numbers from 0; age_days : (rows,) days before the end, >= 0
    """

    customer: Ints
    product: Ints
    age_days: Floats
    customers: int
    products: int


@dataclass(frozen=True, slots=True, eq=False)
class Taste:
    """What goes with what.

    weight : (m, m) how much having bought the row's product speaks for the column's; 0 on the diagonal
    selling : (m,) 0.3-1.3, how well a product has sold lately; one that nobody buys any more is hardly recommended
    blend : what a purchase of one's own counts beside what others bought
    """

    weight: Floats
    selling: Floats
    blend: float


def fit(bought: Purchases, *, ridge: float = _RIDGE, half_life_days: float = _HALF_LIFE_DAYS) -> Taste:
    """What goes with what, from all customers; a purchase counts half after `half_life_days`.

    Raises TooFewBuyersError.
    Source: Steck, Embarrassingly Shallow Autoencoders for Sparse Data (EASE), WWW 2019.
    """
    table = interest(bought, half_life_days)
    several = int((np.diff(table.indptr) > 1).sum())
    if several < LEAST_CUSTOMERS or bought.products < LEAST_PRODUCTS:
        raise TooFewBuyersError(
            customers=several, products=bought.products, least=LEAST_CUSTOMERS, least_products=LEAST_PRODUCTS
        )
    gram = np.asarray((table.T @ table).todense())
    gram[np.diag_indices(len(gram))] += ridge
    inverse = np.linalg.inv(gram)
    weight = inverse / -np.diag(inverse)
    weight[np.diag_indices(len(weight))] = 0.0
    lately = np.log1p(np.bincount(bought.product[bought.age_days < _SALE_DAYS], minlength=bought.products))
    own = ownership(bought)
    others = np.asarray(table[: min(table.shape[0], 500)] @ weight)
    blend = float(own.data.std() * _BLEND / max(others.std(), 1e-12)) if own.nnz else 1.0
    return Taste(weight, _FLOOR + lately / max(lately.max(), 1e-12), 1 / max(blend, 1e-12))


def interest(bought: Purchases, half_life_days: float = _HALF_LIFE_DAYS) -> Any:
    """(n, m) sparse, 0-1: the newest purchase of each product by its age."""
    table = _sparse(bought, 0.5 ** (bought.age_days / half_life_days), newest=True)
    table.data = np.minimum(table.data, 1.0)
    return table


def ownership(bought: Purchases) -> Any:
    """(n, m) sparse: all purchases of each product by their ages."""
    return _sparse(bought, 0.5 ** (bought.age_days / _OWN_HALF_LIFE_DAYS), newest=False)


def scores(taste: Taste, liked: Floats, owned: Floats) -> Floats:
    """(k, m) how likely each product is next, in no unit; the order is what counts.

    liked, owned : (k, m) rows of `interest` and `ownership`; a basket is liked 1 and owned 0
    """
    found: Floats = (liked @ taste.weight + owned * taste.blend) * taste.selling
    return found


def reasons(taste: Taste, liked: Floats, product: int, most: int = 3) -> list[tuple[int, float]]:
    """The purchases that speak most for a product, with their shares of all that does, 0-1.

    liked : (m,) what was bought, as in `scores`
    """
    pull = np.maximum(liked * taste.weight[:, product], 0)
    total = float(pull.sum())
    best = np.argsort(-pull, kind="stable")[:most]
    return [(int(k), float(pull[k] / total)) for k in best if total > 0 and pull[k] > 0]


def recall(ranked: Floats, bought: NDArray[np.bool_], most: int = 20) -> float:
    """Mean over customers of how much of what they bought stood among the first `most`, of as much as could.

    ranked : (k, m) scores; bought : (k, m) what was bought later; customers who bought nothing don't count
    """
    first = np.argpartition(-ranked, most, axis=1)[:, :most]
    hits = np.take_along_axis(bought, first, axis=1).sum(axis=1)
    count = bought.sum(axis=1)
    return float((hits[count > 0] / np.minimum(count[count > 0], most)).mean())


def _sparse(bought: Purchases, weight: Floats, *, newest: bool) -> Any:
    from scipy import sparse

    shape = (bought.customers, bought.products)
    if newest:
        place = bought.customer * bought.products + bought.product
        order = np.lexsort((-weight, place))
        first = np.diff(place[order], prepend=-1) != 0
        rows = order[first]
        return sparse.csr_matrix((weight[rows], (bought.customer[rows], bought.product[rows])), shape=shape)
    return sparse.csr_matrix((weight, (bought.customer, bought.product)), shape=shape)
