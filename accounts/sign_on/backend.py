"""The sign-on backend: mozilla-django-oidc's, with checks of issuer, audience and person."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from accounts.sign_on.providers import Provider

from ..models import User
from ..tokens.hub_tokens import InvalidToken
from .claims import person
from .documents import publisher
from .flow import redirect_uri
from .http import post_form
from .jwts import verify_id_token
from .linking import SignOnRefused, identify, keep_in_step

logger = logging.getLogger(__name__)

BASIC = "client_secret_basic"


class OidcBackend(OIDCAuthenticationBackend):
    """Signs in the person whom a valid ID token of `request.oidc_provider` names.

    Raises SignOnRefused or ProviderUnavailable if its base class would return None.
    """

    provider: Provider

    def __init__(self) -> None:
        """Read no settings: what the base class reads there depends on the provider here."""
        self.UserModel = User

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        provider = getattr(request, "oidc_provider", None)
        if provider is None:
            return None  # a password, which is for the other backend
        self.provider = provider
        self.OIDC_RP_CLIENT_ID = provider.client_id
        self.OIDC_RP_CLIENT_SECRET = provider.client_secret
        return super().authenticate(request, **credentials)

    @staticmethod
    def get_settings(attr: str, *args: Any) -> Any:
        """The few settings that the base class asks for, such as the name of the callback URL."""
        return {"OIDC_AUTHENTICATION_CALLBACK_URL": "oidc-callback"}.get(attr, *args)

    def get_token(self, payload: dict[str, str]) -> dict[str, Any]:
        """Exchange the code for tokens. The secret is sent in a header (RFC 6749, 2.3.1)."""
        form = {**payload, "redirect_uri": redirect_uri()}
        metadata = publisher(self.provider).fresh(within_s=60).metadata
        auth = None
        if not form["client_secret"]:
            del form["client_secret"]
        elif BASIC in metadata.get("token_endpoint_auth_methods_supported", [BASIC]):
            auth = (quote(form["client_id"], safe=""), quote(form.pop("client_secret"), safe=""))
        status, found = post_form(self.provider, metadata["token_endpoint"], form, auth=auth)
        if status != 200 or not isinstance(found.get("id_token"), str):
            logger.warning(
                "%s answers %s to a sign-on: %.60r", self.provider.key, status, found.get("error")
            )
            raise SignOnRefused(f"{self.provider.title} does not confirm this sign-on")
        return found

    def verify_token(self, token: str, **kwargs: Any) -> dict[str, Any]:
        try:
            return dict(verify_id_token(self.provider, token, nonce=kwargs["nonce"]))
        except InvalidToken as fault:
            raise SignOnRefused(
                f"{self.provider.title} says who you are in a way that cannot be believed: {fault}"
            ) from None

    def store_tokens(self, access_token: str, id_token: str) -> None:
        """Store what the logout at the provider needs, and never the access token."""
        self.request.oidc_id_token = id_token

    def get_or_create_user(self, access_token: str, id_token: str, payload: dict) -> User:
        who = person(self.provider, payload)
        identity = identify(self.provider, who)
        keep_in_step(identity, self.provider, who)
        return identity.user

    def get_user(self, user_id: int) -> User | None:
        """The user, or None if they were switched off since; the base class would not check."""
        return ModelBackend.get_user(self, user_id)
