"""What must be exact however many requests come at once. `test_postgresql.py` runs this on a real
PostgreSQL; RACE_TRIALS says how often each race is run."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from typing import Any

import pytest
from django.db import connection
from django.test import Client as HttpClient

from accounts.models import Balance, Client, LedgerEntry, Subscription, SubscriptionEvent, User
from accounts.units import ledger
from jobs import lifecycle
from jobs.estimates.asking import Estimate
from jobs.models import Job, JobEvent, Reason, State
from tests.accounts.factories import bearer, make_user
from tests.jobs.factories import cubegen_request, make_job

from .parallel import Threads

pytestmark = pytest.mark.django_db(transaction=True)

TRIALS = int(os.environ.get("RACE_TRIALS", "3"))
UNITS = 12
"""What `cubegen_request` costs at the prices of the tests' stores: 2 variables x 6 days."""


@pytest.fixture(autouse=True)
def _on_postgresql():
    assert connection.vendor == "postgresql", "run tests/races/test_postgresql.py"


@pytest.fixture
def estimated(monkeypatch):
    """The runner's answer, recorded: 20,000 real estimates would take half an hour, and each is
    over before the race begins."""
    descriptor = {
        "dims": {"time": 6, "lat": 4, "lon": 4},
        "data_vars": {"sst": {}, "chl": {}},
    }
    answer = Estimate({"dataset_descriptor": descriptor}, {}, output_exists=False)
    monkeypatch.setattr("jobs.submission.pricing.estimate", lambda *args, **options: answer)


def put(path: str, headers: dict[str, str], body: Any) -> tuple[int, Any]:
    response = HttpClient().put(
        f"/api/v2{path}", json.dumps(body), content_type="application/json", headers=headers
    )
    return response.status_code, response.json()


def test_of_100_submissions_on_a_balance_for_40_exactly_40_are_accepted(estimated):
    with Threads(100) as threads:
        for trial in range(TRIALS):
            user = make_user(permissions=["manage:cubegens"], units=40 * UNITS)
            headers = bearer(user)
            answers = threads.at_once(
                [lambda h=headers: put("/cubegens", h, cubegen_request()) for _ in range(100)]
            )
            assert Counter(status for status, _ in answers) == {200: 40, 413: 60}, trial
            jobs = Job.objects.filter(owner=user)
            accepted = {body["job_id"] for status, body in answers if status == 200}
            assert set(jobs.values_list("job_id", flat=True)) == accepted
            balance = Balance.objects.get(user=user)
            assert (balance.total, balance.reserved) == (40 * UNITS, 40 * UNITS), trial
            reserved = LedgerEntry.objects.filter(user=user, kind="reserve")
            assert set(reserved.values_list("reference", flat=True)) == accepted
    assert ledger.check_ledger() == []


@pytest.mark.parametrize("is_known", [False, True], ids=["new user", "known user"])
def test_of_50_identical_subscriptions_one_is_made(is_known):
    marketplace = bearer(make_user(permissions=["read:users", "create:users"]))
    with Threads(50) as threads:
        for trial in range(TRIALS):
            email = f"new-{trial}@example.org"
            if is_known:  # a new user's e-mail is a guard by itself
                make_user(email)
            body = {"email": email, "guid": f"g-{trial}", "units": 1000, "unit": "punits"}
            spelled = [{**body, "email": email.upper()}, body]
            answers = threads.at_once(
                [
                    lambda n=n, s=spelled: put(
                        "/services/xcube_gen/subscriptions", marketplace, s[n % 2]
                    )
                    for n in range(50)
                ]
            )
            assert Counter(status for status, _ in answers) == {200: 50}, (trial, answers[0])
            secrets = [body["client_secret"] for _, body in answers if "client_secret" in body]
            assert len(secrets) == 1, trial
            assert len({body["client_id"] for _, body in answers}) == 1
            user = User.objects.get(email__iexact=email)
            assert {body["subscription_id"] for _, body in answers} == {user.user_id}
            subscription = Subscription.objects.get(user=user)
            assert SubscriptionEvent.objects.filter(subscription=subscription).count() == 1
            assert Client.objects.filter(owner=user).count() == 1
            entry = LedgerEntry.objects.get(user=user)
            assert (entry.kind, entry.total_after) == ("override", 1000)
            assert user.groups.count() == 1
    assert ledger.check_ledger() == []


