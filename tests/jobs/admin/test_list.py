"""The admin of jobs: fast however many there are, all to be seen, nothing to be edited."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from accounts.admin import searching
from accounts.admin.paging import UncountedPaginator
from accounts.models import LedgerEntry
from accounts.units import ledger
from hubsite.audit import AuditEntry
from hubsite.health import heartbeat
from jobs.models import DealtWith, Job, Priority, Rerun, State
from jobs.operators import charging_back
from tests.accounts.factories import make_user
from tests.jobs.conftest import queued_tasks
from tests.jobs.factories import charged, make_job

pytestmark = pytest.mark.django_db

LIST = "/admin/jobs/job/"
QUERIES_OF_LIST = 9
"""Session, user, permissions, engines; the count (bounded), the page, saved filters, the cursor."""


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(make_user("op@example.org", permissions=["operate:hub"], is_staff=True))
    return client


@pytest.fixture
def owner():
    return make_user("ann@example.org", units=1000)


def test_the_list_takes_as_many_queries_for_many_jobs_as_for_one(
    operator, owner, django_assert_num_queries
):
    make_job(owner)
    operator.get(LIST)
    with django_assert_num_queries(QUERIES_OF_LIST):
        operator.get(LIST)
    for _ in range(20):
        make_job(make_user(units=5), state=State.RUNNING)
    with django_assert_num_queries(QUERIES_OF_LIST):
        operator.get(LIST)


def test_no_query_counts_all_jobs(operator, owner, django_assert_num_queries):
    make_job(owner)
    with django_assert_num_queries(QUERIES_OF_LIST) as queries:
        operator.get(LIST)
    counts = [q["sql"] for q in queries.captured_queries if "COUNT(" in q["sql"].upper()]
    assert all("LIMIT" in sql for sql in counts)


def test_beyond_its_bound_the_paginator_stops_counting(owner, monkeypatch):
    monkeypatch.setattr(UncountedPaginator, "bound", 2)
    for _ in range(3):
        make_job(owner)
    assert UncountedPaginator(Job.objects.all(), 1).count == 2


def test_a_further_page_passes_over_rows_without_joining(owner, django_assert_num_queries):
    jobs = [make_job(owner) for _ in range(5)][::-1]
    pages = UncountedPaginator(Job.objects.select_related("owner").order_by("-pk"), 2)
    assert [list(page) for page in pages] == [jobs[:2], jobs[2:4], jobs[4:]]
    passed_over = str(pages.page(2).object_list.query).partition(" IN (")[2]
    assert "OFFSET 2" in passed_over and "JOIN" not in passed_over
    with django_assert_num_queries(1):
        assert [job.owner.email for job in pages.page(2)] == [owner.email] * 2


def test_a_row_shows_owner_state_cost_and_output(operator, owner):
    job = make_job(owner, state=State.FAILED, units=42, reason="OUT_OF_MEMORY")
    text = operator.get(LIST).content.decode()
    assert job.job_id in text
    assert "ann@example.org" in text
    assert '<span class="state state-FAILED">Failed</span>' in text
    assert "Needed more memory" in text
    assert "42" in text
    assert f"@cubes/{job.output_data_id}" in text


def test_a_part_of_a_name_is_looked_for_in_the_newest_jobs_only(operator, owner, monkeypatch):
    monkeypatch.setattr(searching, "NEWEST", 2)
    jobs = [make_job(owner, output_data_id=f"north{number}.zarr") for number in range(3)]
    text = operator.get(LIST, {"q": "north"}).content.decode()
    assert [job.job_id in text for job in jobs] == [False, True, True]
    assert "in the newest 2 rows" in text
    assert jobs[0].job_id in operator.get(LIST, {"q": jobs[0].job_id}).content.decode()


@pytest.mark.parametrize("by", ["job_id", "short_id", "email", "user_id", "output"])
def test_jobs_are_found(operator, owner, by):
    wanted, other = make_job(owner), make_job(make_user(units=5))
    term = {
        "job_id": wanted.job_id,
        "short_id": wanted.job_id[-18:],
        "email": "Ann@example.org",
        "user_id": owner.username,
        "output": wanted.output_data_id[:-5].upper(),
    }[by]
    text = operator.get(LIST, {"q": term}).content.decode()
    assert wanted.job_id in text
    assert other.job_id not in text


@pytest.fixture
def varied(owner) -> dict[str, Job]:
    """One job for each filter that lets it through, and none of the others."""
    other = make_user("bob@example.org", units=100)
    jobs = {
        "state__exact=RUNNING": make_job(owner, state=State.RUNNING),
        "reason__exact=DEADLINE": make_job(owner, state=State.FAILED, reason="DEADLINE"),
        "engine=kubernetes": make_job(owner, state=State.CANCELLED, engine="kubernetes"),
        "store=%40sea": make_job(owner, state=State.CANCELLED, input_store="@sea"),
        "dataset=sst.zarr": make_job(owner, state=State.CANCELLED, input_data_id="sst.zarr"),
        "owner=Bob@example.org": make_job(other, state=State.CANCELLED),
        "priority=0": make_job(owner, priority=Priority.URGENT),
    }
    retried = make_job(owner, state=State.FAILED, reason="LOST")
    make_job(owner, state=State.SUCCEEDED, retry_of=retried)
    jobs["failures=again"] = retried
    for key, days in (("until=2026-01-31", 31), ("since=2026-02-28&until=2026-02-28", 59)):
        at = datetime(2025, 12, 31, 23, 30, tzinfo=UTC) + timedelta(days=days)
        jobs[key] = make_job(owner, state=State.SUCCEEDED, created_at=at)
    jobs[f"owner={other.pk}&state__exact=CANCELLED"] = jobs["owner=Bob@example.org"]
    return jobs


def _listed(client: Client, query: str) -> list[int]:
    return [job.pk for job in client.get(f"{LIST}?{query}").context["cl"].result_list]


def test_each_filter_lets_its_jobs_through_and_is_a_chip(operator, varied):
    for query, wanted in varied.items():
        page = operator.get(f"{LIST}?{query}")
        assert [job.pk for job in page.context["cl"].result_list] == [wanted.pk], query
        assert len(page.context["chosen"]) == query.count("=")
        assert "Remove this filter" in page.content.decode()


def test_links_of_other_pages_still_lead_to_an_owners_jobs(operator, owner):
    job = make_job(owner)
    page = operator.get(f"{LIST}?owner__id__exact={owner.pk}&state__exact=QUEUED", follow=True)
    assert [row.pk for row in page.context["cl"].result_list] == [job.pk]
    assert {one["value"] for one in page.context["chosen"]} == {"ann@example.org", "Queued"}


@pytest.mark.parametrize(
    "query",
    ["since=yesterday", "until=2026-13-01", "owner=99999999999999999999", "owner=nobody@x",
     "dataset=99999999999999999999", "priority=x", "store=%00", "dataset=" + "x" * 9000,
     "state__exact=%27%3B--"],
)  # fmt: skip
def test_a_filter_that_means_nothing_finds_nothing_and_breaks_nothing(operator, owner, query):
    make_job(owner)
    page = operator.get(f"{LIST}?{query}")
    assert page.status_code == 200
    assert query == "store=%00" or not page.context["cl"].result_list
    told = "a date such as 2026-12-31 is expected" in page.content.decode()
    assert told == query.startswith(("since", "until"))


def _act(client: Client, action: str, *jobs: Job, query: str = "", note: str = "") -> str:
    chosen = {"action": action, "_selected_action": [job.pk for job in jobs], "note": note}
    return client.post(f"{LIST}{query}", chosen, follow=True).content.decode()


def test_all_failures_of_a_filter_run_again_by_one_click_and_are_seen_dealt_with(operator, owner):
    failed = [make_job(owner, state=State.FAILED, reason="LOST") for _ in range(3)]
    make_job(owner, state=State.FAILED, reason="DEADLINE")
    query = "?failures=open&reason__exact=LOST"
    page = operator.get(f"{LIST}{query}")
    assert "3 failed jobs of this list are not dealt with" in page.content.decode()
    form = {"action": "run_again", "index": 0, "select_across": 1, "_selected_action": 0}
    text = operator.post(f"{LIST}{query}", form, follow=True).content.decode()
    assert "3 failed jobs are submitted again" in text
    assert set(Rerun.objects.values_list("job", flat=True)) == {job.pk for job in failed}
    assert "not dealt with." not in text, "they are asked for"
    for job in failed:
        make_job(owner, retry_of=job)  # as the worker does
    assert _listed(operator, query[1:]) == []


def test_failures_are_dealt_with_otherwise_and_opened_again(operator, owner):
    failed = [make_job(owner, state=State.FAILED, reason="LOST") for _ in range(3)]
    again = make_job(owner, state=State.FAILED, reason="LOST")
    fine = make_job(owner, retry_of=again, state=State.SUCCEEDED)
    assert "why nothing is left" in _act(operator, "deal_with", *failed)
    _act(operator, "deal_with", *failed, note="ok\u202e")
    _act(operator, "deal_with", *failed, note="x" * 301)
    assert not DealtWith.objects.exists()
    told = _act(operator, "deal_with", *failed[:2], again, fine, note=" Their  owner\nknows. ")
    assert "2 failures are dealt with." in told
    assert set(DealtWith.objects.values_list("job", "note")) == {
        (job.pk, "Their owner knows.") for job in failed[:2]
    }
    assert _listed(operator, "failures=open") == [failed[2].pk]
    assert _listed(operator, "failures=noted") == [failed[1].pk, failed[0].pk]
    assert AuditEntry.objects.filter(action="job.dealt_with").count() == 1
    # The failed one that is left, by the form of the list: and nobody runs the others again.
    form = {"action": "run_again", "index": 0, "select_across": 1, "_selected_action": 0}
    operator.post(f"{LIST}?reason__exact=LOST", form)
    assert Rerun.objects.get().job == failed[2]
    assert "1 failure is open again." in _act(operator, "reopen", failed[0], failed[2])
    assert _listed(operator, "failures=open") == [failed[2].pk, failed[0].pk]


def test_what_chosen_jobs_cost_is_given_back_once(operator, owner, monkeypatch):
    jobs = [charged(owner, units=units) for units in (10, 20, 30)]
    running = make_job(owner, state=State.RUNNING, units=40)
    free = charged(owner, units=0)
    ledger.refund(jobs[1].job_id, 5, key="before", reason="a part")
    assert "the owner sees it" in _act(operator, "charge_back", *jobs)
    told = _act(operator, "charge_back", *jobs[:2], running, free, note="the store was broken")
    assert "25 units of 2 jobs were given back." in told
    assert ledger.charged_for(jobs[0].job_id) == ledger.charged_for(jobs[1].job_id) == 0
    assert ledger.available(owner) == 1000 - 30 - 40
    # A click that would take too long stops in between; the next one goes on with the rest.
    monkeypatch.setattr(charging_back, "GIVES_UP_AFTER_S", -1)
    assert "do it again for the rest" in _act(operator, "charge_back", *jobs, note="broken")
    monkeypatch.undo()
    assert "30 units of 1 job were given back." in _act(operator, "charge_back", *jobs, note="x")
    assert "0 units of 0 jobs" in _act(operator, "charge_back", *jobs, note="x")
    refunds = LedgerEntry.objects.filter(kind="refund").exclude(reason="a part")
    assert {entry.actor.email for entry in refunds} == {"op@example.org"}
    assert ledger.available(owner) == 1000 - 40


def test_priorities_and_engines_are_changed_for_those_that_wait(operator, owner):
    heartbeat.beat("follower", "local")
    heartbeat.beat("follower", "kubernetes")
    waiting, running = make_job(owner), make_job(owner, state=State.RUNNING)
    assert "1 waiting job was changed." in _act(operator, "urgent", waiting, running)
    told = _act(operator, "move_to_kubernetes", waiting, running)
    assert "cancel them and run them again" in told
    waiting.refresh_from_db()
    running.refresh_from_db()
    assert (waiting.engine, waiting.priority) == ("kubernetes", Priority.URGENT)
    assert (running.engine, running.priority) == ("local", Priority.NORMAL)
    heartbeat.Heartbeat.objects.all().delete()
    assert "move_to_kubernetes" not in operator.get(LIST).content.decode()


def test_support_reads_and_exports_and_is_offered_nothing_else(owner):
    client = Client()
    client.force_login(make_user(permissions=["read:hub"], is_staff=True))
    job = make_job(owner, state=State.FAILED, reason="LOST")
    page = client.get(f"{LIST}?failures=open").content.decode()
    assert job.job_id in page and 'value="export"' in page
    for name in ("cancel", "run_again", "urgent", "move_to_local"):
        assert f'value="{name}"' not in page
    for action in ("run_again", "urgent"):
        _act(client, action, job)
    assert not Rerun.objects.exists()


def test_the_cursor_of_all_jobs_moves_with_each_step_and_only_for_who_sees_them(operator, owner):
    make_job(owner)
    first = operator.get("/changes?of=all-jobs").json()["cursor"]
    assert operator.get(f"/changes?of=all-jobs&after={first}").status_code == 304
    make_job(owner)
    assert operator.get(f"/changes?of=all-jobs&after={first}").status_code == 200
    client = Client()
    client.force_login(owner)
    still = client.get("/changes?of=all-jobs").json()["cursor"]
    make_job(owner)
    assert client.get(f"/changes?of=all-jobs&after={still}").status_code == 304


def cancel(client: Client, *jobs: Job):
    chosen = {
        "action": "cancel",
        "_selected_action": [job.pk for job in jobs],
        "sure": "yes",
    }
    return client.post(LIST, chosen, follow=True)


def test_chosen_jobs_are_cancelled_and_their_runs_ended(
    operator, owner, django_capture_on_commit_callbacks
):
    running, done = make_job(owner, state=State.RUNNING), make_job(owner, state=State.SUCCEEDED)
    with django_capture_on_commit_callbacks(execute=True):
        answer = cancel(operator, running, done)
    assert "1 job was cancelled." in answer.content.decode()
    running.refresh_from_db()
    done.refresh_from_db()
    assert (running.state, done.state) == (State.CANCELLED, State.SUCCEEDED)
    assert queued_tasks() == ["remove_objects"]


@pytest.mark.parametrize("is_whole_list", [False, True])
def test_cancelling_chosen_jobs_asks_once_and_names_them(
    operator,
    owner,
    is_whole_list,
    django_capture_on_commit_callbacks,
    django_assert_max_num_queries,
):
    jobs = [make_job(owner, state=State.QUEUED) for _ in range(13)]
    other = make_job(owner, state=State.RUNNING)
    chosen = {
        "action": ["cancel", ""],
        "select_across": "1" if is_whole_list else "0",
        "index": "0",
        "note": "<b>",
        "_selected_action": [job.pk for job in jobs],
    }
    where = f"{LIST}?state__exact=QUEUED"
    with django_assert_max_num_queries(20):
        page = operator.post(where, chosen)
    text = page.content.decode()
    assert "13 jobs" in text and str(jobs[-1]) in text and "and 3 more" in text
    assert "<b>" not in text
    assert not Job.objects.filter(state=State.CANCELLED).exists()
    asked = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', text)
    again: dict[str, list[str]] = {"sure": ["yes"]}
    for name, value in asked:
        again.setdefault(name, []).append(value)
    with django_capture_on_commit_callbacks(execute=True):
        answer = operator.post(where, again, follow=True)
    assert "13 jobs were cancelled." in answer.content.decode()
    other.refresh_from_db()
    assert other.state == State.RUNNING


def test_who_is_no_operator_sees_nothing_and_cancels_nothing(owner):
    job = make_job(owner, state=State.RUNNING)
    client = Client()
    client.force_login(make_user(permissions=["manage:cubegens"], is_staff=True))
    assert client.get(LIST).status_code == 403
    assert cancel(client, job).status_code == 403
    job.refresh_from_db()
    assert job.state == State.RUNNING
