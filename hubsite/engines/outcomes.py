"""Outcomes: what came back from a call of an engine, also that it cannot be reached."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Outcome(enum.StrEnum):
    """What `apply` did with a spec."""

    MADE = "MADE"
    """The object exists completely, now or since an earlier call."""
    WAITS = "WAITS"
    """Not now, but only for a reason of this one; apply it again later."""
    REFUSED = "REFUSED"
    """The engine will never accept this spec."""
    ENDED = "ENDED"
    """An object of this name has ended and was removed; it will not be made again."""
    UNREACHABLE = "UNREACHABLE"
    """The engine cannot do it now, neither this one nor others; apply all of them again later."""


@dataclass(frozen=True)
class Applied:
    """The outcome for one spec. `message` is for its owner, `detail` is for operators."""

    outcome: Outcome
    message: str = ""
    detail: str = ""


MADE = Applied(Outcome.MADE)


class Removal(enum.StrEnum):
    """What `remove` did with a name."""

    GONE = "GONE"
    """There is no such object, and an apply that began before will not make it."""
    ENDING = "ENDING"
    """The object is being ended; a fact will tell when it is gone."""
    MAY_STILL_APPEAR = "MAY_STILL_APPEAR"
    """There is no such object now, but an apply that began before may still make it."""


class EngineUnavailable(Exception):
    """The engine can do nothing now, for no one. The call may be repeated later.

    The message is for operators; `shown` is what users may see.
    """

    shown = "what runs the jobs cannot be reached just now"


class EngineFull(EngineUnavailable):
    """The engine has no room for more, for no one."""

    shown = "what runs the jobs has no room for more just now"
