"""Asking the worker to do something soon, once what is being written is committed."""

from __future__ import annotations

from django.db import transaction
from django_q.brokers import get_broker
from django_q.tasks import async_task

QUEUE_IS_LONG = 20
"""No more is asked for then: a worker that was away comes back to this many tasks at most."""


def wake_up(task: str, *args: object) -> None:
    """Have the worker do `task`, e.g. "jobs.tasks.launch_due", after the transaction.

    The wake-up may be lost: what was committed is answered as done even if the queue cannot be
    written, and nothing is asked for while the queue is long. So the task must be found again
    by a tick that comes by itself.
    """
    transaction.on_commit(lambda: ask(task, *args), robust=True)


def ask(task: str, *args: object) -> bool:
    """Ask for the task now. False if the queue is too long."""
    if get_broker().queue_size() >= QUEUE_IS_LONG:
        return False
    async_task(task, *args)
    return True
