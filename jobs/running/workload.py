"""Builds the run of a job for the engine: its request, stores and limits."""

from __future__ import annotations

from typing import Any

from hubsite.engines.specs import Code, Container, Program, Report, Run
from jobs.settings import hub

from ..models import Job, JobDocument
from ..request import CubegenRequest, ResolvedRequest, parse_request, resolve, unredact
from ..stores.catalogue import load_catalogue
from . import vault
from .run_token import run_token
from .runner_package import MODULE, REQUIRES, runner_zip

XCUBE_BYTES = 512 << 20
VALUE_BYTES = 8
STEPS_IN_MEMORY = 4


def resolve_for(user_id: str, request: CubegenRequest) -> ResolvedRequest:
    """`request` with the stores that this user may use. Raises InvalidRequest."""
    return resolve(
        request,
        catalogue=load_catalogue(),
        user_id=user_id,
        own_store_types=hub.own_store_types,
        own_store_networks=hub.own_store_networks,
        own_store_pixels_per_punit=hub.own_store_pixels_per_punit,
    )


def build_run(job: Job) -> Run:
    """The run of a job that is about to be launched.

    The stores are read again, because keys may have been rotated since admission. Raises
    InvalidRequest if a store no longer exists, vault.Unreadable if its credentials are lost.
    """
    document, code = job.document, _uploaded_code(job)
    request = document.request
    if document.credentials is not None:
        request = unredact(request, vault.unseal(document.credentials))
    resolved = resolve_for(job.owner.username, parse_request(request, uploaded=code is not None))
    url = f"{hub.callback_url}/cubegens/{job.job_id}"
    return Run(
        name=job.job_id,
        attempt=job.attempt,
        container=Container(
            owner=job.owner.username,
            program=Program(archive=runner_zip(), module=MODULE, requires=REQUIRES),
            memory_bytes=job.memory_bytes,
            expected_memory_bytes=expected_memory_bytes(document.estimate),
            is_untrusted=job.has_user_code,
        ),
        payload={
            "kind": "cubegen",
            "request": resolved.document,
            "stores": resolved.stores,
            "egress": resolved.egress,
            "admitted_cells": document.admitted_cells,
            "quicklooks": hub.quicklooks_days > 0,
        },
        deadline_s=job.deadline_s,
        report=Report(
            url=f"{url}/callbacks",
            token=run_token(job.job_id, job.attempt),
        ),
        code=Code(f"{url}/code", code) if code is not None else None,
    )


def _uploaded_code(job: Job) -> bytes | None:
    """The uploaded code, at most 10 MB. It is read for each run, because hundreds are launched."""
    if not job.has_user_code:
        return None
    documents = JobDocument.objects.filter(job=job.pk, code__isnull=False)
    code = documents.values_list("code", flat=True).first()
    return None if code is None else bytes(code)


def expected_memory_bytes(estimate: dict[str, Any]) -> int | None:
    """The memory that a run will probably use; None if the estimate does not say enough.

    It is xcube itself plus a few copies of one time step of all variables, because xcube writes
    one step after the other.
    """
    size = estimate.get("size_estimation") or {}
    image, variables = size.get("image_size"), size.get("num_variables")
    if not isinstance(image, list) or len(image) != 2 or not isinstance(variables, int):
        return None
    step = image[0] * image[1] * variables * VALUE_BYTES
    return XCUBE_BYTES + STEPS_IN_MEMORY * step
