"""Jobs once more: by their owner at once, or by operators for many failed jobs at a time.

An operator's wish is a row (`Rerun`), which the worker takes one by one, because each new job needs
an estimate. So nothing is lost, and a click does not wait for a thousand stores.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import Any

from django.db.models import QuerySet

from accounts.roles import permissions_of
from accounts.scopes import PROCESS_CUBEGENS
from hubsite import audit
from hubsite.coordination.wake_up import wake_up
from hubsite.refusals import Kind, Refused

from ..models import Job, JobDocument, Rerun, State
from ..operators import failures
from . import admission

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 5_000
"""Of the jobs that an operator chooses."""
TICK_S = 5.0


def repetition(user: Any, job: Job, *, actor: str = "") -> admission.Submission:
    """The same request once more. Raises Refused if the hub does not have all of it any more."""
    document = JobDocument.objects.get(job=job)
    if job.uses_own_store or job.has_user_code:
        raise Refused(
            "The hub keeps neither the keys of your own stores nor your own code after a job's "
            "end. Submit the request again with them."
        )
    if not document.request:
        raise Refused("The hub has not kept this request: the job never ran.")
    return admission.Submission(
        user=user,
        client_id="",
        may_run_code=PROCESS_CUBEGENS in permissions_of(user),
        document=document.request,
        retry_of=job if job.state in (State.FAILED, State.CANCELLED) else None,
        actor=actor,
    )


def ask_for(jobs: QuerySet[Job], *, actor: str) -> int:
    """Let the worker submit again those of `jobs` that failed and are not dealt with.

    `actor` is the operator's user id. Returns how many jobs that are, at most MOST_AT_ONCE.
    """
    chosen = list(
        failures.not_dealt_with(jobs).order_by("pk").values_list("pk", flat=True)[:MOST_AT_ONCE]
    )
    Rerun.objects.filter(job__in=chosen).exclude(refused="").update(refused="", actor=actor)
    Rerun.objects.bulk_create(
        [Rerun(job_id=pk, actor=actor) for pk in chosen], ignore_conflicts=True, batch_size=500
    )
    if chosen:
        audit.record("job.run_again", actor=actor, detail=f"{len(chosen)} failed jobs")
        wake_up("jobs.tasks.rerun_due")
    return len(chosen)


def rerun_due() -> None:
    """Submit again what operators asked for, for some seconds; the next tick goes on.

    Who has as many jobs as they may have waits; the others' go on.
    """
    give_up_at = time.monotonic() + TICK_S
    busy: set[int] = set()
    for rerun in Rerun.objects.filter(refused="").order_by("pk").select_related("job__owner"):
        if time.monotonic() > give_up_at:
            wake_up("jobs.tasks.rerun_due")
            return
        if rerun.job.owner_id in busy:
            continue
        try:
            _submit(rerun)
        except Refused as refused:
            if refused.kind == Kind.UNAVAILABLE:
                return  # for all of them; tried again in a minute
            busy.add(rerun.job.owner_id)


def _submit(rerun: Rerun) -> None:
    """Make the new job. Raises Refused if that may be possible later."""
    job = rerun.job
    if not job.retries.exists():  # else its owner was faster
        try:
            submission = repetition(job.owner, job, actor=rerun.actor)
            # Another worker may do the same just now; the key gives both the same job.
            admission.admit(replace(submission, idempotency_key=f"rerun-{rerun.pk}"))
        except Refused as refused:
            if refused.kind in (Kind.BUSY, Kind.UNAVAILABLE):
                raise
            logger.warning("%s cannot run again: %s", job, refused)
            Rerun.objects.filter(pk=rerun.pk).update(refused=str(refused)[:1000])
            return
    rerun.delete()
