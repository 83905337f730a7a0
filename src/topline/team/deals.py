"""Deals that were won, and who is credited with what of them."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from topline.accounts.models import Shop
from topline.facts.deal_stage import State
from topline.lake import engine, read
from topline.lake.scope import Scope
from topline.metrics.pipeline import WON_VALUE
from topline.metrics.query import Query
from topline.units.errors import ToplineError
from topline.units.period import Period
from topline.units.text import N_

_DEAL = "deal_key"


class UnknownDealError(ToplineError):
    message = N_("There is no deal “%(deal)s” among those that were won in the plan.")


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal won.

    value : in the shop's currency
    shares : parts of it by owner, 0-1, in sum 1; empty where it is its owner's alone
    facts : key of the fact of each share, by owner
    """

    key: str
    owner: str | None
    value: Decimal
    won_on: date
    shares: dict[str, Decimal] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)


def won(shop: Shop, period: Period, today: date, scope: Scope, most: int) -> list[Deal]:
    """The newest deals won in a period, as far as the viewer may see them, with their shares."""
    found = _rows(shop, period, today, scope)
    newest = sorted(found, key=lambda key: (found[key]["on"], key), reverse=True)[:most]
    return _deals(shop, {key: found[key] for key in newest})


def one(shop: Shop, period: Period, today: date, scope: Scope, key: str) -> Deal:
    """A deal won in a period that the viewer may see, with its shares. Raises UnknownDealError."""
    found = _rows(shop, period, today, scope)
    if key not in found:
        raise UnknownDealError(deal=key)
    (deal,) = _deals(shop, {key: found[key]})
    return deal


@dataclass(frozen=True, slots=True)
class OpenDeal:
    """A deal that is neither won nor lost. value : in the shop's currency"""

    key: str
    stage: str
    value: Decimal
    expected_close: date | None


def open_of(shop: Shop, owners: Collection[str], today: date, most: int) -> list[OpenDeal]:
    """The open deals that belong to owners today, those that are to close soonest first."""
    import ibis

    lake = shop.lake()
    snapshot = lake.latest()
    if snapshot is None or "deal_stage" not in snapshot.tables:
        return []
    moves: Any = engine.table(lake, "deal_stage", snapshot)
    moves = moves.filter(moves.on < today)
    newest = ibis.row_number().over(group_by=_DEAL, order_by=[ibis.desc("at"), ibis.desc("position")])
    found = moves.mutate(newest=newest).filter(ibis._.newest == 0)
    found = found.filter(found.state == State.OPEN.value, found.owner.isin(sorted(owners)))
    found = found.order_by(ibis.asc("expected_close", nulls_first=False), _DEAL).limit(most)
    rows = engine.execute(found.select(_DEAL, "stage", "value_shop", "expected_close")).to_pylist()
    return [OpenDeal(row[_DEAL], row["stage"], row["value_shop"], row["expected_close"]) for row in rows]


def _rows(shop: Shop, period: Period, today: date, scope: Scope) -> dict[str, Mapping[str, Any]]:
    """The row of each deal that was won."""
    lake = shop.lake()
    snapshot = lake.latest()
    if snapshot is None or "deal_stage" not in snapshot.tables:
        return {}
    asked = Query(metrics=(WON_VALUE,), period=period, as_of=today)
    page = read.rows(lake, asked, scope=scope, settings=shop.settings(), snapshot=snapshot, limit=10_000)
    return {str(row[_DEAL]): row for row in page.rows if row["state"] == State.WON.value}


def _deals(shop: Shop, rows: Mapping[str, Mapping[str, Any]]) -> list[Deal]:
    shares, facts = _shares(shop, list(rows))
    return [Deal(key, row["owner"], row["value_shop"], row["on"], shares[key], facts[key]) for key, row in rows.items()]


def _shares(shop: Shop, keys: list[str]) -> tuple[dict[str, dict[str, Decimal]], dict[str, dict[str, str]]]:
    """Shares of some deals by owner, and the keys of their facts."""
    shares: dict[str, dict[str, Decimal]] = defaultdict(dict)
    facts: dict[str, dict[str, str]] = defaultdict(dict)
    lake = shop.lake()
    snapshot = lake.latest()
    if snapshot is not None and "deal_credit" in snapshot.tables and keys:
        rows: Any = engine.table(lake, "deal_credit", snapshot)
        for row in engine.execute(rows.filter(rows[_DEAL].isin(keys))).to_pylist():
            facts[row[_DEAL]][row["owner"]] = row["key"]
            if row["share"]:
                shares[row[_DEAL]][row["owner"]] = row["share"]
    return shares, facts
