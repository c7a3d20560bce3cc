"""Removes unfinished output of failed runs from stores of the hub, so that a retry can write.

A job whose output must be removed has a `removal_due_at`, and keeps its claim on the output
until that is done. A tick of the worker asks an estimator, which has xcube, to remove it: one at
a time, with a time limit, and with back-off while it fails. It removes only what the run has
marked in the store (jobs/runner/work/outputs.py). If the run did not begin to write, or if its
output is complete, nothing is removed.
"""

from __future__ import annotations

import hashlib
import logging
import time
from datetime import timedelta

from django.db.models import F, Q
from django.utils import timezone

from hubsite.coordination.backoff import Backoff
from hubsite.coordination.lease import Lease
from hubsite.coordination.wake_up import ask
from hubsite.refusals import Refused

from ..estimates import asking
from ..models import Job
from ..stores.catalogue import load_catalogue
from ..stores.location import location
from ..stores.stores_file import StoresFileError
from . import output_changes

logger = logging.getLogger(__name__)

REQUEST_S = 35.0
"""The estimator has a shorter limit. The next request continues an interrupted removal."""
TICK_S = 10.0
"""After this time a tick begins no further removal."""
BACKOFF = Backoff(first_s=5, longest_s=3600, jitter=0.2)
GIVE_UP_AFTER = timedelta(days=30)
"""After this the claim on the output is released, and the log says what may be left there."""


class CannotRemove(Exception):
    """The output cannot be removed now; the message says why."""


def due_jobs():
    """A time further ahead than the longest pause was written by a wrong clock, and is over."""
    now = timezone.now()
    furthest = now + timedelta(seconds=BACKOFF.longest_s)
    return Job.objects.filter(Q(removal_due_at__lte=now) | Q(removal_due_at__gt=furthest))


def ask_for_due() -> None:
    """Ask the worker to remove outputs, if any is due."""
    if due_jobs().exists():
        ask("jobs.tasks.remove_outputs")


def remove_due() -> int:
    """Remove outputs that are due, for some seconds; returns how many need no more work."""
    lease = Lease("output-removal", seconds=60)
    done = 0
    give_up = time.monotonic() + TICK_S
    if not lease.hold():
        return 0  # another worker does this; at most one estimator is busy with removals
    try:
        while time.monotonic() < give_up:
            job = due_jobs().select_related("owner").order_by("removal_due_at", "id").first()
            if job is None:
                break
            done += _remove(job)
    finally:
        lease.give_back()
    return done


def _remove(job: Job) -> bool:
    """Try once to remove the job's output; True if nothing is left.

    The time of the next try is stored before this try. So if the worker dies, the removal is
    neither forgotten nor repeated at once.
    """
    job.removal_tries += 1
    pause = timedelta(seconds=BACKOFF.pause_s(job.removal_tries))
    due = Job.objects.filter(pk=job.pk, removal_due_at=job.removal_due_at)
    next_due_at = timezone.now() + max(pause, timedelta(seconds=REQUEST_S))
    if not due.update(removal_due_at=next_due_at, removal_tries=F("removal_tries") + 1):
        return False
    try:
        removed = _ask_estimator(job)
    except (CannotRemove, Refused, StoresFileError) as error:
        return _failed(job, error, pause)
    except Exception as error:  # a job that cannot be handled must not stop the others
        logger.exception("%s: its output cannot be removed", job.job_id)
        return _failed(job, error, pause)
    Job.objects.filter(pk=job.pk).update(removal_due_at=None)
    if removed:
        output_changes.say_changed(job)
        logger.info("%s: what it wrote to %s was removed", job.job_id, job.output_store)
    return True


def _failed(job: Job, error: Exception, pause: timedelta) -> bool:
    now = timezone.now()
    if job.finished_at is not None and now - job.finished_at > GIVE_UP_AFTER:
        logger.error(
            "%s: what it may have written to %s (%s) is left there, after %d tries: %s",
            job.job_id, job.output_store, job.output_data_id, job.removal_tries, error,
        )  # fmt: skip
        Job.objects.filter(pk=job.pk).update(removal_due_at=None)
        return True
    level = logging.WARNING if job.removal_tries in (1, 5) else logging.DEBUG
    logger.log(level, "%s: its output waits to be removed: %s", job.job_id, error)
    Job.objects.filter(pk=job.pk).update(removal_due_at=now + pause)
    return False


def _ask_estimator(job: Job) -> bool:
    """Remove the cube and its pyramid. Raises CannotRemove, Refused and StoresFileError."""
    name = job.output_store.removeprefix("@")
    store = load_catalogue().get(name)
    if store is None:
        raise CannotRemove(f"the stores file has no store {job.output_store} any more")
    given = store.for_user(job.owner.username)
    for data_id, claim in job.outputs:
        if claim != hashlib.sha256(location(given, data_id).encode()).hexdigest():
            # The store now points to another place, so nothing there belongs to this job.
            raise CannotRemove(f"the store {job.output_store} is not where it was")
    give_up = time.monotonic() + REQUEST_S
    removed = [
        asking.remove_output(
            run=job.job_id,
            output={"store_id": job.output_store, "data_id": data_id},
            stores={name: given},
            timeout_s=max(1.0, give_up - time.monotonic()),
        )
        for data_id, _ in job.outputs
    ]
    return any(removed)
