"""One client's connection: what it sent, what it has still to read, and until when it may wait."""

from __future__ import annotations

import enum
import socket
import threading
import time
from typing import Any

from gunicorn.http.parser import RequestParser

from .head import Head

FIRST_BYTE_S = 10.0
HEAD_S = 10.0
"""From the first byte of a request to the end of its headers."""

GRACE_S = 10.0
LEAST_BYTES_PER_S = 10_000
"""A body, and an answer, may take GRACE_S and what its bytes take at this rate."""

PIECE = 64 * 1024


class State(enum.Enum):
    """What a connection does."""

    IDLE = enum.auto()  # no byte of a request is here
    HEAD = enum.auto()
    BODY = enum.auto()
    AT_WORK = enum.auto()  # a thread has it
    ANSWER = enum.auto()  # the client has still to read
    LEAVING = enum.auto()  # what still comes is dropped


class Connection:
    """What gunicorn's worker calls a TConn; no method waits for the client."""

    is_http2 = False
    initialized = data_ready = True

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        sock.setblocking(False)
        self.cfg, self.client, self.server = cfg, client, server
        self.peer = sock
        self.sock = Outbox(sock)
        self.inbox = Inbox()
        self.parser = Parser(self)
        self.head: Head | None = None
        self.is_cut = False
        self.keeps_alive = False
        self.state = State.IDLE
        self.events = 0
        self.begin(State.IDLE, FIRST_BYTE_S)

    def init(self) -> None:
        """Nothing is left to be done: there is no TLS here."""

    def begin(self, state: State, within_s: float) -> None:
        self.state = state
        self.began = time.monotonic()
        self.moved = 0
        self.deadline = self.began + within_s

    def move(self, count: int) -> None:
        """`count` bytes of a body, or of an answer, have passed."""
        self.moved += count
        self.deadline = self.began + GRACE_S + self.moved / LEAST_BYTES_PER_S

    def take_back(self) -> None:
        """What the parser has read beyond its request is the beginning of the next one."""
        self.inbox.data[:0] = self.parser.unreader.take_buffered()


class Inbox:
    """What has arrived, for a parser that would read from a socket. It never waits."""

    def __init__(self) -> None:
        self.data = bytearray()

    def recv(self, size: int) -> bytes:
        piece = bytes(self.data[:size])
        del self.data[:size]
        return piece


class Parser(RequestParser):
    """Gunicorn's parser of the requests of one connection."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection.cfg, connection.inbox, connection.client)
        self._connection = connection

    def __next__(self) -> Any:
        request = super().__next__()
        request._expected_100_continue = False  # it was told before the body was read
        if self._connection.is_cut:
            request.force_close()
        return request

    next = __next__


class Outbox:
    """The socket as a thread sees it: what the client does not take at once is kept.

    The main loop sends it, so no thread waits for a slow reader. Answers of the hub have a few
    megabytes at most.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        self.rest = bytearray()
        self.is_broken = False

    def sendall(self, data: bytes) -> None:
        """Send or keep `data`. Raises BrokenPipeError if the client is gone."""
        with self._lock:
            if self.is_broken:
                raise BrokenPipeError
            self.rest += data
        self.flush()

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)

    def flush(self) -> int:
        """Send what the client takes now; how many bytes that was."""
        sent = 0
        with self._lock:
            view = memoryview(self.rest)
            try:
                while sent < len(view):
                    sent += self._sock.send(view[sent : sent + PIECE])
            except (BlockingIOError, InterruptedError):
                pass
            except OSError:
                self.is_broken = True
            finally:
                view.release()
            if self.is_broken:
                self.rest.clear()
            else:
                del self.rest[:sent]
        return sent

    def shutdown(self, how: int) -> None:
        """The main loop ends connections: it does not wait for them either."""
        raise OSError("The main loop closes this connection")

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""

    def settimeout(self, seconds: float | None) -> None:
        """It never blocks."""

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        """The main loop closes it."""
