"""geoDB is told of subscribers by ticks that fail, repeat and overtake each other harmlessly."""

from __future__ import annotations

import json
import time
from datetime import date, timedelta

import jwt
import pytest
from django.test import Client as HttpClient
from django.utils import timezone
from django_q.models import OrmQ

from accounts import tasks
from accounts.models import GeodbRegistration, Service, Subscription, User
from accounts.subscriptions import geodb_registration
from accounts.subscriptions.settings import GeodbSettings
from accounts.subscriptions.subscribing import Wish, subscribe, unsubscribe
from accounts.tokens.signing_keys import signing_keys
from hubsite.configuration.reading import ConfigurationError, read
from hubsite.coordination import delivery, ticks
from hubsite.coordination.ticks import Tick
from tests.accounts.factories import bearer, make_user
from tests.jobs.conftest import queued_tasks
from tests.servers.geodb import geodb_server

pytestmark = pytest.mark.django_db

State = GeodbRegistration.State


def register() -> bool:
    """A tick; whether geoDB knows the subscriber now."""
    tasks.register_in_geodb()
    return registration().state == State.REGISTERED


def subscribe_to_geodb(user: User, **changes) -> Subscription:
    wish = Wish(
        **{
            "email": user.email,
            "guid": "g-1",
            "plan": "manage",
            "units": 500.0,
            "unit": "cells",
            "start_date": date(2026, 1, 31),
            **changes,
        }
    )
    return subscribe(Service.GEODB, wish, actor="test")[0]


@pytest.fixture
def user():
    return make_user("ann@example.org")


@pytest.fixture
def geodb(settings):
    with geodb_server(signing_keys()[0]) as server:
        settings.HUB = {**settings.HUB, "XCUBE_HUB_GEODB_URL": server.url}
        yield server


def registration() -> GeodbRegistration:
    return GeodbRegistration.objects.get()


def test_a_subscriber_is_registered_with_a_token_of_the_admin_role(geodb, user):
    subscribe_to_geodb(user)
    assert register()
    assert geodb.rows == {
        "geodb_g-1": {
            "user_name": "geodb_g-1",
            "start_date": "2026-01-31",
            "subscription": "manage",
            "cells": 500,
        }
    }
    assert geodb.roles_seen == ["geodb_admin"]
    assert registration().state == State.REGISTERED
    assert registration().registered_at is not None


