"""Digests: once a period in the shop's zone and week, each receiver's own figures, pictures inside, an end by link."""

import socket
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.controller import Controller
from django.conf import settings as configured
from django.core import mail
from django.core.mail.backends.smtp import EmailBackend
from django.test import Client

import plan_shop
from topline.accounts import operations as accounts
from topline.boards import digest, jobs, operations
from topline.boards.models import Digest, Sending
from topline.units.period import Period
from topline.web import mails
from topline.workbench import jobs as work
from topline.workbench.models import Job

pytestmark = pytest.mark.once

NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))


@pytest.fixture
def filled(shop, lake, settings):
    settings.HAS_MAIL = True
    plan_shop.fill(lake, days=500)
    return accounts.pin_clock(shop=shop, on=date(2026, 12, 15), actor_id=None)


@pytest.fixture
def monthly(filled, owner, member):
    """A dashboard with a margin on it, each month to the owner and to a rep: (digest, rep)."""
    rep = member("rep")
    board = operations.create_dashboard(shop=filled, title="Margins", owner=owner, is_shared=True)
    operations.add_tile(board=board, visual="number", question={"metrics": ["gross_profit"]})
    operations.add_tile(board=board, visual="line", question={"metrics": ["net_sales"]})
    operations.add_tile(board=board, visual="text", text="**Well** done")
    sent = operations.create_digest(shop=filled, owner=owner, board=board, every="month", hour=7, users=[owner, rep])
    return sent, rep


