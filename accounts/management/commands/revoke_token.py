"""`manage.py revoke_token`: make tokens grant nothing from now on."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandError, CommandParser

from accounts.management.arguments import existing_user
from accounts.models import AccessToken
from accounts.tokens.hub_tokens import revoke_tokens
from hubsite.management.command import NOTHING_DONE, HubCommand
from hubsite.management.output import Output


class Command(HubCommand):
    help = "Revoke one token, or all tokens of a user."
    group = "Accounts"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--jti", help="The token's `jti` claim.")
        which.add_argument("--email", help="All tokens of the user with this e-mail.")

    def run(self, out: Output, options: dict[str, Any]) -> int | None:
        if options["jti"] is not None:
            rows = AccessToken.objects.filter(jti=options["jti"])
            if not rows.exists():
                raise CommandError(f"There is no token with the jti {options['jti']}.")
        else:
            rows = AccessToken.objects.filter(user=existing_user(options["email"]))
        count = revoke_tokens(rows)
        if options["json"]:
            out.json({"revoked": count})
        else:
            out.line(f"{count} revoked")
        return None if count else NOTHING_DONE
