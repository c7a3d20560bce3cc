"""The hub's own bearer tokens: signed JWTs whose `jti` names a live row.

Claims are those that geoDB's PostgREST and older clients read. A token grants its scopes as
far as its owner holds the permissions now.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from .models import AccessToken, Client, User
from .scopes import permissions_of
from .token_rows import find_token

ALGORITHM = "HS256"
LEEWAY_S = 10
MAX_TOKEN_BYTES = 8 * 1024
REQUIRED_CLAIMS = ["exp", "iss", "aud", "jti"]

_JTI = re.compile(r"[0-9a-f]{32}")


class InvalidToken(Exception):
    """The token grants nothing; the message says why, in one line of ASCII."""


@dataclass(frozen=True)
class Principal:
    """Who asks by a token, and what the request may do."""

    user: User
    scopes: frozenset[str]
    jti: str
    client_id: str | None


def issue_token(
    user: User,
    *,
    client: Client | None = None,
    scopes: Iterable[str],
    lifetime_s: int | None = None,
) -> str:
    """A new token of `user`'s with those of `scopes` that the user has the permission for."""
    lifetime_s = lifetime_s or settings.HUB["XCUBE_HUB_TOKEN_LIFETIME_S"]
    granted = sorted(permissions_of(user).intersection(scopes))
    issued_at = int(time.time())
    row = AccessToken.objects.create(
        user=user,
        client=client,
        scopes=granted,
        issued_at=datetime.fromtimestamp(issued_at, UTC),
        expires_at=datetime.fromtimestamp(issued_at + lifetime_s, UTC),
    )
    claims = {
        "iss": settings.HUB["XCUBE_HUB_TOKEN_ISSUER"],
        "aud": [settings.HUB["XCUBE_HUB_OAUTH_AUD"]],
        "sub": user.user_id,
        "email": user.email,
        "scope": " ".join(granted),
        "permissions": granted,
        "gty": "client-credentials",
        "iat": issued_at,
        "exp": issued_at + lifetime_s,
        "jti": row.jti,
    }
    return jwt.encode(claims, settings.TOKEN_SECRETS[0], algorithm=ALGORITHM)


def verify_token(text: str) -> Principal:
    """Who asks by this token. One query. Raises InvalidToken."""
    jti = _checked_claims(text)["jti"]
    row = find_token(jti)
    if row is None:
        raise InvalidToken("The token is unknown here: deleted, or expired long ago")
    if row.is_revoked:
        raise InvalidToken("The token has been revoked")
    if not row.user.is_active:
        raise InvalidToken("The account of this token is inactive")
    return Principal(
        user=row.user,
        scopes=row.held & row.scopes,
        jti=jti,
        client_id=row.client_id,
    )


def revoke_tokens(rows: QuerySet[AccessToken]) -> int:
    """Make the tokens of `rows` grant nothing any more; returns how many did until now."""
    return rows.filter(revoked_at=None).update(revoked_at=timezone.now())


def delete_expired_tokens(*, older_than_s: int = 3600, batch: int = 500) -> int:
    """Delete rows of tokens that expired `older_than_s` ago, `batch` at a time; how many."""
    before = timezone.now() - timedelta(seconds=older_than_s)
    deleted = 0
    while pks := list(
        AccessToken.objects.filter(expires_at__lt=before)
        .order_by("expires_at")
        .values_list("pk", flat=True)[:batch]
    ):
        deleted += AccessToken.objects.filter(pk__in=pks).delete()[0]
    return deleted


def _checked_claims(text: str) -> dict[str, Any]:
    if len(text) > MAX_TOKEN_BYTES:
        raise InvalidToken(f"The token is longer than {MAX_TOKEN_BYTES} bytes")
    for secret in settings.TOKEN_SECRETS:
        try:
            claims = jwt.decode(
                text,
                secret,
                algorithms=[ALGORITHM],
                issuer=settings.HUB["XCUBE_HUB_TOKEN_ISSUER"],
                audience=settings.HUB["XCUBE_HUB_OAUTH_AUD"],
                leeway=LEEWAY_S,
                options={"require": REQUIRED_CLAIMS},
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.PyJWTError as error:
            raise InvalidToken(reason(error)) from None
        if not _JTI.fullmatch(claims["jti"]):
            raise InvalidToken("The token's jti is not one of this hub")
        return claims
    raise InvalidToken("The token's signature is wrong")


def reason(error: jwt.PyJWTError) -> str:
    """What is wrong with the token, as an InvalidToken tells it."""
    match error:
        case jwt.ExpiredSignatureError():
            return "Signature has expired"
        case jwt.ImmatureSignatureError():
            return "The token is not yet valid"
        case jwt.InvalidAudienceError():
            return "Invalid audience"
        case jwt.InvalidIssuerError():
            return "Auth provider unknown: the token's issuer is not accepted here"
        case jwt.MissingRequiredClaimError():
            return f"The token lacks the claim {error.claim}"
        case jwt.InvalidAlgorithmError():
            return f"The token's algorithm is not {ALGORITHM}"
        case _:
            return "The token is malformed"
