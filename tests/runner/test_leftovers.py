"""What a dead supervisor left behind is ended, and nobody who has its number by now."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from jobs.runner.serve import leftovers
from jobs.runner.system import linux
from tests.patience import PATIENCE_S, wait_for


@pytest.fixture
def leader() -> Iterator[subprocess.Popen]:
    """A process that leads a session and a group, as supervisors and database servers do."""
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield process
    process.kill()
    process.wait(PATIENCE_S)


def test_a_number_that_another_process_has_now_is_not_ours(leader):
    now = linux.identity(leader.pid)
    before = {**now, "start_time": now["start_time"] - 1}
    assert leftovers.kill(before, before) == 0
    assert leader.poll() is None


def test_what_is_left_of_a_run_is_ended():
    """Its supervisor has ended; a process of its session has not."""
    shell = subprocess.Popen(
        ["sh", "-c", "sleep 600 & echo $!"], start_new_session=True, stdout=subprocess.PIPE
    )
    who = linux.identity(shell.pid)
    left = linux.identity(int(shell.stdout.readline()))
    shell.stdout.close()
    shell.wait(PATIENCE_S)
    assert leftovers.kill(who, {**who, "pid": 2**22 + 1}) == 1
    wait_for(lambda: not linux.is_alive(left), "end of what was left")
