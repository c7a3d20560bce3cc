"""A real PostgreSQL server in a throw-away cluster, on loopback."""

from __future__ import annotations

import getpass
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.patience import PATIENCE_S

from .missing import missing
from .ports import free_port

SETTINGS = {
    "max_connections": 300,
    "fsync": "off",  # it is thrown away; what is tested is concurrency
    "listen_addresses": "127.0.0.1",
}


@contextmanager
def postgresql_server(*, syncs_commits: bool = False) -> Iterator[str]:
    """The URL of an empty database whose user may make others.

    `syncs_commits`: as in production, for what measures.
    """
    programs, settings = _programs(), dict(SETTINGS)
    folder = Path(tempfile.mkdtemp(prefix="xcube-hub-postgresql-"))
    server = None
    try:
        account = _account()
        password, port = secrets.token_hex(16), free_port()
        secret = folder / "password"
        secret.write_text(password)
        _own(folder, account)
        subprocess.run(
            [
                programs / "initdb",
                *("--pgdata", folder / "data", "--username", "hub", "--auth", "scram-sha-256"),
                *("--pwfile", secret, "--encoding", "UTF8", "--no-sync"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **account,
        )
        if syncs_commits:
            settings["fsync"] = "on"
        options = {**settings, "port": port, "unix_socket_directories": str(folder)}
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [
                    programs / "postgres",
                    *("-D", folder / "data"),
                    *(part for item in options.items() for part in ("-c", "{}={}".format(*item))),
                ],
                stdout=log,
                stderr=log,
                cwd=folder,
                **account,
            )
        url = f"postgres://hub:{password}@127.0.0.1:{port}/postgres"
        _wait(server, url, folder / "log")
        yield url
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)  # a fast shutdown
            server.wait(timeout=PATIENCE_S)
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    """The folder of the server's programs: Debian keeps them off the PATH."""
    found = shutil.which("postgres")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if os.access(folder / "initdb", os.X_OK):
            return folder
    return missing("PostgreSQL is not installed: on Debian, apt-get install postgresql")


def _account() -> dict[str, Any]:
    """As whom it runs: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError(f"no account to run PostgreSQL as, but {getpass.getuser()}")


def _own(folder: Path, account: dict[str, Any]) -> None:
    if account:
        for path in (folder, *folder.iterdir()):
            os.chown(path, account["user"], account["group"])


def _wait(server: subprocess.Popen, url: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended: {log.read_text(errors='replace')[-2000:]}")
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("PostgreSQL did not start within 60 s")
