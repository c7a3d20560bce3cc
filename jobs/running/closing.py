"""Records the outcome of a run whose job has already ended.

A job can end before its run: its owner cancels it, or the hub gives it up. The outcome of the
run then decides what the job costs and what is removed. So before an object is deleted, the
engine is asked about it, because the object is the only proof.
"""

from __future__ import annotations

from hubsite.engines.facts import Phase, RunFact
from hubsite.engines.place import Place
from hubsite.engines.specs import Run

from .. import lifecycle
from ..models import Job


def note(job: Job, fact: RunFact) -> None:
    """Record the facts about the run of this final job; close the job if its run is over."""
    if not job.is_live or fact.attempt != job.attempt:
        return  # an ended run is seen again and again until its object is deleted
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
    """Record that the run had begun, although the job ended before that was seen.

    It is billed so, even if its object is deleted before the end of the run is seen.
    """
    if job.started_at is None and fact.started_at is not None:
        job.started_at = fact.started_at
        Job.objects.filter(pk=job.pk, started_at=None).update(started_at=job.started_at)


def note_gone(job: Job) -> None:
    """Close this final job after its object was deleted; nothing more can be learnt of its run."""
    if job.is_live:
        lifecycle.close(job, has_run=job.started_at is not None)


def record_before_removal(runs: Place[Run, RunFact], job: Job) -> bool:
    """Record what the engine knows of this job's run. True if its object may be removed now.

    If the run is still in progress, it is only ended. The follower then sees the outcome, and
    asks for the removal of the object. Raises EngineUnavailable.
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
