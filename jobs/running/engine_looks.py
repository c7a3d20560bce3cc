"""What an engine shows of a job, such as pods and their events, when an operator asks for it.

A web request never talks to an engine. The wish is a row (`EngineLook`); the worker asks the
engine and stores the answer, or why there is none, and the operator's page shows it.
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from typing import Any

from django.utils import timezone

from hubsite.coordination.wake_up import wake_up
from hubsite.engines import find_engine
from hubsite.engines.facts import Described
from hubsite.engines.outcomes import EngineUnavailable

from ..models import EngineLook, Job

logger = logging.getLogger(__name__)

TASK = "jobs.tasks.look_into_engines"
TICK_S = 10.0


def ask_for(job: Job) -> None:
    """Let the worker look at the job's objects."""
    wish = {"asked_at": timezone.now(), "looked_at": None}
    EngineLook.objects.update_or_create(job=job, defaults=wish)
    wake_up(TASK)


def look_due() -> None:
    """Look at the objects of the jobs that operators asked for, for some seconds."""
    give_up_at = time.monotonic() + TICK_S
    due = EngineLook.objects.filter(looked_at=None).order_by("asked_at").select_related("job")
    for look in due:
        if time.monotonic() > give_up_at:
            wake_up(TASK)
            return
        found, problem = _look(look.job)
        # Asked again meanwhile, the row is looked at once more.
        EngineLook.objects.filter(pk=look.pk, asked_at=look.asked_at).update(
            objects_seen=found, problem=problem[:500], looked_at=timezone.now()
        )


def _look(job: Job) -> tuple[list[dict[str, Any]], str]:
    """The job's objects in its engine, and why there are none to see; "" if there is no problem."""
    engine = find_engine(job.engine)
    if engine is None:
        return [], f"this version of the hub knows no engine {job.engine!r}"
    try:
        return [_stored(one) for one in engine.runs.describe(job.job_id)], ""
    except EngineUnavailable as error:
        logger.warning("%s cannot be described: %s", job.job_id, error)
        return [], str(error)


def _stored(one: Described) -> dict[str, Any]:
    """As JSON, with times as texts."""
    document = asdict(one)
    for part in (document, *document["notes"]):
        for key in ("since", "at"):
            if part.get(key) is not None:
                part[key] = part[key].isoformat()
    return document
