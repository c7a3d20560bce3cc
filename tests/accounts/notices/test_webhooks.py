"""Webhooks: signed as the standard says, bounded whatever their receiver does, nothing lost."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from accounts.models import Notice, Webhook, WebhookDelivery
from accounts.notices import sorting
from accounts.notices.telling import tell
from accounts.notices.webhooks import sending, signing, targets
from accounts.tasks import send_webhooks
from hubsite.coordination.delivery_targets import REST
from hubsite.refusals import Refused
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def news(user, count: int = 1, kind: str = "job.failed") -> None:
    for _ in range(count):
        number = Notice.objects.count()
        tell(user, kind, f"job-{number}", f"Cube {number} – Größe 5 m²", details={"number": number})


def test_a_notice_is_sent_signed_as_the_standard_says(hook, server):
    webhook = hook("ok")
    news(webhook.user)
    assert send_webhooks() == 1
    (request,) = server.at("ok")
    document = Verifier(webhook.shown).verify(request.body, request.headers)
    notice = webhook.user.notices.get()
    assert document["type"] == "job.failed"
    assert document["data"]["title"] == notice.title
    assert document["data"]["url"].startswith("http")
    assert document["timestamp"].startswith(f"{notice.created_at:%Y-%m-%dT%H:%M}")
    assert request.headers["content-type"] == "application/json"
    assert send_webhooks() == 0, "it is sent once"
    with pytest.raises(WebhookVerificationError):
        Verifier(webhook.shown).verify(request.body.replace(b"job-", b"JOB-"), request.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(signing.shown(b"another secret")).verify(request.body, request.headers)


def test_the_signature_is_that_of_the_published_example():
    """The example of the reference libraries, which all of them test themselves with."""
    key = Verifier("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")._whsecret
    body = b'{"test": 2432232314}'
    headers = signing.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, [key])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_former_secret_signs_too_for_a_day(hook, server, pass_time):
    webhook = hook("ok")
    second = targets.rotate(webhook)
    for shown in (webhook.shown, second):
        news(webhook.user)
        send_webhooks()
        request = server.received[-1]
        assert request.headers["webhook-signature"].count("v1,") == 2
        Verifier(shown).verify(request.body, request.headers)
    pass_time(DAY)
    news(webhook.user)
    send_webhooks()
    request = server.received[-1]
    Verifier(second).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(webhook.shown).verify(request.body, request.headers)


def test_a_webhook_gets_the_kinds_of_its_owner_only(hook, server):
    webhook = hook("ok", wanted=("job.failed",))
    everything = hook("ok/all", webhook.user)
    news(webhook.user, kind="job.failed")
    news(webhook.user, kind="job.succeeded")
    news(make_user(), kind="job.failed")
    send_webhooks()
    assert len(server.at("ok")) == 1
    assert len(server.at("ok/all")) == 2
    assert everything.deliveries.count() == 2


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("fail", 503, "answered 503; 2xx is expected"),
        ("redirect", 307, "answered 307; redirects are not followed"),
        ("close", None, ""),
        ("garbage", None, ""),
        ("drip", None, "too slowly"),
        ("hang", None, "no answer within 2 s"),
    ],
)
def test_what_fails_is_kept_and_tried_again_with_the_same_id(
    hook, server, pass_time, path, status, error
):
    webhook = hook(path)
    news(webhook.user)
    assert send_webhooks() == 0
    delivery = webhook.deliveries.get()
    assert (delivery.state, delivery.attempts, delivery.status) == ("failing", 1, status)
    assert error in delivery.error and delivery.error
    assert server.at("secret") == [], "a redirect is not followed"
    assert send_webhooks() == 0 and len(server.at(path)) == 1, "it rests"
    Webhook.objects.update(url=server.url("ok"))
    pass_time(timedelta(seconds=REST.pause_s(1) * 2))
    assert send_webhooks() == 1
    webhook.refresh_from_db()
    assert (webhook.failures, webhook.failing_since, webhook.rests_until) == (0, None, None)
    ids = {request.headers["webhook-id"] for request in server.received}
    assert ids == {delivery.message_id}


def test_an_answer_without_an_end_is_accepted_and_not_read(hook, server):
    webhook = hook("flood")
    news(webhook.user)
    assert send_webhooks() == 1


def test_a_webhook_that_hangs_or_fails_delays_no_others(hook, server):
    """Many that hang, each with much to send; the others get everything in the same tick."""
    bad = make_user()
    for number, path in enumerate(["hang", "hang", "drip", "fail", "close"]):
        hook(f"{path}/{number}", bad)
    news(bad, 30)
    good = [hook(f"ok/{number}") for number in range(3)]
    for webhook in good:
        news(webhook.user, 25)
    assert send_webhooks() == 75
    for number in range(3):
        assert len(server.at(f"ok/{number}")) == 25
    assert sum(request.path.startswith("/hang") for request in server.received) == 2, (
        "one try each, then it rests"
    )
    assert WebhookDelivery.objects.filter(webhook__user=bad).exclude(state="delivered").count() == (
        30 * 5
    )


def test_pauses_grow_and_after_a_day_it_is_switched_off_and_told(hook, server, pass_time):
    webhook = hook("fail")
    news(webhook.user, 3)
    pauses = []
    while webhook.off_at is None:
        assert send_webhooks() == 0
        webhook.refresh_from_db()
        pauses.append(webhook.rests_until - timezone.now())
        pass_time(pauses[-1] + timedelta(seconds=2))
        assert len(pauses) < 40
    assert len(server.at("fail")) == len(pauses) > 9, "one try in each pause, whatever waits"
    assert pauses[0] < timedelta(seconds=31) and timedelta(hours=4) < max(pauses)
    assert "503" in webhook.off_reason
    told = webhook.user.notices.get(kind="webhook.off")
    assert "fail was switched off" in told.title
    assert send_webhooks() == 0

    # Nothing that waited is lost, and nothing new waits while it is off.
    news(webhook.user)
    send_webhooks()
    targets.change(webhook, name="fixed", url=server.url("ok"), wanted=[], is_on=True)
    assert send_webhooks() == 3
    assert {json.loads(request.body)["data"]["number"] for request in server.at("ok")} == {0, 1, 2}


def test_one_that_is_gone_is_switched_off_at_once(hook, server):
    webhook = hook("gone")
    news(webhook.user, 5)
    send_webhooks()
    webhook.refresh_from_db()
    assert webhook.off_reason == "Its receiver answered 410 Gone."
    assert len(server.at("gone")) == 1


def test_one_notice_that_is_refused_is_given_up_and_the_others_arrive(
    hook, server, pass_time, monkeypatch
):
    webhook = hook("ok")
    news(webhook.user)
    sorting.sort_new()
    refused = webhook.deliveries.get()
    post = sending.post

    def picky(url, body, signed, reach):
        where = url.replace("/ok", "/fail") if signed["webhook-id"] == refused.message_id else url
        return post(where, body, signed, reach)

    monkeypatch.setattr(sending, "post", picky)
    for _ in range(sending.MOST_TRIES):
        send_webhooks()
        pass_time(timedelta(hours=7))
        news(webhook.user)
        send_webhooks()  # the new one ends the rest of its webhook
        pass_time(timedelta(hours=7))
    refused.refresh_from_db()
    webhook.refresh_from_db()
    assert (refused.state, refused.attempts) == ("given_up", sending.MOST_TRIES)
    assert webhook.off_at is None
    assert webhook.deliveries.exclude(state="delivered").count() == 1


@pytest.mark.parametrize("path", ["secret", "ok"])
def test_private_addresses_are_not_called(hook, server, settings, path):
    """Whatever the name resolved to when the webhook was made."""
    webhook = hook(path)
    settings.HUB = {**settings.HUB, "XCUBE_HUB_WEBHOOK_NETWORKS": []}
    hosts = ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433")
    for host in hosts:
        Webhook.objects.update(url=server.url(path, host), rests_until=None)
        WebhookDelivery.objects.update(due_at=timezone.now() - DAY / 24)
        news(webhook.user)
        assert send_webhooks() == 0
    assert server.received == []
    errors = set(webhook.deliveries.exclude(error="").values_list("error", flat=True))
    assert errors == {"no public address is known for this name"}


def test_a_user_who_is_switched_off_gets_nothing(hook, server):
    webhook = hook("ok")
    news(webhook.user)
    sorting.sort_new()
    webhook.user.is_active = False
    webhook.user.save()
    news(webhook.user)
    assert send_webhooks() == 0
    assert server.received == []


def test_a_tick_without_work_takes_two_queries_and_many_rows_no_more_each(
    hook, server, django_assert_max_num_queries
):
    webhook = hook("ok")
    with django_assert_max_num_queries(2):
        send_webhooks()
    news(webhook.user, 60)
    # 60 notices: sorted together, claimed 20 at a time; each accepted row is one update.
    with django_assert_max_num_queries(60 + 60):
        assert send_webhooks() == 60


def test_a_secret_that_cannot_be_read_is_said(hook, server, settings):
    webhook = hook("ok")
    news(webhook.user)
    settings.SECRET_KEY = "another" * 10
    send_webhooks()
    assert "make a new one" in webhook.deliveries.get().error
    assert server.received == []


def test_a_test_goes_to_this_webhook_only_and_not_too_often(hook, server):
    webhook = hook("ok", wanted=("job.failed",))
    hook("ok/other", webhook.user)
    targets.test(webhook)
    send_webhooks()
    assert json.loads(server.at("ok")[0].body)["type"] == "webhook.test"
    assert server.at("ok/other") == []
    assert webhook.user.notices.unread().count() == 0
    for _ in range(9):
        targets.test(webhook)
    with pytest.raises(Refused, match="ten times"):
        targets.test(webhook)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.org/",
        "//example.org/",
        "https://",
        "https:///path",
        "https://user:pass@example.org/",
        "https://example.org:99999/",
        "https://example.org:0/",
        "https://example.org/#x",
        "https://example.org/a b",
        "https://example.org/\r\nX: y",
        "https://exämple.org/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433/",
        "https://[fe80::1%25eth0]/",
        "javascript:alert(1)",
        "https://example.org/" + "x" * 500,
    ],
)
def test_what_is_no_url_of_a_receiver_is_refused(url):
    with pytest.raises(Refused) as refused:
        targets.make(make_user(), name="x", url=url, wanted=[])
    assert refused.value.errors[0].field == "url"


def test_http_is_refused_unless_it_is_allowed(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_WEBHOOK_HTTP": False}
    with pytest.raises(Refused, match="begins with https://"):
        targets.make(make_user(), name="x", url="http://example.org/", wanted=[])


def test_a_user_has_a_few_webhooks(settings):
    user = make_user()
    for number in range(5):
        targets.make(user, name=f"{number}", url="https://example.org/", wanted=[])
    with pytest.raises(Refused, match="5 webhooks"):
        targets.make(user, name="x", url="https://example.org/", wanted=[])
    settings.HUB = {**settings.HUB, "XCUBE_HUB_WEBHOOKS_PER_USER": 0}
    with pytest.raises(Refused, match="sends no webhooks"):
        targets.make(make_user(), name="x", url="https://example.org/", wanted=[])
