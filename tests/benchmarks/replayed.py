"""Estimates without xcube's time: each is the runner's real answer to the first request."""

from __future__ import annotations

import json
import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from hubsite.engines.local.connection import Reply, call
from tests.patience import PATIENCE_S


class ReplayedEstimates(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Listens at `path` as the runner does, and asks the runner at `runner` once.

    For requests that differ in nothing but the name of what is written.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: Path, *, runner: Path) -> None:
        super().__init__(str(path), _Handler)
        self.answered = 0
        self._runner = runner
        self._replies: dict[str, Reply] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def reply(self, method: str, url: str, body: Any) -> Reply:
        with self._lock:
            self.answered += 1
            if url not in self._replies:
                self._replies[url] = call(self._runner, method, url, body, timeout_s=PATIENCE_S)
            return self._replies[url]


class _Handler(BaseHTTPRequestHandler):
    server: ReplayedEstimates  # type: ignore[assignment]

    def _handle(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        reply = self.server.reply(self.command, self.path, json.loads(data) if data else None)
        content = json.dumps(reply.body).encode()
        self.send_response_only(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _handle  # noqa: N815

    def address_string(self) -> str:
        return "unix socket"

    def log_message(self, *_: object) -> None:
        """Nothing."""
