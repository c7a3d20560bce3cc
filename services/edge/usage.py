"""What is open at the edge, by whose right, and what was used last."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from .limits import LIMITS, Limits


class TooMany(Exception):
    """No further request may be opened; `by_grant` says that one browser alone has so many."""

    def __init__(self, *, by_grant: bool) -> None:
        super().__init__()
        self.by_grant = by_grant


@dataclass(eq=False, slots=True)
class Exchange:
    """One open request or WebSocket; `end` cancels the task that serves it."""

    instance: str
    grant: str
    is_websocket: bool
    task: asyncio.Task
    ended_by: Literal["", "right", "stop"] = ""
    """Why its task was cancelled by us: its right has ended, or the edge stops."""

    def end(self, by: Literal["right", "stop"]) -> None:
        if not self.ended_by:
            self.ended_by = by
            self.task.cancel()


@dataclass(slots=True)
class _Use:
    used_at: float = float("-inf")  # time.monotonic
    by: str = ""
    requests: set[Exchange] = field(default_factory=set)
    websockets: set[Exchange] = field(default_factory=set)
    computing: set[Exchange] = field(default_factory=set)
    """WebSockets over which a call waits for its answer."""
    is_reported: bool = True

    @property
    def open(self) -> int:
        """What keeps it in use without a message."""
        return len(self.requests) + len(self.computing)


class Usage:
    """Counts what is open by instance and by right, and notes what was used last.

    An open request counts as use as long as it is open, because something may be computed for it.
    An open WebSocket does so only when a message passes, and while a call over it waits for its
    answer: an idle tab keeps it open for days.
    """

    def __init__(self, *, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._uses: dict[str, _Use] = {}
        self._by_grant: defaultdict[str, set[Exchange]] = defaultdict(set)

    def open(self, *, instance: str, grant: str, by: str, is_websocket: bool = False) -> Exchange:
        """Note that the current task serves a request. Raises TooMany."""
        use = self._uses.setdefault(instance, _Use())
        if len(use.requests) + len(use.websockets) >= self._limits.per_instance:
            raise TooMany(by_grant=False)
        if len(self._by_grant.get(grant, ())) >= self._limits.per_grant:
            raise TooMany(by_grant=True)
        task = asyncio.current_task()
        assert task
        exchange = Exchange(instance, grant, is_websocket, task)
        (use.websockets if is_websocket else use.requests).add(exchange)
        self._by_grant[grant].add(exchange)
        self.note(instance, by)
        return exchange

    def close(self, exchange: Exchange) -> None:
        use = self._uses[exchange.instance]
        (use.websockets if exchange.is_websocket else use.requests).discard(exchange)
        if exchange in use.computing:
            self.hold(exchange, False)
        if not exchange.is_websocket:
            self.note(exchange.instance, use.by)
        of_grant = self._by_grant[exchange.grant]
        of_grant.discard(exchange)
        if not of_grant:
            del self._by_grant[exchange.grant]

    def note(self, instance: str, by: str) -> None:
        """The instance is used now."""
        use = self._uses.setdefault(instance, _Use())
        use.used_at = time.monotonic()
        use.by = by
        use.is_reported = False

    def hold(self, exchange: Exchange, is_held: bool) -> None:
        """A call over this WebSocket waits for its answer, or none does any more."""
        use = self._uses[exchange.instance]
        (use.computing.add if is_held else use.computing.discard)(exchange)
        self.note(exchange.instance, use.by)

    def used_at(self, instance: str) -> float:
        use = self._uses.get(instance)
        if not use:
            return float("-inf")
        return time.monotonic() if use.open else use.used_at

    def open_grants(self) -> set[str]:
        return set(self._by_grant)

    def end(self, *, grants: Iterable[str] = (), instances: Iterable[str] = ()) -> int:
        """Close what is open by these rights and at these instances; returns how many."""
        exchanges: set[Exchange] = set()
        for grant in grants:
            exchanges |= self._by_grant.get(grant, set())
        for instance in instances:
            if use := self._uses.get(instance):
                exchanges |= use.requests | use.websockets
        for exchange in exchanges:
            exchange.end("right")
        return len(exchanges)

    def end_websockets(self) -> None:
        """The edge stops: their clients can open them again at once."""
        for use in self._uses.values():
            for exchange in use.websockets:
                exchange.end("stop")

    def end_all(self) -> None:
        """The edge has stopped waiting for what is open."""
        for use in self._uses.values():
            for exchange in [*use.requests, *use.websockets]:
                exchange.end("stop")

    def unreported(self) -> list[dict[str, object]]:
        """What was used since the last report, and what is open; as members of a report."""
        now, wall = time.monotonic(), time.time()
        found = []
        for instance, use in list(self._uses.items()):
            if use.open:
                use.used_at, use.is_reported = now, False
            if not use.is_reported:
                found.append(
                    {
                        "instance": instance,
                        "at": round(wall - (now - use.used_at), 3),
                        "by": use.by,
                        "open": use.open,
                    }
                )
                use.is_reported = True
            elif not use.websockets and now > use.used_at + 10 * self._limits.unused_s:
                del self._uses[instance]
        return found

    def not_reported(self, instances: Iterable[str]) -> None:
        """Report these again, because their report was lost."""
        for instance in instances:
            if use := self._uses.get(instance):
                use.is_reported = False

    def counts(self) -> dict[str, int]:
        return {
            "requests": sum(len(use.requests) for use in self._uses.values()),
            "websockets": sum(len(use.websockets) for use in self._uses.values()),
            "instances": len(self._uses),
        }
