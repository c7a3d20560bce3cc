"""`manage.py issue_token`: a bearer token without a client."""

from __future__ import annotations

from typing import Any

from django.core.management import CommandParser

from accounts.management.arguments import (
    add_permission_argument,
    existing_user,
    refuse_missing,
    seconds,
)
from accounts.roles import permissions_of
from accounts.tokens.hub_tokens import issue_token
from hubsite.management.command import HubCommand
from hubsite.management.output import Output


class Command(HubCommand):
    help = "Print a bearer token of a user's, and nothing else."
    group = "Accounts"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--email", required=True, help="E-mail of the user.")
        add_permission_argument(
            parser, required=False, help="What the token may do. Default: all that the user may."
        )
        parser.add_argument(
            "--lifetime-s",
            type=seconds,
            help="How long it is valid, in seconds. Default: XCUBE_HUB_TOKEN_LIFETIME_S.",
        )

    def run(self, out: Output, options: dict[str, Any]) -> None:
        user = existing_user(options["email"])
        held = permissions_of(user)
        wanted = set(options["permissions"]) or held
        refuse_missing(user, wanted - held)
        token = issue_token(user, scopes=wanted, lifetime_s=options["lifetime_s"])
        if options["json"]:
            out.json({"access_token": token, "token_type": "bearer"})
        else:
            out.raw(token)
