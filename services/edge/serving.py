"""Starts and stops the edge: all its parts, its listener, and a graceful end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from .connections import Listener
from .decisions import Decisions
from .handling import Edge
from .hub import Hub
from .limits import LIMITS, Limits
from .places import Addresses
from .reports import Reports
from .upstreams import Upstreams
from .usage import Usage
from .viewer_files import ViewerFiles

log = logging.getLogger(__name__)

_FILES_OF_OUR_OWN = 100
_CLOSE_S = 1.0
"""How long connections may take to close after their requests were ended."""


@dataclass(frozen=True, kw_only=True)
class Options:
    address: str
    port: int
    hub_url: str
    secret: str
    public_url: str
    viewer_files: Path | None = None
    """Where the runner of this machine publishes the viewer's program."""
    limits: Limits = LIMITS


@dataclass(frozen=True)
class Running:
    """A running edge; `port` is the one that it listens on."""

    port: int
    edge: Edge
    decisions: Decisions
    usage: Usage
    upstreams: Upstreams
    listener: Listener
    runner: web.ServerRunner
    drain_s: float

    async def stop(self) -> None:
        """Accept nothing more, tell WebSockets, and let open requests end for a while."""
        for site in self.runner.sites:
            await site.stop()
        self.usage.end_websockets()
        self.listener.pre_shutdown()
        give_up_at = time.monotonic() + self.drain_s
        while self.usage.counts()["requests"] and time.monotonic() < give_up_at:
            await asyncio.sleep(0.05)
        self.usage.end_all()
        await self.runner.cleanup()


@contextlib.asynccontextmanager
async def running(options: Options) -> AsyncIterator[Running]:
    """Run the edge as long as the context lasts. Raises OSError if it cannot listen."""
    limits = options.limits
    usage, upstreams = Usage(limits=limits), Upstreams(limits=limits)
    async with Hub(options.hub_url, options.secret, limits=limits) as hub:
        decisions = Decisions(hub, limits=limits)
        edge = Edge(
            Addresses(options.public_url),
            decisions=decisions,
            usage=usage,
            upstreams=upstreams,
            secret=options.secret,
            viewer_files=ViewerFiles(options.viewer_files),
            limits=limits,
        )
        listener = Listener(edge.handle, limits=limits)
        runner = web.ServerRunner(listener, shutdown_timeout=_CLOSE_S)
        await runner.setup()
        reports = Reports(hub, decisions, usage, limits=limits)
        beside = [
            asyncio.create_task(reports.run()),
            asyncio.create_task(upstreams.keep_small()),
        ]
        try:
            site = web.TCPSite(runner, options.address, options.port, backlog=1024)
            await site.start()
            port = runner.addresses[0][1]
            found = Running(
                port, edge, decisions, usage, upstreams, listener, runner, limits.drain_s
            )
            try:
                yield found
            finally:
                await found.stop()
        finally:
            await runner.cleanup()
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await edge.states.close()
            await decisions.close()
            await upstreams.close()


async def serve(options: Options) -> None:
    """Run the edge until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with running(options) as edge:
        log.info("The edge listens on %s:%d for %s", options.address, edge.port, options.public_url)
        await stopping.wait()
        log.info("The edge stops; open requests have %g s to end", options.limits.drain_s)


def allow_many_files(connections: int) -> int:
    """Raise the limit of open files; returns how many connections of clients it allows.

    Each may need a second one, to its instance.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * connections + _FILES_OF_OUR_OWN
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    else:
        wanted = soft
    return max(16, min(connections, (wanted - _FILES_OF_OUR_OWN) // 2))
