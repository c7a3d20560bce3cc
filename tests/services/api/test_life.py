"""A service by the API alone, with an engine that does as the test says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hubsite.engines.facts import Phase
from services.models import ServiceInstance, State
from tests.accounts.factories import bearer
from tests.services.factories import CONFIGURATION, make_profile

pytestmark = pytest.mark.django_db

XCUBE = "/api/v2/xcube"


@pytest.fixture
def ask(client, world):
    headers = bearer(world.user, ["manage:cubegens"])

    def send(method: str, path: str = "", body: Any = None) -> Any:
        data = "" if body is None else json.dumps(body)
        answer = client.generic(
            method, f"{XCUBE}{path}", data, content_type="application/json", headers=headers
        )
        assert answer.status_code in (200, 201), answer.content
        return answer.json()

    return send


@pytest.fixture
def start(ask):
    def call() -> dict[str, Any]:
        make_profile(units_per_hour=60)
        return ask("POST", "", {"configuration": CONFIGURATION})

    return call


def is_over_without_a_trace(world, instance_id: str) -> None:
    instance = ServiceInstance.objects.get(instance_id=instance_id)
    assert (instance.state, instance.reason, instance.is_live) == (State.STOPPED, "OWNER", False)
    assert world.engine.objects == {}
    assert world.reserved() == 0


def test_from_start_to_end(world, start, ask):
    made = start()
    path = f"/{made['id']}"
    world.turn()
    assert ask("GET", path)["state"] == "STARTING"
    world.engine.start_all()
    world.look()
    ready = ask("GET", path)
    assert (ready["state"], ready["server_url"]) == ("READY", made["server_url"])
    assert ready["sleeps_at"] < ready["stops_at"]
    asleep = ask("POST", f"{path}/sleep")
    assert (asleep["state"], asleep["message"]) == ("ASLEEP", "Its owner put it to sleep.")
    world.turn()
    assert [fact.phase for fact in world.engine.objects.values()] == [Phase.ASLEEP]
    assert ask("POST", f"{path}/wake")["state"] == "STARTING"
    ask("DELETE", path)
    world.turn()
    is_over_without_a_trace(world, made["id"])
    steps = [row["to_state"] for row in ask("GET", f"{path}/events") if row["to_state"]]
    assert steps == [
        "REQUESTED", "STARTING", "READY", "ASLEEP", "STARTING", "STOPPING", "STOPPED",
    ]  # fmt: skip
    assert ask("GET", path)["units"]["charged"] == world.charged() == 1


def test_deleted_before_the_worker_saw_it_nothing_is_started(world, start, ask):
    made = start()
    ask("DELETE", f"/{made['id']}")
    world.turn()
    assert world.engine.applied == []
    is_over_without_a_trace(world, made["id"])
    assert world.charged() == 0


def test_deleted_while_it_starts_its_object_is_removed_and_costs_nothing(world, start, ask):
    made = start()
    world.turn()
    assert list(world.engine.objects) == [made["id"]]
    ask("DELETE", f"/{made['id']}")
    ask("DELETE", f"/{made['id']}")
    assert ask("GET") == []
    world.engine.start_all()  # it becomes ready although nobody wants it any more
    world.turn()
    is_over_without_a_trace(world, made["id"])
    assert world.charged() == 0


def test_deleted_while_the_engine_is_away_it_is_removed_later(world, start, ask):
    made = start()
    world.turn()
    world.engine.is_away = True
    ask("DELETE", f"/{made['id']}")
    assert ask("GET", f"/{made['id']}")["state"] == "STOPPING"
    assert start()["state"] == "REQUESTED", "a start waits for no engine"
    world.engine.is_away = False
    world.clock.pass_by(minutes=1)
    world.turn()
    assert made["id"] not in world.engine.objects


def test_another_configuration_reaches_what_runs_at_the_same_url(world, ask):
    make_profile()
    body = {"user_id": world.user.user_id, "cfg": CONFIGURATION}
    first = ask("PUT", "", body)
    world.turn()
    world.engine.start_all()
    world.look()
    ask("POST", f"/{first['id']}/sleep")
    world.turn()
    changed = {"Datasets": [{**CONFIGURATION["Datasets"][0], "Identifier": "other"}]}
    second = ask("PUT", "", {**body, "cfg": changed})
    assert (second["id"], second["state"]) == (first["id"], "STARTING"), "it is woken by it"
    world.turn()
    assert list(world.engine.objects) == [first["id"]]
    assert "other" in json.dumps(dict(world.engine.applied[-1].payload))
