"""The admin's first page: true numbers, each with its list, at a cost that does not grow."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from hubsite.health import parts
from jobs import dashboard
from jobs.models import Job, State
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db

QUERIES = 18


@pytest.fixture
def operator():
    return make_user("op@example.org", is_staff=True, is_superuser=True)


@pytest.fixture
def browser(operator):
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def owner():
    return make_user("ann@example.org", units=1000)


def told(rf, operator):
    request = rf.get("/admin/")
    request.user = operator
    return dashboard.of_jobs(request)


def test_it_tells_states_places_and_who_holds_them(rf, operator, owner):
    for state in (State.QUEUED, State.QUEUED, State.LAUNCHED, State.RUNNING, State.RUNNING):
        make_job(owner, state=state, is_live=True)
    make_job(owner, state=State.SUCCEEDED, is_live=False)
    panel = told(rf, operator)
    assert (panel["waiting"], panel["starting"], panel["running"]) == (2, 1, 2)
    assert panel["held"] == 3
    assert [(it["owner__email"], it["n"]) for it in panel["holders"]] == [("ann@example.org", 3)]


def test_waits_are_those_of_the_last_day(rf, operator, owner):
    now = timezone.now()
    for seconds in range(1, 11):
        job = make_job(owner, state=State.RUNNING)
        launched = now - timedelta(hours=1)
        Job.objects.filter(pk=job.pk).update(
            created_at=launched - timedelta(seconds=seconds), launched_at=launched
        )
    old = make_job(owner, state=State.SUCCEEDED)
    Job.objects.filter(pk=old.pk).update(
        created_at=now - timedelta(days=9), launched_at=now - timedelta(days=2)
    )
    panel = told(rf, operator)
    waits = [panel[name].total_seconds() for name in ("median_wait", "long_wait", "longest_wait")]
    assert waits == [6, 10, 10]


def test_each_end_is_a_part_of_its_hours_bar(rf, operator, owner):
    now = timezone.now()
    for hours, state in ((0.5, State.SUCCEEDED), (0.5, State.FAILED), (23.5, State.FAILED),
                         (24.5, State.FAILED)):  # fmt: skip
        job = make_job(owner, state=state)
        Job.objects.filter(pk=job.pk).update(finished_at=now - timedelta(hours=hours))
    hours = told(rf, operator)["hours"]
    assert (hours[-1].succeeded, hours[-1].failed, hours[-1].ago) == (1, 1, 0)
    assert (hours[0].succeeded, hours[0].failed, hours[0].ago) == (0, 1, 23)
    assert sum(hour.failed for hour in hours) == 2
    assert hours[-1].good_height + hours[-1].bad_height == dashboard.BAR_HEIGHT
    assert hours[-1].bad_y == 0


def test_failures_are_counted_by_reason_until_they_are_dealt_with(rf, operator, browser, owner):
    lost = [make_job(owner, state=State.FAILED, reason="LOST") for _ in range(3)]
    make_job(owner, state=State.FAILED, reason="DEADLINE")
    make_job(owner, retry_of=lost[0])
    old = make_job(owner, state=State.FAILED, reason="IMAGE")
    Job.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=8))
    failures = [(it.reason, it.count, it.open) for it in told(rf, operator)["failures"]]
    assert failures == [("LOST", 3, 2), ("DEADLINE", 1, 1)]
    page = browser.get("/admin/").content.decode()
    assert "2 not dealt with" in page
    listed = browser.get("/admin/jobs/job/?failures=open&reason__exact=LOST").content.decode()
    assert [job.job_id in listed for job in lost] == [False, True, True]


def test_each_number_leads_to_a_list_that_exists(browser, owner):
    make_job(owner, state=State.RUNNING, is_live=True)
    page = browser.get("/admin/").content.decode()
    links = {part.partition('"')[0].replace("&amp;", "&") for part in page.split('<a href="')[1:]}
    boards = {link for link in links if link.startswith("/admin/") and "?" in link}
    assert len(boards) > 8
    for link in boards:
        answer = browser.get(link)
        assert answer.status_code == 200, (link, answer.headers.get("Location"))


def test_who_may_see_little_sees_little(owner):
    viewer = make_user(is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_subscription"))
    client = Client()
    client.force_login(viewer)
    page = client.get("/admin/").content.decode()
    assert "Is it healthy?" in page
    for title in ("Cube generation", "Units this month", "ann@example.org"):
        assert title not in page.partition("boards")[2].partition("app-accounts")[0]


def test_its_queries_do_not_grow(browser, owner, django_assert_max_num_queries, monkeypatch):
    """Without those of the health of parts, which are asked for at most once in two seconds."""
    view = parts.look()
    monkeypatch.setattr(parts, "look", lambda: view)
    for count in (1, 20):
        for number in range(count):
            make_job(make_user(units=3), state=State.FAILED if number % 2 else State.RUNNING,
                     is_live=True)  # fmt: skip
        with django_assert_max_num_queries(QUERIES):
            browser.get("/admin/")
