"""Pages for people: they look after themselves, ask no other host and keep the strict policy."""

from __future__ import annotations

import datetime
import re
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils.formats import localize
from django.utils.translation import override

from hubsite import offered
from hubsite.configuration.reading import BASE_DIR
from hubsite.health import parts
from hubsite.web.content_security_policy import STRICT, SWAGGER
from jobs.stores.stores_file import StoresFileError
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


@pytest.mark.parametrize(
    "name",
    [
        "hub.css",
        "console.css",
        "console.js",
        "admin-hub.css",
        "admin-hub.js",
        "api-docs.css",
        "api-docs.js",
        "docs.css",
        "new-cube.css",
        "overview.css",
        "account.css",
        "home.css",
        "new-cube.js",
    ],
)
def test_our_styles_and_scripts_name_no_other_host(name):
    with open(finders.find(name)) as file:
        text = file.read()
    assert not re.search(r"https?://|url\(|@import", text)


@pytest.mark.parametrize(
    "path", sorted(BASE_DIR.glob("hubsite/static/*.css")), ids=lambda it: it.name
)
def test_a_style_sheet_closes_each_rule_before_the_next(path):
    """A lost brace makes a browser drop all that follows, and say nothing."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    depth = 0
    for line in text.splitlines():
        if line and not line[0].isspace() and line[0] != "}":
            assert depth == 0, line
        depth += line.count("{") - line.count("}")
    assert depth == 0


@pytest.mark.django_db
def test_the_front_page_tells_how_to_submit_a_cube(settings):
    settings.HUB = {**settings.HUB, "XCUBE_HUB_PUBLIC_URL": "https://hub.example.org"}
    text = Client().get("/").content.decode()
    assert "https://hub.example.org/api/v2/" in text
    assert "xcube gen2 --service service.json" in text


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


def test_a_missing_page_is_html_and_a_missing_endpoint_a_problem():
    page = Client().get("/nothing-here")
    assert page.status_code == 404
    assert "There is nothing here" in page.content.decode()
    endpoint = Client().get("/api/v2/nothing-here")
    assert endpoint.status_code == 404
    assert endpoint["Content-Type"] == "application/problem+json"


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
    assert localize(moment) == "2026-11-23 17:07:05 UTC"
    with override("de"):
        assert localize(moment) == "23.11.2026 17:07:05 UTC"


@pytest.mark.django_db
def test_the_front_page_tells_what_this_hub_offers():
    """Its stores by name and title, never where their data lies, and its services."""
    text = Client().get("/").content.decode()
    assert "Demo cubes" in text and "<code>@demo</code>" in text
    assert "Your own folder" in text
    assert str(settings.DATA_DIR) not in text
    known = offered.by_name()
    for service in parts.look().services:
        assert (service.message in text) == known[service.name].is_offered()
    assert "has no Cate" not in text and "Cate web API" not in text


@pytest.mark.django_db
def test_the_front_page_stays_when_the_stores_file_has_a_fault(monkeypatch):
    def refuse():
        raise StoresFileError("stores.yaml", ["It is not text."])

    monkeypatch.setattr("jobs.pages.offer.load_catalogue", refuse)
    answer = Client().get("/")
    assert answer.status_code == 200
    assert "Data stores" not in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("is_staff", [False, True])
def test_the_front_page_leads_on_who_is_signed_in(is_staff):
    assert 'href="/cubes/"' not in Client().get("/").content.decode()
    client = Client()
    client.force_login(make_user(is_staff=is_staff))
    links = Page(client.get("/").content.decode()).links
    assert {"/cubes/", "/services/", "/account/"} <= set(links)
    assert ("/admin/" in links) is is_staff
