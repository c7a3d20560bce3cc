"""Serves by a command of this machine: starts it, and passes connections on to it.

This process inherits the service's socket, as a viewer does. The program that the command starts
listens at a socket in a private folder, or at a loopback port, and is a child of this process: it
ends with it. Its files are in a folder of its owner, which is kept when the service is removed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..system import linux
from ..system.process import say
from .folder import ServiceDir
from .home import enter

WORKSPACES = ".workspaces"
"""Beside the services' folders: one folder for each `keeps`, with the parts `home` and `files`."""
END_S = 6.0
"""So long the program may take to end; then it is killed."""
PROBE_S = 5.0
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 1.0
_PIECE = 1 << 16
_HOST = "127.0.0.1"

Report = Callable[[dict[str, Any]], None]


def workspace_of(root: Path, keeps: str) -> Path:
    """The folder that is kept between starts."""
    return root / WORKSPACES / keeps


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with each `{name}` that `values` has replaced, once; others stay as they are."""
    names = "|".join(map(re.escape, values))
    return re.sub(rf"\{{({names})\}}", lambda found: values[found[1]], text)


def serve_command(
    folder: ServiceDir, *, listener: int, work: dict[str, Any], report: Report
) -> int:
    """Run the command until it ends, or until SIGTERM; returns its exit code, 0 after SIGTERM.

    A program that was ended by a signal ends this process by the same.
    """
    kept = workspace_of(folder.root, work["command"]["keeps"])
    for part in (kept / "home", kept / "files"):
        part.mkdir(mode=0o700, parents=True, exist_ok=True)
    inner = folder.inner_socket
    inner.unlink(missing_ok=True)
    values = {
        "address": _HOST,
        "port": str(_free_port()),
        "path": work["path"],
        "socket": str(inner),
        "workspace": str(kept / "files"),
    }
    env = {**work["env"], **work["command"]["env"], "HOME": str(kept / "home")}
    enter(folder.home, {name: filled(value, values) for name, value in env.items()})
    arguments = [filled(argument, values) for argument in work["command"]["arguments"]]
    uses_socket = any("{socket}" in argument for argument in work["command"]["arguments"])
    program = _Program(
        arguments,
        folder=kept / "files",
        address=str(inner) if uses_socket else (_HOST, int(values["port"])),
        probe=f"{work['path']}{work['probe']}",
    )
    told = {name: work[name] for name in ("revision", "digest", "place")}
    code = asyncio.run(
        program.run(socket.socket(fileno=listener), ready=lambda: report({**told, "broken": {}}))
    )
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _free_port() -> int:
    """A port that nobody listens at. If another takes it first, the program is started again."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return probe.getsockname()[1]


class _Program:
    """A process that answers HTTP at `address`, and the connections that are passed on to it."""

    def __init__(
        self,
        arguments: list[str],
        *,
        folder: Path,
        address: str | tuple[str, int],
        probe: str,
    ):
        self._arguments = arguments
        self._folder = folder
        self._address = address
        self._probe = probe

    async def run(self, listener: socket.socket, *, ready: Callable[[], None]) -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, stop.set)
        for number in (signal.SIGHUP, signal.SIGUSR1):  # it reads nothing anew
            loop.add_signal_handler(number, lambda: None)
        me = os.getpid()
        process = await asyncio.create_subprocess_exec(
            *self._arguments,
            stdin=asyncio.subprocess.DEVNULL,
            cwd=self._folder,
            preexec_fn=lambda: linux.die_with_parent(me),  # noqa: PLW1509 - one thread only
        )
        ended = asyncio.create_task(process.wait())
        stopped = asyncio.create_task(stop.wait())
        serving = asyncio.create_task(self._serve(listener, ready))
        await asyncio.wait({ended, stopped, serving}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done() and not serving.cancelled() and serving.exception():
            say(f"connections cannot be passed on: {serving.exception()}")
        serving.cancel()
        if ended.done():
            return ended.result()
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await asyncio.wait({ended}, timeout=END_S)
        if not ended.done():
            say("the program was killed, because it did not end")
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await ended
        return 0 if stop.is_set() else 1

    async def _serve(self, listener: socket.socket, ready: Callable[[], None]) -> None:
        """Wait until the program answers, then take what has connected meanwhile."""
        pause = FIRST_PAUSE_S
        while not await self._answers():
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, LONGEST_PAUSE_S)
        server = await asyncio.start_unix_server(self._pass_on, sock=listener)
        ready()
        async with server:
            await server.serve_forever()

    async def _answers(self) -> bool:
        """Whether the program answers its probe with 200."""
        try:
            async with asyncio.timeout(PROBE_S):
                reader, writer = await self._connect()
                try:
                    head = f"GET {self._probe} HTTP/1.0\r\nHost: localhost\r\n\r\n"
                    writer.write(head.encode())
                    line = await reader.readline()
                finally:
                    writer.transport.abort()
        except (OSError, TimeoutError, ValueError):
            return False
        return line.split()[1:2] == [b"200"]

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._address, str):
            return await asyncio.open_unix_connection(self._address)
        return await asyncio.open_connection(*self._address)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes both ways until one side has ended; only as fast as they are taken."""
        try:
            inner_reader, inner_writer = await self._connect()
        except OSError:
            writer.transport.abort()
            return
        ways = {
            asyncio.create_task(_carry(reader, inner_writer)),
            asyncio.create_task(_carry(inner_reader, writer)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for side in (writer, inner_writer):
                side.close()
            await asyncio.gather(*ways, return_exceptions=True)


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(_PIECE):
            sink.write(data)
            await sink.drain()


def cannot_start(error: OSError, work: dict[str, Any]) -> str:
    """Why the command could not be started, for operators."""
    program = os.path.basename(work["command"]["arguments"][0])
    print(f"{program}: {error}", file=sys.stderr)
    return f"The command {program} cannot be started on this machine: {error.strerror}."
