"""URLs of the old service lead to the main server, for those who may know of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from services.addresses import server_url
from services.models import State
from tests.accounts.factories import make_user
from tests.services.factories import make_share

from .factories import make_instance

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user(permissions=["manage:cubegens"])


@pytest.fixture
def main(owner):
    return make_instance(owner, state=State.ASLEEP, slot="main")


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("rest", "to"),
    [
        ("", ""),
        ("datasets", "datasets"),
        (
            "datasets/demo%20cube?time=2024-01-01&x=%2F",
            "datasets/demo%20cube?time=2024-01-01&x=%2F",
        ),
        ("a%3Fb%23c", "a%3Fb%23c"),
        ("/evil.example.org/", "/evil.example.org/"),
        ("../../admin/", "../../admin/"),
    ],
)
def test_the_owner_gets_to_the_same_path_of_the_main_server(owner, main, rest, to):
    answer = signed_in(owner).get(f"/{owner.user_id}/{rest}")
    assert answer.status_code == 302
    assert answer["Location"] == f"{server_url(main)}/{to}"
    assert "no-store" in answer["Cache-Control"]


def test_other_services_and_ended_ones_are_not_meant(owner):
    make_instance(owner, state=State.READY)
    make_instance(owner, state=State.STOPPED, slot="main")
    assert signed_in(owner).get(f"/{owner.user_id}/").status_code == 404


def test_who_is_not_signed_in_signs_in_first(owner, main):
    answer = Client().get(f"/{owner.user_id}/datasets")
    assert answer.status_code == 302
    assert answer["Location"] == f"/login/?next=/{owner.user_id}/datasets"
    nobody = Client().get(f"/a{'0' * 32}/datasets")
    assert nobody["Location"] == f"/login/?next=/a{'0' * 32}/datasets"


def test_others_do_not_learn_whether_there_is_one(owner, main):
    other = signed_in(make_user(permissions=["manage:cubegens"]))
    for user_id in (owner.user_id, f"a{'0' * 32}"):
        assert other.get(f"/{user_id}/").status_code == 404


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 302),
        ({"expires_at": timedelta(hours=1)}, 302),
        ({"expires_at": timedelta(hours=-1)}, 404),
        ({"revoked_at": timedelta()}, 404),
    ],
)
def test_whom_it_is_shared_with_gets_there_as_long_as_the_share_lasts(owner, main, fields, status):
    friend = make_user()
    times = {name: timezone.now() + after for name, after in fields.items()}
    make_share(main, user=friend, **times)
    assert signed_in(friend).get(f"/{owner.user_id}/").status_code == status


@pytest.mark.parametrize("path", ["/admin/", "/account/", "/a0/", "/api/v2/"])
def test_no_page_of_the_hub_is_hidden_by_it(path, settings):
    from django.urls import Resolver404, resolve

    try:
        match = resolve(path)
    except Resolver404:
        return
    assert match.func.__module__ != "services.old_urls"


def test_only_reading_is_redirected(owner, main):
    assert signed_in(owner).post(f"/{owner.user_id}/datasets").status_code == 405
