"""What a plan shows to a sales rep: their quota, chance, deals, dates and promises, and never the company's sums."""

import json
import re
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from django.test import Client
from test_api import caller
from test_own_figures import rep as rep
from test_security_walk import addresses

from tiny_plan import NOW, a_plan
from topline.accounts.scopes import WholeShopError, scope_for
from topline.cli import main
from topline.lake.scope import Scope
from topline.plans import handout, operations, own, promises, quotas, reviews, targets
from topline.plans.grid import Part
from topline.plans.models import BudgetLine, Entry, Kind, Review, State, TargetCells
from topline.team import operations as team
from topline.workbench.models import Notification

pytestmark = [pytest.mark.django_db, pytest.mark.once]

TOTAL = Decimal("7654321.09")
SUM = re.compile(r"7[.,]?6[.,]?5")
"""Whatever is the company's or somebody else's begins with these digits, however it is written."""


@pytest.fixture
def version(shop, rep, owner):
    """Fifteen months in force, in which Mia is to win 250 of 7.65 million, and north is hers for 400."""
    mia = team.keep_member(
        shop=shop, values={"name": "Mia", "key": "mia", "role": "Rep", "work": "lead"}, actor_id=None
    )
    tom = team.keep_member(
        shop=shop, values={"name": "Tom", "key": "tom", "role": "Rep", "work": "lead"}, actor_id=None
    )
    for name, who in (("north", mia), ("south", tom)):
        team.keep_territory(shop=shop, values={"name": name, "owner": who.pk}, actor_id=None)
    version = a_plan(shop, Kind.SALES, owner)
    plan = version.plan
    plan.starts_on, plan.ends_on = date(2024, 1, 1), date(2025, 4, 1)
    plan.save()
    version.goals.update(target=TOTAL, expected=7.65e6, quantiles=[7.65e6] * 99)
    cells = TargetCells.packed(np.full((1, 15), 25_514_404), np.zeros((1, 15), dtype=np.bool_))
    cells.save()
    version.target_blocks.update(cells_id=cells.digest)
    version = type(version).objects.get(pk=version.pk)
    version = quotas.propose(version=version, total=TOTAL, actor=owner, now=NOW)
    version = targets.add_lines(
        version=version, metric="won_value", cut="territory", names=["north", "south"], actor=owner, now=NOW
    )
    for cut, name, month, amount in (
        ("person", "mia", None, 0), ("person", "mia", 0, 200), ("person", "mia", 14, 50),
        ("person", "tom", None, TOTAL),
        ("territory", "north", None, 400), ("territory", "south", None, TOTAL),
    ):  # fmt: skip
        operations.set_target(
            version=version, metric="won_value", cut=cut, part=Part(version.cuts[cut].index(name), None, month),
            amount=Decimal(amount), seen=version.revision, actor=owner, now=NOW,
        )  # fmt: skip
        version.refresh_from_db()
    for key, who in (("a", rep), ("b", owner)):
        cells = {"name": f"Ring {key}", "owner": who.pk, "starts_on": "2025-01-20", "ends_on": "2025-01-31"}
        cells |= {"budget": str(TOTAL), "expected": str(TOTAL), "outcome": "net_sales"}
        Entry.objects.create(version=version, field="8.actions", key=key, cells=cells)
    BudgetLine.objects.create(version=version, key="ads", activity="Ads", planned={"2025-01": str(TOTAL)})
    version.state, version.outlook = State.ACTIVE, {"months": {"net_sales": [[7.65e6] * 4] * 15}}
    version.save()
    for who in (rep, owner):
        promises.make(plan=plan, text=f"Keep {who.email}", owner=who, due_on=date(2025, 1, 10), actor=None, now=NOW)
    return version


