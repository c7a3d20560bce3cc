"""The pool of estimators: how many there are, and when one is ended or replaced.

Part of the zygote. The estimators share one listening socket and a piece of memory, in which
each notes since when it is busy. At three quarters of its memory limit an estimator is told to
answer that it needs too much memory; at the limit it is killed, and its caller gets no answer.
"""

from __future__ import annotations

import mmap
import os
import signal
import socket
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from ..system import linux, process
from .estimator import TOO_LARGE, Estimator

KILL_AFTER_S = 5.0
MEMORY_BYTES = 2 << 30
READER_BYTES = 512 << 20
"""The most memory of a store reader: it reads metadata and coordinates only."""
SAMPLE_S = 0.1
_ASK_AT = 0.75
_SLOT = struct.Struct("d")


@dataclass
class _Member:
    pid: int = 0
    started: float = 0.0
    quick_deaths: int = 0
    next_start: float = 0.0
    asked: float = 0.0


class EstimatorPool:
    def __init__(
        self,
        *,
        listener: socket.socket,
        size: int,
        root: Path,
        limit_s: float,
        memory_bytes: int = MEMORY_BYTES,
        rehearses: bool = True,
    ):
        """`rehearses`: each prepares itself at once, so that its first answer comes fast."""
        self._listener = listener
        self._root = root
        self._limit_s = limit_s
        self._rehearses = rehearses
        self._memory_bytes = memory_bytes
        self._next_sample = 0.0
        self._memory = mmap.mmap(-1, max(1, size) * _SLOT.size)
        self._members = [_Member() for _ in range(size)]
        self._stopped = False

    @property
    def size(self) -> int:
        return len(self._members)

    def tick(self) -> None:
        """Start missing estimators and end stuck ones."""
        now = time.monotonic()
        if now >= self._next_sample:
            self._next_sample = now + SAMPLE_S
            self._watch_memory()
        for slot, member in enumerate(self._members):
            if member.pid == 0 and not self._stopped and now >= member.next_start:
                try:
                    self._start(slot, member)
                except OSError as error:
                    process.say(f"an estimator could not be started: {error}")
                    member.next_start = now + 5
            elif member.pid:
                busy_since = self._busy_since(slot)
                if busy_since and now - busy_since > self._limit_s + KILL_AFTER_S:
                    process.say("an estimator is stuck and is replaced")
                    os.kill(member.pid, signal.SIGKILL)

    def is_free(self) -> bool:
        """Whether an estimator waits for work."""
        members = enumerate(self._members)
        return any(member.pid and not self._busy_since(slot) for slot, member in members)

    def next_wait_s(self) -> float:
        """Seconds until the next check is needed; an idle estimator does not grow."""
        busy = any(self._busy_since(slot) for slot in range(self.size))
        return max(0.0, self._next_sample - time.monotonic()) if busy else 1.0

    def _watch_memory(self) -> None:
        for slot, member in enumerate(self._members):
            since = self._busy_since(slot) if member.pid else 0
            # Resident memory is cheap to read, and never less than private memory.
            if not since or linux.resident_bytes(member.pid) <= _ASK_AT * self._memory_bytes:
                continue
            used = linux.private_bytes(member.pid)
            if used > self._memory_bytes:
                process.say(f"an estimator of {used >> 20} MiB is ended and replaced")
                os.kill(member.pid, signal.SIGKILL)
            elif used > _ASK_AT * self._memory_bytes and member.asked != since:
                member.asked = since
                os.kill(member.pid, TOO_LARGE)

    def reaped(self, pid: int) -> bool:
        """Note that a child process has ended; returns whether it was an estimator."""
        for slot, member in enumerate(self._members):
            if member.pid == pid:
                member.pid = 0
                self._note_busy(slot, 0)
                quick = time.monotonic() - member.started < 1
                member.quick_deaths = member.quick_deaths + 1 if quick else 0
                pause = min(10.0, 0.1 * 2**member.quick_deaths) if quick else 0
                member.next_start = time.monotonic() + pause
                return True
        return False

    def stop(self) -> None:
        self._stopped = True
        for member in self._members:
            if member.pid:
                os.kill(member.pid, signal.SIGKILL)

    def _start(self, slot: int, member: _Member) -> None:
        zygote = os.getpid()
        estimator = Estimator(
            listener=self._listener,
            root=self._root,
            limit_s=self._limit_s,
            rehearses=self._rehearses,
            busy=lambda since: self._note_busy(slot, since),
        )
        member.started = time.monotonic()
        # It is not ready yet.
        self._note_busy(slot, member.started)
        member.pid = process.spawn(lambda: estimator.run(zygote), keep=[self._listener.fileno()])

    def _note_busy(self, slot: int, since: float) -> None:
        _SLOT.pack_into(self._memory, slot * _SLOT.size, since)

    def _busy_since(self, slot: int) -> float:
        return _SLOT.unpack_from(self._memory, slot * _SLOT.size)[0]
