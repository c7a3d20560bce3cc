"""What the admin's page of a user shows of jobs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from accounts.models import User

from ..models import Job

SHOWN = 6


def of_person(request: HttpRequest, person: User) -> dict[str, Any] | None:
    """The panel "Jobs" for who may see them. Two queries, however many jobs there are."""
    if not request.user.reads_hub:
        return None
    jobs = Job.objects.owned_by(person)
    return {"active": jobs.active().count(), "jobs": list(jobs.order_by("-id")[:SHOWN])}
