"""The OpenAPI description of sharing results."""

from __future__ import annotations

from accounts.api.share_schema import subject_share_schemas
from hubsite.refusals import Kind, Refused

from . import examples
from .schema import JOB_ID

shares = subject_share_schemas(
    "result",
    parameter=JOB_ID,
    tags=["Cube generation"],
    not_found=Refused(f"Result {examples.JOB_ID} not found.", kind=Kind.NOT_FOUND),
    is_over=Refused(
        "The result is over or not there yet; it cannot be shared.", kind=Kind.CONFLICT
    ),
)
