"""Jobs and pods as Kubernetes tells them, as far as it matters here."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hubsite.engines.kubernetes.labels import ATTEMPT_LABEL, JOB_NAME_LABEL
from hubsite.engines.kubernetes.pods import CONTAINER

Json = dict[str, Any]

BORN = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)
NAME = "a1-0123"


def at(seconds: float) -> str:
    """A time so long after the Job was made, as Kubernetes writes it."""
    return (BORN + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind: str, reason: str = "", message: str = "", *, status="True", after=0.0) -> Json:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": at(after),
    }


def job(*conditions: Json, name: str = NAME, attempt: int | str = 1, **status: Any) -> Json:
    return {
        "metadata": {
            "name": name,
            "creationTimestamp": at(0),
            "labels": {ATTEMPT_LABEL: str(attempt)},
        },
        "status": {"conditions": list(conditions), **status},
    }


def pod(
    phase: str,
    *conditions: Json,
    state: Json | None = None,
    name: str = "p1",
    born: float = 1,
    is_deleted: bool = False,
    of: str = NAME,
    **status: Any,
) -> Json:
    statuses = [{"name": CONTAINER, "image": "xcube:1", "state": state}] if state else []
    return {
        "metadata": {
            "name": name,
            "creationTimestamp": at(born),
            "deletionTimestamp": at(born + 60) if is_deleted else None,
            "labels": {JOB_NAME_LABEL: of},
        },
        "spec": {"nodeName": "node-7"},
        "status": {
            "phase": phase,
            "conditions": list(conditions),
            "containerStatuses": statuses,
            **status,
        },
    }


def running(*conditions: Json, began: float = 5, **options: Any) -> Json:
    return pod("Running", *conditions, state={"running": {"startedAt": at(began)}}, **options)


def waiting(reason: str, message: str = "", **options: Any) -> Json:
    state = {"waiting": {"reason": reason, "message": message}}
    return pod("Pending", condition("PodScheduled"), state=state, **options)


def ended(
    code: Any,
    *conditions: Json,
    told: Any = None,
    why: str | None = None,
    began: float | None = 5,
    **options: Any,
) -> Json:
    """A pod whose container has ended with `code`, and wrote `told`; `began` None: it never did."""
    terminated = {
        "exitCode": code,
        "reason": why or ("Completed" if code == 0 else "Error"),
        "startedAt": "1970-01-01T00:00:00Z" if began is None else at(began),
        "finishedAt": at(60),
    }
    if told is not None:
        terminated["message"] = told if isinstance(told, str) else json.dumps(told)
    phase = "Succeeded" if code == 0 else "Failed"
    return pod(
        options.pop("phase", phase), *conditions, state={"terminated": terminated}, **options
    )


def told_failure(reason: str, message: str = "So it was.", **more: Any) -> Json:
    return {
        "name": NAME,
        "attempt": 1,
        "phase": "FAILED",
        "reason": reason,
        "message": message,
        **more,
    }


def disrupted(reason: str, message: str = "said so") -> Json:
    return condition("DisruptionTarget", reason, message)
