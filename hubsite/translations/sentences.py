"""Show a sentence of the code in the reader's language: `translated(text)`.

What the domain refuses, notices, events and the health of parts are English texts: the API, mails
and logs have them so, rows keep them, and some come from the runner. A page that shows one finds
it again among the sentences that the code may say (`listed_sentences.py`):

    translated("You have 40 tokens; revoke one first.")

is the sentence "You have {0} tokens; revoke one first." with 40 for {0}. What is not found is
shown as it is, such as the words of xcube or of an operator. Use it where text is shown and
nowhere else.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import formats
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.safestring import SafeData
from django.utils.translation import get_language, gettext, override

from .listed_sentences import SENTENCES

LONGEST = 4000
"""A longer text is no sentence of ours."""
LONGEST_PARTS = 1200
"""A longer text is not looked through for several sentences."""
_DEEPEST = 5
_FIRST_LETTERS = 3
_FIELD = re.compile(r"([\w.\[\]@-]+): (.+)", re.DOTALL)
_NUMBER = re.compile(r"-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}(:\d{2})?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_KNOWN = frozenset(SENTENCES)
_WORD_AFTER = (" a ", "The ", "the ")
"""Behind these, a value of one word is a word of the code, such as `run`, and no name."""


def translated(text: Any) -> str:
    """`text` in the language of the page; as it is if it is no sentence of the code."""
    shown = str(text)
    if isinstance(shown, SafeData) or not shown or len(shown) > LONGEST or _is_english():
        return shown
    return _translated(shown, _DEEPEST, get_language()) or shown


def in_all_languages(text: str) -> dict[str, str]:
    """`text` in the languages of pages other than English, for a page elsewhere."""
    found = {}
    for language, _name in settings.LANGUAGES:
        if language != "en":
            with override(language):
                found[language] = translated(text)
    return found


def _is_english() -> bool:
    return (get_language() or "en").startswith("en")


@functools.lru_cache(maxsize=2000)
def _translated(text: str, deepest: int, language: str) -> str | None:
    """None if nothing of it is known. `language` is the present one, for what is kept."""
    if not deepest:
        return None
    if said := _whole(text, deepest, language) or _capitalised(text, deepest, language):
        return said
    return _in_parts(text, deepest - 1, language) if len(text) <= LONGEST_PARTS else None


def _whole(text: str, deepest: int, language: str) -> str | None:
    """If the text as a whole is a sentence, with or without values."""
    exact = gettext(text)
    if exact != text:
        return exact
    if not (found := _found(text)):
        return None
    sentence, values = found
    heads = sentence.split("{")[: len(values)]
    shown = [
        _value(value, deepest - 1, language, is_word=head.endswith(_WORD_AFTER))
        for head, value in zip(heads, values, strict=True)
    ]
    return gettext(sentence).format(*shown)


def _capitalised(text: str, deepest: int, language: str) -> str | None:
    """If the text is a sentence that was given a capital and a full stop for people."""
    if not text.endswith("."):
        return None
    if said := _whole(text[:-1], deepest, language):
        return f"{said}."
    said = _whole(text[:1].lower() + text[1:-1], deepest, language)
    return f"{said[:1].upper()}{said[1:]}." if said else None


def _value(value: str, deepest: int, language: str, *, is_word: bool) -> str:
    """A value of a sentence: itself a sentence, a number, a time, or a name."""
    if _NUMBER.fullmatch(value):
        _whole, point, rest = value.partition(".")
        decimals = len(rest) if point else None
        grouped = "," in value
        return formats.number_format(
            Decimal(value.replace(",", "")), decimals, use_l10n=True, force_grouping=grouped
        )
    if _MOMENT.fullmatch(value) and (at := parse_datetime(value)):
        return formats.date_format(at, "SHORT_DATETIME_FORMAT").removesuffix(" UTC")
    if _DAY.fullmatch(value) and (day := parse_date(value)):
        return formats.date_format(day, "DATE_FORMAT")
    is_of_the_code = value in _KNOWN if is_word else " " in value and _is_known(value)
    return (is_of_the_code and _translated(value, deepest, language)) or value


def _is_known(text: str) -> bool:
    """Whether the code says it. A name that people gave may be a text of some page by chance."""
    return text in _KNOWN or _found(text) is not None


def _in_parts(text: str, deepest: int, language: str) -> str | None:
    """`field: sentence`, or several sentences of which one at least is known."""
    if (field := _FIELD.fullmatch(text)) and (said := _translated(field[2], deepest, language)):
        return f"{field[1]}: {said}"
    for mark in (". ", ": ", "; "):
        head, found, tail = text.partition(mark)
        if not found:
            continue
        first = _translated(head, deepest, language)
        if mark == ". " and first is None:
            first = _translated(f"{head}.", deepest, language)
            first = first.removesuffix(".") if first else None
        second = _translated(tail, deepest, language)
        if first or second:
            return (first or head) + mark + (second or tail)
    return None


def _found(text: str) -> tuple[str, list[str]] | None:
    """The sentence with values that says the most of `text`, and its values."""
    best: tuple[str, list[str]] | None = None
    for sentence, parts, said in _sentences_with_values(text):
        if (best is None or said > _said(best[0])) and (values := _values(text, parts)) is not None:
            best = sentence, values
    return best


def _sentences_with_values(text: str) -> Iterator[tuple[str, tuple[str, ...], int]]:
    by_start = _by_start()
    yield from by_start.get(text[:_FIRST_LETTERS], ())
    yield from by_start.get("", ())


@functools.cache
def _by_start() -> dict[str, list[tuple[str, tuple[str, ...], int]]]:
    """Sentences with values by their first letters; "": those that begin with a value."""
    found: dict[str, list[tuple[str, tuple[str, ...], int]]] = {}
    for sentence in SENTENCES:
        parts = tuple(re.split(r"\{\d+\}", sentence))
        if len(parts) > 1:
            start = parts[0][:_FIRST_LETTERS]
            start = start if len(start) == _FIRST_LETTERS else ""
            found.setdefault(start, []).append((sentence, parts, _said(sentence)))
    return found


@functools.cache
def _said(sentence: str) -> int:
    """How many characters the sentence has without its values."""
    return len(re.sub(r"\{\d+\}", "", sentence))


def _values(text: str, parts: tuple[str, ...]) -> list[str] | None:
    """What `text` has between `parts`, None if it has not all of them. Linear in its length."""
    first, *between, last = parts
    if not (text.startswith(first) and text.endswith(last)):
        return None
    at, end, values = len(first), len(text) - len(last), []
    for part in between:
        next_at = text.find(part, at, end) if part else at
        if next_at < 0:
            return None
        values.append(text[at:next_at])
        at = next_at + len(part)
    if at > end:
        return None
    return [*values, text[at:end]]
