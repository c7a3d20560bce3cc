"""How an event loop hears of signals: that it is to stop, and which of its children have ended."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
from collections.abc import Callable


def watch(
    selector: selectors.BaseSelector,
    *,
    on_stop: Callable[[], None],
    on_child: Callable[[int], None],
) -> None:
    """From now on SIGTERM and SIGINT call `on_stop`, each child's end calls `on_child`.

    `selector`: its keys' data are called with the events' mask.
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
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        on_child(pid)
