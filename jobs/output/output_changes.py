"""Says when the output of a job has changed in its store, to whoever shows that data.

Jobs know nothing of services. A room that shows data of stores registers a function when its
app is ready:

    output_changes.listen(live.output_changed)
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from django.db import transaction

from ..models import Job

logger = logging.getLogger(__name__)

Listener = Callable[[Job], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Call `listener` with each job whose output was written, replaced or removed."""
    if listener not in _listeners:
        _listeners.append(listener)


def say_changed(job: Job) -> None:
    """Call the listeners after the present transaction, so that they can hold up no job's end.

    A process that dies at that moment says nothing; what shows the data reads it anew later.
    """
    for listener in _listeners:
        transaction.on_commit(partial(_call, listener, job), robust=True)


def _call(listener: Listener, job: Job) -> None:
    try:
        listener(job)
    except Exception:
        # The job has ended, whatever becomes of those who show its output.
        logger.exception("%s: that its output has changed could not be passed on", job.job_id)
