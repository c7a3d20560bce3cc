"""A gunicorn worker whose threads never wait for a slow client.

Gunicorn's `gthread` gives a connection to a thread as soon as its first byte has arrived. So
sixty clients that each send half a header stop a hub of 48 threads; slow bodies and slow readers
do the same. It also closes connections in its main loop, and waits up to two seconds for each.

Here the main loop reads the whole request before a thread gets it, and sends the part of the
answer that the client has not read yet. Each wait has a deadline (connection.py). Probes have
threads of their own, and so has the reading of downloads, piece by piece. Gunicorn does
everything else: parser, WSGI, start, stop, restarts.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import time
from concurrent import futures
from functools import partial
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from ...api.limits import most_body_bytes
from .answers import FAULT, HEAD_TOO_LARGE, TOO_BUSY, TOO_SLOW, answer_to
from .connection import GRACE_S, HEAD_S, PIECE, Connection, State
from .head import MOST_HEAD_BYTES, find_head

PROBES = (b"/health/live", b"/health/ready")
PROBE_THREADS = 2
READING_THREADS = 2
"""Threads that read the next pieces of downloads from disk. A piece takes milliseconds."""

MOST_BUFFERED_BYTES = 128 * 1024 * 1024
"""Limit of all bodies being received in one process. Small requests are read beyond it, too."""
SMALL_BYTES = 64 * 1024

MOST_DROPPED_BYTES = 64 * 1024 * 1024
MOST_LEAVING_S = 120.0
LINGER_S = 2.0
_LOOK_EVERY_S = 0.25
_MOST_ACCEPTED_AT_ONCE = 64


class Worker(ThreadWorker):
    """Reads and writes all connections in the main loop; runs complete requests in threads."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._connections: dict[Connection, None] = {}  # those that no thread has, oldest first
        self._looked_at = 0.0
        self._probes: futures.ThreadPoolExecutor | None = None
        self._readers: futures.ThreadPoolExecutor | None = None

    def init_process(self) -> None:
        self._probes = futures.ThreadPoolExecutor(PROBE_THREADS, thread_name_prefix="probe")
        self._readers = futures.ThreadPoolExecutor(READING_THREADS, thread_name_prefix="download")
        super().init_process()

    def run(self) -> None:
        try:
            super().run()
        finally:
            self._probes.shutdown(wait=False)
            self._readers.shutdown(wait=False, cancel_futures=True)

    # From the first byte to a thread

    def accept(self, listener: socket.socket) -> None:
        """Accept new connections; if there are too many, drop the longest idle one for each."""
        for _ in range(_MOST_ACCEPTED_AT_ONCE):
            if self.nr_conns >= self.worker_connections and not self._drop_an_idle_one():
                return
            try:
                sock, client = listener.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    self.log.warning("No more connections can be taken: %s", error)
                    self._drop_an_idle_one()
                elif error.errno not in (errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED):
                    raise
                return
            self.nr_conns += 1
            self._wait(
                Connection(self.cfg, sock, client, listener.getsockname()), selectors.EVENT_READ
            )

    def set_accept_enabled(self, enabled: bool) -> None:
        """Whether to accept connections: always, because a full worker drops idle ones."""
        super().set_accept_enabled(enabled or (self.alive and self._has_idle_ones()))

    def _has_idle_ones(self) -> bool:
        return any(connection.state in _IDLE for connection in self._connections)

    def _drop_an_idle_one(self) -> bool:
        for connection in self._connections:
            if connection.state in _IDLE:
                self._close(connection)
                return True
        return False

    def _on_readable(self, connection: Connection) -> None:
        try:
            data = connection.peer.recv(PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._close(connection)
            return
        if not data:
            self._close(connection)
            return
        if connection.state is State.LEAVING:
            self._drop(connection, len(data))
            return
        connection.inbox.data += data
        if connection.state is State.IDLE:
            connection.begin(State.HEAD, HEAD_S)
        elif connection.state is State.BODY:
            connection.move(len(data))
        self._look(connection)

    def _look(self, connection: Connection) -> None:
        """Give the connection to a thread if its request is complete; else read on."""
        inbox = connection.inbox.data
        if connection.state is State.HEAD:
            connection.head = find_head(inbox)
            if connection.head is None:
                if len(inbox) >= MOST_HEAD_BYTES:
                    self._refuse(connection, HEAD_TOO_LARGE)
                else:
                    self._wait(connection, selectors.EVENT_READ)
                return
            length = connection.head.body_bytes
            # The application answers without the body: 413, or 411.
            connection.is_cut = length is None or length > most_body_bytes(
                connection.head.content_type
            )
            connection.begin(State.BODY, GRACE_S)
            if connection.head.expects_continue and length and not connection.is_cut:
                connection.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        head = connection.head
        if connection.is_cut or len(inbox) >= head.size + head.body_bytes:
            self._set_to_work(connection)
        elif len(inbox) > SMALL_BYTES and self._buffered_bytes() > MOST_BUFFERED_BYTES:
            self._refuse(connection, TOO_BUSY)
        else:
            self._wait(connection, selectors.EVENT_READ)

    def _buffered_bytes(self) -> int:
        return sum(len(connection.inbox.data) for connection in self._connections)

    def _set_to_work(self, connection: Connection) -> None:
        self._leave_alone(connection)
        connection.state = State.AT_WORK
        pool = self._probes if connection.head.path.endswith(PROBES) else self.tpool
        future = pool.submit(self.handle, connection)
        future.add_done_callback(
            lambda done: self.method_queue.defer(self.finish_request, connection, done)
        )

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer as the API does. Gunicorn's own page needs a socket, and is HTML.

        It is called in a thread, for a request that the parser refused or that failed outside of
        the application.
        """
        answer = answer_to(exc)
        if answer is None:
            self.log.exception("Error handling request %s", getattr(req, "uri", "(not read)"))
        else:
            self.log.warning("Invalid request from ip=%s: %s", addr[0] if addr else "", exc)
        with contextlib.suppress(BrokenPipeError):
            client.sendall(answer or FAULT)

    # From the answer to the next request, or to the end

    def finish_request(self, connection: Connection, future: futures.Future) -> None:
        """Called in the main loop when a thread has finished with the connection."""
        try:
            connection.keeps_alive = bool(not future.cancelled() and future.result())
        except Exception:
            self.log.exception("Error handling request")
            self._close(connection)
            return
        connection.begin(State.ANSWER, GRACE_S)
        self._send(connection)

    def _send(self, connection: Connection) -> None:
        connection.move(connection.sock.flush())
        if connection.sock.is_broken:
            self._close(connection)
            return
        if connection.sock.rest:
            self._wait(connection, selectors.EVENT_WRITE)
            return
        if connection.sock.source is not None:
            self._read_on(connection)
            return
        if not connection.keeps_alive or connection.is_cut:
            self._leave(connection)
            return
        connection.take_back()
        if connection.inbox.data:  # the client has already sent its next request
            connection.begin(State.HEAD, HEAD_S)
            self._look(connection)
            return
        connection.begin(State.IDLE, self.cfg.keepalive if self.alive else LINGER_S)
        self._wait(connection, selectors.EVENT_READ)

    def _read_on(self, connection: Connection) -> None:
        """Let a thread read the next piece of a download; the client has all before."""
        self._leave_alone(connection)
        connection.pause()
        future = self._readers.submit(next, connection.sock.source, None)
        future.add_done_callback(
            lambda done: self.method_queue.defer(self._take_piece, connection, done)
        )

    def _take_piece(self, connection: Connection, future: futures.Future) -> None:
        """Called in the main loop when the next piece of a download is there."""
        try:
            piece = future.result()
        except (Exception, futures.CancelledError) as error:  # noqa: BLE001
            # Whatever it is, the client must see that the answer is not whole.
            self.log.warning("A download was cut off: %s", error)
            self._close(connection)
            return
        if piece is None:
            connection.sock.end_source()
        else:
            connection.sock.rest += piece
        connection.resume()
        self._send(connection)

    def _refuse(self, connection: Connection, answer: bytes) -> None:
        """Answer without a thread, and read no further."""
        connection.is_cut, connection.keeps_alive = True, False
        connection.sock.sendall(answer)
        connection.begin(State.ANSWER, GRACE_S)
        self._send(connection)

    def _leave(self, connection: Connection) -> None:
        """Shut down our side, and drop what the client still sends.

        A client that sends a large body reads the answer only after sending it. If the
        connection were closed earlier, the kernel would reset it, and the answer would be lost.
        """
        connection.inbox.data.clear()
        try:
            connection.peer.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(connection)
            return
        connection.begin(State.LEAVING, GRACE_S if connection.is_cut else LINGER_S)
        self._wait(connection, selectors.EVENT_READ)

    def _drop(self, connection: Connection, count: int) -> None:
        latest = connection.began + (MOST_LEAVING_S if connection.is_cut else LINGER_S)
        connection.move(count)
        connection.deadline = min(connection.deadline, latest)
        if connection.moved > MOST_DROPPED_BYTES:
            self._close(connection)

    # Waiting

    def _wait(self, connection: Connection, events: int) -> None:
        if connection.events == events:
            return
        call = self._on_readable if events == selectors.EVENT_READ else self._send
        change = self.poller.modify if connection.events else self.poller.register
        change(connection.peer, events, partial(_call, call, connection))
        connection.events = events
        self._connections.pop(connection, None)
        self._connections[connection] = None

    def _leave_alone(self, connection: Connection) -> None:
        if connection.events:
            self.poller.unregister(connection.peer)
            connection.events = 0
        self._connections.pop(connection, None)

    def _close(self, connection: Connection) -> None:
        self._leave_alone(connection)
        connection.sock.end_source()
        connection.inbox.data.clear()
        connection.peer.close()
        self.nr_conns -= 1

    def murder_keepalived(self, force: bool = False) -> None:
        """Close what has waited too long (gunicorn calls this in each turn of its loop)."""
        now = time.monotonic()
        if not force and now < self._looked_at + _LOOK_EVERY_S:
            return
        self._looked_at = now
        for connection in list(self._connections):
            if force:
                self._close(connection)
            elif now > connection.deadline:
                self._time_out(connection)

    def _time_out(self, connection: Connection) -> None:
        if connection.state in (State.HEAD, State.BODY):
            self._refuse(connection, TOO_SLOW)
        else:
            self._close(connection)

    def murder_pending(self) -> None:
        """Does nothing, because `murder_keepalived` checks all connections."""

    def _cap_keepalive(self, deadline: float) -> None:
        """Close idle connections soon after the worker was asked to stop."""
        for connection in self._connections:
            if connection.state in (State.IDLE, State.LEAVING):
                connection.deadline = min(connection.deadline, deadline)


_IDLE = (State.IDLE, State.HEAD, State.LEAVING)


def _call(method: Any, connection: Connection, _fileobj: Any) -> None:
    method(connection)
