"""What a Job and its pods say about a run: its phase and, if it failed, why. Pure.

Never read from a log. What the run wrote into its termination message is believed only as far
as Kubernetes does not know better: a container that was killed has not finished.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from hubsite.storable import storable

from ..base import Phase, Reason, RunFact
from .manifests import ATTEMPT_LABEL, CONTAINER, NO_PYTHON_EXIT, REFUSED_EXIT

Json = dict[str, Any]

WITHOUT_POD = timedelta(seconds=60)
"""So long without a pod, and without a refusal, is worth telling."""
SETTLED = timedelta(seconds=3)
"""Jobs and pods are watched apart: what a Job says of its pods counts once they are known too."""

_NEVER_ITS_OWN = {Reason.EVICTED, Reason.IMAGE, Reason.UNSCHEDULABLE, Reason.REJECTED}
"""Reasons that a run's own message may not give, because only Kubernetes can know them."""
_REASON = re.compile(r"[A-Z][A-Z_]{0,39}")
_HOPELESS_IMAGE = {"InvalidImageName", "ErrImageNeverPull"}
_IMAGE_TROUBLE = _HOPELESS_IMAGE | {
    "ErrImagePull",
    "ImagePullBackOff",
    "ImageInspectError",
    "RegistryUnavailable",
}
_CONTAINER_TROUBLE = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PreCreateHookError",
    "PostStartHookError",
}
_NODE_IS_LOST = {
    "DeletionByTaintManager",
    "DeletionByPodGC",
    "NodeLost",
    "NodeShutdown",
    "Terminated",
}
_OUTCOME_IS_LOST = {"ContainerStatusUnknown", "Unknown"}
"""What kubelet and containerd say of a container that ended while they were not there."""
_OWN_DISK = ("EmptyDir volume", "local ephemeral storage limit", "ephemeral local storage usage")
_CRASHES = {132: "SIGILL", 133: "SIGTRAP", 134: "SIGABRT", 135: "SIGBUS", 136: "SIGFPE",
            139: "SIGSEGV"}  # fmt: skip
_KILLED = {137, 143}
_MESSAGE_CHARS = 1000
_TOLD_CHARS = 4000
_STATUSES = {"ok", "warning", "error"}


