"""Claims on the places that jobs write: one job at a time, and nothing of someone else's.

A claim is the SHA-256 of a place in a store. The database holds each claim once among the jobs
that may still write, or that left something to remove.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from hubsite.coordination import lock
from hubsite.refusals import FieldError, Kind, Refused

from ..models import FINAL_STATES, Job, JobEvent
from ..request import ResolvedRequest
from ..request.accessors import format_of
from ..request.parameters import LEVELS
from .pricing import Quote

LEVELS_LOCK = "jobs.levels"


def hold(user: Any, resolved: ResolvedRequest, quoted: Quote) -> tuple[str, str]:
    """The claims on the cube and on its pyramid ("" if there is none), for a job to be stored.

    Call it in the transaction that stores the job. Raises Refused as `check_outputs` does.
    """
    if any(format_of(data_id) == "levels" for data_id in _claims(user, resolved)):
        # The database cannot hold apart the pyramid of one job and the cube of another.
        lock.hold(LEVELS_LOCK)
    cube, levels = [*check_outputs(user, resolved, quoted).values(), ""][:2]
    return cube, levels


def check_outputs(user: Any, resolved: ResolvedRequest, quoted: Quote) -> dict[str, str]:
    """Check that the user may write what the request would write. Raises Refused.

    The claims on the cube and, if one is asked for, on its pyramid, by data id.
    """
    claims = _claims(user, resolved)
    exists = (quoted.estimate.output_exists, quoted.estimate.levels_exist)
    for (data_id, claim), is_there in zip(claims.items(), exists, strict=False):
        _check_output(user, data_id, claim, resolved, began=quoted.began, is_there=bool(is_there))
    return claims


def taken(user: Any, resolved: ResolvedRequest) -> Refused | None:
    """The refusal if another job holds a place that the request would write."""
    for data_id, claim in _claims(user, resolved).items():
        if _is_claimed(claim):
            return _output_is_taken(claim, resolved, data_id)
    return None


def _check_output(
    user: Any,
    data_id: str,
    claim: str,
    resolved: ResolvedRequest,
    *,
    began: datetime,
    is_there: bool,
) -> None:
    """Check that only the user whose job wrote an output last can replace it.

    `is_there`: something was found at its place after `began`.
    """
    if _is_claimed(claim):
        raise _output_is_taken(claim, resolved, data_id)
    written = Job.objects.at([claim]).exclude(started_at=None)
    if not is_there:
        # Since the estimate looked for the output, by the hub's clock; the run's may differ.
        ended_since = JobEvent.objects.filter(
            job__in=written, to_state__in=FINAL_STATES, at__gte=began
        )
        if not ended_since.exists():
            return
    writer = written.order_by("-id").values_list("owner_id", flat=True).first()
    is_ours = resolved.output_store.startswith("@")
    if is_ours and writer != user.pk:
        raise _output_conflict(resolved, data_id, "exists and is not yours to replace")
    if not resolved.may_change_existing:
        raise _output_conflict(
            resolved, data_id, "exists; set output_config.replace to true to replace it"
        )


def _claims(user: Any, resolved: ResolvedRequest) -> dict[str, str]:
    """The claims on the cube and, if one is asked for, on its pyramid, by data id."""
    names = (resolved.output_data_id or "", resolved.levels_data_id)
    return {name: _claim(user, resolved, name) for name in names if name}


def _claim(user: Any, resolved: ResolvedRequest, data_id: str) -> str:
    """The identity of the location of `data_id` in the output's store.

    For a caller's own store it contains the caller, because an address that someone gives proves
    nothing, and must give no claim on a location in a store of the hub.
    """
    place = resolved.location_of(data_id)
    if not resolved.output_store.startswith("@"):
        place = f"{user.username} {place}"
    return hashlib.sha256(place.encode()).hexdigest()


def _is_claimed(claim: str) -> bool:
    return Job.objects.claiming().at([claim]).exists()


def _output_is_taken(claim: str, resolved: ResolvedRequest, data_id: str) -> Refused:
    if Job.objects.at([claim]).filter(is_live=True).exists():
        return _output_conflict(resolved, data_id, "is being written by another job")
    return _output_conflict(
        resolved,
        data_id,
        "is being cleared of what a failed job left there; please try again in a moment",
    )


def _output_conflict(resolved: ResolvedRequest, data_id: str, why: str) -> Refused:
    is_pyramid = data_id == resolved.levels_data_id
    field = f"write_params.{LEVELS}" if is_pyramid else "data_id"
    return Refused(
        f"{data_id!r} in {resolved.output_store} {why}.",
        kind=Kind.CONFLICT,
        errors=[FieldError(f"output_config.{field}", why)],
    )
