"""Leaked run tokens: with one, a run reports its progress to the hub."""

from __future__ import annotations

from collections.abc import Sequence

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.leaks.finding import Found, Revoked, number_of
from accounts.models import User

from .. import lifecycle
from ..models import Job
from ..running.removal import remove_soon
from ..running.run_token import PREFIX, run_token

RUN = "run"
MOST_JOBS = 20_000
"""A run token names no job, so those of the latest running jobs are computed and compared."""


def find(words: Sequence[str]) -> list[Found]:
    tokens = {word for word in words if word.startswith(PREFIX)}
    if not tokens:
        return []
    found = {}
    rows = Job.objects.claiming().order_by("-id").values_list("pk", "job_id", "attempt")
    for pk, job_id, attempt in rows[:MOST_JOBS].iterator():
        if (token := run_token(job_id, attempt)) in tokens:
            found[token] = pk
    jobs = Job.objects.select_related("owner").in_bulk(list(found.values()))
    return [
        _of_run(jobs[found[token]], token) if token in found else _of_no_run(token)
        for token in sorted(tokens)
    ]


def _of_run(job: Job, token: str) -> Found:
    return Found(
        RUN,
        token,
        _("The token of a run of the job %(job)s") % {"job": job.job_id},
        _("Until the run ends, whoever has it may report progress and results of this job."),
        is_valid=True,
        owner=job.owner,
        permits=[_("may report progress and the end of this one job, and read its own code")],
        facts=[(_("Started"), job.started_at or job.created_at)],
        next_steps=[_("Run the job again afterwards: the next run gets another token.")],
        key=str(job.pk),
        button=_("Cancel the job: this ends its token"),
        url=reverse("admin:jobs_job_change", args=[job.pk]),
    )


def _of_no_run(token: str) -> Found:
    return Found(
        RUN,
        token,
        _("It looks like the token of a run"),
        _("It belongs to no run that goes on, so it is refused."),
    )


def revoke(key: str, by: User) -> Revoked | None:
    job = Job.objects.select_related("owner").filter(pk=number_of(key)).first()
    if job is None or not lifecycle.cancel(job, actor=by.user_id):
        return None
    remove_soon([job])
    return Revoked(job.owner, f"run token, by cancelling the job {job.job_id}")
