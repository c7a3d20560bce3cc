"""Records facts about runs in the rows of their jobs.

This is the only place where the end of a run becomes the end of its job. Each step is a guarded
update, so two followers, or a follower and the job's owner, may do the same at the same time.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from hubsite.coordination.clock import is_earlier
from hubsite.coordination.wake_up import ask
from hubsite.engines.facts import Gone, Phase, RunFact
from hubsite.engines.facts import Reason as EngineReason
from hubsite.engines.following import Book, Recorded
from hubsite.engines.outcomes import EngineUnavailable, Removal
from hubsite.engines.place import Engine

from .. import lifecycle
from ..models import Job, Reason, State
from ..results import recording
from . import closing, logs

logger = logging.getLogger(__name__)

ACTOR = "observer"
LAUNCH_LASTS = timedelta(seconds=60)
"""After this time the worker's ticks are killed, and so are the launches that they began."""
REMOVED_AT_ONCE = 100


class JobBook(Book[RunFact]):
    """The jobs of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, facts: Sequence[RunFact]) -> Recorded:
        jobs = self._jobs(facts)
        known = [(jobs[fact.name], fact) for fact in facts if fact.name in jobs]
        were_live = {job.pk for job in jobs.values() if job.is_live}
        useless = self._record_all(known)
        return Recorded(
            useless=useless,
            unknown={fact.name for fact in facts} - jobs.keys(),
            has_freed=any(not job.is_live for job, _ in known if job.pk in were_live),
        )

    def absent(self, known: Collection[str], *, asked_at: datetime) -> Recorded:
        placed = Job.objects.on(self._engine.name).placed()
        missing = [name for name in placed.values_list("job_id", flat=True) if name not in known]
        if not missing:
            return Recorded()
        return self._vanished(dict.fromkeys(missing, asked_at))

    def gone(self, gone: Sequence[Gone]) -> Recorded:
        return self._vanished({fact.name: fact.at for fact in gone})

    def request_work(self, *, remove: Sequence[str], fill_places: bool) -> bool:
        if fill_places and not ask("jobs.tasks.launch_due"):
            return False
        portions = (
            list(remove[start : start + REMOVED_AT_ONCE])
            for start in range(0, len(remove), REMOVED_AT_ONCE)
        )
        return all(ask("jobs.tasks.remove_objects", some, self._engine.name) for some in portions)

    @staticmethod
    def _jobs(facts: Sequence[RunFact]) -> dict[str, Job]:
        rows = Job.objects.filter(job_id__in=[fact.name for fact in facts])
        return {job.job_id: job for job in rows}

    def _record_all(self, known: Sequence[tuple[Job, RunFact]]) -> set[str]:
        """Record these facts in one transaction, because a transaction costs as much as many rows.

        Returns the names of objects that are no longer needed.
        """
        lifecycle.begin_all(_begins(known), actor=ACTOR)
        _note_seen([job for job, fact in known if _is_first_sight(job, fact)])
        changed = [(job, fact) for job, fact in known if not _is_recorded(job, fact)]
        useless = {job.job_id for job, fact in known if job.is_final and _is_recorded(job, fact)}
        self._read_logs(changed)
        if len(changed) < 2:
            return useless | {job.job_id for job, fact in changed if self._is_useless(job, fact)}
        try:
            with transaction.atomic():
                Job.objects.lock([job.pk for job, _ in changed])
                return useless | {j.job_id for j, fact in changed if self.record_one(j, fact)}
        except InterfaceError:
            raise
        except Exception as error:  # noqa: BLE001 - each by itself says which one it was
            logger.info("%d facts are recorded one by one: %s", len(changed), error)
            for job, _ in changed:
                job.refresh_from_db()
            return useless | {job.job_id for job, fact in changed if self._is_useless(job, fact)}

    def _read_logs(self, changed: Sequence[tuple[Job, RunFact]]) -> None:
        """Store the logs of ended runs, as far as the engine has them already.

        Recording an end must not wait for a node, so `removal` reads the other logs before it
        deletes their objects. This runs before the transaction, which must not wait for an engine.
        """
        for job, fact in changed:
            if not fact.phase.is_final or job.is_final or fact.attempt != job.attempt:
                continue
            if log := self._engine.runs.log(job.job_id, most_lines=logs.MOST_LINES, wait_s=0):
                try:
                    logs.append_missing(job, log)
                except (OperationalError, InterfaceError):
                    raise
                except Exception:
                    logger.exception("%s: its log cannot be recorded", job.job_id)

    def _is_useless(self, job: Job, fact: RunFact) -> bool:
        """Record one fact. True if the run's object is no longer needed."""
        try:
            with transaction.atomic():
                return self.record_one(job, fact)
        except (OperationalError, InterfaceError, EngineUnavailable):
            raise
        except Exception:
            # One run that cannot be recorded must not stop the others.
            logger.exception("%s: the end of its run cannot be recorded", job.job_id)
            return fact.phase.is_final and give_up(job)

    def record_one(self, job: Job, fact: RunFact) -> bool:
        """Write one fact into its row. True if the run's object is no longer needed."""
        if fact.attempt != job.attempt:
            return fact.attempt < job.attempt
        if job.state == State.QUEUED:
            return False  # the database was restored from a backup; the launch finds the object
        if job.state == State.LAUNCHED and _has_begun(fact):
            began = fact.started_at or timezone.now()
            if not lifecycle.move(
                job, State.RUNNING, actor=ACTOR, started_at=began, seen_at=timezone.now()
            ):
                job.refresh_from_db()  # another follower was first, or its owner cancelled it
        if job.is_final:
            closing.note(job, fact)
            return True  # `removal` ends a running run first; then it is seen here once more
        if job.seen_at is None:
            Job.objects.filter(pk=job.pk, seen_at=None).update(seen_at=timezone.now())
        if fact.phase.is_final:
            return self._finish(job, fact)
        if fact.phase == Phase.STUCK:
            return abandon(job, fact)
        show_why(job, fact)
        return False

    def _finish(self, job: Job, fact: RunFact) -> bool:
        """End the job as its run ended. True if the row is final afterwards."""
        ended: dict[str, Any] = {
            "finished_at": fact.finished_at or timezone.now(),
            "usage": dict(fact.usage) or None,
        }
        if fact.result is not None or job.result is None:
            # The run's own report may contain more than the engine can store.
            told, made = recording.split(fact.result)
            ended["result"] = {**(job.result or {}), **(_shown(told) or {})} or None
            recording.keep(job, made)
        if fact.phase == Phase.SUCCEEDED:
            message = (fact.result or {}).get("message") or ""
            moved = lifecycle.move(
                job, State.SUCCEEDED, actor=ACTOR, message=message, is_live=False, **ended
            )
        else:
            message = fact.message or "The run failed without saying why."
            moved = lifecycle.fail(
                job, _reason(fact), message, actor=ACTOR, wrote=fact.wrote, **ended
            )
        if moved:
            return True
        job.refresh_from_db()
        if job.is_final:
            closing.note(job, fact)
        return job.is_final

    def _vanished(self, times: dict[str, datetime]) -> Recorded:
        """Record that the engine had no object of these jobs, at the time given for each."""
        rows = Job.objects.on(self._engine.name).placed().filter(job_id__in=times)
        has_freed = False
        for job in rows:
            try:
                self.vanish(job, asked_at=times[job.job_id])
            except (OperationalError, InterfaceError, EngineUnavailable):
                raise
            except Exception:
                # One job that cannot be ended must not stop the others.
                logger.exception("%s: its run is gone, but it cannot be ended", job.job_id)
            has_freed |= not job.is_live
        return Recorded(has_freed=has_freed)

    def vanish(self, job: Job, *, asked_at: datetime) -> None:
        """Record that the engine had no object of this job at `asked_at`: deleted or not made."""
        if job.is_final:
            if job.finished_at and is_earlier(job.finished_at, asked_at):
                if job.seen_at is None and self._may_still_come(job, asked_at):
                    return
                closing.note_gone(job)
        elif job.seen_at is not None and is_earlier(job.seen_at, asked_at - timedelta(seconds=1)):
            if self._engine.runs.exists(job.job_id):
                return  # the clock or the watch cache of another follower was wrong
            message = "The run vanished from the engine before it had ended."
            lifecycle.fail(job, Reason.LOST, message, actor=ACTOR)

    def _may_still_come(self, job: Job, asked_at: datetime) -> bool:
        """Whether an object of this ended job may exist or appear, although none was ever seen.

        A launch may still be in progress, so the engine is asked to remove the object. Until the
        engine is sure, no other job may get this job's place and output.
        """
        removal = self._engine.runs.remove([job.job_id])[job.job_id]
        if removal is not Removal.MAY_STILL_APPEAR or job.finished_at is None:
            return removal is Removal.ENDING
        if job.made_at is not None:
            return not is_earlier(job.made_at, asked_at)
        return not is_earlier(job.finished_at, asked_at - LAUNCH_LASTS)


