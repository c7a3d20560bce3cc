"""Derives the fact about a service from its Deployment, its Service and its pods. Pure.

The revision in the fact is 0 if an object was changed or lost by someone else's hand. Then the hub
applies the service again, as it does for each revision that is behind.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from hubsite.storable import storable

from ...facts import Phase, Reason, ServiceFact
from .. import drift
from ..failures import HOPELESS_IMAGE, why_failed, why_pending
from ..kinds import SERVICE_ADDRESSES, Seen
from ..labels import REVISION_LABEL, kept_metadata
from ..pod_facts import Pod
from ..pod_options import PodOptions
from ..pods import CONTAINER, NO_PYTHON_EXIT
from ..reading import list_of, object_of, text_of, time_of, true_condition

Json = dict[str, Any]

PATH = "xcube-hub/path"
MOST_RESTARTS = 3
"""A service that ended once more after so many restarts is not started again, if it was short."""
SHORT = timedelta(minutes=10)
"""What ran longer than this begins to count anew; the kubelet's back-off does so, too."""
SETTLED = timedelta(seconds=3)
"""After this time, the parts of a new Deployment are known as well."""
_WHAT = "service"


def kept_deployment(root: Json) -> Json:
    """The parts of a Deployment that `observe_service` reads."""
    given = object_of(root["metadata"].get("annotations"))
    kept = (drift.APPLIED, drift.REVISION, PATH)
    annotations = {name: given[name] for name in kept if name in given}
    return {
        "metadata": {**kept_metadata(root), "annotations": annotations},
        "has_drifted": drift.has_drifted(root),
        "status": {"conditions": list_of(object_of(root.get("status")).get("conditions"))},
    }


def kept_address(service: Json) -> Json:
    """The parts of a Service that `observe_service` reads."""
    spec = object_of(service.get("spec"))
    return {
        "metadata": kept_metadata(service),
        "has_drifted": drift.has_drifted(service),
        "ip": text_of(spec.get("clusterIP")),
        "port": next((object_of(port).get("port") for port in list_of(spec.get("ports"))), None),
    }


def observe_service(seen: Seen, options: PodOptions) -> ServiceFact:
    """The fact about the service of a Deployment, as `kept_deployment` keeps it."""
    revision = drift.revision_of(seen.root)
    pods = [pod for pod in map(_ServicePod, seen.pods) if pod.revision == revision]
    alive = [pod for pod in pods if not pod.is_deleted and not pod.has_ended]
    pod = max(alive, key=_birth, default=None)
    address = _address(seen, pod, options)
    fact = _state(seen, pod, options)
    if fact.phase is Phase.RUNNING and not address:
        fact = replace(fact, phase=Phase.PENDING, ready_since=None)
    return replace(
        fact,
        name=seen.root["metadata"]["name"],
        revision=revision if _is_whole(seen) else 0,
        message=storable(fact.message),
        address=address,
        restarts=sum(each.restarts for each in alive),
    )


def path_of(root: Json) -> str:
    """The path of all URLs of the service, as it was applied."""
    return text_of(object_of(root["metadata"].get("annotations")).get(PATH))


@dataclass(frozen=True)
class _ServicePod(Pod):
    """A pod whose container may have ended and been started again."""

    @property
    def revision(self) -> int:
        text = text_of(object_of(self.metadata.get("labels")).get(REVISION_LABEL))
        return int(text) if text.isdecimal() and len(text) < 19 else 0

    @property
    def restarts(self) -> int:
        count = self.container.get("restartCount")
        return count if isinstance(count, int) and not isinstance(count, bool) else 0

    @property
    def is_up(self) -> bool:
        return bool(object_of(self.container.get("state")).get("running"))

    @property
    def ready_since(self) -> datetime | None:
        ready = self.condition("Ready")
        if ready.get("status") != "True":
            return None
        return time_of(ready.get("lastTransitionTime")) or self.container_started_at

    @property
    def last_end(self) -> Pod | None:
        """This pod as it was when its container ended last; None if it never did."""
        states = (self.container.get("state"), self.container.get("lastState"))
        for ended in (object_of(object_of(state).get("terminated")) for state in states):
            if ended:
                container = {**self.container, "name": CONTAINER, "state": {"terminated": ended}}
                status = {**self.status, "containerStatuses": [container]}
                return Pod({**self.raw, "status": status})
        return None


