"""A real PostgreSQL server of its own, on loopback, with Debian's settings: commits are synced."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .ports import free_port

PROGRAMS = Path("/usr/lib/postgresql")
LOCALE = ("--locale=C.UTF-8", "--encoding=UTF8")


def bin_folder() -> Path | None:
    """Where its newest programs are, if it is installed."""
    found = sorted(PROGRAMS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found and _owner() else None


@contextmanager
def postgres_server(programs: Path) -> Iterator[str]:
    """The URL of an empty database; the server ends with its data."""
    owner = _owner()
    assert owner
    folder = Path(tempfile.mkdtemp(prefix="xcube-hub-postgres-"))
    try:
        shutil.chown(folder, owner)
        data, port = folder / "data", free_port()
        _run(owner, programs / "initdb", "-D", data, "-U", "hub", "--auth=trust", *LOCALE)
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        control = (programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log")
        _run(owner, *control, "-o", options, "start")
        try:
            _run(owner, programs / "createdb", "-h", "127.0.0.1", "-p", port, "-U", "hub", "hub")
            yield f"postgres://hub@127.0.0.1:{port}/hub"
        finally:
            _run(owner, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _owner() -> str | None:
    """Whom it runs as: it refuses to run as root."""
    if os.geteuid():
        return pwd.getpwuid(os.geteuid()).pw_name
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return None


def _run(owner: str, *command: object) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        user=None if os.geteuid() else owner,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # a pipe would be kept open by the server
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}")
