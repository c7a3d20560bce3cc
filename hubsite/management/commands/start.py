"""`manage.py start`: runs the whole hub on this machine."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from hubsite.engines.settings import hub
from hubsite.start import parts
from hubsite.start.process_output import Output
from hubsite.start.process_supervisor import Part, Supervisor
from hubsite.start.readiness import Site, tell_when_ready
from hubsite.start.start_conditions import (
    CannotStart,
    check_configuration,
    free_edge_port,
    free_port,
    lock_parts,
    migrate_database,
)

DESCRIPTION = """\
Run the hub on this machine until Ctrl-C.

  web        answers requests: the API, its docs page, the admin
  worker     does what requests have left to do: launches jobs
  outside    does what may take long: talks to geoDB and mail servers,
             removes runs that are over, deletes what is not kept
  observer   carries what became of the runs back to the database
  runner     runs the cube generations (local engine only; needs `make xcube`)
  edge       passes browsers on to services such as xcube servers

A part that ends is started again. Ctrl-C ends all; runs under way go on, and are found
again by the next start. A second Ctrl-C kills at once.
"""
EPILOG = "All settings are environment variables: see docs/configuration.md."


def part_names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in parts.NAMES]
    if unknown or not names:
        raise ArgumentTypeError(
            f"{text!r} names no part of the hub; the parts are {', '.join(parts.NAMES)}"
        )
    return names


class Command(BaseCommand):
    help = DESCRIPTION
    requires_system_checks: list[str] = []  # it runs them itself and prints them as sentences

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, epilog=EPILOG, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "-a",
            "--address",
            default=hub.address,
            help="address to listen on; 0.0.0.0 is any (XCUBE_HUB_ADDRESS, now %(default)s)",
        )
        parser.add_argument(
            "-p",
            "--port",
            type=int,
            default=hub.port,
            help="port to listen on; 0 takes a free one (XCUBE_HUB_PORT, now %(default)s)",
        )
        parser.add_argument(
            "--only",
            type=part_names,
            default=[],
            metavar="PART,…",
            help="run these parts only: " + ", ".join(parts.NAMES),
        )
        parser.add_argument(
            "--without",
            type=part_names,
            default=[],
            metavar="PART,…",
            help="run all but these parts",
        )
        parser.add_argument(
            "--no-migrate",
            action="store_true",
            help="leave the database as it is instead of bringing it up to date first",
        )

    def handle(self, **options: Any) -> None:
        if options["no_color"]:
            os.environ["NO_COLOR"] = "1"
        try:
            status = start(
                address=options["address"],
                port=options["port"],
                names=parts.wanted(options["only"], options["without"]),
                migrate=not options["no_migrate"],
            )
        except CannotStart as refusal:
            self.stderr.write(self.style.ERROR(str(refusal)))
            status = 1
        except KeyboardInterrupt:
            status = 130
        sys.exit(status)


def start(*, address: str, port: int, names: list[str], migrate: bool) -> int:
    """Check, prepare and run; returns the exit status. Raises CannotStart."""
    if not names:
        raise CannotStart("No part of the hub is left to run. Look at --only and --without.")
    output = Output(["hub", *names])
    check_configuration(output.tell)
    if parts.RUNNER in names and not parts.has_xcube():
        names = without_runner(names, output.tell)
    with lock_parts(names):
        if parts.WEB in names:
            port = free_port(address, port, output.tell)
        if migrate:
            migrate_database(output.tell)
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns otherwise
        site = Site(address, port)
        environment = {**os.environ, **site.environment()}
        if parts.EDGE in names:
            environment["XCUBE_HUB_EDGE_PORT"] = str(edge_port(environment, names, output.tell))
        running: list[Part] = [parts.make_part(name, environment=environment) for name in names]
        output.tell(f"Starting {', '.join(names)} …")
        ready = partial(tell_when_ready, site, output.tell) if parts.WEB in names else None
        return Supervisor(running, output=output, once_started=ready).run()


def edge_port(
    environment: Mapping[str, str], names: Collection[str], tell: Callable[[str], None]
) -> int:
    """The port of the edge, which all parts must know. Raises CannotStart."""
    values = parts.settings_in(environment)
    return free_edge_port(
        values["XCUBE_HUB_EDGE_ADDRESS"],
        values["XCUBE_HUB_EDGE_PORT"],
        tell,
        is_chosen="XCUBE_HUB_EDGE_PORT" in settings.HUB_GIVEN or parts.WEB not in names,
    )


def without_runner(names: list[str], tell: Callable[[str], None]) -> list[str]:
    """The parts that can run without the runner, because xcube is not installed."""
    lack = (
        f"There is no xcube at {hub.xcube_python}: no cube can be "
        "generated. Run `make xcube` and start again."
    )
    rest = [name for name in names if name != parts.RUNNER]
    if not rest:
        raise CannotStart(lack)
    tell(f"{lack} The rest starts now.")
    return rest
