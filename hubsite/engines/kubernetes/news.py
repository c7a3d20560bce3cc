"""What has changed in the cluster since the observer last asked: of Jobs and pods together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from ..base import Gone, Level, RunFact
from .client import Api
from .manifests import ATTEMPT_LABEL, JOB_NAME_LABEL
from .refusals import Refusals
from .watch import Mirror

Json = dict[str, Any]

LEVEL_EVERY_S = 10.0
"""How often everything is looked at, for what time alone has changed."""


class News:
    """Two mirrors, and the names of the Jobs that they told something of.

    The mirrors do not wait for each other: a pod may be seen before its Job, and a Job's end
    before its pod's. So `observe` is told until when both are known.
    """

    def __init__(
        self,
        api: Api,
        *,
        path: Callable[[str], str],
        selector: str,
        observe: Callable[[Json, Sequence[Json], str | None, datetime], RunFact],
    ) -> None:
        self._observe_job = observe
        self._refusals = Refusals(api, path=lambda: path("events"))
        self._wake = threading.Condition()
        self._changed: set[str] = set()
        self._existed: set[str] = set()
        self._has_listed = False
        self._next_level = 0.0
        self._jobs = Mirror(
            "watch of jobs",
            api,
            path=lambda: path("jobs"),
            selector=selector,
            group=name_of,
            keep=_kept_job,
            changed=self._note_job,
            listed=self._note_list,
        )
        self._pods = Mirror(
            "watch of pods",
            api,
            path=lambda: path("pods"),
            selector=selector,
            group=job_of,
            keep=_kept_pod,
            changed=self._note,
            listed=self._note_list,
        )

    def start(self) -> None:
        self._jobs.start()
        self._pods.start()

    def stop(self) -> None:
        """Tell nothing any more; the calls under way end by themselves."""
        self._jobs.stop()
        self._pods.stop()

    def wait(self, wait_s: float) -> Iterator[Level[RunFact] | RunFact | Gone]:
        """What is new, as soon as anything is; nothing where nothing came for `wait_s`."""
        with self._wake:
            self._wake.wait_for(lambda: self._is_level_due or self._has_news, wait_s)
            is_level, has_news = self._is_level_due, self._has_news
            names: set[str] = set()
            if is_level:
                self._has_listed, self._next_level = False, time.monotonic() + LEVEL_EVERY_S
            if is_level or has_news:
                names, self._changed = self._changed, names
        if is_level:
            yield self._level()
        # After a level too: it does not tell of what has gone since it was asked for.
        for name in names:
            fact = self._fact(name)
            if fact is not None and (not is_level or isinstance(fact, Gone)):
                yield fact

    @property
    def _known_until(self) -> datetime | None:
        """Until when both copies are whole, None while one is not."""
        times = (self._jobs.known_until, self._pods.known_until)
        return min(t for t in times if t) if all(times) else None

    @property
    def _has_news(self) -> bool:
        return bool(self._changed) and self._known_until is not None

    @property
    def _is_level_due(self) -> bool:
        is_due = self._has_listed or time.monotonic() >= self._next_level
        return is_due and self._known_until is not None

    def _level(self) -> Level[RunFact]:
        asked_at = self._known_until
        assert asked_at is not None
        names = self._jobs.groups()
        lacking = (job for name in names if not self._pods.of(name) for job in self._jobs.of(name))
        self._refusals.refresh(lacking)
        facts = (self._observation(name) for name in names)
        return Level([fact for fact in facts if fact is not None], asked_at=asked_at)

    def _fact(self, name: str) -> RunFact | Gone | None:
        """None of what never was, as of a pod whose Job is still to be seen."""
        seen = self._observation(name)
        if seen is not None:
            return seen
        with self._wake:
            if name not in self._existed:
                return None
            self._existed.discard(name)
        return Gone(name, timezone.now())

    def _observation(self, name: str) -> RunFact | None:
        known_until = self._known_until
        jobs = self._jobs.of(name)
        if not jobs or known_until is None:
            return None
        return self._observe_job(jobs[0], self._pods.of(name), self._refusals.of(name), known_until)

    def _note_job(self, name: str) -> None:
        with self._wake:
            self._existed.add(name)
            self._changed.add(name)
            self._wake.notify()

    def _note(self, name: str) -> None:
        with self._wake:
            self._changed.add(name)
            self._wake.notify()

    def _note_list(self) -> None:
        with self._wake:
            self._has_listed = True
            self._wake.notify()


def name_of(item: Json) -> str:
    return item["metadata"]["name"]


def job_of(pod: Json) -> str:
    """The name of the Job that a pod is of."""
    return (pod["metadata"].get("labels") or {}).get(JOB_NAME_LABEL, "")


def _kept_metadata(item: Json, *labels: str) -> Json:
    metadata = item["metadata"]
    given = metadata.get("labels") or {}
    return {
        "name": metadata["name"],
        "creationTimestamp": metadata.get("creationTimestamp"),
        "deletionTimestamp": metadata.get("deletionTimestamp"),
        "labels": {label: given[label] for label in labels if label in given},
    }


def _kept_job(job: Json) -> Json:
    """Thousands are kept, of which little is asked."""
    status = job.get("status") or {}
    kept = ("conditions", "startTime", "completionTime", "failed")
    return {
        "metadata": _kept_metadata(job, ATTEMPT_LABEL),
        "status": {key: status[key] for key in kept if key in status},
    }


def _kept_pod(pod: Json) -> Json:
    status = pod.get("status") or {}
    kept = ("phase", "reason", "message", "conditions", "containerStatuses")
    return {
        "metadata": _kept_metadata(pod, JOB_NAME_LABEL),
        "spec": {"nodeName": (pod.get("spec") or {}).get("nodeName")},
        "status": {key: status[key] for key in kept if key in status},
    }
