"""The browser's session as a way into the API: safe methods freely, others with CSRF token."""

from __future__ import annotations

from typing import Any

from rest_framework import authentication
from rest_framework.request import Request

from .errors import invalid_field

ACT_FOR = "X-Act-For"
"""Header that names the user in whose name an operator asks (accounts/api/acting.py)."""


class SessionAuthentication(authentication.SessionAuthentication):
    """DRF's own. Only asked where no Authorization header was sent: that decides alone."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        found = super().authenticate(request)
        if found is not None and ACT_FOR in request.headers:
            raise invalid_field(ACT_FOR, "it is taken beside a bearer token only")
        return found
