"""What the owner of a job is told when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts.notices.kinds import Kind
from accounts.notices.telling import tell

from .known_errors import SUCCESS
from .models import Job, Reason, State

SUCCEEDED = Kind("job.succeeded", _("A cube is ready"))
FAILED = Kind("job.failed", _("A job failed"))
CANCELLED = Kind("job.cancelled", _("A job was cancelled"))
KINDS = {State.SUCCEEDED: SUCCEEDED, State.FAILED: FAILED, State.CANCELLED: CANCELLED}

_TITLES = {
    State.SUCCEEDED: "{name} is ready",
    State.FAILED: "{name} could not be generated",
    State.CANCELLED: "The job for {name} was cancelled",
}
_LONGEST_NAME = 120


@translation.override("en")  # it is stored, mailed and sent to programs
def tell_of_end(job: Job, to: State, news: Mapping[str, Any], *, actor: str) -> None:
    """Tell the owner that the job has become `to`; `news` are the columns set with that step.

    One query, within the transaction of the step.
    """
    reason = str(news.get("reason") or "")
    name = job.output_data_id
    name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
    tell(
        job.owner_id,
        KINDS[to].name,
        job.job_id,
        _TITLES[to].format(name=name),
        _text(to, reason, str(news.get("message") or "")),
        path=reverse("cube", args=[job.job_id]),
        details={"job_id": job.job_id, "state": to, "reason": reason or None},
        # A job's id begins with the user id of its owner.
        is_own_doing=to == State.CANCELLED and job.job_id.startswith(f"{actor}-"),
    )


def _text(to: State, reason: str, message: str) -> str:
    if to == State.FAILED and reason in Reason.values:
        return f"{Reason(reason).label}. {message}".strip()
    return "" if to == State.SUCCEEDED and message.startswith(SUCCESS) else message
