"""A run that does nothing useful: for tests of what happens around a run.

Only where `serve --allow-standins` was given. Payload: append, line, sleep_s,
until (a file that it waits for), exit_code, allocate_bytes, print_lines,
signal, spawn (seconds a grandchild of another session sleeps), ignore_term.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import Any


def perform(payload: dict[str, Any]) -> int:
    """Do as the payload says; gives the exit code."""
    if payload.get("append"):
        fd = os.open(payload["append"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(fd, (payload.get("line", "") + "\n").encode())
        os.close(fd)
    if payload.get("ignore_term"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if payload.get("spawn"):
        subprocess.Popen(["sleep", str(payload["spawn"])], start_new_session=True)
    for number in range(payload.get("print_lines", 0)):
        print(f"line {number}")
    memory = bytearray(payload.get("allocate_bytes", 0))
    memory[::4096] = b"x" * len(memory[::4096])
    time.sleep(payload.get("sleep_s", 0))
    while payload.get("until") and not os.path.exists(payload["until"]):
        time.sleep(0.02)
    if payload.get("signal"):
        if payload["signal"] != signal.SIGKILL:
            signal.signal(payload["signal"], signal.SIG_DFL)
        os.kill(os.getpid(), payload["signal"])
    return int(payload.get("exit_code", 0))
