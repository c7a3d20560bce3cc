"""`run`: one workload in the foreground, without a zygote; what a pod does.

The same folder, claim and supervisor as under `serve`.
"""

from __future__ import annotations

import os
from pathlib import Path

from . import process, rundir, warm
from .clerk import admit
from .outcome import process_exit_code
from .rundir import RunDir
from .supervisor import supervise
from .workload import is_name


def run_workload(*, workload: Path, runs_dir: Path, allow_standins: bool) -> int:
    """Run it and give its exit code; 2 if the workload is malformed."""
    umask = os.umask(0o077)
    rundir.prepare_root(runs_dir)
    answer = _admit(workload, runs_dir, allow_standins)
    if answer is None or not is_name(answer):
        return 2
    run = RunDir(runs_dir, answer)
    status = run.read("status.json")
    if status is None:
        warm.import_xcube()
        supervise(run, umask=umask, foreground=True)
        status = run.read("status.json")
    if status is None:
        process.say(f"{answer}: another process runs this workload")
        return 1
    parts = (f"{answer}:", status["phase"], status.get("reason"), status.get("message"))
    process.say(" ".join(part for part in parts if part))
    return process_exit_code(status)


def _admit(workload: Path, runs_dir: Path, allow_standins: bool) -> str | None:
    """Store the workload in a process of its own, so that no secret stays in this one."""
    read, write = os.pipe()

    def main() -> int:
        try:
            text = workload.read_bytes()
        except OSError as error:
            process.say(f"the workload cannot be read: {error}")
            return 1
        answer = admit(runs_dir, text, None, allow_standins=allow_standins)
        if answer["status"] >= 300:
            process.say(f"the workload was not accepted: {answer['message']}")
            return 1
        os.write(write, answer["name"].encode())
        return 0

    pid = process.spawn(main, keep=[write])
    os.close(write)
    with open(read, "rb") as stream:
        name = stream.read().decode()
    os.waitpid(pid, 0)
    return name or None
