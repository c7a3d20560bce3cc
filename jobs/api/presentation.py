"""Presents a job to its owner, in the JSON shape that the xcube client parses."""

from __future__ import annotations

from typing import Any

from accounts.units import ledger
from hubsite import switches
from hubsite.api.serializers import time_text
from jobs.settings import hub

from ..models import XCUBE_GEN, Job, Reason, State, levels_data_id
from ..queue.waiting import Waiting, waiting_of
from ..submission.pricing import Quote

CANCELLED_STATUS_CODE = 409
XCUBE_ERROR_STATUS_CODE = 400
"""The status for a failed run without one. In most cases the request is wrong, so a client must
not repeat it, as it would after a 500."""
FAILED_STATUS_CODE = 500


def job_summary(job: Job) -> dict[str, Any]:
    """A job in a list: everything but its progress and output."""
    summary: dict[str, Any] = {
        "job_id": job.job_id,
        "job_status": _status(job),
        "state": job.state,
        "reason": job.reason or None,
        "message": message_of(job),
        "created_at": time_text(job.created_at),
        "units": job.units,
        "store_id": job.output_store,
        "data_id": job.output_data_id,
    }
    if pyramid := levels_data_id(job):
        summary["levels_data_id"] = pyramid
    if job.is_final:
        summary["job_result"] = _result(job)
    return summary


def message_of(job: Job) -> str:
    """What to tell the owner about the state, also why a queued job waits; perhaps ""."""
    if job.message or job.state != State.QUEUED:
        return job.message
    suspended = switches.suspension(XCUBE_GEN)
    return f"Waiting: cube generation is suspended. {suspended.message}" if suspended else ""


def job_detail(job: Job, output: list[str]) -> dict[str, Any]:
    """One job in full. `output` is empty until the job is final, `progress` is newest first."""
    detail = {
        **job_summary(job),
        "output": output,
        "progress": [job.progress] if job.progress else [],
    }
    if job.retry_of_id is not None:
        detail["retry_of"] = job.retry_of.job_id
    if (waiting := waiting_of(job)) is not None:
        detail["waiting"] = waiting_json(waiting)
    return detail


def waiting_json(waiting: Waiting) -> dict[str, Any]:
    """Why a job waits, its place, and when it will start as far as that can be said."""
    place, start = waiting.place, waiting.place.start
    return {
        "cause": waiting.cause,
        "text": waiting.text,
        "remedy": waiting.remedy,
        "own_before": place.own_before,
        "place": place.number,
        "is_place_exact": place.is_exact,
        "queue_length": place.queue_length,
        "start": {
            "earliest": time_text(start.earliest),
            "latest": time_text(start.latest),
            "confidence": start.confidence,
        }
        if start.is_known
        else None,
        "start_is_unknown_because": str(start.unknown) or None,
        "as_of": time_text(place.as_of),
    }


def submitted(job: Job) -> dict[str, Any]:
    """The answer to a submission; the job has no result yet."""
    return job_detail(job, [])


def cube_info(user: Any, quoted: Quote) -> dict[str, Any]:
    """The answer to an info request: xcube's estimate, and the cost."""
    return {
        "status": "ok",
        "status_code": 200,
        "message": (
            f"The cube would cost {quoted.units} processing units. Nothing was stored or charged."
        ),
        "output": [],
        "result": {
            **quoted.estimate.result,
            "cost_estimation": {
                "required": quoted.units,
                "available": ledger.available(user),
                "limit": hub.process_limit,
            },
        },
    }


def _status(job: Job) -> dict[str, Any]:
    """The status in the form of a Kubernetes Job; `failed` and `succeeded` are final."""
    return {
        "active": 1 if job.state in (State.LAUNCHED, State.RUNNING) else None,
        "succeeded": 1 if job.state == State.SUCCEEDED else None,
        "failed": 1 if job.state in (State.FAILED, State.CANCELLED) else None,
        "start_time": time_text(job.started_at),
        "completion_time": time_text(job.finished_at),
        "conditions": None,
        "ready": None,
        "completed_indexes": None,
        "uncounted_terminated_pods": None,
    }


def _result(job: Job) -> dict[str, Any]:
    told = job.result or {}
    if job.state == State.SUCCEEDED:
        result = {
            "status": told.get("status") if told.get("status") in ("ok", "warning") else "ok",
            "status_code": told.get("status_code") or 201,
        }
        if job.message:
            result["message"] = job.message
        if isinstance(told.get("result"), dict) and told["result"].get("data_id"):
            result["result"] = {"data_id": told["result"]["data_id"]}
        return result
    if job.state == State.CANCELLED:
        code = CANCELLED_STATUS_CODE
    else:
        is_of_xcube = job.reason == Reason.XCUBE_ERROR
        code = XCUBE_ERROR_STATUS_CODE if is_of_xcube else FAILED_STATUS_CODE
        if isinstance(told.get("status_code"), int):
            code = told["status_code"]
    # The client allows no further members here, so the reason is in the job itself.
    result = {"status": "error", "status_code": code, "message": job.message}
    if isinstance(told.get("versions"), dict):
        result["versions"] = told["versions"]
    return result
