"""Finds the end, the path and the body length of a request, before a thread handles it.

Gunicorn's parser decides what the request means. This module only decides when it is complete.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MOST_HEAD_BYTES = 128 * 1024

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_HAS_BODY = re.compile(rb"\r\n(content-length|transfer-encoding)[ \t]*:", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding[ \t]*:", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_TYPE = re.compile(rb"\r\ncontent-type:[ \t]*([^\r\n]*)", re.IGNORECASE)


@dataclass(frozen=True)
class Head:
    """Request line and headers, `size` bytes together, and the length of the body.

    `body_bytes` is None if the headers do not give the length, because the body is chunked or
    the headers are wrong.
    """

    size: int
    path: bytes
    body_bytes: int | None
    content_type: str
    expects_continue: bool


def find_head(data: bytes | bytearray) -> Head | None:
    """The head at the beginning of `data`; None if it is not complete."""
    end = data.find(b"\r\n\r\n", 0, MOST_HEAD_BYTES)
    if end < 0:
        return None
    text = bytes(data[: end + 4])
    line = text.lstrip(b"\r\n").partition(b"\r\n")[0]
    length = None if _CHUNKED.search(text) else _LENGTH.search(text)
    content_type = _TYPE.search(text)
    return Head(
        size=end + 4,
        path=(line.split(b" ") + [b""])[1].partition(b"?")[0],
        body_bytes=int(length[1]) if length else None if _HAS_BODY.search(text) else 0,
        content_type=content_type[1].decode("latin-1") if content_type else "",
        expects_continue=bool(_EXPECTS.search(text)),
    )
