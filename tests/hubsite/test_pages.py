"""Pages for people: they look after themselves, ask no other host and keep the strict policy."""

from __future__ import annotations

import datetime
import re
from html.parser import HTMLParser

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils.formats import localize

from hubsite.web.content_security_policy import STRICT, SWAGGER
from tests.accounts.factories import make_user

PAGES = ["/", "/api/v2/ui/", "/login/", "/nothing-here"]


class Page(HTMLParser):
    """What a page loads, where it leads, and what it carries inline."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.inline: list[str] = []
        self.title = ""
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        for name in given:
            if name == "style" or name.startswith("on"):
                self.inline.append(f"<{tag} {name}>")
        if tag in {"script", "img", "iframe", "source"} and given.get("src"):
            self.loads.append(given["src"])
        if tag == "link" and given.get("href"):
            self.loads.append(given["href"])
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(f"<{tag}>")
        self._open.append(tag)

    def handle_data(self, data):
        if self._open and self._open[-1] == "title":
            self.title += data

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_no_other_host_and_has_nothing_inline(path):
    answer = Client().get(path)
    page = Page(answer.content.decode())
    assert page.inline == []
    assert page.loads
    for url in page.loads + page.links:
        assert url.startswith(("/", "#")) and not url.startswith("//"), url
    for url in page.loads:
        assert finders.find(url.removeprefix("/static/")), f"{url} is not there"
    assert "xcube-hub" in page.title
    policy = answer["Content-Security-Policy"]
    assert policy == (SWAGGER if path == "/api/v2/ui/" else STRICT)


@pytest.mark.parametrize("name", ["hub.css", "admin-hub.css", "api-docs.css", "api-docs.js"])
def test_our_styles_and_scripts_name_no_other_host(name):
    with open(finders.find(name)) as file:
        text = file.read()
    assert not re.search(r"https?://|url\(|@import", text)


def test_the_front_page_tells_how_to_submit_a_cube(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_PUBLIC_URL": "https://hub.example.org"}
    text = Client().get("/").content.decode()
    assert "https://hub.example.org/api/v2/" in text
    assert "xcube gen2 --service service.json" in text
    assert "Cube generation is open" in text


def test_the_front_page_tells_when_cube_generation_is_off(settings):
    settings.HUB = {**settings.HUB, "CUBEGENS_SILENT": True}
    assert "switched off" in Client().get("/").content.decode()
    (service,) = Client().get("/api/v2/services").json()
    assert service["status"] == "Suspended"


def test_the_service_tells_what_the_operators_of_the_one_before_set(settings):
    settings.HUB = {
        **settings.HUB,
        "XCUBE_HUB_MOCK_SERVICES": "1",
        "XCUBE_HUB_RUN_LOCAL": "0",
        "XCUBE_HUB_CHART_VERSION": "2.1",
    }
    told = Client().get("/api/v2/").json()
    assert (told["mockServices"], told["runLocal"], told["chartVersion"]) == ("1", "0", "2.1")


@pytest.mark.parametrize("path", ["/api/v2", "/api/v2/"])
def test_the_service_tells_about_itself(path):
    told = Client().get(path).json()
    assert told["name"] == "xcube-gen-api"
    assert told["serverStartTime"].endswith("Z")
    assert told["serverCurrentTime"] >= told["serverStartTime"]
    assert set(told) == {
        "name",
        "description",
        "version",
        "xcubeDockerTag",
        "serverStartTime",
        "serverCurrentTime",
        "serverPID",
        "chartVersion",
        "mockServices",
        "runLocal",
    }


def test_services_say_whether_they_are_ready():
    (service,) = Client().get("/api/v2/services").json()
    assert service["name"] == "xcube_gen"
    assert service["status"] == "Ready"


def test_a_missing_page_is_html_and_a_missing_endpoint_a_problem():
    page = Client().get("/nothing-here")
    assert page.status_code == 404
    assert "There is nothing here" in page.content.decode()
    endpoint = Client().get("/api/v2/nothing-here")
    assert endpoint.status_code == 404
    assert endpoint["Content-Type"] == "application/problem+json"


def test_a_live_process_says_so():
    assert Client().get("/health/live").json() == {"status": "alive"}


@pytest.mark.django_db
def test_a_ready_hub_names_its_checks():
    answer = Client().get("/health/ready")
    assert answer.status_code == 200
    told = answer.json()
    assert told["checks"] == {"database": {"ok": True}, "migrations": {"ok": True}}
    assert told["queue"] == {"jobs_waiting": 0, "jobs_placed": 0, "tasks": 0}


@pytest.mark.django_db
def test_readiness_shows_the_observers_leases():
    from datetime import timedelta

    from django.utils import timezone

    from hubsite.coordination.lock import Lock

    expires_at = timezone.now() + timedelta(seconds=10)
    Lock.objects.create(name="observer-local", holder="me", expires_at=expires_at)
    Lock.objects.create(name="launching")
    (observer,) = Client().get("/health/ready").json()["observers"]
    assert observer["name"] == "observer-local"
    assert observer["active"]
    assert 8 < observer["lease_ends_in_s"] <= 10


@pytest.mark.django_db
def test_a_hub_without_its_tables_is_not_ready(monkeypatch):
    from hubsite.health import probes

    probes._check_migrations.cache_clear()
    monkeypatch.setattr(probes.MigrationExecutor, "migration_plan", lambda *_: [("jobs", False)])
    answer = Client().get("/health/ready")
    assert answer.status_code == 503
    assert "migrate" in answer.json()["checks"]["migrations"]["message"]


def test_a_hub_without_its_database_is_alive_but_not_ready(monkeypatch):
    from django.db import OperationalError

    from hubsite.health import probes

    def fail():
        raise OperationalError("secret host name")

    monkeypatch.setattr(probes, "_check_database", fail)
    monkeypatch.setattr(probes, "_check_migrations", fail)
    answer = Client().get("/health/ready")
    assert answer.status_code == 503
    assert "secret" not in answer.content.decode()
    assert Client().get("/health/live").status_code == 200


def test_metrics_are_for_this_machines_scraper():
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    assert b"python_info" in answer.content


@pytest.mark.django_db
def test_metrics_are_refused_to_others():
    far = {"REMOTE_ADDR": "203.0.113.7"}
    assert Client().get("/metrics", **far).status_code == 403
    passed_on = Client().get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"})
    assert passed_on.status_code == 403


@pytest.mark.django_db
def test_metrics_are_shown_to_operators():
    far = {"REMOTE_ADDR": "203.0.113.7"}
    client = Client()
    client.force_login(make_user(permissions=["manage:cubegens"]))
    assert client.get("/metrics", **far).status_code == 403
    client.force_login(make_user(permissions=["operate:hub"]))
    assert client.get("/metrics", **far).status_code == 200


@pytest.mark.django_db
def test_the_admin_has_the_hubs_name():
    client = Client()
    assert client.get("/admin").url == "/admin/"
    client.force_login(make_user(permissions=["operate:hub"], is_staff=True))
    text = client.get("/admin/").content.decode()
    assert "Operate the hub" in text
    assert "Django administration" not in text


def test_error_pages_render_without_a_request():
    from django.template.loader import render_to_string

    for name, words in (
        ("500.html", "could not answer"),
        ("403.html", "may not see"),
        ("403_csrf.html", "too old"),
    ):
        assert words in render_to_string(name)


def test_pages_write_times_to_the_second():
    moment = datetime.datetime(2026, 11, 23, 17, 7, 5, tzinfo=datetime.UTC)
    assert localize(moment) == "2026-11-23 17:07:05"
