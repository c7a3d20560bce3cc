"""From where something is done just now: a request, a command, or else the worker.

The middleware (`middleware.py`) and `HubCommand` say it; `record` reads it. Each thread has its
own context.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from hubsite.configuration.site import hub

from .entry import Via

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,64}")


@dataclass
class Where:
    """The context of what is done: `operator` acts for the user `acted_for`, if anybody does."""

    via: str = Via.WORKER
    request: HttpRequest | None = None
    name: str = ""
    """Who runs the command, if a command does it."""
    operator: Any = None
    acted_for: Any = None
    told: set[tuple[str, str]] = field(default_factory=set)
    """(kind, id) of the objects that this request has already written an entry about."""

    @property
    def user(self) -> Any:
        """The user of the request, None if it has none or is not signed in."""
        user = getattr(self.request, "user", None)
        return user if user is not None and user.is_authenticated else None

    @cached_property
    def request_id(self) -> str:
        """The proxy's id of the request (X-Request-Id), or one made here."""
        if self.request is None:
            return ""
        given = self.request.headers.get("X-Request-Id", "")
        return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex

    @property
    def address(self) -> str:
        if self.request is None or not hub.audit_addresses:
            return ""
        return self.request.META.get("REMOTE_ADDR", "")


_now: ContextVar[Where | None] = ContextVar("audit_where", default=None)


def where() -> Where:
    """The present context; outside of requests and commands that of the worker."""
    return _now.get() or Where()


@contextmanager
def within(context: Where) -> Iterator[Where]:
    """Run the block in this context."""
    token = _now.set(context)
    try:
        yield context
    finally:
        _now.reset(token)


def of_request(request: HttpRequest) -> Where:
    path = request.path_info
    if path.startswith("/admin/"):
        return Where(Via.ADMIN, request)
    return Where(Via.API if path.startswith(f"/{settings.API_PATH}") else Via.PAGE, request)


def of_command(name: str) -> Where:
    return Where(Via.COMMAND, name=name)


def acting_for(operator: Any, user: Any) -> None:
    """For the rest of this request `operator` acts in the name of `user`."""
    context = where()
    context.operator, context.acted_for = operator, user
