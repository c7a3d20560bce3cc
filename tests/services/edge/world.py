"""A hub, an instance and the edge between them, for tests that are coroutines."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from services.edge.limits import LIMITS, Limits
from services.edge.serving import Options, Running, running
from tests.patience import PATIENCE_S

from .standins import INSTANCE, SECRET, SESSION, Hub, Instance, instance_on

HOST = "edge.example.org"
PUBLIC = f"http://*.{HOST}"
QUICK = dataclasses.replace(LIMITS, report_s=0.1)


@dataclass
class World:
    hub: Hub
    instance: Instance
    edge: Running
    session: aiohttp.ClientSession
    public_url: str

    @property
    def origin(self) -> str:
        if "*" in self.public_url:
            return self.public_url.replace("*", INSTANCE)
        return self.public_url

    @property
    def base(self) -> str:
        """The path of the instance."""
        return "" if "*" in self.public_url else f"/{INSTANCE}"

    def url(self, raw_path: str) -> URL:
        path, _, query = raw_path.partition("?")
        return URL.build(
            scheme="http",
            authority=f"127.0.0.1:{self.edge.port}",
            path=self.base + path,
            query_string=query,
            encoded=True,
        )

    def headers(self, more: dict[str, str] | None = None, *, cookie: str = SESSION):
        """Headers of a request by the owner's browser."""
        host = self.origin.partition("://")[2]
        headers = {"Host": host, **(more or {})}
        if cookie:
            name = "__Host-xcube-hub" if self.public_url.startswith("https:") else "xcube-hub"
            headers["Cookie"] = f"theme=dark; {name}={cookie}"
        return headers

    def ask(self, path: str, *, method: str = "GET", headers=None, cookie: str = SESSION, **more):
        """A request of the owner's browser, as a context."""
        return self.session.request(
            method,
            self.url(path),
            headers=self.headers(headers, cookie=cookie),
            allow_redirects=False,
            **more,
        )

    async def get(self, path: str, **more: Any) -> tuple[int, str, Any]:
        """Status, text and headers."""
        async with self.ask(path, **more) as answer:
            return answer.status, await answer.text(), answer.headers

    def websocket(self, path: str = "/socket", *, headers=None, cookie: str = SESSION, **more):
        return self.session.ws_connect(
            self.url(path), headers=self.headers(headers, cookie=cookie), **more
        )

    async def raw(self, data: bytes) -> bytes:
        """Send bytes on a new connection; everything that comes until it is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.edge.port)
        try:
            writer.write(data)
            async with asyncio.timeout(PATIENCE_S):
                return await reader.read()
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def world(
    *,
    public_url: str = PUBLIC,
    limits: Limits = QUICK,
    tcp: bool = False,
    port: int = 0,
    viewer_files: Path | None = None,
) -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        async with instance_on(None if tcp else Path(folder, "http.sock")) as instance:
            hub = Hub(address=instance.address)
            await hub.start()
            options = Options(
                address="127.0.0.1",
                port=port,
                hub_url=hub.url,
                secret=SECRET,
                public_url=public_url,
                viewer_files=viewer_files,
                limits=limits,
            )
            try:
                async with (
                    running(options) as edge,
                    aiohttp.ClientSession(
                        cookie_jar=aiohttp.DummyCookieJar(),
                        auto_decompress=False,
                        connector=aiohttp.TCPConnector(limit=0),
                    ) as session,
                ):
                    yield World(hub, instance, edge, session, public_url)
            finally:
                await hub.stop()


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test that is a coroutine, and fail if it does not come back."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await test

    asyncio.run(bounded())


async def comes_to(w: World, status: int, path: str = "/x", **more: Any) -> None:
    """Ask until this is the answer: how long the edge waits for others is short in a test."""
    async with asyncio.timeout(PATIENCE_S):
        while (await w.get(path, **more))[0] != status:
            await asyncio.sleep(0.01)


async def until(look: Callable[[], Any], what: str = "what was waited for") -> Any:
    """What `look` finds, as soon as it finds something."""
    give_up = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < give_up, f"no {what}"
        await asyncio.sleep(0.01)
    return found
