"""Removes the objects of stopped and failed services, and keeps their last log."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.db import InterfaceError, OperationalError
from django.db.models import Q
from django.utils import timezone

from hubsite.coordination.cool_down import CoolDown
from hubsite.engines import find_engine
from hubsite.engines.outcomes import EngineUnavailable, Removal
from hubsite.engines.place import ServicePlace

from .. import lifecycle
from ..models import OVER_STATES, InstanceDocument, ServiceInstance

logger = logging.getLogger(__name__)

ACTOR = "worker"
COOL_DOWN = CoolDown("removing services", seconds=4)
LOG_LINES = 500
LOG_BYTES = 200_000
LOG_WAIT_S = 3.0
APPLY_LASTS = timedelta(seconds=60)
"""After this time the worker's ticks are killed, and so are the calls that they began."""
MOST_AT_ONCE = 50


def remove(names: Sequence[str], engine_name: str) -> None:
    """Remove these objects, unless their instances shall serve. Repeating it is harmless."""
    engine = None if COOL_DOWN.is_on(engine_name) else find_engine(engine_name)
    if engine is None or engine.services is None:
        return
    rows = ServiceInstance.objects.filter(instance_id__in=names).select_related("owner")
    known = {row.instance_id: row for row in rows}
    over = [n for n in names if n not in known or known[n].state in OVER_STATES]
    try:
        for name in over:
            if name in known:
                keep_log(engine.services, known[name], wait_s=LOG_WAIT_S)
        done = engine.services.remove(over)
    except EngineUnavailable as error:
        COOL_DOWN.start(engine_name)
        logger.warning("%s and others wait to be removed: %s", names[0], error)
        return
    for name, removal in done.items():
        if name in known:
            close_if_gone(known[name], removal)


def close_if_gone(instance: ServiceInstance, removal: Removal) -> None:
    """Close an instance whose object is gone for good."""
    if removal is Removal.GONE or (
        removal is Removal.MAY_STILL_APPEAR and not _may_be_applied(instance)
    ):
        lifecycle.close(instance, actor=ACTOR)


def _may_be_applied(instance: ServiceInstance) -> bool:
    """Whether a call that began before the end may still make the object."""
    ended = instance.finished_at
    if ended is None:
        last = instance.events.order_by("-id").values_list("at", flat=True).first()
        ended = last or instance.created_at
    return timezone.now() < ended + APPLY_LASTS


def ask_for_leftovers() -> None:
    """Remove what an earlier request to remove was lost for, or could not be."""
    over = ServiceInstance.objects.live().filter(Q(state__in=OVER_STATES))
    names: dict[str, list[str]] = {}
    for name, engine in over.order_by("pk").values_list("instance_id", "engine")[:MOST_AT_ONCE]:
        names.setdefault(engine, []).append(name)
    for engine, its_names in names.items():
        lifecycle.wake_up(lifecycle.REMOVE_TASK, its_names, engine)


def keep_log(place: ServicePlace, instance: ServiceInstance, *, wait_s: float) -> None:
    """Store the last lines of the log; what is stored stays if the engine has none."""
    try:
        chunks = place.log(instance.instance_id, most_lines=LOG_LINES, wait_s=wait_s)
        lines = [line.replace("\0", "") for chunk in chunks for line in chunk.lines]
        if lines:
            text = "\n".join(lines[-LOG_LINES:])[-LOG_BYTES:]
            rows = InstanceDocument.objects.filter(instance=instance).exclude(log=text)
            rows.update(log=text, logged_at=timezone.now())
    except (OperationalError, InterfaceError, EngineUnavailable):
        raise
    except Exception:
        # A log that cannot be read must not keep an object from being removed.
        logger.exception("%s: its log cannot be kept", instance)
