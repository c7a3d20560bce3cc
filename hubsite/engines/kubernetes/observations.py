"""What a Job and its pods say about a run: its phase and, if it failed, why. Pure.

Never read from a log. What the run wrote into its termination message is believed only as far
as Kubernetes does not know better: a container that was killed has not finished.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hubsite.storable import storable

from ..base import Observation, Phase
from .manifests import ATTEMPT_LABEL, NO_PYTHON_EXIT

Json = dict[str, Any]

OUT_OF_MEMORY = "OUT_OF_MEMORY"
DEADLINE = "DEADLINE"
EVICTED = "EVICTED"
IMAGE = "IMAGE"
UNSCHEDULABLE = "UNSCHEDULABLE"
REJECTED = "REJECTED"
XCUBE_ERROR = "XCUBE_ERROR"
LAUNCH = "LAUNCH"
LOST = "LOST"

_TOLD = {OUT_OF_MEMORY, DEADLINE, XCUBE_ERROR, "COST", LAUNCH, LOST, "STOPPED", IMAGE}
"""Reasons that a run's own message may give."""
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
_NODE_IS_LOST = {"DeletionByTaintManager", "DeletionByPodGC", "NodeLost", "Terminated"}
_OWN_DISK = ("EmptyDir volume", "local ephemeral storage limit", "ephemeral local storage usage")
_CRASHES = {132: "SIGILL", 133: "SIGTRAP", 134: "SIGABRT", 135: "SIGBUS", 136: "SIGFPE",
            139: "SIGSEGV"}  # fmt: skip
_NOT_STARTED = {126, 127, 128}
_MESSAGE_CHARS = 1000


@dataclass(frozen=True)
class Pod:
    """The newest facts of one pod, and when its container began and ended."""

    raw: Json

    @property
    def status(self) -> Json:
        return self.raw.get("status") or {}

    @property
    def phase(self) -> str:
        return self.status.get("phase") or "Pending"

    @property
    def created_at(self) -> datetime | None:
        return time_of(self.raw["metadata"].get("creationTimestamp"))

    @property
    def container(self) -> Json:
        statuses = self.status.get("containerStatuses") or [{}]
        return statuses[0]

    @property
    def terminated(self) -> Json | None:
        state = self.container.get("state") or {}
        return state.get("terminated")

    @property
    def waiting(self) -> Json:
        return (self.container.get("state") or {}).get("waiting") or {}

    @property
    def told(self) -> Json:
        """What the run wrote at its end; {} if nothing that can be read."""
        return _message((self.terminated or {}).get("message"))

    @property
    def started_at(self) -> datetime | None:
        state = self.container.get("state") or {}
        began = (state.get("running") or state.get("terminated") or {}).get("startedAt")
        # A container that never began has the epoch as its start.
        moment = time_of(self.told.get("started_at")) or time_of(began)
        return moment if moment and moment.year > 1970 else None

    @property
    def finished_at(self) -> datetime | None:
        return time_of((self.terminated or {}).get("finishedAt"))

    def condition(self, kind: str) -> Json:
        return _condition(self.status, kind)

    @property
    def is_disrupted(self) -> bool:
        """Driven off its node by no fault of its own: Kubernetes tries it again."""
        return self.condition("DisruptionTarget").get("status") == "True"


