from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db.models import F

from accounts.models import NoticeMail, User, Webhook, WebhookDelivery
from accounts.notices.webhooks import sending, targets
from hubsite.coordination import delivery_targets
from tests.accounts.factories import make_user
from tests.patience import PATIENCE_S
from tests.servers.receiver import Receiver, receiver


@pytest.fixture(scope="session")
def one_receiver() -> Iterator[Receiver]:
    with receiver() as server:
        yield server


@pytest.fixture
def server(one_receiver: Receiver) -> Receiver:
    one_receiver.received.clear()
    return one_receiver


@pytest.fixture(autouse=True)
def local_webhooks(settings, monkeypatch) -> None:
    """The receiver is at this machine, so operators of this hub allow it."""
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_WEBHOOK_NETWORKS": ["127.0.0.0/8"],
        "XCUBE_HUB_WEBHOOK_HTTP": True,
        "XCUBE_HUB_EMAIL_URL": "smtp://mail.example.org",
    }
    call = sending.call

    def patient(method, url, *, timeout_s, **options):
        """Only those that never answer are given up soon, whatever this machine does besides."""
        is_endless = "/hang" in url or "/drip" in url
        return call(method, url, timeout_s=2 if is_endless else PATIENCE_S, **options)

    monkeypatch.setattr(sending, "call", patient)
    monkeypatch.setattr(delivery_targets, "SECONDS", PATIENCE_S)
    monkeypatch.setattr(delivery_targets, "BATCH_S", PATIENCE_S)


@pytest.fixture
def hook(server: Receiver) -> Callable[..., Webhook]:
    """A webhook of a user's, at the path of the receiver that behaves like that."""

    def make(path: str, user: User | None = None, wanted: tuple[str, ...] = ()) -> Webhook:
        webhook, webhook.shown = targets.make(
            user or make_user(), name=path, url=server.url(path), wanted=wanted
        )
        return webhook

    return make


@pytest.fixture
def pass_time() -> Callable[[timedelta], None]:
    """Let time pass, by moving everything that is stored into the past."""

    def move(by: timedelta) -> None:
        names = ("rests_until", "failing_since", "former_secret_ends_at")
        Webhook.objects.update(**{name: F(name) - by for name in names})
        WebhookDelivery.objects.update(due_at=F("due_at") - by, tried_at=F("tried_at") - by)
        NoticeMail.objects.update(due_at=F("due_at") - by, sent_at=F("sent_at") - by)

    return move
