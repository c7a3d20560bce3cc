"""Stand-ins of the two that the edge talks to: a hub, and an instance. Real sockets, this process.

The hub follows the protocol of `services/access/` (decide, report). The instance does what a test
asks for by its path, on a unix socket or on TCP.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from tests.servers.ports import free_port

INSTANCE = "xaaaaaaaaaaaaaaaaaaaaaaaaaa"
OTHER = "xbbbbbbbbbbbbbbbbbbbbbbbbbb"
SECRET = "s" * 40
SESSION = "session-of-the-owner"
LOCATION = f"https://hub.example.org/services/{INSTANCE}/open"


@functools.cache
def _port() -> int:
    """One for the hubs of a run: there is one at a time."""
    return free_port()


@dataclass
class Hub:
    """Answers decisions from `rights`, a table of credentials, and keeps what was reported."""

    address: str = ""
    state: str = "READY"
    cache_s: float = 60
    rights: dict[tuple[str, str], str] = field(
        default_factory=lambda: {
            ("session", SESSION): "grant-of-owner",
            ("session", "session-of-a-friend"): "grant-of-friend",
            ("ticket", "ticket-of-the-owner"): "grant-of-owner",
            ("link", "link-of-a-friend"): "grant-of-friend",
            ("bearer", "token-of-the-owner"): "grant-of-token",
        }
    )
    denial: str = ""
    message: str = ""
    has_published_viewer: bool = False
    foreign: set[str] = field(default_factory=lambda: {OTHER})
    """Instances that are someone else's."""
    ended: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    asked: list[dict[str, Any]] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    addresses: dict[str, str] = field(default_factory=dict)
    wrong: Any = None
    """If set, it is answered in place of a decision."""
    delay_s: float = 0
    port: int = field(default_factory=_port)
    """Kept while it is stopped."""
    runner: web.AppRunner | None = None

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/internal/edge/decide", self.decide)
        app.router.add_post("/internal/edge/report", self.report)
        return app

    async def decide(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Edge {SECRET}":
            return web.Response(status=404)
        asked = await request.json()
        self.asked.append(asked)
        await asyncio.sleep(self.delay_s)
        if self.wrong is not None:
            return web.json_response(self.wrong)
        given = [(kind, asked[kind]) for kind in ("ticket", "link", "bearer", "session")]
        given = [(kind, value) for kind, value in given if value]
        grant = self.rights.get(given[0], "") if given else ""
        if self.denial or not grant or grant in self.ended or asked["instance"] in self.foreign:
            is_foreign = asked["instance"] in self.foreign
            why = self.denial or ("forbidden" if is_foreign else "sign_in")
            return web.json_response(
                {"allow": False, "why": why, "message": f"Because of {why}.", "location": LOCATION}
            )
        if self.state == "ASLEEP" and asked["wake"]:
            self.state = "STARTING"
        answer = {
            "allow": True,
            "grant": grant,
            "instance": asked["instance"],
            "state": self.state,
            "address": self.addresses.get(asked["instance"], self.address),
            "path": "",
            "revision": 1,
            "cache_s": self.cache_s,
            "message": self.message,
            "has_published_viewer": self.has_published_viewer,
        }
        if given[0][0] in ("ticket", "link"):
            answer |= {"session": SESSION, "session_s": 43200}
        return web.json_response(answer)

    async def report(self, request: web.Request) -> web.Response:
        report = await request.json()
        self.reports.append(report)
        return web.json_response(
            {
                "ended": [grant for grant in report["grants"] if grant in self.ended],
                "stopped": sorted(self.stopped),
                "asleep": [INSTANCE] if self.state == "ASLEEP" else [],
            }
        )

    async def start(self) -> None:
        self.runner = web.AppRunner(self.app(), shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        """As if web were killed: every connection breaks."""
        if self.runner:
            runner, self.runner = self.runner, None
            await runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Instance:
    """An instance on a socket; `requests` are those that it got."""

    address: str = ""
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client went in the middle of a stream."""
    sent: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    """Further headers of each answer."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        match request.path.rsplit("/", 1)[-1]:
            case "stream":
                return await self.stream(request)
            case "endless":
                return await self.endless(request)
            case "upload":
                body = await request.read()
                self.bodies.append(body)
                return web.json_response({"size": len(body)})
            case "socket":
                return await self.socket(request)
            case "wait":
                await self.go_on.wait()
                return web.Response(text="waited")
            case "large":
                return web.Response(body=b"x" * 5_000_000)
            case "nothing":
                return web.Response(status=204)
            case "moved":
                return web.Response(status=302, headers={"Location": "/viewer/"})
            case "broken-off":
                response = web.StreamResponse(headers={"Content-Length": "1000000"})
                await response.prepare(request)
                await response.write(b"x" * 1000)
                request.transport.abort()
                return response
        response = web.Response(text=f"{request.method} {request.path_qs}")
        for name, value in self.headers:
            response.headers.add(name, value)
        return response

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """A first part, and a second one when the test says so."""
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first ")
        try:
            await self.go_on.wait()
            await response.write(b"second")
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise
        return response

    async def endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
                self.sent += 65536
                await asyncio.sleep(0)
        finally:
            self.left.set()

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """Sends back what comes; `close` closes with 4321."""
        socket = web.WebSocketResponse(protocols=("tiles", "chat"), max_msg_size=0)
        await socket.prepare(request)
        async for message in socket:
            if message.data == "close":
                await socket.close(code=4321, message=b"as asked")
            elif message.type is WSMsgType.TEXT:
                await socket.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await socket.send_bytes(message.data)
        self.left.set()
        return socket


@contextlib.asynccontextmanager
async def instance_on(path: Path | None) -> AsyncIterator[Instance]:
    """An instance on the unix socket `path`, or on a port of this machine."""
    instance = Instance()
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", instance.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    if path:
        await web.UnixSite(runner, str(path)).start()
        instance.address = f"unix:{path}"
    else:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        instance.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield instance
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def raw_instance(path: Path, answer: Raw) -> AsyncIterator[str]:
    """An instance that writes bytes as it likes; gives its address."""
    server = await asyncio.start_unix_server(answer, path)
    async with server:
        yield f"unix:{path}"


class Later:
    """An instance that begins to listen when the test says so."""

    def __init__(self, folder: Path) -> None:
        self.instance = Instance(address=f"unix:{folder}/later.sock")
        self._path = folder / "later.sock"
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.instance.handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self._path)).start()

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()
