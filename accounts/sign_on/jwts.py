"""Verify signed tokens of a provider with the keys that it has published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jwt

from accounts.sign_on.providers import Provider

from ..tokens.hub_tokens import LEEWAY_S, InvalidToken, reason
from .claims import is_subject
from .documents import publisher

ALGORITHMS = ("RS256", "ES256")
_NOT_FOR_US = {"ID", "Refresh", "Offline", "Logout"}
"""Values of `typ` that Keycloak gives to tokens which are not for APIs."""


def verify_access_token(provider: Provider, text: str) -> Mapping[str, Any]:
    """The claims of an access token. Raises InvalidToken."""
    if not provider.audiences:
        raise InvalidToken("This issuer's tokens do not open the API here")
    claims = _verify(provider, text, provider.audiences, ("exp", "iss", "aud", "sub", "iat"))
    if claims.get("typ") in _NOT_FOR_US or "at_hash" in claims:
        raise InvalidToken("This is no access token")
    if not isinstance(claims["iat"], int | float):  # PyJWT accepts a text of digits
        raise InvalidToken("The token is malformed")
    return claims


def verify_id_token(provider: Provider, text: str, *, nonce: str) -> Mapping[str, Any]:
    """The claims of the ID token of the sign-on with this `nonce`. Raises InvalidToken."""
    required = ("exp", "iss", "aud", "sub", "iat", "nonce")
    claims = _verify(provider, text, (provider.client_id,), required, at_once=True)
    if claims["nonce"] != nonce:
        raise InvalidToken("The token belongs to another sign-on")
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    authorized = claims.get("azp", provider.client_id)
    if authorized != provider.client_id or (len(audiences) > 1 and "azp" not in claims):
        raise InvalidToken("The token was made for another program")
    return claims


def _verify(
    provider: Provider,
    text: str,
    audiences: Iterable[str],
    required: Iterable[str],
    *,
    at_once: bool = False,
) -> Mapping[str, Any]:
    try:
        header = jwt.get_unverified_header(text)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise InvalidToken(f"The token's algorithm is none of {', '.join(ALGORITHMS)}")
        if kid is not None and not (isinstance(kid, str) and len(kid) <= 255):
            raise InvalidToken("The token is malformed")
        key = publisher(provider).key(kid, algorithm, at_once=at_once)
        if key is None:
            raise InvalidToken("The token is signed by a key that its issuer does not publish")
        claims = jwt.decode(
            text,
            key,
            algorithms=[algorithm],
            issuer=provider.issuer,
            audience=list(audiences),
            leeway=LEEWAY_S,
            options={"require": list(required)},
        )
    except jwt.PyJWTError as error:
        raise InvalidToken(reason(error)) from None
    if not is_subject(claims["sub"]):
        raise InvalidToken("The token's sub is not usable")
    return claims
