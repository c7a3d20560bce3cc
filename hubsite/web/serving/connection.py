"""One client's connection: received bytes, bytes still to send, and the deadline."""

from __future__ import annotations

import enum
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from gunicorn.http.parser import RequestParser

from .head import Head

if TYPE_CHECKING:
    from ..downloads import Source

FIRST_BYTE_S = 10.0
HEAD_S = 10.0
"""From the first byte of a request to the end of its headers."""

GRACE_S = 10.0
LEAST_BYTES_PER_S = 10_000
"""A body or an answer may take GRACE_S plus the time that its bytes need at this rate."""

MOST_STALL_S = 600.0
"""Time that was earned by fast reading is no leave to stall longer. At the least rate, what the
kernel has buffered for a client (4 MB) is read within this time."""

PIECE = 64 * 1024


class State(enum.Enum):
    """The state of a connection."""

    IDLE = enum.auto()  # no byte of a request has arrived
    HEAD = enum.auto()
    BODY = enum.auto()
    AT_WORK = enum.auto()  # a thread handles the request, or reads a piece of its answer
    ANSWER = enum.auto()  # the client has not read all of the answer yet
    LEAVING = enum.auto()  # whatever still arrives is dropped


class Connection:
    """Takes the place of gunicorn's TConn; no method waits for the client."""

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
        self._paused_at = 0.0
        self.begin(State.IDLE, FIRST_BYTE_S)

    def init(self) -> None:
        """Does nothing, because there is no TLS here."""

    def begin(self, state: State, within_s: float) -> None:
        self.state = state
        self.began = time.monotonic()
        self.moved = 0
        self.deadline = self.began + within_s

    def move(self, count: int) -> None:
        """Extend the deadline: `count` bytes of a body or an answer were transferred."""
        self.moved += count
        due = self.began + GRACE_S + self.moved / LEAST_BYTES_PER_S
        self.deadline = min(due, time.monotonic() + MOST_STALL_S)

    def pause(self) -> None:
        """The client waits for us: a piece of its download is read."""
        self.state = State.AT_WORK
        self._paused_at = time.monotonic()

    def resume(self) -> None:
        """We wait for the client again."""
        waited = time.monotonic() - self._paused_at
        self.state = State.ANSWER
        self.began += waited
        self.deadline += waited

    def take_back(self) -> None:
        """Put back what the parser has read beyond its request; it belongs to the next one."""
        self.inbox.data[:0] = self.parser.unreader.take_buffered()


class Inbox:
    """Received bytes in the form of a socket, for gunicorn's parser. Reading never waits."""

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
        request._expected_100_continue = False  # "100 Continue" was sent before the body
        if self._connection.is_cut:
            request.force_close()
        return request

    next = __next__


class Outbox:
    """The socket that a thread writes to: keeps what the client does not accept at once.

    The main loop sends the rest, so no thread waits for a slow reader. Answers of the hub have a
    few megabytes at most. Of a longer one, a download, `source` has what is not read yet
    (hubsite/web/downloads.py).
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        self.rest = bytearray()
        self.is_broken = False
        self.source: Source | None = None

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
        """Send as much as the client accepts now; returns the number of bytes."""
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

    def end_source(self) -> None:
        """End the download, whether all of it was sent or not."""
        source, self.source = self.source, None
        if source is not None:
            source.end()

    def shutdown(self, how: int) -> None:
        """Does nothing, because the main loop ends connections."""
        raise OSError("The main loop closes this connection")

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""

    def settimeout(self, seconds: float | None) -> None:
        """It never blocks."""

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        """Does nothing, because the main loop closes the socket."""
