"""The worker's two queues: prompt tasks, and tasks that may wait for other systems.

`PROMPT` launches jobs; its tasks wait for no other system than the engine. `OUTSIDE` has worker
processes of its own. It has the tasks that call geoDB, a mail server or the like, that remove
objects, and the housekeeping. So neither a system that never answers nor a long deletion delays
a launch.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.db.models import QuerySet, Subquery
from django.db.models.functions import Now
from django_q.brokers.orm import ORM
from django_q.models import OrmQ
from django_q.tasks import async_task

PROMPT, OUTSIDE = "hub", "outside"
"""Names of clusters of django-q (`Q_CLUSTER` in the settings)."""

QUEUE_IS_LONG = 20
"""The longest queue. A worker that was stopped for long finds no more tasks than these."""


DUE = datetime(2000, 1, 1, tzinfo=UTC)
"""The `lock` of a task that waits. A worker fetches what has one in the past."""


class _Broker(ORM):
    """Tells which row of the queue a task became; a row is due whatever any clock says."""

    row: int | None = None

    def enqueue(self, task: str) -> int:
        self.row = OrmQ.objects.create(key=self.list_key, payload=task, lock=DUE).pk
        return self.row


def put(queue: str, task: str, *args: object) -> int:
    """Put a task, the dotted name of a function, into the queue; returns the id of its row."""
    broker = _Broker(list_key=queue)
    async_task(task, *args, task_name=task[:100], broker=broker, cluster=queue)
    assert broker.row is not None
    return broker.row


def is_long(queue: str) -> bool:
    """Whether the queue is full. Tasks that a worker has fetched do not count, because a killed
    worker keeps its tasks for long."""
    return OrmQ.objects.filter(key=queue, lock__lte=Now()).count() >= QUEUE_IS_LONG


def is_waiting(row: QuerySet) -> bool:
    """Whether the row of the queue whose id the query gives has not been fetched yet.

    A worker that fetches a task sets its `lock` into the future.
    """
    return OrmQ.objects.filter(pk=Subquery(row), lock__lte=Now()).exists()
