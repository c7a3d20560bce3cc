"""Connections of clients: how many there may be, how slow, and how large their heads."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from .answers import problem_response
from .limits import LIMITS, Limits

log = logging.getLogger(__name__)

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)
_HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n"
)


class Connection(RequestHandler):
    """One connection of a client.

    aiohttp bounds each line and the time for a head. This adds the size of a whole head, and an
    end for a client that takes nothing of what is still to be sent when it is closed.
    """

    __slots__ = ("_limits", "_listener", "_head_bytes", "_real_transport")

    def __init__(self, listener: Listener, *, limits: Limits, **options: Any) -> None:
        super().__init__(listener, **options)
        self._listener = listener
        self._limits = limits
        self._head_bytes = 0
        self._real_transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._real_transport = transport
        _bound_silence(transport, self._limits.stall_s)
        super().connection_made(transport)
        self._listener.opened(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._real_transport = None
        self._listener.closed(self)
        super().connection_lost(exc)

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request, or for the rest of a head."""
        if self._waiter is not None:
            return not self._waiter.done()
        return self._request_count == 0  # its task has not begun yet

    def data_received(self, data: bytes) -> None:
        if self._force_close:
            return  # what comes after a refusal is dropped
        is_head = self.is_idle
        super().data_received(data)
        if is_head and self.is_idle and not self._upgraded:
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.head_bytes:
                self.refuse(_HEAD_TOO_LARGE)
        else:
            self._head_bytes = 0

    def refuse(self, answer: bytes) -> None:
        """Send a last answer, and take no further request.

        What the client still sends is read and dropped for a while: closing at once would reset
        the connection, and the answer would be lost.
        """
        transport = self._real_transport
        if transport is None:
            return
        self._force_close = True
        if self._waiter is not None:
            self._waiter.cancel()
        transport.write(answer)
        if transport.can_write_eof():
            transport.write_eof()
        self._abort_later()

    def force_close(self) -> None:
        super().force_close()
        self._abort_later()

    def _abort_later(self) -> None:
        """Closing waits for what is to be sent; a client that takes none of it would stay."""
        transport = self._real_transport
        if transport is not None:
            self._loop.call_later(self._limits.linger_s, _abort, transport)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Our own shape, and no echo of what was sent. Only our faults are logged."""
        if status >= 500 and exc is not None and not isinstance(exc, ConnectionError):
            log.error("A request failed", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionResetError("the answer had begun")
        detail = {
            400: "This is no well-formed HTTP request, or a line or header of it is too long.",
            504: "The answer took too long.",
        }.get(status, "The edge could not answer.")
        response = problem_response(status, detail, headers={"Cache-Control": "no-store"})
        response.force_close()
        return response


def _abort(transport: asyncio.Transport) -> None:
    transport.abort()


def _bound_silence(transport: asyncio.Transport, seconds: float) -> None:
    """Have the kernel end a connection whose client acknowledges nothing for so long."""
    found = transport.get_extra_info("socket")
    if found is not None and found.family in (socket.AF_INET, socket.AF_INET6):
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


class Listener(web.Server):
    """Makes connections, and closes the one that was idle longest if there are too many."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        limits: Limits = LIMITS,
    ) -> None:
        super().__init__(handler, handler_cancellation=True)
        self._limits = limits
        self._open: dict[Connection, None] = {}
        """In the order in which they were opened, or last used when there were too many."""

    def __call__(self) -> Connection:
        limits = self._limits
        return Connection(
            self,
            limits=limits,
            loop=self._loop,
            keepalive_timeout=limits.head_s,
            access_log=None,  # type: ignore[arg-type]
            max_line_size=limits.line_bytes,
            max_field_size=limits.line_bytes,
            max_headers=limits.headers,
            auto_decompress=False,
            lingering_time=1.0,
        )

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, connection: Connection) -> None:
        self._open[connection] = None
        if len(self._open) > self._limits.connections:
            for other in self._open:
                if other.is_idle and other is not connection:
                    other.force_close()
                    self._open.pop(other, None)
                    return
            connection.refuse(_FULL)

    def closed(self, connection: Connection) -> None:
        self._open.pop(connection, None)