def observe(
    job: Json,
    pods: Sequence[Json],
    *,
    now: datetime,
    pending_s: float,
    refusal: str | None = None,
) -> Observation:
    """The run of `job`, whose pods are `pods`; `refusal` is why no pod could be made, if known.

    A run that has not begun for `pending_s` is STUCK.
    """
    name, attempt = job["metadata"]["name"], _attempt(job)
    newest = sorted((Pod(pod) for pod in pods), key=_birth)
    ended = _ended(job, newest)
    if ended is not None:
        return replace(ended, name=name, attempt=attempt)
    pod = newest[-1] if newest else None
    began = next((p.started_at for p in newest if p.started_at), None)
    if pod is not None and pod.phase == "Running" and pod.started_at:
        return Observation(name, attempt, Phase.RUNNING, started_at=began)
    reason, message = _why_pending(pod, refusal)
    since = (pod.created_at if pod else None) or time_of(job["metadata"]["creationTimestamp"])
    is_late = since is not None and now - since > timedelta(seconds=pending_s)
    will_be_replaced = pod is not None and pod.is_disrupted
    is_hopeless = pod is not None and pod.waiting.get("reason") in _HOPELESS_IMAGE
    is_stuck = is_hopeless or (is_late and reason is not None and not will_be_replaced)
    phase = Phase.STUCK if is_stuck else Phase.PENDING
    if is_stuck and message is None:
        message = "The run's pod could not be prepared in time."
    return Observation(name, attempt, phase, reason, message, started_at=began)


def _birth(pod: Pod) -> tuple[str, str]:
    metadata = pod.raw["metadata"]
    return metadata.get("creationTimestamp") or "", metadata.get("name") or ""


def _attempt(job: Json) -> int:
    text = (job["metadata"].get("labels") or {}).get(ATTEMPT_LABEL, "")
    return int(text) if text.isdecimal() else 0


def _ended(job: Json, pods: Sequence[Pod]) -> Observation | None:
    """How the run has ended, None if it has not. The name is left to the caller."""
    for pod in pods:
        if pod.phase == "Succeeded":
            return _succeeded(pod)
    status = job.get("status") or {}
    # FailureTarget says that the job will fail, and why, while its last pod is still ending.
    failed = _condition(status, "Failed") or _condition(status, "FailureTarget")
    last = pods[-1] if pods else None
    if failed.get("reason") == "DeadlineExceeded":
        return _late(last)
    if last is not None and last.phase == "Failed" and not last.is_disrupted and last.terminated:
        # Its own exit: the failure policy makes that the job's end, now or in a moment.
        return _failed(last)
    if failed.get("status") == "True":
        if last is not None:
            return None if last.phase in ("Running", "Pending") else _failed(last)
        message = failed.get("message") or failed.get("reason")
        return _end(LOST, f"The run's pod vanished. Kubernetes says: {message}", None)
    if _condition(status, "Complete").get("status") == "True":
        return Observation(
            "", 0, Phase.SUCCEEDED, finished_at=time_of(status.get("completionTime"))
        )
    return None


def _late(last: Pod | None) -> Observation | None:
    """The end of a job whose time is over, as soon as its last pod has ended."""
    if last is None:
        return _end(DEADLINE, "The run did not end in time.", None)
    if last.terminated is not None:
        if last.told.get("reason") not in (None, "STOPPED"):
            return _failed(last)
        return _end(DEADLINE, "The run took longer than it may.", last)
    if last.started_at:
        return None  # it is being ended, and may yet write
    reason, message = _why_pending(last, None)
    return _end(reason or DEADLINE, message or "The run did not begin in time.", last)


def _succeeded(pod: Pod) -> Observation:
    told = pod.told
    result = told.get("result")
    return Observation(
        "",
        0,
        Phase.SUCCEEDED,
        None,
        told.get("message"),
        pod.started_at or pod.created_at,
        pod.finished_at,
        result if isinstance(result, dict) else None,
    )


def _failed(pod: Pod) -> Observation:
    reason, message = _why_failed(pod)
    return _end(reason, message, pod)


def _end(reason: str, message: str, pod: Pod | None) -> Observation:
    result = pod.told.get("result") if pod else None
    return Observation(
        "",
        0,
        Phase.FAILED,
        reason,
        message,
        pod.started_at if pod else None,
        pod.finished_at if pod else None,
        result if isinstance(result, dict) else None,
    )


