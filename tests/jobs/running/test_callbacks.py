"""What runs report, with their own token and no other."""

import pytest

from hubsite.engines.facts import LogChunk
from hubsite.refusals import Kind, Refused
from jobs.models import Job, JobLog, State
from jobs.results import recording
from jobs.running import callbacks, logs
from jobs.running.run_token import is_run_token, run_token
from tests.accounts.factories import bearer, make_user

from ..factories import make_job

pytestmark = pytest.mark.django_db

REPORT = {
    "sender": "on_update",
    "state": {
        "label": "Generating cube",
        "total_work": 137,
        "error": False,
        "progress": 0.241,
        "elapsed": 1.01,
    },
}


def report(client, job, body=REPORT, token=None):
    return client.put(
        f"/api/v2/cubegens/{job.job_id}/callbacks",
        body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {token or run_token(job.job_id, job.attempt)}"},
    )


@pytest.fixture
def job():
    return make_job(make_user(units=10), state=State.RUNNING)


def test_a_report_is_kept_and_answered_with_the_newest(client, job):
    response = report(client, job)
    assert (response.status_code, response.json()) == (200, {"progress": [REPORT]})
    job.refresh_from_db()
    assert job.progress == REPORT


def test_the_last_report_is_never_an_end(client, job):
    assert report(client, job, {**REPORT, "sender": "on_end"}).status_code == 200
    job.refresh_from_db()
    assert job.state == State.RUNNING


def test_a_failing_workers_last_report_is_taken(client, job):
    error = ["ValueError", "no data", ["Traceback …"]]
    body = {"sender": "on_end", "state": {**REPORT["state"], "error": error}}
    assert report(client, job, body).status_code == 200
    job.refresh_from_db()
    assert job.progress["state"]["error"] == "ValueError: no data"


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "CANCELLED", "QUEUED"])
def test_a_run_that_is_over_is_answered_but_changes_nothing(client, state):
    job = make_job(make_user(units=10), state=state)
    assert report(client, job).status_code == 200
    job.refresh_from_db()
    assert job.progress is None


def test_no_other_token_may_report(client, job):
    scopes = ("manage:cubegens",)
    owner = bearer(make_user(permissions=scopes), scopes)["Authorization"].split()[1]
    other = make_job(make_user(units=10), state=State.RUNNING)
    for token in (owner, run_token(job.job_id, 2), run_token(other.job_id, 1), "x", "ä"):
        assert report(client, job, token=token).status_code == 401


def test_a_run_token_is_good_for_nothing_else(client, job):
    headers = {"Authorization": f"Bearer {run_token(job.job_id, 1)}"}
    assert client.get(f"/api/v2/cubegens/{job.job_id}", headers=headers).status_code == 401


def test_an_unknown_job_is_answered_like_a_wrong_token(client, job):
    job.job_id = "unknown"
    assert report(client, job).status_code == 401


