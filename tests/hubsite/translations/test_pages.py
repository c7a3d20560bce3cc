"""German pages, with data, show nothing in English that the catalogue has in German."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from hubsite.health import parts
from hubsite.health.parts import Finding
from hubsite.translations.sentences import translated
from services.models import ServiceInstance
from tests.accounts.factories import make_user
from tests.pages.people import cube_of_each_state, make_ann, make_operator, share_all

from .words import words_of

pytestmark = pytest.mark.django_db

NAMES = frozenset({"Start", "database", "engine", "free", "result", "service follower"})
"""What people and operators call things, names of parts, and a German word of Django."""
OF_A_PERSON = ("overview", "account", "own-data", "units", "units-use", "cubes", "new-cube")
OF_A_PERSON += ("services", "service-start", "notices", "notice-choices", "webhooks", "device")
OF_A_PERSON += ("shared-list", "stores")
IN_GERMAN = {"headers": {"Accept-Language": "de-DE,de;q=0.9"}}


def left_in(answer) -> Iterator[str]:
    """The words of a German page that the catalogue has in German, in English."""
    page = answer.content.decode()
    assert '<html lang="de"' in page
    with override("de"):
        words = (it for it in words_of(page) if it not in NAMES and "My cubes" not in it)
        yield from (it for it in words if translated(it) != it)


@pytest.fixture
def unwell(monkeypatch):
    """Parts of the hub that are not well, with all that is said of them."""
    findings = [
        Finding(False, "The runner does not answer.", "Look at the runner's log."),
        Finding(False, "The worker, which launches jobs, has not been heard yet.", "Start it."),
    ]
    monkeypatch.setattr(parts, "_checked", lambda part: findings[part.name == "worker"])
    parts.forget()
    yield
    parts.forget()


def test_pages_with_data_are_german(unwell):
    ann, friend = make_ann(), make_user("friend@example.org", permissions=["manage:cubegens"])
    share_all(ann, friend)
    browser = Client()
    browser.force_login(ann)
    paths = ["/", *(reverse(name) for name in OF_A_PERSON)]
    paths += [reverse("cube", args=[job.job_id]) for job in cube_of_each_state(ann)]
    paths += [
        reverse("service", args=[row.instance_id])
        for row in ServiceInstance.objects.filter(owner=ann)
    ]
    operators = Client()
    operators.force_login(make_operator())
    visits = [(browser, path) for path in paths]
    visits += [(operators, "/admin/"), (operators, reverse("admin-queue"))]
    left = {path: list(left_in(one.get(path, **IN_GERMAN))) for one, path in visits}
    assert {path: words for path, words in left.items() if words} == {}
    home = browser.get("/", **IN_GERMAN).content.decode()
    assert "Gerade können keine Cubes erzeugt werden. Der Runner antwortet nicht." in home


def test_refusals_after_a_form_are_german():
    person = make_user("new@example.org", permissions=["manage:cubegens"])
    browser = Client()
    browser.force_login(person)
    forms = [
        ("webhooks", {"name": "x", "url": "ftp://example.org"}, "eine URL, die mit "),
        ("webhooks", {"name": "", "url": "https://example.org/"}, ""),
        ("device", {"user_code": "BCDF-GHJK"}, "Diesen Code gibt es nicht"),
    ]
    for name, said, expected in forms:
        answer = browser.post(reverse(name), said, follow=True, **IN_GERMAN)
        assert list(left_in(answer)) == []
        assert expected.lower() in answer.content.decode().lower(), name
