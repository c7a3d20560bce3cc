"""Identities in the admin: an operator says whose they are, but hands on no powers."""

from __future__ import annotations

import time

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.api.authentication import principal_of
from accounts.models import Identity
from accounts.tokens.hub_tokens import InvalidToken
from tests.accounts.factories import make_user

from . import issuer

pytestmark = pytest.mark.django_db

LIST = "/admin/accounts/identity/"


def browser(**fields) -> Client:
    """Of an operator who is no superuser, unless so said."""
    client = Client()
    client.force_login(make_user("op@example.org", ["operate:hub"], is_staff=True, **fields))
    return client


@pytest.fixture
def waiting() -> Identity:
    return Identity.objects.create(issuer=issuer.ISSUER, subject="1", email="ann@example.org")


def link(client: Client, identity: Identity, user) -> int:
    pk = "" if user is None else user.pk
    status = client.post(f"{LIST}{identity.pk}/change/", {"user": pk}).status_code
    identity.refresh_from_db()
    return status


def test_those_that_wait_are_found_and_linked(waiting):
    client, ann = browser(), make_user("ann@example.org")
    assert b"1 identity" in client.get(f"{LIST}?user__isempty=1").content
    assert link(client, waiting, ann) == 302
    assert waiting.user == ann
    assert b"0 identities" in client.get(f"{LIST}?user__isempty=1").content


@pytest.mark.parametrize("power", ["is_superuser", "is_staff"])
def test_only_a_superuser_links_to_an_operator(waiting, power):
    root = make_user("root@example.org", **{power: True})
    assert link(browser(), waiting, root) == 200
    assert waiting.user is None


def test_a_superuser_may(waiting):
    root = make_user("root@example.org", is_superuser=True)
    assert link(browser(is_superuser=True), waiting, root) == 302
    assert waiting.user == root


def test_the_identity_of_a_superuser_is_not_for_operators(waiting):
    waiting.user = make_user("root@example.org", is_superuser=True)
    waiting.save()
    assert link(browser(), waiting, make_user("mine@example.org")) == 403
    assert waiting.user.email == "root@example.org"


def test_what_an_identity_brought_goes_with_it(waiting):
    ann, bob = make_user("ann@example.org"), make_user("bob@example.org")
    ann.groups.add(Group.objects.get(name="cube-generation"))
    waiting.user, waiting.given_roles = ann, ["cube-generation"]
    waiting.save()
    assert link(browser(), waiting, bob) == 302
    assert (waiting.user, waiting.given_roles) == (bob, [])
    assert ann.groups.count() == 0


def test_nobody_makes_one_by_hand(waiting):
    assert browser().get(f"{LIST}add/").status_code == 403


def test_tokens_issued_until_now_are_refused(configure):
    configure(issuer.provider())
    text = issuer.token(iat=int(time.time()) - 60)
    user = principal_of(text).user
    fields = {"action": "refuse_tokens", "_selected_action": [user.identities.get().pk]}
    assert browser().post(LIST, fields).status_code == 302
    with pytest.raises(InvalidToken, match="revoked"):
        principal_of(text)
    assert principal_of(issuer.token(iat=int(time.time()) + 5)).user == user


@pytest.mark.parametrize("way", ["page", "action"])
def test_one_that_is_deleted_takes_along_what_it_brought(way):
    ann = make_user("ann@example.org", is_staff=True)
    ann.groups.add(Group.objects.get(name="cube-generation"))
    its = Identity.objects.create(
        issuer=issuer.ISSUER,
        subject="1",
        user=ann,
        given_roles=["cube-generation"],
        gave_staff=True,
    )
    client = browser(is_superuser=True)
    if way == "page":
        client.post(f"{LIST}{its.pk}/delete/", {"post": "yes"})
    else:
        client.post(
            LIST, {"action": "delete_selected", "_selected_action": [its.pk], "post": "yes"}
        )
    assert not Identity.objects.exists()
    ann.refresh_from_db()
    assert not ann.is_staff
    assert not ann.groups.exists()


def test_nobody_signs_in_with_the_account_of_a_machine(waiting):
    machine = make_user("machine@service.invalid", is_service_account=True)
    assert link(browser(), waiting, machine) == 200
    assert waiting.user is None
