"""A proxy as operators run one: it serves the hub below a path, which it takes off."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.patience import PATIENCE_S

_HOP = {"connection", "keep-alive", "transfer-encoding"}


class PrefixProxy(ThreadingHTTPServer):
    """Passes what is below `prefix` on to `port`; everything else is 404, and remembered."""

    daemon_threads = True

    def __init__(self, prefix: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.prefix = prefix
        self.port = 0
        self.strays: list[str] = []

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_port}{self.prefix}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PrefixProxy

    def _pass_on(self) -> None:
        prefix = self.server.prefix
        if not self.path.startswith(f"{prefix}/"):
            self.server.strays.append(self.path)
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {n: v for n, v in self.headers.items() if n.lower() not in _HOP}
        hub = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_S)
        try:
            hub.request(self.command, self.path.removeprefix(prefix), body, headers)
            answer = hub.getresponse()
            content = answer.read()
        finally:
            hub.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP | {"content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _pass_on

    def log_message(self, *args: object) -> None:
        """The tests look at `strays`."""


@contextmanager
def prefix_proxy(prefix: str) -> Iterator[PrefixProxy]:
    with PrefixProxy(prefix) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
