"""Asking the worker to do something soon, once what is being written is committed."""

from __future__ import annotations

from django.db import transaction

from . import queues, ticks


def wake_up(task: str, *args: object) -> None:
    """Have the worker do `task`, a registered tick (ticks.py), after the transaction.

    The wake-up may be lost: what was committed is answered as done even if the queue cannot be
    written. So the work must be found again by a tick that comes by itself.
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
