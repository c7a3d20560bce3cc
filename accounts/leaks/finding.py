"""What a pasted text is: every kind of secret that the hub gives out, found by hash or id.

Each app registers its own kinds in `AppConfig.ready`:

    finding.register("edge-session", find, revoke)

`find` gets the words of the text and returns what it knows of them; `revoke` gets the key that
`find` gave. The text itself is never stored, logged or shown again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise

from ..models import User

Words = str | Promise

MOST_TEXT = 32_768
MOST_WORDS = 24
LONGEST = 8_192
SHORTEST = 8

_PIECE = re.compile(rf"[\w.~-]{{{SHORTEST},{LONGEST}}}", re.ASCII)


@dataclass(frozen=True)
class Found:
    """What one word is. `word` is only used to know which words were recognised.

    With `key`, `revoke` of the same `kind` can end it; `button` says what that does.
    """

    kind: str
    word: str
    what: Words
    says: Words
    is_valid: bool = False
    owner: User | None = None
    permits: Sequence[Words] = ()
    facts: Sequence[tuple[Words, Any]] = ()
    next_steps: Sequence[Words] = ()
    key: str = ""
    button: Words = ""
    url: str = ""


Find = Callable[[Sequence[str]], list[Found]]
Revoke = Callable[[str, User], "Revoked | None"]


@dataclass(frozen=True)
class Revoked:
    """What was ended: whose it was, and its kind and id in words without the secret."""

    owner: User | None
    what: str


_kinds: dict[str, tuple[Find, Revoke | None]] = {}


def register(kind: str, find: Find, revoke: Revoke | None = None) -> None:
    _kinds[kind] = (find, revoke)


def words_of(text: str) -> list[str]:
    """The parts of a pasted text that may be secrets: a header, a URL, a file, JSON."""
    whole = (word.strip("\"',;<>()[]{}") for word in text[:MOST_TEXT].split())
    fitting = [word for word in whole if SHORTEST <= len(word) <= LONGEST]
    found = dict.fromkeys([*_PIECE.findall(text[:MOST_TEXT]), *fitting])
    return list(found)[:MOST_WORDS]


def number_of(key: str) -> int:
    """The primary key that a key stands for; 0, which no row has, if it is none."""
    return int(key) if key.isdecimal() and len(key) <= 18 else 0


def find(text: str) -> list[Found]:
    """What is known of the words of this text, what is valid first; nothing twice."""
    words = words_of(text)
    found = [it for finder, _ in _kinds.values() for it in finder(words)] if words else []
    by_key = {(it.kind, it.key or it.word): it for it in found}
    return sorted(by_key.values(), key=lambda it: not it.is_valid)


def revoke(kind: str, key: str, *, by: User) -> Revoked | None:
    """End what `find` gave this key to; None if it is over already."""
    function = _kinds.get(kind, (None, None))[1]
    return function(key, by) if function else None
