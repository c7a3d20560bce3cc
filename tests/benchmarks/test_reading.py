"""How fast jobs are read: what clients do all the time, each every second, until theirs is done."""

from __future__ import annotations

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.models import Job
from tests.accounts.factories import bearer, make_user

from .fill import ended_job
from .hub import API
from .load import throughput
from .report import alternate

SECONDS = 0.8  # short rounds, for other load of the machine changes fast
ROUNDS = 11
USERS = 200
JOBS = 100_000


def polling(report, web, bare, reader, job_id: str, name: str) -> None:
    """Compare polls of a running job with the bare view, on the same database."""

    def poll(port: int):
        path = f"{API}/cubegens/{job_id}"
        return lambda: throughput(port, path, reader.token, seconds=SECONDS)

    for server in (web, bare):
        throughput(server.port, f"{API}/cubegens/{job_id}", reader.token, seconds=0.5)
    pairs = alternate(poll(web.port), poll(bare.port), rounds=ROUNDS)
    report.ratio(name, pairs, unit="/s", at_least=0.7)


def fill(web, users: int, jobs: int) -> str:
    return web.python(
        "-m", "tests.benchmarks.fill", "reader@example.org", str(users), str(jobs)
    ).strip()


@pytest.mark.benchmark
def test_polling_a_job_is_nearly_as_fast_as_a_bare_view(report, web, bare, reader):
    job_id = fill(web, 0, 0)
    polling(report, web, bare, reader, job_id, "GET /cubegens/{id} / bare DRF view")


@pytest.mark.benchmark
def test_polling_stays_fast_at_a_hundred_thousand_jobs(report, web, bare, reader):
    job_id = fill(web, USERS, JOBS)
    name = f"the same, {JOBS:,} jobs of {USERS} users in the database"
    polling(report, web, bare, reader, job_id, name)


@pytest.mark.benchmark
@pytest.mark.django_db
def test_a_list_of_500_jobs_takes_few_queries(report, client):
    owner = make_user(permissions=("manage:cubegens",))
    Job.objects.bulk_create([ended_job(owner) for _ in range(500)])
    headers = bearer(owner)
    fields = [field.attname for field in Job._meta.concrete_fields]

    def listed() -> float:
        began = time.perf_counter()
        response = client.get(f"{API}/cubegens", headers=headers)
        took = time.perf_counter() - began
        assert len(response.json()) == 500
        return took

    def values() -> float:
        began = time.perf_counter()
        assert len(Job.objects.filter(owner=owner).values(*fields)) == 500
        return time.perf_counter() - began

    listed()
    with CaptureQueriesContext(connection) as queries:
        listed()
    report.count("GET /cubegens, 500 jobs: queries", len(queries), limit="≤ 4",
                 holds=len(queries) <= 4)  # fmt: skip
    pairs = alternate(listed, values, rounds=11)
    report.ratio("GET /cubegens, 500 jobs / a bare values() query", pairs, unit="s")
