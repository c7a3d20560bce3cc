"""tornado's HTTP server that can end without leaving a request that it has taken unanswered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tornado import httpserver, httputil

_LOOK_S = 0.02


class DrainingServer(httpserver.HTTPServer):
    """Knows which connections wait for an answer.

    A new one does from the moment it is accepted: its request may not have been read yet. One that
    has its answer, whole, does not wait any more until it has sent the head of another request.
    """

    def initialize(self, *arguments: Any, **options: Any) -> None:
        super().initialize(*arguments, **options)
        self._have_asked: set[object] = set()
        self._idle: set[object] = set()

    def start_request(
        self, server_conn: object, request_conn: httputil.HTTPConnection
    ) -> httputil.HTTPMessageDelegate:
        """tornado begins to read a request: the first, or the next after a whole answer."""
        if server_conn in self._have_asked:
            self._idle.add(server_conn)
        self._have_asked.add(server_conn)
        handler = super().start_request(server_conn, request_conn)
        return _Noticed(handler, begun=lambda: self._idle.discard(server_conn))

    def on_close(self, server_conn: object) -> None:
        self._have_asked.discard(server_conn)
        self._idle.discard(server_conn)
        super().on_close(server_conn)

    @property
    def is_awaited(self) -> bool:
        """Whether any connection waits for an answer."""
        return any(connection not in self._idle for connection in self._connections)

    async def drain(self, *, longest_s: float) -> bool:
        """Accept no more, and answer what was accepted; False if that takes too long."""
        self.stop()
        # Who gets an answer now learns that nothing more can be asked here.
        self.conn_params.no_keep_alive = True
        give_up = time.monotonic() + longest_s
        while self.is_awaited and time.monotonic() < give_up:
            await asyncio.sleep(_LOOK_S)
        return not self.is_awaited


class _Noticed(httputil.HTTPMessageDelegate):
    """Tells that the head of a request has come."""

    def __init__(self, handler: httputil.HTTPMessageDelegate, *, begun: Callable[[], None]):
        self._handler = handler
        self._begun = begun

    def headers_received(
        self,
        start_line: httputil.RequestStartLine | httputil.ResponseStartLine,
        headers: httputil.HTTPHeaders,
    ) -> Awaitable[None] | None:
        self._begun()
        return self._handler.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._handler.data_received(chunk)

    def finish(self) -> None:
        self._handler.finish()

    def on_connection_close(self) -> None:
        self._handler.on_connection_close()
