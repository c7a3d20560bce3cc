"""Servers are refreshed when a job of their owner has changed what they show."""

from __future__ import annotations

from itertools import count

import pytest
from django.utils import timezone

from jobs import lifecycle
from jobs.models import State as JobState
from services import tasks
from services.models import ServiceInstance, State
from services.xcube_server import live
from tests.accounts.factories import make_user
from tests.jobs.factories import make_job
from tests.services.engine import ScriptedServices
from tests.services.factories import make_instance

from .examples import one

pytestmark = pytest.mark.django_db


@pytest.fixture
def engine(monkeypatch) -> ScriptedServices:
    scripted = ScriptedServices()
    monkeypatch.setattr(live, "find_engine", lambda name: scripted)
    return scripted


@pytest.fixture
def finish(ada, stores, django_capture_on_commit_callbacks):
    """Let a job of the user's succeed that wrote this; the worker's wake-ups run too."""

    numbers = count()

    def run(data_id: str = "one.zarr", store: str = "@cubes", owner=None) -> None:
        owner = owner or ada
        job = make_job(
            owner, state=JobState.RUNNING, started_at=timezone.now(), is_live=True, units=0,
            output_store=store, output_data_id=data_id, levels_claim=f"pyramid {next(numbers)}",
        )  # fmt: skip
        with django_capture_on_commit_callbacks(execute=True):
            assert lifecycle.move(job, JobState.SUCCEEDED, actor="observer")

    return run


def due() -> set[str]:
    rows = ServiceInstance.objects.exclude(refresh_due_at=None)
    return set(rows.values_list("instance_id", flat=True))


def test_the_servers_that_show_it_are_told_and_no_others(engine, finish, ada) -> None:
    def server(configuration, owner=ada, state=State.READY):
        return make_instance(owner, state=state, configuration=configuration).instance_id

    shows = {
        server(one()),
        server(one(Path="*.zarr")),
        server(one(Path="o?e.*")),
        server({"DataStores": [{"StoreId": "@cubes"}]}),
        server(
            {"Datasets": [{"Identifier": "i", "StoreInstanceId": "@cubes", "Path": "one.zarr"}]}
        ),
        server(one(Path="one.levels")),
    }
    server(one(Path="two.zarr"))
    server(one(Path="*.nc"))
    server({"DataStores": [{"StoreId": "@mine"}]})
    server(one(), owner=make_user("ben@example.org"))
    server(one(), state=State.STOPPED)
    server(one(), state=State.ASLEEP)
    finish()
    assert due() == shows
    tasks.refresh_due()
    assert set(engine.refreshed) == shows
    assert due() == set()
    tasks.refresh_due()
    assert len(engine.refreshed) == len(shows)


@pytest.mark.parametrize(
    ("written", "data_id"), [("@alias", "one.zarr"), ("@all", "cubes/one.zarr")]
)
def test_a_store_that_holds_the_same_data_counts_too(
    engine, finish, ada, stores, written, data_id
) -> None:
    stores(
        alias={"store_id": "file", "store_params": {"root": "./cubes"}},
        all={"store_id": "file", "store_params": {"root": "."}},
    )
    server = make_instance(ada, state=State.READY, configuration=one())
    finish(data_id, store=written)
    assert due() == {server.instance_id}


def test_folders_of_other_users_and_own_stores_do_not_count(engine, finish, ada, stores) -> None:
    make_instance(ada, state=State.READY, configuration={"DataStores": [{"StoreId": "@mine"}]})
    stores(users={"store_id": "file", "store_params": {"root": "users"}})
    finish("ben/one.zarr", store="@users")
    finish("one.zarr", store="s3://bucket at s3.amazonaws.com")
    finish("one.zarr", store="@gone")
    assert due() == set()
    finish(f"{ada.username}/one.zarr", store="@users")
    assert len(due()) == 1


def test_one_that_is_starting_is_told_when_it_is_ready(engine, finish, ada) -> None:
    server = make_instance(ada, state=State.STARTING, configuration=one())
    finish()
    tasks.refresh_due()
    assert engine.refreshed == []
    ServiceInstance.objects.update(state=State.READY)
    tasks.sweep()
    assert engine.refreshed == [server.instance_id]


def test_what_an_unreachable_engine_was_not_told_stays_due(engine, finish, ada) -> None:
    server = make_instance(ada, state=State.READY, configuration=one())
    finish()
    engine.is_away = True
    tasks.refresh_due()
    assert due() == {server.instance_id}
    engine.is_away = False
    tasks.refresh_due()
    assert engine.refreshed == []  # the cool-down
    live.COOL_DOWN.end("local")
    tasks.refresh_due()
    assert engine.refreshed == [server.instance_id]


def test_data_that_changes_while_it_is_told_is_told_once_more(
    engine, finish, ada, monkeypatch
) -> None:
    make_instance(ada, state=State.READY, configuration=one())
    finish()
    refresh = engine.refresh_one

    def change_meanwhile(name: str) -> None:
        monkeypatch.setattr(engine, "refresh_one", refresh)
        refresh(name)
        finish()

    monkeypatch.setattr(engine, "refresh_one", change_meanwhile)
    tasks.refresh_due()
    assert len(due()) == 1


def test_the_end_of_a_job_costs_one_query_however_many_servers_show_it(
    finish, ada, django_assert_num_queries
) -> None:
    for _ in range(4):
        make_instance(ada, state=State.READY, configuration=one(Path="two.zarr"))
    job = make_job(ada, units=0, output_store="@cubes", output_data_id="one.zarr")
    with django_assert_num_queries(1):
        live.output_changed(job)


def test_nothing_to_refresh_costs_one_query(django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        assert live.refresh_due() == 0
