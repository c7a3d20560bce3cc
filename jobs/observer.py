"""Carries facts from the engine into the rows: the one place where a run's end becomes a job's.

Level-based: it compares all that the engine has with all that the rows expect, so an event
that was missed is made up for by the next look. Two observers at once are harmless, for every
step is guarded; the lease only saves work.
"""

from __future__ import annotations

import contextlib
import logging
import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
)
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.tasks import async_task

from hubsite.coordination.lease import Lease
from hubsite.coordination.wake_up import QUEUE_IS_LONG
from hubsite.engines.base import Engine, EngineUnavailable, Gone, Level, Observation, Phase

from . import lifecycle, logs
from .models import Job, Reason, State

logger = logging.getLogger(__name__)

ACTOR = "observer"
WATCH_S = 2.0
SWEEP_EVERY_S = 5.0
HOUSEKEEPING_EVERY_S = 3600.0
ORPHAN_GRACE_S = 60.0
AT_ONCE = 500
ASK_AGAIN_S = 10.0
ASK_EVERY_S = 0.2
"""The worker is asked no more often: hundreds of ends a second need no hundreds of ticks."""
LAUNCH_LASTS = timedelta(seconds=60)
"""The worker's ticks are ended then, and what they were doing."""
REMOVED_AT_ONCE = 100
LONGEST_PAUSE_S = 15.0


class Observer:
    """Watches one engine until told to stop."""

    def __init__(self, engine: Engine, *, is_stopping: Callable[[], bool]) -> None:
        self.engine = engine
        self._is_stopping = is_stopping
        self._lease = Lease(f"observer-{engine.name}", seconds=15)
        self._orphan_since: dict[str, float] = {}
        self._asked: dict[str, float] = {}
        self._over: dict[str, None] = {}
        self._recorded: dict[str, tuple[Any, ...]] = {}
        self._has_freed = False
        self._next_ask = 0.0
        self._next_sweep = 0.0
        self._next_housekeeping = time.monotonic() + 60
        self._failures = 0

    def run(self) -> None:
        """Watch, and never give up: whatever fails is tried again, ever more slowly."""
        try:
            while not self._is_stopping():
                try:
                    self._turn()
                    self._failures = 0
                except EngineUnavailable as error:
                    self._pause(f"{self.engine.name} engine: {error}")
                except (DatabaseError, InterfaceError) as error:
                    connection.close()
                    self._pause(f"database: {error}")
        finally:
            self.engine.close()
            with contextlib.suppress(DatabaseError, InterfaceError):
                self._lease.give_back()  # else it runs out

    def _turn(self) -> None:
        close_old_connections()
        if not self._lease.hold():
            time.sleep(2)
            return
        self._ask_for_ticks()
        self._look()

    def _look(self) -> None:
        """Wait for what the engine tells next, and bring it into the rows."""
        news: list[Observation] = []
        gone: list[Gone] = []
        wait_s = ASK_EVERY_S if self._has_freed or self._over else WATCH_S
        for fact in self.engine.watch(wait_s=wait_s):
            if isinstance(fact, Level):
                self.reconcile(fact)
            elif isinstance(fact, Gone):
                gone.append(fact)
            elif self._recorded.get(fact.name) != _gist(fact):
                news.append(fact)
            if self._is_stopping():
                return
        self.record_all(news)
        self.note_gone(gone)
        self._ask_worker()

    def _pause(self, why: str) -> None:
        self._failures += 1
        seconds = min(LONGEST_PAUSE_S, 0.25 * 2 ** min(self._failures, 8))
        if self._failures in (1, 4) or self._failures % 20 == 0:
            logger.warning("%s; trying again", why)
        deadline = time.monotonic() + seconds * random.uniform(0.5, 1)  # noqa: S311
        while time.monotonic() < deadline and not self._is_stopping():
            time.sleep(0.1)

    def _ask_for_ticks(self) -> None:
        now = time.monotonic()
        if now >= self._next_sweep and get_broker().queue_size() < QUEUE_IS_LONG:
            self._next_sweep = now + SWEEP_EVERY_S
            async_task("jobs.tasks.sweep")
        if now >= self._next_housekeeping:
            self._next_housekeeping = now + HOUSEKEEPING_EVERY_S
            async_task("jobs.tasks.housekeeping")

    def reconcile(self, level: Level) -> None:
        """Compare everything that exists with everything that should."""
        self.record_all(level.observations)
        names = {observation.name for observation in level.observations}
        for job in Job.objects.on(self.engine.name).placed():
            if job.job_id not in names:
                self._vanish(job, asked_at=level.asked_at)
        self._ask_worker()
        self._orphan_since = {n: t for n, t in self._orphan_since.items() if n in names}
        self._recorded = {n: gist for n, gist in self._recorded.items() if n in names}

    def note_gone(self, gone: Sequence[Gone]) -> None:
        """Objects were removed, by us or by somebody else."""
        for start in range(0, len(gone), AT_ONCE):
            when = {fact.name: fact.at for fact in gone[start : start + AT_ONCE]}
            for name in when:
                self._recorded.pop(name, None)
            for job in Job.objects.on(self.engine.name).placed().filter(job_id__in=when):
                self._vanish(job, asked_at=when[job.job_id])
        self._ask_worker()

    def _vanish(self, job: Job, *, asked_at: datetime) -> None:
        vanish(self.engine, job, asked_at=asked_at)
        self._has_freed |= not job.is_live

    def record_all(self, observations: Sequence[Observation]) -> None:
        """Bring these facts into their rows, and have objects removed that are over."""
        for start in range(0, len(observations), AT_ONCE):
            some = observations[start : start + AT_ONCE]
            rows = Job.objects.filter(job_id__in=[o.name for o in some])
            jobs = {job.job_id: job for job in rows}
            for observation in some:
                if self._is_over(jobs.get(observation.name), observation):
                    self._over[observation.name] = None
                self._recorded[observation.name] = _gist(observation)
                self._ask_worker()

    def _is_over(self, job: Job | None, observation: Observation) -> bool:
        """Record one fact; True if its object is of no further use.

        One run that cannot be recorded must not keep all others from it.
        """
        if job is None:
            return self._is_orphan(observation.name)
        was_live = job.is_live
        try:
            return record(self.engine, job, observation)
        except (OperationalError, InterfaceError, EngineUnavailable):
            raise
        except Exception:
            logger.exception("%s: what its run came to cannot be recorded", job.job_id)
            return observation.phase.is_final and give_up(job)
        finally:
            self._has_freed |= was_live and not job.is_live

    def _ask_worker(self) -> None:
        """Have the worker fill the places that are free, and remove the objects that are over.

        Each object once in a while, and nothing into a long queue: then it is asked for later.
        """
        now = time.monotonic()
        if not (self._has_freed or self._over) or now < self._next_ask:
            return
        self._next_ask = now + ASK_EVERY_S
        if get_broker().queue_size() >= QUEUE_IS_LONG:
            return
        if self._has_freed:
            self._has_freed = False
            async_task("jobs.tasks.launch_due")
        self._asked = {n: t for n, t in self._asked.items() if now - t < ASK_AGAIN_S}
        names = [name for name in self._over if name not in self._asked]
        self._over.clear()
        self._asked |= dict.fromkeys(names, now)
        for start in range(0, len(names), REMOVED_AT_ONCE):
            some = names[start : start + REMOVED_AT_ONCE]
            async_task("jobs.tasks.remove_objects", some, self.engine.name)

    def _is_orphan(self, name: str) -> bool:
        since = self._orphan_since.setdefault(name, time.monotonic())
        return time.monotonic() - since > ORPHAN_GRACE_S


