"""Limits of any JSON document from a caller, checked before its meaning.

They bound its depth, sizes and numbers, and its texts must be storable in UTF-8 and a database.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from .errors import FieldError

MAX_DEPTH = 20
MAX_TEXT = 1024
MAX_NUMBER = 1e15
MAX_CODE_BYTES = 1024 * 1024
MAX_OBJECT_BYTES = 64 * 1024  # of an object that may have any members

CODE_FIELD = "code_config.inline_code"


def member(path: str, key: str) -> str:
    """The field name of member `key` of the object at `path`."""
    if key.isidentifier():
        return f"{path}.{key}" if path else key
    shown = key if len(key) <= 50 else f"{key[:47]}..."
    return f"{path}[{json.dumps(shown)}]"


def json_faults(document: object) -> Iterator[FieldError]:
    """Faults of `document` as JSON, regardless of its meaning. Works without recursion."""
    pending: list[tuple[str, object, int]] = [("", document, 1)]
    while pending:
        path, value, depth = pending.pop()
        if isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                yield FieldError(path, f"nested too deeply; expected at most {MAX_DEPTH} levels")
                continue
            if isinstance(value, list):
                pending += [(f"{path}[{i}]", item, depth + 1) for i, item in enumerate(value)]
                continue
            for key, item in value.items():
                fault = _text_fault(key, MAX_TEXT) if isinstance(key, str) else "expected text"
                if fault:
                    yield FieldError(path, f"a key is not usable: {fault}")
                else:
                    pending.append((member(path, key), item, depth + 1))
        elif fault := _scalar_fault(path, value):
            yield FieldError(path, fault)


def _scalar_fault(path: str, value: object) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _text_fault(value, MAX_CODE_BYTES if path == CODE_FIELD else MAX_TEXT)
    if isinstance(value, int | float):
        if not (isinstance(value, int) or math.isfinite(value)):
            return "expected a finite number"
        return None if abs(value) <= MAX_NUMBER else "expected a number within ±1e15"
    return "expected JSON"


def _text_fault(text: str, longest: int) -> str | None:
    if len(text) > longest:
        return f"expected at most {longest:,} characters"
    if "\x00" in text:
        return "expected text without NUL characters"
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        return "expected text that is valid Unicode"
    if longest == MAX_CODE_BYTES and len(encoded) > MAX_CODE_BYTES:
        return "expected at most 1 MB"
    return None


def size_faults(field: str, config: dict, *names: str) -> Iterator[FieldError]:
    """Faults of the members `names` of the `config` at `field`, which may have any members."""
    for name in names:
        if _encoded_size(config.get(name)) > MAX_OBJECT_BYTES:
            yield FieldError(f"{field}.{name}", "expected at most 64 kB")


def _encoded_size(value: object) -> int:
    """The number of bytes of `value` as compact UTF-8 JSON."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
