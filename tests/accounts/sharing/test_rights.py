"""Who gets what by a share, and what ends it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.deletion import forget_person
from accounts.models import Share, ShareOpening, User
from accounts.roles import forget_permissions, permission_rows
from accounts.sharing import giving, kinds, openings, retention
from accounts.sharing.giving import Wish
from accounts.sharing.rights import needs_sign_in, share_by_link, share_for
from hubsite.refusals import Kind, Refused
from jobs.models import Job, State
from jobs.results.rights import find_job
from services import lifecycle
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db


def wish(row, **changes) -> Wish:
    kind, subject = ("result", row.job_id) if isinstance(row, Job) else ("service", row.instance_id)
    return Wish(**{"kind": kinds.kind_of(kind), "subject": subject, "by": row.owner, **changes})


def holds(user, row, action="view") -> bool:
    asked = wish(row)
    return share_for(user, asked.kind.name, asked.subject, action) is not None


@pytest.fixture(params=["service", "result"])
def row(request, service, job):
    return service if request.param == "service" else job


def test_a_person_and_a_role_hold_it_and_nobody_else(row, bob, team):
    giving.share_with_person(wish(row), bob.email)
    giving.share_with_role(wish(row), "ocean-team")
    assert holds(bob, row) and holds(team.member, row)
    assert not holds(bob, row, "stop")
    assert not holds(make_user(), row)
    another = make_user("new@example.org")
    another.groups.add(team.role)
    assert holds(another, row), "who joins the role later"


ENDS = {
    "withdrawn": lambda share, row: giving.withdraw(share, by=row.owner),
    "expired": lambda share, row: Share.objects.update(
        expires_at=timezone.now() - timedelta(seconds=1)
    ),
    "owner switched off": lambda share, row: User.objects.filter(pk=row.owner_id).update(
        is_active=False
    ),
    "share of another": lambda share, row: Share.objects.update(subject="another"),
    "another kind": lambda share, row: Share.objects.update(kind="other"),
}


@pytest.mark.parametrize("end", ENDS)
def test_its_end_ends_the_right_and_the_lists(row, bob, team, end):
    share = giving.share_with_person(wish(row), bob.email)
    assert giving.shared_with(bob).get() == giving.given_by(row.owner).get() == share
    ENDS[end](share, row)
    for user in (bob, team.member):
        assert not holds(user, row)
        assert not giving.shared_with(user).exists()
    assert not giving.given_by(row.owner).exists()


def test_a_guest_who_is_switched_off_has_no_right(row, bob):
    giving.share_with_person(wish(row), bob.email)
    bob.is_active = False
    assert not holds(bob, row)
    assert not giving.shared_with(bob).exists()


def test_a_role_counts_as_long_as_operators_permit_it_and_one_has_it(row, team):
    giving.share_with_role(wish(row), "ocean-team")
    team.member.groups.clear()
    assert not holds(team.member, row)
    team.member.groups.add(team.role)
    assert holds(team.member, row)
    team.role.shareable.delete()
    assert not holds(team.member, row)
    with pytest.raises(Refused, match="permit"):
        giving.share_with_role(wish(row), "ocean-team")
    assert giving.permitted_roles() == []


def test_a_subject_that_is_over_is_nowhere(service, job, bob):
    for one in (service, job):
        giving.share_with_person(wish(one), bob.email)
    assert giving.shared_with(bob).count() == 2
    lifecycle.stop(service, actor="hub", reason="AGE")
    Job.objects.filter(pk=job.pk).update(hidden_at=timezone.now())
    assert not giving.shared_with(bob).exists() and not giving.given_by(job.owner).exists()
    with pytest.raises(Refused) as refused:
        find_job(bob, job.job_id)
    assert refused.value.kind is Kind.NOT_FOUND, "only the owner learns that it was deleted"
    for one in (service, job):
        with pytest.raises(Refused, match="over"):
            giving.share_with_person(wish(one), bob.email)


@pytest.mark.parametrize("state", sorted(set(State) - {State.SUCCEEDED}))
def test_a_job_without_a_cube_is_not_shared(job, bob, state):
    giving.share_with_person(wish(job), bob.email)
    Job.objects.filter(pk=job.pk).update(state=state)
    with pytest.raises(Refused):
        find_job(bob, job.job_id)
    with pytest.raises(Refused, match="not there yet"):
        giving.make_link(wish(job))


def test_only_owner_and_operator_share_whatever_others_hold(row, bob):
    giving.share_with_person(wish(row), bob.email)
    for make in (giving.share_with_person, giving.share_with_role):
        with pytest.raises(Refused, match="Only its owner"):
            make(wish(row, by=bob), "eve@example.org")
    with pytest.raises(Refused, match="Only its owner"):
        giving.make_link(wish(row, by=bob))
    operator = make_user(permissions=["operate:hub"])
    assert giving.share_with_person(wish(row, by=operator), "eve@example.org").owner == row.owner


def test_a_result_is_not_stopped_and_a_link_stops_nothing(service, job, bob):
    with pytest.raises(Refused, match="view is expected for a result"):
        giving.share_with_person(wish(job, action="stop"), bob.email)
    with pytest.raises(Refused, match="only be for viewing"):
        giving.make_link(wish(service, action="stop"))


class TestPublicLinks:
    @pytest.fixture
    def link(self, job):
        job.owner.user_permissions.add(*permission_rows(["share:publicly"]))
        forget_permissions(job.owner)
        return giving.make_link(wish(job), is_public=True)

    def test_it_needs_no_sign_in_only_as_long_as_its_maker_has_the_permission(self, job, link):
        share, secret = link
        assert share_by_link(secret) == share
        assert not needs_sign_in(share_by_link(secret))
        job.owner.user_permissions.remove(*permission_rows(["share:publicly"]))
        assert needs_sign_in(share_by_link(secret))
        job.owner.groups.add(Group.objects.get(name="public-sharing"))
        assert not needs_sign_in(share_by_link(secret))

    def test_its_secret_is_long_and_only_its_hash_is_kept(self, link):
        share, secret = link
        assert len(secret) == 43
        assert secret not in str(Share.objects.values().get())
        for wrong in ("", secret[:-1], secret + "A", secret.lower(), share.link_hash, "x" * 1000):
            assert share_by_link(wrong) is None

    def test_it_is_nobodys_in_lists(self, link, bob):
        assert not giving.shared_with(bob).exists()


class TestEnds:
    def test_a_share_always_ends(self, job, bob, settings):
        settings.HUB = {
            **settings.HUB, "XCUBE_HUB_SHARE_DAYS": 30, "XCUBE_HUB_MAX_SHARE_DAYS": 10
        }  # fmt: skip
        share = giving.share_with_person(wish(job), bob.email)
        assert timedelta(days=9.9) < share.expires_at - timezone.now() <= timedelta(days=10)
        for wrong in (timedelta(days=10.1), timedelta(0), timedelta(days=-1)):
            with pytest.raises(Refused, match="at most 10 days"):
                giving.make_link(wish(job, expires_at=timezone.now() + wrong))

    def test_repeated_it_is_renewed_also_after_it_expired(self, job, bob):
        first = giving.share_with_person(wish(job), bob.email)
        Share.objects.update(expires_at=timezone.now() - timedelta(days=1))
        assert not holds(bob, job)
        assert giving.share_with_person(wish(job), bob.email.upper()).pk == first.pk
        assert holds(bob, job)

    def test_withdrawn_it_stays_so_and_a_new_one_is_another(self, job, bob):
        first = giving.share_with_person(wish(job), bob.email)
        assert giving.withdraw(first, by=job.owner)
        assert not giving.withdraw(first, by=job.owner)
        second = giving.share_with_person(wish(job), bob.email)
        assert second.pk != first.pk
        first.refresh_from_db()
        assert first.revoked_at is not None and first.revoked_by == job.owner

    def test_the_person_gives_it_back_but_not_what_a_role_has(self, job, bob, team):
        mine = giving.share_with_person(wish(job), bob.email)
        theirs = giving.share_with_role(wish(job), "ocean-team")
        assert not giving.leave(team.member, theirs.pk)
        assert not giving.leave(team.member, mine.pk)
        assert giving.leave(bob, mine.pk)
        assert not holds(bob, job) and holds(team.member, job)

    def test_those_that_ended_long_ago_are_deleted(self, job, bob):
        now = timezone.now()
        kept = [make(job, days) for make in (_withdrawn, _expired) for days in (-1, 89)]
        for make in (_withdrawn, _expired):
            openings.note_opening(make(job, 91), bob)
        assert retention.forget_ended() == 4, "two shares, and who used them"
        assert set(Share.objects.all()) == set(kept)
        assert not ShareOpening.objects.exists()
        assert all(share.created_at >= now for share in kept)


def _withdrawn(job: Job, days: int) -> Share:
    """A link that was withdrawn so many days ago (-1: not at all)."""
    share, _ = giving.make_link(wish(job))
    if days > 0:
        Share.objects.filter(pk=share.pk).update(revoked_at=timezone.now() - timedelta(days=days))
    return share


def _expired(job: Job, days: int) -> Share:
    share, _ = giving.make_link(wish(job))
    Share.objects.filter(pk=share.pk).update(expires_at=timezone.now() - timedelta(days=days))
    return share


class TestOpenings:
    def test_each_person_and_hour_is_one_row(self, job, bob, team, monkeypatch):
        share = giving.share_with_person(wish(job), bob.email)
        for _ in range(3):
            find_job(bob, job.job_id)
        opening = share.openings.get()
        assert (opening.user, opening.times) == (bob, 1)
        earlier = timezone.now() - timedelta(minutes=5)
        ShareOpening.objects.update(until=earlier)
        find_job(bob, job.job_id)
        opening.refresh_from_db()
        assert opening.times == 2 and opening.until > earlier
        ShareOpening.objects.update(at=timezone.now() - timedelta(hours=2))
        find_job(bob, job.job_id)
        assert share.openings.count() == 2
        assert giving.with_openings(giving.given_by(job.owner)).get().opened_at is not None
        find_job(job.owner, job.job_id)
        assert share.openings.count() == 2, "an owner needs no share"

    def test_they_are_bounded(self, job, monkeypatch):
        monkeypatch.setattr(openings, "MOST_OPENINGS", 5)
        share, _ = giving.make_link(wish(job))
        for number in range(9):
            openings.note_opening(share, make_user(f"u{number}@example.org"))
        emails = share.openings.values_list("user__email", flat=True)
        assert list(emails) == [f"u{number}@example.org" for number in (8, 7, 6, 5, 4)]


class TestDeletion:
    def test_of_the_owner(self, job, bob):
        find = giving.share_with_person(wish(job), bob.email)
        find_job(bob, job.job_id)
        forget_person(job.owner, actor="op")
        assert not Share.objects.filter(pk=find.pk).exists()
        assert not ShareOpening.objects.exists()

    def test_of_the_guest_leaves_no_name(self, job, service, bob, team):
        giving.share_with_person(wish(job), bob.email)
        giving.share_with_person(wish(service), bob.user_id)
        kept = giving.share_with_role(wish(job), "ocean-team")
        bob.groups.add(team.role)
        openings.note_opening(kept, bob)
        forget_person(bob, actor="op")
        assert list(Share.objects.all()) == [kept]
        assert not ShareOpening.objects.exists()
        told = str([list(events.values()) for events in (job.events, service.events)])
        assert "bob@" not in told and bob.user_id not in told

    def test_who_gets_the_e_mail_later_gets_nothing_of_it(self, job, bob):
        giving.share_with_person(wish(job), "bob@example.org")
        User.objects.filter(pk=bob.pk).update(email="robert@example.org")
        assert not holds(make_user("bob@example.org"), job)
        assert holds(bob, job)
