"""Change notifications: a supervisor sends the zygote a datagram with the run's name.

It is only a hint: the run's folder is the truth, and the zygote sees the supervisor end in any
case. So a datagram may be lost, and the zygote may have been restarted meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def _short(root: Path) -> Iterator[str]:
    """Address of the socket. It has at most 107 bytes, and a folder's path may be longer."""
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


def is_heard(root: Path) -> bool:
    """Whether a zygote listens. One that has ended leaves a socket that refuses connections."""
    asking = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        with asking, _short(root) as address:
            asking.connect(address)
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    return True


def tell(root: Path, name: str) -> None:
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with contextlib.suppress(OSError), _short(root) as address, sender:
        sender.setblocking(False)
        sender.sendto(name.encode(), address)
