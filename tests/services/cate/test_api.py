"""Cate web APIs as Cate's app and its first web UI call them."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tokens import hub_tokens
from hubsite import switches
from hubsite.engines.facts import Phase, Reason
from hubsite.health import parts
from hubsite.health.heartbeat import beat
from services import tasks
from services.checks import check_cate
from services.models import EdgeSession, InstanceEvent, ServiceInstance, State
from tests.accounts.factories import bearer, make_user
from tests.services.factories import make_instance, make_profile

pytestmark = pytest.mark.django_db

API = "/api/v2"
SCOPE = "manage:cubegens"


@pytest.fixture(autouse=True)
def configured(settings) -> None:
    command = ("cate-webapi-start", "-p", "{port}", "-a", "{address}")
    settings.HUB = {**settings.HUB, "XCUBE_HUB_CATE_COMMAND": command}


@pytest.fixture
def set_hub(settings):
    def change(**values: Any) -> None:
        settings.HUB = {**settings.HUB, **values}

    return change


@pytest.fixture
def user():
    return make_user("ann.lee@example.org", [SCOPE], units=100)


@pytest.fixture
def ask(client, user):
    """Calls a path as the user, or as `by`; None: without a token."""

    def send(method: str, path: str | None = None, *, by: Any = user, **headers: str) -> Any:
        path = path or f"{API}/users/{user.username}/webapis"
        who = bearer(by, [SCOPE]) if by else {}
        return client.generic(method, path, headers={**who, **headers})

    return send


def cate(owner: Any, **fields: Any) -> ServiceInstance:
    profile = make_profile("cate", kind="cate_webapi")
    return make_instance(
        owner, profile=profile, configuration={"started_at": "x"}, slot="cate", **fields
    )


class TestSequence:
    def test_of_the_app_from_launch_to_logout(self, ask, world, client):
        """Count, launch, ask until it runs, log out: the calls of Cate's app 3."""
        world.user.user_permissions.all()
        mine = f"{API}/users/{world.user.username}/webapis"
        assert ask("GET", f"{API}/webapis", by=None).json() == {"running_pods": 0}
        started = ask("POST", mine, by=world.user)
        assert started.status_code == 200
        assert set(started.json()) == {"serverUrl"}
        instance = ServiceInstance.objects.get()
        base, _, key = started.json()["serverUrl"].partition("/.xcube-hub/key/")
        assert instance.instance_id in base and len(key) == 43
        assert ask("GET", mine, by=world.user).json()["phase"] == "Pending"
        world.turn()
        (spec,) = world.engine.applied
        assert spec.container.command.keeps == f"{world.user.username}-cate"
        assert spec.probe == "/" and spec.container.program is None
        assert ask("GET", mine, by=world.user).json()["phase"] == "Pending"
        world.engine.start_all()
        world.look()
        status = ask("GET", mine, by=world.user).json()
        assert status["phase"] == "Running"
        (container,) = status["container_statuses"]
        assert container["ready"] and container["state"]["running"]["started_at"]
        assert container["last_state"]["terminated"] is None
        assert ask("GET", f"{API}/webapis", by=None).json() == {"running_pods": 1}
        assert ask("DELETE", mine, by=None).status_code == 401
        assert ask("DELETE", mine, by=world.user).json() is True
        assert ask("GET", mine, by=world.user).json() == {"phase": "Unknown"}
        assert ask("DELETE", mine, by=world.user).json() is True

    @pytest.mark.parametrize("root", ["/", "http://testserver//", f"{API}/"])
    def test_of_the_first_web_ui_in_its_envelope(self, ask, user, root):
        mine = f"{root}user/{user.username}/webapi"
        count = ask("GET", f"{root}webapi/count", by=None)
        assert count.json() == {"status": "ok", "result": {"running_pods": 0}}
        started = ask("POST", mine).json()
        assert started["status"] == "ok" and "/.xcube-hub/key/" in started["result"]["serverUrl"]
        assert ask("GET", mine).json()["result"]["phase"] == "Pending"
        assert ask("GET", mine, by=None).status_code == 401
        assert ask("DELETE", mine).json() == {"status": "ok", "result": True}
        assert ask("GET", mine).json()["result"] == {"phase": "Unknown"}

    @pytest.mark.parametrize(
        "path",
        ["/user/ann/webapi", "http://testserver//user/ann/webapi", f"{API}/users/ann/webapis"],
    )
    def test_of_a_browser_elsewhere(self, client, path):
        headers = {"Origin": "https://cate.example.org"}
        asked = {**headers, "Access-Control-Request-Method": "POST"}
        preflight = client.generic("OPTIONS", path, headers=asked)
        assert preflight.status_code == 204
        assert "Authorization" in preflight["Access-Control-Allow-Headers"]
        refused = client.generic("GET", path, headers=headers)
        assert (refused.status_code, refused["Access-Control-Allow-Origin"]) == (401, "*")


