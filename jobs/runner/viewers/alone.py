"""Whether a viewer is alone: its runner is not there, and no one is connected to it.

Viewers outlive the runner, so that a restart of the hub cuts no session. If no runner comes, no
one could put them to sleep, and they would hold their memory for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ..record import notify
from .folder import ServiceDir

ALONE_S = 300.0
"""After so many seconds without a runner a viewer ends; a restart of the hub takes less."""
LOOK_S = 5.0
_SOCKETS = Path("/proc/net/unix")
_LISTENS = 0x10000


class Alone:
    """Decides when a viewer ends because it is alone. `address`: what its socket is bound to."""

    def __init__(
        self,
        folder: ServiceDir,
        address: str,
        *,
        limit_s: float = ALONE_S,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._folder = folder
        self._address = address
        self._limit_s = limit_s
        self._clock = clock
        self._since: float | None = None
        self._look_at = 0.0

    def must_end(self) -> bool:
        """Whether it must end now; cheap, because it looks only every few seconds."""
        now = self._clock()
        if now < self._look_at:
            return False
        self._look_at = now + min(LOOK_S, self._limit_s / 4)
        if notify.is_heard(self._folder.root):
            self._since = None
            return False
        if not self._folder.exists():
            # No runner could find it any more.
            return True
        if self._since is None:
            self._since = now
        return now - self._since >= self._limit_s and not is_connected(self._address)


def is_connected(address: str) -> bool:
    """Whether someone is connected to the socket that was bound to this path."""
    ending = f" {address}"
    # Each line: Num RefCount Protocol Flags Type St Inode Path
    return any(
        line.endswith(ending) and not int(line.split(maxsplit=4)[3], 16) & _LISTENS
        for line in _SOCKETS.read_text(errors="surrogateescape").splitlines()
    )
