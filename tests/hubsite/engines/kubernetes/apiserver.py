"""Two API servers of our own, over real HTTP on loopback: one that answers as a test says, and
one that keeps objects, lists them in pages and tells of their changes."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hubsite.engines.kubernetes.client import Api

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def is_watch(self) -> bool:
        return self.query.get("watch") == "true"


class Reply(BaseHTTPRequestHandler):
    """What a test's `answer` writes with; `http` is the server that it belongs to."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        request = Request(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query)),
            {key.lower(): value for key, value in self.headers.items()},
            self.rfile.read(size),
        )
        server: Any = self.server
        server.owner.requests.append(request)
        try:
            server.owner.answer(request, self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_DELETE = handle_any

    def raw(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def json(self, content: Any, status: int = 200) -> None:
        self.raw(json.dumps(content).encode(), status, Content_Type="application/json")

    def status(self, code: int, reason: str = "", message: str = "") -> None:
        self.json({"kind": "Status", "code": code, "reason": reason, "message": message}, code)

    def stream(self, **headers: str) -> None:
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def event(self, kind: str, content: Json) -> None:
        self.chunk(line(kind, content))

    def end(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """As a connection that breaks: no end is told."""
        self.close_connection = True


def line(kind: str, content: Json) -> bytes:
    return json.dumps({"type": kind, "object": content}).encode() + b"\n"


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client may go as it likes
            super().handle_error(request, client_address)


class ApiServer:
    """Answers by `answer`, which a test sets, and remembers what was asked."""

    def __init__(self, answer: Callable[[Request, Reply], None] | None = None) -> None:
        if answer is not None:
            self.answer = answer
        self.requests: list[Request] = []
        self.configured = 0
        self._http = _Http(("127.0.0.1", 0), Reply)
        self._http.owner = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def answer(self, request: Request, reply: Reply) -> None:
        raise NotImplementedError

    def api(self) -> Api:
        return Api(self._configure)

    def _configure(self) -> Any:
        from kubernetes.client import Configuration

        self.configured += 1
        configuration = Configuration()
        configuration.host = self.url
        configuration.retries = False
        configuration.api_key = {"BearerToken": f"token-{self.configured}"}
        configuration.api_key_prefix = {"BearerToken": "Bearer"}
        return configuration

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> ApiServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class World(ApiServer):
    """Objects of any kinds, their versions, and who watches them."""

    def __init__(self, *, watch_s: float = 0.5) -> None:
        self.watch_s = watch_s
        self.is_down: set[str] = set()
        """Kinds that are answered with 503."""
        self.bodies: dict[str, Json] = {}
        """Kinds that are answered with this."""
        self.version = 100
        self._objects: dict[str, dict[str, Json]] = {}
        self._log: list[tuple[int, str, str, Json]] = []
        self._changed = threading.Condition()
        super().__init__()

    def put(self, kind: str, item: Json) -> None:
        with self._changed:
            objects = self._objects.setdefault(kind, {})
            name = item["metadata"]["name"]
            self._note("MODIFIED" if name in objects else "ADDED", kind, item)
            self._changed.notify_all()

    def remove(self, kind: str, name: str) -> None:
        with self._changed:
            self._note("DELETED", kind, self._objects[kind].pop(name))
            self._changed.notify_all()

    def lose(self, kind: str, name: str) -> None:
        """As `remove`, but nobody is told."""
        with self._changed:
            del self._objects[kind][name]

    def _note(self, event: str, kind: str, item: Json) -> None:
        self.version += 1
        item = {**item, "metadata": {**item["metadata"], "resourceVersion": str(self.version)}}
        if event != "DELETED":
            self._objects[kind][item["metadata"]["name"]] = item
        self._log.append((self.version, kind, event, item))

    def asked(self, kind: str, *, watch: bool = False) -> list[Request]:
        return [r for r in self.requests if r.path.endswith(f"/{kind}") and r.is_watch == watch]

    def answer(self, request: Request, reply: Reply) -> None:
        kind = request.path.rpartition("/")[2]
        if kind in self.is_down:
            reply.status(503, message="away")
        elif kind in self.bodies:
            reply.json(self.bodies[kind])
        elif request.is_watch:
            self._tell(kind, int(request.query["resourceVersion"]), reply)
        else:
            self._list(kind, reply)

    def _list(self, kind: str, reply: Reply) -> None:
        with self._changed:
            items = list(self._objects.get(kind, {}).values())
            version = str(self.version)
        reply.json({"metadata": {"resourceVersion": version}, "items": items})

    def _tell(self, kind: str, version: int, reply: Reply) -> None:
        reply.stream()
        until = time.monotonic() + self.watch_s
        while (left := until - time.monotonic()) > 0 and kind not in self.is_down:
            with self._changed:
                if self.version == version:
                    self._changed.wait(min(left, 0.1))
                new = [entry for entry in self._log if entry[0] > version]
                version = self.version
            data = b"".join(line(event, item) for _, k, event, item in new if k == kind)
            if data:
                reply.chunk(data)
        reply.end()