def test_of_50_subscriptions_that_share_a_geodb_role_one_is_made():
    marketplace = bearer(make_user(permissions=["read:users", "create:users"]))
    with Threads(50) as threads:
        for trial in range(TRIALS):
            answers = threads.at_once(
                [
                    lambda n=n, t=trial: put(
                        "/services/xcube_geodb/subscriptions",
                        marketplace,
                        {"email": f"role-{t}-{n}@example.org", "guid": f"role-{t}"},
                    )
                    for n in range(50)
                ]
            )
            assert Counter(status for status, _ in answers) == {200: 1, 409: 49}, trial
            assert Subscription.objects.filter(guid=f"role-{trial}").count() == 1
            assert User.objects.filter(email__startswith=f"role-{trial}-").count() == 1


def ends(job_id: str) -> list[Any]:
    """Everything that may want to end a running job, each as another process sees it."""

    def move(to: State, reason: str = "") -> bool:
        job = Job.objects.get(job_id=job_id)
        if job.is_final:
            return False
        return lifecycle.move(job, to, actor="test", reason=reason)

    def cancel() -> bool:
        return lifecycle.cancel(Job.objects.get(job_id=job_id), actor="test")

    return [
        lambda: move(State.SUCCEEDED),
        lambda: move(State.SUCCEEDED),
        lambda: move(State.FAILED, Reason.LOST),
        cancel,
        cancel,
    ]


def test_settling_repeated_and_crossed_with_cancelling_charges_once():
    number = 20
    with Threads(100) as threads:
        for trial in range(TRIALS):
            user = make_user(units=number * 7)
            jobs = [make_job(user, state=State.RUNNING, units=7) for _ in range(number)]
            calls = [(job.job_id, call) for job in jobs for call in ends(job.job_id)]
            random.shuffle(calls)
            results = threads.at_once([call for _, call in calls])
            ended = Counter()
            for (job_id, _), result in zip(calls, results, strict=True):
                assert isinstance(result, bool), (trial, result)
                ended[job_id] += result
            assert set(ended.values()) == {1}, trial
            # A cancelled job is billed when its run is over, which two followers see.
            cancelled = list(Job.objects.filter(owner=user, state=State.CANCELLED)) * 2
            closed = threads.at_once(
                [lambda j=j: lifecycle.close(j, has_run=True) for j in cancelled]
            )
            assert sum(closed) == len(cancelled) // 2, trial
            # Once more, as an observer does that missed what it did itself.
            again = threads.at_once([lambda j=job: ledger.settle(j.job_id) for job in jobs])
            assert not any(again), (trial, again)
            charged = 0
            for job in jobs:
                job.refresh_from_db()
                closing = LedgerEntry.objects.closing(job.job_id).get()
                is_released = job.state != State.SUCCEEDED  # into a store of the hub: removed
                assert closing.kind == ("release" if is_released else "settle")
                charged += 0 if is_released else 7
                events = JobEvent.objects.filter(job=job).exclude(from_state="")
                assert [event.to_state for event in events] == [job.state]
            balance = Balance.objects.get(user=user)
            assert (balance.total, balance.reserved) == (number * 7 - charged, 0), trial
    assert ledger.check_ledger() == []


def test_a_new_plan_crossed_with_running_jobs_loses_nothing():
    marketplace = bearer(make_user(permissions=["read:users", "create:users"]))
    with Threads(60) as threads:
        for trial in range(TRIALS):
            body = {"email": f"plan-{trial}@example.org", "guid": f"p-{trial}", "units": 100}
            put("/services/xcube_gen/subscriptions", marketplace, body)
            user = User.objects.get(email=body["email"])
            calls = [
                lambda u=user, t=trial, n=n: ledger.reserve(
                    u, 1, reference=f"plan-{t}-{n}", key=f"reserve:plan-{t}-{n}"
                )
                for n in range(50)
            ] + [
                lambda b=body: put(
                    "/services/xcube_gen/subscriptions", marketplace, {**b, "units": 70}
                )
                for _ in range(10)
            ]
            results = threads.at_once(calls)
            assert all(isinstance(result, LedgerEntry) for result in results[:50]), trial
            assert {status for status, _ in results[50:]} == {200}
            balance = Balance.objects.get(user=user)
            assert (balance.total, balance.reserved) == (70, 50), trial
    assert ledger.check_ledger() == []
