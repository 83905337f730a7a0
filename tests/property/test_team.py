"""Laws of the team: no order of edits makes a circle, and quotas come to the company's target to the cent."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiny_plan import NOW, a_plan, a_shop
from topline.accounts.models import Shop
from topline.lake.scope import Scope
from topline.plans import operations as plans
from topline.plans import quotas
from topline.plans.grid import Part
from topline.plans.models import Kind, PlanVersion
from topline.team import operations
from topline.team.models import CreditShare, Member, tree
from topline.units.errors import FieldsError

PEOPLE = 5
FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def shop(transactional_db, settings, tmp_path) -> Shop:
    settings.LAKE_ROOT = tmp_path / "lake"
    return a_shop()[0]


def people(shop: Shop) -> list[Member]:
    CreditShare.objects.all().delete()
    Member.objects.all().delete()
    values = [{"name": f"P{i}", "role": "Sales", "work": "lead", "team": f"T{i % 2}"} for i in range(PEOPLE)]
    return [operations.keep_member(shop=shop, values=one, actor_id=None) for one in values]


places = st.integers(0, PEOPLE - 1)


@given(st.lists(st.tuples(st.booleans(), places, st.none() | places), max_size=14))
@FEW
def test_no_order_of_edits_makes_a_circle(shop, edits):
    """Refused exactly where it would close a circle, by a walk written apart; the tree holds everybody once."""
    members = [one.pk for one in people(shop)]
    above: dict[int, int | None] = dict.fromkeys(members)
    for is_removal, who, boss in edits:
        pk = members[who]
        if pk not in above:
            continue
        if is_removal:
            operations.remove_member(shop=shop, member_id=pk, actor_id=None)
            above = {one: above[pk] if at == pk else at for one, at in above.items() if one != pk}
            continue
        over = None if boss is None else members[boss]
        line, at = [], over
        while at is not None and at in above:
            line.append(at)
            at = above[at]
        is_wrong = pk in line or (over is not None and over not in above)
        change = {"shop": shop, "values": {"reports_to": over}, "actor_id": None, "member_id": pk}
        if is_wrong:
            with pytest.raises(FieldsError):
                operations.keep_member(**change)
        else:
            operations.keep_member(**change)
            above[pk] = over
    assert dict(Member.objects.values_list("pk", "reports_to")) == above
    assert sorted(one.pk for one, _ in tree(list(Member.objects.all()))) == sorted(above)


@given(
    total=st.integers(0, 10**9),
    bosses=st.lists(st.none() | places, min_size=PEOPLE, max_size=PEOPLE),
    edits=st.lists(st.tuples(places, st.integers(0, 1), st.integers(0, 10**7)), max_size=4),
)
@FEW
def test_quotas_sum_up_the_tree_to_the_cent(shop, total, bosses, edits):
    members = people(shop)
    for member, boss in zip(members, bosses, strict=True):
        if boss is not None and boss < members.index(member):
            values = {"reports_to": members[boss].pk}
            operations.keep_member(shop=shop, values=values, actor_id=None, member_id=member.pk)
    version = a_plan(shop, Kind.SALES, None)
    version = quotas.propose(version=version, total=Decimal(total) / 100, actor=None, now=NOW)
    found = quotas.of(version, shop.today(), Scope.whole(shop.slug))
    assert found.whole.quota == found.company.quota == Decimal(total) / 100
    assert found.is_reconciled
    for line, month, minor in edits:
        plans.set_target(
            version=version, metric="won_value", cut="person", part=Part(line, 0, month),
            amount=Decimal(minor) / 100, seen=version.revision, actor=None, now=NOW,
        )  # fmt: skip
        version = PlanVersion.objects.get(pk=version.pk)
    found = quotas.of(version, shop.today(), Scope.whole(shop.slug))
    own = {line.key: line.quota for line in found.people}
    assert found.whole.quota == sum(own.values()) == sum(line.quota for line in found.teams)
    assert sum(found.gap) == found.company.quota - found.whole.quota
    below = {one.pk: [one.key] for one in members}
    order = list(tree(list(Member.objects.all())))
    for member, _ in reversed(order):
        if member.reports_to_id:
            below[member.reports_to_id] += below[member.pk]
    sums = {line.label: line.quota for line in found.tree if line.is_sum}
    assert sums == {
        member.name: sum(own[key] for key in below[member.pk]) for member, _ in order if len(below[member.pk]) > 1
    }


@given(st.lists(st.sampled_from([-20, 0, 20, 25, 30, 50, 100, 120]), min_size=1, max_size=PEOPLE))
@FEW
def test_credit_is_kept_exactly_where_it_comes_to_100(shop, shares):
    members = people(shop)
    asked = {one.pk: Decimal(share) for one, share in zip(members, shares, strict=False)}
    is_right = sum(asked.values()) == 100 and all(0 < share <= 100 for share in asked.values())
    split = {"shop": shop, "deal_key": "d", "shares": asked, "known": {}, "actor_id": None}
    if is_right:
        operations.split_credit(**split)
        assert sum(CreditShare.objects.values_list("percent", flat=True)) == 100
    else:
        with pytest.raises((operations.CreditSumError, operations.CreditShareError)):
            operations.split_credit(**split)
        assert not CreditShare.objects.exists()
