"""What a job may become, and what its end costs."""

import itertools

import pytest

from accounts.models import Balance
from accounts.units import ledger
from hubsite.coordination.transitions import IllegalTransition
from jobs import lifecycle
from jobs.models import FINAL_STATES, Job, JobDocument, Reason, State
from tests.accounts.factories import make_user

from .factories import make_job

pytestmark = pytest.mark.django_db


def balance(user):
    row = Balance.objects.get(user=user)
    return row.total, row.reserved


@pytest.mark.parametrize(("origin", "to"), list(itertools.product(State, State)))
def test_only_the_steps_of_the_table_are_made(origin, to):
    job = make_job(make_user(units=10), state=origin)
    if to in lifecycle.TRANSITIONS[origin]:
        assert lifecycle.move(job, to, actor="test")
        job.refresh_from_db()
        assert job.state == to
        assert [e.to_state for e in job.events.all()][-1] == to
    else:
        with pytest.raises(IllegalTransition):
            lifecycle.move(job, to, actor="test")
        job.refresh_from_db()
        assert job.state == origin


def test_final_states_are_never_left():
    assert all(not lifecycle.TRANSITIONS[state] for state in FINAL_STATES)


def test_a_late_step_changes_nothing():
    job = make_job(make_user(units=10), units=4, state=State.RUNNING)
    late = Job.objects.get(pk=job.pk)
    assert lifecycle.move(job, State.SUCCEEDED, actor="first")
    assert not lifecycle.move(late, State.FAILED, actor="second", reason=Reason.LOST)
    job.refresh_from_db()
    assert (job.state, job.reason) == (State.SUCCEEDED, "")
    assert job.events.count() == 2
    assert balance(job.owner) == (6, 0)


@pytest.mark.parametrize(
    ("origin", "to", "reason", "is_in_owners_hands", "is_charged"),
    [
        (State.RUNNING, State.SUCCEEDED, "", False, True),
        (State.RUNNING, State.CANCELLED, "", False, True),
        (State.QUEUED, State.CANCELLED, "", False, False),
        (State.RUNNING, State.FAILED, Reason.XCUBE_ERROR, False, False),
        (State.RUNNING, State.FAILED, Reason.OUT_OF_MEMORY, False, False),
        (State.RUNNING, State.FAILED, Reason.XCUBE_ERROR, True, True),
        (State.RUNNING, State.FAILED, Reason.DEADLINE, True, True),
        (State.LAUNCHED, State.FAILED, Reason.XCUBE_ERROR, True, False),
        *[(State.RUNNING, State.FAILED, r, True, False) for r in sorted(lifecycle.OUR_FAULTS)],
    ],
)
@pytest.mark.parametrize("hands", ["has_user_code", "uses_own_store"])
def test_an_end_settles_or_releases_the_reservation(
    origin, to, reason, is_in_owners_hands, is_charged, hands
):
    user = make_user(units=10)
    job = make_job(user, units=4, state=origin, **{hands: is_in_owners_hands})
    assert balance(user) == (10, 4)
    lifecycle.move(job, to, actor="test", reason=reason)
    assert balance(user) == ((6, 0) if is_charged else (10, 0))
    assert ledger.check_ledger() == []


@pytest.mark.parametrize(
    ("hands", "left"), [("uses_own_store", (10, 0)), ("has_user_code", (6, 0))]
)
def test_a_cube_that_is_too_large_is_free_but_for_code_which_could_have_written_it(hands, left):
    job = make_job(make_user(units=10), units=4, state=State.RUNNING, **{hands: True})
    lifecycle.move(job, State.FAILED, actor="test", reason=Reason.COST)
    assert balance(job.owner) == left


@pytest.mark.parametrize(("has_run", "left"), [(True, (6, 0)), (False, (10, 0))])
def test_a_job_cancelled_while_it_was_launched_is_billed_by_whether_it_has_run(has_run, left):
    job = make_job(make_user(units=10), units=4, state=State.LAUNCHED)
    lifecycle.cancel(job, actor="user")
    assert balance(job.owner) == (10, 4), "nobody knows yet"
    assert lifecycle.close(job, has_run=has_run)
    assert balance(job.owner) == left
    assert not lifecycle.close(job, has_run=not has_run), "once"
    assert balance(job.owner) == left


def test_credentials_are_wiped_at_the_end():
    job = make_job(make_user(units=10), state=State.RUNNING)
    JobDocument.objects.filter(job=job).update(credentials=b"sealed")
    lifecycle.move(job, State.FAILED, actor="test", reason=Reason.XCUBE_ERROR)
    assert JobDocument.objects.get(job=job).credentials is None


def test_cancel_wins_over_a_step_made_meanwhile():
    job = make_job(make_user(units=10))
    seen_before = Job.objects.get(pk=job.pk)
    lifecycle.move(job, State.LAUNCHED, actor="worker")
    assert lifecycle.cancel(seen_before, actor="user")
    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert job.is_live, "its run may exist: it keeps its place until its object is gone"


def test_a_cancelled_queued_job_is_free_at_once():
    job = make_job(make_user(units=10))
    assert lifecycle.cancel(job, actor="user")
    job.refresh_from_db()
    assert not job.is_live
    assert not lifecycle.cancel(job, actor="user"), "a second cancel changes nothing"
