"""Which later job changed, or changes, what lies where a job has put its cube."""

from __future__ import annotations

from hubsite.refusals import Kind, Refused

from ..models import Job, State


def newest_at(claim: str) -> Job | None:
    """The newest job that began to write a cube or a pyramid to this place."""
    return Job.objects.at([claim]).exclude(started_at=None).order_by("-id").first()


def refuse_if_replaced(job: Job, *, kind: Kind = Kind.GONE) -> None:
    """Raises Refused if a later job wrote (`kind`), or writes (CONFLICT), where this cube was."""
    newest = newest_at(job.output_claim)
    if newest is None or newest.pk <= job.pk:
        return
    name = f"job {newest.job_id}" if newest.owner_id == job.owner_id else "another user's job"
    if not newest.is_final:
        raise Refused(f"The cube is just being replaced by {name}.", kind=Kind.CONFLICT)
    if newest.state == State.SUCCEEDED:
        raise Refused(f"The cube was replaced by {name}.", kind=kind)
    if (newest.usage or {}).get("written_cells"):
        raise Refused(
            f"The cube was removed by {name}, which replaced it and did not succeed.",
            kind=kind,
        )


def refuse_if_claimed(job: Job) -> None:
    """Raises Refused (CONFLICT) if another job may write where this cube is, now or soon."""
    others = Job.objects.at([job.output_claim]).claiming().exclude(pk=job.pk)
    if others.exists():
        raise Refused(
            "Another job is about to replace this cube. Please wait until it has ended.",
            kind=Kind.CONFLICT,
            retry_after_s=60,
        )
