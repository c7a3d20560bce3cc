"""Every endpoint of the hub, read from its URL configuration: none can be forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver
from django.views.generic import RedirectView

METHODS = ("get", "post", "put", "patch", "delete")
OF_FUNCTIONS = ("get", "post")
"""A function does not tell which methods it answers: it is asked both."""


@dataclass(frozen=True, order=True)
class Endpoint:
    """`route` as the URL configuration writes it, with its parameters by name only."""

    route: str
    method: str

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"<(\w+)>", self.route)

    @property
    def is_api(self) -> bool:
        return self.route.startswith("api/")

    @property
    def group(self) -> str:
        """Rows that are tested together: an app in the admin, the API, the pages."""
        parts = self.route.split("/")
        if parts[0] == "admin":
            return "/".join(parts[:2]) if len(parts) > 3 else "admin"
        return "api" if self.is_api else "pages"

    def path(self, arguments: dict[str, str]) -> str:
        return "/" + re.sub(r"<(\w+)>", lambda match: arguments[match[1]], self.route)


def endpoints() -> list[Endpoint]:
    """Of two routes that are the same, the first answers, and is listed."""
    found: dict[Endpoint, None] = {}
    routes: set[str] = set()
    for route, pattern in _walk(get_resolver()):
        if route in routes:
            continue
        routes.add(route)
        for method in _methods(pattern):
            found[Endpoint(route, method.upper())] = None
    return sorted(found)


def view_sets() -> list[type]:
    """The classes whose routes say which of their methods answers what."""
    views = (pattern.callback for _, pattern in _walk(get_resolver()))
    return [view.cls for view in views if getattr(view, "actions", None)]


def _walk(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        route = prefix + _plain(str(entry.pattern))
        if isinstance(entry, URLPattern):
            yield route, entry
        else:
            yield from _walk(entry, route)


def _plain(pattern: str) -> str:
    """`<slug:job_id>` and `(?P<url>.*)` become `<job_id>` and `<url>`."""
    pattern = re.sub(r"<\w+:(\w+)>", r"<\1>", pattern)
    pattern = re.sub(r"\(\?P(<\w+>)[^)]*\)", r"\1", pattern)
    return pattern.removeprefix("^").removesuffix("$")


def _methods(pattern: URLPattern) -> tuple[str, ...]:
    if actions := getattr(pattern.callback, "actions", None):
        return tuple(actions)
    view = getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)
    if view is None:
        return OF_FUNCTIONS
    if issubclass(view, RedirectView):
        return ("get",)
    return tuple(name for name in METHODS if name in view.http_method_names and hasattr(view, name))