def test_a_subscription_wakes_the_worker_after_its_commit(
    geodb, user, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        subscribe_to_geodb(user)
    (row,) = OrmQ.objects.all()
    assert row.task["func"] == "accounts.tasks.register_in_geodb"
    assert row.task["args"] == ()


def test_one_who_is_there_already_is_brought_up_to_date(geodb, user):
    subscribe_to_geodb(user)
    register()
    subscribe_to_geodb(user, plan="freetrial", units=7.0)
    assert registration().state == State.PENDING
    assert register()
    assert [method for method, _ in geodb.requests] == ["POST", "POST", "PATCH"]
    assert geodb.rows["geodb_g-1"]["subscription"] == "freetrial"
    assert geodb.rows["geodb_g-1"]["cells"] == 7


def test_what_geodb_need_not_know_sends_nothing(geodb, user):
    subscribe_to_geodb(user)
    register()
    subscribe_to_geodb(user, client_secret="new", first_name="Ann")  # noqa: S106
    assert registration().state == State.REGISTERED
    assert tasks.register_in_geodb() == 0
    assert len(geodb.requests) == 1


def test_a_failure_is_told_and_tried_again_ever_later(geodb, user):
    subscribe_to_geodb(user)
    geodb.failures = [503, 500]
    assert not register()
    failed = registration()
    assert (failed.state, failed.attempts) == (State.FAILING, 1)
    assert failed.error == "geoDB answered 503: PGRST001 told to fail"
    assert timedelta(seconds=25) < failed.due_at - timezone.now() <= timedelta(seconds=30)
    assert not register()  # it is not due yet
    assert len(geodb.requests) == 1
    GeodbRegistration.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert not register()
    assert registration().due_at - timezone.now() > timedelta(seconds=55)
    GeodbRegistration.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert register()
    assert (registration().state, registration().error) == (State.REGISTERED, "")


def test_pauses_grow_up_to_six_hours():
    pauses = [delivery.BACKOFF.pause_s(n) for n in (1, 2, 3, 4, 1000)]
    assert pauses == [30, 60, 120, 240, 6 * 3600]


def test_the_next_tick_finds_what_a_lost_wake_up_missed(geodb, user):
    subscribe_to_geodb(user)
    Tick.objects.all().delete()
    ticks.Ticker().ask_due()
    assert "register_in_geodb" in queued_tasks()
    assert register()


def test_a_tick_that_was_killed_is_made_up_for_after_its_lease(geodb, user):
    subscribe_to_geodb(user)
    GeodbRegistration.objects.update(claimed_until=timezone.now() + timedelta(seconds=60))
    assert not register()
    GeodbRegistration.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert register()


def test_a_change_during_a_try_is_told_by_the_next(geodb, user, monkeypatch):
    subscribe_to_geodb(user)
    send = geodb_registration.geodb.register

    def change_meanwhile(subscription):
        send(subscription)
        monkeypatch.setattr(geodb_registration.geodb, "register", send)
        subscribe_to_geodb(user, plan="freetrial")

    monkeypatch.setattr(geodb_registration.geodb, "register", change_meanwhile)
    assert not register()
    assert registration().state == State.PENDING
    assert register()
    assert geodb.rows["geodb_g-1"]["subscription"] == "freetrial"


def test_an_ended_subscription_is_not_registered(geodb, user):
    subscribe_to_geodb(user)
    unsubscribe(Service.GEODB, user.user_id, actor="test")
    assert not register()
    assert geodb.requests == []


def test_without_a_geodb_subscribers_wait(user):
    subscribe_to_geodb(user)
    assert not register()
    assert (registration().state, registration().attempts) == (State.PENDING, 0)


def test_a_geodb_that_is_away_or_silent_is_told(user, settings, monkeypatch):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_GEODB_URL": "http://127.0.0.1:9"}
    subscribe_to_geodb(user)
    assert not register()
    assert registration().error.startswith("geoDB cannot be reached: ")


@pytest.mark.parametrize(
    ("role", "status"), [("geodb_user", "403: 42501 permission denied"), (None, "")]
)
def test_a_role_that_may_not_write_is_told(geodb, user, settings, role, status):
    if role is None:
        geodb.secrets = ["another secret, which the hub does not know"]
        role, status = "geodb_admin", "401: PGRST301"
    settings.HUB = {**settings.HUB, "XCUBE_HUB_GEODB_ADMIN_ROLE": role}
    subscribe_to_geodb(user)
    assert not register()
    assert registration().error.startswith(f"geoDB answered {status}")


def test_the_payload_is_the_operators(geodb, user, settings):
    geodb.columns = ("user_name", "start_date", "subscription", "permissions", "mail", "ok")
    subscribe_to_geodb(user)
    assert not register()
    assert "Could not find the 'cells' column" in registration().error
    payload = {
        "user_name": "$role",
        "start_date": "$start_date",
        "subscription": "$plan",
        "permissions": "read",
        "mail": "$email",
        "ok": True,
    }
    settings.HUB = {**settings.HUB, "XCUBE_HUB_GEODB_PAYLOAD": payload}
    GeodbRegistration.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert register()
    assert geodb.rows["geodb_g-1"] == {
        "user_name": "geodb_g-1",
        "start_date": "2026-01-31",
        "subscription": "manage",
        "permissions": "read",
        "mail": "ann@example.org",
        "ok": True,
    }


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", "{", '{"a": "role"}', '{"a": "$role", "b": "$rolle"}', '{"a": "$role", "b": []}'],
)
def test_a_payload_that_cannot_be_is_told_at_the_start(text):
    with pytest.raises(ConfigurationError, match="XCUBE_HUB_GEODB_PAYLOAD"):
        read(GeodbSettings.rows, {"XCUBE_HUB_GEODB_PAYLOAD": text})


def test_the_former_names_still_work():
    given = {
        "GEODB_SERVER_URL": "https://geodb.example.org/",
        "GEODB_ADMIN_CLIENT_ID": "id",
        "GEODB_ADMIN_CLIENT_SECRET": "secret",
    }
    values = read(GeodbSettings.rows, given).values
    assert values["XCUBE_HUB_GEODB_URL"] == "https://geodb.example.org"
    assert values["XCUBE_HUB_GEODB_CLIENT_ID"] == "id"
    assert values["XCUBE_HUB_GEODB_CLIENT_SECRET"] == "secret"


def test_a_redirect_is_not_followed_with_the_token(geodb, user):
    subscribe_to_geodb(user)
    geodb.failures = [302]
    assert not register()
    assert registration().error.startswith("geoDB answered 302")
    assert len(geodb.requests) == 1


def test_the_hubs_own_token_for_geodb_opens_nothing_here(user):
    from accounts.subscriptions.geodb import _token

    headers = {"Authorization": f"Bearer {_token()}"}
    assert HttpClient().get("/api/v2/users/me", headers=headers).status_code == 401


def test_a_token_from_elsewhere_is_used_where_the_operator_says_so(
    geodb, user, settings, live_server
):
    """The endpoint that gives the token is the hub's own here: it speaks the same OAuth."""
    from accounts.tokens.clients import create_client

    client, secret = create_client(make_user("admin@example.org"), scopes=[])
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_GEODB_TOKEN_URL": f"{live_server.url}/api/v2/oauth/token",
        "XCUBE_HUB_GEODB_CLIENT_ID": client.client_id,
        "XCUBE_HUB_GEODB_CLIENT_SECRET": "wrong",
    }
    subscribe_to_geodb(user)
    assert not register()
    assert registration().error.startswith("no token for geoDB: ")
    assert "wrong" not in registration().error.rpartition("token")[0]
    settings.HUB = {**settings.HUB, "XCUBE_HUB_GEODB_CLIENT_SECRET": secret}
    GeodbRegistration.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    assert not register()
    assert geodb.roles_seen == ["anonymous"]  # a token came; this client has no role in geoDB
    assert "403" in registration().error


