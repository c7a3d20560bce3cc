"""The program `estimate`: answers estimates over TCP, for hubs on other machines.

It has the same estimators as `serve`, and a front that requires a secret. It has no runs and no
control socket.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from ..system import linux, process, signals
from ..system.connections import listen
from ..work import warm
from .front import FINISH_S, SECRET_CHARS, Front, Lane
from .liveness import Liveness
from .pool import KILL_AFTER_S, READER_BYTES, EstimatorPool

BACKLOG = 512
RESTART_S = 0.2
START_S = 5.0
"""Time that a new estimator may need until it answers."""


def serve_estimates(
    *,
    address: str,
    port: int,
    secret_file: Path,
    cache_dir: Path,
    estimators: int,
    estimate_limit_s: float,
    estimate_memory_bytes: int,
    store_readers: int,
) -> int:
    started = time.monotonic()
    os.umask(0o077)
    (cache_dir / ".cache").mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _has_secret(secret_file):
        return 1
    outside = _listen(address, port)
    sockets = [cache_dir / name for name in ("estimates.sock", "stores.sock")]
    sizes = (estimators, store_readers)
    memories = (estimate_memory_bytes, min(estimate_memory_bytes, READER_BYTES))
    listeners = [listen(path, backlog=BACKLOG) for path in sockets]
    answer_s = estimate_limit_s + KILL_AFTER_S + START_S
    liveness = Liveness(busy_s=answer_s)

    def front(parent: int) -> int:
        lanes = [Lane(path, size, answer_s) for path, size in zip(sockets, sizes, strict=True)]
        return Front(
            listener=outside,
            estimators=lanes[0],
            readers=lanes[1],
            secret_file=secret_file,
            liveness=liveness,
        ).run(parent)

    service = _Service(front, outside, liveness)
    service.start_front()
    warm.import_xcube()
    service.pools = [
        EstimatorPool(
            listener=listener,
            size=size,
            root=cache_dir,
            limit_s=estimate_limit_s,
            memory_bytes=memory_bytes,
            rehearses=listener is listeners[0],
        )
        for listener, size, memory_bytes in zip(listeners, sizes, memories, strict=True)
    ]
    _list_versions(cache_dir)
    process.say(
        f"ready after {time.monotonic() - started:.1f} s, {estimators} estimators, "
        f"at port {outside.getsockname()[1]}"
    )
    service.run()
    for path in sockets:
        path.unlink(missing_ok=True)
    return 0


class _Service:
    """The loop that supervises the front and the estimators."""

    def __init__(self, front: Callable[[int], int], listener: socket.socket, liveness: Liveness):
        self.pools: list[EstimatorPool] = []
        """That of the estimators, and that of the store readers."""
        self._front = front
        self._listener = listener
        self._liveness = liveness
        self._front_pid = 0
        self._stop_at = float("inf")
        self._selector = selectors.DefaultSelector()
        signals.watch(self._selector, on_stop=self._stop, on_child=self._ended)

    def start_front(self) -> None:
        parent = os.getpid()
        self._front_pid = process.spawn(lambda: self._front(parent), keep=[self._listener.fileno()])

    def run(self) -> None:
        assert self.pools
        while self._front_pid and time.monotonic() < self._stop_at:
            for pool in self.pools:
                pool.tick()
            self._liveness.beat(is_free=self.pools[0].is_free())
            wait_s = min(0.5, *(pool.next_wait_s() for pool in self.pools))
            for key, mask in self._selector.select(max(0.0, wait_s)):
                key.data(mask)
        for pool in self.pools:
            pool.stop()

    def _stop(self) -> None:
        if not self.pools:
            # xcube is being imported, and no request has been accepted yet.
            os._exit(0)
        if self._stop_at == float("inf"):
            self._stop_at = time.monotonic() + FINISH_S + 1
            self._listener.close()
            os.kill(self._front_pid, signal.SIGTERM)

    def _ended(self, pid: int) -> None:
        if pid != self._front_pid:
            any(pool.reaped(pid) for pool in self.pools)
            return
        self._front_pid = 0
        if self._stop_at == float("inf"):
            process.say("the front has ended and is started again")
            time.sleep(RESTART_S)
            self.start_front()


def _has_secret(path: Path) -> bool:
    try:
        if len(path.read_bytes().strip()) >= SECRET_CHARS:
            return True
        process.say(f"{path}: at least {SECRET_CHARS} characters are expected")
    except OSError as error:
        process.say(f"the secret cannot be read: {error}")
    return False


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    both = address == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server(
            (address, port), family=family, backlog=BACKLOG, dualstack_ipv6=both
        )
    except OSError as error:
        raise SystemExit(f"Port {port} of {address} cannot be listened at: {error}") from None


def _list_versions(root: Path) -> None:
    parent = os.getpid()

    def main() -> None:
        linux.die_with_parent(parent)
        warm.write_versions(root)

    process.spawn(main)
