"""A server that accepts and never answers, as one that hangs."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class SilentServer:
    """Keeps every connection that it was offered."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                self.connections.append(self._socket.accept()[0])
            except OSError:
                return

    @property
    def waiting(self) -> int:
        """How many callers still wait for an answer."""
        return sum(not _has_left(connection) for connection in self.connections)

    def close(self) -> None:
        self._socket.close()
        for connection in self.connections:
            connection.close()


def _has_left(connection: socket.socket) -> bool:
    """Whether the other side has closed the connection; what it sent is thrown away."""
    while select.select([connection], [], [], 0)[0]:
        try:
            if not connection.recv(65536):
                return True
        except OSError:
            return True
    return False


@contextmanager
def silent_server() -> Iterator[SilentServer]:
    server = SilentServer()
    try:
        yield server
    finally:
        server.close()
