"""A run in a pod: what it is given, what it leaves, and that its end is always told."""

from __future__ import annotations

import io
import os
import signal
import socket
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hubsite.engines.kubernetes.pods import NO_PYTHON_EXIT
from jobs.runner.record.outcome import REFUSED_EXIT
from jobs.runner.run import bundle
from jobs.runner.run.supervisor import FOREGROUND_PATIENCE_S

from .podprocess import TOKEN, Hub, Pod
from .runnerprocess import make_workload, standin, wait_for
from .test_life import memory_holds

pytestmark = pytest.mark.xcube


@pytest.fixture
def pod(xcube_python: Path, tmp_path: Path) -> Iterator[Pod]:
    pod = Pod(str(xcube_python), tmp_path / "pod")
    yield pod
    pod.close()


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    yield hub
    hub.close()


@pytest.fixture
def cubegen(request_body, stores, pod) -> dict:
    stores["out"]["store_params"]["root"] = str(pod.scratch / "out")
    return {"kind": "cubegen", "request": request_body, "stores": stores}


def test_a_cube_is_generated_and_its_result_told_twice(pod, hub, cubegen):
    hub.answers["PUT"] = [503, 503]
    workload = make_workload(cubegen, report=hub.report)
    end = pod.run(workload)
    assert (end["exited"], end["phase"], end["reason"]) == (0, "SUCCEEDED", None), pod.log
    assert (end["name"], end["attempt"]) == (workload["name"], 1)
    assert end["started_at"] < end["finished_at"]
    assert (pod.scratch / "out" / "cube.zarr" / ".zgroup").exists()
    told = end["result"]
    assert (told["status"], told["result"]) == ("ok", {"data_id": "cube.zarr"})
    last = hub.reports[-1]
    assert last["sender"] == "on_end"
    members = {"status", "status_code", "message", "result", "versions", "made"}
    assert set(last["result"]) <= members
    assert last["result"]["made"]["files"]["sha256"]
    assert {key: last["result"][key] for key in told} == told
    assert hub.tokens == {f"Bearer {TOKEN}"}
    assert "Cube generated" in pod.log
    assert TOKEN not in pod.log


def test_a_failure_is_told_with_its_reason(pod, hub, cubegen):
    cubegen["request"]["input_config"]["data_id"] = "nix.zarr"
    end = pod.run(make_workload(cubegen, report=hub.report))
    assert (end["exited"], end["phase"], end["reason"]) == (1, "FAILED", "XCUBE_ERROR")
    assert end["message"] == 'Data resource "nix.zarr" does not exist in store'
    assert end["result"]["status"] == "error"
    assert hub.reports[-1]["result"]["versions"]["xcube"]
    assert "traceback" not in hub.reports[-1]["result"]


def test_nobody_but_the_supervisor_has_the_token(pod, hub):
    seen = pod.scratch / "seen"
    workload = make_workload(standin(until=str(seen)), report=hub.report)
    pod.start(workload)
    child = pod.child_of(workload["name"])
    wait_for(lambda: hub.reports)
    for pid in (pod.first, child):
        environ = Path(f"/proc/{pid}/environ").read_bytes()
        assert TOKEN.encode() not in environ
        assert b"XCUBE_HUB_RUN_" not in environ
    assert int(Path(f"/proc/{child}/oom_score_adj").read_text()) == 1000
    assert not memory_holds(child, TOKEN.encode())
    assert memory_holds(pod.first, TOKEN.encode()), "else this test looks in the wrong place"
    seen.touch()
    assert pod.end()["exited"] == 0


CODE = """
import json, os, pathlib, signal, time
def process_dataset(cube, message):
    print("first", os.getppid())
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL):
        os.kill(1, number)
    time.sleep(0.5)
    for file in ("environ", "mem"):
        try:
            print(file, (pathlib.Path("/proc/1") / file).read_bytes())
        except OSError as error:
            print(file, error.strerror)
    print("names", [name for name in os.environ if name.startswith("XCUBE_HUB")])
    print("given", os.environ.get("GIVEN"))
    pathlib.Path(message).write_text('{"phase": "FAILED", "reason": "LAUNCH"}' + " " * 5000)
    return cube
"""


