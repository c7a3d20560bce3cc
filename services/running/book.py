"""Records facts about services in the rows of their instances.

Each step is a guarded update, so two followers, or a follower and the owner, may do the same at
the same time.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from hubsite.coordination.clock import is_earlier
from hubsite.coordination.wake_up import ask
from hubsite.engines.facts import Gone, Phase, ServiceFact
from hubsite.engines.following import Book, Recorded
from hubsite.engines.outcomes import EngineUnavailable
from hubsite.engines.place import ServicePlace
from hubsite.refusals import Refused

from .. import lifecycle
from ..models import OVER_STATES, Reason, ServiceInstance, State
from . import removal

logger = logging.getLogger(__name__)

ACTOR = "observer"
REMOVED_AT_ONCE = 50
MOST_LOSSES = 3
"""How often a vanished object is made again before the instance fails."""
LOSSES_WITHIN = timedelta(hours=1)
"""A loss counts together with the one before if the object lived shorter than this."""


class ServiceBook(Book[ServiceFact]):
    """The instances of one engine."""

    def __init__(self, engine_name: str, place: ServicePlace) -> None:
        self._engine = engine_name
        self._place = place

    def record(self, facts: Sequence[ServiceFact]) -> Recorded:
        names = [fact.name for fact in facts]
        rows = ServiceInstance.objects.filter(instance_id__in=names).select_related("owner")
        known = {row.instance_id: row for row in rows}
        useless = {
            fact.name
            for fact in facts
            if fact.name in known and self._is_useless(known[fact.name], fact)
        }
        return Recorded(
            useless=useless,
            unknown=set(names) - known.keys(),
            has_freed=any(row.applied_revision < row.revision for row in known.values()),
        )

    def absent(self, known: Collection[str], *, asked_at: datetime) -> Recorded:
        live = ServiceInstance.objects.on(self._engine).live().exclude(state=State.REQUESTED)
        missing = [name for name in live.values_list("instance_id", flat=True) if name not in known]
        return self._vanished(dict.fromkeys(missing, asked_at))

    def gone(self, gone: Sequence[Gone]) -> Recorded:
        return self._vanished({fact.name: fact.at for fact in gone})

    def request_work(self, *, remove: Sequence[str], fill_places: bool) -> bool:
        if fill_places and not ask(lifecycle.START_TASK):
            return False
        portions = (
            list(remove[start : start + REMOVED_AT_ONCE])
            for start in range(0, len(remove), REMOVED_AT_ONCE)
        )
        return all(ask(lifecycle.REMOVE_TASK, some, self._engine) for some in portions)

    def _is_useless(self, instance: ServiceInstance, fact: ServiceFact) -> bool:
        """Record one fact. True if the object is no longer needed."""
        try:
            self.record_one(instance, fact)
        except (OperationalError, InterfaceError, EngineUnavailable):
            raise
        except Exception:
            # One service that cannot be recorded must not stop the others.
            logger.exception("%s: its state cannot be recorded", instance)
            return False
        return instance.state in OVER_STATES

    def record_one(self, instance: ServiceInstance, fact: ServiceFact) -> None:
        """Write one fact into its row."""
        if instance.state in OVER_STATES or instance.state == State.REQUESTED:
            return
        _note_columns(instance, fact)
        if fact.phase in (Phase.FAILED, Phase.STUCK) and fact.revision >= instance.applied_revision:
            removal.keep_log(self._place, instance, wait_s=0)
            message = fact.message or "The service ended without saying why."
            lifecycle.fail(instance, _reason(fact), message, actor=ACTOR)
        elif fact.revision < instance.applied_revision:
            _apply_again(instance)
        elif instance.state == State.STARTING and fact.phase == Phase.RUNNING:
            if fact.revision >= instance.revision:
                lifecycle.move(instance, State.READY, actor=ACTOR)
        elif instance.state == State.READY and fact.phase == Phase.PENDING:
            message = fact.message or "It starts again."
            reason = fact.reason if fact.reason in Reason.values else ""
            lifecycle.restart(instance, actor=ACTOR, message=message, reason=reason)
        elif instance.state == State.READY and fact.phase == Phase.ASLEEP:
            if fact.revision >= instance.revision:
                message = "It slept although it should not; it starts again."
                lifecycle.restart(instance, actor=ACTOR, message=message, anew=True)
        elif instance.state == State.ASLEEP and _is_awake(instance, fact):
            _woken(instance)

    def _vanished(self, times: dict[str, datetime]) -> Recorded:
        """Record that the engine had no object of these instances, at the time given for each."""
        if not times:
            return Recorded()
        rows = ServiceInstance.objects.on(self._engine).live().filter(instance_id__in=times)
        has_freed = False
        for instance in rows.select_related("owner"):
            try:
                has_freed |= self.vanish(instance, asked_at=times[instance.instance_id])
            except (OperationalError, InterfaceError, EngineUnavailable):
                raise
            except Exception:
                logger.exception("%s: its object is gone, which cannot be recorded", instance)
        return Recorded(has_freed=has_freed)

    def vanish(self, instance: ServiceInstance, *, asked_at: datetime) -> bool:
        """Record that the engine had no object at `asked_at`. True if there is work to do."""
        if instance.state in OVER_STATES:
            name = instance.instance_id
            removal.close_if_gone(instance, self._place.remove([name])[name])
            return not instance.is_live
        was_there = instance.applied_revision and instance.applied_at
        if not was_there or not is_earlier(instance.applied_at, asked_at - timedelta(seconds=1)):
            return False
        if self._place.exists(instance.instance_id):
            return False  # the watch cache was behind
        lived = asked_at - (instance.applied_at or asked_at)
        losses = 1 + (instance.losses if lived < LOSSES_WITHIN else 0)
        if losses > MOST_LOSSES:
            message = f"It vanished {losses} times, each within an hour of the last."
            lifecycle.fail(instance, Reason.LOST, message, actor=ACTOR)
            return True
        ServiceInstance.objects.filter(pk=instance.pk).update(losses=losses)
        if instance.state == State.READY:
            message = "It vanished from the engine and is made again."
            lifecycle.restart(instance, actor=ACTOR, message=message)
        _apply_again(instance)
        return True


def _note_columns(instance: ServiceInstance, fact: ServiceFact) -> None:
    """Store what the row shows of the fact, if it has changed."""
    news: dict[str, Any] = {}
    if instance.seen_at is None:
        news["seen_at"] = timezone.now()
    if fact.address and fact.address != instance.address:
        news["address"] = fact.address
    if fact.restarts != instance.restarts:
        news["restarts"] = fact.restarts
    if fact.broken is not None and dict(fact.broken) != instance.broken:
        news["broken"] = dict(fact.broken)
    waits = fact.phase == Phase.PENDING and instance.state == State.STARTING
    if waits and fact.message and fact.message != instance.message:
        news["message"] = fact.message[:1000]
    if news:
        ServiceInstance.objects.filter(pk=instance.pk).update(**news)
        for name, value in news.items():
            setattr(instance, name, value)


def _apply_again(instance: ServiceInstance) -> None:
    """Let the worker apply the present wish again, because the object differs from it."""
    ServiceInstance.objects.filter(pk=instance.pk).update(applied_revision=0)
    instance.applied_revision = 0


def _is_awake(instance: ServiceInstance, fact: ServiceFact) -> bool:
    """Whether the object is awake although it knows that it shall sleep."""
    is_awake = fact.phase in (Phase.RUNNING, Phase.PENDING)
    return is_awake and fact.revision >= instance.revision


def _woken(instance: ServiceInstance) -> None:
    """A request reached a sleeping instance by a decision made before: it is awake now."""
    try:
        lifecycle.wake(instance, actor=ACTOR, by="a request")
    except Refused:
        _apply_again(instance)


def _reason(fact: ServiceFact) -> str:
    return fact.reason if fact.reason in Reason.values else Reason.CRASH_LOOP
