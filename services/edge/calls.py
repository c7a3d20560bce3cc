"""Calls over a WebSocket: a JSON-RPC call that is not answered yet counts as an open request.

Cate computes for minutes between a call and its answer. Its app also calls `keep_alive` each 2.5 s
as long as a tab is open; that is no use, or a forgotten tab would keep its service awake for ever.
All other messages count when they pass. Messages are looked at, never changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

KEEP_ALIVE = frozenset({"keep_alive"})
"""Methods that only say that a client is there."""
MOST = 1000
"""Calls of one WebSocket that are remembered; what is beyond counts when it passes."""
_HEAD = 300
_MESSAGE = re.compile(
    r'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,15})\s*'
    r'(?:\}|,\s*"(method|response|result|error|progress)"\s*:\s*(?:"(\w{1,100})")?)'
)


class Calls:
    """The open calls of one WebSocket. `note` says that it is used, `hold` while one is open."""

    def __init__(self, *, note: Callable[[], None], hold: Callable[[bool], None]) -> None:
        self._note = note
        self._hold = hold
        self._open: set[str] = set()
        self._quiet: set[str] = set()

    def asked(self, message: str) -> None:
        """The client sends this text."""
        found = _MESSAGE.match(message[:_HEAD])
        if not found or found[2] != "method" or len(self._open) + len(self._quiet) >= MOST:
            self._note()
        elif found[3] in KEEP_ALIVE:
            self._quiet.add(found[1])
        else:
            self._note()
            self._open.add(found[1])
            self._hold(True)

    def answered(self, message: str) -> None:
        """The instance sends this text."""
        found = _MESSAGE.match(message[:_HEAD])
        if not found:
            self._note()
            return
        call, is_final = found[1], found[2] not in ("progress", "method")
        if call in self._quiet and call not in self._open:
            if is_final:
                self._quiet.discard(call)
            return
        self._note()
        if is_final and call in self._open:
            self._open.discard(call)
            if not self._open:
                self._hold(False)

    def passed(self) -> None:
        """Bytes pass, in either direction."""
        self._note()
