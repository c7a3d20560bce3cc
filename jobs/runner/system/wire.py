"""HTTP/1.1 as bytes: parses one request piece by piece, and formats one answer.

Both sockets use it. Pure functions without a socket. One request per connection; a body needs
Content-Length.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from . import strictjson

HEADER_LIMIT = 16 * 1024
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


class WireError(Exception):
    """The request is not acceptable; carries the HTTP status of the answer."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class Request:
    """One complete request. `body` is mutable so that its owner can wipe it."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)

    def wipe(self) -> None:
        """Overwrite the body: it may hold a secret, and forked children inherit memory."""
        self.body[:] = bytes(len(self.body))


class RequestReader:
    """Feed it bytes until it returns a `Request`; raises `WireError` on anything else."""

    def __init__(
        self,
        *,
        body_limit: int,
        header_limit: int = HEADER_LIMIT,
        check: Callable[[Request], None] | None = None,
    ):
        """`check` sees the request before its body is taken, and may raise WireError."""
        self._check = check
        self._header = bytearray()
        self._header_limit = header_limit
        self._body_limit = body_limit
        self._request: Request | None = None
        self._received = 0
        self.wants_continue = False

    @property
    def started(self) -> bool:
        """Whether any byte has arrived."""
        return self._request is not None or bool(self._header)

    def feed(self, data: bytes | bytearray, size: int | None = None) -> Request | None:
        """Parse the first `size` received bytes; the request if it is complete, else None.

        The body is copied once, into the request. Wiping `data` and the request therefore wipes
        every copy.
        """
        end = len(data) if size is None else size
        start = 0
        if self._request is None:
            start = self._feed_header(data, end)
            if self._request is None:
                return None
        body = self._request.body
        piece = memoryview(data)[start : min(end, start + len(body) - self._received)]
        body[self._received : self._received + len(piece)] = piece
        self._received += len(piece)
        return self._request if self._received == len(body) else None

    def _feed_header(self, data: bytes | bytearray, size: int) -> int:
        """Parse the bytes of the header; returns where the body starts in `data`."""
        start = self._header_end(data, size)
        self._header += memoryview(data)[:start]
        if len(self._header) > self._header_limit:
            raise WireError(431, "The request's header is too large.")
        if self._header[-4:] != b"\r\n\r\n":
            return start
        self._request, length, expect = _parse_header(bytes(self._header[:-4]))
        if self._check:
            self._check(self._request)
        if length > self._body_limit:
            raise WireError(413, f"The body may have at most {self._body_limit} bytes.")
        self._request.body = bytearray(length)
        self.wants_continue = expect and size - start < length
        return start

    def _header_end(self, data: bytes | bytearray, size: int) -> int:
        """How many bytes of `data` belong to the header, whose end may lie across two pieces."""
        before = bytes(self._header[-3:])
        seam = (before + bytes(data[: min(3, size)])).find(b"\r\n\r\n")
        if seam >= 0:
            return seam + 4 - len(before)
        found = data.find(b"\r\n\r\n", 0, size)
        return found + 4 if found >= 0 else size


def _parse_header(header: bytes) -> tuple[Request, int, bool]:
    lines = header.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not _TOKEN.match(parts[0]) or not parts[1].startswith("/"):
        raise WireError(400, "This is not an HTTP request.")
    if parts[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise WireError(505, "Only HTTP/1.1 is spoken here.")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        name, value = name.lower(), value.strip()
        if not colon or not _TOKEN.match(name):
            raise WireError(400, "A header line is malformed.")
        if name == "content-length" and headers.get(name, value) != value:
            raise WireError(400, "Content-Length is given twice.")
        headers[name] = value
    if "transfer-encoding" in headers:
        raise WireError(501, "Transfer-Encoding is not supported; send Content-Length.")
    try:
        url = urlsplit(parts[1])
        query = dict(parse_qsl(url.query, keep_blank_values=True, max_num_fields=50))
        path = unquote(url.path, errors="strict")
    except ValueError:
        raise WireError(400, "The request's address is malformed.") from None
    request = Request(method=parts[0], path=path, query=query, headers=headers)
    expect = headers.get("expect", "").lower() == "100-continue"
    return request, _content_length(request), expect


def _content_length(request: Request) -> int:
    text = request.headers.get("content-length")
    if text is None:
        if request.method in ("POST", "PUT", "PATCH"):
            raise WireError(411, "Content-Length is required.")
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise WireError(400, "Content-Length is malformed.")
    return int(text)


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def response(status: int, content: Any) -> bytes:
    """The bytes of an answer; `content` is anything JSON can express."""
    body = strictjson.dumps(content)
    phrase = HTTPStatus(status).phrase
    head = (
        f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n"
    )
    if status == HTTPStatus.UNAUTHORIZED:
        head += "WWW-Authenticate: Bearer\r\n"
    head += "\r\n"
    return head.encode() + body


def error_response(status: int, message: str) -> bytes:
    return response(status, {"error": message})
