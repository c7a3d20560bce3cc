"""Find and kill the processes of a run whose supervisor is gone.

They are found by the supervisor's session and the run's process group. A process that is older
than the run is never one of them. Nor is any if somebody else has that number by now: the kernel
gives a number anew only when no session and no group has it any more.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from ..system import linux


def kill(supervisor: Any, child: Any) -> int:
    """Kill the remaining processes of a run; returns how many there were."""
    if not isinstance(supervisor, dict) or not isinstance(child, dict):
        return 0
    if child.get("boot_id") != linux.boot_id() or linux.is_alive(supervisor):
        return 0
    since = child.get("start_time") or supervisor.get("start_time")
    session, group = _number_of(supervisor), _number_of(child)
    count = 0
    for pid, stat in linux.all_processes():
        ours = stat.session == session or stat.group == group
        if not ours or since is None or stat.start_time < since or pid == os.getpid():
            continue
        try:
            os.kill(pid, signal.SIGKILL)
            count += 1
        except (ProcessLookupError, PermissionError):
            pass
    return count


def _number_of(who: dict[str, Any]) -> int | None:
    """The pid of a process that was ours; None if it is another's by now."""
    pid = who.get("pid")
    stat = linux.read_stat(pid) if isinstance(pid, int) else None
    is_anothers = stat is not None and stat.start_time != who.get("start_time")
    return None if is_anothers else pid
