"""Target grids: by channel and person, pasted blocks, reasons, two people at once, and how it is on the page."""

from decimal import Decimal

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from tiny_plan import NOW, a_plan, a_shop
from topline.accounts.models import Channel, Shop, User
from topline.plans import operations, targets
from topline.plans.grid import Grid, GridLockedError, Part
from topline.plans.models import GridOperation, Kind, PlanVersion, TargetCells


@pytest.fixture
def people(db, settings, tmp_path) -> dict[str | None, User | None]:
    settings.LAKE_ROOT = tmp_path / "lake"
    return a_shop()[1]


@pytest.fixture
def version(people) -> PlanVersion:
    """600 pounds: 100 and 200 of lamps in October and November, the same of rugs."""
    return a_plan(Shop.objects.get(), Kind.MARKETING, people["head"])


def sums(version: PlanVersion, cut: str = "") -> list[int]:
    return version.grid("net_sales", cut).cells.sum(axis=(0, 1)).tolist()


def edit(version: PlanVersion, part: Part, amount: str, seen: int = 0, **more):
    return operations.set_target(
        version=version, metric="net_sales", part=part, amount=Decimal(amount), seen=seen, actor=None, now=NOW, **more
    )


def test_lines_share_the_shops_months_and_stay_apart_until_brought_in_line(version, people) -> None:
    names = ["3", "1", "2"]
    version = targets.add_lines(version=version, metric="net_sales", cut="person", names=names, actor=None, now=NOW)
    assert version.grid("net_sales", "person").cells[:, 0].tolist() == [[6667, 13334], [6667, 13333], [6666, 13333]]
    assert targets.gap(version, "net_sales", "person").by_month == [0, 0]
    before = version.contents()["cuts"]
    edit(version, Part(0, 0, 0), "100", version.revision, cut="person", reason="She knows the trade")
    assert targets.gap(version, "net_sales", "person").by_month == [Decimal("-33.33"), 0]
    assert version.goals.get().target == 600  # the shop's goal follows the shop's grid alone
    targets.bring_in_line(version=version, metric="net_sales", cut="person", is_bottom_up=True, actor=None, now=NOW)
    assert sums(version) == [23333, 40000]
    assert version.goals.get().target == Decimal("633.33")
    version = targets.add_lines(
        version=version, metric="net_sales", cut="person", names=["4", "4", " "], actor=None, now=NOW
    )
    assert version.cuts == {"person": ["3", "1", "2", "4"]}
    with pytest.raises(targets.LinesError):
        targets.add_lines(version=version, metric="net_sales", cut="person", names=["4"], actor=None, now=NOW)
    for _ in range(2):
        operations.undo_edit(version=version, actor=None, now=NOW)
    version.refresh_from_db()
    after = version.contents()["cuts"]["net_sales/person"]
    assert [after[:3], sums(version)] == [before["net_sales/person"], [20000, 40000]]
    assert not TargetCells.objects.filter(blocks=None).exists()


def test_a_reforecast_and_a_new_version_keep_the_cuts(version) -> None:
    version = targets.add_lines(
        version=version, metric="net_sales", cut="team", names=["North", "South"], actor=None, now=NOW
    )
    new = operations.revise(version=version, actor=None, now=NOW)
    assert new.grid("net_sales", "team") == version.grid("net_sales", "team")


def test_a_block_is_pasted_over_what_others_left_alone(version) -> None:
    rows = [[Decimal("110.01"), None], [Decimal(120), Decimal(130)]]
    edit(version, Part(0, 0, 1), "210")  # another person, a cell that the paste leaves out
    at = Part(0, None, 0)
    targets.paste(
        version=version, metric="net_sales", amounts=rows, at=at, seen=0, actor=None, now=NOW, reason="From finance"
    )
    assert version.grid("net_sales").cells[:, 0].tolist() == [[11001, 21000], [12000, 13000]]
    with pytest.raises(operations.StaleEditError):
        targets.paste(version=version, metric="net_sales", amounts=rows, at=at, seen=0, actor=None, now=NOW)
    with pytest.raises(targets.PasteShapeError):
        targets.paste(
            version=version, metric="net_sales", amounts=rows, at=Part(1, None, 0), seen=2, actor=None, now=NOW
        )
    operations.lock_targets(
        version=version, metric="net_sales", part=Part(0, 0, 0), is_locked=True, seen=2, actor=None, now=NOW
    )
    with pytest.raises(GridLockedError):
        targets.paste(version=version, metric="net_sales", amounts=[[Decimal(1)]], at=at, seen=3, actor=None, now=NOW)
    operations.undo_edit(version=version, actor=None, now=NOW)
    operations.undo_edit(version=version, actor=None, now=NOW)
    assert version.grid("net_sales").cells[:, 0].tolist() == [[10000, 21000], [10000, 20000]]
    assert GridOperation.objects.get(kind="paste").reason == "From finance"


