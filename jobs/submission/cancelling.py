"""What owners do with their jobs: cancel them, and remove them from their list."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils import timezone

from hubsite import audit

from .. import lifecycle
from ..models import CubeRecord, Job
from ..output import quicklooks
from ..running.removal import remove_soon


def cancel(jobs: Iterable[Job], *, actor: str) -> int:
    """Cancel these jobs; the worker ends their runs. Returns how many were cancelled now."""
    cancelled = [job for job in jobs if lifecycle.cancel(job, actor=actor)]
    remove_soon(job for job in cancelled if job.is_live)
    return len(cancelled)


def hide(jobs: QuerySet[Job]) -> None:
    """Remove these jobs from the lists of their owners, and what is known of their cubes.

    The ledger and the history stay.
    """
    shown = jobs.filter(hidden_at=None)
    first = shown.order_by("pk").first()
    if count := shown.update(hidden_at=timezone.now()):
        audit.record("job.hidden", on=first, detail=f"and {count - 1} more" if count > 1 else "")
    quicklooks.remove(jobs)
    CubeRecord.objects.filter(job__in=jobs).delete()
