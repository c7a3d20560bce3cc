"""What the engine is given to run a job: its request, the stores it names, its limits."""

from __future__ import annotations

import base64

from django.conf import settings

from hubsite.engines.base import Report, Workload

from . import vault
from .models import Job
from .request import CubegenRequest, ResolvedRequest, parse_request, resolve, unredact
from .run_token import run_token
from .stores import load_catalogue


def resolve_for(user_id: str, request: CubegenRequest) -> ResolvedRequest:
    """`request` with the stores that this user may use. Raises InvalidRequest."""
    return resolve(
        request,
        catalogue=load_catalogue(),
        user_id=user_id,
        own_store_types=settings.HUB["XCUBE_HUB_OWN_STORE_TYPES"],
        own_store_networks=settings.HUB["XCUBE_HUB_OWN_STORE_NETWORKS"],
        own_store_pixels_per_punit=settings.HUB["XCUBE_HUB_OWN_STORE_PIXELS_PER_PUNIT"],
    )


def build_workload(job: Job) -> Workload:
    """The workload of a job about to be launched.

    Stores are read again: keys may have been rotated since admission. Raises InvalidRequest
    where a store is no longer there, vault.Unreadable where its credentials are lost.
    """
    document = job.document
    request = document.request
    if document.credentials is not None:
        request = unredact(request, vault.unseal(document.credentials))
    resolved = resolve_for(
        job.owner.username, parse_request(request, uploaded=document.code is not None)
    )
    code = document.code
    return Workload(
        name=job.job_id,
        attempt=job.attempt,
        payload={
            "kind": "cubegen",
            "request": resolved.document,
            "stores": resolved.stores,
            "egress": resolved.egress,
            "admitted_cells": document.admitted_cells,
            "code": None if code is None else base64.b64encode(bytes(code)).decode(),
        },
        deadline_s=job.deadline_s,
        memory_bytes=job.memory_bytes,
        report=Report(
            url=f"{settings.HUB['XCUBE_HUB_CALLBACK_URL']}/cubegens/{job.job_id}/callbacks",
            token=run_token(job.job_id, job.attempt),
        ),
    )