def test_tokens_differ_by_job_and_attempt():
    assert is_run_token(run_token("a", 1), "a", 1)
    assert not is_run_token(run_token("a", 1), "a", 2)
    assert not is_run_token(run_token("a", 1), "b", 1)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], ""),
        ({}, "sender"),
        ({"sender": "on_fire", "state": {}}, "sender"),
        ({"sender": "on_end"}, "state"),
        ({"sender": "on_end", "state": {"progress": "1"}}, "state.progress"),
        ({"sender": "on_end", "state": {"progress": -1}}, "state.progress"),
        ({"sender": "on_end", "state": {"total_work": 0}}, "state.total_work"),
        ({"sender": "on_end", "state": {"label": 1}}, "state.label"),
        ({"sender": "on_end", "state": {}, "output": {"first_line": -1, "lines": []}}, "output"),
        ({"sender": "on_end", "state": {}, "output": {"first_line": 0, "lines": [1]}}, "output"),
        ({"sender": "on_end", "state": {}, "output": "text"}, "output"),
    ],
)
def test_malformed_reports_are_400(client, job, body, field):
    response = report(client, job, body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == field


def test_lines_come_with_reports_and_are_kept_once(client, job):
    for _ in range(2):
        report(client, job, {**REPORT, "output": {"first_line": 0, "lines": ["a", "b"]}})
    report(client, job, {**REPORT, "output": {"first_line": 2, "lines": ["c\0"]}})
    assert logs.lines_from(job, 1, 10) == [(1, "b"), (2, "c")]
    assert logs.last_lines(job) == ["a", "b", "c"]


def test_texts_that_cannot_be_stored_are_mended_not_refused(client, job):
    lines = ["a\0b", "half \ud800 a pair"]
    body = {**REPORT, "output": {"first_line": 0, "lines": lines}}
    assert report(client, job, body).status_code == 200
    assert logs.last_lines(job) == ["ab", "half ? a pair"]


def test_a_log_keeps_its_head_and_its_tail(job):
    for start in range(0, 20_000, 500):
        logs.append(job.pk, [LogChunk(start, [f"{n}" for n in range(start, start + 500)])])
    numbers = [n for n, _ in logs.lines_from(job, 0, 100_000)]
    assert numbers[: logs.HEAD_LINES] == list(range(logs.HEAD_LINES))
    assert numbers[-1] == 19_999
    assert len(numbers) <= logs.HEAD_LINES + logs.TAIL_LINES + 1000
    assert logs.last_lines(job, 3) == ["19997", "19998", "19999"]


RESULT = {
    "status": "ok",
    "status_code": 201,
    "message": "Done.",
    "result": {"data_id": "cube.zarr"},
    "versions": {"xcube": "1.14.1"},
}


def last_report(result):
    return {"sender": "on_end", "state": {**REPORT["state"], "progress": 1}, "result": result}


@pytest.mark.parametrize("state", ["LAUNCHED", "RUNNING"])
def test_a_result_is_kept_and_ends_nothing(client, state):
    job = make_job(make_user(units=10), state=state)
    assert report(client, job, last_report(RESULT)).status_code == 200
    job.refresh_from_db()
    assert (job.result, job.state, job.is_live) == (RESULT, state, True)
    assert report(client, job).status_code == 200
    job.refresh_from_db()
    assert job.result == RESULT, "reports without one leave it"


def test_a_result_of_a_job_that_is_over_is_answered_and_ignored(client):
    job = make_job(make_user(units=10), state="FAILED", result={"status": "error"})
    for _ in range(2):
        assert report(client, job, last_report(RESULT)).status_code == 200
    job.refresh_from_db()
    assert job.result == {"status": "error"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"status": "fine"}, "result.status"),
        ({"status": None}, "result.status"),
        ({"status_code": "201"}, "result.status_code"),
        ({"status_code": 10**12}, "result.status_code"),
        ({"message": ["Done."]}, "result.message"),
        ({"result": "cube.zarr"}, "result.result"),
        ({"result": {"data_id": "cube.zarr", "secret": 1}}, "result.result"),
        ({"versions": {"xcube": 1}}, "result.versions"),
        ({"traceback": ["…"]}, "result.traceback"),
        ({"message": "x" * 64_000}, "result"),
    ],
)
def test_a_malformed_result_is_400_and_loses_nothing_else(client, job, change, field):
    body = {**last_report({**RESULT, **change}), "output": {"first_line": 0, "lines": ["a"]}}
    response = report(client, job, body)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == field
    job.refresh_from_db()
    assert job.result is None
    assert job.progress["state"]["progress"] == 1
    assert logs.last_lines(job) == ["a"]


def test_a_result_is_an_object(client, job):
    response = report(client, job, last_report("ok"))
    assert response.json()["errors"][0]["field"] == "result"


@pytest.mark.django_db(transaction=True)
def test_a_job_that_is_deleted_during_its_report_is_gone(client, job, monkeypatch):
    keep = recording.keep

    def deleted_before(its: Job, made: object) -> None:
        Job.objects.filter(pk=its.pk).delete()
        keep(its, made)

    monkeypatch.setattr(recording, "keep", deleted_before)
    assert (
        report(client, job, {**REPORT, "output": {"first_line": 0, "lines": ["a"]}}).status_code
        == 410
    )
    assert not JobLog.objects.exists()


def test_query_count(client, job, django_assert_num_queries):
    with django_assert_num_queries(2):
        report(client, job)
    with django_assert_num_queries(2):
        report(client, job, last_report(RESULT))


def test_parse_never_raises_anything_else():
    from hypothesis import given
    from hypothesis import strategies as st

    values = st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )

    @given(
        st.fixed_dictionaries(
            {"sender": st.sampled_from(callbacks.SENDERS), "state": values},
            optional={"output": values, "result": values},
        )
        | values
    )
    def check(body):
        try:
            callbacks.parse(body)
        except Refused as error:
            assert error.kind == Kind.INVALID

    check()
    assert JobLog.objects.count() == 0