@dataclass(frozen=True)
class Pod:
    """The newest facts of one pod, and when its container began and ended."""

    raw: Json

    @cached_property
    def metadata(self) -> Json:
        return _object(self.raw.get("metadata"))

    @cached_property
    def status(self) -> Json:
        return _object(self.raw.get("status"))

    @property
    def phase(self) -> str:
        return _text(self.status.get("phase")) or "Pending"

    @property
    def has_ended(self) -> bool:
        return self.phase in ("Succeeded", "Failed")

    @property
    def has_succeeded(self) -> bool:
        """Driven off its node at its last instant, a run may still have done what it should."""
        return self.phase == "Succeeded" or (self.phase == "Failed" and self.exit_code == 0)

    @property
    def created_at(self) -> datetime | None:
        return time_of(self.metadata.get("creationTimestamp"))

    @property
    def is_deleted(self) -> bool:
        return bool(self.metadata.get("deletionTimestamp"))

    @cached_property
    def container(self) -> Json:
        """Of the run; a cluster may put others beside it."""
        statuses = [_object(status) for status in _list(self.status.get("containerStatuses"))]
        return next((status for status in statuses if status.get("name") == CONTAINER), {})

    @cached_property
    def _state(self) -> Json:
        return _object(self.container.get("state"))

    @property
    def terminated(self) -> Json:
        return _object(self._state.get("terminated"))

    @property
    def waiting(self) -> Json:
        return _object(self._state.get("waiting"))

    @property
    def exit_code(self) -> int | None:
        code = self.terminated.get("exitCode")
        return code if isinstance(code, int) and not isinstance(code, bool) else None

    @cached_property
    def told(self) -> Json:
        """What the run wrote at its end; {} if nothing that can be read."""
        return _message(self.terminated.get("message"))

    @property
    def wrote(self) -> bool | None:
        """Whether it had begun to write its output, by its own word."""
        wrote = self.told.get("wrote")
        return wrote if isinstance(wrote, bool) else None

    @property
    def says_failed(self) -> bool:
        """Whether the run itself says that it failed, for a reason that it may give."""
        reason = _text(self.told.get("reason"))
        if self.told.get("phase") != "FAILED":
            return False
        if reason == Reason.LAUNCH:
            return self.exit_code == REFUSED_EXIT
        return reason not in _NEVER_ITS_OWN and bool(_REASON.fullmatch(reason))

    @property
    def own_reason(self) -> str | None:
        """The reason that it gives, if `says_failed`. Only Kubernetes loses a pod, never a run."""
        reason = _text(self.told.get("reason"))
        return None if reason == Reason.LOST else reason

    @property
    def container_started_at(self) -> datetime | None:
        running = _object(self._state.get("running"))
        began = time_of((running or self.terminated).get("startedAt"))
        # A container that never began has the epoch as its start.
        return began if began and began.year > 1970 else None

    @property
    def started_at(self) -> datetime | None:
        """The run's own word tells it best, where it can be true."""
        began, ended = self.container_started_at, self.finished_at
        told = time_of(self.told.get("started_at"))
        if told and began and ended and began <= told < ended + timedelta(seconds=1):
            return told
        return began

    @property
    def finished_at(self) -> datetime | None:
        return time_of(self.terminated.get("finishedAt"))

    def condition(self, kind: str) -> Json:
        return _condition(self.status, kind)

    @property
    def is_disrupted(self) -> bool:
        """Driven off its node by no fault of its own: Kubernetes tries it again."""
        return self.condition("DisruptionTarget").get("status") == "True"

    @property
    def was_stopped(self) -> bool:
        """Ended by somebody else, so that only the Job can say why."""
        is_killed = self.exit_code in _KILLED and self.terminated.get("reason") != "OOMKilled"
        return (
            (self.says_failed and self.own_reason == Reason.STOPPED)
            or _text(self.terminated.get("reason")) in _OUTCOME_IS_LOST
            or (self.is_deleted and is_killed and not self.says_failed)
        )

    @property
    def failed_itself(self) -> bool:
        """Its own exit: the failure policy makes that the Job's end, now or in a moment."""
        return (
            self.phase == "Failed"
            and not self.is_disrupted
            and self.exit_code not in (None, 0)
            and not self.was_stopped
        )


