"""Clients of a hub that write to their sockets what they like, as slowly as they like."""

from __future__ import annotations

import http.client
import re
import socket
import time

from tests.patience import PATIENCE_S

from .hubprocess import HubProcess


class Server:
    """Where a hub's web listens."""

    def __init__(self, hub: HubProcess) -> None:
        line = hub.wait_for("is ready: ")
        self.hub = hub
        self.address = ("127.0.0.1", int(re.search(r":(\d+)/", line)[1]))

    def connect(self, data: bytes = b"", *, reads: int | None = None) -> socket.socket:
        """A connection that sends `data`; its window takes `reads` bytes if given."""
        client = socket.socket()
        if reads is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, reads)
        client.settimeout(PATIENCE_S)
        client.connect(self.address)
        client.sendall(data)
        return client

    def get(self, path: str, *, timeout_s: float = PATIENCE_S) -> tuple[int, float]:
        """Status, and how long it took."""
        connection = http.client.HTTPConnection(*self.address, timeout=timeout_s)
        began = time.monotonic()
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status, time.monotonic() - began


def head(method: str, path: str, **headers: object) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def read_all(client: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    data = b""
    while piece := client.recv(65536):
        data += piece
    return data
