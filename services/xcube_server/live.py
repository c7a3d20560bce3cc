"""Live data: servers read anew what a job of their owner wrote, replaced or removed.

The end of a job sets `refresh_due_at` of the servers that show its output, and wakes the worker,
which tells them through their engine. Those that are asleep read everything when they wake.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from hubsite.coordination.cool_down import CoolDown
from hubsite.coordination.wake_up import ask
from hubsite.engines import find_engine
from hubsite.engines.outcomes import EngineUnavailable
from jobs.models import Job
from jobs.stores.catalogue import StoreCatalogue, load_catalogue
from jobs.stores.location import location
from services.models import InstanceQuerySet, Kind, ServiceInstance, State

from .shown import ShownStore, shown_stores

logger = logging.getLogger(__name__)

REFRESH_TASK = "services.tasks.refresh_due"
COOL_DOWN = CoolDown("refreshing services", seconds=4)
MOST_AT_ONCE = 100
AWAKE = (State.STARTING, State.READY)


def output_changed(job: Job) -> None:
    """Have the running servers of the job's owner refreshed that show its output."""
    if not job.output_store.startswith("@"):
        return
    awake = ServiceInstance.objects.owned_by(job.owner_id).live().filter(state__in=AWAKE)
    rows = awake.filter(kind=Kind.XCUBE_SERVER).order_by()
    servers = list(rows.values_list("pk", "document__configuration"))
    if not servers:
        return
    catalogue, user_id = load_catalogue(), job.owner.username
    pks = [pk for pk, shown in servers if shows_output(shown, catalogue, user_id, job)]
    if pks and ServiceInstance.objects.filter(pk__in=pks).update(refresh_due_at=timezone.now()):
        ask(REFRESH_TASK)


def shows_output(
    configuration: Mapping[str, Any], catalogue: StoreCatalogue, user_id: str, job: Job
) -> bool:
    """Whether a server of this configuration shows the job's cube, or the pyramid beside it."""
    return any(
        _shows(shown, catalogue, user_id, job.output_store[1:], data_id)
        for shown in shown_stores(configuration)
        for data_id, _ in job.outputs
    )


def _shows(
    shown: ShownStore, catalogue: StoreCatalogue, user_id: str, output_store: str, data_id: str
) -> bool:
    if shown.name == output_store:
        return shown.shows(data_id)
    # Two stores of the file may hold the same data, or one may lie in a folder of the other.
    store, output = catalogue.get(shown.name), catalogue.get(output_store)
    if store is None or output is None or store.store_id != output.store_id:
        return False
    root = location(store.for_user(user_id), "").rstrip("/")
    place = location(output.for_user(user_id), data_id)
    return place.startswith(f"{root}/") and shown.shows(place.removeprefix(f"{root}/"))


def refresh_due() -> int:
    """Tell all servers that are ready and due for it; returns how many were told.

    A server that is starting is told when it is ready, since it may have read before.
    """
    due = _due()
    if not due:
        return 0
    by_engine: dict[str, list[ServiceInstance]] = defaultdict(list)
    for instance in due:
        by_engine[instance.engine].append(instance)
    return sum(_refresh(name, instances) for name, instances in by_engine.items())


def _due() -> list[ServiceInstance]:
    """Instances to refresh now; a time far ahead, by a wrong clock, counts as due."""
    now = timezone.now()
    is_due = Q(refresh_due_at__lte=now) | Q(refresh_due_at__gt=now + timedelta(hours=1))
    rows: InstanceQuerySet = ServiceInstance.objects.live().filter(is_due, state=State.READY)
    return list(rows.order_by("refresh_due_at", "pk")[:MOST_AT_ONCE])


def _refresh(engine_name: str, instances: list[ServiceInstance]) -> int:
    """Claim these instances and tell them; if the engine is unreachable, they stay due."""
    engine = None if COOL_DOWN.is_on(engine_name) else find_engine(engine_name)
    if engine is None or engine.services is None:
        return 0
    claimed = [instance for instance in instances if _claim(instance)]
    if not claimed:
        return 0
    try:
        engine.services.refresh([instance.instance_id for instance in claimed])
    except EngineUnavailable as error:
        COOL_DOWN.start(engine_name)
        logger.warning("services are refreshed later: %s", error)
        for instance in claimed:
            ServiceInstance.objects.filter(pk=instance.pk, refresh_due_at=None).update(
                refresh_due_at=timezone.now()
            )
        return 0
    return len(claimed)


def _claim(instance: ServiceInstance) -> bool:
    """Take the due time that was read; False if another worker did, or it has changed."""
    rows = ServiceInstance.objects.filter(pk=instance.pk, refresh_due_at=instance.refresh_due_at)
    return bool(rows.update(refresh_due_at=None))
