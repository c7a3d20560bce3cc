"""`manage.py engines`: list the engines; let one take no new work, and take work again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from hubsite.engines import NAMES, draining
from hubsite.health.heartbeat import heard
from hubsite.management.command import (
    NOTHING_DONE,
    HubCommand,
    add_json_argument,
    command_line_actor,
)
from hubsite.management.output import Column, Output


class Command(HubCommand):
    help = (
        "List the engines, or drain one: it takes no new work, and what it runs goes on to its "
        "end. Work for it waits until the engine is resumed."
    )
    group = "Hub"
    has_json = False
    epilog = """Examples:
  manage.py engines list
  manage.py engines drain kubernetes --message "The cluster is updated until 14:00."
  manage.py engines resume kubernetes"""

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        listed = actions.add_parser("list", help="all engines, and which are drained")
        add_json_argument(listed)
        drain = actions.add_parser("drain", help="let an engine take no new work")
        drain.add_argument("engine", help=f"one of {', '.join(NAMES)}")
        drain.add_argument("--message", required=True, help="why, and until when")
        resume = actions.add_parser("resume", help="let a drained engine take work again")
        resume.add_argument("engine", help=f"one of {', '.join(NAMES)}")

    def run(self, out: Output, options: dict[str, Any]) -> int | None:
        if options["action"] == "list":
            return self._list(out, options)
        name, actor = options["engine"], command_line_actor()
        if options["action"] == "drain":
            draining.drain(name, message=options["message"], actor=actor)
            out.line(f"{name} takes no new work; what it runs goes on.")
            return None
        if not draining.resume(name, actor=actor):
            out.line(f"{name} was not drained.")
            return NOTHING_DONE
        out.line(f"{name} takes work again.")
        return None

    def _list(self, out: Output, options: dict[str, Any]) -> None:
        drains = draining.Drain.objects.in_bulk()
        rows = []
        for name in NAMES:
            beat, drain = heard("engine", name), drains.get(name)
            answers = None if not beat.was_ever else beat.is_alive and not beat.problem
            rows.append(
                {
                    "engine": name,
                    "answers": answers,
                    "drained_since": drain.since if drain else None,
                    "message": drain.message if drain else "",
                    "actor": drain.actor if drain else "",
                }
            )
        if options["json"]:
            out.json(rows)
            return
        out.table(
            [
                Column("Engine", is_copied=True),
                "Answers",
                "Drained since",
                Column("Why", share=1),
                "By",
            ],
            [list(row.values()) for row in rows],
        )