def test_a_users_code_is_fetched_and_gets_nothing_else(pod, hub, cubegen):
    """Nor can it pretend that it was stopped from outside, which costs nothing."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("user_code.py", CODE)
    hub.code = archive.getvalue()
    hub.answers["GET"] = [503]
    cubegen["request"]["code_config"] = {
        "callable_ref": "user_code:process_dataset",
        "callable_params": {"message": str(pod.message)},
        "file_set": {"path": "uploaded.zip"},
    }
    pod.environment["GIVEN"] = "an operator's secret"
    workload = make_workload(cubegen, report=hub.report, code_url=f"{hub.address}/code")
    end = pod.run(workload, "--keep-environment")
    assert (end["exited"], end["phase"]) == (0, "SUCCEEDED"), pod.log
    assert "first 1\n" in pod.log
    for file in ("environ", "mem"):
        assert f"{file} Permission denied\n" in pod.log
    assert "names []\n" in pod.log
    assert "given None\n" in pod.log
    assert hub.tokens == {f"Bearer {TOKEN}"}
    assert TOKEN not in pod.log


SPOILS = """
import os, pathlib
def process_dataset(cube):
    run = pathlib.Path(os.environ["HOME"]).parent
    for file in ("log.json", "workload.json", "report.json"):
        (run / file).unlink(missing_ok=True)
        (run / file).mkdir()
    (run / "status.json").write_text('{"phase": "FAILED", "reason": "LOST"}')
    (run / "meta.json").write_text("7")
    (run / "failure.json").write_text("[1]")
    %s
    os._exit(%d)
"""
NO_TEXT = """(run / "result.json").write_text('{"status": "ok", "message": [1], "result": 1}')"""
NO_FILE = """os.mkfifo(run / "result.json")"""


@pytest.mark.parametrize(
    ("result", "code", "phase", "reason"),
    [(NO_TEXT, 0, "SUCCEEDED", None), (NO_FILE, 1, "FAILED", "XCUBE_ERROR")],
)
def test_no_code_can_spoil_how_its_end_is_told(pod, hub, cubegen, result, code, phase, reason):
    """The more so as what nobody knows the end of costs nothing."""
    cubegen["request"]["code_config"] = {
        "callable_ref": "user_code:process_dataset",
        "inline_code": SPOILS % (result, code),
    }
    end = pod.run(make_workload(cubegen, report=hub.report))
    assert (end["exited"], end["phase"], end["reason"]) == (code, phase, reason), pod.log
    assert hub.reports[-1]["sender"] == "on_end"


SAYS_SO_ITSELF = """
import os, pathlib, resource, time
def process_dataset(cube, message):
    for reason in ("LAUNCH", "LOST", "IMAGE"):
        pathlib.Path(message).write_text('{"phase": "FAILED", "reason": "%%s"}' %% reason)
    %s
"""
OUTLIVES = """resource.prlimit(1, resource.RLIMIT_CPU, (1, 1))
    while True: print("and on")"""
LETS_NOT_WRITE = """resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))
    os._exit(%d)"""


@pytest.mark.parametrize("ends", [OUTLIVES, *(LETS_NOT_WRITE % code for code in (1, 2, 69))])
def test_no_code_leaves_a_word_of_its_own_with_an_exit_code_that_makes_it_free(pod, cubegen, ends):
    """It may end process 1, or keep it from writing: limits may be set for all of one's own."""
    cubegen["request"]["code_config"] = {
        "callable_ref": "user_code:process_dataset",
        "inline_code": SAYS_SO_ITSELF % ends,
        "callable_params": {"message": str(pod.message)},
    }
    end = pod.run(make_workload(cubegen))
    assert end["exited"] not in (0, REFUSED_EXIT, NO_PYTHON_EXIT), pod.log


def test_code_that_is_not_given_ends_the_run_before_it_begins(pod, hub, cubegen):
    hub.answers["GET"] = [410]
    end = pod.run(make_workload(cubegen, report=hub.report, code_url=hub.address))
    assert (end["exited"], end["phase"], end["reason"]) == (2, "FAILED", "LAUNCH")
    assert "the hub says that this run is over" in end["message"]
    assert end["started_at"] is None


def test_half_a_cube_of_the_try_before_is_written_over(pod, cubegen):
    half = pod.scratch / "out" / "cube.zarr"
    half.mkdir(parents=True)
    (half / ".zgroup").write_text('{"zarr_format": 2}')
    assert pod.run(make_workload(cubegen))["reason"] == "XCUBE_ERROR"
    pod.environment["XCUBE_HUB_RUN_RETRIES"] = "1"
    again = pod.run(make_workload(cubegen))
    assert (again["exited"], again["phase"]) == (0, "SUCCEEDED"), pod.log


def test_the_lines_of_a_next_try_come_after_those_of_the_one_before(pod, hub):
    pod.environment["XCUBE_HUB_RUN_RETRIES"] = "2"
    assert pod.run(make_workload(standin(print_lines=3), report=hub.report))["exited"] == 0
    told = [report["output"] for report in hub.reports if "output" in report]
    assert told[0]["first_line"] == 2_000_000
    assert sum(len(output["lines"]) for output in told) == 3


