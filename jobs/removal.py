"""Removing the objects of jobs that are over from their engine."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from hubsite.coordination.cool_down import CoolDown
from hubsite.engines import find_engine
from hubsite.engines.base import Engine, EngineUnavailable

from . import logs
from .models import Job

logger = logging.getLogger(__name__)

COOL_DOWN = CoolDown("removing", seconds=4)
"""Apart from that of launches: a quota that holds up launches is freed by removing."""
AT_ONCE = 8
LOG_WAIT_S = 3.0


def remove(names: Sequence[str], engine_name: str) -> None:
    """End and remove these objects. Those that are left are found again by the follower."""
    engine = None if COOL_DOWN.is_on(engine_name) else find_engine(engine_name)
    if engine is None:
        return
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        try:
            for name in some:
                _keep_log(engine, name)
            engine.runs.remove(some)
        except EngineUnavailable as error:
            COOL_DOWN.start(engine_name)
            logger.warning("%s and others wait to be removed: %s", some[0], error)
            return


def _keep_log(engine: Engine, name: str) -> None:
    """If the run never reported its log, read it from the engine before the object is deleted.

    The follower does not do this: a node may be slow to answer, and all other ends would wait.
    """
    job = Job.objects.filter(job_id=name).only("pk").first()
    if job is not None and not logs.has_any(job):
        chunks = engine.runs.log(name, most_lines=logs.MOST_LINES, wait_s=LOG_WAIT_S)
        logs.append_missing(job, chunks)
