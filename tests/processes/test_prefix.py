"""A public URL with a path: a proxy takes it off, and everything the hub gives out has it."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from html.parser import HTMLParser

import pytest

from tests.patience import PATIENCE_S

from .hubprocess import CHECKOUT
from .prefixproxy import prefix_proxy

pytestmark = pytest.mark.processes

PREFIX = "/eo/hub"
PASSWORD = "correct horse battery"


class Links(HTMLParser):
    """Every address on a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in {"href", "src", "action", "data-document"} and value:
                self.found.add(value)


class Browser:
    def __init__(self) -> None:
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        )

    def open(self, url: str, form: dict | None = None, **headers: str):
        data = urllib.parse.urlencode(form).encode() if form else None
        request = urllib.request.Request(url, data, headers)
        try:
            with self._opener.open(request, timeout=PATIENCE_S) as answer:
                return answer.status, answer.url, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.url, error.read().decode(errors="replace")


@pytest.fixture(scope="module")
def proxy(start_hub):
    with prefix_proxy(PREFIX) as proxy:
        hub = start_hub("--only", "web", "--port", "0", XCUBE_HUB_PUBLIC_URL=proxy.url)
        hub.wait_for("is ready: ")
        port = hub.until(lambda: _port_of(hub), "port of web")
        proxy.port = port
        proxy.hub = hub
        yield proxy


def _port_of(hub) -> int | None:
    environment = {}
    for pid, _ in hub.left():
        try:
            with open(f"/proc/{pid}/environ") as file:
                environment = dict(x.split("=", 1) for x in file.read().split("\0") if "=" in x)
        except OSError:
            continue
        if environment.get("XCUBE_HUB_PORT"):
            return int(environment["XCUBE_HUB_PORT"])
    return None


def manage(proxy, *arguments: str, **environment: str) -> str:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("XCUBE_HUB_", "DJANGO_S"))}
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=CHECKOUT,
        env={
            **kept,
            "XCUBE_HUB_DATA_DIR": str(proxy.hub.data_dir),
            "XCUBE_HUB_DOTENV": os.devnull,
            "XCUBE_HUB_PUBLIC_URL": proxy.url,
            **environment,
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def operator(proxy) -> Browser:
    manage(
        proxy,
        *("createsuperuser", "--noinput", "--email", "ada@example.org"),
        DJANGO_SUPERUSER_PASSWORD=PASSWORD,
    )
    browser = Browser()
    status, url, text = browser.open(f"{proxy.url}/login/?next={PREFIX}/admin/")
    assert status == 200
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text)[1]
    name = re.search(r'type="(?:text|email)" name="(\w+)"|name="(\w+)"[^>]*autofocus', text)
    form = {
        "csrfmiddlewaretoken": token,
        (name[1] or name[2]) if name else "username": "ada@example.org",
        "password": PASSWORD,
        "next": f"{PREFIX}/admin/",
    }
    status, url, text = browser.open(f"{proxy.url}/login/", form, Referer=f"{proxy.url}/login/")
    assert (status, url) == (200, f"{proxy.url}/admin/"), text[:500]
    return browser


def test_every_page_leads_to_pages_below_the_path(proxy, operator):
    """Follows all links of two steps, of our pages, of the admin, and of static files."""
    seen, todo = set(), [f"{proxy.url}{path}" for path in ("/", "/admin", "/account/", "/login/")]
    for _ in range(2):
        found: set[str] = set()
        for url in todo:
            status, end, text = operator.open(url)
            # Forms are followed too: what takes POST only is the hub's all the same.
            assert status in (200, 405) or (status == 404 and "revoke" in url), (url, status)
            seen.add(url)
            found |= {
                urllib.parse.urljoin(end, link).partition("#")[0] for link in Links(text).found
            }
        origin = proxy.url.removesuffix(PREFIX)
        assert all(url.startswith(proxy.url) for url in found if url.startswith(origin)), found
        todo = sorted(
            url for url in found - seen if url.startswith(proxy.url) and "logout" not in url
        )[:200]
    assert proxy.strays == []
    assert any("/static/" in url for url in seen)


def test_cookies_are_of_the_path(operator):
    assert {(cookie.name, cookie.path) for cookie in operator.cookies} == {
        ("sessionid", f"{PREFIX}/"),
        ("csrftoken", f"{PREFIX}/"),
    }


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/admin/", "/login/"),
        ("/account/", "/login/"),
        ("/admin", "/login/"),
        ("/favicon.ico", "/static/"),
    ],
)
def test_redirects_stay_below_the_path(proxy, path, target):
    _, end, _ = Browser().open(f"{proxy.url}{path}")
    assert end.startswith(f"{proxy.url}{target}")
    assert proxy.strays == []


def test_the_api_its_document_and_its_errors(proxy):
    browser = Browser()
    document = json.loads(browser.open(f"{proxy.url}/api/v2/openapi.json")[2])
    assert document["servers"] == [{"url": f"{PREFIX}/api/v2"}]
    assert "/cubegens" in document["paths"]
    token = manage(proxy, "issue_token", "--email", "ada@example.org").split()[-1]
    status, _, text = browser.open(
        f"{proxy.url}/api/v2/cubegens?limit=1", Authorization=f"Bearer {token}"
    )
    assert status == 200, text
    status, _, text = browser.open(f"{proxy.url}/api/v2/nothing-here")
    assert (status, json.loads(text)["status"]) == (404, 404)
    text = browser.open(f"{proxy.url}/")[2]
    assert f"{proxy.url}/api/v2/" in text


def test_runs_and_probes_call_past_the_proxy(proxy):
    """The callbacks of runs go to the address that web binds, which knows no path before it."""
    browser, base = Browser(), f"http://127.0.0.1:{proxy.port}"
    assert browser.open(f"{base}/health/live")[0] == 200
    assert browser.open(f"{base}/api/v2/")[0] == 200
    assert browser.open(f"{base}{PREFIX}/api/v2/")[0] == 404
