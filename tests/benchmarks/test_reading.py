"""How fast jobs are read: what clients do all the time, each every second, until theirs is done."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jobs.models import Job
from tests.accounts.factories import bearer, make_user

from .fill import ended_job
from .hub import API
from .load import throughput
from .report import Pairs, alternate
from .sizes import IS_SMOKE

SECONDS = 0.1 if IS_SMOKE else 0.8  # short rounds, because other load of the machine changes fast
ROUNDS = 11
REPORT = json.dumps(
    {"sender": "on_update", "state": {"label": "x", "total_work": 138, "progress": 0.4}}
).encode()


@dataclass(frozen=True)
class Reading:
    """What is asked of the hub: a path below the API, and with which token or body."""

    path: str
    token: str = ""
    body: bytes | None = None


@pytest.fixture
def against_bare(web, bare, running_job) -> Callable[[Reading], Pairs]:
    """Answers per second of the hub, and of the bare view on the same database."""
    row = f"/rows/{running_job}"

    def measure(reading: Reading) -> Pairs:
        def hub(seconds: float = SECONDS) -> float:
            return throughput(
                web.port, API + reading.path, reading.token, seconds=seconds, body=reading.body
            )

        def baseline(seconds: float = SECONDS) -> float:
            return throughput(bare.port, row, "", seconds=seconds, body=reading.body)

        for warm_up in (hub, baseline):
            warm_up(0.5)
        return alternate(hub, baseline, rounds=ROUNDS)

    return measure


@pytest.mark.benchmark
def test_polling_a_job_is_nearly_as_fast_as_a_bare_view(report, against_bare, reader, running_job):
    polled = Reading(f"/cubegens/{running_job}", reader.token)
    pairs = against_bare(polled)
    report.ratio("GET /cubegens/{id}, running / bare DRF view", pairs, unit="/s", at_least=0.7)


@pytest.mark.benchmark
def test_an_ended_job_with_its_log(report, against_bare, reader, filled):
    pairs = against_bare(Reading(f"/cubegens/{filled['ended_job_id']}", reader.token))
    report.ratio("GET /cubegens/{id}, ended, 500 log lines", pairs, unit="/s", at_least=0.6)


@pytest.mark.benchmark
def test_users_me(report, against_bare, reader):
    pairs = against_bare(Reading("/users/me", reader.token))
    report.ratio("GET /users/me / bare DRF view", pairs, unit="/s", at_least=0.5)


@pytest.mark.benchmark
def test_the_public_start(report, against_bare):
    report.ratio("GET / (public) / bare DRF view", against_bare(Reading("/")), unit="/s")


@pytest.mark.benchmark
def test_callbacks(report, against_bare, filled):
    path = f"/cubegens/{filled['job_id']}/callbacks"
    pairs = against_bare(Reading(path, filled["run_token"], REPORT))
    report.ratio("PUT …/callbacks / bare DRF view with PUT", pairs, unit="/s", at_least=0.6)


@pytest.mark.benchmark
def test_polling_stays_fast_at_a_hundred_thousand_jobs(
    report, against_bare, reader, running_job, crowd
):
    report.ratio(
        f"polling, 100,000 jobs of {len(crowd)} users in the database",
        against_bare(Reading(f"/cubegens/{running_job}", reader.token)),
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
