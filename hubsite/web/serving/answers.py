"""Answers that the server itself gives, before the application has seen a request."""

from __future__ import annotations

import http
import json

from gunicorn.http import errors

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
FAULT = _answer(500, "The hub could not handle this request.")

WRONG = _answer(400, "The request is not valid HTTP/1.1: its first line or a header is wrong.")
_WRONG_IN_PARTICULAR = {
    errors.LimitRequestLine: _answer(414, "The address is longer than this hub reads."),
    errors.LimitRequestHeaders: HEAD_TOO_LARGE,
    errors.ExpectationFailed: _answer(417, "Of Expect only 100-continue is known."),
    errors.UnsupportedTransferCoding: _answer(501, "Send the body with a Content-Length."),
}
_OURS = (
    errors.ConfigurationProblem,
    errors.InvalidResponseHeader,
    errors.InvalidResponseHeaderName,
)


def answer_to(error: BaseException) -> bytes | None:
    """What a client reads whose request gunicorn's parser refused so; None: the fault is ours."""
    if isinstance(error, _OURS):
        return None
    for kind, answer in _WRONG_IN_PARTICULAR.items():
        if isinstance(error, kind):
            return answer
    return WRONG if isinstance(error, errors.ParseException) else None
