"""Viewers under faults: kills, crashes, too much memory, full disks, restarts of the runner."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.runner.system import linux
from tests.servers.missing import missing

from .runnerprocess import Runner, is_running, kill, open_socket, wait_for
from .viewerclient import TILE, Viewers, fetch, ids, workload

pytestmark = pytest.mark.xcube


@pytest.fixture
def viewers(runner) -> Viewers:
    return Viewers(runner)


@pytest.fixture(scope="module")
def killed_runner(xcube_python: Path) -> Iterator[Runner]:
    """A runner for tests that end it: one after the other, because each start is dear."""
    runner = Runner(str(xcube_python), "--estimators", "1").start()
    yield runner
    runner.close()


@pytest.fixture
def own(killed_runner: Runner) -> Iterator[Viewers]:
    if killed_runner.process.poll() is not None:
        killed_runner.start()
    viewers = Viewers(killed_runner)
    yield viewers
    if killed_runner.process.poll() is None:
        for name in viewers.names():
            remove(viewers, name)


@pytest.fixture
def shown(viewers: Viewers, demo_root: Path) -> Iterator[dict]:
    work = workload(demo_root)
    viewers.put(work)
    viewers.until(work["name"], "RUNNING")
    yield work
    remove(viewers, work["name"])


def remove(viewers: Viewers, name: str) -> None:
    viewers.delete(name)
    viewers.until_gone(name)


def nothing_is_left(viewers: Viewers) -> bool:
    """Whether no process, folder or socket of a service is there."""
    root = viewers.runner.services
    folders = [path.name for path in root.iterdir() if not path.name.startswith(".")]
    hidden = [*(root / ".incoming").iterdir(), *(root / ".trash").iterdir()]
    held = [
        pid
        for pid, _ in linux.all_processes()
        if any(str(root) in target for target in _opened(pid))
    ]
    others = set(held) - {viewers.runner.process.pid}
    return not folders and not hidden and not others


def _opened(pid: int) -> list[str]:
    try:
        return [os.readlink(f"/proc/{pid}/cwd")]
    except OSError:
        return []


def test_a_killed_server_is_started_again_until_it_is_a_loop(viewers, shown):
    name = shown["name"]
    for restarts in (1, 2, 3):
        child = viewers.child(name)
        kill(child)
        wait_for(lambda child=child: viewers.child(name) != child)
        assert ids(viewers.socket(name)) == ["demo~demo.zarr"]
        wait_for(lambda n=restarts: viewers.get(name)["restarts"] == n)
    kill(viewers.child(name))
    fact = viewers.until(name, "FAILED")
    assert fact["reason"] == "CRASH_LOOP" and "SIGKILL" in fact["message"]
    assert fact["address"] == ""
    wait_for(lambda: not (viewers.folder(name) / "http.sock").exists())


def test_a_killed_supervisor_takes_its_server_with_it_and_both_come_again(viewers, shown):
    name = shown["name"]
    child, supervisor = viewers.child(name), viewers.supervisor(name)
    kill(supervisor)
    wait_for(lambda: not is_running(child))
    assert fetch(viewers.socket(name), TILE)[0] == 200
    assert viewers.supervisor(name) != supervisor
    assert viewers.until(name, "RUNNING")["restarts"] == 1


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_viewers_outlive_the_runner(own, demo_root, end):
    awake, asleep = workload(demo_root), workload(demo_root, is_asleep=True)
    for work in (awake, asleep):
        own.put(work)
    own.until(awake["name"], "RUNNING")
    child, socket = own.child(awake["name"]), own.socket(awake["name"])
    getattr(own.runner, end)()
    assert fetch(socket, TILE)[0] == 200
    own.runner.start()
    assert own.child(awake["name"]) == child
    assert own.until(awake["name"], "RUNNING")["restarts"] == 0
    assert own.get(asleep["name"])["phase"] == "ASLEEP"
    assert fetch(own.socket(asleep["name"]), TILE)[0] == 200
    # The runner that has adopted it can change it, and put it to sleep at the same address.
    sleeping = own.change(awake, is_asleep=True)
    wait_for(lambda: not is_running(child))
    assert own.socket(awake["name"]) == socket
    assert fetch(socket, TILE)[0] == 200
    own.change(sleeping, is_asleep=False)
    own.until(awake["name"], "RUNNING")
    for work in (awake, asleep):
        remove(own, work["name"])
    wait_for(lambda: nothing_is_left(own))


def test_viewers_that_no_runner_and_no_one_uses_end_and_come_again(own_runner, demo_root):
    own_runner.options = (*own_runner.options, "--alone-limit", "1")
    own = Viewers(own_runner.start())
    unused, used = workload(demo_root), workload(demo_root)
    for work in (unused, used):
        own.put(work)
        own.until(work["name"], "RUNNING")
    pids = {w["name"]: (own.child(w["name"]), own.supervisor(w["name"])) for w in (unused, used)}
    with open_socket(own.socket(used["name"])):
        own.runner.kill()
        wait_for(lambda: not any(is_running(pid) for pid in pids[unused["name"]]))
        assert all(is_running(pid) for pid in pids[used["name"]])
    wait_for(lambda: not any(is_running(pid) for pid in pids[used["name"]]))
    assert (own.folder(unused["name"]) / "meta.json").exists()

    own.runner.start()
    for work in (unused, used):
        fact = own.until(work["name"], "RUNNING")
        assert (fact["revision"], fact["restarts"], fact["reason"]) == (1, 0, None)
        assert fetch(own.socket(work["name"]), TILE)[0] == 200
        remove(own, work["name"])
    wait_for(lambda: nothing_is_left(own))


def test_viewers_end_soon_when_runner_and_folder_are_gone(own, demo_root):
    work = workload(demo_root)
    own.put(work)
    own.until(work["name"], "RUNNING")
    pids = own.child(work["name"]), own.supervisor(work["name"])
    own.runner.kill()
    shutil.rmtree(own.runner.services)
    wait_for(lambda: not any(is_running(pid) for pid in pids))


def test_a_change_while_there_is_no_runner_is_seen_by_the_next(own, demo_root):
    work = workload(demo_root)
    name = work["name"]
    own.put(work)
    own.until(name, "RUNNING")
    own.runner.kill()
    meta = json.loads((own.folder(name) / "meta.json").read_text())
    (own.folder(name) / "meta.json").write_text(json.dumps({**meta, "revision": 9}))
    own.runner.start()
    assert own.until(name, "RUNNING")["revision"] == 9


def test_a_boot_clears_services_and_the_hub_may_apply_them_again(own, demo_root):
    work = workload(demo_root, is_asleep=True)
    name = work["name"]
    own.put(work)
    own.runner.kill()
    meta = own.folder(name) / "meta.json"
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "boot_id": "before"}))
    own.runner.start()
    assert own.names() == []
    wait_for(lambda: nothing_is_left(own))
    assert own.put(work)["state"] == "created"
    remove(own, name)
    assert own.put(work)["state"] == "ended"


def test_too_much_memory_ends_a_server_with_the_reason(viewers, demo_root):
    work = workload(demo_root, memory_bytes=1 << 20)
    viewers.put(work)
    fact = viewers.until(work["name"], "FAILED")
    assert fact["reason"] == "OUT_OF_MEMORY" and "1 MiB" in fact["message"]
    remove(viewers, work["name"])


def test_delete_while_it_starts(own, demo_root):
    for round_ in range(4):
        work = workload(demo_root)
        own.put(work)
        if round_ % 2:
            own.supervisor(work["name"])
        assert own.delete(work["name"]) in (200, 202)
        own.until_gone(work["name"])
    assert own.delete("unknown") == 404
    assert own.put({**workload(demo_root), "name": "unknown"})["state"] == "ended"
    wait_for(lambda: nothing_is_left(own))


def test_open_requests_are_finished_when_it_falls_asleep(viewers, shown):
    name = shown["name"]
    socket, child = viewers.socket(name), viewers.child(name)
    answers, stop = [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answers.append(fetch(socket, TILE)[0])

    askers = [threading.Thread(target=ask) for _ in range(4)]
    for asker in askers:
        asker.start()
    wait_for(lambda: len(answers) > 20)
    viewers.change(shown, is_asleep=True)
    wait_for(lambda: not is_running(child))
    before = len(answers)
    wait_for(lambda: len(answers) > before + 20)
    stop.set()
    for asker in askers:
        asker.join()
    assert set(answers) == {200}


def test_a_connection_that_asks_nothing_delays_no_one(viewers, shown):
    silent = [open_socket(viewers.socket(shown["name"])) for _ in range(50)]
    assert fetch(viewers.socket(shown["name"]), TILE)[0] == 200
    for sock in silent:
        sock.close()


def test_twenty_viewers_that_sleep_and_wake_at_random(own, demo_root):
    works = {work["name"]: work for work in (workload(demo_root) for _ in range(20))}
    for name in works:
        works[name]["is_asleep"] = True
        own.put(works[name])
    chance = random.Random(20)
    for _ in range(40):
        name = chance.choice(list(works))
        works[name] = own.change(works[name], is_asleep=not works[name]["is_asleep"])
        other = chance.choice(list(works))
        assert fetch(own.socket(other), "/datasets")[0] == 200
    for name, work in works.items():
        works[name] = own.change(work, is_asleep=True)
    for name in works:
        assert own.get(name)["phase"] == "ASLEEP"
    pid = own.runner.process.pid
    wait_for(lambda: not (own.runner.services / name / "child.json").exists())
    wait_for(lambda: not any(_is_below(own, child) for child in linux.children(pid)))
    for name in works:
        own.delete(name)
    for name in works:
        own.until_gone(name)
    wait_for(lambda: nothing_is_left(own))


def _is_below(viewers: Viewers, pid: int) -> bool:
    """Whether this process is the supervisor of a service."""
    claims = viewers.runner.services.glob("*/supervisor.json")
    return pid in {json.loads(claim.read_text())["pid"] for claim in claims}


def test_a_full_disk_is_a_clear_error(xcube_python, demo_root):
    if os.geteuid() != 0:
        missing("mounting a small file system needs root: run the tests as root")
    runner = Runner(str(xcube_python), "--estimators", "0")
    runner.services.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(runner.services)]
    subprocess.run(mount, check=True)
    ballast = runner.services / ".ballast"
    try:
        viewers = Viewers(runner.start())
        work = workload(demo_root)
        room = os.statvfs(runner.services)
        ballast.write_bytes(b"x" * (room.f_bavail * room.f_bsize))
        assert viewers.try_put(work) == (507, {"error": "No space left on the runner's disk."})
        assert list((runner.services / ".incoming").iterdir()) == []
        assert viewers.names() == []
        ballast.unlink()
        viewers.put(work)
        assert fetch(viewers.socket(work["name"]), TILE)[0] == 200
        remove(viewers, work["name"])
        # The viewer's program would fill this disk, also a part of it, and no service could start.
        wait_for(lambda: "program is not published" in runner.log.read_text())
        assert list((runner.services / ".cache").glob("viewer.json*")) == []
    finally:
        ballast.unlink(missing_ok=True)
        runner.close()
        subprocess.run(["umount", str(runner.services)], check=True)
        subprocess.run(["rm", "-rf", str(runner.root)], check=True)
