"""Profiles: which of them a user is offered."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group

from services.models import ServiceProfile
from tests.accounts.factories import make_user

from .factories import make_profile

pytestmark = pytest.mark.django_db


def offered(user) -> list[str]:
    return [profile.name for profile in ServiceProfile.objects.offered_to(user)]


def test_a_new_hub_offers_a_small_profile_that_costs_nothing() -> None:
    small = ServiceProfile.objects.get(kind="xcube_server")
    assert (small.name, small.cpus, small.memory_bytes) == ("small", 1.0, 2**30)
    assert (small.idle_s, small.units_per_hour, small.is_enabled) == (1800, 0, True)
    assert offered(make_user()) == ["cate", "small"]


def test_the_default_comes_first_and_what_is_not_offered_is_left_out() -> None:
    make_profile("large", position=-1)
    make_profile("old", is_enabled=False)
    assert offered(make_user()) == ["cate", "large", "small"]


def test_a_profile_of_roles_is_offered_to_whoever_has_one_of_them_once() -> None:
    roles = [Group.objects.create(name="gpu"), Group.objects.create(name="staff")]
    make_profile("large", position=1).roles.set(roles)
    member, other = make_user(), make_user()
    member.groups.set(roles)
    assert offered(member) == ["cate", "small", "large"]
    assert offered(other) == ["cate", "small"]
