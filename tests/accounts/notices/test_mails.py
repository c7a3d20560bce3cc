"""E-mails: chosen by each user, few however much happens, and never lost to a broken server."""

from __future__ import annotations

import re
import smtplib
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.utils import timezone

from accounts.models import Notice, NoticeMail
from accounts.notices import choices, mailing, reading, sorting
from accounts.notices.telling import tell
from accounts.tasks import send_mails
from hubsite.coordination.lock import Lock
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def warn(user, title: str = "My map will be stopped soon", kind: str = "service.stops") -> None:
    tell(user, kind, f"x{Notice.objects.count()}", title, "At 12:00 UTC.", path="/services/x/")


@pytest.fixture
def server(monkeypatch):
    """The mail server: what it does next is set by `fault`."""
    state = SimpleNamespace(fault=None, once=False, opened=0, takes=1000)

    class Server(EmailBackend):
        is_open = False

        def open(self):
            if isinstance(state.fault, ConnectionError | TimeoutError):
                raise state.fault
            was_closed, self.is_open = not self.is_open, True
            state.opened += was_closed
            self.taken = 0 if was_closed else self.taken
            return was_closed

        def close(self):
            self.is_open = False

        def send_messages(self, messages):
            assert self.is_open
            fault = state.fault
            if fault is not None:
                state.fault = None if state.once else fault
                raise fault
            self.taken += 1
            if self.taken > state.takes:
                raise smtplib.SMTPServerDisconnected("enough for this connection")
            return super().send_messages(messages)

    monkeypatch.setattr(mailing, "get_connection", Server)
    return state


def test_by_default_only_what_is_lost_otherwise_is_mailed(server):
    user = make_user("ann@example.org")
    warn(user)
    for kind in ("job.succeeded", "job.failed", "service.stopped", "units.expire"):
        warn(user, kind, kind)
    assert send_mails() == 1
    (message,) = mail.outbox
    assert (message.to, message.subject) == (["ann@example.org"], "My map will be stopped soon")
    assert re.search(r"At 12:00 UTC\.\nhttps?://[^/]+/services/x/\n", message.body)
    assert send_mails() == 0


def test_mails_are_in_the_language_that_their_user_chose(server):
    user = make_user("ann@example.org", language="de")
    for title in ("a.zarr could not be generated", "b is ready"):
        warn(user, title)
    other = make_user("bob@example.org")
    warn(other, "a.zarr could not be generated")
    assert send_mails() == 2
    german, english = mail.outbox
    assert german.subject == "2 Mitteilungen: a.zarr ließ sich nicht erzeugen"
    assert "\n\nb ist fertig\n" in german.body and "Keine E-Mails mehr: http" in german.body
    assert english.subject == "a.zarr could not be generated"
    assert "No e-mails any more: http" in english.body
    assert [notice.title for notice in user.notices.order_by("pk")][1] == "b is ready"


def test_a_user_chooses_kinds_and_may_end_all_mails(server, pass_time):
    user = make_user()
    choices.choose(user, wanted={"job.failed": (False, True), "service.stops": (True, False)})
    warn(user)
    warn(user, "A job failed", "job.failed")
    assert send_mails() == 1
    assert mail.outbox[0].subject == "A job failed"
    assert [notice.kind for notice in user.notices.unread()] == ["service.stops"]
    choices.choose(user, mail=False)
    warn(user, "A job failed", "job.failed")
    pass_time(timedelta(days=1))
    assert send_mails() == 0
    choices.choose(user, mail=True)
    assert send_mails() == 0, "what came meanwhile is not sent later"
    warn(user, "Another job failed", "job.failed")
    assert send_mails() == 1


def test_thousands_of_ends_make_a_few_mails(server, pass_time):
    """10,000 an hour would be 24,000 in a day; here 5 a minute for a day."""
    user = make_user()
    choices.choose(user, wanted={"job.succeeded": (True, True)})
    for _ in range(24 * 6):
        now = timezone.now()
        Notice.objects.bulk_create(
            Notice(user=user, kind="job.succeeded", subject=f"{now}-{number}", title="Ready")
            for number in range(50)
        )
        send_mails()
        pass_time(10 * MINUTE)
    assert 5 < len(mail.outbox) < 15
    first, *_, last = mail.outbox
    assert re.fullmatch(r"\d+ notices: Ready", last.subject)
    assert re.search(r"And \d+ more: http", last.body)
    assert len(last.body) < 20_000
    assert sum(_count(message) for message in mail.outbox) + _waiting(user) == 24 * 6 * 50


def _count(message) -> int:
    many = re.match(r"(\d+) notices", message.subject)
    return int(many[1]) if many else 1


def _waiting(user) -> int:
    return Notice.objects.filter(user=user, is_to_mail=True).count()


def test_an_urgent_notice_waits_a_quarter_of_an_hour_at_most(server, pass_time):
    user = make_user()
    choices.choose(user, wanted={"job.succeeded": (True, True)})
    for _ in range(30):
        warn(user, "Ready", "job.succeeded")
        send_mails()
        pass_time(10 * MINUTE)
    sent = len(mail.outbox)
    pause = user.notice_mail.pause_s
    assert pause > 3600
    warn(user)
    send_mails()
    pass_time(15 * MINUTE)
    send_mails()
    assert len(mail.outbox) == sent + 1
    assert "My map will be stopped soon" in mail.outbox[-1].body


