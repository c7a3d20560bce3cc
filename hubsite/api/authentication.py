"""Session authentication for the API; unsafe methods need a CSRF token."""

from __future__ import annotations

from typing import Any

from rest_framework import authentication
from rest_framework.request import Request

from .errors import invalid_field

ACT_FOR = "X-Act-For"
"""Header by which an operator acts for another user (accounts/api/acting.py)."""


class SessionAuthentication(authentication.SessionAuthentication):
    """DRF's own. It is used only if no Authorization header was sent, which would decide alone."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        found = super().authenticate(request)
        if found is not None and ACT_FOR in request.headers:
            raise invalid_field(ACT_FOR, "it is taken beside a bearer token only")
        return found
