"""What a job may become, the one function that makes it so, and what that costs.

            ┌────────────► CANCELLED ◄───────────┬──────────────┐
            │                                    │              │
 admit ► QUEUED ──launch──► LAUNCHED ──run──► RUNNING ──► SUCCEEDED
            │                   │                │
            └───────────────────┴────────────────┴────────► FAILED (reason)

A final state is never left. A repeated or late step changes nothing.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.units import ledger
from hubsite.coordination.transitions import step

from .models import FINAL_STATES, Job, JobDocument, JobEvent, Reason, State

TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.LAUNCHED, State.CANCELLED, State.FAILED}),
    State.LAUNCHED: frozenset({State.RUNNING, State.CANCELLED, State.FAILED}),
    State.RUNNING: frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
}

OUR_FAULTS = frozenset(
    {
        Reason.IMAGE,
        Reason.EVICTED,
        Reason.LOST,
        Reason.LAUNCH,
        Reason.UNSCHEDULABLE,
        Reason.REJECTED,
    }
)
"""Failures that never cost the user anything (design.md, rule 6)."""


def move(
    job: Job,
    to: State,
    *,
    actor: str,
    reason: str = "",
    message: str = "",
    **fields: Any,
) -> bool:
    """Make the step `job.state` → `to`; False if the row has left that state meanwhile.

    Writes the row, its event and, at the end of its life, its bill, in one transaction.
    `fields` are further columns to set with the step.
    """
    origin = State(job.state)
    fields = {**fields, "reason": reason, "message": message}
    if to in FINAL_STATES:
        fields.setdefault("finished_at", timezone.now())
        if origin == State.QUEUED:
            fields["is_live"] = False
    with step(job, to, table=TRANSITIONS, fields=fields) as moved:
        if not moved:
            return False
        JobEvent.objects.create(
            job=job,
            from_state=origin,
            to_state=to,
            reason=reason,
            message=message[:2000],
            actor=actor,
        )
        if to in FINAL_STATES:
            _bill(job, origin, to, reason)
            JobDocument.objects.filter(job=job).update(credentials=None)
    return True


def is_charged(
    *, origin: State, to: State, reason: str, has_user_code: bool, uses_own_store: bool
) -> bool:
    """Whether an end settles the reservation in full (else it is released).

    The cube is written chunk by chunk: a cancel at 99 % would be a free cube. So would be a
    failure at the very end that the owner can bring about, by their own code or by a store of
    their own that refuses the last chunk. COST ends a run before anything is written; yet code
    of the owner's own can write first, and then claim it.
    """
    if to == State.SUCCEEDED:
        return True
    if to == State.CANCELLED:
        return origin == State.RUNNING
    if origin != State.RUNNING or reason in OUR_FAULTS:
        return False
    return has_user_code or (uses_own_store and reason != Reason.COST)


def _bill(job: Job, origin: State, to: State, reason: str) -> None:
    if to == State.CANCELLED and origin == State.LAUNCHED:
        return  # its run may have begun, unseen: `close` bills by what the engine says
    if is_charged(
        origin=origin,
        to=to,
        reason=reason,
        has_user_code=job.has_user_code,
        uses_own_store=job.uses_own_store,
    ):
        ledger.settle(job.job_id)
    else:
        ledger.release(job.job_id)


def close(job: Job, *, has_run: bool) -> bool:
    """Free the place and the output of a final job whose run is over; True if that did it.

    A job cancelled while it was being launched is billed now, by whether it has run.
    """
    with transaction.atomic():
        if not Job.objects.filter(pk=job.pk, is_live=True).update(is_live=False):
            job.is_live = False
            return False
        if job.state == State.CANCELLED:
            # No effect where the cancel was billed already.
            (ledger.settle if has_run else ledger.release)(job.job_id)
    job.is_live = False
    return True


def cancel(job: Job, *, actor: str) -> bool:
    """End the job because its owner wants it; True if that ended it.

    Its run is ended by the engine afterwards; until its object is gone the job stays live.
    """
    while not job.is_final:
        if move(job, State.CANCELLED, actor=actor, message="The job was cancelled."):
            return True
        job.refresh_from_db(fields=["state"])
    return False


def fail(
    job: Job, reason: str, message: str, *, actor: str, is_over: bool = True, **fields: Any
) -> bool:
    """End the job as failed; True if this did it.

    `is_over` says that no run of the job exists any more, so its place is free. `fields` are
    further columns to set.
    """
    if is_over:
        fields["is_live"] = False
    return move(job, State.FAILED, actor=actor, reason=reason, message=message, **fields)
