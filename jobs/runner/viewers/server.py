"""An xcube server on a listening socket that this process was given.

A new configuration, and data that have changed, are opened beside what is served now, and then
take its place. So no request fails, and none waits.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import tornado.ioloop
import tornado.iostream
import xcube.webapi.datasets as datasets_api
from xcube.server.server import Server, ServerContext

from ..record.failures import describe
from ..record.workload import WorkloadError
from ..system.process import say
from ..work.egress import Guard, Policy, check_named
from . import apis, colors, first_picture, indexes
from .connections import DrainingServer
from .datasets import TolerantDatasets, forget_listings
from .framework import ClosedFramework

DRAIN_S = 8.0
"""So long it may take to answer what was taken; the supervisor and a pod kill it afterwards."""
GARBAGE_S = 10.0
"""After so long no request uses what was served before."""
RETRY_S = (5.0, 15.0, 60.0, 300.0)
"""When data sets that are left out are tried again; the last one again and again."""
REQUEST_BYTES = 1 << 20
MOST_BROKEN = 20
_NAME_CHARS = 300
_ANSWER_BYTES = 64
_TURNS = 5
"""Of the event loop, in which it hears of signals that came while it was busy."""
NO_EXTENSIONS = {"result": {"extensions": [], "contributions": {}}}
NO_EXPRESSIONS: dict[str, Any] = {"namespace": {}}
CONFIGURATION = "configuration"
"""The name under which a configuration that xcube does not accept is reported as broken."""

Work = dict[str, Any]
"""{"revision", "path", "probe", "payload"}"""
Report = Callable[[dict[str, Any]], None]


class ViewerServer:
    """Serves one service until it is told to stop.

    `read` gives its work now; `report` is called with {"revision", "ready", "broken"} after each
    change. Raises WorkloadError from `run` if xcube does not accept the first configuration.
    """

    def __init__(self, *, listener: socket.socket, read: Callable[[], Work], report: Report):
        self._listener = listener
        self._read = read
        self._report = report
        self._work = read()
        self._revision = self._work["revision"]
        self._refused: dict[str, str] = {}
        self._is_ready = False
        self._retries = 0
        self._changes = asyncio.Lock()
        self._opener = ThreadPoolExecutor(1, thread_name_prefix="opener")
        self._network = Guard()
        self._own: tuple[list[str], Policy] | None = None
        self._served = self._work
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._start(self.reload()))
        loop.add_signal_handler(signal.SIGUSR1, lambda: self._start(self.refresh()))
        self._build()
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        if stop.is_set():
            # Nothing was taken: who has connected waits for the next process.
            return
        http = self._serve()
        if not await self._answers(http):
            raise WorkloadError(f"{self._work['probe']}: does not answer with status 200.")
        self._is_ready = True
        self._tell()
        self._start(self._retry())
        await stop.wait()
        await self._end(http)

    def _build(self) -> None:
        datasets_api.api._create_ctx = self._new_datasets
        apis.refuse_expressions()
        indexes.build_before_sharing()
        apis.hide_process()
        colors.share()
        self._network.install()
        self._guard(self._work)
        own = {
            "/viewer/config/config.json": lambda: self._work["payload"].get("viewer"),
            # The viewer asks for these in any case; nothing of the kind is offered.
            "/viewer/ext/contributions": lambda: {
                "result": {"extensions": [], "contributions": {}}
            },
            "/expressions/capabilities": lambda: NO_EXPRESSIONS,
            "/.xcube-hub/status": self.status,
            "/maintenance/update": self._update_now,
        }
        loop = tornado.ioloop.IOLoop.current()
        self._framework = ClosedFramework(
            own,
            draw=lambda address: first_picture.draw(self._datasets, address),
            io_loop=loop,
            shared_io_loop=True,
        )
        try:
            self._server = Server(self._framework, _configuration(self._work))
        except Exception as error:
            raise WorkloadError(f"payload.config: {describe(error).message}") from error
        self._open(self._server.ctx)

    def _new_datasets(self, context: ServerContext) -> TolerantDatasets:
        before = self._datasets if self._is_ready else None
        return TolerantDatasets(context, before=before, check_store=self._check_store)

    def _serve(self) -> DrainingServer:
        http = DrainingServer(
            self._framework.application,
            max_body_size=REQUEST_BYTES,
            max_buffer_size=REQUEST_BYTES + (1 << 17),
            body_timeout=30,
            idle_connection_timeout=120,
        )
        self._listener.setblocking(False)
        http.add_sockets([self._listener])
        return http

    async def _answers(self, http: DrainingServer) -> bool:
        """Whether the probe's path answers with 200, asked over a socket pair."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        http.handle_stream(tornado.iostream.IOStream(theirs), ("probe", 0))
        stream = tornado.iostream.IOStream(ours)
        target = f"{self._work['path']}{self._work['probe']}"
        try:
            await stream.write(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            line = await stream.read_until(b"\r\n", max_bytes=_ANSWER_BYTES)
        except tornado.iostream.StreamClosedError:
            return False
        finally:
            stream.close()
        return line.split()[1:2] == [b"200"]

    def status(self) -> dict[str, Any]:
        """What works now: {"revision", "ready", "broken"}."""
        broken = {
            name[:_NAME_CHARS]: why
            for name, why in islice({**self._refused, **self._datasets.broken}.items(), MOST_BROKEN)
        }
        return {"revision": self._revision, "ready": self._is_ready, "broken": broken}

    def _tell(self) -> None:
        if self._is_ready:
            told = {name: self._work[name] for name in ("digest", "place")}
            self._report({**self.status(), **told})

    @property
    def _datasets(self) -> TolerantDatasets:
        return self._server.ctx.get_api_ctx("datasets", TolerantDatasets)

    async def reload(self) -> None:
        """Serve the work that is stored now. A configuration that xcube refuses changes nothing."""
        async with self._changes:
            work = self._read()
            await self._replace(work)

    async def refresh(self) -> None:
        """Open all data sets anew, because their data have changed."""
        async with self._changes:
            await self._replace(self._work)

    async def _update_now(self) -> dict[str, Any]:
        await self.refresh()
        return self.status()

    async def _replace(self, work: Work) -> None:
        loop = asyncio.get_running_loop()
        try:
            context = await loop.run_in_executor(self._opener, self._new_context, work)
        except Exception as error:  # noqa: BLE001 - what is served now goes on
            self._refused = {CONFIGURATION: describe(error).message[:300]}
            say(f"revision {work['revision']} cannot be served: {error}")
        else:
            self._refused = {}
            self._served = work
            # The context before is not disposed of: requests that have begun still use it.
            self._server._set_ctx(context)
            loop.call_later(GARBAGE_S, gc.collect)
        self._work, self._revision = work, work["revision"]
        self._tell()

    def _new_context(self, work: Work) -> ServerContext:
        forget_listings()
        self._guard(work)
        context = self._server._new_ctx(_configuration(work))
        context.on_update(None)
        self._open(context)
        return context

    def _open(self, context: ServerContext) -> None:
        """Open its data sets; a change that comes later is reported when it comes."""
        datasets = context.get_api_ctx("datasets", TolerantDatasets)
        datasets.open_all()
        loop = self._framework.io_loop

        def changed() -> None:
            loop.add_callback(self._tell)

        datasets.changed = changed

    def _guard(self, work: Work) -> None:
        """Let this process connect only to what these rules allow, and to operators' stores.

        Also to those of what is served until now, because its requests go on.
        """
        egress, own = work["payload"].get("egress"), work["payload"].get("own_stores")
        stores = [*_operators_stores(work), *_operators_stores(self._served)]
        self._network.set(Policy(egress, operators_stores=stores) if egress else None)
        self._own = (own, Policy(egress)) if egress and own else None

    def _check_store(self, name: str, params: Any) -> None:
        """Raises NotAllowed if a caller's own store names an address that is not public."""
        if self._own and name in self._own[0]:
            check_named(params, self._own[1])

    async def _retry(self) -> None:
        """Try again what is left out: a store may have been unreachable for a moment."""
        while True:
            await asyncio.sleep(RETRY_S[min(self._retries, len(RETRY_S) - 1)])
            if self._datasets.is_opening:
                continue
            if self._datasets.broken:
                self._retries += 1
                await self.refresh()
            else:
                self._retries = 0

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(self, http: DrainingServer) -> None:
        """Take what has connected already, answer what was taken, then close."""
        await asyncio.sleep(0.05)
        for task in self._tasks:
            task.cancel()
        if not await http.drain(longest_s=DRAIN_S):
            say("some requests were cut off")


def _operators_stores(work: Work) -> list[Any]:
    """The parameters of the stores that do not belong to the caller."""
    own = work["payload"].get("own_stores") or []
    stores = work["payload"]["config"].get("DataStores")
    return [
        store.get("StoreParams")
        for store in (stores if isinstance(stores, list) else [])
        if isinstance(store, dict) and store.get("Identifier") not in own
    ]


def _configuration(work: Work) -> dict[str, Any]:
    payload = work["payload"]
    return {
        **apis.without_others(payload["config"]),
        "url_prefix": work["path"],
        "reverse_url_prefix": payload["public_url"],
    }
