"""The folder of a service: what it shall be, what it is, its socket and its private home.

`meta.json` says what shall be; `work-<digest>.json` holds the payload, which only the service's
own process reads; `supervisor.json` is the claim of its supervisor, `state.json` what that one
reports. A boot of the machine clears the folders, because nothing runs any more.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

from ..record import rundir
from ..record.rundir import RunDir
from ..system import linux

_LONGEST_SOCKET_PATH = 100  # sun_path holds 107 bytes, and a socket is bound under a longer name
_BACKLOG = 512
_WORK_BYTES = 64 << 20


class ServiceDir(RunDir):
    """The folder of one service below the services folder."""

    def store(self, parts: dict[str, dict[str, Any]]) -> None:
        """Make what shall be that of `parts`; readers see the old or the new, never a mixture."""
        meta = {**parts["meta"], "boot_id": linux.boot_id()}
        work = f"work-{meta['digest']}.json"
        if not self.exists():
            self._create(meta, work, parts["work"])
            return
        if not (self.path / work).exists():
            self.write(work, parts["work"])
        self.write("meta.json", meta)
        for old in self.path.glob("work-*.json"):
            if old.name != work:
                old.unlink(missing_ok=True)

    def _create(self, meta: dict[str, Any], work: str, content: dict[str, Any]) -> None:
        new = RunDir(self.root / ".incoming", f"{self.name}-{os.getpid()}-{time.time_ns()}")
        new.path.mkdir(mode=0o700)
        try:
            new.write(work, content)
            new.write("meta.json", meta)
            os.rename(new.path, self.path)
        except OSError:
            # The folder holds secrets.
            shutil.rmtree(new.path, ignore_errors=True)
            raise

    def read_work(self) -> dict[str, Any]:
        """What to serve now: {"revision", "digest", "path", "probe", "payload", "env"}.

        Raises FileNotFoundError if there is none.
        """
        for _ in range(5):
            meta = self.read("meta.json")
            if meta is None:
                break
            work = self.read(f"work-{meta['digest']}.json", limit=_WORK_BYTES)
            if work is not None:
                return {**meta, **work}
            # A new revision was written between the two reads.
            time.sleep(0.02)
        raise FileNotFoundError(f"{self.name} has no workload")

    @property
    def is_of_this_boot(self) -> bool:
        return (self.read("meta.json") or {}).get("boot_id") == linux.boot_id()

    @property
    def home(self) -> Path:
        return self.path / "home"

    @property
    def socket(self) -> Path:
        """The path of its socket, in the folder, or temporary if that path is too long."""
        path = self.path / "http.sock"
        if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
            return path
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:24]
        return _short_folder() / f"{digest}.sock"

    @property
    def inner_socket(self) -> Path:
        """The path of the socket that a command may listen at, behind the other one."""
        return self.socket.with_suffix(".inner")

    def listen(self) -> socket.socket:
        """Bind its socket, in place of an earlier one, without a moment in which none is there."""
        path = self.socket
        if path.parent != self.path:
            _make_short_folder(path.parent)
        new = path.with_name(f"{path.name}.new")
        new.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(new))
            os.chmod(new, 0o600)
            listener.listen(_BACKLOG)
            os.rename(new, path)
        except OSError:
            listener.close()
            raise
        return listener

    def unlink_socket(self) -> None:
        for path in (self.socket, self.inner_socket):
            with contextlib.suppress(OSError):
                path.unlink()

    def bury(self) -> Path:
        self.unlink_socket()
        return super().bury()

    def forget(self) -> None:
        """Move the folder away without a tombstone: the service may come again."""
        self.unlink_socket()
        with contextlib.suppress(FileNotFoundError):
            os.rename(self.path, self.root / ".trash" / f"{self.name}-{time.time_ns()}")


def names(root: Path) -> list[str]:
    return rundir.names(root)


def _short_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"xcube-hub-services-{os.getuid()}"


def _make_short_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else; remove it")
