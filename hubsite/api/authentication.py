"""The browser's session as a way into the API: safe methods freely, others with CSRF token."""

from rest_framework import authentication


class SessionAuthentication(authentication.SessionAuthentication):
    """DRF's own. Only asked where no Authorization header was sent: that decides alone."""
