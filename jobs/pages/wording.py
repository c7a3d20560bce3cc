"""A job in words: what its state means, whose fault a failure is, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from ..known_errors import Fault, recognise
from ..lifecycle import OUR_FAULTS
from ..models import Job, Reason, State


@dataclass(frozen=True)
class Advice:
    """What a failure means to the owner of a job: whose it is, what happened, what to do next."""

    fault: Fault
    whose: Any
    what_helps: Any
    text: Any = ""
    """What happened, if the hub recognises the error of xcube."""


WHOSE: dict[Fault, Any] = {
    Fault.REQUEST: _("The request needs a change."),
    Fault.STORE: _("This is a fault of the data store, not of your request."),
    Fault.OWN_STORE: _("Your own data store caused this."),
    Fault.HUB: _("This was a fault of the hub, not of your request."),
    Fault.UNKNOWN: _("The hub does not know this error, so it cannot say whose fault it is."),
}
AGAIN = _("Run it again. If it fails again, send the operators the id of this job.")

ADVICE: dict[str, Advice] = {
    Reason.XCUBE_ERROR: Advice(
        Fault.UNKNOWN,
        WHOSE[Fault.UNKNOWN],
        _(
            "Read the message and the end of the log. If they name something of your request, "
            "change it and run it again; otherwise send the operators the id of this job."
        ),
    ),
    Reason.OUT_OF_MEMORY: Advice(
        Fault.REQUEST,
        WHOSE[Fault.REQUEST],
        _("Choose smaller chunks or a smaller tile size, or a smaller area."),
    ),
    Reason.DEADLINE: Advice(
        Fault.REQUEST,
        WHOSE[Fault.REQUEST],
        _("Split the time range into several cubes."),
    ),
    Reason.COST: Advice(
        Fault.REQUEST,
        WHOSE[Fault.REQUEST],
        _(
            "The cube would have been much larger than its estimate, so nothing was written. Say "
            "in cube_config what you left open."
        ),
    ),
    Reason.OPERATOR: Advice(
        Fault.HUB,
        _("The operators of the hub ended it."),
        _("Run it again when cube generation is open."),
    ),
}
"""What helps, by reason; all other reasons are the hub's faults (`OUR_FAULTS`)."""

STATE_WORDS: dict[str, Any] = {
    State.QUEUED: _("Waiting"),
    State.LAUNCHED: _("Starting"),
    State.RUNNING: _("Running"),
    State.SUCCEEDED: _("Ready"),
    State.FAILED: _("Failed"),
    State.CANCELLED: _("Cancelled"),
}

END_SIGNS: dict[str, str] = {State.SUCCEEDED: "✓", State.FAILED: "✗", State.CANCELLED: "–"}
"""What the title of the page begins with when the job has ended, so that a tab tells it."""


def advice(job: Job, end_of_log: Callable[[], Sequence[str]]) -> Advice | None:
    """What to tell the owner of a failed job; None if it did not fail."""
    if not job.reason:
        return None
    if job.reason in ADVICE:
        by_reason = ADVICE[job.reason]
    else:
        by_reason = Advice(Fault.HUB, WHOSE[Fault.HUB], AGAIN)
    if job.reason != Reason.XCUBE_ERROR:
        return by_reason
    told = recognise(job.message, end_of_log, uses_own_store=job.uses_own_store)
    if told is None:
        return by_reason
    return Advice(told.fault, WHOSE[told.fault], told.what_helps, told.text)


def costs_nothing(job: Job) -> bool:
    """Whether a failure of this reason never costs its owner anything."""
    return job.reason in OUR_FAULTS