class TestStartAgain:
    def test_while_it_runs_it_begins_anew_at_another_url(self, ask, world):
        mine = f"{API}/users/{world.user.username}/webapis"
        first = ask("POST", mine, by=world.user).json()["serverUrl"]
        world.turn()
        world.engine.start_all()
        world.look()
        again = ask("POST", mine, by=world.user).json()["serverUrl"]
        assert again != first
        instance = ServiceInstance.objects.get()
        assert (instance.state, instance.revision) == (State.STARTING, 2)
        world.turn()
        before, now = world.engine.applied
        assert before.payload != now.payload and now.revision == 2
        world.engine.start_all()
        world.look()
        assert ask("GET", mine, by=world.user).json()["phase"] == "Running"
        assert EdgeSession.objects.filter(ended_at=None).count() == 2

    def test_while_it_starts_it_is_the_same_start(self, ask):
        urls = {ask("POST").json()["serverUrl"] for _ in range(3)}
        instance = ServiceInstance.objects.get()
        assert len(urls) == 3 and instance.revision == 1
        assert InstanceEvent.objects.count() == 1

    def test_while_it_sleeps_it_wakes(self, ask, user):
        instance = cate(user, state=State.ASLEEP, applied_revision=1)
        assert ask("GET").json()["phase"] == "Succeeded"
        assert ask("POST").status_code == 200
        instance.refresh_from_db()
        assert (instance.state, ServiceInstance.objects.count()) == (State.STARTING, 1)

    def test_after_it_failed_it_is_a_new_one(self, ask, user):
        cate(user, state=State.FAILED, reason="CRASH_LOOP")
        assert ask("GET").json()["phase"] == "Failed"
        assert ask("POST").status_code == 200
        assert ask("GET").json()["phase"] == "Pending"

    def test_one_that_cannot_be_paid_goes_on(self, ask, world):
        make_profile("cate", kind="cate_webapi", units_per_hour=600)
        mine = f"{API}/users/{world.user.username}/webapis"
        ask("POST", mine, by=world.user)
        world.turn()
        world.engine.start_all()
        world.look()
        world.user.balance.refresh_from_db()
        type(world.user.balance).objects.update(total=world.user.balance.reserved)
        world.clock.pass_by(minutes=11)
        refused = ask("POST", mine, by=world.user)
        assert refused.status_code in (402, 413), refused.content
        assert ask("GET", mine, by=world.user).json()["phase"] == "Running"


class TestStatus:
    def test_an_end_for_memory_is_shown_as_kubernetes_calls_it(self, ask, world):
        mine = f"{API}/users/{world.user.username}/webapis"
        ask("POST", mine, by=world.user)
        instance = ServiceInstance.objects.get()
        world.turn()
        world.engine.start_all()
        world.look()
        message = "The server used more than its 512 MiB of memory."
        world.engine.show(
            instance.instance_id, Phase.PENDING, reason=Reason.OUT_OF_MEMORY, message=message,
            restarts=1,
        )  # fmt: skip
        world.look()
        (container,) = ask("GET", mine, by=world.user).json()["container_statuses"]
        assert container["last_state"]["terminated"]["reason"] == "OOMKilled"
        assert container["last_state"]["terminated"]["exit_code"] == 137
        assert container["last_state"]["terminated"]["message"] == message
        assert container["state"]["waiting"] and container["restart_count"] == 1
        world.engine.show(instance.instance_id, Phase.RUNNING, reason=None, message=None)
        world.look()
        (container,) = ask("GET", mine, by=world.user).json()["container_statuses"]
        assert container["state"]["running"]
        assert container["last_state"]["terminated"]["exit_code"] == 137
        world.engine.show(
            instance.instance_id, Phase.FAILED, reason=Reason.OUT_OF_MEMORY, message=message
        )
        world.look()
        status = ask("GET", mine, by=world.user).json()
        assert (status["phase"], status["reason"]) == ("Failed", "OUT_OF_MEMORY")
        ended = status["container_statuses"][0]["state"]["terminated"]
        assert (ended["reason"], ended["exit_code"]) == ("OOMKilled", 137)

    def test_it_costs_few_statements(self, ask, user):
        cate(user, state=State.READY)
        ask("GET")
        with CaptureQueriesContext(connection) as asked:
            assert ask("GET").json()["phase"] == "Running"
        reads = [q["sql"] for q in asked if "services_" in q["sql"]]
        assert len(reads) == 2, reads
        with CaptureQueriesContext(connection) as asked:
            assert ask("GET", f"{API}/webapis", by=None).json() == {"running_pods": 1}
        assert len(asked) == 1
        with CaptureQueriesContext(connection) as asked:
            assert ask("POST").status_code == 200
        assert len([q for q in asked if "SAVEPOINT" not in q["sql"]]) <= 30


