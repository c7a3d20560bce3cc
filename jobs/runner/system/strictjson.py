"""Strict JSON that every parser and database accepts, whatever users' code has produced.

No NaN or Infinity (null instead), no lone surrogates (U+FFFD instead), no NUL characters, no
endless nesting. Everything that leaves the runner is written by this module.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

MAX_DEPTH = 100
_SURROGATE = re.compile("[\ud800-\udfff]")
# ASCII JSON shows surrogates as escapes. A valid pair is checked too, and stays.
_SUSPECT = re.compile(r"\\u(?:0000|d[89a-f])")


def dumps(content: Any) -> bytes:
    """`content` as strict JSON, also if it holds NaN, infinities or surrogates."""
    try:
        text = json.dumps(content, separators=(",", ":"), allow_nan=False)
        if not _SUSPECT.search(text):
            return text.encode()
    except (ValueError, RecursionError):
        pass
    return json.dumps(clean(content), separators=(",", ":"), allow_nan=False).encode()


def clean(content: Any, *, depth: int = MAX_DEPTH) -> Any:
    """`content` with strict values only; what lies deeper than `depth` becomes null."""
    if isinstance(content, str):
        return clean_text(content)
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if not isinstance(content, (dict, list, tuple)):
        return content
    if depth == 0:
        return None
    if isinstance(content, dict):
        pairs = content.items()
        return {_key(key): clean(value, depth=depth - 1) for key, value in pairs}
    return [clean(item, depth=depth - 1) for item in content]


def clean_text(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text).replace("\0", "")


def _key(key: Any) -> Any:
    if isinstance(key, float):
        return str(key)
    return clean_text(key) if isinstance(key, str) else key
