"""Paths of the runner's sockets and files, in the data folder."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from django.conf import settings

_LONGEST_SOCKET_PATH = 100  # sun_path holds 107 bytes


def runs_dir() -> Path:
    return settings.DATA_DIR / "runs"


def services_dir() -> Path:
    return settings.DATA_DIR / "services"


def viewer_files() -> Path:
    """Where the runner writes the viewer's program, for the edge."""
    return services_dir() / ".cache" / "viewer.json"


def control_socket() -> Path:
    return _socket("runner.sock")


def estimate_socket() -> Path:
    return _socket("estimate.sock")


def stores_socket() -> Path:
    """Where store readers answer."""
    return _socket("stores.sock")


def _socket(name: str) -> Path:
    """The folder of sockets: in the data folder, or temporary if that path is too long."""
    path = settings.DATA_DIR / name
    if len(os.fsencode(path)) <= _LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(settings.DATA_DIR)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"xcube-hub-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        raise PermissionError(f"{folder} belongs to somebody else; remove it")
    return folder / name
