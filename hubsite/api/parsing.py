"""Reading JSON bodies: strict (no NaN, no duplicate names), limited in size and depth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from hubsite.storable import storable

from .errors import ApiError

MAX_DEPTH = 40
MAX_NUMBER_LENGTH = 40
MAX_NODES = 20_000
"""Values and names in one document. The largest that the API takes has some hundreds."""


class StrictJSONParser(BaseParser):
    """DRF parser of `application/json`."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return parse_document(stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1))


class RepairingJSONParser(StrictJSONParser):
    """Replaces characters that cannot be stored, because reports of runs must be accepted."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        return storable(parse_json(stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)))


def parse_document(data: bytes) -> Any:
    """The JSON document in `data`. Raises ApiError also if a text in it cannot be stored."""
    document = parse_json(data)
    if storable(document) != document:
        message = "a text without NUL and half surrogate pairs is expected"
        errors = [{"field": place, "message": message} for place in _unstorable(document)]
        raise ApiError(f"{errors[0]['field']}: {message}".removeprefix(": "), errors=errors[:20])
    return document


def _unstorable(value: Any, place: str = "") -> Iterator[str]:
    """Paths in `value` of texts that cannot be stored; for a name, the path of its object."""
    if isinstance(value, dict):
        for name, item in value.items():
            if storable(name) == name:
                yield from _unstorable(item, f"{place}.{name}".removeprefix("."))
            else:
                yield place
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unstorable(item, f"{place}[{index}]")
    elif storable(value) != value:
        yield place


def parse_json(data: bytes) -> Any:
    """The JSON document in `data`. Raises ApiError (400, 413) that says what is wrong with it."""
    if len(data) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise ApiError(
            f"The body is larger than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes.", status=413
        )
    if not data.strip():
        raise ApiError("The body is empty; a JSON document is expected.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ApiError(f"The body is not UTF-8 text: {error.reason}.") from None
    # Count before parsing, because a megabyte of empty lists would become 350,000 objects.
    if most_nodes(text) > MAX_NODES:
        raise ApiError(
            f"The JSON document has more than {MAX_NODES:,} values; expected are at most so many.",
            status=413,
        )
    if _depth(text) > MAX_DEPTH:
        raise ApiError(f"The JSON document is nested more than {MAX_DEPTH} levels deep.")
    try:
        return json.loads(
            text,
            parse_constant=_no_constant,
            parse_int=_number(int),
            parse_float=_number(float),
            object_pairs_hook=_no_duplicates,
        )
    except json.JSONDecodeError as error:
        raise ApiError(
            f"The body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from None


def most_nodes(text: str) -> int:
    """An upper bound of the values and names in the JSON document `text`.

    Each one but the first follows an opening bracket, a comma or a colon. Marks inside strings
    are left out only if there would be too many with them.
    """
    marks = sum(map(text.count, "[{,:"))
    if marks >= MAX_NODES:
        outside = text.replace("\\\\", "").replace('\\"', "").split('"')[::2]
        marks = sum(map("".join(outside).count, "[{,:"))
    return marks + 1


def _depth(text: str) -> int:
    """An upper bound of the nesting depth, without recursion; brackets in strings count too."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return 0
    depth = deepest = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _number(kind: type) -> Any:
    def parse(text: str) -> Any:
        if len(text) > MAX_NUMBER_LENGTH:
            raise ApiError(f"A number has more than {MAX_NUMBER_LENGTH} characters.")
        value = kind(text)
        if value in (float("inf"), float("-inf")):
            raise ApiError(f"The number {text} is too large.")
        return value

    return parse


def _no_constant(name: str) -> Any:
    raise ApiError(f"{name} is not JSON; a number is expected.")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        double = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ApiError(f"The name {double[:100]!r} occurs twice in one JSON object.")
    return result
