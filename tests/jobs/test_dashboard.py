"""The admin's first page: true numbers, each with its list, at a cost that does not grow."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.units import ledger
from hubsite.console import saved_filters
from hubsite.health import parts
from jobs import dashboard, lifecycle
from jobs.dashboard import panels
from jobs.models import Job, JobEvent, LearntDuration, State
from jobs.operators import history
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db

QUERIES = 20


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


def _engine(panel, name):
    return next(engine for engine in panel["engines"] if engine.name == name)


def test_it_tells_states_places_and_who_holds_them_by_engine(rf, operator, owner):
    for state in (State.QUEUED, State.QUEUED, State.LAUNCHED, State.RUNNING, State.RUNNING):
        make_job(owner, state=state, is_live=True)
    make_job(owner, state=State.SUCCEEDED, is_live=False)
    make_job(owner, state=State.QUEUED, engine="kubernetes")
    panel = told(rf, operator)
    assert (panel["waiting"], panel["starting"], panel["running"]) == (3, 1, 2)
    local, cluster = _engine(panel, "local"), _engine(panel, "kubernetes")
    assert (local.held, local.waiting, cluster.held, cluster.waiting) == (3, 2, 0, 1)
    assert local.places is not None
    assert [(it["owner__email"], it["n"]) for it in panel["holders"]] == [("ann@example.org", 3)]


def test_waits_are_those_of_the_last_day_by_engine(rf, operator, owner):
    now = timezone.now()
    for number in range(1, 101):
        at = now - timedelta(hours=1)
        job = make_job(owner, created_at=at - timedelta(seconds=number), state=State.RUNNING)
        JobEvent.objects.create(
            job=job, from_state="QUEUED", to_state="LAUNCHED", at=at, actor="worker"
        )
    old = make_job(owner, created_at=now - timedelta(days=9), engine="kubernetes")
    JobEvent.objects.create(
        job=old,
        from_state="QUEUED",
        to_state="LAUNCHED",
        at=now - timedelta(days=2),
        actor="worker",
    )
    history.count_hours()
    panel = told(rf, operator)
    local = _engine(panel, "local")
    assert local.launched == 100
    for told_s, true_s in zip(local.waited, (50, 90, 99), strict=True):
        assert true_s <= told_s <= true_s * history.GROWTH
    assert [engine.name for engine in panel["engines"]] == ["kubernetes", "local"]
    assert _engine(panel, "kubernetes").launched == 0


@pytest.mark.parametrize(
    ("span", "rows", "before"), [("2d", 48, 3), ("30d", 30, 40), ("nonsense", 48, 3)]
)
def test_each_end_is_in_its_hour_or_day(monkeypatch, rf, operator, owner, span, rows, before):
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)  # the hour may end meanwhile
    ends = (
        (0, State.SUCCEEDED),
        (0, State.FAILED),
        (23, State.FAILED),
        (24 * before, State.FAILED),
    )
    for hours, state in ends:
        job = make_job(owner, state=state)
        at = now - timedelta(hours=hours)
        JobEvent.objects.create(
            job=job, from_state="RUNNING", to_state=state, at=at, actor="follower"
        )
    for _ in range(6):  # a tick counts a bounded number of hours
        history.count_hours()
    request = rf.get("/admin/", {"span": span})
    request.user = operator
    ended, there, _ = dashboard.of_jobs(request)["charts"]
    assert rows <= len(ended.rows) <= rows + 1 and len(there.rows) == len(ended.rows)
    assert ended.rows[-1].values[0] == 1
    assert sum(row.values[1] for row in ended.rows) == 2


def test_jobs_that_run_longer_than_those_like_them_are_told(rf, operator, browser, owner):
    now = timezone.now()
    LearntDuration.objects.create(engine="local", kind="0 @demo", seconds=[600.0] * 8)
    late, fine = (
        make_job(
            owner,
            state=State.RUNNING,
            launched_at=now - timedelta(minutes=minutes),
            started_at=now - timedelta(minutes=minutes),
        )
        for minutes in (16, 14)
    )
    panel = told(rf, operator)
    assert [(one.pk, one.expected) for one in panel["late"]] == [(late.pk, timedelta(minutes=15))]
    assert panel["late_count"] == 1
    listed = browser.get("/admin/jobs/job/?duration=long").context["cl"].result_list
    assert [job.pk for job in listed] == [late.pk]
    LearntDuration.objects.update(seconds=[600.0] * 4)  # too few to expect anything
    assert told(rf, operator)["late"] == [] and fine


def test_saved_filters_are_numbers_that_lead_to_their_list(rf, operator, browser, owner):
    for number in range(3):
        make_job(owner, state=State.FAILED, reason="LOST", input_store=f"@{number % 2}")
    for name, query in (("Lost", "reason__exact=LOST"), ("Of one", "store=%400&failures=open")):
        saved_filters.save(operator, "admin:jobs_job", name, query, on_dashboard=True)
    saved_filters.save(operator, "admin:jobs_job", "Quiet", "reason__exact=LOST")
    found = [(one.name, one.count) for one in told(rf, operator)["widgets"]]
    assert found == [("Lost", 3), ("Of one", 2)]
    page = browser.get("/admin/").content.decode()
    assert "store=%400&amp;failures=open" in page and "Quiet" not in page


def test_units_are_those_of_the_month_by_user(browser, owner):
    job = make_job(owner, state=State.RUNNING, units=70)
    lifecycle.move(job, State.SUCCEEDED, actor="test")
    ledger.refund(job.job_id, 8, key="k", reason="ours")
    page = " ".join(browser.get("/admin/").content.decode().split())
    assert "<strong>62</strong> charged" in page and "<strong>1,000</strong> granted" in page
    assert "ann@example.org</a>: 62" in page


def test_support_sees_the_numbers(owner):
    make_job(owner, state=State.RUNNING, is_live=True)
    client = Client()
    client.force_login(make_user(permissions=["read:hub"], is_staff=True))
    assert "Places and waiting times" in client.get("/admin/").content.decode()


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


def test_it_says_that_only_the_latest_failures_are_counted(browser, owner, monkeypatch):
    for _ in range(3):
        make_job(owner, state=State.FAILED, reason="LOST")
    assert "Of the latest" not in browser.get("/admin/").content.decode()
    monkeypatch.setattr(panels, "LATEST", 2)
    assert "Of the latest 2 failures." in browser.get("/admin/").content.decode()


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
    assert "Is it healthy?" not in page, "it names parts that this person may not look into"
    for title in ("Cube generation", "Units this month", "ann@example.org"):
        assert title not in page.partition("boards")[2].partition("app-accounts")[0]


def test_its_queries_do_not_grow(browser, owner, django_assert_max_num_queries, monkeypatch):
    """Without those of the health of parts, which are asked for at most once in two seconds."""
    view = parts.look()
    monkeypatch.setattr(parts, "look", lambda: view)
    operator = User.objects.get(email="op@example.org")
    for query in ("reason__exact=LOST", "failures=open", "owner=ann@example.org"):
        saved_filters.save(operator, "admin:jobs_job", query, query, on_dashboard=True)
    for count in (1, 20):
        for number in range(count):
            make_job(make_user(units=3), state=State.FAILED if number % 2 else State.RUNNING,
                     is_live=True)  # fmt: skip
        with django_assert_max_num_queries(QUERIES):
            browser.get("/admin/")
