"""What was spent, by user, month and store; as JSON and CSV, for users and operators."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client

from accounts.models import Balance
from accounts.units import ledger
from jobs import lifecycle, usage
from jobs.models import Job, JobMonth, State
from tests.accounts.factories import bearer, make_user
from tests.api_document import answer_faults, faults, operations
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db

URL = "/api/v2/users/me/usage"


def ended(owner, to: State, *, month: int, units: int = 12, store: str = "@cubes") -> Job:
    job = make_job(owner, state=State.RUNNING, units=units, output_store=store)
    reason = "XCUBE_ERROR" if to == State.FAILED else ""
    finished_at = datetime(2026, month, 15, tzinfo=UTC)
    lifecycle.move(job, to, actor="test", reason=reason, finished_at=finished_at)
    return job


@pytest.fixture
def user():
    user = make_user("ann@example.org", ["manage:cubegens"], units=1000)
    ended(user, State.SUCCEEDED, month=10)
    ended(user, State.SUCCEEDED, month=11)
    ended(user, State.CANCELLED, month=11)
    ended(user, State.FAILED, month=11)
    ended(user, State.SUCCEEDED, month=11, store="s3", units=7)
    make_job(user, state=State.RUNNING, units=50)
    ended(make_user("bob@example.org", units=100), State.SUCCEEDED, month=11)
    return user


def get(user, query: str = ""):
    return Client().get(f"{URL}{query}", headers=bearer(user))


def row(month: str, store: str, **numbers: int) -> dict:
    zeros = {"jobs": 0, "succeeded": 0, "failed": 0, "cancelled": 0, "units": 0}
    return {"email": "ann@example.org", "month": month, "store": store, **zeros, **numbers}


OCTOBER = row("2026-10", "@cubes", jobs=1, succeeded=1, units=12)
NOVEMBER = row("2026-11", "@cubes", jobs=3, succeeded=1, failed=1, cancelled=1, units=12)
OWN_STORE = row("2026-11", "s3", jobs=1, succeeded=1, units=7)


def test_ones_own_by_month_and_store_with_what_was_charged(user):
    answer = get(user).json()
    assert answer == [OCTOBER, NOVEMBER, OWN_STORE]
    assert not answer_faults_of_json(answer)
    assert sum(entry["units"] for entry in answer) == 1000 - Balance.objects.get(user=user).total


def answer_faults_of_json(answer) -> list[str]:
    content = dict(operations())["GET /users/me/usage"]["responses"]["200"]["content"]
    return faults(content["application/json"]["schema"], answer)


def test_months_are_chosen(user):
    assert get(user, "?from=2026-11").json() == [NOVEMBER, OWN_STORE]
    assert get(user, "?to=2026-10").json() == [OCTOBER]
    assert get(user, "?from=2026-12&to=2026-12").json() == []


def test_units_given_back_go_to_the_month_of_the_jobs_end(user):
    job = Job.objects.get(finished_at__month=10)
    ledger.refund(job.job_id, 5, key="again", reason="the store was wrong")
    ledger.refund(job.job_id, 5, key="again", reason="the store was wrong")
    assert get(user).json()[0] == {**OCTOBER, "units": 7}
    assert usage.recount(user) == 0


def test_a_job_that_is_cancelled_late_is_counted_once_and_charged_when_its_run_is_over(user):
    job = Job.objects.get(state=State.RUNNING)
    before = get(user).json()
    assert lifecycle.cancel(job, actor="test")
    assert total(get(user).json(), "cancelled") == total(before, "cancelled") + 1
    assert total(get(user).json(), "units") == total(before, "units")
    assert lifecycle.close(job, has_run=True, result_status="ok", wrote=True)
    assert not lifecycle.close(job, has_run=True, result_status="ok", wrote=True)
    assert not lifecycle.move(stale(job), State.FAILED, actor="test", reason="LOST")
    after = get(user).json()
    assert total(after, "units") == total(before, "units") + 50
    assert total(after, "jobs") == total(before, "jobs") + 1
    assert usage.recount(user) == 0


def total(rows: list[dict], name: str) -> int:
    return sum(entry[name] for entry in rows)


def stale(job: Job) -> Job:
    """As a process has it that did not see the end."""
    job.state = State.RUNNING
    return job


def test_an_end_that_is_undone_leaves_no_trace_in_the_sums(user):
    before = get(user).json()
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        ended(user, State.SUCCEEDED, month=11)
        raise KeyboardInterrupt
    assert get(user).json() == before
    assert usage.recount(user) == 0


def test_sums_that_are_wrong_are_counted_anew(user, capsys):
    right = get(user).json()
    JobMonth.objects.filter(store="s3").delete()
    JobMonth.objects.filter(store="@cubes").update(units=1, failed=7)
    JobMonth.objects.create(owner=user, month="2025-01-01", store="gone", failed=1)
    assert get(user).json() != right
    call_command("recount_usage", "--json", "--email", user.email)
    assert json.loads(capsys.readouterr().out) == {"corrected": 4}
    assert get(user).json() == right
    call_command("recount_usage")
    assert "Corrected sums: 1." in capsys.readouterr().out  # bob's


def test_csv_holds_the_same(user):
    response = get(user, "?format=csv")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert "usage.csv" in response["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert [entry["store"] for entry in rows] == ["'@cubes", "'@cubes", "s3"]
    assert [int(entry["units"]) for entry in rows] == [12, 12, 7]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?from=2026", "from"),
        ("?from=2026-13", "from"),
        ("?to=2026-1-1", "to"),
        ("?to=", "to"),
        ("?to=%00%00%00%00-01", "to"),
        ("?format=xml", "format"),
        ("?from=2027-01&to=2026-12", "to"),
    ],
)
def test_what_is_no_month_is_named(user, query, field):
    response = get(user, query)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == field
    assert not answer_faults("GET /users/me/usage", 400, response.json())


def test_it_takes_one_query_whatever_there_is(user, django_assert_num_queries):
    headers = bearer(user)
    with django_assert_num_queries(2):  # the token, the usage
        Client().get(URL, headers=headers)


def report(*arguments: str) -> str:
    out = io.StringIO()
    call_command("usage_report", *arguments, stdout=out)
    return out.getvalue()


def test_operators_see_all_users(user):
    rows = json.loads(report("--json", "--from", "2026-11", "--to", "2026-11"))
    assert [(entry["email"], entry["store"]) for entry in rows] == [
        ("ann@example.org", "@cubes"),
        ("ann@example.org", "s3"),
        ("bob@example.org", "@cubes"),
    ]
    one = list(csv.DictReader(io.StringIO(report("--email", "Bob@example.org"))))
    assert [entry["email"] for entry in one] == ["bob@example.org"]


def test_an_email_is_no_formula_in_a_spreadsheet(user):
    ended(make_user("=1+1@example.org", units=20), State.SUCCEEDED, month=11)
    assert "'=1+1@example.org" in report()
    assert "\n=1+1" not in report()


def test_the_report_refuses_what_is_no_month_and_nobody():
    reversed = ["--from", "2027-01", "--to", "2026-12"]
    for arguments in (["--from", "2026"], ["--email", "nobody@example.org"], reversed):
        with pytest.raises(CommandError):
            report(*arguments)


def test_my_history_tells_every_movement(user):
    response = Client().get("/api/v2/users/me/units/history?limit=3", headers=bearer(user))
    movements = response.json()
    assert response["X-Total-Count"] == str(user.ledger_entries.count())
    assert movements[0]["kind"] == "reserve"
    assert movements[1] == {
        **movements[1],
        "kind": "settle",
        "delta_total": -7,
        "delta_reserved": -7,
    }
    assert ledger.check_ledger() == []


@pytest.mark.parametrize("query", ["?to=9999-12", "?from=9999-12", "?from=0001-01&to=0001-01"])
def test_the_first_and_the_last_month_of_all_are_months(user, query):
    assert get(user, query).status_code == 200
