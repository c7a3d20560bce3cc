"""What the engine says of a run whose job is over already, brought into the row.

A job can end before its run does: its owner cancels it, or it is given up. What its run came to
decides then what it costs and what is removed. So whoever removes an object asks the engine
first: the object is the only proof.
"""

from __future__ import annotations

from hubsite.engines.base import Phase, Place, Run, RunFact

from . import lifecycle
from .models import Job


def note(job: Job, fact: RunFact) -> None:
    """Record what is known of the run of this final job; close the job if its run is over."""
    if not job.is_live or fact.attempt != job.attempt:
        return  # what ended long ago is seen again and again until its object is gone
    note_begin(job, fact)
    if fact.phase.is_final:
        status = lifecycle.status_of(fact.result)
        if fact.phase == Phase.SUCCEEDED:
            status = status or lifecycle.status_of(job.result) or "ok"
        lifecycle.close(
            job,
            has_run=fact.started_at is not None,
            result_status=status,
            wrote=fact.wrote,
        )


def note_begin(job: Job, fact: RunFact) -> None:
    """A job that was ended before it was seen to run has run after all: it is billed so, even if
    its object is gone before its end is seen."""
    if job.started_at is None and fact.started_at is not None:
        job.started_at = fact.started_at
        Job.objects.filter(pk=job.pk, started_at=None).update(started_at=job.started_at)


def note_gone(job: Job) -> None:
    """The object of this final job is gone: what was recorded of its run is all there will be."""
    if job.is_live:
        lifecycle.close(job, has_run=job.started_at is not None)


def record_before_removal(runs: Place[Run, RunFact], job: Job) -> bool:
    """Record what the engine knows of this job's run. True if its object may be removed then.

    A run that is under way is only ended: the follower sees what it came to, and has its object
    removed after that. Raises EngineUnavailable.
    """
    if not (job.is_final and job.is_live):
        return True
    fact = runs.look(job.job_id)
    if fact is None:
        return True
    note(job, fact)
    if not job.is_live or fact.phase == Phase.STUCK:
        return True
    runs.stop(job.job_id)
    return False
