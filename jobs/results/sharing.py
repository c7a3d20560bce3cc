"""Results as something that can be shared (`accounts/sharing/`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.sharing import kinds
from accounts.sharing.kinds import Subject

from ..models import Job, State
from .rights import RESULT, finished_jobs


def register(show: Any) -> None:
    """Register the kind; `show` makes the pages of a shared result."""
    kinds.register(
        kinds.Kind(
            RESULT,
            noun="result",
            called=_("cube"),
            key="job_id",
            rows=Job.objects.listed,
            living=finished_jobs,
            describe=_describe,
            show=show,
        )
    )


def _describe(ids: Collection[str]) -> Mapping[str, Subject]:
    rows = Job.objects.filter(job_id__in=ids).values_list("job_id", "output_data_id", "state")
    return {
        job_id: Subject(
            title=name, state=State(state).label, owner_page=reverse("cube", args=[job_id])
        )
        for job_id, name, state in rows
    }