class TestNames:
    """The account decides; the name in the path must be one of its names."""

    def names(self, user: Any) -> list[str]:
        return [user.username, user.email, "ann-lee-example-org", "ann_lee@example.org"]

    def test_each_spelling_of_the_users_own_name(self, ask, user):
        for name in self.names(user):
            assert ask("GET", f"{API}/users/{name}/webapis").status_code == 200, name

    @pytest.mark.parametrize(
        "name",
        ["Ann", "ANN.LEE@example.org", "-ann", "ann-", ".", "..a.", "a" * 64, "ännchen", "a b",
         "a%20b", "a%00", "%2e%2e", "a+b", "1" * 300, "ann.lee@example.org.", "'", "{user}"],
    )  # fmt: skip
    def test_what_is_no_name_is_told_apart(self, ask, name):
        for method in ("GET", "POST", "DELETE"):
            answer = ask(method, f"{API}/users/{name}/webapis")
            assert answer.status_code == 400, (method, answer.content)
            assert "Invalid user name." in answer.json()["message"]
        assert not ServiceInstance.objects.exists()

    @pytest.mark.parametrize(
        "name", ["an", "ann", "ann-lee", "anna", "dr.who", "a" * 63, "ann-lee-example-orga"]
    )
    def test_another_name_is_refused(self, ask, user, name):
        cate(user, state=State.READY)
        for method in ("GET", "POST", "DELETE"):
            answer = ask(method, f"{API}/users/{name}/webapis")
            assert answer.status_code == 403, (method, answer.content)
        assert ServiceInstance.objects.get().state == State.READY

    def test_two_accounts_of_names_that_collide_have_each_their_own(self, ask):
        pair = [make_user(email, [SCOPE]) for email in ("a.b@example.org", "a_b@example.org")]
        for one in pair:
            path = f"{API}/users/a-b-example-org/webapis"
            assert ask("POST", path, by=one).status_code == 200
        assert {row.owner for row in ServiceInstance.objects.all()} == set(pair)
        assert ask("DELETE", f"{API}/users/a.b@example.org/webapis", by=pair[0]).json() is True
        left = ServiceInstance.objects.get(hidden_at=None)
        assert left.owner == pair[1] and left.state == State.REQUESTED

    def test_the_user_name_of_a_providers_token(self, ask, client, user, monkeypatch):
        monkeypatch.setattr(
            hub_tokens, "more_claims", lambda user: {"preferred_username": "dr.who"}
        )
        for name in ("dr.who", "dr-who", "dr_who"):
            assert ask("POST", f"{API}/users/{name}/webapis").status_code == 200
            assert ask("DELETE", f"{API}/users/{name}/webapis").json() is True
        stopped = ServiceInstance.objects.filter(state=State.STOPPED, owner=user)
        assert stopped.count() == 3

    def test_an_operator_acts_for_the_user(self, ask, user):
        operator = make_user("op@example.org", is_staff=True)
        operator.groups.set(Group.objects.filter(name="operator"))
        headers = bearer(type(operator).objects.get(pk=operator.pk))
        answer = ask("POST", by=None, **headers, **{"X-Act-For": user.username})
        assert answer.status_code == 200, answer.content
        assert ServiceInstance.objects.get().owner == user
        assert ask("POST", by=None, **headers).status_code == 403


