"""Connections to instances: one pool for each address, over a unix socket or TCP."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from .limits import KIB, LIMITS, Limits

_UNUSED_S = 120.0


@dataclass(slots=True)
class Upstream:
    """Where requests of one instance go."""

    base: URL
    session: aiohttp.ClientSession
    used_at: float = field(default_factory=time.monotonic)
    users: int = 0

    def url(self, raw_path: str, query: str) -> URL:
        """The URL with path and query exactly as they were sent."""
        return URL.build(
            scheme=self.base.scheme,
            authority=self.base.authority,
            path=raw_path,
            query_string=query,
            encoded=True,
        )


class Upstreams:
    def __init__(self, *, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._upstreams: dict[str, Upstream] = {}

    def __len__(self) -> int:
        return len(self._upstreams)

    def get(self, address: str) -> Upstream:
        upstream = self._upstreams.get(address)
        if upstream is None:
            upstream = self._upstreams[address] = self._make(address)
        upstream.used_at = time.monotonic()
        return upstream

    def _make(self, address: str) -> Upstream:
        limits = self._limits
        connector: aiohttp.BaseConnector
        if address.startswith("unix:"):
            base = URL("http://instance")
            connector = aiohttp.UnixConnector(
                address.removeprefix("unix:"), limit=0, keepalive_timeout=15
            )
        else:
            base = URL(address)
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=15, ttl_dns_cache=5)
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            requote_redirect_url=False,
            read_bufsize=64 * KIB,
            max_line_size=limits.line_bytes,
            max_field_size=limits.line_bytes,
            max_headers=limits.headers,
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=limits.connect_s, sock_read=limits.answer_s
            ),
        )
        return Upstream(base, session)

    async def close_unused(self) -> None:
        """Close pools that no one has used for two minutes."""
        before = time.monotonic() - _UNUSED_S
        for address, upstream in list(self._upstreams.items()):
            if upstream.users == 0 and upstream.used_at < before:
                del self._upstreams[address]
                await upstream.session.close()

    async def keep_small(self) -> None:
        """Close unused pools until cancelled."""
        while True:
            await asyncio.sleep(30)
            await self.close_unused()

    async def close(self) -> None:
        upstreams, self._upstreams = list(self._upstreams.values()), {}
        await asyncio.gather(*(upstream.session.close() for upstream in upstreams))
