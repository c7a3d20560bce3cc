"""`manage.py check_cluster`: is the Kubernetes cluster as the hub needs it?"""

from __future__ import annotations

import io
import json
import shutil
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.conf import settings
from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    DjangoHelpFormatter,
)
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hubsite.engines.kubernetes import from_settings
from hubsite.engines.kubernetes.check.cluster import Asked, check_cluster
from hubsite.engines.kubernetes.check.rows import Outcome, Row, has_failed

STYLES = {Outcome.OK: "green", Outcome.WARNING: "yellow", Outcome.FAILED: "bold red"}
EPILOG = """\
Each row is one look, by the hub's own credentials; below the table is what to do about each row
that is not ok. Nothing is made in the cluster, but for --trial, which makes one Job, waits for
its end and removes it: it shows that pods start, find xcube and reach the hub.
The exit code is 1 if any row failed; warnings do not count. docs/kubernetes.md tells more.

examples:
  manage.py check_cluster
  manage.py check_cluster --trial
  manage.py check_cluster --json
"""


class _HelpFormatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the lines of the examples."""


class Command(BaseCommand):
    help = "Check that the Kubernetes cluster is as the hub needs it, and say what to mend."
    requires_system_checks: list[str] = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, epilog=EPILOG, **kwargs)
        parser.formatter_class = _HelpFormatter
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--trial", action="store_true", help="run a pod that calls the hub")
        parser.add_argument(
            "--trial-s",
            type=float,
            default=300.0,
            metavar="SECONDS",
            help="how long the pod may take, with the pull of its image (default: 300)",
        )
        parser.add_argument(
            "--json", action="store_true", help='print {"ok", "rows"} as JSON instead of a table'
        )

    def handle(self, *args: Any, **options: Any) -> None:
        asked = Asked(
            source=from_settings.source,
            options=from_settings.pod_options,
            engine=settings.HUB["XCUBE_HUB_ENGINE"],
            callback_url=settings.HUB["XCUBE_HUB_CALLBACK_URL"],
            memory_bytes=settings.HUB["XCUBE_HUB_JOB_MEMORY_BYTES"],
            trial_s=options["trial_s"] if options["trial"] else None,
        )
        rows = list(check_cluster(asked))
        if options["json"]:
            document = {"ok": not has_failed(rows), "rows": [row.as_json() for row in rows]}
            self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))
        else:
            self.stdout.write(_table(rows, has_colour=not options["no_color"], out=self.stdout))
            self.stdout.write(_mends(rows))
        if has_failed(rows):
            count = sum(row.outcome is Outcome.FAILED for row in rows)
            raise CommandError(f"{count} of {len(rows)} rows failed.", returncode=1)


def _table(rows: list[Row], *, has_colour: bool, out: Any) -> str:
    """Coloured on a terminal, plain where it is piped."""
    table = Table(title="The cluster, as the hub sees it", title_justify="left")
    for heading in ("Looked at", "Result", "Found"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        outcome = f"[{STYLES[row.outcome]}]{row.outcome}[/]"
        table.add_row(escape(row.what), outcome, escape(row.found))
    buffer = io.StringIO()
    width = max(shutil.get_terminal_size((120, 24)).columns, 80)
    is_terminal = has_colour and out.isatty()
    Console(file=buffer, width=width, force_terminal=is_terminal, highlight=False).print(table)
    return buffer.getvalue()


def _mends(rows: list[Row]) -> str:
    """Each mend once, in one line, so that commands can be copied."""
    rows_by_mend: dict[str, list[Row]] = {}
    for row in rows:
        if row.mend:
            rows_by_mend.setdefault(row.mend, []).append(row)
    if not rows_by_mend:
        return "All is well."
    return "\n".join(
        f"{', '.join(f'{row.what} ({row.outcome})' for row in those)}:\n  {mend}"
        for mend, those in rows_by_mend.items()
    )
