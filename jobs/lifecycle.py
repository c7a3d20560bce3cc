"""The life of a job: its states, the one function that changes them, and the bill.

            ┌────────────► CANCELLED ◄───────────┬──────────────┐
            │                                    │              │
 admit ► QUEUED ──launch──► LAUNCHED ──run──► RUNNING ──► SUCCEEDED
            │                   │                │
            └───────────────────┴────────────────┴────────► FAILED (reason)

A job never leaves a final state. A repeated or late step changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, DateTimeField, Value, When
from django.utils import timezone

from accounts.units import ledger
from hubsite import audit
from hubsite.coordination.transitions import step
from hubsite.coordination.wake_up import wake_up

from . import notices
from .models import FINAL_STATES, Job, JobDocument, JobEvent, Reason, State
from .output import output_changes
from .usage import count_end

logger = logging.getLogger(__name__)

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
        Reason.OPERATOR,
    }
)
"""Failures that never cost the user anything."""


NEVER_MADE = frozenset({Reason.LAUNCH, Reason.REJECTED})
"""Failures of the launch: if no object was made or seen, there was no run."""
REMOVAL_TASK = "jobs.tasks.remove_outputs"


def move(
    job: Job,
    to: State,
    *,
    actor: str,
    reason: str = "",
    message: str = "",
    wrote: bool | None = None,
    **fields: Any,
) -> bool:
    """Make the step `job.state` → `to`; False if the row has left that state meanwhile.

    Writes the row, its event and, if the job is over, its bill, in one transaction.
    `wrote`: whether the run had begun to write its output, None if unknown. `fields` are further
    columns to set with the step.
    """
    origin = State(job.state)
    fields = {**fields, "reason": reason, "message": message}
    is_paid = False
    if to in FINAL_STATES:
        fields.setdefault("finished_at", timezone.now())
        is_paid = _is_charged(job, to, fields, wrote=wrote)
        if origin == State.QUEUED:
            fields["is_live"] = False
        if fields.get("is_live") is False:
            fields["removal_due_at"] = _removal_due_at(job, to, reason, is_paid=is_paid)
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
        if audit.is_person(actor):
            what = "job.cancelled" if to == State.CANCELLED else "job.ended"
            audit.record(what, actor=actor, on=job, detail=message)
        if to in FINAL_STATES:
            count_end(job, to, fields["finished_at"])
            if to != State.CANCELLED or origin == State.QUEUED:
                _bill(job, is_paid=is_paid, usage=fields.get("usage"))
            # Otherwise its run may have begun, or even ended; then `close` bills it.
            if fields.get("removal_due_at"):
                wake_up(REMOVAL_TASK)
            if job.started_at is not None and wrote is not False:
                output_changes.say_changed(job)
            JobDocument.objects.filter(job=job).update(credentials=None)
            notices.tell_of_end(job, to, fields, actor=actor)
    return True


def begin_all(begins: Sequence[tuple[Job, datetime]], *, actor: str) -> bool:
    """Make the step LAUNCHED → RUNNING for many jobs at once, with the start time of each run.

    False if one of them has left LAUNCHED meanwhile: then nothing is written, and the caller
    makes the step for each job by `move`.
    """
    if not begins:
        return True
    pks, now = [job.pk for job, _ in begins], timezone.now()
    times = [When(pk=job.pk, then=Value(began)) for job, began in begins]
    changes = {"state": State.RUNNING, "reason": "", "message": "", "seen_at": now}
    with transaction.atomic():
        Job.objects.lock(pks)
        launched = Job.objects.filter(pk__in=pks, state=State.LAUNCHED)
        began_at = Case(*times, output_field=DateTimeField())
        if launched.update(**changes, started_at=began_at) != len(begins):
            transaction.set_rollback(True)
            return False
        JobEvent.objects.bulk_create(
            JobEvent(job=job, from_state=State.LAUNCHED, to_state=State.RUNNING, actor=actor)
            for job, _ in begins
        )
    for job, began in begins:
        for name, value in {**changes, "started_at": began}.items():
            setattr(job, name, value)
    return True


def is_charged(
    *,
    to: State,
    reason: str,
    has_begun: bool,
    has_user_code: bool,
    can_remove_output: bool,
    result_status: str,
    wrote: bool | None,
) -> bool:
    """Whether the job is charged in full when it ends; otherwise its reservation is released.

    The rules are in docs/users.md, "What a job costs that did not succeed". Written output must
    be paid; the hub removes the output of a job that is not charged. If it cannot (the store or
    the code is the owner's own, or data was added to an existing dataset), a job that began to
    write is charged. Otherwise its owner could cause a failure at the very end and keep the cube.

    `result_status` is the status of the run's result: "ok", "warning" (nothing was written),
    "error" or "". It is ignored if the owner's own code could have set it. `wrote`: whether
    writing began; None (unknown) counts as yes.
    """
    if not has_begun:
        return False
    if to == State.SUCCEEDED:
        return has_user_code or result_status != "warning"
    if reason in OUR_FAULTS:
        return False
    if has_user_code or result_status == "ok":
        return True  # "ok": the cube was complete when the job was cancelled or ended
    return not can_remove_output and wrote is not False


def _is_charged(job: Job, to: State, news: dict[str, Any], *, wrote: bool | None) -> bool:
    """The same for a row; `news` are columns that are about to be set."""
    result = news.get("result", job.result)
    started_at = news.get("started_at") or job.started_at
    return is_charged(
        to=to,
        reason=news.get("reason", job.reason),
        has_begun=job.state == State.RUNNING or started_at is not None,
        has_user_code=job.has_user_code,
        can_remove_output=job.can_remove_output,
        result_status=status_of(result),
        wrote=wrote,
    )


def status_of(result: Any) -> str:
    """The status in a run's result; "" if there is none."""
    return str(result.get("status") or "") if isinstance(result, dict) else ""


def _removal_due_at(job: Job, to: State, reason: str, *, is_paid: bool) -> datetime | None:
    """Now, if a run of this ended job may have left output that no one pays for; else None.

    jobs/output/outputs.py finds out in the store whether there is any.
    """
    if to == State.SUCCEEDED or is_paid or not job.can_remove_output:
        return None
    was_made = job.made_at or job.seen_at or job.started_at
    if job.launched_at is None or (not was_made and reason in NEVER_MADE):
        return None
    return timezone.now()


def _bill(job: Job, *, is_paid: bool, usage: Mapping[str, int] | None = None) -> None:
    """Charge the job, or release its reservation; record what it would cost as it really was.

    If that fails, this job and others end nevertheless. The log names the job, and
    `manage.py check_ledger` shows what is wrong.
    """
    try:
        with transaction.atomic():
            close_reservation = ledger.settle if is_paid else ledger.release
            close_reservation(job.job_id, actual=_actual_units(job, usage or job.usage))
    except (ledger.NoReservation, ledger.IdempotencyKeyReused, RuntimeError):
        logger.exception("%s ended, but cannot be billed", job.job_id)


def close(job: Job, *, has_run: bool, result_status: str = "", wrote: bool | None = None) -> bool:
    """Free the place of a final job whose run is over; True if this call did so.

    A cancelled job is billed now, according to what the engine knows of its run: `has_run`,
    `wrote`, and the status of its result. Output that no one pays for is then removed.
    """
    with transaction.atomic():
        if not Job.objects.filter(pk=job.pk, is_live=True).update(is_live=False):
            job.is_live = False
            return False
        job.refresh_from_db(fields=["result", "started_at"])
        is_paid = is_charged(
            to=State(job.state),
            reason=job.reason,
            has_begun=has_run or job.started_at is not None,
            has_user_code=job.has_user_code,
            can_remove_output=job.can_remove_output,
            result_status=result_status or status_of(job.result),
            wrote=wrote,
        )
        if job.state == State.CANCELLED:
            _bill(job, is_paid=is_paid)
        due = _removal_due_at(job, State(job.state), job.reason, is_paid=is_paid)
        if due is not None:
            Job.objects.filter(pk=job.pk).update(removal_due_at=due)
            job.removal_due_at = due
            wake_up(REMOVAL_TASK)
        if job.started_at is not None and wrote is not False:
            output_changes.say_changed(job)
    job.is_live = False
    return True


def _actual_units(job: Job, usage: Mapping[str, int] | None) -> int | None:
    """The price in proportion to the values that were really written; None if unknown."""
    written = (usage or {}).get("written_cells")
    if written is None:
        return None
    admitted = JobDocument.objects.filter(job=job).values_list("admitted_cells", flat=True).first()
    return round(job.units * written / admitted) if admitted else None


def cancel(job: Job, *, actor: str) -> bool:
    """Cancel the job for its owner; True if this call ended it.

    The engine ends its run afterwards. The job keeps its place until its object is deleted.
    """
    while not job.is_final:
        if move(job, State.CANCELLED, actor=actor, message="The job was cancelled."):
            return True
        job.refresh_from_db(fields=["state"])
    return False


def fail(
    job: Job, reason: str, message: str, *, actor: str, is_over: bool = True, **fields: Any
) -> bool:
    """End the job as failed; True if this call ended it.

    `is_over`: no run of the job exists any more, so its place is free. `fields` are columns, or
    `wrote`, as in `move`.
    """
    if is_over:
        fields["is_live"] = False
    return move(job, State.FAILED, actor=actor, reason=reason, message=message, **fields)
