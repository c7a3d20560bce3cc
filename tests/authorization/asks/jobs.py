"""Requests about cube generations and their stores, and what the audit then says."""

from __future__ import annotations

from jobs.models import Job, Priority
from jobs.operators import failures
from tests.jobs.factories import cubegen_request
from tests.services.factories import make_share

from ..world import World
from .ask import API, OPERATOR, chosen, operator, owner
from .rows import failed, instance, job, named, paid, row


def dealt_with(world: World) -> Job:
    row = failed(world)
    failures.deal_with(Job.objects.filter(pk=row.pk), note="so", actor="worker")
    return row


def result_share(world: World) -> dict[str, str]:
    done = paid(world)
    share = make_share(instance(world), kind="result", subject=done.job_id)
    return {"job_id": done.job_id, "share_id": str(share.pk)}


ZERO = "0" * 32
OF_USERS_API = [
    owner(f"PUT {API}/cubegens", "job.submitted", **cubegen_request("new.zarr")),
    owner(f"DELETE {API}/cubegens", "job.cancelled"),
    owner(f"DELETE {API}/cubegens/<job_id>", "job.cancelled"),
    owner(f"DELETE {API}/cubegens/<job_id>", "job.hidden", named(failed)),
    owner(f"POST {API}/cubegens/<job_id>/viewer", "instance.requested", named(paid)),
    owner(f"POST {API}/cubegens/<job_id>/shares", "share.made", named(paid), link=True),
    owner(f"DELETE {API}/cubegens/<job_id>/shares/<share_id>", "share.withdrawn", result_share),
]

OF_OPERATORS_API = [
    operator(f"POST {OPERATOR}/jobs/<job_id>/cancel", "job.cancelled"),
    operator(
        f"POST {OPERATOR}/jobs/<job_id>/charge-back",
        "units.refunded",
        named(paid),
        units=1,
        reason="so",
    ),
    operator(f"PUT {OPERATOR}/jobs/<job_id>/dealt-with", "job.dealt_with", named(failed), note="x"),
    operator(f"DELETE {OPERATOR}/jobs/<job_id>/dealt-with", "job.reopened", named(dealt_with)),
    operator(
        f"POST {OPERATOR}/jobs/<job_id>/engine", "job.moved", named(job()), engine="kubernetes"
    ),
    operator(
        f"POST {OPERATOR}/jobs/<job_id>/priority",
        "job.prioritised",
        named(job()),
        priority="urgent",
    ),
    operator(f"POST {OPERATOR}/jobs/<job_id>/run-again", "job.run_again", named(failed)),
    operator(f"POST {OPERATOR}/stores/<store>/probe", "store.probed"),
]

OF_PAGES = [
    owner("POST cubes/<job_id>/<action>", "job.cancelled"),
    owner("POST cubes/<job_id>/viewer", "instance.requested", named(paid)),
    owner(
        "POST cubes/new/",
        "job.submitted",
        store="@demo",
        dataset="demo.zarr",
        output_store="@cubes",
        variables=["sst"],
        x1="0",
        y1="0",
        x2="40",
        y2="40",
        resolution="10",
    ),
]

OF_ADMIN = [
    *(
        chosen("jobs/job", action, audited, row(make), note="so")
        for action, audited, make in (
            ("cancel", "job.cancelled", job()),
            ("run_again", "job.run_again", failed),
            ("deal_with", "job.dealt_with", failed),
            ("reopen", "job.reopened", dealt_with),
            ("charge_back", "units.refunded", paid),
            ("urgent", "job.prioritised", job()),
            ("normal", "job.prioritised", job(priority=Priority.LATER)),
            ("later", "job.prioritised", job()),
        )
    ),
    chosen("jobs/job", "move_to_kubernetes", "job.moved", row(job())),
    operator("POST admin/stores/", "store.probed", store="demo"),
    operator("POST admin/jobs/job/<object_id>/act/", "job.cancelled", row(job()), do="cancel"),
    operator(
        "POST admin/jobs/job/<object_id>/act/",
        "job.moved",
        row(job()),
        do="move",
        engine="kubernetes",
    ),
    operator(
        "POST admin/jobs/job/<object_id>/refund/",
        "units.refunded",
        row(paid),
        units="1",
        reason="so",
        key=ZERO,
    ),
]

ASKS = [*OF_USERS_API, *OF_OPERATORS_API, *OF_PAGES, *OF_ADMIN]
