"""All commands of the hub behave alike, and none prints around the one way to print."""

import ast
import json
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command, get_commands

from hubsite.management.command import HubCommand, command_line_actor

OURS = sorted(
    (name, app)
    for name, app in get_commands().items()
    if app in ("hubsite", "jobs", "accounts", "services")
)
WITHOUT_TABLES = {"start", "observe", "qcluster"}
"""They run until they are stopped, and print by the log of the hub's parts."""


def command_module(name, app):
    return import_module(f"{app}.management.commands.{name}")


@pytest.mark.parametrize(("name", "app"), [c for c in OURS if c[0] not in WITHOUT_TABLES])
class TestEachCommand:
    def test_prints_by_the_one_output(self, name, app):
        module = command_module(name, app)
        assert issubclass(module.Command, HubCommand)
        tree = ast.parse(Path(module.__file__).read_text())
        around = [
            f"line {node.lineno}: {ast.unparse(node)}"
            for node in ast.walk(tree)
            if (isinstance(node, ast.Name) and node.id in ("print", "Console"))
            or (isinstance(node, ast.Attribute) and node.attr in ("stdout", "stderr"))
        ]
        assert not around

    def test_knows_json_or_says_why_not(self, name, app, capsys):
        command = command_module(name, app).Command()
        if command.has_json:
            help = command.create_parser("manage.py", name).format_help()
            assert "--json" in help

    def test_has_a_purpose_and_a_group(self, name, app):
        command = command_module(name, app).Command
        assert len(command.help) > 25
        assert command.group


LISTS = [action for name in ("jobs", "services", "layers") for action in ([name, "list"],)]


class TestLists:
    @pytest.mark.django_db
    @pytest.mark.parametrize("action", LISTS, ids=" ".join)
    def test_a_user_that_is_not_there_is_an_error_and_no_empty_list(self, action):
        with pytest.raises(CommandError, match="no user with the e-mail ann@exmaple.org"):
            call_command(*action, "--user", "ann@exmaple.org")

    @pytest.mark.django_db
    @pytest.mark.parametrize(
        "action",
        [
            *([*action, "--user="] for action in LISTS),
            ["usage_report", "--email="],
            ["recount_usage", "--email="],
            ["revoke_token", "--jti="],
        ],
        ids=" ".join,
    )
    def test_an_empty_name_is_no_request_for_all(self, action):
        """As of a shell variable that is not set."""
        with pytest.raises(CommandError, match="There is no (user|token) with"):
            call_command(*action)

    @pytest.mark.parametrize("number", ["-1", "1.5", "9" * 30])
    @pytest.mark.parametrize(
        "action",
        [
            *([*action, "--limit"] for action in [*LISTS, ["stores", "show", "demo"]]),
            ["jobs", "logs", "x", "--tail"],
            ["services", "logs", "x", "--tail"],
        ],
        ids=" ".join,
    )
    def test_how_many_is_a_number_of_things(self, action, number):
        with pytest.raises(CommandError, match="expected a whole number from "):
            call_command(*action[:-1], f"{action[-1]}={number}")


class TestHelp:
    def test_lists_the_hubs_own_commands_with_a_line_each(self):
        out = StringIO()
        call_command("commands", stdout=out)
        lines = out.getvalue().splitlines()[1:]
        assert {line.split()[0] for line in lines} == {name for name, _ in OURS}
        assert "migrate" not in out.getvalue()

    def test_can_list_all(self):
        out = StringIO()
        call_command("commands", "--all", "--json", stdout=out)
        assert "migrate" in {row["name"] for row in json.loads(out.getvalue())}

    def test_explains_one(self, capsys):
        call_command("commands", "jobs")
        assert "usage: xcube-hub jobs" in capsys.readouterr().out

    def test_names_no_command_that_is_not_there(self):
        with pytest.raises(CommandError, match="no command 'nothing'"):
            call_command("commands", "nothing")


@pytest.mark.parametrize(
    "action",
    [
        ["jobs", "list", "--user"],
        ["jobs", "show"],
        ["issue_token", "--email"],
        ["forget_person", "--yes", "--email"],
        ["services", "stop"],
    ],
    ids=" ".join,
)
def test_bytes_that_are_no_text_are_refused(action):
    """Python hands on what a Latin-1 terminal sends as half surrogate pairs."""
    with pytest.raises(CommandError, match="expected text in UTF-8"):
        call_command(*action, b"M\xfcller@example.org".decode("utf-8", "surrogateescape"))


def test_a_command_error_moves_no_cursor():
    with pytest.raises(CommandError) as error:
        call_command("commands", "x\x1b[2J")
    assert "\x1b" not in str(error.value)


def test_the_person_at_the_command_line_is_named(monkeypatch):
    monkeypatch.setenv("SUDO_USER", "ann")
    assert command_line_actor().startswith("command line: ann@")


def test_every_app_of_the_hub_is_looked_at():
    ours = {c.name for c in apps.get_app_configs() if "site-packages" not in c.path}
    assert {app for _, app in OURS} <= ours
