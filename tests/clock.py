"""The hub's clock in tests: no more time passes than a test says, however busy the machine is."""

from __future__ import annotations

from datetime import datetime, timedelta

_TICK = timedelta(milliseconds=1)


class Clock:
    """Stands for `timezone.now`; `pass_by` moves it.

    It goes on a little each time somebody looks, so that what is done later is later: with
    `tick=timedelta()` it stands still.
    """

    def __init__(self, begin: datetime, *, tick: timedelta = _TICK) -> None:
        self._now, self._tick = begin, tick

    def __call__(self) -> datetime:
        self._now += self._tick
        return self._now

    def pass_by(self, **amount: float) -> None:
        self._now += timedelta(**amount)
