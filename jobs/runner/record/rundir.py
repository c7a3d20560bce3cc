"""The folder of a run: the only record of it, and the guarantee that it runs once.

The folder appears whole, because it is renamed into place. A supervisor claims it by a hard
link, which only one can make; the end is written once in the same way. A tombstone outlives
the folder, so that a late second launch of the same name runs nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..system.process import say
from .workload import is_name

TOMBSTONE_S = 24 * 3600
WRITING = "writing.json"
"""The file that says that the run has begun to write its output."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OWN_FOLDERS = (".ended", ".trash", ".incoming", ".cache")


def insistently(
    write: Callable[[], Any], *, tries: int, stop: Callable[[], bool] = lambda: False
) -> Any:
    """Call `write` once a second until it succeeds, because a full disk may have room again.

    Raises the last OSError after so many tries, or as soon as `stop` returns True.
    """
    for left in reversed(range(tries)):
        try:
            return write()
        except OSError as error:
            if left == tries - 1:
                say(f"the run's folder cannot be written yet: {error}")
            if left == 0 or stop():
                raise
            time.sleep(1)
    return None


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class RunDir:
    """The folder of one run below the runs folder."""

    def __init__(self, root: Path, name: str):
        self.root = root
        self.name = name
        self.path = root / name

    def exists(self) -> bool:
        return self.path.is_dir()

    def read(self, file: str, *, limit: int = 4 << 20) -> Any:
        """Read the JSON of a file in the folder; None if it is missing, too large or no JSON.

        Users' code may have replaced the file, even by one that never ends.
        """
        try:
            fd = os.open(self.path / file, _READ)
            with open(fd, "rb") as stream:
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    return None
                data = stream.read(limit + 1)
            return json.loads(data) if len(data) <= limit else None
        except (OSError, ValueError, RecursionError):
            return None

    def write_once(self, file: str, content: Any) -> bool:
        """Write a file atomically and durably; False, changing nothing, if it exists already."""
        temporary = self.path / f".{file}.{os.getpid()}"
        try:
            _write(temporary, content)
            os.link(temporary, self.path / file)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(self.path)
        return True

    def write(self, file: str, content: Any) -> None:
        """Write a file atomically, replacing an older one."""
        temporary = self.path / f".{file}.{os.getpid()}"
        try:
            _write(temporary, content, lasting=False)
            os.replace(temporary, self.path / file)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    def mark_deleting(self) -> None:
        (self.path / "delete").touch(mode=0o600)

    @property
    def is_deleting(self) -> bool:
        return (self.path / "delete").exists()

    def discard(self, file: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path / file)

    @property
    def has_work(self) -> bool:
        """Whether the run can still be started: the run's child removes the workload file."""
        return (self.path / "workload.json").exists()

    @property
    def has_written(self) -> bool:
        """Whether the run has begun to write its output."""
        return (self.path / WRITING).exists()

    @property
    def written_cells(self) -> int | None:
        """How many values the cube has that the run began to write; None if it wrote none."""
        noted = self.read(WRITING)
        cells = noted.get("cells") if isinstance(noted, dict) else None
        return cells if isinstance(cells, int) and not isinstance(cells, bool) else None

    @property
    def is_buried(self) -> bool:
        return (self.root / ".ended" / self.name).exists()

    def leave_tombstone(self) -> None:
        """Leave a tombstone: from now on a run of this name is over, even if there was none."""
        (self.root / ".ended" / self.name).touch(mode=0o600)
        _sync_folder(self.root / ".ended")

    def bury(self) -> Path:
        """Leave the tombstone, then move the folder away; returns where it was moved to."""
        self.leave_tombstone()
        trash = self.root / ".trash" / f"{self.name}-{time.time_ns()}"
        with contextlib.suppress(FileNotFoundError):
            os.rename(self.path, trash)
        return trash


def prepare_root(root: Path) -> None:
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in _OWN_FOLDERS:
        (root / folder).mkdir(mode=0o700, exist_ok=True)


def names(root: Path) -> list[str]:
    """The names of all runs that have a folder."""
    return sorted(name for name in os.listdir(root) if is_name(name) and (root / name).is_dir())


def create(root: Path, parts: dict[str, dict | None]) -> bool:
    """Create the folder of a run atomically; False if there is one of that name."""
    meta = parts["meta"]
    assert meta is not None
    name = meta["name"]
    new = root / ".incoming" / f"{name}-{os.getpid()}-{time.time_ns()}"
    new.mkdir(mode=0o700)
    try:
        _write(new / "meta.json", {**meta, "created_at": now()})
        _write(new / "workload.json", parts["work"])
        if parts["report"] is not None:
            _write(new / "report.json", parts["report"])
        _sync_folder(new)
        os.rename(new, root / name)
    except OSError:
        # The folder holds secrets.
        shutil.rmtree(new, ignore_errors=True)
        if not (root / name).exists():
            raise
        return False
    _sync_folder(root)
    return True


def empty_trash(root: Path) -> None:
    """Delete the remains of removed runs."""
    for entry in os.scandir(root / ".trash"):
        shutil.rmtree(entry.path, ignore_errors=True)


def clean(root: Path, *, all_incoming: bool) -> None:
    """Delete the remains of removed runs, and old tombstones.

    There may be very many tombstones, so this is called once an hour, not for each removal.
    """
    empty_trash(root)
    if all_incoming:
        for entry in os.scandir(root / ".incoming"):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)
    for entry in os.scandir(root / ".ended"):
        if time.time() - entry.stat().st_mtime > TOMBSTONE_S and not (root / entry.name).exists():
            os.unlink(entry.path)


def _write(path: Path, content: Any, *, lasting: bool = True) -> None:
    data = json.dumps(content).encode()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as stream:
        stream.write(data)
        if lasting:
            stream.flush()
            os.fsync(fd)


def _sync_folder(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
