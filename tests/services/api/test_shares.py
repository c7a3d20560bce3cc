"""Sharing a service by the API: with a person, or with whoever has a link."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Share
from accounts.roles import forget_permissions, permission_rows
from accounts.sharing import people
from hubsite.coordination import failures
from services.models import State
from tests.accounts.factories import bearer, make_user
from tests.api_document import answer_faults, request_faults
from tests.services.factories import make_instance, make_share

pytestmark = pytest.mark.django_db

SCOPE = "manage:cubegens"
SHARES = "/xcube/{instance_id}/shares"


@pytest.fixture
def owner():
    return make_user("ann@example.org", [SCOPE])


@pytest.fixture
def friend():
    return make_user("bob@example.org", [SCOPE])


@pytest.fixture
def instance(owner):
    return make_instance(owner, state=State.READY)


@pytest.fixture
def ask(client, owner, instance):
    def send(method: str, rest: str = "", body: Any = None, *, by=owner, scopes=(SCOPE,)):
        return client.generic(
            method,
            f"/api/v2/xcube/{instance.instance_id}/shares{rest}",
            "" if body is None else json.dumps(body),
            content_type="application/json",
            headers=bearer(by, scopes),
        )

    return send


def in_an_hour() -> str:
    return (timezone.now() + timedelta(hours=1)).replace(microsecond=0).isoformat()


def test_a_person_is_named_by_e_mail(ask, owner, instance, friend):
    answer = ask("POST", "", {"user": "BOB@example.org", "expires_at": in_an_hour()})
    assert answer.status_code == 201, answer.content
    assert answer_faults(f"POST {SHARES}", 201, answer.json()) == []
    assert answer.json()["user"] == "bob@example.org"
    share = Share.objects.get()
    assert (share.kind, share.subject) == ("service", instance.instance_id)
    assert (share.user, share.owner, share.created_by) == (friend, owner, owner)
    listed = ask("GET").json()
    assert listed == [answer.json()]
    assert answer_faults(f"GET {SHARES}", 200, listed) == []


def test_repeated_for_a_person_it_changes_the_time(ask, friend):
    first = ask("POST", "", {"user": friend.email}).json()
    second = ask("POST", "", {"user": friend.email, "expires_at": in_an_hour()}).json()
    assert first["id"] == second["id"]
    assert second["expires_at"] < first["expires_at"]
    assert Share.objects.count() == 1


def test_a_link_is_shown_once(ask, instance):
    answer = ask("POST", "", {"link": True})
    assert answer.status_code == 201
    assert answer_faults(f"POST {SHARES}", 201, answer.json()) == []
    secret = answer.json()["url"].rstrip("/").rpartition("/")[2]
    assert len(secret) >= 22
    assert "direct_url" not in answer.json()
    assert answer["Cache-Control"] == "no-store"
    assert secret not in json.dumps(ask("GET").json())
    assert secret not in str(Share.objects.values().get())
    other = ask("POST", "", {"link": True}).json()["url"]
    assert secret not in other


def test_a_share_is_withdrawn_once_and_is_gone_from_the_list(ask, instance, friend):
    share_id = ask("POST", "", {"user": friend.email}).json()["id"]
    assert ask("DELETE", f"/{share_id}").json() == "Success"
    first = Share.objects.get().revoked_at
    assert ask("DELETE", f"/{share_id}").status_code == 200
    assert Share.objects.get().revoked_at == first
    assert ask("GET").json() == []
    assert [e.message for e in instance.events.all()][1:] == [
        f"Shared with a person (share {share_id}).", f"Share {share_id} was withdrawn.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({"user": "bob@example.org", "link": True}, ""),
        ({"link": False}, ""),
        ({"link": "yes"}, "link"),
        ({"link": 1}, "link"),
        ({"user": 7}, "user"),
        ({"user": ["bob@example.org"]}, "user"),
        ({"user": ""}, "user"),
        ({"user": "x" * 300}, "user"),
        ({"user": "%@%"}, "user"),
        ({"user": "Bob"}, "user"),
        ({"user": "bob@example.org\u202e"}, "user"),
        ({"user": "bob@example.org", "role": "operator"}, ""),
        ({"role": "operator"}, "role"),
        ({"role": 7}, "role"),
        ({"user": "bob@example.org", "action": "edit"}, "action"),
        ({"user": "bob@example.org", "action": None}, "action"),
        ({"link": True, "action": "stop"}, "action"),
        ({"user": "bob@example.org", "public": True}, "public"),
        ({"link": True, "public": "yes"}, "public"),
        ({"link": True, "expires_at": "2099-01-01T00:00:00Z"}, "expires_at"),
        ({"user": "ann@example.org"}, "user"),
        ({"link": True, "expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"link": True, "expires_at": "soon"}, "expires_at"),
        ({"link": True, "secret": "mine"}, "secret"),
        ([], ""),
    ],
)
def test_what_is_wrong_is_named(ask, friend, body, field):
    answer = ask("POST", "", body)
    assert answer.status_code == 400, answer.content
    assert [error["field"] for error in answer.json().get("errors", [])] == [field]
    assert not Share.objects.exists()


def test_a_user_id_does_not_show_whose_it_is(ask, friend):
    answer = ask("POST", "", {"user": friend.user_id})
    assert answer.status_code == 201
    assert answer.json()["user"] == friend.user_id
    assert b"bob@" not in answer.content + ask("GET").content
    assert Share.objects.get().user == friend


def test_who_has_no_account_or_a_closed_one_is_answered_alike(ask, friend):
    gone = make_user("gone@example.org", is_active=False)
    answers = []
    for name in (friend.email, gone.email, "nobody@example.org", f"a{'0' * 32}", friend.user_id):
        answer = ask("POST", "", {"user": name})
        answers.append({**answer.json(), "id": 0, "user": "", "created_at": "", "expires_at": ""})
        assert answer.status_code == 201
    assert all(answer == answers[0] for answer in answers), answers
    assert [row["user"] for row in ask("GET").json()][-1] == "bob@example.org"


def test_nobody_is_swamped_with_shares(ask, friend, monkeypatch):
    monkeypatch.setattr(people, "PER_HOUR", 3)
    now = time.time()  # no window of the limit ends meanwhile
    monkeypatch.setattr(failures, "time", SimpleNamespace(time=lambda: now))
    codes = [ask("POST", "", {"user": f"{n}@example.org"}).status_code for n in range(5)]
    assert codes == [201, 201, 201, 429, 429]
    refused = ask("POST", "", {"user": friend.email})
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert ask("POST", "", {"link": True}).status_code == 201


def test_only_who_has_the_permission_shares_publicly(ask, owner):
    asked = {"link": True, "public": True}
    assert ask("POST", "", asked).status_code == 403
    owner.user_permissions.add(*permission_rows(["share:publicly"]))
    forget_permissions(owner)
    assert ask("POST", "", asked).status_code == 403, "its token has not the scope"
    assert Share.objects.count() == 0
    made = ask("POST", "", asked, scopes=[SCOPE, "share:publicly"])
    assert made.status_code == 201
    assert answer_faults(f"POST {SHARES}", 201, made.json()) == []
    assert "/.xcube-hub/enter?link=" in made.json()["direct_url"]


@pytest.mark.parametrize("state", [State.STOPPING, State.STOPPED, State.FAILED])
def test_what_is_over_is_not_shared(ask, instance, friend, state):
    type(instance).objects.update(state=state)
    for body in ({"user": friend.email}, {"link": True}):
        assert ask("POST", "", body).status_code == 409
    assert not Share.objects.exists()


def test_whom_it_is_shared_with_shares_and_withdraws_nothing(ask, instance, friend):
    share_id = ask("POST", "", {"user": friend.email}).json()["id"]
    assert ask("GET", by=friend).status_code == 404
    assert ask("POST", "", {"link": True}, by=friend).status_code == 404
    assert ask("DELETE", f"/{share_id}", by=friend).status_code == 404
    assert Share.objects.get().revoked_at is None


def test_a_share_of_another_service_is_not_found(ask, owner):
    other = make_instance(owner)
    share = make_share(other)
    assert ask("DELETE", f"/{share.pk}").status_code == 404
    share.refresh_from_db()
    assert share.revoked_at is None


@pytest.mark.parametrize("share_id", ["0", "999999", "9" * 30, "-1", "x"])
def test_a_share_that_is_not_there_is_not_found(ask, share_id):
    assert ask("DELETE", f"/{share_id}").status_code == 404


def test_an_operator_shares_in_the_owners_name_and_is_named(client, owner, instance, friend):
    operator = make_user(permissions=["operate:hub"])
    answer = client.post(
        f"/api/v2/xcube/{instance.instance_id}/shares",
        {"user": friend.email},
        content_type="application/json",
        headers={**bearer(operator), "X-Act-For": owner.user_id},
    )
    assert answer.status_code == 201
    assert Share.objects.get().created_by == operator


def test_the_document_describes_both_forms():
    for body in ({"user": "bob@example.org"}, {"link": True}):
        assert request_faults(f"POST {SHARES}", body) == []
