"""Several slashes at the beginning of a path count as one, as in most web servers.

Clients join the hub's address and a path that both have a slash, as Cate's first web UI does. For
a browser `//name/…` in a redirect is another host, so no view should see such a path either.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class SlashesMiddleware:
    """Gives later middleware and views the path with one slash at its beginning."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("//"):
            rest = request.path_info.lstrip("/")
            request.path = f"{request.path.removesuffix(request.path_info)}/{rest}"
            request.path_info = f"/{rest}"
        return self.get_response(request)
