"""Budgets on a market of known truth: how much of the best response each method's split loses, and what it costs.

    python bench/budget.py --seeds 0-9 --shape hill [--market marketing_truth.py] [--robyn dt_simulated_weekly.csv]

Regret is the share of the best possible incremental response at the same budget. A lift test is a hold-out of the
channel at today's spend, its effect known with a standard error of a tenth. Coverage is of central 90 % intervals
of what each channel brought in the history and of what a fifth more spend on it would. CPU seconds: fit and split.
"""

import argparse
import importlib.util
import os
import time
from pathlib import Path
from types import ModuleType

import given
import numpy as np
from scipy.optimize import nnls

from topline.science import budget, response

SHARED = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
LEVEL = (0.05, 0.95)
POINTS = 161
CARRIES = (0.0, 0.3, 0.6)


def ours(spend: np.ndarray, y: np.ndarray, low: np.ndarray, high: np.ndarray, tests: list[response.LiftTest]):
    fitted = response.fit(spend, y, rng=np.random.default_rng(1), tests=tests)
    scale = np.linspace(0, 1, POINTS)[None, :] * high[:, None]
    worth = response.steady(fitted, scale).mean(axis=0)
    cents = np.stack([np.ceil(100 * low), np.floor(100 * high)]).astype(np.int64)
    total = round(100 * spend.mean(axis=0).sum())
    best = budget.spread(budget.Curves(100 * scale, worth), total, cents[0], cents[1], np.ones(1))
    return fitted, best[:, 0] / 100


def design(spend: np.ndarray, carry: float) -> np.ndarray:
    mean = spend.mean(axis=0)
    columns = [response.carried(one, np.array(carry), np.zeros(12)) for one in spend.T]
    return np.log1p(np.column_stack(columns) / mean)


def base(weeks: int) -> np.ndarray:
    t = np.arange(weeks)
    waves = [wave(2 * np.pi * k * t / 52.18) for k in (1, 2) for wave in (np.sin, np.cos)]
    return np.column_stack([np.ones(weeks), t / weeks, *waves])


