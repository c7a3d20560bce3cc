"""A job in words: what its state means, whose fault a failure is, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from ..models import Reason, State


@dataclass(frozen=True)
class Advice:
    """What a reason means to the owner of a job: `fault` says whose it is."""

    fault: str
    what_helps: str


YOURS = "The request needs a change."
OURS = "This was a fault of the hub. It cost you nothing."
NOBODYS = "This cost you nothing."
AGAIN = "Run it again. If it fails again, send the operators the id of this job."

ADVICE: dict[str, Advice] = {
    Reason.XCUBE_ERROR: Advice(
        YOURS,
        "Read the message and the log: a variable, a time range or a store may not fit. Change "
        "the request and submit it again.",
    ),
    Reason.OUT_OF_MEMORY: Advice(
        YOURS, "Choose smaller chunks or a smaller tile size, or a smaller area."
    ),
    Reason.DEADLINE: Advice(YOURS, "Split the time range into several cubes."),
    Reason.COST: Advice(
        YOURS,
        "The cube would have been much larger than its estimate, so nothing was written. Say in "
        "cube_config what you left open.",
    ),
    Reason.OPERATOR: Advice(NOBODYS, "Run it again when cube generation is open."),
}
"""The other reasons are faults of the hub (`jobs.lifecycle.OUR_FAULTS`)."""

STATE_WORDS: dict[str, str] = {
    State.QUEUED: "Waiting",
    State.LAUNCHED: "Starting",
    State.RUNNING: "Running",
    State.SUCCEEDED: "Ready",
    State.FAILED: "Failed",
    State.CANCELLED: "Cancelled",
}


def advice(reason: str) -> Advice | None:
    """What to tell the owner of a job that failed for this reason; None if it did not fail."""
    if not reason:
        return None
    return ADVICE.get(reason, Advice(OURS, AGAIN))
