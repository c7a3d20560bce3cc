"""What a job may become, and what its end costs."""

import itertools

import pytest
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Balance, LedgerEntry
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


OURS = {"can_remove_output": True}
OWN_STORE = {"can_remove_output": False, "uses_own_store": True}
CODE = {"can_remove_output": True, "has_user_code": True}
WARNING = {"status": "warning"}
COMPLETE = {"status": "ok"}


@pytest.mark.parametrize(
    ("where", "origin", "to", "facts", "is_charged"),
    [
        (OURS, State.RUNNING, State.SUCCEEDED, {}, True),
        (OURS, State.RUNNING, State.SUCCEEDED, {"result": COMPLETE}, True),
        (OURS, State.RUNNING, State.SUCCEEDED, {"result": WARNING}, False),
        (OWN_STORE, State.RUNNING, State.SUCCEEDED, {"result": WARNING}, False),
        (CODE, State.RUNNING, State.SUCCEEDED, {"result": WARNING}, True),
        (OURS, State.QUEUED, State.CANCELLED, {}, False),
        (CODE, State.QUEUED, State.CANCELLED, {}, False),
        (OURS, State.RUNNING, State.FAILED, {"reason": Reason.XCUBE_ERROR}, False),
        (OURS, State.RUNNING, State.FAILED, {"reason": Reason.OUT_OF_MEMORY}, False),
        (OURS, State.RUNNING, State.FAILED, {"reason": Reason.DEADLINE, "wrote": True}, False),
        (OURS, State.RUNNING, State.FAILED, {"reason": Reason.COST}, False),
        (OWN_STORE, State.RUNNING, State.FAILED, {"reason": Reason.DEADLINE}, True),
        (OWN_STORE, State.RUNNING, State.FAILED, {"reason": "DEADLINE", "wrote": True}, True),
        (OWN_STORE, State.RUNNING, State.FAILED, {"reason": "DEADLINE", "wrote": False}, False),
        (OWN_STORE, State.RUNNING, State.FAILED, {"reason": "COST", "wrote": False}, False),
        (OWN_STORE, State.LAUNCHED, State.FAILED, {"reason": Reason.XCUBE_ERROR}, False),
        (CODE, State.RUNNING, State.FAILED, {"reason": "XCUBE_ERROR", "wrote": False}, True),
        (CODE, State.RUNNING, State.FAILED, {"reason": "COST", "wrote": False}, True),
        (CODE, State.RUNNING, State.FAILED, {"reason": Reason.DEADLINE}, True),
        (CODE, State.LAUNCHED, State.FAILED, {"reason": Reason.XCUBE_ERROR}, False),
        *[
            (where, State.RUNNING, State.FAILED, {"reason": reason, "wrote": True}, False)
            for reason in sorted(lifecycle.OUR_FAULTS)
            for where in (OURS, OWN_STORE, CODE)
        ],
    ],
)
def test_an_end_settles_or_releases_the_reservation(where, origin, to, facts, is_charged):
    user = make_user(units=10)
    job = make_job(user, units=4, state=origin, **where)
    assert balance(user) == (10, 4)
    lifecycle.move(job, to, actor="test", is_live=False, **facts)
    assert balance(user) == ((6, 0) if is_charged else (10, 0))
    assert ledger.check_ledger() == []


@pytest.mark.parametrize("origin", [State.LAUNCHED, State.RUNNING])
@pytest.mark.parametrize(
    ("where", "facts", "left"),
    [
        (OURS, {"has_run": False}, 10),
        (OURS, {"has_run": True}, 10),
        (OURS, {"has_run": True, "wrote": True, "result_status": "error"}, 10),
        (OURS, {"has_run": True, "result_status": "warning"}, 10),
        (OURS, {"has_run": True, "result_status": "ok"}, 6),
        (OWN_STORE, {"has_run": False}, 10),
        (OWN_STORE, {"has_run": True, "wrote": False}, 10),
        (OWN_STORE, {"has_run": True, "wrote": None}, 6),
        (OWN_STORE, {"has_run": True, "wrote": True}, 6),
        (CODE, {"has_run": False}, 10),
        (CODE, {"has_run": True, "wrote": False}, 6),
    ],
)
def test_a_cancelled_job_is_billed_when_its_run_is_over(origin, where, facts, left):
    job = make_job(make_user(units=10), units=4, state=origin, launched_at=timezone.now(), **where)
    assert lifecycle.cancel(job, actor="user")
    assert balance(job.owner) == (10, 4), "nobody knows yet what its run came to"
    assert lifecycle.close(job, **facts)
    assert balance(job.owner) == (left, 0)
    job.refresh_from_db()
    is_free = left == 10
    assert bool(job.removal_due_at) == (is_free and job.can_remove_output), "what is free goes"
    assert not lifecycle.close(job, has_run=not facts["has_run"]), "once"
    assert balance(job.owner) == (left, 0)


@pytest.mark.parametrize(
    ("fields", "reason", "is_removed"),
    [
        ({}, Reason.DEADLINE, True),
        ({"can_remove_output": False}, Reason.DEADLINE, False),
        ({"has_user_code": True}, Reason.DEADLINE, False),  # it is charged, and stays
        ({"has_user_code": True}, Reason.LOST, True),
    ],
)
def test_what_nobody_pays_for_is_removed_and_keeps_its_claim_until_then(fields, reason, is_removed):
    launched = {"launched_at": timezone.now(), "state": State.RUNNING}
    job = make_job(make_user(units=10), **launched, **fields)
    lifecycle.move(job, State.FAILED, actor="test", reason=reason, is_live=False)
    job.refresh_from_db()
    assert bool(job.removal_due_at) == is_removed
    assert Job.objects.claiming().filter(output_claim=job.output_claim).exists() == is_removed
    if is_removed:
        with pytest.raises(IntegrityError), transaction.atomic():
            make_job(job.owner, output_claim=job.output_claim)


@pytest.mark.parametrize("fields", [{"made_at": None}, {"made_at": timezone.now()}])
def test_a_launch_that_was_refused_wrote_nothing(fields):
    user = make_user(units=10)
    job = make_job(user, state=State.LAUNCHED, launched_at=timezone.now(), **fields)
    lifecycle.move(job, State.FAILED, actor="test", reason=Reason.REJECTED, is_live=False)
    assert bool(job.removal_due_at) == bool(fields["made_at"]), "an object may have been made"


def test_a_bill_that_cannot_be_made_does_not_keep_a_job_from_its_end(caplog):
    job = make_job(make_user(units=10), units=4, state=State.RUNNING)
    Balance.objects.filter(user=job.owner).update(reserved=1)  # as after a repair by hand
    assert lifecycle.move(job, State.FAILED, actor="test", reason=Reason.LOST, is_live=False)
    job.refresh_from_db()
    assert (job.state, job.is_live) == (State.FAILED, False)
    assert "cannot be billed" in caplog.text
    assert job.job_id in caplog.text


def test_a_bill_that_cannot_be_made_does_not_keep_a_cancelled_job_from_being_closed(caplog):
    job = make_job(make_user(units=10), units=4, state=State.RUNNING)
    lifecycle.cancel(job, actor="test")
    QuerySet(LedgerEntry).filter(reference=job.job_id).delete()
    assert lifecycle.close(job, has_run=True)
    job.refresh_from_db()
    assert not job.is_live
    assert "cannot be billed" in caplog.text


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
