"""How facts of the engine become the life of jobs."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Balance, LedgerEntry
from hubsite.coordination import queues, ticks
from hubsite.engines import following
from hubsite.engines.facts import Gone, LogChunk, Phase, RunFact, usage_of
from hubsite.engines.facts import Reason as EngineReason
from hubsite.engines.following import Follower
from hubsite.engines.outcomes import EngineUnavailable
from jobs import lifecycle, tasks
from jobs.models import Job, JobDocument, Reason, State
from jobs.running import logs
from jobs.running.book import JobBook
from jobs.running.following import make_follower
from tests.accounts.factories import make_user

from ..conftest import queued_tasks, run_queued_tasks
from ..factories import make_job

pytestmark = pytest.mark.django_db

OK = {
    "status": "ok",
    "status_code": 201,
    "message": "Cube generated successfully",
    "result": {"data_id": "x.zarr"},
}


@pytest.fixture
def observer(engine):
    return make_follower(engine, is_stopping=lambda: False)


def look(observer, *, asked_at=None):
    level = observer._place.level()
    observer.compare(replace(level, asked_at=asked_at or level.asked_at))


def record(engine, job, fact):
    return JobBook(engine).record_one(job, fact)


def vanish(engine, job, *, asked_at):
    JobBook(engine).vanish(job, asked_at=asked_at)


def launched(**fields):
    return make_job(
        make_user(units=100),
        state=State.LAUNCHED,
        units=5,
        launched_at=timezone.now() - timedelta(seconds=30),
        **fields,
    )


def test_a_run_that_begins_makes_its_job_run(observer, engine):
    job = launched()
    began = timezone.now()
    engine.show(job.job_id, Phase.RUNNING, started_at=began)
    look(observer)
    job.refresh_from_db()
    assert (job.state, job.started_at) == (State.RUNNING, began)
    assert job.seen_at is not None


def test_a_pending_run_is_seen_but_not_running(observer, engine):
    job = launched()
    engine.show(job.job_id, Phase.PENDING)
    look(observer)
    job.refresh_from_db()
    assert job.state == State.LAUNCHED
    assert job.seen_at is not None


def test_success_ends_the_job_bills_it_and_frees_its_place(observer, engine):
    job = launched()
    engine.logs[job.job_id] = [LogChunk(0, ["hello", "world"])]
    engine.show(
        job.job_id, Phase.SUCCEEDED, started_at=timezone.now(), result={**OK, "traceback": ["x"]}
    )
    look(observer)
    job.refresh_from_db()
    assert (job.state, job.message) == (State.SUCCEEDED, "Cube generated successfully")
    assert [e.to_state for e in job.events.all()] == ["QUEUED", "RUNNING", "SUCCEEDED"]
    assert not job.is_live
    assert "traceback" not in job.result
    assert logs.last_lines(job) == ["hello", "world"]
    assert Balance.objects.get(user=job.owner).total == 95
    assert sorted(queued_tasks()) == ["launch_due", "remove_objects"]
    run_queued_tasks()
    assert engine.deleted == [job.job_id]


@pytest.mark.parametrize("reason", ["OUT_OF_MEMORY", "DEADLINE", "XCUBE_ERROR", "LOST"])
def test_a_failure_keeps_its_reason(observer, engine, reason):
    job = launched()
    engine.show(job.job_id, Phase.FAILED, reason=reason, message="why", started_at=timezone.now())
    look(observer)
    job.refresh_from_db()
    assert (job.state, job.reason, job.message) == (State.FAILED, reason, "why")
    assert Balance.objects.get(user=job.owner).available == 100


@pytest.mark.parametrize("reason", [None, "NONE_OF_OURS"])
def test_a_failure_without_a_known_reason_is_the_programs_own(observer, engine, reason):
    job = launched()
    engine.show(job.job_id, Phase.FAILED, reason=reason, message="why", started_at=timezone.now())
    look(observer)
    job.refresh_from_db()
    assert (job.state, job.reason, job.message) == (State.FAILED, Reason.XCUBE_ERROR, "why")


def test_every_reason_of_an_engine_is_one_of_jobs_too():
    ours = {*EngineReason} - {EngineReason.STOPPED, EngineReason.CRASH_LOOP}
    assert {*Reason.values} == ours | {"XCUBE_ERROR", "COST", "OPERATOR"}


def test_the_same_fact_twice_changes_nothing(observer, engine):
    job = launched()
    engine.show(job.job_id, Phase.SUCCEEDED, started_at=timezone.now(), result=OK)
    look(observer)
    events = job.events.count()
    look(observer)
    make_follower(engine, is_stopping=lambda: False).compare(engine.level())
    assert job.events.count() == events
    assert Balance.objects.get(user=job.owner).total == 95


def test_why_a_run_waits_is_told_as_long_as_it_does(observer, engine):
    job = launched()
    engine.show(job.job_id, Phase.PENDING, reason="UNSCHEDULABLE", message="No node can take it.")
    look(observer)
    job.refresh_from_db()
    assert (job.state, job.message) == (State.LAUNCHED, "No node can take it.")
    engine.show(job.job_id, Phase.RUNNING, started_at=timezone.now())
    look(observer)
    job.refresh_from_db()
    assert (job.state, job.message) == (State.RUNNING, "")


def test_a_run_that_is_stuck_fails_but_holds_its_place_until_its_object_is_gone(observer, engine):
    job = launched()
    engine.show(job.job_id, Phase.STUCK, reason="IMAGE", message="x:1 cannot be had.")
    look(observer)
    job.refresh_from_db()
    assert (job.state, job.reason, job.is_live) == (State.FAILED, "IMAGE", True)
    assert Balance.objects.get(user=job.owner).available == 100, "our fault, and free"
    run_queued_tasks()
    assert engine.deleted == [job.job_id]
    look(observer, asked_at=timezone.now() + timedelta(seconds=1))
    job.refresh_from_db()
    assert not job.is_live


def test_a_cancelled_job_is_freed_as_soon_as_its_object_is_said_to_be_gone(observer, engine):
    job = launched()
    engine.show(job.job_id, Phase.RUNNING, started_at=timezone.now())
    look(observer)
    job.refresh_from_db()
    lifecycle.cancel(job, actor="test")
    observer.note_gone([Gone(job.job_id, timezone.now() + timedelta(seconds=1))])
    job.refresh_from_db()
    assert not job.is_live


def test_a_run_is_not_lost_while_its_object_is_there_whatever_a_late_level_says(observer, engine):
    """Two observers with two clocks: what one has just seen, the other's list has not."""
    job = launched()
    engine.show(job.job_id, Phase.RUNNING, started_at=timezone.now())
    look(observer)
    observer.note_gone([Gone(job.job_id, timezone.now() + timedelta(hours=1))])
    job.refresh_from_db()
    assert job.state == State.RUNNING


