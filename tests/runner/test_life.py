"""How runs end, and what is left of them."""

from __future__ import annotations

import http.server
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from jobs.runner.record import rundir
from jobs.runner.record.workload import parse
from jobs.runner.run.reporter import END_PAUSES_S
from jobs.runner.serve.waiters import MAX_WAIT_S
from jobs.runner.system import linux
from tests.patience import PATIENCE_S

from .runnerprocess import (
    Runner,
    any_zombie,
    call,
    is_running,
    kill,
    make_workload,
    standin,
    wait_for,
)

pytestmark = pytest.mark.xcube


def test_success_and_exit_code(runner: Runner):
    run = runner.end_of(runner.launch(standin(print_lines=2)))
    assert (run["phase"], run["exit_code"]) == ("SUCCEEDED", 0)
    run = runner.end_of(runner.launch(standin(exit_code=3)))
    assert (run["phase"], run["reason"], run["exit_code"]) == ("FAILED", "XCUBE_ERROR", 3)
    assert "exit code 3 without a result" in run["message"]


def test_deadline(runner: Runner):
    name = runner.launch(standin(sleep_s=3600), deadline_s=0.5)
    run = runner.end_of(name)
    assert (run["phase"], run["reason"]) == ("FAILED", "DEADLINE")
    assert run["message"] == "The run took longer than its 0.5 s."


def test_a_run_that_ignores_sigterm_is_killed(runner: Runner):
    name = runner.launch(standin(sleep_s=30, ignore_term=True), deadline_s=0.5)
    run = runner.end_of(name)
    assert (run["reason"], run["signal"]) == ("DEADLINE", signal.SIGKILL)


def test_memory(runner: Runner):
    name = runner.launch(standin(allocate_bytes=400 << 20, sleep_s=30), memory_bytes=200 << 20)
    run = runner.end_of(name)
    assert (run["phase"], run["reason"]) == ("FAILED", "OUT_OF_MEMORY")
    assert "200 MiB" in run["message"]
    assert run["peak_memory_bytes"] > 200 << 20


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_child_ended_from_outside_is_lost(runner: Runner, number):
    name = runner.launch(standin(sleep_s=30))
    os.kill(runner.pids_of(name)[1], number)
    run = runner.end_of(name)
    assert (run["reason"], run["signal"]) == ("LOST", number)
    assert run["message"] == f"The run was ended by signal {number:d} ({number.name}) from outside."


def test_a_users_code_that_kills_itself_is_not_lost(runner: Runner):
    run = runner.end_of(runner.launch(standin(code="", signal=signal.SIGKILL)))
    assert (run["reason"], run["signal"]) == ("XCUBE_ERROR", signal.SIGKILL)
    assert run["message"] == "The run's own code ended it with signal 9 (SIGKILL)."


def test_a_crash_is_the_runs_own(runner: Runner):
    run = runner.end_of(runner.launch(standin(signal=signal.SIGSEGV)))
    assert (run["reason"], run["message"]) == ("XCUBE_ERROR", "The run crashed: SIGSEGV")


def test_a_killed_supervisor_takes_the_child_along(runner: Runner, tmp_path: Path):
    name = runner.launch(standin(sleep_s=60))
    supervisor, child = runner.pids_of(name)
    kill(supervisor)
    run = runner.end_of(name)
    assert (run["phase"], run["reason"]) == ("FAILED", "LOST")
    assert run["message"] == "The run's supervisor ended without a result."
    wait_for(lambda: not is_running(child))


def test_descendants_end_with_the_run(runner: Runner, tmp_path: Path):
    seen = tmp_path / "seen"
    name = runner.launch(standin(spawn=1234, until=str(seen)))
    supervisor, child = runner.pids_of(name)
    wait_for(lambda: len(linux.descendants(supervisor)) == 2)
    sleeper = next(pid for pid in linux.descendants(supervisor) if pid != child)
    seen.touch()
    assert runner.end_of(name)["phase"] == "SUCCEEDED"
    assert not is_running(sleeper)


def test_deleting_stops_and_removes(runner: Runner):
    name = runner.launch(standin(sleep_s=60))
    _, child = runner.pids_of(name)
    assert runner.delete(name) == 202
    assert runner.delete(name) in (202, 404)
    wait_for(lambda: not is_running(child))
    wait_for(lambda: runner.delete(name) == 404)
    wait_for(lambda: not (runner.runs / name).exists())
    assert (runner.runs / ".ended" / name).exists()
    wait_for(lambda: not list((runner.runs / ".trash").iterdir()))


