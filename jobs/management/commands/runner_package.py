"""`manage.py runner_package`: the runner as a zip file, or as a ConfigMap for Kubernetes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from hubsite.management.command import HubCommand
from hubsite.management.output import Output

from ...running.runner_package import runner_zip

FILE = "runner.zip"


class Command(HubCommand):
    help = (
        "Write the runner, which any Python with xcube can run, as a zip file; or print it as a "
        "ConfigMap: manage.py runner_package --configmap | kubectl apply --server-side -f -"
    )
    group = "Cluster"
    has_json = False  # it prints YAML or writes a file

    def add_arguments(self, parser: CommandParser) -> None:
        how = parser.add_mutually_exclusive_group()
        how.add_argument(
            "--configmap",
            nargs="?",
            const="xcube-hub-runner",
            metavar="NAME",
            help="print a ConfigMap of this name as YAML (default: %(const)s)",
        )
        how.add_argument("--output", type=Path, default=Path(FILE), help="default: %(default)s")

    def run(self, out: Output, options: dict[str, Any]) -> None:
        if options["configmap"]:
            out.raw(configmap(options["configmap"]))
            return
        try:
            options["output"].write_bytes(runner_zip())
        except OSError as error:
            raise CommandError(f"The file cannot be written: {error}") from None
        out.note(f"{options['output']}: {len(runner_zip()):,} bytes")


def configmap(name: str) -> str:
    """A YAML text: any JSON string is one."""
    content = base64.b64encode(runner_zip()).decode()
    return f"""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {json.dumps(name)}
  labels:
    app.kubernetes.io/name: xcube-hub
    app.kubernetes.io/component: runner
binaryData:
  {FILE}: {content}
"""