def _state(seen: Seen, pod: _ServicePod | None, options: PodOptions) -> ServiceFact:
    """The phase and its reason. The caller sets the other fields."""
    wanted = object_of(drift.applied(seen.root).get("spec")).get("replicas")
    if wanted == 0:
        return _fact(Phase.ASLEEP)
    if pod is None:
        return _without_pod(seen, options)
    if since := pod.ready_since:
        return _fact(Phase.RUNNING, ready_since=since)
    if (ended := pod.last_end) is not None:
        return _after_end(pod, ended)
    return _before_start(pod, seen.known_until, options)


def _without_pod(seen: Seen, options: PodOptions) -> ServiceFact:
    """The cluster has made no pod (yet); the Deployment itself says why, if there is a reason."""
    refusal = true_condition(seen.root["status"], "ReplicaFailure")
    said = text_of(refusal.get("message")) or text_of(refusal.get("reason"))
    reason, message = why_pending(None, said or None, _WHAT)
    since = time_of(refusal.get("lastTransitionTime"))
    is_late = _is_late(since, seen.known_until, options)
    return _fact(Phase.STUCK if reason and is_late else Phase.PENDING, reason, message)


def _before_start(pod: _ServicePod, now: datetime, options: PodOptions) -> ServiceFact:
    """Its container has not ended yet, and is not ready."""
    if pod.is_up:
        return _fact(Phase.PENDING)  # it starts; if it takes too long, the kubelet ends it
    reason, message = why_pending(pod, None, _WHAT)
    is_hopeless = text_of(pod.waiting.get("reason")) in HOPELESS_IMAGE
    is_late = _is_late(pod.created_at, now, options)
    if not is_hopeless and not (is_late and reason):
        return _fact(Phase.PENDING, reason if message else None, message)
    return _fact(Phase.STUCK, reason, message or "The service's pod could not be prepared in time.")


def _after_end(pod: _ServicePod, ended: Pod) -> ServiceFact:
    """Its container ended at least once, and is not ready since."""
    reason, why = why_failed(ended, _WHAT)
    if reason == Reason.IMAGE and ended.exit_code == NO_PYTHON_EXIT:
        return _fact(Phase.FAILED, reason, why)  # the image does not change
    began, over = ended.container_started_at, ended.finished_at
    is_short = began is None or over is None or over - began < SHORT
    if pod.restarts >= MOST_RESTARTS and is_short and not pod.is_up:
        message = f"It ended again and again, {pod.restarts + 1} times. {why}"
        return _fact(Phase.FAILED, reason or Reason.CRASH_LOOP, message)
    return _fact(Phase.PENDING, reason or Reason.CRASH_LOOP, f"It is started again. {why}")


def _is_whole(seen: Seen) -> bool:
    """Whether all objects are there, and as the hub applied them."""
    if seen.root["has_drifted"] or seen.is_lacking or seen.root["metadata"]["deletionTimestamp"]:
        return False
    born = time_of(seen.root["metadata"]["creationTimestamp"])
    may_be_unknown = born is not None and seen.known_until - born < SETTLED
    return all(
        not part["has_drifted"] if part is not None else may_be_unknown
        for part in seen.parts.values()
    )


def _address(seen: Seen, pod: _ServicePod | None, options: PodOptions) -> str:
    part = seen.parts.get(SERVICE_ADDRESSES.plural) or {}
    ip = text_of(part.get("ip"))
    if options.reaches_pods:
        ip = text_of(pod.status.get("podIP")) if pod else ""
    try:
        number = ipaddress.ip_address(ip)
    except ValueError:
        return ""  # not given yet, or "None": it has none
    host = f"[{number}]" if number.version == 6 else str(number)
    port = part.get("port")
    return f"http://{host}:{port}" if isinstance(port, int) else ""


def _is_late(since: datetime | None, now: datetime, options: PodOptions) -> bool:
    return since is not None and now - since > timedelta(seconds=options.service_pending_s)


def _birth(pod: _ServicePod) -> tuple[str, str]:
    metadata = pod.metadata
    return text_of(metadata.get("creationTimestamp")), text_of(metadata.get("name"))


def _fact(
    phase: Phase,
    reason: str | None = None,
    message: str | None = None,
    *,
    ready_since: datetime | None = None,
) -> ServiceFact:
    """A fact whose name, revision and address `observe_service` sets."""
    return ServiceFact("", phase, reason, message, revision=0, ready_since=ready_since)