def test_what_a_run_reported_of_its_result_counts_where_the_engine_lost_it(observer, engine):
    job = launched(result={**OK, "versions": {"xcube": "1.14.1"}})
    engine.show(job.job_id, Phase.SUCCEEDED, started_at=timezone.now())
    look(observer)
    job.refresh_from_db()
    assert job.state == State.SUCCEEDED
    assert job.result["result"] == {"data_id": "x.zarr"}


def test_an_engine_whose_logs_cost_is_asked_by_the_worker_where_no_line_came(observer, engine):
    engine.has_logs_at_hand = False
    for lines in ([], ["reported"]):
        job = launched()
        if lines:
            logs.append(job.pk, [LogChunk(5, lines)])
        engine.logs[job.job_id] = [LogChunk(0, ["from the engine"])]
        engine.show(job.job_id, Phase.SUCCEEDED, started_at=timezone.now())
        look(observer)
        assert logs.last_lines(job) == lines, "an end waits for no log"
        tasks.remove_objects([job.job_id], "local")
        assert logs.last_lines(job) == (lines or ["from the engine"])
        assert job.job_id in engine.deleted


def test_a_seen_run_that_vanishes_is_lost(observer, engine):
    job = launched(seen_at=timezone.now() - timedelta(seconds=20))
    look(observer)
    job.refresh_from_db()
    assert (job.state, job.reason) == (State.FAILED, Reason.LOST)
    assert Balance.objects.get(user=job.owner).available == 100


