"""Jobs: queued once, leased to one worker, cancelled at a batch, resumed after a kill; the schedule and its leader."""

import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from topline.units.errors import ToplineError
from topline.workbench import jobs, leases, mail, schedule, tidy
from topline.workbench.models import CancelledError, Job, Lease, LeaseLostError, Schedule


class NoBreadError(ToplineError):
    message = "There is no %(what)s. Bake some."


def count(job: Job) -> dict[str, int]:
    """Counts to params["to"], a step a batch."""
    start = job.checkpoint.get("at", 0)
    for at in range(start + 1, job.params["to"] + 1):
        job.advance(at, job.params["to"], {"at": at})
    return {"from": start, "to": job.params["to"]}


def bake(job: Job) -> None:
    raise NoBreadError(what="flour")


def crash(job: Job) -> None:
    raise ZeroDivisionError("oven")


@pytest.fixture(autouse=True)
def _kinds(monkeypatch):
    monkeypatch.setattr(
        jobs, "kinds", lambda: {"count": count, "bake": bake, "crash": crash, "workbench.mail": mail.deliver}
    )


def lapse(job: Job) -> None:
    """What remains of a job whose worker was killed a while ago."""
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_done(db):
    job = jobs.run_now(jobs.enqueue("count", params={"to": 3}))
    assert (job.state, job.done, job.total, job.share, job.result) == ("done", 3, 3, 1.0, {"from": 0, "to": 3})
    assert jobs.claim() is None


def test_unique_key_queues_once(db):
    first = jobs.enqueue("count", params={"to": 3}, unique_key="count:gifts")
    assert jobs.enqueue("count", params={"to": 9}, unique_key="count:gifts") == first
    jobs.run_now(first)
    assert jobs.enqueue("count", params={"to": 9}, unique_key="count:gifts") != first


def test_what_failed_is_asked_for_again_to_retry_or_after_a_rest(db):
    wanted = {"kind": "count", "shop": "gifts", "params": {"to": 3}, "unique_key": "count:gifts"}
    first = jobs.ask(**wanted)
    assert jobs.ask(**wanted) == first
    Job.objects.update(state=Job.State.FAILED, finished_at=timezone.now())
    assert jobs.ask(**wanted).state == Job.State.FAILED
    again = jobs.ask(**wanted, retry=True)
    assert again != first
    assert again.state == Job.State.QUEUED
    Job.objects.update(state=Job.State.FAILED, finished_at=timezone.now() - jobs.REST)
    assert jobs.ask(**wanted).state == Job.State.QUEUED


def test_two_jobs_without_key_are_two(db):
    assert jobs.enqueue("count", params={"to": 1}) != jobs.enqueue("count", params={"to": 1})


def test_a_leased_job_is_nobody_elses(db):
    jobs.enqueue("count", params={"to": 3})
    assert jobs.claim() is not None
    assert jobs.claim() is None


def test_lapsed_lease_is_retaken_and_resumes(db):
    jobs.enqueue("count", params={"to": 5})
    killed = jobs.claim()
    killed.advance(2, 5, {"at": 2})
    lapse(killed)
    heir = jobs.claim()
    assert (heir.pk, heir.checkpoint) == (killed.pk, {"at": 2})
    with pytest.raises(LeaseLostError):
        killed.advance(3, 5, {"at": 3})
    jobs.perform(heir)
    heir.refresh_from_db()
    assert (heir.state, heir.result) == ("done", {"from": 2, "to": 5})


def test_a_job_that_kills_its_worker_is_given_up(db):
    job = jobs.enqueue("count", params={"to": 5})
    for _ in range(jobs.MAX_ATTEMPTS):
        lapse(jobs.claim())
    jobs.perform(jobs.claim())
    job.refresh_from_db()
    assert job.state == "failed"


def test_progress_forgives_earlier_attempts(db):
    job = jobs.enqueue("count", params={"to": 50})
    for at in range(1, 3 * jobs.MAX_ATTEMPTS):
        killed = jobs.claim()
        killed.advance(at, 50, {"at": at})
        lapse(killed)
    jobs.perform(jobs.claim())
    job.refresh_from_db()
    assert job.state == "done"


def test_cancel_before_the_start(db):
    job = jobs.enqueue("count", params={"to": 5})
    jobs.cancel(job_id=job.pk)
    assert jobs.claim() is None
    job.refresh_from_db()
    assert job.state == "cancelled"


def test_cancel_stops_at_the_next_batch(db):
    jobs.enqueue("count", params={"to": 5})
    running = jobs.claim()
    jobs.cancel(job_id=running.pk)
    with pytest.raises(CancelledError):
        running.advance(1, 5)
    jobs.perform(running)
    running.refresh_from_db()
    assert (running.state, running.done) == ("cancelled", 1)


def test_an_error_says_what_to_do(db):
    job = jobs.run_now(jobs.enqueue("bake"))
    assert (job.state, job.message) == ("failed", "There is no flour. Bake some.")
    assert job.result == {"error": "no_bread", "message": NoBreadError.message, "params": {"what": "flour"}}


def test_a_bug_fails_the_job_and_not_the_worker(db):
    job = jobs.run_now(jobs.enqueue("crash"))
    assert (job.state, job.message) == ("failed", "ZeroDivisionError: oven")


def test_release_lets_another_go_on_at_once(db):
    jobs.enqueue("count", params={"to": 5})
    stopped = jobs.claim()
    jobs.release([stopped.lease])
    again = jobs.claim()
    assert (again.pk, again.attempts) == (stopped.pk, 1)  # an end in good order is no attempt


