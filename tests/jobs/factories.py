"""Makes requests and jobs for tests."""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.units import ledger
from jobs import lifecycle, usage
from jobs.models import Job, JobDocument, JobEvent, State, new_job_id

_numbers = itertools.count()


def cubegen_request(data_id: str | None = None, **changes: Any) -> dict[str, Any]:
    """A small valid request: 2 variables, 6 days, 4 x 4 pixels."""
    output = {"store_id": "@cubes"}
    if data_id:
        output["data_id"] = data_id
    return {
        "input_config": {"store_id": "@demo", "data_id": "demo.zarr"},
        "cube_config": {
            "variable_names": ["sst", "chl"],
            "bbox": [0, 0, 40, 40],
            "spatial_res": 10,
            "time_range": ["2020-01-01", "2020-01-06"],
            "time_period": "1D",
        },
        "output_config": output,
        **changes,
    }


def submit(client: Client, headers: dict[str, str], request: Any = None, **extra: Any) -> Any:
    """PUT /cubegens as an API client does."""
    return client.put(
        "/api/v2/cubegens",
        data=cubegen_request() if request is None else request,
        content_type="application/json",
        headers={**headers, **extra},
    )


def make_job(owner: Any, *, state: str = State.QUEUED, units: int = 1, **fields: Any) -> Job:
    """A job in the database as admission writes it, then put into `state`."""
    number = next(_numbers)
    job_id = new_job_id(owner.username)
    ledger.reserve(owner, units, reference=job_id, key=f"reserve:{job_id}")
    job = Job.objects.create(
        **{
            "job_id": job_id,
            "owner": owner,
            "engine": "local",
            "deadline_s": 60,
            "memory_bytes": 2**30,
            "units": units,
            "input_store": "@demo",
            "input_data_id": "demo.zarr",
            "output_store": "@cubes",
            "output_data_id": f"{job_id}.zarr",
            "output_claim": hashlib.sha256(f"{number}".encode()).hexdigest(),
            "state": state,
            "is_live": state in (State.QUEUED, State.LAUNCHED, State.RUNNING),
            **fields,
        }
    )
    JobDocument.objects.create(job=job, request=cubegen_request(f"{job_id}.zarr"))
    JobEvent.objects.create(job=job, to_state=State.QUEUED, actor=owner.username)
    if job.is_final:
        usage.count_end(job, State(state), job.finished_at or timezone.now())
    return job


def charged(owner: Any, units: int = 40) -> Job:
    """A job that succeeded and was charged its price."""
    job = make_job(owner, state=State.RUNNING, units=units)
    lifecycle.move(job, State.SUCCEEDED, actor="test")
    return job
