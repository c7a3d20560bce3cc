"""A load generator: threads that send one request again and again over connections kept alive.

Ours rather than a tool that may be there or not, so that numbers compare between machines. It
parses nothing but the status and the length of an answer: some hundredths of a millisecond.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.patience import PATIENCE_S

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


def throughput(
    port: int,
    path: str,
    token: str,
    *,
    seconds: float,
    connections: int = 16,
    body: bytes | None = None,
    method: str = "PUT",
    headers: Mapping[str, str] | None = None,
) -> float:
    """Answers 200 per second to `GET path`, or to `method` with a JSON `body`.

    `headers` are further ones, or another Host. A 503, which a server gives that is too busy, does
    not count. Raises AssertionError if there is another answer.
    """
    given = {"Host": f"127.0.0.1:{port}", "Accept": "application/json", **(headers or {})}
    head = f"{'GET' if body is None else method} {path} HTTP/1.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in given.items())
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    if body is not None:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    request = head.encode() + b"\r\n" + (body or b"")
    start = threading.Barrier(connections)

    def ask() -> tuple[int, float]:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _exchange(connection, request)
            start.wait(PATIENCE_S)
            began, count = time.monotonic(), 0
            while time.monotonic() < began + seconds:
                count += _exchange(connection, request)
            return count, time.monotonic() - began

    with ThreadPoolExecutor(connections) as pool:
        done = [future.result() for future in [pool.submit(ask) for _ in range(connections)]]
    return sum(count / took for count, took in done)


def _exchange(connection: socket.socket, request: bytes) -> bool:
    """Whether the answer is 200."""
    connection.sendall(request)
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _received(connection)
    status = data[9:13]
    assert status in (b"200 ", b"503 "), data[:500]
    length = _LENGTH.search(data, 0, end + 2)
    assert length, data[:end]
    while len(data) < end + 4 + int(length[1]):
        data += _received(connection)
    return status == b"200 "


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    assert data, "the connection was closed"
    return data
