"""`manage.py forget_person`: delete a person; jobs become anonymous, the ledger stays."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management import CommandError, CommandParser

from accounts.deletion import HasPowers, StillBusy, forget_person
from accounts.management.arguments import existing_user
from hubsite.management.command import HubCommand, command_line_actor
from hubsite.management.output import Output


class Command(HubCommand):
    help = (
        "Delete a person: e-mail, names, clients, tokens, identities, requests and logs. What "
        "was spent, and when, stays under a random id. It cannot be undone. Cubes stay in their "
        "stores."
    )
    group = "Accounts"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--email", required=True, help="E-mail of the person.")
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def run(self, out: Output, options: dict[str, Any]) -> None:
        user = existing_user(options["email"])
        if not options["yes"]:
            if not sys.stdin.isatty():
                raise CommandError(
                    f"This deletes {user.email} for good. There is no terminal to ask at: add "
                    "--yes to confirm."
                )
            answer = input(f"Delete {user.email} for good? Type the e-mail to confirm: ")
            if answer.strip().lower() != user.email.lower():
                raise CommandError("Nothing was changed.")
        try:
            elsewhere = forget_person(user, actor=command_line_actor())
        except HasPowers as error:
            raise CommandError(f"{error}: take the role and staff status away first.") from None
        except StillBusy as error:
            raise CommandError(
                f"{error}. The account is switched off already; repeat the command in a minute."
            ) from None
        tasks = [f"stores: cubes of {user.user_id} lie where they were", *elsewhere]
        if options["json"]:
            out.json({"deleted": True, "to_do_elsewhere": tasks})
            return
        out.line("The person is deleted.")
        for task in tasks:
            out.line(f"To do elsewhere: {task}")