def test_what_was_read_or_was_ones_own_doing_is_not_mailed(server, pass_time):
    user = make_user()
    warn(user)
    send_mails()
    warn(user, "Read in time")
    send_mails()  # it waits for the next e-mail
    assert reading.mark_read(user, up_to=10**9) == 2
    tell(user, "service.stops", "y", "Mine", is_own_doing=True)
    pass_time(timedelta(hours=1))
    send_mails()
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("fields", [{"is_active": False}, {"is_service_account": True}])
def test_machines_and_who_is_switched_off_get_none(server, fields):
    user = make_user(**fields)
    warn(user)
    assert send_mails() == 0 and _waiting(user) == 0


def test_without_a_mail_server_nothing_waits_for_one(server, settings):
    user = make_user()
    settings.HUB = {**settings.HUB, "XCUBE_HUB_EMAIL_URL": None}
    warn(user)
    send_mails()
    settings.HUB = {**settings.HUB, "XCUBE_HUB_EMAIL_URL": "smtp://mail.example.org"}
    assert send_mails() == 0
    assert user.notices.unread().count() == 1


@pytest.mark.parametrize(
    "fault",
    [
        ConnectionRefusedError("no"),
        TimeoutError("slow"),
        smtplib.SMTPAuthenticationError(535, b"no"),
        smtplib.SMTPServerDisconnected("gone"),
    ],
)
def test_a_server_that_is_away_is_left_alone_and_nothing_is_lost(server, fault):
    users = [make_user() for _ in range(3)]
    for user in users:
        warn(user)
    server.fault = fault
    assert send_mails() == 0
    states = NoticeMail.objects.values_list("state", "attempts").order_by("pk")
    assert list(states) == [("failing", 1), ("pending", 0), ("pending", 0)], "one was tried"
    server.fault = None
    assert send_mails() == 0, "its cool-down lasts"
    _end_pauses()
    assert send_mails() == 3
    assert len(mail.outbox) == 3


def _end_pauses() -> None:
    past = timezone.now() - timedelta(seconds=1)
    Lock.objects.update(expires_at=past)
    NoticeMail.objects.update(due_at=past)


def test_one_recipient_that_is_refused_holds_up_no_others(server):
    users = [make_user() for _ in range(3)]
    for user in users:
        warn(user)
    server.fault, server.once = smtplib.SMTPRecipientsRefused({}), True
    assert send_mails() == 2
    _end_pauses()
    assert send_mails() == 1


def test_a_server_that_takes_few_mails_for_each_connection_is_asked_again(server):
    for _ in range(5):
        warn(make_user())
    server.takes = 2
    assert send_mails() == 5
    assert server.opened == 3


def test_a_notice_that_comes_while_its_mail_is_sent_goes_with_the_next(server, monkeypatch):
    user = make_user()
    warn(user, "First")
    hand_over = mailing._hand_over

    def meanwhile(connection, message):
        hand_over(connection, message)
        monkeypatch.setattr(mailing, "_hand_over", hand_over)
        warn(user, "Second")
        sorting.sort_new()

    monkeypatch.setattr(mailing, "_hand_over", meanwhile)
    send_mails()
    assert user.notices.get(title="Second").is_to_mail
    assert NoticeMail.objects.get(user=user).state == "pending"
    _end_pauses()
    send_mails()
    assert [message.subject for message in mail.outbox] == ["First", "Second"]


@pytest.mark.parametrize(
    "title", ["a\r\nBcc: all@example.org", "a\nb", "x" * 500, "Ünïcode \u202egnp.exe"]
)
def test_a_name_in_a_title_adds_no_header(server, title):
    user = make_user("ann@example.org")
    warn(user, title)
    assert send_mails() == 1
    sent = mail.outbox[0].message()
    assert sent["To"] == "ann@example.org"
    assert sent["Bcc"] is None
    assert len(mail.outbox[0].recipients()) == 1
    assert sent["Auto-Submitted"] == "auto-generated"


def test_one_click_ends_all_mails_without_a_sign_in(server, pass_time):
    user = make_user()
    warn(user)
    send_mails()
    sent = mail.outbox[0].message()
    assert sent["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = sent["List-Unsubscribe"].strip("<>")
    assert url in mail.outbox[0].body
    path = "/" + url.split("/", 3)[3]
    browser = Client(enforce_csrf_checks=True)
    assert browser.get(path).status_code == 200
    assert choices.wants_mail(user), "programs of mail providers open links: that changes nothing"
    # RFC 8058: a POST of this body, without cookies.
    answer = browser.post(
        path, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 200
    assert not choices.wants_mail(user)
    warn(user)
    pass_time(timedelta(days=1))
    assert send_mails() == 0
    for broken in (path[:-1] + "x", path[:-3], "/notices/unsubscribe/1", path.replace(":", "x")):
        assert browser.post(broken).status_code == 404


def test_a_tick_without_work_takes_a_few_queries(server, django_assert_max_num_queries):
    warn(make_user())
    send_mails()
    with django_assert_max_num_queries(2):
        send_mails()
    for _ in range(20):
        warn(make_user())
    with django_assert_max_num_queries(30 + 20 * 20):
        assert send_mails() == 20
