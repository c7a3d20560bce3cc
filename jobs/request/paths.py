"""Rules of names and paths from callers: they must stay inside the store (path traversal).

xcube joins `root + "/" + data_id` and passes the result to fsspec, zarr, netCDF and GDAL. Each of
them has its own syntax for another place: URLs, `::` chains (fsspec, zarr), `a.zip!b` archives
(rasterio), `#mode=` fragments (netCDF). All of these are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from hubsite.visible_text import hidden_fault

from .errors import FieldError
from .json_rules import member

MAX_DATA_ID = 512
_DECODINGS = 5
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SPECIAL = re.compile(r"[!#?*<>\"]")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")


def path_fault(text: str, *, longest: int = MAX_DATA_ID) -> str | None:
    """Why `text` is not a path below some root, or None if it is one."""
    if not text:
        return "expected a name, not an empty text"
    if len(text) > longest:
        return f"expected at most {longest} characters"
    for stage in _decodings(text):
        if stage is None:
            return "expected a name without repeated percent-encoding"
        if fault := _plain_path_fault(stage):
            return fault
    return None


def _plain_path_fault(text: str) -> str | None:
    if _CONTROL.search(text):
        return "expected a name without control characters"
    if fault := hidden_fault(text):
        return fault
    if text != text.strip():
        return "expected a name without blanks around it"
    if "\\" in text:
        return "expected a name without backslashes"
    if "::" in text:
        return "expected a name without '::'"
    if "://" in text:
        return "expected a name in the store, not a URL"
    if text[0] in "/~" or _DRIVE.match(text):
        return "expected a relative path"
    if special := _SPECIAL.search(text):
        return f"expected a name without {special.group()}"
    for segment in text.split("/"):
        if not segment.strip():
            return "expected a path without empty parts"
        if segment.strip() in {".", ".."}:
            return "expected a path without '.' or '..' parts"
    return None


def _decodings(text: str) -> Iterator[str | None]:
    """`text` and the result of each round of percent-decoding; None after too many rounds."""
    yield text
    for _ in range(_DECODINGS):
        decoded = unquote(text, errors="replace")
        if decoded == text:
            return
        yield decoded
        text = decoded
    yield None


def redirects(text: str) -> bool:
    """Whether a parameter's value could lead out of the store.

    Such values are an absolute path, a URL, a chain of file systems, or `..`.
    """
    for stage in _decodings(text):
        if stage is None or stage.startswith(("/", "~", "\\")):
            return True
        if "::" in stage or "://" in stage or _DRIVE.match(stage) or _SCHEME.match(stage):
            return True
        if ".." in re.split(r"[/\\]", stage):
            return True
    return False


def redirecting_values(path: str, value: object) -> Iterator[FieldError]:
    """A fault for each text inside `value`, keys included, that could lead out of the store."""
    message = "expected no path or URL: data is reached through its store only"
    if isinstance(value, str):
        if redirects(value):
            yield FieldError(path, message)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from redirecting_values(f"{path}[{index}]", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if redirects(key):
                yield FieldError(member(path, key), message)
            yield from redirecting_values(member(path, key), item)
