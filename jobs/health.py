"""Health checks of cube generation: estimates, the worker, the follower, the engine."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_noop as _
from django_q.models import OrmQ

from hubsite.coordination.lock import Lock
from hubsite.engines.local.connection import SocketUnavailable, call
from hubsite.engines.local.paths import control_socket
from hubsite.health import parts, probes
from hubsite.health.heartbeat import Heard, heard
from hubsite.health.parts import WELL, Finding, Part
from hubsite.offered import Service, offer
from jobs.settings import hub

from .estimates import remote
from .models import XCUBE_GEN, Job
from .queue import suspending

ANSWER_WITHIN_S = 1.0
LEASE_PREFIX = "observer-"
SUSPENDED = "Cubegens resources are switched off on this service."


def register() -> None:
    needed_by = (XCUBE_GEN,)
    parts.register(Part("estimator", estimator, needed_by, needs_database=False))
    parts.register(Part("follower", follower, needed_by))
    parts.register(Part("engine", engine, needed_by))
    parts.register(Part("worker", worker, needed_by))
    offer(
        Service(
            XCUBE_GEN,
            ready=_("Cubes can be generated."),
            unable=_("Cubes cannot be generated just now."),
            switched_off=lambda: SUSPENDED if hub.cubegens_silent else None,
            end_work=suspending.end_running,
            on_resume=suspending.launch_waiting,
        )
    )
    probes.detail("observers", leases)
    probes.detail("queue", queue)


def estimator() -> Finding:
    """Whether the runner on this machine answers, or the estimators elsewhere do."""
    url = hub.estimator_url
    try:
        if url:
            reply = remote.call(
                url,
                hub.estimator_secret or "",
                "GET",
                "/health",
                timeout_s=ANSWER_WITHIN_S,
            )
        else:
            reply = call(control_socket(), "GET", "/", timeout_s=ANSWER_WITHIN_S)
    except (SocketUnavailable, remote.EstimatorUnreachable, OSError):
        return Finding(
            False,
            "The estimator does not answer." if url else "The runner does not answer.",
            "Look whether it runs, and at its log; without xcube run `make xcube`.",
        )
    if reply.status != 200:
        return Finding(
            False, "The estimator is not ready.", "Wait; if it stays so, look at its log."
        )
    return WELL


def follower() -> Finding:
    told = heard("follower", hub.engine)
    if told.is_alive:
        return Finding(True, since=told.since)
    return Finding(
        False,
        f"The follower, which records how runs go on and end, {_silent(told)}.",
        "Start it (`manage.py start`, or `manage.py observe`), and look at its log.",
        told.silent_since,
    )


def engine() -> Finding:
    """The engine's health as its follower, which asks it continually, has recorded it."""
    name = hub.engine
    told = heard("engine", name)
    if told.is_alive and not told.problem:
        return Finding(True, since=told.since)
    if told.is_alive:
        return Finding(
            False,
            f"The {name} engine cannot be used: {told.problem}.",
            "Look at the runner's log." if name == "local" else "Run `manage.py check_cluster`.",
            told.since,
        )
    return Finding(
        False,
        f"The state of the {name} engine is unknown: the follower {_silent(told)}.",
        "Start the follower, and look at its log.",
        told.silent_since,
    )


def worker() -> Finding:
    told = heard("worker")
    if told.is_alive:
        return Finding(True, since=told.since)
    if not heard("follower", hub.engine).is_alive:
        return Finding(
            False,
            "The state of the worker is unknown: the follower, which gives it work, is silent.",
            "Start the follower.",
            told.silent_since,
        )
    return Finding(
        False,
        f"The worker, which launches jobs, {_silent(told)}.",
        "Start it (`manage.py start`, or `manage.py qcluster`), and look at its log.",
        told.silent_since,
    )


def _silent(told: Heard) -> str:
    if told.silent_since is not None:
        return f"was heard last at {told.silent_since:%Y-%m-%d %H:%M:%S} UTC"
    return "was heard last by a wrong clock" if told.was_ever else "has not been heard yet"


def leases() -> list[dict[str, Any]]:
    """Seconds until each follower's lease ends; negative if no one renews it."""
    now = timezone.now()
    locks = Lock.objects.filter(name__startswith=LEASE_PREFIX).order_by("name")
    return [
        {
            "name": lock.name,
            "active": bool(lock.expires_at and lock.expires_at > now),
            "lease_ends_in_s": _ends_in(lock.expires_at, now),
        }
        for lock in locks
    ]


def _ends_in(expires_at: datetime | None, now: datetime) -> float | None:
    return round((expires_at - now).total_seconds(), 1) if expires_at else None


def queue() -> dict[str, int]:
    """Jobs waiting for a place, jobs holding one, and the worker's waiting tasks."""
    return {
        "jobs_waiting": Job.objects.due().count(),
        "jobs_placed": Job.objects.placed().count(),
        "tasks": OrmQ.objects.count(),
    }
