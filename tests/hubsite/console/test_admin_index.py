"""The lists on the first page of the admin: by subject, for who may see them."""

from __future__ import annotations

import re

import pytest
from django.apps import apps
from django.contrib import admin

from hubsite.console import admin_index
from tests.accounts.factories import make_user

pytestmark = pytest.mark.django_db


def listed(client) -> list[tuple[str, list[str]]]:
    page = client.get("/admin/").content.decode()
    return [
        (title, re.findall(r'id="list-(\w+)"', part))
        for title, part in re.findall(
            r'<h2 id="lists-\d+">(.+?)</h2>(.*?)</section>', page, re.DOTALL
        )
    ]


def test_what_is_used_daily_is_first_and_no_list_is_missing(client):
    client.force_login(make_user(permissions=["operate:hub"], is_staff=True))
    found = listed(client)
    assert [title for title, _ in found][0] == "Every day"
    assert found[0][1][:3] == ["job", "serviceinstance", "serviceprofile"]
    assert found[1][1][0] == "user"
    names = [name for _, names in found for name in names]
    assert sorted(names) == sorted(model._meta.model_name for model in admin.site._registry), (
        "operators see all"
    )


def test_who_may_see_nothing_is_told(client):
    client.force_login(make_user(is_staff=True))
    assert listed(client) == []
    page = client.get("/admin/").content.decode()
    assert "permission to view or edit anything" in page
    assert 'id="board-health"' not in page, "what is wrong with parts is for readers"


def test_what_happens_comes_before_ways_to_other_pages(client):
    client.force_login(make_user(permissions=["read:hub"], is_staff=True))
    page = client.get("/admin/").content.decode()
    boards = re.findall(r'id="board-([a-z]+)"', page)
    assert boards[:3] == ["health", "jobs", "failures"]


def test_a_model_that_nobody_placed_comes_last():
    def app(label: str, *names: str) -> dict:
        return {"app_label": label, "models": [{"object_name": n, "name": n} for n in names]}

    shown = admin_index.sections([app("zoo", "Ape"), app("jobs", "Job")])
    assert [[one["name"] for one in section.lists] for section in shown] == [["Job"], ["Ape"]]
    with pytest.raises(LookupError, match="weekly"):
        admin_index.list_in("weekly", "jobs.Job", position=1)


def test_every_place_is_that_of_a_model():
    for label in admin_index._places:
        assert apps.get_model(label) in admin.site._registry, label
