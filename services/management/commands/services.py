"""`manage.py services list|show|start|stop|logs`: services in the terminal, for operators."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.arguments import existing_user
from accounts.models import User
from hubsite.api.errors import ApiError
from hubsite.api.parsing import parse_document
from hubsite.api.serializers import time_text
from hubsite.management.arguments import add_list_arguments, add_log_arguments
from hubsite.management.command import (
    NOTHING_DONE,
    HubCommand,
    add_json_argument,
    command_line_actor,
)
from hubsite.management.output import Cell, Column, Output, Styled, cell_text
from hubsite.management.terminal_text import one_line
from hubsite.visible_text import hidden_fault
from services import lifecycle
from services.api.presentation import instance_detail, instance_summary
from services.models import Reason, ServiceInstance, State
from services.submission.start_request import StartRequest, start_server

STATE_STYLES = {
    State.REQUESTED: "cyan",
    State.STARTING: "blue",
    State.READY: "green",
    State.ASLEEP: "bright_blue",
    State.STOPPING: "blue",
    State.STOPPED: "yellow",
    State.FAILED: "red",
}
SHORT_ID_LENGTH = 9
SHORT_ID = re.compile(r"[a-z2-7]{9}")
"""The short id of a service is the end of its id."""

WIDE = 130
"""On a narrower terminal the table has fewer columns, with two lines in each cell."""
COLUMNS = (
    Column("Service", is_copied=True),
    Column("Owner"),
    Column("State", is_copied=True),
    Column("Reason", is_copied=True),
    Column("Profile"),
    Column("Title"),
    Column("Last used", is_copied=True),
    Column("Created", is_copied=True),
)
NARROW_COLUMNS = (
    Column("Service, created", is_copied=True),
    Column("State", is_copied=True),
    Column("Owner, title"),
)

EPILOG = """\
SERVICE is the id of a service, or its last 9 characters as `services list` shows them on a
terminal. `stop` exits with 1 if no service was stopped, because all had ended already.

examples:
  manage.py services list --state ready --user ann@example.org
  manage.py services start --user ann@example.org --configuration viewer.json
  manage.py services logs r5c2e4bq7 --tail 50
  manage.py services list --json | jq -r '.[].id'
