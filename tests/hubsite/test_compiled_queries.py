"""Queries compiled once give what Django's own queries give."""

from __future__ import annotations

import threading

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Balance
from hubsite.compiled_queries import CompiledQuery
from jobs.models import Job
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db

OWN = CompiledQuery(
    lambda job_id, owner_id: Job.objects.filter(job_id=job_id, owner_id=owner_id).order_by(),
    job_id="<job id>",
    owner_id=-1,
)


def test_an_instance_equals_the_one_that_django_reads():
    job = make_job(make_user(units=10), progress={"state": {"progress": 0.5}})
    found = OWN.first(job_id=job.job_id, owner_id=job.owner_id)
    plain = Job.objects.get(pk=job.pk)
    for field in Job._meta.concrete_fields:
        value = getattr(plain, field.attname)
        assert getattr(found, field.attname) == value, field.attname
        assert type(getattr(found, field.attname)) is type(value), field.attname
    assert not found._state.adding


def test_what_is_not_there_is_none():
    job = make_job(make_user(units=10))
    assert OWN.first(job_id=job.job_id, owner_id=job.owner_id + 1) is None
    assert OWN.first(job_id="<job id>", owner_id=-1) is None


def test_it_takes_one_query_and_each_call_its_own_parameters():
    jobs = [make_job(make_user(units=10)) for _ in range(3)]
    with CaptureQueriesContext(connection) as queries:
        found = [OWN.first(job_id=job.job_id, owner_id=job.owner_id) for job in jobs]
    assert [job.pk for job in found] == [job.pk for job in jobs]
    assert len(queries) == 3


def test_tuples_are_converted_as_the_fields_say():
    user = make_user(units=7)
    query = CompiledQuery(
        lambda user_id: Balance.objects.filter(user_id=user_id).values_list("total", "user__email"),
        user_id=-1,
    )
    assert list(query.rows(user_id=user.pk)) == [(7, user.email)]


def test_deferred_columns_can_be_loaded():
    job = make_job(make_user(units=10))
    query = CompiledQuery(
        lambda job_id: Job.objects.filter(job_id=job_id).only("state").order_by(), job_id="<job id>"
    )
    found = query.first(job_id=job.job_id)
    assert found.get_deferred_fields() >= {"units"}
    assert found.units == job.units


def test_hostile_values_stay_parameters():
    make_job(make_user(units=10))
    for value in ("' OR 1=1 --", "%s", "%", "<job id>"):
        assert OWN.first(job_id=value, owner_id=1) is None


def test_an_example_that_the_query_does_not_use_is_a_mistake():
    query = CompiledQuery(lambda job_id: Job.objects.all(), job_id="<job id>")
    with pytest.raises(ValueError, match="does not use job_id"):
        query.first(job_id="x")


@pytest.mark.django_db(transaction=True)
def test_threads_share_it():
    job = make_job(make_user(units=10))
    found = []

    def read() -> None:
        found.append(OWN.first(job_id=job.job_id, owner_id=job.owner_id).created_at)
        connection.close()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [Job.objects.get().created_at] * 4
