"""Fork processes: what a child keeps of its parent, and how it ends.

A child never returns into its parent's code: it ends by os._exit.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable

from . import linux

# Opened by libraries at import (PROJ's database); they must keep their numbers.
library_fds: set[int] = set()


def spawn(main: Callable[[], int | None], *, keep: Iterable[int] = ()) -> int:
    """Fork a process that runs `main` and exits with its result; returns the pid.

    The child keeps the standard streams, the files in `keep` and the libraries' own files, and
    starts with default signal handlers. Call it only in a process with one thread: a lock that
    another thread holds would stay locked in the child for ever.
    """
    if linux.thread_count() != 1:
        raise RuntimeError("a process with several threads must not fork")
    blocked = signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _run(main, keep={0, 1, 2, *keep} | library_fds)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return pid


def _run(main: Callable[[], int | None], *, keep: set[int]) -> None:
    code = 70
    try:
        signal.set_wakeup_fd(-1)
        reset_signals()
        linux.close_all_but(keep)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        code = main() or 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - nothing may return into the parent's code
        say(traceback.format_exc())
    finally:
        os._exit(code)


def reset_signals() -> None:
    for number in signal.valid_signals():
        if number in (signal.SIGKILL, signal.SIGSTOP):
            continue
        try:
            if signal.getsignal(number) not in (signal.SIG_DFL, None):
                signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass
    # As Python does it: a closed pipe is an error and does not end the process.
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def set_streams(output: int) -> None:
    """Read nothing, and write everything into `output`, which is closed."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for fd in (null, output):
        os.close(fd)
    for name, fd in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        mode = "rb" if fd == 0 else "wb"
        raw = open(fd, mode, buffering=-1 if fd == 0 else 0, closefd=False)  # noqa: SIM115
        stream = io.TextIOWrapper(
            raw, encoding="utf-8", errors="backslashreplace", write_through=True
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def say(text: str) -> None:
    """Print a line on standard error; a closed one is ignored."""
    with contextlib.suppress(OSError):
        os.write(2, f"xcube-hub runner: {text.rstrip()}\n".encode("utf-8", "backslashreplace"))


def pass_on(data: bytes) -> None:
    """Write bytes to standard output; a closed one is ignored."""
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError:
        pass


def exit_with(code: int) -> None:
    """End without waiting for the threads that libraries leave behind."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
