"""`manage.py service list|suspend|resume`: switch services of the hub off and on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from hubsite import switches
from hubsite.health import parts
from hubsite.management.command import (
    NOTHING_DONE,
    HubCommand,
    add_json_argument,
    command_line_actor,
)
from hubsite.management.output import Column, Output, Styled

STYLES = {"Ready": "green", "Suspended": "yellow", "Error": "red"}
COLUMNS = (
    Column("Service", is_copied=True),
    Column("Status", is_copied=True),
    Column("Message", share=1),
)
EPILOG = """\
A suspended service takes no new work, and work that waits does not start. What runs goes on,
unless --end-work is given. No restart is needed: all processes follow within seconds.
`resume` exits with 1 if the service was open.

examples:
  manage.py service list
  manage.py service suspend xcube_gen --message "Maintenance until 14:00 UTC."
  manage.py service resume xcube_gen
"""


class Command(HubCommand):
    help = "List the services of the hub, suspend and resume them."
    epilog = EPILOG
    has_json = False  # each action has its own --json

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        add_json_argument(actions.add_parser("list", help="each service and its status"))
        suspend = actions.add_parser("suspend", help="take no new work")
        suspend.add_argument("name", metavar="NAME")
        suspend.add_argument(
            "--message", required=True, help="what users are told: why, and until when"
        )
        suspend.add_argument(
            "--end-work",
            action="store_true",
            help="end what runs, too; it is free of charge, and its owners see the message",
        )
        add_json_argument(suspend)
        resume = actions.add_parser("resume", help="open the service again")
        resume.add_argument("name", metavar="NAME")
        add_json_argument(resume)

    def run(self, out: Output, options: dict[str, Any]) -> int | None:
        return getattr(self, f"_{options['action']}")(out, options)

    def _list(self, out: Output, options: dict[str, Any]) -> None:
        services = parts.look().services
        if options["json"]:
            out.json([vars(service) for service in services])
            return
        rows = ((s.name, Styled(s.status, STYLES[s.status]), s.message) for s in services)
        out.table(COLUMNS, rows)

    def _suspend(self, out: Output, options: dict[str, Any]) -> None:
        name = options["name"]
        ended = switches.suspend(
            name,
            message=options["message"],
            actor=command_line_actor(),
            end_work=options["end_work"],
        )
        if options["json"]:
            out.json({"name": name, "status": "Suspended", "ended": ended})
            return
        out.line(f"{name} is suspended." + (f" {ended} ended." if options["end_work"] else ""))

    def _resume(self, out: Output, options: dict[str, Any]) -> int | None:
        name = options["name"]
        was_suspended = switches.resume(name, actor=command_line_actor())
        if options["json"]:
            out.json({"name": name, "resumed": was_suspended})
        else:
            out.line(f"{name} is open again." if was_suspended else f"{name} was not suspended.")
        return None if was_suspended else NOTHING_DONE
