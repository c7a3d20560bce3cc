"""The program `serve`: imports xcube once, then forks runs and estimators.

One event loop in one thread. It keeps no state of its own: if it is killed and started again,
it finds its runs in their folders, and their supervisors still working.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import socket
import time
from collections.abc import Callable
from pathlib import Path

from ..estimates.pool import READER_BYTES, EstimatorPool
from ..record import notify, rundir
from ..system import linux, process, signals
from ..system.connections import Server, listen
from ..viewers import published
from ..viewers import warm as viewers
from ..viewers.alone import ALONE_S
from ..work import warm
from .control import Control
from .intake import Intake
from .registry import Registry
from .services import Services

LOCK_WAIT_S = 10.0
CLEAN_INTERVAL_S = 3600.0
ESTIMATE_BACKLOG = 512
CACHE = ".cache"
"""The folder, below those of runs and of services, for what can be made again."""


def serve(
    *,
    socket_path: Path,
    estimate_socket_path: Path,
    runs_dir: Path,
    services_dir: Path | None = None,
    alone_s: float = ALONE_S,
    estimators: int,
    estimate_limit_s: float,
    estimate_memory_bytes: int,
    stores_socket_path: Path | None = None,
    store_readers: int = 0,
    allow_standins: bool,
) -> int:
    started = time.monotonic()
    umask = os.umask(0o077)
    rundir.prepare_root(runs_dir)
    lock = _lock(runs_dir)
    if lock is None:
        return 1
    rundir.clean(runs_dir, all_incoming=True)
    if services_dir is not None:
        rundir.prepare_root(services_dir)
        rundir.clean(services_dir, all_incoming=True)
        published.withdraw(services_dir / CACHE)
    intake = Intake(root=runs_dir, services_root=services_dir, allow_standins=allow_standins)
    intake.start()
    version = warm.import_xcube()
    warm.import_pictures()
    if services_dir is not None:
        viewers.import_server()
    control_listener = listen(socket_path, backlog=128)
    estimate_listener = listen(estimate_socket_path, backlog=ESTIMATE_BACKLOG)
    kinds = [(estimate_listener, estimators, estimate_memory_bytes)]
    if stores_socket_path is not None:
        store_listener = listen(stores_socket_path, backlog=ESTIMATE_BACKLOG)
        kinds.append((store_listener, store_readers, min(estimate_memory_bytes, READER_BYTES)))
    pools = [
        EstimatorPool(
            listener=listener,
            size=size,
            root=runs_dir,
            limit_s=estimate_limit_s,
            memory_bytes=memory_bytes,
            rehearses=listener is estimate_listener,
        )
        for listener, size, memory_bytes in kinds
    ]
    zygote = _Zygote(
        runs_dir,
        services_dir,
        intake,
        pools,
        control_listener,
        umask=umask,
        version=version,
        alone_s=alone_s,
    )
    process.say(f"ready after {time.monotonic() - started:.1f} s, {pools[0].size} estimators")
    zygote.run()
    for path in (socket_path, estimate_socket_path, stores_socket_path):
        if path is not None:
            path.unlink(missing_ok=True)
    os.close(lock)
    return 0


class _Zygote:
    def __init__(
        self,
        root: Path,
        services_root: Path | None,
        intake: Intake,
        pools: list[EstimatorPool],
        listener: socket.socket,
        *,
        umask: int,
        version: str,
        alone_s: float,
    ):
        self._root = root
        self._intake = intake
        self._pools = pools
        self._stopping = False
        self._next_clean = time.monotonic() + CLEAN_INTERVAL_S
        self._selector = selectors.DefaultSelector()
        self._registry = Registry(root=root, selector=self._selector, intake=intake, umask=umask)
        self._services: Services | None = None
        if services_root is not None:
            self._services = Services(
                root=services_root, selector=self._selector, intake=intake, alone_s=alone_s
            )
            self._hear(services_root, self._services.hinted)
        about = {"program": "xcube-hub runner", "pid": os.getpid(), "xcube": version}
        self._control = Control(
            registry=self._registry, services=self._services, intake=intake, about=about
        )
        self._hear(root, self._registry.hinted)
        self._watch_intake()
        signals.watch(self._selector, on_stop=self._stop, on_child=self._ended)
        zygote = os.getpid()

        def list_versions() -> None:
            linux.die_with_parent(zygote)
            warm.write_versions(root)

        process.spawn(list_versions)
        if services_root is not None:

            def publish_viewer() -> None:
                linux.die_with_parent(zygote)
                published.publish(services_root / CACHE)

            process.spawn(publish_viewer)
        self._registry.restore()
        if self._services:
            self._services.restore()
        self._server = Server(
            selector=self._selector, listener=listener, handle=self._control.handle
        )
        self._tick_pools()

    def run(self) -> None:
        while not self._stopping:
            waits = [pool.next_wait_s() for pool in self._pools] + [self._control.next_wait_s()]
            if self._services:
                waits.append(self._services.next_wait_s())
            timeout = max(0.0, min(waits))
            for key, mask in self._selector.select(timeout):
                # An earlier handler of this turn may have closed this file.
                if self._selector.get_map().get(key.fd) is key:
                    key.data(mask)
            self._tick_pools()
            self._registry.tick()
            if self._services:
                self._services.tick()
            self._control.tick()
            self._server.tick()
            self._clean_now_and_then()
        self._server.stop()
        for pool in self._pools:
            pool.stop()
        if self._services:
            self._services.close()

    def _stop(self) -> None:
        self._stopping = True

    def _ended(self, pid: int) -> None:
        if self._intake.is_process(pid):
            self._restart_intake()
        else:
            any(pool.reaped(pid) for pool in self._pools)

    def _tick_pools(self) -> None:
        for pool in self._pools:
            pool.tick()

    def _hear(self, root: Path, handle: Callable[[str], None]) -> None:
        """Call `handle` with the name of what has changed below `root`."""
        hints = notify.listen(root)

        def on_hint(mask: int) -> None:
            with contextlib.suppress(BlockingIOError):
                handle(hints.recv(256).decode("ascii", "replace"))

        self._selector.register(hints, selectors.EVENT_READ, on_hint)

    def _watch_intake(self) -> None:
        assert self._intake.socket is not None
        self._selector.register(self._intake.socket, selectors.EVENT_READ, self._on_intake)

    def _on_intake(self, mask: int) -> None:
        for answer in self._intake.answers():
            self._control.intake_answered(answer)

    def _restart_intake(self) -> None:
        process.say("the intake has ended and is started again")
        assert self._intake.socket is not None
        self._on_intake(0)
        self._selector.unregister(self._intake.socket)
        self._intake.start()
        self._watch_intake()
        self._control.intake_restarted()
        for name in rundir.names(self._root):
            self._registry.admitted(name)
        if self._services:
            for name in rundir.names(self._services.root):
                self._services.admitted(name)

    def _clean_now_and_then(self) -> None:
        if time.monotonic() > self._next_clean:
            self._next_clean = time.monotonic() + CLEAN_INTERVAL_S
            self._intake.order(do="clean")


def _lock(runs_dir: Path) -> int | None:
    """Lock the runs folder until this process ends; None if another runner holds it."""
    fd = os.open(runs_dir / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_up = time.monotonic() + LOCK_WAIT_S
    told = False
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            if time.monotonic() > give_up:
                process.say(f"another runner owns {runs_dir}; stop it, or give another --runs-dir")
                os.close(fd)
                return None
            if not told:
                process.say(f"waiting for another runner to leave {runs_dir} …")
                told = True
            time.sleep(0.1)
