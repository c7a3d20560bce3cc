"""`manage.py grant_units`: processing units for a user."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

from django.core.management import CommandError, CommandParser

from accounts.management.arguments import existing_user, last_day, units
from accounts.units import ledger
from accounts.units.expiry import grant_expiring
from hubsite.management.command import HubCommand, command_line_actor
from hubsite.management.output import Output


class Command(HubCommand):
    help = "Add processing units to a user's balance, or set it."
    group = "Units"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--email", required=True, help="E-mail of the user.")
        parser.add_argument("--units", type=units, required=True, help="How many.")
        parser.add_argument(
            "--override",
            action="store_true",
            help="Make this the user's total, reserved units included, instead of adding it.",
        )
        parser.add_argument(
            "--expires",
            type=last_day,
            metavar="YYYY-MM-DD",
            help="The last day on which they can be spent. Default: they last.",
        )
        parser.add_argument("--reason", default="", help="Kept in the ledger.")
        parser.add_argument(
            "--key",
            help="For scripts: repeating the command with the same key has no further effect.",
        )

    def run(self, out: Output, options: dict[str, Any]) -> None:
        user = existing_user(options["email"])
        if not options["units"] and not options["override"]:
            raise CommandError("--units must be at least 1; only with --override it may be 0.")
        if options["expires"] and options["override"]:
            raise CommandError("--expires goes with a grant, not with --override.")
        if options["override"]:
            move = ledger.override
        elif options["expires"]:
            move = partial(grant_expiring, expires_at=options["expires"])
        else:
            move = ledger.grant
        try:
            entry = move(
                user,
                options["units"],
                key=f"grant_units:{options['key'] or uuid.uuid4().hex}",
                reason=options["reason"],
                actor=command_line_actor(),
            )
            if entry.units != options["units"]:
                raise ledger.IdempotencyKeyReused
        except ledger.IdempotencyKeyReused:
            raise CommandError("This --key was used for another grant.") from None
        result = {
            "email": user.email,
            "total": entry.total_after,
            "reserved": entry.reserved_after,
            "available": max(0, entry.total_after - entry.reserved_after),
        }
        if options["json"]:
            out.json(result)
        else:
            out.fields(result)
