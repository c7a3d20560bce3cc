"""A server for an event loop: one request per connection, and it never blocks.

The number of connections is bounded; further ones wait unaccepted. A request must arrive
within ten seconds.
"""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Callable
from pathlib import Path

from .wire import CONTINUE, Request, RequestReader, WireError, error_response

BODY_LIMIT = 16 << 20
MAX_CONNECTIONS = 64
IDLE_S = 10.0
LINGER_S = 2.0
_ADDRESS_BYTES = 107
_scratch = bytearray(1 << 18)


class Connection:
    """One connection: reads a request, waits for its answer, writes it, then drains."""

    def __init__(self, server: Server, sock: socket.socket):
        self._server = server
        self._socket = sock
        self._reader = RequestReader(body_limit=server.body_limit, check=server.check)
        self._out = b""
        self._state = "reading"
        self.deadline = time.monotonic() + IDLE_S
        sock.setblocking(False)
        server.selector.register(sock, selectors.EVENT_READ, self._on_event)

    @property
    def is_open(self) -> bool:
        return self._state != "closed"

    @property
    def is_promised(self) -> bool:
        """Whether the caller waits for an answer."""
        is_asking = self._state == "reading" and self._reader.started
        return is_asking or self._state in ("waiting", "writing")

    def answer(self, data: bytes) -> None:
        """Send the one answer; the connection closes by itself afterwards."""
        if self._state not in ("reading", "waiting"):
            return
        self._out += data
        self._state = "writing"
        self.deadline = time.monotonic() + IDLE_S
        self._write()

    def expire(self) -> None:
        """End the connection, because its time is over."""
        if self._state == "reading" and self._reader.started:
            self.answer(error_response(408, "The request did not come in time."))
        else:
            self.close()

    def close(self) -> None:
        if self._state != "closed":
            self._state = "closed"
            self._server.selector.unregister(self._socket)
            self._socket.close()
            self._server.closed(self)

    def _on_event(self, mask: int) -> None:
        try:
            if mask & selectors.EVENT_WRITE:
                self._write()
            elif mask & selectors.EVENT_READ:
                self._read()
        except OSError:
            self.close()

    def _read(self) -> None:
        try:
            size = self._socket.recv_into(_scratch)
        except BlockingIOError:
            return None
        if size == 0:
            return self.close()
        if self._state != "reading":
            return None
        try:
            request = self._reader.feed(_scratch, size)
        except WireError as error:
            return self.answer(error_response(error.status, error.message))
        finally:
            # It may hold a secret, and forked children inherit this memory.
            _scratch[:size] = bytes(size)
        if request is not None:
            self._state = "waiting"
            self.deadline = float("inf")
            self._server.handle(self, request)
        elif self._reader.wants_continue:
            self._reader.wants_continue = False
            self._socket.send(CONTINUE)
        return None

    def _write(self) -> None:
        try:
            sent = self._socket.send(self._out) if self._out else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            return self.close()
        self._out = self._out[sent:]
        if self._out:
            self._server.selector.modify(self._socket, selectors.EVENT_WRITE, self._on_event)
            return None
        # Closing with unread bytes would reset the connection and lose the answer.
        self._state = "draining"
        self.deadline = time.monotonic() + LINGER_S
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return self.close()
        self._server.selector.modify(self._socket, selectors.EVENT_READ, self._on_event)
        return None


class Server:
    """Accepts connections and hands complete requests to `handle`."""

    def __init__(
        self,
        *,
        selector: selectors.BaseSelector,
        listener: socket.socket,
        handle: Callable[[Connection, Request], None],
        check: Callable[[Request], None] | None = None,
        body_limit: int = BODY_LIMIT,
        max_connections: int = MAX_CONNECTIONS,
    ):
        """`check` sees a request before its body comes, and may raise WireError."""
        self.selector = selector
        self.handle = handle
        self.check = check
        self.body_limit = body_limit
        self._max_connections = max_connections
        self._stopped = False
        self._listener = listener
        self._connections: set[Connection] = set()
        self._accepting = False
        listener.setblocking(False)
        self._accept_again()

    def tick(self) -> None:
        now = time.monotonic()
        for connection in [c for c in self._connections if c.deadline <= now]:
            connection.expire()

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._accept_again()

    @property
    def is_answering(self) -> bool:
        return any(connection.is_promised for connection in self._connections)

    def stop(self) -> None:
        """Accept no more."""
        self._stopped = True
        self._pause()

    def _pause(self) -> None:
        if self._accepting:
            self.selector.unregister(self._listener)
            self._accepting = False

    def _accept_again(self) -> None:
        room = len(self._connections) < self._max_connections
        if room and not self._accepting and not self._stopped:
            self._accepting = True
            self.selector.register(self._listener, selectors.EVENT_READ, self._on_accept)

    def _on_accept(self, mask: int) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        self._connections.add(Connection(self, sock))
        if len(self._connections) >= self._max_connections:
            self._pause()


def listen(path: Path, *, backlog: int) -> socket.socket:
    """A unix socket that only this user can open; replaces one that a dead process left."""
    if len(os.fsencode(path)) > _ADDRESS_BYTES:
        raise SystemExit(f"The socket's path is too long (at most {_ADDRESS_BYTES} bytes): {path}")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
            raise SystemExit(f"Another program answers at {path}.")
        except OSError:
            pass
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path.unlink(missing_ok=True)
    listener.bind(str(path))
    os.chmod(path, 0o600)
    listener.listen(backlog)
    return listener
