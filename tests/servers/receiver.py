"""A receiver of webhooks that misbehaves on request: its path says how.

It stands for users' own servers. `/ok` accepts, `/fail` answers 503, `/gone` 410, `/redirect`
leads to `/ok` at this machine, `/close` hangs up, `/garbage` is no HTTP, `/flood` accepts and sends
a body without an end, `/drip` sends headers without an end, `/hang` never answers.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

OK = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.received: list[Received] = []
        self.connections = 0
        self._over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/{path}"

    def at(self, path: str) -> list[Received]:
        return [request for request in self.received if request.path == f"/{path}"]

    def close(self) -> None:
        self._over.set()
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._socket.accept()[0]
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                request = _read(connection)
                self.received.append(request)
                self._answer(connection, request.path.strip("/").partition("/")[0])
            except OSError:
                pass  # the caller hung up

    def _answer(self, connection: socket.socket, how: str) -> None:
        match how:
            case "fail":
                connection.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
            case "gone":
                connection.sendall(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")
            case "redirect":
                there = self.url("secret").encode()
                connection.sendall(b"HTTP/1.1 307 There\r\nLocation: " + there + b"\r\n\r\n")
            case "close":
                return
            case "garbage":
                connection.sendall(b"\x00\xff" * 2000)
            case "flood":
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                while not self._over.is_set():
                    connection.sendall(b"x" * 65536)
            case "drip":
                connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
                while not self._over.wait(0.02):
                    connection.sendall(b"x")
            case "hang":
                self._over.wait()
            case _:
                connection.sendall(OK)


def _read(connection: socket.socket) -> Received:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            raise OSError("the caller hung up")
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return Received(first.split(" ")[1], headers, body)


@contextmanager
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    try:
        yield server
    finally:
        server.close()
