"""A share waits for a person who has no account yet, and tells its owner nothing of it."""

from __future__ import annotations

import pytest
from django.contrib.auth.signals import user_logged_in
from django.test import RequestFactory

from accounts.models import Notice, Share
from accounts.models.user_ids import user_id_of
from accounts.sharing import giving, kinds
from accounts.sharing.giving import Wish
from accounts.sharing.people import person_of
from hubsite.refusals import Refused
from jobs.results.rights import find_job
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def give(job):
    def share(person: str) -> Share:
        return giving.share_with_person(
            Wish(kinds.kind_of("result"), job.job_id, job.owner), person
        )

    return share


@pytest.mark.parametrize("written", ["Eve@Example.org", user_id_of("eve@example.org")])
def test_who_gets_an_account_later_gets_what_waits(give, job, written):
    share = give(written)
    assert share.user is None
    assert not Notice.objects.exists()
    eve = make_user("eve@example.org")
    share.refresh_from_db()
    assert share.user == eve
    assert find_job(eve, job.job_id) == job
    notice = Notice.objects.get(user=eve)
    assert (notice.kind, notice.path) == ("shared.with_me", f"/shared/{share.pk}/")
    assert "sea.zarr" in notice.title


def test_whose_e_mail_changes_gets_what_waits_at_the_next_sign_in(give, job):
    share = give("eve@elsewhere.example")
    eve = make_user("eve@example.org")
    eve.email = "eve@elsewhere.example"
    eve.save()
    share.refresh_from_db()
    assert share.user is None
    user_logged_in.send(sender=type(eve), request=RequestFactory().get("/"), user=eve)
    share.refresh_from_db()
    assert share.user == eve


def test_a_sign_in_without_waiting_shares_is_one_query(job, bob, django_assert_num_queries):
    from accounts.sharing.waiting import claim_waiting

    with django_assert_num_queries(1):
        assert claim_waiting(bob) == 0


def test_who_has_an_account_is_told_once(give, bob):
    give(bob.email)
    give(bob.email)
    assert Notice.objects.filter(user=bob, kind="shared.with_me").count() == 1


@pytest.mark.parametrize("name", ["email", "user_id"])
def test_one_does_not_share_with_oneself(give, job, name):
    with pytest.raises(Refused, match="another person"):
        give(getattr(job.owner, name))


def test_a_person_who_has_it_twice_loses_only_what_is_withdrawn(give, job, bob):
    first, second = give(bob.email), give(bob.user_id)
    assert first.pk != second.pk
    giving.withdraw(first, by=job.owner)
    assert find_job(bob, job.job_id) == job
    giving.withdraw(second, by=job.owner)
    with pytest.raises(Refused):
        find_job(bob, job.job_id)


@pytest.mark.parametrize(
    "text", ["", " ", "bob", "@", "a@", "bob@example.org, eve@example.org", "b" * 250 + "@x.org",
             "a" + "g" * 32, "<b>@example.org", "bob@example.org\n", "bob\x00@example.org"],
)  # fmt: skip
def test_what_is_neither_e_mail_nor_user_id_is_refused(text):
    if text == "bob@example.org\n":
        assert person_of(text) == "bob@example.org"
        return
    with pytest.raises(Refused) as refused:
        person_of(text)
    assert [error.field for error in refused.value.errors] == ["user"]
