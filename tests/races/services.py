"""Starts of services that come at once. `test_postgresql.py` runs this on a real PostgreSQL."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from django.test import Client as HttpClient
from django_q.models import OrmQ

from services.models import InstanceEvent, ServiceInstance, StartKey
from tests.accounts.factories import bearer, make_user
from tests.services.factories import CONFIGURATION, make_profile

from .exact import TRIALS, _on_postgresql  # noqa: F401 - the fixture holds here too
from .parallel import Threads

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 20


def start(method: str, body: dict[str, Any], headers: dict[str, str]) -> Any:
    return HttpClient().generic(
        method,
        "/api/v2/xcube",
        json.dumps(body),
        content_type="application/json",
        headers=headers,
    )


def at_once(method: str, body: dict[str, Any], headers: dict[str, str]) -> list[Any]:
    """The answers to the same request, sent by all threads together."""
    with Threads(AT_ONCE) as threads:
        answers = threads.at_once([lambda: start(method, body, headers)] * AT_ONCE)
    for answer in answers:
        assert not isinstance(answer, Exception), repr(answer)
    return answers


@pytest.fixture
def user():
    make_profile(units_per_hour=6)
    return make_user(permissions=["manage:cubegens"], units=1000)


@pytest.mark.parametrize("trial", range(TRIALS))
def test_of_starts_with_one_key_one_is_made_and_all_are_answered_alike(user, trial):
    headers = {**bearer(user), "Idempotency-Key": "same"}
    answers = at_once("POST", {"configuration": CONFIGURATION}, headers)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (ServiceInstance.objects.count(), StartKey.objects.count()) == (1, 1)
    assert InstanceEvent.objects.count() == 1
    user.balance.refresh_from_db()
    assert user.balance.reserved == 1


@pytest.mark.parametrize("trial", range(TRIALS))
def test_of_starts_at_once_as_many_as_allowed_are_made(user, settings, trial):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_SERVICES_PER_USER": 5}
    answers = at_once("POST", {"configuration": CONFIGURATION}, bearer(user))
    assert Counter(answer.status_code for answer in answers) == {201: 5, 413: AT_ONCE - 5}
    assert ServiceInstance.objects.count() == 5
    assert OrmQ.objects.count() <= 5


def test_of_main_servers_put_at_once_one_is_made(user):
    answers = at_once("PUT", {"user_id": user.user_id, "cfg": CONFIGURATION}, bearer(user))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert ServiceInstance.objects.count() == 1


def test_a_service_deleted_by_many_at_once_is_stopped_once(user):
    headers = bearer(user)
    made = start("POST", {"configuration": CONFIGURATION}, headers).json()

    def delete() -> int:
        return HttpClient().delete(f"/api/v2/xcube/{made['id']}", headers=headers).status_code

    with Threads(AT_ONCE) as threads:
        assert set(threads.at_once([delete] * AT_ONCE)) == {200}
    events = InstanceEvent.objects.filter(to_state="STOPPED")
    assert events.count() == 1
    user.balance.refresh_from_db()
    assert user.balance.reserved == 0
