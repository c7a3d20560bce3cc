"""Who may see the result of a job. Every view of a result asks `find_job`, and nothing else.

    job = find_job(request, job_id)

It is the owner's, and theirs with whom it is shared (`accounts/sharing/`), each of whose uses is
recorded. An operator sees the result of another user's job as everywhere in the API: by acting for
that user (`X-Act-For`), which leaves an entry.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from accounts.sharing.openings import note_opening
from accounts.sharing.rights import share_for
from hubsite.refusals import Kind, Refused

from .. import job_rows
from ..models import Job, State

RESULT = "result"
"""The kind of all results, for shares."""


def find_job(who: Any, job_id: str, action: str = "view") -> Job:
    """The job of that id, if `who` (a user, or a request of one) may `action` its result.

    Raises Refused: NOT_FOUND if there is none or it is someone else's and not shared (the two must
    not differ), GONE if the owner asks and has deleted it.
    """
    user = getattr(who, "user", who)
    job = job_rows.find_job(owner_id=user.pk, job_id=job_id) if user.pk is not None else None
    if job is None and user.pk is not None:
        job = _shared(user, job_id, action)
    if job is None:
        raise Refused(f"Cubegen {job_id[:63]} not found.", kind=Kind.NOT_FOUND)
    if job.hidden_at is not None:
        raise Refused(
            "This job was deleted from the list, and with it what the hub knew of its result. "
            "The cube itself stays in its store.",
            kind=Kind.GONE,
        )
    if job.owner_id == user.pk:
        job.owner = user  # so that no one asks the database for it
    return job


def may_still_see(user: User, job: Job) -> bool:
    """Whether this user, as of now, may go on with a result that was opened before."""
    if not is_listed(job):
        return False
    return job.owner_id == user.pk or share_for(user, RESULT, job.job_id) is not None


def is_listed(job: Job) -> bool:
    """Whether its owner still has the job, and has not deleted it."""
    return finished_jobs().filter(pk=job.pk).exists()


def _shared(user: Any, job_id: str, action: str) -> Job | None:
    """The job if its result is shared with this user, which is then recorded."""
    share = share_for(user, RESULT, job_id, action)
    if share is None:
        return None
    job = finished_jobs().filter(job_id=job_id).select_related("owner").first()
    if job is not None:
        note_opening(share, user)
    return job


def finished_jobs() -> QuerySet[Job]:
    """The jobs whose results can be shared: they have succeeded, and are not deleted."""
    return Job.objects.listed().filter(state=State.SUCCEEDED)
