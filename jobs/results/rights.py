"""Who may see the result of a job. Every view of a result asks `find_job`, and nothing else.

    job = find_job(request, job_id)

An operator sees the result of another user's job as everywhere in the API: by acting for that
user (`X-Act-For`), which leaves an entry.
"""

from __future__ import annotations

from typing import Any

from hubsite.refusals import Kind, Refused

from .. import job_rows
from ..models import Job


def find_job(who: Any, job_id: str, action: str = "view") -> Job:
    """The job of that id, if `who` (a user, or a request of one) may `action` its result.

    Raises Refused: NOT_FOUND if there is none or it belongs to someone else (the two must not
    differ), GONE if its owner has deleted it.
    """
    user = getattr(who, "user", who)
    job = job_rows.find_job(owner_id=user.pk, job_id=job_id) if user.pk is not None else None
    if job is None:
        raise Refused(f"Cubegen {job_id[:63]} not found.", kind=Kind.NOT_FOUND)
    if job.hidden_at is not None:
        raise Refused(
            "This job was deleted from the list, and with it what the hub knew of its result. "
            "The cube itself stays in its store.",
            kind=Kind.GONE,
        )
    return job