def _why_failed(pod: Pod) -> tuple[str, str]:
    status, ended = pod.status, pod.terminated or {}
    code = ended.get("exitCode")
    if status.get("reason") == "Evicted":
        return _why_evicted(status.get("message") or "")
    if pod.is_disrupted:
        return _why_disrupted(pod)
    if ended.get("reason") == "OOMKilled":
        return OUT_OF_MEMORY, "The run used more memory than it may."
    told = pod.told
    if told.get("phase") == "FAILED" and told.get("reason") in _TOLD and code:
        message = told.get("message")
        return told["reason"], message if isinstance(message, str) else "The run failed."
    if not ended:
        said = status.get("message") or status.get("reason") or "it did not say why"
        return EVICTED, f"The node did not take the pod: {said}"[:_MESSAGE_CHARS]
    if code in _NOT_STARTED:
        said = ended.get("message") or ended.get("reason") or f"exit code {code}"
        return IMAGE, f"The container could not be started: {said}"[:_MESSAGE_CHARS]
    if code == NO_PYTHON_EXIT:
        return IMAGE, "No Python in the image can import xcube."
    if code in _CRASHES:
        return XCUBE_ERROR, f"The run crashed: {_CRASHES[code]}"
    if code in (137, 143):
        return LOST, f"The run was ended from outside (exit code {code})."
    return XCUBE_ERROR, f"The run ended with exit code {code} without a result."


def _why_evicted(message: str) -> tuple[str, str]:
    """What a run does to its own disk is its own doing, and nobody else's."""
    if any(sign in message for sign in _OWN_DISK):
        return XCUBE_ERROR, f"The run used more disk space than it may: {message}"[:_MESSAGE_CHARS]
    return EVICTED, f"The run was driven off its node: {message}"[:_MESSAGE_CHARS]


def _why_disrupted(pod: Pod) -> tuple[str, str]:
    condition = pod.condition("DisruptionTarget")
    node = (pod.raw.get("spec") or {}).get("nodeName") or "the node"
    said = condition.get("message") or condition.get("reason") or ""
    if {condition.get("reason"), pod.status.get("reason")} & _NODE_IS_LOST:
        return LOST, f"The node {node} was lost: {said}"[:_MESSAGE_CHARS]
    return EVICTED, f"The run was driven off its node: {said}"[:_MESSAGE_CHARS]


def _why_pending(pod: Pod | None, refusal: str | None) -> tuple[str | None, str | None]:
    """Why a run has not begun, as far as it is known."""
    if pod is None:
        if refusal:
            return REJECTED, f"The cluster refuses the run's pod: {refusal}"[:_MESSAGE_CHARS]
        return None, None
    if pod.is_disrupted:
        return EVICTED, f"{_why_disrupted(pod)[1]} It will be tried again."
    scheduled = pod.condition("PodScheduled")
    if scheduled.get("status") == "False":
        said = scheduled.get("message") or scheduled.get("reason") or ""
        return UNSCHEDULABLE, f"No node can take the run: {said}"[:_MESSAGE_CHARS]
    waiting, said = pod.waiting.get("reason"), pod.waiting.get("message") or ""
    if waiting in _IMAGE_TROUBLE:
        image = pod.container.get("image") or "the image"
        return IMAGE, f"{image} cannot be had ({waiting}): {said}"[:_MESSAGE_CHARS]
    if waiting in _CONTAINER_TROUBLE:
        return LAUNCH, f"The container cannot be made ({waiting}): {said}"[:_MESSAGE_CHARS]
    if scheduled.get("status") == "True":
        return LAUNCH, None  # being prepared; a reason only if it lasts too long
    return None, None


def _condition(status: Json, kind: str) -> Json:
    for condition in status.get("conditions") or []:
        if condition.get("type") == kind:
            return condition
    return {}


def _message(text: Any) -> Json:
    """The JSON object in a termination message."""
    if not isinstance(text, str):
        return {}
    try:
        content = storable(json.loads(text))
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def time_of(text: Any) -> datetime | None:
    """A Kubernetes time (RFC 3339, UTC), None if there is none."""
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
