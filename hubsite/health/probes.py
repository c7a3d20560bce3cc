"""Whether this web process is alive, and whether it can serve: asked by whatever runs it."""

from __future__ import annotations

import functools
from typing import Any

from django.apps import apps
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_q.models import OrmQ

from ..coordination.lock import Lock

OBSERVER_LOCK_PREFIX = "observer-"


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers: what fails here only a restart can mend."""
    return JsonResponse({"status": "alive"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 when every check is ok, else 503. `observers` and `queue` only inform."""
    checks = {"database": _told(_check_database), "migrations": _told(_check_migrations)}
    is_ready = all(check["ok"] for check in checks.values())
    body: dict[str, Any] = {"status": "ready" if is_ready else "not ready", "checks": checks}
    if is_ready:
        body["observers"] = _observers()
        body["queue"] = _queue()
    response = JsonResponse(body, status=200 if is_ready else 503)
    response["Cache-Control"] = "no-store"
    return response


def _told(check: Any) -> dict[str, Any]:
    try:
        check()
    except (DatabaseError, _NotReady) as error:
        message = str(error) if isinstance(error, _NotReady) else "The database does not answer."
        return {"ok": False, "message": message}
    return {"ok": True}


class _NotReady(Exception):
    """The message says what lacks."""


def _check_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()


@functools.cache
def _check_migrations() -> None:
    """Passing once is enough: what a running process knows of migrations does not change."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise _NotReady(f"{len(missing)} migrations are not applied; run `manage.py migrate`.")


def _observers() -> list[dict[str, Any]]:
    """Each observer's lease: in how many seconds it ends, below zero if nobody renews it."""
    now = timezone.now()
    locks = Lock.objects.filter(name__startswith=OBSERVER_LOCK_PREFIX)
    return [
        {
            "name": lock.name,
            "active": bool(lock.expires_at and lock.expires_at > now),
            "lease_ends_in_s": (
                round((lock.expires_at - now).total_seconds(), 1) if lock.expires_at else None
            ),
        }
        for lock in locks.order_by("name")
    ]


def _queue() -> dict[str, int]:
    """Jobs waiting for a place, jobs holding one, and the worker's waiting tasks."""
    jobs = apps.get_model("jobs", "Job").objects
    return {
        "jobs_waiting": jobs.due().count(),
        "jobs_placed": jobs.placed().count(),
        "tasks": OrmQ.objects.count(),
    }
