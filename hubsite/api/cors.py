"""CORS: web apps such as cate call the API with a bearer token, never with cookies."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from hubsite.configuration.site import hub

METHODS = "GET, POST, PUT, DELETE, OPTIONS"
HEADERS = "Authorization, Content-Type, Idempotency-Key"
EXPOSED = "Link, X-Total-Count, Retry-After, WWW-Authenticate, Location"


_also: list[str] = []


def also(prefix: str) -> None:
    """Treat paths of this beginning as API, too; apps call it in `AppConfig.ready`."""
    _also.append(prefix)


class CorsMiddleware:
    """Answers preflight requests and adds CORS headers; `Allow-Credentials` is never sent."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.origins = frozenset(hub.cors_origins)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        origin = request.headers.get("Origin")
        allowed = self._allowed(origin) if origin and self._is_api(request) else None
        if (
            allowed
            and request.method == "OPTIONS"
            and "Access-Control-Request-Method" in request.headers
        ):
            response = HttpResponse(status=204)
            response["Access-Control-Allow-Methods"] = METHODS
            response["Access-Control-Allow-Headers"] = HEADERS
            response["Access-Control-Max-Age"] = "86400"
        else:
            response = self.get_response(request)
        if allowed:
            response["Access-Control-Allow-Origin"] = allowed
            response["Access-Control-Expose-Headers"] = EXPOSED
            if allowed != "*":
                response["Vary"] = "Origin"
        return response

    def _allowed(self, origin: str) -> str | None:
        if "*" in self.origins:
            return "*"
        return origin if origin in self.origins else None

    @staticmethod
    def _is_api(request: HttpRequest) -> bool:
        return request.path_info.startswith((f"/{settings.API_PATH}", *_also))