def test_the_claim_is_in_every_token_of_a_subscriber_and_its_life_is_bounded(user):
    subscribe_to_geodb(user)
    token = bearer(user, lifetime_s=60)["Authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["https://geodb.brockmann-consult.de/dbrole"] == "geodb_g-1"
    assert claims["exp"] - time.time() <= 60


@pytest.mark.parametrize("token", ["a\nb", "a b", "\x00", "ü"])
def test_a_token_that_no_header_can_hold_is_a_failure_that_is_told(
    user, settings, monkeypatch, token
):
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_GEODB_URL": "http://127.0.0.1:9",
        "XCUBE_HUB_GEODB_TOKEN_URL": "http://127.0.0.1:9/token",
    }
    answer = json.dumps({"access_token": token}).encode()
    monkeypatch.setattr("accounts.subscriptions.geodb._call", lambda *_: (200, answer))
    subscribe_to_geodb(user)
    assert not register()
    assert registration().state == State.FAILING
    assert "no token for geoDB" in registration().error


def test_what_geodb_says_is_kept_as_one_line_that_any_database_takes(
    geodb, user, settings, monkeypatch
):
    answer = json.dumps({"code": "42\u0000", "message": "no\n\u0000such table"}).encode()
    monkeypatch.setattr("accounts.subscriptions.geodb._call", lambda *_: (404, answer))
    subscribe_to_geodb(user)
    assert not register()
    assert registration().error == "geoDB answered 404: 42  no  such table"
