"""Admission: decides whether a request becomes a job, by its price, owner and output."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from accounts.roles import hold_user
from accounts.scopes import MANAGE_CUBEGENS, PROCESS_CUBEGENS
from accounts.units import ledger
from hubsite import audit, switches
from hubsite.coordination.idempotency import IdempotencyKeys
from hubsite.coordination.wake_up import wake_up
from hubsite.refusals import Kind, Refused
from jobs.settings import hub

from ..models import (
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
from ..running import vault
from ..running.workload import resolve_for
from ..stores.stores_file import StoresFileError
from . import output_claims, pricing
from .pricing import Quote, quote

logger = logging.getLogger(__name__)

KEYS = IdempotencyKeys(IdempotencyKey, "job")


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


def admit(submission: Submission) -> Job:
    """Make a job of `submission`. Raises Refused; then nothing is stored or charged."""
    use = (submission.user, submission.idempotency_key, submission.body_hash)
    first = KEYS.first(*use)
    if first is not None:
        return first
    switches.require_open(XCUBE_GEN)
    job_id = new_job_id(submission.user.username)
    resolved = parse(submission).with_output_data_id(f"{job_id}.zarr")
    _check_user_code(submission, resolved)
    quoted = quote(resolved, who=submission.user.username)
    resolved = resolved.with_zarr_format(quoted.estimate.result.get("zarr_format"))
    pricing.check_limit(submission.user, quoted)
    try:
        with transaction.atomic():
            return _write(submission, job_id, resolved, quoted)
    except (ledger.InsufficientUnits, Refused, IntegrityError) as error:
        # The same request may have been accepted meanwhile; then its reservation refuses this one.
        first = KEYS.first(*use)
        if first is not None:
            return first
        if isinstance(error, ledger.InsufficientUnits):
            raise pricing.more_than_available(error) from None
        is_raced = isinstance(error, IntegrityError)
        if is_raced and (refusal := output_claims.taken(submission.user, resolved)):
            raise refusal from None
        raise


def _write(submission: Submission, job_id: str, resolved: ResolvedRequest, quoted: Quote) -> Job:
    """Store the job in one short transaction: reservation, row, document, event, wake-up."""
    needs_code = (PROCESS_CUBEGENS,) if resolved.has_user_code else ()
    user = hold_user(submission.user, MANAGE_CUBEGENS, *needs_code)
    ledger.reserve(user, quoted.units, reference=job_id, key=f"reserve:{job_id}")
    most = hub.jobs_per_user
    if Job.objects.owned_by(user).filter(is_live=True).count() >= most:
        raise Refused(
            f"You have {most} jobs queued or running; wait for one to end.",
            kind=Kind.BUSY,
            retry_after_s=60,
        )
    output_claim, levels_claim = output_claims.hold(user, resolved, quoted)
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
        output_claim=output_claim,
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
    KEYS.remember(user, submission.idempotency_key, submission.body_hash, job)
    wake_up("jobs.tasks.launch_due")
    return job


def _check_user_code(submission: Submission, resolved: ResolvedRequest) -> None:
    if not resolved.has_user_code:
        return
    if not submission.may_run_code:
        raise Refused(
            "Code of your own needs the scope process:cubegens, which you do not have.",
            kind=Kind.FORBIDDEN,
        )
    is_local = hub.engine == "local"
    if is_local and not hub.local_user_code:
        raise Refused(
            "this hub does not run users' code, because its engine cannot isolate it",
            field="code_config",
            kind=Kind.UNSUPPORTED,
        )
