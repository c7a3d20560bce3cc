"""Find and kill the processes of a run whose supervisor is gone.

They are found by the supervisor's session and the run's process group. A process that is older
than the run is never one of them.
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
    count = 0
    for pid, stat in linux.all_processes():
        ours = stat.session == supervisor.get("pid") or stat.group == child.get("pid")
        if not ours or since is None or stat.start_time < since or pid == os.getpid():
            continue
        try:
            os.kill(pid, signal.SIGKILL)
            count += 1
        except (ProcessLookupError, PermissionError):
            pass
    return count
