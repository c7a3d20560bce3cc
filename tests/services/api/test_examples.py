"""The examples in the API document are what the hub takes and answers."""

from __future__ import annotations

import pytest

from services.api import examples
from services.models import State
from services.xcube_server.configuration import check_configuration
from tests.accounts.factories import bearer, make_user
from tests.api_document import answer_faults, api_document, operations

pytestmark = pytest.mark.django_db


def test_the_configuration_is_accepted_as_it_stands():
    checked = check_configuration(examples.CONFIGURATION, field="configuration")
    assert checked == examples.CONFIGURATION


@pytest.mark.parametrize("body", [examples.START_REQUEST, examples.MAIN_REQUEST])
def test_the_requests_start_a_server(client, body):
    user = make_user(permissions=["manage:cubegens"])
    is_main = "user_id" in body
    body = {**body, "user_id": user.username} if is_main else body
    send = client.put if is_main else client.post
    answer = send("/api/v2/xcube", body, content_type="application/json", headers=bearer(user))
    assert answer.status_code == 201, answer.content
    shown = examples.MAIN_STARTED if is_main else examples.STARTED
    assert set(answer.json()) == set(shown)
    for name in ("kind", "profile", "title", "state", "datasets", "broken", "units"):
        assert answer.json()[name] == shown[name], name


def test_every_state_and_member_is_described():
    schema = api_document()["components"]["schemas"]["ServiceInstanceSummary"]
    assert set(schema["required"]) == set(schema["properties"]) == set(examples.READY_SUMMARY)
    assert {State(shown["state"]) for shown in (examples.READY, examples.FAILED)} <= set(State)
    assert answer_faults("GET /xcube", 200, [examples.ASLEEP_SUMMARY, examples.KEPT_SUMMARY]) == []


def test_every_operation_of_services_says_who_may_and_has_an_example():
    of_services = {
        name: operation for name, operation in operations() if "Services" in operation["tags"]
    }
    assert len(of_services) >= 11
    for name, operation in of_services.items():
        assert "manage:cubegens" in operation["description"], name
        good = next(answer for status, answer in operation["responses"].items() if status < "300")
        assert good["content"]["application/json"].get("examples"), name
