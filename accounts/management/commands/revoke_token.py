"""`manage.py revoke_token`: make tokens grant nothing from now on."""

from __future__ import annotations

from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser

from accounts.management.arguments import existing_user
from accounts.models import AccessToken
from accounts.tokens.hub_tokens import revoke_tokens


class Command(BaseCommand):
    help = "Revoke one token, or all tokens of a user."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--jti", help="The token's `jti` claim.")
        which.add_argument("--email", help="All tokens of the user with this e-mail.")

    def handle(self, **options: Any) -> None:
        if options["jti"]:
            rows = AccessToken.objects.filter(jti=options["jti"])
            if not rows.exists():
                raise CommandError(f"There is no token with the jti {options['jti']}.")
        else:
            rows = AccessToken.objects.filter(user=existing_user(options["email"]))
        self.stdout.write(f"{revoke_tokens(rows)} revoked")