def observe(
    job: Json,
    pods: Sequence[Json],
    *,
    now: datetime,
    pending_s: float,
    refusal: str | None = None,
) -> RunFact:
    """The run of `job`, whose pods are `pods`; `refusal` is why no pod could be made, if known.

    `now` is the moment until which both are known: of what came later nothing is concluded.
    A run that has not begun for `pending_s` is STUCK.
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
    reason, message = _why_pending(pod, refusal)
    since = (pod.created_at if pod else None) or time_of(job["metadata"].get("creationTimestamp"))
    is_late = since is not None and now - since > timedelta(seconds=pending_s)
    if pod is None and reason is None and since and now - since > WITHOUT_POD:
        message = "The cluster has not made the run's pod yet."  # nobody knows why, or not yet
    if pod is None:
        may_still_begin = bool(_object(job.get("status")).get("failed"))  # one did before
    else:
        may_still_begin = pod.has_ended or pod.is_disrupted
    is_hopeless = pod is not None and _text(pod.waiting.get("reason")) in _HOPELESS_IMAGE
    is_stuck = not may_still_begin and (is_hopeless or (is_late and reason is not None))
    if is_stuck and message is None:
        message = "The run's pod could not be prepared in time."
    phase = Phase.STUCK if is_stuck else Phase.PENDING
    return _fact(phase, reason, message, started_at=began)


def _birth(pod: Pod) -> tuple[str, bool, str]:
    """Two of the same second: the one that has ended was before the one that has not."""
    metadata = pod.metadata
    born, name = _text(metadata.get("creationTimestamp")), _text(metadata.get("name"))
    return born, not pod.has_ended, name


def _attempt(job: Json) -> int:
    text = _text(_object(job["metadata"].get("labels")).get(ATTEMPT_LABEL))
    return int(text) if text.isdecimal() else 0


def _ended(job: Json, pods: Sequence[Pod], now: datetime) -> RunFact | None:
    """How the run has ended, None if it has not. The name is left to the caller."""
    for pod in pods:
        if pod.has_succeeded:
            return _succeeded(pod)
    last = pods[-1] if pods else None
    if last is not None and last.failed_itself:
        return _failed(last)
    status = _object(job.get("status"))
    # FailureTarget says that the job will fail, and why, while its last pod is still ending.
    failed = _true_condition(status, "Failed", "FailureTarget")
    complete = _true_condition(status, "Complete")
    said_at = time_of((failed or complete).get("lastTransitionTime"))
    if said_at and now - said_at < SETTLED:
        return None
    is_late = failed.get("reason") == "DeadlineExceeded"
    if last is not None and not last.has_ended and (last.started_at or not is_late):
        return None  # it is being ended, and may yet write
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
    """The end of a job whose time is over, and whose last pod is not running any more."""
    if last is None:
        return _end(Reason.DEADLINE, "The run did not end in time.", None)
    if not last.has_ended:
        reason, message = _why_pending(last, None)
        if reason is None and message is None:
            reason = Reason.DEADLINE
        return _end(reason, message or "The run did not begin in time.", last)
    if last.was_stopped and not last.is_disrupted:
        return _end(Reason.DEADLINE, "The run took longer than it may.", last)
    return _failed(last)


def _succeeded(pod: Pod) -> RunFact:
    return _fact(
        Phase.SUCCEEDED,
        message=_text(pod.told.get("message"))[:_TOLD_CHARS] or None,
        started_at=pod.started_at or pod.created_at,
        finished_at=pod.finished_at,
        result=_result(pod.told.get("result")),
    )


def _failed(pod: Pod) -> RunFact:
    reason, message = _why_failed(pod)
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
        result=_result(pod.told.get("result")),
        wrote=pod.wrote,
    )


def _fact(
    phase: Phase, reason: str | None = None, message: str | None = None, **more: Any
) -> RunFact:
    """A fact of a run whose name and attempt `observe` sets."""
    return RunFact("", phase, reason, message, attempt=0, **more)


def _why_failed(pod: Pod) -> tuple[str | None, str]:
    """What a run's own code can bring about by itself must be none of the reasons that are free
    of charge: each of those needs a sign that only Kubernetes gives, or an exit code that process 1
    never gives once the run has begun. The message alone is none: code can write it, then end
    process 1, or keep it from writing, by limits (prlimit)."""
    status, ended, code = pod.status, pod.terminated, pod.exit_code
    if status.get("reason") == "Evicted":
        return _why_evicted(_text(status.get("message")))
    if pod.is_disrupted:
        return _why_disrupted(pod)
    if ended.get("reason") == "OOMKilled":
        return Reason.OUT_OF_MEMORY, "The run used more memory than it may."
    if pod.was_stopped:
        return _why_stopped(pod)
    if pod.says_failed and code:
        said = _text(pod.told.get("message"))[:_TOLD_CHARS]
        return pod.own_reason, said or "The run failed."
    if code == NO_PYTHON_EXIT and pod.told.get("reason") == Reason.IMAGE:
        said = _text(pod.told.get("message"))
        return Reason.IMAGE, said or "No Python in the image can import xcube."
    if not ended:
        said = status.get("message") or status.get("reason") or "it did not say why"
        return Reason.EVICTED, f"The node did not take the pod: {said}"[:_MESSAGE_CHARS]
    if pod.container_started_at is None:
        said = ended.get("message") or ended.get("reason") or f"exit code {code}"
        return Reason.IMAGE, f"The container could not be started: {said}"[:_MESSAGE_CHARS]
    if code in _CRASHES:
        return None, f"The run crashed: {_CRASHES[code]}"
    if code in _KILLED:
        return None, f"The run was killed (exit code {code}), but not by Kubernetes."
    return None, f"The run ended with exit code {code} without a result."


def _why_stopped(pod: Pod) -> tuple[str | None, str]:
    node, why = _node(pod), _text(pod.terminated.get("reason"))
    if why in _OUTCOME_IS_LOST:
        return Reason.LOST, f"What became of the run on {node} is not known ({why})."
    if _text(pod.status.get("reason")) in _NODE_IS_LOST:
        said = pod.status.get("message") or pod.status.get("reason")
        return Reason.LOST, f"The node {node} was lost: {said}"[:_MESSAGE_CHARS]
    if pod.is_deleted:
        return Reason.LOST, "The run's pod was deleted."
    return None, "The run was stopped, but not by Kubernetes."


def _why_evicted(message: str) -> tuple[str | None, str]:
    """What a run does to its own disk is its own doing, and nobody else's."""
    if any(sign in message for sign in _OWN_DISK):
        return None, f"The run used more disk space than it may: {message}"[:_MESSAGE_CHARS]
    return Reason.EVICTED, f"The run was driven off its node: {message}"[:_MESSAGE_CHARS]