def test_their_own_part_of_a_plan(version, shop, rep, owner, capsys):
    """Of 250, 200 of it due, Mia has k1 for 120 and a quarter of k5, 95; k3 for 300 is open since last March."""
    found = own.of(version, rep, scope_for(rep, shop), shop.today())
    assert (found.quota.quota, found.quota.won) == (250, 215)
    assert found.quota.pace == pytest.approx(215 / 200)
    assert found.aim is None  # seven deals are too few for chances
    (north,) = found.territories
    assert (north.territory.name, north.target, north.actual) == ("north", 400, 120)
    assert [one.title for one in found.dates] == ["Ring a"]
    assert [one.text for one in found.promises] == [f"Keep {rep.email}"]
    with pytest.raises(own.SeesAllError):
        own.of(version, owner, Scope.whole("gifts"), shop.today())
    ((deal, chance),) = own.deals(shop, scope_for(rep, shop), shop.today())  # k5 was hers until it went to tom
    assert (deal.key, deal.value, deal.expected_close, chance) == ("k3", 300, date(2024, 3, 1), None)
    told = caller(shop, rep)("GET", f"/shops/gifts/plans/{version.plan_id}/own").json()
    assert (told["quota"]["quota"], told["quota"]["won"]) == ("250.00", "215.000000")
    assert ([one["key"] for one in told["dates"]], len(told["promises"])) == (["a"], 1)
    assert [one["key"] for one in caller(shop, rep)("GET", "/shops/gifts/deals/own").json()] == ["k3"]
    assert main.run(["plan", "show", str(version.plan_id), "--as", rep.email, "--format", "json"]) == 0
    rows = {row["of"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["quota"]["target"], rows["territory"]["won"], rows["date"]["name"]) == (
        "250.00",
        "120.000000",
        "Ring a",
    )
    for command in (["plan", "export", str(version.plan_id), "-o", "/nonexistent/x"], ["plan", "review", "1"]):
        assert main.run([*command, "--as", rep.email]) != 0
    with pytest.raises(WholeShopError):
        handout.share(version=version, name="", days=7, today=shop.today(), actor=rep, now=NOW)


def test_the_calendar_tells_a_rep_their_own_promises(version, shop, rep, owner):
    """In list, file, JSON, on a promise's own page, over the API; and a review's pack and minutes go to others."""
    client = Client()
    theirs = version.plan.promises.get(owner=owner)
    for who, told in ((rep, [rep]), (owner, [rep, owner])):
        client.force_login(who)
        call = caller(shop, who)
        for address in (
            "/shop/gifts/calendar?calendar_as=list&year=2025&layer=review",
            "/shop/gifts/calendar?format=ics&year=2025&layer=review",
            "/shop/gifts/calendar?format=json&from=2025-01-01&to=2025-02-01&layer=review",
        ):
            said = client.get(address).content.decode().replace("\r\n ", "")
            assert [one for one in (rep, owner) if f"Keep {one.email}" in said] == told, address
        items = call("GET", "/shops/gifts/calendar/items?start=2025-01-01&end=2025-02-01&layer=review").json()
        assert {one["title"] for one in items} == {f"Keep {one.email}" for one in told}
        page = client.get("/shop/gifts/calendar/item", {"id": f"{version.pk}:promise:{theirs.pk}"})
        assert (theirs.text in page.content.decode()) == (who == owner)
    review = Review.objects.create(
        plan=version.plan, version=version, on=date(2025, 1, 8), since=date(2025, 1, 1), snapshot=1, built_at=NOW,
        pack={"headline": [["text", {"text": f"{TOTAL} to go"}]]},
    )  # fmt: skip
    reviews.invite(review=review, people=[rep, owner], actor=owner)
    reviews.hold(review=review, actor=owner, now=NOW)
    keys = Notification.objects.filter(key=f"review:{review.pk}:held")
    assert list(keys.values_list("recipient_id", flat=True)) == [owner.pk]
    paths = dict(Notification.objects.filter(key__startswith="promise:").values_list("recipient_id", "path"))
    assert (paths[rep.pk].rsplit("/", 1)[-1], paths[owner.pk].rsplit("/", 1)[-1]) == ("own", "reviews")


ABOUT_PLANS = re.compile(
    r"/(plans?|team|quotas|territories|live|calendar|promises|feedback|today|deals|inbox)\b|gifts/$"
)


def test_no_address_shows_the_companys_sums(version, shop, rep, owner):
    """Every page and endpoint about plans, with the numbers of what there is; the owner sees the sums on some.

    Home and the plan's own page say what is the rep's.
    """
    numbers = {"plans": version.plan_id, "versions": version.number, "goals": version.goals.get().pk}

    pages = {}

    def walked(who, every):
        client, call = Client(), caller(shop, who)
        client.force_login(who)
        for address in every:
            answer = call("GET", address.removeprefix("/api/v1")) if "/api/" in address else client.get(address)
            assert answer.status_code < 500, address
            pages[who, address] = answer
            if answer.status_code == 200 and not answer.streaming and SUM.search(_text(answer)):
                yield address

    every = set()
    for each in addresses():
        address = each.replace("/shops/some/", "/shops/gifts/")
        for name, number in numbers.items():
            address = re.sub(rf"/{name}/1\b", f"/{name}/{number}", address)
        if address.startswith(("/shop/gifts/", "/api/v1/shops/")) and ABOUT_PLANS.search(address):
            every.add(address)
    assert len(every) > 60
    assert list(walked(rep, sorted(every))) == []
    plan = f"/shop/gifts/plans/{version.plan_id}"
    seen = [f"{plan}/targets", f"{plan}/budget", "/shop/gifts/team/quotas", "/shop/gifts/plans"]
    assert list(walked(owner, seen)) == seen
    for address in ("/shop/gifts/", f"{plan}/own"):
        page = pages[rep, address].content.decode()
        for said in ("You are on course", "£215", "£250", "Ring a", f"Keep {rep.email}", "k3"):
            assert said in page, (address, said)
        assert "Ring b" not in page
    theirs = [address for (who, address), page in pages.items() if who == rep and f"Keep {owner.email}" in _text(page)]
    assert theirs == []
    assert pages[rep, plan]["Location"] == f"{plan}/own"
    client = Client()
    client.force_login(rep)
    promise = version.plan.promises.get(owner=rep)
    assert client.post(f"{plan}/own", {"promise": promise.pk, "state": "kept", "note": "done"}).status_code == 302
    promise.refresh_from_db()
    assert (promise.state, promise.note) == ("kept", "done")


def _text(answer) -> str:
    """What it says, without the marks that name files and forms."""
    said = re.sub(
        r"[0-9a-fA-F-]{32,}|[A-Za-z0-9_-]{40,}|\.[0-9a-f]{8}\.|nonce=\"[^\"]*\"",
        "",
        answer.content.decode("utf-8", "ignore"),
    )
    return re.sub(r"<svg.*?</svg>|\sd=\"[^\"]*\"|csrf[^>]*>", "", said, flags=re.S)
