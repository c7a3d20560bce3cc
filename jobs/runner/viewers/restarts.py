"""When a service that has crashed is started again, and when no more. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_RESTARTS = 3
WINDOW_S = 600.0
"""More than MOST_RESTARTS crashes within so many seconds are a crash loop."""
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0


@dataclass
class Restarts:
    """The crashes of one service, in seconds of a clock that goes on over restarts."""

    count: int = 0
    crashes: list[float] = field(default_factory=list)

    def crashed(self, now: float) -> float | None:
        """Note a crash; gives the seconds to wait before the next start, None for no more."""
        self.crashes = [at for at in self.crashes if now - WINDOW_S < at <= now] + [now]
        if len(self.crashes) > MOST_RESTARTS:
            return None
        self.count += 1
        return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (len(self.crashes) - 1))
