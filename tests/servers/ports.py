"""Free ports on loopback."""

from __future__ import annotations

import errno
import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

LOWEST, HIGHEST = 20_000, 32_000
"""Below what Linux gives to whoever asks for any port, or calls out from one."""
_kept: list[IO[bytes]] = []


def free_port() -> int:
    """A port for a server that starts later, which no other test takes meanwhile.

    A server may need half a minute until it listens. So the port is kept for this process by a
    lock, and it is none that the system gives away by itself.
    """
    folder = Path(tempfile.gettempdir()) / f"xcube-hub-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for port in random.sample(range(LOWEST, HIGHEST), 1000):
        lock = (folder / str(port)).open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        if _is_free(port):
            _kept.append(lock)
            return port
        lock.close()
    raise RuntimeError(f"no port between {LOWEST} and {HIGHEST} is free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True
