"""The zygote is killed and started again: runs go on, and each runs once."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from jobs.runner.record import rundir
from jobs.runner.system import linux
from tests.patience import PATIENCE_S

from .runnerprocess import Runner, is_running, kill, make_workload, standin, wait_for

pytestmark = pytest.mark.xcube


def test_a_killed_zygote_is_replaced_and_runs_go_on(own_runner: Runner, tmp_path: Path):
    runner = own_runner.start()
    going_on = runner.launch(standin(append=str(tmp_path / "a"), line="x", sleep_s=600))
    ends_alone = runner.launch(standin(append=str(tmp_path / "b"), line="x", sleep_s=2))
    to_delete = runner.launch(standin(sleep_s=600))
    lost = runner.launch(standin(sleep_s=600))
    pids = {name: runner.pids_of(name) for name in (going_on, ends_alone, to_delete, lost)}
    version = runner.list()["version"]
    estimators = [p for p in linux.children(runner.process.pid) if p not in dict(pids.values())]
    runner.kill()
    wait_for(lambda: not any(is_running(pid) for pid in estimators[-1:]))
    kill(pids[lost][0])
    (runner.runs / to_delete / "delete").touch()
    unclaimed = prepare_unclaimed(runner, tmp_path)
    runner.start()

    assert runner.list()["version"] != version
    assert runner.end_of(ends_alone)["phase"] == "SUCCEEDED"
    assert runner.end_of(lost)["reason"] == "LOST"
    assert runner.end_of(unclaimed)["phase"] == "SUCCEEDED"
    assert runner.pids_of(going_on) == pids[going_on]
    assert is_running(pids[going_on][0])
    wait_for(lambda: not (runner.runs / to_delete).exists())
    assert runner.delete(going_on) == 202
    wait_for(lambda: not is_running(pids[going_on][1]))
    assert not is_running(pids[lost][1])
    assert [(tmp_path / file).read_text() for file in "abc"] == ["x\n"] * 3

    second = serve_again(runner)
    assert runner.terminate() == 0
    assert not runner.control.exists()
    assert kill_when_ready(second) is None


def prepare_unclaimed(runner: Runner, tmp_path: Path) -> str:
    """A run that was stored, but whose zygote ended before it was started."""
    workload = make_workload(standin(append=str(tmp_path / "c"), line="x"))
    meta = {key: workload[key] for key in ("name", "attempt", "deadline_s", "memory_bytes")}
    work = {"payload": workload["payload"], "env": {}}
    parts = {"meta": {**meta, "kind": "standin"}, "work": work, "report": None}
    rundir.create(runner.runs, parts)
    return workload["name"]


def serve_again(runner: Runner) -> subprocess.Popen:
    """A second one on the same folder, at sockets of its own."""
    sockets = (str(runner.root / "second.sock"), str(runner.root / "second-estimates.sock"))
    return runner.command("serve", "--socket", sockets[0], "--estimate-socket", sockets[1])


def kill_when_ready(process: subprocess.Popen) -> int | None:
    """The second runner was waiting for the lock, and takes over when the first has gone."""
    time.sleep(1)
    code = process.poll()
    process.kill()
    process.wait(PATIENCE_S)
    return code


def test_a_second_runner_on_the_same_folder_gives_up(runner: Runner):
    second = serve_again(runner)
    assert second.wait(PATIENCE_S) == 1
    assert "another runner owns" in runner.log.read_text()


@pytest.fixture
def workload_file(tmp_path: Path) -> Path:
    return tmp_path / "workload.json"


class TestForeground:
    def run(self, runner: Runner, workload_file: Path, **payload) -> subprocess.CompletedProcess:
        workload_file.write_text(json.dumps(make_workload(standin(**payload))))
        process = runner.command("run", "--allow-standins", "--workload", str(workload_file))
        process.wait(PATIENCE_S)
        return process

    def test_exits_as_the_run_does(self, own_runner: Runner, workload_file: Path):
        own_runner.process = None
        assert self.run(own_runner, workload_file).returncode == 0
        assert self.run(own_runner, workload_file, exit_code=3).returncode == 3
        assert self.run(own_runner, workload_file, signal=signal.SIGSEGV).returncode == 139
        workload_file.write_text("{}")
        process = own_runner.command("run", "--workload", str(workload_file))
        assert process.wait(PATIENCE_S) == 2
        assert "name: must be" in own_runner.log.read_text()

    def test_sigterm_stops_it(self, own_runner: Runner, workload_file: Path):
        workload = make_workload(standin(sleep_s=600))
        workload_file.write_text(json.dumps(workload))
        process = own_runner.command("run", "--allow-standins", "--workload", str(workload_file))
        _, child = own_runner_pids(own_runner, workload["name"])
        process.terminate()
        assert process.wait(PATIENCE_S) == 128 + signal.SIGTERM
        status = json.loads((own_runner.runs / workload["name"] / "status.json").read_text())
        assert status["reason"] == "STOPPED"
        assert not is_running(child)


def own_runner_pids(runner: Runner, name: str) -> tuple[int, int]:
    wait_for(lambda: (runner.runs / name / "child.json").exists())
    return runner.pids_of(name)
