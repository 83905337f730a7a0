"""Which leads convert: logistic regression by default, trees where they win out of time, calibrated and measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topline.units.errors import ToplineError
from topline.units.text import N_

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_LEADS = 200
LEAST_OF_EACH = 50
FOLDS = 5
LEAK_AUC = 0.8
"""A column that alone ranks leads so well is more likely written after the outcome than known before it."""

_LEAST_LEVEL = 20
_RIDGE = 1.0
_ROUNDS = 300
_BINS = 10
_PLAIN_BONUS = 0.005
_LEAST_AUC = 0.55
_LEAST_LATER_AUC = 0.52
_REASONS = 3
_TOLD = 1.05


class ThinLeadsError(ToplineError):
    message = N_(
        "%(leads)d closed leads, %(converted)d of them converted, are too few to score by: at least %(least)d are "
        "needed, %(each)d converted and %(each)d lost. Until then the share that converts is the best score."
    )


class UnknownColumnError(ToplineError):
    message = N_("There is no column “%(name)s”. There are: %(names)s.")


@dataclass(frozen=True, slots=True)
class Bin:
    """A tenth of the leads by score: what was expected to convert, and what did, 0-1."""

    expected: float
    observed: float
    leads: int


@dataclass(frozen=True, slots=True)
class Measured:
    """How a way of scoring did on leads that it hadn't seen.

    auc : chance that a lead that converts stands above one that doesn't, 0.5-1
    brier : mean squared error of the probabilities; base_brier : that of the share that converts
    """

    auc: float
    brier: float
    base_brier: float


@dataclass(frozen=True, slots=True, eq=False)
class Scoring:
    """model : logistic; trees or both where they win on the newest leads and on fifths
    folds, later : by model, on random fifths and on the newest fifth after the others
    curve : calibration of the chosen model's out-of-fold scores
    leaks : columns that look as if they were written after the outcome, with the AUC that each has alone
    scored : (n,) out-of-fold score of each lead before calibration; probability : (n,) after it, 0-1
    """

    model: str
    folds: Mapping[str, Measured]
    later: Mapping[str, Measured]
    curve: tuple[Bin, ...]
    leaks: tuple[tuple[str, float], ...]
    scored: Floats
    probability: Floats

    @property
    def is_worth(self) -> bool:
        """Whether scores rank leads better than chance; else the share that converts is the best that can be said."""
        return self.folds[self.model].auc >= _LEAST_AUC and self.later[self.model].auc >= _LEAST_LATER_AUC


@dataclass(frozen=True, slots=True)
class Reason:
    """What a column does to a lead's odds, beside those of a lead that is usual in it: by this factor."""

    column: str
    factor: float


def score(columns: Mapping[str, Sequence[Any]], converted: NDArray[np.bool_], *, seed: int = 0) -> Scoring:
    """Scores of leads by what was known of them, oldest first, measured on folds and on the newest fifth.

    columns : (n,) values by name: numbers, texts, None for what is unknown
    converted : (n,) whether the lead converted

    Raises ThinLeadsError below 200 leads, 50 of each outcome.
    """
    y = np.asarray(converted, dtype=np.float64)
    fewest = int(min(y.sum(), len(y) - y.sum()))
    if len(y) < LEAST_LEADS or fewest < LEAST_OF_EACH:
        raise ThinLeadsError(leads=len(y), converted=int(y.sum()), least=LEAST_LEADS, each=LEAST_OF_EACH)
    table = _Table.of(columns)
    fold = np.random.default_rng(seed).permutation(len(y)) % FOLDS
    out = {"logistic": np.empty(len(y)), "trees": np.empty(len(y))}
    for k in range(FOLDS):
        for name, found in _both(table, y, fold != k, fold == k, seed).items():
            out[name][fold == k] = found
    out["both"] = _blend(out)
    newest = np.arange(len(y)) >= int(len(y) * 0.8)
    ahead = _both(table, y, ~newest, newest, seed)
    ahead["both"] = _blend(ahead)
    later = {name: measured(found, y[newest]) for name, found in ahead.items()}
    folds = {name: measured(found, y) for name, found in out.items()}
    gain = {name: min(later[name].auc - later["logistic"].auc, folds[name].auc - folds["logistic"].auc) for name in out}
    model = max(gain, key=lambda name: gain[name] if gain[name] > _PLAIN_BONUS or name == "logistic" else -1.0)
    probability = calibrated(out[model], y, out[model])
    return Scoring(
        model=model,
        folds=folds,
        later=later,
        curve=tuple(curve(probability, y)),
        leaks=tuple(_leaks(table, y, fold)),
        scored=out[model],
        probability=probability,
    )


