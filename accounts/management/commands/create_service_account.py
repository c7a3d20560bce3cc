"""`manage.py create_service_account`: an account and a client for a machine."""

from __future__ import annotations

import re
from typing import Any

from django.core.management import CommandError, CommandParser
from django.db import IntegrityError, transaction

from accounts.management.arguments import (
    add_permission_argument,
    refuse_missing,
    shown_fields,
)
from accounts.models import User
from accounts.roles import give_roles, permissions_of
from accounts.tokens.clients import create_client
from hubsite import audit
from hubsite.management.command import HubCommand
from hubsite.management.output import Output

DOMAIN = "service.invalid"
"""No e-mail can be sent there (RFC 2606), and no identity provider can confirm it."""


class Command(HubCommand):
    help = (
        "Make an account for a machine, such as the marketplace, with a client id and secret. "
        "Nobody signs in to it with a browser. The secret is printed once."
    )
    group = "Accounts"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--name", required=True, help="What it is: lower-case letters, digits and -."
        )
        add_permission_argument(parser, required=True, help="What it may do.")
        parser.add_argument(
            "--client-id", help="An id that the machine has already. Default: a new one."
        )
        parser.add_argument(
            "--client-secret",
            help="The secret of that id. Default: a new one. Other users of this machine can see "
            "it while the command runs.",
        )

    def run(self, out: Output, options: dict[str, Any]) -> None:
        name, scopes = options["name"], set(options["permissions"])
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?", name):
            raise CommandError("--name must be 1 to 50 lower-case letters, digits and -.")
        for option in ("client_id", "client_secret"):
            value = options[option]
            if value is not None and not (0 < len(value) <= 255 and value.isprintable()):
                raise CommandError(
                    f"--{option.replace('_', '-')} must be 1 to 255 printable characters."
                )
        try:
            with transaction.atomic():
                user = User.objects.create_user(
                    f"{name}@{DOMAIN}", first_name=name, is_service_account=True
                )
                audit.record("user.made", on=user, detail="of a machine")
                give_roles(user, scopes)
                refuse_missing(user, scopes - permissions_of(user))
                client, secret = create_client(
                    user,
                    scopes=scopes,
                    name=name,
                    client_id=options["client_id"],
                    secret=options["client_secret"],
                )
        except IntegrityError:
            raise CommandError(
                f"There is an account {name} already, or the client id is taken; create_client "
                f"--email {name}@{DOMAIN} makes another client of it."
            ) from None
        result = {
            "user_id": user.user_id,
            "email": user.email,
            "client_id": client.client_id,
            "client_secret": secret,
            "permissions": client.scopes,
        }
        if options["json"]:
            out.json(result)
        else:
            out.fields(shown_fields(result))