def test_a_run_that_was_never_seen_is_not_lost_but_launched_again(observer, engine):
    job = launched()
    look(observer)
    job.refresh_from_db()
    assert job.state == State.LAUNCHED


def test_a_level_older_than_the_sighting_proves_nothing(observer, engine):
    job = launched(seen_at=timezone.now())
    look(observer, asked_at=timezone.now() - timedelta(seconds=5))
    job.refresh_from_db()
    assert job.state == State.LAUNCHED


def test_a_cancelled_job_is_freed_when_its_object_is_gone(observer, engine, monkeypatch):
    job = launched(seen_at=timezone.now())
    engine.show(job.job_id, Phase.RUNNING, started_at=timezone.now())
    look(observer)
    job.refresh_from_db()
    lifecycle.cancel(job, actor="user")
    look(observer)
    job.refresh_from_db()
    assert job.is_live
    assert "remove_objects" in queued_tasks()
    run_queued_tasks()
    assert (engine.stopped, engine.deleted) == ([job.job_id], []), "its end is the only proof"
    look(observer)
    job.refresh_from_db()
    assert not job.is_live
    assert (job.state, job.owner.balance.available) == (State.CANCELLED, 100)
    assert job.removal_due_at, "it costs nothing, and nothing of it may stay"
    monkeypatch.setattr("jobs.tasks.outputs.remove_due", int)
    observer._next_ask = 0.0
    observer._asked_to_remove.clear()  # ten seconds later
    look(observer)
    run_queued_tasks()
    assert engine.deleted == [job.job_id]


@pytest.mark.parametrize("is_end_seen", [False, True])
def test_a_job_cancelled_before_its_run_was_seen_is_billed_and_may_replace_what_it_wrote(
    observer, engine, is_end_seen
):
    job = launched(can_remove_output=False)
    lifecycle.cancel(job, actor="user")
    began = timezone.now()
    engine.show(job.job_id, Phase.RUNNING, started_at=began)
    if not is_end_seen:
        look(observer)
        del engine.objects[job.job_id]
    else:
        engine.show(job.job_id, Phase.FAILED, reason="STOPPED", started_at=began)
    look(observer)
    job.refresh_from_db()
    assert (job.state, job.is_live, job.owner.balance.total) == (State.CANCELLED, False, 95)
    assert job.started_at == began, "by which admission knows who wrote there last"


def test_a_late_success_of_a_cancelled_job_changes_only_its_place(observer, engine):
    job = launched()
    lifecycle.cancel(job, actor="user")
    engine.show(job.job_id, Phase.SUCCEEDED, result=OK)
    look(observer)
    job.refresh_from_db()
    assert (job.state, job.is_live) == (State.CANCELLED, False)


def test_an_object_without_a_row_is_removed_after_a_grace(observer, engine, monkeypatch):
    engine.show("a-stranger", Phase.RUNNING)
    look(observer)
    assert queued_tasks() == []
    monkeypatch.setattr(following, "ORPHAN_GRACE_S", -1)
    look(observer)
    run_queued_tasks()
    assert engine.deleted == ["a-stranger"]


def test_facts_of_another_attempt_are_not_this_ones(observer, engine):
    job = launched(attempt=2)
    engine.show(job.job_id, Phase.FAILED, reason="LOST")
    look(observer)
    job.refresh_from_db()
    assert job.state == State.LAUNCHED


