"""Why a pod failed, or why it has not begun: the reason, and a sentence for its owner. Pure."""

from __future__ import annotations

from typing import Any

from ..facts import Reason
from .pod_facts import KILLED, OUTCOME_IS_LOST, TOLD_CHARS, Pod
from .pods import NO_PYTHON_EXIT
from .reading import object_of, text_of

Json = dict[str, Any]

HOPELESS_IMAGE = {"InvalidImageName", "ErrImageNeverPull"}
_IMAGE_TROUBLE = HOPELESS_IMAGE | {
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
_OWN_DISK = ("EmptyDir volume", "local ephemeral storage limit", "ephemeral local storage usage")
_CRASHES = {132: "SIGILL", 133: "SIGTRAP", 134: "SIGABRT", 135: "SIGBUS", 136: "SIGFPE",
            139: "SIGSEGV"}  # fmt: skip
_MESSAGE_CHARS = 1000


def why_failed(pod: Pod, what: str = "run") -> tuple[str | None, str]:
    """Why the pod failed, and a message for its owner. `what` is what runs in the pod.

    Users' code must not be able to cause a failure that is free of charge. So each of those
    reasons needs a sign that only Kubernetes gives, or an exit code that process 1 never gives
    after the run has begun. The termination message alone is no such sign: code can write it and
    then end process 1, or keep process 1 from writing by limits (prlimit).
    """
    status, ended, code = pod.status, pod.terminated, pod.exit_code
    if status.get("reason") == "Evicted":
        return _why_evicted(text_of(status.get("message")), what)
    if pod.is_disrupted:
        return _why_disrupted(pod, what)
    if ended.get("reason") == "OOMKilled":
        return Reason.OUT_OF_MEMORY, f"The {what} used more memory than it may."
    if pod.was_stopped:
        return _why_stopped(pod, what)
    if pod.says_failed and code:
        said = text_of(pod.told.get("message"))[:TOLD_CHARS]
        return pod.own_reason, said or f"The {what} failed."
    if code == NO_PYTHON_EXIT and pod.told.get("reason") == Reason.IMAGE:
        said = text_of(pod.told.get("message"))
        return Reason.IMAGE, said or "No Python in the image can import xcube."
    if not ended:
        said = status.get("message") or status.get("reason") or "it did not say why"
        return Reason.EVICTED, f"The node did not take the pod: {said}"[:_MESSAGE_CHARS]
    if pod.container_started_at is None:
        said = ended.get("message") or ended.get("reason") or f"exit code {code}"
        return Reason.IMAGE, f"The container could not be started: {said}"[:_MESSAGE_CHARS]
    if code in _CRASHES:
        return None, f"The {what} crashed: {_CRASHES[code]}"
    if code in KILLED:
        return None, f"The {what} was killed (exit code {code}), but not by Kubernetes."
    return None, f"The {what} ended with exit code {code} without a result."


def _why_stopped(pod: Pod, what: str) -> tuple[str | None, str]:
    node, why = _node(pod), text_of(pod.terminated.get("reason"))
    if why in OUTCOME_IS_LOST:
        return Reason.LOST, f"What became of the {what} on {node} is not known ({why})."
    if text_of(pod.status.get("reason")) in _NODE_IS_LOST:
        said = pod.status.get("message") or pod.status.get("reason")
        return Reason.LOST, f"The node {node} was lost: {said}"[:_MESSAGE_CHARS]
    if pod.is_deleted:
        return Reason.LOST, f"The {what}'s pod was deleted."
    return None, f"The {what} was stopped, but not by Kubernetes."


def _why_evicted(message: str, what: str) -> tuple[str | None, str]:
    """Why the pod was evicted: if the run used too much disk space, that is its own failure."""
    if any(sign in message for sign in _OWN_DISK):
        return None, f"The {what} used more disk space than it may: {message}"[:_MESSAGE_CHARS]
    return Reason.EVICTED, f"The {what} was driven off its node: {message}"[:_MESSAGE_CHARS]


def _why_disrupted(pod: Pod, what: str) -> tuple[str, str]:
    condition = pod.condition("DisruptionTarget")
    said = condition.get("message") or condition.get("reason") or ""
    if {text_of(condition.get("reason")), text_of(pod.status.get("reason"))} & _NODE_IS_LOST:
        return Reason.LOST, f"The node {_node(pod)} was lost: {said}"[:_MESSAGE_CHARS]
    return Reason.EVICTED, f"The {what} was driven off its node: {said}"[:_MESSAGE_CHARS]


def _node(pod: Pod) -> str:
    return text_of(object_of(pod.raw.get("spec")).get("nodeName")) or "its node"


def why_pending(
    pod: Pod | None, refusal: str | None, what: str = "run"
) -> tuple[str | None, str | None]:
    """Why a run has not begun, if that is known. `what` is what shall run in the pod."""
    if pod is None:
        if refusal:
            return Reason.REJECTED, f"The cluster refuses the {what}'s pod: {refusal}"[
                :_MESSAGE_CHARS
            ]
        return None, None
    if pod.is_disrupted or (pod.has_ended and not pod.terminated):
        reason, message = why_failed(pod, what)
        return reason, f"{message} It will be tried again."
    if pod.has_ended:
        return None, None  # the status of its Job will soon say why
    scheduled = pod.condition("PodScheduled")
    if scheduled.get("status") == "False":
        said = scheduled.get("message") or scheduled.get("reason") or ""
        return Reason.UNSCHEDULABLE, f"No node can take the {what}: {said}"[:_MESSAGE_CHARS]
    waiting, said = text_of(pod.waiting.get("reason")), pod.waiting.get("message") or ""
    if waiting in _IMAGE_TROUBLE:
        image = pod.container.get("image") or "the image"
        return Reason.IMAGE, f"{image} cannot be had ({waiting}): {said}"[:_MESSAGE_CHARS]
    if waiting in _CONTAINER_TROUBLE:
        return Reason.LAUNCH, f"The container cannot be made ({waiting}): {said}"[:_MESSAGE_CHARS]
    if scheduled.get("status") == "True":
        return Reason.LAUNCH, None  # being prepared; this is a failure only if it takes too long
    return None, None
