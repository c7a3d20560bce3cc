"""JSON over HTTP over a unix socket: the hub's calls to the runner on this machine."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubsite.storable import storable


class SocketUnavailable(Exception):
    """Nothing answers at the socket, or the answer came too late."""


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def call(path: Path, method: str, url: str, body: Any = None, *, timeout_s: float) -> Reply:
    """One request to the socket at `path`. Raises SocketUnavailable."""
    connection = _UnixConnection(path, timeout_s)
    try:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Connection": "close"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, url, body=data, headers=headers)
        response = connection.getresponse()
        content = response.read()
        return Reply(response.status, storable(json.loads(content)) if content else None)
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise SocketUnavailable(f"{path.name}: {error or type(error).__name__}") from error
    finally:
        connection.close()
