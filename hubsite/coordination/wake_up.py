"""Wakes the worker: asks for a tick as soon as the present transaction is committed."""

from __future__ import annotations

from django.db import transaction

from . import queues, ticks


def wake_up(task: str, *args: object) -> None:
    """Ask the worker to run `task`, a registered tick (ticks.py), after the transaction.

    The wake-up may be lost, because the commit succeeds even if the queue cannot be written. So
    a periodic tick must find the same work.
    """
    transaction.on_commit(lambda: ask(task, *args), robust=True)


def ask(task: str, *args: object) -> bool:
    """Ask for the task now. False if the queue is too long."""
    if not args:
        return ticks.ask(task)
    queue = ticks.find(task).queue
    if queues.is_long(queue):
        return False
    queues.put(queue, task, *args)
    return True
