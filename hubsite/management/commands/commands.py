"""`xcube-hub help` (or `commands`): the hub's commands, grouped; `help NAME` explains one."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from django.apps import apps
from django.core.management import CommandError, CommandParser, get_commands, load_command_class

from hubsite.management.command import HubCommand
from hubsite.management.output import Column, Output

GROUPS = ("Hub", "Jobs", "Accounts", "Units", "Cluster")
"""In this order; a group that is not named here comes after them."""


class Command(HubCommand):
    help = "List the hub's commands, or explain one."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("command", nargs="?", help="the command to explain")
        parser.add_argument(
            "--all", action="store_true", help="list the commands of Django and libraries too"
        )

    def run(self, out: Output, options: dict[str, Any]) -> None:
        if options["command"]:
            _explain(options["command"])
            return
        commands = list(_commands(of_all=options["all"]))
        if options["json"]:
            out.json([{"name": n, "group": g, "help": h} for g, n, h in commands])
        elif out.is_terminal:
            _print_groups(out, commands)
        else:
            out.table(("Command", "Group", "Purpose"), ((n, g, h) for g, n, h in commands))


def _print_groups(out: Output, commands: list[tuple[str, str, str]]) -> None:
    width = max(len(name) for _, name, _ in commands)
    columns = (Column("Command".ljust(width), is_copied=True), Column("Purpose", is_cut=True))
    for group in dict.fromkeys(group for group, _, _ in commands):
        rows = [(name.ljust(width), help) for g, name, help in commands if g == group]
        out.table(columns, rows, title=group)
        out.line()
    out.line("xcube-hub help COMMAND, or COMMAND --help, explains one.")


def _explain(name: str) -> None:
    app = get_commands().get(name)
    if app is None:
        raise CommandError(f"There is no command {name!r}; `help` lists them.")
    command = load_command_class(app, name) if isinstance(app, str) else app
    command.print_help("xcube-hub", name)


def _commands(*, of_all: bool) -> Iterator[tuple[str, str, str]]:
    """(group, name, first sentence of its help), sorted by group and name."""
    ours = {config.name for config in apps.get_app_configs() if _is_ours(config.name)}
    found = []
    for name, app in get_commands().items():
        if not (of_all or app in ours):
            continue
        command = import_module(f"{app}.management.commands.{name}").Command
        group = getattr(command, "group", "Hub" if app in ours else app)
        found.append((group, name, _first_sentence(str(command.help))))
    yield from sorted(found, key=lambda row: (_rank(row[0]), row[0], row[1]))


def _is_ours(app: str) -> bool:
    """Whether the app comes with the hub and not from a library."""
    folder = import_module(app).__file__ or ""
    return "site-packages" not in folder and not app.startswith("django.")


def _rank(group: str) -> int:
    return GROUPS.index(group) if group in GROUPS else len(GROUPS)


def _first_sentence(text: str) -> str:
    line = " ".join(text.strip().split("\n\n")[0].split())
    return line.split(". ")[0].split("; ")[0].rstrip(".:")
