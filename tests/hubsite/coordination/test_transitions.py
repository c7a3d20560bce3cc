"""The guarded update: who comes late, or twice, changes nothing."""

from __future__ import annotations

import pytest

from hubsite.coordination.transitions import IllegalTransition, step
from jobs.models import Job
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db

TABLE = {"QUEUED": {"LAUNCHED"}, "LAUNCHED": set()}


def test_a_step_is_made_once() -> None:
    job = make_job(make_user(units=9))
    late = Job.objects.get(pk=job.pk)
    for row, expected in ((job, True), (late, False)):
        with step(row, "LAUNCHED", table=TABLE, fields={"message": "m"}) as moved:
            assert moved is expected
    assert (job.state, job.message) == ("LAUNCHED", "m")
    assert late.state == "QUEUED"


def test_what_fails_beside_a_step_undoes_it() -> None:
    job = make_job(make_user(units=9))
    with pytest.raises(ZeroDivisionError), step(job, "LAUNCHED", table=TABLE, fields={}):
        raise ZeroDivisionError
    assert job.state == "QUEUED"
    assert Job.objects.get().state == "QUEUED"


def test_a_step_that_the_table_does_not_hold_is_a_fault() -> None:
    job = make_job(make_user(units=9))
    with pytest.raises(IllegalTransition), step(job, "GONE", table=TABLE, fields={}):
        raise AssertionError("not reached")
