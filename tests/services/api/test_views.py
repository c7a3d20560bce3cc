"""The endpoints of services, as their users call them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import ActingEntry
from services.models import (
    InstanceDocument,
    InstanceEvent,
    Reason,
    ServiceInstance,
    StartKey,
    State,
)
from tests.accounts.factories import bearer, make_user
from tests.api_document import answer_faults
from tests.services.factories import CONFIGURATION, make_instance, make_profile

pytestmark = pytest.mark.django_db

API = "/api/v2"
XCUBE = f"{API}/xcube"
SCOPE = "manage:cubegens"


@pytest.fixture
def user():
    return make_user("ann@example.org", [SCOPE], units=100)


@pytest.fixture
def ask(client, user):
    """Sends a request as the user."""

    def send(method: str, path: str, body: Any = None, *, by=user, **headers: str):
        return client.generic(
            method,
            path if path.startswith("/") else f"{XCUBE}/{path}",
            "" if body is None else json.dumps(body),
            content_type="application/json",
            headers={**bearer(by, [SCOPE]), **headers},
        )

    return send


def start(ask, **fields: Any):
    return ask("POST", XCUBE, {"configuration": CONFIGURATION, **fields})


class TestStart:
    def test_it_answers_the_row_with_its_urls_before_anything_runs(self, ask, user):
        answer = start(ask, title="North Sea", profile="small")
        body = answer.json()
        instance = ServiceInstance.objects.get()
        assert answer.status_code == 201
        assert answer["Location"] == f"{XCUBE}/{instance.instance_id}"
        assert body["id"] == instance.instance_id
        assert (body["state"], body["profile"], body["title"]) == (
            "REQUESTED", "small", "North Sea",
        )  # fmt: skip
        assert instance.instance_id in body["server_url"]
        assert body["viewer_url"] == f"{body['server_url'].rstrip('/')}/viewer/"
        assert body["datasets"] == ["demo"]
        assert (instance.owner, instance.slot, instance.applied_revision) == (user, "", 0)
        assert instance.document.configuration["Datasets"] == CONFIGURATION["Datasets"]
        assert answer_faults("POST /xcube", 201, body) == []

    def test_each_start_is_a_service_of_its_own(self, ask):
        first, second = start(ask).json(), start(ask).json()
        assert first["id"] != second["id"]
        assert first["server_url"] != second["server_url"]

    def test_the_default_profile_is_the_first_that_the_user_may_use(self, ask, user):
        make_profile("large", position=-1).roles.add(Group.objects.create(name="gpu"))
        assert start(ask).json()["profile"] == "small"
        user.groups.add(Group.objects.get(name="gpu"))
        assert start(ask).json()["profile"] == "large"

    def test_a_profile_for_others_is_refused_in_words(self, ask):
        make_profile("large").roles.add(Group.objects.create(name="gpu"))
        answer = start(ask, profile="large")
        assert answer.status_code == 403
        assert answer.json()["errors"] == [
            {
                "field": "profile",
                "message": "the name of a profile that you may use is expected",
            }
        ]
        assert not ServiceInstance.objects.exists()

    def test_a_profile_that_is_not_there_names_those_that_are(self, ask):
        make_profile("secret").roles.add(Group.objects.create(name="gpu"))
        answer = start(ask, profile="huge")
        assert answer.status_code == 400
        assert answer.json()["errors"] == [
            {"field": "profile", "message": "one of small is expected"}
        ]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "configuration"),
            ({"configuration": None}, "configuration"),
            ({"configuration": []}, "configuration"),
            ({"configuration": "Datasets"}, "configuration"),
            ({"configuration": CONFIGURATION, "title": 5}, "title"),
            ({"configuration": CONFIGURATION, "title": "x" * 201}, "title"),
            ({"configuration": CONFIGURATION, "title": "a\u202eb"}, "title"),
            ({"configuration": CONFIGURATION, "profile": ["small"]}, "profile"),
            ({"configuration": CONFIGURATION, "profile": {"$ne": 1}}, "profile"),
            ({"configuration": CONFIGURATION, "profile": "x" * 41}, "profile"),
            ({"configuration": CONFIGURATION, "slot": "main"}, "slot"),
            ({"configuration": CONFIGURATION, "engine": "local"}, "engine"),
            ([], ""),
            ("text", ""),
            (None, ""),
            (7, ""),
        ],
    )
    def test_what_is_wrong_is_named(self, client, user, body, field):
        answer = client.post(
            XCUBE, json.dumps(body), content_type="application/json", headers=bearer(user, [SCOPE])
        )
        assert answer.status_code == 400, answer.content
        assert [error["field"] for error in answer.json().get("errors", [])] == [field]
        assert not ServiceInstance.objects.exists()

    @pytest.mark.parametrize(
        ("data", "status"),
        [
            (b"", 400),
            (b"{", 400),
            (b"\xff\xfe", 400),
            (b'{"configuration": NaN}', 400),
            (b'{"configuration": {}, "configuration": {}}', 400),
            (b'{"configuration": ' + b"[" * 50 + b"]" * 50 + b"}", 400),
            (b'{"configuration": {"a": "\\u0000"}}', 400),
            (b'{"configuration": {"a": ' + b"1" * 50 + b"}}", 400),
            (b'{"configuration": [' + b"{}," * 30_000 + b"{}]}", 413),
            (b'{"configuration": "' + b"x" * 1_100_000 + b'"}', 413),
        ],
    )
    @pytest.mark.parametrize("method", ["POST", "PUT"])
    def test_hostile_bodies_are_refused(self, client, user, method, data, status):
        answer = client.generic(
            method, XCUBE, data, content_type="application/json", headers=bearer(user, [SCOPE])
        )
        assert answer.status_code == status, answer.content
        assert answer["Content-Type"].startswith("application/problem+json")
        assert not ServiceInstance.objects.exists()

    def test_a_form_is_not_read(self, client, user):
        answer = client.post(XCUBE, {"configuration": "{}"}, headers=bearer(user, [SCOPE]))
        assert answer.status_code == 415


class TestRepeated:
    def test_the_same_key_answers_the_first_service(self, ask):
        key = {"Idempotency-Key": "k-1"}
        body = {"configuration": CONFIGURATION}
        first, second = ask("POST", XCUBE, body, **key), ask("POST", XCUBE, body, **key)
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json()["id"] == second.json()["id"]
        assert ServiceInstance.objects.count() == 1

    def test_it_answers_so_even_at_the_limit(self, ask, settings):
        settings.HUB = {**settings.HUB, "XCUBE_HUB_SERVICES_PER_USER": 1}
        key = {"Idempotency-Key": "k-1"}
        body = {"configuration": CONFIGURATION}
        first = ask("POST", XCUBE, body, **key)
        assert ask("POST", XCUBE, body, **key).json()["id"] == first.json()["id"]
        assert start(ask).status_code == 413

    @pytest.mark.parametrize(
        "other",
        [
            {"title": "other"},
            {"profile": "small"},
            {"configuration": {**CONFIGURATION, "Styles": []}},
        ],
    )
    def test_with_another_request_it_is_refused(self, ask, other):
        key = {"Idempotency-Key": "k-1"}
        ask("POST", XCUBE, {"configuration": CONFIGURATION}, **key)
        answer = ask("POST", XCUBE, {"configuration": CONFIGURATION, **other}, **key)
        assert answer.status_code == 422
        assert ServiceInstance.objects.count() == 1

    def test_two_users_may_use_the_same_key(self, ask, user):
        key = {"Idempotency-Key": "k-1"}
        ids = {
            ask("POST", XCUBE, {"configuration": CONFIGURATION}, by=by, **key).json()["id"]
            for by in (user, make_user(permissions=[SCOPE]))
        }
        assert len(ids) == 2

    def test_a_day_later_it_is_another_start(self, ask):
        key = {"Idempotency-Key": "k-1"}
        body = {"configuration": CONFIGURATION}
        first = ask("POST", XCUBE, body, **key).json()["id"]
        StartKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
        assert ask("POST", XCUBE, body, **key).json()["id"] != first

    @pytest.mark.parametrize("key", ["", "x" * 256, "a\x7fb"])
    def test_a_key_is_short_and_printable(self, ask, key):
        answer = ask("POST", XCUBE, {"configuration": CONFIGURATION}, **{"Idempotency-Key": key})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "Idempotency-Key"

    def test_a_refused_start_leaves_no_key(self, ask, settings):
        settings.HUB = {**settings.HUB, "XCUBE_HUB_SERVICES_PER_USER": 0}
        key = {"Idempotency-Key": "k-1"}
        assert ask("POST", XCUBE, {"configuration": CONFIGURATION}, **key).status_code == 413
        assert not StartKey.objects.exists()


class TestMainServer:
    """`PUT /xcube` of the contract."""

    def put(self, ask, user, cfg: Any = CONFIGURATION, **options: Any):
        return ask("PUT", XCUBE, {"user_id": user.username, "cfg": cfg}, **options)

    def test_it_starts_the_main_server(self, ask, user):
        answer = self.put(ask, user)
        body = answer.json()
        assert answer.status_code == 201
        assert body["server_url"]
        assert body["viewer_url"].startswith(body["server_url"].rstrip("/"))
        assert ServiceInstance.objects.get().slot == "main"
        assert answer_faults("PUT /xcube", 201, body) == []

    def test_repeated_it_replaces_the_configuration_at_the_same_url(self, ask, user):
        first = self.put(ask, user).json()
        changed = {"Datasets": [{**CONFIGURATION["Datasets"][0], "Identifier": "other"}]}
        second = self.put(ask, user, changed).json()
        assert (second["id"], second["server_url"]) == (first["id"], first["server_url"])
        assert second["datasets"] == ["other"]
        instance = ServiceInstance.objects.get()
        assert instance.document.configuration["Datasets"] == changed["Datasets"]
        assert instance.revision > 1

    def test_after_its_end_it_starts_another(self, ask, user):
        first = self.put(ask, user).json()["id"]
        ServiceInstance.objects.update(state=State.STOPPED, is_live=False)
        assert self.put(ask, user).json()["id"] != first

    @pytest.mark.parametrize("user_id", ["drwho", "a" + "0" * 32, "ann@example.org", "../x", " "])
    def test_the_server_of_somebody_else_is_refused(self, ask, user_id):
        answer = ask("PUT", XCUBE, {"user_id": user_id, "cfg": CONFIGURATION})
        assert answer.status_code == 403, answer.content
        assert answer.json()["errors"][0]["field"] == "user_id"
        assert not ServiceInstance.objects.exists()

    def test_another_users_id_is_refused_like_one_that_is_not_there(self, ask):
        other = make_user(permissions=[SCOPE])
        answers = [
            ask("PUT", XCUBE, {"user_id": user_id, "cfg": CONFIGURATION}).json()
            for user_id in (other.username, "a" + "0" * 32)
        ]
        assert answers[0] == answers[1]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"cfg": CONFIGURATION}, "user_id"),
            ({"user_id": 5, "cfg": CONFIGURATION}, "user_id"),
            ({"user_id": None, "cfg": CONFIGURATION}, "user_id"),
            ({"user_id": "x"}, "cfg"),
            ({"user_id": "x", "cfg": "a: b"}, "cfg"),
            ({"user_id": "x", "cfg": CONFIGURATION, "profile": "small"}, "profile"),
        ],
    )
    def test_what_is_wrong_is_named(self, ask, body, field):
        answer = ask("PUT", XCUBE, body)
        assert answer.status_code == 400, answer.content
        assert answer.json()["errors"][0]["field"] == field

    def test_a_fault_in_the_configuration_is_named_by_the_clients_name(self, ask, user):
        answer = self.put(ask, user, {"Datasets": "none"})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"].startswith("cfg")

    def test_an_operator_starts_it_in_the_users_name(self, client, user):
        operator = make_user(permissions=["operate:hub"])
        answer = client.put(
            XCUBE,
            {"user_id": user.username, "cfg": CONFIGURATION},
            content_type="application/json",
            headers={**bearer(operator), "X-Act-For": user.username},
        )
        assert answer.status_code == 201
        instance = ServiceInstance.objects.get()
        assert instance.owner == user
        assert instance.events.first().actor == operator.username
        assert ActingEntry.objects.get().user == user


class TestLimit:
    """It counts rows that their owner sees and can delete."""

    def test_one_too_many_is_refused_until_one_is_deleted(self, ask, settings):
        settings.HUB = {**settings.HUB, "XCUBE_HUB_SERVICES_PER_USER": 2}
        first = start(ask).json()["id"]
        start(ask)
        refused = start(ask)
        assert refused.status_code == 413
        assert "2" in refused.json()["detail"]
        listed = ask("GET", XCUBE).json()
        assert len(listed) == 2, "what counts is listed"
        assert ask("DELETE", first).status_code == 200
        assert start(ask).status_code == 201

    @pytest.mark.parametrize("state", [State.STARTING, State.READY, State.ASLEEP])
    def test_what_is_deleted_counts_no_more_while_the_engine_still_ends_it(
        self, ask, user, settings, state
    ):
        settings.HUB = {**settings.HUB, "XCUBE_HUB_SERVICES_PER_USER": 1}
        instance = make_instance(user, state=state)
        assert start(ask).status_code == 413
        assert ask("DELETE", instance.instance_id).status_code == 200
        assert ServiceInstance.objects.get(pk=instance.pk).is_live
        assert start(ask).status_code == 201

    @pytest.mark.parametrize("state", [State.STOPPED, State.FAILED])
    def test_what_has_ended_counts_no_more(self, ask, user, settings, state):
        settings.HUB = {**settings.HUB, "XCUBE_HUB_SERVICES_PER_USER": 1}
        make_instance(user, state=state)
        assert start(ask).status_code == 201

    def test_the_main_server_is_replaced_at_the_limit(self, ask, user, settings):
        settings.HUB = {**settings.HUB, "XCUBE_HUB_SERVICES_PER_USER": 1}
        body = {"user_id": user.username, "cfg": CONFIGURATION}
        assert ask("PUT", XCUBE, body).status_code == 201
        assert ask("PUT", XCUBE, body).status_code == 201
        assert start(ask).status_code == 413


class TestReading:
    def test_the_list_shows_ones_own_newest_first(self, ask, user):
        rows = [make_instance(user, state=state) for state in (State.READY, State.ASLEEP)]
        make_instance(make_user())
        answer = ask("GET", XCUBE)
        assert [row["id"] for row in answer.json()] == [r.instance_id for r in reversed(rows)]
        assert answer["X-Total-Count"] == "2"
        assert answer_faults("GET /xcube", 200, answer.json()) == []

    def test_it_is_filtered_by_state(self, ask, user):
        make_instance(user, state=State.READY)
        asleep = make_instance(user, state=State.ASLEEP)
        for word in ("ASLEEP", "asleep"):
            found = ask("GET", f"{XCUBE}?state={word}").json()
            assert [row["id"] for row in found] == [asleep.instance_id]
        refused = ask("GET", f"{XCUBE}?state=dozing")
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["field"] == "state"

    def test_it_comes_in_pages(self, ask, user):
        for _ in range(5):
            make_instance(user)
        answer = ask("GET", f"{XCUBE}?limit=2&offset=2&state=requested")
        assert len(answer.json()) == 2
        assert answer["X-Total-Count"] == "5"
        assert 'rel="next"' in answer["Link"]
        assert 'rel="prev"' in answer["Link"]
        assert "state=requested" in answer["Link"]
        for wrong in ("limit=-1", "limit=x", "offset=1e3", "limit=100000"):
            assert ask("GET", f"{XCUBE}?{wrong}").status_code == 400

    def test_one_shows_use_cost_and_times(self, ask, user):
        now = datetime(2026, 11, 26, 13, 5, tzinfo=UTC)
        instance = make_instance(
            user,
            state=State.READY,
            profile=make_profile(idle_s=3600),
            ready_since=now - timedelta(hours=1),
            last_used_at=now,
            last_used_by="a tile request",
            units_per_hour=30,
            minutes=3,
            restarts=1,
        )
        body = ask("GET", instance.instance_id).json()
        assert body["last_used"] == {"at": "2026-11-26T13:05:00.000000Z", "by": "a tile request"}
        assert body["sleeps_at"] == "2026-11-26T14:05:00.000000Z"
        assert body["units"] == {"per_hour": 30, "minutes": 3, "charged": 2}
        assert body["restarts"] == 1
        assert answer_faults("GET /xcube/{instance_id}", 200, body) == []
        assert "address" not in body

    @pytest.mark.parametrize("reason", Reason.values)
    def test_every_reason_is_told_in_words(self, ask, user, reason):
        instance = make_instance(user, state=State.FAILED, reason=reason)
        body = ask("GET", instance.instance_id).json()
        assert body["reason"] == reason
        assert body["message"] == f"{Reason(reason).label}."
        assert body["sleeps_at"] is body["stops_at"] is None
        assert answer_faults("GET /xcube/{instance_id}", 200, body) == []

    def test_a_message_of_its_own_is_shown_as_it_is(self, ask, user):
        instance = make_instance(user, state=State.FAILED, reason="LAUNCH", message="No disk.")
        assert ask("GET", instance.instance_id).json()["message"] == "No disk."

    def test_events_are_a_timeline_that_names_no_other_person(self, ask, user):
        instance = make_instance(user, state=State.READY)
        other = make_user()
        for actor in ("worker", other.username, "command line: root@secret-host"):
            InstanceEvent.objects.create(instance=instance, message="Hm.", actor=actor)
        answer = ask("GET", f"{instance.instance_id}/events")
        assert [row["by"] for row in answer.json()] == [
            "owner", "worker", "another user", "operator",
        ]  # fmt: skip
        assert b"secret-host" not in answer.content
        assert answer["X-Total-Count"] == "4"
        assert answer_faults("GET /xcube/{instance_id}/events", 200, answer.json()) == []

    def test_the_last_log_is_kept_after_the_end(self, ask, user):
        instance = make_instance(user, state=State.FAILED, log="one\ntwo\u2028\nthree")
        path = f"{instance.instance_id}/logs"
        body = ask("GET", path).json()
        assert [line["text"] for line in body["lines"]] == ["one", "two\u2028", "three"]
        assert body["next_offset"] == 3
        part = ask("GET", f"{path}?offset=1&limit=1").json()
        assert part == {"lines": [{"line": 1, "text": "two\u2028"}], "next_offset": 2}
        assert ask("GET", f"{path}?offset=9").json() == {"lines": [], "next_offset": 9}
        assert ask("GET", f"{path}?offset=-1").status_code == 400
        assert answer_faults("GET /xcube/{instance_id}/logs", 200, body) == []

    def test_without_a_log_there_are_no_lines(self, ask, user):
        instance = make_instance(user)
        assert ask("GET", f"{instance.instance_id}/logs").json()["lines"] == []
        InstanceDocument.objects.all().delete()
        assert ask("GET", f"{instance.instance_id}/logs").json()["lines"] == []

    def test_profiles_are_those_that_one_may_use(self, ask, user):
        make_profile("large", position=1, units_per_hour=6)
        make_profile("gpu").roles.add(Group.objects.create(name="gpu"))
        make_profile("old", is_enabled=False)
        answer = ask("GET", f"{API}/profiles")
        found = answer.json()
        assert [(row["name"], row["is_default"]) for row in found] == [
            ("small", True), ("large", False),
        ]  # fmt: skip
        assert answer_faults("GET /profiles", 200, found) == []


SUB_PATHS = [
    ("GET", ""), ("DELETE", ""), ("GET", "/events"), ("GET", "/logs"),
    ("PUT", "/keep"), ("POST", "/sleep"), ("POST", "/wake"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "rest"), SUB_PATHS)
def test_what_belongs_to_others_is_not_found(ask, method, rest):
    instance = make_instance(make_user(), state=State.READY)
    body = {"until": None} if rest == "/keep" else None
    answers = [
        ask(method, f"{name}{rest}", body) for name in (instance.instance_id, "x" + "a" * 26)
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    said = [
        answer.content.decode().replace(instance.instance_id, "x" + "a" * 26) for answer in answers
    ]
    assert said[0] == said[1]
    instance.refresh_from_db()
    assert (instance.state, instance.hidden_at) == (State.READY, None)


@pytest.mark.parametrize("name", ["x" * 300, "..%2f", "%00", "a b", "é"])
def test_names_that_are_none_are_not_found(ask, name):
    assert ask("GET", name).status_code == 404


class TestDelete:
    @pytest.mark.parametrize(
        ("state", "then"),
        [
            (State.REQUESTED, State.STOPPED),
            (State.STARTING, State.STOPPING),
            (State.READY, State.STOPPING),
            (State.ASLEEP, State.STOPPING),
            (State.STOPPING, State.STOPPING),
            (State.STOPPED, State.STOPPED),
            (State.FAILED, State.FAILED),
        ],
    )
    def test_it_stops_in_every_state_and_is_gone_from_the_list(self, ask, user, state, then):
        instance = make_instance(user, state=state)
        assert ask("DELETE", instance.instance_id).json() == "Success"
        instance.refresh_from_db()
        assert instance.state == then
        assert ask("GET", XCUBE).json() == []

    def test_repeated_it_changes_nothing(self, ask, user):
        instance = make_instance(user, state=State.READY)
        ask("DELETE", instance.instance_id)
        before = ServiceInstance.objects.values().get()
        events = instance.events.count()
        assert ask("DELETE", instance.instance_id).status_code == 200
        assert ServiceInstance.objects.values().get() == before
        assert instance.events.count() == events

    def test_its_reason_and_log_are_still_found(self, ask, user):
        instance = make_instance(user, state=State.READY)
        ask("DELETE", instance.instance_id)
        assert ask("GET", instance.instance_id).json()["reason"] == "OWNER"
        assert ask("GET", f"{instance.instance_id}/logs").status_code == 200


class TestKeep:
    def keep(self, ask, instance, until: Any):
        return ask("PUT", f"{instance.instance_id}/keep", {"until": until})

    def test_until_a_time_and_no_longer(self, ask, user):
        instance = make_instance(user, state=State.READY, warned_at=timezone.now())
        until = (timezone.now() + timedelta(days=2)).replace(microsecond=0)
        answer = self.keep(ask, instance, until.isoformat())
        body = answer.json()
        assert body["kept_until"] == body["sleeps_at"] == f"{until:%Y-%m-%dT%H:%M:%S.000000Z}"
        instance.refresh_from_db()
        assert (instance.kept_until, instance.warned_at) == (until, None)
        assert answer_faults("PUT /xcube/{instance_id}/keep", 200, body) == []
        assert self.keep(ask, instance, None).json()["kept_until"] is None
        told = [event.message for event in instance.events.all()]
        assert told[-2:] == [f"Kept until {until:%Y-%m-%d %H:%M} UTC.", "No longer kept."]

    def test_repeated_it_leaves_one_event(self, ask, user):
        instance = make_instance(user, state=State.READY)
        until = (timezone.now() + timedelta(hours=1)).isoformat()
        for _ in range(3):
            assert self.keep(ask, instance, until).status_code == 200
        assert instance.events.filter(to_state="").count() == 1

    def test_a_time_of_another_zone_is_the_same_moment(self, ask, user):
        instance = make_instance(user, state=State.READY)
        until = (timezone.now() + timedelta(hours=3)).replace(microsecond=0)
        self.keep(ask, instance, f"{until + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}+02:00")
        instance.refresh_from_db()
        assert instance.kept_until == until

    def test_a_service_that_is_kept_is_not_too_old_before(self, ask, user):
        instance = make_instance(user, state=State.READY, profile=make_profile(age_s=3600))
        until = timezone.now() + timedelta(minutes=59)
        ServiceInstance.objects.update(stops_at=timezone.now() + timedelta(minutes=1))
        body = self.keep(ask, instance, until.isoformat()).json()
        assert body["stops_at"] == body["kept_until"]

    @pytest.mark.parametrize("hours", [-1, 25, 24 * 365 * 5000])
    def test_it_is_bounded_by_the_age_of_the_profile(self, ask, user, hours):
        instance = make_instance(user, state=State.READY, profile=make_profile(age_s=86_400))
        answer = self.keep(ask, instance, (timezone.now() + timedelta(hours=hours)).isoformat())
        assert answer.status_code == 400
        assert answer.json()["errors"] == [
            {
                "field": "until",
                "message": "a time in the future is expected, at most 1 d from now",
            }
        ]

    @pytest.mark.parametrize(
        "until", ["", "tomorrow", 1_800_000_000, True, ["x"], {}, "2030-01-01", "x" * 5000,
                  "2030-01-01T10:00:00", "2030-13-01T10:00:00Z", "9999-12-31T23:59:59-14:00"],
    )  # fmt: skip
    def test_anything_but_a_time_with_its_zone_is_refused(self, ask, user, until):
        answer = self.keep(ask, make_instance(user, state=State.READY), until)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "until"

    @pytest.mark.parametrize("body", [{}, {"until": None, "for": "ever"}])
    def test_a_member_that_is_missing_or_unknown_is_named(self, ask, user, body):
        instance = make_instance(user, state=State.READY)
        assert ask("PUT", f"{instance.instance_id}/keep", body).status_code == 400

    @pytest.mark.parametrize("state", [State.STOPPING, State.STOPPED, State.FAILED])
    @pytest.mark.parametrize("hours", [None, 1])
    def test_what_has_ended_is_not_kept(self, ask, user, state, hours):
        instance = make_instance(user, state=state)
        until = hours and (timezone.now() + timedelta(hours=hours)).isoformat()
        assert self.keep(ask, instance, until).status_code == 409


class TestSleepAndWake:
    @pytest.mark.parametrize(
        ("step", "state", "then", "status"),
        [
            ("sleep", State.READY, State.ASLEEP, 200),
            ("sleep", State.STARTING, State.ASLEEP, 200),
            ("sleep", State.ASLEEP, State.ASLEEP, 200),
            ("sleep", State.REQUESTED, State.REQUESTED, 409),
            ("sleep", State.STOPPING, State.STOPPING, 409),
            ("sleep", State.FAILED, State.FAILED, 409),
            ("wake", State.ASLEEP, State.STARTING, 200),
            ("wake", State.REQUESTED, State.REQUESTED, 200),
            ("wake", State.STARTING, State.STARTING, 200),
            ("wake", State.READY, State.READY, 200),
            ("wake", State.STOPPING, State.STOPPING, 409),
            ("wake", State.STOPPED, State.STOPPED, 409),
        ],
    )
    def test_from_every_state(self, ask, user, step, state, then, status):
        instance = make_instance(user, state=state)
        answer = ask("POST", f"{instance.instance_id}/{step}")
        assert answer.status_code == status, answer.content
        instance.refresh_from_db()
        assert instance.state == then
        if status == 200:
            assert answer.json()["state"] == then
            assert answer_faults(f"POST /xcube/{{instance_id}}/{step}", 200, answer.json()) == []
        else:
            assert "service is" in answer.json()["detail"]
