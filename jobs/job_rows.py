"""A caller's job by its id, in a statement that is compiled once.

Clients poll it every second: Django takes longer to compile the query than to run it.
"""

from __future__ import annotations

from functools import cache

from django.db import connection

from .models import Job

_JOB_ID = "<job id>"
_OWNER_ID = -1


def find_job(*, owner_id: int, job_id: str) -> Job | None:
    """The job of that id if it is this owner's; another's is as absent as none."""
    sql, parameters = _statement(connection.vendor)
    given = {_JOB_ID: job_id, _OWNER_ID: owner_id}
    return next(iter(Job.objects.raw(sql, [given.get(p, p) for p in parameters])), None)


@cache
def _statement(vendor: str) -> tuple[str, tuple]:
    """SQL and parameters for this kind of database."""
    row = Job.objects.filter(job_id=_JOB_ID, owner_id=_OWNER_ID).order_by()
    return row.query.sql_with_params()
