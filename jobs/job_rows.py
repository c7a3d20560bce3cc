"""A caller's job by its id, and a run's job for its reports: in statements compiled once.

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
        .only("pk", "job_id", "attempt", "state", "progress")
        .order_by()
    ),
    job_id="<job id>",
)


def find_job(*, owner_id: int, job_id: str) -> Job | None:
    """The job of that id if it is this owner's; another's is as absent as none."""
    return _OWN_JOB.first(job_id=job_id, owner_id=owner_id)


def find_run(job_id: str) -> Job | None:
    """The job of that id with what a report of its run needs; other columns are deferred."""
    return _RUN.first(job_id=job_id)