def test_log_lines_that_reports_brought_are_kept_once(observer, engine):
    job = launched()
    logs.append(job.pk, [LogChunk(1, ["b"])])
    engine.logs[job.job_id] = [LogChunk(0, ["a", "b", "c"]), LogChunk(10, ["k"])]
    engine.show(job.job_id, Phase.SUCCEEDED, result=OK, started_at=timezone.now())
    look(observer)
    assert logs.lines_from(job, 0, 100) == [(0, "a"), (1, "b"), (2, "c"), (10, "k")]


def test_the_follower_asks_for_the_ticks_that_are_due():
    ticker = ticks.Ticker()
    for _ in range(3):
        ticker.ask_due()
    assert queued_tasks().count("sweep") == 2, "one of jobs and one of services every five seconds"
    assert queued_tasks().count("delete_expired_tokens") == 1, "the accounts' housekeeping, too"


@pytest.mark.django_db(transaction=True)
def test_the_observer_goes_on_after_an_outage(engine, monkeypatch):
    job = launched()
    engine.show(job.job_id, Phase.RUNNING, started_at=timezone.now())
    engine.is_away = True
    pauses = []

    def pause(self, why):
        pauses.append(why)
        engine.is_away = len(pauses) < 3

    monkeypatch.setattr(Follower, "_pause", pause)

    def is_stopping():
        return Job.objects.get(pk=job.pk).state == State.RUNNING

    make_follower(engine, is_stopping=is_stopping).run()
    assert len(pauses) == 3
    assert Job.objects.get(pk=job.pk).state == State.RUNNING


def test_query_count_of_an_idle_look(observer, engine, django_assert_num_queries):
    for _ in range(3):
        job = launched(seen_at=timezone.now())
        engine.show(job.job_id, Phase.RUNNING, started_at=timezone.now())
    look(observer)
    with django_assert_num_queries(2):
        look(observer)


def test_a_queued_job_is_not_touched_by_an_object_of_its_name(observer, engine):
    job = make_job(make_user(units=10))
    engine.show(job.job_id, Phase.RUNNING)
    look(observer)
    assert Job.objects.get(pk=job.pk).state == State.QUEUED


class TestTwoObserversAtOnce:
    """Each holds the row as it was; the other, or the owner, was faster."""

    def test_the_other_has_begun_it(self, engine):
        job = launched()
        stale = Job.objects.get(pk=job.pk)
        began = engine.show(job.job_id, Phase.RUNNING, started_at=timezone.now())
        assert not record(engine, job, began)
        ended = engine.show(job.job_id, Phase.SUCCEEDED, started_at=timezone.now(), result=OK)
        assert record(engine, stale, ended)
        job.refresh_from_db()
        assert (job.state, job.is_live) == (State.SUCCEEDED, False)
        assert [e.to_state for e in job.events.all()] == ["QUEUED", "RUNNING", "SUCCEEDED"]

    def test_the_other_has_ended_it(self, engine):
        job = launched()
        stale = Job.objects.get(pk=job.pk)
        ended = engine.show(job.job_id, Phase.SUCCEEDED, started_at=timezone.now(), result=OK)
        assert record(engine, job, ended)
        assert record(engine, stale, ended)
        assert job.events.count() == 3
        assert Balance.objects.get(user=job.owner).total == 95

    def test_the_owner_has_cancelled_it(self, engine):
        job = launched()
        stale = Job.objects.get(pk=job.pk)
        lifecycle.cancel(job, actor="user")
        ended = engine.show(job.job_id, Phase.SUCCEEDED, started_at=timezone.now(), result=OK)
        assert record(engine, stale, ended)
        job.refresh_from_db()
        assert (job.state, job.is_live) == (State.CANCELLED, False)


def test_a_job_cancelled_before_it_was_seen_is_freed_only_after_its_launch_is_forbidden(
    observer, engine
):
    job = launched()
    lifecycle.cancel(job, actor="user")
    engine.is_away = True
    with pytest.raises(EngineUnavailable):
        vanish(engine, job, asked_at=timezone.now() + timedelta(seconds=1))
    assert Job.objects.get(pk=job.pk).is_live
    engine.is_away = False
    look(observer)
    assert engine.deleted == [job.job_id]
    assert not Job.objects.get(pk=job.pk).is_live


