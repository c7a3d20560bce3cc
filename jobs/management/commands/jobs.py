"""`manage.py jobs list|show|cancel|logs`: jobs in the terminal, for operators."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.arguments import existing_user
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
from jobs import lifecycle
from jobs.api.presentation import job_detail, job_summary
from jobs.models import Job, State
from jobs.pages.start_words import when_it_starts
from jobs.queue.waiting import waiting_of
from jobs.running import logs
from jobs.running.removal import remove_soon

STATE_STYLES = {
    State.QUEUED: "cyan",
    State.LAUNCHED: "blue",
    State.RUNNING: "bright_blue",
    State.SUCCEEDED: "green",
    State.FAILED: "red",
    State.CANCELLED: "yellow",
}
SHORT_ID_LENGTH = 18
SHORT_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}")
"""The short id of a job is the end of its id; the beginning is the owner's user id."""

WIDE = 130
"""On a narrower terminal the table has fewer columns, with two lines in each cell."""
COLUMNS = (
    Column("Job", is_copied=True),
    Column("Owner"),
    Column("State", is_copied=True),
    Column("Reason", is_copied=True),
    Column("Units", is_number=True),
    Column("Output"),
    Column("Created", is_copied=True),
)
NARROW_COLUMNS = (
    Column("Job, created", is_copied=True),
    Column("State", is_copied=True),
    Column("Units", is_number=True),
    Column("Owner, output"),
)

EPILOG = """\
JOB is a job id, or its last 18 characters as `jobs list` shows them on a terminal.
`cancel` exits with 1 if no job was cancelled, for all had ended already.

examples:
  manage.py jobs list --state failed --user ann@example.org
  manage.py jobs logs c415de9f-e237-442c --tail 50
  manage.py jobs list --json | jq -r '.[].job_id'
"""


class Command(HubCommand):
    help = "List, show and cancel cube generation jobs, and read their logs."
    group = "Jobs"
    epilog = EPILOG
    has_json = False  # each action has it

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

        listing = actions.add_parser("list", help="newest jobs first")
        add_list_arguments(listing, states=State.values)

        show = actions.add_parser("show", help="one job with its events and request")
        show.add_argument("job_id", metavar="JOB")
        add_json_argument(show)

        cancel = actions.add_parser("cancel", help="end jobs that are queued or running")
        cancel.add_argument("job_id", nargs="+", metavar="JOB")
        add_json_argument(cancel)

        log = actions.add_parser("logs", help="what the run printed")
        log.add_argument("job_id", metavar="JOB")
        add_log_arguments(log)

    def run(self, out: Output, options: dict[str, Any]) -> int | None:
        return getattr(self, f"_{options['action']}")(out, options)

    def _list(self, out: Output, options: dict[str, Any]) -> None:
        jobs = Job.objects.select_related("owner").order_by("-id")
        if options["user"] is not None:
            jobs = jobs.filter(owner=existing_user(options["user"]))
        if options["state"]:
            jobs = jobs.filter(state=options["state"])
        found = list(jobs[: options["limit"]])
        if options["json"]:
            out.json([{**job_summary(job), "owner": job.owner.email} for job in found])
            return
        if out.is_terminal and out.width < WIDE:
            out.table(NARROW_COLUMNS, map(_narrow_row, found), empty="No such jobs.")
        else:
            rows = (_row(job, has_short_id=out.is_terminal) for job in found)
            out.table(COLUMNS, rows, empty="No such jobs.")

    def _show(self, out: Output, options: dict[str, Any]) -> None:
        job = _job(options["job_id"])
        if options["json"]:
            out.json(job_detail(job, logs.last_lines(job)))
            return
        out.line(f"{job.job_id}  {job.state} {job.reason}".rstrip())
        out.line(f"  owner    {job.owner.email}")
        out.line(f"  output   {_output_of(job)}")
        out.line(f"  units    {job.units}")
        if job.message:
            out.line(f"  message  {job.message}")
        for line in _waiting_lines(job):
            out.line(f"  {line}")
        out.line("  events")
        for event in job.events.all():
            text = f"    {time_text(event.at)}  {event.from_state or 'new':9} → {event.to_state:9}"
            details = " ".join(filter(None, [event.reason, event.message]))
            out.line(f"{text}  by {event.actor}  {details}".rstrip())
        request = json.dumps(job.document.request, indent=2)
        out.line("  request\n    " + request.replace("\n", "\n    "))

    def _cancel(self, out: Output, options: dict[str, Any]) -> int | None:
        outcomes = []
        for job in [_job(job_id) for job_id in options["job_id"]]:
            was_cancelled = lifecycle.cancel(job, actor=command_line_actor())
            if was_cancelled:
                remove_soon([job])
            outcomes.append((job, was_cancelled))
        if options["json"]:
            out.json(
                [
                    {"job_id": job.job_id, "cancelled": cancelled, "state": job.state}
                    for job, cancelled in outcomes
                ]
            )
        else:
            for job, cancelled in outcomes:
                out.line(
                    f"{job.job_id}: " + ("cancelled" if cancelled else f"is {job.state} already")
                )
        return None if any(cancelled for _, cancelled in outcomes) else NOTHING_DONE

    def _logs(self, out: Output, options: dict[str, Any]) -> None:
        if options["raw"] and out.is_terminal:
            raise CommandError("--raw is for pipes and files: a log can take over the terminal.")
        found = _log_lines(_job(options["job_id"]), options["tail"])
        if options["json"]:
            out.json(list(found))
            return
        for line in found:
            if options["raw"]:
                out.raw(line)
            else:
                out.line(line)


