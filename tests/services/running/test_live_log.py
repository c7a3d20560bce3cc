"""The log of a service that serves: copied while someone reads it, and then no more."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from hubsite.console.changes import cursor_of
from hubsite.engines.facts import LogChunk
from hubsite.engines.outcomes import EngineUnavailable
from services import tasks
from services.models import InstanceDocument, State
from services.running import live_log
from tests.services.factories import make_instance

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def lines(engine, monkeypatch):
    """What the engine has of each service's log; the test changes it."""
    said: list[str] = ["one"]
    monkeypatch.setattr(engine.services, "log", lambda *_, **__: [LogChunk(0, list(said))])
    return said


def log_of(instance) -> str:
    return InstanceDocument.objects.get(instance=instance).log


def test_it_is_copied_once_its_page_was_seen_and_the_page_changes(world, lines):
    instance = world.ready()
    tasks.follow_logs()
    assert log_of(instance) == ""  # nobody reads it
    browser = Client()
    browser.force_login(world.user)
    path = f"/services/{instance.instance_id}/"
    assert "within seconds" in browser.get(path).content.decode()
    before = cursor_of(world.user)
    tasks.follow_logs()
    assert log_of(instance) == "one" and cursor_of(world.user) != before
    before = cursor_of(world.user)
    tasks.follow_logs()
    assert cursor_of(world.user) == before  # nothing new: no page loads again
    lines.append("<b>two</b>")
    tasks.follow_logs()
    assert cursor_of(world.user) != before
    assert "one\n&lt;b&gt;two&lt;/b&gt;" in browser.get(path).content.decode()


def test_it_ends_when_nobody_has_looked_for_a_while(world, lines):
    instance = world.ready()
    live_log.want(instance)
    past = timezone.now() - timedelta(seconds=1)
    InstanceDocument.objects.update(log_wanted_until=past)
    tasks.follow_logs()
    assert log_of(instance) == ""


def test_looking_again_and_again_writes_once(world, django_assert_num_queries):
    instance = world.ready()
    live_log.want(instance)
    wanted = InstanceDocument.objects.get(instance=instance).log_wanted_until
    with django_assert_num_queries(1):
        live_log.want(instance)
    assert InstanceDocument.objects.get(instance=instance).log_wanted_until == wanted


@pytest.mark.parametrize("state", [State.REQUESTED, State.STOPPED, State.FAILED])
def test_a_service_without_a_process_is_not_asked(world, state):
    instance = make_instance(world.user, state=state)
    live_log.want(instance)
    assert InstanceDocument.objects.get(instance=instance).log_wanted_until is None


def test_an_engine_that_is_away_is_left_alone_for_some_seconds(world, engine, monkeypatch):
    calls = []

    def away(*_, **__):
        calls.append(1)
        raise EngineUnavailable("no answer")

    monkeypatch.setattr(engine.services, "log", away)
    for _ in range(3):
        live_log.want(world.ready())
    tasks.follow_logs()
    tasks.follow_logs()
    assert len(calls) == 1


def test_it_costs_one_query_if_no_log_is_wanted(world, django_assert_num_queries):
    world.ready()
    with django_assert_num_queries(1):
        tasks.follow_logs()
