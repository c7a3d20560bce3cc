"""Runs a program that gets SIGTERM when its parent dies, even if the parent is killed.

Run as a script: `python end_with_parent.py <pid of the parent> <program> [argument …]`.
It is a script, because a process with threads must not run Python between fork and exec.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
        error = os.strerror(ctypes.get_errno())
        sys.stderr.write(f"cannot tie {program[0]} to its parent: {error}\n")
    if os.getppid() != parent:
        sys.exit("the parent ended before its child had begun")
    os.execvp(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main()