def test_a_job_waits_until_it_is_due(db):
    jobs.enqueue("count", params={"to": 1}, due_at=timezone.now() + timedelta(minutes=1))
    assert jobs.claim() is None


@pytest.mark.django_db(transaction=True)
def test_four_threads_take_a_job_once():
    for _ in range(6):
        jobs.enqueue("count", params={"to": 1})
    taken, gate = [], threading.Barrier(4)

    def take() -> None:
        from django.db import connection

        gate.wait()
        while job := jobs.claim():
            taken.append(job.pk)
        connection.close()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 6
    assert set(Job.objects.filter(state="running").values_list("pk", flat=True)) == set(taken)


def test_lease_has_one_holder(db):
    assert leases.take("fold", holder="a", seconds=60)
    assert leases.take("fold", holder="a", seconds=60)
    assert not leases.take("fold", holder="b", seconds=60)
    with pytest.raises(leases.LeaseTakenError), leases.held("fold"):
        pass
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert leases.take("fold", holder="b", seconds=60)
    leases.give_back("fold", holder="b")
    with leases.held("fold"):
        assert not leases.take("fold", holder="a", seconds=60)
    assert leases.take("fold", holder="a", seconds=60)


def test_schedule_runs_what_is_due_on_the_leader(db, monkeypatch):
    ran = []

    def fail() -> None:
        raise ZeroDivisionError("oven")

    hour, moment = timedelta(hours=1), timedelta(0)
    entries = {
        "often": (moment, lambda: ran.append("often")),
        "seldom": (hour, lambda: ran.append("seldom")),
        "bad": (hour, fail),
    }
    monkeypatch.setattr(schedule, "entries", lambda: entries)
    assert schedule.tick(holder="a")
    assert not schedule.tick(holder="b")
    assert schedule.tick(holder="a")
    assert sorted(ran) == ["often", "often", "seldom"]
    assert Schedule.objects.get(name="bad").last_error == "ZeroDivisionError: oven"


def test_every_declared_kind_and_schedule_is_callable():
    jobs.modules.cache_clear()
    declared = [getattr(module, "JOBS", {}) for module in jobs.modules()]
    assert all(callable(work) for each in declared for work in each.values())
    assert "journal.drain" in schedule.entries()
    assert schedule.entries()["journal.drain"][0] == timedelta(seconds=1)


def test_every_declared_kind_is_found_by_its_name(monkeypatch):
    declared = {kind: work for module in jobs.modules() for kind, work in getattr(module, "JOBS", {}).items()}
    monkeypatch.setattr(jobs, "kinds", lambda: declared)
    assert {kind: jobs.work(kind) for kind in declared} == declared
    with pytest.raises(KeyError, match="nothing"):
        jobs.work("nothing.known")


def test_a_command_that_imports_files_loads_no_jobs_of_plans_or_pages():
    program = (
        "import sys; from topline.cli import boot; boot.settings(); from topline.workbench import jobs; "
        "jobs.work('imports.run'); print(*sorted(name for name in sys.modules if name.endswith('.jobs')))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["topline.imports.jobs", "topline.workbench.jobs"]


def test_mail_is_sent_by_a_job_and_forgotten(db, settings, mailoutbox):
    assert mail.send(to="ana@example.org", subject="Hello", body="...") is None
    settings.HAS_MAIL = True
    job = jobs.run_now(mail.send(to="ana@example.org", subject="Hello", body="Come in."))
    assert [(m.to, m.subject, m.body) for m in mailoutbox] == [(["ana@example.org"], "Hello", "Come in.")]
    assert (job.state, job.params) == ("done", {})


def test_tidy_forgets_old_jobs_only(db):
    old = jobs.run_now(jobs.enqueue("count", params={"to": 1}))
    Job.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=tidy.JOB_DAYS + 1))
    new = jobs.run_now(jobs.enqueue("count", params={"to": 1}))
    tidy.tidy()
    assert list(Job.objects.all()) == [new]


def test_who_is_waited_for_does_not_stand_behind_the_forecast_of_every_product(db):
    jobs.enqueue("outlook.demand", shop="gifts")
    customers = jobs.enqueue("plans.customers", shop="gifts")
    assert jobs.claim(in_background=False) == customers


def test_who_is_waited_for_does_not_stand_behind_a_fold(db):
    fold = jobs.enqueue("lake.fold", shop="gifts")
    waited_for = jobs.enqueue("count", params={"to": 1})
    assert jobs.claim(in_background=False) == waited_for
    assert jobs.claim(in_background=False) is None
    assert jobs.claim() == fold


def test_what_a_person_waits_for_goes_before_the_background(db, monkeypatch):
    monkeypatch.setattr(jobs, "background", lambda: frozenset({"outlook.demand"}))
    nightly = jobs.enqueue("outlook.demand", shop="one", unique_key="one")
    other = jobs.enqueue("imports.read", shop="one", unique_key="two")
    asked = {"kind": "outlook.demand", "shop": "two", "params": {}, "unique_key": "three"}
    later = jobs.ask(**asked, due_at=timezone.now() - timedelta(minutes=5), is_awaited=False)
    assert jobs.claim(in_background=False) == other
    assert jobs.ask(**asked) == later  # somebody opened the page
    assert jobs.claim() == later
    assert jobs.claim(in_background=False) is None
    assert jobs.claim() == nightly


def test_every_kind_in_the_background_is_a_kind(monkeypatch):
    monkeypatch.undo()
    assert jobs.background() <= set(jobs.kinds())