def sending_to(sent, user):
    recipient = sent.recipients.get(user=user)
    return Sending.objects.create(
        recipient=recipient, period_start=NOVEMBER.start, asked_at=datetime(2026, 12, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("every", "zone", "now", "expected"),
    [
        ("day", "Europe/London", "2026-12-15T06:59", None),
        ("day", "Europe/London", "2026-12-15T07:00", ("2026-12-14", "2026-12-15")),
        ("day", "America/New_York", "2026-12-15T07:00", None),  # 02:00 there
        ("day", "America/New_York", "2026-12-15T12:00", ("2026-12-14", "2026-12-15")),
        ("day", "Pacific/Auckland", "2026-12-14T18:00", ("2026-12-14", "2026-12-15")),
        ("week", "Europe/London", "2026-12-15T07:00", ("2026-12-06", "2026-12-13")),  # weeks begin on Sunday here
        ("week", "Europe/London", "2026-12-13T06:00", None),
        ("month", "Europe/London", "2026-12-01T07:00", ("2026-11-01", "2026-12-01")),
        ("month", "Europe/London", "2027-01-01T06:00", None),
    ],
)
def test_when_a_digest_is_due(shop, owner, every, zone, now, expected):
    accounts.change_settings(shop=shop, actor_id=None, today=date(2026, 1, 1), timezone=zone, week_start=7)
    sent = Digest.objects.create(shop=shop, owner=owner, every=every, hour=7)
    found = digest.due(sent, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == (expected and Period(*map(date.fromisoformat, expected)))


def test_each_receiver_gets_one_a_period_however_often_the_schedule_looks(monthly, mailoutbox):
    sent, _ = monthly
    for _ in range(3):
        jobs.send_due()
    waiting = Job.objects.filter(kind="boards.digest_mail")
    assert waiting.count() == 2
    for job in waiting:
        assert work.run_now(job).state == "done"
        Job.objects.filter(pk=job.pk).update(state="queued")  # as if the worker was killed just after
        assert work.run_now(Job.objects.get(pk=job.pk)).state == "done"
    assert len(mailoutbox) == 2
    jobs.send_due()
    assert Job.objects.filter(kind="boards.digest_mail").count() == 2
    accounts.pin_clock(shop=sent.shop, on=date(2027, 1, 5), actor_id=None)
    jobs.send_due()
    assert Job.objects.filter(kind="boards.digest_mail").count() == 4


def test_nothing_is_asked_for_without_a_mail_server(monthly, settings):
    settings.HAS_MAIL = False
    jobs.send_due()
    assert not Sending.objects.exists()


def test_each_receiver_sees_their_own(monthly, owner):
    sent, rep = monthly
    cohorts = {"analysis": "cohorts", "choices": {"measure": "gross_profit"}, "months": 6}
    operations.add_tile(board=sent.dashboard, visual="analysis", question=cohorts)
    to_rep, to_owner = (mails.digest(sending_to(sent, user), NOVEMBER) for user in (rep, owner))
    assert "You may not see Gross profit" in to_rep.body
    assert "You may not see Cohorts" in to_rep.body
    assert "You may not see" not in to_owner.body
    assert "cid:chart-3" in str(to_owner.alternatives[0][0])
    assert to_rep.to == [rep.email]


def test_who_left_the_shop_gets_nothing(monthly, filled):
    sent, rep = monthly
    accounts.set_roles(shop=filled, user=rep, roles=[], actor_id=None)
    assert mails.digest(sending_to(sent, rep), NOVEMBER) is None


def test_the_figures_of_today_need_no_dashboard(filled, owner):
    sent = operations.create_digest(shop=filled, owner=owner, board=None, every="month", hour=7, users=[owner])
    message = mails.digest(sending_to(sent, owner), NOVEMBER)
    assert "Net sales: £" in message.body
    assert "Gifts: The figures of Today, November 2026" in message.subject


class Box:
    """A mail server on loopback that keeps what it is given."""

    def __init__(self):
        self.kept = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - as aiosmtpd calls it
        self.kept.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def server():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    box = Box()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


def test_what_a_mail_program_gets(monthly, owner, server):
    box, port = server
    sent, _ = monthly
    sending = sending_to(sent, owner)
    message = mails.digest(sending, NOVEMBER)
    backend = EmailBackend(alias="test", host="127.0.0.1", port=port)
    backend.send_messages([message, mails.digest(sending, NOVEMBER)])
    first, second = box.kept
    assert first["Message-ID"] == second["Message-ID"]
    assert first["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    text, page = first.get_body(("plain",)).get_content(), first.get_body(("html",)).get_content()
    (picture,) = [part for part in first.walk() if part.get_content_type() == "image/png"]
    name = picture["Content-ID"].strip("<>")
    assert f'src="cid:{name}"' in page
    assert picture.get_content().startswith(b"\x89PNG")
    assert "<strong>Well</strong>" in page
    assert "30 Nov 2026: £" in text
    assert configured.URL in text


def test_a_press_of_the_button_ends_it_and_a_look_does_not(monthly, owner, mailoutbox):
    sent, rep = monthly
    message = mails.digest(sending_to(sent, rep), NOVEMBER)
    path = message.extra_headers["List-Unsubscribe"].strip("<>").removeprefix(configured.URL)
    program = Client(enforce_csrf_checks=True)
    assert "End this digest?" in program.get(path).content.decode()
    assert sent.recipients.get(user=rep).stopped_at is None
    assert "no more" in program.post(path, {"List-Unsubscribe": "One-Click"}).content.decode()
    assert sent.recipients.get(user=rep).stopped_at
    assert program.get("/unsubscribe/forged/").status_code == 404
    Sending.objects.all().delete()
    jobs.send_due()
    assert list(Sending.objects.values_list("recipient__user", flat=True)) == [owner.pk]
    assert mail.outbox == mailoutbox


def test_whom_a_rep_may_send_to(filled, owner, member):
    rep = member("rep")
    client = Client()
    client.force_login(rep)
    asked = {"board": "", "every": "week", "hour": "8", "people": [str(owner.pk), str(rep.pk)]}
    client.post(f"/shop/{filled.slug}/digests", asked)
    assert [one.user for one in Digest.objects.get().recipients.all()] == [rep]