def test_amounts_of_all_markets_together_are_pasted_too(version) -> None:
    version.markets = ["GB", "IE"]
    version.save()
    grid = Grid.of(np.array([[[100_00, 200_00], [300_00, 0]]] * 2))
    operations.store_blocks(version, "net_sales", "", grid, range(2))
    operations.lock_targets(
        version=version, metric="net_sales", part=Part(1, 0, 0), is_locked=True, seen=0, actor=None, now=NOW
    )

    def paste(rows, at: Part) -> None:
        amounts = [[None if cell is None else Decimal(cell) for cell in row] for row in rows]
        targets.paste(version=version, metric="net_sales", amounts=amounts, at=at, seen=1, actor=None, now=NOW)

    paste([["200.01", None], ["250", "60"]], Part(0, None, 0))
    # each keeps its markets' shares, a locked cell its amount
    assert version.grid("net_sales").cells.tolist() == [[[5000, 200_00], [15001, 0]], [[100_00, 60_00], [150_00, 0]]]
    with pytest.raises(targets.PasteShapeError, match=r"3 × 1 cells don't fit into the 2 × 1 from this one on"):
        paste([["1"]] * 3, Part(0, None, 1))
    with pytest.raises(targets.PasteTotalError):
        paste([["1", "2"]], Part(None, None, 0))


def test_two_people_in_one_grid_see_each_other_and_lose_nothing(version, people) -> None:
    one, other = Client(), Client()
    one.force_login(people["head"])
    other.force_login(people["marketing"])
    at = [version.plan.shop.slug, version.plan_id]
    address = reverse("plan_targets_edit", args=at)

    def set_(browser: Client, line: int, month: int, amount: str, seen: int):
        asked = {"do": "set", "line": line, "month": month, "amount": amount, "seen": seen, "reason": "A fair"}
        return browser.post(address, asked)

    assert one.get(reverse("plan_targets", args=at)).status_code == 200
    mine = set_(one, 0, 0, "150.50", 0).json()
    assert (mine["cells"]["0.0"], mine["cells"]["t.0"]) == (["150.50", False], ["250.50", False])
    assert set_(other, 1, 1, "1,000", 0).json()["cells"]["t.t"][0] == "1,450.50"
    stale = set_(other, 0, 0, "170", 0)
    assert stale.status_code == 409
    assert "Somebody else changed these cells" in stale.json()["error"]
    assert stale.json()["said"] == "head@example.org set Lamps, October 2026 to £150.50"
    assert set_(other, 0, 0, "170", stale.json()["revision"]).status_code == 200
    news = reverse("plan_targets_news", args=at)
    assert one.get(news, {"seen": 3}).status_code == 204
    seen = one.get(news, {"seen": 1}).json()
    assert (seen["cells"]["0.0"][0], seen["cells"]["1.1"][0], seen["revision"]) == ("170.00", "1,000.00", 3)
    pasted = one.post(address, {"do": "paste", "line": 0, "month": 0, "text": "1\t2\r\n3\t\r\n", "seen": 3}).json()
    assert [pasted["cells"][id_][0] for id_ in ("0.0", "0.1", "1.0", "t.t")] == ["1.00", "2.00", "3.00", "1,006.00"]
    assert "1.1" not in pasted["cells"]  # what stayed isn't sent again
    assert one.post(address, {"do": "paste", "line": 0, "text": "a\tb", "seen": 4}).status_code == 400
    assert one.post(address, {"do": "undo", "seen": 4}).json()["cells"]["0.0"][0] == "170.00"
    assert one.post(address, {"do": "lock", "line": 0, "month": "t", "seen": 5}).json()["cells"]["0.t"] == [
        "370.00", True,
    ]  # fmt: skip
    page = one.get(reverse("plan_targets", args=at)).content.decode()
    assert "A fair" in page


def test_channels_are_chosen_on_the_page_and_what_is_open_is_said(version, people) -> None:
    for code in ("own", "market"):
        Channel.objects.get_or_create(shop=version.plan.shop, code=code, defaults={"name": code.title(), "kind": "own"})
    browser = Client()
    browser.force_login(people["head"])
    at = [version.plan.shop.slug, version.plan_id]
    page = browser.get(reverse("plan_targets", args=at), {"by": "channel"}).content.decode()
    assert "no targets by channel yet" in page
    browser.post(reverse("plan_targets_act", args=at) + "?by=channel", {"do": "lines", "known": ["own", "market"]})
    browser.post(
        reverse("plan_targets_edit", args=at) + "?by=channel", {"line": 0, "month": 0, "amount": "90", "seen": 1}
    )
    page = browser.get(reverse("plan_targets", args=at), {"by": "channel"}).content.decode()
    assert "£590.00 is given out; £10.00 is not yet." in page
    reader = Client()
    reader.force_login(people["operator"])
    assert reader.get(reverse("plan_targets", args=at)).status_code == 200
    assert reader.post(reverse("plan_targets_edit", args=at), {"amount": "1"}).status_code == 403
