"""Stores what a run tells about its cube, after checking it: users' code may have written it.

A part that is not as expected is dropped, and never a reason to refuse a report or to fail a job.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from django.utils import timezone
from jsonschema import Draft202012Validator

from ..models import CubeRecord, Job
from .shape import PARTS

logger = logging.getLogger(__name__)

MEMBER = "made"
PART_BYTES = 40_000

_VALIDATORS = {name: Draft202012Validator(schema) for name, schema in PARTS.items()}


def split(result: dict[str, Any] | None) -> tuple[dict[str, Any] | None, Any]:
    """A run's result without what it tells about its cube, and that."""
    if result is None or MEMBER not in result:
        return result, None
    return {name: value for name, value in result.items() if name != MEMBER}, result[MEMBER]


def checked(made: Any) -> dict[str, Any]:
    """The parts of `made` that are as expected."""
    if not isinstance(made, dict):
        return {}
    return {name: made[name] for name in PARTS if _is_good(name, made.get(name))}


def keep(job: Job, made: Any) -> None:
    """Store what a run tells about its cube. A run may tell it twice: by report, by its engine."""
    parts = checked(made)
    if not parts:
        return
    record = CubeRecord(job_id=job.pk, recorded_at=timezone.now(), **parts)
    CubeRecord.objects.bulk_create(
        [record],
        update_conflicts=True,
        unique_fields=["job"],
        update_fields=[*parts, "recorded_at"],
    )


def _is_good(name: str, part: Any) -> bool:
    if part is None:
        return False
    try:
        if len(json.dumps(part)) <= PART_BYTES and _VALIDATORS[name].is_valid(part):
            return True
    except RecursionError:
        pass
    logger.info("a run told a %s of its cube that is not as expected", name)
    return False