def _gist(observation: Observation) -> tuple[Any, ...]:
    """All of a fact that its row is made of: an object changes more often than this does."""
    end = (observation.reason, observation.result) if observation.phase.is_final else ()
    return (observation.attempt, observation.phase, observation.message, *end)


def record(engine: Engine, job: Job, observation: Observation) -> bool:
    """Bring one fact into its row. True if the object is of no further use."""
    if observation.attempt != job.attempt:
        return observation.attempt < job.attempt
    if job.state == State.QUEUED:
        return False  # a copy of the database older than the engine; the launch finds it
    if job.state == State.LAUNCHED and _has_begun(observation):
        began = observation.started_at or timezone.now()
        if not lifecycle.move(
            job, State.RUNNING, actor=ACTOR, started_at=began, seen_at=timezone.now()
        ):
            job.refresh_from_db()  # another observer was first, or its owner cancelled it
    if job.is_final:
        note_begin(job, observation)
        if observation.phase.is_final:
            free(job, has_run=observation.started_at is not None)
        return True
    if job.seen_at is None:
        Job.objects.filter(pk=job.pk, seen_at=None).update(seen_at=timezone.now())
    if observation.phase.is_final:
        return finish(engine, job, observation)
    if observation.phase == Phase.STUCK:
        return abandon(job, observation)
    tell_why(job, observation.message or "")
    return False


