"""What calls of services cost the database: it must not grow unseen."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from services.models import InstanceEvent, State
from tests.accounts.factories import bearer, make_user
from tests.services.factories import CONFIGURATION, make_instance, make_profile

pytestmark = pytest.mark.django_db

XCUBE = "/api/v2/xcube"
SIGN_IN = 1
"""The token, its user and what the user may do."""


@pytest.fixture
def user():
    return make_user("ann@example.org", ["manage:cubegens"], units=100)


@pytest.fixture
def statements(client, user):
    """How many statements a call takes, the second time; savepoints apart."""
    headers = bearer(user)

    def count(method: str, path: str, body: object = None) -> int:
        def call() -> None:
            data = "" if body is None else json.dumps(body)
            answer = client.generic(
                method, path, data, content_type="application/json", headers=headers
            )
            assert answer.status_code in (200, 201), answer.content

        call()  # the first compiles, and fills caches of content types and switches
        with CaptureQueriesContext(connection) as captured:
            call()
        return sum("SAVEPOINT" not in query["sql"] for query in captured.captured_queries)

    return count


def test_a_list_takes_as_many_for_a_hundred_as_for_one(statements, user):
    make_instance(user, state=State.READY)
    assert statements("GET", XCUBE) == SIGN_IN + 2, "how many there are, and the page"
    for number in range(99):
        make_instance(user, state=State.ASLEEP, profile=make_profile(f"p{number % 7}"))
    assert statements("GET", XCUBE) == SIGN_IN + 2


def test_a_detail_takes_one_however_large_it_is(statements, user):
    datasets = [
        {"Identifier": f"d{n}", "StoreInstanceId": "@cubes", "Path": f"{n}.zarr"}
        for n in range(100)
    ]
    instance = make_instance(user, state=State.READY, configuration={"Datasets": datasets})
    for _ in range(50):
        InstanceEvent.objects.create(instance=instance, to_state=State.READY, actor="worker")
    assert statements("GET", f"{XCUBE}/{instance.instance_id}") == SIGN_IN + 1


@pytest.mark.parametrize(("rest", "count"), [("events", 3), ("logs", 2)])
def test_timeline_and_log_take_few(statements, user, rest, count):
    instance = make_instance(user, state=State.FAILED, log="line\n" * 5000)
    for _ in range(50):
        InstanceEvent.objects.create(instance=instance, to_state=State.READY, actor="worker")
    assert statements("GET", f"{XCUBE}/{instance.instance_id}/{rest}") == SIGN_IN + count


def test_profiles_take_one(statements):
    for number in range(10):
        make_profile(f"p{number}")
    assert statements("GET", "/api/v2/profiles") == SIGN_IN + 1


def test_a_start_takes_a_fixed_number(statements, user, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_SERVICES_PER_USER": 1000}
    first = statements("POST", XCUBE, {"configuration": CONFIGURATION})
    for _ in range(50):
        make_instance(user)
    assert statements("POST", XCUBE, {"configuration": CONFIGURATION}) == first
    assert first == SIGN_IN + 11
