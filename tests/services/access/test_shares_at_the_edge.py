"""Roles and links at the edge: what lets a browser in, and what the next report ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import Share, ShareableRole
from accounts.roles import permission_rows
from accounts.sharing import giving, kinds
from accounts.sharing.giving import Wish
from accounts.tokens.hub_tokens import issue_token
from services.access import entering, reports
from services.access.decisions import Question, decide
from services.models import EdgeSession, ServiceInstance, State
from tests.accounts.factories import make_user
from tests.services import sharing
from tests.services.factories import make_instance, make_public_link

pytestmark = pytest.mark.django_db


@pytest.fixture
def instance() -> ServiceInstance:
    owner = make_user(permissions=["manage:cubegens"])
    return make_instance(owner, state=State.READY, address="unix:/x")


@pytest.fixture
def member(instance) -> Any:
    role = Group.objects.create(name="ocean-team")
    ShareableRole.objects.create(role=role)
    user = make_user(permissions=["manage:cubegens"])
    user.groups.add(role)
    wish = Wish(kinds.kind_of("service"), instance.instance_id, instance.owner)
    giving.share_with_role(wish, "ocean-team")
    return user


def ask(instance: ServiceInstance, **question: Any) -> dict[str, Any]:
    return decide(Question(instance.instance_id, **question))


def goes_on(instance: ServiceInstance, answer: dict[str, Any]) -> bool:
    """Whether a session, or a token's grant, is still a right: asked both ways."""
    reported = reports.record([], [answer["grant"]])["ended"] == []
    if "session" in answer:
        assert ask(instance, session=answer["session"])["allow"] is reported
    return reported


ENDS_OF_ROLES = {
    "the role is not permitted": lambda member: ShareableRole.objects.all().delete(),
    "the role is taken": lambda member: member.groups.clear(),
    "the role is deleted": lambda member: Group.objects.filter(name="ocean-team").delete(),
    "the share is withdrawn": lambda member: Share.objects.update(revoked_at=timezone.now()),
    "the share has expired": lambda member: Share.objects.update(
        expires_at=timezone.now() - timedelta(seconds=1)
    ),
    "the owner is switched off": lambda member: (
        type(member).objects.exclude(pk=member.pk).update(is_active=False)
    ),
}


@pytest.mark.parametrize("end", ENDS_OF_ROLES)
def test_a_member_of_a_role_gets_in_until_its_cause_ends(instance, member, end):
    by_session = ask(instance, ticket=entering.make_ticket(instance, member))
    by_token = ask(instance, bearer=issue_token(member, scopes=["manage:cubegens"]))
    assert goes_on(instance, by_session) and goes_on(instance, by_token)
    assert Share.objects.get().openings.get().user == member
    ENDS_OF_ROLES[end](member)
    assert not goes_on(instance, by_session)
    assert not goes_on(instance, by_token)


def test_a_public_link_ends_when_its_maker_may_not_share_publicly_any_more(instance):
    share, secret = make_public_link(instance)
    answer = ask(instance, link=secret)
    assert goes_on(instance, answer)
    assert share.openings.get().user is None
    instance.owner.user_permissions.remove(*permission_rows(["share:publicly"]))
    assert not goes_on(instance, answer)
    assert ask(instance, link=secret)["why"] == "bad_ticket"
    instance.owner.groups.add(Group.objects.get(name="public-sharing"))
    assert goes_on(instance, answer)


def test_a_link_that_needs_a_sign_in_opens_nothing_at_the_edge_by_itself(instance):
    _, secret = sharing.make_link(instance, by=instance.owner)
    assert ask(instance, link=secret)["why"] == "bad_ticket"
    assert not EdgeSession.objects.exists()


@pytest.mark.parametrize("end", ["withdrawn", "signed out", "switched off", "password", "expired"])
def test_a_session_by_a_link_ends_with_the_link_and_with_its_persons_session(instance, end):
    share, _ = sharing.make_link(instance, by=instance.owner)
    guest = make_user()
    at_hub = SessionStore()
    at_hub.create()
    ticket = entering.make_ticket(instance, guest, hub_session=at_hub.session_key, share=share)
    answer = ask(instance, ticket=ticket)
    assert goes_on(instance, answer)
    match end:
        case "withdrawn":
            giving.withdraw(share, by=instance.owner)
        case "signed out":
            Session.objects.all().delete()
        case "switched off":
            type(guest).objects.filter(pk=guest.pk).update(is_active=False)
        case "password":
            guest.set_password("another password")
            guest.save()
        case "expired":
            Share.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert not goes_on(instance, answer)


def test_a_session_lasts_no_longer_than_its_link(instance):
    until = timezone.now() + timedelta(minutes=5)
    share, secret = make_public_link(instance, expires_at=until)
    assert ask(instance, link=secret)["session_s"] <= 300
    ticket = entering.make_ticket(instance, make_user(), share=share)
    assert ask(instance, ticket=ticket)["session_s"] <= 300


def test_a_link_to_a_result_opens_no_service(instance):
    _, secret = make_public_link(instance)
    Share.objects.update(kind="result")
    assert ask(instance, link=secret)["why"] == "bad_ticket"
