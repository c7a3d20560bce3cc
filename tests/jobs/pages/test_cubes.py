"""The pages "My cubes": lists, one job, its actions, and live changes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.units import ledger
from hubsite.console.changes import cursor_of
from hubsite.engines.facts import LogChunk
from jobs.models import FINAL_STATES, CubeRecord, Job, JobDocument, JobEvent, Reason, State
from jobs.output import quicklooks
from jobs.pages import cubes
from jobs.running import logs
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job
from tests.jobs.pictures import looked

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def user():
    return make_user("ann@example.org", permissions=["manage:cubegens"], units=1000)


@pytest.fixture
def browser(user):
    client = Client()
    client.force_login(user)
    return client


def text(answer) -> str:
    return answer.content.decode()


def test_a_new_user_is_told_how_to_begin(browser):
    page = text(browser.get("/cubes/"))
    assert "No cubes yet" in page
    assert "Make your first cube" in page


def test_who_may_not_generate_cubes_is_told_so():
    client = Client()
    client.force_login(make_user())
    assert "may not generate cubes yet" in text(client.get("/cubes/"))


def test_the_list_shows_state_progress_and_reason(browser, user):
    make_job(user, state=State.RUNNING, progress={"state": {"progress": 0.42, "label": "Writing"}})
    make_job(user, state=State.FAILED, reason=Reason.DEADLINE, message="It took too long.")
    page = text(browser.get("/cubes/"))
    assert "42 %" in page and "Writing" in page
    assert "It took too long." in page


@pytest.mark.parametrize(
    ("chosen", "count"), [("", 4), ("active", 2), ("ready", 1), ("failed", 1), ("x", 4)]
)
def test_chips_filter_by_the_url(browser, user, chosen, count):
    for state in (State.QUEUED, State.RUNNING, State.SUCCEEDED, State.FAILED):
        make_job(user, state=state)
    assert text(browser.get(f"/cubes/?state={chosen}")).count('class="row"') == count


def test_the_list_goes_on_page_by_page(browser, user):
    jobs = [make_job(user) for _ in range(27)]
    first = text(browser.get("/cubes/"))
    assert first.count('class="row"') == 25
    assert f"before={jobs[2].pk}" in first
    assert text(browser.get(f"/cubes/?before={jobs[2].pk}")).count('class="row"') == 2
    for hostile in ("x", "-1", "9" * 40, "1'"):
        assert browser.get(f"/cubes/?before={hostile}").status_code == 200


@pytest.mark.parametrize("count", [1, 20])
def test_its_queries_do_not_grow(browser, user, django_assert_max_num_queries, count):
    for number in range(count):
        make_job(user, state=State.SUCCEEDED if number % 2 else State.RUNNING)
    with django_assert_max_num_queries(14):
        browser.get("/cubes/")


def test_a_page_tells_all_of_a_job(browser, user, django_assert_max_num_queries):
    job = make_job(user, state=State.FAILED, reason=Reason.OUT_OF_MEMORY, message="It needed 5 GB.")
    logs.append(job.pk, [LogChunk(0, ["<b>line</b>", "MemoryError"])])
    with django_assert_max_num_queries(20):
        page = text(browser.get(f"/cubes/{job.job_id}/"))
    assert "It needed 5 GB." in page
    assert "smaller chunks" in page
    assert "&lt;b&gt;line&lt;/b&gt;" in page
    assert "&quot;data_id&quot;: &quot;demo.zarr&quot;" in page
    assert "Run again" in page
    log = browser.get(f"/cubes/{job.job_id}/log")
    assert b"".join(log) == b"<b>line</b>\nMemoryError\n"
    assert log["Content-Type"].startswith("text/plain")


def test_hostile_names_messages_and_progress_execute_nothing(browser, user):
    hostile = "<script>alert(1)</script>"
    job = make_job(
        user, state=State.RUNNING, message=hostile, output_data_id=f"{hostile}.zarr",
        progress={"state": {"progress": "nan", "label": hostile}},
    )  # fmt: skip
    JobDocument.objects.filter(job=job).update(
        request={"x": hostile}, estimate={"dataset_descriptor": {"dims": [1], "data_vars": 7}}
    )
    for path in ("/cubes/", f"/cubes/{job.job_id}/"):
        answer = browser.get(path)
        assert answer.status_code == 200
        assert hostile not in text(answer)


@pytest.mark.parametrize("path", ["", "log"])
def test_others_jobs_are_not_there(browser, path):
    theirs = make_job(make_user(units=1))
    assert browser.get(f"/cubes/{theirs.job_id}/{path}").status_code == 404
    for action in ("cancel", "delete", "again", "viewer"):
        assert browser.post(f"/cubes/{theirs.job_id}/{action}").status_code == 404
    theirs.refresh_from_db()
    assert (theirs.state, theirs.hidden_at) == (State.QUEUED, None)


class TestActions:
    def test_cancel(self, browser, user):
        job = make_job(user)
        page = text(browser.post(f"/cubes/{job.job_id}/cancel", follow=True))
        assert "The job is cancelled." in page
        assert "ended already" in text(browser.post(f"/cubes/{job.job_id}/cancel", follow=True))
        job.refresh_from_db()
        assert job.state == State.CANCELLED

    def test_delete(self, browser, user):
        job = make_job(user, state=State.SUCCEEDED)
        page = text(browser.post(f"/cubes/{job.job_id}/delete", follow=True))
        assert "removed from your list" in page
        assert browser.get(f"/cubes/{job.job_id}/").status_code == 404

    def test_run_again_submits_the_same_request(self, browser, user, monkeypatch):
        job, sent = make_job(user, state=State.FAILED, reason=Reason.LOST), []

        def admit(submission):
            sent.append(submission)
            return make_job(user, retry_of=submission.retry_of)

        monkeypatch.setattr("jobs.submission.admission.admit", admit)
        page = text(browser.post(f"/cubes/{job.job_id}/again", follow=True))
        assert "submitted again" in page
        assert sent[0].document == job.document.request
        assert sent[0].retry_of == job
        successor = Job.objects.get(retry_of=job)
        assert f"/cubes/{successor.job_id}/" in text(browser.get(f"/cubes/{job.job_id}/"))

    def test_what_the_hub_has_not_kept_cannot_run_again(self, browser, user):
        own = make_job(user, state=State.FAILED, uses_own_store=True)
        assert "keys of your own stores" in text(
            browser.post(f"/cubes/{own.job_id}/again", follow=True)
        )

    def test_an_unknown_action_or_method_is_refused(self, browser, user):
        job = make_job(user)
        assert browser.post(f"/cubes/{job.job_id}/explode").status_code == 404
        assert browser.get(f"/cubes/{job.job_id}/cancel").status_code == 405

    def test_who_lost_the_right_changes_nothing(self, browser, user):
        job = make_job(user)
        user.user_permissions.clear()
        assert browser.post(f"/cubes/{job.job_id}/cancel").status_code == 403


class TestPictures:
    def test_they_are_on_the_page_with_their_legend(self, browser, user):
        job = make_job(user, state=State.SUCCEEDED, finished_at=timezone.now())
        for look in (
            looked("sst", 0),
            looked("flags", 1, classes=[["#440154", "<b>ice</b>"]], vmin=None, time=None, at={}),
            looked("salt", 2, png=None, note="No data <i>was</i> found."),
        ):
            quicklooks.keep(job, quicklooks.parse(look))
        page = browser.get(f"/cubes/{job.job_id}/").content.decode()
        assert f'src="/cubes/{job.job_id}/quicklooks/sst.png" width="4" height="2"' in page
        told = "Sea surface temperature (2020-01-01 12:00 UTC, depth 0.5), from 272.5 to 303 kelvin"
        assert f'alt="{told}"' in page
        assert page.count("<linearGradient") == 1, "classes have none, nor has what is not drawn"
        assert "&lt;b&gt;ice" in page and "No data &lt;i&gt;" in page
        picture = browser.get(f"/cubes/{job.job_id}/quicklooks/sst.png")
        assert (picture.status_code, picture["Content-Type"]) == (200, "image/png")
        assert browser.get(f"/cubes/{job.job_id}/quicklooks/salt.png").status_code == 404
        browser.force_login(make_user(permissions=["manage:cubegens"]))
        assert browser.get(f"/cubes/{job.job_id}/quicklooks/sst.png").status_code == 404

    def test_a_list_has_one_of_each_cube_in_one_query(self, browser, user):
        def queries() -> int:
            with CaptureQueriesContext(connection) as asked:
                page = browser.get("/cubes/").content.decode()
            assert page.count("/quicklooks/sst.png") == user.jobs.count()
            assert page.count('loading="lazy"') == user.jobs.count()
            return len(asked)

        counts = []
        for _ in range(3):
            job = make_job(user, state=State.SUCCEEDED, finished_at=timezone.now())
            for position, variable in enumerate(("sst", "chl")):
                quicklooks.keep(job, quicklooks.parse(looked(variable, position)))
            counts.append(queries())
        assert counts[1] == counts[2]

    def test_a_page_that_waits_is_told_when_they_come(self, user):
        job = make_job(user, state=State.SUCCEEDED, finished_at=timezone.now())
        before = cubes.cursor(job.owner)
        assert cubes.cursor(job.owner) == before
        quicklooks.keep(job, quicklooks.parse(looked()))
        assert cubes.cursor(job.owner) != before


class TestChanges:
    def ask(self, browser, after):
        return browser.get("/changes", {"after": after})

    def test_nothing_new_is_answered_304_in_few_queries(
        self, browser, user, django_assert_max_num_queries
    ):
        for _ in range(10):
            make_job(user, state=State.RUNNING)
        cursor = cursor_of(user)
        with django_assert_max_num_queries(7):
            assert self.ask(browser, cursor).status_code == 304
        assert self.ask(browser, "x" * 5000).status_code == 200

    @pytest.mark.parametrize(
        "change",
        [
            lambda job: Job.objects.filter(pk=job.pk).update(progress={"state": {"progress": 0.5}}),
            lambda job: Job.objects.filter(pk=job.pk).update(state=State.RUNNING),
            lambda job: Job.objects.filter(pk=job.pk).update(state="SUCCEEDED", is_live=False),
            lambda job: make_job(job.owner),
        ],
    )
    def test_whatever_changes_is_told(self, browser, user, change):
        job = make_job(user, state=State.LAUNCHED)
        cursor = self.ask(browser, "").json()["cursor"]
        change(job)
        assert self.ask(browser, cursor).json()["cursor"] != cursor

    def test_others_change_nothing(self, browser, user):
        cursor = cursor_of(user)
        make_job(make_user(units=1))
        assert self.ask(browser, cursor).status_code == 304

    def test_who_is_signed_out_is_told_so(self):
        assert Client().get("/changes").status_code == 401


def test_the_timeline_says_who_did_what_and_how_long_it_took(browser, user):
    begun = timezone.now() - timedelta(hours=3)
    job = make_job(user, state=State.CANCELLED, created_at=begun, finished_at=begun + HOUR * 2)
    operator = make_user("operator@example.org")
    steps = (
        ("", State.QUEUED, user.username, 0),
        (State.QUEUED, State.LAUNCHED, "launching", 10),
        (State.LAUNCHED, State.RUNNING, "observer", 11),
        (State.RUNNING, State.CANCELLED, operator.username, 120),
    )
    job.events.all().delete()
    for before, after, actor, minutes in steps:
        at = begun + timedelta(minutes=minutes)
        JobEvent.objects.create(job=job, from_state=before, to_state=after, actor=actor, at=at)
    page = text(browser.get(f"/cubes/{job.job_id}/"))
    for words in ("by you", "by the hub", "by an operator", "waited 10 min", "ran 1 h 49 min"):
        assert words in page
    assert operator.username not in page and "observer" not in page


def test_estimate_and_reality_stand_side_by_side(browser, user):
    job = make_job(
        user, state=State.SUCCEEDED, units=12, started_at=timezone.now() - HOUR,
        finished_at=timezone.now(), usage={"peak_memory_bytes": 123_000_000, "written_cells": 900},
    )  # fmt: skip
    ledger.settle(job.job_id, charged=9)
    CubeRecord.objects.create(job=job, files={"count": 3, "size_bytes": 640_000})
    JobDocument.objects.filter(job=job).update(
        admitted_cells=1000, estimate={"size_estimation": {"num_bytes": 7_200_000}}
    )
    page = " ".join(text(browser.get(f"/cubes/{job.job_id}/")).split())
    for before, after in (
        ("7.2 MB", "640 kB"), ("1,000", "900"), ("12", "9"), ("at most 1 min", "1 h"),
        ("at most 1.1 GB", "123 MB"),
    ):  # fmt: skip
        assert f">{before}</td>" in page and f">{after}</td>" in page


def test_a_failed_job_and_its_successor_are_linked_both_ways(browser, user):
    first = make_job(user, state=State.FAILED, reason=Reason.LOST)
    second = make_job(user, state=State.RUNNING, retry_of=first)
    assert f'/cubes/{second.job_id}/">' in text(browser.get(f"/cubes/{first.job_id}/"))
    assert f'/cubes/{first.job_id}/">' in text(browser.get(f"/cubes/{second.job_id}/"))
    Job.objects.filter(pk=first.pk).update(hidden_at=timezone.now())
    assert first.job_id not in text(browser.get(f"/cubes/{second.job_id}/"))


@pytest.mark.parametrize(
    ("message", "log", "words"),
    [
        ('Data resource "x" does not exist in store', [], ["no dataset of this", "needs a change"]),
        ("Cannot reach the data store: Forbidden", [], ["refuses the hub", "of the data store"]),
        ("odd", ["MemoryError: Unable to allocate 7 TiB"], ["more memory", "needs a change"]),
        ("odd", ["all is well"], ["does not know this error", "id of this job"]),
    ],
)  # fmt: skip
def test_errors_of_xcube_are_told_in_words(browser, user, message, log, words):
    job = make_job(user, state=State.FAILED, reason=Reason.XCUBE_ERROR, message=message)
    logs.append(job.pk, [LogChunk(0, log or ["x"])])
    page = text(browser.get(f"/cubes/{job.job_id}/"))
    assert all(one in page for one in words)
    assert "What to do next:" in page


@pytest.mark.parametrize(
    ("state", "sign", "icon"),
    [
        (State.RUNNING, "42 % demo", "favicon-busy.svg"),
        (State.QUEUED, "demo", "favicon-busy.svg"),
        (State.SUCCEEDED, "✓ demo", "favicon-done.svg"),
        (State.FAILED, "✗ demo", "favicon-failed.svg"),
        (State.CANCELLED, "– demo", "favicon.svg"),
    ],
)
def test_title_and_icon_of_the_tab_tell_the_end(browser, user, state, sign, icon):
    job = make_job(
        user, state=state, output_data_id="demo.zarr", progress={"state": {"progress": 0.42}}
    )
    page = text(browser.get(f"/cubes/{job.job_id}/"))
    assert f"<title>{sign}.zarr: " in page
    assert f'data-title="{sign}.zarr: ' in page
    assert f'rel="icon" href="/static/{icon}"' in page
    assert f'data-icon="/static/{icon}"' in page
    assert ("data-ended" in page) == (state in FINAL_STATES)


def test_the_log_is_searched_by_the_url(browser, user):
    job = make_job(user, state=State.FAILED, reason=Reason.LOST)
    logs.append(job.pk, [LogChunk(0, ["one", "<i>two</i>", "three two"])])
    page = text(browser.get(f"/cubes/{job.job_id}/?q=TWO"))
    assert 'id="L2"' in page and 'id="L3"' in page and 'id="L1"' not in page
    assert f'href="/cubes/{job.job_id}/?line=2#L2"' in page
    assert "<i>" not in page


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.SUCCEEDED, State.FAILED])
def test_a_page_takes_at_most_twenty_queries(browser, user, state, django_assert_max_num_queries):
    first = make_job(user, state=State.FAILED, reason=Reason.LOST)
    job = make_job(
        user, state=state, retry_of=first, message="odd",
        reason=Reason.XCUBE_ERROR if state == State.FAILED else "",
    )  # fmt: skip
    make_job(user, state=State.QUEUED, retry_of=job)
    logs.append(job.pk, [LogChunk(0, ["one"] * 100)])
    for number, look in enumerate(("a", "b")):
        quicklooks.keep(job, quicklooks.parse(looked(look, number)))
    with django_assert_max_num_queries(20):
        assert browser.get(f"/cubes/{job.job_id}/").status_code == 200
