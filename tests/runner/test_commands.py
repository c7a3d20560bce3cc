"""Services by a command of this machine, forked by the runner: a stand-in of Cate's web API."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.patience import PATIENCE_S

from .runnerprocess import is_running, wait_for
from .viewerclient import Viewers, fetch, json_of

pytestmark = pytest.mark.xcube

CATE = Path(__file__).resolve().parents[1] / "servers" / "cate.py"
AT_SOCKET = ("--socket", "{socket}")
AT_PORT = ("-p", "{port}", "-a", "{address}")
_numbers = itertools.count()


@pytest.fixture
def viewers(runner) -> Viewers:
    return Viewers(runner)


@pytest.fixture
def cate(viewers: Viewers, xcube_python: Path):
    """Makes workloads of a Cate, and removes their services afterwards."""
    made = []

    def make(*where: str, keeps: str = "", arguments: Any = None, **fields: Any) -> dict[str, Any]:
        name = f"cate-{os.getpid()}-{next(_numbers)}"
        made.append(name)
        command = [str(xcube_python), str(CATE), "-v", "-b", *(where or AT_SOCKET)]
        return {
            "name": name,
            "revision": 1,
            "path": "",
            "probe": "/",
            "memory_bytes": 200 << 20,
            "payload": {"kind": "cate_webapi", "started_at": "first"},
            "command": {
                "arguments": arguments or command,
                "env": {
                    "CATE_USER_ROOT": "{workspace}",
                    "JUPYTERHUB_SERVICE_PREFIX": "{path}/",
                    "KEPT": "{nothing} {port",
                },
                "keeps": keeps or f"{name}-kept",
            },
            **fields,
        }

    yield make
    for name in made:
        viewers.delete(name)
    for name in made:
        viewers.until_gone(name)


def rpc(socket: Path, *calls: tuple[str, list[Any]], path: str = "/api") -> list[dict[str, Any]]:
    """The answers of these calls over one WebSocket."""

    async def ask() -> list[dict[str, Any]]:
        found = []
        async with (
            asyncio.timeout(PATIENCE_S),
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(socket))) as session,
            session.ws_connect(f"http://cate{path}") as connection,
        ):
            for number, (method, params) in enumerate(calls):
                call = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
                await connection.send_str(json.dumps(call))
                while "progress" in (answer := json.loads(await connection.receive_str())):
                    pass
                found.append(answer)
        return found

    return asyncio.run(ask())


def resource(op: str, **arguments: Any) -> tuple[str, list[Any]]:
    values = {name: {"value": value} for name, value in arguments.items()}
    return "set_workspace_resource", ["/mine", op, values, "res_1", False]


def run(viewers: Viewers, work: dict[str, Any]) -> Path:
    viewers.put(work)
    viewers.until(work["name"], "RUNNING")
    return viewers.socket(work["name"])


@pytest.mark.parametrize("where", [AT_SOCKET, AT_PORT])
def test_http_and_websockets_reach_it_below_its_path(viewers, cate, where):
    socket = run(viewers, cate(*where, path="/xabc"))
    assert json_of(socket, "/xabc/")["content"]["name"] == "cate-webapi"
    assert fetch(socket, "/")[0] == 404
    made, told = rpc(
        socket, ("new_workspace", ["/mine"]), resource("wait", seconds=0), path="/xabc/api"
    )
    assert made["response"]["base_dir"] == "/mine"
    assert told["response"][1] == "res_1"
    assert fetch(socket, "/xabc/ws/res/tile/mine/res_1/0/0/0.png")[2].startswith(b"\x89PNG")


def test_it_sleeps_without_a_process_and_a_connection_wakes_it_with_its_files(viewers, cate):
    work = cate()
    socket = run(viewers, work)
    rpc(socket, ("new_workspace", ["/mine"]), ("set_preferences", [{"theme": "dark"}]))
    child = viewers.child(work["name"])
    asleep = viewers.change(work, is_asleep=True)
    viewers.until(work["name"], "ASLEEP")
    wait_for(lambda: not is_running(child), "end of the process")
    names, preferences = rpc(socket, ("list_workspace_names", []), ("get_preferences", []))
    assert names["response"] == ["mine"]
    assert preferences["response"] == {"theme": "dark"}
    viewers.change(asleep, is_asleep=False)
    viewers.until(work["name"], "RUNNING")


def test_another_start_ends_the_process_before_and_keeps_the_files(viewers, cate):
    work = cate()
    socket = run(viewers, work)
    rpc(socket, ("new_workspace", ["/mine"]))
    before = viewers.child(work["name"])
    viewers.change(work, payload={"kind": "cate_webapi", "started_at": "second"})
    wait_for(lambda: not is_running(before), "end of the process before")
    told = viewers.until(work["name"], "RUNNING")
    assert (told["revision"], told["restarts"]) == (2, 0)
    assert rpc(socket, ("list_workspace_names", []))[0]["response"] == ["mine"]


def test_files_outlive_the_service_and_belong_to_one_name(viewers, cate):
    first = cate(keeps="ann-cate")
    rpc(run(viewers, first), ("new_workspace", ["/mine"]))
    viewers.delete(first["name"])
    viewers.until_gone(first["name"])
    assert rpc(run(viewers, cate(keeps="ann-cate")), ("list_workspace_names", []))[0][
        "response"
    ] == ["mine"]
    assert (
        rpc(run(viewers, cate(keeps="an-cate")), ("list_workspace_names", []))[0]["response"] == []
    )


def test_its_memory_is_limited_and_it_starts_again(viewers, cate):
    work = cate()
    socket = run(viewers, work)
    rpc(socket, ("new_workspace", ["/mine"]))
    before = viewers.child(work["name"])

    with pytest.raises((aiohttp.ClientError, TypeError)):  # the connection breaks
        rpc(socket, resource("allocate", bytes=400 << 20), resource("wait", seconds=600))
    wait_for(lambda: not is_running(before), "end for memory")
    told = wait_for(lambda: (it := viewers.get(work["name"]))["restarts"] and it, "first restart")
    assert told["phase"] in ("PENDING", "RUNNING")
    assert viewers.until(work["name"], "RUNNING")["restarts"] == 1
    (names,) = rpc(socket, ("list_workspace_names", []))
    assert names["response"] == ["mine"]


def test_one_that_ends_by_itself_again_and_again_has_failed_with_its_log(viewers, cate):
    work = cate(arguments=["/bin/sh", "-c", "echo on {port}; exit 7"])
    viewers.put(work)
    told = viewers.until(work["name"], "FAILED")
    assert told["reason"] == "CRASH_LOOP"
    assert "exit code 7" in told["message"]
    lines = [line for chunk in told["log"] for line in chunk["lines"]]
    assert sum(line.startswith("on ") and line[3:].isdigit() for line in lines) == 4


def test_a_command_that_this_machine_does_not_have_is_told_at_once(viewers, cate):
    work = cate(arguments=["/nowhere/cate-webapi-start", "{port}"])
    viewers.put(work)
    told = viewers.until(work["name"], "FAILED")
    assert (told["reason"], told["restarts"]) == ("LAUNCH", 0)
    assert "cate-webapi-start cannot be started on this machine" in told["message"]


def test_what_a_command_has_started_ends_with_it(viewers, cate, xcube_python, tmp_path):
    pids = tmp_path / "pids"
    serve = f"{xcube_python} {CATE} --socket {{socket}}"
    script = f"sleep 1000 & echo $! > {pids}; echo $$ >> {pids}; {serve}; exit $?"
    work = cate(arguments=["/bin/sh", "-c", script])
    run(viewers, work)
    started = [int(line) for line in pids.read_text().split()]
    assert all(map(is_running, started))
    viewers.delete(work["name"])
    viewers.until_gone(work["name"])
    wait_for(lambda: not any(map(is_running, started)), "end of all processes")


@pytest.mark.parametrize(
    "command",
    [{}, [], "cate", {"arguments": [], "env": {}, "keeps": "a"},
     {"arguments": ["x"] * 201, "env": {}, "keeps": "a"},
     {"arguments": ["x", 1], "env": {}, "keeps": "a"},
     {"arguments": ["x\0"], "env": {}, "keeps": "a"},
     {"arguments": ["x"], "env": {"a=b": "c"}, "keeps": "a"},
     {"arguments": ["x"], "env": {}, "keeps": "../other"},
     {"arguments": ["x"], "env": {}, "keeps": ""},
     {"arguments": ["x"], "env": {}, "keeps": "a", "shell": True}],
)  # fmt: skip
def test_a_command_of_another_shape_is_refused(viewers, cate, command):
    status, answer = viewers.try_put({**cate(), "command": command})
    assert status == 400
    assert any(field in str(answer) for field in ("command", "env:"))