def _begins(known: Sequence[tuple[Job, RunFact]]) -> list[tuple[Job, datetime]]:
    """The jobs whose runs have begun although their rows do not say so yet, and when."""
    return [
        (job, fact.started_at or timezone.now())
        for job, fact in known
        if job.state == State.LAUNCHED and fact.attempt == job.attempt and _has_begun(fact)
    ]


def _is_first_sight(job: Job, fact: RunFact) -> bool:
    """Whether the object of this job, which has not ended, is seen for the first time."""
    is_under_way = job.state in (State.LAUNCHED, State.RUNNING)
    return is_under_way and job.seen_at is None and fact.attempt == job.attempt


def _note_seen(jobs: Sequence[Job]) -> None:
    now = timezone.now()
    for job in jobs:
        job.seen_at = now
    Job.objects.filter(pk__in=[job.pk for job in jobs], seen_at=None).update(seen_at=now)


def _is_recorded(job: Job, fact: RunFact) -> bool:
    """Whether the row already holds all of this fact, so that nothing needs to be written."""
    if fact.attempt != job.attempt:
        return False
    if job.is_final:
        return not job.is_live
    is_same = not fact.phase.is_final and fact.phase != Phase.STUCK and job.seen_at is not None
    is_begun = job.state == State.RUNNING or not _has_begun(fact)
    return is_same and is_begun and job.message == (fact.message or "")


