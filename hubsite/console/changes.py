"""Live pages: one small endpoint that tells whether anything of the caller's has changed.

A page asks `/changes?after=CURSOR` every few seconds and is answered 304 as long as nothing is
new; then it loads its parts again. Apps register what they watch in `AppConfig.ready`:

    changes.watch("jobs", cursor_of_jobs)      # (user) -> short text that changes with the rows

What only some pages show, such as the jobs of all users, has a name that the page asks for by
`?of=NAME`: `changes.watch("all-jobs", cursor, is_apart=True)`.

So no page holds a connection, and a thread of the web process, while nothing happens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

Cursor = Callable[[Any], str]
_MOST_CHARACTERS = 64

_watched: dict[str, Cursor] = {}
_apart: dict[str, Cursor] = {}


def watch(name: str, cursor: Cursor, *, is_apart: bool = False) -> None:
    """Register what changes pages: a function of the user, of a query or two on an index."""
    (_apart if is_apart else _watched)[name] = cursor


def cursor_of(user: Any, of: str = "") -> str:
    """The cursor of everything that this user's pages show, or of what is watched apart."""
    if (alone := _apart.get(of)) is not None:
        return hashlib.sha256(alone(user).encode()).hexdigest()[:32]
    told = "\n".join(f"{name} {cursor(user)}" for name, cursor in sorted(_watched.items()))
    return hashlib.sha256(told.encode()).hexdigest()[:32]


@never_cache
@require_safe
def changes(request: HttpRequest) -> HttpResponse:
    """304 while the caller's cursor is still `after`; else the new cursor. 401 if signed out."""
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    cursor = cursor_of(request.user, request.GET.get("of", "")[:_MOST_CHARACTERS])
    if request.GET.get("after", "")[:_MOST_CHARACTERS] == cursor:
        return HttpResponseNotModified()
    return JsonResponse({"cursor": cursor})