def _waiting_lines(job: Job) -> list[str]:
    """Why the job waits, its place, and when it starts."""
    waiting = waiting_of(job, for_operators=True)
    if waiting is None:
        return []
    place, start = waiting.place, waiting.place.start
    lines = [f"waits    {waiting.text} {waiting.remedy} ({waiting.cause})"]
    if place.number is not None:
        about = "" if place.is_exact else "about "
        lines.append(f"place    {about}{place.number} of {place.queue_length}")
    if words := when_it_starts(waiting):
        between = f": {time_text(start.earliest)} to {time_text(start.latest)} ({start.percent} %)"
        lines.append(f"start    {words}{between if start.latest else ''}")
    elif start.unknown:
        lines.append(f"start    cannot be said, because {start.unknown}")
    return lines


def _row(job: Job, *, has_short_id: bool) -> tuple[Cell, ...]:
    return (
        job.job_id[-SHORT_ID_LENGTH:] if has_short_id else job.job_id,
        job.owner.email,
        Styled(job.state, STATE_STYLES[State(job.state)]),
        job.reason,
        job.units,
        _output_of(job),
        job.created_at,
    )


def _narrow_row(job: Job) -> tuple[Cell, ...]:
    return (
        f"{job.job_id[-SHORT_ID_LENGTH:]}\n{cell_text(job.created_at)}",
        Styled(f"{job.state}\n{job.reason}".rstrip(), STATE_STYLES[State(job.state)]),
        job.units,
        f"{one_line(job.owner.email)}\n{one_line(_output_of(job))}",
    )


def _output_of(job: Job) -> str:
    return f"{job.output_store}/{job.output_data_id}"


def _log_lines(job: Job, tail: int | None) -> Iterator[str]:
    if tail is not None:
        yield from logs.last_lines(job, tail) if tail else ()
        return
    for _, text in logs.lines_from(job, 0, sys.maxsize):
        yield text


def _job(job_id: str) -> Job:
    """The job with this full or short id. Raises CommandError if there is none, or several."""
    jobs = Job.objects.select_related("owner", "document")
    found = list(jobs.filter(job_id=job_id))
    if not found and SHORT_ID.fullmatch(job_id):
        found = list(jobs.filter(job_id__endswith=f"-{job_id}")[:2])
    if not found:
        raise CommandError(f"There is no job {job_id!r}; `jobs list` shows them.")
    if len(found) > 1:
        raise CommandError(f"Several jobs end with {job_id!r}; give the whole id.")
    return found[0]
