"""A drained engine takes no new work, what it runs goes on, and waiting work says why it waits."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from hubsite.audit import AuditEntry
from hubsite.engines import draining
from hubsite.refusals import Refused
from jobs.models import Job, State
from jobs.queue import launching
from jobs.queue.waiting import Cause, waiting_of
from tests.accounts.factories import make_user
from tests.jobs.engine import ScriptedEngine
from tests.jobs.factories import make_job

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def read_anew(read_switches, monkeypatch):
    monkeypatch.setattr(draining, "_kept", None)


@pytest.fixture
def engine(monkeypatch) -> ScriptedEngine:
    engine = ScriptedEngine(places=100)
    for module in (launching,):
        monkeypatch.setattr(module, "find_engine", lambda name: engine)
    return engine


def test_nothing_is_launched_and_what_runs_goes_on(engine, django_assert_num_queries):
    user = make_user(units=10)
    runs = make_job(user, state=State.RUNNING)
    waits = make_job(user)
    assert draining.drain("local", message="Maintenance.", actor=user)
    assert launching.launch_due() == 0
    assert launching.claim_due(engine) == []
    assert waiting_of(waits).cause is Cause.ENGINE_DRAINED
    runs.refresh_from_db()
    assert runs.state == State.RUNNING
    assert draining.resume("local", actor=user)
    assert waiting_of(waits).cause is not Cause.ENGINE_DRAINED
    assert launching.launch_due() == 1
    assert Job.objects.get(pk=waits.pk).state == State.LAUNCHED


def test_another_engine_goes_on(engine):
    make_job(make_user(units=10))
    draining.drain("kubernetes", message="Maintenance.", actor="command line: ann@host")
    assert launching.launch_due() == 1


def test_it_is_told_once_each_time():
    user = make_user()
    assert draining.drain("local", message="Maintenance.", actor=user)
    assert not draining.drain("local", message="Maintenance.", actor=user)
    assert not draining.drain("local", message="Until 15:00.", actor=user)
    assert draining.resume("local", actor=user)
    assert not draining.resume("local", actor=user)
    told = AuditEntry.objects.order_by("pk").values_list("action", "label", "detail")
    assert list(told) == [
        ("engine.drained", "local", "Maintenance."),
        ("engine.drained", "local", "Until 15:00."),
        ("engine.resumed", "local", ""),
    ]


@pytest.mark.parametrize(
    ("engine", "message"),
    [("moon", "Maintenance."), ("local", " "), ("local", "x" * 501), ("local", "\u202e")],
)
def test_what_cannot_be_is_refused(engine: str, message: str):
    with pytest.raises(Refused):
        draining.drain(engine, message=message, actor="command line: ann@host")


def test_the_command():
    def run(*words: str) -> str:
        out = StringIO()
        call_command("engines", *words, stdout=out)
        return out.getvalue()

    assert "takes no new work" in run("drain", "local", "--message", "Maintenance.")
    rows = {row["engine"]: row for row in json.loads(run("list", "--json"))}
    assert rows["local"]["message"] == "Maintenance."
    assert rows["local"]["actor"].startswith("command line: ")
    assert rows["kubernetes"]["drained_since"] is None
    entry = AuditEntry.objects.get()
    assert (entry.via, entry.action) == ("command", "engine.drained")
    assert "takes work again" in run("resume", "local")
    with pytest.raises(SystemExit):
        run("resume", "local")
    with pytest.raises(CommandError, match="one of local, kubernetes"):
        run("drain", "moon", "--message", "Maintenance.")
