"""A person is deleted: nothing tells who it was, and everything tells what was spent."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core import serializers
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client as HttpClient
from django.urls import reverse

from accounts import deletion_queue
from accounts.deletion import StillBusy, forget_person
from accounts.models import (
    ActingEntry,
    GeodbRegistration,
    Identity,
    LedgerEntry,
    MonthlyGrant,
    PersonDeletion,
    Service,
    User,
)
from accounts.subscriptions.subscribing import Wish, subscribe
from accounts.tasks import delete_persons
from accounts.tokens.hub_tokens import InvalidToken, issue_token, verify_token
from accounts.units import ledger
from jobs import lifecycle
from jobs.models import DealtWith, IdempotencyKey, Job, JobLog, Rerun, State
from tests.accounts.factories import make_client, make_user

from ..factories import make_job

pytestmark = pytest.mark.django_db

NAME = "zebulon"
"""In all that tells who it was; and nowhere else."""


@pytest.fixture
def ann():
    user = make_user("zebulon@person.example", ["manage:cubegens"], 100, last_name="Zebulon")
    make_client(user, name="zebulons-laptop")
    wish = Wish(email=user.email, guid="guid-of-zebulon", first_name="Zebulon", units=500.0)
    subscribe(Service.GEN, wish, actor="test")
    geodb = Wish(email=user.email, guid="guid-of-zebulon", first_name="Zebulon", units=5.0)
    subscribe(Service.GEODB, geodb, actor="test")
    own = Identity.objects.create(
        user=user, issuer="https://idp", subject="zebulon-1", email=user.email
    )
    waiting = Identity.objects.create(
        issuer="https://other", subject="zebulon-2", email="Zebulon@person.example"
    )
    for row in (user, own, waiting, *user.subscriptions.all(), *user.clients.all()):
        LogEntry.objects.create(
            user=user,
            content_type=ContentType.objects.get_for_model(row),
            object_id=row.pk,
            object_repr=str(row),
            action_flag=CHANGE,
            change_message="by zebulon",
        )
    GeodbRegistration.objects.update(error="geodb_guid-of-zebulon exists")
    MonthlyGrant.objects.create(user=user, units=5, first_month="2026-01-01")
    job = make_job(user, state=State.RUNNING, units=12, output_data_id="zebulons-field.zarr")
    lifecycle.move(
        job, State.SUCCEEDED, actor=user.user_id, message="made for zebulon", is_live=False
    )
    JobLog.objects.create(job=job, first_line=0, line_count=1, text="reading zebulons-field")
    IdempotencyKey.objects.create(owner=user, key="zebulon", body_hash="0" * 64, job=job)
    ActingEntry.objects.create(
        operator=make_user("op@hub.example", ["operate:hub"]),
        user=user,
        method="GET",
        path=f"/api/v2/cubegens/{job.job_id}",
    )
    others = make_job(make_user("bob@other.example", units=5), state=State.RUNNING)
    lifecycle.cancel(others, actor=user.user_id)  # when she was an operator
    DealtWith.objects.create(job=job, note="zebulon makes another", actor="a-colleague")
    DealtWith.objects.create(job=others, note="It is old.", actor=user.user_id)
    Rerun.objects.create(job=job, actor="a-colleague", refused="zebulons-field is gone")
    Rerun.objects.create(job=others, actor=user.user_id)
    return User.objects.get(pk=user.pk)


def everything() -> str:
    """All rows of the accounts and jobs."""
    rows: list[Any] = []
    for model in apps.get_models():
        if model._meta.app_label in ("accounts", "jobs", "admin", "auth"):
            rows += model.objects.all()
    return serializers.serialize("json", rows)


def test_nothing_is_left_that_tells_who_it_was(ann):
    user_id = ann.user_id
    before = everything().lower()
    assert before.count(NAME) >= 15
    assert before.count(user_id) >= 8
    forget_person(ann, actor="test")
    after = everything().lower()
    assert NAME not in after
    assert user_id not in after


def test_where_a_former_operator_worked_from_is_forgotten_too(ann):
    entry = ActingEntry.objects.create(
        operator=ann, user=make_user(), method="GET", path="/", address="203.0.113.7"
    )
    forget_person(ann, actor="test")
    entry.refresh_from_db()
    assert entry.address == ""


def test_what_was_spent_stays_and_still_adds_up(ann):
    def numbers() -> list[tuple]:
        fields = ("kind", "units", "delta_total", "total_after", "created_at", "user_id")
        return list(LedgerEntry.objects.filter(user=ann).order_by("pk").values_list(*fields))

    entries, total = numbers(), ann.balance.total
    forget_person(ann, actor="test")
    assert numbers() == entries
    ann.refresh_from_db()
    assert ann.balance.total == total
    assert ledger.check_ledger() == []
    job = Job.objects.get(owner=ann)
    assert (job.state, job.units) == (State.SUCCEEDED, 12)
    assert job.job_id.startswith(ann.user_id)
    assert LedgerEntry.objects.closing(job.job_id).get().kind == "settle"


def test_every_way_in_is_closed(ann):
    token = issue_token(ann, scopes=["manage:cubegens"])
    browser = HttpClient()
    browser.force_login(ann)
    forget_person(ann, actor="test")
    with pytest.raises(InvalidToken):
        verify_token(token)
    assert browser.get("/account/").status_code == 302
    assert not ann.clients.exists()
    assert not ann.identities.exists()
    ann.refresh_from_db()
    assert not ann.is_active
    assert ann.forgotten_at is not None


def test_the_same_email_may_register_again_as_somebody_new(ann):
    old_id = ann.user_id
    forget_person(ann, actor="test")
    again = make_user("zebulon@person.example")
    assert again.user_id == old_id
    assert again.pk != ann.pk
    assert ledger.available(again) == 0


def test_it_tells_what_is_to_be_done_elsewhere(ann):
    assert forget_person(ann, actor="test") == [
        "geoDB: drop the role geodb_guid-of-zebulon and its data"
    ]


def test_running_jobs_are_ended_first_and_the_account_is_closed_at_once(
    ann, django_capture_on_commit_callbacks
):
    job = make_job(ann, state=State.RUNNING, units=12)
    queued = make_job(ann, units=1)
    with pytest.raises(StillBusy):
        forget_person(ann, actor="test")
    job.refresh_from_db()
    queued.refresh_from_db()
    assert job.state == queued.state == State.CANCELLED
    ann.refresh_from_db()
    assert (ann.is_active, ann.forgotten_at) == (False, None)
    lifecycle.close(job, has_run=True)  # its run is gone
    forget_person(ann, actor="test")
    ann.refresh_from_db()
    assert ann.forgotten_at is not None


def test_others_are_not_touched(ann):
    bob = make_user("bob@person.example", ["manage:cubegens"], 50)
    job = make_job(bob, state=State.RUNNING)
    make_client(bob)
    forget_person(ann, actor="test")
    bob.refresh_from_db()
    job.refresh_from_db()
    assert (bob.email, bob.is_active, job.state) == ("bob@person.example", True, State.RUNNING)
    assert bob.clients.count() == 1


def forget(*arguments: str) -> str:
    out = io.StringIO()
    call_command("forget_person", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_deletes_and_tells(ann):
    told = forget("--email", "Zebulon@person.example", "--yes")
    assert "The person is deleted." in told
    assert "geodb_guid-of-zebulon" in told


def test_the_command_asks_first(ann, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda prompt: "no")
    with pytest.raises(CommandError, match="Nothing was changed"):
        forget("--email", "zebulon@person.example")
    ann.refresh_from_db()
    assert ann.is_active


def test_operators_are_not_deleted_before_they_are_operators_no_more():
    make_user("root@hub.example", is_superuser=True)
    with pytest.raises(CommandError, match="take the role"):
        forget("--email", "root@hub.example", "--yes")
    assert User.objects.get(email="root@hub.example").is_active


def test_the_admin_deletes_who_is_named_twice(ann):
    browser = HttpClient()
    browser.force_login(make_user(permissions=["operate:hub"], is_staff=True))

    page = reverse("admin:accounts_user_person", args=[ann.pk])
    foreseen = browser.get(page).content.decode()
    assert "Ledger entries" in foreseen
    assert "cancelled first" not in foreseen  # nothing runs
    refused = browser.post(page, {"typed": "yes"})
    assert refused.status_code == 422
    assert b"not the e-mail or user id" in refused.content
    ann.refresh_from_db()
    assert ann.is_active
    assert b"being deleted since" in browser.post(page, {"typed": ann.user_id}, follow=True).content
    ann.refresh_from_db()
    assert (ann.is_active, ann.forgotten_at) == (False, None)
    assert delete_persons() == 1
    ann.refresh_from_db()
    assert ann.forgotten_at is not None
    assert b"The person was deleted on" in browser.get(page).content
    assert "zebulon@person.example" not in everything()


def test_a_deletion_waits_for_what_runs_and_goes_on_by_itself(ann):
    job = make_job(ann, state=State.RUNNING)
    operator = make_user(permissions=["operate:hub"], is_staff=True)
    deletion_queue.ask_for(ann, by=operator)
    deletion_queue.ask_for(ann, by=operator)  # a second click
    assert delete_persons() == 0
    deletion = PersonDeletion.objects.get()
    assert deletion.waits_for == "1 jobs are being ended"
    assert Job.objects.get(pk=job.pk).state == State.CANCELLED
    Job.objects.filter(pk=job.pk).update(is_live=False)
    assert delete_persons() == 1
    assert delete_persons() == 0
    assert PersonDeletion.objects.get().done_at is not None


def test_a_deletion_that_is_killed_in_the_middle_leaves_nothing_half_and_goes_on(ann, monkeypatch):
    deletion_queue.ask_for(ann, by=make_user(permissions=["operate:hub"]))
    with monkeypatch.context() as killed:
        killed.setattr("accounts.deletion._anonymise", None)  # calling it raises
        with pytest.raises(TypeError):
            delete_persons()
    assert Identity.objects.filter(user=ann).exists()
    assert PersonDeletion.objects.get().done_at is None
    assert delete_persons() == 1
    assert "zebulon@person.example" not in everything()


def test_who_got_powers_meanwhile_is_not_deleted(ann):
    deletion_queue.ask_for(ann, by=make_user(permissions=["operate:hub"]))
    User.objects.filter(pk=ann.pk).update(is_staff=True)
    assert delete_persons() == 0
    assert "is an operator" in PersonDeletion.objects.get().waits_for


def test_it_is_all_or_nothing(ann, monkeypatch):
    monkeypatch.setattr("accounts.deletion._anonymise", None)  # calling it raises
    with pytest.raises(TypeError):
        forget_person(ann, actor="test")
    assert connection.in_atomic_block  # that of the test: the one inside was rolled back
    assert Identity.objects.filter(user=ann).exists()
    assert Job.objects.get(owner=ann).output_data_id == "zebulons-field.zarr"