class TestLimits:
    def test_too_many_are_answered_413(self, ask, set_hub):
        set_hub(XCUBE_HUB_CATE_MOST=1)
        for number in range(2):
            cate(make_user(), state=(State.READY, State.STARTING)[number])
        cate(make_user(), state=State.ASLEEP)
        refused = ask("POST")
        assert refused.status_code == 413
        assert refused.json()["message"] == "Too many pods running."
        assert ask("GET").json() == {"phase": "Unknown"}
        assert ask("GET", f"{API}/webapis", by=None).json() == {"running_pods": 2}

    def test_ones_own_does_not_count(self, ask, set_hub):
        set_hub(XCUBE_HUB_CATE_MOST=0)
        assert [ask("POST").status_code for _ in range(2)] == [200, 200]

    @pytest.mark.parametrize(
        "values",
        [{"CATE_SILENT": True}, {"XCUBE_HUB_CATE_COMMAND": ()},
         {"XCUBE_HUB_CATE_COMMAND": ("cate", "-p", "4000")},
         {"XCUBE_HUB_ENGINE": "kubernetes"}],
    )  # fmt: skip
    def test_switched_off_by_a_setting_is_422_but_counted(self, ask, user, set_hub, values):
        set_hub(**values)
        for path in (f"{API}/users/{user.username}/webapis", f"/user/{user.username}/webapi"):
            for method in ("GET", "POST", "DELETE"):
                assert ask(method, path).status_code == 422, (method, path)
        assert ask("GET", f"{API}/webapis", by=None).status_code == 200
        services = {it["name"]: it for it in ask("GET", f"{API}/services").json()}
        assert services["cate"]["status"] == "Suspended"
        assert "switched off" in services["cate"]["message"]

    @pytest.mark.parametrize(
        ("values", "said"),
        [({"XCUBE_HUB_CATE_COMMAND": ("cate", "-p", "4000")}, "with {port} or {socket}"),
         ({"XCUBE_HUB_ENGINE": "kubernetes"}, "need XCUBE_HUB_CATE_IMAGE"),
         ({"XCUBE_HUB_CATE_COMMAND": ("cate", "{socket}")}, ""),
         ({"XCUBE_HUB_CATE_COMMAND": ()}, ""),
         ({"XCUBE_HUB_ENGINE": "kubernetes", "XCUBE_HUB_CATE_IMAGE": "cate:1"}, "")],
    )  # fmt: skip
    def test_half_a_configuration_is_told_to_operators(self, set_hub, values, said):
        set_hub(**values)
        messages = [warning.msg for warning in check_cate()]
        assert bool(messages) == bool(said)
        assert all(said in message for message in messages)

    def test_it_is_ready_when_its_parts_are_there(self, client):
        def told() -> dict[str, str]:
            parts.forget()
            services = client.get(f"{API}/services").json()
            return next(it for it in services if it["name"] == "cate")

        assert told()["status"] == "Error"
        for name in ("edge", "worker", "outside"):
            beat(name)
        for name in ("service follower", "service engine", "follower", "engine"):
            beat(name, "local")
        assert told() == {
            "name": "cate", "status": "Ready", "message": "Cate web APIs can be started.",
        }  # fmt: skip

    def test_suspended_takes_no_new_start_but_shows_and_stops(self, ask, user):
        instance = cate(user, state=State.READY)
        switches.suspend("cate", message="Maintenance until 14:00.", actor="ann")
        refused = ask("POST")
        assert (refused.status_code, refused.json()["message"]) == (422, "Maintenance until 14:00.")
        assert ask("GET").json()["phase"] == "Running"
        assert ask("DELETE").json() is True
        switches.resume("cate", actor="ann")
        instance.refresh_from_db()
        assert instance.state == State.STOPPING

    def test_suspending_cate_leaves_viewers_alone(self, world):
        viewer = world.start()
        switches.suspend("cate", message="Closed.", actor="ann", end_work=True)
        waiting = cate(world.user, state=State.REQUESTED, is_live=True)
        tasks.start_due()
        assert world.again(viewer).state == State.STARTING
        assert world.again(waiting).state == State.REQUESTED
        switches.resume("cate", actor="ann")
        tasks.start_due()
        assert world.again(waiting).state == State.STARTING
        switches.suspend("xcube_serve", message="Closed.", actor="ann", end_work=True)
        assert world.again(viewer).state == State.STOPPING
        assert world.again(waiting).state == State.STARTING
