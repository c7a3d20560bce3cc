"""Text from outside made safe for a terminal: no control or direction characters.

A job's message, a log line or a data id may hold escape sequences that move the cursor, rename
the window, or show text in another order than it is stored. They are shown as `\\x1b` or
`\\u202e` instead.
"""

from __future__ import annotations

import unicodedata

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: control, format (direction, zero width), surrogate, line and paragraph
separator."""


def one_line(text: object) -> str:
    """`text` on one line: tabs and line ends are shown as escapes, too."""
    return _escaped(str(text), kept="")


def some_lines(text: object) -> str:
    """`text` with its tabs and line ends, all other control characters shown as escapes."""
    return _escaped(str(text).replace("\r\n", "\n"), kept="\n\t")


def _escaped(text: str, *, kept: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        if character in kept or unicodedata.category(character) not in _HIDDEN_CATEGORIES
        else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
