"""What happens to jobs when operators suspend cube generation, and when they resume it."""

from __future__ import annotations

from hubsite.coordination.wake_up import wake_up

from .. import lifecycle
from ..models import Job, Reason, State
from ..running.removal import remove_soon


def end_running(actor: str, message: str) -> int:
    """End all jobs that are launched or running, free of charge. Returns how many.

    Queued jobs wait until the service is resumed. An ended job keeps its place until its object
    is deleted.
    """
    ended = []
    for job in Job.objects.placed().filter(state__in=[State.LAUNCHED, State.RUNNING]).iterator():
        why = f"An operator ended the job: {message}"
        while not job.is_final:
            if lifecycle.fail(job, Reason.OPERATOR, why, actor=actor, is_over=False):
                ended.append(job)
                break
            job.refresh_from_db(fields=["state"])
    remove_soon(ended)
    return len(ended)


def launch_waiting() -> None:
    """Launch the jobs that waited until the service was resumed."""
    wake_up("jobs.tasks.launch_due")
