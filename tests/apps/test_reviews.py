"""Reviews: the pack builds itself, stays as it was, its parts add up; promises and feedback come back."""

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from django.core import mail as outbox
from test_api import caller

import plan_shop
import tiny_plan
from topline.accounts import operations as accounts
from topline.cli import main
from topline.facts.table import tables
from topline.journal import operations as journal
from topline.lake.store import Lake
from topline.plans import approval, drivers, feedback, handout, progress, promises, review_report, reviews
from topline.plans import jobs as plan_jobs
from topline.plans.models import (
    Feedback,
    FrozenError,
    Kind,
    LostPromiseError,
    Promise,
    Review,
    TargetBlock,
    TargetCells,
)
from topline.units.period import Period
from topline.workbench import jobs
from topline.workbench.models import Job, Notification

pytestmark = [pytest.mark.django_db, pytest.mark.once]

FIRST, DAY = date(2026, 10, 1), date(2026, 12, 5)
NOW = datetime(2026, 12, 5, 9, tzinfo=UTC)
LATE = ["late"] * 5 + ["size"] * 2 + [None]


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Sales up to New Year; in the week before the review five asked where their parcel is and two for another size."""
    root = tmp_path_factory.mktemp("reviews")
    lake = Lake(root, "gifts")
    plan_shop.fill(lake, days=500)
    fact = {"version": 1, "recorded_at": NOW, "batch_id": "test", "hour": 9, "contacts": 1}
    days = [*((DAY - timedelta(days=3), reason) for reason in LATE), (DAY - timedelta(days=9), "late")]
    rows = [
        fact | {"key": str(n), "conversation_key": str(n), "reason": reason, "on": on, "at": NOW}
        for n, (on, reason) in enumerate(days)
    ]
    schema = tables()["support_conversation"].schema
    lake.append("support_conversation", [pa.RecordBatch.from_pylist(rows, schema)], batch_id="test")
    lake.publish(now=datetime.now(UTC))
    return root


@pytest.fixture
def sold(shop, history, tmp_path, settings):
    """The shop with its history; what is made ahead is kept from test to test."""
    settings.HOME = history
    shutil.copytree(history / "gifts", tmp_path / "lake" / "gifts")
    return shop


@pytest.fixture
def version(sold, owner):
    """A plan in force until the end of November, a week before: 500 lamps and rugs in 30 and 40 orders."""
    journal.open_batch(shop="gifts", batch_id="test", source="test", now=NOW)
    journal.make_live(shop="gifts", batch_id="test", now=NOW)
    sold.clock_on = DAY
    sold.save()
    version = tiny_plan.a_plan(sold, Kind.SALES, owner)
    version.goals.update(why=["why.set", {}])
    cells = TargetCells.packed(np.array([[30, 40]]), np.zeros((1, 2), dtype=np.bool_))
    cells.save()
    TargetBlock.objects.create(version=version, metric="orders", block=0, cells=cells)
    for step in (approval.submit, approval.approve, approval.activate):
        version = step(version=version, actor=owner, now=NOW)
    return version


def at(day, hour=9):
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def test_the_pack_builds_itself_and_stays_as_it_was(version, owner, member):
    plan = version.plan
    told = member("support")
    remark = feedback.write(shop=plan.shop, tag="product", text="Rugs lose colour", author=told, now=at(DAY, 8))
    plan_jobs.review_everywhere()
    plan_jobs.review_everywhere()
    (job,) = Job.objects.filter(kind="plans.review")
    jobs.run_now(job)
    review = Review.objects.get()
    pack = review.pack
    assert (review.on, review.since, review.version) == (DAY, FIRST, version)
    assert pack["headline"][0][0].startswith("pace.")
    look = progress.of(version, DAY)
    assert Decimal(pack["total"]["actual"]) == look.total.actual
    assert [(one["metric"], one["status"]) for one in pack["goals"]] == [("net_sales", "reached")]
    assert pack["feedback"] == [reviews.remark(remark)]
    assert [(one["reason"], one["count"]) for one in pack["causes"]["rows"]] == [("late", 6), ("size", 2), (None, 1)]
    assert owner in review.attendees.all()
    note = Notification.objects.get(recipient_id=owner.pk, key=f"review:{review.pk}:built")
    assert note.path == f"/shop/gifts/plans/{plan.pk}/reviews/{DAY}"
    plan_jobs.review_everywhere()
    assert Job.objects.filter(kind="plans.review").count() == 1  # the week has its review
    review.pack = {}
    with pytest.raises(FrozenError):
        review.save()


def test_the_drivers_add_up_to_the_difference_to_the_cent(version, shop):
    snapshot = shop.lake().latest()
    for day in (date(2026, 10, 9), date(2026, 11, 16), DAY):
        for against in drivers.AGAINST:
            found = drivers.of(shop, version.plan.period, day, snapshot, against)
            assert sum(found.parts.values()) == found.moved
            assert found.parts[found.main] * found.moved > 0
            assert drivers.thaw(drivers.stored(found)) == found
    assert set(drivers.of(shop, version.plan.period, DAY, snapshot, "plan").parts) == {"orders", "order_value"}
    by_year = drivers.of(shop, version.plan.period, DAY, snapshot, "last_year")
    assert set(by_year.parts) == {"orders", "volume", "mix", "price", "deductions"}
    assert [one.code for one in by_year.untold] == ["drivers.no_traffic", "drivers.no_cost"]
    # the plan's side is what its targets by day come to
    due = progress.of(version, DAY).total.due
    assert drivers.of(shop, version.plan.period, DAY, snapshot, "plan").before == pytest.approx(due, abs=Decimal("0.1"))
    ahead = Period(date(2027, 6, 1), date(2027, 7, 1))
    assert drivers.of(shop, ahead, DAY, snapshot, "plan").code == "drivers.missing"


def test_a_meeting_its_minutes_and_promises_until_they_are_done(version, owner, member, settings):
    settings.HAS_MAIL = True
    plan, helper, gone = version.plan, member("enablement"), member("support")
    first = reviews.build(plan=plan, today=DAY, actor=owner, now=at(DAY))
    reviews.invite(review=first, people=[owner, helper, gone], actor=owner)
    accounts.set_roles(shop=plan.shop, user=gone, roles=[], actor_id=None)
    reviews.note(review=first, text="Ring the ten best", is_decision=True, actor=owner, now=at(DAY, 10))
    with pytest.raises(reviews.MinuteError):
        reviews.note(review=first, text=" ", is_decision=False, actor=owner, now=at(DAY, 10))
    due = DAY + timedelta(days=5)
    made = promises.make(
        plan=plan, review=first, text="Ring them", owner=helper, due_on=due, actor=owner, now=at(DAY, 10)
    )
    reviews.hold(review=first, actor=owner, now=at(DAY, 11))
    with pytest.raises(reviews.HeldError):
        reviews.note(review=first, text="Too late", is_decision=False, actor=owner, now=at(DAY, 12))
    for job in Job.objects.filter(kind="workbench.mail"):
        jobs.run_now(job)
    (minutes,) = [each for each in outbox.outbox if "was held" in each.subject and each.to == [helper.email]]
    assert "Ring the ten best" in minutes.body
    assert "Ring them" in minutes.body
    assert not any(gone.email in each.to for each in outbox.outbox)
    assert first.pack["promises"] == []

    second = reviews.build(plan=plan, today=DAY + timedelta(days=7), actor=owner, now=at(DAY + timedelta(days=7)))
    assert second.since == DAY
    assert [(one["id"], one["state"]) for one in second.pack["promises"]] == [(made.pk, "open")]
    assert set(second.attendees.all()) == {owner, helper}
    with pytest.raises(promises.NotYoursError):
        promises.settle(promise=made, state="kept", note="", actor=member("analyst"), now=at(DAY, 12))
    done = at(DAY + timedelta(days=8))
    promises.settle(promise=made, state="kept", note="Six ordered", actor=helper, now=done)
    with pytest.raises(promises.SettledError):
        promises.move(promise=made, due_on=due, owner=owner, actor=owner, now=done)
    third = reviews.build(plan=plan, today=DAY + timedelta(days=14), actor=owner, now=at(DAY + timedelta(days=14)))
    assert [(one["state"], one["note"]) for one in third.pack["promises"]] == [("kept", "Six ordered")]
    fourth = reviews.build(plan=plan, today=DAY + timedelta(days=21), actor=owner, now=at(DAY + timedelta(days=21)))
    assert fourth.pack["promises"] == []
    assert [edit.new for edit in made.edits.all()] == ["kept"]
    for delete in (made.delete, Promise.objects.all().delete):
        with pytest.raises(LostPromiseError):
            delete()


def test_feedback_is_answered_and_told(shop, owner, member):
    told = member("support")
    with pytest.raises(feedback.UnknownTagError):
        feedback.write(shop=shop, tag="weather", text="Rain", author=told, now=NOW)
    with pytest.raises(feedback.FeedbackError):
        feedback.write(shop=shop, tag="price", text="", author=told, now=NOW)
    one = feedback.write(shop=shop, tag="price", text="Too dear", author=told, now=NOW)
    assert one.role == "support"
    with pytest.raises(feedback.UnknownOutcomeError):
        feedback.answer(feedback=one, text="Yes", outcome="open", actor=owner, now=NOW)
    later = NOW + timedelta(days=1)
    feedback.answer(feedback=one, text="We look at it", outcome="taken", actor=owner, now=later)
    assert Notification.objects.get(recipient_id=told.pk).params["text"] == "We look at it"
    shown = Feedback.objects.of(shop)
    assert list(shown.shown(NOW)) == [one]  # answered since
    assert list(shown.shown(later)) == []


def test_it_is_handed_out(version, owner):
    review = reviews.build(plan=version.plan, today=DAY, actor=owner, now=at(DAY))
    promises.make(
        plan=version.plan, review=review, text="Ring them", owner=owner, due_on=DAY, actor=owner, now=at(DAY, 10)
    )
    reviews.note(review=review, text="Go on", is_decision=True, actor=owner, now=at(DAY, 10))
    document = review_report.of(review, today=progress.of(version, DAY))
    text = repr(document)
    for said in ("Ring them", "promised here", "Go on (Olive Owner)", "Due of the plan by now", "late"):
        assert said in text
    amounts = [row[1] for row in document.sheets[1].rows]
    assert amounts[0] + sum(amounts[1:-1]) == amounts[-1]
    written = handout.write(version, "docx", today=DAY, advance=lambda done, total: None, review=review)
    assert written[:2] == b"PK"
    with pytest.raises(handout.FormatError):
        handout.write(version, "pptx", today=DAY, advance=lambda done, total: None, review=review)


def test_its_doors(version, owner, member, client):
    plan, helper = version.plan, member("support")
    feedback.write(shop=plan.shop, tag="customer", text="They ask for gift wrap", author=helper, now=at(DAY, 8))
    listed, page = f"/shop/gifts/plans/{plan.pk}/reviews", f"/shop/gifts/plans/{plan.pk}/reviews/{DAY}"
    client.force_login(helper)
    assert client.post(listed, {"do": "build"}).status_code == 403
    client.force_login(owner)
    assert "builds itself" in client.get(listed).content.decode()
    assert client.get(page).status_code == 404
    client.post(listed, {"do": "build"})
    assert "The pack is being built" in client.get(listed).content.decode()
    jobs.run_now(Job.objects.get(kind="plans.review"))
    shown = client.get(page).content.decode()
    for said in ("Reached", "They ask for gift wrap", "Why: against the plan", "Order value", "not said"):
        assert said in shown
    client.post(page, {"do": "decision", "text": "Offer gift wrap"})
    client.post(page, {"do": "make", "text": "Price the wrap", "owner": helper.pk, "due_on": "2026-12-20"})
    assert client.post(page, {"do": "make", "text": "", "owner": helper.pk, "due_on": "2026-12-20"}).status_code == 400
    (remark,), (promise,) = Feedback.objects.all(), Promise.objects.all()
    client.post(page, {"do": "answer", "feedback": remark.pk, "text": "We price it", "outcome": "taken"})
    client.post(page, {"do": "hold"})
    assert client.post(page, {"do": "note", "text": "Late"}).status_code == 400
    client.force_login(helper)
    shown = client.get(page).content.decode()
    for said in ("Offer gift wrap", "Price the wrap", "We price it"):
        assert said in shown
    client.post(listed, {"do": "promise", "promise": promise.pk, "state": "kept", "note": "2.50 each"})
    promise.refresh_from_db()
    assert (promise.state, promise.note) == ("kept", "2.50 each")
    assert client.post(page, {"do": "note", "text": "x"}).status_code == 403
    client.force_login(member("analyst"))
    assert client.post(listed, {"do": "promise", "promise": promise.pk, "state": "open"}).status_code == 403
    assert client.post("/shop/gifts/feedback", {"tag": "price", "text": "Too dear"}).status_code == 302
    assert client.post("/shop/gifts/feedback", {"tag": "price", "text": ""}).status_code == 400
    assert "Too dear" in client.get("/shop/gifts/feedback").content.decode()
    asked = '<th scope="row">late</th>'
    assert asked in client.get("/shop/gifts/feedback").content.decode()
    client.force_login(member("rep"))
    assert asked not in client.get("/shop/gifts/feedback").content.decode()  # none of them was theirs to answer
    assert client.get(page).status_code == 403  # the pack is of the whole shop
    client.force_login(owner)
    plan.shop.clock_on = DAY + timedelta(days=1)
    plan.shop.save()
    assert "Looking at today" in client.get(page).content.decode()
    assert Job.objects.filter(kind="plans.look").update(state=Job.State.FAILED) == 2  # of each day that was looked at
    goals = client.get(page, headers={"HX-Request": "true"})
    assert (goals.status_code, b"hx-get" in goals.content) == (200, False)  # nobody waits for what has failed


def test_the_api_and_the_command_say_the_same(version, owner, member, capsys):
    plan, call = version.plan, caller(version.plan.shop, owner)
    base = f"/shops/gifts/plans/{plan.pk}"
    assert call("POST", f"{base}/reviews").status_code == 202
    jobs.run_now(Job.objects.get(kind="plans.review"))
    assert call("POST", f"{base}/reviews").json()["status"] == "reached"
    kept = call("GET", f"{base}/reviews/{DAY}").json()
    assert [one["on"] for one in call("GET", f"{base}/reviews").json()] == [DAY.isoformat()]
    against = kept["drivers"][0]
    moved = sum(Decimal(amount) for amount in against["parts"].values())
    assert Decimal(against["before"]) + moved == Decimal(against["now"])
    rep = member("rep")
    asked = {"text": "Ring", "owner": rep.email, "due_on": "2026-12-20", "review": DAY.isoformat()}
    made = call("POST", f"{base}/promises", asked).json()
    assert call("POST", f"{base}/promises", asked | {"owner": "x@example.org"}).status_code == 404
    assert call("POST", f"{base}/reviews/{DAY}/minutes", {"text": "Go on", "is_decision": True}).status_code == 201
    told = caller(plan.shop, rep)
    assert told("PATCH", f"/shops/gifts/promises/{made['id']}", {"state": "kept"}).json()["state"] == "kept"
    assert told("PATCH", f"/shops/gifts/promises/{made['id']}", {"state": "kept"}).status_code == 422
    assert caller(plan.shop, member("analyst"))(
        "PATCH", f"/shops/gifts/promises/{made['id']}", {"state": "open"}
    ).status_code == 403  # fmt: skip
    remark = told("POST", "/shops/gifts/feedback", {"tag": "price", "text": "Too dear"}).json()
    answered = call("POST", f"/shops/gifts/feedback/{remark['id']}/answer", {"text": "Yes", "outcome": "noted"}).json()
    assert (answered["state"], answered["role"]) == ("noted", "rep")
    assert [one["id"] for one in told("GET", "/shops/gifts/feedback").json()] == [remark["id"]]
    assert call("POST", f"{base}/reviews/{DAY}/hold").json()["held_at"]
    kept = call("GET", f"{base}/reviews/{DAY}").json()
    assert (kept["minutes"][0]["text"], kept["promised"][0]["state"]) == ("Go on", "kept")
    assert main.run(["plan", "review", str(plan.pk), "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    by_plan = [Decimal(row["amount"]) for row in rows if row["of"] == "against plan"]
    assert sum(by_plan) == moved
