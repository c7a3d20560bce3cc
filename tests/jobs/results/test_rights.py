"""Who may see the result of a job."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from hubsite.refusals import Kind, Refused
from jobs.models import Job, State
from jobs.results.rights import find_job
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db


@pytest.fixture
def job():
    return make_job(make_user(units=10), state=State.SUCCEEDED)


def refusal(who, job_id):
    with pytest.raises(Refused) as caught:
        find_job(who, job_id)
    return caught.value


def test_the_owner_finds_the_job_as_a_user_and_by_a_request(job):
    assert find_job(job.owner, job.job_id) == job
    assert find_job(SimpleNamespace(user=job.owner), job.job_id) == job


def test_others_are_told_the_same_as_of_a_job_that_does_not_exist(job):
    for who in (make_user(), make_user(permissions=["operate:hub"]), AnonymousUser()):
        there = refusal(who, job.job_id)
        assert there.kind is Kind.NOT_FOUND
        assert str(there) == str(refusal(who, "nobody-1")).replace("nobody-1", job.job_id)


def test_of_a_deleted_job_the_owner_is_told_that_it_is_gone(job):
    Job.objects.filter(pk=job.pk).update(hidden_at=timezone.now())
    assert refusal(job.owner, job.job_id).kind is Kind.GONE
    assert refusal(make_user(), job.job_id).kind is Kind.NOT_FOUND
