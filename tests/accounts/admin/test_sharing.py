"""Shares in the admin: found, filtered, withdrawn; roles permitted."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from accounts.models import Share, ShareableRole
from tests.accounts.factories import make_user
from tests.services.factories import make_instance, make_share

pytestmark = pytest.mark.django_db
PAGE = "/admin/accounts/share/"


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(make_user(permissions=["operate:hub"], is_staff=True))
    return client


@pytest.fixture
def shares() -> dict[str, Share]:
    ann, bob = make_user("ann@example.org"), make_user("bob@example.org")
    one, two = make_instance(ann), make_instance(bob)
    past = timezone.now() - timedelta(seconds=1)
    role = Group.objects.create(name="ocean-team")
    return {
        "person": make_share(one, user=bob),
        "role": make_share(one, role=role, link_hash=None),
        "link": make_share(two),
        "public": make_share(two, is_public=True),
        "expired": make_share(one, expires_at=past),
        "withdrawn": make_share(one, revoked_at=past),
        "of nobody here": make_share(make_instance(make_user("cy@example.org", is_active=False))),
    }


def found(operator: Client, shares: dict[str, Share], query: str) -> set[str]:
    page = operator.get(f"{PAGE}?{query}")
    rows = {row.pk for row in page.context["cl"].result_list}
    return {name for name, share in shares.items() if share.pk in rows}


def test_they_are_found_by_whom_by_validity_and_by_owner(operator, shares):
    everything = set(shares)
    links = {"link", "expired", "withdrawn", "of nobody here"}
    for query, names in {
        "": everything,
        "kind=service": everything,
        "kind=result": set(),
        "with=person": {"person"},
        "with=role": {"role"},
        "with=link": links,
        "with=public": {"public"},
        "valid=yes": everything - {"expired", "withdrawn", "of nobody here"},
        "valid=owner": {"of nobody here"},
        "valid=expired": {"expired"},
        "valid=withdrawn": {"withdrawn"},
        "q=bob@example.org": {"link", "public"},
        f"q={shares['link'].owner.user_id}": {"link", "public"},
        f"q={shares['person'].subject}": everything - {"link", "public", "of nobody here"},
        "q=nothing": set(),
        "q=%": set(),
    }.items():
        assert found(operator, shares, query) == names, query


def test_one_shows_who_opened_it_and_no_secret(operator, shares):
    shares["link"].openings.create(user=make_user("eve@example.org"))
    page = operator.get(f"{PAGE}{shares['link'].pk}/change/").content.decode()
    assert "eve@example.org" in page
    assert shares["link"].link_hash not in page


def test_an_operator_permits_a_role_and_takes_that_back(operator):
    role = Group.objects.create(name="ocean-team")
    page = "/admin/accounts/shareablerole/"
    assert operator.post(f"{page}add/", {"role": role.pk}).status_code == 302
    permitted = ShareableRole.objects.get()
    assert operator.post(f"{page}{permitted.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not ShareableRole.objects.exists()
