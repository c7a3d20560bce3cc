"""The outcome of a run, decided from its exit, its result and what was done to it.

Pure functions, and the only place that decides. What the run printed plays no part.
"""

from __future__ import annotations

import os
import signal
from dataclasses import asdict, dataclass
from typing import Any

from .failures import NO_SPACE, shorten

DEADLINE = "DEADLINE"
OUT_OF_MEMORY = "OUT_OF_MEMORY"
STOPPED = "STOPPED"
LOST = "LOST"
XCUBE_ERROR = "XCUBE_ERROR"
COST = "COST"
LAUNCH = "LAUNCH"
REFUSED_EXIT = 2
"""Exit code of the program if the run was not begun."""
_NOT_OF_RUNS = {REFUSED_EXIT, 69}
"""Exit codes of a container whose run has not begun, which costs nothing.

69 is the code of the start script if it finds no Python. Users' code can exit with any code and
write any message, so the supervisor never passes such a code on once the run has begun.
"""
NO_SPACE_EXIT = 74
"""Exit code of the run (EX_IOERR) if the disk was too full to write its result."""

_CRASHES = {
    signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL,
    signal.SIGTRAP, signal.SIGSYS,
}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    phase: str
    reason: str | None = None
    message: str | None = None
    exit_code: int | None = None
    signal: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Kill:
    """Why the supervisor ended the run."""

    reason: str
    message: str


def decide(
    *,
    wait_status: int,
    kill: Kill | None,
    result: Any,
    failure_message: str | None,
    failure_kind: str | None = None,
    oom_killed: bool,
    needs_result: bool = True,
    has_code: bool = False,
) -> Outcome:
    """Decide the outcome. `result` is what `xcube gen2 -o` would write, None if there is none.

    `has_code`: the run executes its owner's code. LOST is free of charge, so such a run must
    not be able to bring it about.
    """
    code, number = _exit(wait_status)
    status = result.get("status") if isinstance(result, dict) else None
    message = result.get("message") if isinstance(result, dict) else None
    message = message if isinstance(message, str) else None
    if code == 0 and (status in ("ok", "warning") or not needs_result):
        return Outcome("SUCCEEDED", None, message, 0)
    if status == "ok" and not has_code:
        # The cube is complete, whatever came after it.
        return Outcome("SUCCEEDED", None, message, code, number)
    if kill is not None:
        return Outcome("FAILED", kill.reason, kill.message, code, number)
    if number is not None:
        return _by_signal(number, oom_killed, has_code)
    if status == "error":
        text = failure_message or shorten(message or "") or "The cube generation failed."
        return Outcome("FAILED", COST if failure_kind == "cost" else XCUBE_ERROR, text, code)
    if code == NO_SPACE_EXIT:
        return Outcome("FAILED", XCUBE_ERROR, NO_SPACE, code)
    text = f"The run ended with exit code {code} without a result."
    return Outcome("FAILED", XCUBE_ERROR, text, code)


def lost(result: Any = None, *, has_code: bool = True) -> Outcome:
    """The outcome of a run whose supervisor is gone. A complete cube counts, as in `decide`."""
    if isinstance(result, dict) and result.get("status") == "ok" and not has_code:
        message = result.get("message")
        return Outcome("SUCCEEDED", None, message if isinstance(message, str) else None)
    return Outcome("FAILED", LOST, "The run's supervisor ended without a result.")


def _exit(wait_status: int) -> tuple[int | None, int | None]:
    code = os.waitstatus_to_exitcode(wait_status)
    return (None, -code) if code < 0 else (code, None)


def _by_signal(number: int, oom_killed: bool, has_code: bool) -> Outcome:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if number == signal.SIGKILL and oom_killed:
        text = "The machine ran out of memory and ended the run."
        return Outcome("FAILED", OUT_OF_MEMORY, text, None, number)
    if number in _CRASHES:
        return Outcome("FAILED", XCUBE_ERROR, f"The run crashed: {name}", None, number)
    if has_code:
        text = f"The run's own code ended it with signal {number} ({name})."
        return Outcome("FAILED", XCUBE_ERROR, text, None, number)
    text = f"The run was ended by signal {number} ({name}) from outside."
    return Outcome("FAILED", LOST, text, None, number)


def process_exit_code(outcome: dict[str, Any]) -> int:
    """Exit code of a program that ran one workload."""
    if outcome.get("phase") == "SUCCEEDED":
        return 0
    if outcome.get("reason") == LAUNCH:
        return REFUSED_EXIT
    if outcome.get("signal"):
        return 128 + int(outcome["signal"])
    code = int(outcome.get("exit_code") or 1)
    return 1 if code in _NOT_OF_RUNS else code
