"""Answers that the server itself gives, before the application has seen a request."""

from __future__ import annotations

import http
import json

from ...api.errors import PROBLEM


def _answer(status: int, detail: str, **headers: str) -> bytes:
    title = http.HTTPStatus(status).phrase
    problem = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "message": detail,
    }
    body = json.dumps(problem).encode()
    lines = [
        f"HTTP/1.1 {status} {title}",
        f"Content-Type: {PROBLEM}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


HEAD_TOO_LARGE = _answer(431, "The headers are longer than this hub reads.")
TOO_SLOW = _answer(408, "The request came too slowly; please send it again.")
TOO_BUSY = _answer(
    503, "Too many large bodies arrive just now; nothing was stored.", Retry_After="10"
)
