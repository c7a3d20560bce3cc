"""Having the worker do something of the accounts' soon."""

from __future__ import annotations

from django.db import transaction
from django_q.tasks import async_task


def wake_up(task: str, *args: object) -> None:
    """Have the worker do `task` (tasks.py) as soon as what is being written is committed.

    Robust: what was committed is answered as done even if the queue cannot be written; the
    sweep makes up for it.
    """
    transaction.on_commit(lambda: async_task(f"accounts.tasks.{task}", *args), robust=True)