def open_chances(
    columns: Mapping[str, Sequence[Any]], converted: NDArray[np.bool_], scoring: Scoring, *, seed: int = 0
) -> tuple[Floats, list[tuple[Reason, ...]]]:
    """Calibrated chances (m,) of the leads that are still open, and up to three reasons of each, the strongest first.

    columns : (n + m,) values by name, of the closed leads that `scoring` is of and then of the open ones
    converted : (n,) of the closed ones

    Reasons are parts of the logistic model's log odds, also where trees score. Where scores aren't worth anything
    every lead has the share that converts, for no reason.
    """
    y = np.asarray(converted, dtype=np.float64)
    n, whole = len(y), len(next(iter(columns.values()), []))
    if whole == n or not scoring.is_worth:
        return np.full(whole - n, y.mean()), [()] * (whole - n)
    table, is_closed = _Table.of(columns), np.arange(whole) < n
    dense, names = table.dense(is_closed)
    line = _fitted(dense[:n], y)
    found = {"logistic": _sigmoid(dense[n:] @ line)}
    if scoring.model != "logistic":
        found["trees"] = _trees(table, np.concatenate([y, np.zeros(whole - n)]), is_closed, ~is_closed, seed)
        found["both"] = _blend(found)
    chance = calibrated(scoring.scored, y, found[scoring.model])
    parts = (dense - dense[:n].mean(axis=0)) * line
    log_odds = {name: parts[n:, [k for k, of in enumerate(names) if of == name]].sum(axis=1) for name in columns}
    return chance, [_reasons({name: float(values[k]) for name, values in log_odds.items()}) for k in range(whole - n)]


def _reasons(log_odds: Mapping[str, float]) -> tuple[Reason, ...]:
    strongest = sorted(log_odds, key=lambda name: -abs(log_odds[name]))[:_REASONS]
    told = np.log(_TOLD)
    return tuple(Reason(name, float(np.exp(log_odds[name]))) for name in strongest if abs(log_odds[name]) >= told)


