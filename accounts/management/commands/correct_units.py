"""`manage.py correct_units`: an operator corrects a balance, with a reason."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.management import CommandError, CommandParser

from accounts.management.arguments import existing_user
from accounts.units import ledger
from hubsite.management.command import HubCommand, command_line_actor
from hubsite.management.output import Output


class Command(HubCommand):
    help = "Add processing units to a user's balance, or take some (--units -5), with a reason."
    group = "Units"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--email", required=True, help="E-mail of the user.")
        parser.add_argument("--units", type=int, required=True, help="How many; below 0: fewer.")
        parser.add_argument("--reason", required=True, help="Kept in the ledger; the user sees it.")
        parser.add_argument(
            "--key",
            help="For scripts: repeating the command with the same key has no further effect.",
        )

    def run(self, out: Output, options: dict[str, Any]) -> None:
        if not options["reason"].strip():
            raise CommandError("--reason must say why.")
        if not options["units"] or abs(options["units"]) > ledger.MAX_UNITS:
            raise CommandError(f"--units must be a number up to {ledger.MAX_UNITS}, not 0.")
        user = existing_user(options["email"])
        try:
            entry = ledger.correct(
                user,
                options["units"],
                key=f"correct_units:{options['key'] or uuid.uuid4().hex}",
                reason=options["reason"].strip(),
                actor=command_line_actor(),
            )
            if entry.units != options["units"]:
                raise ledger.IdempotencyKeyReused
        except ledger.InsufficientUnits as error:
            raise CommandError(f"{user.email} has {error.available} units in all.") from None
        except ledger.IdempotencyKeyReused:
            raise CommandError("This --key was used for another correction.") from None
        available = ledger.available(user)
        if options["json"]:
            out.json({"email": user.email, "available": available})
        else:
            out.line(f"{user.email}: {available} units available")
