"""`manage.py rotate_signing_key`: another key signs the hub's tokens; those that are out stay."""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError, CommandParser
from django.db.models import Max
from django.utils import timezone

from accounts.models import AccessToken
from accounts.tokens import signing_keys
from accounts.tokens.signing_keys import Key

SLACK = timedelta(seconds=5)
"""A process may have read the file just before it was replaced."""


class Command(BaseCommand):
    help = (
        "Let a new key sign the hub's tokens. Tokens that are out stay good: the keys before "
        "still verify, and are dropped by a later rotation once no live token needs them. Where "
        "XCUBE_HUB_TOKEN_SECRETS holds the keys nothing is changed: it tells what to set, when."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument(
            "--prepare",
            action="store_true",
            help="Only make the key that will sign next; it verifies already. Give it to the "
            "geoDB's PostgREST (--jwks), then rotate.",
        )
        which.add_argument(
            "--jwks",
            action="store_true",
            help="Only print all keys as a JSON Web Key Set, for PostgREST's jwt-secret. Secret!",
        )

    def handle(self, **options: Any) -> None:
        if options["jwks"]:
            self.stdout.write(json.dumps(signing_keys.as_jwks(signing_keys.signing_keys())))
        elif settings.TOKEN_SECRETS:
            self._tell_what_to_set()
        else:
            try:
                self._change(settings.TOKEN_SECRETS_FILE, only_prepare=options["prepare"])
            except OSError as error:
                raise CommandError(
                    f"{error}. The file must be writable; change a mounted one where it is from."
                ) from None

    def _change(self, path: Path, *, only_prepare: bool) -> None:
        if only_prepare:
            signing_keys.prepare(path)
            self.stdout.write("A new key verifies, and will sign after rotate_signing_key.")
            return
        dropped = signing_keys.rotate(path, is_needed=_is_needed)
        kept = len(signing_keys.signing_keys()) - 1
        self.stdout.write(
            f"A new key signs, at once and in all processes that see {path}. {kept} before it "
            f"still verify; {len(dropped)} were dropped, for no live token needs them."
        )

    def _tell_what_to_set(self) -> None:
        last = AccessToken.objects.filter(revoked_at=None).aggregate(at=Max("expires_at"))["at"]
        until = max(last or timezone.now(), timezone.now())
        self.stdout.write(
            "XCUBE_HUB_TOKEN_SECRETS holds the keys, which no command can change in running "
            "processes. A new key:\n\n"
            f"    {secrets.token_urlsafe(64)}\n\n"
            "1. Put it at the END of XCUBE_HUB_TOKEN_SECRETS and restart every part of the hub: "
            "now all take it, and none signs with it. Give it to the geoDB's PostgREST too.\n"
            "2. Put it FIRST and restart again: it signs.\n"
            f"3. After {until:%Y-%m-%d %H:%M} UTC, when the last token of today has ended, remove "
            "the keys behind it. Tokens made until step 2 may end later."
        )


def _is_needed(key: Key, since: datetime | None) -> bool:
    """Whether a token that it signed is still good."""
    until = settings.HUB["XCUBE_HUB_OLD_TOKENS_UNTIL"]
    if until is not None and timezone.now().date() <= until:
        return True  # tokens without a row may be of any key
    tokens = AccessToken.objects.filter(revoked_at=None, expires_at__gt=timezone.now() - SLACK)
    if since is not None:
        tokens = tokens.filter(issued_at__gte=since - SLACK)
    return tokens.filter(issued_at__lte=key.replaced_at + SLACK).exists()