def auc(scored: Floats, y: Floats) -> float:
    """The chance that a lead that converts stands above one that doesn't; ties count half (Mann & Whitney)."""
    from scipy.stats import rankdata

    ones = y.sum()
    zeros = len(y) - ones
    if not ones or not zeros:
        return 0.5
    return float((rankdata(scored)[y > 0].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def measured(probability: Floats, y: Floats) -> Measured:
    """How probabilities did."""
    base = float(np.mean((y - y.mean()) ** 2))
    return Measured(auc(probability, y), float(np.mean((probability - y) ** 2)), base)


def calibrated(scored: Floats, y: Floats, asked: Floats) -> Floats:
    """Probabilities of `asked` scores by what came of scored leads: a line in log odds, and no more (Platt)."""
    line = _logistic(np.column_stack([np.ones(len(y)), _logit(scored)]), y, np.array([0.0, 0.0]))
    return _sigmoid(line[0] + line[1] * _logit(asked))


def curve(probability: Floats, y: Floats) -> list[Bin]:
    """The calibration curve: tenths of the leads by probability."""
    order = np.argsort(probability, kind="stable")
    return [
        Bin(float(probability[part].mean()), float(y[part].mean()), len(part))
        for part in np.array_split(order, _BINS)
        if len(part)
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Columns as models take them: numbers with nan, and numbered levels, 0 for none or rare."""

    numbers: dict[str, Floats]
    levels: dict[str, Ints]

    @classmethod
    def of(cls, columns: Mapping[str, Sequence[Any]]) -> "_Table":
        numbers, levels = {}, {}
        for name, values in columns.items():
            known = [value for value in values if value is not None and value == value]
            if known and all(isinstance(value, int | float | np.number) for value in known):
                numbers[name] = np.array([np.nan if v is None else float(v) for v in values])
            elif known:
                levels[name] = _numbered(values)
        return cls(numbers, levels)

    def dense(self, train: NDArray[np.bool_]) -> tuple[Floats, list[str]]:
        """(n, k) for a linear model: ranks, squares and gaps of numbers, a column for each level; and whose each is."""
        parts, names = [np.ones(len(train))], [""]
        for name, values in self.numbers.items():
            seen = np.sort(values[train & ~np.isnan(values)])
            if not len(seen) or seen[0] == seen[-1]:
                continue
            rank = (np.searchsorted(seen, values, "left") + np.searchsorted(seen, values, "right")) / 2 / len(
                seen
            ) - 0.5
            gap = np.isnan(values)
            rank = np.where(gap, 0.0, rank)
            scale = np.nan_to_num((values - seen.mean()) / seen.std())
            parts += [3 * rank, 6 * rank**2, np.clip(scale, -4, 4), 1.0 * (values == seen[0]), 1.0 * gap]
            names += [name] * 5
        for name, numbered in self.levels.items():
            parts += [1.0 * (numbered == level) for level in range(int(numbered.max()) + 1)]
            names += [name] * (int(numbered.max()) + 1)
        return np.column_stack(parts), names

    def plain(self) -> tuple[Floats, list[int]]:
        """(n, k) for trees, and which columns are levels."""
        parts = [*self.numbers.values(), *(found.astype(np.float64) for found in self.levels.values())]
        return np.column_stack(parts), list(range(len(self.numbers), len(parts)))


def _numbered(values: Sequence[Any]) -> Ints:
    texts = ["" if value is None or value != value else str(value).strip() for value in values]
    names, code, count = np.unique(np.array(texts), return_inverse=True, return_counts=True)
    number = np.where((count >= _LEAST_LEVEL) & (names != ""), 1, 0)
    return np.asarray(np.where(number > 0, np.cumsum(number), 0)[code], dtype=np.int64)


def _both(table: _Table, y: Floats, train: NDArray[np.bool_], test: NDArray[np.bool_], seed: int) -> dict[str, Floats]:
    """Probabilities of the tested leads by each model."""
    dense, _ = table.dense(train)
    line = _fitted(dense[train], y[train])
    return {"logistic": _sigmoid(dense[test] @ line), "trees": _trees(table, y, train, test, seed)}


def _trees(table: _Table, y: Floats, train: NDArray[np.bool_], test: NDArray[np.bool_], seed: int) -> Floats:
    import lightgbm

    features, levels = table.plain()
    model = lightgbm.train(
        {
            "objective": "binary",
            "learning_rate": 0.03,
            "num_leaves": 15,
            "min_data_in_leaf": 30,
            "feature_fraction": 0.5,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "lambda_l2": 5.0,
            "cat_smooth": 20.0,
            "num_threads": 1,  # more only wait for each other on so few rows
            "seed": seed,
            "verbosity": -1,
        },
        lightgbm.Dataset(features[train], y[train], categorical_feature=levels, params={"verbosity": -1}),
        num_boost_round=_ROUNDS,
    )
    return np.asarray(model.predict(features[test]), dtype=np.float64)


def _blend(found: Mapping[str, Floats]) -> Floats:
    """The mean of the two in log odds."""
    return _sigmoid((_logit(found["logistic"]) + _logit(found["trees"])) / 2)


def _fitted(dense: Floats, y: Floats) -> Floats:
    ridge = np.full(dense.shape[1], _RIDGE)
    ridge[0] = 0.0
    return _logistic(dense, y, ridge)


def _logistic(design: Floats, y: Floats, ridge: Floats) -> Floats:
    """Coefficients of ridge logistic regression, by Newton's method with steps halved until they help."""
    line = np.zeros(design.shape[1])
    line[0] = _logit(np.array([y.mean()]))[0]

    def loss(at: Floats) -> float:
        value = design @ at
        return float(np.logaddexp(0, value).sum() - y @ value + 0.5 * ridge @ at**2)

    now = loss(line)
    for _ in range(40):
        chance = _sigmoid(design @ line)
        weight = np.maximum(chance * (1 - chance), 1e-6)
        slope = design.T @ (y - chance) - ridge * line
        step = np.linalg.solve((design * weight[:, None]).T @ design + np.diag(ridge + 1e-9), slope)
        size = 1.0
        while (after := loss(line + size * step)) > now and size > 1e-4:
            size /= 2
        line = line + size * step
        if now - after < 1e-7 * abs(now):
            break
        now = after
    return line


def _leaks(table: _Table, y: Floats, fold: Ints) -> list[tuple[str, float]]:
    """Columns that alone rank the leads too well: numbers as they are, levels by their rate in the other folds."""
    found = []
    for name, values in table.numbers.items():
        found.append((name, _alone(np.nan_to_num(values, nan=float(np.nanmean(values))), y)))
    for name, numbered in table.levels.items():
        rate = np.empty(len(y))
        for k in range(FOLDS):
            other = fold != k
            sums = np.bincount(numbered[other], y[other], int(numbered.max()) + 1)
            count = np.bincount(numbered[other], minlength=int(numbered.max()) + 1)
            rate[~other] = ((sums + y.mean()) / (count + 1))[numbered[~other]]
        found.append((name, _alone(rate, y)))
    return sorted((each for each in found if each[1] >= LEAK_AUC), key=lambda each: -each[1])


def _alone(values: Floats, y: Floats) -> float:
    one = auc(values, y)
    return max(one, 1 - one)


def _logit(chance: Floats) -> Floats:
    inside = np.clip(chance, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(inside / (1 - inside)))


def _sigmoid(value: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(value, -30, 30))))
