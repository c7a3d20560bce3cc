"""A job's page in the admin: what its owner sees, and what only operators see."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.admin.actors import users_among
from accounts.models import LedgerEntry
from hubsite import audit
from hubsite.audit import presenting

from .. import known_errors
from ..models import DealtWith, EngineLook, Job, State
from ..pages import wording
from ..pages.cubes import summary
from ..queue import ordering
from ..queue.waiting import waiting_of
from ..running import logs, overdue

LOG_LINES = 200
MOST_EVENTS = 100
MOST_RELATED = 8
MOST_AUDITED = 20
AROUND = timedelta(hours=2)


def about(request: HttpRequest, job: Job, *, may_act: bool) -> dict[str, Any]:
    """The context of the page. At most 14 queries, however much there is."""
    events = list(job.events.order_by("pk")[:MOST_EVENTS])
    entries = list(
        LedgerEntry.objects.filter(reference=job.job_id)
        .select_related("actor", "user")
        .order_by("pk")
    )
    has_failed = job.state == State.FAILED
    dealt_with = DealtWith.objects.filter(job=job).first() if has_failed else None
    actors = {event.actor for event in events}
    names = users_among(actors | {dealt_with.actor} if dealt_with else actors)
    log = logs.last_lines(job, LOG_LINES)
    related = _related(job)
    charged = -sum(e.delta_total for e in entries if e.kind in ("settle", "refund"))
    return {
        "job": job,
        "cube": summary(job),
        "waiting": waiting_of(job, for_operators=True),
        "advice": wording.advice(job, lambda: log[-known_errors.LOG_LINES :]),
        "waited": _between(job.created_at, job.launched_at or _end(job)),
        "took": _between(job.started_at, job.finished_at or timezone.now()),
        "events": [(event, names.get(event.actor)) for event in events],
        "entries": entries,
        "charged": charged,
        "refund_key": uuid.uuid4().hex if may_act and charged > 0 else "",
        "related": related,
        "look": _look(job),
        "audited": presenting.shown(audit.entries_of(job, most=MOST_AUDITED)),
        "log": log,
        "is_log_cut": len(log) == LOG_LINES,
        "may_act": may_act,
        "may_repeat": may_act and has_failed and not _is_again(related),
        "dealt_with": dealt_with,
        "who_dealt_with": names.get(dealt_with.actor) if dealt_with else None,
        "may_deal_with": may_act and has_failed and not dealt_with and not _is_again(related),
        "engines": _others(job) if may_act else [],
        "is_long": job.state == State.RUNNING
        and any(one.pk == job.pk for one in overdue.overdue()),
    }


def _look(job: Job) -> EngineLook | None:
    """What the engine showed when someone asked, with its times as times."""
    look = EngineLook.objects.filter(job=job).first()
    for one in look.objects_seen if look else ():
        one["since"] = parse_datetime(one.get("since") or "")
        for note in one.get("notes", ()):
            note["at"] = parse_datetime(note.get("at") or "")
    return look


def _end(job: Job) -> Any:
    return job.finished_at or timezone.now()


def _between(begin: Any, end: Any) -> timedelta | None:
    return max(end - begin, timedelta()) if begin is not None else None


def _others(job: Job) -> list[str]:
    """The engines that could run it instead."""
    if job.state != State.QUEUED:
        return []
    return [name for name in ordering.followed_engines() if name != job.engine]


def _is_again(related: list[dict[str, Any]]) -> bool:
    return any(one["how"] == "again" for one in related)


def _related(job: Job) -> list[dict[str, Any]]:
    """Jobs of the same output, its repetitions, and its owner's others around that time."""
    rows = Job.objects.select_related("owner").defer("progress", "result", "message")
    same = rows.filter(Q(output_claim=job.output_claim) | Q(retry_of=job) | Q(pk=job.retry_of_id))
    around = rows.owned_by(job.owner_id).filter(
        created_at__gt=job.created_at - AROUND, created_at__lt=job.created_at + AROUND
    )
    found: dict[int, dict[str, Any]] = {}
    for one in same.exclude(pk=job.pk).order_by("-pk")[:MOST_RELATED]:
        is_again = one.retry_of_id == job.pk
        how = "again" if is_again else "before" if one.pk == job.retry_of_id else "output"
        found[one.pk] = {"job": one, "how": how}
    for one in around.exclude(pk=job.pk).order_by("-created_at")[:MOST_RELATED]:
        found.setdefault(one.pk, {"job": one, "how": "owner"})
    return sorted(found.values(), key=lambda it: -it["job"].pk)
