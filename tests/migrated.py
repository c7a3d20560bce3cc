"""The database file of a new hub with all migrations applied: made once, then copied.

To apply them takes seconds of processor time, and each test run and each hub of the tests begins
with a new database. The file is in `build`, under a name that changes with the code. What starts
without it: the hub of tests/processes/test_start.py, and all on PostgreSQL.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
FOLDER = CHECKOUT / "build" / "migrated"
NAME = "hub.sqlite3"
"""As a hub calls it in its data folder."""


def copy_database(to: Path) -> None:
    """Put the database where there is none yet."""
    to.parent.mkdir(parents=True, exist_ok=True)
    if not to.exists():
        shutil.copyfile(_database(), to)


def _database() -> Path:
    made = FOLDER / f"{_version()}.sqlite3"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("a") as lock:  # lanes and workers begin at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            for old in FOLDER.glob("*.sqlite3"):
                old.unlink()
            _make(made)
    return made


def _version() -> str:
    """Of all code and requirements: migrations may call any of it."""
    digest = hashlib.sha256(sys.version.encode())
    rooms = [CHECKOUT / name for name in ("accounts", "hubsite", "jobs", "services")]
    code = [path for room in rooms for path in room.rglob("*.py")]
    for path in (CHECKOUT / "requirements.txt", *sorted(code)):
        digest.update(f"{path.relative_to(CHECKOUT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:20]


def _make(target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        foreign = ("XCUBE_HUB_", "DJANGO_", "DATABASE_URL")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            cwd=CHECKOUT,
            env={
                **environment,
                "XCUBE_HUB_DATA_DIR": folder,
                "XCUBE_HUB_DOTENV": os.devnull,
                "XCUBE_HUB_XCUBE_PYTHON": sys.executable,  # migrations need no xcube
            },
            check=True,
        )
        with closing(sqlite3.connect(Path(folder) / NAME)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (Path(folder) / NAME).rename(target)
