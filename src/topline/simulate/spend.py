"""Marketing spend by day, campaign and market, with the clicks that it bought."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.world import World

OF_THE_SHOP = True


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    rng = world.shared_stream("spend-split")
    responses, markets = world.truth.responses, world.truth.markets
    bought = [
        (i, name, share, is_new)
        for i, response in enumerate(responses)
        for name, (share, is_new) in response.campaigns.items()
    ]
    campaign, market, day = (index.ravel() for index in np.indices((len(bought), len(markets), world.days)))
    response = np.array([i for i, _, _, _ in bought])[campaign]
    share = np.array([part for _, _, part, _ in bought])[campaign]
    share = share * np.array([one.share for one in markets])[market] * rng.uniform(0.9, 1.1, len(day))
    is_euro = np.array([one.currency != world.truth.currency for one in markets])[market]
    rate = np.where(is_euro, world.euro_rate[day], 10_000)  # shop currency per unit, in ten-thousandths
    cents = np.round(world.spend[response, day] * share * 100 * 10_000 / rate).astype(np.int64)
    visits = world.paid_visits[response, day] * share
    clicks = rng.poisson(visits / 0.88)
    click_rate = np.array([one.click_rate for one in responses])[response]
    channels = arrow.choice([one.channel for one in responses], response)
    campaigns = arrow.choice([name for _, name, _, _ in bought], campaign)
    countries = arrow.choice([one.country for one in markets], market)
    on = arrow.days(world.epoch + day)
    return {
        "key": arrow.keys(identity.SOURCE, on, channels, campaigns, countries),
        "on": on,
        "channel": channels,
        "campaign": campaigns,
        "market": countries,
        "kind": arrow.choice([one.kind for one in responses], response),
        "amount": arrow.amounts(cents * arrow.CENT),
        "amount_shop": arrow.amounts(cents * rate),  # hundredths x ten-thousandths are millionths
        "currency": arrow.choice([one.currency for one in markets], market),
        "rate": arrow.rates(rate * 100_000),
        "impressions": np.round(clicks / click_rate).astype(np.int64),
        "clicks": clicks,
        "is_acquisition": np.array([is_new for _, _, _, is_new in bought])[campaign],
    }