"""


class Command(HubCommand):
    help = "List, show, start and stop services such as xcube servers, and read their logs."
    group = "Services"
    epilog = EPILOG
    has_json = False  # each action has it

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

        listing = actions.add_parser("list", help="newest services first")
        add_list_arguments(listing, states=State.values)

        show = actions.add_parser("show", help="one service with its events and configuration")
        show.add_argument("instance_id", metavar="SERVICE")
        add_json_argument(show)

        start = actions.add_parser("start", help="start an xcube server for a user")
        start.add_argument("--user", metavar="EMAIL", required=True, help="whose it will be")
        start.add_argument(
            "--configuration",
            metavar="FILE",
            required=True,
            help="its configuration, a JSON file; `-` reads standard input",
        )
        start.add_argument("--profile", metavar="NAME", help="without it, the user's default")
        start.add_argument("--title", default="", help="what to call it in lists")
        add_json_argument(start)

        stop = actions.add_parser("stop", help="stop services, awake or asleep")
        stop.add_argument("instance_id", nargs="+", metavar="SERVICE")
        add_json_argument(stop)

        log = actions.add_parser("logs", help="the last lines that a service printed")
        log.add_argument("instance_id", metavar="SERVICE")
        add_log_arguments(log)

    def run(self, out: Output, options: dict[str, Any]) -> int | None:
        return getattr(self, f"_{options['action']}")(out, options)

    def _list(self, out: Output, options: dict[str, Any]) -> None:
        rows = ServiceInstance.objects.select_related("owner", "profile").order_by("-id")
        if options["user"] is not None:
            rows = rows.filter(owner=existing_user(options["user"]))
        if options["state"]:
            rows = rows.filter(state=options["state"])
        found = list(rows[: options["limit"]])
        if options["json"]:
            out.json([{**instance_summary(row), "owner": row.owner.email} for row in found])
        elif out.is_terminal and out.width < WIDE:
            out.table(NARROW_COLUMNS, map(_narrow_row, found), empty="No such services.")
        else:
            cells = (_row(row, has_short_id=out.is_terminal) for row in found)
            out.table(COLUMNS, cells, empty="No such services.")

    def _show(self, out: Output, options: dict[str, Any]) -> None:
        instance = _instance(options["instance_id"])
        if options["json"]:
            out.json({**instance_detail(instance), "owner": instance.owner.email})
            return
        shown = instance_summary(instance)
        out.line(f"{instance.instance_id}  {instance.state} {instance.reason}".rstrip())
        out.line(f"  owner    {instance.owner.email}")
        out.line(f"  kind     {instance.kind}, profile {instance.profile.name}")
        out.line(f"  address  {shown['viewer_url'] or shown['server_url']}")
        units = shown["units"]
        out.line(f"  units    {units['charged']} for {units['minutes']} minutes awake")
        for name, value in (
            ("title", instance.title),
            ("message", shown["message"]),
            ("used", _last_use(instance)),
            ("sleeps", shown["sleeps_at"]),
            ("stops", shown["stops_at"]),
            ("kept", shown["kept_until"]),
        ):
            if value:
                out.line(f"  {name:8} {one_line(value)}")
        out.line("  events")
        for event in instance.events.all():
            step = f"{event.from_state or 'new':9} → {event.to_state:9}" if event.to_state else ""
            details = " ".join(filter(None, [event.reason, event.message]))
            out.line(f"    {time_text(event.at)}  {step:21}  by {event.actor}  {details}".rstrip())
        configuration = json.dumps(instance.document.configuration, indent=2)
        out.line("  configuration\n    " + configuration.replace("\n", "\n    "))

    def _start(self, out: Output, options: dict[str, Any]) -> None:
        instance = start_server(
            StartRequest(
                user=_user(options["user"]),
                configuration=_document(options["configuration"]),
                profile=options["profile"],
                title=_title(options["title"]),
                actor=command_line_actor(),
            )
        )
        if options["json"]:
            out.json({**instance_summary(instance), "owner": instance.owner.email})
        else:
            shown = instance_summary(instance)
            out.line(f"{instance.instance_id}: {instance.state}, {shown['viewer_url']}")

    def _stop(self, out: Output, options: dict[str, Any]) -> int | None:
        outcomes = [
            (
                instance,
                lifecycle.stop(instance, actor=command_line_actor(), reason=Reason.OPERATOR),
            )
            for instance in [_instance(name) for name in options["instance_id"]]
        ]
        if options["json"]:
            out.json(
                [
                    {"id": instance.instance_id, "stopped": stopped, "state": instance.state}
                    for instance, stopped in outcomes
                ]
            )
        else:
            for instance, stopped in outcomes:
                said = "stopped" if stopped else f"is {instance.state} already"
                out.line(f"{instance.instance_id}: {said}")
        return None if any(stopped for _, stopped in outcomes) else NOTHING_DONE

    def _logs(self, out: Output, options: dict[str, Any]) -> None:
        if options["raw"] and out.is_terminal:
            raise CommandError("--raw is for pipes and files: a log can take over the terminal.")
        found = _log_lines(_instance(options["instance_id"]))
        if (tail := options["tail"]) is not None:
            found = found[-tail:] if tail else []
        if options["json"]:
            out.json(found)
            return
        for line in found:
            if options["raw"]:
                out.raw(line)
            else:
                out.line(line)


def _row(instance: ServiceInstance, *, has_short_id: bool) -> tuple[Cell, ...]:
    name = instance.instance_id
    return (
        name[-SHORT_ID_LENGTH:] if has_short_id else name,
        instance.owner.email,
        Styled(instance.state, STATE_STYLES[State(instance.state)]),
        instance.reason,
        instance.profile.name,
        instance.title,
        instance.last_used_at,
        instance.created_at,
    )


def _narrow_row(instance: ServiceInstance) -> tuple[Cell, ...]:
    state = f"{instance.state}\n{instance.reason}".rstrip()
    return (
        f"{instance.instance_id[-SHORT_ID_LENGTH:]}\n{cell_text(instance.created_at)}",
        Styled(state, STATE_STYLES[State(instance.state)]),
        f"{one_line(instance.owner.email)}\n{one_line(instance.title)}",
    )


def _last_use(instance: ServiceInstance) -> str:
    if instance.last_used_at is None:
        return ""
    return f"{time_text(instance.last_used_at)} by {instance.last_used_by}"


def _log_lines(instance: ServiceInstance) -> list[str]:
    log = instance.document.log
    return log.split("\n") if log else []


def _user(email: str) -> User:
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        raise CommandError(f"There is no user {email!r}.")
    return user


def _title(text: str) -> str:
    most = ServiceInstance._meta.get_field("title").max_length
    fault = hidden_fault(text) or (
        f"expected at most {most} characters" if len(text) > most else ""
    )
    if fault:
        raise CommandError(f"--title: {fault}.")
    return text


def _document(path: str) -> dict[str, Any]:
    """The JSON object in a file, read as strictly as a request's body."""
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        document = parse_document(data)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
    except ApiError as error:
        raise CommandError(f"{path}: {error.detail}") from None
    if not isinstance(document, dict):
        raise CommandError(f"{path}: a JSON object is expected.")
    return document


def _instance(name: str) -> ServiceInstance:
    """The service of this full or short id. Raises CommandError if there is none, or several."""
    rows = ServiceInstance.objects.select_related("owner", "profile", "document")
    found = list(rows.filter(instance_id=name))
    if not found and SHORT_ID.fullmatch(name):
        found = list(rows.filter(instance_id__endswith=name)[:2])
    if not found:
        raise CommandError(f"There is no service {name!r}; `services list` shows them.")
    if len(found) > 1:
        raise CommandError(f"Several services end with {name!r}; give the whole id.")
    return found[0]
