"""A proxy on loopback between the hub and the API server, which fails as networks and servers do.

The hub calls it by plain HTTP; it passes the hub's token on, by TLS. It counts what was asked.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import re
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

REASONS = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "AlreadyExists",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
OF_ONE_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "content-length"}


@dataclasses.dataclass(frozen=True)
class Request:
    """What was asked; `at` is time.monotonic(), `path` has the query."""

    at: float
    method: str
    path: str


@dataclasses.dataclass
class Fault:
    """What happens to the next `times` requests that match."""

    method: str
    path: re.Pattern[str]
    times: int
    act: Callable[[_Handler, bytes], None]


class FaultProxy:
    """Use as a context manager; `url` is what the hub is to call. Sound until told otherwise."""

    def __init__(self, *, upstream: str, ca: Path | None) -> None:
        parts = urllib.parse.urlsplit(upstream)
        assert parts.hostname
        self.upstream = (parts.hostname, parts.port or 443)
        self.tls = ssl.create_default_context(cafile=str(ca) if ca else None)
        self.requests: list[Request] = []
        self.attempts: list[float] = []  # when connections were made
        self.events = 0  # passed on by watches, repeated ones included
        self._repeats = 1
        self._faults: list[Fault] = []
        self._silent = threading.Event()
        self._hanging_up = False
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._listener = _bound(0)
        self._port = self._listener.getsockname()[1]
        self._listen()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self._listener.close()

    # Faults of the network

    def refuse(self) -> None:
        """Nobody listens, and what was connected is cut, as if the API server had been killed."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._listener = _bound(self._port)  # holds the port, but does not listen
        self.cut()

    def hang_up(self) -> None:
        """As `refuse`, but attempts are counted: connections are closed once they are made."""
        self._hanging_up = True
        self.cut()

    def silence(self) -> None:
        """Connections stay and are made, but nothing is answered any more, not even a watch."""
        self._silent.set()

    def cut(self) -> None:
        """Close all connections that there are, watches in the middle of a line too."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def heal(self) -> None:
        """Be sound again. Connections that were silenced stay lost."""
        with self._lock:
            self._faults.clear()
        self._repeats = 1
        if self._silent.is_set():
            self.cut()
            self._silent.clear()
        self._hanging_up = False
        if not _listens(self._listener):
            self._listen()

    # Faults of single requests. `path` is searched in path and query; method "" is any.

    def lose_requests(self, *, method: str = "", path: str = "", times: int = 1) -> None:
        """Cut the connection before the request has reached the API server."""
        self._add(method, path, times, lambda handler, body: handler.cut())

    def lose_answers(self, *, method: str = "", path: str = "", times: int = 1) -> None:
        """Cut the connection after the API server has done what was asked."""

        def act(handler: _Handler, body: bytes) -> None:
            with handler.asked(body) as response:
                response.read()
            handler.cut()

        self._add(method, path, times, act)

    def answer(
        self,
        status: int,
        *,
        method: str = "",
        path: str = "",
        times: int = 1,
        message: str = "by the fault proxy",
        reason: str = "",
        retry_after_s: int | None = None,
    ) -> None:
        """Answer with this status, and do nothing."""
        document = _status(status, message=message, reason=reason)
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        self._add(method, path, times, lambda handler, _: handler.say(status, document, headers))

    def repeat_events(self, times: int) -> None:
        """Pass each event of a watch, from its next one on, this many times: a burst."""
        self._repeats = times

    def expire_watches(self, *, path: str = "", times: int = 1) -> None:
        """Answer watches with an ERROR event 410 under HTTP 200, as the API server does."""
        event = {"type": "ERROR", "object": _status(410, message="too old resource version: 1 (2)")}
        self._add(
            "GET",
            rf"{path}.*[?&]watch=(1|[Tt]rue)",
            times,
            lambda handler, _: handler.say(200, event),
        )

    def _add(
        self, method: str, path: str, times: int, act: Callable[[_Handler, bytes], None]
    ) -> None:
        with self._lock:
            self._faults.append(Fault(method, re.compile(path), times, act))

    # Counts

    @property
    def faults_left(self) -> int:
        """How many faults of single requests are still to happen."""
        with self._lock:
            return sum(fault.times for fault in self._faults)

    def count(self, *, method: str = "", path: str = "", since: float = 0) -> int:
        """How many requests matched, since an instant of time.monotonic()."""
        return sum(
            request.at >= since
            and method in ("", request.method)
            and re.search(path, request.path) is not None
            for request in list(self.requests)
        )

    def most_per_second(self, *, since: float = 0) -> int:
        """The most connections or requests within any second: whichever were more."""
        return max(
            _most_per_second([request.at for request in self.requests if request.at >= since]),
            _most_per_second([at for at in self.attempts if at >= since]),
        )

    # What handlers and the listening thread call

    def fault_for(self, request: Request) -> Fault | None:
        """Count the request; the fault that it shall suffer is used up by it."""
        with self._lock:
            self.requests.append(request)
            for fault in self._faults:
                if fault.method in ("", request.method) and fault.path.search(request.path):
                    fault.times -= 1
                    if not fault.times:
                        self._faults.remove(fault)
                    return fault
        return None

    def repeated(self, event: bytes) -> bytes:
        """What is passed on of one event, and count it."""
        repeats = self._repeats
        with self._lock:
            self.events += repeats
        return event * repeats

    @property
    def is_silent(self) -> bool:
        return self._silent.is_set()

    def _listen(self) -> None:
        self._listener.listen(128)
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, address = listener.accept()
            except OSError:  # closed, by refuse() or at the end
                return
            self.attempts.append(time.monotonic())
            if self._hanging_up:
                connection.close()
                continue
            threading.Thread(target=self._serve, args=[connection, address], daemon=True).start()

    def _serve(self, connection: socket.socket, address: tuple[str, int]) -> None:
        with self._lock:
            self._connections.add(connection)
        try:
            with contextlib.suppress(OSError):
                _Handler(connection, address, self)  # type: ignore[arg-type]
        finally:
            with self._lock:
                self._connections.discard(connection)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    """One connection; `server` is the proxy."""

    protocol_version = "HTTP/1.1"
    server: FaultProxy  # type: ignore[assignment]

    def _handle(self) -> None:
        request = Request(time.monotonic(), self.command, self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.fault_for(request)
        self._hold_while_silent()
        if fault:
            fault.act(self, body)
            return
        try:
            with self.asked(body) as response:
                self._relay(response)
        except (OSError, http.client.HTTPException):  # the API server is down or went away
            self.cut()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815

    @contextlib.contextmanager
    def asked(self, body: bytes) -> Iterator[http.client.HTTPResponse]:
        """What the API server answers."""
        connection = http.client.HTTPSConnection(*self.server.upstream, context=self.server.tls)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in OF_ONE_HOP}
            connection.request(self.command, self.path, body=body or None, headers=headers)
            with connection.getresponse() as response:
                yield response
        finally:
            connection.close()

    def _relay(self, response: http.client.HTTPResponse) -> None:
        """Pass the answer on as it comes, a watch line by line."""
        self.send_response_only(response.status, response.reason)
        for key, value in response.getheaders():
            if key.lower() not in OF_ONE_HOP:
                self.send_header(key, value)
        length = response.getheader("Content-Length")
        self.send_header(
            *(("Content-Length", length) if length else ("Transfer-Encoding", "chunked"))
        )
        self._hold_while_silent()
        self.end_headers()
        is_watch = re.search("[?&]watch=", self.path) is not None and not length
        while data := response.readline() if is_watch else response.read1(65536):
            if is_watch:
                data = self.server.repeated(data)
            self._hold_while_silent()
            self.wfile.write(data if length else b"%x\r\n%s\r\n" % (len(data), data))
        if not length:
            self.wfile.write(b"0\r\n\r\n")

    def say(self, status: int, document: object, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(document).encode() + b"\n"
        self.send_response_only(status)
        for key, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _hold_while_silent(self) -> None:
        """Hold the answer back until the connection is cut, which heal() does too."""
        if self.server.is_silent:
            with contextlib.suppress(OSError):
                while self.connection.recv(65536):
                    pass
            raise ConnectionAbortedError

    def log_message(self, *_: object) -> None:
        """Nothing: the requests are kept."""


def _status(status: int, *, message: str, reason: str = "") -> dict[str, object]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason or REASONS.get(status, ""),
        "code": status,
    }


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound


def _listens(bound: socket.socket) -> bool:
    return bool(bound.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _most_per_second(instants: list[float]) -> int:
    instants = sorted(instants)
    first = most = 0
    for last, instant in enumerate(instants):
        while instant - instants[first] >= 1:
            first += 1
        most = max(most, last - first + 1)
    return most
