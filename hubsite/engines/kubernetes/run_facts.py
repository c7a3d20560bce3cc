"""Derives the fact about a run from its Job and pods: phase, times, reason. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hubsite.storable import storable

from ..facts import Phase, Reason, RunFact, usage_of
from .failures import HOPELESS_IMAGE, why_failed, why_pending
from .kinds import Seen
from .labels import ATTEMPT_LABEL, kept_metadata
from .pod_facts import TOLD_CHARS, Pod, result_of
from .pod_options import PodOptions
from .reading import object_of, text_of, time_of, true_condition

Json = dict[str, Any]

WITHOUT_POD = timedelta(seconds=60)
"""After this time without a pod and without a refusal, the owner sees a message."""
SETTLED = timedelta(seconds=3)
"""Jobs and pods are watched separately. After this time, the pods of a Job are known as well."""


def observe_run(seen: Seen, options: PodOptions) -> RunFact:
    """The fact about the run of a Job."""
    return observe(
        seen.root,
        seen.pods,
        now=seen.known_until,
        pending_s=options.pending_s,
        refusal=seen.refusal,
    )


def kept_job(job: Json) -> Json:
    """The parts of a Job that `observe` reads."""
    status = job.get("status") or {}
    kept = ("conditions", "startTime", "completionTime", "failed")
    return {
        "metadata": kept_metadata(job, ATTEMPT_LABEL),
        "status": {key: status[key] for key in kept if key in status},
    }


def observe(
    job: Json,
    pods: Sequence[Json],
    *,
    now: datetime,
    pending_s: float,
    refusal: str | None = None,
) -> RunFact:
    """The fact about the run of `job` with `pods`; `refusal` says why no pod could be made.

    `now` is the time until which both are known; nothing is concluded from later changes. A run
    that has not begun for `pending_s` is STUCK.
    """
    name, attempt = job["metadata"]["name"], _attempt(job)
    newest = sorted((Pod(pod) for pod in pods), key=_birth)
    seen = _ended(job, newest, now) or _under_way(job, newest, now, pending_s, refusal)
    return replace(seen, name=name, attempt=attempt, message=storable(seen.message))


def _under_way(
    job: Json, pods: Sequence[Pod], now: datetime, pending_s: float, refusal: str | None
) -> RunFact:
    pod = pods[-1] if pods else None
    began = next((p.started_at for p in pods if p.started_at), None)
    if pod is not None and pod.phase in ("Running", "Unknown") and pod.started_at:
        return _fact(Phase.RUNNING, started_at=began)
    reason, message = why_pending(pod, refusal)
    since = (pod.created_at if pod else None) or time_of(job["metadata"].get("creationTimestamp"))
    is_late = since is not None and now - since > timedelta(seconds=pending_s)
    if pod is None and reason is None and since and now - since > WITHOUT_POD:
        message = "The cluster has not made the run's pod yet."  # the reason is not known (yet)
    if pod is None:
        may_still_begin = bool(object_of(job.get("status")).get("failed"))  # an earlier pod began
    else:
        may_still_begin = pod.has_ended or pod.is_disrupted
    is_hopeless = pod is not None and text_of(pod.waiting.get("reason")) in HOPELESS_IMAGE
    is_stuck = not may_still_begin and (is_hopeless or (is_late and reason is not None))
    if is_stuck and message is None:
        message = "The run's pod could not be prepared in time."
    phase = Phase.STUCK if is_stuck else Phase.PENDING
    return _fact(phase, reason, message, started_at=began)


def _birth(pod: Pod) -> tuple[str, bool, str]:
    """The order of pods. Of two pods of the same second, the ended one was first."""
    metadata = pod.metadata
    born, name = text_of(metadata.get("creationTimestamp")), text_of(metadata.get("name"))
    return born, not pod.has_ended, name


def _attempt(job: Json) -> int:
    text = text_of(object_of(job["metadata"].get("labels")).get(ATTEMPT_LABEL))
    return int(text) if text.isdecimal() else 0


def _ended(job: Json, pods: Sequence[Pod], now: datetime) -> RunFact | None:
    """How the run has ended; None if it has not. The caller sets the name."""
    for pod in pods:
        if pod.has_succeeded:
            return _succeeded(pod)
    last = pods[-1] if pods else None
    if last is not None and last.failed_itself:
        return _failed(last)
    status = object_of(job.get("status"))
    # FailureTarget says that the job will fail, and why, while its last pod is still ending.
    failed = true_condition(status, "Failed", "FailureTarget")
    complete = true_condition(status, "Complete")
    said_at = time_of((failed or complete).get("lastTransitionTime"))
    if said_at and now - said_at < SETTLED:
        return None
    is_late = failed.get("reason") == "DeadlineExceeded"
    if last is not None and not last.has_ended and (last.started_at or not is_late):
        return None  # it is being ended, and may still write
    if is_late:
        return _late(last)
    if failed and last is not None:
        return _failed(last)
    if failed:
        message = failed.get("message") or failed.get("reason")
        return _end(Reason.LOST, f"The run's pod vanished. Kubernetes says: {message}", None)
    if complete:
        began, ended = time_of(status.get("startTime")), time_of(status.get("completionTime"))
        return _fact(Phase.SUCCEEDED, started_at=began, finished_at=ended)
    return None


def _late(last: Pod | None) -> RunFact:
    """The end of a Job that exceeded its deadline and whose last pod has stopped."""
    if last is None:
        return _end(Reason.DEADLINE, "The run did not end in time.", None)
    if not last.has_ended:
        reason, message = why_pending(last, None)
        if reason is None and message is None:
            reason = Reason.DEADLINE
        return _end(reason, message or "The run did not begin in time.", last)
    if last.was_stopped and not last.is_disrupted:
        return _end(Reason.DEADLINE, "The run took longer than it may.", last)
    return _failed(last)


def _succeeded(pod: Pod) -> RunFact:
    return _fact(
        Phase.SUCCEEDED,
        message=text_of(pod.told.get("message"))[:TOLD_CHARS] or None,
        started_at=pod.started_at or pod.created_at,
        finished_at=pod.finished_at,
        result=result_of(pod.told.get("result")),
        usage=usage_of(pod.told),
    )


def _failed(pod: Pod) -> RunFact:
    reason, message = why_failed(pod)
    return _end(reason, message, pod)


def _end(reason: str | None, message: str, pod: Pod | None) -> RunFact:
    if pod is None:
        return _fact(Phase.FAILED, reason, message)
    return _fact(
        Phase.FAILED,
        reason,
        message,
        started_at=pod.started_at,
        finished_at=pod.finished_at,
        result=result_of(pod.told.get("result")),
        usage=usage_of(pod.told),
        wrote=pod.wrote,
    )


def _fact(
    phase: Phase, reason: str | None = None, message: str | None = None, **more: Any
) -> RunFact:
    """A fact of a run whose name and attempt `observe` sets."""
    return RunFact("", phase, reason, message, attempt=0, **more)
