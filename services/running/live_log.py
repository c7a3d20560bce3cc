"""The log of a service while it serves: kept for as long as its owner looks at its page.

A page never asks an engine. It says that the log is wanted, for some minutes; the worker's tick
then copies the last lines into the row, and the console's cursor shows that they have changed.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from hubsite.coordination.cool_down import CoolDown
from hubsite.coordination.wake_up import wake_up
from hubsite.engines import find_engine
from hubsite.engines.outcomes import EngineUnavailable

from ..models import OVER_STATES, InstanceDocument, ServiceInstance, State
from .removal import keep_log

logger = logging.getLogger(__name__)

TASK = "services.tasks.follow_logs"
COOL_DOWN = CoolDown("logs of services", seconds=15)
WANTED_FOR = timedelta(minutes=15)
MOST_AT_ONCE = 20


def want(instance: ServiceInstance) -> None:
    """Let the worker copy the log for some minutes. One write in half of that time at most."""
    if not instance.is_live or instance.state in (*OVER_STATES, State.REQUESTED):
        return
    now = timezone.now()
    soon_over = Q(log_wanted_until=None) | Q(log_wanted_until__lt=now + WANTED_FOR / 2)
    rows = InstanceDocument.objects.filter(soon_over, instance=instance)
    if rows.update(log_wanted_until=now + WANTED_FOR):
        wake_up(TASK)


def follow() -> None:
    """Copy the last lines of the logs that are wanted; one query if none is."""
    rows = InstanceDocument.objects.filter(log_wanted_until__gt=timezone.now())
    rows = rows.filter(instance__is_live=True).exclude(instance__state__in=OVER_STATES)
    rows = rows.select_related("instance").defer("log", "configuration")
    for document in rows.order_by("-log_wanted_until")[:MOST_AT_ONCE]:
        instance = document.instance
        engine = None if COOL_DOWN.is_on(instance.engine) else find_engine(instance.engine)
        if engine is None or engine.services is None:
            continue
        try:
            keep_log(engine.services, instance, wait_s=0)
        except EngineUnavailable as error:
            COOL_DOWN.start(instance.engine)
            logger.warning("%s: its log cannot be read now: %s", instance, error)
