"""`manage.py rotate_signing_key`: changes the signing key; issued tokens stay valid."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import CommandError, CommandParser
from django.db.models import Max
from django.utils import timezone

from accounts.models import AccessToken
from accounts.settings import hub
from accounts.tokens import signing_keys
from accounts.tokens.signing_keys import Key
from hubsite import audit
from hubsite.management.command import HubCommand
from hubsite.management.output import Output

SLACK = timedelta(seconds=5)
"""A process may have read the file just before it was replaced."""


class Command(HubCommand):
    help = (
        "Let a new key sign the hub's tokens. Tokens that are out stay good: the keys before "
        "still verify, and are dropped by a later rotation once no live token needs them. Where "
        "XCUBE_HUB_TOKEN_SECRETS holds the keys nothing is changed: it tells what to set, when."
    )
    group = "Accounts"

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
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

    def run(self, out: Output, options: dict[str, Any]) -> None:
        if options["jwks"]:
            out.json(signing_keys.as_jwks(signing_keys.signing_keys()))
            return
        try:
            result, text = (
                _what_to_set()
                if settings.TOKEN_SECRETS
                else _change(settings.TOKEN_SECRETS_FILE, only_prepare=options["prepare"])
            )
        except OSError as error:
            raise CommandError(
                f"{error}. The file must be writable; change a mounted one where it is from."
            ) from None
        if options["json"]:
            out.json(result)
        else:
            out.line(text)


def _change(path: Path, *, only_prepare: bool) -> tuple[dict[str, Any], str]:
    """Change the keys in the file; returns what was done, for programs and for people."""
    if only_prepare:
        signing_keys.prepare(path)
        text = "A new key verifies, and will sign after rotate_signing_key."
        audit.record("key.rotated", detail="the next key prepared")
        return {"prepared": True, "rotated": False}, text
    dropped = signing_keys.rotate(path, is_needed=_is_needed)
    audit.record("key.rotated")
    kept = len(signing_keys.signing_keys()) - 1
    return {"rotated": True, "kept": kept, "dropped": len(dropped)}, (
        f"A new key signs, at once and in all processes that see {path}. {kept} before it "
        f"still verify; {len(dropped)} were dropped, because no live token needs them."
    )


def _what_to_set() -> tuple[dict[str, Any], str]:
    """A new key and how to set it, if the keys are in the environment."""
    last = AccessToken.objects.filter(revoked_at=None).aggregate(at=Max("expires_at"))["at"]
    until = max(last or timezone.now(), timezone.now())
    key = secrets.token_urlsafe(64)
    return {"rotated": False, "new_key": key, "remove_old_keys_after": until}, (
        "XCUBE_HUB_TOKEN_SECRETS holds the keys, which no command can change in running "
        "processes. A new key:\n\n"
        f"    {key}\n\n"
        "1. Put it at the END of XCUBE_HUB_TOKEN_SECRETS and restart every part of the hub: "
        "now all take it, and none signs with it. Give it to the geoDB's PostgREST too.\n"
        "2. Put it FIRST and restart again: it signs.\n"
        f"3. After {until:%Y-%m-%d %H:%M} UTC, when the last token of today has ended, remove "
        "the keys behind it. Tokens made until step 2 may end later."
    )


def _is_needed(key: Key, since: datetime | None) -> bool:
    """Whether a token that this key has signed is still valid."""
    until = hub.old_tokens_until
    if until is not None and timezone.now().date() <= until:
        return True  # any key may have signed tokens without a row
    tokens = AccessToken.objects.filter(revoked_at=None, expires_at__gt=timezone.now() - SLACK)
    if since is not None:
        tokens = tokens.filter(issued_at__gte=since - SLACK)
    return tokens.filter(issued_at__lte=key.replaced_at + SLACK).exists()