def log_split(beta: np.ndarray, mean: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The best split under beta x log(1 + spend / mean): bisection on what the next unit is worth."""
    low_rate, high_rate = 1e-12, 1e6
    for _ in range(200):
        rate = np.sqrt(low_rate * high_rate)
        split = np.clip(np.maximum(beta, 1e-9) / rate - mean, low, high)
        low_rate, high_rate = (rate, high_rate) if split.sum() > mean.sum() else (low_rate, rate)
    split = np.clip(split, low, high)
    room = (high - split) if split.sum() < mean.sum() else (split - low)
    return split + room * (mean.sum() - split.sum()) / max(room.sum(), 1e-9)


def linear_log(spend: np.ndarray, y: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    found = np.linalg.lstsq(np.column_stack([design(spend, 0.3), base(len(y))]), y, rcond=None)[0]
    return log_split(found[: spend.shape[1]], spend.mean(axis=0), low, high)


def grid_ridge(spend: np.ndarray, y: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """One carry-over for all from a grid, coefficients non-negative and shrunk, by error on every fourth month."""
    held = (np.arange(len(y)) // 4) % 4 == 3
    nuisance = base(len(y))
    best = None
    for carry in CARRIES:
        for weight in (0.1, 1.0, 10.0):
            found = _nnls(design(spend, carry), nuisance, y, weight, ~held)
            miss = np.column_stack([design(spend, carry), nuisance])[held] @ found - y[held]
            if best is None or miss @ miss < best[0]:
                best = (miss @ miss, carry, weight)
    _, carry, weight = best
    found = _nnls(design(spend, carry), nuisance, y, weight, np.ones(len(y), bool))
    return log_split(found[: spend.shape[1]], spend.mean(axis=0), low, high)


def _nnls(columns: np.ndarray, nuisance: np.ndarray, y: np.ndarray, weight: float, rows: np.ndarray) -> np.ndarray:
    q, _ = np.linalg.qr(nuisance[rows])
    part, target = columns[rows], y[rows]
    clean, rest = part - q @ (q.T @ part), target - q @ (q.T @ target)
    shrunk = np.vstack([clean, np.sqrt(weight) * np.eye(part.shape[1])])
    beta = nnls(shrunk, np.r_[rest, np.zeros(part.shape[1])])[0]
    return np.r_[beta, np.linalg.lstsq(nuisance[rows], target - part @ beta, rcond=None)[0]]


def lift_tests(truth, count: int, rng: np.random.Generator) -> list[response.LiftTest]:
    found = []
    for c in np.argsort(-truth.mean)[:count]:
        without = truth.mean.copy()
        without[c] = 0
        effect = truth.response(truth.mean) - truth.response(without)
        found.append(response.LiftTest(int(c), 0.0, truth.mean[c], effect + rng.normal(0, effect / 10), effect / 10))
    return found


def inside(draws: np.ndarray, truth: np.ndarray) -> float:
    low, high = np.quantile(draws, LEVEL, axis=0)
    return float(np.mean((truth >= low) & (truth <= high)))


def measure(market: ModuleType, seed: int, shape: str, weeks: int) -> dict[str, tuple[float, float, float, float]]:
    """For each method: regret, coverage of the past, coverage of a fifth more, CPU seconds."""
    table, truth = market.market(seed, weeks=weeks, shape=shape)
    spend, y = table[market.CHANNELS].to_numpy(), table["y"].to_numpy()
    low, high = market.LOW * truth.mean, market.HIGH * truth.mean
    found = {"today's split": (market.regret(truth, truth.mean), np.nan, np.nan, 0.0)}
    for name, method in (("linear + log curve", linear_log), ("grid + non-negative ridge", grid_ridge)):
        began = time.process_time()
        split = method(spend, y, low, high)
        found[name] = (market.regret(truth, split), np.nan, np.nan, time.process_time() - began)
    rng = np.random.default_rng(100 + seed)
    for count in (0, 2, 6):
        tests = lift_tests(truth, count, rng)
        began = time.process_time()
        fitted, split = ours(spend, y, low, high, tests)
        seconds = time.process_time() - began
        before = response.first_weeks(spend)
        brought = response.path(fitted, spend.T, before).mean(axis=2)
        today = response.steady(fitted, np.stack([truth.mean, 1.2 * truth.mean], axis=1))
        more = [truth.response(truth.mean + 0.2 * truth.mean * unit) for unit in np.eye(len(truth.mean))]
        found[f"ours, {count} tests"] = (
            market.regret(truth, split),
            inside(brought, truth.contribution.mean(axis=0)),
            inside(today[..., 1] - today[..., 0], np.array(more) - truth.response(truth.mean)),
            seconds,
        )
    return found


def robyn(path: Path) -> None:
    """A market that somebody else made: what is known of its truth is that ours must explain what comes next."""
    import pandas as pd

    table = pd.read_csv(path)
    spend = table[["tv_S", "ooh_S", "print_S", "facebook_S", "search_S"]].to_numpy(float)
    controls = np.column_stack([table["competitor_sales_B"], table["newsletter"], (table["events"] != "na")]).astype(
        float
    )
    y = table["revenue"].to_numpy(float)
    began = time.process_time()
    fitted = response.fit(spend, y, rng=np.random.default_rng(1), controls=controls)
    brought = response.path(fitted, spend.T, response.first_weeks(spend)).mean(axis=2)
    low, middle, high = np.quantile(brought, (0.05, 0.5, 0.95), axis=0)
    print(f"\nRobyn, {len(y)} weeks: {fitted.explained_rate:.1%} explained, {time.process_time() - began:.2f} CPU s")
    for name, each in zip(
        ("tv", "ooh", "print", "facebook", "search"), np.stack([low, middle, high], 1) / y.mean(), strict=True
    ):
        print(f"  {name:10} brings {each[1]:6.2%} of the revenue, {each[0]:.2%} to {each[2]:.2%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0-9")
    parser.add_argument("--shape", choices=("hill", "exp"), default="hill")
    parser.add_argument("--weeks", type=int, default=156)
    parser.add_argument("--market", type=Path, default=SHARED.parent / "tools" / "marketing_truth.py")
    parser.add_argument("--robyn", type=Path, default=SHARED / "robyn_simulated" / "dt_simulated_weekly.csv")
    asked = parser.parse_args()
    if not asked.market.is_file():
        raise SystemExit(f"{asked.market}: there is no such market; name one with --market")
    spec = importlib.util.spec_from_file_location("market", asked.market)
    market = importlib.util.module_from_spec(spec)
    __import__("sys").modules["market"] = market
    spec.loader.exec_module(market)
    runs = [measure(market, seed, asked.shape, asked.weeks) for seed in given.seeds(asked.seeds)]
    print(f"{asked.shape}, {asked.weeks} weeks, seeds {asked.seeds}")
    print(f"{'method':28}{'regret':>8}{'worst':>8}{'past':>8}{'more':>8}{'CPU s':>8}   by seed")
    for name in runs[0]:
        table = np.array([run[name] for run in runs])
        mean = table.mean(axis=0)
        seeds = " ".join(f"{one:.1f}" for one in table[:, 0])
        print(f"{name:28}{mean[0]:8.2f}{table[:, 0].max():8.2f}{mean[1]:8.2f}{mean[2]:8.2f}{mean[3]:8.2f}   {seeds}")
    if asked.robyn.exists():
        robyn(asked.robyn)


if __name__ == "__main__":
    main()
