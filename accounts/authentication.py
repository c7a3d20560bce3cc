"""Bearer tokens as a way into the API."""

from __future__ import annotations

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from .models import User
from .tokens import MAX_TOKEN_BYTES, InvalidToken, Principal, verify_token

CHALLENGE = 'Bearer realm="xcube-hub"'


class BearerAuthentication(BaseAuthentication):
    """Sets `request.user` to the token's owner and `request.auth` to a Principal.

    An Authorization header decides alone: what is wrong with it is answered 401, and no
    session is looked at.
    """

    def authenticate(self, request: Request) -> tuple[User, Principal] | None:
        if "HTTP_AUTHORIZATION" not in request.META:
            return None
        try:
            principal = verify_token(_bearer_token(get_authorization_header(request)))
        except InvalidToken as error:
            request.bearer_fault = str(error)
            raise AuthenticationFailed(f"{error}.") from None
        return principal.user, principal

    def authenticate_header(self, request: Request) -> str:
        """The challenge of a 401; DRF asks another instance than the one that refused."""
        fault = getattr(request, "bearer_fault", None)
        if fault is None:
            return CHALLENGE
        return f'{CHALLENGE}, error="invalid_token", error_description="{fault}"'


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
    """How the OpenAPI document describes it; registers itself by being imported."""

    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A token from `POST /oauth/token`.",
        }
