"""The error shape of the token endpoint: problems (RFC 9457) that are OAuth errors too."""

from __future__ import annotations

from hubsite.api.errors import ErrorShape

from .serializers import OAuthProblemSerializer

OAUTH_ERRORS = ErrorShape(OAuthProblemSerializer)
