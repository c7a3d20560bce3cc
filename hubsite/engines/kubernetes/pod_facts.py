"""What a pod says about the run in it, and what the run wrote at its end. Pure.

The word of a run is believed only as far as Kubernetes does not know better: a container that
was killed has not finished. Nothing is read from a log.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from hubsite.storable import storable

from ..base import Reason
from .labels import JOB_NAME_LABEL, kept_metadata
from .pods import CONTAINER
from .reading import condition, list_of, object_of, text_of, time_of

Json = dict[str, Any]

REFUSED_EXIT = 2
"""The program ends so if the run has not begun, and never after code of a user was executed."""
KILLED = {137, 143}
OUTCOME_IS_LOST = {"ContainerStatusUnknown", "Unknown"}
"""What kubelet and containerd say of a container that ended while they were not there."""
_NEVER_ITS_OWN = {Reason.EVICTED, Reason.IMAGE, Reason.UNSCHEDULABLE, Reason.REJECTED}
"""Reasons that a run's own message may not give, because only Kubernetes can know them."""
_REASON = re.compile(r"[A-Z][A-Z_]{0,39}")
_STATUSES = {"ok", "warning", "error"}
TOLD_CHARS = 4000


def kept_pod(pod: Json) -> Json:
    """What the watch cache keeps of a pod."""
    status = pod.get("status") or {}
    kept = ("phase", "reason", "message", "conditions", "containerStatuses")
    return {
        "metadata": kept_metadata(pod, JOB_NAME_LABEL),
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
        """What the run wrote at its end; {} if nothing that can be read."""
        return message_of(self.terminated.get("message"))

    @property
    def wrote(self) -> bool | None:
        """Whether it had begun to write its output, by its own word."""
        wrote = self.told.get("wrote")
        return wrote if isinstance(wrote, bool) else None

    @property
    def says_failed(self) -> bool:
        """Whether the run itself says that it failed, for a reason that it may give."""
        reason = text_of(self.told.get("reason"))
        if self.told.get("phase") != "FAILED":
            return False
        if reason == Reason.LAUNCH:
            return self.exit_code == REFUSED_EXIT
        return reason not in _NEVER_ITS_OWN and bool(_REASON.fullmatch(reason))

    @property
    def own_reason(self) -> str | None:
        """The reason that it gives, if `says_failed`. Only Kubernetes loses a pod, never a run."""
        reason = text_of(self.told.get("reason"))
        return None if reason == Reason.LOST else reason

    @property
    def container_started_at(self) -> datetime | None:
        running = object_of(self._state.get("running"))
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
        return condition(self.status, kind)

    @property
    def is_disrupted(self) -> bool:
        """Driven off its node by no fault of its own: Kubernetes tries it again."""
        return self.condition("DisruptionTarget").get("status") == "True"

    @property
    def was_stopped(self) -> bool:
        """Ended by somebody else, so that only the Job can say why."""
        is_killed = self.exit_code in KILLED and self.terminated.get("reason") != "OOMKilled"
        return (
            (self.says_failed and self.own_reason == Reason.STOPPED)
            or text_of(self.terminated.get("reason")) in OUTCOME_IS_LOST
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


def message_of(text: Any) -> Json:
    """The JSON object in a termination message."""
    if not isinstance(text, str):
        return {}
    try:
        return object_of(storable(json.loads(text)))
    except (ValueError, RecursionError):
        return {}


def result_of(value: Any) -> Json | None:
    """What a run says of its result, as far as it is what it should be; None if it is nothing."""
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
