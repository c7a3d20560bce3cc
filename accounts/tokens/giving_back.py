"""Revocation by the token itself (RFC 7009), so that a program can sign out."""

from __future__ import annotations

from hubsite.refusals import Kind, Refused

from ..models import AccessToken
from .hub_tokens import InvalidToken, revoke_tokens, verify_token


def give_back(text: str) -> bool:
    """Revoke the personal token `text`; False if it is none that is valid.

    Raises Refused for other tokens of the hub: a client's programs share one.
    """
    try:
        principal = verify_token(text)
    except InvalidToken:
        return False
    rows = AccessToken.objects.filter(jti=principal.jti)
    if not rows.filter(is_personal=True).exists():
        raise Refused("Only personal tokens can be revoked like this.", kind=Kind.UNSUPPORTED)
    return bool(revoke_tokens(rows, by=principal.user))
