"""The edge as a process: its command line, its secret, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from services.edge.__main__ import read_options
from services.edge.limits import LIMITS
from tests.patience import PATIENCE_S
from tests.servers.ports import free_port

from .standins import INSTANCE, SECRET, SESSION, Hub, instance_on
from .world import run, until, world

CHECKOUT = Path(__file__).resolve().parents[3]
GOOD = {
    "--listen": "127.0.0.1:0",
    "--hub": "http://127.0.0.1:8080",
    "--public-url": "http://*.localhost:8081",
}


def _arguments(**changes: str) -> list[str]:
    given = GOOD | {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    return [part for pair in given.items() for part in pair]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"listen": "8081"}, "--listen: expected an address and a port"),
        ({"listen": "127.0.0.1:99999"}, "--listen: expected an address and a port"),
        ({"hub": "127.0.0.1:8080"}, "--hub: expected a URL"),
        ({"public_url": "https://example.org/path"}, "--public-url: expected a URL"),
        ({"public_url": "https://*.*.example.org"}, "--public-url: expected a URL"),
        ({"public_url": "ftp://example.org"}, "--public-url: expected a URL"),
        ({"secret_file": "/nowhere/at/all"}, "--secret-file: it cannot be read"),
        ({"secret_file": "/dev/null"}, "at least 32 printable characters"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_sentence(monkeypatch, capsys, changes, told):
    monkeypatch.setenv("XCUBE_HUB_EDGE_SECRET", SECRET)
    with pytest.raises(SystemExit) as ended:
        read_options(_arguments(**changes))
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_the_secret_comes_from_the_environment_or_a_file_and_stays_in_neither(
    monkeypatch, tmp_path
):
    monkeypatch.setenv("XCUBE_HUB_EDGE_SECRET", SECRET)
    assert read_options(_arguments()).secret == SECRET
    assert "XCUBE_HUB_EDGE_SECRET" not in os.environ
    (tmp_path / "secret").write_text("f" * 64 + "\n")
    assert read_options(_arguments(secret_file=str(tmp_path / "secret"))).secret == "f" * 64


def test_it_imports_nothing_of_the_hub():
    code = (
        "import sys, services.edge.__main__; print(*sorted(m.split('.')[0] for m in sys.modules))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, check=True, capture_output=True, text=True
    ).stdout
    assert not {"django", "hubsite", "jobs", "accounts", "kubernetes"} & set(printed.split())


@contextlib.asynccontextmanager
async def _process(hub: Hub, port: int):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.edge",
        *_arguments(listen=f"127.0.0.1:{port}", hub=hub.url),
        cwd=CHECKOUT,
        env={**os.environ, "XCUBE_HUB_EDGE_SECRET": SECRET},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert b"listens on" in await process.stderr.readline()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def test_sigterm_lets_a_stream_end_and_then_the_process_ends(tmp_path):
    async def test() -> bool:
        async with instance_on(tmp_path / "s") as instance:
            hub = Hub(address=instance.address)
            await hub.start()
            port = free_port()
            headers = {"Host": f"{INSTANCE}.localhost", "Cookie": f"xcube-hub={SESSION}"}
            async with (
                _process(hub, port) as process,
                aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers) as session,
            ):
                assert SECRET not in Path(f"/proc/{process.pid}/cmdline").read_text()
                loop = asyncio.get_running_loop()
                async with session.get("/stream") as stream:
                    assert await stream.content.readexactly(6) == b"first "
                    began = loop.time()
                    process.send_signal(signal.SIGTERM)
                    assert b"stops" in await process.stderr.readline()
                    instance.go_on.set()
                    try:
                        assert await stream.content.read() == b"second"
                    except aiohttp.ClientPayloadError:
                        # On a busy machine all of this may take longer than the edge waits.
                        assert loop.time() - began > LIMITS.drain_s
                async with asyncio.timeout(PATIENCE_S):
                    assert await process.wait() == 0
                assert b"Traceback" not in await process.stderr.read()
                is_in_time = loop.time() - began <= LIMITS.drain_s
            await hub.stop()
            return is_in_time

    async def until_in_time():
        while not await test():
            pass

    run(until_in_time())


def test_sigterm_does_not_wait_for_a_stream_without_end(tmp_path):
    async def test():
        async with instance_on(tmp_path / "s") as instance:
            hub = Hub(address=instance.address)
            await hub.start()
            port = free_port()
            headers = {"Host": f"{INSTANCE}.localhost", "Cookie": f"xcube-hub={SESSION}"}
            async with (
                _process(hub, port) as process,
                aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers) as session,
            ):
                stream = await session.get("/endless")
                await until(lambda: instance.sent)
                process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(PATIENCE_S):
                    assert await process.wait() == 0
                await instance.left.wait()
                stream.close()
            await hub.stop()

    run(test())


def test_metrics_are_for_those_who_know_the_secret():
    async def test():
        async with world() as w:
            url = "/.xcube-hub/metrics"
            for given in ({}, {"Authorization": "Edge wrong"}, {"Authorization": "Edge ä"}):
                assert (await w.get(url, headers=given))[0] == 404
            _, told, _ = await w.get(url, headers={"Authorization": f"Edge {SECRET}"})
            assert "xcube_hub_edge_open_requests 0\n" in told

    run(test())
