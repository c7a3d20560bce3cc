"""Cube generation as what units are spent on: names the job behind a ledger entry."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.units.purposes import Purpose, Subject

from .. import usage
from ..models import Job


def is_job_id(reference: str) -> bool:
    """Job ids are DNS labels; other references have a colon."""
    return ":" not in reference


def describe(user: Any, references: Collection[str]) -> dict[str, Subject]:
    """The user's jobs of these ids, those that they removed from their list without a page."""
    rows = Job.objects.owned_by(user).filter(job_id__in=references).order_by()
    return {
        job_id: Subject(name, "" if hidden else reverse("cube", args=[job_id]))
        for job_id, name, hidden in rows.values_list("job_id", "output_data_id", "hidden_at")
    }


PURPOSE = Purpose("cubes", _("Cube generation"), is_job_id, describe, note_charge=usage.note_charge)