def test_where_a_late_launch_cannot_be_forbidden_its_place_is_held_until_none_can_come(
    observer, engine
):
    """Else its pod writes the cube that another job, in the freed place, is writing too."""
    engine.delete_is_lasting = False
    job = launched()
    lifecycle.cancel(job, actor="user")
    look(observer, asked_at=timezone.now() + timedelta(seconds=50))
    job.refresh_from_db()
    assert job.is_live
    assert engine.deleted == [job.job_id]
    engine.show(job.job_id, Phase.PENDING)  # there it is
    assert record(engine, job, engine.objects[job.job_id]), "and it is removed"
    del engine.objects[job.job_id]
    look(observer, asked_at=timezone.now() + timedelta(seconds=61))
    job.refresh_from_db()
    assert not job.is_live


def test_a_launch_that_came_to_its_end_need_not_be_waited_for(observer, engine):
    engine.delete_is_lasting = False
    job = launched(made_at=timezone.now())
    lifecycle.cancel(job, actor="user")
    look(observer, asked_at=job.made_at - timedelta(seconds=1))
    assert Job.objects.get(pk=job.pk).is_live, "a level from before says nothing of it"
    look(observer, asked_at=timezone.now() + timedelta(seconds=1))
    assert not Job.objects.get(pk=job.pk).is_live


def test_one_run_that_cannot_be_recorded_does_not_keep_others_from_it(
    observer, engine, monkeypatch
):
    odd, good = launched(), launched()
    move = lifecycle.move

    def move_but_one(job, to, **fields):
        if job.job_id == odd.job_id and to == State.SUCCEEDED:
            raise ValueError("nobody expected this")
        return move(job, to, **fields)

    monkeypatch.setattr(lifecycle, "move", move_but_one)
    for job in (odd, good):
        engine.show(job.job_id, Phase.SUCCEEDED, started_at=timezone.now(), result=OK)
    look(observer)
    odd.refresh_from_db()
    good.refresh_from_db()
    assert good.state == State.SUCCEEDED
    assert (odd.state, odd.reason, odd.is_live) == (State.FAILED, Reason.LOST, False)


def test_jobs_that_cannot_be_billed_or_ended_do_not_keep_others_from_it(
    observer, engine, monkeypatch, caplog
):
    broken, odd, good = (launched() for _ in range(3))
    Balance.objects.filter(user=broken.owner).update(reserved=0)  # as after a repair by hand
    engine.show(broken.job_id, Phase.FAILED, reason="XCUBE_ERROR", started_at=timezone.now())
    for job in (odd, good):
        lifecycle.cancel(job, actor="test")
    close = lifecycle.close

    def close_some(job, **facts):
        if job.job_id == odd.job_id:
            raise ValueError("nobody expected this")
        return close(job, **facts)

    monkeypatch.setattr(lifecycle, "close", close_some)
    look(observer, asked_at=timezone.now() + timedelta(seconds=1))
    for job in (broken, good):
        job.refresh_from_db()
        assert (job.is_final, job.is_live) == (True, False)
    assert f"{broken.job_id} ended, but cannot be billed" in caplog.text
    assert f"{odd.job_id}: its run is gone, but it cannot be ended" in caplog.text


def test_a_log_that_cannot_be_stored_fails_no_job(observer, engine, monkeypatch):
    monkeypatch.setattr("jobs.running.book.logs.append_missing", lambda job, log: 1 / 0)
    job = launched()
    engine.logs[job.job_id] = [LogChunk(0, ["a line"])]
    engine.show(job.job_id, Phase.SUCCEEDED, started_at=timezone.now(), result=OK)
    look(observer)
    assert Job.objects.get(pk=job.pk).state == State.SUCCEEDED


