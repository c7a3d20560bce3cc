"""The front of the estimate service: accepts requests over TCP for free estimators.

It never blocks, so neither a silent client nor a long estimate delays others. It imports no
xcube. It reads the secret for each request, so that operators can change it.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..system import linux
from ..system.connections import Connection, Server
from ..system.process import say
from ..system.wire import Request, WireError, error_response, response
from .estimator import BODY_LIMIT, ENDPOINTS
from .liveness import Liveness

MAX_CONNECTIONS = 512
ANSWER_BYTES = 32 << 20
"""A store may have 100,000 data sets."""
QUEUE_S = 60.0
FINISH_S = 15.0
"""So long what has been asked for may take when it ends; a pod has 20 s."""
SECRET_CHARS = 32
_METHODS = {"/versions": "GET"}
"""Of all other endpoints it is POST."""
STORES = "/stores"
"""Asked of store readers, which are no estimators: a store that hangs holds up no estimate."""
_OPEN = {"/health", "/live"}


@dataclass
class _Waiting:
    connection: Connection
    request: bytes
    until: float


class Lane:
    """Processes that listen at one socket, what they work on, and what waits for them."""

    def __init__(self, socket_path: Path, places: int, answer_s: float):
        """`places`: how many there are; `answer_s`: after that time one has answered or is dead."""
        self.socket_path = socket_path
        self.places = places
        self.answer_s = answer_s
        self.queue: deque[_Waiting] = deque()
        self.errands: set[_Errand] = set()

    @property
    def is_quiet(self) -> bool:
        return not (self.queue or self.errands)


class Front:
    def __init__(
        self,
        *,
        listener: socket.socket,
        estimators: Lane,
        readers: Lane,
        secret_file: Path,
        liveness: Liveness,
    ):
        self._listener = listener
        self._estimators = estimators
        self._readers = readers
        self._lanes = (estimators, readers)
        self._secret_file = secret_file
        self._liveness = liveness
        self._stop_at = float("inf")
        self._selector = selectors.DefaultSelector()
        self._server = Server(
            selector=self._selector,
            listener=listener,
            handle=self._handle,
            check=self._check,
            body_limit=BODY_LIMIT,
            max_connections=MAX_CONNECTIONS,
        )

    def run(self, parent: int) -> int:
        """Serve until SIGTERM; then answer the requests already accepted, for a limited time."""
        linux.die_with_parent(parent)
        self._catch_signals()
        while not self._is_done():
            for key, mask in self._selector.select(0.5):
                # An earlier handler of this turn may have closed this connection.
                if self._selector.get_map().get(key.fd) is key:
                    key.data(mask)
            self._server.tick()
            self._tick()
        return 0

    def _catch_signals(self) -> None:
        receive, send = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(send, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda number, frame: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._selector.register(receive, selectors.EVENT_READ, lambda mask: self._stop(receive))

    def _stop(self, wakeup: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(wakeup, 4096)
        if self._stop_at == float("inf"):
            self._stop_at = time.monotonic() + FINISH_S
            self._server.stop()
            self._listener.close()

    def _is_done(self) -> bool:
        if self._stop_at == float("inf"):
            return False
        is_quiet = all(lane.is_quiet for lane in self._lanes) and not self._server.is_answering
        return is_quiet or time.monotonic() >= self._stop_at

    def _check(self, request: Request) -> None:
        """Check the secret before the body is read: without it no body is accepted."""
        if request.path in _OPEN:
            return
        try:
            with open(self._secret_file, "rb") as stream:
                secret = stream.read(4096).strip()
        except OSError as error:
            say(f"the secret cannot be read: {error}")
            raise WireError(503, "The estimator's secret cannot be read.") from None
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        is_right = hmac.compare_digest(given.strip().encode("latin-1"), secret)
        if scheme.lower() != "bearer" or not is_right or len(secret) < SECRET_CHARS:
            raise WireError(401, "The estimator's secret is needed here.")

    def _handle(self, connection: Connection, request: Request) -> None:
        if request.path in _OPEN:
            connection.answer(self._health(request))
            return
        method = _METHODS.get(request.path, "POST")
        if request.path not in ENDPOINTS.split(", "):
            connection.answer(error_response(404, f"There are only {ENDPOINTS}."))
        elif request.method != method:
            connection.answer(error_response(405, f"Only {method} is possible here."))
        else:
            head = (
                f"{method} {request.path} HTTP/1.1\r\nContent-Length: {len(request.body)}\r\n\r\n"
            )
            data = head.encode() + bytes(request.body)
            request.wipe()
            lane = self._readers if request.path == STORES else self._estimators
            lane.queue.append(_Waiting(connection, data, time.monotonic() + QUEUE_S))
            self._tick()

    def _health(self, request: Request) -> bytes:
        if request.method != "GET":
            return error_response(405, "Only GET is possible here.")
        is_well = (
            self._liveness.are_ready if request.path == "/health" else self._liveness.are_alive
        )
        busy = {"busy": len(self._estimators.errands), "waiting": len(self._estimators.queue)}
        return response(200 if is_well else 503, {"ready": self._liveness.are_ready, **busy})

    def _tick(self) -> None:
        """End requests that take too long, and give free estimators to waiting requests."""
        for lane in self._lanes:
            self._turn(lane)

    def _turn(self, lane: Lane) -> None:
        now = time.monotonic()
        for errand in [e for e in lane.errands if e.until <= now]:
            errand.fail("The estimator did not answer in time.")
        while lane.queue and (len(lane.errands) < lane.places or lane.queue[0].until <= now):
            waiting = lane.queue.popleft()
            if not waiting.connection.is_open:
                continue
            if waiting.until <= now:
                waiting.connection.answer(error_response(503, "All estimators are busy."))
                continue
            errand = _Errand(
                self._selector, waiting, until=now + lane.answer_s, done=lane.errands.discard
            )
            lane.errands.add(errand)
            errand.start(lane.socket_path)


class _Errand:
    """One request on its way to an estimator, and its answer on the way back."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        waiting: _Waiting,
        *,
        until: float,
        done: Callable[[_Errand], None],
    ):
        self.until = until
        self._selector = selector
        self._connection = waiting.connection
        self._left = memoryview(waiting.request)
        self._answer = bytearray()
        self._done = done
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)

    def start(self, address: Path) -> None:
        try:
            self._socket.connect(str(address))
        except OSError as error:
            say(f"the estimators cannot be reached: {error}")
            self._end(error_response(503, "The estimators cannot be reached."))
            return
        self._selector.register(self._socket, selectors.EVENT_WRITE, self._on_event)

    def fail(self, message: str) -> None:
        self._selector.unregister(self._socket)
        self._end(error_response(503, message))

    def _on_event(self, mask: int) -> None:
        try:
            if mask & selectors.EVENT_WRITE:
                self._write()
            else:
                self._read()
        except BlockingIOError:
            pass
        except OSError:
            self.fail("The estimator has ended.")

    def _write(self) -> None:
        self._left = self._left[self._socket.send(self._left) :]
        if not self._left:
            self._selector.modify(self._socket, selectors.EVENT_READ, self._on_event)

    def _read(self) -> None:
        data = self._socket.recv(1 << 18)
        self._answer += data
        if len(self._answer) > ANSWER_BYTES:
            self.fail("The answer is too large.")
        elif not data and not self._answer:
            # The zygote ended it, for its memory or because it was stuck.
            self.fail("The estimator has ended.")
        elif not data:
            self._selector.unregister(self._socket)
            self._end(bytes(self._answer))

    def _end(self, data: bytes) -> None:
        self._socket.close()
        self._done(self)
        self._connection.answer(data)