def note_begin(job: Job, observation: Observation) -> None:
    """A job that was ended before it was seen to run has run after all: what it wrote is its
    owner's, and it is billed so though its object may be gone before its end is seen."""
    if job.is_live and job.started_at is None and observation.started_at is not None:
        job.started_at = observation.started_at
        Job.objects.filter(pk=job.pk, started_at=None).update(started_at=job.started_at)


def tell_why(job: Job, message: str) -> None:
    """Its owner sees what a run that exists is waiting for, as long as it does."""
    if job.message != message:
        Job.objects.filter(pk=job.pk, state=job.state).update(message=message)


def abandon(job: Job, observation: Observation) -> bool:
    """End a job whose run will not begin; it keeps its place until its object is gone."""
    lifecycle.move(
        job,
        State.FAILED,
        actor=ACTOR,
        reason=_reason(observation),
        message=observation.message or "The run did not begin in time.",
    )
    return True


def _has_begun(observation: Observation) -> bool:
    if observation.phase == Phase.FAILED:
        return observation.started_at is not None
    return observation.phase not in (Phase.PENDING, Phase.STUCK)


def finish(engine: Engine, job: Job, observation: Observation) -> bool:
    """End the job with what its run came to; True if the row is final afterwards."""
    if engine.log_is_cheap:  # else the worker reads it, before the object goes
        logs.append_missing(job, engine.log(job.job_id))
    ended: dict[str, Any] = {
        "finished_at": observation.finished_at or timezone.now(),
        "is_live": False,
    }
    if observation.result is not None or job.result is None:
        # What the run reported by itself tells more than an engine may have room for.
        ended["result"] = {**(job.result or {}), **(_shown(observation.result) or {})} or None
    if observation.phase == Phase.SUCCEEDED:
        message = (observation.result or {}).get("message") or ""
        moved = lifecycle.move(job, State.SUCCEEDED, actor=ACTOR, message=message, **ended)
    else:
        moved = lifecycle.move(
            job,
            State.FAILED,
            actor=ACTOR,
            reason=_reason(observation),
            message=observation.message or "The run failed without saying why.",
            **ended,
        )
    if moved:
        return True
    job.refresh_from_db()
    if job.is_final:
        note_begin(job, observation)
        free(job, has_run=observation.started_at is not None)
    return job.is_final


def give_up(job: Job) -> bool:
    """End a job whose run is over, but whose result cannot be kept."""
    job.refresh_from_db()
    if not job.is_final:
        lifecycle.move(
            job,
            State.FAILED,
            actor=ACTOR,
            reason=Reason.LOST,
            message="The run ended, but what it said could not be kept.",
            is_live=False,
        )
    return True


def vanish(engine: Engine, job: Job, *, asked_at: datetime) -> None:
    """The engine has no object of this job any more, or not yet."""
    if job.is_final:
        if job.finished_at and job.finished_at < asked_at:
            if job.seen_at is None:
                engine.delete(job.job_id)  # its launch may be on the way: it must come to nothing
                if _may_still_come(engine, job, asked_at):
                    return
            free(job, has_run=job.started_at is not None)
    elif job.seen_at is not None and job.seen_at < asked_at - timedelta(seconds=1):
        if engine.exists(job.job_id):
            return  # another observer's clock, or memory, was wrong
        lifecycle.move(
            job,
            State.FAILED,
            actor=ACTOR,
            reason=Reason.LOST,
            message="The run vanished from the engine before it had ended.",
            is_live=False,
        )


def _may_still_come(engine: Engine, job: Job, asked_at: datetime) -> bool:
    """Whether a launch that was under way when the job ended may make its object even now: its
    place and its output must not be another's yet."""
    if engine.delete_is_lasting or job.finished_at is None:
        return False
    if job.made_at is not None:
        return job.made_at >= asked_at
    return asked_at - job.finished_at < LAUNCH_LASTS


def free(job: Job, *, has_run: bool) -> None:
    """No run of this ended job exists any more: its place goes to the next."""
    if job.is_live:  # what ended long ago is seen again and again until its object is gone
        lifecycle.close(job, has_run=has_run)


def _reason(observation: Observation) -> str:
    if observation.reason in Reason.values:
        return observation.reason
    return Reason.LOST if observation.reason == "STOPPED" else Reason.XCUBE_ERROR


def _shown(result: dict[str, Any] | None) -> dict[str, Any] | None:
    """What the owner sees of a result: no stack trace, which is in the log."""
    if result is None:
        return None
    return {key: value for key, value in result.items() if key not in ("traceback", "output")}
