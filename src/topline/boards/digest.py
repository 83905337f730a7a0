"""When a digest is due, and of which period."""

from datetime import datetime, time, timedelta

from topline.boards.models import Digest
from topline.units.period import Grain, Period

GRAINS = {Digest.Every.DAY: Grain.DAY, Digest.Every.WEEK: Grain.WEEK, Digest.Every.MONTH: Grain.MONTH}


def due(sent: Digest, now: datetime) -> Period | None:
    """The period whose digest is due, in the shop's zone and by its week; None before the hour, and before the first.

    now : the shop's
    """
    shop = sent.shop
    calendar, grain = shop.calendar, GRAINS[Digest.Every(sent.every)]
    here = now.astimezone(shop.zone)
    end = calendar.floor(here.date(), grain)
    begins = datetime.combine(end, time(sent.hour), shop.zone)
    if here < begins or (not shop.is_pinned and begins < sent.created_at):
        return None
    return Period(calendar.floor(end - timedelta(days=1), grain), end)
