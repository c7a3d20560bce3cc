"""How a supervisor tells the zygote that its run has changed: a datagram with the name.

Only a hint (the folder is the truth, the process's end comes in any case), so
it may be lost, and the zygote may be another one than at the start.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def _short(root: Path) -> Iterator[str]:
    """A socket's address has at most 107 bytes; a folder's may be longer."""
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/.notify"
    finally:
        os.close(fd)


def listen(root: Path) -> socket.socket:
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.setblocking(False)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(root / ".notify")
    with _short(root) as address:
        receiver.bind(address)
    os.chmod(root / ".notify", 0o600)
    return receiver


def tell(root: Path, name: str) -> None:
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with contextlib.suppress(OSError), _short(root) as address, sender:
        sender.setblocking(False)
        sender.sendto(name.encode(), address)
