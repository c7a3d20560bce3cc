"""Makes and changes the objects of services in their engine, as the rows wish.

What the engine shall do follows from the row alone. `revision` counts the wishes, and
`applied_revision` is the last one that the engine has accepted; where it is behind, the spec is
applied. So a lost wake-up or a dead worker is made up for by the next sweep.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from hubsite import switches
from hubsite.coordination import lock
from hubsite.coordination.cool_down import CoolDown
from hubsite.engines import find_engine
from hubsite.engines.draining import is_drained_for
from hubsite.engines.outcomes import Applied, Outcome
from hubsite.engines.place import Engine, ServicePlace
from hubsite.engines.specs import Service
from hubsite.refusals import Refused
from jobs.stores.stores_file import StoresFileError

from .. import lifecycle
from ..models import InstanceQuerySet, Reason, ServiceInstance, State
from ..models.profile import Kind
from .workload import build_service

logger = logging.getLogger(__name__)

ACTOR = "worker"
COOL_DOWN = CoolDown("services", seconds=4)
MOST_AT_ONCE = 100
HOLD_A_PLACE = (State.STARTING, State.READY)
START_LIMIT = timedelta(minutes=20)
"""The engine gives up earlier; this one is for engines that say nothing."""


def start_due() -> int:
    """Start what was requested, and apply each changed wish. Returns how many were applied."""
    count = 0
    for engine, place in _places(ServiceInstance.objects.live()):
        _claim_requested(engine, place)
        due = list(_due().on(engine.name).order_by("pk")[:MOST_AT_ONCE])
        if due and not apply(engine, place, due):
            continue
        count += len(due)
    return count


def fail_overdue() -> None:
    """Fail what does not become ready, although its engine says nothing."""
    rows = ServiceInstance.objects.live().filter(
        state=State.STARTING, starting_since__lt=timezone.now() - START_LIMIT
    )
    for instance in rows.select_related("owner")[:MOST_AT_ONCE]:
        lifecycle.fail(
            instance, Reason.DEADLINE, "It was not ready within 20 minutes.", actor=ACTOR
        )


def _due() -> InstanceQuerySet:
    """Instances of whose wish the engine does not know yet."""
    wishing = (State.STARTING, State.READY, State.ASLEEP)
    rows = ServiceInstance.objects.live().filter(state__in=wishing)
    rows = rows.filter(applied_revision__lt=F("revision"))
    rows = rows.exclude(COOL_DOWN.is_on_for("engine"))
    return rows.select_related("owner", "profile", "document")


def _places(rows: InstanceQuerySet) -> Iterator[tuple[Engine, ServicePlace]]:
    """The engines of these rows that this version knows and that can keep services."""
    for name in rows.order_by().values_list("engine", flat=True).distinct():
        engine = find_engine(name)
        if engine is not None and engine.services is not None:
            yield engine, engine.services


def _claim_requested(engine: Engine, place: ServicePlace) -> None:
    """Move the oldest requested instances to STARTING, up to the engine's free places."""
    closed = [kind for kind in Kind if switches.suspension(kind.switch) is not None]
    requested = ServiceInstance.objects.on(engine.name).live().filter(state=State.REQUESTED)
    requested = requested.exclude(kind__in=closed) if closed else requested
    requested = requested.exclude(is_drained_for("engine"))
    if not requested.exists():
        return
    with transaction.atomic():
        lock.hold("services")
        awake = ServiceInstance.objects.on(engine.name).live().filter(state__in=HOLD_A_PLACE)
        free = min(place.capacity - awake.count(), MOST_AT_ONCE)
        for instance in requested.select_related("owner").order_by("pk")[: max(free, 0)]:
            lifecycle.move(instance, State.STARTING, actor=ACTOR)
    waiting = requested.filter(message="")
    waiting.update(message="Waiting for a free place.")


def apply(engine: Engine, place: ServicePlace, instances: Sequence[ServiceInstance]) -> bool:
    """Apply the wishes of these instances. False if the engine could not be reached."""
    specs = list(_specs(instances))
    outcomes = place.apply([spec for _, spec in specs])
    for (instance, spec), applied in zip(specs, outcomes, strict=True):
        _record(instance, spec, applied)
    if any(applied.outcome is Outcome.UNREACHABLE for applied in outcomes):
        COOL_DOWN.start(engine.name)
        return False
    return True


def _specs(instances: Sequence[ServiceInstance]) -> Iterator[tuple[ServiceInstance, Service]]:
    for instance in instances:
        try:
            yield instance, build_service(instance)
        except StoresFileError as error:
            logger.warning("%s waits to be started: %s", instance, error)
            waiting = ServiceInstance.objects.filter(pk=instance.pk, state=State.STARTING)
            waiting.update(message="Waiting: the hub's list of data stores cannot be read.")
        except Refused as refused:
            lifecycle.fail(instance, Reason.LAUNCH, str(refused), actor=ACTOR)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # A service that cannot be built must not stop the others.
            logger.exception("%s could not be built; it will be tried again", instance)


def _record(instance: ServiceInstance, spec: Service, applied: Applied) -> None:
    """Record the outcome of one call in the row."""
    rows = ServiceInstance.objects.filter(pk=instance.pk)
    match applied.outcome:
        case Outcome.MADE:
            rows.filter(applied_revision__lt=spec.revision).update(
                applied_revision=spec.revision, applied_at=timezone.now()
            )
        case Outcome.WAITS | Outcome.UNREACHABLE:
            logger.warning("%s waits: %s", instance, applied.detail or applied.message)
            if applied.message:
                waiting = rows.filter(state=State.STARTING)
                waiting.update(message=f"Waiting: {applied.message}."[:1000])
        case Outcome.REFUSED:
            message = f"The service could not be started: {applied.message}"
            lifecycle.fail(instance, Reason.REJECTED, message, actor=ACTOR)
        case Outcome.ENDED:
            message = "A service of this name had ended already."
            lifecycle.fail(instance, Reason.LOST, message, actor=ACTOR)
