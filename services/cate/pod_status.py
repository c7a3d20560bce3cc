"""Shows a web API as the status of a pod, which Cate reads: from rows and events alone.

REQUESTED, STARTING   Pending     containers wait
READY                 Running
ASLEEP                Succeeded   its process ended on purpose; the next request wakes it
FAILED                Failed      the reason as Kubernetes calls it
none, or stopped      Unknown     `{"phase": "Unknown"}` alone, as the old service said it
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from jobs.api.presentation import time_text

from ..models import InstanceEvent, Reason, ServiceInstance, State
from .settings import hub

UNKNOWN: dict[str, Any] = {"phase": "Unknown"}
PHASES = {
    State.REQUESTED: "Pending",
    State.STARTING: "Pending",
    State.READY: "Running",
    State.ASLEEP: "Succeeded",
    State.FAILED: "Failed",
}
CONTAINER = "cate"
OOM_KILLED = ("OOMKilled", 137)
ERROR = ("Error", 1)
COMPLETED = ("Completed", 0)
_ENDS = (State.STARTING, State.ASLEEP, State.STOPPING, State.FAILED)


def pod_status(instance: ServiceInstance | None) -> dict[str, Any]:
    """The status of the pod; times are UTC. Two queries at most."""
    phase = PHASES.get(State(instance.state)) if instance else None
    if instance is None or phase is None:
        return dict(UNKNOWN)
    return {
        "phase": phase,
        "conditions": [_condition(name, instance) for name in ("Ready", "ContainersReady")],
        "container_statuses": [_container(instance)],
        "ephemeral_container_statuses": None,
        "host_ip": None,
        "init_container_statuses": None,
        "message": instance.message or None,
        "nominated_node_name": None,
        "pod_ip": None,
        "qos_class": "Burstable",
        "reason": instance.reason or None,
        "start_time": time_text(instance.starting_since or instance.created_at),
    }


def _condition(name: str, instance: ServiceInstance) -> dict[str, Any]:
    is_ready = instance.state == State.READY
    return {
        "type": name,
        "status": "True" if is_ready else "False",
        "last_probe_time": None,
        "last_transition_time": time_text(instance.ready_since or instance.starting_since),
        "message": None,
        "reason": None if is_ready else "ContainersNotReady",
    }


def _container(instance: ServiceInstance) -> dict[str, Any]:
    is_ready = instance.state == State.READY
    ends = [_end(event) for event in _ends_of(instance)]
    present, last = {}, ends[0] if ends else None
    if is_ready:
        present = {"running": {"started_at": time_text(instance.ready_since)}}
    elif instance.state in (State.ASLEEP, State.FAILED):
        present, last = {"terminated": last}, ends[1] if len(ends) > 1 else None
    else:
        waits = {"reason": "ContainerCreating", "message": instance.message or None}
        present = {"waiting": waits}
    image = instance.profile.image or hub.cate_image or ""
    return {
        "name": CONTAINER,
        "ready": is_ready,
        "started": is_ready,
        "restart_count": instance.restarts,
        "image": image,
        "image_id": "",
        "container_id": None,
        "state": _state(**present),
        "last_state": _state(terminated=last),
    }


def _state(**given: Any) -> dict[str, Any]:
    return {"running": None, "terminated": None, "waiting": None, **given}


def _ends_of(instance: ServiceInstance) -> list[InstanceEvent]:
    """The last two ends of its process, the newest first. One query."""
    events = instance.events.filter(to_state__in=_ENDS).exclude(from_state__in=("", "REQUESTED"))
    of_process = events.exclude(from_state=State.ASLEEP)
    return list(of_process.order_by("-id")[:2])


def _end(event: InstanceEvent) -> dict[str, Any]:
    reason, code = _words(event.reason, is_ours=event.to_state == State.ASLEEP)
    return {
        "container_id": None,
        "exit_code": code,
        "finished_at": _text(event.at),
        "message": event.message or None,
        "reason": reason,
        "signal": None,
        "started_at": None,
    }


def _words(reason: str, *, is_ours: bool) -> tuple[str, int]:
    """The reason and the exit code that Kubernetes has for it."""
    if reason == Reason.OUT_OF_MEMORY:
        return OOM_KILLED
    return COMPLETED if is_ours else ERROR


def _text(at: datetime) -> str | None:
    return time_text(at)
