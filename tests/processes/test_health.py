"""Health of a real hub while its parts stop, its disk is full, and its database is away."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from hubsite.health.heartbeat import STALE_AFTER
from tests.patience import PATIENCE_S, wait_for
from tests.servers.missing import missing
from tests.servers.postgresql import postgresql_server

from .hubprocess import START_WITHIN_S, HubProcess

pytestmark = [pytest.mark.processes, pytest.mark.xcube]

SEEN_WITHIN_S = STALE_AFTER.total_seconds() + START_WITHIN_S


def ask(hub: HubProcess, path: str, form: bytes | None = None) -> tuple[int, dict, str]:
    base = re.search(r"(http://localhost:\d+)/api/v2 ", hub.output)[1]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{base}{path}", data=form, timeout=PATIENCE_S) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read().decode()


def cube_generation(hub: HubProcess) -> dict[str, str]:
    services = json.loads(ask(hub, "/api/v2/services")[2])
    return next(s for s in services if s["name"] == "xcube_gen")


def until_all_work(hub: HubProcess) -> None:
    def do_all() -> bool:
        return ask(hub, "/health/all")[0] == 200 and cube_generation(hub)["status"] == "Ready"

    hub.until(do_all, "whole hub", within_s=SEEN_WITHIN_S)


def stop_between_writes(groups: list[int], database: Path) -> None:
    """Stop these processes where none of them holds the lock of the database.

    Otherwise the rest of the hub could write nothing, which is another fault than the one tested.
    """

    def stopped() -> bool:
        for group in groups:
            os.killpg(group, signal.SIGSTOP)
        try:
            with closing(sqlite3.connect(database, timeout=1)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.rollback()
            return True
        except sqlite3.OperationalError:
            for group in groups:
                os.killpg(group, signal.SIGCONT)
            return False

    wait_for(stopped, "moment without a write")


def until_says_no(hub: HubProcess, *parts: str) -> None:
    def found() -> bool | None:
        told = json.loads(ask(hub, "/health/ready")[2])["parts"]
        return all(not told[part]["ok"] for part in parts) or None

    def all_say_so() -> bool:
        """Parts fail one after the other: what is said may be another before the next look."""
        service = cube_generation(hub)
        return service["status"] == "Error" and service["message"] in ask(hub, "/")[2]

    hub.until(found, f"failure of {parts}", within_s=SEEN_WITHIN_S)
    hub.until(all_say_so, "the same words everywhere", within_s=SEEN_WITHIN_S)


@pytest.fixture
def small_disk(tmp_path):
    if os.geteuid() != 0:
        missing("mounting a small file system needs root: run the tests as root")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_what_stops_is_told_and_what_is_back_too(start_hub, small_disk, xcube_python):
    hub = start_hub(
        "--port",
        "0",
        data_dir=small_disk / "hub",
        XCUBE_HUB_XCUBE_PYTHON=str(xcube_python),
        XCUBE_HUB_ESTIMATORS="1",
    )
    hub.wait_for("is ready: ")
    until_all_work(hub)
    stopped = [hub.part(part) for part in ("runner", "worker", "observer")]
    stop_between_writes(stopped, hub.data_dir / "hub.sqlite3")
    until_says_no(hub, "estimator")  # at once, the others when their heartbeats are stale
    until_says_no(hub, "estimator", "worker", "follower", "engine")
    assert ask(hub, "/health/ready")[0] == 200
    for pid in stopped:
        os.killpg(pid, signal.SIGCONT)
    until_all_work(hub)

    with (small_disk / "cube").open("wb") as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(2**20))
            file.flush()
    until_says_no(hub, "disk")
    hub.until(
        lambda: ask(hub, "/health/ready")[0] == 503 or None, "database", within_s=SEEN_WITHIN_S
    )
    text = ask(hub, "/health/ready")[2]
    assert "it is full" in json.loads(text)["parts"]["database"]["message"]
    (small_disk / "cube").unlink()
    until_all_work(hub)
    assert "Traceback" not in "\n".join(
        line for line in hub.output.splitlines() if line.startswith("web ")
    )


def test_without_its_postgresql_a_hub_answers_503_and_says_so(start_hub, tmp_path):
    with postgresql_server() as url:
        hub = start_hub("--only", "web", "--port", "0", data_dir=tmp_path / "hub", DATABASE_URL=url)
        hub.wait_for("is ready: ")
        assert ask(hub, "/health/ready")[0] == 200
    hub.until(
        lambda: ask(hub, "/health/ready")[0] == 503 or None, "not ready", within_s=SEEN_WITHIN_S
    )
    form = b"grant_type=client_credentials&client_id=ada&client_secret=" + b"x" * 40
    status, headers, _ = ask(hub, "/api/v2/oauth/token", form)
    assert (status, headers["Content-Type"]) == (503, "application/problem+json")
    assert int(headers["Retry-After"]) > 0
    assert ask(hub, "/health/live")[0] == 200
    hub.wait_for("it does not answer: POST /api/v2/oauth/token")
    assert "Traceback" not in hub.output
