"""How fast jobs are read: what clients do all the time, each every second, until theirs is done."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.models import Job
from tests.accounts.factories import bearer, make_user

from .fill import ended_job
from .hub import API
from .load import throughput
from .report import Pairs, alternate

SECONDS = 0.8  # short rounds, for other load of the machine changes fast
ROUNDS = 11


@pytest.fixture
def poll(web, bare, reader, running_job) -> Callable[[], Pairs]:
    """Answers per second to polls of a running job, and of the bare view on the same database."""

    def answers(server: Any, seconds: float = SECONDS) -> float:
        path = f"{API}/cubegens/{running_job}"
        return throughput(server.port, path, reader.token, seconds=seconds)

    def measure() -> Pairs:
        for server in (web, bare):
            answers(server, 0.5)  # warmed up
        return alternate(partial(answers, web), partial(answers, bare), rounds=ROUNDS)

    return measure


@pytest.mark.benchmark
def test_polling_a_job_is_nearly_as_fast_as_a_bare_view(report, poll):
    report.ratio("GET /cubegens/{id} / bare DRF view", poll(), unit="/s", at_least=0.7)


@pytest.mark.benchmark
def test_polling_stays_fast_at_a_hundred_thousand_jobs(report, poll, crowd):
    report.ratio(
        f"the same, 100,000 jobs of {len(crowd)} users in the database",
        poll(),
        unit="/s",
        at_least=0.7,
    )


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
