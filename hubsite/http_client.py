"""The hub's one HTTP client: each call has a time limit, a bounded answer, and follows no redirect.

A redirect would carry a token to wherever it points. A connection is used once: none is shared by
threads, or kept over a fork.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import BadStatusLine
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from .reach import Reach
from .visible_text import without_hidden

CONNECT_S = 5.0
_PIECE = 1 << 16


class NoAnswer(Exception):
    """The server is not reached, or it answers too slowly or too much. The message says which.

    It may quote the server, so what no database stores and what no one sees is left out.
    """

    def __init__(self, message: str) -> None:
        super().__init__(without_hidden(message))


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
    content: bytes | None = None,
    auth: tuple[str, str] | None = None,
    through_proxy: bool = True,
    reach: Reach | None = None,
) -> Answer:
    """One request, `body` as JSON, `form` as a form or `content` as it is. Raises NoAnswer.

    It ends after `timeout_s` in any case, but a name server that hangs may take longer. With
    `most_bytes=0` the body of the answer is not read. The proxy and the certificates that the
    environment names are used, unless the server is our own (`through_proxy=False`). `reach`
    limits the addresses that are connected to; then there is no proxy, because it would connect.
    """
    give_up = time.monotonic() + timeout_s
    with requests.Session() as session, _Limit(timeout_s) as limit:
        session.trust_env = through_proxy and reach is None
        scheme = url.partition(":")[0].lower()
        session.mount(f"{scheme}://", _Adapter(limit, reach, has_tls=scheme == "https"))
        try:
            with session.request(
                method,
                url,
                headers={"Connection": "close", "Accept-Encoding": "identity", **(headers or {})},
                json=body,
                data=form if content is None else content,
                auth=auth or _as_it_is,  # else a .netrc would replace our Authorization
                timeout=(min(CONNECT_S, timeout_s), timeout_s),
                stream=True,
                allow_redirects=False,
            ) as response:
                content = _read(response, most_bytes, give_up) if most_bytes else b""
                if limit.is_over:
                    raise NoAnswer("the answer comes too slowly")
                return Answer(response.status_code, content)
        except requests.Timeout as error:
            raise NoAnswer(f"no answer within {timeout_s:g} s") from error
        except requests.ConnectionError as error:
            if limit.is_over:
                raise NoAnswer(f"no answer within {timeout_s:g} s") from error
            raise NotTaken(_cause(error)) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise NoAnswer(f"{type(error).__name__}: {error}"[:200]) from error


class _Limit:
    """Breaks connections off when the time is over, whatever is being read or written.

    The time-out of a socket begins anew with each byte, so a server that sends its headers byte
    by byte could otherwise hold a call for hours.
    """

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def watch(self, connection: socket.socket) -> None:
        """Break this connection off too. A copy is kept, because TLS takes the socket over."""
        with self._lock:
            self._sockets.append(connection.dup())
        if self.is_over:
            self._end()

    def _end(self) -> None:
        with self._lock:
            self.is_over = True
            for copy in self._sockets:
                with contextlib.suppress(OSError):  # it has ended by itself
                    copy.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> _Limit:
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()
        with self._lock:
            for copy in self._sockets:
                copy.close()
            self._sockets.clear()


class _Adapter(HTTPAdapter):
    """Connects within the limit and the reach.

    Trusts what this machine trusts (also by SSL_CERT_FILE), besides the library's own list.
    """

    def __init__(self, limit: _Limit, reach: Reach | None, *, has_tls: bool) -> None:
        self._limit, self._reach, self._has_tls = limit, reach, has_tls
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        if self._has_tls:
            options["ssl_context"] = ssl.create_default_context()
        super().init_poolmanager(*args, **options)

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        pool = super().get_connection_with_tls_context(*args, **options)
        pool.ConnectionCls = _watched(pool.ConnectionCls, self._limit, self._reach)
        return pool


def _watched(kind: Any, limit: _Limit, reach: Reach | None) -> Any:
    """The connection class `kind`, whose connections obey the limit and the reach."""

    class Watched(kind):
        def _new_conn(self) -> socket.socket:
            sock = super()._new_conn() if reach is None else self._reach_out(reach)
            limit.watch(sock)
            return sock

        def _reach_out(self, reach: Reach) -> socket.socket:
            try:
                return reach.connect(self.host, self.port, self.timeout)
            except TimeoutError as error:
                raise ConnectTimeoutError(self, f"no connection to {self.host}") from error
            except OSError as error:
                raise NewConnectionError(self, str(error)) from error

    return Watched


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
    # What is no HTTP is not told: its first line may say what is inside the operators' network.
    if isinstance(reason, (BadStatusLine, ValueError)) and not isinstance(reason, OSError):
        return "the answer is no HTTP"
    return str(reason)[:200] or type(reason).__name__
