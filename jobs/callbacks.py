"""What a run reports about itself: progress and log lines. Data, never an end.

Written once a second by xcube's own workers, every few seconds by our runner; both are
answered fast and always, for a refused last report would make xcube fail a good run.
"""

from __future__ import annotations

import math
from typing import Any

from hubsite.api.errors import invalid_field
from hubsite.engines.base import LogChunk

from . import logs
from .models import Job, State

SENDERS = ("on_begin", "on_update", "on_end")
MAX_OUTPUT_LINES = 1000


def accept(job: Job, report: Any) -> list[dict[str, Any]]:
    """Keep `report` if the job's run is not over; returns the progress, newest first."""
    progress, chunk = parse(report)
    if job.state in (State.LAUNCHED, State.RUNNING):
        Job.objects.filter(pk=job.pk, state__in=(State.LAUNCHED, State.RUNNING)).update(
            progress=progress
        )
        if chunk is not None:
            logs.append(job.pk, [chunk])
        return [progress]
    return [job.progress] if job.progress else []


def parse(report: Any) -> tuple[dict[str, Any], LogChunk | None]:
    """The progress record and log chunk in a callback's body. Raises ApiError 400."""
    if not isinstance(report, dict):
        raise invalid_field("", "an object with sender and state is expected")
    sender = report.get("sender")
    if sender not in SENDERS:
        raise invalid_field("sender", f"one of {', '.join(SENDERS)} is expected")
    state = report.get("state")
    if not isinstance(state, dict):
        raise invalid_field("state", "an object is expected")
    kept = {
        "label": _text(state.get("label"), "state.label"),
        "total_work": _number(state.get("total_work", 100), "state.total_work"),
        "progress": _number(state.get("progress", 0), "state.progress"),
        "elapsed": _number(state.get("elapsed", 0), "state.elapsed"),
        "error": _error(state.get("error", False)),
    }
    if kept["total_work"] <= 0:
        raise invalid_field("state.total_work", "a number above 0 is expected")
    return {"sender": sender, "state": kept}, _chunk(report.get("output"))


def _chunk(output: Any) -> LogChunk | None:
    if output is None:
        return None
    first, lines = (
        (output.get("first_line"), output.get("lines")) if isinstance(output, dict) else (0, 0)
    )
    is_place = isinstance(first, int) and not isinstance(first, bool) and 0 <= first < 2**31
    is_text = isinstance(lines, list) and all(isinstance(line, str) for line in lines)
    if not is_place or not is_text or len(lines) > MAX_OUTPUT_LINES:
        raise invalid_field(
            "output",
            f"{{first_line: number, lines: at most {MAX_OUTPUT_LINES} texts}} is expected",
        )
    return LogChunk(first, lines)


def _text(value: Any, field: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid_field(field, "a text is expected")
    return value.replace("\0", "")[:200]


def _number(value: Any, field: str) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 <= value <= 1e12:
        raise invalid_field(field, "a number from 0 up is expected")
    return value


def _error(value: Any) -> bool | str:
    """xcube sends false, a text, or [type, message, traceback lines]: the message is kept."""
    if isinstance(value, list):
        return ": ".join(part for part in value[:2] if isinstance(part, str))[:2000]
    if isinstance(value, str):
        return value[:2000]
    return bool(value)
