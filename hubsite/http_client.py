"""The hub's one HTTP client: each call has a time-out, a bounded answer, and follows no redirect.

A redirect would carry a token to wherever it points. A connection is used once: none is shared by
threads, or kept over a fork.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

CONNECT_S = 5.0
_PIECE = 1 << 16


class NoAnswer(Exception):
    """The server is not reached, or it answers too slowly or too much. The message says which."""


class NotTaken(NoAnswer):
    """The connection was refused or broken off: the server did not begin to answer."""


class TooLarge(NoAnswer):
    """The answer has more bytes than the caller takes."""


@dataclass(frozen=True)
class Answer:
    status: int
    content: bytes

    def json(self) -> Any:
        """Raises ValueError if it is no JSON, or nested too deeply."""
        try:
            return json.loads(self.content)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def call(
    method: str,
    url: str,
    *,
    timeout_s: float,
    most_bytes: int,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    form: Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
    through_proxy: bool = True,
) -> Answer:
    """One request, `body` as JSON or `form` as a form. Raises NoAnswer.

    The proxy and the certificates that the environment names are used, unless the server is our
    own (`through_proxy=False`).
    """
    give_up = time.monotonic() + timeout_s
    with requests.Session() as session:
        session.trust_env = through_proxy
        if url.startswith("https:"):
            session.mount("https://", _SystemCertificates())
        try:
            with session.request(
                method,
                url,
                headers={"Connection": "close", "Accept-Encoding": "identity", **(headers or {})},
                json=body,
                data=form,
                auth=auth or _as_it_is,  # else a .netrc would replace our Authorization
                timeout=(min(CONNECT_S, timeout_s), timeout_s),
                stream=True,
                allow_redirects=False,
            ) as response:
                return Answer(response.status_code, _read(response, most_bytes, give_up))
        except requests.Timeout as error:
            raise NoAnswer(f"no answer within {timeout_s:g} s") from error
        except requests.ConnectionError as error:
            raise NotTaken(_cause(error)) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise NoAnswer(f"{type(error).__name__}: {error}"[:200]) from error


class _SystemCertificates(HTTPAdapter):
    """Trusts what this machine trusts (also by SSL_CERT_FILE), besides the library's own list."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=ssl.create_default_context())


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _read(response: requests.Response, most_bytes: int, give_up: float) -> bytes:
    """All of it. Reads what is there, so that a slow sender cannot stretch the time."""
    content = bytearray()
    while piece := response.raw.read1(_PIECE, decode_content=True):
        content += piece
        if len(content) > most_bytes:
            raise TooLarge(f"the answer has more than {most_bytes} bytes")
        if time.monotonic() > give_up:
            raise NoAnswer("the answer comes too slowly")
    return bytes(content)


def _cause(error: BaseException) -> str:
    """What is at the bottom of it: the library wraps it several times, with addresses."""
    reason: Any = error
    while True:
        inner = getattr(reason, "reason", None) or reason.__cause__ or reason.__context__
        if not isinstance(inner, BaseException) or inner is reason:
            break
        reason = inner
    return str(reason)[:200] or type(reason).__name__
