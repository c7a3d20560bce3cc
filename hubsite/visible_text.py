"""Names must show what they are: no characters that hide, reorder, or cannot be seen.

A right-to-left override makes `gnp.exe` look like `exe.png`, and a zero-width space makes two
names look like one. All names that people give, and others read, are checked here.
"""

from __future__ import annotations

from .refusals import Refused

_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters that Unicode calls letters or marks but that are blank: fillers, joiners, Braille."""

_VARIATION_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))

EXPECTED = "expected visible characters only"


def is_visible(character: str) -> bool:
    """Whether the character shows: no control, format or private one, no separator but a blank.

    `str.isprintable` leaves out all of Unicode's categories Other and Separator, and so every
    bidirectional control and zero-width character.
    """
    return (
        character.isprintable()
        and character not in _BLANK_LETTERS
        and not any(ord(character) in selectors for selectors in _VARIATION_SELECTORS)
    )


def hidden_fault(text: str) -> str | None:
    """Why `text` cannot be a name: it has an invisible character. None if it has none."""
    if text.isascii() and text.isprintable():
        return None
    hidden = next((character for character in text if not is_visible(character)), None)
    return hidden and f"{EXPECTED}, not U+{ord(hidden):04X}"


def check_visible(text: str, *, field: str) -> None:
    """Raises Refused if `text` has an invisible character."""
    if fault := hidden_fault(text):
        raise Refused(fault, field=field)


def checked_text(text: str, *, field: str, most: int, expected: str) -> str:
    """`text`, if others can read it. Raises Refused, with `expected` if it is empty.

    The caller removes the spaces that do not count.
    """
    if not text:
        raise Refused(expected, field=field)
    if len(text) > most:
        raise Refused(f"at most {most} characters are expected", field=field)
    check_visible(text, field=field)
    return text


def without_hidden(text: str) -> str:
    """`text` without invisible characters, for names from other systems."""
    return "".join(filter(is_visible, text))
