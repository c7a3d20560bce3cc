"""Admission: decides whether a request becomes a job, by its price, owner and output."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.roles import hold_user
from accounts.scopes import MANAGE_CUBEGENS, PROCESS_CUBEGENS
from accounts.units import ledger
from hubsite import audit, switches
from hubsite.coordination import lock
from hubsite.coordination.wake_up import wake_up
from hubsite.refusals import FieldError, Kind, Refused
from jobs.settings import hub

from ..estimates.asking import Estimate, estimate
from ..estimates.cost import CostError, CubeSize, required_units
from ..models import (
    FINAL_STATES,
    XCUBE_GEN,
    IdempotencyKey,
    Job,
    JobDocument,
    JobEvent,
    State,
    new_job_id,
)
from ..prediction.durations import size_class_of
from ..request import ResolvedRequest, parse_request
from ..request.accessors import format_of
from ..request.parameters import LEVELS
from ..running.workload import resolve_for
from ..stores.stores_file import StoresFileError
from . import vault

logger = logging.getLogger(__name__)

LEVELS_LOCK = "jobs.levels"
IDEMPOTENCY_KEPT = timedelta(days=1)
"""How long a repeated `Idempotency-Key` returns its first answer (docs/api.md)."""


@dataclass(frozen=True)
class Submission:
    """A request and its caller. `code` is the uploaded zip, if there is one."""

    user: Any
    client_id: str
    may_run_code: bool
    document: Any
    code: bytes | None = None
    idempotency_key: str | None = None
    levels: bool = False
    """Whether to write a pyramid beside the cube, for viewers, as `write_params.levels` asks."""
    retry_of: Job | None = None
    """The job of the caller that this submission repeats; it ended without a cube."""
    actor: str = ""
    """Who submits it for the user; empty: they do it themselves."""

    @property
    def body_hash(self) -> str:
        text = json.dumps(self.document, sort_keys=True, separators=(",", ":"))
        option = b"\0levels" if self.levels else b""
        return hashlib.sha256(text.encode() + b"\0" + (self.code or b"") + option).hexdigest()


@dataclass(frozen=True)
class Quote:
    """The estimated size and the price of a request."""

    estimate: Estimate
    size: CubeSize
    units: int
    began: datetime


def parse(submission: Submission) -> ResolvedRequest:
    """Check the request in `submission`. Raises Refused that names every fault."""
    try:
        request = parse_request(submission.document, uploaded=submission.code is not None)
        request = request.with_levels() if submission.levels else request
        return resolve_for(submission.user.username, request)
    except StoresFileError as error:
        logger.error("%s", error)
        raise Refused(
            "The hub cannot read its list of data stores; its operators can find the reason in "
            "its log. Nothing was stored.",
            kind=Kind.UNAVAILABLE,
            retry_after_s=60,
        ) from None


def quote(resolved: ResolvedRequest, *, who: str = "") -> Quote:
    """Estimate and price a request of `who`, a user id.

    Call it outside of a transaction, because it takes tens of milliseconds.
    """
    began = timezone.now()
    estimated = estimate(
        resolved.for_estimate(),
        stores=resolved.stores,
        egress=resolved.egress,
        uses_own_store=resolved.uses_own_store,
        who=who,
    )
    try:
        size = estimated.size
        units = required_units(size, resolved.input_prices)
    except CostError as error:
        raise Refused(f"The cube cannot be priced: {error}") from None
    return Quote(estimated, size, units, began)


def admit(submission: Submission) -> Job:
    """Make a job of `submission`. Raises Refused; then nothing is stored or charged."""
    first = _first_use(submission)
    if first is not None:
        return first
    switches.require_open(XCUBE_GEN)
    job_id = new_job_id(submission.user.username)
    resolved = parse(submission).with_output_data_id(f"{job_id}.zarr")
    _check_user_code(submission, resolved)
    quoted = quote(resolved, who=submission.user.username)
    resolved = resolved.with_zarr_format(quoted.estimate.result.get("zarr_format"))
    _check_limit(submission, quoted)
    try:
        with transaction.atomic():
            return _write(submission, job_id, resolved, quoted)
    except (ledger.InsufficientUnits, Refused, IntegrityError) as error:
        # The same request may have been accepted meanwhile; then its reservation refuses this one.
        first = _first_use(submission)
        if first is not None:
            return first
        if isinstance(error, ledger.InsufficientUnits):
            raise _more_than_available(error) from None
        if isinstance(error, IntegrityError):
            for data_id, claim in _claims(submission.user, resolved).items():
                if _is_claimed(claim):
                    raise _output_is_taken(claim, resolved, data_id) from None
        raise


def _write(submission: Submission, job_id: str, resolved: ResolvedRequest, quoted: Quote) -> Job:
    """Store the job in one short transaction: reservation, row, document, event, wake-up."""
    needs_code = (PROCESS_CUBEGENS,) if resolved.has_user_code else ()
    user = hold_user(submission.user, MANAGE_CUBEGENS, *needs_code)
    ledger.reserve(user, quoted.units, reference=job_id, key=f"reserve:{job_id}")
    if Job.objects.owned_by(user).filter(is_live=True).count() >= _most_jobs():
        raise Refused(
            f"You have {_most_jobs()} jobs queued or running; wait for one to end.",
            kind=Kind.BUSY,
            retry_after_s=60,
        )
    if any(format_of(data_id) == "levels" for data_id in _claims(user, resolved)):
        # The database cannot hold apart the pyramid of one job and the cube of another.
        lock.hold(LEVELS_LOCK)
    claims = check_outputs(user, resolved, quoted)
    claim, levels_claim = [*claims.values(), ""][:2]
    input_store, input_data_id = resolved.first_input
    job = Job.objects.create(
        job_id=job_id,
        owner=user,
        client_id=submission.client_id,
        retry_of=submission.retry_of,
        engine=hub.engine,
        deadline_s=hub.job_deadline_s,
        memory_bytes=hub.job_memory_bytes,
        size_class=size_class_of(quoted.size.cells),
        has_user_code=resolved.has_user_code,
        uses_own_store=resolved.uses_own_store,
        can_remove_output=resolved.can_remove_output,
        units=quoted.units,
        input_store=input_store[:200],
        input_data_id=input_data_id[:512],
        output_store=resolved.output_store,
        output_data_id=resolved.output_data_id,
        output_claim=claim,
        levels_claim=levels_claim,
    )
    credentials = resolved.credentials()
    JobDocument.objects.create(
        job=job,
        request=resolved.redacted_document(),
        credentials=vault.seal(credentials) if credentials else None,
        code=submission.code,
        estimate=quoted.estimate.result,
        admitted_cells=quoted.size.cells,
    )
    JobEvent.objects.create(job=job, to_state=State.QUEUED, actor=submission.actor or user.username)
    audit.record(
        "job.submitted",
        actor=submission.actor or user,
        on=job,
        detail=f"{job.output_data_id}, {job.units} units",
    )
    if submission.idempotency_key:
        used = IdempotencyKey.objects.filter(owner=user, key=submission.idempotency_key)
        used.filter(created_at__lt=timezone.now() - IDEMPOTENCY_KEPT).delete()
        IdempotencyKey.objects.create(
            owner=user,
            key=submission.idempotency_key,
            body_hash=submission.body_hash,
            job=job,
        )
    wake_up("jobs.tasks.launch_due")
    return job


def _first_use(submission: Submission) -> Job | None:
    """The job that was made with the same `Idempotency-Key`, if there is one."""
    if not submission.idempotency_key:
        return None
    first = (
        IdempotencyKey.objects.filter(
            owner=submission.user,
            key=submission.idempotency_key,
            created_at__gte=timezone.now() - IDEMPOTENCY_KEPT,
        )
        .select_related("job")
        .first()
    )
    if first is None:
        return None
    if first.body_hash != submission.body_hash:
        raise Refused(
            "this key was used with another request within the last day",
            field="Idempotency-Key",
            kind=Kind.UNSUPPORTED,
        )
    return first.job


def _check_user_code(submission: Submission, resolved: ResolvedRequest) -> None:
    if not resolved.has_user_code:
        return
    if not submission.may_run_code:
        raise Refused(
            "You don't have access to using byoa code: process:cubegens is needed.",
            kind=Kind.FORBIDDEN,
        )
    is_local = hub.engine == "local"
    if is_local and not hub.local_user_code:
        raise Refused(
            "this hub does not run users' code, because its engine cannot isolate it",
            field="code_config",
            kind=Kind.UNSUPPORTED,
        )


def _check_limit(submission: Submission, quoted: Quote) -> None:
    limit = hub.process_limit
    if quoted.units > limit:
        raise _too_expensive(
            f"Number of required punits ({quoted.units}) is greater than the absolute limit of "
            f"{limit}.",
            required=quoted.units,
            available=ledger.available(submission.user),
        )


def check_outputs(user: Any, resolved: ResolvedRequest, quoted: Quote) -> dict[str, str]:
    """Check that the user may write what the request would write. Raises Refused.

    The claims on the cube and, if one is asked for, on its pyramid, by data id.
    """
    claims = _claims(user, resolved)
    exists = (quoted.estimate.output_exists, quoted.estimate.levels_exist)
    for (data_id, claim), is_there in zip(claims.items(), exists, strict=False):
        _check_output(user, data_id, claim, resolved, began=quoted.began, is_there=bool(is_there))
    return claims


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


def _more_than_available(short: ledger.InsufficientUnits) -> Refused:
    return _too_expensive(
        f"Number of required punits ({short.required}) is greater than the available "
        f"({short.available}).",
        required=short.required,
        available=short.available,
    )


def _too_expensive(detail: str, *, required: int, available: int) -> Refused:
    return Refused(
        detail,
        kind=Kind.TOO_EXPENSIVE,
        title="Not enough processing units",
        required=required,
        available=available,
        limit=hub.process_limit,
    )


def _most_jobs() -> int:
    return hub.jobs_per_user
