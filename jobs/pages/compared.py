"""What was estimated and allowed beside what it really was: size, values, units, time, memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.units import ledger
from hubsite.templatetags.console import duration, number, size

from ..models import CubeRecord, Job, JobDocument


@dataclass(frozen=True)
class Row:
    """One measure. An empty text stands for what is not known, or not known yet."""

    title: Any
    before: str
    after: str
    note: Any = ""


def rows_of(job: Job, document: JobDocument | None, record: CubeRecord | None) -> list[Row]:
    """The rows of which at least one side is known. One query."""
    usage, estimate = job.usage or {}, document.estimate if document else {}
    files = (record.files if record else None) or {}
    charged = ledger.charged_for(job.job_id) if job.is_final and not job.is_live else None
    took = job.finished_at - job.started_at if job.finished_at and job.started_at else None
    rows = [
        Row(
            _("Size"),
            size(_number(estimate.get("size_estimation"), "num_bytes")),
            size(_number(files, "size_bytes")),
            _("Estimated without compression; as it lies in the store."),
        ),
        Row(
            _("Values"),
            _counted(document.admitted_cells if document else None),
            _counted(_number(usage, "written_cells")),
        ),
        Row(
            _("Units"),
            number(job.units),
            "" if charged is None else number(charged),
            _("Reserved when it was submitted; charged in the end."),
        ),
        Row(
            _("Time"),
            _("at most %(time)s") % {"time": duration(job.deadline_s)},
            duration(took),
            _("Of the run, without waiting."),
        ),
        Row(
            _("Memory"),
            _("at most %(size)s") % {"size": size(job.memory_bytes)},
            size(_number(usage, "peak_memory_bytes")),
        ),
    ]
    return [row for row in rows if row.before or row.after]


def _number(values: Any, name: str) -> int | None:
    value = values.get(name) if isinstance(values, dict) else None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value < 1e18 else None


def _counted(count: int | None) -> str:
    return "" if count is None else number(count)
