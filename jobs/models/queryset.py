"""The words in which the hub asks for jobs: `Job.objects.owned_by(user).active()`."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from .states import ACTIVE_STATES, State

if TYPE_CHECKING:
    from .job import Job


class JobQuerySet(models.QuerySet["Job"]):
    def owned_by(self, user) -> JobQuerySet:
        return self.filter(owner=user)

    def listed(self) -> JobQuerySet:
        """Jobs that their owner has not deleted."""
        return self.filter(hidden_at=None)

    def active(self) -> JobQuerySet:
        return self.filter(state__in=ACTIVE_STATES)

    def live_and_active(self) -> JobQuerySet:
        """The same jobs, which are all live, found by the small index of live jobs."""
        return self.active().filter(is_live=True)

    def on(self, engine: str) -> JobQuerySet:
        """Jobs that the engine of that name runs, or will run."""
        return self.filter(engine=engine)

    def due(self) -> JobQuerySet:
        """Jobs that wait to be launched."""
        return self.filter(is_live=True, state=State.QUEUED)

    def ahead_of(self, job: Job) -> JobQuerySet:
        """Waiting jobs of the same owner and engine that are launched before this one."""
        earlier = Q(priority__lt=job.priority) | Q(priority=job.priority, pk__lt=job.pk)
        return self.on(job.engine).due().filter(earlier, owner=job.owner_id)

    def claiming(self) -> JobQuerySet:
        """Jobs that hold the claim on their output: no other job may write there."""
        return self.filter(Q(is_live=True) | Q(removal_due_at__isnull=False))

    def at(self, claims: Collection[str]) -> JobQuerySet:
        """Jobs that write, or wrote, their cube or its pyramid to one of these places."""
        return self.filter(Q(output_claim__in=claims) | Q(levels_claim__in=claims))

    def lock(self, pks: Collection[int]) -> None:
        """Lock these rows until the transaction ends, in the order of their keys.

        Call it first in every transaction that changes many rows. It prevents deadlocks, because
        all lock in the same order. On SQLite only one transaction can write at a time anyway.
        """
        list(self.filter(pk__in=pks).order_by("pk").select_for_update().values_list("pk"))

    def placed(self) -> JobQuerySet:
        """Jobs that hold a place of the engine, because a run of them may exist."""
        return self.filter(is_live=True).exclude(state=State.QUEUED)
