"""`manage.py start`: what it tells, how it keeps the parts alive, how it ends."""

from __future__ import annotations

import os
import re
import signal

import pytest

from .hubprocess import START_WITHIN_S, get, listening

pytestmark = pytest.mark.processes


def test_it_tells_where_everything_is(hub):
    line = hub.wait_for("is ready: ")
    api, docs, admin, health = re.findall(r"http://localhost:\d+/[^\s,)]*", line)
    assert api.endswith("/api/v2")
    assert get(docs)[0] == 200
    assert get(admin)[0] == 200
    assert get(health)[0] == 200
    assert "Bringing the database up to date" in hub.output


def test_each_line_tells_its_part_and_has_no_colour_in_a_file(hub):
    assert "\x1b" not in hub.output
    assert all(re.match(r"(hub|web|worker|observer) +│ ", line) for line in hub.output.splitlines())


def test_a_second_start_on_the_same_folder_is_refused(hub, start_hub):
    second = start_hub("--port", "0", data_dir=hub.data_dir)
    assert second.end() == 1
    assert f"The hub is running on {hub.data_dir} already" in second.output
    assert f"(process {hub.process.pid})" in second.output
    assert "Traceback" not in second.output


@pytest.mark.parametrize("part", ["web", "worker", "observer"])
def test_a_part_that_is_killed_comes_back(hub, part):
    url = re.search(r"http://\S+/health/ready", hub.output)[0]
    before = hub.until(lambda: hub.part(part), part, within_s=START_WITHIN_S)
    group = [pid for pid, _ in hub.left() if _group(pid) == before]
    os.kill(before, signal.SIGKILL)
    hub.wait_for(f"{part} was ended by SIGKILL; it starts again in 0.5 s")
    hub.until(lambda: hub.part(part) not in (None, before), f"new {part}", within_s=START_WITHIN_S)
    hub.until(
        lambda: not {pid for pid, _ in hub.left()} & set(group), "end of its children", within_s=5
    )
    hub.until(lambda: _answers(url), "answer of web", within_s=START_WITHIN_S)


def test_one_ctrl_c_stops_all_and_leaves_nothing(hub):
    os.killpg(hub.process.pid, signal.SIGINT)
    assert hub.end() == 0
    assert hub.left() == []
    assert hub.output.endswith("│ Stopped.\n")
    assert "killed" not in hub.output
    assert "Traceback" not in hub.output


def test_the_parts_end_when_start_is_killed(start_hub):
    hub = start_hub("--without", "runner", "--port", "0")
    hub.wait_for("is ready: ")
    assert len(hub.left()) > 3
    hub.process.kill()
    hub.wait_until_gone()


def test_without_xcube_the_rest_starts_and_the_message_tells_what_to_do(start_hub):
    hub = start_hub("--only", "web,runner", "--port", "0", XCUBE_HUB_XCUBE_PYTHON="/nowhere/python")
    hub.wait_for("is ready: ")
    assert "There is no xcube at /nowhere/python" in hub.output
    assert "`make xcube`" in hub.output
    hub.process.terminate()
    assert hub.end() == 0
    assert hub.left() == []


def test_a_port_in_use_is_told_in_a_sentence(start_hub):
    with listening() as taken:
        port = taken.getsockname()[1]
        hub = start_hub("--port", str(port))
        assert hub.end() == 1
    assert hub.output.startswith(f"Port {port} is in use by another program.")
    assert f"start --port {port + 1}" in hub.output
    assert hub.output.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["--port", "99999"], {}, "99999 is not a port"),
        (["--address", "192.0.2.1"], {}, "192.0.2.1 is not an address of this machine"),
        ([], {"XCUBE_HUB_WEB_WORKERS": "0"}, "XCUBE_HUB_WEB_WORKERS is 0; it must be 1 or more"),
        (["--only", "web", "--without", "web"], {}, "No part of the hub is left to run"),
        (
            ["--port", "0"],
            {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/none"},
            "The database cannot be used",
        ),
    ],
    ids=["port", "address", "setting", "parts", "database"],
)
def test_what_is_wrong_is_told_before_anything_starts(start_hub, arguments, environment, told):
    hub = start_hub(*arguments, **environment)
    assert hub.end() == 1
    assert told in hub.output
    assert "Traceback" not in hub.output
    assert "Starting" not in hub.output


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _answers(url: str) -> bool:
    try:
        return get(url)[0] == 200
    except OSError:
        return False
