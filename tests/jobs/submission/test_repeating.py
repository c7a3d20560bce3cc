"""Operators submit many failed jobs again: exactly once each, whatever ends in between."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import Balance
from hubsite.refusals import Kind, Refused
from jobs import tasks
from jobs.estimates.asking import Estimate
from jobs.models import Job, JobDocument, JobEvent, Rerun, State
from jobs.submission import repeating
from tests.accounts.factories import make_user

from ..factories import cubegen_request, make_job

pytestmark = pytest.mark.django_db

DESCRIPTOR = {"dims": {"time": 1, "lat": 16, "lon": 32}, "data_vars": {"chl": {}}}


@pytest.fixture
def owner():
    return make_user("ann@example.org", permissions=["manage:cubegens"], units=1000)


@pytest.fixture
def operator():
    return make_user("op@example.org", permissions=["operate:hub"], is_staff=True)


@pytest.fixture(autouse=True)
def estimates(monkeypatch):
    """Refusals to come, then good estimates."""
    refusals: list[Refused] = []

    def estimate(*_, **__):
        if refusals:
            raise refusals.pop(0)
        return Estimate({"dataset_descriptor": DESCRIPTOR}, {}, output_exists=False)

    monkeypatch.setattr("jobs.submission.pricing.estimate", estimate)
    return refusals


def failed(owner, number: int = 0, **fields):
    job = make_job(owner, state=State.FAILED, reason="LOST", is_live=False, **fields)
    document = cubegen_request(f"cube{job.pk}.zarr")
    JobDocument.objects.filter(job=job).update(request=document)
    return job


def ask_for_all(actor="op") -> int:
    return repeating.ask_for(Job.objects.all(), actor=actor)


def test_each_failed_job_gets_one_successor_of_its_owner(owner):
    jobs = [failed(owner) for _ in range(3)]
    make_job(owner, state=State.SUCCEEDED)
    assert ask_for_all() == 3
    for _ in range(3):
        tasks.rerun_due()
    successors = Job.objects.filter(retry_of__in=jobs)
    assert sorted(job.retry_of_id for job in successors) == [job.pk for job in jobs]
    assert {job.owner for job in successors} == {owner}
    assert set(JobEvent.objects.filter(job__in=successors).values_list("actor", flat=True)) == {
        "op"
    }
    assert not Rerun.objects.exists()
    assert ask_for_all() == 0, "they are dealt with"


def test_asking_twice_makes_one_successor(owner):
    job = failed(owner)
    assert ask_for_all() == ask_for_all() == 1
    tasks.rerun_due()
    assert job.retries.count() == 1


def test_a_worker_that_died_after_the_submission_has_done_it(owner):
    job = failed(owner)
    ask_for_all()
    make_job(owner, retry_of=job)
    tasks.rerun_due()
    assert job.retries.count() == 1
    assert not Rerun.objects.exists()


def test_two_workers_at_the_same_moment(owner, monkeypatch):
    """The second has looked for a successor before the first has made it."""
    job = failed(owner)
    ask_for_all()
    first = Rerun.objects.select_related("job__owner").get()
    second = Rerun.objects.select_related("job__owner").get()
    repeating._submit(first)
    monkeypatch.setattr("django.db.models.query.QuerySet.exists", lambda self: False)
    repeating._submit(second)
    monkeypatch.undo()
    assert job.retries.count() == 1


def test_one_that_the_hub_refuses_says_why_and_stops_no_other(owner, estimates):
    refused, fine = failed(owner), failed(owner)
    estimates.append(Refused("The dataset is gone."))
    ask_for_all()
    tasks.rerun_due()
    assert Rerun.objects.get().refused == "The dataset is gone."
    assert not refused.retries.exists() and fine.retries.exists()
    assert ask_for_all() == 1, "once more, when the operator has mended it"
    tasks.rerun_due()
    assert refused.retries.count() == 1


def test_what_may_be_possible_later_waits(owner, estimates):
    other = make_user(permissions=["manage:cubegens"], units=1000)
    first, second, third = failed(owner), failed(owner), failed(other)
    estimates.append(Refused("You have too many jobs.", kind=Kind.BUSY))
    ask_for_all()
    tasks.rerun_due()
    assert [job.retries.exists() for job in (first, second, third)] == [False, False, True]
    estimates.append(Refused("The estimators are away.", kind=Kind.UNAVAILABLE))
    tasks.rerun_due()
    assert Rerun.objects.filter(refused="").count() == 2
    tasks.rerun_due()
    assert not Rerun.objects.exists()


def test_who_has_no_units_is_not_charged_and_the_operator_sees_why(owner):
    job = failed(owner)
    Balance.objects.filter(user=owner).update(total=0)
    ask_for_all()
    tasks.rerun_due()
    assert "required punits" in Rerun.objects.get().refused
    assert not job.retries.exists()


def test_jobs_with_own_stores_or_code_cannot_be_repeated(owner):
    failed(owner, uses_own_store=True)
    ask_for_all()
    tasks.rerun_due()
    assert "keys of your own stores" in Rerun.objects.get().refused


class TestAdmin:
    @pytest.fixture
    def browser(self, operator):
        client = Client()
        client.force_login(operator)
        return client

    def act(self, browser, action, jobs, query=""):
        data = {"action": action, "_selected_action": [job.pk for job in jobs]}
        return browser.post(f"/admin/jobs/job/{query}", data, follow=True)

    def test_all_failed_of_a_filter(self, browser, owner):
        jobs = [failed(owner) for _ in range(2)]
        page = self.act(browser, "run_again", jobs, "?failures=open").content.decode()
        assert "2 failed jobs are submitted again" in page
        tasks.rerun_due()
        again = browser.get("/admin/jobs/job/?failures=again").content.decode()
        assert all(job.job_id in again for job in jobs)
        still = browser.get("/admin/jobs/job/?failures=open").content.decode()
        assert not any(job.job_id in still for job in jobs)

    def test_who_may_only_look_may_not(self, owner):
        viewer = make_user(is_staff=True)
        viewer.user_permissions.add(Permission.objects.get(codename="view_job"))
        client = Client()
        client.force_login(viewer)
        job = failed(owner)
        assert job.job_id in client.get("/admin/jobs/job/").content.decode()
        self.act(client, "run_again", [job])
        assert not Rerun.objects.exists()

    def test_csv(self, browser, owner):
        job = make_job(owner, state=State.FAILED, message='=cmd|"x", y')
        response = browser.post(
            "/admin/jobs/job/", {"action": "export", "_selected_action": [job.pk]}
        )
        text = b"".join(response).decode()
        header, row = text.splitlines()
        assert header.startswith("job_id,owner,state,reason,message")
        assert row.startswith(f"{job.job_id},ann@example.org,FAILED")
        assert '"\'=cmd|""x"", y"' in row
