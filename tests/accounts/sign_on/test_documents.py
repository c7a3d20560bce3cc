"""What providers publish: fetched in time or not at all, kept for a day, checked before use."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.conf import settings

from accounts.models import ProviderDocuments
from accounts.sign_on import documents
from accounts.sign_on.documents import fetch, publisher, usable_keys
from accounts.sign_on.http import ProviderUnavailable
from accounts.sign_on.providers import Provider
from tests.patience import PATIENCE_S, comes_back, wait_for

from .issuer import jwk, key, token

WELL_KNOWN = "/.well-known/openid-configuration"


class Issuer:
    """An HTTP server whose answers a test chooses."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers_now = threading.Event()  # else it hangs
        self.answers_now.set()
        self.waits = False
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.provider = Provider(key="it", issuer=self.url, name="It", audiences=("hub",))
        self.metadata = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/auth",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
        }
        self.answers = {WELL_KNOWN: self.metadata, "/keys": {"keys": [jwk()]}}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _handler(issuer):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked.append(self.path)
                issuer.waits = not issuer.answers_now.is_set()
                issuer.answers_now.wait(PATIENCE_S)
                answer = issuer.answers.get(self.path)
                status = answer if isinstance(answer, int) else 200
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments) -> None:
                """Quietly."""

        return Handler


@pytest.fixture
def issuer(settings) -> Iterator[Issuer]:
    documents.forget_all()
    it = Issuer()
    settings.HUB = {**settings.HUB, "XCUBE_HUB_OIDC_PROVIDERS": (it.provider,)}
    yield it
    it.answers_now.set()
    it.server.shutdown()
    it.server.server_close()
    documents.forget_all()


def unavailable(issuer: Issuer) -> str:
    with pytest.raises(ProviderUnavailable) as refused:
        fetch(issuer.provider)
    return str(refused.value)


def test_metadata_and_keys_are_fetched(issuer):
    metadata, jwks = fetch(issuer.provider)
    assert metadata == issuer.metadata
    assert list(usable_keys(jwks)) == [("first", "RS256")]
    assert issuer.asked == [WELL_KNOWN, "/keys"]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (WELL_KNOWN, 404),
        (WELL_KNOWN, 302),
        (WELL_KNOWN, 500),
        (WELL_KNOWN, b"<html>"),
        (WELL_KNOWN, []),
        (WELL_KNOWN, b"[" * 100_000),
        (WELL_KNOWN, b'"' + b"x" * 600_000),
        ("/keys", 404),
        ("/keys", {"keys": []}),
        ("/keys", {"keys": "none"}),
        ("/keys", {}),
    ],
)
def test_an_answer_that_is_none_is_no_documents(issuer, path, answer):
    issuer.answers[path] = answer
    assert unavailable(issuer).startswith("It ")


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "https://mallory.example.org"},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"end_session_endpoint": 7},
    ],
)
def test_metadata_that_lead_astray_are_not_taken(issuer, change):
    issuer.answers[WELL_KNOWN] = {**issuer.metadata, **change}
    assert unavailable(issuer).startswith("It ")


def test_a_provider_that_hangs_costs_its_time_out(issuer):
    issuer.answers_now.clear()
    comes_back(lambda: unavailable(issuer))
    assert "does not answer" in unavailable(issuer)


def test_keys_that_are_none_of_ours_are_passed_over():
    encryption = {**jwk("enc"), "use": "enc", "alg": "RSA-OAEP"}
    secret = {"kty": "oct", "k": "c2VjcmV0", "kid": "secret", "alg": "HS256"}
    broken = {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"}
    odd = {"kty": ["RSA"], "kid": {}}
    keys = [encryption, secret, broken, odd, 7, None, {}, jwk("good"), jwk("curve", "ES256")]
    assert set(usable_keys({"keys": keys})) == {("good", "RS256"), ("curve", "ES256")}


def hold_up(issuer: Issuer, ask: Callable[[], object], monkeypatch) -> int:
    """How many of 16 who ask at once wait for an issuer that hangs, until it answers."""
    monkeypatch.setattr(settings, "HUB", {**settings.HUB, "XCUBE_HUB_OIDC_TIMEOUT_S": PATIENCE_S})
    issuer.answers_now.clear()
    back: list[int] = []

    def one() -> None:
        try:
            ask()
        finally:
            documents.connection.close()
            back.append(1)

    threads = [threading.Thread(target=one) for _ in range(16)]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(back) >= 16 - documents.MOST_WAITING, "answer for those who may not wait")
    wait_for(lambda: issuer.waits, "request to the issuer")
    waiting = 16 - len(back)
    issuer.answers_now.set()
    for thread in threads:
        thread.join()
    return waiting


