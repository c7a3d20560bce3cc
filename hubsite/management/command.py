"""The base class of every command of the hub.

    class Command(HubCommand):
        help = "Count the jobs of a user."
        group = "Jobs"

        def add_arguments(self, parser):
            super().add_arguments(parser)          # --json
            parser.add_argument("--email", required=True)

        def run(self, out: Output, options):
            count = Job.objects.filter(owner__email=options["email"]).count()
            if options["json"]:
                out.json({"jobs": count})
            else:
                out.line(f"{count} jobs")

`run` returns the exit status: None or 0 if the command did its work, 1 if there was nothing to
do. If it raises `CommandError`, or `Refused`, the command prints the sentence and exits with 1.
"""

from __future__ import annotations

import getpass
import os
import socket
import sys
from abc import ABC, abstractmethod
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    DjangoHelpFormatter,
)

from hubsite import audit
from hubsite.refusals import Refused
from hubsite.storable import storable

from .output import Output
from .terminal_text import some_lines

NOTHING_DONE = 1
"""Exit status of a command that found nothing to do."""


class _KeepsLines(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Prints help texts and keeps the line breaks of the examples."""


class HubCommand(BaseCommand, ABC):
    """Base class of a command: prints by `Output`, and takes `--json` if it prints a result."""

    group = "Hub"
    """Heading under which `xcube-hub help` lists it."""
    epilog: str | None = None
    """Printed below the options of `--help`, line by line."""
    has_json = True

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, epilog=self.epilog, **options)
        if self.epilog:
            parser.formatter_class = _KeepsLines
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        if self.has_json:
            add_json_argument(parser)

    def execute(self, *args: Any, **options: Any) -> Any:
        """Like Django's, but `Refused` is an error too, and error texts cannot move the cursor."""
        _check_texts(options)
        try:
            return super().execute(*args, **options)
        except Refused as refused:
            raise CommandError(some_lines(refused)) from refused
        except CommandError as error:
            raise CommandError(some_lines(error), returncode=error.returncode) from error

    def handle(self, *args: Any, **options: Any) -> None:
        has_colour = self.stdout.isatty() and not options["no_color"]
        has_colour = has_colour and not os.environ.get("NO_COLOR")
        output = Output(self.stdout, self.stderr, has_colour=has_colour or options["force_color"])
        with audit.within(audit.of_command(command_line_actor())):
            status = self.run(output, options)
        if status:
            sys.exit(status)

    @abstractmethod
    def run(self, out: Output, options: dict[str, Any]) -> int | None:
        """Do the work and print by `out`; returns the exit status, None for 0."""


def _check_texts(options: dict[str, Any]) -> None:
    """Refuse bytes that are no UTF-8, which no database finds or stores. Raises CommandError.

    Python makes half surrogate pairs of them, as for `--email` from a Latin-1 terminal.
    """
    for name, value in options.items():
        texts = value if isinstance(value, (list, tuple)) else [value]
        for text in texts:
            if isinstance(text, str) and storable(text) != text:
                raise CommandError(f"{name}: expected text in UTF-8 without NUL")


def add_json_argument(parser: CommandParser) -> None:
    """`--json`, for a command or one of its actions."""
    parser.add_argument("--json", action="store_true", help="print one JSON value instead")


def command_line_actor() -> str:
    """Who runs this command, for the ledger and events: "command line: ann@host".

    Behind `sudo` it is the person who called it.
    """
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in a container
        user = f"uid {os.getuid()}"
    return f"command line: {user}@{socket.gethostname()}"[:100]
