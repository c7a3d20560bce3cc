"""The two most frequent queries of jobs, compiled once: a caller's job, a run's job.

Clients poll their job every second, and runs report every few seconds.
"""

from __future__ import annotations

from hubsite.compiled_queries import CompiledQuery

from .models import Job

_OWN_JOB = CompiledQuery(
    lambda job_id, owner_id: Job.objects.filter(job_id=job_id, owner_id=owner_id).order_by(),
    job_id="<job id>",
    owner_id=-1,
)
_RUN = CompiledQuery(
    lambda job_id: (
        Job.objects.filter(job_id=job_id)
        .only("pk", "job_id", "attempt", "state", "is_live", "progress")
        .order_by()
    ),
    job_id="<job id>",
)


def find_job(*, owner_id: int, job_id: str) -> Job | None:
    """The job of that id if it belongs to this owner, else None."""
    return _OWN_JOB.first(job_id=job_id, owner_id=owner_id)


def find_run(job_id: str) -> Job | None:
    """The job of that id with the columns that a callback needs; the others are deferred."""
    return _RUN.first(job_id=job_id)
