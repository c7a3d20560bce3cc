"""The supervisor with small programs that behave badly."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from tests.patience import PATIENCE_S

from .hubprocess import CHECKOUT

pytestmark = pytest.mark.processes

PROGRAM = """
import os, sys
from pathlib import Path
from hubsite.start import process_supervisor as it
from hubsite.start.process_output import Output
it.STOP_WITHIN_S = float(sys.argv[1])
it.FIRST_PAUSE_S = float(sys.argv[2])
parts = [
    it.Part(f"p{number}", ["sh", "-c", script], os.environ, Path("/"))
    for number, script in enumerate(sys.argv[3:])
]
sys.exit(it.Supervisor(parts, output=Output([part.name for part in parts])).run())
"""


class Supervised:
    def __init__(self, *scripts: str, stop_within_s: float = 10, pause_s: float = 2) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(stop_within_s), str(pause_s), *scripts],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def lines_until(self, text: str) -> list[str]:
        lines = []
        for line in self.process.stdout:
            lines.append(line.rstrip("\n"))
            if text in line:
                return lines
        raise AssertionError(f"no {text!r} in {lines}")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def rest(self) -> str:
        return self.process.communicate(timeout=PATIENCE_S)[0]


@pytest.fixture
def supervised():
    started = []

    def start(*scripts: str, **options) -> Supervised:
        started.append(Supervised(*scripts, **options))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


def test_a_stop_interrupts_the_pause_before_a_restart(supervised):
    one = supervised("exit 3", pause_s=10 * PATIENCE_S)
    one.lines_until("it starts again in")
    one.signal(signal.SIGTERM)
    one.rest()
    assert one.process.returncode == 0


def test_a_part_that_ignores_the_stop_is_killed_with_its_children(supervised):
    one = supervised("trap '' TERM; sleep 7777 & echo $!; wait; sleep 78", stop_within_s=0.5)
    child = int(one.lines_until("p0")[0].split("│ ")[1])
    one.signal(signal.SIGINT)
    assert "p0 did not stop in time; it is killed." in one.rest()
    assert one.process.returncode == 0
    assert _ends(child)


def test_what_a_part_leaves_behind_does_not_hold_up_its_restart(supervised):
    one = supervised("sleep 8888 & echo $!; exit 1")
    lines = one.lines_until("starts again")
    assert _ends(int(lines[0].split("│ ")[1]))


def test_a_program_that_is_not_there_is_told(supervised):
    one = supervised("exec /no/such/program")
    assert any("/no/such/program" in line for line in one.lines_until("exit status 127"))


def test_it_stops_when_nobody_reads_its_output_any_more(supervised):
    one = supervised("while true; do echo tick; sleep 0.1; done")
    one.lines_until("tick")
    one.process.stdout.close()
    assert one.process.wait(PATIENCE_S) == 0


def _ends(pid: int) -> bool:
    """A kill takes effect a little later."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False