def show_why(job: Job, fact: RunFact) -> None:
    """Show the owner what the run is waiting for, as long as it waits."""
    message = fact.message or ""
    if job.message != message:
        rows = Job.objects.filter(pk=job.pk, state=job.state)
        rows.update(message=message, pending_reason=_pending_reason(job, fact))


def _pending_reason(job: Job, fact: RunFact) -> str:
    """Why the run has not begun; "" while all is as it should be."""
    is_known = job.state == State.LAUNCHED and fact.message and fact.reason in Reason.values
    return str(fact.reason) if is_known else ""


def abandon(job: Job, fact: RunFact) -> bool:
    """Fail a job whose run will not begin. It keeps its place until its object is deleted."""
    message = fact.message or "The run did not begin in time."
    lifecycle.fail(job, _reason(fact), message, actor=ACTOR, is_over=False)
    return True


def give_up(job: Job) -> bool:
    """Fail a job whose run is over but whose result cannot be stored."""
    job.refresh_from_db()
    if not job.is_final:
        message = "The run ended, but what it said could not be kept."
        lifecycle.fail(job, Reason.LOST, message, actor=ACTOR)
    return True


def _has_begun(fact: RunFact) -> bool:
    if fact.phase == Phase.FAILED:
        return fact.started_at is not None
    return fact.phase not in (Phase.PENDING, Phase.STUCK)


def _reason(fact: RunFact) -> str:
    """Why the job failed: the reason in the fact if there is one, else that xcube failed."""
    if fact.reason in Reason.values:
        return fact.reason
    return Reason.LOST if fact.reason == EngineReason.STOPPED else Reason.XCUBE_ERROR


def _shown(result: dict[str, Any] | None) -> dict[str, Any] | None:
    """The part of a result that the owner sees. The stack trace is in the log."""
    if result is None:
        return None
    return {key: value for key, value in result.items() if key not in ("traceback", "output")}
