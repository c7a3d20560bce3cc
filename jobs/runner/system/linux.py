"""Linux system calls and /proc: prctl, process identity, children, memory.

A process is identified by boot id, pid and start time, because a pid alone may be reused.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_SIGSET_BYTES = 128
# struct signalfd_siginfo: ssi_signo, ssi_errno, ssi_code, ssi_pid, …
_SIGINFO_BYTES = 128
_SIGINFO = struct.Struct("=I8xI")
_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def die_with_parent(parent: int) -> None:
    """Have this process killed when `parent` ends; exits at once if it has ended already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def become_subreaper() -> None:
    """Become the parent of orphaned descendants, so that none is forgotten."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def hide_memory() -> None:
    """Forbid other processes of the same user to read the memory of this one."""
    _prctl(_PR_SET_DUMPABLE, 0)


def open_signals(numbers: Collection[int]) -> int:
    """Open a file from which these signals and their senders are read, instead of handlers."""
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    mask = (ctypes.c_ulong * (_SIGSET_BYTES // ctypes.sizeof(ctypes.c_ulong)))()
    bits = 8 * ctypes.sizeof(ctypes.c_ulong)
    for number in numbers:
        mask[(number - 1) // bits] |= 1 << (number - 1) % bits
    fd = _libc.signalfd(-1, mask, os.O_NONBLOCK | os.O_CLOEXEC)
    if fd < 0:
        raise OSError(ctypes.get_errno(), "signalfd failed")
    return fd


def read_signals(fd: int) -> list[Signal]:
    """The signals that have arrived, with their senders."""
    try:
        data = os.read(fd, 16 * _SIGINFO_BYTES)
    except BlockingIOError:
        return []
    starts = range(0, len(data), _SIGINFO_BYTES)
    return [Signal(*_SIGINFO.unpack_from(data, start)) for start in starts]


def be_killed_first() -> None:
    """Have the kernel kill this process first if memory runs out, not its supervisor."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


class Signal(NamedTuple):
    """A signal. The sender is 0 if it is the kernel or outside our pid namespace."""

    number: int
    sender: int


class Stat(NamedTuple):
    """The fields of /proc/PID/stat that are used here. Start time is in clock ticks."""

    state: str
    parent: int
    group: int
    session: int
    start_time: int


def read_stat(pid: int) -> Stat | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return parse_stat(text)


def parse_stat(text: bytes) -> Stat:
    """Split /proc/PID/stat. The command name may hold spaces and brackets itself."""
    fields = text[text.rindex(b")") + 2 :].split()
    return Stat(fields[0].decode(), int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]))


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def identity(pid: int) -> dict:
    """The identity of a process: {"boot_id", "pid", "start_time"}."""
    stat = read_stat(pid)
    return {"boot_id": boot_id(), "pid": pid, "start_time": stat.start_time if stat else None}


def is_alive(who: object) -> bool:
    """Whether the process of this identity still runs (a zombie does not)."""
    if not isinstance(who, dict) or who.get("boot_id") != boot_id():
        return False
    pid = who.get("pid")
    stat = read_stat(pid) if isinstance(pid, int) else None
    return stat is not None and stat.start_time == who.get("start_time") and stat.state not in "ZX"


def thread_count() -> int:
    return len(os.listdir("/proc/self/task"))


def open_fds() -> set[int]:
    """The open file descriptors of this process."""
    fds = {int(name) for name in os.listdir("/proc/self/fd")}
    return {fd for fd in fds if os.path.exists(f"/proc/self/fd/{fd}") or _is_open(fd)}


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def close_all_but(keep: set[int]) -> None:
    for fd in open_fds() - keep:
        with contextlib.suppress(OSError):
            os.close(fd)


def children(pid: int) -> list[int]:
    """The direct children of all threads of `pid`."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_bytes().split())
    except FileNotFoundError:
        if not os.path.exists(f"/proc/{os.getpid()}/task/{os.getpid()}/children"):
            return [p for p, stat in all_processes() if stat.parent == pid]
    except OSError:
        pass
    return found


def descendants(pid: int) -> list[int]:
    found, todo = [], [pid]
    while todo:
        new = [child for child in children(todo.pop()) if child not in found]
        found += new
        todo += new
    return found


def all_processes() -> list[tuple[int, Stat]]:
    pairs = ((int(name), read_stat(int(name))) for name in os.listdir("/proc") if name.isdigit())
    return [(pid, stat) for pid, stat in pairs if stat is not None]


def private_bytes(pid: int) -> int:
    """Bytes of memory that `pid` shares with no other process; 0 if it has ended."""
    try:
        return parse_private(Path(f"/proc/{pid}/smaps_rollup").read_bytes())
    except OSError:
        return 0


def parse_private(text: bytes) -> int:
    return 1024 * sum(
        int(line.split()[1])
        for line in text.splitlines()
        if line.startswith((b"Private_Clean:", b"Private_Dirty:"))
    )


def resident_bytes(pid: int | None = None) -> int:
    """Resident bytes, shared ones included, of this process or of `pid` (0 if it has ended)."""
    try:
        pages = Path(f"/proc/{pid or 'self'}/statm").read_bytes().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def data_bytes() -> int:
    """What RLIMIT_DATA counts of this process: its private writable memory, reserved or used."""
    pages = Path("/proc/self/statm").read_bytes().split()[5]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def oom_kills(*, proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """How many processes the kernel has killed for memory, in our cgroup or on this machine."""
    for file in _oom_counters(proc, cgroups):
        with contextlib.suppress(OSError):
            text = file.read_text()
            if any(line.startswith("oom_kill ") for line in text.splitlines()):
                return _counter(text, "oom_kill")
    return 0


def _oom_counters(proc: Path, cgroups: Path) -> Iterator[Path]:
    """Files that may hold the count, the nearest first.

    A container may see the path that its cgroup has outside. The cgroup mounted inside is then
    its own. The root cgroup of a machine has no count.
    """
    for controllers, path in _own_cgroups(proc):
        if "memory" in controllers:
            yield cgroups / "memory" / path / "memory.oom_control"
            yield cgroups / "memory" / "memory.oom_control"
        elif controllers == [""]:
            yield cgroups / path / "memory.events"
            yield cgroups / "memory.events"
    yield proc / "vmstat"


def _own_cgroups(proc: Path) -> list[tuple[list[str], str]]:
    """Controllers and path of each cgroup of this process; version 2 has no controllers."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return []
    parts = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    return [(names.split(","), path.strip("/")) for _, names, path in parts]


def _counter(text: str, name: str) -> int:
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0
