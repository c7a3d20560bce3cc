"""Fills a hub's database: `python -m tests.benchmarks.fill EMAIL USERS JOBS`.

Prints JSON: `job_id` of a running job of EMAIL and the token of its run, `ended_job_id` of an
ended one with a log of 600 lines, and `tokens` of USERS further users. They own JOBS ended jobs,
EMAIL as many as each. The jobs are written straight into the table: no engine and no ledger knows
of them.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobs.models import Job

PROGRESS = {
    "sender": "worker",
    "state": {"label": "Generating cube", "total_work": 138, "progress": 0.4, "worked": 55.2},
}
RESULT = {"status": "ok", "status_code": 201, "result": {"data_id": "cube.zarr"}}
BATCH = 2000


def job_row(owner: Any, *, state: str, **fields: Any) -> Job:
    """A job as the hub would have left it, not yet stored."""
    from django.utils import timezone

    from jobs.models import Job, new_job_id

    job_id = new_job_id(owner.username)
    now = timezone.now()
    return Job(
        job_id=job_id,
        owner=owner,
        engine="local",
        state=state,
        deadline_s=86400,
        memory_bytes=2**32,
        units=12,
        output_store="@cubes",
        output_data_id=f"{job_id}.zarr",
        output_claim=hashlib.sha256(job_id.encode()).hexdigest(),
        created_at=now - timedelta(seconds=30),
        launched_at=now - timedelta(seconds=29),
        started_at=now - timedelta(seconds=28),
        progress=PROGRESS,
        **fields,
    )


def ended_job(owner: Any) -> Job:
    from django.utils import timezone

    return job_row(
        owner, state="SUCCEEDED", is_live=False, finished_at=timezone.now(), result=RESULT
    )


def main(email: str, users: int, jobs: int) -> None:
    import django

    django.setup()
    from django.db import transaction

    from accounts.models import User
    from hubsite.engines.facts import LogChunk
    from jobs.models import Job
    from jobs.running import logs
    from jobs.running.run_token import run_token

    owner = User.objects.get(email=email)
    running = job_row(owner, state="RUNNING")
    running.save()
    ended = ended_job(owner)
    ended.save()
    lines = [f"2026-01-01T00:00:00Z INFO xcube wrote chunk {number}" for number in range(600)]
    logs.append(ended.pk, [LogChunk(n, lines[n : n + 50]) for n in range(0, len(lines), 50)])
    owners = [owner] + [
        User.objects.create_user(f"{uuid.uuid4().hex}@example.org") for _ in range(users)
    ]
    everyone = itertools.cycle(owners)
    for first in range(0, jobs, BATCH):
        with transaction.atomic():
            Job.objects.bulk_create(
                [ended_job(next(everyone)) for _ in range(min(BATCH, jobs - first))]
            )
    tokens = [_token(user) for user in owners[1:]]
    print(
        json.dumps(
            {
                "job_id": running.job_id,
                "run_token": run_token(running.job_id, running.attempt),
                "ended_job_id": ended.job_id,
                "tokens": tokens,
            }
        )
    )


def _token(user: Any) -> str:
    from accounts.roles import give_roles
    from accounts.scopes import MANAGE_CUBEGENS
    from accounts.tokens.hub_tokens import issue_token

    give_roles(user, {MANAGE_CUBEGENS})
    return issue_token(user, scopes={MANAGE_CUBEGENS})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
