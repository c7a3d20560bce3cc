"""What changed while a request waited for its estimate is seen before anything is written."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.deletion import forget_person
from accounts.models import LedgerEntry, User
from accounts.roles import hold_user
from hubsite.refusals import Refused
from jobs.estimates.asking import Estimate
from jobs.models import Job
from tests.accounts.factories import bearer, make_user

from ..factories import submit

pytestmark = pytest.mark.django_db

DESCRIPTOR = {"dims": {"time": 6, "lat": 4, "lon": 4}, "data_vars": {"sst": {}, "chl": {}}}


def switch_off(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def take_permissions(user: User) -> None:
    user.user_permissions.clear()


def delete_person(user: User) -> None:
    forget_person(User.objects.get(pk=user.pk), actor="test")


def delete_person_and_come_back(user: User) -> None:
    """The same row, under another id, and active again."""
    delete_person(user)
    User.objects.filter(pk=user.pk).update(is_active=True)


CHANGES = [switch_off, take_permissions, delete_person, delete_person_and_come_back]


@pytest.mark.parametrize("change", CHANGES)
def test_no_job_is_made_for_who_is_gone_after_the_estimate(change, monkeypatch):
    user = make_user("ann@example.org", ["manage:cubegens"], units=100)
    headers = bearer(user)

    def slow_estimate(*_, **__) -> Estimate:
        change(user)
        return Estimate({"dataset_descriptor": DESCRIPTOR}, {}, output_exists=False)

    monkeypatch.setattr("jobs.submission.pricing.estimate", slow_estimate)
    answer = submit(Client(), headers)
    assert answer.status_code == 403
    assert "account" in answer.json()["message"]
    assert not Job.objects.exists()
    assert not LedgerEntry.objects.filter(kind=LedgerEntry.Kind.RESERVE).exists()


def test_who_is_still_there_gets_a_job(monkeypatch):
    user = make_user("ann@example.org", ["manage:cubegens"], units=100)
    answer = Estimate({"dataset_descriptor": DESCRIPTOR}, {}, output_exists=False)
    monkeypatch.setattr("jobs.submission.pricing.estimate", lambda *_, **__: answer)
    assert submit(Client(), bearer(user)).status_code == 200


@pytest.mark.parametrize("change", CHANGES)
def test_a_user_is_held_only_as_it_was_seen(change):
    user = make_user("ann@example.org", ["manage:cubegens"])
    assert hold_user(user, "manage:cubegens").pk == user.pk
    change(user)
    with pytest.raises(Refused, match="account"):
        hold_user(user, "manage:cubegens")
