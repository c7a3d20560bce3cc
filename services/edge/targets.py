"""Request targets: the path that is asked for, and paths that no one may ask for.

Servers behind a proxy decode paths in their own ways. So a path is judged by what it becomes when
it is decoded again and again. What stays ambiguous then is refused, never passed on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

OWN = ".xcube-hub"
"""The first part of all paths that the edge answers itself."""
CLOSED = "maintenance"
"""The first part of all paths that are closed to everyone: they stop and change an instance."""

_CLEAR = re.compile(r"(?:/[A-Za-z0-9_~@!$&'()*+,=:-][A-Za-z0-9_~@!$&'()*+,=:.-]*)*/?")
"""A path that is the same however it is decoded: no %, ;, //, no part that begins with a dot."""
_ALLOWED = re.compile(r"/(?:[A-Za-z0-9_~@!$&'()*+,=:;./|\[\]{}^\"<>`-]|%[0-9A-Fa-f]{2})*")
"""What browsers send; some do not encode all that RFC 3986 wants encoded."""
_QUERY = re.compile(r"[\x21\x22\x24-\x7e]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_MOST_ROUNDS = 4


class BadTarget(ValueError):
    """The message says what is wrong with the request target."""


@dataclass(frozen=True, slots=True)
class Target:
    raw_path: str
    query: str
    """As sent; empty if there is none."""
    parts: tuple[str, ...]
    """The decoded parts of the path, without empty ones."""


def read_target(text: str) -> Target:
    """Read the target of a request line. Raises BadTarget if it is not a plain path and query."""
    raw_path, _, query = text.partition("?")
    if not raw_path.startswith("/"):
        raise BadTarget("expected a path that begins with a slash as the request target")
    if not _QUERY.fullmatch(query):
        raise BadTarget("the query has characters that must be encoded")
    if _CLEAR.fullmatch(raw_path):
        return Target(raw_path, query, tuple(part for part in raw_path.split("/") if part))
    if not _ALLOWED.fullmatch(raw_path):
        raise BadTarget("the path has characters that must be encoded, or an incomplete %-code")
    decoded = _decode(raw_path)
    if _CONTROL.search(decoded):
        raise BadTarget("the path has a control character or a backslash")
    parts = tuple(part for part in decoded.split("/") if part)
    if any(_without_parameters(part) in (".", "..") for part in parts):
        raise BadTarget("the path has a part of dots only")
    return Target(raw_path, query, parts)


def _decode(path: str) -> str:
    """Decode until nothing changes, because something behind us may decode twice."""
    for _ in range(_MOST_ROUNDS):
        try:
            decoded = unquote(path, errors="strict")
        except UnicodeDecodeError as error:
            raise BadTarget("the path is not UTF-8") from error
        if decoded == path:
            return decoded
        path = decoded
    raise BadTarget("the path is encoded too often")


def _without_parameters(part: str) -> str:
    return part.partition(";")[0].strip().casefold()


def is_closed(target: Target, instance: str) -> bool:
    """Whether the path leads to what no one may ask for, with the instance's path or without."""
    return _first_part(target, instance) == CLOSED


def is_own(target: Target, instance: str) -> bool:
    """Whether the path belongs to the edge itself."""
    return _first_part(target, instance) == OWN


def _first_part(target: Target, instance: str) -> str:
    for part in target.parts:
        name = _without_parameters(part)
        if name and name != instance:
            return name
    return ""


def is_relative(text: str) -> bool:
    """Whether a browser that is led to `text` stays at this place; it may have a query."""
    if not text.startswith("/") or text.startswith("//"):
        return False
    try:
        read_target(text)
    except BadTarget:
        return False
    return True


_TILE = re.compile(r"/(?:tiles\d?|wmts/[^/]+/tile)(?:/|$)")


def kind_of_use(target: Target, *, is_page: bool) -> str:
    """What a request is in words, for "last used by …"."""
    if _TILE.search(target.raw_path):
        return "a tile request"
    return "a page" if is_page else "a request"
