"""Notices told and sent by many at once. `test_postgresql.py` runs this on a real PostgreSQL."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from django.core import mail

from accounts import tasks
from accounts.models import Notice, NoticeMail, WebhookDelivery
from accounts.notices import choices
from accounts.notices.telling import tell
from accounts.notices.webhooks import sending, targets
from tests.accounts.factories import make_user

from .exact import _on_postgresql  # noqa: F401 - the fixture holds here too
from .parallel import Threads

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 8


def fine(answers: list) -> list:
    for answer in answers:
        assert not isinstance(answer, Exception), repr(answer)
    return answers


def test_what_many_tell_at_once_is_told_once():
    user = make_user()
    with Threads(AT_ONCE) as threads:
        for number in range(20):
            fine(
                threads.at_once([lambda n=number: tell(user, "job.failed", f"{n}", "x")] * AT_ONCE)
            )
    assert user.notices.count() == 20


def test_ticks_at_once_send_each_notice_once_to_each(settings, monkeypatch):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_EMAIL_URL": "smtp://mail.example.org"}
    sent, lock = Counter(), threading.Lock()

    def post(url, body, signed, reach):
        with lock:
            sent[signed["webhook-id"]] += 1
        return {"status": 200}

    monkeypatch.setattr(sending, "post", post)
    users = [make_user() for _ in range(4)]
    for user in users:
        choices.choose(user, wanted={"job.failed": (True, True)})
        for name in "ab":
            targets.make(user, name=name, url="https://example.org/", wanted=[])
    with Threads(AT_ONCE) as threads:
        for number in range(5):
            for user in users:
                for part in range(3):
                    tell(user, "job.failed", f"{number}-{part}", f"job {number}-{part}")
            ticks = [tasks.send_webhooks, tasks.send_mails] * (AT_ONCE // 2)
            fine(threads.at_once(ticks))
    tasks.send_webhooks()
    assert not Notice.objects.filter(is_sorted=False).exists()
    assert WebhookDelivery.objects.filter(state="delivered").count() == 4 * 2 * 15
    assert set(sent.values()) == {1} and len(sent) == 4 * 2 * 15
    _end_pauses_and_mail()
    told = "".join(message.body for message in mail.outbox)
    for number in range(5):
        for part in range(3):
            assert told.count(f"job {number}-{part}\n") == 4, "each to each user, once"


def _end_pauses_and_mail() -> None:
    for _ in range(5):
        NoticeMail.objects.update(due_at="2000-01-01T00:00Z")
        tasks.send_mails()
