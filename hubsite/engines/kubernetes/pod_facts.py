"""Facts from a pod: the state of its container, and the run's termination message. Pure.

If Kubernetes contradicts the message of a run, Kubernetes is right: a container that was killed
has not finished. Nothing is read from a log.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from hubsite.storable import storable

from ..facts import Reason
from .labels import JOB_NAME_LABEL, REVISION_LABEL, SERVICE_LABEL, kept_metadata
from .pods import CONTAINER
from .reading import condition, list_of, object_of, text_of, time_of

Json = dict[str, Any]

REFUSED_EXIT = 2
"""The program's exit code if the run has not begun; never used once users' code was executed."""
KILLED = {137, 143}
OUTCOME_IS_LOST = {"ContainerStatusUnknown", "Unknown"}
"""What kubelet and containerd report for a container that ended while they did not run."""
_NEVER_ITS_OWN = {Reason.EVICTED, Reason.IMAGE, Reason.UNSCHEDULABLE, Reason.REJECTED}
"""Reasons that a run's own message may not give, because only Kubernetes can know them."""
_REASON = re.compile(r"[A-Z][A-Z_]{0,39}")
_STATUSES = {"ok", "warning", "error"}
TOLD_CHARS = 4000


def kept_pod(pod: Json) -> Json:
    """The parts of a pod that the watch cache stores."""
    status = pod.get("status") or {}
    kept = ("phase", "reason", "message", "conditions", "containerStatuses", "podIP")
    return {
        "metadata": kept_metadata(pod, JOB_NAME_LABEL, SERVICE_LABEL, REVISION_LABEL),
        "spec": {"nodeName": (pod.get("spec") or {}).get("nodeName")},
        "status": {key: status[key] for key in kept if key in status},
    }


@dataclass(frozen=True)
class Pod:
    """The newest facts of one pod, and when its container began and ended."""

    raw: Json

    @cached_property
    def metadata(self) -> Json:
        return object_of(self.raw.get("metadata"))

    @cached_property
    def status(self) -> Json:
        return object_of(self.raw.get("status"))

    @property
    def phase(self) -> str:
        return text_of(self.status.get("phase")) or "Pending"

    @property
    def has_ended(self) -> bool:
        return self.phase in ("Succeeded", "Failed")

    @property
    def has_succeeded(self) -> bool:
        """Whether the run has finished. It may have, even if its pod was evicted in that moment."""
        return self.phase == "Succeeded" or (self.phase == "Failed" and self.exit_code == 0)

    @property
    def created_at(self) -> datetime | None:
        return time_of(self.metadata.get("creationTimestamp"))

    @property
    def is_deleted(self) -> bool:
        return bool(self.metadata.get("deletionTimestamp"))

    @cached_property
    def container(self) -> Json:
        """The status of the run's container; a cluster may add other containers to the pod."""
        statuses = [object_of(status) for status in list_of(self.status.get("containerStatuses"))]
        return next((status for status in statuses if status.get("name") == CONTAINER), {})

    @cached_property
    def _state(self) -> Json:
        return object_of(self.container.get("state"))

    @property
    def terminated(self) -> Json:
        return object_of(self._state.get("terminated"))

    @property
    def waiting(self) -> Json:
        return object_of(self._state.get("waiting"))

    @property
    def exit_code(self) -> int | None:
        code = self.terminated.get("exitCode")
        return code if isinstance(code, int) and not isinstance(code, bool) else None

    @cached_property
    def told(self) -> Json:
        """The run's termination message; {} if there is none, or if it cannot be read."""
        return message_of(self.terminated.get("message"))

    @property
    def wrote(self) -> bool | None:
        """Whether the run had begun to write its output, according to its own message."""
        wrote = self.told.get("wrote")
        return wrote if isinstance(wrote, bool) else None

    @property
    def says_failed(self) -> bool:
        """Whether the run itself reports that it failed, with a reason that it may give."""
        reason = text_of(self.told.get("reason"))
        if self.told.get("phase") != "FAILED":
            return False
        if reason == Reason.LAUNCH:
            return self.exit_code == REFUSED_EXIT
        return reason not in _NEVER_ITS_OWN and bool(_REASON.fullmatch(reason))

    @property
    def own_reason(self) -> str | None:
        """The reason that the run reports, if `says_failed`. Only Kubernetes can report a loss."""
        reason = text_of(self.told.get("reason"))
        return None if reason == Reason.LOST else reason

    @property
    def container_started_at(self) -> datetime | None:
        running = object_of(self._state.get("running"))
        began = time_of((running or self.terminated).get("startedAt"))
        # A container that never began has 1970 as its start.
        return began if began and began.year > 1970 else None

    @property
    def started_at(self) -> datetime | None:
        """When the run began: its own time is the most exact, if it is plausible."""
        began, ended = self.container_started_at, self.finished_at
        told = time_of(self.told.get("started_at"))
        if told and began and ended and began <= told < ended + timedelta(seconds=1):
            return told
        return began

    @property
    def finished_at(self) -> datetime | None:
        return time_of(self.terminated.get("finishedAt"))

    def condition(self, kind: str) -> Json:
        return condition(self.status, kind)

    @property
    def is_disrupted(self) -> bool:
        """Whether the pod was evicted from its node without its own fault; then it is retried."""
        return self.condition("DisruptionTarget").get("status") == "True"

    @property
    def was_stopped(self) -> bool:
        """Whether someone else ended the pod, so that only the Job says why."""
        is_killed = self.exit_code in KILLED and self.terminated.get("reason") != "OOMKilled"
        return (
            (self.says_failed and self.own_reason == Reason.STOPPED)
            or text_of(self.terminated.get("reason")) in OUTCOME_IS_LOST
            or (self.is_deleted and is_killed and not self.says_failed)
        )

    @property
    def failed_itself(self) -> bool:
        """Whether the run ended by itself; by the failure policy its Job ends now or soon."""
        return (
            self.phase == "Failed"
            and not self.is_disrupted
            and self.exit_code not in (None, 0)
            and not self.was_stopped
        )


def message_of(text: Any) -> Json:
    """The JSON object in a termination message."""
    if not isinstance(text, str):
        return {}
    try:
        return object_of(storable(json.loads(text)))
    except (ValueError, RecursionError):
        return {}


def result_of(value: Any) -> Json | None:
    """The result that a run reports, with only its valid members; None if there is none."""
    told = object_of(value)
    if text_of(told.get("status")) not in _STATUSES:
        return None
    result: Json = {"status": told["status"]}
    code = told.get("status_code")
    if isinstance(code, int) and not isinstance(code, bool) and 100 <= code < 1000:
        result["status_code"] = code
    if isinstance(told.get("message"), str):
        result["message"] = told["message"][:TOLD_CHARS]
    data_id = object_of(told.get("result")).get("data_id")
    if isinstance(data_id, str):
        result["result"] = {"data_id": data_id}
    return result
