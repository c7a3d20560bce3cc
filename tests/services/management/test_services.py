"""`manage.py services`: list, show, start, stop and read logs in the terminal."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from services.models import InstanceEvent, ServiceInstance, State
from tests.accounts.factories import make_user
from tests.services.factories import CONFIGURATION, make_instance, make_profile

pytestmark = pytest.mark.django_db


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def services(*args: str, output: StringIO | None = None) -> str:
    output = output or StringIO()
    call_command("services", *args, stdout=output, stderr=output)
    return output.getvalue()


@pytest.fixture
def user():
    return make_user("ann@example.org", ["manage:cubegens"], units=100)


@pytest.fixture
def configuration(tmp_path) -> str:
    path = tmp_path / "viewer.json"
    path.write_text(json.dumps(CONFIGURATION))
    return str(path)


class TestList:
    def test_it_shows_the_newest_first(self, user):
        first = make_instance(user, title="North Sea")
        second = make_instance(user, state=State.FAILED, reason="DEADLINE")
        text = services("list")
        assert text.index(second.instance_id) < text.index(first.instance_id)
        for shown in ("DEADLINE", "ann@example.org", "North Sea", "small"):
            assert shown in text

    def test_it_can_be_narrowed(self, user):
        ready, failed = (make_instance(user, state=s) for s in (State.READY, State.FAILED))
        make_instance(make_user())
        listed = json.loads(services("list", "--user", "ANN@example.org", "--json"))
        assert [row["id"] for row in listed] == [failed.instance_id, ready.instance_id]
        assert listed[0]["owner"] == "ann@example.org"
        listed = json.loads(services("list", "--state", "ready", "--limit", "1", "--json"))
        assert [row["id"] for row in listed] == [ready.instance_id]
        assert services("list", "--state", "asleep") == "No such services.\n"

    def test_it_takes_one_query_however_many_there_are(self, django_assert_num_queries):
        for number in range(5):
            make_instance(make_user(), profile=make_profile(f"p{number}"))
        with django_assert_num_queries(1):
            services("list", "--json")
        with django_assert_num_queries(1):
            services("list")

    @pytest.mark.parametrize("columns", [40, 80, 129, 200])
    def test_on_a_terminal_it_fits_and_shows_short_ids(self, user, monkeypatch, columns):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("NO_COLOR", "1")
        instance = make_instance(user, title="A title that is rather long " * 5)
        text = services("list", output=Terminal())
        assert instance.instance_id[-9:] in text
        assert instance.instance_id not in text
        assert max(map(len, text.splitlines())) <= columns


class TestShow:
    def test_it_tells_life_use_and_configuration(self, user):
        instance = make_instance(
            user, state=State.READY, title="Mine", last_used_by="a tile request", minutes=7
        )
        ServiceInstance.objects.update(last_used_at=instance.created_at)
        InstanceEvent.objects.create(instance=instance, message="Warned.", actor="worker")
        text = services("show", instance.instance_id)
        for shown in ("new       → REQUESTED", "Warned.", "a tile request", "7 minutes awake",
                      '"Identifier": "demo"', "ann@example.org", "/viewer/"):  # fmt: skip
            assert shown in text
        shown = json.loads(services("show", instance.instance_id, "--json"))
        assert (shown["state"], shown["owner"], shown["datasets"]) == (
            "READY", "ann@example.org", ["demo"],
        )  # fmt: skip

    def test_a_short_id_is_enough_if_it_is_the_only_one(self, user):
        instance = make_instance(user)
        assert instance.instance_id in services("show", instance.instance_id[-9:])
        twin = make_instance(user)
        ServiceInstance.objects.filter(pk=twin.pk).update(
            instance_id=f"xaaaa{instance.instance_id[5:]}"
        )
        with pytest.raises(CommandError, match="Several services"):
            services("show", instance.instance_id[-9:])

    @pytest.mark.parametrize("hostile", ["x[/bold]y", "x\x1b[2Jy", "x\u202ey", "x\ny"])
    def test_texts_of_users_are_text_and_nothing_else(self, user, hostile):
        instance = make_instance(user, title=hostile, message=hostile)
        for text in (services("list"), services("show", instance.instance_id)):
            assert not set(text) & {"\x1b", "\u202e"}
            assert hostile in text or "\\" in text


class TestStart:
    def test_it_starts_a_server_in_the_name_of_a_user(self, user, configuration):
        make_profile("large", position=3)
        args = ("--user", "Ann@example.org", "--configuration", configuration)
        text = services("start", *args, "--profile", "large", "--title", "Mine")
        instance = ServiceInstance.objects.get()
        assert text.startswith(f"{instance.instance_id}: REQUESTED, http")
        assert (instance.owner, instance.profile.name, instance.title) == (user, "large", "Mine")
        assert instance.events.get().actor.startswith("command line: ")
        assert json.loads(services("start", *args, "--json"))["state"] == "REQUESTED"

    def test_standard_input_is_read(self, user, monkeypatch, tmp_path):
        class Stdin:
            buffer = open(tmp_path / "in", "w+b")  # noqa: SIM115

        Stdin.buffer.write(json.dumps(CONFIGURATION).encode())
        Stdin.buffer.seek(0)
        monkeypatch.setattr("sys.stdin", Stdin)
        services("start", "--user", user.email, "--configuration", "-")
        Stdin.buffer.close()
        assert ServiceInstance.objects.count() == 1

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "body is empty"),
            ("{", "not valid JSON"),
            ("[]", "a JSON object is expected"),
            ('{"Datasets": []}', "configuration"),
            ('{"a": 1, "a": 2}', "occurs twice"),
        ],
    )
    def test_what_is_wrong_is_told_in_a_sentence(self, user, tmp_path, text, message):
        path = tmp_path / "wrong.json"
        path.write_text(text)
        with pytest.raises(CommandError, match=message):
            services("start", "--user", user.email, "--configuration", str(path))
        assert not ServiceInstance.objects.exists()

    def test_who_and_what_is_not_there_is_named(self, user, configuration):
        start = ("start", "--configuration")
        with pytest.raises(CommandError, match="There is no user 'x'"):
            services(*start, configuration, "--user", "x")
        with pytest.raises(CommandError, match="cannot be read: No such file"):
            services(*start, "/nowhere.json", "--user", user.email)
        with pytest.raises(CommandError, match="profile: one of small is expected"):
            services(*start, configuration, "--user", user.email, "--profile", "huge")

    @pytest.mark.parametrize("title", ["x" * 201, "a\u202eb", "a\nb"])
    def test_a_title_is_short_and_shows(self, user, configuration, title):
        with pytest.raises(CommandError, match="--title: expected"):
            services("start", "--user", user.email, "--configuration", configuration,
                     "--title", title)  # fmt: skip

    def test_the_limit_of_the_user_counts(self, user, configuration, settings):
        settings.HUB = {**settings.HUB, "XCUBE_HUB_SERVICES_PER_USER": 0}
        with pytest.raises(CommandError):
            services("start", "--user", user.email, "--configuration", configuration)


class TestStop:
    def test_it_stops_services_once(self, user, monkeypatch):
        monkeypatch.setenv("SUDO_USER", "ann")
        ready, asleep = make_instance(user, state=State.READY), make_instance(user, state="ASLEEP")
        stopped = json.loads(services("stop", ready.instance_id, asleep.instance_id, "--json"))
        assert stopped == [
            {"id": row.instance_id, "stopped": True, "state": "STOPPING"} for row in (ready, asleep)
        ]
        ready.refresh_from_db()
        assert ready.reason == "OPERATOR"
        assert ready.events.last().actor.startswith("command line: ann@")
        out = StringIO()
        with pytest.raises(SystemExit, match="1"):
            call_command("services", "stop", ready.instance_id, stdout=out)
        assert "is STOPPING already" in out.getvalue()

    def test_one_that_ended_does_not_keep_others_from_being_stopped(self, user):
        over, ready = make_instance(user, state="FAILED"), make_instance(user, state="READY")
        text = services("stop", over.instance_id, ready.instance_id)
        assert f"{over.instance_id}: is FAILED already" in text
        assert f"{ready.instance_id}: stopped" in text

    def test_nothing_is_stopped_if_one_of_them_is_unknown(self, user):
        ready = make_instance(user, state="READY")
        with pytest.raises(CommandError, match="There is no service 'x'"):
            services("stop", ready.instance_id, "x")
        ready.refresh_from_db()
        assert ready.state == "READY"


class TestLogs:
    def test_lines(self, user):
        name = make_instance(user, state=State.FAILED, log="a\nb\nc").instance_id
        assert services("logs", name) == "a\nb\nc\n"
        assert services("logs", name, "--tail", "1") == "c\n"
        assert services("logs", name, "--tail", "0") == ""
        assert json.loads(services("logs", name, "--json")) == ["a", "b", "c"]
        assert services("logs", make_instance(user).instance_id) == ""

    def test_control_characters_are_kept_only_for_pipes_and_on_request(self, user):
        name = make_instance(user, log="\x1b[2J").instance_id
        assert services("logs", name) == "\\x1b[2J\n"
        assert services("logs", name, "--raw") == "\x1b[2J\n"
        with pytest.raises(CommandError, match="pipes and files"):
            services("logs", name, "--raw", output=Terminal())


@pytest.mark.parametrize("action", ["show", "stop", "logs"])
def test_an_unknown_service_is_told_in_a_sentence(action):
    with pytest.raises(CommandError, match="There is no service 'x'; `services list` shows them"):
        services(action, "x")
