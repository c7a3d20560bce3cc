"""`manage.py check_cluster`: checks whether the Kubernetes cluster has what the hub needs."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from hubsite.engines.kubernetes import from_settings
from hubsite.engines.kubernetes.check.cluster import Asked, check_cluster
from hubsite.engines.kubernetes.check.rows import Outcome, Row, has_failed
from hubsite.engines.settings import hub
from hubsite.management.command import HubCommand
from hubsite.management.output import Column, Output, Styled

COLUMNS = (Column("Looked at"), Column("Result", is_copied=True), Column("Found"))
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


class Command(HubCommand):
    help = "Check that the Kubernetes cluster is as the hub needs it, and say how to fix it."
    group = "Cluster"
    epilog = EPILOG
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--trial", action="store_true", help="run a pod that calls the hub")
        parser.add_argument(
            "--trial-s",
            type=float,
            default=300.0,
            metavar="SECONDS",
            help="how long the pod may take, with the pull of its image (default: 300)",
        )

    def run(self, out: Output, options: dict[str, Any]) -> None:
        asked = Asked(
            source=from_settings.source,
            options=from_settings.pod_options,
            engine=hub.engine,
            callback_url=hub.callback_url,
            memory_bytes=hub.job_memory_bytes,
            trial_s=options["trial_s"] if options["trial"] else None,
        )
        rows = list(check_cluster(asked))
        if options["json"]:
            out.json({"ok": not has_failed(rows), "rows": [row.as_json() for row in rows]})
        else:
            cells = (
                (row.what, Styled(row.outcome, STYLES[row.outcome]), row.found) for row in rows
            )
            out.table(COLUMNS, cells, title="The cluster, as the hub sees it")
            out.line(_remedies(rows))
        if has_failed(rows):
            count = sum(row.outcome is Outcome.FAILED for row in rows)
            raise CommandError(f"{count} of {len(rows)} rows failed.", returncode=1)


def _remedies(rows: list[Row]) -> str:
    """Each remedy once and on one line, so that commands can be copied."""
    rows_by_remedy: dict[str, list[Row]] = {}
    for row in rows:
        if row.remedy:
            rows_by_remedy.setdefault(row.remedy, []).append(row)
    if not rows_by_remedy:
        return "All is well."
    return "\n".join(
        f"{', '.join(f'{row.what} ({row.outcome})' for row in those)}:\n  {remedy}"
        for remedy, those in rows_by_remedy.items()
    )
