"""What happened to a job: when, by whom, and how long each stage took."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import FINAL_STATES, Job, JobEvent, State

_USER_ID = re.compile(r"a[0-9a-f]{32}")

STEPS: dict[str, Any] = {
    State.QUEUED: gettext_lazy("Submitted"),
    State.LAUNCHED: gettext_lazy("Handed to a machine"),
    State.RUNNING: gettext_lazy("Run began"),
    State.SUCCEEDED: gettext_lazy("Cube ready"),
    State.FAILED: gettext_lazy("Failed"),
    State.CANCELLED: gettext_lazy("Cancelled"),
}
STAGES: dict[str, Any] = {
    State.QUEUED: gettext_lazy("waited"),
    State.LAUNCHED: gettext_lazy("started up"),
    State.RUNNING: gettext_lazy("ran"),
}
"""What a job did in a state, until the next step."""


@dataclass(frozen=True)
class Step:
    """One step. `lasted` is how long the stage took that it began; None if it began none."""

    at: datetime
    title: Any
    who: str
    message: str
    stage: Any = ""
    lasted: timedelta | None = None
    is_going_on: bool = False


def steps_of(job: Job, events: Sequence[JobEvent]) -> list[Step]:
    """The steps in their order. The run's own times stand for those at which the hub saw them."""
    times = [_time_of(job, event) for event in events]
    steps = []
    for number, event in enumerate(events):
        is_last = number + 1 == len(events)
        end = times[number + 1] if not is_last else timezone.now()
        has_stage = event.to_state not in FINAL_STATES
        steps.append(
            Step(
                at=times[number],
                title=STEPS[event.to_state],
                who=who(event.actor, job.owner.username),
                message=event.message,
                stage=STAGES[event.to_state] if has_stage else "",
                lasted=max(end - times[number], timedelta()) if has_stage else None,
                is_going_on=has_stage and is_last,
            )
        )
    return steps


def _time_of(job: Job, event: JobEvent) -> datetime:
    if event.to_state == State.RUNNING and job.started_at is not None:
        return job.started_at
    if event.to_state in FINAL_STATES and job.finished_at is not None:
        return job.finished_at
    return event.at


def who(actor: str, owner: str) -> str:
    """Who did it, for the owner of the job: no names of operators, no parts of the program."""
    if actor == owner:
        return _("you")
    if _USER_ID.fullmatch(actor):
        return _("an operator")
    return _("the hub")
