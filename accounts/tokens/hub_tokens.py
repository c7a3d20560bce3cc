"""The hub's own bearer tokens: signed JWTs whose `jti` names a live row.

They have the claims that geoDB's PostgREST and older clients read. A token grants those of its
scopes for which its owner holds the permission at the time of the request.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import jwt
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.settings import hub
from hubsite import audit

from ..models import AccessToken, Client, Service, Subscription, User
from ..models.user_ids import user_id_of
from ..roles import permissions_of
from . import last_use
from .lookup import find_token
from .signing_keys import signing_keys

ALGORITHM = "HS256"
LEEWAY_S = 10
MAX_TOKEN_BYTES = 8 * 1024
MOST_TOLD = 50
"""Of tokens that are revoked together, so many have an entry in the audit."""
REQUIRED_CLAIMS = ("exp", "iss", "aud", "jti")

_JTI = re.compile(r"[0-9a-f]{32}")


class InvalidToken(Exception):
    """The token is invalid; the message says why, in one line of ASCII."""


@dataclass(frozen=True)
class Principal:
    """The user of a token, and what the request may do.

    `actor` is the operator who acts for the user (acting.py). Tokens of clients and of providers
    may change the account itself; personal tokens may not.
    """

    user: User
    scopes: frozenset[str]
    jti: str
    client_id: str | None
    actor: User | None = None
    may_change_account: bool = True


def issue_token(
    user: User,
    *,
    client: Client | None = None,
    scopes: Iterable[str],
    lifetime_s: int | None = None,
) -> str:
    """A new token of `user`, with those of `scopes` for which the user has the permission."""
    lifetime_s = lifetime_s or hub.token_lifetime_s
    with transaction.atomic():
        row = new_row(user, client=client, scopes=scopes, lifetime_s=lifetime_s)
        audit.record("token.made", on=row, detail=f"{' '.join(row.scopes)}, {lifetime_s} s")
    return sign(row, more_claims(user))


def new_row(
    user: User, *, client: Client | None, scopes: Iterable[str], lifetime_s: int, name: str = ""
) -> AccessToken:
    """The row of a new token; with a `name` it is a personal token."""
    issued_at = int(time.time())
    return AccessToken.objects.create(
        user=user,
        client=client,
        name=name,
        is_personal=bool(name),
        scopes=sorted(permissions_of(user).intersection(scopes)),
        issued_at=datetime.fromtimestamp(issued_at, UTC),
        expires_at=datetime.fromtimestamp(issued_at + lifetime_s, UTC),
    )


def sign(row: AccessToken, more: Mapping[str, str] = MappingProxyType({})) -> str:
    """The signed token of `row`, with `more` claims."""
    claims = {
        "iss": hub.token_issuer,
        "aud": [hub.oauth_aud],
        "sub": row.user.user_id,
        "email": row.user.email,
        "scope": " ".join(row.scopes),
        "permissions": row.scopes,
        "gty": "client-credentials",
        "iat": int(row.issued_at.timestamp()),
        "exp": int(row.expires_at.timestamp()),
        "jti": row.jti,
        **more,
    }
    return jwt.encode(claims, signing_keys()[0], algorithm=ALGORITHM)


def more_claims(user: User) -> dict[str, str]:
    """The additional claims of a token that geoDB accepts, too."""
    role = geodb_role_of(user)
    return {hub.geodb_role_claim: role} if role else {}


def geodb_role_of(user: User) -> str:
    """The database role of a user who has subscribed to geoDB, else empty."""
    subscription = Subscription.objects.live().filter(user=user, service=Service.GEODB).first()
    return subscription.geodb_role if subscription else ""


def role_in_token(text: str) -> str:
    """The database role in a token of the hub, empty if it has none. For a token that is valid."""
    try:
        claims = jwt.decode(text, options={"verify_signature": False})
    except jwt.PyJWTError:
        return ""
    role = claims.get(hub.geodb_role_claim)
    return role if isinstance(role, str) else ""


def verify_token(text: str) -> Principal:
    """The principal of this token. One query. Raises InvalidToken."""
    claims = _checked_claims(text)
    if "jti" not in claims:
        return _old_principal(claims)
    jti = claims["jti"]
    row = find_token(jti)
    if row is None:
        raise InvalidToken("The token is unknown here: deleted, or expired long ago")
    if row.is_revoked:
        raise InvalidToken("The token has been revoked")
    if not row.user.is_active:
        raise InvalidToken("The account of this token is inactive")
    last_use.note(jti)
    return Principal(
        user=row.user,
        scopes=row.held & row.scopes,
        jti=jti,
        client_id=row.client_id,
        may_change_account=row.client_id is not None and not row.is_personal,
    )


def _takes_old_tokens() -> bool:
    until = hub.old_tokens_until
    return until is not None and timezone.now().date() <= until


def _old_principal(claims: Mapping[str, Any]) -> Principal:
    """The principal of a token of the old service, which has no `jti`."""
    user_id, email = claims.get("sub"), claims.get("email")
    user = User.objects.filter(username=user_id).first() if isinstance(user_id, str) else None
    if user is None and isinstance(email, str) and user_id_of(email) == user_id:
        user = User.objects.filter(email__iexact=email).first()  # registered in other letter case
    if user is None or not user.is_active:
        raise InvalidToken("The account of this token is unknown here, or inactive")
    permissions, scope = claims.get("permissions"), claims.get("scope")
    scopes = permissions if isinstance(permissions, list) else str(scope or "").split()
    held = permissions_of(user)
    granted = frozenset(scope for scope in held if scope in scopes)
    return Principal(user, granted, jti="", client_id=None)


def revoke_tokens(rows: QuerySet[AccessToken], *, by: User | None = None) -> int:
    """Revoke the tokens of `rows`; returns how many were valid until now.

    `by` is for the audit, if it is not the request's user.
    """
    with transaction.atomic():
        valid = list(rows.filter(revoked_at=None).select_related("user"))
        count = AccessToken.objects.filter(
            pk__in=[row.pk for row in valid], revoked_at=None
        ).update(revoked_at=timezone.now())
        for row in valid[:MOST_TOLD]:
            audit.record("token.revoked", actor=by, on=row, detail=row.name)
        if len(valid) > MOST_TOLD:
            audit.record("token.revoked", actor=by, detail=f"and {len(valid) - MOST_TOLD} more")
    return count


def delete_expired_tokens(*, older_than_s: int = 3600, batch: int = 500) -> int:
    """Delete rows of tokens that expired `older_than_s` ago, or were revoked a day ago.

    Deletes `batch` at a time; returns how many.
    """
    before = timezone.now() - timedelta(seconds=older_than_s)
    revoked_before = timezone.now() - timedelta(days=1)
    deleted = 0
    while pks := list(
        AccessToken.objects.filter(Q(expires_at__lt=before) | Q(revoked_at__lt=revoked_before))
        .order_by("expires_at")
        .values_list("pk", flat=True)[:batch]
    ):
        deleted += AccessToken.objects.filter(pk__in=pks).delete()[0]
    return deleted


def _checked_claims(text: str) -> Mapping[str, Any]:
    if len(text) > MAX_TOKEN_BYTES:
        raise InvalidToken(f"The token is longer than {MAX_TOKEN_BYTES} bytes")
    required = REQUIRED_CLAIMS
    if _takes_old_tokens():
        required = tuple(name for name in REQUIRED_CLAIMS if name != "jti")
    claims = _verified_claims(
        text,
        tuple(signing_keys()),
        hub.token_issuer,
        hub.oauth_aud,
        required,
    )
    if claims["exp"] <= time.time() - LEEWAY_S:  # it may have been remembered
        raise InvalidToken(reason(jwt.ExpiredSignatureError()))
    return claims


@lru_cache(maxsize=1024)
def _verified_claims(
    text: str, keys: tuple[str, ...], issuer: str, audience: str, required: tuple[str, ...]
) -> Mapping[str, Any]:
    """The claims of a token, cached because a client sends the same token with every call.

    Only the check of the signature and the claims is cached, for these keys and settings.
    Revocation and expiry are checked each time. Raises InvalidToken, which is not cached.
    """
    for secret in keys:
        try:
            claims = jwt.decode(
                text,
                secret,
                algorithms=[ALGORITHM],
                issuer=issuer,
                audience=audience,
                leeway=LEEWAY_S,
                options={"require": required},
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.PyJWTError as error:
            raise InvalidToken(reason(error)) from None
        if "jti" in claims and not _JTI.fullmatch(claims["jti"]):
            raise InvalidToken("The token's jti is not one of this hub")
        return MappingProxyType(claims)
    raise InvalidToken("The token's signature is wrong")


def reason(error: jwt.PyJWTError) -> str:
    """The fault of the token as the sentence of an InvalidToken."""
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
