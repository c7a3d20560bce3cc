"""The entries of the main navigation: each app registers its own in `AppConfig.ready`.

    navigation.register(Entry("My cubes", "cubes", position=10, is_shown=navigation.signed_in))

`entries` is a context processor, so every page has them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject


def everyone(request: HttpRequest) -> bool:
    return True


def signed_in(request: HttpRequest) -> bool:
    return request.user.is_authenticated


def staff(request: HttpRequest) -> bool:
    return request.user.is_authenticated and request.user.is_staff


@dataclass(frozen=True)
class Entry:
    """One link. `url_name` names a URL without arguments; pages below it belong to it.

    `count` gives a number to show beside the title, and its words; none if it is empty.
    """

    title: str
    url_name: str
    position: int
    is_shown: Callable[[HttpRequest], bool] = everyone
    count: Callable[[HttpRequest], tuple[str, str] | None] = lambda request: None


_entries: dict[str, Entry] = {}


def register(entry: Entry) -> None:
    _entries[entry.url_name] = entry


def entries(request: HttpRequest) -> dict[str, Any]:
    """`navigation`: the links that this caller sees, the present one marked.

    Only pages look at it, not the parts of a page that templates render by themselves.
    """
    if not hasattr(request, "user"):  # an error before sessions were read
        return {"navigation": []}
    return {"navigation": SimpleLazyObject(lambda: _links(request))}


def _links(request: HttpRequest) -> list[dict[str, Any]]:
    shown = sorted((e for e in _entries.values() if e.is_shown(request)), key=_position)
    links = [
        {"title": entry.title, "url": reverse(entry.url_name), "count": entry.count(request)}
        for entry in shown
    ]
    for link in links:
        link["is_current"] = request.path.startswith(link["url"])
    return links


def _position(entry: Entry) -> int:
    return entry.position