@pytest.mark.django_db(transaction=True)
def test_documents_are_fetched_in_the_background_and_outlive_a_restart(issuer):
    its = publisher(issuer.provider)
    assert its.current() is None  # nobody waits
    wait_for(lambda: its.current() is not None and ProviderDocuments.objects.exists())
    issuer.answers.clear()
    documents.forget_all()
    again = publisher(issuer.provider)
    assert again is not its
    assert again.current().key("first", "RS256") is not None


@pytest.mark.django_db(transaction=True)
def test_a_key_that_nobody_has_seen_is_fetched_but_not_again_and_again(issuer):
    its = publisher(issuer.provider)
    assert its.key("first", "RS256") is not None
    issuer.answers["/keys"] = {"keys": [jwk("second")]}
    asked = len(issuer.asked)
    for _ in range(20):
        assert its.key("second", "RS256") is None  # it was asked a moment ago
    assert len(issuer.asked) == asked
    its._tried_at -= documents.RETRY_AFTER_S
    assert its.key("second", "RS256") is not None
    assert its.key("first", "RS256") is None
    assert len(issuer.asked) == asked + 2


@pytest.mark.django_db(transaction=True)
def test_a_provider_that_fell_silent_is_asked_seldom_and_its_keys_serve_on(issuer):
    its = publisher(issuer.provider)
    assert its.key("first", "RS256") is not None
    issuer.answers.clear()
    fetched_at = time.time() - documents.REFRESH_AFTER_S - 1
    its.keep(issuer.metadata, {"keys": [jwk()]}, fetched_at)
    its._tried_at = 0
    asked = len(issuer.asked)
    for _ in range(20):
        assert its.key("first", "RS256") is not None
    wait_for(lambda: its.is_down)
    assert len(issuer.asked) == asked + 1
    with pytest.raises(ProviderUnavailable):
        its.fresh()


@pytest.mark.django_db(transaction=True)
def test_strangers_with_keys_that_nobody_has_seen_hold_few_requests_up(issuer, monkeypatch):
    """More than a few that wait are answered at once: they must not take all threads of web."""
    its = publisher(issuer.provider)
    waiting = hold_up(issuer, lambda: its.key("unknown", "RS256"), monkeypatch)
    assert 0 < waiting <= documents.MOST_WAITING


@pytest.mark.django_db(transaction=True)
def test_a_token_by_a_key_that_was_published_just_now_opens_the_api(issuer, client):
    text = token(key(), iss=issuer.url, aud="hub")
    answer = client.get("/api/v2/users/me", headers={"Authorization": f"Bearer {text}"})
    assert "does not take e-mail" in answer.json()["detail"]  # believed, but not linked


@pytest.mark.django_db(transaction=True)
def test_strangers_who_sign_on_while_a_provider_hangs_hold_few_requests_up(issuer, monkeypatch):
    its = publisher(issuer.provider)
    issuer.answers[WELL_KNOWN] = 503
    with pytest.raises(ProviderUnavailable):
        its.fresh()

    def ask() -> None:
        with pytest.raises(ProviderUnavailable):
            its.fresh()

    assert 0 < hold_up(issuer, ask, monkeypatch) <= documents.MOST_WAITING


@pytest.mark.django_db
def test_documents_that_could_not_be_read_are_read_later(issuer, monkeypatch):
    ProviderDocuments.objects.create(
        issuer=issuer.url,
        metadata=issuer.metadata,
        jwks={"keys": [jwk()]},
        fetched_at=datetime.now(UTC),
    )
    its = publisher(issuer.provider)
    with monkeypatch.context() as broken:
        broken.setattr(ProviderDocuments.objects, "filter", None)  # calling it raises
        with pytest.raises(TypeError):
            its.current()
    assert its.current() is not None
    assert issuer.asked == []
