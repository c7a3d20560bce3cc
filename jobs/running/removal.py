"""Removes the objects of ended jobs from their engine."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db import InterfaceError, OperationalError

from hubsite.coordination.cool_down import CoolDown
from hubsite.coordination.wake_up import wake_up
from hubsite.engines import find_engine
from hubsite.engines.outcomes import EngineUnavailable
from hubsite.engines.place import Engine

from ..models import Job
from . import closing, logs

logger = logging.getLogger(__name__)

COOL_DOWN = CoolDown("removing", seconds=4)
"""A cool-down of its own, apart from that of launches: removals free a quota that blocks these."""
AT_ONCE = 8
LOG_WAIT_S = 3.0


def remove_soon(jobs: Iterable[Job]) -> None:
    """Ask the worker to remove the objects of these jobs."""
    names: dict[str, list[str]] = defaultdict(list)
    for job in jobs:
        names[job.engine].append(job.job_id)
    for engine, its_names in names.items():
        wake_up("jobs.tasks.remove_objects", its_names, engine)


def remove(names: Sequence[str], engine_name: str) -> None:
    """End and remove these objects. The follower finds those that are left again."""
    engine = None if COOL_DOWN.is_on(engine_name) else find_engine(engine_name)
    if engine is None:
        return
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        try:
            engine.runs.remove([name for name in some if _may_go(engine, name)])
        except EngineUnavailable as error:
            COOL_DOWN.start(engine_name)
            logger.warning("%s and others wait to be removed: %s", some[0], error)
            return


def _may_go(engine: Engine, name: str) -> bool:
    """Whether this object may be removed, because all that it can prove is recorded."""
    job = Job.objects.filter(job_id=name).first()
    if job is None:
        return True
    try:
        _keep_log(engine, job)
        return closing.record_before_removal(engine.runs, job)
    except (OperationalError, InterfaceError, EngineUnavailable):
        raise
    except Exception:
        # A run that cannot be recorded must not stop the others.
        logger.exception("%s: what its run came to cannot be recorded", name)
        return False


def _keep_log(engine: Engine, job: Job) -> None:
    """If the run never reported its log, read it from the engine before the object is deleted.

    The follower does not do this, because all other jobs would wait if a node answers slowly.
    """
    if not logs.has_any(job):
        chunks = engine.runs.log(job.job_id, most_lines=logs.MOST_LINES, wait_s=LOG_WAIT_S)
        logs.append_missing(job, chunks)
