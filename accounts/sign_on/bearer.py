"""Access tokens of providers in the API: verified locally, one query, no call outside."""

from __future__ import annotations

from accounts.sign_on.providers import FROM_ACCOUNT, Provider

from ..tokens.hub_tokens import InvalidToken, Principal
from .claims import claimed_values, mapped_roles, person, roles_for
from .jwts import verify_access_token
from .linking import SignOnRefused, identify
from .lookup import IdentityRow, find_identity


def principal_by_token(provider: Provider, text: str) -> Principal:
    """The principal of this token. Raises InvalidToken.

    It grants what its claims map to and, if the provider's settings say so, also the scopes
    that its owner holds here.
    """
    claims = verify_access_token(provider, text)
    row = _row(provider, claims["sub"])
    if row is None or row.user is None:
        try:
            identify(provider, person(provider, claims))
        except SignOnRefused as refusal:
            raise InvalidToken(str(refusal)) from None
        row = _row(provider, claims["sub"])
    if row is None or row.user is None:
        raise InvalidToken("The account of this token was removed just now")
    if not row.user.is_active:
        raise InvalidToken("The account of this token is inactive")
    if row.not_before is not None and claims["iat"] < row.not_before.timestamp():
        raise InvalidToken("The token has been revoked")
    scopes: frozenset[str] = frozenset()
    for role in roles_for(provider, claimed_values(provider, claims)):
        scopes |= row.by_role.get(role, frozenset())
    if provider.permissions_from == FROM_ACCOUNT:
        scopes |= row.held
    return Principal(
        user=row.user,
        scopes=scopes,
        jti=_text(claims.get("jti")),
        client_id=_text(claims.get("azp")),
    )


def _row(provider: Provider, subject: str) -> IdentityRow | None:
    return find_identity(provider.issuer, subject, roles=mapped_roles(provider))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
