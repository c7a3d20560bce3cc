"""Where the local engine and its runner meet, all in the data folder."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from django.conf import settings

_LONGEST_SOCKET_PATH = 100  # sun_path holds 107 bytes


def runs_dir() -> Path:
    return settings.DATA_DIR / "runs"


def control_socket() -> Path:
    return _socket("runner.sock")


def estimate_socket() -> Path:
    return _socket("estimate.sock")


def _socket(name: str) -> Path:
    """In the data folder; under the temporary folder where that path is too long for a socket."""
    path = settings.DATA_DIR / name
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(settings.DATA_DIR)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"xcube-hub-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        raise PermissionError(f"{folder} belongs to somebody else; remove it")
    return folder / name
