"""Small bases for checks of plans."""

import numpy as np

from topline.science.check import Base


def certain(*, categories: int = 2, markets: int = 2, slots: int = 4, months: int = 2, **given: object) -> Base:
    """One path without any uncertainty: 100 a cell, 10 orders and 400 visits a slot, nothing limited."""
    month = np.arange(slots) * months // slots
    values = {
        "demand": np.full((1, categories, markets, slots), 100.0),
        "done": np.zeros((categories, markets, months)),
        "month": month,
        "visits": np.full((1, slots), 400.0),
        "done_visits": np.zeros(months),
        "orders": np.full((1, slots), 10.0),
        "done_orders": np.zeros(months),
        "unpromoted": np.full(slots, 10.0),
        "price": np.array(20.0),
        "cost_rate": np.array(np.nan),
        "elasticity": np.full((1, categories), -1.5),
        "multiplier": np.zeros(0),
        "effect": np.zeros((1, 0)),
        "spend": np.zeros(slots),
        "spend_of": np.zeros((0, slots)),
        "pool": np.zeros(0, dtype=np.int64),
        "pushed": np.ones((1, 0)),
        "on_hand": np.full(categories, np.inf),
        "arrivals": np.zeros((categories, slots)),
        "promoted_of": np.zeros(0, dtype=np.int64),
        "promoted": np.zeros((0, markets, slots)),
        "depth": np.zeros(0),
        "promoted_units": np.ones((1, 0, 0)),
        "promoted_sales": np.ones((1, 0, 0)),
        "reference": np.full((3, months), np.nan),
        **given,
    }
    effect = np.asarray(values["effect"])
    values.setdefault("pool_effect", np.ones((len(effect), 0, effect.shape[1])))
    for name in ("price", "cost_rate"):  # of a category where it is the same in all slots
        of = np.asarray(values[name], dtype=float)
        values[name] = np.broadcast_to(of[:, None] if of.ndim == 1 else of, (categories, slots))
    return Base(**values)  # type: ignore[arg-type]


def drawn(paths: int = 400, seed: int = 7, **given: object) -> Base:
    """Paths around `certain`: the whole shop varies by a fifth, visits by a tenth of it."""
    rng = np.random.default_rng(seed)
    sure = certain(**given)  # type: ignore[arg-type]
    whole = np.exp(rng.normal(0, 0.2, (paths, 1, 1, 1)))
    share = np.exp(rng.normal(0, 0.1, (paths, 1)))
    values = {
        "demand": sure.demand * whole,
        "visits": sure.visits * whole[:, :, 0, 0] ** 0.5 * share,
        "orders": sure.orders * whole[:, :, 0, 0] ** 0.8,
        "elasticity": -np.exp(rng.normal(0.2, 0.3, (paths, len(sure.price)))),
        "effect": np.repeat(sure.effect, paths, axis=0),
        "pool_effect": np.repeat(sure.pool_effect, paths, axis=0),
        "pushed": np.repeat(sure.pushed, paths, axis=0),
        "promoted_units": np.repeat(sure.promoted_units, paths, axis=0),
        "promoted_sales": np.repeat(sure.promoted_sales, paths, axis=0),
    }
    return Base(**{name: values.get(name, getattr(sure, name)) for name in Base.__dataclass_fields__})