def _why_disrupted(pod: Pod) -> tuple[str, str]:
    condition = pod.condition("DisruptionTarget")
    said = condition.get("message") or condition.get("reason") or ""
    if {_text(condition.get("reason")), _text(pod.status.get("reason"))} & _NODE_IS_LOST:
        return Reason.LOST, f"The node {_node(pod)} was lost: {said}"[:_MESSAGE_CHARS]
    return Reason.EVICTED, f"The run was driven off its node: {said}"[:_MESSAGE_CHARS]


def _node(pod: Pod) -> str:
    return _text(_object(pod.raw.get("spec")).get("nodeName")) or "its node"


def _why_pending(pod: Pod | None, refusal: str | None) -> tuple[str | None, str | None]:
    """Why a run has not begun, as far as it is known."""
    if pod is None:
        if refusal:
            return Reason.REJECTED, f"The cluster refuses the run's pod: {refusal}"[:_MESSAGE_CHARS]
        return None, None
    if pod.is_disrupted or (pod.has_ended and not pod.terminated):
        reason, message = _why_failed(pod)
        return reason, f"{message} It will be tried again."
    if pod.has_ended:
        return None, None  # its Job will say in a moment what that means
    scheduled = pod.condition("PodScheduled")
    if scheduled.get("status") == "False":
        said = scheduled.get("message") or scheduled.get("reason") or ""
        return Reason.UNSCHEDULABLE, f"No node can take the run: {said}"[:_MESSAGE_CHARS]
    waiting, said = _text(pod.waiting.get("reason")), pod.waiting.get("message") or ""
    if waiting in _IMAGE_TROUBLE:
        image = pod.container.get("image") or "the image"
        return Reason.IMAGE, f"{image} cannot be had ({waiting}): {said}"[:_MESSAGE_CHARS]
    if waiting in _CONTAINER_TROUBLE:
        return Reason.LAUNCH, f"The container cannot be made ({waiting}): {said}"[:_MESSAGE_CHARS]
    if scheduled.get("status") == "True":
        return Reason.LAUNCH, None  # being prepared; a reason only if it lasts too long
    return None, None


def _condition(status: Json, kind: str) -> Json:
    conditions = map(_object, _list(status.get("conditions")))
    return next((c for c in conditions if c.get("type") == kind), {})


def _true_condition(status: Json, *kinds: str) -> Json:
    """The first of these that is so."""
    found = (_condition(status, kind) for kind in kinds)
    return next((c for c in found if c.get("status") == "True"), {})


def _message(text: Any) -> Json:
    """The JSON object in a termination message."""
    if not isinstance(text, str):
        return {}
    try:
        return _object(storable(json.loads(text)))
    except (ValueError, RecursionError):
        return {}


def _result(value: Any) -> Json | None:
    """What a run says of its result, as far as it is what it should be; None if it is nothing."""
    told = _object(value)
    if _text(told.get("status")) not in _STATUSES:
        return None
    result: Json = {"status": told["status"]}
    code = told.get("status_code")
    if isinstance(code, int) and not isinstance(code, bool) and 100 <= code < 1000:
        result["status_code"] = code
    if isinstance(told.get("message"), str):
        result["message"] = told["message"][:_TOLD_CHARS]
    data_id = _object(told.get("result")).get("data_id")
    if isinstance(data_id, str):
        result["result"] = {"data_id": data_id}
    return result


def time_of(text: Any) -> datetime | None:
    """A time (RFC 3339, UTC unless it says else) as Kubernetes writes it, None if it is none."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        if moment is None or moment.tzinfo is None:
            return moment and moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