def test_a_late_launch_after_removal_runs_nothing(runner: Runner, tmp_path: Path):
    workload = make_workload(standin(append=str(tmp_path / "ran"), line="x"))
    assert runner.put(workload)[0] == 201
    runner.end_of(workload["name"])
    wait_for(lambda: runner.delete(workload["name"]) in (200, 404))
    assert runner.put(workload) == (200, {"state": "ended"})
    time.sleep(0.5)
    assert (tmp_path / "ran").read_text() == "x\n"


def test_a_launch_after_the_removal_of_an_unknown_run_runs_nothing(runner, tmp_path: Path):
    workload = make_workload(standin(append=str(tmp_path / "ran"), line="x"))
    assert runner.delete(workload["name"]) == 404
    assert runner.put(workload) == (200, {"state": "ended"})
    assert runner.delete(workload["name"]) == 404
    assert not (tmp_path / "ran").exists()


def test_a_launch_removed_while_the_intake_has_it_runs_nothing(runner, tmp_path: Path):
    workload = make_workload(standin(append=str(tmp_path / "ran"), line="x"))
    intake = min(
        linux.children(runner.process.pid), key=lambda pid: linux.read_stat(pid).start_time
    )
    os.kill(intake, signal.SIGSTOP)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(runner.put(workload)))
    try:
        thread.start()
        wait_for(lambda: list((runner.runs / ".incoming").iterdir()))
        assert runner.delete(workload["name"]) == 404
    finally:
        os.kill(intake, signal.SIGCONT)
    thread.join(PATIENCE_S)
    assert answers == [(200, {"state": "ended"})]
    assert not (tmp_path / "ran").exists()


def test_a_launch_removed_when_its_folder_has_just_appeared_runs_nothing(runner, tmp_path: Path):
    """The intake has renamed the folder, the zygote does not know of it yet."""
    workload = make_workload(standin(append=str(tmp_path / "ran"), line="x"))
    parts = parse(json.dumps(workload), allow_standins=True)
    assert rundir.create(runner.runs, parts)
    assert runner.delete(workload["name"]) == 404
    assert runner.put(workload) == (200, {"state": "ended"})
    wait_for(lambda: not (runner.runs / workload["name"]).exists())
    assert not (tmp_path / "ran").exists()


