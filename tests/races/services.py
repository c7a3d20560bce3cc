"""Starts of services that come at once. `test_postgresql.py` runs this on a real PostgreSQL."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from django.test import Client as HttpClient
from django_q.models import OrmQ

from accounts.models import LedgerEntry
from accounts.units import ledger
from hubsite.refusals import Refused
from services import lifecycle, metering, tasks
from services.models import InstanceEvent, Reason, ServiceInstance, StartKey, State
from tests.accounts.factories import bearer, make_user
from tests.services.conftest import (  # noqa: F401 - fixtures
    World,
    engine,
    follower,
    world,
)
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


def test_of_cates_started_and_stopped_at_once_never_two_are_there(user, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_CATE_COMMAND": ("cate", "{port}")}
    make_profile("cate", kind="cate_webapi")
    headers, path = bearer(user), f"/api/v2/users/{user.user_id}/webapis"

    def ask(method: str) -> Any:
        return lambda: HttpClient().generic(method, path, headers=headers)

    with Threads(AT_ONCE) as threads:
        answers = threads.at_once([ask("POST")] * AT_ONCE)
        assert [answer.status_code for answer in answers] == [200] * AT_ONCE
        assert len({answer.json()["serverUrl"] for answer in answers}) == AT_ONCE
        one = ServiceInstance.objects.get()
        assert (one.state, one.revision) == (State.REQUESTED, 1)
        crossed = threads.at_once([ask("POST"), ask("DELETE")] * (AT_ONCE // 2))
    assert {answer.status_code for answer in crossed} == {200}
    assert ServiceInstance.objects.active().count() <= 1
    left = ServiceInstance.objects.active().filter(hidden_at__isnull=False)
    assert not left.exists(), "its owner could not see it"


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


def all_at_once(*calls: Any) -> list[Any]:
    """The results of these calls; a refusal is one, any other exception an error."""
    with Threads(len(calls)) as threads:
        results = threads.at_once(list(calls))
    for result in results:
        assert isinstance(result, Refused) or not isinstance(result, Exception), repr(result)
    return results


def steps_to(instance: ServiceInstance, state: State) -> int:
    return InstanceEvent.objects.filter(instance=instance, to_state=state).count()


@pytest.mark.parametrize("trial", range(TRIALS))
def test_of_stop_and_wake_at_once_nothing_is_left_open(world: World, trial):  # noqa: F811
    world.price = 90
    instance = world.ready()
    lifecycle.sleep(instance, actor="hub")
    calls: list[Any] = []
    for _ in range(4):
        one, other = world.again(instance), world.again(instance)
        calls.append(lambda row=one: lifecycle.wake(row, actor="ann", by="a page"))
        calls.append(lambda row=other: lifecycle.stop(row, actor="ann", reason=Reason.OWNER))
    results = all_at_once(*calls)
    assert sum(results[1::2]) == 1  # one of them stopped it
    assert world.again(instance).state == State.STOPPING
    assert world.reserved() == 0
    assert world.charged() == metering.charged_units(1, 90)
    assert ledger.check_ledger() == []


@pytest.mark.parametrize("trial", range(TRIALS))
def test_two_followers_and_two_workers_do_each_thing_once(world: World, trial):  # noqa: F811
    world.price = 90
    instance = world.start()
    all_at_once(*[tasks.start_due] * 4)
    assert steps_to(instance, State.STARTING) == 1
    world.engine.start_all()
    level = world.engine.level()
    followers = [lambda: world.follower.compare(level)] * 4
    all_at_once(*followers, tasks.sweep, tasks.sweep)
    assert steps_to(instance, State.READY) == 1
    world.clock.pass_by(minutes=25.5)
    all_at_once(*[tasks.sweep] * 4, *followers)
    assert world.again(instance).state == State.READY
    entries = LedgerEntry.objects.filter(user=world.user)
    assert Counter(entries.values_list("kind", flat=True)) == {
        "grant": 1,
        "reserve": 3,
        "settle": 2,
    }
    assert (world.charged(), world.reserved()) == (metering.charged_units(20, 90), 15)
    stop = {"actor": "ann", "reason": Reason.OWNER}
    rows = [world.again(instance) for _ in range(4)]
    all_at_once(*[lambda row=row: lifecycle.stop(row, **stop) for row in rows], tasks.sweep)
    assert (world.charged(), world.reserved()) == (metering.charged_units(26, 90), 0)
    assert ledger.check_ledger() == []
