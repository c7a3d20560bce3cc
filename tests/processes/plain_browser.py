"""A browser as far as cookies and redirects go; names below `localhost` are this machine."""

from __future__ import annotations

import http.client
import json
import socket
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urljoin, urlsplit

from tests.patience import PATIENCE_S

PAGE = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}
FETCH = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", "Accept": "*/*"}
MOST_REDIRECTS = 10


@dataclass
class Answer:
    url: str
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    redirects: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Browser:
    """Keeps the cookies of each host name (they do not tell ports apart)."""

    cookies: dict[str, dict[str, str]] = field(default_factory=dict)

    def open(self, url: str) -> Answer:
        """A page, after all redirects."""
        redirects: list[str] = []
        while True:
            answer = self.ask(url, headers=PAGE)
            answer.redirects = redirects
            if answer.status not in (301, 302, 303, 307) or len(redirects) > MOST_REDIRECTS:
                return answer
            url = urljoin(url, answer.headers["Location"])
            redirects.append(url)

    def fetch(self, url: str, **headers: str) -> Answer:
        """What a page of the same origin loads."""
        return self.ask(url, headers={**FETCH, **headers})

    def ask(self, url: str, *, headers: dict[str, str]) -> Answer:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=PATIENCE_S)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            sent = {"Host": parts.netloc, **self._cookie(parts.hostname or ""), **headers}
            connection.request("GET", path, headers=sent)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        jar = self.cookies.setdefault(parts.hostname or "", {})
        for line in response.headers.get_all("Set-Cookie", []):
            jar.update({name: it.value for name, it in SimpleCookie(line).items()})
        return Answer(url, response.status, response.headers, body)

    def begin_upload(self, url: str) -> socket.socket:
        """A request that does not end by itself: its body never comes."""
        parts = urlsplit(url)
        connection = socket.create_connection(("127.0.0.1", parts.port or 80), timeout=PATIENCE_S)
        head = {
            "Host": parts.netloc,
            **self._cookie(parts.hostname or ""),
            **FETCH,
            "Content-Type": "application/json",
            "Content-Length": "1000",
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        connection.sendall(f"POST {parts.path} HTTP/1.1\r\n{lines}\r\n{{".encode())
        return connection

    def _cookie(self, host: str) -> dict[str, str]:
        pairs = self.cookies.get(host, {})
        joined = "; ".join(f"{name}={value}" for name, value in pairs.items())
        return {"Cookie": joined} if joined else {}
