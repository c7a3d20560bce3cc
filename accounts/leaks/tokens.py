"""Leaked JWTs: the hub's own, those of identity providers, and those of strangers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jwt
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from ..models import AccessToken, Identity, User
from ..role_words import meanings
from ..roles import permissions_of
from ..settings import hub
from ..sign_on.documents import provider_by_issuer, publisher
from ..sign_on.jwts import ALGORITHMS
from ..sign_on.providers import Provider
from ..tokens.hub_tokens import ALGORITHM, revoke_tokens
from ..tokens.signing_keys import signing_keys
from .finding import Found, Revoked, number_of

TOKEN, IDENTITY = "token", "identity"
_UNCHECKED = {"verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_nbf": False}


def find(words: Sequence[str]) -> list[Found]:
    """Also a bare `jti`, which logs and audit rows show."""
    found = [it for word in words if word.count(".") == 2 and (it := _of_jwt(word))]
    ids = [word for word in words if len(word) == 32]
    rows = AccessToken.objects.filter(jti__in=ids).select_related("user", "client")
    return [*found, *(_of_row(row, row.jti) for row in rows)]


def _of_jwt(text: str) -> Found | None:
    try:
        claims = jwt.decode(text, options={"verify_signature": False})
    except jwt.PyJWTError:
        return None
    issuer = claims.get("iss")
    if _is_signed_here(text):
        return _of_the_hub(text, claims)
    if issuer == hub.token_issuer:
        return Found(
            "forged",
            text,
            _("A token that says it is of this hub, and is not"),
            _("None of the hub's keys signed it: it is forged, or its key was taken away."),
        )
    if provider := provider_by_issuer(issuer):
        return _of_provider(provider, text, claims)
    return Found(
        "stranger",
        text,
        _("A token of another issuer: %(issuer)s") % {"issuer": str(issuer)[:200]},
        _("This hub never accepted it. Tell those who run that issuer."),
    )


def _is_signed_here(text: str) -> bool:
    return any(_is_signed(text, key, [ALGORITHM]) for key in signing_keys())


def _is_signed(text: str, key: Any, algorithms: Sequence[str]) -> bool:
    try:
        jwt.decode(text, key, algorithms=list(algorithms), options=_UNCHECKED)
    except jwt.PyJWTError:
        return False
    return True


def _of_the_hub(text: str, claims: Mapping[str, Any]) -> Found:
    jti = claims.get("jti")
    row = None
    if isinstance(jti, str):
        rows = AccessToken.objects.select_related("user", "client")
        row = rows.filter(jti=jti[:32]).first()
    if row is not None:
        return _of_row(row, text, claims)
    if jti is None:
        sub = claims.get("sub")
        owner = User.objects.filter(username=sub).first() if isinstance(sub, str) else None
        until = hub.old_tokens_until
        return Found(
            "old",
            text,
            _("A token of the old service"),
            _("It is taken until %(day)s.") % {"day": until} if until else _("It is refused."),
            is_valid=until is not None and timezone.now().date() <= until,
            owner=owner,
            next_steps=[
                _(
                    "It cannot be revoked alone: empty XCUBE_HUB_OLD_TOKENS_UNTIL, or switch the "
                    "account off."
                )
            ],
        )
    return Found(
        "gone",
        text,
        _("A token of this hub"),
        _("It grants nothing: it expired or was revoked long ago, and its row is deleted."),
    )


def _of_row(row: AccessToken, word: str, claims: Mapping[str, Any] | None = None) -> Found:
    if row.is_personal:
        what = _("A personal token of the hub: %(name)s") % {"name": row.name}
    elif row.client:
        what = _("A token that the client %(client)s got") % {"client": row.client}
    else:
        what = _("A token of the hub")
    says, is_valid = _state(row)
    steps = []
    if row.client and not row.is_personal:
        steps.append(
            _(
                "Who has this token may have the client's id and secret, too: revoke the client, "
                "or replace its secret."
            )
        )
    if claims and claims.get(hub.geodb_role_claim) and is_valid:
        steps.append(
            _(
                "geoDB takes it until it expires, also when it is revoked here. If that must not "
                "be, rotate the signing key: all tokens end (docs: Signing keys)."
            )
        )
    return Found(
        TOKEN,
        word,
        what,
        says,
        is_valid=is_valid,
        owner=row.user,
        permits=meanings(permissions_of(row.user).intersection(row.scopes)),
        facts=[
            (_("Made"), row.issued_at),
            (_("Valid until"), row.expires_at),
            (_("Last used"), row.last_used_at or _("never, as far as the hub knows")),
            (_("jti"), row.jti),
        ],
        next_steps=steps,
        key=row.jti if is_valid else "",
        button=_("Revoke this token"),
        url=reverse("admin:accounts_accesstoken_change", args=[row.pk]),
    )


def _state(row: AccessToken) -> tuple[str, bool]:
    if row.revoked_at:
        return _("It is refused: it was revoked."), False
    if row.expires_at <= timezone.now():
        return _("It is refused: it has expired."), False
    if row.client and row.client.revoked_at:
        return _("It is refused: its client was revoked."), False
    if not row.user.is_active:
        return _("It is refused as long as the account is switched off."), True
    return _("It is valid: whoever has it may use it now."), True


def revoke(jti: str, by: User) -> Revoked | None:
    row = AccessToken.objects.select_related("user").filter(jti=jti[:32]).first()
    if row is None or not revoke_tokens(AccessToken.objects.filter(pk=row.pk)):
        return None
    return Revoked(row.user, f"token {row.jti}")


def _of_provider(provider: Provider, text: str, claims: Mapping[str, Any]) -> Found:
    subject = str(claims.get("sub", ""))[:255]
    what = _("A token of %(provider)s (%(issuer)s)") % {
        "provider": provider.title,
        "issuer": provider.issuer,
    }
    if not _is_signed_by(provider, text):
        return Found(
            "unproven",
            text,
            what,
            _("Its signature is not by a key that the provider published: perhaps it is forged."),
        )
    identity = Identity.objects.filter(issuer=provider.issuer, subject=subject)
    row = identity.select_related("user").first()
    is_over = isinstance(claims.get("exp"), int | float) and (
        claims["exp"] <= timezone.now().timestamp()
    )
    return Found(
        IDENTITY,
        text,
        what,
        _("It has expired.") if is_over else _("The hub takes it until it expires."),
        is_valid=not is_over,
        owner=row.user if row else None,
        facts=[(_("Subject at the provider"), subject)],
        next_steps=[
            _("End the session at the provider, too: with it one gets new tokens."),
        ],
        key=str(row.pk) if row and not is_over else "",
        button=_("Refuse this person's tokens of %(provider)s that were issued until now")
        % {"provider": provider.title},
        url=reverse("admin:accounts_identity_change", args=[row.pk]) if row else "",
    )


def _is_signed_by(provider: Provider, text: str) -> bool:
    """With the keys that are known; nothing is fetched for a pasted text."""
    header = jwt.get_unverified_header(text)
    documents = publisher(provider).current()
    algorithm, kid = header.get("alg"), header.get("kid")
    if documents is None or algorithm not in ALGORITHMS:
        return False
    key = documents.key(kid if isinstance(kid, str) else None, algorithm)
    return key is not None and _is_signed(text, key, [algorithm])


def refuse_until_now(key: str, by: User) -> Revoked | None:
    rows = Identity.objects.filter(pk=number_of(key))
    row = rows.select_related("user").first()
    if row is None:
        return None
    rows.update(not_before=timezone.now())
    return Revoked(row.user, f"tokens of the identity {row.subject} at {row.issuer}")
