"""What a forked viewer inherits: none of its parent's files, threads and variables, no secret."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.missing import missing

from .runnerprocess import Runner
from .viewerclient import TILE, Viewers, fetch, workload

pytestmark = pytest.mark.xcube

OTHERS, OF_FILE, OWN = "0thers-s3cret-key", "f1le-s3cret-key", "my-own-s3cret-key"
OF_RUNNER = "runner-s3cret-key"


@pytest.fixture
def planted(own_runner: Runner, tmp_path: Path) -> Iterator[Viewers]:
    """A runner whose environment holds a secret, and a file that it inherited another."""
    secret = tmp_path / "secret"
    secret.write_text(OF_FILE)
    own_runner.environment = {"DATABASE_PASSWORD": OF_RUNNER}
    with secret.open("rb") as stream:
        own_runner.inherited = (stream.fileno(),)
        viewers = Viewers(own_runner.start())
    assert any(link == str(secret) for link in _files(own_runner.process.pid))
    yield viewers


def with_key(root: Path, key: str) -> dict:
    """A workload with a secret in its environment and in the parameters of a store."""
    work = workload(root, env={"KEY": key})
    params = {"root": "b", "storage_options": {"anon": False, "key": "k", "secret": key}}
    work["payload"]["config"]["DataStores"].append(
        {"Identifier": "s", "StoreId": "memory", "StoreParams": params, "Datasets": [{"Path": "x"}]}
    )
    return work


def memory_holds(pid: int, *secrets: str) -> set[str]:
    """Those of the secrets that the readable memory of a process holds."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            place = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if place is None or "[v" in line:
                continue
            start, end = (int(part, 16) for part in place.groups())
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue
            found |= {secret for secret in secrets if secret.encode() in data}
    return found


def test_no_secret_of_others_is_found_in_a_viewer(planted, demo_root):
    if os.geteuid() != 0:
        missing("reading the memory of another process needs root: run the tests as root")
    other, mine = with_key(demo_root, OTHERS), with_key(demo_root, OWN)
    planted.put(other)
    planted.until(other["name"], "RUNNING")
    planted.put(mine)
    planted.until(mine["name"], "RUNNING")
    assert fetch(planted.socket(mine["name"]), TILE)[0] == 200
    child, supervisor = planted.child(mine["name"]), planted.supervisor(mine["name"])

    everything = (OTHERS, OF_FILE, OF_RUNNER, OWN, "hub-secret")
    assert memory_holds(child, *everything) == {OWN}
    assert memory_holds(supervisor, *everything) == set()
    for pid in (child, supervisor, planted.runner.process.pid):
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert not any(secret.encode() in environment for secret in everything)
    for pid in (child, supervisor):
        maps = Path(f"/proc/{pid}/maps").read_text()
        assert other["name"] not in maps and "secret" not in maps


def test_files_sockets_and_threads_of_the_parent_are_not_inherited(planted, demo_root):
    other, mine = workload(demo_root), workload(demo_root)
    for work in (other, mine):
        planted.put(work)
        planted.until(work["name"], "RUNNING")
    runner = planted.runner.process.pid
    child, supervisor = planted.child(mine["name"]), planted.supervisor(mine["name"])
    listener = _inode(planted.socket(mine["name"]))
    held = _sockets(runner)
    assert listener in held and len(held) > 3
    for pid in (supervisor, child):
        assert _sockets(pid) & held == {listener}
        links = _files(pid)
        assert not any(".lock" in link or "secret" in link for link in links), links
        assert not any(other["name"] in link for link in links)
    # One thread was forked; the server's own came afterwards.
    assert len(os.listdir(f"/proc/{supervisor}/task")) == 1
    assert os.readlink(f"/proc/{child}/cwd") == str(planted.folder(mine["name"]) / "home")
    assert os.readlink(f"/proc/{child}/fd/0") == os.devnull


def test_the_private_folder_is_closed_and_named_by_the_environment(planted, demo_root):
    work = workload(demo_root, env={"OWN_VARIABLE": "1"})
    planted.put(work)
    planted.until(work["name"], "RUNNING")
    home = planted.folder(work["name"]) / "home"
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "tmp").is_dir()
    assert planted.socket(work["name"]).stat().st_mode & 0o777 == 0o600


def _files(pid: int) -> list[str]:
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            continue
    return found


def _sockets(pid: int) -> set[str]:
    return {link for link in _files(pid) if link.startswith("socket:")}


def _inode(path: Path) -> str:
    """The name, as /proc/PID/fd shows it, of the listening socket at a path."""
    for line in Path("/proc/net/unix").read_text().splitlines():
        parts = line.split()
        # The kernel keeps the path under which it was bound.
        if parts[-1] in (str(path), f"{path}.new") and parts[3] == "00010000":
            return f"socket:[{parts[6]}]"
    raise AssertionError(f"no socket at {path}")