def test_many_runs_that_begin_at_once_make_the_step_one_by_one_where_one_has_left_it(
    observer, engine
):
    """Its owner cancelled one after the follower had read its row."""
    first, second = launched(), launched()
    stale = [Job.objects.get(pk=job.pk) for job in (first, second)]
    lifecycle.cancel(second, actor="user")
    began = timezone.now()
    assert not lifecycle.begin_all([(job, began) for job in stale], actor="observer")
    assert [job.state for job in stale] == [State.LAUNCHED, State.LAUNCHED]
    assert Job.objects.get(pk=first.pk).state == State.LAUNCHED, "all of them, or none"
    for job in stale:
        engine.show(job.job_id, Phase.RUNNING, started_at=began)
    look(observer)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.started_at) == (State.RUNNING, began)
    assert (second.state, second.started_at) == (State.CANCELLED, began)
    assert [event.to_state for event in first.events.all()] == ["QUEUED", "RUNNING"]


def test_what_happened_together_is_recorded_each_at_its_own_time(observer, engine):
    jobs = [launched() for _ in range(4)]
    times = [timezone.now() - timedelta(seconds=number) for number in range(4)]
    for job, began in zip(jobs, times, strict=True):
        engine.show(job.job_id, Phase.RUNNING, started_at=began)
    look(observer)
    rows = [Job.objects.get(pk=job.pk) for job in jobs]
    assert [(row.state, row.started_at) for row in rows] == [(State.RUNNING, t) for t in times]
    assert all(row.seen_at for row in rows)
    assert {row.events.last().actor for row in rows} == {"observer"}


def test_objects_are_asked_to_be_removed_once_and_not_into_a_long_queue(observer, engine):
    job = launched()
    engine.show(job.job_id, Phase.SUCCEEDED, started_at=timezone.now(), result=OK)
    for _ in range(5):
        look(observer)
    assert queued_tasks().count("remove_objects") == 1
    observer._asked_to_remove.clear()
    for _ in range(30):
        queues.put(queues.OUTSIDE, "others.tasks.something", 1)
    look(observer)
    assert queued_tasks().count("remove_objects") == 1


@pytest.mark.parametrize("ended", [True, False])
def test_a_time_of_a_clock_that_was_ahead_holds_no_place_for_a_day(observer, engine, ended):
    """The job's object is gone, and its row was written while the clock was a day ahead."""
    tomorrow = timezone.now() + timedelta(days=1)
    job = launched(seen_at=tomorrow)
    if ended:
        Job.objects.filter(pk=job.pk).update(state=State.CANCELLED, finished_at=tomorrow)
    look(observer)
    job.refresh_from_db()
    assert not job.is_live
    assert job.is_final


class TestUsage:
    """What a run really used is kept beside its price."""

    def ends(self, engine, **usage):
        job = launched()
        JobDocument.objects.filter(job=job).update(admitted_cells=1000)
        began = timezone.now()
        fact = RunFact(
            job.job_id, Phase.SUCCEEDED, attempt=1, started_at=began, result=OK, usage=usage
        )
        record(engine, job, fact)
        job.refresh_from_db()
        return job, LedgerEntry.objects.closing(job.job_id).get()

    def test_memory_and_size_are_stored_and_the_ledger_has_the_price_of_the_size(self, engine):
        job, entry = self.ends(engine, written_cells=400, peak_memory_bytes=7)
        assert job.usage == {"written_cells": 400, "peak_memory_bytes": 7}
        assert (entry.units, entry.actual_units) == (5, 2)

    def test_without_a_size_nothing_is_made_up(self, engine):
        job, entry = self.ends(engine)
        assert (job.usage, entry.actual_units) == (None, None)

    @pytest.mark.parametrize("value", [-1, True, "9", 1.5, None, 2**63, [1], {"a": 1}])
    def test_only_numbers_are_taken_from_what_a_run_says(self, value):
        assert usage_of({"written_cells": value, "peak_memory_bytes": 3, "other": 4}) == {
            "peak_memory_bytes": 3
        }
