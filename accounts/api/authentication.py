"""Authentication by bearer tokens: the hub's own, and those of identity providers."""

from __future__ import annotations

import base64
import json
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts.settings import hub

from ..models import User
from ..scopes import SCOPES
from ..sign_on.bearer import principal_by_token
from ..sign_on.documents import provider_by_issuer
from ..tokens.hub_tokens import MAX_TOKEN_BYTES, InvalidToken, Principal, verify_token
from .acting import in_whose_name

CHALLENGE = 'Bearer realm="xcube-hub"'


class BearerAuthentication(BaseAuthentication):
    """Sets `request.user` to the token's owner and `request.auth` to a Principal.

    If there is an Authorization header, it decides alone: if it is wrong, the answer is 401, and
    the session is not used.
    """

    def authenticate(self, request: Request) -> tuple[User, Principal] | None:
        if "HTTP_AUTHORIZATION" not in request.META:
            return None
        try:
            principal = principal_of(_bearer_token(get_authorization_header(request)))
        except InvalidToken as error:
            request.bearer_fault = str(error)
            raise AuthenticationFailed(f"{error}.") from None
        principal = in_whose_name(request, principal)
        return principal.user, principal

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401. DRF calls it on another instance than the one that refused."""
        fault = getattr(request, "bearer_fault", None)
        if fault is None:
            return CHALLENGE
        fault = fault.encode("ascii", "replace").decode().replace('"', "'").replace("\\", "/")
        return f'{CHALLENGE}, error="invalid_token", error_description="{fault}"'


def principal_of(text: str) -> Principal:
    """The principal of this token, whoever issued it. One query. Raises InvalidToken.

    The unchecked issuer only decides which code checks the token.
    """
    issuer = _claimed_issuer(text)
    if provider := provider_by_issuer(issuer):
        return principal_by_token(provider, text)
    if issuer not in (None, hub.token_issuer):
        raise InvalidToken("Auth provider unknown: the token's issuer is not accepted here")
    return verify_token(text)


def _claimed_issuer(text: str) -> object:
    """The `iss` claim of a token, unchecked; None if it cannot be read."""
    _, _, rest = text.partition(".")
    payload = rest.partition(".")[0]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return None
    return claims.get("iss") if isinstance(claims, dict) else None


def _bearer_token(header: bytes) -> str:
    if len(header) > MAX_TOKEN_BYTES + len("Bearer "):
        raise InvalidToken(f"The token is longer than {MAX_TOKEN_BYTES} bytes")
    scheme, *rest = header.split() or [b""]
    if scheme.lower() != b"bearer":
        raise InvalidToken("The Authorization header must be: Bearer and a token")
    if len(rest) != 1:
        raise InvalidToken("The Authorization header must hold one token after Bearer")
    try:
        return rest[0].decode("ascii")
    except UnicodeDecodeError:
        raise InvalidToken("The token is malformed") from None


class BearerScheme(OpenApiAuthenticationExtension):
    """Bearer tokens in the OpenAPI document; importing the module registers it."""

    target_class = BearerAuthentication
    name = ["oauth2", "bearer"]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        """Either kind of token, with the scopes that the view's permissions require."""
        permissions = auto_schema.view.get_permissions()
        scopes = [scope for held in permissions for scope in getattr(held, "scopes", ())]
        return [{"oauth2": scopes}, {"bearer": []}]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        return [
            {
                "type": "oauth2",
                "description": "A client id and secret of yours, exchanged for a token.",
                "flows": {
                    "clientCredentials": {
                        "tokenUrl": f"{settings.PUBLIC_PATH}/{settings.API_PATH}oauth/token",
                        "scopes": dict(SCOPES),
                    }
                },
            },
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A token that you have: from `POST /oauth/token`, a personal one, "
                "or an access token of a provider that this hub accepts.",
            },
        ]
