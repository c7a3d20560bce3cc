"""Operators script their daily work: jobs, users, units, engines and the audit of all."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import LedgerEntry, User
from accounts.units import ledger
from hubsite.audit import AuditEntry
from jobs import lifecycle
from jobs.models import Job, Priority, Reason, Rerun, State
from tests.accounts.factories import bearer, make_user
from tests.accounts.operator_calls import ask
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator():
    return make_user("operator@example.org", permissions=["operate:hub"])


@pytest.fixture
def ann():
    return make_user("ann@example.org", permissions=["manage:cubegens"], units=100)


@pytest.fixture
def call(client, operator):
    def send(method: str, path: str, body: dict | None = None, *, by=None, **headers):
        answer = ask(client, {**bearer(by or operator), **headers}, method, path, body)
        return answer.status_code, answer.json() if answer.content else None, answer

    return send


def ids(rows: list[dict]) -> list[str]:
    return [row["job_id"] for row in rows]


def test_all_jobs_with_filters_page_by_page(call, ann, django_assert_max_num_queries):
    bob = make_user("bob@example.org", units=100)
    jobs = [make_job(ann) for _ in range(4)] + [make_job(bob)]
    lifecycle.fail(jobs[0], Reason.XCUBE_ERROR, "no such variable", actor="worker")
    old = Job.objects.filter(pk=jobs[1].pk)
    old.update(created_at=timezone.now() - timedelta(days=400), engine="kubernetes")
    with django_assert_max_num_queries(10):  # most of them make the token
        status, rows, _ = call("GET", "jobs")
    assert (status, len(rows)) == (200, 5)
    assert rows[0]["owner"] == {"user_id": bob.username, "email": "bob@example.org"}
    for query, expected in (
        ("owner=ANN@example.org", [3, 2, 1, 0]),
        (f"owner={bob.username}", [4]),
        ("owner=nobody", []),
        ("state=FAILED&reason=XCUBE_ERROR", [0]),
        ("failures=open", [0]),
        ("engine=kubernetes", [1]),
        (f"since={timezone.now():%Y-%m-%d}&owner=ann@example.org", [3, 2, 0]),
        (f"until={timezone.now() - timedelta(days=300):%Y-%m-%d}", [1]),
    ):
        status, rows, _ = call("GET", f"jobs?{query}")
        assert (status, ids(rows)) == (200, [jobs[n].job_id for n in expected]), query
    status, rows, answer = call("GET", "jobs?limit=2&owner=ann@example.org")
    seen = ids(rows)
    while link := answer.headers.get("Link"):
        path = re.fullmatch(r'<http://[^/]+/api/v2/operator/(.*)>; rel="next"', link)[1]
        status, rows, answer = call("GET", path)
        seen += ids(rows)
    assert seen == [job.job_id for job in reversed(jobs[:4])]


@pytest.mark.parametrize(
    "path",
    [
        "jobs?state=DANCING",
        "jobs?reason=x",
        "jobs?engine=moon",
        "jobs?failures=closed",
        "jobs?since=soon",
        "jobs?limit=-1",
        "jobs?before=x",
        f"jobs?owner={'x' * 300}",
        "users?is_active=perhaps",
        "audit?action=dance",
        "audit?until=9999-12-31",
        "audit?since=0001-01-01",
        "audit?since=9999-12-31T23:59:59-14:00",
        "jobs?until=9999-12-31T23:59:59-14:00",
        "jobs?since=0001-01-01T00:00:00%2B14:00",
    ],
)
def test_a_filter_that_cannot_be_is_named(call, path: str):
    status, problem, _ = call("GET", path)
    assert status == 400
    assert problem["errors"][0]["field"] == re.split("[?=]", path)[1]


def test_a_waiting_job(call, ann):
    job = make_job(ann)
    path = f"jobs/{job.job_id}"
    assert call("POST", f"{path}/priority", {"priority": "urgent"})[1] == {"changed": True}
    assert call("POST", f"{path}/priority", {"priority": "urgent"})[1] == {"changed": False}
    assert Job.objects.get(pk=job.pk).priority == Priority.URGENT
    assert call("GET", path)[1]["priority"] == "urgent"
    assert call("POST", f"{path}/priority", {"priority": "first"})[0] == 400
    assert call("POST", f"{path}/engine", {"engine": "moon"})[0] == 400
    assert call("POST", f"{path}/run-again")[0] == 409
    assert call("POST", f"{path}/cancel")[1] == {"changed": True}
    assert call("POST", f"{path}/cancel")[1] == {"changed": False}
    told = AuditEntry.objects.filter(kind="jobs.job").order_by("pk")
    assert [(entry.action, entry.via) for entry in told] == [
        ("job.prioritised", "api"),
        ("job.cancelled", "api"),
    ]
    assert call("GET", "jobs/nothing")[0] == 404
    assert call("POST", "jobs/nothing/cancel")[0] == 404


def test_a_failed_job_runs_again(call, ann):
    job = make_job(ann)
    lifecycle.fail(job, Reason.XCUBE_ERROR, "no such variable", actor="worker")
    assert call("POST", f"jobs/{job.job_id}/run-again")[1] == {"changed": True}
    assert Rerun.objects.get().job_id == job.pk


def test_a_job_is_charged_back_once(call, ann, operator):
    job = make_job(ann, units=12)
    path = f"jobs/{job.job_id}/charge-back"
    body = {"units": 5, "reason": "the input was broken"}
    assert call("POST", path, body)[0] == 400  # without a key
    assert call("POST", path, body, **{"Idempotency-Key": "0"})[0] == 409  # not charged yet
    ledger.settle(job.job_id)
    for _ in range(2):
        status, answer, _ = call("POST", path, body, **{"Idempotency-Key": "1"})
        assert (status, answer) == (200, {"units": 5, "charged": 7})
    assert call("POST", path, {**body, "units": 8}, **{"Idempotency-Key": "2"})[0] == 409
    assert call("POST", path, {**body, "units": 1}, **{"Idempotency-Key": "1"})[0] == 409
    assert LedgerEntry.objects.filter(kind="refund").get().actor == operator
    assert AuditEntry.objects.filter(action="units.refunded").count() == 1


def test_users_are_listed_shown_and_switched_off(call, ann):
    status, rows, _ = call("GET", "users?email=ANN@")
    assert (status, [row["user_id"] for row in rows]) == (200, [ann.username])
    status, user, _ = call("GET", f"users/{ann.username}")
    assert user["units"] == {"total": 100, "reserved": 0, "available": 100}
    assert user["permissions"] == ["manage:cubegens"]
    for _ in range(2):
        status, user, _ = call("PATCH", f"users/{ann.username}", {"is_active": False})
        assert (status, user["is_active"]) == (200, False)
    assert call("GET", "users?is_active=false")[1][0]["email"] == ann.email
    assert AuditEntry.objects.filter(action="user.switched_off", about=ann).count() == 1
    assert call("PATCH", f"users/{ann.username}", {"is_active": True})[1]["is_active"] is True
    assert call("PATCH", f"users/{ann.username}", {})[0] == 400
    assert call("GET", "users/nobody")[0] == 404


def test_no_operator_is_switched_off_by_another(call):
    other = make_user("other@example.org", permissions=["operate:hub"])
    assert call("PATCH", f"users/{other.username}", {"is_active": False})[0] == 403
    assert User.objects.get(pk=other.pk).is_active


def test_units_are_granted_and_corrected_once(call, ann):
    path = f"users/{ann.username}/units"
    grant = {"kind": "grant", "units": 500, "reason": "as agreed"}
    assert call("POST", path, grant)[0] == 400  # without a key
    for _ in range(2):
        status, answer, _ = call("POST", path, grant, **{"Idempotency-Key": "g"})
        assert (status, answer["balance"]["total"]) == (200, 600)
    correct = {"kind": "correct", "units": -100, "reason": "too many"}
    assert call("POST", path, correct, **{"Idempotency-Key": "g"})[0] == 409
    assert call("POST", path, correct, **{"Idempotency-Key": "c"})[1]["balance"]["total"] == 500
    for body in (
        {**grant, "units": 0},
        {**grant, "units": -1},
        {**grant, "units": 10**13},
        {**grant, "units": "many"},
        {**correct, "reason": " "},
        {**grant, "kind": "gift"},
    ):
        assert call("POST", path, body, **{"Idempotency-Key": "x"})[0] == 400, body
    too_many = {**correct, "units": -501}
    assert call("POST", path, too_many, **{"Idempotency-Key": "y"})[0] == 409
    assert ledger.available(ann) == 500
    status, rows, _ = call("GET", "audit?on=ann@example.org&via=api")
    assert [row["action"] for row in rows] == ["units.corrected", "units.granted"]
    assert rows[1]["actor"] == "operator@example.org"


def test_engines_are_drained_and_resumed(call):
    assert call("POST", "engines/local/drain", {"message": "Maintenance."})[1] == {"changed": True}
    local = next(row for row in call("GET", "engines")[1] if row["engine"] == "local")
    assert (local["is_drained"], local["message"]) == (True, "Maintenance.")
    assert call("POST", "engines/local/drain", {"message": ""})[0] == 400
    assert call("POST", "engines/moon/drain", {"message": "Maintenance."})[0] == 404
    assert call("POST", "engines/local/resume")[1] == {"changed": True}
    assert call("POST", "engines/local/resume")[1] == {"changed": False}


def test_support_reads_and_changes_nothing_the_marketplace_gets_nothing(call, ann):
    job = make_job(ann)
    support = make_user("support@example.org", permissions=["read:hub"])
    shop = make_user("shop@example.org", permissions=["read:users", "create:users"])
    reads = ["jobs", f"jobs/{job.job_id}", "users", f"users/{ann.username}", "audit", "engines"]
    for path in reads:
        assert call("GET", path, by=support)[0] == 200
        assert call("GET", path, by=shop)[0] == 403
    writes = [
        ("POST", f"jobs/{job.job_id}/cancel", {}),
        ("POST", f"jobs/{job.job_id}/run-again", {}),
        ("POST", f"jobs/{job.job_id}/priority", {"priority": "urgent"}),
        ("POST", f"jobs/{job.job_id}/engine", {"engine": "local"}),
        ("POST", f"jobs/{job.job_id}/charge-back", {"units": 1, "reason": "x"}),
        ("PATCH", f"users/{ann.username}", {"is_active": False}),
        ("POST", f"users/{ann.username}/units", {"kind": "grant", "units": 1}),
        ("POST", "engines/local/drain", {"message": "x"}),
        ("POST", "engines/local/resume", {}),
    ]
    for method, path, body in writes:
        for user in (support, shop, ann):
            assert call(method, path, body, by=user, **{"Idempotency-Key": "k"})[0] == 403
    job.refresh_from_db()
    assert job.state == State.QUEUED
    assert not AuditEntry.objects.filter(actor__in=[support, shop]).exists()


def test_a_failure_is_dealt_with_by_a_note(call, ann):
    failed = make_job(ann, state=State.FAILED, reason="LOST")
    path = f"jobs/{failed.job_id}/dealt-with"
    assert call("PUT", path, {"note": " "})[0] == 400
    assert call("PUT", path, {"note": "x" * 301})[0] == 400
    for changed in (True, False):  # repeated, it changes nothing
        assert call("PUT", path, {"note": "Its owner knows."})[:2] == (200, {"changed": changed})
    assert ids(call("GET", "jobs?failures=open")[1]) == []
    for changed in (True, False):
        assert call("DELETE", path)[:2] == (200, {"changed": changed})
    assert ids(call("GET", "jobs?failures=open")[1]) == [failed.job_id]
    fine = make_job(ann, state=State.SUCCEEDED)
    answer = call("PUT", f"jobs/{fine.job_id}/dealt-with", {"note": "It did not fail."})
    assert answer[:2] == (200, {"changed": False})
    assert call("PUT", "jobs/unknown/dealt-with", {"note": "Gone."})[0] == 404
