"""Weekly intervals of the few large sums of the demand outlook hold as much as they say."""

import numpy as np

from topline.outlook.demand import Tried, _noise, interval

WEEKS = 13


def _drawn(rng: np.random.Generator, noise: float) -> np.ndarray:
    """(1, WEEKS) units about 1,000: errors grow over the horizon, and half of each is common to all its weeks."""
    growth = noise * np.arange(1, WEEKS + 1) ** 0.25
    common, own = rng.standard_normal(), rng.standard_normal(WEEKS)
    return 1000 * np.exp(growth * (common + own) / np.sqrt(2))[None]


def test_four_in_five_weeks_fall_inside_whether_a_shop_is_steady_or_not():
    mean, rng = np.full((1, WEEKS), 1000.0), np.random.default_rng(1)
    for noise in (0.03, 0.06, 0.15):
        inside = []
        for _ in range(150):
            history = 1000 * np.exp(noise * rng.standard_normal((1, 104)))
            tests = [Tried(mean, mean, _drawn(rng, noise), mean) for _ in range(4)]
            low, high = interval(mean, mean, tests, 0.8, _noise(history))
            came = _drawn(rng, noise)
            inside.append(((came >= low) & (came <= high)).mean())
        assert 0.74 <= np.mean(inside) <= 0.88, noise


def test_without_a_trial_an_interval_is_wide():
    mean = np.full((1, WEEKS), 1000.0)
    low, high = interval(mean, mean, [], 0.8, np.array([0.03]))
    assert (high / low > 1.6).all()


def test_the_noise_of_weeks_is_their_usual_distance_from_the_month_before():
    history = np.array([[100.0, 100.0, 100.0, 100.0] + [110.0] * 4, [5.0] * 8])
    # against means of 100, 102.5, 105 and 107.5: the median log ratio is that of 105 and 102.5, here 0.0586
    middle = np.mean([np.log(110 / 102.5), np.log(110 / 105)])
    assert np.allclose(_noise(history), [1.4826 / 1.25**0.5 * middle, 0.02])