def test_an_operators_environment_reaches_the_run_where_it_is_kept(pod, tmp_path):
    """Without --keep-environment it does not: see the test of a user's code."""
    shown = "env | grep -E '^(GIVEN|KUBE|XCUBE|OWN|HOME|PYTHONPATH)' | sort"
    folder = tmp_path / "bin"
    folder.mkdir()
    sleep = folder / "sleep"
    sleep.write_text(f"#!/bin/sh\n{shown}\n")
    sleep.chmod(0o755)
    pod.environment |= {
        "GIVEN": "yes",
        "OWN": "container's",
        "KUBERNETES_SERVICE_HOST": "10.0.0.1",
        "PATH": f"{folder}:{os.environ['PATH']}",
    }
    seen = pod.scratch / "seen"
    workload = make_workload(standin(spawn=1, until=str(seen)), env={"OWN": "workload's"})
    scratch = pod.scratch / "runs" / workload["name"] / "scratch"
    pod.start(workload, "--keep-environment")
    wait_for(lambda: "OWN=workload's\n" in pod.log, "environment")
    seen.touch()
    assert pod.end()["exited"] == 0
    found = [line for line in pod.log.splitlines() if not line.startswith("xcube-hub")]
    assert found == ["GIVEN=yes", f"HOME={scratch}", "OWN=workload's"]
    assert pod.run(make_workload(standin(spawn=1, sleep_s=0.5)))["exited"] == 0
    assert "GIVEN" not in pod.log


class TestStopped:
    def test_while_it_runs_and_nobody_hears_it(self, pod):
        """A hub that accepts and says nothing; a run that does not heed SIGTERM."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            standin_ = standin(sleep_s=600, ignore_term=True, print_lines=1)
            pod.start(make_workload(standin_, report={"url": url}))
            wait_for(lambda: "line 0" in pod.log, "line after SIGTERM is ignored")
            os.kill(pod.first, signal.SIGTERM)
            end = pod.end(timeout_s=FOREGROUND_PATIENCE_S)
        assert end["exited"] == 128 + signal.SIGKILL
        assert (end["phase"], end["reason"]) == ("FAILED", "STOPPED")

    def test_while_its_code_is_fetched(self, pod, cubegen):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            pod.start(make_workload(cubegen, report={"url": url}, code_url=url))
            silent.accept()
            os.kill(pod.first, signal.SIGTERM)
            end = pod.end(timeout_s=bundle.PATIENCE_S / 2)
        assert end["exited"] == 128 + signal.SIGTERM
        assert (end["phase"], end["reason"]) == ("FAILED", "STOPPED")

    def test_while_its_end_is_told(self, pod):
        workload = make_workload(standin(), report={"url": "http://127.0.0.1:9/"})
        pod.start(workload)
        wait_for(lambda: pod.message.read_bytes())
        os.kill(pod.first, signal.SIGTERM)
        end = pod.end(timeout_s=FOREGROUND_PATIENCE_S)
        assert (end["exited"], end["phase"]) == (0, "SUCCEEDED")


def test_all_lines_arrive_however_suddenly_they_come(pod, hub):
    end = pod.run(make_workload(standin(print_lines=3000), report=hub.report))
    assert end["exited"] == 0
    assert hub.lines == [f"line {number}" for number in range(3000)]
    assert hub.reports[-1]["sender"] == "on_end"


def test_a_result_that_the_hub_refuses_does_not_lose_the_end(pod, hub, cubegen):
    cubegen["request"]["cube_config"]["variable_names"] = ["nix"]
    workload = make_workload(cubegen, report=hub.report)
    pod.start(workload)
    wait_for(lambda: hub.reports)
    hub.answers["PUT"] = [400]
    assert pod.end()["result"]["status"] == "warning"
    assert hub.reports[-1]["sender"] == "on_end"


class TestNotStarted:
    """Whatever keeps a run from starting is told in a sentence."""

    @pytest.mark.parametrize(
        ("workload", "told"),
        [
            (b"{", "not valid JSON"),
            (b"\x1f\x8b\x08 and then nothing of the kind", "cannot be unpacked"),
            ({"name": "a-name", "attempt": 7}, "payload: must be an object"),
            ({"name": "Not A Name"}, "name: must be"),
            ([], "must be a JSON object"),
        ],
    )
    def test_a_malformed_workload(self, pod, workload, told):
        end = pod.run(workload)
        assert (end["exited"], end["phase"], end["reason"]) == (2, "FAILED", "LAUNCH")
        assert told in end["message"]
        if isinstance(workload, dict):
            assert end["name"] == workload["name"]
            assert end["attempt"] == workload.get("attempt")

    def test_a_python_without_xcube(self, pod, cubegen):
        pod.python = sys.executable
        end = pod.run(make_workload(cubegen))
        assert (end["exited"], end["reason"]) == (2, "LAUNCH")
        assert "xcube cannot be imported: ModuleNotFoundError" in end["message"]

    def test_no_place_to_write(self, pod):
        (pod.scratch / "runs").write_text("a file in its place")
        end = pod.run(make_workload(standin()))
        assert (end["exited"], end["reason"]) == (2, "LAUNCH")
        assert "cannot write" in end["message"]
