"""Signals in an event loop: requests to stop, and children that have ended."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
from collections.abc import Callable, Iterator


def watch(
    selector: selectors.BaseSelector,
    *,
    on_stop: Callable[[], None],
    on_child: Callable[[int], None],
) -> None:
    """Call `on_stop` at SIGTERM and SIGINT, and `on_child` with the pid of each ended child.

    `selector` is the loop's; the data of its keys are called with the mask of events.
    """
    receive, send = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(send, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: on_stop())
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    selector.register(receive, selectors.EVENT_READ, lambda mask: _reap(receive, on_child))


def _reap(wakeup: int, on_child: Callable[[int], None]) -> None:
    with contextlib.suppress(BlockingIOError):
        os.read(wakeup, 4096)
    for pid, _ in ended_children():
        on_child(pid)


def ended_children() -> Iterator[tuple[int, int]]:
    """Reap all children that have ended; gives pid and wait status of each."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status
