"""`manage.py jobs list|show|cancel|logs`: what an operator asks of jobs in a terminal."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from jobs import lifecycle, logs
from jobs.api.presentation import job_detail, job_summary, time_text
from jobs.models import Job, State
from jobs.tasks import remove_soon

STATE_COLOURS = {
    State.QUEUED: "cyan",
    State.LAUNCHED: "blue",
    State.RUNNING: "bright_blue",
    State.SUCCEEDED: "green",
    State.FAILED: "red",
    State.CANCELLED: "yellow",
}


class Command(BaseCommand):
    help = "List, show and cancel cube generation jobs, and read their logs."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

        listing = actions.add_parser("list", help="newest jobs first")
        listing.add_argument("--user", metavar="EMAIL", help="only those of this user")
        listing.add_argument(
            "--state", choices=State.values, type=str.upper, help="only those in this state"
        )
        listing.add_argument("--limit", type=int, default=20, help="how many (default: 20)")
        listing.add_argument("--json", action="store_true", help="as JSON")

        show = actions.add_parser("show", help="one job with its events and request")
        show.add_argument("job_id")
        show.add_argument("--json", action="store_true", help="as JSON")

        cancel = actions.add_parser("cancel", help="end jobs that are queued or running")
        cancel.add_argument("job_id", nargs="+")

        log = actions.add_parser("logs", help="what the run printed")
        log.add_argument("job_id")
        log.add_argument("--tail", type=int, metavar="N", help="only the last N lines")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['action']}")(options)

    def _list(self, options: dict[str, Any]) -> None:
        jobs = Job.objects.select_related("owner").order_by("-id")
        if options["user"]:
            jobs = jobs.filter(owner__email__iexact=options["user"])
        if options["state"]:
            jobs = jobs.filter(state=options["state"])
        found = list(jobs[: max(0, options["limit"])])
        if options["json"]:
            self._print_json([{**job_summary(job), "owner": job.owner.email} for job in found])
            return
        table = Table(box=None)
        table.add_column("Job", no_wrap=True)  # to be copied
        for name in ("Owner", "State", "Units", "Output", "Created"):
            table.add_column(name, overflow="fold")
        for job in found:
            colour = STATE_COLOURS[State(job.state)]
            state = f"[{colour}]{job.state}[/]" + (f" {job.reason}" if job.reason else "")
            table.add_row(
                job.job_id,
                job.owner.email,
                state,
                str(job.units),
                f"{job.output_store}/{job.output_data_id}",
                f"{job.created_at:%Y-%m-%d %H:%M:%S}",
            )
        self._console().print(table)
        if not found:
            self.stdout.write("No such jobs.")

    def _show(self, options: dict[str, Any]) -> None:
        job = self._job(options["job_id"])
        if options["json"]:
            self._print_json(job_detail(job, logs.last_lines(job)))
            return
        self.stdout.write(f"{job.job_id}  {job.state} {job.reason}".rstrip())
        self.stdout.write(f"  owner    {job.owner.email}")
        self.stdout.write(f"  output   {job.output_store}/{job.output_data_id}")
        self.stdout.write(f"  units    {job.units}")
        if job.message:
            self.stdout.write(f"  message  {job.message}")
        self.stdout.write("  events")
        for event in job.events.all():
            text = f"    {time_text(event.at)}  {event.from_state or 'new':9} → {event.to_state:9}"
            details = " ".join(filter(None, [event.reason, event.message]))
            self.stdout.write(f"{text}  by {event.actor}  {details}".rstrip())
        request = json.dumps(job.document.request, indent=2)
        self.stdout.write("  request\n    " + request.replace("\n", "\n    "))

    def _cancel(self, options: dict[str, Any]) -> None:
        for job in [self._job(job_id) for job_id in options["job_id"]]:
            if lifecycle.cancel(job, actor="operator"):
                remove_soon([job])
                self.stdout.write(f"{job.job_id}: cancelled")
            else:
                self.stdout.write(f"{job.job_id}: is {job.state} already")

    def _logs(self, options: dict[str, Any]) -> None:
        job = self._job(options["job_id"])
        if options["tail"] is not None:
            lines = logs.last_lines(job, options["tail"]) if options["tail"] > 0 else []
        else:
            lines = [text for _, text in logs.lines_from(job, 0, sys.maxsize)]
        for line in lines:
            self.stdout.write(line)

    @staticmethod
    def _job(job_id: str) -> Job:
        job = Job.objects.select_related("owner", "document").filter(job_id=job_id).first()
        if job is None:
            raise CommandError(f"There is no job {job_id!r}; `jobs list` shows them.")
        return job

    def _console(self) -> Console:
        is_terminal = getattr(self.stdout, "isatty", lambda: False)()
        return Console(file=self.stdout, width=None if is_terminal else 250)

    def _print_json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, indent=2))