def test_launching_twice_runs_once(runner: Runner, tmp_path: Path):
    workload = make_workload(standin(append=str(tmp_path / "ran"), line="x", sleep_s=0.3))
    statuses = []
    threads = [
        threading.Thread(target=lambda: statuses.append(runner.put(workload)[0])) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 7 + [201]
    status, answer = runner.put({**workload, "attempt": 2})
    assert status == 409, answer
    runner.end_of(workload["name"])
    assert runner.put(workload)[0] == 200
    assert (tmp_path / "ran").read_text() == "x\n"


@pytest.mark.parametrize(
    ("name", "change", "status"),
    [
        ("Bad", {}, 400),
        ("a_b", {}, 400),
        ("a" * 64, {}, 400),
        ("ok", {"name": "other"}, 400),
        ("ok", {"name": "ok", "payload": {"kind": "shell"}}, 400),
        ("ok", {"name": "ok", "deadline_s": "soon"}, 400),
    ],
)
def test_malformed_launches(runner: Runner, name, change, status):
    body = {**make_workload(standin()), **change}
    found, answer = call(runner.control, "PUT", f"/runs/{name}", body)
    assert found == status
    assert answer["error"]


def test_unknown_runs_and_addresses(runner: Runner):
    assert call(runner.control, "GET", "/runs/unknown")[0] == 404
    assert call(runner.control, "DELETE", "/runs/unknown")[0] == 404
    assert call(runner.control, "GET", "/nix")[0] == 404
    assert call(runner.control, "POST", "/runs", {})[0] == 405
    assert call(runner.control, "GET", "/runs?since=x")[0] == 400


def test_waiting_for_a_change(runner: Runner):
    def waited_for_nothing() -> bool:
        """Runs of the tests before may just go."""
        version = runner.list()["version"]
        started = time.monotonic()
        is_same = runner.list(f"?since={version}&wait=0.5")["version"] == version
        assert not is_same or time.monotonic() - started > 0.4
        return is_same

    wait_for(waited_for_nothing)
    version = runner.list()["version"]
    threading.Timer(0.3, lambda: runner.launch(standin())).start()
    started = time.monotonic()
    assert runner.list(f"?since={version}&wait={MAX_WAIT_S}")["version"] != version
    assert time.monotonic() - started < MAX_WAIT_S / 2
    assert runner.list("?since=1&wait=10")["version"] != 1


def test_a_log_keeps_head_and_tail(runner: Runner):
    name = runner.launch(standin(print_lines=20_000))
    runner.end_of(name)
    head, tail = runner.get(name)["log"]
    assert (head["first_line"], len(head["lines"])) == (0, 2000)
    assert (tail["first_line"], len(tail["lines"])) == (15_000, 5000)
    assert tail["lines"][-1] == "line 19999"


def test_the_log_of_a_running_run(runner: Runner):
    name = runner.launch(standin(print_lines=3, sleep_s=30))
    lines = ["line 0", "line 1", "line 2"]
    wait_for(lambda: runner.get(name)["log"] == [{"first_line": 0, "lines": lines}])
    runner.delete(name)


TOKEN = "tok" + "en-of-this-run-0123456789"


def test_reports_reach_the_hub_and_the_token_not_the_child(
    runner: Runner, stores, request_body, tmp_path: Path
):
    """A small HTTP server stands for the hub."""
    reports = []

    class Hub(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reports.append((self.headers["Authorization"], body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    report = {"url": f"http://127.0.0.1:{server.server_port}/x", "token": TOKEN}
    try:
        seen = tmp_path / "seen"
        name = runner.launch(standin(print_lines=2, until=str(seen)), report=report)
        _, child = runner.pids_of(name)
        wait_for(lambda: len(reports) >= 1)
        assert not memory_holds(child, TOKEN.encode())
        assert not memory_holds(runner.process.pid, TOKEN.encode())
        assert TOKEN not in folder_text(runner.runs / name)
        seen.touch()
        runner.end_of(name)
        wait_for(lambda: reports[-1][1]["sender"] == "on_end")
        assert {token for token, _ in reports} == {f"Bearer {TOKEN}"}
        assert reports[-1][1]["state"]["progress"] == 1
        reports.clear()
        payload = {"kind": "cubegen", "request": request_body, "stores": stores}
        runner.end_of(runner.launch(payload, report=report))
        wait_for(lambda: reports and reports[-1][1]["sender"] == "on_end")
        assert reports[-1][1]["state"]["label"].startswith("Generating cube")
        assert "Cube generated" in str([body.get("output") for _, body in reports])
    finally:
        server.shutdown()
        server.server_close()


def test_an_unreachable_hub_does_not_delay_the_end(runner: Runner):
    """Not even by half of the pauses between the tries to report it."""

    def took(report: dict[str, str] | None) -> float:
        started = time.monotonic()
        run = runner.end_of(runner.launch(standin(), report=report))
        assert run["phase"] == "SUCCEEDED"
        return time.monotonic() - started

    unreachable = {"url": "http://127.0.0.1:9/x", "token": TOKEN}
    wait_for(lambda: took(unreachable) - took(None) < sum(END_PAUSES_S) / 2, "quick end")


def memory_holds(pid: int, needle: bytes) -> bool:
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, access = line.split()[:2]
            first, last = (int(edge, 16) for edge in span.split("-"))
            if access[:2] != "rw" or "[v" in line:
                continue
            try:
                memory.seek(first)
                if needle in memory.read(last - first):
                    return True
            except OSError:
                continue
    return False


def folder_text(folder: Path) -> str:
    return "".join(p.read_text(errors="replace") for p in folder.rglob("*") if p.is_file())


def test_nothing_leaks_in_fifty_runs(runner: Runner):
    def fds() -> int:
        return len(os.listdir(f"/proc/{runner.process.pid}/fd"))

    runner.end_of(runner.launch(standin()))
    before = fds()
    names = [runner.launch(standin()) for _ in range(50)]
    for name in names:
        assert runner.end_of(name)["phase"] == "SUCCEEDED"
        wait_for(lambda name=name: runner.delete(name) in (200, 404))
    wait_for(lambda: fds() <= before)
    pid = runner.process.pid
    wait_for(lambda: not any_zombie(pid))
    wait_for(lambda: len(linux.children(pid)) <= 3 + len(runner.list()["runs"]))
