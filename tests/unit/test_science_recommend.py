"""What goes with what, by hand and by a world where it is known."""

import numpy as np
import pytest

from topline.science import recommend
from topline.science.recommend import Purchases


def _pairs(rng: np.random.Generator, customers: int = 600, pairs: int = 12) -> Purchases:
    """Who buys product 2k buys 2k + 1 as well, nine times in ten; everything else is chance."""
    rows = [(c, 2 * k) for c in range(customers) for k in rng.choice(pairs, 3, replace=False)]
    rows += [(c, k + 1) for c, k in list(rows) if rng.random() < 0.9]
    customer, product = np.array(rows).T
    return Purchases(customer, product, rng.uniform(0, 200, len(rows)), customers, 2 * pairs)


def test_a_pair_is_recommended_and_explained_by_its_other_half() -> None:
    taste = recommend.fit(_pairs(np.random.default_rng(1)))
    basket = np.zeros((1, 24))
    basket[0, 6] = 1.0
    ranked = recommend.scores(taste, basket, np.zeros((1, 24)))[0]
    ranked[6] = -np.inf
    assert ranked.argmax() == 7
    assert recommend.reasons(taste, basket[0], 7) == [(6, 1.0)]


def test_weights_are_those_of_the_closed_form() -> None:
    bought = _pairs(np.random.default_rng(2))
    table = recommend.interest(bought, 120.0).toarray()
    taste = recommend.fit(bought, ridge=60.0, half_life_days=120.0)
    # each column is the ridge regression of that product on the others, with the diagonal held at 0
    j, others = 5, [k for k in range(24) if k != 5]
    left = table[:, others].T @ table[:, others] + 60 * np.eye(23)
    assert taste.weight[others, j] == pytest.approx(np.linalg.solve(left, table[:, others].T @ table[:, j]))


def test_what_one_bought_often_and_lately_comes_again_first() -> None:
    taste = recommend.fit(_pairs(np.random.default_rng(3)))
    owned = np.zeros((1, 24))
    owned[0, [4, 9]] = 3.0, 0.2
    ranked = recommend.scores(taste, np.zeros((1, 24)), owned)[0]
    assert list(np.argsort(-ranked)[:2]) == [4, 9]


def test_recall_by_hand() -> None:
    ranked = np.array([[3.0, 2.0, 1.0, 0.0], [0.0, 1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0]])
    bought = np.array([[1, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], dtype=bool)
    assert recommend.recall(ranked, bought, 2) == pytest.approx((0.5 + 0.0) / 2)


def test_too_few_are_refused() -> None:
    with pytest.raises(recommend.TooFewBuyersError, match="200 customers and 20 products"):
        recommend.fit(_pairs(np.random.default_rng(4), customers=50))
    none = np.zeros(0, dtype=np.int64)
    with pytest.raises(recommend.TooFewBuyersError):  # a shop of one customer
        recommend.fit(recommend.Purchases(none, none, np.zeros(0), 1, 0))
