"""Runs Python in forks of one process that has imported what takes seconds of processor time.

xcube: for a test that only makes, opens or compares cubes. Nothing of the hub's runner is imported
before the fork: it is plain xcube. The hub: for its commands, on the data of a hub that runs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S

CHECKOUT = Path(__file__).resolve().parents[2]
SERVER = """
import json, os, runpy, signal, sys, traceback
exec(sys.argv[1])

def run(ask):
    os.chdir(ask["cwd"])
    for number, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, ask["out"], os.O_WRONLY | os.O_CREAT),
        (2, ask["err"], os.O_WRONLY | os.O_CREAT),
    ):
        os.dup2(os.open(name, flags, 0o600), number)
    signal.alarm(ask["limit_s"])
    kind, what = ask["what"]
    sys.argv = [what if kind != "-c" else "-c", *ask["arguments"]]
    sys.path.insert(0, os.path.dirname(what) if kind == "file" else ask["cwd"])
    if kind == "-c":
        exec(compile(what, "<a test's>", "exec"), {"__name__": "__main__"})
    elif kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(what, run_name="__main__")

for line in sys.stdin:
    pid = os.fork()
    if not pid:
        code = 1
        try:
            run(json.loads(line))
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


XCUBE = """
import xcube.cli.main, xcube.core.gen2.local.generator, xcube.core.new, xcube.core.store
"""
HUB = """
import django
django.setup()
import django.core.management.commands.shell
"""


class Forks:
    """`run` is as `subprocess.run` of that Python, with the output as text."""

    def __init__(
        self, python: Path | str, imports: str, *, environment: Mapping[str, str] | None = None
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="xcube-hub-forks-")
        self._one_at_a_time = threading.Lock()
        self._process = subprocess.Popen(
            [str(python), "-c", SERVER, imports],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            cwd="/",
            env=None if environment is None else dict(environment),
        )

    def run(
        self,
        kind: str,
        what: str | Path,
        *arguments: Any,
        cwd: str | Path = "/",
        check: bool = True,
        timeout_s: float = PATIENCE_S,
    ) -> subprocess.CompletedProcess[str]:
        """`kind`: `-c` (code), `-m` (a module) or `file`. Raises AssertionError if it fails."""
        with self._one_at_a_time:
            return self._run(kind, what, arguments, cwd, check, timeout_s)

    def _run(
        self,
        kind: str,
        what: str | Path,
        arguments: tuple[Any, ...],
        cwd: str | Path,
        check: bool,
        timeout_s: float,
    ) -> subprocess.CompletedProcess[str]:
        out, err = (Path(self._folder.name) / name for name in ("out", "err"))
        for file in (out, err):
            file.unlink(missing_ok=True)
        asked = {
            "what": [kind, str(what)],
            "arguments": [str(argument) for argument in arguments],
            "cwd": str(cwd),
            "out": str(out),
            "err": str(err),
            "limit_s": int(timeout_s),
        }
        self._process.stdin.write(json.dumps(asked) + "\n")
        answer = self._process.stdout.readline()
        assert answer, "the process that forks has ended"
        texts = [file.read_text(errors="replace") if file.exists() else "" for file in (out, err)]
        done = subprocess.CompletedProcess([kind, str(what)], int(answer), *texts)
        assert done.returncode == 0 or not check, done.stderr[-4000:]
        return done

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._folder.cleanup()


def xcube_forks(python: Path | str) -> Forks:
    """Of the xcube environment."""
    return Forks(python, XCUBE)


class HubCommands:
    """Python with the configuration of a hub that runs: as `python ARGUMENTS` in the checkout.

    The environment is that of the first call.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._forks: Forks | None = None

    def run(self, *arguments: str, timeout_s: float = PATIENCE_S) -> str:
        """What it prints."""
        if self._forks is None:
            environment = {"DJANGO_SETTINGS_MODULE": "hubsite.settings", **self._environment}
            environment["PYTHONPATH"] = str(CHECKOUT)
            self._forks = Forks(sys.executable, HUB, environment=environment)
        if arguments[0] in ("-c", "-m"):
            kind, what, *rest = arguments
        else:
            kind, what, rest = "file", str(CHECKOUT / arguments[0]), list(arguments[1:])
        done = self._forks.run(kind, what, *rest, cwd=CHECKOUT, check=False, timeout_s=timeout_s)
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def close(self) -> None:
        if self._forks is not None:
            self._forks.close()
