"""Many targets side by side: whoever hangs, fails or dies, every row arrives and no target waits.

The rows are those of webhooks, as the only delivery of that kind; what is sent is ours.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db.models import F

from accounts.models import Notice, Webhook, WebhookDelivery
from accounts.notices.webhooks import targets
from hubsite.coordination import delivery_targets
from hubsite.coordination.delivery_targets import NotAccepted, deliver_to_each
from tests.accounts.factories import make_user
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.django_db

LATE = timedelta(hours=8)
"""Longer than any target rests, and any dead process holds a claim."""


@pytest.fixture(autouse=True)
def patient(monkeypatch) -> None:
    monkeypatch.setattr(delivery_targets, "SECONDS", PATIENCE_S)
    monkeypatch.setattr(delivery_targets, "BATCH_S", PATIENCE_S)


def make_webhook(name: str, count: int, user=None) -> Webhook:
    user = user or make_user()
    webhook, _ = targets.make(user, name=name, url="https://example.org/", wanted=[])
    add(webhook, count)
    return webhook


def add(webhook: Webhook, count: int) -> None:
    for _ in range(count):
        number = Notice.objects.count()
        notice = Notice.objects.create(
            user=webhook.user, kind="units.low", subject=f"{number}", title="x"
        )
        WebhookDelivery.objects.create(webhook=webhook, notice=notice)


def deliver(send, *, longest_call_s: float = PATIENCE_S, most_tries: int = 1000) -> int:
    """`send` gets the name of a webhook and the id of the message, in a thread."""

    def prepare(row):
        name, message_id = row.webhook.name, row.message_id

        def call():
            send(name, message_id)
            return {"status": 200}

        return call

    rows = WebhookDelivery.objects.select_related("webhook", "notice")
    return deliver_to_each(
        rows, "webhook", prepare, longest_call_s=longest_call_s, most_tries=most_tries
    )


def pass_time(by: timedelta) -> None:
    Webhook.objects.update(rests_until=F("rests_until") - by, failing_since=F("failing_since") - by)
    WebhookDelivery.objects.update(due_at=F("due_at") - by)


def test_one_that_never_returns_is_given_up_while_the_others_go_on(monkeypatch):
    """As a name server that hangs: no time-out ends that call."""
    monkeypatch.setattr(delivery_targets, "BATCH_S", 0.1)
    over = threading.Event()
    stuck = make_webhook("stuck", 5)
    for number in range(5):
        make_webhook(f"good-{number}", 30)
    arrived = Counter()

    def send(name, message_id):
        if name == "stuck":
            over.wait(PATIENCE_S)
        arrived[name] += 1

    assert deliver(send, longest_call_s=0.1) == 150
    stuck.refresh_from_db()
    assert stuck.failures == 1
    assert stuck.deliveries.filter(error="no answer in time", state="failing").count() == 1
    assert arrived["stuck"] == 0
    over.set()


def test_calls_of_different_targets_run_at_once_and_of_one_target_never():
    """Two that wait for each other pass; two rows of one target never meet."""
    meeting = threading.Barrier(3, timeout=PATIENCE_S)
    busy, most = Counter(), Counter()

    def send(name, message_id):
        busy[name] += 1
        most[name] = max(most[name], busy[name])
        meeting.wait()
        busy[name] -= 1

    for name in "abc":
        make_webhook(name, 4)
    assert deliver(send) == 12
    assert most == {"a": 1, "b": 1, "c": 1}


def test_a_target_that_fails_is_tried_once_and_rests_longer_each_time():
    webhook = make_webhook("bad", 50)
    tries = []

    def send(name, message_id):
        tries.append(message_id)
        raise NotAccepted("no", status=500)

    rests = []
    for _ in range(12):
        before = len(tries)
        assert deliver(send) == 0 and deliver(send) == 0
        assert len(tries) == before + 1
        webhook.refresh_from_db()
        rests.append(webhook.rests_until - webhook.tried_at)
        pass_time(LATE)
    assert all(late > early for early, late in zip(rests[:8], rests[1:9], strict=True))
    assert rests[0] < timedelta(seconds=31) and rests[-1] > timedelta(hours=4)
    assert webhook.failures == 12
    assert webhook.failing_since is not None


def test_a_row_is_given_up_after_its_last_try():
    webhook = make_webhook("bad", 1)

    def send(name, message_id):
        raise NotAccepted("no", status=500)

    for _ in range(5):
        deliver(send, most_tries=3)
        pass_time(LATE)
    row = webhook.deliveries.get()
    assert (row.state, row.attempts, row.status) == ("given_up", 3, 500)


def test_a_fault_of_ours_is_logged_and_the_row_is_tried_again(caplog):
    webhook = make_webhook("x", 1)

    def send(name, message_id):
        raise KeyError("a bug")

    assert deliver(send) == 0
    assert webhook.deliveries.get().error == "an unforeseen error; see the log"
    assert "cannot be delivered" in caplog.text


class Killed(BaseException):
    """The process was killed."""


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_however_often_ticks_are_killed_and_targets_fail(seed, monkeypatch):
    """A random walk against a model: who accepted what. Repetitions have the same id."""
    chance = random.Random(seed)
    record = delivery_targets._record
    claim = delivery_targets._claim
    webhooks = [make_webhook(f"w{number}", 0) for number in range(6)]
    accepted: dict[str, Counter] = {webhook.name: Counter() for webhook in webhooks}
    mood = {webhook.name: 1.0 for webhook in webhooks}
    lock = threading.Lock()
    kill = 0.0

    def maybe_killed(work):
        def run(*args, **options):
            if chance.random() < kill:
                raise Killed
            done = work(*args, **options)
            if chance.random() < kill:
                raise Killed
            return done

        return run

    monkeypatch.setattr(delivery_targets, "_record", maybe_killed(record))
    monkeypatch.setattr(delivery_targets, "_claim", maybe_killed(claim))

    def send(name, message_id):
        with lock:
            is_taken, is_told = chance.random() < mood[name], chance.random() < 0.9
            if is_taken:
                accepted[name][message_id] += 1  # and then the answer may be lost
            if not (is_taken and is_told):
                raise NotAccepted("no", status=503)

    for _ in range(25):
        kill = chance.choice([0.0, 0.0, 0.3])
        for webhook in chance.sample(webhooks, 2):
            add(webhook, chance.randrange(4))
            mood[webhook.name] = chance.choice([0.0, 0.5, 1.0])
        with contextlib.suppress(Killed):
            deliver(send)
        pass_time(chance.choice([timedelta(seconds=40), LATE]))

    kill = 0.0
    mood = dict.fromkeys(mood, 1.0)
    for _ in range(20):
        pass_time(LATE)
        deliver(send)
    for webhook in webhooks:
        due = set(webhook.deliveries.values_list("message_id", flat=True))
        assert set(accepted[webhook.name]) == due, "each arrived, and at its own target"
        assert not webhook.deliveries.exclude(state="delivered").exists()
        webhook.refresh_from_db()
        assert (webhook.failures, webhook.rests_until) == (0, None)
    tries = sum(sum(times.values()) for times in accepted.values())
    assert tries >= WebhookDelivery.objects.count()
