"""Which jobs run next, exactly as many as there are places."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from hubsite.coordination.lock import Lock
from hubsite.engines.outcomes import Applied, EngineUnavailable, Outcome
from hubsite.health import heartbeat
from jobs import lifecycle, tasks
from jobs.models import Job, Reason, State
from jobs.queue import launching
from tests.accounts.factories import make_user

from ..engine import ScriptedEngine
from ..factories import make_job

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def cool_downs_last(monkeypatch):
    """Those of a few seconds would be over before a busy machine has gone through a test."""
    monkeypatch.setitem(vars(launching.COOL_DOWN), "seconds", 3600)


def states(jobs):
    return [Job.objects.get(pk=job.pk).state for job in jobs]


def test_launches_up_to_the_places_oldest_first(engine):
    user = make_user(units=100)
    jobs = [make_job(user) for _ in range(4)]
    assert launching.launch_due() == 2
    assert states(jobs) == ["LAUNCHED", "LAUNCHED", "QUEUED", "QUEUED"]
    assert [w.name for w in engine.launched] == [jobs[0].job_id, jobs[1].job_id]
    assert launching.launch_due() == 0, "no place is free"


def test_shares_places_fairly_between_users(engine):
    engine._places = 4
    greedy, modest, other = make_user(units=100), make_user(units=100), make_user(units=100)
    many = [make_job(greedy) for _ in range(10)]
    few = [make_job(modest), make_job(modest)]
    one = make_job(other)
    launching.launch_due()
    assert [w.name for w in engine.launched] == [
        many[0].job_id,
        few[0].job_id,
        one.job_id,
        many[1].job_id,
    ]


def test_running_jobs_count_in_the_share(engine):
    engine._places = 3
    greedy, modest = make_user(units=100), make_user(units=100)
    make_job(greedy, state=State.RUNNING)
    make_job(greedy, state=State.RUNNING)
    make_job(greedy)
    late = make_job(modest)
    launching.launch_due()
    assert [w.name for w in engine.launched] == [late.job_id]


def test_limits_the_running_jobs_of_a_user(engine, settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_RUNNING_PER_USER": 1}
    engine._places = 10
    user = make_user(units=100)
    jobs = [make_job(user) for _ in range(3)]
    launching.launch_due()
    assert states(jobs) == ["LAUNCHED", "QUEUED", "QUEUED"]


def test_a_cancelled_job_holds_its_place_until_its_object_is_gone(engine):
    engine._places = 1
    user = make_user(units=100)
    make_job(user, state=State.CANCELLED, is_live=True)
    waiting = make_job(user)
    assert launching.launch_due() == 0
    Job.objects.filter(state=State.CANCELLED).update(is_live=False)
    assert launching.launch_due() == 1
    assert states([waiting]) == ["LAUNCHED"]


def test_an_engine_that_is_away_loses_nothing(engine):
    job = make_job(make_user(units=100))
    engine.is_away = True
    launching.launch_due()
    assert states([job]) == ["LAUNCHED"]
    engine.is_away = False
    launching.launch_missing()
    assert engine.launched == [], "it was claimed just now"
    Job.objects.update(launched_at=timezone.now() - timedelta(seconds=11))
    launching.launch_missing()
    assert engine.launched == [], "it was away just now"
    pass_time()
    launching.launch_missing()
    assert [w.name for w in engine.launched] == [job.job_id]


def test_an_engine_that_is_away_is_asked_once_in_a_while(engine, monkeypatch):
    """Not once more for each submission, in whichever process: it shall come back in peace."""
    tries = count_calls(monkeypatch, engine, "apply_one")
    engine.is_away, engine._places = True, 10
    user = make_user(units=100)
    for _ in range(5):
        make_job(user)
        launching.launch_due()
        launching.launch_missing()
    assert len(tries) == 1
    pass_time()
    launching.launch_due()
    assert len(tries) == 2


def test_a_full_engine_is_relieved(engine):
    """What was refused for a quota is held back; what would free the quota is not."""
    engine.objects["over"] = object()
    make_job(make_user(units=100))
    engine.is_away = True
    launching.launch_due()
    engine.is_away = False
    tasks.remove_objects(["over"], "local")
    assert engine.objects == {}


def pass_time():
    Lock.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def count_calls(monkeypatch, engine, method):
    calls, original = [], getattr(engine, method)

    def call(*args):
        calls.append(args)
        return original(*args)

    monkeypatch.setattr(engine, method, call)
    return calls


def test_a_seen_job_is_not_launched_again(engine):
    an_hour_ago = timezone.now() - timedelta(hours=1)
    make_job(
        make_user(units=100),
        state=State.LAUNCHED,
        launched_at=an_hour_ago,
        made_at=an_hour_ago,
        seen_at=timezone.now(),
    )
    assert launching.launch_missing() == 0


def test_what_was_seen_but_not_completely_made_is_made(engine):
    """An engine may need several steps; between them the worker may have died."""
    job = make_job(
        make_user(units=100),
        state=State.LAUNCHED,
        launched_at=timezone.now() - timedelta(hours=1),
        seen_at=timezone.now(),
    )
    assert launching.launch_missing() == 1
    job.refresh_from_db()
    assert job.made_at is not None
    assert launching.launch_missing() == 0


def test_what_one_engine_cannot_do_stops_nothing_on_another(engine, monkeypatch):
    """Each row carries the name of its engine: places and outages are its own."""
    other = ScriptedEngine(places=1)
    other.name = "elsewhere"
    both = {"local": engine, "elsewhere": other}
    monkeypatch.setattr("jobs.queue.launching.find_engine", both.__getitem__)
    user = make_user(units=100)
    here = [make_job(user) for _ in range(3)]
    there = [make_job(user, engine="elsewhere") for _ in range(3)]
    engine.is_away = True
    launching.launch_due()
    assert engine.launched == []
    assert [w.name for w in other.launched] == [there[0].job_id]
    assert states(here) == ["LAUNCHED", "QUEUED", "QUEUED"]
    here[0].refresh_from_db()
    assert here[0].made_at is None
    assert here[0].message == f"Waiting to be launched: {EngineUnavailable.shown}."


def test_a_tick_gives_up_an_engine_that_is_away_at_the_first_failure(engine, monkeypatch):
    asked = []
    monkeypatch.setattr(engine, "apply_one", lambda w: asked.append(w) or engine._check())
    user = make_user(units=100)
    jobs = [make_job(user) for _ in range(2)]
    engine.is_away = True
    launching.launch_due()
    assert len(asked) == 1
    assert states(jobs) == ["LAUNCHED", "QUEUED"]


def test_what_waited_for_an_engine_goes_as_soon_as_it_is_back(engine):
    user = make_user(units=100)
    engine._places = 3
    jobs = [make_job(user) for _ in range(3)]
    engine.is_away = True
    launching.launch_due()
    engine.is_away = False
    pass_time()
    assert launching.launch_due() == 2
    assert [w.name for w in engine.launched] == [jobs[1].job_id, jobs[2].job_id]


def test_one_that_must_wait_does_not_stop_the_others(engine, monkeypatch):
    user = make_user(units=100)
    first, second = make_job(user), make_job(user)
    apply_one = engine.apply_one

    def busy_with_the_first(run):
        if run.name == first.job_id:
            return Applied(Outcome.WAITS, "its former object is still there")
        return apply_one(run)

    monkeypatch.setattr(engine, "apply_one", busy_with_the_first)
    launching.launch_due()
    assert [w.name for w in engine.launched] == [second.job_id]
    first.refresh_from_db()
    assert (first.state, first.made_at) == (State.LAUNCHED, None)
    assert "its former object is still there" in first.message


def test_a_refused_launch_fails_the_job_and_costs_nothing(engine):
    user = make_user(units=100)
    job = make_job(user, units=7)
    engine.refuses = "no such thing"
    launching.launch_due()
    job.refresh_from_db()
    assert (job.state, job.reason) == (State.FAILED, Reason.REJECTED)
    assert "no such thing" in job.message
    assert not job.is_live
    assert user.balance.__class__.objects.get(user=user).available == 100


def test_a_run_that_ended_long_ago_is_not_run_again(engine):
    job = make_job(make_user(units=100))
    engine.ended.add(job.job_id)
    launching.launch_due()
    job.refresh_from_db()
    assert (job.state, job.reason) == (State.FAILED, Reason.LOST)


def test_a_store_that_went_away_fails_the_job(engine):
    job = make_job(make_user(units=100))
    document = job.document
    document.request["input_config"]["store_id"] = "@gone"
    document.save()
    launching.launch_due()
    job.refresh_from_db()
    assert (job.state, job.reason) == (State.FAILED, Reason.LAUNCH)
    assert "@gone" in job.message


def test_a_broken_stores_file_makes_jobs_wait(engine, settings, tmp_path):
    job = make_job(make_user(units=100))
    path = tmp_path / "stores.yaml"
    path.write_text("[]")
    hub = settings.HUB
    settings.HUB = {**hub, "XCUBE_HUB_STORES": path}
    launching.launch_due()
    assert states([job]) == ["LAUNCHED"]
    settings.HUB = hub
    Job.objects.update(launched_at=timezone.now() - timedelta(seconds=11))
    launching.launch_missing()
    assert [w.name for w in engine.launched] == [job.job_id]


def test_one_job_that_cannot_be_launched_does_not_keep_others_waiting(engine, monkeypatch):
    user = make_user(units=100)
    odd, good = make_job(user), make_job(user)
    build = launching.build_run

    def build_run(job):
        if job.pk == odd.pk:
            raise ValueError("nobody expected this")
        return build(job)

    monkeypatch.setattr(launching, "build_run", build_run)
    launching.launch_due()
    assert [w.name for w in engine.launched] == [good.job_id]
    assert states([odd]) == ["LAUNCHED"], "it will be tried again"


def test_a_job_cancelled_since_it_was_claimed_is_not_launched(engine):
    job = make_job(make_user(units=100))
    (claimed,) = launching.claim_due(engine)
    lifecycle.cancel(Job.objects.get(pk=job.pk), actor="user")
    launching.launch(engine, [claimed])
    assert engine.launched == []


def test_a_tick_claims_no_more_than_it_can_launch(engine, monkeypatch):
    """It is ended after a minute: what it does in one transaction must not last so long."""
    monkeypatch.setattr(launching, "MOST_AT_ONCE", 3)
    engine._places = 100
    user = make_user(units=100)
    for _ in range(10):
        make_job(user)
    assert launching.launch_due() == 4, "one, and then as many as may be"
    assert launching.launch_due() == 4
    assert launching.launch_due() == 2


def test_the_uploaded_code_of_many_jobs_is_never_held_at_once(engine):
    engine._places = 100
    user = make_user(units=100)
    for _ in range(5):
        job = make_job(user, has_user_code=True)
        job.document.code = b"PK"
        job.document.request["code_config"] = {
            "callable_ref": "user_code:process_dataset",
            "file_set": {"path": "uploaded.zip"},
        }
        job.document.save()
    claimed = launching.claim_due(engine)
    assert len(claimed) == 5
    for job in claimed:
        assert launching.launch(engine, [job])
        assert "code" in job.document.get_deferred_fields()
    assert [workload.code.archive for workload in engine.launched] == [b"PK"] * 5


def test_the_workload_names_the_run_its_token_and_only_the_stores_of_the_request(engine):
    job = make_job(make_user(units=100))
    launching.launch_due()
    (workload,) = engine.launched
    assert workload.name == job.job_id
    assert set(workload.payload["stores"]) == {"demo", "cubes"}
    assert workload.payload["stores"]["cubes"]["store_params"]["root"].endswith(
        f"cubes/{job.owner.username}"
    )
    assert workload.report.url.endswith(f"/api/v2/cubegens/{job.job_id}/callbacks")
    assert job.owner.email not in str(workload)


def test_query_count_of_an_idle_tick(engine, django_assert_num_queries):
    heartbeat.beat("worker")  # the first makes its row
    with django_assert_num_queries(4):  # heartbeat, missing, due, outputs to remove
        tasks.sweep()


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_never_exceed_the_places(engine):
    engine._places = 5
    user = make_user(units=100)
    for _ in range(20):
        make_job(user)
    barrier = threading.Barrier(4)

    def work():
        barrier.wait()
        launching.launch_due()
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Job.objects.filter(state=State.LAUNCHED).count() == 5
    assert len({w.name for w in engine.launched}) == len(engine.launched) == 5


@pytest.mark.parametrize("times", [{}, {"made_at": timedelta(days=1)}])
def test_a_launch_by_a_clock_that_was_ahead_is_repeated_now(engine, times):
    """Not a day later: a launch twice is one run."""
    now = timezone.now()
    fields = {name: now + ahead for name, ahead in times.items()}
    make_job(
        make_user(units=9), state=State.LAUNCHED, launched_at=now + timedelta(days=1), **fields
    )
    assert launching.launch_missing() == 1
