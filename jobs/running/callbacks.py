"""Callbacks: a run reports its progress and log lines. A report never ends a job.

xcube's own workers report once a second, our runner every few seconds. Both always get a fast
answer, because xcube would fail a good run if its last report were refused. The last report of a
run in a pod also contains its result. A report may bring a picture of the cube
(`jobs/output/quicklooks.py`).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError
from django.db.models.functions import Coalesce
from django.utils import timezone

from hubsite.engines.facts import LogChunk
from hubsite.refusals import Kind, Refused

from ..models import Job, State
from ..output import quicklooks
from ..results import recording
from . import logs

SENDERS = ("on_begin", "on_update", "on_end")
MAX_OUTPUT_LINES = 1000


RESULT_BYTES = 64_000
RESULT_STATUSES = ("ok", "warning", "error")


@dataclass(frozen=True)
class Report:
    """The content of a report. `made` is what the run says of its cube, which has its own table.

    `fault` says what of the report cannot be stored, if anything.
    """

    progress: dict[str, Any]
    chunk: LogChunk | None = None
    result: dict[str, Any] | None = None
    look: quicklooks.Look | None = None
    made: Any = None
    fault: Refused | None = None


def accept(job: Job, body: Any) -> list[dict[str, Any]]:
    """Store a report if the job's run is not over; returns the progress, newest first.

    Raises Refused. If the result or the picture cannot be stored, the rest of the report is.
    """
    report = parse(body)
    try:
        return _store(job, report)
    except IntegrityError:
        if Job.objects.filter(pk=job.pk).exists():
            raise
        raise Refused("This job was deleted.", kind=Kind.GONE) from None


def _store(job: Job, report: Report) -> list[dict[str, Any]]:
    if report.look is not None:
        quicklooks.keep(job, report.look)
    # A run that reports has begun, even if the follower has not seen that yet.
    news: dict[str, Any] = {"started_at": Coalesce("started_at", timezone.now())}
    if report.result is not None:
        news["result"] = report.result
    running = Job.objects.filter(pk=job.pk, state__in=(State.LAUNCHED, State.RUNNING))
    if not running.update(progress=report.progress, **news):
        # A cancelled job is not billed while its run may exist. The bill depends on whether the
        # run began, and whether its cube was complete.
        if job.is_live and Job.objects.filter(pk=job.pk, is_live=True).update(**news):
            recording.keep(job, report.made)
        if report.chunk is not None and quicklooks.are_awaited(job):
            logs.append(job.pk, [report.chunk])  # why there is no picture
        return [job.progress] if job.progress else []
    recording.keep(job, report.made)
    if report.chunk is not None:
        logs.append(job.pk, [report.chunk])
    if report.fault is not None:
        raise report.fault
    return [report.progress]


def parse(report: Any) -> Report:
    """The content of a callback's body. Raises Refused."""
    if not isinstance(report, dict):
        raise _wrong("", "an object with sender and state is expected")
    sender = report.get("sender")
    if sender not in SENDERS:
        raise _wrong("sender", f"one of {', '.join(SENDERS)} is expected")
    state = report.get("state")
    if not isinstance(state, dict):
        raise _wrong("state", "an object is expected")
    kept = {
        "label": _text(state.get("label"), "state.label"),
        "total_work": _number(state.get("total_work", 100), "state.total_work"),
        "progress": _number(state.get("progress", 0), "state.progress"),
        "elapsed": _number(state.get("elapsed", 0), "state.elapsed"),
        "error": _error(state.get("error", False)),
    }
    if state.get("worked") is not None:
        kept["worked"] = _number(state["worked"], "state.worked")
    if kept["total_work"] <= 0:
        raise _wrong("state.total_work", "a number above 0 is expected")
    chunk = _chunk(report.get("output"))
    progress = {"sender": sender, "state": kept}
    result = look = made = None
    try:
        result, made = recording.split(_result(report.get("result")))
        if report.get("quicklook") is not None:
            look = quicklooks.parse(report["quicklook"])
    except Refused as fault:
        return Report(progress, chunk, result, made=made, fault=fault)
    return Report(progress, chunk, result, look, made)


def _result(result: Any) -> dict[str, Any] | None:
    """A run's result as xcube made it, without traceback and output. Raises Refused."""
    if result is None:
        return None
    if not isinstance(result, dict):
        raise _wrong("result", "an object is expected")
    if result.get("status") not in RESULT_STATUSES:
        raise _wrong("result.status", f"one of {', '.join(RESULT_STATUSES)} is expected")
    for name, value in result.items():
        fits, expected = _RESULT_FIELDS.get(name, (None, "no such member is expected"))
        if fits is None or not (value is None or fits(value)):
            raise _wrong(f"result.{name[:100]}", expected)
    if len(json.dumps(result)) > RESULT_BYTES:
        raise _wrong("result", f"at most {RESULT_BYTES} bytes are expected")
    return result


def _is_status_code(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 100 <= value < 1000


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"data_id"} and _is_text(value["data_id"])


def _are_versions(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_text(version) for version in value.values())


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_RESULT_FIELDS = {
    "status": (_is_text, "a text is expected"),
    "status_code": (_is_status_code, "an HTTP status is expected"),
    "message": (_is_text, "a text is expected"),
    "result": (_is_reference, "{data_id: text} is expected"),
    "versions": (_are_versions, "an object of texts is expected"),
    "made": (_is_object, "an object is expected"),
}


def _chunk(output: Any) -> LogChunk | None:
    if output is None:
        return None
    first, lines = (
        (output.get("first_line"), output.get("lines")) if isinstance(output, dict) else (0, 0)
    )
    is_place = isinstance(first, int) and not isinstance(first, bool) and 0 <= first < 2**31
    is_text = isinstance(lines, list) and all(isinstance(line, str) for line in lines)
    if not is_place or not is_text or len(lines) > MAX_OUTPUT_LINES:
        raise _wrong(
            "output",
            f"{{first_line: number, lines: at most {MAX_OUTPUT_LINES} texts}} is expected",
        )
    return LogChunk(first, lines)


def _text(value: Any, field: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(field, "a text is expected")
    return value.replace("\0", "")[:200]


def _number(value: Any, field: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 <= value <= 1e12:
        raise _wrong(field, "a number from 0 up is expected")
    return value


def _error(value: Any) -> bool | str:
    """The error message of what xcube sends: false, a text, or [type, message, traceback]."""
    if isinstance(value, list):
        return ": ".join(part for part in value[:2] if isinstance(part, str))[:2000]
    if isinstance(value, str):
        return value[:2000]
    return bool(value)


def _wrong(field: str, expected: str) -> Refused:
    return Refused(expected, field=field)
