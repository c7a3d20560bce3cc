"""Supervises the processes of the hub: starts, restarts and stops them together.

Each part is a process group of its own. So a Ctrl-C in the terminal reaches only this process,
which then ends the parts in order. A part that ends by itself is started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .process_output import Lines, Output

STOP_WITHIN_S = 10.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0
STABLE_AFTER_S = 30.0
EXIT_KILLED = 130

_WRAPPER = Path(__file__).with_name("end_with_parent.py")
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Part:
    """One program of the hub and how it is started; a `umask` of -1 is that of the hub."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    umask: int = -1


@dataclass(eq=False)
class _Child:
    """A running part: `ended` becomes its exit status."""

    part: Part
    process: subprocess.Popen
    pipe: int
    lines: Lines
    ended: asyncio.Future[int]
    began: float = field(default_factory=time.monotonic)

    def signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, number)


class Supervisor:
    """Runs `parts` until a signal stops it.

    `once_started` is awaited meanwhile, for instance to report when the hub answers.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        output: Output,
        once_started: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._parts = parts
        self._output = output
        self._once_started = once_started
        self._children: set[_Child] = set()
        self._stopping = asyncio.Event()
        self._killed = False

    def run(self) -> int:
        """Returns the exit status: 0 when stopped, 130 when killed by a second signal."""
        return asyncio.run(self._run())

    async def _run(self) -> int:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        for number in _STOP_SIGNALS:
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # started by nohup
            loop.add_signal_handler(number, self._on_stop_signal)
        await asyncio.gather(self._beside(), *(self._keep(part) for part in self._parts))
        self._output.tell("Killed." if self._killed else "Stopped.")
        return EXIT_KILLED if self._killed else 0

    async def _beside(self) -> None:
        if self._once_started:
            beside = asyncio.create_task(self._once_started())
            await self._until_stopping(beside)
            beside.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beside

    def _on_stop_signal(self) -> None:
        if self._stopping.is_set():
            self._killed = True
            for child in self._children:
                child.signal_group(signal.SIGKILL)
            return
        self._output.tell("Stopping (once more kills at once) …")
        self._stopping.set()

    async def _keep(self, part: Part) -> None:
        """Run this part, and restart it whenever it ends, until the hub stops."""
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            child = self._start(part)
            status = await self._until_ended(child)
            if self._stopping.is_set():
                return
            if time.monotonic() - child.began >= STABLE_AFTER_S:
                pause = FIRST_PAUSE_S
            self._output.tell(f"{part.name} {describe(status)}; it starts again in {pause:g} s.")
            await self._stopped_within(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    def _start(self, part: Part) -> _Child:
        pipe, childs_end = os.pipe()
        os.set_blocking(pipe, False)
        try:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-IS", str(_WRAPPER), str(os.getpid()), *part.argv],
                env=dict(part.env),
                cwd=part.cwd,
                stdin=subprocess.DEVNULL,
                stdout=childs_end,
                stderr=childs_end,
                process_group=0,
                umask=part.umask,
            )
        finally:
            os.close(childs_end)
        loop = asyncio.get_running_loop()
        child = _Child(part, process, pipe, Lines(self._output, part.name), loop.create_future())
        self._children.add(child)
        loop.add_reader(pipe, self._read, child)
        self._reap()  # it may have ended before it was added to the set
        return child

    def _read(self, child: _Child) -> None:
        """Forward the output of the child."""
        try:
            data = os.read(child.pipe, 64 * 1024)
        except BlockingIOError:
            return
        child.lines.feed(data)
        if not data:
            asyncio.get_running_loop().remove_reader(child.pipe)
        if self._output.is_gone:
            self._stopping.set()  # no one reads the output any more

    def _reap(self) -> None:
        for child in self._children:
            if child.process.poll() is not None and not child.ended.done():
                child.ended.set_result(child.process.returncode)

    async def _until_ended(self, child: _Child) -> int:
        await self._until_stopping(child.ended)
        if not child.ended.done():
            child.process.terminate()
            _, late = await asyncio.wait({child.ended}, timeout=STOP_WITHIN_S)
            if late:
                self._output.tell(f"{child.part.name} did not stop in time; it is killed.")
                child.signal_group(signal.SIGKILL)
        status = await child.ended
        child.signal_group(signal.SIGKILL)  # processes that the part has left behind
        self._close(child)
        return status

    def _close(self, child: _Child) -> None:
        """Read the rest of the pipe without waiting, because a grandchild may keep it open."""
        asyncio.get_running_loop().remove_reader(child.pipe)
        with contextlib.suppress(BlockingIOError):
            while data := os.read(child.pipe, 64 * 1024):
                child.lines.feed(data)
        child.lines.finish()
        os.close(child.pipe)
        self._children.discard(child)

    async def _until_stopping(self, future: asyncio.Future) -> None:
        """Wait until `future` is done or the hub stops, whichever happens first."""
        stop = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({future, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()

    async def _stopped_within(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def describe(status: int) -> str:
    """The exit status in words; negative numbers are signals, as `subprocess` gives them."""
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with exit status {status}"
