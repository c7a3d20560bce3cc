"""Rows that name an engine which this version does not know, as after a downgrade.

They are one warning, and stop nothing: neither launches nor removals nor the admin.
"""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from hubsite import engines
from jobs import tasks
from jobs.models import Job, State
from jobs.queue import launching
from tests.accounts.factories import make_user

from .conftest import queued_tasks, run_queued_tasks
from .engine import ScriptedEngine
from .factories import make_job

pytestmark = pytest.mark.django_db


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ScriptedEngine:
    """The only engine; the look-up of engines is the real one."""
    scripted = ScriptedEngine()

    def get_engine(name: str) -> ScriptedEngine:
        if name == "local":
            return scripted
        if name == "misconfigured":
            raise ValueError("expected claim:/path")
        raise LookupError(f"this version knows no engine called {name!r}")

    monkeypatch.setattr(engines, "get_engine", get_engine)
    engines._warn_once.cache_clear()
    return scripted


def unknown(name: str = "spaceship", **fields: object) -> Job:
    return make_job(make_user(units=100), engine=name, **fields)


@pytest.mark.parametrize("name", ["spaceship", "misconfigured", "", "Local"])
def test_it_keeps_no_other_job_from_its_launch(engine, caplog, name):
    waiting = unknown(name)
    job = make_job(make_user(units=100))
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            tasks.sweep()
    assert [run.name for run in engine.launched] == [job.job_id]
    assert Job.objects.get(pk=waiting.pk).state == State.QUEUED
    assert sum(repr(name) in record.getMessage() for record in caplog.records) == 1


def test_it_keeps_no_other_launch_from_being_repeated(engine, monkeypatch):
    monkeypatch.setattr(launching, "MOST_AT_ONCE", 2)
    long_ago = timezone.now() - timedelta(hours=1)
    lost = [unknown(state=State.LAUNCHED, launched_at=long_ago) for _ in range(3)]
    job = make_job(make_user(units=100), state=State.LAUNCHED, launched_at=long_ago)
    assert launching.launch_missing() == 1
    assert [run.name for run in engine.launched] == [job.job_id]
    assert {Job.objects.get(pk=row.pk).state for row in lost} == {State.LAUNCHED}


def test_its_objects_are_left_alone(engine):
    tasks.remove_objects(["one"], "spaceship")
    assert engine.deleted == []


def test_operators_can_still_see_and_cancel_it(engine, client, django_capture_on_commit_callbacks):
    job = unknown(state=State.RUNNING)
    admin = make_user(is_staff=True, is_superuser=True)
    client.force_login(admin)
    assert client.get(reverse("admin:jobs_job_change", args=[job.pk])).status_code == 200
    data = {"action": "cancel", "_selected_action": [job.pk], "sure": "yes"}
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(reverse("admin:jobs_job_changelist"), data).status_code == 302
    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert "remove_objects" in queued_tasks()
    run_queued_tasks()
