"""`manage.py forget_person`: delete a person; jobs become anonymous, the ledger stays."""

from __future__ import annotations

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from accounts.deletion import HasPowers, StillBusy, forget_person
from accounts.management.arguments import existing_user


class Command(BaseCommand):
    help = (
        "Delete a person: e-mail, names, clients, tokens, identities, requests and logs. What "
        "was spent, and when, stays under a random id. It cannot be undone. Cubes stay in their "
        "stores."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--email", required=True, help="E-mail of the person.")
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, **options: Any) -> None:
        user = existing_user(options["email"])
        if not options["yes"]:
            answer = input(f"Delete {user.email} for good? Type the e-mail to confirm: ")
            if answer.strip().lower() != user.email.lower():
                raise CommandError("Nothing was changed.")
        try:
            elsewhere = forget_person(user, actor="manage.py forget_person")
        except HasPowers as error:
            raise CommandError(f"{error}: take the role and staff status away first.") from None
        except StillBusy as error:
            raise CommandError(
                f"{error}. The account is switched off already; repeat the command in a minute."
            ) from None
        self.stdout.write("The person is deleted.")
        for task in [f"stores: cubes of {user.user_id} lie where they were", *elsewhere]:
            self.stdout.write(f"To do elsewhere: {task}")
