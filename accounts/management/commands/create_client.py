"""`manage.py create_client`: an account for a program, in one step."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management import CommandError, CommandParser
from django.db import transaction

from accounts.management.arguments import (
    add_permission_argument,
    refuse_missing,
    shown_fields,
    units,
)
from accounts.models import Client, User
from accounts.roles import give_roles, permissions_of
from accounts.tokens.clients import check_secret, create_client, find_client
from accounts.units import ledger
from hubsite import audit
from hubsite.management.command import HubCommand, command_line_actor
from hubsite.management.output import Output


class Command(HubCommand):
    help = (
        "Make a client id and secret for a user, who is made too if there is none with this "
        "e-mail, and gets the roles that grant the permissions. The secret is printed once and "
        "cannot be read again. Repeating the command with the same --client-id changes nothing."
    )
    group = "Accounts"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--email", required=True, help="E-mail of the owner.")
        add_permission_argument(parser, required=True, help="What the client may do.")
        parser.add_argument(
            "--units",
            type=units,
            default=0,
            help="Processing units to grant to the owner, once per client.",
        )
        parser.add_argument("--name", default="", help="What the client is, for people.")
        parser.add_argument(
            "--client-id", help="An id that exists already elsewhere. Default: a new one."
        )
        parser.add_argument(
            "--client-secret",
            help="A secret that exists already elsewhere; only with --client-id. Default: a new "
            "one. Other users of this machine can see it while the command runs.",
        )

    def run(self, out: Output, options: dict[str, Any]) -> None:
        _check_credentials(options["client_id"], options["client_secret"], options["name"])
        with transaction.atomic():
            result = self._create(options)
        if options["json"]:
            out.json(result)
            return
        out.fields({k: v for k, v in shown_fields(result).items() if v is not None})
        if result["client_secret"] is None:
            out.note("The client existed already; its secret cannot be shown again.")

    def _create(self, options: dict[str, Any]) -> dict[str, Any]:
        try:
            user, is_new = User.objects.get_or_create_by_email(options["email"])
        except ValidationError:
            raise CommandError(f"{options['email']!r} is not an e-mail address.") from None
        if is_new:
            audit.record("user.made", on=user)
        scopes = set(options["permissions"])
        give_roles(user, scopes)
        refuse_missing(user, scopes - permissions_of(user))
        client, secret = _client(user, options)
        if options["units"]:
            ledger.grant(
                user,
                options["units"],
                key=f"create_client:{client.client_id}",
                reason="create_client",
                actor=command_line_actor(),
            )
        return {
            "user_id": user.user_id,
            "email": user.email,
            "client_id": client.client_id,
            "client_secret": secret,
            "permissions": client.scopes,
            "units_available": ledger.available(user),
        }


def _check_credentials(client_id: str | None, secret: str | None, name: str) -> None:
    if secret is not None and client_id is None:
        raise CommandError("--client-secret needs --client-id.")
    for option, value, most in (
        ("--client-id", client_id, 255),
        ("--client-secret", secret, 1024),
        ("--name", name or None, 200),
    ):
        if value is not None and not (0 < len(value) <= most and value.isprintable()):
            raise CommandError(f"{option} must be 1 to {most} printable characters.")


def _client(user: User, options: dict[str, Any]) -> tuple[Client, str | None]:
    """The new client and its secret, or the one that exists and None."""
    client_id, secret = options["client_id"], options["client_secret"]
    existing = find_client(client_id) if client_id else None
    if existing is None:
        return create_client(
            user,
            scopes=options["permissions"],
            name=options["name"],
            client_id=client_id,
            secret=secret,
        )
    if existing.owner_id != user.pk:
        raise CommandError(f"The client id {client_id} belongs to another user.")
    if existing.revoked_at is not None:
        raise CommandError(f"The client {client_id} was revoked; use another id.")
    if secret is not None and not check_secret(existing, client_id, secret):
        raise CommandError(f"The client {client_id} exists with another secret.")
    if set(existing.scopes) != set(options["permissions"]):
        raise CommandError(
            f"The client {client_id} exists with other permissions "
            f"({', '.join(existing.scopes)}); change them in the admin."
        )
    return existing, None
